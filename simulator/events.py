"""How events are written down: three integers each.

    simulated time in nanoseconds     trial id     20..35 worker   16..19 event   0..15 where the trial is sent

Only START, RESUME and CONTINUED send a trial somewhere, told as a count of resources; only START and RESUME tell the
worker. Where a trial stands at any event follows: it got where it was sent, or to the end of its curve, or, when it was
cut off, as far as the time allowed.
"""

from __future__ import annotations

from typing import Final

WORKER: Final = 20
MOST_TRIALS: Final = 1 << 26
MOST_WORKERS: Final = 1 << 16

# These three send a trial to a grid index, which is added; its count is one more.
START: Final = (0 << 16) + 1
RESUME: Final = (1 << 16) + 1
CONTINUED: Final = (2 << 16) + 1  # a report, and the answer to it
PAUSED_AT: Final = 3 << 16
STOPPED: Final = 4 << 16
COMPLETE: Final = 5 << 16  # the trial is over by itself, at r_max
CURVE_END: Final = 6 << 16  # ... or where its curve ends before that
CANCELLED: Final = 7 << 16  # stopped by the scheduler while it ran or was paused
CUT_OFF: Final = 8 << 16  # by the end of the run

# By code >> 16:
NAMES: Final = (
    "start",
    "resume",
    "continue",
    "pause",
    "stop",
    "complete",
    "curve-end",
    "cancelled",
    "budget",
)
CODES: Final = {name: code for code, name in enumerate(NAMES)}
BEGINS: Final = (True, True, True, False, False, False, False, False, False)  # a segment begins here

"""How events are written down: three integers each, four on a cluster.

    simulated time in nanoseconds     trial id     21..36 worker   16..20 event   0..15 where the trial is sent

Only START, RESUME and CONTINUED send a trial somewhere, told as a count of resources; only START, RESUME and events of
workers tell the worker. Where a trial stands at any event follows: it got where it was sent, or to the end of its
curve, or, when it was cut off, as far as the time allowed. Events of workers have the trial id NOBODY.

On a cluster the fourth integer is time that a worker spends on anything but training, in nanoseconds: before a trial
trains (START, RESUME), or after the event until the worker is free (others).
"""

from __future__ import annotations

from typing import Final

WORKER: Final = 21
EVENT: Final = 31  # mask, after a shift by 16
MOST_TRIALS: Final = 1 << 26
MOST_WORKERS: Final = 1 << 16
NOBODY: Final = -1

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
# On clusters only. A trial that crashed or was preempted is resumed without being asked for, unless it has failed.
CRASHED: Final = 9 << 16
PREEMPTED: Final = 10 << 16  # it has lost its worker
FAILED: Final = 11 << 16  # it is over: it has crashed too often
REMOVED: Final = 12 << 16  # its checkpoint was removed
UP: Final = 13 << 16  # a worker has come
DRAINED: Final = 14 << 16  # it will leave, and takes no trial any more
DOWN: Final = 15 << 16  # it has left
DECIDING: Final = 16 << 16  # a model begins to choose a job ...
DECIDED: Final = 17 << 16  # ... and has chosen it

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
    "crash",
    "preempted",
    "failed",
    "removed",
    "up",
    "drain",
    "down",
    "decide",
    "decided",
)
CODES: Final = {name: code for code, name in enumerate(NAMES)}
BEGINS: Final = tuple(code < 3 for code in range(len(NAMES)))  # a segment begins here
OF_WORKERS: Final = tuple(code >= CODES["up"] for code in range(len(NAMES)))

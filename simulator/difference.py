"""Where two traces part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator import events
from simulator.columns import Columns
from simulator.text import event_lines, limits

if TYPE_CHECKING:
    from simulator.trace import Trace

LED_UP = 5  # events shown before the first difference
HEADER = ("table", "metric", "scheduler", "seed", "workers", "cluster", "budget", "off_table", "exhausted")


@dataclass(frozen=True)
class Difference:
    """The first event in which two traces differ.

    Attributes:
        index: its position.
        before: the lines of the events just before it, equal in both.
        left, right: the line of the event in each trace, None where that trace has ended.
        later: how many later positions differ as well.
    """

    index: int
    before: tuple[str, ...]
    left: str | None
    right: str | None
    later: int

    def __str__(self) -> str:
        return "\n".join(
            [
                f"the traces differ from event {self.index} on (and in {self.later} later ones):",
                *(f"    {line}" for line in self.before),
                f"  - {self.left or '(the trace ends)'}",
                f"  + {self.right or '(the trace ends)'}",
            ]
        )


def first_difference(left: Trace, right: Trace) -> Difference | None:
    """The first event that differs in anything the digest covers, or None."""
    shared = min(len(left), len(right))
    differs = np.zeros(max(len(left), len(right)), dtype=bool)
    differs[shared:] = True
    for ours, theirs in zip(_comparable(left.columns), _comparable(right.columns), strict=True):
        ours, theirs = ours[:shared], theirs[:shared]
        differs[:shared] |= (ours != theirs) & ((ours == ours) | (theirs == theirs))  # NaN equals NaN here
    if not differs.any():
        return None
    index = int(np.argmax(differs))
    first = max(0, index - LED_UP)
    return Difference(
        index=index,
        before=tuple(event_lines(left, range(first, index))),
        left=_line(left, index),
        right=_line(right, index),
        later=int(differs[index + 1 :].sum()),
    )


def other_headers(left: Trace, right: Trace, fields: Sequence[str] = HEADER) -> list[str]:
    """In which of some fields of `TraceInfo` two traces differ: what they were made with."""
    return [field for field in fields if getattr(left.info, field) != getattr(right.info, field)]


def header_lines(left: Trace, right: Trace, fields: Sequence[str]) -> list[str]:
    """What two traces were made with, as a difference is shown: a line of each for each of the fields."""
    sides = (("-", left), ("+", right))
    return [f"  {mark} {field}: {header_text(trace, field)}" for field in fields for mark, trace in sides]


def header_text(trace: Trace, field: str) -> str:
    """A field of `TraceInfo`, as a message tells it."""
    return repr(limits(trace.info.budget) if field == "budget" else getattr(trace.info, field))


def _comparable(c: Columns) -> tuple[np.ndarray, ...]:
    # One more for events of workers, whose trial is -1.
    whose = (np.append(column, -1)[c.trial] for column in (c.config, c.replicate, c.checkpoint_of))
    if c.jobs is None:
        nothing = np.zeros(len(c.time), dtype=np.int64)
        job = (nothing, np.where(_begins(c), c.resource, 0), nothing + 1, nothing)
    else:
        origin = np.where(_begins(c), c.jobs.origin, 0)
        job = (c.jobs.overhead, origin, np.where(c.trial >= 0, c.jobs.pace, 1), np.where(c.trial >= 0, c.jobs.save, 0))
    return (c.time, c.trial, c.worker, c.event, c.resource, c.until, c.value, *whose, *job)


def _begins(c: Columns) -> np.ndarray:
    """Whether a job begins at an event."""
    return (c.event == events.CODES["start"]) | (c.event == events.CODES["resume"])


def _line(trace: Trace, index: int) -> str | None:
    return event_lines(trace, range(index, index + 1))[0] if index < len(trace) else None

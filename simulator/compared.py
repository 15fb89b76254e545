"""A scheduler's decision against the recorded one, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.clock import format_time
from simulator.protocol import PAUSE, STOP, Continue, Resume, Start, Verdict


@dataclass(frozen=True)
class Disagreement:
    """A decision that differs.

    Attributes:
        index: the event of the trace that records the decision; where it records none, the event that came next.
        time: nanoseconds.
        trial: whom it is about, None for one that has no number.
        resource: where that trial stood, 0 before its first report.
        value: what it reported there, in the metric's own direction; NaN for none, and where diverged.
        recorded, own: the two decisions in words.
    """

    index: int
    time: int
    trial: int | None
    resource: float
    value: float
    recorded: str
    own: str

    def __str__(self) -> str:
        who = "" if self.trial is None else f", trial {self.trial} at resource {self.resource:g}"
        value = f" (value {self.value:g})" if self.value == self.value else ""
        return f"{format_time(self.time)} s{who}{value}: recorded: {self.recorded}; now: {self.own}"


@dataclass(frozen=True)
class Job:
    """A recorded job.

    Attributes:
        trial: who got it.
        row, donor: of one that starts: its row, and whose checkpoint it begins with, -1 for none; None for both where
            it is resumed.
        until: where it is sent.
    """

    trial: int
    row: int | None
    donor: int | None
    until: float

    def __str__(self) -> str:
        if self.row is None:
            return f"resume trial {self.trial} until {self.until:g}"
        donor = "" if self.donor == -1 else f" from trial {self.donor}"
        return f"start configuration {self.row} until {self.until:g}{donor}"


class Reader:
    """Reads what a scheduler answers.

    Args:
        find_row: the row of a configuration.
    """

    def __init__(self, find_row: Callable[[Any], int]) -> None:
        self._find_row = find_row

    def is_job(self, answer: Any, job: Job) -> bool:
        """Whether an answer to `next_job` is what was recorded."""
        if job.row is None:
            return type(answer) is Resume and answer.trial == job.trial and bool(answer.until == job.until)
        if type(answer) is not Start or answer.until != job.until:
            return False
        donor = -1 if answer.checkpoint_of is None else answer.checkpoint_of
        return self.row(answer) == job.row and bool(donor == job.donor)

    def row(self, start: Start) -> int | None:
        """The row that a `Start` names, None if there is none."""
        try:
            return self._find_row(start.config)
        except (LookupError, TypeError, ValueError):
            return None

    def words(self, answer: Any) -> str:
        """An answer in words; what is none as it prints."""
        if answer is None:
            return "leave the worker idle"
        if type(answer) is Verdict:
            return "stop" if answer is STOP else "pause" if answer is PAUSE else "try again"
        until = getattr(answer, "until", None)
        until = f"{until:g}" if isinstance(until, int | float) else repr(until)
        if type(answer) is Continue:
            return f"continue until {until}"
        if type(answer) is Resume:
            return f"resume trial {answer.trial} until {until}"
        if type(answer) is Start:
            row = self.row(answer)
            config = f"configuration {row}"
            if row is None:
                config = f"{answer.config!r:.200}, which is not in the table,"
            donor = "" if answer.checkpoint_of is None else f" from trial {answer.checkpoint_of}"
            return f"start {config} until {until}{donor}"
        return f"{answer!r:.200}"

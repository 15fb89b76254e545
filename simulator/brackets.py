"""Synchronous brackets: a rung waits until all of its trials have reported, then its best go on.

Decisions wait; workers need not: when all that is open is pending, the next bracket starts (`overlap`). A rung does not
wait for a trial that has failed, and is smaller by one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from heapq import heappop, heappush
from math import ceil, inf
from typing import Literal

from simulator.checks import check_eta, check_flag
from simulator.context import Context
from simulator.protocol import PAUSE, EndReason, Resume, Scheduler, Start, Verdict
from simulator.searcher import Searcher
from simulator.trial import Trial

Rounding = Literal["floor", "ceil"]


def rung_sizes(n: int, rungs: int, eta: Fraction, rounding: Rounding = "floor") -> list[int]:
    """How many trials each of a bracket's rungs is planned for: n, n/eta, n/eta^2, ..., at least 1.

    >>> rung_sizes(34, 4, Fraction(3))
    [34, 11, 3, 1]
    """
    sizes = [n]
    while len(sizes) < rungs:
        sizes.append(max(1, ceil(sizes[-1] / eta) if rounding == "ceil" else int(sizes[-1] / eta)))
    return sizes


class Bracket:
    """One round of successive halving over `levels`, the last of which is r_max."""

    __slots__ = (
        "_entries",
        "_eta",
        "_levels",
        "_pending",
        "_queue",
        "_rung",
        "_sizes",
        "_to_start",
        "number",
    )

    def __init__(self, number: int, levels: Sequence[float], sizes: Sequence[int], eta: Fraction) -> None:
        self.number = number
        self._levels, self._sizes, self._eta = levels, sizes, eta
        self._rung = 0
        self._to_start = sizes[0]
        self._queue: deque[int] = deque()  # trials to resume
        self._pending = 0  # started or queued, and not reported
        self._entries: list[tuple[float, int, bool]] = []  # value, trial id, whether the trial is over

    @property
    def level(self) -> float:
        """That of its present rung."""
        return self._levels[self._rung]

    @property
    def done(self) -> bool:
        """Whether nothing is pending and nothing will be."""
        return not (self._pending or self._to_start)

    def next_job(self, searcher: Searcher) -> Start | Resume | None:
        """A job of the present rung, or None where all of it is pending."""
        if self._queue:
            return Resume(self._queue.popleft(), self._levels[self._rung])
        if not self._to_start:
            return None
        row = searcher.propose()
        if row is None:  # the rung cannot fill: it keeps what it has
            self._to_start = 0
            if not self._pending:
                self._promote()
            return self.next_job(searcher)
        self._to_start -= 1
        self._pending += 1
        return Start(row, self._levels[0], self)

    def report(self, trial: int, value: float, over: bool) -> bool:
        """A trial has reached the rung, or is over before it; True if that was the last one that it waited for."""
        self._entries.append((value, trial, over))
        return self.settle()

    def settle(self) -> bool:
        """One trial less is pending, if only because it has failed and has no entry; True as in `report`."""
        self._pending -= 1
        if self._pending or self._to_start:
            return False
        self._promote()
        return True

    def _promote(self) -> None:
        """Open the next rung for the best of this one; a trial that is over holds its value there."""
        while not self._pending and self._entries and self._rung + 1 < len(self._levels):
            n, keep = len(self._entries), self._sizes[self._rung + 1]
            if n < self._sizes[self._rung]:
                keep = min(keep, max(1, int(n / self._eta)))
            best = [entry for entry in sorted(self._entries)[:keep] if entry[0] < inf]
            self._rung += 1
            self._entries = [entry for entry in best if entry[2]]
            self._queue.extend(trial for _, trial, over in best if not over)
            self._pending = len(self._queue)


class Synchronous(Scheduler):
    """A sequence of brackets, opened in order; a free worker serves the oldest that has a job for it."""

    synchronous = True
    promises = frozenset({"brackets-finish", "monotone", "rank-based", "renaming"})

    def __init__(self, eta: float, overlap: bool) -> None:
        check_eta(eta)
        check_flag("overlap", overlap)
        self.eta, self.overlap = eta, overlap
        if overlap:
            self.promises |= {"no-lost-worker"}

    @abstractmethod
    def make_bracket(self, number: int) -> Bracket:
        """The bracket with this number, counted from 0."""

    def setup(self, context: Context) -> None:
        self._searcher = context.searcher()
        self._exhausted = False
        self._opened = 0
        self._open: dict[int, Bracket] = {}
        self._ready: list[int] = []  # a heap: the numbers of open brackets that may have a job

    def next_job(self) -> Start | Resume | None:
        while True:
            while self._ready:
                bracket = self._open.get(self._ready[0])
                if bracket is not None:
                    job = bracket.next_job(self._searcher)
                    if job is not None:
                        return job
                    self._close_if_done(bracket)
                heappop(self._ready)
            if self._exhausted or (self._open and not self.overlap):
                return None
            bracket = self.make_bracket(self._opened)
            job = bracket.next_job(self._searcher)
            if job is None:
                self._exhausted = True
                return None
            self._open[self._opened] = bracket
            heappush(self._ready, self._opened)
            self._opened += 1
            return job

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        self._report(trial, value, False)
        return PAUSE

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        if reason == "failed":
            self._fail(trial)
        else:
            self._report(trial, value, over=True)

    def _report(self, trial: Trial, value: float, over: bool) -> None:
        bracket: Bracket = trial.tag
        if bracket.report(trial.id, value, over):
            self._go_on(bracket)

    def _fail(self, trial: Trial) -> None:
        bracket: Bracket = trial.tag
        if bracket.settle():
            self._go_on(bracket)

    def _go_on(self, bracket: Bracket) -> None:
        """After a rung of the bracket was settled."""
        if not bracket.done:
            heappush(self._ready, bracket.number)
        self._close_if_done(bracket)

    def _close_if_done(self, bracket: Bracket) -> None:
        if bracket.done:
            self._open.pop(bracket.number, None)

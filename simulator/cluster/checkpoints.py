"""Which checkpoints there are: after which units one is saved, and whose is removed when there is no room."""

from __future__ import annotations

from bisect import bisect_left, insort
from functools import lru_cache
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from math import floor
from typing import Literal

from simulator.rungs import fraction
from simulator.trial import Trial


@lru_cache(maxsize=64)
def saved_by(resources: tuple[float, ...], every: float | None) -> tuple[int, ...]:
    """By grid index, how many checkpoints a trial has saved on its way there, one at that resource included.

    One is due at the first resource that reaches each multiple of `every`; None: at no time.
    """
    if every is None:
        return (0,) * len(resources)
    passed = [floor(fraction(r) / fraction(every)) for r in resources]
    return tuple(accumulate(here > before for before, here in pairwise([0, *passed])))


class Room:
    """The checkpoints of paused trials, where there is room for only so many.

    To find the worst costs O(log n) in the number n that there is room for, the one least likely to be resumed O(n):
    these chances change with every report.

    Args:
        room: how many.
        removal: whose goes first, see `Cluster`.
        size: how many resources there are.
    """

    def __init__(self, room: int, removal: Literal["worst", "chance"], size: int) -> None:
        self._room, self._by_chance = room, removal == "chance"
        self._kept: dict[int, tuple[Trial, float]] = {}
        self._worst: list[tuple[float, int]] = []  # negated values and ids, some of them of checkpoints that are gone
        self._reported: list[list[float]] = [[] for _ in range(size if self._by_chance else 0)]

    def report(self, index: int, value: float) -> None:
        """A value was reported at a grid index: what removal by chance has to know."""
        insort(self._reported[index], value)

    def keep(self, trial: Trial, value: float) -> Trial | None:
        """`trial` has paused with this value; gives the trial whose checkpoint has to go, if there is one."""
        self._kept[trial.id] = trial, value
        if not self._by_chance:
            heappush(self._worst, (-value, -trial.id))
        if len(self._kept) <= self._room:
            return None
        first = self._least_likely() if self._by_chance else self._worst_of_all()
        self.free(first)
        return first

    def free(self, trial: Trial) -> None:
        """`trial` is no longer paused, or its checkpoint is gone."""
        self._kept.pop(trial.id, None)

    def _worst_of_all(self) -> Trial:
        while True:
            value, number = heappop(self._worst)
            trial, last = self._kept.get(-number, (None, 0.0))
            if trial is not None and last == -value:
                return trial

    def _least_likely(self) -> Trial:
        def better(kept: tuple[Trial, float]) -> tuple[float, int]:
            trial, value = kept
            reported = self._reported[trial._index]
            return bisect_left(reported, value) / len(reported), trial.id

        return max(self._kept.values(), key=better)[0]

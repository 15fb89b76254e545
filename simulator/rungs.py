"""Rungs that answer in O(log n): heaps, never a scan.

With n values in a rung and q = 1/eta, both need to know the value at a rank that grows with n. Two heaps part
the values at that rank; a new value moves at most one entry across.
"""

from __future__ import annotations

from fractions import Fraction
from heapq import heappop, heappush, heappushpop, heapreplace
from math import inf

Entry = tuple[float, int]  # value, trial id: equal values rank by trial id


def fraction(x: float) -> Fraction:
    """A number as the user meant it: 2.5 as 5/2, 0.1 as 1/10; keeps rank arithmetic free of rounding."""
    return Fraction(x).limit_denominator(10**6)


class StoppingRung:
    """Whether a value, at the time it is reported, is good enough to go on.

    With n values reported, the new one included, it goes on if at most floor((n - 1) * q) of them are strictly
    better. That is "value <= linear q-quantile" without the interpolation.
    """

    __slots__ = ("_best", "_grows_at", "_n", "_over", "_rest", "_under", "_worst")

    def __init__(self, q: Fraction) -> None:
        self._over, self._under = q.numerator, q.denominator
        self._n = 0
        self._grows_at = 1
        self._best: list[float] = []  # negated: a heap with the floor((n - 1) * q) + 1 best, the worst on top
        self._worst = inf  # of the best
        self._rest: list[float] = []

    def add(self, value: float) -> bool:
        """Report a value; True if it goes on. A diverged one (inf) counts, and never does. O(log n)."""
        n = self._n = self._n + 1
        if n == self._grows_at:  # one more is among the best
            best = self._best
            heappush(best, -heappushpop(self._rest, value))
            self._worst = -best[0]
            # The next n at which floor((n - 1) * q) goes up.
            self._grows_at = -(-len(best) * self._under // self._over) + 1
        elif value < self._worst:
            heappush(self._rest, -heapreplace(self._best, -value))
            self._worst = -self._best[0]
            return True
        else:
            heappush(self._rest, value)
            return value == self._worst < inf
        return value <= self._worst and value < inf


class PromotionRung:
    """Which trial is the best among the best floor(n * q) that has not been promoted yet."""

    __slots__ = ("_best", "_grows_at", "_n", "_over", "_rest", "_under", "_waiting")

    def __init__(self, q: Fraction) -> None:
        self._over, self._under = q.numerator, q.denominator
        self._n = 0
        self._grows_at = -(-self._under // self._over)
        self._best: list[Entry] = []  # negated: a heap with the floor(n * q) best, the worst on top
        self._rest: list[Entry] = []
        self._waiting: list[Entry] = []  # all that were not promoted

    def add(self, value: float, trial: int) -> None:
        """Report a value. A diverged one (inf) counts, and is never promoted. O(log n)."""
        entry, best = (value, trial), self._best
        if value < inf:
            heappush(self._waiting, entry)
        n = self._n = self._n + 1
        if n == self._grows_at:  # one more is among the best
            value, trial = heappushpop(self._rest, entry)
            heappush(best, (-value, -trial))
            self._grows_at = -(-(len(best) + 1) * self._under // self._over)  # when floor(n * q) goes up next
        elif best and (-value, -trial) > best[0]:
            value, trial = heapreplace(best, (-value, -trial))
            heappush(self._rest, (-value, -trial))
        else:
            heappush(self._rest, entry)

    def take(self) -> int | None:
        """Promote the best promotable trial: its id, or None where there is none. O(log n)."""
        if self._waiting and self._best:
            value, trial = self._waiting[0]
            if (-value, -trial) >= self._best[0]:
                return heappop(self._waiting)[1]
        return None

"""Rungs that answer in O(log n): heaps, never a scan.

With n values in a rung and q = 1/eta, both need to know the value at a rank that grows with n. Two heaps part
the values at that rank; a new value moves at most one entry across.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from heapq import heappop, heappush, heappushpop, heapreplace
from math import inf
from typing import Literal

Entry = tuple[float, int]  # value, trial id: equal values rank by trial id
StoppingRule = Literal["quantile", "share", "top-k"]
Own = Literal["counted", "left-out"]


@lru_cache(1024)  # every run asks for the same few
def fraction(x: float) -> Fraction:
    """A number as the user meant it: 2.5 as 5/2, 0.1 as 1/10; keeps rank arithmetic free of rounding."""
    exact = x if isinstance(x, int) else float(x)  # NumPy's integers would overflow in it
    return Fraction(exact).limit_denominator(10**6)


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

    @property
    def count(self) -> int:
        """How many values were reported."""
        return self._n

    @property
    def worst(self) -> float:
        """The largest value that would go on."""
        return self._worst

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


class VariantStoppingRung:
    """A `StoppingRung` with the rules that other implementations go by (see `AshaStopping`).

    Args:
        q: the share that goes on.
        rule: with n values reported, the trial's own included, how many may be strictly better: ``"quantile"``:
            floor((n - 1) * q); ``"share"``: floor(n * q); ``"top-k"``: max(1, floor(n * q)) - 1.
        own: ``"counted"``; ``"left-out"``: the value is compared with the linear q-quantile of the others, which
            may lie between two of them (``"quantile"`` only).
        min_entries: a rung with fewer values, the trial's own included, lets all go on.
    """

    __slots__ = ("_best", "_left_out", "_min_entries", "_n", "_q", "_rest", "_rule")

    def __init__(self, q: Fraction, rule: StoppingRule, own: Own, min_entries: int) -> None:
        self._q, self._rule, self._left_out, self._min_entries = q, rule, own == "left-out", min_entries
        self._n = 0
        self._best: list[float] = []  # negated: a heap with the best, the worst of them on top
        self._rest: list[float] = []

    def add(self, value: float) -> bool:
        """Report a value; True if it goes on. A diverged one (inf) counts, and never does. O(log n)."""
        below = self._n == 0 or (self._left_out and self._below_quantile(value))
        n = self._n = self._n + 1
        heappush(self._rest, -heappushpop(self._best, -value))
        if len(self._best) < self._size(n):
            heappush(self._best, -heappop(self._rest))
        if not self._left_out:
            below = value <= -self._best[0]
        return value < inf and (below or n < self._min_entries)

    def _size(self, n: int) -> int:
        """How many of n values the worst that goes on is counted among."""
        if self._rule == "top-k":
            return max(1, int(n * self._q))
        return int((n - 1 if self._rule == "quantile" else n) * self._q) + 1

    def _below_quantile(self, value: float) -> bool:
        """Whether `value` is at most the linear q-quantile of those reported, in exact arithmetic."""
        low, place = -self._best[0], (self._n - 1) * self._q
        between = place - int(place)
        if value <= low or not between or value >= self._rest[0]:
            return value <= low
        high = self._rest[0]
        return high == inf or Fraction(value) - Fraction(low) <= between * (Fraction(high) - Fraction(low))


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


class QuantilePromotionRung:
    """Which trial is the best that has not been promoted yet, if its value is at most the linear q-quantile of all.

    Of n >= 2 values that is: at most floor((n - 1) * q) are strictly better, so that the best ceil(n * q) of
    different values may go for 1/q whole, and all that tie with the last of them.
    """

    __slots__ = ("_rung", "_waiting")

    def __init__(self, q: Fraction) -> None:
        self._rung = StoppingRung(q)
        self._waiting: list[Entry] = []

    def add(self, value: float, trial: int) -> None:
        """Report a value. A diverged one (inf) counts, and is never promoted. O(log n)."""
        self._rung.add(value)
        if value < inf:
            heappush(self._waiting, (value, trial))

    def take(self) -> int | None:
        """Promote the best promotable trial: its id, or None where there is none. O(log n)."""
        if self._waiting and self._rung.count > 1 and self._waiting[0][0] <= self._rung.worst:
            return heappop(self._waiting)[1]
        return None

"""ASHA whose promotions share out cost, not numbers of trials."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from heapq import heappop, heappush
from math import inf

from simulator.checks import check_eta
from simulator.clock import nanoseconds
from simulator.context import Context
from simulator.promotion import Promoting
from simulator.protocol import PAUSE, Verdict
from simulator.rungs import Entry, fraction
from simulator.trial import Trial


class AshaCost(Promoting):
    """Cost-aware ASHA, pause-resume (Syne Tune 0.13, ``type="cost_promotion"``).

    Let c(x, r) be the worker time that a trial has spent up to rung level r, all its segments together, and a rung
    hold N trials ordered by f(x, r), best first. K is the largest k for which the best k have spent at most 1/eta of
    what all N have: C(r, k) <= C(r, N) / eta. A free worker takes, from the highest rung down, the best trial of rank
    up to K that was not promoted yet, and resumes it to the next level; where there is none, it starts a new trial. A
    rung of one promotes nothing. What a diverged trial has spent counts; it is never promoted.

    A report takes O(log n) for each entry of its rung that K moves past, on average at most the mean cost over the
    smallest; `next_job` takes O(log n).

    Args:
        eta: the reduction factor; Syne Tune's promotion quantile q is 1/eta.
        r_min: the lowest rung level; the smallest resource by default.
        levels: rung levels given by hand, instead of r_min * eta^k.

    Example:
        >>> Simulation(load("mlp:digits"), AshaCost(eta=3), workers=4, budget="10x").run()
    """

    promises = frozenset({"monotone", "rank-based", "renaming"})

    def __init__(self, eta: float = 3, r_min: float | None = None, levels: Sequence[float] | None = None) -> None:
        check_eta(eta)
        self.eta, self.r_min, self.levels = eta, r_min, levels

    def setup(self, context: Context) -> None:
        levels = context.rung_levels(self.r_min, self.eta, levels=self.levels)
        self._rungs = {level: CostRung(1 / fraction(self.eta)) for level in levels}
        self.setup_promotion(context, self._rungs)

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        self._rungs[resource].add(value, trial.id, nanoseconds(trial.elapsed))
        return PAUSE


class CostRung:
    """Which trial is the best not yet promoted of those whose summed cost is at most a share q of all."""

    __slots__ = ("_affordable", "_n", "_over", "_rest", "_spent", "_total", "_under", "_waiting")

    def __init__(self, q: Fraction) -> None:
        self._over, self._under = q.numerator, q.denominator
        self._n = self._total = self._spent = 0
        self._affordable: list[tuple[float, int, int]] = []  # the best K, value and id negated: the worst on top
        self._rest: list[tuple[float, int, int]] = []
        self._waiting: list[Entry] = []  # all that were not promoted

    def add(self, value: float, trial: int, cost: int) -> None:
        """Report a value and what the trial has cost up to here, a whole number >= 0."""
        affordable, rest = self._affordable, self._rest
        self._n += 1
        self._total += cost
        if value < inf:
            heappush(self._waiting, (value, trial))
        if affordable and (-value, -trial) > affordable[0]:
            heappush(affordable, (-value, -trial, cost))
            self._spent += cost
        else:
            heappush(rest, (value, trial, cost))
        while not self._within(self._spent):
            value, trial, cost = heappop(affordable)
            self._spent -= cost
            heappush(rest, (-value, -trial, cost))
        while rest and self._within(self._spent + rest[0][2]):
            value, trial, cost = heappop(rest)
            self._spent += cost
            heappush(affordable, (-value, -trial, cost))

    def _within(self, cost: int) -> bool:
        return cost * self._under <= self._total * self._over

    def take(self) -> int | None:
        """Promote the best promotable trial: its id, or None where there is none. O(log n)."""
        if self._n > 1 and self._waiting and self._affordable:
            value, trial = self._waiting[0]
            if (-value, -trial) >= self._affordable[0][:2]:
                return heappop(self._waiting)[1]
        return None

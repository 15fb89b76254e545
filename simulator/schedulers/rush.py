"""RUSH: ASHA in which configurations that did well elsewhere set the bar."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from heapq import heappop
from itertools import pairwise
from math import inf
from typing import Literal

from simulator.checks import check_choice, check_eta
from simulator.context import Context
from simulator.promotion import Promoting
from simulator.protocol import PAUSE, STOP, Continue, Verdict
from simulator.rungs import PromotionRung, StoppingRung, fraction
from simulator.searcher import Initial
from simulator.trial import Trial


class Rush(Promoting):
    """RUSH (Zappella, Salinas & Archambeau, AutoML workshop at ICML 2021, "A resource-efficient method for repeated
    HPO and NAS"; Syne Tune 0.13's `RUSHScheduler`).

    The configurations that the run was given as ``initial=[...]`` (the best of other tasks) are tried first, and
    each rung level remembers the best value that one of them has reported there. Of the other trials only those
    go on that ASHA lets go on and that are at least as good as this bar at the time. The given ones themselves
    go by ASHA's rule alone; without any, this is ASHA. (Syne Tune raises the bar only by those of the given ones
    that go on. Here each counts from its report on, so that a bar does not depend on when it is asked for.)

    Args:
        eta: the reduction factor.
        r_min: the lowest rung level; the smallest resource by default.
        levels: rung levels given by hand, instead of r_min * eta^k.
        form: ``"stopping"``: as in `AshaStopping`. ``"promotion"``: as in `AshaPromotion`; a trial that was
            promotable and waited is judged by the bar when a worker is free for it.

    Example:
        >>> Simulation(load("mlp:digits"), Rush(), initial=[17, 3], workers=4, budget="10x").run()
        >>> Simulation(load("mlp:digits"), "rush(initial=[17, 3])", workers=4, budget="10x").run()
    """

    promises = frozenset({"monotone", "rank-based", "renaming"})

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        form: Literal["stopping", "promotion"] = "stopping",
    ) -> None:
        check_eta(eta)
        check_choice("form", form, ("stopping", "promotion"))
        self.eta, self.r_min, self.levels, self.form = eta, r_min, levels, form
        self.promises |= {"best-not-stopped"} if form == "stopping" else {"top-share"}

    def setup(self, context: Context) -> None:
        # They are proposed first, and trials are numbered in order of starting.
        searcher = context.searcher()
        self._given = len(searcher.first) if isinstance(searcher, Initial) else 0
        levels = [*context.rung_levels(self.r_min, self.eta, levels=self.levels), context.r_max]
        q = 1 / fraction(self.eta)
        self._stopping = {level: StoppingRung(q) for level in levels[:-1]}
        self._promoting = {level: RushRung(q, self._given) for level in levels[:-1]}
        self.setup_promotion(context, self._promoting)
        self._onward = {low: Continue(high) for low, high in pairwise(levels)}
        self._bars = dict.fromkeys(levels[:-1], inf)

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        if self.form == "promotion":
            self._promoting[resource].add(value, trial.id)
            return PAUSE
        good_enough = self._stopping[resource].add(value)
        if trial.id < self._given:
            self._bars[resource] = min(self._bars[resource], value)
        elif value > self._bars[resource]:
            good_enough = False
        return self._onward[resource] if good_enough else STOP


class RushRung(PromotionRung):
    """A rung with a bar, set by the trials numbered below `given`, that the others must reach."""

    __slots__ = ("_bar", "_given")

    def __init__(self, q: Fraction, given: int) -> None:
        super().__init__(q)
        self._given, self._bar = given, inf

    def add(self, value: float, trial: int) -> None:
        """Report a value. O(log n)."""
        if trial < self._given:
            self._bar = min(self._bar, value)
        super().add(value, trial)

    def take(self) -> int | None:
        """Promote the best promotable trial: its id, or None where there is none. O(log n), amortised."""
        waiting = self._waiting
        while waiting and waiting[0][0] > self._bar and waiting[0][1] >= self._given:
            heappop(waiting)  # for good: the bar is only ever raised
        return super().take()

"""ASHA in its stopping form: start-stop successive halving without waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from simulator.checks import check_choice, check_eta, whole
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.events import MOST_TRIALS
from simulator.protocol import STOP, Continue, Scheduler, Start, Verdict
from simulator.rungs import Own, StoppingRule, StoppingRung, VariantStoppingRung, fraction
from simulator.trial import Trial


class AshaStopping(Scheduler):
    """Asynchronous successive halving, start-stop (Li et al., MLSys 2020, in the form of Syne Tune's `stopping`).

    A trial that reaches a rung level joins the rung. With n values there, its own included, it continues if at
    most floor((n - 1) * q) of them are strictly better, which equals "value <= the linear q-quantile"; the first
    one always continues. Otherwise it is stopped.

    Args:
        eta: the paper's reduction factor; q = 1/eta.
        r_min: the paper's r, the lowest rung level; the smallest resource by default.
        levels: rung levels given by hand, instead of r_min * eta^k.
        quantiles: ``"eta"``: q = 1/eta everywhere. ``"levels"``: q = r_j / r_(j+1), the ratio of a rung level to
            the next one or to r_max, as Syne Tune has it.
        rule: how many of n values may be strictly better: ``"quantile"``: floor((n - 1) * q). ``"share"``:
            floor(n * q). ``"top-k"``: max(1, floor(n * q)) - 1, so that a rung of fewer than eta lets only the best
            so far go on.
        own: ``"counted"``: a trial's own value is one of the n. ``"left-out"``: it is compared with the linear
            q-quantile of those reported before it (rule="quantile" only).
        min_entries: a rung with fewer values than this, the trial's own included, lets all go on but those that
            diverged.

    Published forms: Syne Tune up to 0.13: ``quantiles="levels"``. Syne Tune 0.14: ``rule="share"``. Ray Tune
    (`AsyncHyperBandScheduler`): ``own="left-out"``. Optuna (`SuccessiveHalvingPruner`) and Determined
    (`asha_stopping.go`): ``rule="top-k"``. Fewer than eta go on unjudged: ``min_entries=3`` for eta = 3.

    Example:
        >>> Simulation(load("mlp:digits"), AshaStopping(eta=4), workers=4, budget="10x").run()
    """

    promises = frozenset({"best-not-stopped", "monotone", "rank-based", "renaming"})

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        quantiles: Literal["eta", "levels"] = "eta",
        rule: StoppingRule = "quantile",
        own: Own = "counted",
        min_entries: int = 1,
    ) -> None:
        check_eta(eta)
        check_choice("quantiles", quantiles, ("eta", "levels"))
        check_choice("rule", rule, ("quantile", "share", "top-k"))
        check_choice("own", own, ("counted", "left-out"))
        if own == "left-out" and rule != "quantile":
            raise SimulationError(f"own='left-out' goes with rule='quantile', not with rule={rule!r}")
        self.eta, self.r_min, self.levels, self.quantiles = eta, r_min, levels, quantiles
        self.rule, self.own, self.min_entries = rule, own, whole("min_entries", min_entries, 1, MOST_TRIALS)
        if own == "left-out":
            self.promises -= {"rank-based"}  # the quantile lies between two values

    def setup(self, context: Context) -> None:
        self._propose = context.searcher().propose
        levels = [*context.rung_levels(self.r_min, self.eta, levels=self.levels), context.r_max]
        self._first = levels[0]
        self._rungs: dict[float, tuple[Callable[[float], bool], Continue]] = {}
        for level, following in pairwise(levels):
            ratio = 1 / fraction(self.eta) if self.quantiles == "eta" else fraction(level) / fraction(following)
            self._rungs[level] = self._rung(ratio).add, Continue(following)

    def _rung(self, q: Fraction) -> StoppingRung | VariantStoppingRung:
        if (self.rule, self.own, self.min_entries) == ("quantile", "counted", 1):
            return StoppingRung(q)
        return VariantStoppingRung(q, self.rule, self.own, self.min_entries)

    def next_job(self) -> Start | None:
        row = self._propose()
        return None if row is None else Start(row, self._first)

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        good_enough, onward = self._rungs[resource]
        return onward if good_enough(value) else STOP

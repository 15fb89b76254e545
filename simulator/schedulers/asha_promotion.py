"""ASHA in its promotion form: pause-resume successive halving without waiting."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from simulator.checks import check_choice, check_eta
from simulator.context import Context
from simulator.promotion import Promoting
from simulator.protocol import PAUSE, Verdict
from simulator.rungs import PromotionRung, QuantilePromotionRung, fraction
from simulator.trial import Trial


class AshaPromotion(Promoting):
    """Asynchronous successive halving, pause-resume (Li et al., MLSys 2020, algorithm 2).

    Every trial pauses at a rung level. A free worker takes, from the highest rung down, the best trial within the
    rung's best floor(n/eta) that was not promoted yet, and resumes it to the next level; where there is none, it
    starts a new trial.

    Args:
        eta: the paper's reduction factor.
        r_min: the paper's r (with early-stopping rate s = 0), the lowest rung level; the smallest resource by
            default.
        levels: rung levels given by hand, instead of r_min * eta^k.
        rule: ``"top-k"``: the best floor(n/eta) of a rung of n may be promoted. ``"quantile"``: those of n >= 2
            whose value is at most the linear 1/eta-quantile, which are ceil(n/eta) for a whole eta, and more where
            they tie.
        quantiles: ``"eta"``: the share promoted is 1/eta everywhere. ``"levels"``: r_j / r_(j+1), the ratio of a
            rung level to the next one or to r_max.

    Syne Tune's form (up to 0.13, `type="promotion"`): ``rule="quantile", quantiles="levels"``.

    Example:
        >>> Simulation(load("mlp:digits"), AshaPromotion(eta=4), workers=4, budget="10x").run()
    """

    promises = frozenset({"best-promoted", "eager-promotion", "monotone", "rank-based", "renaming", "top-share"})

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        rule: Literal["top-k", "quantile"] = "top-k",
        quantiles: Literal["eta", "levels"] = "eta",
    ) -> None:
        check_eta(eta)
        check_choice("rule", rule, ("top-k", "quantile"))
        check_choice("quantiles", quantiles, ("eta", "levels"))
        self.eta, self.r_min, self.levels, self.rule, self.quantiles = eta, r_min, levels, rule, quantiles
        if quantiles == "levels":
            self.promises -= {"best-promoted", "eager-promotion", "top-share"}
        elif rule == "quantile":
            self.promises -= {"top-share"}

    def setup(self, context: Context) -> None:
        levels = [*context.rung_levels(self.r_min, self.eta, levels=self.levels), context.r_max]
        self._rungs: dict[float, PromotionRung | QuantilePromotionRung] = {}
        for level, following in pairwise(levels):
            ratio = 1 / fraction(self.eta) if self.quantiles == "eta" else fraction(level) / fraction(following)
            self._rungs[level] = self._rung(ratio)
        self.setup_promotion(context, self._rungs)

    def _rung(self, q: Fraction) -> PromotionRung | QuantilePromotionRung:
        return PromotionRung(q) if self.rule == "top-k" else QuantilePromotionRung(q)

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        self._rungs[resource].add(value, trial.id)
        return PAUSE

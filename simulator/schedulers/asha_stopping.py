"""ASHA in its stopping form: start-stop successive halving without waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from simulator.checks import check_choice, check_eta
from simulator.context import Context
from simulator.protocol import STOP, Continue, Scheduler, Start, Verdict
from simulator.rungs import StoppingRung, fraction
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

    Example:
        >>> Simulation(load("mlp:digits"), AshaStopping(eta=4), workers=4, budget="10x").run()
    """

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        quantiles: Literal["eta", "levels"] = "eta",
    ) -> None:
        check_eta(eta)
        check_choice("quantiles", quantiles, ("eta", "levels"))
        self.eta, self.r_min, self.levels, self.quantiles = eta, r_min, levels, quantiles

    def setup(self, context: Context) -> None:
        self._propose = context.searcher().propose
        levels = [*context.rung_levels(self.r_min, self.eta, levels=self.levels), context.r_max]
        self._first = levels[0]
        self._rungs: dict[float, tuple[Callable[[float], bool], Continue]] = {}
        for level, following in pairwise(levels):
            ratio = 1 / fraction(self.eta) if self.quantiles == "eta" else fraction(level) / fraction(following)
            self._rungs[level] = StoppingRung(ratio).add, Continue(following)

    def next_job(self) -> Start | None:
        row = self._propose()
        return None if row is None else Start(row, self._first)

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        good_enough, onward = self._rungs[resource]
        return onward if good_enough(value) else STOP

"""MOBSTER: successive halving or Hyperband whose configurations a Gaussian process proposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from simulator.checks import check_choice, check_eta
from simulator.context import Context
from simulator.protocol import Answer, EndReason, Resume, Scheduler, Start, Verdict
from simulator.schedulers.asha_promotion import AshaPromotion
from simulator.schedulers.asha_stopping import AshaStopping
from simulator.schedulers.hyperband import Hyperband
from simulator.trial import Trial

RULES: dict[str, type[AshaPromotion | AshaStopping | Hyperband]] = {
    "promotion": AshaPromotion,
    "stopping": AshaStopping,
    "synchronous": Hyperband,
}
SEARCHERS = {"joint": "gp-joint", "independent": "gp-independent"}


class Mobster(Scheduler):
    """MOBSTER (Klein, Tiao, Lienart, Archambeau & Seeger, 2020, "Model-based asynchronous hyperparameter and neural
    architecture search"): one of three rules, and the searcher that it comes with.

    It decides as `AshaPromotion`, `AshaStopping` or `Hyperband` does, and the Gaussian process learns from every rung;
    what runs is accounted for in what is proposed next. Behind a ``+`` may stand the same searcher with arguments of
    its own, or another one.

    Args:
        eta: the reduction factor.
        r_min: the lowest rung level; the smallest resource by default.
        levels: rung levels given by hand, instead of r_min * eta^k.
        form: ``"promotion"``: `asha-promotion`. ``"stopping"``: `asha-stopping`. ``"synchronous"``: `hyperband`.
        model: ``"joint"``: one process over configurations and resources, `gp-joint`. ``"independent"``: one at each
            rung, `gp-independent`.

    Example:
        >>> Simulation(load("mlp:digits"), "mobster(form='stopping')", workers=4, budget="10x").run()
    """

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        form: Literal["promotion", "stopping", "synchronous"] = "promotion",
        model: Literal["joint", "independent"] = "joint",
    ) -> None:
        check_eta(eta)
        check_choice("form", form, tuple(RULES))
        check_choice("model", model, tuple(SEARCHERS))
        self.eta, self.r_min, self.levels, self.form, self.model = eta, r_min, levels, form, model
        self.synchronous = RULES[form].synchronous
        self.promises = RULES[form].promises - {"rank-based"}  # as its rule, but for the model

    def default_searcher(self) -> str:
        return SEARCHERS[self.model]

    def setup(self, context: Context) -> None:
        self._rule: Scheduler = RULES[self.form](self.eta, self.r_min, self.levels)
        self._rule.setup(context)

    def next_job(self) -> Start | Resume | None:
        return self._rule.next_job()

    def on_report(self, trial: Trial, resource: float, value: float) -> Answer:
        return self._rule.on_report(trial, resource, value)

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        self._rule.on_end(trial, resource, value, reason)

    def on_failure(self, trial: Trial, failures: int) -> Verdict:
        return self._rule.on_failure(trial, failures)

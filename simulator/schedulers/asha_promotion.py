"""ASHA in its promotion form: pause-resume successive halving without waiting."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.checks import check_eta
from simulator.context import Context
from simulator.protocol import PAUSE, Resume, Scheduler, Start, Verdict
from simulator.rungs import PromotionRung, fraction
from simulator.trial import Trial


class AshaPromotion(Scheduler):
    """Asynchronous successive halving, pause-resume (Li et al., MLSys 2020, algorithm 2).

    Every trial pauses at a rung level. A free worker takes, from the highest rung down, the best trial within the
    rung's best floor(n/eta) that was not promoted yet, and resumes it to the next level; where there is none, it
    starts a new trial.

    Args:
        eta: the paper's reduction factor.
        r_min: the paper's r (with early-stopping rate s = 0), the lowest rung level; the smallest resource by
            default.
        levels: rung levels given by hand, instead of r_min * eta^k.

    Example:
        >>> Simulation(load("mlp:digits"), AshaPromotion(eta=4), workers=4, budget="10x").run()
    """

    def __init__(self, eta: float = 3, r_min: float | None = None, levels: Sequence[float] | None = None) -> None:
        check_eta(eta)
        self.eta, self.r_min, self.levels = eta, r_min, levels

    def setup(self, context: Context) -> None:
        self._searcher = context.searcher()
        levels = [*context.rung_levels(self.r_min, self.eta, levels=self.levels), context.r_max]
        self._first = levels[0]
        self._rungs = {level: PromotionRung(1 / fraction(self.eta)) for level in levels[:-1]}
        following = zip(self._rungs.values(), levels[1:], strict=True)
        self._downwards = list(reversed(list(following)))  # each with the level it promotes to

    def next_job(self) -> Start | Resume | None:
        for rung, following in self._downwards:
            trial = rung.take()
            if trial is not None:
                return Resume(trial, following)
        row = self._searcher.propose()
        return None if row is None else Start(row, self._first)

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        self._rungs[resource].add(value, trial.id)
        return PAUSE

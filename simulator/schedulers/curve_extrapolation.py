"""Stopping by extrapolated learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from simulator.checks import check_eta, is_number, whole
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.events import MOST_TRIALS
from simulator.power_law import extrapolate
from simulator.protocol import STOP, Continue, EndReason, Scheduler, Start, Verdict
from simulator.trial import Trial


class CurveExtrapolation(Scheduler):
    """The predictive termination criterion of Domhan et al. (IJCAI 2015), with one power law in place of their
    ensemble of eleven curves, and a least-squares fit in place of sampling, so that it is deterministic.

    When a trial reaches a level, c + a * r^-alpha is fitted to all values that it has shown. It is stopped if, with
    the given confidence, its value at r_max would be worse than the best final value of a trial so far. Nothing is
    stopped before a trial has ended by itself; values that diverged on the way are left out of the fit, and a trial
    that stands at one is stopped. Meant for metrics on a scale where a power law is plausible: it is not invariant
    under transforms of the metric, and digests are promised on one machine and one set of wheels only.

    Args:
        confidence: 1 - delta of the paper (delta = 0.05): the probability that the final value is worse.
        min_points: a curve with fewer values is not extrapolated; at least 4, as the law has 3 parameters.
        r_min: the first level; by default the resource at which a curve has `min_points` values.
        eta: the next level is eta times as high.
        levels: given by hand instead; all resources of the grid ask it at every one.

    A report costs about 50 * O(points of the curve), 0.7 ms for 40 points; nothing else grows with the run. On tables
    that are trained from scratch only the levels themselves are points.

    Example:
        >>> Simulation(load("mlp:digits"), CurveExtrapolation(confidence=0.9), workers=4, budget="10x").run()
    """

    promises = frozenset({"renaming"})

    def __init__(
        self,
        confidence: float = 0.95,
        min_points: int = 4,
        r_min: float | None = None,
        eta: float = 2,
        levels: Sequence[float] | None = None,
    ) -> None:
        if not (is_number(confidence) and 0.5 <= confidence < 1):
            raise SimulationError(f"confidence = {confidence!r}: a probability from 0.5 to below 1 is needed")
        self.confidence, self.min_points = confidence, whole("min_points", min_points, 4, MOST_TRIALS)
        check_eta(eta)
        self.r_min, self.eta, self.levels = r_min, eta, levels

    def setup(self, context: Context) -> None:
        self._searcher, self._r_max = context.searcher(), context.r_max
        grid = context.resources
        r_min = grid[min(self.min_points, len(grid)) - 1] if self.r_min is None else self.r_min
        levels = [*context.rung_levels(r_min, self.eta, levels=self.levels), context.r_max]
        self._first = levels[0]
        self._following = {low: Continue(high) for low, high in pairwise(levels)}
        self._best = inf  # final value so far

    def next_job(self) -> Start | None:
        row = self._searcher.propose()
        return None if row is None else Start(row, self._first)

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        if value == inf or (self._best < inf and self._is_hopeless(trial)):
            return STOP
        return self._following[resource]

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        self._best = min(self._best, value)  # inf where it failed

    def _is_hopeless(self, trial: Trial) -> bool:
        points = [(r, y) for r, y in zip(trial.resources, trial.curve.tolist(), strict=True) if y < inf]
        if len(points) < self.min_points:
            return False
        resources, values = zip(*points, strict=True)
        predicted, margin = extrapolate(resources, values, self._r_max, self.confidence)
        return predicted - margin > self._best

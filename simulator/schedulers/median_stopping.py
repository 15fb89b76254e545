"""The median stopping rule."""

from __future__ import annotations

from heapq import heappush, heappushpop
from itertools import pairwise
from math import inf
from typing import Literal

from simulator.checks import check_choice, check_r_min, whole
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.events import MOST_TRIALS
from simulator.protocol import STOP, Continue, EndReason, Scheduler, Start, Verdict
from simulator.trial import Trial

Own = Literal["best", "average", "value"]
Others = Literal["average", "value"]
Among = Literal["completed", "all"]


class MedianStopping(Scheduler):
    """Median stopping rule (Golovin et al., KDD 2017, section 3.2.2), asked at every resource.

    A trial is stopped at step s if its best value by step s is strictly worse than the median of the completed
    trials' running averages up to s. One that failed has not completed.

    Args:
        own: what of the trial is compared: its ``"best"`` value so far, its running ``"average"``, or its
            ``"value"`` at s.
        others: what of the other trials: their running ``"average"`` up to s, or their ``"value"`` at s.
        among: the ``"completed"`` trials that reached s; or ``"all"`` that reached s, itself included, of which at
            most half may be strictly better (of an even number the upper median counts; own must equal others).
        min_trials: nothing is stopped before this many trials have completed, or have reached s for ``"all"``.
        r_min: the first resource at which a trial may be stopped; the smallest by default.

    Syne Tune's form: ``own="average", others="average", among="all", min_trials=5``. Optuna's:
    ``own="best", others="value", min_trials=5``.

    Example:
        >>> Simulation(load("mlp:digits"), MedianStopping(r_min=5), workers=4, budget="10x").run()
    """

    promises = frozenset({"monotone", "renaming"})

    def __init__(
        self,
        own: Own = "best",
        others: Others = "average",
        among: Among = "completed",
        min_trials: int = 1,
        r_min: float | None = None,
    ) -> None:
        check_choice("own", own, ("best", "average", "value"))
        check_choice("others", others, ("average", "value"))
        check_choice("among", among, ("completed", "all"))
        if among == "all" and own != others:
            raise SimulationError(f"among='all' compares like with like: own and others are {own!r} and {others!r}")
        self.min_trials = whole("min_trials", min_trials, 1, MOST_TRIALS)
        self.own, self.others, self.among, self.r_min = own, others, among, r_min

    def setup(self, context: Context) -> None:
        if self.r_min is not None:
            check_r_min(self.r_min, context.r_max)
        self._searcher = context.searcher()
        self._first = context.resources[0]
        self._following = {low: Continue(high) for low, high in pairwise(context.resources)}
        self._medians = [_Median() for _ in context.resources]
        self._curves: dict[int, _Curve] = {}  # of the trials that run
        self._completed = 0

    def next_job(self) -> Start | None:
        row = self._searcher.propose()
        return None if row is None else Start(row, self._first)

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        curve = self._curves.setdefault(trial.id, _Curve())
        curve.add(value)
        median = self._medians[len(curve.values) - 1]
        if self.among == "all":
            median.add(self._shown(curve)[-1])
        if self._good_enough(curve, median, resource):
            return self._following[resource]
        del self._curves[trial.id]
        return STOP

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        curve = self._curves.pop(trial.id, None) or _Curve()
        if reason == "failed":
            return
        self._completed += 1
        if self.among == "all":
            return
        if reason == "complete":
            curve.add(value)
        for median, shown in zip(self._medians, self._shown(curve), strict=False):
            median.add(shown)

    def _good_enough(self, curve: _Curve, median: _Median, resource: float) -> bool:
        if curve.values[-1] == inf:
            return False
        seen = median.count if self.among == "all" else self._completed
        if seen < self.min_trials or not median.count or (self.r_min is not None and resource < self.r_min):
            return True
        own = {"best": curve.best, "average": curve.averages[-1], "value": curve.values[-1]}[self.own]
        return own <= (median.upper() if self.among == "all" else median.value())

    def _shown(self, curve: _Curve) -> list[float]:
        return curve.averages if self.others == "average" else curve.values


class _Curve:
    """The values of one trial so far, and their running averages."""

    __slots__ = ("averages", "best", "total", "values")

    def __init__(self) -> None:
        self.values: list[float] = []
        self.averages: list[float] = []
        self.total = 0.0
        self.best = inf

    def add(self, value: float) -> None:
        self.values.append(value)
        self.total += value
        self.averages.append(self.total / len(self.values))
        self.best = min(self.best, value)


class _Median:
    """The median of the numbers added so far, in O(log n): two heaps that meet in the middle."""

    __slots__ = ("_above", "_below", "count")

    def __init__(self) -> None:
        self._below: list[float] = []  # negated, the smaller half, which has the middle one of an odd count
        self._above: list[float] = []
        self.count = 0

    def add(self, number: float) -> None:
        self.count += 1
        if len(self._below) == len(self._above):
            heappush(self._below, -heappushpop(self._above, number))
        else:
            heappush(self._above, -heappushpop(self._below, -number))

    def upper(self) -> float:
        return -self._below[0] if self.count % 2 else self._above[0]

    def value(self) -> float:
        if self.count % 2:
            return -self._below[0]
        return (self._above[0] - self._below[0]) / 2

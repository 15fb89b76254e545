"""PASHA: ASHA that raises its largest resource only while rankings still change."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from fractions import Fraction
from math import inf, isfinite

import numpy as np

from simulator.checks import is_number
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.protocol import Verdict
from simulator.rungs import Entry, fraction
from simulator.schedulers.asha_promotion import AshaPromotion
from simulator.trial import Trial


class Pasha(AshaPromotion):
    """Progressive ASHA (Bohdal et al., ICLR 2023, algorithm 1 and section 4), pause-resume.

    As ASHA in its promotion form, but no trial goes beyond the resource R_t, at first eta * r_min (the second rung
    level). When a trial reports at R_t, the trials there are ranked by their values there and by those at the rung
    level below. Where the two rankings differ, R_t moves up by one rung level, up to r_max in the end. They agree
    if at each place i of the upper ranking stands a trial whose lower value differs from the lower ranking's i-th
    value by epsilon at most (soft ranking).

    Epsilon is the noise in the curves of the trials at R_t. Two of them have it if their curves cross at least
    twice: c is better than c' at R_t and at some earlier resource, and strictly worse at one in between. Epsilon
    is the N-th percentile of the differences |f(c, R_t) - f(c', R_t)| of such pairs; as long as there is none, it
    keeps its former value, at first 0. (Syne Tune 0.13 compares the curves of trials on their way to R_t too,
    after each epoch; its `PASHA` also starts one level lower where there are two rung levels.)

    A report at R_t where m trials have reported takes O(m * R + p), for curves of R values and p pairs that cross
    twice; other reports and `next_job` O(log n). The curves at R_t are kept, and a number for each such pair. On a
    table trained from scratch a curve is what was seen of it: its values at rung levels.

    Args:
        eta: the reduction factor.
        r_min: the paper's r, the lowest rung level; the smallest resource by default.
        levels: rung levels given by hand, instead of r_min * eta^k.
        epsilon: a fixed epsilon >= 0, in units of the metric; estimated from the curves by default. 0: plain ranking.
        percentile: the paper's N, from 0 to 100.

    Example:
        >>> Simulation(load("mlp:digits"), Pasha(eta=3), workers=4, budget="10x").run()
    """

    promises = frozenset({"renaming", "top-share"})

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        epsilon: float | None = None,
        percentile: float = 90,
    ) -> None:
        super().__init__(eta, r_min, levels)
        if epsilon is not None and not (is_number(epsilon) and epsilon >= 0):
            raise SimulationError(f"epsilon = {epsilon!r}: a number >= 0 is needed, or None to estimate it")
        if not (is_number(percentile) and 0 <= percentile <= 100):
            raise SimulationError(f"percentile = {percentile!r}: a number from 0 to 100 is needed")
        self.epsilon, self.percentile = epsilon, percentile

    def setup(self, context: Context) -> None:
        super().setup(context)
        self._levels = [*self._rungs, context.r_max]
        self._all_downwards = self._downwards
        self._epsilon = Fraction(0 if self.epsilon is None else self.epsilon)
        self._move_top(min(1, len(self._rungs)))

    def _move_top(self, top: int) -> None:
        """R_t is now the level with this number."""
        self._top = top
        self._downwards = self._all_downwards[len(self._all_downwards) - top :]
        self._upper: list[Entry] = []  # value at R_t and trial, sorted
        self._lower: list[Entry] = []  # value at the level below and trial, of the same trials, sorted
        self._value_below: dict[int, float] = {}
        self._curves: list[np.ndarray] = []
        self._distances: list[float] = []  # sorted

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        answer = super().on_report(trial, resource, value)
        if resource == self._levels[self._top]:
            curve = trial.curve
            self._join(trial.id, curve, float(curve[trial.resources.index(self._levels[self._top - 1])]))
            if not self._rankings_agree():
                self._move_top(self._top + 1)
        return answer

    def _join(self, trial: int, curve: np.ndarray, below: float) -> None:
        value = float(curve[-1])
        insort(self._upper, (value, trial))
        insort(self._lower, (below, trial))
        self._value_below[trial] = below
        if self.epsilon is not None:
            return
        if self._curves and value < inf:
            curves = np.array(self._curves)
            for other in curves[crossing_twice(curve, curves), -1].tolist():
                if isfinite(other):
                    insort(self._distances, abs(value - other))
        self._curves.append(curve)
        if self._distances:
            self._epsilon = percentile(self._distances, fraction(self.percentile))

    def _rankings_agree(self) -> bool:
        return all(
            trial == one_there or abs(self._value_below[trial] - value_there) <= self._epsilon
            for (_, trial), (value_there, one_there) in zip(self._upper, self._lower, strict=True)
        )


def crossing_twice(curve: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(m,) bool: which of the curves in `others` (m, R) have changed places with `curve` (R,) and back.

    One of the two is strictly better at the last resource, strictly worse at an earlier one, and strictly better
    at one before that.
    """
    order = (curve > others).astype(np.int8) - (curve < others)
    same, opposite = order == order[:, -1:], order == -order[:, -1:]
    last_opposite = order.shape[1] - 1 - opposite[:, ::-1].argmax(axis=1)
    found: np.ndarray = (order[:, -1] != 0) & opposite.any(axis=1) & (same.argmax(axis=1) < last_opposite)
    return found


def percentile(numbers: Sequence[float], percent: Fraction) -> Fraction:
    """The linear percentile of sorted numbers, exact."""
    place = (len(numbers) - 1) * percent / 100
    below = int(place)
    low, high = (Fraction(numbers[min(k, len(numbers) - 1)]) for k in (below, below + 1))
    return low + (place - below) * (high - low)

"""Patience: a trial that no longer improves is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import inf

from simulator.checks import is_number
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.protocol import STOP, Continue, EndReason, Scheduler, Start, Verdict
from simulator.rungs import fraction
from simulator.trial import Trial


class Patience(Scheduler):
    """Early stopping with patience (Prechelt 1998; arguments as in Keras's `EarlyStopping`).

    A trial is stopped at resource r if its best value was reported at r - patience or before: no value since then was
    better by more than `min_delta`. It looks at each trial alone, never at others. O(1) for each report.

    Args:
        patience: in units of resource; by default a quarter of r_max, as in DeepHyper.
        min_delta: an improvement is a value below the best by more than this, in the metric's unit.
        levels: the resources at which it looks and may stop; all below r_max by default. Where every resource is
            trained from scratch each look costs a training, so that a few are wiser.

    Example:
        >>> Simulation(load("mlp:digits"), Patience(patience=10), workers=4, budget="10x").run()
    """

    promises = frozenset({"monotone", "rank-based", "renaming"})

    def __init__(
        self, patience: float | None = None, min_delta: float = 0.0, levels: Sequence[float] | None = None
    ) -> None:
        if patience is not None and not (is_number(patience) and patience > 0):
            raise SimulationError(f"patience = {patience!r}: a number of units of resource above 0 is needed")
        if not (is_number(min_delta) and min_delta >= 0):
            raise SimulationError(f"min_delta = {min_delta!r}: a number of at least 0 is needed")
        self.patience, self.min_delta, self.levels = patience, min_delta, levels
        if min_delta > 0:
            self.promises -= {"rank-based"}

    def setup(self, context: Context) -> None:
        self._searcher = context.searcher()
        given = context.resources if self.levels is None else self.levels
        levels = [*context.rung_levels(levels=given), context.r_max]
        self._first = levels[0]
        self._following = {low: Continue(high) for low, high in pairwise(levels)}
        # In fractions, so that from 0.1 to 0.3 is a patience of 0.2.
        self._patience = fraction(context.r_max) / 4 if self.patience is None else fraction(self.patience)
        self._exact = {level: fraction(level) for level in levels}
        self._best: dict[int, tuple[float, Fraction]] = {}  # of trials that run: best value, and where it was reported

    def next_job(self) -> Start | None:
        row = self._searcher.propose()
        return None if row is None else Start(row, self._first)

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        here = self._exact[resource]
        best, at = self._best.get(trial.id, (inf, here))
        if best - value > self.min_delta:
            self._best[trial.id] = value, here
            return self._following[resource]
        if value < inf and here - at < self._patience:
            return self._following[resource]
        self._best.pop(trial.id, None)
        return STOP

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        self._best.pop(trial.id, None)

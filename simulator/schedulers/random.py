"""Random search: every trial to r_max."""

from __future__ import annotations

from simulator.context import Context
from simulator.protocol import STOP, Scheduler, Start, Verdict
from simulator.trial import Trial


class RandomSearch(Scheduler):
    """Runs each configuration that the searcher proposes to r_max (Bergstra & Bengio, JMLR 2012).

    Example:
        >>> Simulation(load("mlp:digits"), "random", budget="10x").run()
    """

    promises = frozenset({"rank-based", "renaming"})

    def setup(self, context: Context) -> None:
        self._searcher, self._r_max = context.searcher(), context.r_max

    def next_job(self) -> Start | None:
        row = self._searcher.propose()
        return None if row is None else Start(row, until=self._r_max)

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        return STOP  # never asked: every trial ends by itself, at r_max or before

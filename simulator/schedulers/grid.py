"""Grid search: every row of the table to r_max, in the order of the grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain, cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from blackboxes.encoding import encode, is_active
from simulator.checks import check_flag
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.protocol import STOP, Scheduler, Start, Verdict
from simulator.searcher import Initial
from simulator.searchers.random import RandomSearcher
from simulator.trial import Trial

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


class Grid(Scheduler):
    """Grid search (see Bergstra & Bengio, JMLR 2012, for what it is compared with): each row once, to r_max.

    Rows go in lexicographic order: the last hyperparameter of the table varies fastest, as in scikit-learn's
    `ParameterGrid`; numbers ascend, categories and ordinals go as the space lists them, inactive values come last.
    The table is taken as the grid, so only on a table that holds a full one (FCNet, NAS-Bench-201) is this what the
    literature calls grid search; on a random sample of rows it is a sweep over the first hyperparameter.

    It proposes by itself, so no searcher may be given. Configurations in `initial` go first and are not repeated;
    with ``exhausted="cycle"`` the grid begins again, in the same order. O(n log n) once for n rows, then O(1).

    Args:
        shuffle: the grid in random order, a function of the run's seed, as Optuna and Syne Tune have it by default.

    Example:
        >>> Simulation(load("mlp:digits"), Grid(shuffle=True), workers=4, budget="10x").run()
    """

    promises = frozenset({"rank-based", "renaming"})

    def __init__(self, shuffle: bool = False) -> None:
        check_flag("shuffle", shuffle)
        self.shuffle = shuffle
        if shuffle:
            self.promises -= {"renaming"}

    def setup(self, context: Context) -> None:
        self._searcher, self._r_max = context.searcher(), context.r_max
        searcher = self._searcher
        given: list[int | Mapping[str, Any]] = []
        while isinstance(searcher, Initial):
            given += searcher.first
            searcher = searcher.then
        if not isinstance(searcher, RandomSearcher) or searcher.prior is not None:
            wrong = "prior" if isinstance(searcher, RandomSearcher) else f"searcher {type(searcher).__name__}"
            raise SimulationError(f"grid search proposes the table's rows by itself: leave out the {wrong}")
        self._to_come_first = len(given)
        n = len(next(iter(context.columns.values())))
        shuffled = context.stream("grid").permutation(n) if self.shuffle else None
        order = (grid_order(context.columns, lambda: context.space) if shuffled is None else shuffled).tolist()
        self._rows = chain((row for row in order if row not in given), cycle(order))

    def next_job(self) -> Start | None:
        # Random search knows how many trials there may be, and what goes first; the order is the grid's.
        config = self._searcher.propose()
        if config is None:
            return None
        if self._to_come_first:
            self._to_come_first -= 1
        else:
            config = next(self._rows)
        return Start(config, until=self._r_max)

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        return STOP  # never asked: every trial ends by itself, at r_max or before


def grid_order(columns: Mapping[str, np.ndarray], space: Callable[[], ConfigurationSpace]) -> np.ndarray:
    """(n,) int64: the rows in lexicographic order; equal ones by number.

    Args:
        columns: (n,) values by hyperparameter.
        space: asked for where texts have to be put in order.
    """
    keys = []
    for name, column in columns.items():
        if column.dtype.kind == "O":
            active = is_active(column)
            key = np.full(len(column), np.inf)
            key[active] = encode(space()[name], column[active])
            keys.append(key)
        else:
            keys.append(column)  # NaN comes last
    return np.lexsort(keys[::-1])

"""What a `Start` may name: a row, or hyperparameters, which the table may not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index as whole_number
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from blackboxes import Blackbox, BlackboxError

if TYPE_CHECKING:
    from blackboxes.surrogates import Neighbours
    from simulator.trial import Trial

OffTable = Literal["error", "nearest", "nearest-unused", "surrogate"]
OFF_TABLE: tuple[str, ...] = get_args(OffTable)


class Proposals:
    """Finds the rows of proposals.

    Args:
        table: of the run; under ``"surrogate"`` a `GrownTable`.
        off_table: what to do with hyperparameters that no row has: ``"error"``; start the ``"nearest"`` row, or the
            ``"nearest-unused"`` one, which was never started; or replay the curve that a ``"surrogate"`` predicts.
        trials: those of the run, in order of starting; grows while it goes on.
    """

    def __init__(self, table: Blackbox, off_table: str, trials: Sequence[Trial]) -> None:
        self._table, self._off_table, self._trials = table, off_table, trials
        self._neighbours: Neighbours | None = None
        self._unused: np.ndarray | None = None
        self._seen = 0  # trials whose rows are struck off `_unused`

    def row(self, config: Any) -> int:
        """The row of a configuration: its number, a mapping of its hyperparameters, or a vector in [0, 1]^d.

        Raises:
            LookupError, BlackboxError: there is none.
            TypeError: neither number, mapping nor vector.
        """
        table = self._table
        if not isinstance(config, (Mapping, np.ndarray, list, tuple)):
            row = whole_number(config)
            if not 0 <= row < len(table):
                raise LookupError(f"rows of {table.name} are 0 to {len(table) - 1}")
            return row
        from blackboxes.surrogates import GrownTable, params_at, vector

        params = config if isinstance(config, Mapping) else params_at(table, config)
        if isinstance(table, GrownTable):
            return table.row_for(params)
        try:
            return table.row_of(params)
        except BlackboxError:
            if self._off_table == "error":
                raise
        return self._nearest(vector(table, params))

    def _nearest(self, point: np.ndarray) -> int:
        from blackboxes.surrogates import Neighbours

        if self._neighbours is None:
            self._neighbours = Neighbours(self._table)
        if self._off_table == "nearest":
            return self._neighbours.nearest_row(point)
        if self._unused is None:
            self._unused = np.ones(len(self._table), dtype=bool)
        for trial in self._trials[self._seen :]:
            self._unused[trial.config] = False
        self._seen = len(self._trials)
        if not self._unused.any():
            raise BlackboxError(f"{self._table.name}: every configuration was started, none is left unused")
        return self._neighbours.nearest_row(point, self._unused)

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
        cycle: once every row was started, all of them are unused again.
    """

    def __init__(self, table: Blackbox, off_table: str, trials: Sequence[Trial], cycle: bool = False) -> None:
        self._table, self._off_table, self._trials, self._cycle = table, off_table, trials, cycle
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
        unused = self._left()
        if not unused.any():
            if not self._cycle:
                raise BlackboxError(f"{self._table.name}: every configuration was started, none is left unused")
            unused[:] = True
        return self._neighbours.nearest_row(point, unused)

    def used_up(self) -> bool:
        """Whether proposals get rows that were never started, and none is left."""
        return self._off_table == "nearest-unused" and not self._cycle and not self._left().any()

    def _left(self) -> np.ndarray:
        """(n,) True for rows that were never started."""
        if self._unused is None:
            self._unused = np.ones(len(self._table), dtype=bool)
        for trial in self._trials[self._seen :]:
            self._unused[trial.config] = False
        self._seen = len(self._trials)
        return self._unused

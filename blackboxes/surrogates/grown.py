"""A table that grows by predicted rows while a run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from blackboxes.checks import frozen
from blackboxes.errors import BlackboxError
from blackboxes.surrogates.surrogate import Surrogate
from blackboxes.table import Blackbox, flat

MOST_PREDICTED = 1 << 14  # rows; room for them is taken from the system as they are filled


class GrownTable(Blackbox):
    """A copy of a table with rows added for configurations that it does not have, their curves predicted.

    Rows of the table stay what they are; a predicted one has a single replicate, the first. What was read of the flat
    arrays stays valid, since they have room at their end and never move.

    Args:
        table: what to add to.

    Raises:
        BlackboxError: as for `Surrogate`.
    """

    def __init__(self, table: Blackbox) -> None:
        self.__dict__.update(table.__dict__)
        for cached in ("configs", "vectors", "full_training_time", "shortest"):
            self.__dict__.pop(cached, None)
        self.measured = table
        self.predicted: list[dict[str, Any]] = []
        self._surrogate = _surrogate(table)
        self._known: dict[str, int] = {}
        self._room = {name: _with_room(values) for name, values in table.metrics.items()}
        self._elapsed, self._lengths = _with_room(table.elapsed), _with_room(table.lengths)
        self._lengths[len(table) :] = 0
        self._columns = {name: _with_room(_widened(column)) for name, column in table.columns.items()}
        self._show(len(table))

    def _show(self, n: int) -> None:
        self.metrics = {name: frozen(values[:n]) for name, values in self._room.items()}
        self.elapsed, self.lengths = frozen(self._elapsed[:n]), frozen(self._lengths[:n])
        self.columns = {name: frozen(column[:n]) for name, column in self._columns.items()}
        self.censored = None if self.measured.censored is None else _padded(self.measured.censored, n)
        for cached in ("configs", "vectors"):
            self.__dict__.pop(cached, None)

    @property
    def full_training_time(self) -> float:
        """That of the measured rows."""
        return self.measured.full_training_time

    @property
    def shortest(self) -> int:
        """Nothing is promised of rows to come."""
        return 0

    def buffers(self, metric: str) -> tuple[memoryview, memoryview, memoryview]:
        """With room for the rows to come."""
        return flat(self._room[metric]), flat(self._elapsed), flat(self._lengths)

    def row_for(self, params: Mapping[str, Any]) -> int:
        """The row of `params`: measured, predicted before, or predicted now.

        Raises:
            BlackboxError: `params` is not in the table's space, or there is no room for another row.
        """
        try:
            return self.measured.row_of(params)
        except BlackboxError:
            pass
        plain = {name: v.item() if isinstance(v, np.generic) else v for name, v in params.items()}
        plain = {name: v for name, v in plain.items() if v is not None and v == v}  # NaN: inactive
        key = json.dumps(plain, sort_keys=True)
        if key not in self._known:
            self._known[key] = self._add(plain)
        return self._known[key]

    def _add(self, params: dict[str, Any]) -> int:
        row = len(self)
        if len(self.predicted) == MOST_PREDICTED:
            raise BlackboxError(f"{self.name}: more than {MOST_PREDICTED} configurations of a run are off the table")
        metrics, elapsed = self._surrogate.curve(params)
        for name, values in metrics.items():
            self._room[name][row] = np.nan
            self._room[name][row, 0] = values
        self._elapsed[row] = np.nan
        self._elapsed[row, 0] = elapsed
        self._lengths[row, 0] = np.isfinite(elapsed).sum()
        for name, column in self._columns.items():
            column[row] = params.get(name, None if column.dtype.kind == "O" else np.nan)
        self.predicted.append(params)
        self._show(row + 1)
        return row


@lru_cache(maxsize=2)
def _surrogate(table: Blackbox) -> Surrogate:
    """Fitted once for all runs on a table."""
    return Surrogate(table, "forest")


def _with_room(values: np.ndarray) -> np.ndarray:
    """A copy with room for more rows at its end."""
    grown = np.empty((len(values) + MOST_PREDICTED, *values.shape[1:]), dtype=values.dtype)
    grown[: len(values)] = values
    return grown


def _widened(column: np.ndarray) -> np.ndarray:
    """Floats in 64 bits, so that a proposal's value is kept as it is."""
    return column.astype(np.float64) if column.dtype.kind == "f" else column


def _padded(flags: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([flags, np.zeros((n - len(flags), flags.shape[1]), dtype=bool)])

"""The nearest configuration of a table."""

from __future__ import annotations

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.table import Blackbox


class Neighbours:
    """Finds the row of a table that is nearest to a point of its space.

    The squared distance is a sum over hyperparameters: for numbers and ordinals the squared difference of their
    encoded values (`Blackbox.vectors`), for categories 0 or 1. An inactive hyperparameter lies at 0.5. Sums are taken
    in the space's order, without a matrix product, so equal distances are equal everywhere.

    Args:
        table: its n rows are searched.
    """

    __slots__ = ("_columns", "_last_category", "name")

    def __init__(self, table: Blackbox) -> None:
        from ConfigSpace.hyperparameters import CategoricalHyperparameter

        self.name = table.name
        self._columns = np.ascontiguousarray(table.vectors.T)  # (d, n)
        self._last_category = [
            len(parameter.choices) - 1 if isinstance(parameter, CategoricalHyperparameter) else 0
            for parameter in table.space.values()
        ]

    def distances(self, vector: np.ndarray) -> np.ndarray:
        """(n,) squared distances of all rows to `vector` (d,) in [0, 1].

        Between two categories' positions, the nearer one counts.

        Raises:
            BlackboxError: another shape, or a number outside [0, 1].
        """
        point = np.asarray(vector, dtype=np.float64)
        if point.shape != (len(self._columns),) or not ((point >= 0) & (point <= 1)).all():
            raise BlackboxError(f"{self.name}: a vector of {len(self._columns)} numbers in [0, 1] is needed")
        total = np.zeros(self._columns.shape[1])
        for column, value, last in zip(self._columns, point.tolist(), self._last_category, strict=True):
            if last:
                here = value if value == 0.5 else round(value * last) / last
                total += np.abs(column - here) > 1e-9
            else:
                total += (column - value) ** 2
        return total

    def nearest_row(self, vector: np.ndarray, allowed: np.ndarray | None = None) -> int:
        """The row nearest to `vector` (d,), the first of several.

        Args:
            vector: a point in [0, 1]^d.
            allowed: (n,) booleans, the rows to choose from; all by default.

        Raises:
            BlackboxError: no row is allowed, or `vector` is wrong.
        """
        total = self.distances(vector)
        if allowed is not None:
            if not allowed.any():
                raise BlackboxError(f"{self.name}: there is no row to choose from")
            total[~allowed] = np.inf
        return int(total.argmin())

"""Predicts the learning curve of any configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from blackboxes.errors import BlackboxError, name_hint
from blackboxes.surrogates.forest import Forest
from blackboxes.surrogates.moments import curve_of, moments
from blackboxes.surrogates.neighbours import Neighbours
from blackboxes.surrogates.proposal import vector
from blackboxes.table import Blackbox

Kind = Literal["nearest", "forest"]
KINDS: tuple[str, ...] = get_args(Kind)


class Surrogate:
    """A table's learning curves, continued to the whole of its space; what it predicts depends on nothing else.

    `nearest` gives the mean curve, over replicates, of the nearest row that is known to its end: measured to r_max in
    some replicate, or diverged (of any row, where none is). `forest` averages curves over a random forest's leaves;
    a curve that ends early counts as far as it goes. Values are means; times are averaged as logarithms, are whole
    nanoseconds and never fall. Where most of what is averaged has diverged, the prediction has, and ends as the
    diverged curves do.

    Args:
        table: what to learn from.
        kind: ``"nearest"`` or ``"forest"``.
        rows: learn from these rows only; all by default.

    Raises:
        BlackboxError: another kind; scikit-learn is needed and not installed (``pip install 'rungsim[surrogate]'``).
    """

    def __init__(self, table: Blackbox, kind: Kind = "forest", *, rows: np.ndarray | None = None) -> None:
        if kind not in KINDS:
            raise BlackboxError(f"there is no surrogate {kind!r}: {name_hint(str(kind), KINDS)}")
        self.table, self.kind = table, kind
        rows = np.arange(len(table)) if rows is None else np.sort(rows)
        self._neighbours = Neighbours(table)
        if kind == "forest":
            self._forest = Forest(table, rows)
        else:
            self._allowed = np.zeros(len(table), dtype=bool)
            self._allowed[rows] = True
            known = self._allowed & _known_to_the_end(table)
            if known.any():
                self._allowed = known

    def predict(self, vectors: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The curves at `vectors` (m, d) in [0, 1]^d, encoded as `Blackbox.vectors`.

        Returns:
            Values (m, R) by metric, in its own direction, and elapsed seconds (m, R); as in a table, elapsed NaN is
            beyond the end of a curve, and elapsed finite with a metric NaN is diverged.

        Raises:
            BlackboxError: vectors of another shape or outside [0, 1].
        """
        vectors = np.asarray(vectors, dtype=np.float64)
        d = len(self.table.columns)
        if vectors.ndim != 2 or vectors.shape[1] != d or not ((vectors >= 0) & (vectors <= 1)).all():
            raise BlackboxError(f"{self.table.name}: vectors of {d} numbers in [0, 1] are needed")
        curves = [self._curve(point) for point in vectors]
        size = len(self.table.resources)
        metrics = {
            name: np.array([metrics[name] for metrics, _ in curves], dtype=values.dtype).reshape(-1, size)
            for name, values in self.table.metrics.items()
        }
        return metrics, np.array([elapsed for _, elapsed in curves]).reshape(-1, size)

    def curve(self, params: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The curve of one configuration: values (R,) by metric and elapsed seconds (R,), as `predict`.

        Raises:
            BlackboxError: `params` is not in the table's space.
        """
        return self._curve(vector(self.table, params))

    def _curve(self, point: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        if self.kind == "nearest":
            row = self._neighbours.nearest_row(point, self._allowed)
            return curve_of(self.table, moments(self.table, np.array([row]))[0])
        weights = self._forest.weights(point)
        used = np.flatnonzero(weights)
        # Row by row, not as a matrix product: then one point gives the same bits alone and among others.
        return curve_of(self.table, (weights[used, None, None] * self._forest.curves[used]).sum(axis=0))


def _known_to_the_end(table: Blackbox) -> np.ndarray:
    """(n,) booleans: rows with a curve to r_max, or one that ended since it diverged."""
    last = np.maximum(table.lengths - 1, 0)[:, :, None]
    diverged = np.isnan(np.take_along_axis(table.metrics[table.default_metric], last, axis=2))[:, :, 0]
    return ((table.lengths == len(table.resources)) | (diverged & (table.lengths > 0))).any(axis=1)

"""A random forest over the configurations, as weights: which rows of the table are like a given point.

Breiman 2001; the weights are those of quantile regression forests (Meinshausen 2006).
"""

from __future__ import annotations

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.streams import Stream
from blackboxes.surrogates.moments import moments
from blackboxes.table import Blackbox

TREES = 50
LEAST_IN_LEAF = 2
MOST_ROWS = 5000  # a larger table is thinned at random: this many are fitted in a few seconds
MOST_LEVELS = 8  # resources at which splits are judged


class Forest:
    """A random forest that is fitted to a table's curves at once: one forest for all resources, metrics and times.

    A split is judged by the ranks of all metrics, of the time and of divergence at up to 8 resources, evenly spaced
    in log r, all weighing the same; so neither units nor outliers decide. What a leaf holds are whole curves.

    Args:
        table: its vectors and curves.
        rows: the rows to fit.

    Raises:
        BlackboxError: scikit-learn is not installed.
    """

    def __init__(self, table: Blackbox, rows: np.ndarray) -> None:
        try:
            from sklearn.ensemble import RandomForestRegressor
        except ImportError:
            raise BlackboxError("the forest surrogate needs scikit-learn: pip install 'rungsim[surrogate]'") from None
        if len(rows) > MOST_ROWS:
            rows = np.sort(rows[Stream(0, "surrogate", "rows").permutation(len(rows))[:MOST_ROWS]])
        self.curves = moments(table, rows)
        points = table.vectors[rows].astype(np.float32)
        forest = RandomForestRegressor(TREES, min_samples_leaf=LEAST_IN_LEAF, random_state=0, n_jobs=1)
        forest.fit(points, _targets(self.curves))
        self._trees = [tree.tree_ for tree in forest.estimators_]
        self._leaves = np.stack([tree.apply(points) for tree in self._trees], axis=1)  # (rows, trees)
        drawn = [np.bincount(sample, minlength=len(rows)) for sample in forest.estimators_samples_]
        self._drawn = np.stack(drawn, axis=1).astype(np.float64)  # (rows, trees): how often a tree drew each row

    def weights(self, vector: np.ndarray) -> np.ndarray:
        """(rows,) with sum 1: the mean over trees of each row's share in the leaf of `vector` (d,)."""
        point = vector[None].astype(np.float32)
        leaves = np.array([tree.apply(point)[0] for tree in self._trees])
        shares = np.where(self._leaves == leaves, self._drawn, 0.0)
        return (shares / shares.sum(axis=0)).sum(axis=1) / len(self._trees)


def _targets(curves: np.ndarray) -> np.ndarray:
    """(rows, targets), or (rows,), in [0, 1]: ranks of what a curve is like, 0.5 where it is not known."""
    n, _, size = curves.shape
    levels = np.unique(np.geomspace(1, size, MOST_LEVELS).round().astype(int)) - 1
    targets = []
    for known, values in [(0, 1), *((k, k + 1) for k in range(3, curves.shape[1], 3))]:
        for j in levels:
            has = curves[:, known, j] > 0
            target = np.full(n, 0.5)
            target[has] = _mean_ranks(curves[has, values, j] / curves[has, known, j])
            targets.append(target)
    targets += [curves[:, k, j] for k in range(5, curves.shape[1], 3) for j in levels]  # diverged: a share already
    varied = [target for target in targets if target.min() < target.max()]
    return np.stack(varied, axis=1) if len(varied) > 1 else (varied or targets)[0]  # scikit-learn warns of (n, 1)


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks as shares in (0, 1); equal values have the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - counts / 2)[which] / len(values)

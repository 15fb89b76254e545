"""Configurations in [0, 1]^d, and qualities that are smooth functions of them and depend on each other as told."""

from __future__ import annotations

import numpy as np

from blackboxes.synthetic._draws import concordance, mixed, normal_scores, normals, rank_correlation, stream, uniforms

QUALITIES = ("final", "early", "time")


class Landscape:
    """What a table's configurations are like, before there are curves.

    Uniform x become normal coordinates, and these are rotated: new coordinates are independent normal again, each a
    function of all hyperparameters. They are dealt out to three qualities (the final loss, the early one, the time),
    each of which is the squared distance from a point of its own. So each quality is smooth in x, has its optimum
    inside, and is independent of the other two.

    Attributes:
        vectors: (n, d) the configurations, six decimals, in (0, 1).
        diverging: (n,) booleans; these rows do not count for correlations.
        final: (n,) normal scores of the final quality, the best lowest.
    """

    def __init__(self, n: int, d: int, seed: int, diverging: float) -> None:
        from scipy.special import ndtri

        x = uniforms(stream(seed, "configurations"), n * d).reshape(n, d)
        self.vectors = np.clip(np.round(x, 6), 1e-6, 1 - 1e-6)
        self.diverging = np.zeros(n, dtype=bool)
        self.diverging[stream(seed, "diverging").permutation(n)[: min(round(diverging * n), n - 1)]] = True
        self._columns = ndtri(self.vectors)
        self._axes = rotation(d, seed)
        self._centres = 2 * uniforms(stream(seed, "centres"), d) - 1
        self.final = self._quality("final")

    def _quality(self, name: str) -> np.ndarray:
        total = np.zeros(len(self.vectors))
        for j in range(QUALITIES.index(name), len(self._axes), len(QUALITIES)):
            coordinate = np.zeros(len(self.vectors))
            for k, weight in enumerate(self._axes[j]):  # no matrix product: its rounding differs between machines
                coordinate += weight * self._columns[:, k]
            total += (coordinate - self._centres[j]) ** 2
        return normal_scores(total)

    def early(self, correlation: float) -> np.ndarray:
        """(n,) an early quality whose Spearman correlation with the final one is as given."""
        return mixed(correlation, self.final, self._quality("early"), rank_correlation, ~self.diverging)

    def discordant(self, share: float) -> np.ndarray:
        """(n,) an early quality by which this share of the pairs is in another order than by the final one."""
        return mixed(1 - 2 * share, self.final, self._quality("early"), concordance, ~self.diverging)

    def time(self, correlation: float) -> np.ndarray:
        """(n,) a quality of time whose Spearman correlation with the final loss is as given."""
        return mixed(correlation, self.final, self._quality("time"), rank_correlation, ~self.diverging)


def rotation(d: int, seed: int) -> np.ndarray:
    """(d, d) orthonormal rows in random directions, by Gram and Schmidt."""
    rows = normals(stream(seed, "rotation"), d * d).reshape(d, d)
    for j in range(d):
        for _ in range(2):  # the second pass takes away what rounding left of the first
            for i in range(j):
                rows[j] -= (rows[j] * rows[i]).sum() * rows[i]
        rows[j] /= np.sqrt((rows[j] ** 2).sum())
    return rows

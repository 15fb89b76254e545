"""Kernel density estimates with product kernels, over numbers and categories."""

from __future__ import annotations

import numpy as np

MOST_PAIRS = 1 << 20  # of a point and a datum, held at once


class KernelDensity:
    """The density of a set of configurations: a mean of products of one kernel for each hyperparameter.

    A Gaussian kernel for numbers and ordinals, that of Aitchison and Aitken (1976) for categories: 1 - h for the
    same choice, h / (c - 1) for each other one of c. Bandwidths follow the normal reference rule of statsmodels'
    `KDEMultivariate`, which BOHB uses: 1.06 x standard deviation x n^(-1 / (4 + d)), over the positions of the
    choices where it is a category. They are held between `min_bandwidth` and, for categories, (c - 1) / c, where
    all choices are equally likely (beyond it the rule would give negative probabilities).

    Args:
        data: (n, d) in [0, 1], as `Blackbox.vectors`.
        choices: (d,) how many choices a category has, 0 for others.
        min_bandwidth: the least bandwidth.

    Attributes:
        bandwidths: (d,), of categories in units of probability; NaN for what has one value only, which is left out.
    """

    def __init__(self, data: np.ndarray, choices: list[int], min_bandwidth: float = 1e-3) -> None:
        self._data, self._choices = data, choices
        n, d = data.shape
        spread = data.std(axis=0) * [max(c - 1, 1) for c in choices]
        self.bandwidths = np.maximum(1.06 * spread * n ** (-1 / (4 + d)), min_bandwidth)
        for j, c in enumerate(choices):
            if c:
                self.bandwidths[j] = min(self.bandwidths[j], (c - 1) / c) if c > 1 else np.nan

    def log(self, points: np.ndarray) -> np.ndarray:
        """(m,) the logarithm of the density at (m, d) points."""
        step = max(1, MOST_PAIRS // len(self._data))
        parts = [self._log(points[i : i + step]) for i in range(0, len(points), step)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _log(self, points: np.ndarray) -> np.ndarray:
        kernels = np.zeros((len(points), len(self._data)))
        for j, (c, h) in enumerate(zip(self._choices, self.bandwidths.tolist(), strict=True)):
            apart = points[:, j, None] - self._data[:, j]
            if c == 0:
                kernels -= 0.5 * (apart / h) ** 2 + np.log(h * np.sqrt(2 * np.pi))
            elif c > 1:
                kernels += np.where(apart == 0, np.log1p(-h), np.log(h / (c - 1)))
        top = kernels.max(axis=1)
        return top + np.log(np.exp(kernels - top[:, None]).mean(axis=1))

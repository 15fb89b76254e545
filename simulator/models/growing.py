"""A Gaussian process that takes observations one at a time and has its predictions ready."""

from __future__ import annotations

from math import sqrt

import numpy as np

from simulator.models.gaussian_process import Kernel


class GrowingProcess:
    """The posterior of `gaussian_process.Posterior`, kept up to date at m queries.

    With K + noise = L L^T for n observations it keeps the inverse of L, and for every query q the column
    L^-1 k(X, q), whose square sum is what the observations have explained of its variance. One more observation
    adds a row to each: O(n^2 + n m), where solving anew would take O(n^3 + n^2 m).

    Args:
        kernel: its kernel, fixed.
        inputs: (n, p) of the first observations.
        values: (n,) of mean about 0.
        queries: (m, p).
        room: for how many observations in all.

    Attributes:
        mean: (m,) of the function at the queries.
        n: how many observations there are.
    """

    def __init__(self, kernel: Kernel, inputs: np.ndarray, values: np.ndarray, queries: np.ndarray, room: int) -> None:
        from scipy.linalg import cholesky, solve_triangular

        self.n, n, m = len(inputs), len(inputs), len(queries)
        self._kernel, self._queries = kernel, queries
        self._inputs = np.empty((room, inputs.shape[1]))
        self._inverse, self._explaining = np.zeros((room, room)), np.empty((room, m))
        self._whitened = np.empty(room)  # L^-1 y
        self._inputs[:n] = inputs
        K = kernel.covariance(inputs, inputs)
        K[np.diag_indices_from(K)] += kernel.noise
        factor = cholesky(K, lower=True, overwrite_a=True, check_finite=False)
        self._inverse[:n, :n] = solve_triangular(factor, np.eye(n), lower=True, overwrite_b=True, check_finite=False)
        self._explaining[:n] = self._inverse[:n, :n] @ kernel.covariance(inputs, queries)
        self._whitened[:n] = self._inverse[:n, :n] @ values
        self.mean = self._whitened[:n] @ self._explaining[:n]
        self._left = kernel.signal - np.einsum("ij,ij->j", self._explaining[:n], self._explaining[:n])

    @property
    def full(self) -> bool:
        """Whether there is no room for another observation."""
        return self.n == len(self._inputs)

    def observe(self, point: np.ndarray, value: float) -> None:
        """Learn the value at a (1, p) input. O(n^2 + n m)."""
        n, kernel = self.n, self._kernel
        inverse, explaining = self._inverse[:n, :n], self._explaining[:n]
        row = inverse @ kernel.covariance(self._inputs[:n], point)[:, 0]
        # Of the variance at `point` at least the noise is left, but for rounding.
        pivot = sqrt(max(kernel.signal + kernel.noise - float(row @ row), 0.5 * kernel.noise))
        added = (kernel.covariance(point, self._queries)[0] - row @ explaining) / pivot
        whitened = (value - float(row @ self._whitened[:n])) / pivot
        self._inverse[n, :n] = row @ inverse / -pivot
        self._inverse[n, n] = 1 / pivot
        self._inputs[n], self._explaining[n], self._whitened[n] = point, added, whitened
        self._left -= added * added
        self.mean += added * whitened
        self.n += 1

    def move(self, j: int, point: np.ndarray) -> None:
        """Let query j be at a (1, p) input from now on. O(n^2)."""
        n = self.n
        column = self._inverse[:n, :n] @ self._kernel.covariance(self._inputs[:n], point)[:, 0]
        self._queries[j], self._explaining[:n, j] = point, column
        self._left[j] = self._kernel.signal - float(column @ column)
        self.mean[j] = float(column @ self._whitened[:n])

    def deviation(self, pending: list[int]) -> np.ndarray:
        """(m,) standard deviation of the function, were the outcomes at some of the queries known as well.

        Whatever they are: where each is as expected, the mean stays what it is (the kriging believer). O(n m) for
        each of `pending`.
        """
        left = self._left
        if pending:
            from scipy.linalg import cholesky, solve_triangular

            explaining, points = self._explaining[: self.n], self._queries[pending]
            explained = explaining[:, pending].T
            spread = self._kernel.covariance(points, self._queries) - explained @ explaining
            among = spread[:, pending]
            among[np.diag_indices_from(among)] += self._kernel.noise
            factor = cholesky(among, lower=True, check_finite=False)
            solved = solve_triangular(factor, spread, lower=True, overwrite_b=True, check_finite=False)
            left = left - np.einsum("ij,ij->j", solved, solved)
        return np.sqrt(np.maximum(left, 1e-12 * self._kernel.signal))

"""Gaussian process regression: Matérn 5/2 with a length scale a hyperparameter, fitted by marginal likelihood.

Rasmussen and Williams, Gaussian Processes for Machine Learning (2006): equations 2.25, 2.26 and 2.30, 5.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi, sqrt
from typing import Any, NamedTuple

import numpy as np

# Bounds of the fit, for inputs in [0, 1] and values of mean 0 and variance 1. The last keeps matrices definite.
LENGTHS, SIGNAL, NOISE = (0.02, 50.0), (0.01, 100.0), (1e-6, 1.0)
STARTS = ((0.5, 1.0, 1e-3), (2.0, 1.0, 0.1))  # length scale, signal and noise
MOST_ITERATIONS = 60
MOST_PAIRS = 1 << 20  # of a query and an input, held at once
JITTER = 1e-6  # of the signal: keeps the covariance of queries definite that have the same inputs


class Kernel(NamedTuple):
    """Matérn 5/2 with additive noise.

    Attributes:
        lengths: (g,) the length scale of each hyperparameter.
        signal: variance of the function.
        noise: variance of what is observed around it.
        owners: (p,) which of the g hyperparameters each input column is of.
    """

    lengths: np.ndarray
    signal: float
    noise: float
    owners: np.ndarray

    def covariance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n, m) between the function at (n, p) and at (m, p) inputs."""
        from scipy.spatial.distance import cdist

        scale = self.lengths[self.owners]
        r = cdist(a / scale, b / scale)
        r *= sqrt(5)
        return (r * r / 3 + r + 1) * np.exp(-r) * self.signal


def fit(inputs: np.ndarray, owners: np.ndarray, values: np.ndarray) -> Kernel:
    """The kernel of the largest marginal likelihood that L-BFGS-B finds from a few fixed starts.

    Args:
        inputs: (n, p), roughly in [0, 1].
        owners: (p,) which hyperparameter each column is of, counted from 0 without gaps.
        values: (n,) of mean 0 and variance about 1.
    """
    return fit_together([(inputs, values)], owners)[0]


def fit_together(groups: Sequence[tuple[np.ndarray, np.ndarray]], owners: np.ndarray) -> list[Kernel]:
    """Kernels of independent processes that share their length scales, as `fit`: the largest product of likelihoods.

    Args:
        groups: inputs and values, as for `fit`, of each process; signal and noise are its own.
        owners: as for `fit`.
    """
    from scipy.optimize import minimize

    data = [(squared_distances(inputs, owners), values) for inputs, values in groups]
    g = len(data[0][0])
    bounds = [*[np.log(LENGTHS)] * g, *[np.log(SIGNAL), np.log(NOISE)] * len(data)]
    options: dict[str, Any] = {"method": "L-BFGS-B", "jac": True, "bounds": np.array(bounds)}
    options["options"] = {"maxiter": MOST_ITERATIONS}
    found = []
    for length, signal, noise in STARTS:
        start = np.log([*[length] * g, *[signal, noise] * len(data)])
        found.append(minimize(cost_together, start, (data,), **options))
    best = np.exp(min(found, key=lambda result: result.fun).x)
    return [Kernel(best[:g], signal, noise, owners) for signal, noise in best[g:].reshape(-1, 2).tolist()]


def cost_together(theta: np.ndarray, data: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, np.ndarray]:
    """The sum of `cost` over processes with the same length scales, and its gradient.

    Args:
        theta: (g + 2 k,) logarithms of length scales, then signal and noise of each of k processes.
        data: squares and values of each, as for `cost`.
    """
    g = len(theta) - 2 * len(data)
    total, gradient = 0.0, np.zeros(len(theta))
    for k, (squares, values) in enumerate(data):
        own = slice(g + 2 * k, g + 2 * k + 2)
        value, slopes = cost(np.append(theta[:g], theta[own]), squares, values)
        total += value
        gradient[:g] += slopes[:g]
        gradient[own] = slopes[g:]
    return total, gradient


def squared_distances(inputs: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """(g, n (n - 1) / 2) for each hyperparameter and each pair of inputs, pairs in SciPy's condensed order."""
    from scipy.spatial.distance import pdist

    return np.array([pdist(inputs[:, owners == j], "sqeuclidean") for j in range(int(owners.max(initial=-1)) + 1)])


def cost(theta: np.ndarray, squares: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
    """The negative logarithm of the marginal likelihood, and its gradient.

    Args:
        theta: (g + 2,) logarithms of length scales, signal and noise.
        squares: as `squared_distances` gives them.
        values: (n,).
    """
    from scipy.linalg import cho_factor, cho_solve
    from scipy.linalg.lapack import dpotri
    from scipy.spatial.distance import squareform

    n, weights = len(values), np.exp(-2 * theta[:-2])
    signal, noise = np.exp(theta[-2:]).tolist()
    r = np.sqrt(5 * (weights @ squares))
    falling = signal * np.exp(-r)
    pairs = falling * (r * r / 3 + r + 1)
    K = squareform(pairs, checks=False) if n > 1 else np.zeros((1, 1))
    np.fill_diagonal(K, signal + noise)
    factor = cho_factor(K, overwrite_a=True, check_finite=False)
    alpha = cho_solve(factor, values, check_finite=False)
    value = 0.5 * float(values @ alpha) + float(np.log(np.diag(factor[0])).sum()) + 0.5 * n * log(2 * pi)

    W = dpotri(factor[0], lower=0)[0]  # its upper triangle
    W -= np.outer(alpha, alpha)
    trace = float(np.diag(W).sum())
    of_pairs = W[np.triu_indices(n, 1)]
    slopes = squares @ (of_pairs * falling * (r + 1)) * weights * (5 / 3)
    of_signal = float(of_pairs @ pairs) + 0.5 * trace * signal
    return value, np.array([*slopes, of_signal, 0.5 * trace * noise])


class Posterior:
    """What a Gaussian process of mean 0 knows after observations.

    Args:
        kernel: its kernel.
        inputs: (n, p).
        values: (n,), or (n, s) for s worlds that differ in what was observed.
    """

    def __init__(self, kernel: Kernel, inputs: np.ndarray, values: np.ndarray) -> None:
        from scipy.linalg import cho_solve, cholesky

        self.kernel, self.inputs, self.values = kernel, inputs, values
        K = kernel.covariance(inputs, inputs)
        K[np.diag_indices_from(K)] += kernel.noise
        self._factor = cholesky(K, lower=True, overwrite_a=True, check_finite=False)
        self._alpha = cho_solve((self._factor, True), values, check_finite=False)

    def mean(self, queries: np.ndarray) -> np.ndarray:
        """(m,) or (m, s) the function's mean at (m, p) queries."""
        return self.kernel.covariance(queries, self.inputs) @ self._alpha

    def at(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean, (m,) or (m, s), and standard deviation, (m,), of the function at (m, p) queries."""
        from scipy.linalg import solve_triangular

        step = max(1, MOST_PAIRS // len(self.inputs))
        means, deviations = [], []
        for i in range(0, len(queries), step):
            cross = self.kernel.covariance(self.inputs, queries[i : i + step])
            means.append(cross.T @ self._alpha)
            solved = solve_triangular(self._factor, cross, lower=True, overwrite_b=True, check_finite=False)
            rest = self.kernel.signal - np.einsum("ij,ij->j", solved, solved)
            deviations.append(np.sqrt(np.maximum(rest, 1e-12 * self.kernel.signal)))
        return np.concatenate(means), np.concatenate(deviations)

    def fantasised(self, queries: np.ndarray, draws: np.ndarray) -> Posterior:
        """The posterior in the worlds where the (m, p) queries had been observed too, one for each column of draws.

        Args:
            draws: (m, s) of the standard normal distribution; zeros make one world, that of the mean.
        """
        dreamt = self._drawn(queries, draws, self.kernel.noise)
        known = np.broadcast_to(self.values[:, None], (len(self.values), draws.shape[1]))
        return Posterior(self.kernel, np.vstack([self.inputs, queries]), np.vstack([known, dreamt]))

    def sampled(self, queries: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """(m, s) the function at (m, p) queries in as many worlds as (m, s) standard normal draws have columns."""
        return self._drawn(queries, draws, JITTER * self.kernel.signal)

    def _drawn(self, queries: np.ndarray, draws: np.ndarray, noise: float) -> np.ndarray:
        from scipy.linalg import cholesky, solve_triangular

        cross = self.kernel.covariance(self.inputs, queries)
        solved = solve_triangular(self._factor, cross, lower=True, check_finite=False)
        spread = self.kernel.covariance(queries, queries) - solved.T @ solved
        spread[np.diag_indices_from(spread)] += noise
        mean: np.ndarray = (cross.T @ self._alpha)[:, None]
        return mean + cholesky(spread, lower=True, check_finite=False) @ draws


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float | np.ndarray) -> np.ndarray:
    """E[max(0, best - f)] of normal f: Jones, Schonlau and Welch (1998), equation 15."""
    from scipy.special import ndtr

    u = (best - mean) / deviation
    density: np.ndarray = np.exp(-0.5 * u * u) / sqrt(2 * pi)
    return deviation * (u * ndtr(u) + density)


class Scale(NamedTuple):
    """How values become standard: nothing counts for more than `cap`, then they are shifted and scaled."""

    cap: float
    mean: float
    deviation: float  # 0 where values do not differ

    def of(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """(n,) the values, shifted and scaled, what diverged (inf) as `cap`; all zero where none differed."""
        y = np.array(values, dtype=np.float64)
        if self.deviation == 0:
            return np.zeros(len(y))
        with np.errstate(over="ignore"):
            return (np.minimum(y, self.cap) - self.mean) / self.deviation


def scale_of(values: Sequence[float] | np.ndarray) -> Scale:
    """The scale that makes values standard, as `standard` does."""
    y = np.array(values, dtype=np.float64)
    finite = np.isfinite(y)
    if not finite.any():
        return Scale(np.inf, 0.0, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.quantile(y[finite], [0.25, 0.75])
        if high > low:
            y = np.minimum(y, high + 3 * (high - low))
        cap = float(y[finite].max())
        y[~finite] = cap
        mean = y.mean()
        deviation = float((y - mean).std())
    return Scale(cap, float(mean), deviation if np.isfinite(deviation) else 0.0)


def standard(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Values shifted and scaled to mean 0 and variance 1, all zero where they do not differ.

    What lies above the upper quartile by more than three times the distance of the quartiles is moved down to there,
    so that one run that blew up does not make all others look alike; what diverged (inf) counts as the worst of what
    is left.
    """
    return scale_of(values).of(values)

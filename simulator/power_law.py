"""A power law fitted to the beginning of a learning curve, and what it says of the end."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, inf, log, log2

import numpy as np

EXPONENTS = (1 / 16, 8.0)  # between which the exponent is sought
STEPS_TO_DOUBLE = 2  # of the grid on which the search begins


def extrapolate(
    resources: Sequence[float], values: Sequence[float], at: float, confidence: float
) -> tuple[float, float]:
    """The value predicted at a resource, and how far below it the true one may well lie.

    The law is c + a * (r / at)^-alpha, `pow3` of Domhan et al. (2015) with a sign of its own, fitted by least squares:
    for a given alpha, a and c have a closed form; alpha is found on a grid and refined by Brent's bounded search.

    Args:
        resources, values: the curve so far: at least 4 points, finite, resources increasing up to `at`.
        at: the resource to predict.
        confidence: probability that one value at `at` lies above prediction - margin, if the law holds, its errors
            are normal and the fit is linear nearby: a Student's t with (points - 3) degrees of freedom.

    Returns:
        prediction and margin, in the unit of the values; a margin of inf where the points do not determine the law.

    O(n) for n points and each of about 50 values of alpha that are tried.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import stdtrit

    shares = [resource / at for resource in resources]
    base = values[-1]  # counted from here a constant curve is all zeros, without rounding
    heights = [value - base for value in values]

    def squares(log2_alpha: float) -> float:
        return _line(shares, heights, 2.0**log2_alpha)[2]

    low, high = (log2(bound) for bound in EXPONENTS)
    steps = int((high - low) * STEPS_TO_DOUBLE)
    best = min((low + k / STEPS_TO_DOUBLE for k in range(steps + 1)), key=squares)
    bounds = max(low, best - 1 / STEPS_TO_DOUBLE), min(high, best + 1 / STEPS_TO_DOUBLE)
    refined = minimize_scalar(squares, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    alpha = 2.0 ** min(best, float(refined.x), key=squares)

    c, a, rest = _line(shares, heights, alpha)
    prediction = base + c + a  # the law at share 1
    freedom = len(shares) - 3
    if rest == 0:
        return prediction, 0.0
    error = (rest / freedom * (1 + _leverage(shares, alpha))) ** 0.5
    return prediction, float(stdtrit(freedom, confidence)) * error


def _line(shares: Sequence[float], heights: Sequence[float], alpha: float) -> tuple[float, float, float]:
    """c and a of the least-squares fit c + a * share^-alpha, and its sum of squared residuals."""
    n = len(shares)
    powers = [share**-alpha for share in shares]
    mean, height = fsum(powers) / n, fsum(heights) / n
    spread = fsum((power - mean) ** 2 for power in powers)
    a = fsum((p - mean) * (h - height) for p, h in zip(powers, heights, strict=True)) / spread
    c = height - a * mean
    return c, a, fsum((h - c - a * p) ** 2 for p, h in zip(powers, heights, strict=True))


def _leverage(shares: Sequence[float], alpha: float) -> float:
    """Variance of the predicted law at share 1, as a multiple of that of a value; inf if it is not determined.

    From the derivatives by c, a and alpha, the last one but for its factor a, which does not change the result.
    """
    derivatives = np.array([(1.0, s**-alpha, s**-alpha * log(s)) for s in shares])
    largest = np.abs(derivatives).max(axis=0)
    triangle = np.linalg.qr(derivatives / largest).R
    if not np.all(np.abs(np.diag(triangle)) > 1e-12):
        return inf
    solved = np.linalg.solve(triangle.T, np.array([1.0, 1.0, 0.0]) / largest)
    return float(solved @ solved)

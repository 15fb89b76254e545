"""How sure a mean over tasks is: its variance, its degrees of freedom, and intervals for what has bounds.

Tasks are fixed and their seeds are a sample, so the variance is that of a stratified sample with tasks as strata.
"""

from __future__ import annotations

import numpy as np

from analysis.runs import RunsError


def check_confidence(confidence: float) -> None:
    """That it is a share.

    Raises:
        RunsError: it is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise RunsError(f"confidence is between 0 and 1, such as 0.95, not {confidence!r}")


def check_point(at: int, points: int) -> None:
    """That a point of the axis exists.

    Raises:
        RunsError: it does not.
    """
    if not -points <= at < points:
        raise RunsError(f"there are {points} points of the axis, from 0 or from -{points} on, and no point {at!r}")


def centred(values: np.ndarray) -> np.ndarray:
    """(K, N, ...) less the mean of each task; zero to the last bit where all are equal."""
    deviations = values - values[:, :1]
    return deviations - deviations.mean(axis=1, keepdims=True)


def variance(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the mean over tasks of their means over seeds may be off.

    The degrees of freedom are those of Satterthwaite (Biometrics Bulletin 1946), with the variance that a sample
    variance has whatever the distribution (Kenney & Keeping, Mathematics of Statistics II, 1951, p. 164), from each
    task's kurtosis. For normal values of one task they are N - 1 on average; few for long tails, where a variance is
    hardly known, and many for values of two kinds, whose variance follows from their mean.

    Args:
        values: (K, N, ...) for K tasks and N >= 2 seeds, finite.

    Returns:
        The squared standard error and the degrees of freedom, each (...); N - 1 of these where nothing varies.
    """
    tasks, seeds = values.shape[:2]
    deviations = centred(values)
    scale = np.abs(deviations).max(axis=(0, 1))
    deviations /= np.where(scale > 0, scale, 1.0)  # fourth powers overflow
    squares = deviations**2
    second, fourth = squares.mean(axis=1), (squares**2).mean(axis=1)
    varies = second > 0
    # A sample's kurtosis is too small by this factor if the values are normal, and 1 is the least there is.
    kurtosis = np.where(varies, fourth / np.where(varies, second, 1.0) ** 2, 1.0) * (seeds + 1) / (seeds - 1)
    freedom_of_task = 2 * seeds / (kurtosis - 1 + 2 / (seeds - 1))
    parts = second / (seeds - 1)
    total, spread = parts.sum(axis=0), (parts**2 / freedom_of_task).sum(axis=0)
    freedom = np.where(spread > 0, total**2 / np.where(spread > 0, spread, 1.0), seeds - 1.0)
    return scale**2 * total / tasks**2, freedom


def welch(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for values that are about normal, such as differences: N - 1 degrees of freedom for each task.

    For one task it is what Student's interval rests on, for several Welch's (Biometrika 1947).

    Args:
        values: (K, N, ...) for K tasks and N >= 2 seeds, finite.

    Returns:
        The squared standard error and the degrees of freedom, each (...); N - 1 of these where nothing varies.
    """
    return pooled(values.var(axis=1, ddof=1), values.shape[1])


def pooled(variances: np.ndarray, seeds: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `welch`, from the variance of each task's values, (K, ...), and the number of seeds."""
    parts = variances / (seeds * len(variances) ** 2)
    error, spread = parts.sum(axis=0), (parts**2).sum(axis=0) / (seeds - 1)
    return error, np.where(spread > 0, error**2 / np.where(spread > 0, spread, 1.0), seeds - 1.0)


def bounded_interval(
    middle: np.ndarray,
    squared_error: np.ndarray,
    critical: np.ndarray,
    bounds: tuple[float, float],
    runs: int,
) -> tuple[np.ndarray, np.ndarray]:
    """An interval for a mean that lies between two bounds, such as a share or a rank.

    It is Wilson's score interval (JASA 1927) with an effective sample size, as for shares in surveys: how many draws of
    0 or 1 would have the same variance (Korn & Graubard, Survey Methodology 1998). That nothing varied, as when all
    seeds were won, does not say that nothing will: what was not seen in so many runs may yet be as many as Wilson's
    upper limit for none says, and may lie at either bound. A bootstrap cannot know that, and near the bounds it covers
    far less than it says.

    Args:
        middle: (...) the means.
        squared_error: (...) their squared standard errors.
        critical: (...) the quantile of Student's t for the interval's confidence.
        bounds: the least and the greatest value of the mean.
        runs: of how many values it is the mean.

    Returns:
        The lower and the upper ends, each (...); never beyond the bounds.
    """
    low, high = bounds
    if low == high:
        return np.full_like(middle, low), np.full_like(middle, high)
    share = (middle - low) / (high - low)
    of_one = share * (1 - share)
    error = squared_error / (high - low) ** 2
    varies = (error > 0) & (of_one > 0)
    shrink = np.where(varies, critical**2 * error / np.where(varies, of_one, 1.0), 0.0)
    centre = (share + shrink / 2) / (1 + shrink)
    half = np.sqrt(shrink * of_one + shrink**2 / 4) / (1 + shrink)
    unseen = critical**2 / (runs + critical**2)
    lower = np.where(varies, centre - half, share * (1 - unseen))
    upper = np.where(varies, centre + half, share + (1 - share) * unseen)
    lower, upper = (low + (high - low) * np.clip(end, 0.0, 1.0) for end in (lower, upper))
    return np.minimum(lower, middle), np.maximum(upper, middle)

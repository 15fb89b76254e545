"""Bootstrap of seeds within each task, with intervals that hold for ten seeds and more.

A resample draws as many seeds as there are, with replacement, for each task by itself (stratified: the tasks are the
ones we have, their seeds are a sample). It takes a seed for all schedulers and all times at once, so what is paired
stays paired. Only how often each seed was drawn matters, and these counts are the same for all columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from analysis.intervals import centred
from analysis.runs import RunsError

SEED = 0  # of the resamples, so that the same scores give the same intervals
RESAMPLES = 1000
CELLS = 4_000_000  # numbers in one array at a time
LEAST_ERROR = 0.1  # of a resample, squared, as a share of the sample's


def check_resamples(resamples: int, confidence: float) -> None:
    """That there are enough of them to have some beyond each end.

    Raises:
        RunsError: there are too few.
    """
    least = int(np.ceil(round(2 / (1 - confidence), 6)))
    if resamples < least:
        raise RunsError(f"resamples are {least} or more for intervals of {confidence:g}, not {resamples!r}")


@lru_cache(maxsize=2)
def resample(tasks: int, seeds: int, resamples: int = RESAMPLES) -> np.ndarray:
    """(B, K, N) how often each of N seeds of each of K tasks is in each of B resamples; read-only, always the same."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    counts = np.empty((resamples, tasks, seeds), dtype=np.int16 if tasks * seeds < 2**15 else np.int32)
    offsets = seeds * np.arange(resamples)[:, None]
    for task in range(tasks):
        drawn = generator.integers(seeds, size=(resamples, seeds))
        counts[:, task] = np.bincount((drawn + offsets).ravel(), minlength=resamples * seeds).reshape(resamples, seeds)
    counts.flags.writeable = False
    return counts


def means(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each resample: the mean, less the sample's, and its squared standard error.

    Args:
        values: (K, N, M) for M columns, finite.
        counts: (B, K, N).

    Returns:
        Two arrays (B, M).
    """
    tasks, seeds, columns = values.shape
    deviations = centred(values)
    shift, error = np.zeros((len(counts), columns)), np.zeros((len(counts), columns))
    for task in range(tasks):
        shares = counts[:, task] / seeds
        mean = shares @ deviations[task]
        shift += mean / tasks
        error += np.maximum(shares @ deviations[task] ** 2 - mean**2, 0.0) / ((seeds - 1) * tasks**2)
    return shift, error


def studentised(shift: np.ndarray, error: np.ndarray, error_of_sample: np.ndarray) -> np.ndarray:
    """(B, M) by how many of its own standard errors the mean of each resample is above the sample's.

    A resample that varies much less than the sample, as happens with many ties, would be off by very many: its squared
    error is taken as a tenth of the sample's at least. Zero where nothing varies.

    Args:
        shift, error: (B, M) as from `means`.
        error_of_sample: (M,) the squared standard error of the sample's mean.
    """
    varies = error_of_sample > 0
    least = np.where(varies, LEAST_ERROR * error_of_sample, 1.0)
    return np.where(varies, shift / np.sqrt(np.maximum(error, least)), 0.0)


def middles(values: np.ndarray, counts: np.ndarray, first: int, last: int) -> np.ndarray:
    """Of each resample: the mean of its values of ranks first, ..., last - 1, over all tasks and seeds.

    Args:
        values: (K, N, M); inf where there is no result.
        counts: (B, K, N).
        first, last: ranks from 0 to K * N; the median is that of one or two ranks, a trimmed mean that of many.

    Returns:
        (B, M); inf where one of these ranks has no result.
    """
    runs, columns = values.shape[0] * values.shape[1], values.shape[2]
    values = values.reshape(runs, columns)
    order = np.argsort(values, axis=0, kind="stable")
    ranked = np.take_along_axis(values, order, axis=0)
    known = np.isfinite(ranked).sum(axis=0)
    found = np.full((len(counts), columns), np.inf)
    drawn = np.ascontiguousarray(counts.reshape(len(counts), runs).T)
    for block in _blocks(len(counts), CELLS // runs):
        some = np.ascontiguousarray(drawn[:, block])
        for part in _blocks(columns, CELLS // (runs * some.shape[1])):
            # How many values of a resample are among the least 1, 2, ... of the sample; rows added up are several
            # times as fast as `cumsum`.
            below = some[order[:, part].T]
            for rank in range(1, runs):
                np.add(below[:, rank], below[:, rank - 1], out=below[:, rank])
            for column, of_column in zip(range(columns)[part], below, strict=True):
                n = known[column]
                if n:
                    above = last - np.clip(of_column[: n - 1], first, last)
                    # Not a matrix product: on two cores threads of BLAS take longer to begin than this takes.
                    rise = np.einsum("r,rb->b", np.diff(ranked[:n, column]), above)
                    value = ranked[0, column] + rise / (last - first)
                    found[block, column] = np.where(of_column[n - 1] >= last, value, np.inf)
    return found


def _blocks(n: int, size: int) -> Iterator[slice]:
    """0, ..., n - 1 in slices of at most `size`, and of one at least."""
    size = max(1, size)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def percentiles(resampled: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper quantiles of (B, M) between which that share of the resamples is, each (M,); inf is last."""
    tail = (1 - confidence) / 2
    lower = np.quantile(resampled, tail, axis=0, method="lower")
    return lower, np.quantile(resampled, 1 - tail, axis=0, method="higher")


def stretched(
    resampled: np.ndarray, middle: np.ndarray, freedom: np.ndarray, seeds: int, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """The percentile interval, drawn apart as far as small samples need.

    In small samples a percentile interval is too short, as that of a mean would be with n instead of n - 1 in its
    variance and the normal's quantile instead of Student's (Hesterberg, The American Statistician 2015). He moves the
    quantiles outwards until both are made up for; here the ends are moved instead, by the same factor
    sqrt(N / (N - 1)) * t / z, which comes to the same for a normal mean and does not run out of resamples.

    Args:
        resampled: (B, M) the statistic of each resample.
        middle: (M,) that of the sample, finite.
        freedom: (M,) degrees of freedom of its variance.
        seeds: N, of each task.
        confidence: such as 0.95.

    Returns:
        The lower and the upper ends, each (M,), around the middle.
    """
    from scipy.special import ndtri, stdtrit

    tail = (1 - confidence) / 2
    factor = np.sqrt(seeds / (seeds - 1)) * stdtrit(freedom, tail) / ndtri(tail)
    lower, upper = percentiles(resampled, confidence)
    return middle - factor * np.maximum(middle - lower, 0.0), middle + factor * np.maximum(upper - middle, 0.0)

"""Survival: how many runs have not got to their target yet, where others ended without (Kaplan & Meier 1958)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.paired import CONFIDENCE

_NOISE = 1e-9  # what rounding leaves of a share of one half


@dataclass(frozen=True, eq=False)
class Survival:
    """The share of runs that have not got to their target, over time: a step function, 1 before `times[0]`.

    Attributes:
        times: (T,) increasing, where a run got there or ended.
        shares: (T,) from there on; after the last of them it is known only where it is 0.
        lower, upper: (T,) ends of the 95% confidence interval of each share, by itself; a point as long as none
            got there, of which Greenwood's formula knows nothing.
    """

    times: np.ndarray
    shares: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @property
    def median(self) -> tuple[float, float, float]:
        """The first time by which half of the runs got there (inf: it cannot be told), and its 95% confidence interval.

        The interval holds the times at which that of the share holds one half (Brookmeyer & Crowley 1982). Its lower
        end is never later than the last time, after which nothing is known.
        """
        times = []
        for shares in (self.shares, self.lower, self.upper):
            there = np.flatnonzero(shares <= 0.5 + _NOISE)
            times.append(float(self.times[there[0]]) if len(there) else float("inf"))
        median, lower, upper = times
        return median, min(lower, float(self.times[-1])), upper


def kaplan_meier(times: np.ndarray, reached: np.ndarray) -> Survival:
    """Kaplan and Meier's estimate, with intervals by Greenwood's formula on the log-log scale.

    Args:
        times: (n,) when each run got there, or ended.
        reached: (n,) bool, which of the two.
    """
    from scipy.stats import ecdf

    found = ecdf(censored(times, reached)).sf
    with warnings.catch_warnings():  # there is no interval where all got there, or none yet: that is seen to below
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = found.confidence_interval(CONFIDENCE, method="log-log")
    shares = found.probabilities
    lower, upper = interval.low.probabilities.copy(), interval.high.probabilities.copy()
    before, after = shares == 1, shares <= 0
    lower[before], upper[before], lower[after] = 1.0, 1.0, 0.0
    upper[after] = upper[~after][-1] if (~after).any() else 1.0  # the last that is known
    return Survival(found.quantiles, shares, lower, upper)


def censored(times: np.ndarray, reached: np.ndarray) -> Any:
    """The same as SciPy's tests take it."""
    from scipy.stats import CensoredData

    return CensoredData(uncensored=times[reached], right=times[~reached])


def known_until(times: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(...) the time after which an estimate of survival is unknown: the last, if a run ended then without; else inf.

    Args:
        times, reached: (..., N).
    """
    ended = np.where(reached, -np.inf, times).max(axis=-1)
    return np.where(ended >= times.max(axis=-1), ended, np.inf)


def shares_in(times: np.ndarray, reached: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Survival in B resamples of a task at once.

    Args:
        times, reached: (N,).
        counts: (B, N), how often each run is in each resample.

    Returns:
        (T,) all times at which a run got there or ended, and (B, T) the shares that had not from there on. After its
        last run, a resample's stays as it is (Gill 1980).
    """
    order = np.argsort(times, kind="stable")
    grid, first = np.unique(times[order], return_index=True)
    ordered = counts[:, order]
    left = np.add.reduceat(ordered, first, axis=1)
    got_there = np.add.reduceat(ordered * reached[order], first, axis=1)
    at_risk = np.cumsum(left[:, ::-1], axis=1)[:, ::-1]
    return grid, np.cumprod(1 - got_there / np.maximum(at_risk, 1), axis=1)


def medians_in(times: np.ndarray, reached: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(B, K) the medians in resamples (B, K, N) of each task, inf where there is none; times, reached: (K, N)."""
    found = np.full(counts.shape[:2], np.inf)
    for k in range(len(times)):
        grid, shares = shares_in(times[k], reached[k], counts[:, k])
        there = shares <= 0.5 + _NOISE
        found[:, k] = np.where(there.any(axis=1), grid[there.argmax(axis=1)], np.inf)
    return found


def restricted_means_in(times: np.ndarray, reached: np.ndarray, horizon: float, counts: np.ndarray) -> np.ndarray:
    """(B,) the mean times up to a horizon in resamples (B, K, N), averaged over tasks; times, reached: (K, N)."""
    total = np.zeros(len(counts))
    for k in range(len(times)):
        grid, shares = shares_in(times[k], reached[k], counts[:, k])
        widths = np.diff(np.concatenate([[0.0], np.minimum(grid, horizon), [horizon]]))
        total += widths[0] + shares @ widths[1:]
    return total / len(times)

"""Two schedulers under the same seeds, at equal simulated time: by how much, how surely, and how often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.curves import Curves, curves
from analysis.runs import RunsError, check_one

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Paired:
    """How a scheduler compares with another, over n seeds.

    Attributes:
        differences: (n,) its value minus the other's, by seed; of losses where smaller is better, so that negative
            means better. NaN where either has no result yet.
        mean: of the differences; NaN if one of them is.
        low, high: the ends of the mean's 95% confidence interval; NaN for a single seed.
        won, lost: shares of seeds where its value is better, and worse; a run without a result is worse than any that
            has one.
    """

    differences: np.ndarray
    mean: float
    low: float
    high: float
    won: float
    lost: float


def paired(runs: pd.DataFrame | Curves, scheduler: str, other: str, at: float | None = None) -> Paired:
    """The difference between two schedulers, seed by seed.

    Under one seed both meet the same configurations and replicates in the same order, so the difference varies less
    than either. The interval is Student's for the mean of the differences: it draws nothing, and it exists where all
    differences are equal. For several tables, or all pairs at once, see `analysis.compare_all`.

    Args:
        runs: of one table, one number of workers and one cluster; or their `analysis.curves`.
        scheduler, other: as named in `runs`.
        at: where on the axis (simulated seconds, if nothing else was asked for) both are compared; their final values
            by default.

    Raises:
        RunsError: runs of several tables, numbers of workers or clusters, a scheduler without runs, or seeds that only
            one of the two has or that come twice.
    """
    some = curves(runs)
    for column, what in (("table", "table"), ("workers", "number of workers"), ("cluster", "cluster")):
        check_one(some.runs, column, f"schedulers are compared on one {what}")
    when = np.array([np.inf if at is None else at])
    values = []
    for name in (scheduler, other):
        own = some.where((some.runs["scheduler"] == name).to_numpy())
        if not len(own):
            known = ", ".join(sorted(some.runs["scheduler"].unique()))
            raise RunsError(f"there is no run of {name!r}: known: {known}")
        seeds = own.runs["seed"]
        if seeds.duplicated().any():
            raise RunsError(f"{name!r} was run twice under seed {seeds[seeds.duplicated()].iloc[0]}")
        values.append(pd.Series(own.at(when)[:, 0], index=seeds))
    alone = set(values[0].index) ^ set(values[1].index)
    if alone:
        raise RunsError(f"{scheduler!r} and {other!r} are not paired: only one was run under seed {min(alone)}")
    own_losses, others = (some.sign * column.sort_index().to_numpy(dtype=np.float64) for column in values)
    differences = own_losses - others
    low, high = mean_interval(differences)
    ranks, ranks_of_other = (np.where(np.isnan(losses), np.inf, losses) for losses in (own_losses, others))
    return Paired(
        differences=differences,
        mean=float(differences.mean()),
        low=low,
        high=high,
        won=float((ranks < ranks_of_other).mean()),
        lost=float((ranks > ranks_of_other).mean()),
    )


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """The 95% confidence interval of a mean (Student's t), NaN for a single value; (n,) independent values."""
    from scipy.stats import t

    n = len(values)
    if n < 2:
        return float("nan"), float("nan")
    half = t.ppf((1 + CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return float(values.mean() - half), float(values.mean() + half)

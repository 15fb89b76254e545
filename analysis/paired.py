"""Two schedulers under the same seeds, at equal simulated time: by how much, how surely, and how often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.anytime import Score, best_so_far
from analysis.runs import RunsError, as_runs, check_one

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


def paired(
    runs: pd.DataFrame, scheduler: str, other: str, time: float | None = None, score: Score = "reported"
) -> Paired:
    """The difference between two schedulers, seed by seed.

    Under one seed both meet the same configurations and replicates in the same order, so the difference varies less
    than either. The interval is Student's for the mean of the differences: with some twenty seeds it is wider than that
    of a bootstrap, which covers less than it says in samples so small; it draws nothing, and it exists where all
    differences are equal.

    Args:
        runs: of one table, one number of workers and one cluster.
        scheduler, other: as named in `runs`.
        time: simulated seconds at which both are compared; their final values by default.
        score: what is compared, see `analysis.best_so_far`.

    Raises:
        RunsError: runs of several tables, numbers of workers or clusters, a scheduler without runs, seeds that only
            one of the two has or that come twice, or no test metric.
    """
    runs = as_runs(runs)
    for column, what in (("table", "table"), ("workers", "number of workers"), ("cluster", "cluster")):
        check_one(runs, column, f"schedulers are compared on one {what}")
    when = np.array([np.inf if time is None else time])
    values = []
    for name in (scheduler, other):
        group = runs[runs["scheduler"] == name]
        if not len(group):
            raise RunsError(f"there is no run of {name!r}: known: {', '.join(sorted(runs['scheduler'].unique()))}")
        if group["seed"].duplicated().any():
            raise RunsError(f"{name!r} was run twice under seed {group['seed'][group['seed'].duplicated()].iloc[0]}")
        values.append(pd.Series({run["seed"]: best_so_far(run, when, score)[0] for _, run in group.iterrows()}))
    alone = set(values[0].index) ^ set(values[1].index)
    if alone:
        raise RunsError(f"{scheduler!r} and {other!r} are not paired: only one was run under seed {min(alone)}")
    direction = runs["test_direction" if score == "test" else "direction"].iloc[0]
    sign = -1.0 if direction == "max" and score != "regret" else 1.0
    own, others = (sign * column.sort_index().to_numpy(dtype=np.float64) for column in values)
    differences = own - others
    low, high = mean_interval(differences)
    ranks, ranks_of_other = (np.where(np.isnan(losses), np.inf, losses) for losses in (own, others))
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

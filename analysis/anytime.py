"""Anytime performance: the best value so far over simulated time, or over money, counted at every resource.

The incumbent at a time is the best reported result up to then, at whichever resource it was seen, not only where a
scheduler took a decision.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from analysis.runs import RunsError, X, along, check_one

Score = Literal["reported", "regret", "test"]
POINTS = 400


def best_so_far(run: pd.Series, times: np.ndarray, score: Score = "reported") -> np.ndarray:
    """The score of one run's incumbent at each of `times` (seconds); NaN before its first result.

    Args:
        run: a row of runs.
        times: (T,) in any order.
        score: ``"reported"``: the metric that the scheduler saw. ``"regret"``: its distance to the best value in
            the table, never negative. ``"test"``: the test metric of the incumbent.
    """
    if score not in get_args(Score):
        raise RunsError(f"score is one of {', '.join(get_args(Score))}, not {score!r}")
    values = np.asarray(run["test_values"] if score == "test" else run["values"], dtype=np.float64)
    if score == "test" and len(values) != len(run["times"]):
        raise RunsError(f"{run['table']} has no test metric to score the incumbent by")
    if score == "regret":
        values = np.abs(values - run["table_best"])
    known = np.searchsorted(np.asarray(run["times"]), times, side="right")
    return np.concatenate([[np.nan], values])[known]


def time_grid(runs: pd.DataFrame, span: float = 1e6) -> np.ndarray:
    """(T,) times in seconds, evenly spaced in log time from the first result to the end of the longest run.

    The end is at most `span` times the beginning.
    """
    first = min((times[0] for times in runs["times"] if len(times)), default=0.0)
    end = float(runs["end"].max())
    return np.geomspace(max(first, end / span), end, POINTS) if end > 0 else np.zeros(1)


def anytime(
    runs: pd.DataFrame, score: Score = "reported", times: np.ndarray | None = None, x: X = "time"
) -> pd.DataFrame:
    """Median and interquartile band over seeds, for each scheduler.

    A run that has no result yet counts as worse than any, so a quantile is NaN as long as too many have none.

    Args:
        runs: of one table and one cluster.
        score: see `best_so_far`.
        times: (T,) seconds, or costs; a grid in log time by default.
        x: ``"cost"``: curves over what the workers had cost by then, in the currency of the cluster's price.

    Returns:
        Columns scheduler, time (or cost), median, lower, upper (the quartiles, lower <= upper) and runs (how many).

    Raises:
        RunsError: runs of several tables or clusters, no test metric, or no price.
    """
    runs = along(runs, x)
    check_one(runs, "table", "anytime curves are drawn for one table")
    check_one(runs, "cluster", "anytime curves are drawn for one cluster")
    times = time_grid(runs) if times is None else np.asarray(times, dtype=np.float64)
    direction = runs["test_direction" if score == "test" else "direction"].iloc[0]
    worst = -np.inf if direction == "max" and score != "regret" else np.inf
    parts = []
    for scheduler, group in runs.groupby("scheduler", sort=False):
        curves = np.stack([best_so_far(run, times, score) for _, run in group.iterrows()])
        lower, median, upper = (quantile(curves, q, worst) for q in (0.25, 0.5, 0.75))
        parts.append(
            pd.DataFrame(
                {
                    "scheduler": scheduler,
                    x: times,
                    "median": median,
                    "lower": lower,
                    "upper": upper,
                    "runs": len(group),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def quantile(values: np.ndarray, q: float, worst: float) -> np.ndarray:
    """Linear quantile over the first axis, NaN counting as `worst`; NaN where it would fall on one of these.

    Args:
        values: (runs, ...).
        q: from 0 to 1.
        worst: inf where smaller is better, else -inf.
    """
    ranked = np.sort(np.where(np.isnan(values), worst, values), axis=0)
    position = q * (len(ranked) - 1)
    low, high = ranked[int(np.floor(position))], ranked[int(np.ceil(position))]
    known = np.isfinite(low) & np.isfinite(high)
    low, high = np.where(known, low, 0.0), np.where(known, high, 0.0)
    return np.where(known, low + (high - low) * (position % 1), np.nan)

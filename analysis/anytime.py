"""Anytime performance: how good the incumbent is over time, for each scheduler over its runs."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from analysis.aggregates import How, aggregate
from analysis.curves import Curves, curves, grid
from analysis.pairing import scores
from analysis.runs import RunsError, check_one

Band = Literal["quartiles", "interval"]


def anytime(
    runs: pd.DataFrame | Curves, at: np.ndarray | None = None, how: How = "median", band: Band = "quartiles"
) -> pd.DataFrame:
    """Each scheduler's median, mean or interquartile mean over seeds, and a band around it.

    A run that has no result yet, or whose incumbent diverged, counts as worse than any, so a quantile or a mean is NaN
    as long as it rests on such a run.

    Args:
        runs: of one table and one cluster, or their `analysis.curves`. Of several tables: `analysis.aggregate`.
        at: (T,) points of the axis; a grid in log time by default.
        how: see `analysis.aggregate`.
        band: ``"quartiles"``: where the middle half of the runs is. ``"interval"``: the 95% confidence interval, by
            bootstrap, which needs paired runs.

    Returns:
        Columns scheduler, x, middle, lower, upper (lower <= upper) and runs (how many).

    Raises:
        RunsError: runs of several tables or clusters, another argument; or runs that are not paired, for an interval.
    """
    if how not in get_args(How) or band not in get_args(Band):
        raise RunsError(
            f"how is one of {', '.join(get_args(How))} and band one of {', '.join(get_args(Band))}, "
            f"not {how!r} and {band!r}"
        )
    some = curves(runs)
    for column in ("table", "cluster"):
        check_one(some.runs, column, f"anytime curves are drawn for one {column}")
    at = grid(some) if at is None else np.asarray(at, dtype=np.float64)
    worst = np.inf * some.sign
    needs_pairs = band == "interval" or how != "median"
    found = aggregate(scores(some, at, bound=True), how) if needs_pairs else None
    parts = []
    for i, (scheduler, own) in enumerate(some.schedulers.items()):
        lower, middle, upper = (quantile(own.at(at), q, worst) for q in (0.25, 0.5, 0.75))
        if found is not None:
            middle = some.sign * found.middle[i]
            if band == "interval":
                ends = some.sign * found.lower[i], some.sign * found.upper[i]
                lower, upper = ends if some.sign > 0 else ends[::-1]
        parts.append(
            pd.DataFrame(
                {"scheduler": scheduler, "x": at, "middle": middle, "lower": lower, "upper": upper, "runs": len(own)}
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

"""Runs as a DataFrame, one row a run, as `simulator.study` makes and stores them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from simulator.accounting import PARTS

X = Literal["time", "cost"]

NEEDED = (
    *("table", "metric", "direction", "unit", "test_metric", "test_direction", "test_unit"),
    *("scheduler", "seed", "workers", "end", "best", "trials", "resource", "idle", "exhausted_at"),
    *("table_best", "table_median", "full_training", "times", "values", "test_values"),
)
# What rows of runs did not tell before there were clusters.
UNKNOWN: dict[str, Any] = {"cluster": "", **dict.fromkeys(("crashes", "preemptions", "failed"), 0)}
UNKNOWN |= dict.fromkeys(("worker_time", *(f"time_{part}" for part in PARTS), "cost"), np.nan)


class RunsError(ValueError):
    """What was given does not hold runs, or runs that cannot be looked at together."""


def as_runs(rows: Sequence[dict[str, Any]] | pd.DataFrame, where: str = "runs") -> pd.DataFrame:
    """Rows of `simulator.study.run_row` as a DataFrame, checked.

    Rows that were written before there were clusters are of no cluster: nothing is known of their workers' time.

    Raises:
        RunsError: no row, columns that are missing, or more than one metric.
    """
    frame = pd.DataFrame(rows)
    if not len(frame):
        raise RunsError(f"{where}: there is no run")
    missing = [name for name in NEEDED if name not in frame]
    if missing:
        raise RunsError(f"{where}: columns are missing: {', '.join(missing)}")
    if frame["metric"].nunique() > 1:
        raise RunsError(f"{where}: runs of several metrics: {', '.join(sorted(frame['metric'].unique()))}")
    frame = frame.assign(**{name: value for name, value in UNKNOWN.items() if name not in frame})
    frame["cluster"] = frame["cluster"].fillna("")  # where some rows are older than others
    if "costs" not in frame:
        frame["costs"] = [[] for _ in range(len(frame))]
    return frame


def by_cost(runs: pd.DataFrame) -> pd.DataFrame:
    """The same runs in money instead of time: `times` holds what the workers had cost by then, `end` what they cost.

    Whatever is told at a time, such as `analysis.anytime`, `paired` or `summarise`, is then told at a cost, in the
    currency of the cluster's price.

    Raises:
        RunsError: a run on a cluster without a price.
    """
    runs = as_runs(runs)
    if runs["cost"].isna().any():
        run = runs[runs["cost"].isna()].iloc[0]
        where = f"the cluster {run['cluster']}" if run["cluster"] else "no cluster"
        raise RunsError(f"{run['table']}, {run['scheduler']}: it was run on {where}, so that workers have no price")
    return runs.assign(times=runs["costs"], end=runs["cost"])


def along(runs: pd.DataFrame, x: X) -> pd.DataFrame:
    """Runs by time, as they are, or by cost.

    Raises:
        RunsError: neither of these, or a run without a price.
    """
    if x not in get_args(X):
        raise RunsError(f"x is one of {', '.join(get_args(X))}, not {x!r}")
    return as_runs(runs) if x == "time" else by_cost(runs)


def check_one(runs: pd.DataFrame, column: str, what: str) -> None:
    """That runs which are looked at together have one table, or one cluster, or the like.

    Raises:
        RunsError: they have several.
    """
    if runs[column].nunique() > 1:
        found = ", ".join(str(value) or "none" for value in sorted(runs[column].unique()))
        raise RunsError(f"{what}, not {found}")


def load_runs(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The runs that `rungsim compare` wrote: a `runs.parquet`, or the folder that holds it.

    Raises:
        RunsError: no such file, or not one of runs.
    """
    path = Path(path)
    path = path / "runs.parquet" if path.is_dir() else path
    if not path.is_file():
        raise RunsError(f"{path}: there is no such file")
    try:
        return as_runs(pd.read_parquet(path), str(path))
    except (OSError, ValueError) as error:
        raise error if isinstance(error, RunsError) else RunsError(f"{path}: {error}") from error

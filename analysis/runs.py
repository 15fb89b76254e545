"""Runs as a DataFrame, one row a run, as `simulator.study` makes and stores them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simulator.accounting import PARTS
from simulator.errors import RunsError
from simulator.study import PREFIXES, STEPS

__all__ = ["RunsError", "as_runs", "check_one", "load_runs", "number_of", "usual_baseline", "whose"]

NEEDED = (
    *("table", "metric", "direction", "unit", "test_metric", "test_direction", "test_unit"),
    *("scheduler", "seed", "workers", "end", "best", "trials", "resource", "idle", "exhausted_at"),
    *("table_best", "table_median", "full_training", "times", "values", "test_values"),
)
OWN = "rungsim"  # whose code decided where no other library is recorded
# What older rows of runs do not tell.
UNKNOWN: dict[str, Any] = {"cluster": "", "library": "", **dict.fromkeys(("crashes", "preemptions", "failed"), 0)}
UNKNOWN |= dict.fromkeys(("worker_time", *(f"time_{part}" for part in PARTS), "cost", "charged_end"), np.nan)
UNKNOWN |= dict.fromkeys((f"{scored}_{end}" for scored in ("test", "mean") for end in ("best", "median")), np.nan)


def as_runs(rows: Sequence[dict[str, Any]] | pd.DataFrame, where: str = "runs") -> pd.DataFrame:
    """Rows of `simulator.study.run_row` as a DataFrame, checked.

    Rows that were written before there were clusters are of no cluster: nothing is known of their workers' time. Those
    from before there were schedulers of other libraries are of rungsim's own.

    Raises:
        RunsError: no row, columns that are missing, more than one metric on a table, or times that cannot be.
    """
    frame = pd.DataFrame(rows)
    if not len(frame):
        raise RunsError(f"{where}: there is no run")
    missing = [name for name in NEEDED if name not in frame]
    if missing:
        raise RunsError(f"{where}: columns are missing: {', '.join(missing)}")
    for table, metrics in frame.groupby("table")["metric"].unique().items():
        if len(metrics) > 1:
            raise RunsError(f"{where}: runs of several metrics on {table}: {', '.join(sorted(metrics))}")
    frame = frame.assign(
        **{name: value for name, value in UNKNOWN.items() if name not in frame},
        **{name: [[] for _ in range(len(frame))] for name in STEPS if name not in frame},
    )
    for name in ("cluster", "library"):
        frame[name] = frame[name].fillna("")  # where some rows are older than others
    for name in STEPS:
        if frame[name].isna().any():
            frame[name] = [[] if np.ndim(entries) == 0 else entries for entries in frame[name]]
    _check_times(frame, where)
    return frame


def _check_times(runs: pd.DataFrame, where: str) -> None:
    """That runs end, and that improvements come, at numbers from 0 on, one after the other."""

    def refuse(row: int, what: str) -> None:
        run = runs.iloc[row]
        raise RunsError(f"{where}: {run['scheduler']} on {run['table']}, seed {run['seed']}: {what}")

    ends = runs["end"].to_numpy(dtype=np.float64)
    for row in np.flatnonzero(~(np.isfinite(ends) & (ends >= 0))).tolist():
        refuse(row, f"its end is {ends[row]:g}, and a run ends at a number of seconds from 0 on")
    for rule, prefix in PREFIXES.items():
        for row, times in enumerate(runs[f"{prefix}times"]):
            at = np.asarray(times, dtype=np.float64)
            if not (np.isfinite(at) & (at >= 0)).all():
                refuse(row, f"{prefix}times has an entry that is no number of seconds from 0 on")
            if rule != "charged" and (at[1:] < at[:-1]).any():  # what is trained to the end may be overtaken
                refuse(row, f"{prefix}times go back")


def check_one(runs: pd.DataFrame, column: str, what: str) -> None:
    """That runs which are looked at together have one table, or one cluster, or the like.

    Raises:
        RunsError: they have several.
    """
    if runs[column].nunique() > 1:
        found = ", ".join(str(value) or "none" for value in sorted(runs[column].unique()))
        raise RunsError(f"{what}, not {found}")


def number_of(scheduler: str, schedulers: Sequence[str]) -> int:
    """Which of some schedulers one is, from 0.

    Raises:
        RunsError: it is none of them.
    """
    if scheduler not in schedulers:
        raise RunsError(f"there is no run of {scheduler!r}: known: {', '.join(sorted(schedulers))}")
    return schedulers.index(scheduler)


def usual_baseline(schedulers: Sequence[str]) -> str:
    """What others are compared with unless somebody says: random search, or else the first."""
    return "random" if "random" in schedulers else schedulers[0]


def whose(runs: pd.DataFrame) -> str:
    """Whose code decided in some runs: ``rungsim``, or another library with its version, or several."""
    return ", ".join(dict.fromkeys(str(library) or OWN for library in runs["library"]))


def load_runs(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The runs that `rungsim compare` or `rungsim study` wrote: a `runs.parquet`, or the folder that holds it.

    Raises:
        RunsError: no such file, or not one of runs.
    """
    path = Path(path)
    path = path / "runs.parquet" if path.is_dir() and path.name != "runs.parquet" else path
    if not path.exists():
        raise RunsError(f"{path}: there is no such file")
    try:
        runs = as_runs(pd.read_parquet(path), str(path))
    except (OSError, ValueError) as error:
        raise error if isinstance(error, RunsError) else RunsError(f"{path}: {error}") from error
    # While a study goes on, or after it was killed, a run may be in two of its parts.
    return runs.drop_duplicates("run", ignore_index=True) if "run" in runs else runs

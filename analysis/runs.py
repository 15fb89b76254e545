"""Runs as a DataFrame, one row a run, as `simulator.study` makes and stores them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

NEEDED = (
    *("table", "metric", "direction", "unit", "test_metric", "test_direction", "test_unit"),
    *("scheduler", "seed", "workers", "end", "best", "trials", "resource", "idle", "exhausted_at"),
    *("table_best", "table_median", "full_training", "times", "values", "test_values"),
)


class RunsError(ValueError):
    """What was given does not hold runs, or runs that cannot be looked at together."""


def as_runs(rows: Sequence[dict[str, Any]] | pd.DataFrame, where: str = "runs") -> pd.DataFrame:
    """Rows of `simulator.study.run_row` as a DataFrame, checked.

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
    return frame


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

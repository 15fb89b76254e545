"""Traces of a study on disk: a row a run, its events as columns of lists."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.columns import Columns
from simulator.errors import RunsError
from simulator.segments import JobColumns
from simulator.study.parts import read_parts
from simulator.text import header_of, info_of
from simulator.trace import Trace

if TYPE_CHECKING:
    import pyarrow as pa

OF_EVENTS = ("time", "trial", "worker", "event", "resource", "until", "value", "config", "replicate", "checkpoint_of")
OF_JOBS = tuple(field.name for field in fields(JobColumns))
KINDS: dict[str, type[np.generic]] = {  # of those that are not float64
    **dict.fromkeys(("trial", "worker", "config", "replicate"), np.int32),
    **dict.fromkeys(("time", "checkpoint_of", "overhead", "save"), np.int64),
    "event": np.int8,
}


def trace_row(run: str, trace: Trace) -> dict[str, Any]:
    """A trace as a row of `schema`, for the run that has this key."""
    c = trace.columns
    columns = {name: getattr(c, name).astype(KINDS.get(name, np.float64)) for name in OF_EVENTS}
    jobs = {name: None if c.jobs is None else getattr(c.jobs, name) for name in OF_JOBS}
    return {"run": run, "info": header_of(trace.info), **columns, **jobs}


def schema() -> pa.Schema:
    """Of traces."""
    import pyarrow as pa

    columns = [(name, pa.list_(pa.from_numpy_dtype(KINDS.get(name, np.float64)))) for name in (*OF_EVENTS, *OF_JOBS)]
    return pa.schema([("run", pa.string()), ("info", pa.string()), *columns])


def load_trace(study: Path, run: str) -> Trace:
    """The trace of a run.

    Args:
        study: the folder of a study with ``traces = true``.
        run: the run's key, as in the column ``run`` of its row.

    Raises:
        RunsError: there is none.
        TraceError: it cannot be read.
    """
    import pyarrow.parquet as pq

    for part in read_parts(study / "traces.parquet")[0]:
        found = pq.read_table(part, filters=[("run", "=", run)], partitioning=None)
        if len(found):
            return _trace(found.slice(0, 1), f"{part}: {run}")
    raise RunsError(f"{study}: there is no trace of a run {run!r}")


def _trace(row: pa.Table, where: str) -> Trace:
    info = info_of(row["info"][0].as_py(), where)

    def column(name: str) -> np.ndarray:
        values: np.ndarray = row[name][0].values.to_numpy(zero_copy_only=False)
        wide = np.int64 if values.dtype.kind == "i" and name != "event" else values.dtype
        return values.astype(wide)

    jobs = None if info.cluster is None else JobColumns(**{name: column(name) for name in OF_JOBS})
    return Trace(info, None, Columns(**{name: column(name) for name in OF_EVENTS}, jobs=jobs))

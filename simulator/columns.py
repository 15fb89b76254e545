"""What a trace holds: one entry an event in columns, and what was simulated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.budget import Budget
from simulator.segments import JobColumns


@dataclass(frozen=True)
class TraceInfo:
    """What was simulated.

    Attributes:
        table: ``family:task``.
        metric: what the scheduler saw.
        scheduler: its name with arguments.
        seed: of the run.
        workers: at its beginning.
        end: nanoseconds when the run was over.
        budget: its limits.
        off_table, exhausted: as given to `Simulation`.
        exhausted_at: simulated seconds when nothing was left to propose, None if something always was.
        closed_at: nanoseconds when the last trial or resource of the budget was handed out, None if some were left.
        predicted: configurations off the table whose curves a surrogate predicted, the rows that follow the table's.
        cluster: what was not as by default on the cluster, see `Cluster.settings`; None without one.
    """

    table: str
    metric: str
    scheduler: str
    seed: int
    workers: int
    end: int
    budget: Budget = field(default_factory=Budget)
    off_table: str = "error"
    exhausted: str = "stop"
    exhausted_at: float | None = None
    closed_at: int | None = None
    predicted: tuple[dict[str, Any], ...] = ()
    cluster: dict[str, Any] | None = None


@dataclass(frozen=True)
class Columns:
    """One entry an event, in the order of the run; one entry a trial in `config`, `replicate` and `checkpoint_of`.

    Attributes:
        time: int64 nanoseconds.
        trial, worker: int64. Events of workers have trial -1.
        event: int8, an index into `events.NAMES`.
        resource: float64, reached so far; 0 before the first, or where the checkpoint stood that it began with. Who has
            lost work keeps it: what was reached was seen.
        until: float64, where the segment that begins here or is cut off here was heading to; NaN elsewhere.
        value: float64, the metric at `resource` in its own direction; NaN at the start and where diverged.
        config, replicate, checkpoint_of: int64, (number of trials,); the last is the trial whose checkpoint it began
            with, -1 for none.
        jobs: what a cluster adds, None without one.
    """

    time: np.ndarray
    trial: np.ndarray
    worker: np.ndarray
    event: np.ndarray
    resource: np.ndarray
    until: np.ndarray
    value: np.ndarray
    config: np.ndarray
    replicate: np.ndarray
    checkpoint_of: np.ndarray
    jobs: JobColumns | None = None

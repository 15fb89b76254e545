"""Many runs: every scheduler under every seed, on all cores, one row a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from blackboxes import Blackbox, load
from simulator.budget import Budget
from simulator.registry import make_scheduler
from simulator.simulation import Simulation

Row = dict[str, Any]
NO_LIMIT = Budget()
CHUNK = 8  # runs handed to a process at once: a run takes milliseconds, handing it over nearly as long


@dataclass(frozen=True)
class Run:
    """What is needed to repeat one run.

    Attributes:
        table: name or path, as for `blackboxes.load`.
        scheduler: name and arguments, as for `make_scheduler`.
        seed, workers, budget, metric: as for `Simulation`.
    """

    table: str
    scheduler: str
    seed: int = 0
    workers: int = 4
    budget: Budget = NO_LIMIT
    metric: str | None = None

    def simulation(self) -> Simulation:
        """The run, ready to go."""
        return Simulation(
            _table(self.table),
            self.scheduler,
            seed=self.seed,
            workers=self.workers,
            budget=self.budget,
            metric=self.metric,
        )


@lru_cache(maxsize=4)
def _table(name: str) -> Blackbox:
    return load(name)


@lru_cache(maxsize=16)
def _landmarks(table: Blackbox, metric: str) -> dict[str, float]:
    """What a table's best and its typical configuration reach: the ends of a scale for regret."""
    last = table.metrics[metric][:, :, -1]
    measured = last[~np.isnan(last)]
    return {
        "table_best": table.best(metric),
        "table_median": float(np.median(measured)) if len(measured) else float("nan"),
        "full_training": table.full_training_time,
    }


def run_row(run: Run) -> Row:
    """Simulate one run; what was asked, what came out, and how the incumbent improved.

    `times` (simulated seconds), `values` (the metric, own direction) and `test_values` (the incumbent's test metric,
    empty where the table has none) hold one entry for each improvement, at whichever resource it was seen.
    """
    trace = run.simulation().run()
    table, metric = trace.table, trace.info.metric
    best = trace.incumbents()
    test: list[float] = []
    if table.test_metric is not None:
        seen = (best["config"], best["replicate"], best["index"])
        test = table.metrics[table.test_metric][seen].astype(np.float64).tolist()
    return {
        "table": table.name,
        "metric": metric,
        "direction": table.metric_info[metric].direction,
        "unit": table.metric_info[metric].unit,
        "test_metric": table.test_metric,
        "resource_unit": table.resource_unit,
        "scheduler": run.scheduler,
        "seed": run.seed,
        "workers": run.workers,
        "budget": "" if run.budget.time is None else str(run.budget.time),
        "digest": trace.digest(),
        **trace.summary(),
        **_landmarks(table, metric),
        "times": (best["time"] / 1e9).tolist(),
        "values": best["value"].tolist(),
        "test_values": test,
    }


def _run_chunk(runs: Sequence[Run]) -> list[Row]:
    return [run_row(run) for run in runs]


def crossed(
    table: str,
    schedulers: Sequence[str],
    seeds: Sequence[int],
    workers: int = 4,
    budget: Budget | str | float | None = "10x",
    metric: str | None = None,
) -> list[Run]:
    """Every scheduler under every seed; checked before anything runs.

    Raises:
        SimulationError: an unknown scheduler, or an argument out of range.
        BlackboxError: an unknown table or metric.
    """
    budget = budget if isinstance(budget, Budget) else Budget(time=budget)
    first = Run(table, "random", 0, workers, budget, metric)
    runs = [replace(first, scheduler=scheduler, seed=seed) for seed in seeds for scheduler in schedulers]
    for scheduler in schedulers:
        make_scheduler(scheduler)
    for run in runs[: len(schedulers)]:
        run.simulation()
    return runs


def run_all(runs: Sequence[Run], jobs: int = -1) -> Iterator[Row]:
    """The rows of all runs, as they finish.

    Args:
        runs: what to run.
        jobs: processes; -1 for all cores. The rows do not depend on it, their order may.
    """
    jobs = os.cpu_count() or 1 if jobs == -1 else jobs
    chunks = [runs[i : i + CHUNK] for i in range(0, len(runs), CHUNK)]
    if jobs == 1 or len(chunks) == 1:
        for run in runs:
            yield run_row(run)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=min(jobs, len(chunks)), return_as="generator_unordered", pre_dispatch="2*n_jobs")
    for rows in parallel(delayed(_run_chunk)(chunk) for chunk in chunks):
        yield from rows


def write_rows(rows: Sequence[Row], path: str | os.PathLike[str]) -> None:
    """Write rows as Parquet, in the order of scheduler and seed, aside first and then renamed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(pa.Table.from_pylist(list(rows)), aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)

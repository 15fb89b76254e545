"""Many runs: every scheduler under every seed, on all cores, one row a run."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isnan
from pathlib import Path
from typing import Any

from blackboxes import Blackbox, load
from simulator import clairvoyant
from simulator.budget import Budget
from simulator.errors import SimulationError
from simulator.incumbents import RULES, charged_end, landmarks, recommended, scored
from simulator.proposals import OffTable
from simulator.simulation import Simulation

Row = dict[str, Any]
NO_LIMIT = Budget()
PREFIXES = {rule: "" if rule == "best" else f"{rule}_" for rule in RULES}  # of the columns, by rule of incumbents
LISTS = ("times", "resources", "costs", "values", "test_values", "mean_values")
FIRST_JOBS = Budget(time=1e-9)  # over before anything is reported


@dataclass(frozen=True)
class Run:
    """What is needed to repeat one run.

    Attributes:
        table: name or path, as for `blackboxes.load`.
        scheduler: name and arguments, as for `make_scheduler`; or `clairvoyant.NAME`, what no scheduler can beat.
        seed, workers, budget, metric, off_table: as for `Simulation`.
        cluster: a preset with arguments, or the path of a TOML file, as for `Cluster.read`.
    """

    table: str
    scheduler: str
    seed: int = 0
    workers: int = 4
    budget: Budget = NO_LIMIT
    metric: str | None = None
    off_table: OffTable = "error"
    cluster: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Run:
        """What gave a row of runs, to be simulated again."""

        def told(name: str) -> Any:
            value = row[name]
            return None if value is None or value == "" or value != value else value

        trials, budget = told("max_trials"), told("budget")
        with suppress(TypeError, ValueError):
            budget = float(budget)  # seconds
        limits = Budget(budget, None if trials is None else int(trials), told("max_resource"), told("target"))
        whole = int(row["seed"]), int(row["workers"])
        return cls(row["source"], row["scheduler"], *whole, limits, row["metric"], row["off_table"], told("cluster"))

    @property
    def blackbox(self) -> Blackbox:
        """The table, read once a process."""
        return _table(self.table)

    @property
    def is_bound(self) -> bool:
        """Whether this is the clairvoyant envelope, which is computed and not simulated."""
        return self.scheduler == clairvoyant.NAME

    def check(self) -> None:
        """Whether all is as it should be, as far as can be told before anything runs.

        Raises:
            SimulationError, BlackboxError: as for `crossed`.
        """
        if not self.is_bound:
            self.simulation()
            return
        if self.off_table == "surrogate":
            raise SimulationError(
                f"{clairvoyant.NAME}: off_table is 'surrogate', and no bound is known for curves that are predicted"
            )
        replace(self, scheduler="random").simulation()  # all else means the same for every run

    def simulation(self) -> Simulation:
        """The run, ready to go.

        Raises:
            SimulationError: an argument is not what it should be, or it is the bound.
        """
        return Simulation(
            self.blackbox,
            self.scheduler,
            seed=self.seed,
            workers=self.workers,
            budget=self.budget,
            metric=self.metric,
            off_table=self.off_table,
            cluster=self.cluster,
        )


@lru_cache(maxsize=4)
def _table(name: str) -> Blackbox:
    return load(name)


_landmarks = lru_cache(maxsize=16)(landmarks)


def run_row(run: Run) -> Row:
    """Simulate one run; what was asked, what came out, and how the incumbent improved.

    `times` (simulated seconds), `resources` (what was trained in all by then), `costs` (what the workers have cost by
    then, empty where they have no price), `values` (the metric, own direction), `test_values` (empty where the table
    has no test metric) and `mean_values` (the mean over replicates) hold one entry for each improvement, at whichever
    resource it was seen; `highest_times` and so on, and `charged_times` and so on, are the same by the other rules of
    `simulator.incumbents`, and `charged_end` is when the last recommendation would be trained to the end. The row of
    `clairvoyant.NAME` bounds `values` and `test_values` of any run at any time or cost; the other lists are empty, and
    it has no digest.
    """
    digest, summary, improvements = _bound(run) if run.is_bound else _simulated(run)
    table, metric = run.blackbox, run.blackbox.metric_name(run.metric)
    test_info = None if table.test_metric is None else table.metric_info[table.test_metric]
    return {
        "table": table.name,
        "source": run.table,
        "metric": metric,
        "direction": table.metric_info[metric].direction,
        "unit": table.metric_info[metric].unit,
        "test_metric": table.test_metric,
        "test_direction": None if test_info is None else test_info.direction,
        "test_unit": None if test_info is None else test_info.unit,
        "resource_unit": table.resource_unit,
        "scheduler": run.scheduler,
        "seed": run.seed,
        "workers": run.workers,
        "cluster": run.cluster or "",
        "budget": "" if run.budget.time is None else str(run.budget.time),
        "max_trials": run.budget.trials,
        "max_resource": run.budget.resource,
        "target": run.budget.target,
        "off_table": run.off_table,
        "digest": digest,
        **summary,
        **_landmarks(table, metric),
        **improvements,
    }


def _bound(run: Run) -> tuple[None, Row, Row]:
    """What `_simulated` gives, of the envelope."""
    run.check()
    simulation = replace(run, scheduler="random").simulation()  # all else means the same for every run
    summary, known = clairvoyant.outcome(
        simulation.blackbox, simulation.metric, run.budget, simulation.cluster, run.workers, run.seed
    )
    return (
        None,
        summary | {"charged_end": None},
        {f"{prefix}{name}": [] for prefix in PREFIXES.values() for name in LISTS} | known,
    )


def _simulated(run: Run) -> tuple[str, Row, Row]:
    """A run's digest, its summary and its improvements."""
    trace = run.simulation().run()
    summary = trace.summary() | {"charged_end": charged_end(trace)}
    improvements: Row = {}
    for rule, prefix in PREFIXES.items():
        seen = recommended(trace, rule)
        lists = {
            "times": (seen["time"] / 1e9).tolist(),
            "resources": seen["resource"].tolist(),
            "costs": [] if isnan(summary["cost"]) else seen["paid"].tolist(),
            **scored(trace.table, trace.info.metric, seen),
        }
        improvements |= {f"{prefix}{name}": entries for name, entries in lists.items()}
    return trace.digest(), summary, improvements


def crossed(
    table: str,
    schedulers: Sequence[str],
    seeds: Sequence[int],
    workers: int = 4,
    budget: Budget | str | float | None = "10x",
    metric: str | None = None,
    off_table: OffTable = "error",
    cluster: str | None = None,
) -> list[Run]:
    """Every scheduler under every seed; checked before anything runs, the table read anew.

    ``"clairvoyant"`` among the schedulers is the bound that none can beat (`simulator.clairvoyant`).

    Raises:
        SimulationError: an unknown scheduler, or an argument that is out of range or does not fit the table; or the
            bound where trials may replay predicted curves.
        BlackboxError: an unknown table or metric.
    """
    _table.cache_clear()
    budget = budget if isinstance(budget, Budget) else Budget(time=budget)
    runs = [
        Run(table, scheduler, seed, workers, budget, metric, off_table, cluster)
        for seed in seeds
        for scheduler in schedulers
    ]
    for run in runs:
        run.check()
    for run in runs[: len(schedulers)]:
        if not run.is_bound:
            replace(run, budget=FIRST_JOBS).simulation().run()  # whether the arguments fit the table
    return runs


def run_all(runs: Sequence[Run], jobs: int = -1) -> Generator[Row, None, None]:
    """The rows of all runs, as they finish.

    Close the iterator (`contextlib.closing`), or use it up, and no process is left; on Ctrl-C none is either.

    Args:
        runs: what to run.
        jobs: processes; -1 for all cores. The rows do not depend on it, their order may.

    Raises:
        SimulationError: jobs is neither -1 nor at least 1.
    """
    if jobs < 1 and jobs != -1:
        raise SimulationError(f"jobs = {jobs}: a number of processes from 1, or -1 for all cores, is needed")
    if jobs == 1 or len(runs) < 2:
        yield from map(run_row, runs)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    # One at a time: of a batch, all is lost when one fails or Ctrl-C comes.
    parallel = Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
    rows: Generator[Row, None, None] | None = None
    try:
        with _interrupts_held():
            rows = parallel(delayed(run_row)(run) for run in runs)
        for row in rows:  # noqa: UP028 (`yield from` would close it before it is told to be quiet)
            yield row
    finally:
        with _interrupts_held(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's own, about work that is thrown away
            if rows is not None:
                rows.close()
            get_reusable_executor().shutdown(kill_workers=True)  # they remember tables and the working directory


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C has to wait until the end of the block; processes that start in it never see one, and end quietly."""
    if sys.platform == "win32":
        yield
        return
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as lokys

    resource_tracker.ensure_running()  # each lets interrupts through again once it has started
    lokys.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def write_rows(rows: Sequence[Row], path: str | os.PathLike[str]) -> None:
    """Write rows as Parquet, in the given order, aside first and then renamed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(pa.Table.from_pylist(list(rows)), aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)

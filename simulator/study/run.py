"""One run of a study: what is asked, and the row of what came out."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from math import isnan
from pathlib import Path
from typing import Any

from blackboxes import Blackbox, BlackboxError, load
from blackboxes.errors import looked_up
from simulator import clairvoyant
from simulator.budget import Budget
from simulator.errors import SimulationError
from simulator.incumbents import RULES, charged_end, landmarks, recommended, scored
from simulator.proposals import OffTable
from simulator.simulation import Simulation
from simulator.trace import Trace

Row = dict[str, Any]
NO_LIMIT = Budget()
PREFIXES = {rule: "" if rule == "best" else f"{rule}_" for rule in RULES}  # of the columns, by rule of incumbents
LISTS = ("times", "resources", "costs", "values", "test_values", "mean_values")
STEPS = tuple(prefix + name for prefix in PREFIXES.values() for name in LISTS)  # the columns that hold lists


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
    def key(self) -> str:
        """Names the run in a study: 16 hexadecimal digits that follow from what is asked."""
        limits = self.budget
        asked = (
            *(self.table, self.scheduler, int(self.seed), int(self.workers), self.metric, self.off_table),
            limits.time if isinstance(limits.time, str) else _number(limits.time),
            *(limits.trials, _number(limits.resource), _number(limits.target), self.cluster or None),
        )
        return sha256(json.dumps(asked).encode()).hexdigest()[:16]

    @property
    def code(self) -> str:
        """Of the files that the scheduler, its searcher and the cluster stand in, 16 hexadecimal digits; "" for none.

        Raises:
            SimulationError: such a file cannot be read.
        """
        files = re.findall(r"([^()\[\]+]+?\.py):\w", self.scheduler)
        files += [self.cluster] if self.cluster and self.cluster.endswith(".toml") else []
        try:
            held = b"\0".join(Path(file.strip()).read_bytes() for file in files)
            return sha256(held).hexdigest()[:16] if files else ""
        except OSError as error:
            why = f"{error.strerror}{looked_up(error.filename)}"
            raise SimulationError(f"{error.filename}: {why}") from error

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

    def simulation(self, compiled: bool = False) -> Simulation:
        """The run, ready to go.

        Args:
            compiled: in machine code, if it can be.

        Raises:
            SimulationError: an argument is not what it should be, or it is the bound.
        """
        simulation = Simulation(
            self.blackbox,
            self.scheduler,
            seed=self.seed,
            workers=self.workers,
            budget=self.budget,
            metric=self.metric,
            off_table=self.off_table,
            cluster=self.cluster,
        )
        if compiled:
            from simulator.compiled.coverage import covered

            simulation.compiled = covered(simulation) is None
        return simulation


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _table(name: str) -> Blackbox:
    return _read(name, *_copies.get(name, (name, "")))


_copies: dict[str, tuple[str, str]] = {}


def use_copies(copies: Mapping[str, tuple[str, str]]) -> None:
    """From now on this process reads tables from copies.

    Args:
        copies: by name, the path of a copy and the `digest` that the table must have. Where there is no such path, as
            on another machine, the table is read by its name.
    """
    _copies.clear()
    _copies.update(copies)


def forget_tables() -> None:
    """Tables are read anew."""
    _read.cache_clear()


@lru_cache(maxsize=64)
def _read(name: str, path: str, digest: str) -> Blackbox:
    table = load(path if os.path.exists(path) else name)
    if digest and table.digest != digest:
        raise BlackboxError(f"{name}: another table than the one that the study began with")
    return table


_landmarks = lru_cache(maxsize=64)(landmarks)


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
    return row_and_trace(run)[0]


def row_and_trace(run: Run, compiled: bool = False) -> tuple[Row, Trace | None]:
    """What `run_row` gives, and the trace that it is of; the bound has none."""
    simulation = None if run.is_bound else run.simulation(compiled)
    trace = None if simulation is None else simulation.run()
    digest, summary, improvements = _bound(run) if trace is None else _told(trace)
    table, metric = run.blackbox, run.blackbox.metric_name(run.metric)
    test_info = None if table.test_metric is None else table.metric_info[table.test_metric]
    row = {
        "run": run.key,
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
        "table_digest": table.digest,
        "code": run.code,
        "library": "" if simulation is None else simulation.scheduler.library,
        **_versions(),
    }
    return row, trace


@lru_cache(maxsize=1)
def _versions() -> Row:
    """Of what decided how the run went."""
    import platform
    from importlib.metadata import version

    return {"rungsim": version("rungsim"), "python": platform.python_version(), "numpy": version("numpy")}


def _bound(run: Run) -> tuple[None, Row, Row]:
    """What `_told` gives, of the envelope."""
    run.check()
    simulation = replace(run, scheduler="random").simulation()  # all else means the same for every run
    summary, known = clairvoyant.outcome(
        simulation.blackbox, simulation.metric, run.budget, simulation.cluster, run.workers, run.seed
    )
    return (
        None,
        summary | {"charged_end": None},
        {name: [] for name in STEPS} | known,
    )


def _told(trace: Trace) -> tuple[str, Row, Row]:
    """A run's digest, its summary and its improvements."""
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

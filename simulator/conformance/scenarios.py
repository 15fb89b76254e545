"""The hard scenarios: small tables made from raw random bits, each awkward in one way, and how they are run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from blackboxes import Blackbox, Metric
from blackboxes.errors import name_hint
from blackboxes.streams import Stream
from simulator.budget import Budget
from simulator.cluster import Cluster
from simulator.cluster.durations import Duration
from simulator.errors import SimulationError

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


NO_LIMIT = Budget()


@dataclass(frozen=True)
class Scenario:
    """A table, and a run on it.

    Attributes:
        name, sentence: what it is called, and what is hard about it.
        table: of one metric, ``loss``, and one replicate.
        workers, budget, exhausted, seed, cluster: as for `Simulation`; a run that nothing else ends has a budget.
    """

    name: str
    sentence: str
    table: Blackbox
    workers: int = 4
    budget: Budget = NO_LIMIT
    exhausted: Literal["stop", "cycle"] = "stop"
    seed: int = 0
    cluster: Cluster | None = None

    @cached_property
    def has_ties(self) -> bool:
        """Whether two configurations have the same value at a resource."""
        values = self.table.metrics["loss"][:, 0, :]
        columns = (column[~np.isnan(column)] for column in values.T)
        return any(len(np.unique(column)) < len(column) for column in columns)

    @cached_property
    def is_cut_off(self) -> bool:
        """Whether trials may run, or wait for a worker, when a run is over: it has a budget, or nobody is left."""
        plan = {} if self.cluster is None or self.cluster.plan is None else self.cluster.plan
        seconds = {
            Duration.read("plan", time).numbers(self.table.full_training_time)[0]: workers
            for time, workers in plan.items()
        }
        return self.budget.time is not None or (bool(plan) and seconds[max(seconds)] == 0)

    def smaller(self) -> Iterator[Scenario]:
        """Scenarios with fewer rows or workers, the smallest first."""
        n = len(self.table)
        for rows in sorted({1, 2, 3, 4, n // 4, n // 2, 3 * n // 4, n - 1}):
            if 0 < rows < n:
                yield replace(self, table=_rows(self.table, np.arange(rows)))
        for workers in sorted({1, 2, self.workers // 2}):
            if 0 < workers < self.workers:
                yield replace(self, workers=workers)

    def with_values(self, values: np.ndarray) -> Scenario:
        """The same with other values, (n, R), in the metric's own direction."""
        return replace(self, table=self.table.replaced(metrics={"loss": values[:, None, :]}))

    def renamed(self, order: np.ndarray) -> Scenario:
        """The same whose row i is what was row order[i]."""
        return replace(self, table=_rows(self.table, order))


def scenario_names() -> list[str]:
    """The names of all scenarios, the plain one first."""
    return [scenario.name for scenario in all_scenarios()]


def scenarios_named(names: Sequence[str] | None) -> list[Scenario]:
    """The scenarios with these names; all for None.

    Raises:
        SimulationError: an unknown name, with the nearest ones; or none at all.
    """
    known = {scenario.name: scenario for scenario in all_scenarios()}
    if names is None:
        return list(known.values())
    if isinstance(names, str) or not names:
        raise SimulationError(f"scenarios: a list of names is needed, not {names!r}")
    for name in names:
        if name not in known:
            raise SimulationError(f"there is no scenario {name!r}: {name_hint(name, known)}")
    return [known[name] for name in dict.fromkeys(names)]


@cache
def quick_scenario(resources: Literal["nine", "one"]) -> Scenario:
    """A run that takes little time, on a grid of resources of this size; made once, it is run very often."""
    return scenarios_named(["used-up" if resources == "nine" else "one-resource"])[0]


def all_scenarios() -> list[Scenario]:
    """All of them, made anew."""
    fractions = [round(0.1 * k, 1) for k in range(1, 28)]
    short = np.array([1, 2] * 10)
    return [
        Scenario("plain", "40 configurations, 27 epochs, no ties: promotions follow one another", table(40)),
        Scenario("ties", "values tie, many times over", table(24, different=4)),
        Scenario("diverged", "every third value is NaN: training diverged", table(24, diverged=1 / 3)),
        Scenario("all-diverged", "every value is NaN", table(7, diverged=1.0)),
        Scenario("ragged", "curves end anywhere", table(24, ragged=0.6)),
        Scenario("curves-end-early", "all curves end before the second rung", table(20, lengths=short)),
        Scenario(
            "equal-times",
            "every epoch takes a second: many report, and many workers are free, at once",
            table(36, times="equal"),
            workers=12,
        ),
        Scenario("free-units", "every second unit takes no time", table(24, times="equal", free=0.5)),
        Scenario("one-worker", "a single worker", table(24), workers=1),
        Scenario("many-workers", "more workers than configurations", table(5, size=9), workers=12),
        Scenario("one-row", "a table of one configuration", table(1, size=9), workers=3),
        Scenario("one-resource", "r_min = r_max: there is one resource", table(12, size=1)),
        Scenario("used-up", "the table is used up early in the run", table(7, size=9), workers=2),
        Scenario("cycled", "the table is used up and begins again", table(6, size=9), 4, Budget(time=30.0), "cycle"),
        Scenario("budget-mid-rung", "the budget ends while rungs fill", table(40), budget=Budget(time=9.7)),
        Scenario("from-scratch", "each resource is trained from nothing", table(24, size=9, resumable=False)),
        Scenario("fractions", "resources are 0.1, 0.2, ..., 2.7", table(24, resources=fractions)),
        Scenario("maximised", "more is better", table(24, direction="max")),
        Scenario(
            "everything",
            "ties, NaN, ends and free units together, maximised, until the budget ends",
            table(30, different=6, diverged=0.1, ragged=0.3, times="equal", free=0.3, direction="max"),
            workers=5,
            budget=Budget(time=9.5),
        ),
        *_on_clusters(),
    ]


def _on_clusters() -> list[Scenario]:
    """Those on clusters as they are; an x is a mean full training, some 27 s."""
    return [
        Scenario(
            "stragglers",
            "every fourth worker is slow, and jobs take up to several times as long",
            table(30),
            workers=8,
            cluster=Cluster.read("stragglers"),
        ),
        Scenario(
            "spot",
            "workers are taken away and trials crash every few seconds, with all the delays of the preset",
            table(24),
            cluster=Cluster.read("spot(crashes='1/x', preemptions='2/x')"),
        ),
        Scenario(
            "crashes",
            "many trials crash, are retried before anything new, and fail when they crash again",
            table(30),
            cluster=Cluster(crashes="6/x", retries=1, backoff="0.02x"),
        ),
        Scenario(
            "all-fail",
            "every trial fails before its first report",
            table(9),
            cluster=Cluster(crashes="1000/s", retries=0),
        ),
        Scenario(
            "removed-checkpoints",
            "there is room for one checkpoint: most who are resumed begin again from nothing",
            table(24),
            cluster=Cluster(room=1, removal="worst"),
        ),
        Scenario(
            "no-checkpoints",
            "whoever pauses or crashes begins again from nothing",
            table(24),
            cluster=Cluster.read("no-checkpoints(crashes='1/x')"),
        ),
        Scenario(
            "workers-leave",
            "of four workers one stays, then none; then there are seven, then two, all without notice",
            table(24),
            cluster=Cluster(plan={"2.5s": 1, "6.2s": 0, "9s": 7, "14.3s": 2}),
        ),
        Scenario(
            "nobody-left",
            "all workers leave for good, with whatever they are at",
            table(24),
            cluster=Cluster(plan={"8.5s": 0}),
        ),
        Scenario(
            "delays",
            "whatever can take time takes some: starts, stops, checkpoints, reports, decisions of models",
            table(24, times="equal"),
            cluster=Cluster(start=0.7, stop=0.2, save=0.3, load=0.4, report=0.6, decision="0.3 + 1e-4 n^3"),
        ),
        Scenario(
            "nothing-works",
            "ties, NaN, ends and free units on workers that leave, come and crash, until the budget ends",
            table(24, different=6, diverged=0.1, ragged=0.3, times="equal", free=0.3, direction="max"),
            workers=5,
            budget=Budget(time=21.0),
            cluster=Cluster(
                start="uniform(low=0s, high=0.5s)",
                report=0.1,
                checkpoints=2,
                save=0.1,
                room=2,
                removal="chance",
                speeds=(1.0, 0.5),
                crashes="4/x",
                retries=2,
                preemptions="1/x",
                notice=0.2,
                away="exponential(mean=3s)",
                plan={"20s": 2, "40s": 8},
            ),
        ),
    ]


def table(
    n: int,
    *,
    size: int = 27,
    resources: Sequence[float] | None = None,
    different: int | None = None,
    diverged: float = 0.0,
    ragged: float = 0.0,
    lengths: np.ndarray | None = None,
    times: Literal["fine", "equal"] = "fine",
    free: float = 0.0,
    direction: Literal["min", "max"] = "min",
    resumable: bool = True,
) -> Blackbox:
    """A table of n curves that fall and cross, over two hyperparameters on which they depend smoothly.

    Args:
        n: configurations.
        size: resources 1, 2, ...
        resources: others than these.
        different: about so many different values, all exact in binary; None: all differ.
        diverged: share of values that are NaN.
        ragged: share of curves that end early.
        lengths: (n,) how many resources each curve has.
        times: a unit takes 0.5 to 1.5 s, or a second.
        free: share of units that take no time.
        direction: a falling loss, or its opposite, which is maximised.
        resumable: as in `Blackbox`.
    """
    grid = [float(r) for r in resources] if resources is not None else list(range(1, size + 1))
    shape = (n, len(grid))
    draw = Stream(0, "conformance", repr((n, grid, different, diverged, ragged, times, free, direction, resumable)))

    def uniform(*shape: int) -> np.ndarray:
        return draw.uniform(int(np.prod(shape))).reshape(shape)

    x, y, slope = uniform(3, n)
    place = np.arange(1, len(grid) + 1)
    final = (x - 0.3) * (x - 0.3) + (y - 0.7) * (y - 0.7)
    values = final[:, None] + (0.25 + slope[:, None]) / place + uniform(*shape) / 16
    if different is not None:
        values = np.floor(values * different) / 8
    values[uniform(*shape) < diverged] = np.nan
    units = uniform(*shape) + 0.5 if times == "fine" else np.ones(shape)
    units[uniform(*shape) < free] = 0.0
    elapsed = np.cumsum(units, axis=1)
    if lengths is None:
        cut = uniform(n) < ragged
        lengths = np.where(cut, (uniform(n) * len(grid)).astype(int) + 1, len(grid))
    missing = np.arange(len(grid)) >= lengths[:, None]
    values[missing] = elapsed[missing] = np.nan
    return Blackbox(
        family="conformance",
        task="table",
        space=_space,
        configs={"x": x, "y": y},
        resources=np.array(grid),
        metrics={"loss": (values if direction == "min" else -values)[:, None, :]},
        metric_info={"loss": Metric(direction)},
        elapsed=elapsed[:, None, :],
        resumable=resumable,
    )


def _space() -> ConfigurationSpace:
    from ConfigSpace import ConfigurationSpace

    return ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)})


def _rows(table: Blackbox, rows: np.ndarray) -> Blackbox:
    changes: dict[str, Any] = {
        "configs": {name: column[rows] for name, column in table.columns.items()},
        "metrics": {name: values[rows] for name, values in table.metrics.items()},
        "elapsed": table.elapsed[rows],
    }
    return table.replaced(**changes)

"""Runs of all kinds for the tests of their pictures, each simulated and drawn once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from scripted import Scripted
from tables import integer_table, random_table, table_of

from analysis.plots.rungs import plot_rungs
from analysis.plots.trials import plot_trials
from analysis.plots.workers import plot_workers
from simulator import PAUSE, STOP, Continue, Simulation, Start, Trace

PLOTS: dict[str, Callable[..., Axes]] = {"workers": plot_workers, "trials": plot_trials, "rungs": plot_rungs}
REPORTS = ("continue", "pause", "stop", "complete", "curve-end")
RUNS: dict[str, dict[str, Any]] = {
    "promotion": {"scheduler": "asha-promotion"},
    "stopping": {"scheduler": "asha-stopping", "seed": 2},
    "hyperband": {"scheduler": "hyperband", "workers": 5},
    "median": {"scheduler": "median-stopping(min_trials=2)", "workers": 2},
    "random": {"scheduler": "random", "workers": 1},
    "child": {
        "scheduler": Scripted(
            [Start(0, 3), Start(1, 3), Start(2, 6), Start(3, 9, checkpoint_of=0), Start(5, 5, checkpoint_of=1)],
            [STOP, PAUSE, Continue(7), STOP],
        )
    },
    "scratch": {"table": integer_table().replaced(resumable=False), "scheduler": "asha-promotion"},
    "cluster": {
        "scheduler": "asha-stopping",
        "workers": 4,
        "cluster": "spot(crashes='2/x', retries=1, preemptions='3/x')",
    },
    "never": {"scheduler": "hyperband", "workers": 4, "cluster": "no-checkpoints"},
    "ragged": {
        "table": random_table(5, n=40, replicates=2, diverged=0.1, ragged=0.4, levels=None, direction="max"),
        "scheduler": "asha-promotion",
        "budget": None,
    },
}


@cache
def run(name: str) -> Trace:
    """One of `RUNS`, simulated once."""
    asked = {"table": integer_table(), "workers": 3, "seed": 1, "budget": "5x"} | RUNS[name]
    table, scheduler = asked.pop("table"), asked.pop("scheduler")
    return Simulation(table, scheduler, **asked).run()


@cache
def picture(plot: str, name: str) -> Axes:
    """A picture of one of `RUNS`, drawn once; nobody changes it."""
    return PLOTS[plot](run(name))


def scripted(asked: list[Any], answers: list[Any], n: int = 8, workers: int = 1, **options: Any) -> Trace:
    table = table_of([[0.9, 0.5, 0.3 + row / 20] for row in range(n)])
    return Simulation(table, Scripted(asked, answers), workers=workers, **options).run()


def polygons(ax: Axes) -> dict[str, list[tuple[float, float, float]]]:
    """(middle, left, right) of all rectangles, by colour."""
    found = defaultdict(list)
    for collection in ax.collections:
        if isinstance(collection, PolyCollection):
            for path in collection.get_paths():
                (left, low), (right, high) = path.vertices.min(axis=0), path.vertices.max(axis=0)
                found[to_hex(collection.get_facecolor()[0])].append(((low + high) / 2, left, right))
    return found

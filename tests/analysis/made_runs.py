"""Rows of runs for the tests of the analysis: from simulations of random tables, and by hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import strategies as st
from tables import random_table

from analysis import Curves, as_runs, curves
from blackboxes import Blackbox, Metric
from simulator import Budget, Trace
from simulator.study import Run, run_row

SCHEDULERS = ["random", "successive-halving", "hyperband", "asha-stopping(eta=2)", "asha-promotion", "median-stopping"]


def with_test_metric(table: Blackbox, direction: str) -> Blackbox:
    """The same table with a metric ``test`` that tells all of its results apart, and is missing here and there."""
    shape = table.elapsed.shape
    values = np.random.default_rng(1).permutation(table.elapsed.size).reshape(shape).astype(np.float64)
    values[np.isnan(table.elapsed) | (values % 7 == 3)] = nan
    return Blackbox(
        space="",
        configs=table.columns,
        resources=table.resources,
        metrics=table.metrics | {"test": values},
        metric_info=table.metric_info | {"test": Metric(direction)},
        elapsed=table.elapsed,
        test_metric="test",
        resumable=table.resumable,
    )


@st.composite
def simulated(draw: st.DrawFn, seeds: int = 1) -> tuple[list[Trace], list[dict[str, Any]]]:
    """The traces of some runs on one random table (ties, NaN, equal times, from scratch), and their rows."""
    table = with_test_metric(
        random_table(
            draw(st.integers(0, 10**6)),
            n=draw(st.integers(1, 25)),
            replicates=draw(st.integers(1, 2)),
            size=draw(st.integers(1, 12)),
            levels=draw(st.sampled_from([2, 8, None])),
            diverged=draw(st.sampled_from([0.0, 0.3, 1.0])),
            ragged=draw(st.sampled_from([0.0, 0.3])),
            times=draw(st.sampled_from(["equal", "coarse", "fine"])),
            zero_times=draw(st.sampled_from([0.0, 0.2])),
            direction=draw(st.sampled_from(["min", "max"])),
            resumable=draw(st.booleans()),
            dtype=draw(st.sampled_from(["float32", "float64"])),
        ),
        direction=draw(st.sampled_from(["min", "max"])),
    )
    scheduler, workers = draw(st.sampled_from(SCHEDULERS)), draw(st.integers(1, 4))
    budget = Budget(draw(st.sampled_from([None, 0.3, 2.5])), draw(st.sampled_from([None, 5])))
    runs = [Run("in memory", scheduler, seed, workers, budget) for seed in range(seeds)]
    with mock.patch("simulator.study.run._table", return_value=table):
        return [run.simulation().run() for run in runs], [run_row(run) for run in runs]


def by_hand(
    times: Sequence[float], values: Sequence[float], scheduler: str = "random", seed: int = 0, **others: Any
) -> dict[str, Any]:
    """One run, from its improvements."""
    row = {
        "table": "made:by-hand",
        "metric": "loss",
        "direction": "min",
        "unit": "1",
        "test_metric": "test_loss",
        "test_direction": "min",
        "test_unit": "1",
        "resource_unit": "epoch",
        "source": "made:by-hand",
        "scheduler": scheduler,
        "seed": seed,
        "workers": 4,
        "end": 10.0,
        "best": values[-1] if len(values) else nan,
        "trials": 5,
        "resource": 50.0,
        "idle": 0.0,
        "exhausted_at": None,
        "table_best": 0.0,
        "table_median": 1.0,
        "full_training": 2.0,
        "times": list(times),
        "values": list(values),
        "test_values": list(values),
    }
    return row | others


ASKED: dict[str, dict[str, str]] = {"reported": {}, "regret": {"scale": "regret"}, "test": {"score": "test"}}


def scored(runs: Any, score: str) -> Curves:
    """Curves as tests name them: reported, regret (of that), or test."""
    return curves(as_runs(runs), **ASKED[score])  # type: ignore[arg-type]


def value_at(run: Any, times: Any, score: str = "reported") -> Any:
    """One run's curve at some times."""
    return scored([dict(run)], score).at(np.asarray(times))[0]

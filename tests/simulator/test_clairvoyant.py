"""The clairvoyant bound: a plain loop gives the same, and no scheduler is ever better."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spaces import with_space
from tables import integer_table, random_table, table_of, tables

from blackboxes import Blackbox, Metric
from simulator import PAUSE, STOP, Budget, Scheduler, Simulation, SimulationError, Start, Trace, make_scheduler
from simulator.clairvoyant import NAME, envelope, outcome
from simulator.clock import nanoseconds
from simulator.study import Row, Run, crossed, run_row

BUILT_IN = ["random", "successive-halving", "hyperband", "asha-stopping(eta=2)", "asha-promotion", "median-stopping"]


def best_by(table: Blackbox, metric: str, of: str, time: int, replicate: int | None = None) -> float:
    """Best of the metric `of` among results that are known `time` nanoseconds after their start; NaN without one."""
    sign, best = table.metric_info[of].sign, nan
    for row in range(len(table)):
        for drawn in range(table.replicates):
            for index in range(table.lengths[row, drawn]):
                seen, value = (table.metrics[name][row, drawn, index] for name in (metric, of))
                if replicate not in (None, drawn) or isnan(seen) or isnan(value):
                    continue
                if nanoseconds(table.elapsed[row, drawn, index]) <= time and not sign * value >= sign * best:
                    best = float(value)
    return best


def at(times: np.ndarray, values: np.ndarray, time: float) -> float:
    """The last of `values` whose time has come."""
    known = np.flatnonzero(np.asarray(times) <= time)
    return float(values[known[-1]]) if len(known) else nan


def with_test_metric(table: Blackbox) -> Blackbox:
    """``other`` (larger is better) becomes the test metric: missing here and there, best where training diverged."""
    other = np.where(table.metrics["other"] % 3 == 0, np.nan, 7 - table.metrics["other"])
    other[np.isnan(table.metrics["loss"]) & ~np.isnan(table.elapsed)] = 1000
    return table.replaced(metrics=table.metrics | {"other": other}, test_metric="other")


small = tables(n=st.integers(1, 6), size=st.integers(1, 5), levels=st.sampled_from([3, 20, None]))


@given(table=small, fixed=st.booleans(), tested=st.booleans())
@settings(max_examples=150)
def test_the_envelope_is_that_of_a_plain_loop(table: Blackbox, fixed: bool, tested: bool) -> None:
    replicate = table.replicates - 1 if fixed else None
    table = with_test_metric(table) if tested else table
    found = envelope(table, "loss", replicate)
    known = {nanoseconds(seconds) for seconds in table.elapsed.ravel() if not isnan(seconds)}
    for time in {0, *known, *(t - 1 for t in known), *(t + 1 for t in known)}:
        expected = best_by(table, "loss", "loss", time, replicate)
        np.testing.assert_equal(at(found.time, found.values, time), expected)
        if tested:
            np.testing.assert_equal(
                at(found.time, found.test_values, time), best_by(table, "loss", "other", time, replicate)
            )
    assert set(found.time.tolist()) <= known
    assert (np.diff(found.time) > 0).all()
    changes = np.diff(found.values) != 0
    if tested:
        assert len(found.test_values) == len(found.time)
        changes |= np.diff(found.test_values) != 0
    else:
        assert len(found.test_values) == 0
    assert changes.all()  # nothing is told twice


class Restless(Scheduler):
    """Starts one row again and again, and gives up most of the trials at once, until it has met all replicates."""

    def setup(self, context: Any) -> None:
        self.context, self.stream, self.started = context, context.stream("restless"), 0

    def next_job(self) -> Start | None:
        if self.started == 60:
            return None
        if self.started and self.stream.uniform(1)[0] < 0.5:
            self.context.stop(self.started - 1) if self.running else None
        self.started, self.running = self.started + 1, True
        return Start(0, until=self.context.resources[int(self.stream.uniform(1)[0] * len(self.context.resources))])

    def on_report(self, trial: Any, resource: float, value: float) -> Any:
        self.running = self.running and trial.id != self.started - 1
        return STOP if self.stream.uniform(1)[0] < 0.5 or not self.running else PAUSE

    def on_end(self, trial: Any, resource: float, value: float, reason: str) -> None:
        self.running = self.running and trial.id != self.started - 1


def assert_bounded(trace: Trace, replicate: int | None = None) -> None:
    """At every improvement, the bound is at least as good, in the metric and in the test metric."""
    table, metric, seen = trace.table, trace.info.metric, trace.incumbents()
    bound = envelope(table, metric, replicate)
    for name, bounds in ((metric, bound.values), (table.test_metric, bound.test_values)):
        if name is None:
            continue
        sign = table.metric_info[name].sign
        values = table.metrics[name][seen["config"], seen["replicate"], seen["index"]]
        for time, value in zip(seen["time"].tolist(), values.tolist(), strict=True):
            if not isnan(value):
                assert sign * at(bound.time, bounds, time) <= sign * value


@given(
    table=tables(n=st.integers(1, 25), size=st.integers(1, 12)),
    scheduler=st.sampled_from([*BUILT_IN, "asha-cost", "hyperband(overlap=False)", None]),
    workers=st.integers(1, 8),
    seed=st.integers(0, 3),
    fixed=st.booleans(),
    cycle=st.booleans(),
)
@settings(max_examples=300)
def test_no_scheduler_is_ever_better(
    table: Blackbox, scheduler: str | None, workers: int, seed: int, fixed: bool, cycle: bool
) -> None:
    table, replicate = with_test_metric(table), 0 if fixed and (table.lengths[:, 0] > 0).all() else None
    trace = Simulation(
        table,
        Restless() if scheduler is None else scheduler,
        workers=workers,
        seed=seed,
        budget=Budget(trials=60),
        replicate=replicate,
        exhausted="cycle" if cycle else "stop",
    ).run()
    assert_bounded(trace, replicate)


@pytest.mark.parametrize("searcher", ["kde", "evolution"])
@pytest.mark.parametrize("seed", range(3))
def test_no_searcher_makes_a_scheduler_better(searcher: str, seed: int) -> None:
    table = with_space(random_table(seed, n=40, replicates=2, levels=None, times="fine"))
    assert_bounded(Simulation(table, f"asha-promotion+{searcher}", seed=seed, budget="20x").run())


def test_the_bound_is_met_by_a_single_configuration() -> None:
    table = table_of([[0.9, 0.5, 0.7, 0.2]])
    trace = Simulation(table, "random", workers=1).run()
    np.testing.assert_array_equal(trace.incumbents()["time"], envelope(table, "loss").time)
    np.testing.assert_array_equal(trace.incumbents()["value"], envelope(table, "loss").values)


def test_what_a_hand_finds() -> None:
    table = table_of(
        [[0.9, 0.5, 0.1], [0.8, nan, 0.6], [0.8, 0.4, nan]],
        seconds=[[1, 2, 9], [1, 2, 3], [1.5, 2, nan]],
    )
    assert envelope(table, "loss").time.tolist() == [10**9, 2 * 10**9, 9 * 10**9]
    assert envelope(table, "loss").values.tolist() == [0.8, 0.4, 0.1]
    larger = table.replaced(metric_info={"loss": Metric("max")})
    assert envelope(larger, "loss").values.tolist() == [0.9]


@pytest.mark.parametrize(
    ("budget", "times"), [(2.0, [1.0, 2.0]), (1.999, [1.0]), (0.5, []), (None, [1.0, 2.0, 9.0]), ("1x", [1.0, 2.0])]
)
def test_the_budget_ends_it_and_a_result_at_its_very_end_counts(budget: Any, times: list[float]) -> None:
    table = table_of([[0.9, 0.5, 0.1], [0.8, 0.6, 0.6]], seconds=[[1, 2, 9], [1, 2, 3]])  # full training: 6 s
    summary, improvements = outcome(table, "loss", Budget(time=budget, trials=1, target=0.7, resource=1))
    assert improvements["times"] == times
    assert summary["end"] == (times[-1] if times else 0.0)
    np.testing.assert_equal(summary["best"], improvements["values"][-1] if times else nan)


def test_runs_that_all_diverge_have_an_empty_bound() -> None:
    table = table_of([[nan, nan]])
    summary, improvements = outcome(table, "loss", Budget())
    assert isnan(summary["best"])
    assert improvements == {"times": [], "costs": [], "values": [], "test_values": []}


def rows(table: Blackbox, *runs: Run) -> list[Row]:
    with mock.patch("simulator.study.run._table", return_value=table):
        return [run_row(run) for run in runs]


def test_its_row_is_like_that_of_a_run() -> None:
    table = integer_table()
    run, bound = rows(table, Run("made", "random", 3, 2, Budget("4x")), Run("made", NAME, 3, 2, Budget("4x")))
    assert list(bound) == list(run)
    asked = ("table", "metric", "direction", "unit", "seed", "workers", "budget", "table_best", "full_training")
    assert {name: bound[name] for name in asked} == {name: run[name] for name in asked}
    assert (bound["scheduler"], bound["digest"], bound["trials"], bound["exhausted_at"]) == (NAME, None, 0, None)
    assert isnan(bound["resource"])
    assert isnan(bound["idle"])
    assert bound["best"] == bound["values"][-1] == table.best()
    assert bound["times"] == sorted(bound["times"])


def test_it_is_the_same_under_every_seed_and_for_any_number_of_workers() -> None:
    [one, other] = rows(integer_table(), Run("made", NAME, 0, 1), Run("made", NAME, 7, 50))
    np.testing.assert_equal(one, other | {"seed": 0, "workers": 1, "run": one["run"]})


@pytest.mark.parametrize(
    "spec", ["clairvoyant", "clairvoyant()", "clairvoyant(eta=3)", "clairvoyant+random", " clairvoyant"]
)
def test_it_cannot_be_run(spec: str) -> None:
    for attempt in (lambda: make_scheduler(spec.partition("+")[0]), lambda: Simulation(integer_table(), spec)):
        with pytest.raises(SimulationError, match="clairvoyant is no scheduler but a bound"):
            attempt()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schedulers": [NAME, "clairvoyant(eta=3)"]}, "no scheduler but a bound"),
        ({"schedulers": ["random", "clairvoyant+kde"]}, "no scheduler but a bound"),
        ({"off_table": "surrogate"}, "no bound is known for curves that are predicted"),
        ({"off_table": "never"}, "off_table"),
        ({"seeds": [-1]}, "seed = -1"),
        ({"workers": 0}, "workers = 0"),
        ({"metric": "eror"}, "has no metric 'eror'"),
    ],
)
def test_a_comparison_checks_it_before_anything_runs(changes: dict[str, Any], said: str) -> None:
    arguments = {"table": "power-law:n=20,r_max=9", "schedulers": [NAME], "seeds": range(2)} | changes
    with pytest.raises(ValueError, match=said):
        crossed(**arguments)


def test_a_comparison_has_one_for_each_seed() -> None:
    runs = crossed("power-law:n=20,r_max=9", ["random", NAME], range(2), off_table="nearest")
    assert [(run.scheduler, run.seed) for run in runs] == [("random", 0), (NAME, 0), ("random", 1), (NAME, 1)]
    assert [run_row(run)["digest"] is None for run in runs] == [False, True, False, True]
    assert max(run_row(run)["end"] for run in runs) < inf


CLUSTERS = [
    "ideal(speeds=[2])",
    "ideal(speeds=[1, 3], slowdown='half-normal(sd=0.2)', price=2)",
    "ideal(plan={'0.5x': 4, '2x': 1}, speeds=[1, 1, 5], price=0.5)",
    "spot(preemptions='2/x', away='0.1x', price=3)",
]


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("resumable", [True, False])
def test_no_scheduler_is_ever_better_on_a_cluster_in_time_or_in_money(cluster: str, resumable: bool) -> None:
    table = integer_table(n=40).replaced(resumable=resumable)
    names = [*BUILT_IN, "hyperband(overlap=False)"]
    found = rows(
        table,
        *(Run("made", name, seed, 2, Budget("4x"), cluster=cluster) for name in [*names, NAME] for seed in (0, 1)),
    )
    bounds = {row["seed"]: row for row in found if row["scheduler"] == NAME}
    for row in found:
        bound, priced = bounds[row["seed"]], "price" in cluster
        assert (len(row["costs"]) == len(row["times"])) == priced or not row["times"]
        for axis in ("times", "costs") if priced else ("times",):
            for where, value in zip(row[axis], row["values"], strict=True):
                assert at(bound[axis], bound["values"], where) <= value


def test_a_fast_worker_alone_meets_the_bound() -> None:
    table = table_of([[0.9, 0.5, 0.7, 0.2]], seconds=[[1, 2, 3, 4.5]])
    run, bound, slow = rows(
        table,
        Run("made", "random", workers=1, cluster="ideal(speeds=[3], price=1800)"),
        Run("made", NAME, workers=1, cluster="ideal(speeds=[3], price=1800)"),
        Run("made", NAME, workers=1, cluster="ideal(speeds=[1, 3])"),  # nobody has the fast worker
    )
    assert run["times"] == bound["times"] == [0.333333333, 0.666666667, 1.5]
    assert run["costs"] == bound["costs"] == pytest.approx([1 / 6, 1 / 3, 0.75])
    assert bound["cost"] == bound["costs"][-1]
    assert slow["times"] == [1.0, 2.0, 4.5]
    assert isnan(slow["cost"])


def test_the_bound_costs_what_the_workers_do() -> None:
    """They come and go, by the plan and by preemption, at the same times in every run under a seed."""
    table, cluster = integer_table(n=40), "spot(preemptions='3/x', away='0.2x', plan={'1x': 5, '2x': 2}, price=1)"
    [bound] = rows(table, Run("made", NAME, 3, 4, Budget("4x"), cluster=cluster))
    trace = Simulation(table, "random", workers=4, seed=3, budget="4x", cluster=cluster).run()
    assert len(bound["times"]) > 2
    times = np.array([nanoseconds(time) for time in bound["times"]])
    np.testing.assert_allclose(bound["costs"], trace.paid(times))

"""Incumbents by the rules that people use, against plain loops over all results of a run."""

from __future__ import annotations

from math import isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import simulated
from tables import random_table

from analysis import as_runs, curves
from analysis.curves import _awaited
from simulator import Simulation, Trace
from simulator.incumbents import landmarks, recommended
from simulator.study import Run, run_row

Result = dict[str, Any]


def known_by(trace: Trace, time: float) -> list[Result]:
    """All results by a time that did not diverge, in the order in which they became known."""
    return [r for r in trace.results().to_dict("records") if r["time"] <= time and not isnan(r[trace.info.metric])]


def best_of(trace: Trace, results: list[Result]) -> Result | None:
    """The first of the best."""
    sign = trace.table.metric_info[trace.info.metric].sign
    return min(results, key=lambda result: sign * result[trace.info.metric]) if results else None


def highest_by(trace: Trace, time: float) -> Result | None:
    results = known_by(trace, time)
    top = max((result["resource"] for result in results), default=0.0)
    return best_of(trace, [result for result in results if result["resource"] == top])


def trained_to_the_end(trace: Trace, result: Result) -> Result:
    """The same configuration at the end of its curve, and what it takes to get there."""
    table, where = trace.table, (result["config"], result["replicate"])
    last = int(np.flatnonzero(~np.isnan(table.elapsed[where])).max())
    here = table.resource_list.index(result["resource"])
    seconds = float(table.elapsed[where][last])
    amount = float(table.resources[last])
    if table.resumable:
        seconds -= float(table.elapsed[where][here])
        amount -= float(table.resources[here])
    if here == last:
        seconds = amount = 0.0
    values = {name: float(metric[where][last]) for name, metric in table.metrics.items()}
    return {**result, **values, "resource": table.resource_list[last], "seconds": seconds, "amount": amount}


def charged_by(trace: Trace, time: float) -> Result | None:
    """What one has by a time who stops as late as possible and trains the incumbent to the end."""
    for stop in sorted({r["time"] for r in known_by(trace, time)}, reverse=True):
        incumbent = best_of(trace, known_by(trace, stop))
        assert incumbent is not None
        final = trained_to_the_end(trace, incumbent)
        if stop + final["seconds"] <= time + 2e-9:
            return final
    return None


def mean_of(trace: Trace, result: Result) -> float:
    """The metric's mean over the replicates that were measured there."""
    table, index = trace.table, trace.table.resource_list.index(result["resource"])
    values = table.metrics[trace.info.metric][result["config"], :, index].astype(np.float64)
    return float(np.mean(values[~np.isnan(table.elapsed[result["config"], :, index])]))


def moments(trace: Trace, row: dict[str, Any], rule: str) -> list[float]:
    """Some times at and between those when anything changes."""
    changes = np.array([*row[f"{rule}_times"], *trace.results()["time"].tolist()])
    changes = np.unique(changes)[:: max(1, len(changes) // 12)]
    return [0.0, *(changes + 1e-8).tolist(), *((changes[1:] + changes[:-1]) / 2).tolist(), 1e9]


@pytest.mark.parametrize(("rule", "by"), [("highest", highest_by), ("charged", charged_by)])
@settings(max_examples=25)
@given(run=simulated())
def test_recommendations_are_those_of_the_rule_and_are_scored_as_asked(run: Any, rule: Any, by: Any) -> None:
    [trace], [row] = run
    runs, metric = as_runs([row]), trace.info.metric
    times = moments(trace, row, rule)
    expected = [by(trace, time) for time in times]
    reported = curves(runs, incumbent=rule).at(np.array(times))[0]
    np.testing.assert_allclose(reported, [nan if r is None else r[metric] for r in expected])
    test = curves(runs, "test", incumbent=rule).at(np.array(times))[0]
    np.testing.assert_allclose(test, [nan if r is None else r["test"] for r in expected])
    mean = curves(runs, "mean", incumbent=rule).at(np.array(times))[0]
    np.testing.assert_allclose(mean, [nan if r is None else mean_of(trace, r) for r in expected], rtol=1e-6)


@settings(max_examples=40)
@given(run=simulated())
def test_what_is_trained_to_the_end_counts_by_the_resource_that_it_takes_in_all(run: Any) -> None:
    [trace], [row] = run
    runs, metric, results = as_runs([row]), trace.info.metric, trace.results()
    known = []  # when one could stop, what that takes in all, and what one has then
    for stop in sorted(set(results["time"])):
        incumbent = best_of(trace, known_by(trace, stop))
        if incumbent is not None:
            final = trained_to_the_end(trace, incumbent)
            spent = float(trace.resource_by(np.array([round(stop * 1e9)]))[0])
            known.append((spent + final["amount"], final[metric]))
    amounts = sorted({amount for amount, _ in known})
    expected = [[value for amount, value in known if amount <= most][-1] for most in amounts]
    found = curves(runs, incumbent="charged", x="resource").at(np.array(amounts))[0]
    np.testing.assert_allclose(found, expected)


@settings(max_examples=40)
@given(run=simulated())
def test_the_last_recommendation_is_trained_on_from_where_its_trial_stood(run: Any) -> None:
    [trace], [row] = run
    incumbent = best_of(trace, known_by(trace, 1e9))
    if incumbent is None:
        assert row["charged_end"] == row["end"]
        return
    results = trace.results()
    furthest = results["resource"][results["trial"] == incumbent["trial"]].max()
    left = trained_to_the_end(trace, incumbent | {"resource": furthest})["seconds"]
    assert row["charged_end"] == pytest.approx(row["end"] + left)


@settings(max_examples=30)
@given(run=simulated())
def test_resource_axis_counts_what_had_been_trained_by_then(run: Any) -> None:
    [trace], [row] = run
    results = trace.results()
    grid = [0.0, *trace.table.resources.tolist()]
    steps = np.array([trace.table.resource_list.index(resource) for resource in results["resource"]], dtype=int)
    amounts = np.take(grid, steps + 1) - (np.take(grid, steps) if trace.table.resumable else 0)
    spent = [amounts[results["time"].to_numpy() <= time].sum() for time in row["times"]]
    np.testing.assert_allclose(row["resources"], spent)
    assert trace.resource_by(np.array([trace.info.end])) == pytest.approx(trace.resource_spent())


@pytest.mark.parametrize("scheduler", ["asha-stopping", "asha-promotion", "hyperband"])
def test_resource_by_the_end_is_all_that_was_spent_on_a_cluster_too(scheduler: str) -> None:
    table = random_table(3, n=40, size=9, levels=None)
    cluster = "spot(crashes='2/x', retries=2, checkpoints=4, price=1)"
    trace = Simulation(table, scheduler, workers=4, seed=1, budget="6x", cluster=cluster).run()
    assert (np.bincount(trace.columns.event, minlength=12)[9:11] > 0).all()  # it crashed, and was preempted
    times = np.linspace(0, trace.info.end, 50).astype(np.int64)
    spent = trace.resource_by(times)
    assert spent[0] == 0
    assert (np.diff(spent) >= 0).all()
    assert spent[-1] == pytest.approx(trace.resource_spent())
    charged = recommended(trace, "charged")
    charged = {name: column[_awaited(charged["time"])] for name, column in charged.items()}
    assert (np.diff(charged["time"]) >= 0).all()
    best = recommended(trace, "best")
    waits = (charged["time"] / 1e9)[:, None] - (best["time"] / 1e9)[None, :]
    paid = charged["paid"][:, None] - best["paid"][None, :]
    assert (np.abs(waits / 3600 - paid) < 1e-12).any(axis=1).all()  # one worker, at a price of 1 an hour


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(["min", "max"]), st.sampled_from([0.0, 0.3]))
def test_landmarks_are_the_best_and_the_median_of_the_table(seed: int, direction: str, ragged: float) -> None:
    table = random_table(
        seed, n=9, replicates=3, size=5, levels=None, diverged=0.2, ragged=ragged, times="fine", direction=direction
    )
    metric, values = table.default_metric, table.metrics[table.default_metric]
    found, up = landmarks(table, metric), np.nanmax if direction == "max" else np.nanmin
    means = np.full(values.shape[::2], nan)
    for row, i in np.ndindex(means.shape):
        measured = values[row, ~np.isnan(table.elapsed[row, :, i]), i]
        means[row, i] = np.mean(measured, dtype=np.float64) if len(measured) else nan
    assert found["table_best"] == up(values)
    last = values[:, :, -1]
    if (~np.isnan(last)).any():
        assert found["table_median"] == np.median(last[~np.isnan(last)])
    if (~np.isnan(means)).any():
        assert found["mean_best"] == pytest.approx(up(means))
    last = means[:, -1]
    if (~np.isnan(last)).any():
        assert found["mean_median"] == pytest.approx(np.nanmedian(last))
    assert found["test_best"] is None


def test_a_run_can_be_simulated_again_from_its_row() -> None:
    run = Run("mlp:digits", "asha-stopping(eta=4)", 3, 2, cluster="spot(price=2)")
    for asked in (run, Run("svm:magic", "random", 1, 5, metric=None)):
        row = run_row(asked)
        again = Run.of(as_runs([row]).iloc[0])
        assert run_row(again)["digest"] == row["digest"]
        assert (again.scheduler, again.seed, again.workers, again.cluster) == (
            asked.scheduler,
            asked.seed,
            asked.workers,
            asked.cluster,
        )

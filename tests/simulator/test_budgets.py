"""Each limit of a run against a computation of its own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schedulers import SPECS, fits
from scripted import Scripted, events_of
from tables import random_table, table_of, tables

from blackboxes import Blackbox
from simulator import (
    PAUSE,
    STOP,
    Budget,
    Continue,
    Resume,
    Simulation,
    SimulationError,
    Start,
    Trace,
)

NAMES = st.sampled_from(SPECS)
# Without units that take no time an instant has one round of reports, then jobs: easy to foresee.
PLAIN = {"zero_times": 0.0, "n": st.integers(1, 25), "size": st.integers(1, 15)}


def comparable(trace: Trace) -> list[tuple[Any, ...]]:
    return [(*(event[key] for key in ("time", "trial", "worker", "event", "resource")),) for event in events_of(trace)]


# --- simulated time --------------------------------------------------------------------------------------------


@given(table=tables(**PLAIN, times="coarse"), name=NAMES, workers=st.integers(1, 8), data=st.data())
@settings(max_examples=80)
def test_a_time_budget_is_the_whole_run_cut_off(table: Blackbox, name: str, workers: int, data: Any) -> None:
    """Reports at exactly the budget count, nothing starts then, and each running trial gets its last event."""
    assume(fits(name, table))
    whole = events_of(Simulation(table, name, workers=workers).run())
    limit = data.draw(st.integers(1, 8 * int(whole[-1]["time"] / 1e9) + 8), "eighths of a second") * 125_000_000
    trace = Simulation(table, name, workers=workers, budget=limit / 1e9).run()
    found = events_of(trace)

    kept, begun = [], set()  # who begins at the limit does not, nor does its curve end there at once
    for event in whole:
        if event["time"] == limit and event["event"] in ("start", "resume"):
            begun.add(event["trial"])
        if event["time"] < limit or (event["time"] == limit and event["trial"] not in begun):
            kept.append(event)
    last = {event["trial"]: event for event in kept}
    running = sorted(trial for trial, event in last.items() if event["event"] in ("start", "resume", "continue"))
    assert [tuple(map(str, event.values())) for event in found[: len(kept)]] == [
        tuple(map(str, event.values())) for event in kept
    ]
    assert [(event["time"], event["trial"], event["worker"], event["event"]) for event in found[len(kept) :]] == [
        (limit, trial, last[trial]["worker"], "budget") for trial in running
    ]
    assert trace.info.end == (limit if running else kept[-1]["time"])


def test_a_report_at_exactly_the_budget_counts_and_nothing_starts_then() -> None:
    table = table_of([[0.5, 0.4]] * 3, [[1, 2], [1, 2], [1, 2]])
    jobs = [Start(0, until=1), Start(1, until=2), Start(2, until=1)]
    trace = Simulation(table, Scripted(jobs, [PAUSE]), workers=2, budget=1).run()
    assert [(e["time"], e["event"], e["trial"], e["resource"]) for e in events_of(trace)] == [
        (0, "start", 0, 0),
        (0, "start", 1, 0),
        (10**9, "pause", 0, 1),
        (10**9, "budget", 1, 1),
    ]
    assert trace.results()[["trial", "resource"]].values.tolist() == [[0, 1], [1, 1]]


def test_units_that_take_no_time_still_finish_at_the_budget() -> None:
    table = table_of([[0.5, 0.4, 0.3]], [[1, 1, 2]])
    trace = Simulation(table, Scripted([Start(0, until=1)], [Continue(2), Continue(3)]), budget=1).run()
    assert [(e["event"], e["resource"]) for e in events_of(trace)] == [
        ("start", 0),
        ("continue", 1),
        ("continue", 2),
        ("budget", 2),
    ]


def test_20x_is_20_times_the_mean_full_training() -> None:
    table = table_of([[0.5, 0.4], [0.3, 0.2]], [[1, 3], [2, 5]])
    assert Budget(time="20x").seconds(table) == 80
    assert Simulation(table, "random", workers=1, exhausted="cycle", budget="20x").run().info.end == 80 * 10**9


def test_mean_full_training_leaves_out_curves_that_end_early() -> None:
    nan = float("nan")
    table = table_of([[0.5, 0.4], [0.3, nan]], [[1, 3], [2, nan]])
    assert Budget(time="1x").seconds(table) == 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1.5m", 90), ("2h", 7200), ("0.5d", 43200), (".5s", 0.5), (" 3 s ", 3), ("2x", 4)],
)
def test_time_budgets_as_text(text: str, seconds: float) -> None:
    assert Budget(time=text).seconds(table_of([[0.5, 0.4]])) == seconds


# --- trials ----------------------------------------------------------------------------------------------------


@given(table=tables(**PLAIN), name=NAMES, workers=st.integers(1, 8), trials=st.integers(1, 30))
@settings(max_examples=100)
def test_a_budget_of_trials_starts_so_many_and_lets_them_go_on(
    table: Blackbox, name: str, workers: int, trials: int
) -> None:
    assume(fits(name, table))
    whole = Simulation(table, name, workers=workers).run()
    trace = Simulation(table, name, workers=workers, budget=Budget(trials=trials)).run()
    assert len(trace.columns.config) == min(trials, len(whole.columns.config))
    if trials >= len(whole.columns.config):
        assert trace.digest() == whole.digest()
    else:  # up to the last start nothing is different
        last_start = max(i for i, event in enumerate(events_of(trace)) if event["event"] == "start")
        assert comparable(trace)[: last_start + 1] == comparable(whole)[: last_start + 1]
    ends = {event["trial"]: event["event"] for event in events_of(trace)}
    assert set(ends.values()) <= {"complete", "curve-end", "stop", "pause"}


def test_a_scheduler_with_rows_of_its_own_keeps_to_the_trials_too() -> None:
    table = table_of([[0.5, 0.4]] * 5)
    jobs = [Start(row, until=1) for row in range(5)]
    assert len(Simulation(table, Scripted(jobs), workers=2, budget=Budget(trials=3)).run().columns.config) == 3


# --- total resource --------------------------------------------------------------------------------------------


@given(table=tables(**PLAIN), name=NAMES, workers=st.integers(1, 8), limit=st.sampled_from([1, 7, 40, 100.5, 1000]))
@settings(max_examples=80)
def test_no_job_is_handed_out_once_the_committed_resource_reaches_the_budget(
    table: Blackbox, name: str, workers: int, limit: float
) -> None:
    assume(fits(name, table))
    whole = events_of(Simulation(table, name, workers=workers).run())
    found = events_of(Simulation(table, name, workers=workers, budget=Budget(resource=limit)).run())
    committed, jobs_over = Fraction(0), None
    for i, event in enumerate(whole):
        if event["event"] not in ("start", "resume", "continue"):
            continue
        if event["event"] != "continue" and committed >= Fraction(str(limit)):
            jobs_over = i
            break
        reached = next((e["resource"] for e in whole[i + 1 :] if e["trial"] == event["trial"]), event["resource"])
        if reached > event["resource"]:
            committed += Fraction(str(reached)) - (Fraction(str(event["resource"])) if table.resumable else 0)
    if jobs_over is None:
        assert [tuple(map(str, e.values())) for e in found] == [tuple(map(str, e.values())) for e in whole]
        return
    same = [tuple(map(str, e.values())) for e in whole[:jobs_over]]
    assert [tuple(map(str, e.values())) for e in found[:jobs_over]] == same
    assert {e["event"] for e in found[jobs_over:]} <= {"continue", "pause", "stop", "complete", "curve-end"}
    running = {event["trial"]: event["event"] for event in found}
    assert not set(running.values()) & {"start", "resume", "continue"}, "running trials finish"


def test_the_resource_budget_adds_fractions_exactly() -> None:
    """Ten times 0.1 is 1: the eleventh trial is not started."""
    table = table_of([[0.5, 0.4]] * 20, resources=[0.1, 1.0])
    jobs = [Start(row, until=0.1) for row in range(20)]
    for limit, trials in ((0.3, 3), (0.6, 6), (0.7, 7), (0.8, 8), (1.0, 10), (1.1, 11)):
        trace = Simulation(table, Scripted(jobs), workers=1, budget=Budget(resource=limit)).run()
        assert len(trace.columns.config) == trials, limit


def test_to_continue_is_charged_to_the_resource_budget_and_allowed_past_it() -> None:
    table = table_of([[0.5, 0.4, 0.3]] * 3)
    jobs = [Start(0, until=1), Start(1, until=1), Start(2, until=1)]
    trace = Simulation(table, Scripted(jobs, [Continue(3)]), workers=1, budget=Budget(resource=2)).run()
    assert [(e["event"], e["resource"]) for e in events_of(trace)] == [
        ("start", 0),
        ("continue", 1),
        ("complete", 3),
    ]


# --- target value ----------------------------------------------------------------------------------------------


@given(
    table=tables(**PLAIN, times="coarse"),
    name=NAMES,
    workers=st.integers(1, 8),
    target=st.sampled_from([0.0, 0.125, 0.5, 3.0, 100.0]),
)
@settings(max_examples=80)
def test_a_target_ends_the_run_at_its_first_crossing_on_any_epoch(
    table: Blackbox, name: str, workers: int, target: float
) -> None:
    assume(fits(name, table))
    whole = Simulation(table, name, workers=workers).run()
    results = whole.results()
    better = np.less_equal if table.metric_info["loss"].direction == "min" else np.greater_equal
    crossings = results.loc[better(results["loss"], target), "time"]
    trace = Simulation(table, name, workers=workers, budget=Budget(target=target)).run()
    if crossings.empty:
        assert trace.digest() == whole.digest()
        return
    until_then = Simulation(table, name, workers=workers, budget=float(crossings.min())).run()
    assert trace.digest() == until_then.digest(), trace.diff(until_then)
    assert trace.info.end == until_then.info.end


def test_a_target_is_found_between_decisions() -> None:
    table = table_of([[0.5, 0.1, 0.4]])
    trace = Simulation(table, "random", workers=1, budget=Budget(target=0.2)).run()
    assert trace.info.end == 2 * 10**9
    assert trace.results()["loss"].tolist() == [0.5, 0.1]


def test_a_target_is_in_the_metrics_own_direction() -> None:
    table = table_of([[0.5, 0.7, 0.9]], direction="max")
    assert Simulation(table, "random", workers=1, budget=Budget(target=0.7)).run().info.end == 2 * 10**9


def test_a_target_may_be_a_number_of_numpy() -> None:
    """What compares 32-bit values with the target does not depend on the target's own type."""
    table = random_table(3, n=5, levels=2)
    curves = np.array([[[0.3, 0.1]]], dtype=np.float32)
    table = type(table)(
        space="",
        configs={"x": np.arange(1)},
        resources=np.array([1, 2]),
        metrics={"loss": curves},
        metric_info={"loss": table.metric_info["loss"]},
        elapsed=np.array([[[1.0, 2.0]]]),
    )
    ends = {
        Simulation(table, "random", budget=Budget(target=target)).run().info.end
        for target in (0.3, np.float64(0.3), np.float32(0.3))
    }
    assert len(ends) == 1


def test_a_cancelled_trial_does_not_reach_the_target() -> None:
    """Trial 0 would reach it at 3 s and is stopped at 1 s; trial 1 reaches it at 6 s."""
    table = table_of([[0.5, 0.5, 0.1], [0.5, 0.5, 0.5], [0.5, 0.1, 0.1]], [[2, 2.5, 3], [1, 2, 3], [3, 5, 6]])

    def stop_first(context: Any, trial: Any) -> Any:
        context.stop(0)
        return STOP

    jobs = [Start(0, until=3), Start(1, until=1), Start(2, until=3)]
    trace = Simulation(table, Scripted(jobs, [stop_first]), workers=2, budget=Budget(target=0.2)).run()
    assert trace.info.end == 6 * 10**9


def test_a_trial_cancelled_at_the_instant_of_its_crossing_has_reached_the_target() -> None:
    """It finished that epoch: the report at exactly this time counts, and the run is over."""
    table = table_of([[0.5, 0.1, 0.1], [0.5, 0.5, 0.5]], [[1, 2, 9], [2, 4, 9]])

    def stop_first(context: Any, trial: Any) -> Any:
        context.stop(0)
        return Continue(3)

    jobs = [Start(0, until=3), Start(1, until=1)]
    trace = Simulation(table, Scripted(jobs, [stop_first]), workers=2, budget=Budget(target=0.1)).run()
    assert trace.results()["loss"].min() == 0.1
    assert trace.info.end == 2 * 10**9


def test_a_target_that_was_reached_stays_so_whoever_is_stopped_at_that_instant() -> None:
    """Trial 1 reaches 0.4 at 1 s, goes on to 0.3, and stops trial 0, which would have got there at 3 s."""
    table = table_of([[0.9, 0.9, 0.1], [0.4, 0.3, 0.2]])

    def go_on_alone(context: Any, _: Any) -> Any:
        context.stop(0)
        return Continue(3)

    jobs = [Start(0, until=3), Start(1, until=1)]
    trace = Simulation(table, Scripted(jobs, [go_on_alone]), workers=2, budget=Budget(target=0.4)).run()
    assert trace.info.end == 10**9


# --- together --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tight", [{"time": 3.5}, {"trials": 2}, {"resource": 5}, {"target": 0.25}], ids=repr)
def test_whichever_limit_comes_first_ends_the_run(tight: dict[str, Any]) -> None:
    table = table_of([[0.5, 0.5, 0.5], [0.5, 0.5, 0.25], [0.5, 0.25, 0.125]] * 5)
    generous = {"time": 100.0, "trials": 14, "resource": 100, "target": 0.0}
    alone = Simulation(table, "random", workers=1, budget=Budget(**tight)).run()
    together = Simulation(table, "random", workers=1, budget=Budget(**(generous | tight))).run()
    assert together.digest() == alone.digest()
    assert together.digest() != Simulation(table, "random", workers=1, budget=Budget(**generous)).run().digest()


# --- wrong limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "time",
    ["10", "-1x", "0s", "0x", "x", "", "10 y", "1e3s", "nan", "inf", "nanx", "infs", "10x20", 0, -1, -0.5]
    + [float("nan"), float("inf"), np.float32("nan"), np.int64(-5), np.int64(0), [10], {"time": 3}],
    ids=repr,
)
def test_a_time_that_is_not_a_positive_amount_is_refused(time: Any) -> None:
    with pytest.raises(SimulationError, match=r"budget"):
        Budget(time=time)
    with pytest.raises(SimulationError, match=r"budget"):
        Simulation(table_of([[0.5]]), "random", budget=time)


@pytest.mark.parametrize("trials", [0, -3, 2.5, float("nan"), "3", True, np.int64(0)], ids=repr)
def test_trials_must_be_a_positive_whole_number(trials: Any) -> None:
    with pytest.raises(SimulationError, match="trials"):
        Budget(trials=trials)


def test_trials_may_be_a_whole_number_of_numpy() -> None:
    table = table_of([[0.5]] * 5)
    assert len(Simulation(table, "random", budget=Budget(trials=np.int64(3))).run().columns.config) == 3


@pytest.mark.parametrize("resource", [0, -1, float("nan"), float("inf"), "30", np.int64(-1)], ids=repr)
def test_resource_must_be_positive(resource: Any) -> None:
    with pytest.raises(SimulationError, match="resource"):
        Budget(resource=resource)


@pytest.mark.parametrize("target", [float("nan"), float("inf"), "0.1"], ids=repr)
def test_a_target_must_be_a_number(target: Any) -> None:
    with pytest.raises(SimulationError, match="target"):
        Budget(target=target)


def test_the_error_about_text_shows_the_forms() -> None:
    with pytest.raises(SimulationError, match=r"'10'.*10x.*3600s.*2h"):
        Budget(time="10")


@pytest.mark.parametrize("name", ["hyperband", "asha-promotion"])
def test_resumes_are_refused_too_once_the_resource_is_used_up(name: str) -> None:
    table = random_table(1, n=30, size=9)
    found = events_of(Simulation(table, name, workers=1, budget=Budget(resource=9)).run())
    assert {e["event"] for e in found[-1:]} <= {"pause", "complete"}
    assert sum(e["event"] in ("start", "resume") for e in found) < 12


def test_a_paused_trial_left_behind_has_no_last_event() -> None:
    table = table_of([[0.5, 0.4]] * 2)
    trace = Simulation(table, Scripted([Start(0, 1), Resume(0, 2)], [PAUSE]), workers=1, budget=1).run()
    assert [e["event"] for e in events_of(trace)] == ["start", "pause"]

"""What a page replays, against the trace event by event."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_report import jobs_at, standings_at, states_at
from scripted import Scripted
from tables import random_table, table_of, tables

import analysis.report.replay as module
from analysis.report.replay import STANDINGS, STATES, fitting, replay
from blackboxes import Blackbox, Metric
from simulator import PAUSE, Context, Simulation, Start, Trace, Trial, events
from simulator.cluster import Cluster
from simulator.story import story

SCHEDULERS = ["random", "successive-halving", "hyperband", "asha-stopping(eta=2)", "asha-promotion", "median-stopping"]


def shown_states(data: dict[str, Any], seconds: float) -> dict[int, str]:
    """The states at a time, as the page reads them from the data."""
    states = data["states"]
    assert states["time"] == sorted(states["time"])
    return {
        trial: STATES[state]
        for time, trial, state in zip(states["time"], states["trial"], states["state"], strict=True)
        if time <= seconds
    }


def shown_standings(data: dict[str, Any], seconds: float) -> list[tuple[int, float, float | None, str]]:
    """The reports at a time, as the page reads them from the data."""
    found = []
    for time, trial, level, value, standing, onward, given_up in zip(*data["reports"].values(), strict=True):
        if time <= seconds:
            came = STANDINGS[standing]
            if onward is not None and onward <= seconds:
                came = "went on"
            elif given_up is not None and given_up <= seconds:
                came = "stopped"
            found.append((trial, data["resources"][level], value, came))
    return sorted(found)


def check(trace: Trace, moments: list[float]) -> None:
    data = json.loads(json.dumps(replay(trace), allow_nan=False))
    end = trace.info.end / 1e9
    assert data["reports"]["time"] == sorted(data["reports"]["time"])
    crashes = trace.columns.time[trace.columns.event == events.CODES["crash"]] / 1e9
    for seconds in [0.0, *(share * end for share in moments), *crashes.tolist(), end]:
        states = shown_states(data, seconds)
        assert states == states_at(trace, seconds)
        jobs = data["jobs"]
        assert jobs["begin"] == sorted(jobs["begin"])
        bars = [
            (trial, worker, begin, min(over, seconds), states[trial])
            for trial, worker, begin, over in zip(
                jobs["trial"], jobs["worker"], jobs["begin"], jobs["end"], strict=True
            )
            if begin <= seconds
        ]
        assert sorted(bars) == jobs_at(trace, seconds)
        assert shown_standings(data, seconds) == standings_at(trace, seconds)
    results = trace.results()
    trial, told = (
        -1,
        iter(zip(data["results"]["time"], data["results"]["level"], data["results"]["value"], strict=True)),
    )
    for trial, count in enumerate(data["results"]["count"]):
        mine = results[results["trial"] == trial]
        assert len(mine) == count
        for time, resource, value in zip(mine["time"], mine["resource"], mine[trace.info.metric], strict=True):
            shown_time, level, shown = next(told)
            assert (shown_time, data["resources"][level]) == (time, resource)
            assert (shown is None) == np.isnan(value)
            assert shown is None or np.float32(shown) == np.float32(value)
    assert next(told, None) is None
    best = trace.incumbents()
    assert data["incumbents"]["time"] == (best["time"] / 1e9).tolist()
    assert data["incumbents"]["trial"] == best["trial"].tolist()
    assert np.array_equal(np.array(data["incumbents"]["value"], dtype=np.float32), best["value"].astype(np.float32))
    assert data["stories"] == [story(trace, trial) for trial in range(len(trace.columns.config))]


@settings(max_examples=25)
@given(
    table=tables(n=st.integers(1, 25), size=st.integers(1, 12)),
    scheduler=st.sampled_from(SCHEDULERS),
    workers=st.integers(1, 4),
    budget=st.sampled_from([None, "0.3x", "2.5x"]),
    moments=st.lists(st.floats(0, 1), min_size=2, max_size=4),
)
def test_every_moment_of_a_replay_is_that_of_the_trace(
    table: Blackbox, scheduler: str, workers: int, budget: str | None, moments: list[float]
) -> None:
    check(Simulation(table, scheduler, workers=workers, budget=budget).run(), moments)


@pytest.mark.parametrize("scheduler", ["asha-promotion", "asha-stopping", "hyperband", "pasha"])
def test_so_it_is_on_a_cluster_where_trials_crash_and_checkpoints_are_removed(scheduler: str) -> None:
    cluster = Cluster(start=0.25, stop=0.25, save=0.125, load=0.5, room=2, crashes="0.4/s", retries=1)
    table = random_table(5, n=30, size=9, times="coarse")
    trace = Simulation(table, scheduler, workers=3, seed=1, cluster=cluster, budget=20).run()
    assert {"crash", "failed", "budget"} <= {events.NAMES[code] for code in trace.columns.event.tolist()}
    check(trace, [0.1, 0.37, 0.5, 0.9])


# Written by hand: the trial waits for a worker from 3.75 s to 4 s, and again from 4.5 s to the end.
WAITING = """\
# rungsim trace 1
# table: "made:by-hand"
# metric: "loss"
# scheduler: "by hand"
# seed: 0
# workers: 1
# end: 6000000000
# exhausted_at: null
# cluster: {"crashes": "0.1/s"}
# values: "float64"
0.000000000  worker=0  trial=0  start      config=0 replicate=0  resource=0  until=1
1.000000000  worker=0  trial=0  continue   resource=1  value=0.5  until=4
3.750000000  worker=0  trial=0  crash      resource=3  value=0.3  until=4
4.000000000  worker=0  trial=0  resume     resource=3  value=0.3  until=4  origin=3
4.500000000  worker=0  trial=0  preempted  resource=3  value=0.3  until=4
4.500000000  worker=0  drain
5.000000000  worker=0  down
"""


def test_who_waits_for_a_worker_is_not_decided_before_the_end() -> None:
    trace = Trace.from_text(WAITING, table_of([[0.5, 0.4, 0.3, 0.2]]))
    data = replay(trace)
    told = [shown_states(data, seconds) for seconds in (0.5, 3.8, 4.2, 5.5, 6.0)]
    assert told == [{0: "running"}] * 4 + [{0: "cut off"}]
    assert list(zip(data["jobs"]["begin"], data["jobs"]["end"], strict=True)) == [(0.0, 3.75), (4.0, 4.5)]
    check(trace, [0.6, 0.65, 0.7, 0.9])


def test_a_paused_trial_that_the_scheduler_gives_up_is_stopped_from_then_on() -> None:
    def give_up(context: Context, trial: Trial) -> Any:
        context.stop(0)
        return PAUSE

    table = table_of([[3.0, 2.0], [2.0, 1.0]])
    trace = Simulation(table, Scripted([Start(0, until=1), Start(1, until=1)], [PAUSE, give_up]), workers=1).run()
    data = replay(trace)
    assert shown_standings(data, 1.5) == [(0, 1.0, 3.0, "paused")]
    assert shown_standings(data, 2.0) == [(0, 1.0, 3.0, "stopped"), (1, 1.0, 2.0, "paused")]
    check(trace, [0.5, 0.75])


def test_numbers_are_the_shortest_that_single_precision_tells_apart() -> None:
    table = Blackbox(
        space="",
        configs={"x": np.arange(1)},
        resources=np.array([1, 2]),
        metrics={"loss": np.array([[[0.1, 0.7]]], dtype=np.float32)},
        metric_info={"loss": Metric("min")},
        elapsed=np.array([[[1.0, 2.0]]]),
    )
    assert replay(Simulation(table, "random").run())["results"]["value"] == [0.1, 0.7]


def test_long_runs_keep_every_kth_result_and_the_last_of_each_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Simulation(random_table(2, n=9, size=20, ragged=0.4), "random").run()
    whole = replay(trace)["results"]
    monkeypatch.setattr(module, "MOST_RESULTS", len(whole["time"]) // 3)
    thinned, every = replay(trace)["results"], replay(trace)["every"]
    ends, first = np.cumsum(whole["count"]), 0
    kept = []
    for end in ends.tolist():
        kept += [i for i in range(first, end) if whole["level"][i] % every == 0 or i == end - 1]
        first = end
    assert every in (3, 4)
    assert 0 < len(kept) < len(whole["time"]) / 2
    for column in ("time", "level", "value"):
        assert thinned[column] == [whole[column][i] for i in kept]


def test_values_far_from_the_others_do_not_stretch_the_axis_on_the_worse_side() -> None:
    losses = [*(k / 10 for k in range(1, 10)), 1e6]
    low, high = replay(Simulation(table_of([[v] for v in losses]), "random").run())["value_domain"]
    assert low < 0.1
    assert 0.9 < high < 10
    assert replay(Simulation(table_of([[v] for v in [*losses[:-1], 4.0]]), "random").run())["value_domain"][1] > 4
    gains = table_of([[-v] for v in losses], direction="max")
    assert replay(Simulation(gains, "random").run())["value_domain"] == [-high, -low]


def test_what_does_not_fit_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Simulation(table_of([[1.0], [2.0], [3.0]]), "random", seed=4).run()
    monkeypatch.setattr(module, "MOST_JOBS", 7)
    small = Simulation(table_of([[1.0]]), "random").run()
    kept, why = fitting([trace, trace, trace, small])
    assert kept == [trace, trace, small]
    assert why == ["The run of random with seed 4 is left out: it has 3 jobs, and a page replays 7 in all."]


def test_a_run_whose_table_is_gone_is_left_out_and_said() -> None:
    trace = Simulation(table_of([[1.0]]), "random").run()
    gone = Trace(replace(trace.info, table="nowhere:at-all"), None, trace.columns)
    kept, (why,) = fitting([gone])
    assert kept == []
    assert "seed 0 is left out: its table cannot be loaded (" in why
    assert "nowhere" in why

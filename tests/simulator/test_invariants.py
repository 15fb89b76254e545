"""What holds in any run, on random tables, for every scheduler, any number of workers and any budget.

`scripted.history` checks the state of every worker and trial event by event; what follows is counted from it anew.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedulers import SPECS, fits, name_of
from scripted import Segment, events_of, history
from tables import tables

from blackboxes import Blackbox
from simulator import Budget, Simulation, Trace

BUDGETS = st.one_of(
    st.none(),
    st.builds(Budget, time=st.sampled_from([0.125, 1.0, 3.3, 10.0, "2x"])),
    st.builds(Budget, trials=st.integers(1, 20)),
    st.builds(Budget, resource=st.sampled_from([1, 30, 100.5])),
    st.builds(Budget, target=st.sampled_from([0.125, 0.5, 3.0])),
    st.builds(Budget, time=st.just(5), trials=st.just(10), resource=st.just(60), target=st.just(0.125)),
)
NEVER_WAIT = ("random", "asha-stopping", "median-stopping", "grid", "patience", "curve-extrapolation", "dyhpo", "mf-bo")
EXACT = st.sampled_from(["equal", "coarse"])  # multiples of 1/8 s, hence of a nanosecond


@st.composite
def runs(draw: st.DrawFn, **fixed: Any) -> Trace:
    table = draw(tables(size=st.integers(1, 15), n=st.integers(1, 25), **fixed))
    name = draw(st.sampled_from([spec for spec in SPECS if fits(spec, table)]))
    workers, seed, budget = draw(st.integers(1, 8)), draw(st.integers(0, 3)), draw(BUDGETS)
    if isinstance(budget, Budget) and budget.time == "2x" and not table.full_training_time:
        budget = None
    return Simulation(table, name, workers=workers, seed=seed, budget=budget).run()


def nanoseconds_to(table: Blackbox, segment: Segment, resource: float) -> int:
    """From nothing to `resource`, for tables whose times are multiples of 1/8 s."""
    if resource == 0:
        return 0
    at = table.resource_list.index(resource)
    return int(float(table.elapsed[segment.config, segment.replicate, at]) * 8) * 125_000_000


@given(trace=runs())
@settings(max_examples=200)
def test_workers_trials_time_and_resource_behave(trace: Trace) -> None:
    history(trace)


@given(trace=runs())
@settings(max_examples=100)
def test_nobody_leaves_a_rung_twice(trace: Trace) -> None:
    """Neither resumed nor continued twice from the same resource."""
    left = Counter(
        (event["trial"], event["resource"])
        for event in events_of(trace)
        if event["event"] in ("resume", "continue") and event["resource"] < event["until"]
    )
    paused = Counter((event["trial"], event["resource"]) for event in events_of(trace) if event["event"] == "pause")
    assert all(count == 1 for count in left.values())
    assert all(count == 1 for count in paused.values())


@given(trace=runs(times=EXACT))
@settings(max_examples=200)
def test_busy_time_is_the_tables_cost(trace: Trace) -> None:
    table, busy = trace.table, 0
    for segment in history(trace):
        spent = segment.end - segment.begin
        busy += spent
        there, here = nanoseconds_to(table, segment, segment.reached), nanoseconds_to(table, segment, segment.start)
        cost = there - here if table.resumable else there
        if segment.reached == segment.start:
            cost = 0
        if segment.ended_by == "budget":
            assert cost <= spent
        else:
            assert cost == spent
    assert trace.busy() == busy


@given(trace=runs(times=EXACT, resumable=True))
@settings(max_examples=150)
def test_a_segment_that_is_cut_off_counts_the_resources_it_finished(trace: Trace) -> None:
    table, end = trace.table, trace.info.end
    for segment in history(trace):
        if segment.ended_by != "budget":
            continue
        assert segment.end == end
        begun = segment.begin - nanoseconds_to(table, segment, segment.start)
        finished = [segment.start] + [
            resource
            for resource in table.resource_list
            if segment.start < resource <= segment.until
            and not np.isnan(table.elapsed[segment.config, segment.replicate, table.resource_list.index(resource)])
            and begun + nanoseconds_to(table, segment, resource) <= end
        ]
        assert segment.reached == max(finished)


@given(trace=runs(times=EXACT))
@settings(max_examples=150)
def test_results_are_the_tables_curves_at_the_times_they_became_known(trace: Trace) -> None:
    table = trace.table
    expected = []
    for segment in history(trace):
        begun = segment.begin - (nanoseconds_to(table, segment, segment.start) if table.resumable else 0)
        for at, resource in enumerate(table.resource_list):
            seen = segment.start < resource <= segment.reached if table.resumable else resource == segment.reached
            if not seen or segment.start == segment.reached:
                continue
            where = segment.config, segment.replicate, at
            expected.append(
                (
                    (begun + nanoseconds_to(table, segment, resource)) / 1e9,
                    segment.trial,
                    resource,
                    segment.worker,
                    segment.config,
                    segment.replicate,
                    repr(float(table.metrics["loss"][where])),
                    repr(float(table.metrics["other"][where])),
                )
            )
    expected.sort(key=lambda row: row[:3])  # by time, trial and resource
    frame = trace.results()
    assert list(frame.columns) == ["time", "trial", "worker", "config", "replicate", "resource", "loss", "other"]
    columns = ["time", "trial", "resource", "worker", "config", "replicate"]
    found = [
        (*row, repr(float(loss)), repr(float(other)))
        for *row, loss, other in frame[[*columns, "loss", "other"]].itertuples(index=False)
    ]
    assert [tuple(row) for row in found] == expected


@given(trace=runs(times=EXACT))
@settings(max_examples=100)
def test_the_summary_adds_up(trace: Trace) -> None:
    segments, summary, table = history(trace), trace.summary(), trace.table
    ends = Counter(event["event"] for event in events_of(trace))
    assert summary["trials"] == ends["start"]
    assert summary["completed"] == ends["complete"] + ends["curve-end"]
    assert summary["stopped"] == ends["stop"]
    assert summary["cut_off"] == ends["budget"]
    assert summary["reports"] == ends["continue"] + ends["pause"] + ends["stop"]
    gone = [s.reached - (s.start if table.resumable else 0) for s in segments if s.reached > s.start]
    assert summary["resource"] == pytest.approx(sum(gone))
    assert summary["end"] == trace.info.end / 1e9
    assert 0 <= summary["idle"] <= 1
    losses = trace.results()["loss"]
    best = losses.min() if table.metric_info["loss"].direction == "min" else losses.max()
    np.testing.assert_equal(summary["best"], float(best))


@given(trace=runs())
@settings(max_examples=100)
def test_incumbents_are_the_results_better_than_all_before(trace: Trace) -> None:
    sign = {"min": 1, "max": -1}[trace.table.metric_info["loss"].direction]
    best, expected = float("inf"), []
    for row in trace.results().itertuples(index=False):
        if sign * row.loss < best:
            best = sign * row.loss
            expected.append((row.trial, row.resource, row.loss))
    found = trace.incumbents()
    grid = trace.table.resource_list
    resources = [grid[i] for i in found["index"]]
    assert list(zip(found["trial"].tolist(), resources, found["value"].tolist(), strict=True)) == expected


@given(trace=runs(times=EXACT))
@settings(max_examples=100)
def test_schedulers_that_never_wait_keep_every_worker_busy_until_the_last_start(trace: Trace) -> None:
    if name_of(trace.info.scheduler) not in NEVER_WAIT:
        return
    segments = history(trace)
    last = max((s.begin for s in segments if s.start == 0), default=0)
    assert sum(min(s.end, last) - min(s.begin, last) for s in segments) == last * trace.info.workers

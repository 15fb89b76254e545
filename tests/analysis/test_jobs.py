"""Jobs and fates of trials, against a walk through the events one by one, and worked by hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from cluster.chaotic import Chaotic, clusters
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schedulers import SPECS, fits
from scripted import Scripted, events_of
from tables import table_of, tables

from analysis.jobs import FATES, fates, jobs
from simulator import PAUSE, STOP, Budget, Continue, Resume, Simulation, Start, Trace
from simulator.accounting import presences
from simulator.cluster import Cluster

SMALL: dict[str, Any] = {"n": st.integers(1, 12), "size": st.integers(1, 9)}
LIMITS = st.sampled_from([Budget(), Budget(3.3), Budget(0.125), Budget(trials=4), Budget(resource=30)])


class Stay(NamedTuple):
    """A job as the walk has it, times in nanoseconds."""

    begin: int
    end: int
    trial: int
    worker: int
    start: float
    reached: float
    ended_by: str
    begun_by: str


def stays(trace: Trace) -> list[Stay]:
    """The jobs of a trace, in the order in which they begin, from its events one after the other."""
    found: list[Stay | None] = []
    open_jobs: dict[int, tuple[int, dict[str, Any]]] = {}
    for event in events_of(trace):
        name, trial = event["event"], event["trial"]
        if trial < 0 or name == "removed":
            continue
        if name in ("start", "resume"):
            assert trial not in open_jobs
            open_jobs[trial] = len(found), event
            found.append(None)
        elif name != "continue" and trial in open_jobs:
            place, first = open_jobs.pop(trial)
            found[place] = Stay(
                first["time"],
                event["time"],
                trial,
                first["worker"],
                first["resource"],
                event["resource"],
                name,
                first["event"],
            )
    assert not open_jobs
    return [stay for stay in found if stay is not None]


def as_stays(trace: Trace) -> list[tuple[Any, ...]]:
    """What `jobs` says, in the same form but for how they began."""
    found = jobs(trace)
    columns = (np.rint(found.begin * 1e9).astype(int), np.rint(found.end * 1e9).astype(int), found.trial, found.worker)
    return list(
        zip(
            *(column.tolist() for column in (*columns, found.start, found.reached)),
            found.ended_by.tolist(),
            strict=True,
        )
    )


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Runs of all schedulers, and of one that gives any legal answer, with and without a cluster."""
    table = draw(tables(**SMALL))
    assume(table.full_training_time > 0)
    cluster = draw(st.one_of(st.none(), clusters()))
    if draw(st.booleans()):
        scheduler: Any = Chaotic(draw(st.integers(0, 10**6)))
    else:
        scheduler = draw(st.sampled_from([spec for spec in SPECS if fits(spec, table)]))
    budget = draw(LIMITS)
    if cluster is not None and budget.time is None:
        budget = Budget(60.0, budget.trials, budget.resource)
    workers, seed = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    return Simulation(table, scheduler, workers=workers, seed=seed, budget=budget, cluster=cluster).run()


@settings(max_examples=20)
@given(trace=traces())
def test_jobs_are_those_of_a_walk_through_the_events(trace: Trace) -> None:
    check(trace)


@pytest.mark.slow
@settings(max_examples=500)
@given(trace=traces())
def test_jobs_are_those_of_a_walk_through_the_events_of_many_runs(trace: Trace) -> None:
    check(trace)


def check(trace: Trace) -> None:
    walked = stays(trace)
    assert as_stays(trace) == [stay[:-1] for stay in walked]
    assert len(jobs(trace)) == len(walked)
    assert sum(stay.end - stay.begin for stay in walked) == trace.busy()
    check_workers(trace, walked)
    check_trials(trace, walked)


def check_workers(trace: Trace, walked: list[Stay]) -> None:
    """A worker has one trial at a time, and only while it is there."""
    there = list(presences(trace))
    for stay in walked:
        assert any(one.worker == stay.worker and one.up <= stay.begin and stay.end <= one.down for one in there), (
            f"{stay} is on a worker that is away"
        )
    for worker in {stay.worker for stay in walked}:
        for one, other in pairwise(sorted(stay[:2] for stay in walked if stay.worker == worker)):
            assert one[1] <= other[0]


def check_trials(trace: Trace, walked: list[Stay]) -> None:
    """A trial's jobs follow one another, and what became of it agrees with the trace's own summary."""
    for trial in range(len(trace.columns.config)):
        mine = [stay for stay in walked if stay.trial == trial]
        assert [stay.begun_by for stay in mine] == ["start"] + ["resume"] * (len(mine) - 1)
        for one, other in pairwise(mine):
            assert one.end <= other.begin
            assert one.reached == other.start
            assert one.ended_by in ("pause", "crash", "preempted")
    counts, summary = Counter(fates(trace).tolist()), trace.summary()
    assert set(counts) <= set(FATES)
    assert counts["completed"] == summary["completed"]
    assert counts["stopped"] == summary["stopped"]
    assert counts["failed"] == summary["failed"]
    lasts = {event["trial"]: event["event"] for event in events_of(trace) if event["event"] != "removed"}
    assert counts["paused"] == sum(name == "pause" for trial, name in lasts.items() if trial >= 0)
    assert sum(counts.values()) == summary["trials"]


def test_worked_by_hand() -> None:
    """Two workers, five trials; a second a unit.

    Worker 0: trial 0 to 2, paused at 2 s; trial 2 from 2 s, stopped at 3 s; trial 0 again, complete at 5 s.
    Worker 1: trial 1 to 1, told to go on, stopped at 3 s; trial 3 from 3 s, paused at 4 s; trial 4 cut off at 5.5 s.
    """
    table = table_of([[0.5, 0.4, 0.3, 0.2]] * 6)
    jobs_asked = [Start(0, 2), Start(1, 1), Start(2, 1), Resume(0, 4), Start(3, 1), Start(4, 4)]
    answers = [Continue(3), PAUSE, STOP, STOP, PAUSE]  # at 1 s, at 2 s, twice at 3 s, at 4 s
    trace = Simulation(table, Scripted(jobs_asked, answers), workers=2, budget=5.5).run()
    second = 10**9
    assert as_stays(trace) == [
        (0, 2 * second, 0, 0, 0.0, 2.0, "pause"),
        (0, 3 * second, 1, 1, 0.0, 3.0, "stop"),
        (2 * second, 3 * second, 2, 0, 0.0, 1.0, "stop"),
        (3 * second, 5 * second, 0, 0, 2.0, 4.0, "complete"),
        (3 * second, 4 * second, 3, 1, 0.0, 1.0, "pause"),
        (4 * second, 11 * second // 2, 4, 1, 0.0, 1.0, "budget"),
    ]
    assert fates(trace).tolist() == ["completed", "stopped", "stopped", "paused", "cut off"]


def test_a_paused_trial_that_is_cancelled_leaves_no_worker() -> None:
    table = table_of([[0.5, 0.4]] * 3)

    def cancel_first(context: Any) -> Start:
        context.stop(0)
        return Start(1, 1)

    trace = Simulation(table, Scripted([Start(0, 1), cancel_first], [PAUSE, STOP]), workers=1).run()
    assert [stay[2:] for stay in as_stays(trace)] == [(0, 0, 0.0, 1.0, "pause"), (1, 0, 0.0, 1.0, "stop")]
    assert fates(trace).tolist() == ["stopped", "stopped"]


@pytest.mark.parametrize(("retries", "fate"), [(0, "failed"), (10**6, "cut off")])
def test_who_crashes_too_often_has_failed_and_who_waits_at_the_end_was_cut_off(retries: int, fate: str) -> None:
    table = table_of([[0.5] * 9] * 3)
    cluster = Cluster(crashes=36000.0, retries=retries, backoff="1h")  # ten a second, and then an hour's wait
    trace = Simulation(table, "random", workers=1, budget=Budget(5.0, trials=1), cluster=cluster).run()
    found = jobs(trace)
    assert found.ended_by.tolist() == ["crash"]
    assert found.reached.tolist() == [0.0]
    assert fates(trace).tolist() == [fate]


def test_a_paused_trial_whose_checkpoint_is_removed_stays_paused() -> None:
    table = table_of([[0.5, 0.4]] * 2)
    cluster = Cluster(room=1)
    trace = Simulation(table, Scripted([Start(0, 1), Start(1, 1)], [PAUSE, PAUSE]), workers=1, cluster=cluster).run()
    assert [event["event"] for event in events_of(trace)].count("removed") == 1
    assert jobs(trace).ended_by.tolist() == ["pause", "pause"]
    assert fates(trace).tolist() == ["paused", "paused"]


def test_a_child_begins_where_its_parent_stood() -> None:
    table = table_of([[0.5, 0.4, 0.3]] * 2)
    trace = Simulation(table, Scripted([Start(0, 2), Start(1, 3, checkpoint_of=0)], [STOP]), workers=1).run()
    assert jobs(trace).start.tolist() == [0.0, 2.0]
    assert jobs(trace).reached.tolist() == [2.0, 3.0]


def test_a_run_without_a_trial_has_no_jobs() -> None:
    trace = Simulation(table_of([[0.5]]), Scripted([]), workers=2).run()
    assert len(jobs(trace)) == 0
    assert fates(trace).tolist() == []
    for column in vars(jobs(trace)).values():
        assert column.shape == (0,)

"""`context.stop`: a paused trial's checkpoint is freed, a running trial is cancelled and its worker is free at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Scripted, events_of, history
from tables import table_of, tables

from blackboxes import Blackbox
from simulator import PAUSE, STOP, Context, Continue, Resume, Scheduler, SchedulerError, Simulation, Start, Trial

TABLE = table_of([[0.5, 0.4, 0.3], [0.3, 0.2, 0.1], [0.9, 0.8, 0.7]], [[1, 2, 3], [2.5, 5, 7.5], [10, 20, 30]])


def stopping(*numbers: int, answer: Any) -> Any:
    """An entry of a script that stops trials and then gives `answer`."""

    def entry(context: Context, *_: Any) -> Any:
        for number in numbers:
            context.stop(number)
        return answer

    return entry


def events(scheduler: Scheduler, table: Blackbox = TABLE, workers: int = 2, **options: Any) -> list[tuple[Any, ...]]:
    trace = Simulation(table, scheduler, workers=workers, **options).run()
    history(trace)
    return [(e["time"] / 1e9, e["event"], e["trial"], e["worker"], e["resource"]) for e in events_of(trace)]


def test_a_running_trial_counts_the_resources_it_finished_and_frees_its_worker_at_once() -> None:
    jobs = [Start(0, until=3), Start(1, until=1), Start(2, until=1), None]
    assert events(Scripted(jobs, [stopping(0, answer=PAUSE)])) == [
        (0.0, "start", 0, 0, 0),
        (0.0, "start", 1, 1, 0),
        (2.5, "pause", 1, 1, 1),
        (2.5, "cancelled", 0, 0, 2),
        (2.5, "start", 2, 0, 0),
        (12.5, "stop", 2, 0, 1),
    ]


def test_results_hold_what_a_cancelled_trial_finished() -> None:
    jobs = [Start(0, until=3), Start(1, until=1)]
    trace = Simulation(TABLE, Scripted(jobs, [stopping(0, answer=STOP)]), workers=2).run()
    assert trace.results()[["time", "trial", "resource", "loss"]].values.tolist() == [
        [1, 0, 1, 0.5],
        [2, 0, 2, 0.4],
        [2.5, 1, 1, 0.3],
    ]
    assert trace.busy() == 5_000_000_000
    assert trace.summary()["stopped"] == 2


def test_a_cancelled_trial_shows_what_it_finished_and_its_worker_time() -> None:
    jobs = [lambda _: Start(0, until=1), Start(1, until=1)]
    scheduler = Scripted(jobs, [Continue(3), stopping(0, answer=STOP)])
    Simulation(TABLE, scheduler, workers=2).run()
    trial = scheduler.trials[0]
    assert (trial.resource, trial.elapsed, trial.curve.tolist()) == (2, 2.5, [0.5, 0.4])


def test_a_paused_trial_is_over_and_cannot_be_resumed() -> None:
    jobs = [Start(0, until=1), Start(1, until=1), None]
    found = events(Scripted(jobs, [PAUSE, stopping(0, answer=STOP)]))
    assert found[-2:] == [(2.5, "stop", 1, 1, 1), (2.5, "cancelled", 0, 0, 1)]
    jobs += [Resume(0, until=2)]
    with pytest.raises(SchedulerError, match=r"trial 0.*2\.5.*paused.*over"):
        events(Scripted(jobs, [PAUSE, stopping(0, answer=STOP)]))


def test_next_job_may_stop_a_trial_and_give_a_job() -> None:
    jobs = [Start(0, until=3), Start(1, until=1), stopping(0, answer=Start(2, until=1)), None]
    found = events(Scripted(jobs, [STOP]))
    assert found[3:5] == [(2.5, "start", 2, 1, 0), (2.5, "cancelled", 0, 0, 2)]


def test_a_worker_that_is_freed_while_others_ask_asks_too() -> None:
    jobs = [Start(0, until=3), Start(1, until=1), stopping(0, answer=Start(2, until=1)), Start(1, until=1)]
    assert (2.5, "start", 3, 0, 0) in events(Scripted(jobs, [STOP]))


def test_next_job_may_stop_a_trial_and_give_no_job() -> None:
    """The stop is carried out at that instant, not when the trial reports."""
    jobs = [Start(0, until=3), Start(1, until=1), stopping(0, answer=None)]
    assert events(Scripted(jobs, [STOP])) == [
        (0.0, "start", 0, 0, 0),
        (0.0, "start", 1, 1, 0),
        (2.5, "stop", 1, 1, 1),
        (2.5, "cancelled", 0, 0, 2),
    ]


def test_the_end_of_a_trial_may_stop_another() -> None:
    class StopsAtEnd(Scripted):
        def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
            self.context.stop(1)

    found = events(StopsAtEnd([Start(0, until=3), Start(1, until=3)]))
    assert found[2:] == [(3.0, "complete", 0, 0, 3), (3.0, "cancelled", 1, 1, 1)]


def test_a_trial_stopped_at_the_instant_of_its_report_does_not_report() -> None:
    """Trial 1 reaches its goal as trial 0 reports and stops it: what it finished counts."""
    table = table_of([[0.5, 0.4], [0.3, 0.2]])
    scheduler = Scripted([Start(0, until=1), Start(1, until=1)], [stopping(1, answer=STOP)])
    assert events(scheduler, table)[2:] == [(1.0, "stop", 0, 0, 1), (1.0, "cancelled", 1, 1, 1)]
    assert [entry[2] for entry in scheduler.log if entry[1] == "report"] == [0]


def test_a_trial_may_be_stopped_by_its_own_report() -> None:
    """Whatever the answer was: the stop comes after it."""
    for answer, resource in ((PAUSE, 1), (Continue(3), 1)):
        found = events(Scripted([Start(0, until=1)], [stopping(0, answer=answer)]), workers=1)
        assert found[-1] == (1.0, "cancelled", 0, 0, resource)


def test_nothing_is_reported_of_a_cancelled_trial_later() -> None:
    scheduler = Scripted([Start(0, until=3), Start(1, until=1), None], [stopping(0, answer=Continue(3))])
    found = events(scheduler)
    assert found[-1] == (7.5, "complete", 1, 1, 3)
    assert [entry[2] for entry in scheduler.log if entry[1] != "job?"] == [1, 1]


def test_a_segment_trained_from_scratch_counts_if_it_was_finished_at_that_instant() -> None:
    """As on a resumable table: both are done at 1 s, the first report stops the second trial."""
    table = table_of([[0.5, 0.4], [0.3, 0.2]], resumable=False)
    trace = Simulation(
        table, Scripted([Start(0, until=1), Start(1, until=1)], [stopping(1, answer=STOP)]), workers=2
    ).run()
    assert [(e["event"], e["resource"]) for e in events_of(trace)][2:] == [("stop", 1), ("cancelled", 1)]
    assert trace.results()["loss"].tolist() == [0.5, 0.3]


def test_a_segment_trained_from_scratch_is_lost_when_cancelled() -> None:
    table = table_of([[0.5, 0.4, 0.3], [0.3, 0.2, 0.1]], [[1, 2, 3], [2.5, 5, 7.5]], resumable=False)
    jobs = [Start(0, until=3), Start(1, until=1)]
    assert events(Scripted(jobs, [stopping(0, answer=STOP)]), table)[-1] == (2.5, "cancelled", 0, 0, 0)


@pytest.mark.parametrize(
    ("jobs", "answers", "told"),
    [
        ([Start(0, 1), None], [stopping(0, answer=STOP)], r"Scripted.*1\.0.*stop\(0\).*over"),
        ([Start(0, 3), Start(1, 3), Start(2, 1)], [stopping(0, answer=STOP)], r"Scripted.*stop\(0\).*over"),
        ([Start(0, 1)], [stopping(7, answer=STOP)], r"Scripted.*1\.0.*stop\(7\).*no such trial"),
        ([Start(0, 1)], [stopping(-1, answer=STOP)], r"Scripted.*1\.0.*stop\(-1\).*no such trial"),
        ([Start(0, 1)], [stopping("0", answer=STOP)], r"Scripted.*1\.0.*stop\('0'\).*no such trial"),
        ([Start(0, 3), Start(1, 1)], [stopping(0, 0, answer=STOP)], r"Scripted.*2\.5.*stop\(0\).*over"),
    ],
    ids=["stopped", "complete", "unknown", "negative", "text", "twice"],
)
def test_to_stop_a_trial_that_is_over_or_unknown_is_an_error(jobs: list[Any], answers: list[Any], told: str) -> None:
    with pytest.raises(SchedulerError, match=told):
        Simulation(TABLE, Scripted(jobs, answers), workers=2).run()


def test_a_trial_that_has_not_started_cannot_be_stopped() -> None:
    """Not even where the next job is about to start it."""

    class StopsFirst(Scripted):
        def setup(self, context: Context) -> None:
            super().setup(context)
            context.stop(0)

    for scheduler in (StopsFirst([Start(0, 3)]), Scripted([stopping(0, answer=Start(0, 3))])):
        with pytest.raises(SchedulerError, match=r"stop\(0\).*no such trial"):
            Simulation(TABLE, scheduler).run()


class StopsAtRandom(Scheduler):
    """Pauses, resumes, continues and, whenever it is asked anything, may stop any trial that is not over."""

    def __init__(self, name: str) -> None:
        self.name = name

    def setup(self, context: Context) -> None:
        self.context, self.searcher, self.draw = context, context.searcher(), context.stream(self.name)
        self.started = 0
        self.alive: set[int] = set()
        self.paused: dict[int, float] = {}

    def choose(self, n: int) -> int:
        return int(self.draw.raw(1)[0] % n)

    def ahead(self, resource: float) -> float:
        grid = [r for r in self.context.resources if r > resource]
        return grid[self.choose(len(grid))]

    def maybe_stop(self, spare: int | None = None) -> None:
        candidates = sorted(self.alive - {spare})
        if candidates and self.choose(3) == 0:
            trial = candidates[self.choose(len(candidates))]
            self.context.stop(trial)
            self.alive.remove(trial)
            self.paused.pop(trial, None)

    def next_job(self) -> Start | Resume | None:
        self.maybe_stop()
        if self.paused and self.choose(2):
            trial = sorted(self.paused)[self.choose(len(self.paused))]
            return Resume(trial, self.ahead(self.paused.pop(trial)))
        row = self.searcher.propose()
        if row is None or self.choose(4) == 0:
            return None
        self.alive.add(self.started)
        self.started += 1
        return Start(row, self.ahead(0))

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        assert trial.id in self.alive, "a cancelled trial reports"
        self.maybe_stop(spare=trial.id)
        answer = self.choose(3)
        if answer == 0:
            self.paused[trial.id] = resource
            return PAUSE
        if answer == 1:
            self.alive.remove(trial.id)
            return STOP
        return Continue(self.ahead(resource))

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        assert trial.id in self.alive, "a cancelled trial ends"
        self.alive.remove(trial.id)
        self.maybe_stop()


@given(table=tables(), workers=st.integers(1, 6), name=st.text("ab", max_size=6))
@settings(max_examples=150)
def test_stops_at_any_time_leave_a_sound_trace(table: Blackbox, workers: int, name: str) -> None:
    trace = Simulation(table, StopsAtRandom(name), workers=workers).run()
    segments = history(trace)
    assert trace.busy() == sum(s.end - s.begin for s in segments)
    if table.resumable:
        counted = sum(sum(s.start < r <= s.reached for r in table.resource_list) for s in segments)
        assert len(trace.results()) == counted

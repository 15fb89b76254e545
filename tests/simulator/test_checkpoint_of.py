"""`Start(checkpoint_of=...)`: a trial begins where another one stands, with its checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Scripted, events_of, history
from tables import random_table, table_of, tables

from simulator import (
    PAUSE,
    STOP,
    Context,
    Continue,
    Resume,
    Scheduler,
    SchedulerError,
    Simulation,
    Start,
    Trace,
    TraceError,
    Trial,
)

# Seconds to each of four epochs: row 0 takes 1 an epoch, row 1 takes 2, row 2 takes 10.
SECONDS = [[1, 2, 3, 4], [2, 4, 6, 8], [10, 20, 30, 40]]
TABLE = table_of([[0.9, 0.8, 0.7, 0.6], [0.5, 0.4, 0.3, 0.2], [0.45, 0.35, 0.25, 0.15]], SECONDS)


def run(*jobs: Any, answers: list[Any], workers: int = 1, table: Any = TABLE, **options: Any) -> tuple[Trace, Scripted]:
    scheduler = Scripted(jobs, answers)
    trace = Simulation(table, scheduler, workers=workers, **options).run()
    history(trace)
    return trace, scheduler


def test_it_pays_for_its_own_curve_from_the_donors_resource_on() -> None:
    """The worked case: donor row 0 at epoch 2 after 2 s; row 1 goes from epoch 2 to 4 in 8 - 4 = 4 s."""
    trace, scheduler = run(Start(0, until=2), Start(1, until=4, checkpoint_of=0), answers=[PAUSE])
    assert [(e["time"] / 1e9, e["event"], e["trial"], e["resource"], e["until"]) for e in events_of(trace)][2:] == [
        (2.0, "start", 1, 2, 4),
        (6.0, "complete", 1, 4, pytest.approx(np.nan, nan_ok=True)),
    ]
    assert trace.results()[["time", "trial", "resource", "loss"]].values.tolist() == [
        [1, 0, 1, 0.9],
        [2, 0, 2, 0.8],
        [4, 1, 3, 0.3],
        [6, 1, 4, 0.2],
    ]
    assert trace.resource_spent() == 4
    assert trace.busy() == 6_000_000_000
    heir = scheduler.trials[1]
    assert (heir.checkpoint_of, heir.resources, heir.curve.tolist(), heir.elapsed) == (0, [3, 4], [0.3, 0.2], 4.0)
    assert scheduler.trials[0].checkpoint_of is None


def test_the_last_report_counts_not_where_a_running_donor_is() -> None:
    """Trial 0 reported at epoch 1 and runs to 3; at 2 s it has finished epoch 2, which nobody has asked for."""
    jobs = [Start(0, until=1), Start(1, until=1), Start(2, until=2, checkpoint_of=0)]
    trace, _ = run(*jobs, answers=[Continue(3), STOP, STOP], workers=2)
    start = next(e for e in events_of(trace) if e["trial"] == 2)
    assert (start["time"], start["resource"]) == (2_000_000_000, 1)


def test_a_stopped_trial_keeps_its_checkpoint_a_cancelled_one_does_not() -> None:
    trace, _ = run(Start(0, until=1), Start(1, until=2, checkpoint_of=0), answers=[STOP, STOP])
    assert trace.columns.checkpoint_of.tolist() == [-1, 0]

    def cancelling(context: Context) -> Start:
        context.stop(0)
        return Start(2, until=2, checkpoint_of=None)

    with pytest.raises(SchedulerError, match="trial 0 has no checkpoint, it was cancelled"):
        run(Start(0, until=1), cancelling, Start(1, until=2, checkpoint_of=0), answers=[PAUSE, PAUSE])


@pytest.mark.parametrize(
    ("job", "answer", "message"),
    [
        (Start(1, until=2, checkpoint_of=7), PAUSE, "there is no such trial to take a checkpoint of"),
        (Start(1, until=2, checkpoint_of=-1), PAUSE, "there is no such trial to take a checkpoint of"),
        (Start(1, until=2, checkpoint_of="x"), PAUSE, "there is no such trial to take a checkpoint of"),
        (Start(1, until=2, checkpoint_of=0), PAUSE, "must lie ahead of resource 2 of trial 0"),
        (Start(9, until=3, checkpoint_of=0), PAUSE, "no configuration of the table"),
    ],
)
def test_wrong_ones_are_refused(job: Start, answer: Any, message: str) -> None:
    with pytest.raises(SchedulerError, match=message):
        run(Start(0, until=2), job, answers=[answer])


def test_a_trial_that_has_not_reported_has_no_checkpoint() -> None:
    with pytest.raises(SchedulerError, match="trial 0 has no checkpoint, it has reported nothing yet"):
        run(Start(0, until=2), Start(1, until=2, checkpoint_of=0), answers=[], workers=2)


def test_from_scratch_there_are_no_checkpoints() -> None:
    table = table_of([[0.9, 0.8], [0.5, 0.4]], resumable=False)
    with pytest.raises(SchedulerError, match="made:by-hand is trained from scratch, there are no checkpoints"):
        run(Start(0, until=1), Start(1, until=2, checkpoint_of=0), answers=[PAUSE], table=table)


def test_a_curve_that_ends_before_the_checkpoint_is_over_at_once() -> None:
    table = table_of([[0.9, 0.8, 0.7], [0.5, np.nan, np.nan]], [[1, 2, 3], [1, np.nan, np.nan]])
    trace, scheduler = run(Start(0, until=2), Start(1, until=3, checkpoint_of=0), answers=[PAUSE], table=table)
    assert [(e["time"], e["event"], e["resource"]) for e in events_of(trace)][2:] == [
        (2_000_000_000, "start", 1),
        (2_000_000_000, "curve-end", 1),
    ]
    assert len(trace.results()) == 2, "it finished nothing"
    assert scheduler.trials[1].curve.tolist() == []


def test_it_replays_the_donors_replicate() -> None:
    table = random_table(3, n=30, replicates=3, levels=None)
    trace, _ = run(
        *[Start(0, until=2) for _ in range(3)],
        *[Start(row, until=3, checkpoint_of=row % 3) for row in range(3, 30)],
        answers=[PAUSE] * 30,
        table=table,
    )
    replicate = trace.columns.replicate.tolist()
    assert sorted(replicate[:3]) == [0, 1, 2]
    assert replicate[3:] == [replicate[row % 3] for row in range(3, 30)]


def test_it_may_pause_resume_and_be_cancelled() -> None:
    """Row 1 needs 2 s an epoch: from epoch 1 to 2 in 2 s, then cancelled 1 s after it was resumed."""

    def stop_it(context: Context, _: Trial) -> Any:
        context.stop(1)
        return STOP

    jobs = [Start(0, until=1), None, Start(1, until=2, checkpoint_of=0), Start(0, until=3), Resume(1, until=4)]
    trace, scheduler = run(*jobs, answers=[PAUSE, PAUSE, stop_it], workers=2)
    assert [(e["time"] / 1e9, e["event"], e["trial"], e["resource"]) for e in events_of(trace)] == [
        (0.0, "start", 0, 0),
        (1.0, "pause", 0, 1),
        (1.0, "start", 1, 1),
        (1.0, "start", 2, 0),
        (3.0, "pause", 1, 2),
        (3.0, "resume", 1, 2),
        (4.0, "stop", 2, 3),
        (4.0, "cancelled", 1, 2),
    ]
    assert trace.results().query("trial == 1")["resource"].tolist() == [2]
    assert (scheduler.trials[1].elapsed, scheduler.trials[1].resources) == (3.0, [2])


def test_a_paused_one_that_is_cancelled_keeps_its_worker_time() -> None:
    def stop_it(context: Context) -> None:
        context.stop(1)

    jobs = [Start(0, until=1), Start(1, until=2, checkpoint_of=0), stop_it]
    _, scheduler = run(*jobs, answers=[PAUSE, PAUSE])
    assert scheduler.trials[1].elapsed == 2.0


def test_the_budget_cuts_it_off_where_it_is() -> None:
    """It begins at 1 s; at 5.5 s it has had epochs 2 and 3 of row 1."""
    cut, _ = run(Start(0, until=1), Start(1, until=4, checkpoint_of=0), answers=[PAUSE], budget=5.5)
    assert [(e["event"], e["resource"]) for e in events_of(cut)][-1] == ("budget", 3)


class Copying(Scheduler):
    """Pauses everything; every second job begins with the checkpoint of the trial that has just paused."""

    def setup(self, context: Context) -> None:
        self.searcher, self.resources = context.searcher(), context.resources
        self.paused: list[Trial] = []
        self.jobs = 0

    def next_job(self) -> Start | Resume | None:
        row = self.searcher.propose()
        self.jobs += 1
        if row is None:
            return None
        if self.paused and self.jobs % 2:
            donor = self.paused.pop()
            ahead = [r for r in self.resources if r > donor.resource]
            return Start(row, until=ahead[self.jobs % len(ahead)], checkpoint_of=donor.id)
        return Start(row, until=self.resources[self.jobs % len(self.resources)])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.paused.append(trial)
        return PAUSE


@given(
    table=tables(resumable=True, times=st.sampled_from(["equal", "coarse"])),
    workers=st.integers(1, 5),
    budget=st.sampled_from([None, 3.0, 20.0]),
)
@settings(max_examples=150)
def test_results_time_and_text_hold_together(table: Any, workers: int, budget: float | None) -> None:
    trace = Simulation(table, Copying(), workers=workers, budget=budget).run()
    segments = history(trace)
    again = Trace.from_text(trace.to_text(), table)
    assert again.digest() == trace.digest()
    assert again.to_text() == trace.to_text()
    begun = {s.trial: s for s in reversed(segments)}  # its first segment
    results = trace.results()
    for trial, group in results.groupby("trial"):
        s = begun[trial]
        curve = table.elapsed[s.config, s.replicate]
        grid = table.resource_list
        at = [grid.index(r) for r in group["resource"]]
        before = grid.index(s.start) if s.start else -1
        assert at == list(range(before + 1, before + 1 + len(at))), "its own resources, one after the other"
        paid = curve[at] - (curve[before] if before >= 0 else 0)
        assert np.allclose(group["time"] - s.begin / 1e9, paid), "nobody resumes in this scheduler"
    donors = trace.columns.checkpoint_of
    assert (donors < np.arange(len(donors))).all()


def test_a_text_with_a_donor_that_has_not_started_is_refused() -> None:
    trace, _ = run(Start(0, until=2), Start(1, until=4, checkpoint_of=0), answers=[PAUSE])
    text = trace.to_text()
    assert "config=1 replicate=0  checkpoint_of=0  resource=2  until=4" in text
    with pytest.raises(TraceError, match="starts with the checkpoint of trial 5, which has not started"):
        Trace.from_text(text.replace("checkpoint_of=0", "checkpoint_of=5"), TABLE)

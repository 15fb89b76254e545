"""Schedulers that are given recorded reports: the same decisions, and where there are others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedulers import SPECS, fits
from scripted import Scripted
from tables import random_table, table_of, tables

from blackboxes import Blackbox
from simulator import (
    PAUSE,
    STOP,
    Budget,
    Context,
    Continue,
    Resume,
    Scheduler,
    Simulation,
    SimulationError,
    Start,
    Trace,
    TraceError,
    Trial,
)
from simulator.asked import Idle
from simulator.clock import NEVER
from simulator.recorded import replay

BUDGETS = [
    None,
    Budget(time=3.3),
    Budget(trials=7),
    Budget(resource=60),
    Budget(target=0.25),
    Budget(time=5, trials=10, resource=60),
]


@pytest.mark.parametrize("spec", SPECS)
@given(data=st.data())
@settings(max_examples=6)
def test_a_scheduler_decides_again_as_it_did(spec: str, data: st.DataObject) -> None:
    table = data.draw(tables(size=st.integers(1, 12), n=st.integers(1, 25)))
    if not fits(spec, table):
        return
    workers, seed, budget = (
        data.draw(st.integers(1, 6)),
        data.draw(st.integers(0, 3)),
        data.draw(st.sampled_from(BUDGETS)),
    )
    trace = Simulation(table, spec, workers=workers, seed=seed, budget=budget).run()
    found = replay(trace)
    assert found.agrees, (found.lost, found.differences[:1])
    assert found.followed == len(trace)
    assert found.decisions >= (trace.columns.event <= 4).sum()


@pytest.mark.parametrize("spec", ["asha-promotion+kde", "bohb", "asha-stopping(initial=[3,1])", "dehb", "pbt"])
def test_searchers_that_learn_and_first_configurations_are_followed_from_the_text_form(spec: str) -> None:
    table = random_table(5, n=30, size=9, levels=None, ragged=0.1, diverged=0.1)
    trace = Simulation(table, spec, workers=3, seed=1, budget=Budget(trials=20)).run()
    assert replay(Trace.from_text(trace.to_text(), table)).agrees


def test_curves_that_a_surrogate_predicted_are_followed() -> None:
    pytest.importorskip("sklearn")
    table = random_table(5, n=30, size=9, levels=None)
    proposals = [{"x": 0.1}, {"x": 1.1}, {"x": 0.1}]
    script = [lambda context, p=p: Start(context.resolve(p), until=9) for p in proposals]
    trace = Simulation(table, Scripted(script), workers=1, off_table="surrogate").run()
    assert len(trace.info.predicted) == 2
    copy = Trace.from_text(trace.to_text(), table)
    assert replay(copy, Scripted(script)).agrees
    wrong = replay(copy, Scripted([script[1], *script[1:]]))
    (difference,) = wrong.differences  # rows off the table are numbered in the order in which this scheduler asks
    assert (difference.recorded, difference.own) == ("start configuration 31 until 9", "start configuration 30 until 9")


class Halves(Scheduler):
    """Goes on with what is no worse than half of its rung; `slip` is an off-by-one in that."""

    def __init__(self, slip: int = 0) -> None:
        self.slip = slip

    def setup(self, context: Context) -> None:
        self.rows, self.rungs = iter(range(6)), dict[float, list[float]]()

    def next_job(self) -> Any:
        row = next(self.rows, None)
        return None if row is None else Start(row, until=1)

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        rung = self.rungs.setdefault(resource, [])
        rung.append(value)
        better = sum(other < value for other in rung)
        return Continue(resource + 1) if better <= (len(rung) - 1) // 2 + self.slip else STOP


def halves_table() -> Blackbox:
    # By hand, one worker: at resource 1 come 5, 7, 6, 4, 9, 8. Better ones by then: 0, 1, 1, 0, 4, 4; allowed:
    # (n - 1) // 2 = 0, 0, 1, 1, 2, 2. So 5, 6, 4 continue. At resource 2 they come as 3, 2, 1: all continue.
    return table_of([[5, 3, 1], [7, 7, 7], [6, 2, 1], [4, 1, 0], [9, 9, 9], [8, 8, 8]])


def test_an_off_by_one_is_found_at_each_decision_that_it_changes_and_at_no_other() -> None:
    trace = Simulation(halves_table(), Halves(), workers=1).run()
    assert replay(trace, Halves()).agrees
    found = replay(trace, Halves(slip=1))
    assert found.lost is None
    seen = [(d.time, d.trial, d.resource, d.value, d.recorded, d.own) for d in found.differences]
    # One better one more is allowed: 0 + 1 at trial 1, whose report comes after 3 s of trial 0 and 1 s of its own.
    assert seen == [(4_000_000_000, 1, 1.0, 7.0, "stop", "continue until 2")]
    assert trace.columns.trial[found.differences[0].index] == 1
    assert "recorded: stop; now: continue until 2" in str(found.differences[0])
    strict = replay(trace, Halves(slip=-1))
    # 0 better <= -1 never holds at the first two of a rung; 1 <= 0 does not for trial 2; 0 <= 0 does for trial 3.
    assert [(d.trial, d.resource) for d in strict.differences] == [(0, 1), (0, 2), (2, 1), (2, 2)]


def test_the_recorded_reports_count_and_not_those_of_the_table() -> None:
    table = halves_table()
    text = Simulation(table, Halves(), workers=1).run().to_text()
    assert text.count("resource=1  value=7.0") == 1
    changed = Trace.from_text(text.replace("resource=1  value=7.0", "resource=1  value=4.5"), table)
    found = replay(changed, Halves())
    assert [(d.trial, d.own) for d in found.differences] == [(1, "continue until 2"), (2, "stop")]


TABLE = table_of([[3, 2, 1], [5, 4, 3], [4, 3, 2]])
JOBS = [Start(0, until=1), Start(1, until=1), Resume(0, until=3)]
ANSWERS = [PAUSE, STOP]


@pytest.mark.parametrize(
    ("jobs", "answers", "expected"),
    [
        (JOBS, ANSWERS, []),
        ([Start(0, until=2), *JOBS[1:]], ANSWERS, [("start configuration 0 until 1", "start configuration 0 until 2")]),
        ([Start(2, until=1), *JOBS[1:]], ANSWERS, [("start configuration 0 until 1", "start configuration 2 until 1")]),
        ([None, *JOBS[1:]], ANSWERS, [("start configuration 0 until 1", "leave the worker idle")]),
        ([*JOBS[:2], Resume(1, until=3)], ANSWERS, [("resume trial 0 until 3", "resume trial 1 until 3")]),
        ([*JOBS[:2], Start(2, until=1)], ANSWERS, [("resume trial 0 until 3", "start configuration 2 until 1")]),
        (JOBS, [Continue(2), STOP], [("pause", "continue until 2")]),
        (JOBS, [PAUSE, PAUSE], [("stop", "pause")]),
        (JOBS, [PAUSE, None], [("stop", "leave the worker idle")]),
        (JOBS, ["go on", STOP], [("pause", "'go on'")]),
        (
            [Start({"x": 0.5, "letter": "a"}, until=1), *JOBS[1:]],
            ANSWERS,
            [("start configuration 0 until 1", "not in")],
        ),
    ],
)
def test_each_kind_of_decision_is_compared(
    jobs: list[Any], answers: list[Any], expected: list[tuple[str, str]]
) -> None:
    trace = Simulation(TABLE, Scripted(JOBS, ANSWERS), workers=1).run()
    found = replay(trace, Scripted(jobs, answers))
    assert found.lost is None
    assert len(found.differences) == len(expected)
    for difference, (recorded, own) in zip(found.differences, expected, strict=True):
        assert difference.recorded == recorded
        assert own in difference.own


def test_a_job_where_a_worker_was_left_idle_is_a_difference() -> None:
    jobs = [Start(0, until=1), None, Start(1, until=1)]
    trace = Simulation(TABLE, Scripted(jobs), workers=2).run()
    found = replay(trace, Scripted([jobs[0], Start(2, until=1), jobs[2]]))
    (difference,) = found.differences
    assert (difference.time, difference.trial) == (0, None)
    assert (difference.recorded, difference.own) == ("leave the worker idle", "start configuration 2 until 1")
    assert found.asked_for_more is None


def test_what_is_asked_for_when_nothing_starts_any_more_is_told_and_no_difference() -> None:
    rows = [Start(row, until=1) for row in range(3)]
    trace = Simulation(TABLE, Scripted(rows), workers=1, budget=Budget(trials=2)).run()
    found = replay(trace, Scripted(rows))
    assert found.agrees
    assert found.asked_for_more == "2.000000000 s: start configuration 2 until 1"


def test_a_job_after_the_last_recorded_one_is_a_difference_unless_the_budget_forbids_it() -> None:
    jobs, more = [Start(0, until=1)], [Start(0, until=1), Start(1, until=2)]
    for budget, differs in [
        (None, True),
        (Budget(time=1.5), True),
        (Budget(time=1), False),  # nothing starts at the time when the run is over
        (Budget(trials=2), True),
        (Budget(trials=1), False),
        (Budget(resource=1), False),
        (Budget(resource=2), True),
        (Budget(target=2), True),
        (Budget(target=3), False),  # what trial 0 reports
    ]:
        trace = Simulation(TABLE, Scripted(jobs), workers=1, budget=budget).run()
        found = replay(trace, Scripted(more))
        assert [(d.time, d.own) for d in found.differences] == (
            [(1_000_000_000, "start configuration 1 until 2")] if differs else []
        ), budget
        assert (found.asked_for_more is not None) == (budget == Budget(trials=1)), budget


@pytest.mark.parametrize("off_table", ["nearest", "nearest-unused"])
def test_proposals_off_the_table_are_found_as_they_were(off_table: Any) -> None:
    pytest.importorskip("sklearn")
    table = random_table(5, n=4, size=3, levels=None)
    jobs = [Start({"x": x}, until=3) for x in (0.05, 0.06, 0.5)]
    trace = Simulation(table, Scripted(jobs), workers=1, off_table=off_table).run()
    copy = Trace.from_text(trace.to_text(), table)
    assert copy.columns.config.tolist() == ([0, 0, 2] if off_table == "nearest" else [0, 1, 2])
    assert replay(copy, Scripted(jobs)).agrees


def test_who_cancels_without_giving_a_job_is_not_taken_for_who_gave_the_last_one() -> None:
    def cancel(context: Context) -> None:
        context.stop(0)

    jobs = [Start(0, until=3), cancel]  # both at 0, the trial is cancelled by the second worker that asks
    trace = Simulation(TABLE, Scripted(jobs), workers=2).run()
    assert replay(trace, Scripted(jobs)).agrees
    (missing,) = replay(trace, Scripted(jobs[:1])).differences
    assert (missing.trial, missing.recorded, missing.own) == (0, "cancel it", "let it be")


def test_trials_that_others_cancel_are_compared() -> None:
    def stop_first(context: Context, trial: Trial) -> Any:
        context.stop(0)
        return STOP

    jobs = [Start(0, until=3), Start(1, until=1)]
    trace = Simulation(TABLE, Scripted(jobs, [stop_first]), workers=2).run()
    assert replay(trace, Scripted(jobs, [stop_first])).agrees
    (missing,) = replay(trace, Scripted(jobs, [STOP])).differences
    assert (missing.trial, missing.recorded, missing.own) == (0, "cancel it", "let it be")
    undisturbed = Simulation(TABLE, Scripted(jobs, [STOP]), workers=2).run()
    (needless,) = replay(undisturbed, Scripted(jobs, [stop_first])).differences
    assert (needless.trial, needless.recorded, needless.own) == (0, "let it be", "cancel it")


def test_a_scheduler_that_cannot_follow_says_where() -> None:
    trace = Simulation(TABLE, Scripted(JOBS, ANSWERS), workers=1).run()

    def lost(context: Context, trial: Trial) -> Any:
        raise KeyError(trial.id)

    found = replay(trace, Scripted(JOBS, [PAUSE, lost]))
    assert not found.agrees
    assert found.differences == ()
    assert found.lost == "2.000000000 s, on_report of trial 1: KeyError: 1"


def test_workers_that_lose_their_trials_and_come_and_go() -> None:
    idle = Idle(2)
    for time, event, trial, worker, overhead, left in [
        (0, "start", 0, 0, 5, {1}),
        (0, "start", 1, 1, 0, set()),
        (7, "crash", 0, 0, 0, {0}),
        (8, "up", -1, 2, 0, {0, 2}),
        (9, "preempted", 1, 1, 0, {0, 1, 2}),
        (9, "drain", -1, 1, 0, {0, 2}),
        (9, "down", -1, 1, 0, {0, 2}),
        (9, "removed", 1, 1, 0, {0, 2}),
        (9, "something new", -1, 1, 0, {0, 2}),
    ]:
        idle.obey(event, time, trial, worker, overhead)
        assert idle.workers == left, event
    assert not idle.is_decision("resume", 0)
    assert not idle.is_decision("resume", 1)
    assert idle.is_decision("start", 0)
    idle.obey("resume", 10, 0, 2, 3)
    idle.obey("pause", 20, 0, 2, 4)  # its worker is busy for 4 more
    assert (idle.workers, idle.next_free) == ({0}, 24)
    idle.wait(23)
    assert idle.workers == {0}
    idle.wait(24)
    assert (idle.workers, idle.next_free) == ({0, 2}, NEVER)
    assert idle.is_decision("resume", 0)
    idle.obey("cancelled", 25, 0, 2)  # paused, so it frees no worker
    idle.obey("resume", 26, 1, 2)
    idle.obey("stop", 27, 1, 2, 9)
    idle.obey("drain", 28, -1, 2)  # it leaves before it is done
    assert (idle.workers, idle.next_free) == ({0}, NEVER)
    idle.obey("up", 30, -1, 1)
    assert idle.workers == {0, 1}


def test_wrong_input() -> None:
    trace = Simulation(TABLE, Scripted(JOBS, ANSWERS), workers=1).run()
    with pytest.raises(SimulationError, match="a Scheduler object or a name is needed"):
        replay(trace, 3)  # type: ignore[arg-type]
    with pytest.raises(SimulationError, match="Scripted"):
        replay(trace)  # the class of a scheduler that is in no registry
    text = trace.to_text()
    with pytest.raises(TraceError, match=r"is of made:by-hand, and cannot be replayed on random:1"):
        replay(Trace.from_text(text, random_table(1)), "random")
    with pytest.raises(TraceError, match="trial 1 of the trace is of configuration 7"):
        replay(Trace.from_text(text.replace("config=1", "config=7"), TABLE), "random")
    with pytest.raises(TraceError, match=r"event 1 of the trace is at resource 1.5 or until nan, which is not one"):
        replay(Trace.from_text(text.replace("resource=1", "resource=1.5"), TABLE), "random")

"""The order of things within one instant: reports by trial id, then idle workers by number until one gets None."""

from __future__ import annotations

from scripted import Scripted, events_of
from tables import table_of

from simulator import PAUSE, STOP, Budget, Continue, Resume, Simulation, Start


def briefly(trace) -> list[tuple[float, str, int, int]]:
    """(seconds, event, trial, worker) of every event."""
    return [(e["time"] / 1e9, e["event"], e["trial"], e["worker"]) for e in events_of(trace)]


def test_reports_of_an_instant_come_by_trial_id_and_before_any_job() -> None:
    # Trials 0 and 1 need 2 s for their first stretch, trial 2 two times 1 s: at 2 s all three are due.
    table = table_of([[0.5, 0.4], [0.3, 0.2], [0.1, 0.0]], [[2, 4], [2, 4], [1, 2]], resources=[1, 3])
    jobs = [Start(row, until=1) for row in (2, 1, 0)]
    scheduler = Scripted([*jobs, Resume(1, until=3), Start(2, until=1)], [Continue(3), PAUSE, STOP])
    trace = Simulation(table, scheduler, workers=3).run()
    assert [entry[:3] if entry[1] != "job?" else entry[:2] for entry in scheduler.log] == [
        *[(0.0, "job?")] * 3,
        (1.0, "report", 0),
        (2.0, "complete", 0),
        (2.0, "report", 1),
        (2.0, "report", 2),
        *[(2.0, "job?")] * 3,  # the last one gets None
        (3.0, "report", 3),
        *[(3.0, "job?")],
        (4.0, "complete", 1),
        (4.0, "job?"),
    ]
    assert briefly(trace) == [
        (0.0, "start", 0, 0),
        (0.0, "start", 1, 1),
        (0.0, "start", 2, 2),
        (1.0, "continue", 0, 0),
        (2.0, "complete", 0, 0),
        (2.0, "pause", 1, 1),
        (2.0, "stop", 2, 2),
        (2.0, "resume", 1, 0),
        (2.0, "start", 3, 1),
        (3.0, "stop", 3, 1),
        (4.0, "complete", 1, 0),
    ]


def test_idle_workers_ask_by_number_and_asking_ends_at_the_first_none() -> None:
    table = table_of([[0.5], [0.3], [0.1]], [[1], [1], [1]], resources=[4])
    jobs = [Start(0, until=4), Start(1, until=4), None, Start(2, until=4), None]
    scheduler = Scripted(jobs)
    trace = Simulation(table, scheduler, workers=4).run()
    # At 0 s workers 0 and 1 get a job, 2 gets none and 3 is not asked; at 1 s all four are idle: 0 gets one.
    assert [entry[:2] for entry in scheduler.log] == [
        *[(0.0, "job?")] * 3,
        *[(1.0, "complete")] * 2,
        *[(1.0, "job?")] * 2,
        (2.0, "complete"),
        (2.0, "job?"),
    ]
    assert [(event, worker) for _, event, _, worker in briefly(trace)] == [
        ("start", 0),
        ("start", 1),
        ("complete", 0),
        ("complete", 1),
        ("start", 0),
        ("complete", 0),
    ]


def test_none_is_not_final() -> None:
    """A worker that was told None is asked again after the next report, also when others hold the jobs."""
    table = table_of([[0.5, 0.4]] * 2)
    scheduler = Scripted([Start(0, until=1), None, Resume(0, until=2), Start(1, until=1)], [PAUSE])
    trace = Simulation(table, scheduler, workers=2).run()
    assert briefly(trace)[:4] == [
        (0.0, "start", 0, 0),
        (1.0, "pause", 0, 0),
        (1.0, "resume", 0, 0),
        (1.0, "start", 1, 1),
    ]


def test_a_trial_may_resume_on_another_worker() -> None:
    table = table_of([[0.5, 0.4], [0.3, 0.2], [0.1, 0.0]], [[2, 3], [1, 9], [5, 9]])
    jobs = [Start(0, until=1), Start(1, until=1), Start(2, until=1), None, Resume(1, until=2)]
    trace = Simulation(table, Scripted(jobs, [PAUSE, PAUSE]), workers=2).run()
    assert (2.0, "resume", 1, 0) not in briefly(trace)
    assert briefly(trace)[:6] == [
        (0.0, "start", 0, 0),
        (0.0, "start", 1, 1),
        (1.0, "pause", 1, 1),
        (1.0, "start", 2, 1),
        (2.0, "pause", 0, 0),
        (6.0, "stop", 2, 1),
    ]
    jobs = [Start(0, until=1), Start(1, until=1), Start(2, until=1), Resume(1, until=2)]
    trace = Simulation(table, Scripted(jobs, [PAUSE, PAUSE]), workers=2).run()
    assert (2.0, "resume", 1, 0) in briefly(trace)


def test_a_start_that_costs_nothing_reports_after_the_other_workers_were_asked() -> None:
    table = table_of([[0.5, 0.4], [0.3, 0.2], [0.1, 0.0]], [[0, 1], [0, 1], [1, 2]])
    jobs = [Start(0, until=1), Start(1, until=1), None, Resume(0, until=2), Start(2, until=1), None]
    scheduler = Scripted(jobs, [PAUSE, PAUSE, STOP])
    Simulation(table, scheduler, workers=3).run()
    questions = [entry[:3] if entry[1] != "job?" else entry[:2] for entry in scheduler.log]
    assert questions == [
        (0.0, "job?"),
        (0.0, "job?"),
        (0.0, "job?"),  # None: asking ends
        (0.0, "report", 0),
        (0.0, "report", 1),
        (0.0, "job?"),  # the instant goes on: reports, then idle workers
        (0.0, "job?"),
        (0.0, "job?"),
        (1.0, "complete", 0),
        (1.0, "report", 2),
        (1.0, "job?"),
    ]


def test_a_resume_that_costs_nothing_reports_in_the_same_instant() -> None:
    table = table_of([[0.5, 0.4, 0.3]], [[1, 1, 2]])
    scheduler = Scripted([Start(0, until=1), Resume(0, until=2), Resume(0, until=3)], [PAUSE, PAUSE])
    trace = Simulation(table, scheduler, workers=1).run()
    assert briefly(trace) == [
        (0.0, "start", 0, 0),
        (1.0, "pause", 0, 0),
        (1.0, "resume", 0, 0),
        (1.0, "pause", 0, 0),
        (1.0, "resume", 0, 0),
        (2.0, "complete", 0, 0),
    ]


def test_to_continue_at_no_cost_reports_in_the_same_instant() -> None:
    table = table_of([[0.5, 0.4, 0.3]], [[1, 1, 1]])
    scheduler = Scripted([Start(0, until=1)], [Continue(2), Continue(3)])
    Simulation(table, scheduler, workers=1).run()
    assert scheduler.log[1:4] == [
        (1.0, "report", 0, 1, 0.5),
        (1.0, "report", 0, 2, 0.4),
        (1.0, "complete", 0, 3, 0.3),
    ]


def test_a_table_that_costs_nothing_is_over_at_time_zero() -> None:
    table = table_of([[0.5] * 9] * 20, [[0.0] * 9] * 20)
    for name in ("random", "hyperband", "asha-stopping", "asha-promotion", "median-stopping"):
        trace = Simulation(table, name, workers=3).run()
        assert trace.info.end == 0
        assert len(trace.columns.config) == 20


def test_the_run_is_over_when_all_are_idle_and_there_is_no_job() -> None:
    table = table_of([[0.5, 0.4]] * 2)
    scheduler = Scripted([Start(0, until=1), None, None, Start(1, until=1)], [PAUSE])
    trace = Simulation(table, scheduler, workers=2).run()
    assert trace.info.end == 1_000_000_000
    assert len(trace.columns.config) == 1


def test_nothing_to_do_at_all_gives_an_empty_trace() -> None:
    trace = Simulation(table_of([[0.5]]), Scripted([]), workers=2).run()
    assert (len(trace), trace.info.end, trace.busy()) == (0, 0, 0)
    assert trace.results().empty
    assert trace.digest() == Simulation(table_of([[0.5]]), Scripted([]), workers=1).run().digest()
    assert trace.summary()["trials"] == 0


def test_a_continue_at_exactly_the_budget_is_cut_off_there() -> None:
    table = table_of([[0.5, 0.4]])
    scheduler = Scripted([Start(0, until=1)], [Continue(2)])
    trace = Simulation(table, scheduler, workers=1, budget=Budget(time=1)).run()
    assert briefly(trace) == [(0.0, "start", 0, 0), (1.0, "continue", 0, 0), (1.0, "budget", 0, 0)]
    assert trace.results()["resource"].tolist() == [1]


def test_times_are_whole_nanoseconds_halves_up() -> None:
    # 2**-9 s is 1953125 ns; 3 * 2**-10 s is 2929687.5 ns: both are exact in binary.
    table = table_of([[0.5], [0.4]], [[2**-9], [3 * 2**-10]], resources=[1])
    trace = Simulation(table, "random", workers=2).run()
    assert sorted(trace.columns.time.tolist()) == [0, 0, 1953125, 2929688]

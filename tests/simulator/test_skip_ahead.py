"""Asked at every resource or only where it decides: a scheduler does the same on a resumable table."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Scripted, events_of
from tables import table_of, tables

from blackboxes import Blackbox
from simulator import (
    PAUSE,
    Budget,
    Context,
    Continue,
    Resume,
    Scheduler,
    Simulation,
    Start,
    Trace,
    Trial,
    make_scheduler,
)

NAMES = ["random", "successive-halving", "hyperband", "asha-stopping", "asha-promotion", "median-stopping"]
NAMES += ["async-hyperband", "async-hyperband(rungs='bracket')", "asha-cost", "pasha", "rush"]
NAMES += ["grid", "one-epoch", "patience", "curve-extrapolation", "mo-asha"]
NAMES += ["dehb", "dehb(asynchronous=False)"]


class EveryResource(Scheduler):
    """Sends trials to the next resource only; asks `inner` where `inner` wanted to be asked."""

    def __init__(self, inner: Scheduler) -> None:
        self.inner = inner

    def setup(self, context: Context) -> None:
        self.inner.setup(context)
        self.next = dict(zip([0, *context.resources], context.resources, strict=False))
        self.goals: dict[int, float] = {}  # where `inner` sent each trial
        self.reached: dict[int, float] = {}
        self.between: set[tuple[int, float]] = set()  # reports that `inner` did not ask for

    def next_job(self) -> Start | Resume | None:
        job = self.inner.next_job()
        if isinstance(job, Start):
            self.goals[len(self.goals)] = job.until
            return Start(job.config, self.next[0], job.tag)
        if isinstance(job, Resume):
            self.goals[job.trial] = job.until
            return Resume(job.trial, self.next[self.reached[job.trial]])
        return None

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.reached[trial.id] = resource
        if resource < self.goals[trial.id]:
            self.between.add((trial.id, resource))
            return Continue(self.next[resource])
        answer = self.inner.on_report(trial, resource, value)
        if isinstance(answer, Continue):
            self.goals[trial.id] = answer.until
            return Continue(self.next[resource])
        return answer

    def on_end(self, trial: Trial, resource: float, value: float, reason: Any) -> None:
        self.inner.on_end(trial, resource, value, reason)


def decisions(trace: Trace, without: set[tuple[int, float]] = frozenset()) -> list[tuple[Any, ...]]:
    """Every event but for `until`, which differs by design; NaN as text, so that it equals itself."""
    return [
        (e["time"], e["trial"], e["worker"], e["event"], e["resource"], repr(e["value"]))
        for e in events_of(trace)
        if e["event"] != "continue" or (e["trial"], e["resource"]) not in without
    ]


def assert_skipping_changes_nothing(table: Blackbox, inner: Any, again: Any, **options: Any) -> None:
    skipping = Simulation(table, inner, **options).run()
    stepping_scheduler = EveryResource(again)
    stepping = Simulation(table, stepping_scheduler, **options).run()
    assert decisions(skipping) == decisions(stepping, without=stepping_scheduler.between)
    pd.testing.assert_frame_equal(skipping.results(), stepping.results(), check_exact=True)
    assert skipping.busy() == stepping.busy()
    assert skipping.info.end == stepping.info.end
    assert skipping.info.exhausted_at == stepping.info.exhausted_at


def budgets(table: Blackbox) -> st.SearchStrategy[Budget | None]:
    """All but that of resource, which is committed in other portions when asked more often."""
    return st.one_of(
        st.none(),
        st.builds(Budget, time=st.sampled_from([1.0, 3.5, 10.0])),
        st.builds(Budget, trials=st.integers(1, 20)),
        st.builds(Budget, target=st.sampled_from([0.125, 0.5, 3.0])),
    )


@pytest.mark.parametrize("name", NAMES)
@given(
    table=tables(resumable=True, n=st.integers(1, 20), zero_times=0.0, ragged=0.0),
    workers=st.integers(1, 8),
    data=st.data(),
)
@settings(max_examples=25)
def test_on_curves_that_all_end_at_r_max(name: str, table: Blackbox, workers: int, data: Any) -> None:
    options = {"workers": workers, "budget": data.draw(budgets(table), "budget")}
    assert_skipping_changes_nothing(table, make_scheduler(name), make_scheduler(name), **options)


@pytest.mark.parametrize("name", NAMES)
@given(table=tables(resumable=True, n=st.integers(1, 20), zero_times=0.0), workers=st.integers(1, 8))
@settings(max_examples=25)
def test_on_ragged_curves(name: str, table: Blackbox, workers: int) -> None:
    assert_skipping_changes_nothing(table, make_scheduler(name), make_scheduler(name), workers=workers)


@pytest.mark.parametrize("name", NAMES)
@given(table=tables(resumable=True, n=st.integers(1, 20)), workers=st.integers(1, 8))
@settings(max_examples=25)
def test_on_curves_with_units_that_take_no_time(name: str, table: Blackbox, workers: int) -> None:
    assert_skipping_changes_nothing(table, make_scheduler(name), make_scheduler(name), workers=workers)


# Trial 0 goes to 2 in 1 s, the second unit takes no time; trial 1 reports at 1 s as well.
AT_ONCE = table_of([[0.5, 0.4, 0.3], [0.3, 0.2, 0.1]], [[1, 1, 2], [1, 2, 3]])


def test_a_unit_that_takes_no_time_does_not_change_who_asks_first() -> None:
    """The smallest case: both trials pause at 1 s, and worker 0 is the first to be idle."""
    jobs = [Start(0, until=2), Start(1, until=1), Resume(1, until=2)]
    assert_skipping_changes_nothing(AT_ONCE, *(Scripted(jobs, [PAUSE, PAUSE]) for _ in range(2)), workers=2)


def test_a_unit_that_takes_no_time_does_not_change_the_order_of_reports() -> None:
    jobs = [Start(0, until=2), Start(1, until=1)]
    asked = []
    for inner in (Scripted(jobs), Scripted(jobs)):
        scheduler = inner if not asked else EveryResource(inner)
        Simulation(AT_ONCE, scheduler, workers=2).run()
        asked.append([entry for entry in inner.log if entry[1] == "report"])
    assert asked[0] == asked[1] == [(1.0, "report", 0, 2, 0.4), (1.0, "report", 1, 1, 0.3)]


def test_where_a_curve_ends_its_worker_is_idle_at_once() -> None:
    nan = float("nan")
    table = table_of([[0.5, nan, nan], [0.3, 0.2, 0.1]], [[1, nan, nan], [1, 2, 3]])
    jobs = [Start(0, until=2), Start(1, until=1), Resume(1, until=2)]
    assert_skipping_changes_nothing(table, *(Scripted(jobs, [PAUSE]) for _ in range(2)), workers=2)


def test_one_event_a_decision() -> None:
    """ASHA on 81 epochs costs a trial that goes all the way 5 reports, not 81."""
    trace = Simulation(table_of([[0.5] * 81]), "asha-stopping").run()
    assert [(e["event"], e["resource"]) for e in events_of(trace)] == [
        ("start", 0),
        *[("continue", level) for level in (1, 3, 9, 27)],
        ("complete", 81),
    ]
    assert len(trace.results()) == 81

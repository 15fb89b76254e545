"""Tables where every resource is trained from nothing, such as sizes of a training subset."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Scripted, history
from tables import table_of, tables

from blackboxes import Blackbox
from simulator import PAUSE, Budget, Continue, Resume, Simulation, Start

TABLE = table_of([[0.5, 0.4, 0.3], [0.3, 0.2, 0.1]], [[1, 2, 4], [3, 5, 9]], resources=[16, 32, 64], resumable=False)


def test_every_segment_is_charged_in_full_from_the_report_before() -> None:
    # Trial 0 to 16 in 1 s, then 32 in 2 s: at 3 s; paused; resumed at 3 s to 64 in 4 s: at 7 s.
    jobs = [Start(0, until=16), Resume(0, until=64)]
    scheduler = Scripted(jobs, [Continue(32), PAUSE])
    trace = Simulation(TABLE, scheduler, workers=1).run()
    assert [entry for entry in scheduler.log if entry[1] != "job?"] == [
        (1.0, "report", 0, 16, 0.5),
        (3.0, "report", 0, 32, 0.4),
        (7.0, "complete", 0, 64, 0.3),
    ]
    assert trace.busy() == 7_000_000_000
    assert trace.resource_spent() == 16 + 32 + 64
    assert scheduler.trials[0].elapsed == 7


def test_only_resources_that_were_run_to_are_observed() -> None:
    trace = Simulation(TABLE, Scripted([Start(0, until=32), Start(1, until=64)]), workers=1).run()
    results = trace.results()
    assert results[["time", "trial", "resource", "loss"]].values.tolist() == [[2, 0, 32, 0.4], [11, 1, 64, 0.1]]


def test_a_segment_that_is_cut_off_shows_nothing() -> None:
    trace = Simulation(TABLE, Scripted([Start(0, until=64)]), workers=1, budget=Budget(time=3.5)).run()
    assert trace.results().empty
    assert trace.resource_spent() == 0
    assert trace.busy() == 3_500_000_000


def test_a_target_counts_only_at_the_end_of_a_segment() -> None:
    # 0.4 lies on the way to 64, and is never seen.
    trace = Simulation(TABLE, Scripted([Start(0, until=64)]), workers=1, budget=Budget(target=0.4)).run()
    assert trace.info.end == 4_000_000_000


@pytest.mark.parametrize(
    ("jobs", "answers"),
    [([Start(0, until=2)], [Continue(3)]), ([Start(0, until=2), Resume(0, until=3)], [PAUSE])],
    ids=["continue", "resume"],
)
def test_past_the_end_of_a_curve_nothing_is_charged(jobs: list[Any], answers: list[Any]) -> None:
    nan = float("nan")
    scheduler = Scripted(jobs, answers)
    trace = Simulation(table_of([[0.5, 0.4, nan]], [[1, 2, nan]], resumable=False), scheduler, workers=1).run()
    assert [entry for entry in scheduler.log if entry[1] != "job?"] == [
        (2.0, "report", 0, 2, 0.4),
        (2.0, "curve-end", 0, 2, 0.4),
    ]
    assert trace.busy() == trace.info.end == 2_000_000_000
    assert trace.resource_spent() == 2
    assert len(trace.results()) == 1


@given(
    table=tables(resumable=False, times=st.sampled_from(["equal", "coarse"])),
    name=st.sampled_from(["hyperband", "asha-stopping", "asha-promotion", "median-stopping"]),
    workers=st.integers(1, 8),
)
@settings(max_examples=60)
def test_each_segment_costs_all_of_its_end_and_gives_one_result(table: Blackbox, name: str, workers: int) -> None:
    trace = Simulation(table, name, workers=workers).run()
    grid = table.resource_list
    expected = []
    for segment in history(trace):
        if segment.reached > segment.start:
            seconds = float(table.elapsed[segment.config, segment.replicate, grid.index(segment.reached)])
            assert segment.end - segment.begin == int(seconds * 10**9)  # exact: seconds are multiples of 1/8
            expected.append((segment.end / 1e9, segment.trial, segment.reached))
        else:
            assert segment.end == segment.begin
    frame = trace.results()
    found = list(zip(frame["time"], frame["trial"], frame["resource"], strict=True))
    assert found == sorted(expected)

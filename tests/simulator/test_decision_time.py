"""The time that a model takes to decide, charged to the simulated clock by a stated cost model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Scripted, events_of, history
from spaces import whole_table, with_space
from tables import random_table, table_of, tables

from blackboxes import Blackbox
from simulator import PAUSE, STOP, Budget, Context, Resume, Simulation, SimulationError, Start
from simulator.cluster import Cluster, DecisionTime

TABLE = table_of([[0.9, 0.8], [0.5, 0.4], [0.7, 0.6], [0.3, 0.2]])  # a second a unit


class Costly(Scripted):
    """Scripted, and each job is chosen by a model that has as many observations as `sizes` says."""

    def __init__(self, jobs: list[Any], answers: list[Any], sizes: list[int]) -> None:
        super().__init__(jobs, answers)
        self.sizes = sizes

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.left = list(self.sizes)

    def next_job(self) -> Any:
        job = super().next_job()
        if job is not None:
            self.model_size = self.left.pop(0)
        return job


def timeline(scheduler: Scripted, workers: int, cost: Any, **options: Any) -> list[tuple[Any, ...]]:
    trace = Simulation(TABLE, scheduler, workers=workers, cluster=Cluster(decision=cost), **options).run()
    history(trace)
    return [(e["time"] / 1e9, e["event"], e["trial"], e["worker"]) for e in events_of(trace)]


def test_one_decision_at_a_time_and_workers_wait() -> None:
    """Each of three decisions takes 0.5 s: jobs begin at 0.5, 1 and 1.5 s."""
    jobs = [Start(row, until=1) for row in range(3)]
    scheduler = Costly(jobs, [], [10, 10, 10])
    assert timeline(scheduler, 3, DecisionTime(0.5)) == [
        (0.5, "start", 0, 0),
        (1.0, "start", 1, 1),
        (1.5, "stop", 0, 0),  # reports come first, and worker 0 is the first of the idle ones
        (1.5, "start", 2, 0),
        (2.0, "stop", 1, 1),
        (2.5, "stop", 2, 0),
    ]
    asked = [entry[0] for entry in scheduler.log if entry[1] == "job?"]
    assert asked[:3] == [0.0, 0.5, 1.0], "a decision begins when the one before is made, and knows what is known then"


def test_it_grows_with_the_cube_of_the_observations() -> None:
    jobs = [Start(row, until=1) for row in range(3)]
    times = [
        time for time, event, *_ in timeline(Costly(jobs, [], [1, 2, 4]), 3, "0.25 + 0.125 n^3") if event == "start"
    ]
    assert times == [0.375, 0.375 + 1.25, 0.375 + 1.25 + 8.25]


def test_what_no_model_chose_takes_no_time_but_waits_its_turn() -> None:
    jobs = [Start(0, until=1), Start(1, until=1), Start(2, until=1)]
    times = [time for time, event, *_ in timeline(Costly(jobs, [], [0, 7, 0]), 3, DecisionTime(2)) if event == "start"]
    assert times == [0.0, 2.0, 2.0]


def test_a_resume_that_is_stopped_while_it_is_decided_is_dropped() -> None:
    """Trial 0 pauses at 1 s; its resume is decided from 1 s to 4 s; trial 1 reports at 2 s and ends it."""

    def ends_it(context: Context, _: Any) -> Any:
        context.stop(0)
        return STOP

    jobs = [Start(0, until=1), Start(1, until=2), Resume(0, until=2), Start(2, until=1)]
    table = table_of([[0.9, 0.8, 0.7], [0.5, 0.4, 0.3], [0.7, 0.6, 0.5]])
    scheduler = Costly(jobs, [PAUSE, ends_it], [0, 0, 3, 0])
    trace = Simulation(table, scheduler, workers=2, cluster=Cluster(decision=DecisionTime(3))).run()
    assert [(e["time"] / 1e9, e["event"], e["trial"]) for e in events_of(trace)] == [
        (0.0, "start", 0),
        (0.0, "start", 1),
        (1.0, "pause", 0),
        (2.0, "stop", 1),
        (2.0, "cancelled", 0),
        (4.0, "start", 2),
        (5.0, "stop", 2),
    ]


def test_a_decision_that_ends_after_the_budget_starts_nothing() -> None:
    jobs = [Start(0, until=2), Start(1, until=1)]
    assert timeline(Costly(jobs, [], [0, 5]), 2, DecisionTime(10), budget=1.5) == [
        (0.0, "start", 0, 0),
        (1.5, "budget", 0, 0),
    ]
    slow = Cluster(decision=DecisionTime(10))
    trace = Simulation(TABLE, Costly(jobs, [], [5, 5]), workers=2, cluster=slow, budget=1.5).run()
    assert len(trace.columns.config) == 0
    assert trace.info.end == 1_500_000_000


@given(table=tables(), workers=st.integers(1, 6), budget=st.sampled_from([None, 3.3, 20.0]), seed=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_random_search_takes_no_decisions_so_nothing_changes(
    table: Blackbox, workers: int, budget: float | None, seed: int
) -> None:
    for name in ("asha-promotion", "asha-stopping", "hyperband"):
        plain = Simulation(table, name, workers=workers, seed=seed, budget=budget).run()
        charged = Simulation(
            table, name, workers=workers, seed=seed, budget=budget, cluster=Cluster(decision=DecisionTime(9))
        ).run()
        assert plain.digest() == charged.digest()


@pytest.mark.parametrize(
    "spec", ["asha-promotion+gp", "asha-stopping+kde", "hyperband+gp-joint", "random+evolution(population=5, sample=2)"]
)
def test_model_searchers_are_charged(spec: str) -> None:
    table = with_space(random_table(4, n=60, size=9))
    limits = Budget(trials=40)
    plain = Simulation(table, spec, workers=3, budget=limits).run()
    free = Simulation(table, spec, workers=3, budget=limits, cluster=Cluster(decision=DecisionTime(0, 0))).run()
    assert plain.digest() == free.digest()
    searcher_says: list[int] = []

    charged = Simulation(table, spec, workers=3, budget=limits, cluster=Cluster(decision=DecisionTime(1.0)))
    propose = charged.searcher.propose

    def told() -> Any:
        row = propose()
        searcher_says.append(charged.searcher.model_size)
        return row

    charged.searcher.propose = told  # type: ignore[method-assign]
    trace = charged.run()
    history(trace)
    starts = [e["time"] for e in events_of(trace) if e["event"] == "start"]
    by_model = sum(size > 0 for size in searcher_says)
    assert by_model > 5
    assert 0 in searcher_says
    assert trace.info.end > plain.info.end
    assert starts[-1] >= by_model * 10**9, "one at a time, a second each"


def test_a_gaussian_process_says_how_many_observations_it_used() -> None:
    simulation = Simulation(whole_table(), "random+gp(max_observations=10)", workers=1, budget=Budget(trials=30))
    sizes, propose = [], simulation.searcher.propose

    def told() -> Any:
        row = propose()
        sizes.append(simulation.searcher.model_size)
        return row

    simulation.searcher.propose = told  # type: ignore[method-assign]
    simulation.run()
    first = next(i for i, size in enumerate(sizes) if size)
    assert sizes[:first] == [0] * first
    assert sizes[first:30] == [min(10, n) for n in range(first, 30)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", DecisionTime(0.5)),
        ("0.05 + 2e-9 n^3", DecisionTime(0.05, 2e-9)),
        (" 1+.5*n^3 ", DecisionTime(1, 0.5)),
    ],
)
def test_as_text(text: str, expected: DecisionTime) -> None:
    assert DecisionTime.read(text) == expected


@pytest.mark.parametrize("text", ["", "fast", "-1", "1 + n^3", "1 + 2 n^2", "1s"])
def test_wrong_text(text: str) -> None:
    with pytest.raises(SimulationError, match=r"seconds for n observations, are needed: 0\.5, or 0\.05 \+ 2e-9 n\^3"):
        DecisionTime.read(text)


@pytest.mark.parametrize("numbers", [(-1, 0), (0, -1), (float("nan"), 0), (0, float("inf")), ("1", 0), (True, 0)])
def test_wrong_numbers(numbers: tuple[Any, Any]) -> None:
    with pytest.raises(SimulationError, match=r"must be a number of seconds from 0"):
        DecisionTime(*numbers)


def test_something_else_is_refused() -> None:
    with pytest.raises(SimulationError, match="cluster: decision: a DecisionTime or text such as"):
        Cluster(decision=[3])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "seconds"), [(0.5, 0.5), ("500s", 500), ("0.5x", 1.0), ("uniform(low=2s, high=2s)", 2)]
)
def test_as_seconds_or_a_duration(given: Any, seconds: float) -> None:
    """The table's mean full training takes 2 s; what no model chose takes no time."""
    jobs = [Start(0, until=1), Start(1, until=1), Start(2, until=1)]
    told = [entry for entry in timeline(Costly(jobs, [], [4, 0, 9]), 3, given) if entry[1] == "start"]
    assert [time for time, *_ in told] == [seconds, seconds, 2 * seconds]


def test_drawn_decision_times_come_one_after_the_other() -> None:
    jobs = [Start(row, until=1) for row in range(3)]
    times = [
        time
        for time, event, *_ in timeline(Costly(jobs, [], [1, 1, 1]), 3, "exponential(mean=10s)")
        if event == "start"
    ]
    first, second, third = times[0], times[1] - times[0], times[2] - times[1]
    assert len({first, second, third}) == 3
    again = [
        time
        for time, event, *_ in timeline(Costly(jobs, [], [1, 1, 1]), 3, "exponential(mean=10s)")
        if event == "start"
    ]
    assert again == times

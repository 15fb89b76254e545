"""The scenarios are as hard as they say, the same everywhere, and small."""

from __future__ import annotations

import random
import time
from hashlib import sha256

import mutants
import numpy as np
import pytest
from broken_schedulers import PlainAsha

from blackboxes import Blackbox
from simulator import SimulationError, Trial
from simulator.conformance import scenario_names
from simulator.conformance.scenarios import Scenario, all_scenarios, scenarios_named
from simulator.conformance.standing import in_the_end
from simulator.conformance.subject import Subject
from simulator.conformance.surroundings import Surroundings

BY_NAME = {scenario.name: scenario for scenario in all_scenarios()}


def loss(name: str) -> np.ndarray:
    return BY_NAME[name].table.metrics["loss"][:, 0, :]


def test_values_tie_or_do_not() -> None:
    tied = {name for name, scenario in BY_NAME.items() if scenario.has_ties}
    assert tied == {"ties", "everything", "nothing-works"}


def test_some_diverge_and_some_end() -> None:
    measured = {name: np.isfinite(scenario.table.elapsed[:, 0, :]) for name, scenario in BY_NAME.items()}
    diverged = {name for name in BY_NAME if (np.isnan(loss(name)) & measured[name]).any()}
    ended = {name for name in BY_NAME if not measured[name].all()}
    assert diverged == {"diverged", "all-diverged", "everything", "nothing-works"}
    assert np.isnan(loss("all-diverged")).all()
    assert ended == {"ragged", "curves-end-early", "everything", "nothing-works"}
    assert measured["curves-end-early"].sum(axis=1).max() < 3


def test_sizes_times_and_directions() -> None:
    def scenario(name: str) -> tuple[Blackbox, int]:
        return BY_NAME[name].table, BY_NAME[name].workers

    assert scenario("one-worker")[1] == 1
    table, workers = scenario("many-workers")
    assert workers > len(table)
    assert len(scenario("one-row")[0]) == 1
    assert len(scenario("one-resource")[0].resources) == 1
    assert (np.diff(scenario("equal-times")[0].elapsed[:, 0, :]) == 1).all()
    assert (np.diff(scenario("free-units")[0].elapsed[:, 0, :]) == 0).any()
    assert not scenario("from-scratch")[0].resumable
    assert not any(float(r).is_integer() for r in scenario("fractions")[0].resource_list[:9])
    assert scenario("maximised")[0].metric_info["loss"].direction == "max"
    assert BY_NAME["cycled"].exhausted == "cycle"
    assert max(len(s.table) for s in BY_NAME.values()) <= 40


def test_budgets_end_runs_in_the_middle_of_rungs() -> None:
    for name in ("budget-mid-rung", "everything"):
        run = Subject("asha-promotion").run(BY_NAME[name])
        assert in_the_end(run).running


def test_promotions_follow_one_another() -> None:
    run = Subject("asha-promotion").run(BY_NAME["plain"])
    assert {asked.until for asked in run.questions if asked.answer == "resume"} == {3, 9, 27}


def test_tables_are_the_same_everywhere() -> None:
    table = BY_NAME["everything"].table
    digest = sha256(table.metrics["loss"].tobytes() + table.elapsed.tobytes()).hexdigest()
    assert digest == "1c69fd8b0081031a7f64ae43885fc64165701d7321252e4387e4e2faeee602ba"


def test_names() -> None:
    assert scenario_names() == list(BY_NAME)
    assert [s.name for s in scenarios_named(["ties", "plain", "ties"])] == ["ties", "plain"]
    with pytest.raises(SimulationError, match="there is no scenario 'tie': did you mean ties"):
        scenarios_named(["tie"])
    for wrong in ([], "ties"):
        with pytest.raises(SimulationError, match="a list of names is needed"):
            scenarios_named(wrong)


def test_smaller_ones_come_from_the_first_rows() -> None:
    scenario = BY_NAME["ties"]
    sizes = [(len(smaller.table), smaller.workers) for smaller in scenario.smaller()]
    assert sizes[0] == (1, 4)
    assert (24, 1) in sizes
    assert all(rows < 24 or workers < 4 for rows, workers in sizes)
    for smaller in scenario.smaller():
        rows = len(smaller.table)
        np.testing.assert_array_equal(smaller.table.metrics["loss"], scenario.table.metrics["loss"][:rows])
        np.testing.assert_array_equal(smaller.table.columns["x"], scenario.table.columns["x"][:rows])


# --- surroundings ----------------------------------------------------------------------------------------------


@pytest.fixture
def sight():
    return Subject(mutants.SeedsByTime)._sight


def test_clocks_differ_in_start_and_speed_and_come_back(sight) -> None:
    real = time.time, mutants.time, mutants.datetime
    read = []
    for number in (0, 0, 1):
        with Surroundings(clock=number).around(sight):
            assert mutants.time is not real[1], "also under a name of its own"
            read.append([time.time(), mutants.time(), time.monotonic_ns(), mutants.datetime.now(), time.gmtime()])
            kept = time.time
    assert read[0] == read[1]
    assert all(one != other for one, other in zip(read[0], read[2], strict=True))
    assert (time.time, mutants.time, mutants.datetime) == real
    assert abs(kept() - time.time()) < 60, "who kept it is told the truth"


def test_random_states_are_put_back(sight) -> None:
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = random.random(), np.random.rand()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    with Surroundings(random=1).around(sight):
        first = random.random(), np.random.rand()  # noqa: NPY002
    with Surroundings(random=2).around(sight):
        assert (random.random(), np.random.rand()) != first  # noqa: NPY002
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002


def test_sets_change_their_order_and_nothing_else(sight) -> None:
    orders = []
    for salt in range(6):
        with Surroundings(sets=salt).around(sight):
            made = mutants.set(range(10))
            orders.append(tuple(made))
            assert made == {*range(10)}
            assert made - {0, 1} == {*range(2, 10)}
            assert tuple(made - {0, 1}) == tuple(x for x in orders[-1] if x > 1)
            assert made.pop() == orders[-1][0]
            assert len(made) == 9
            assert made | {99} == {*orders[-1][1:], 99}
            assert Trial.__hash__ is not object.__hash__
    assert len(set(orders)) == 6
    assert not hasattr(mutants, "set")
    assert Trial.__hash__ is object.__hash__


def test_a_folder_apart_is_out_of_sight() -> None:
    assert mutants in Subject(PlainAsha)._sight.modules
    assert mutants not in Subject("asha-promotion")._sight.modules


def test_two_runs_in_equal_surroundings_are_equal() -> None:
    scenario: Scenario = BY_NAME["everything"]
    subject = Subject("asha-promotion")
    one, other = (subject.run(scenario, Surroundings(k, k, k)) for k in (0, 3))
    assert one.digest() == other.digest() == subject.run_as_it_is(scenario).digest()

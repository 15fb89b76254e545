"""Which configurations are tried, and which replicate a trial replays."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedulers import AGAIN, ASKING, NAMES, asked_for
from scripted import Scripted, history
from tables import random_table, table_of, tables

from blackboxes import Blackbox
from simulator import Budget, Simulation, SimulationError, Start, Trace


def configs(table: Blackbox, name: str, **options: object) -> list[int]:
    return asked_for(Simulation(table, name, **options).run())


# --- the random searcher ---------------------------------------------------------------------------------------


# Two start rows again, for other levels: test_dehb.py, test_mf_bo.py.
@pytest.mark.parametrize("name", sorted({*NAMES} - {"dehb", "mf-bo"}))
def test_every_configuration_is_tried_once_without_a_budget(name: str) -> None:
    assert sorted(configs(random_table(0, n=37), name)) == list(range(37))


@given(table=tables(resumable=True), workers=st.lists(st.integers(1, 8), min_size=len(ASKING), max_size=len(ASKING)))
@settings(max_examples=50)
def test_all_schedulers_meet_the_same_configurations_in_the_same_order(table: Blackbox, workers: list[int]) -> None:
    orders = [configs(table, name, workers=w) for name, w in zip(ASKING, workers, strict=True)]
    assert all(order == orders[0] for order in orders)


@pytest.mark.parametrize("name", ASKING)
def test_a_budget_changes_how_many_and_not_which(name: str) -> None:
    table = random_table(0, n=37)
    order = configs(table, "random")
    for budget in (Budget(trials=9), Budget(time=7.0), Budget(resource=60)):
        for exhausted in ("stop", "cycle"):
            found = configs(table, name, budget=budget, workers=3, exhausted=exhausted)
            assert 0 < len(found) < 37
            assert found == order[: len(found)]


def test_the_order_depends_on_the_seed_and_on_the_table() -> None:
    assert configs(random_table(0, n=37), "random", seed=0) != configs(random_table(0, n=37), "random", seed=1)
    assert configs(random_table(0, n=37), "random") != configs(random_table(1, n=37), "random")


def test_every_order_is_as_likely_to_begin_with_any_row() -> None:
    table = random_table(0, n=5)
    firsts = [configs(table, "random", seed=seed)[0] for seed in range(500)]
    counts = np.bincount(firsts, minlength=5)
    assert counts.min() > 60, counts  # 100 expected, 9 the standard deviation
    assert counts.max() < 140, counts


@pytest.mark.parametrize("name", [name for name in ASKING if name not in AGAIN])
def test_cycle_begins_again_in_a_new_order(name: str) -> None:
    table = random_table(0, n=20)
    found = configs(table, name, exhausted="cycle", budget=Budget(trials=60), workers=3)
    rounds = [found[i : i + 20] for i in (0, 20, 40)]
    assert all(sorted(a_round) == list(range(20)) for a_round in rounds)
    assert len({tuple(a_round) for a_round in rounds}) == 3


def test_exhausted_at_is_when_a_free_worker_first_found_nothing() -> None:
    table = table_of([[0.5]] * 3, [[2.0]] * 3)
    at = {workers: Simulation(table, "random", workers=workers).run().info.exhausted_at for workers in (1, 2, 3, 4)}
    # One worker is free at 6 s; of two, one at 2 s (starts the third), the other in the same instant; of four, at once.
    assert at == {1: 6.0, 2: 2.0, 3: 2.0, 4: 0.0}


def test_exhausted_at_is_none_where_something_was_left() -> None:
    table = random_table(0, n=5)
    assert Simulation(table, "random", budget=Budget(trials=3)).run().info.exhausted_at is None
    assert Simulation(table, "random", budget=0.0625, workers=2).run().info.exhausted_at is None
    trace = Simulation(table, "random", budget=Budget(trials=15), exhausted="cycle").run()
    assert trace.info.exhausted_at is None
    assert Simulation(table, Scripted([Start(0, 1)])).run().info.exhausted_at is None


@given(table=tables(times="coarse", zero_times=0.0), workers=st.integers(1, 8))
@settings(max_examples=60)
def test_exhausted_at_by_counting_free_workers(table: Blackbox, workers: int) -> None:
    trace = Simulation(table, "random", workers=workers).run()
    segments = history(trace)
    last = max(s.begin for s in segments)
    busy = sum(s.begin <= last < s.end for s in segments)
    expected = last if busy < workers else min(s.end for s in segments if s.end > last)
    assert trace.info.exhausted_at == expected / 1e9


def test_what_to_do_when_exhausted_is_one_of_two() -> None:
    with pytest.raises(SimulationError, match=r"'stop' or 'cycle'.*'again'"):
        Simulation(random_table(0), "random", exhausted="again")


# --- replicates ------------------------------------------------------------------------------------------------


def replicates_of(trace: Trace) -> dict[tuple[int, int], int]:
    """(row, how often it was started before): replicate."""
    started: dict[int, int] = defaultdict(int)
    found = {}
    for row, replicate in zip(trace.columns.config.tolist(), trace.columns.replicate.tolist(), strict=True):
        found[row, started[row]] = replicate
        started[row] += 1
    return found


@given(
    table=tables(n=st.integers(1, 8), size=st.integers(1, 4), ragged=st.sampled_from([0.0, 0.9])),
    name=st.sampled_from([name for name in NAMES if name not in AGAIN]),
    workers=st.integers(1, 8),
    seed=st.integers(0, 3),
)
@settings(max_examples=50)
def test_replicates_do_not_repeat_until_used_up_and_unmeasured_ones_are_never_drawn(
    table: Blackbox, name: str, workers: int, seed: int
) -> None:
    budget = Budget(trials=7 * len(table))
    trace = Simulation(table, name, workers=workers, seed=seed, exhausted="cycle", budget=budget).run()
    drawn: dict[int, list[int]] = defaultdict(list)
    for row, replicate in zip(trace.columns.config.tolist(), trace.columns.replicate.tolist(), strict=True):
        drawn[row].append(replicate)
    for row, replicates in drawn.items():
        measured = {s for s in range(table.replicates) if not np.isnan(table.elapsed[row, s, 0])}
        assert len(replicates) == 7
        for first in range(0, 7, len(measured)):
            part = replicates[first : first + len(measured)]
            assert set(part) <= measured
            assert len(set(part)) == len(part)


@given(
    table=tables(n=st.integers(1, 8), size=st.integers(1, 4), replicates=3),
    name=st.sampled_from([name for name in NAMES if name not in AGAIN]),
    workers=st.integers(1, 8),
    seed=st.integers(0, 3),
    rows=st.lists(st.integers(0, 7), max_size=30),
)
@settings(max_examples=100)
def test_a_replicate_is_a_function_of_seed_row_and_how_often_the_row_was_started(
    table: Blackbox, name: str, workers: int, seed: int, rows: list[int]
) -> None:
    budget = Budget(trials=4 * len(table))
    cycling = Simulation(table, name, workers=workers, seed=seed, exhausted="cycle", budget=budget)
    one = replicates_of(cycling.run())
    jobs = [Start(row % len(table), until=table.resource_list[0]) for row in rows]
    other = replicates_of(Simulation(table, Scripted(jobs), seed=seed, workers=2).run())
    assert {key: one[key] for key in one.keys() & other.keys()} == {
        key: other[key] for key in one.keys() & other.keys()
    }


def test_all_replicates_are_drawn_about_as_often_and_differ_by_seed() -> None:
    table = random_table(0, n=40, replicates=3)
    drawn = [Simulation(table, "random", seed=seed).run().columns.replicate for seed in range(10)]
    counts = np.bincount(np.concatenate(drawn), minlength=3)
    assert counts.min() > 100, counts  # of 400: 133 expected, 9 the standard deviation
    assert counts.max() < 167, counts
    by_row = [replicates_of(Simulation(table, "random", seed=seed).run()) for seed in (0, 1)]
    assert by_row[0] != by_row[1]


def test_a_fixed_replicate_is_always_replayed() -> None:
    table = random_table(0, n=10, replicates=3, size=3)
    for replicate in (0, 1, 2, np.int64(2)):
        trace = Simulation(table, "asha-promotion", replicate=replicate).run()
        assert set(trace.columns.replicate.tolist()) == {int(replicate)}
        for row in trace.results().itertuples():
            where = row.config, int(replicate), table.resource_list.index(row.resource)
            assert row.loss == table.metrics["loss"][where]


def test_a_fixed_replicate_that_was_not_measured_is_an_error_that_names_the_row() -> None:
    nan = float("nan")
    table = table_of([[0.5], [0.4]])
    table = Blackbox(
        space="",
        configs=table.columns,
        resources=table.resources,
        metrics={"loss": np.array([[[0.5], [0.4]], [[0.3], [nan]]])},
        metric_info=table.metric_info,
        elapsed=np.array([[[1.0], [1.0]], [[1.0], [nan]]]),
    )
    with pytest.raises(SimulationError, match=r"replicate 1.*1.*not measured"):
        Simulation(table, "random", replicate=1).run()

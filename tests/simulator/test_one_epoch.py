"""One epoch each, and the top k to the end."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import brute_force
import numpy as np
import pytest
from brute_force import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_table, table_of, tables
from test_brute_force import r_min_of, runs
from test_hyperband_facts import smooth_table

from blackboxes import Blackbox
from simulator import Budget, Context, Simulation, SimulationError
from simulator.schedulers.one_epoch import OneEpoch
from simulator.schedulers.successive_halving import SuccessiveHalving


class PlainOneEpoch(brute_force.Synchronous):
    """Rounds of n trials to the lowest resource, then the best k to the end, with the slots of a round in a list."""

    def __init__(self, k: int, n: int | None, r_min: float | None, overlap: bool) -> None:
        self.k, self.n, self.r_min, self.overlap = k, n, r_min, overlap

    def setup(self, context: Context) -> None:
        super().setup(context)
        low = context.resources[0] if self.r_min is None else self.r_min
        self.levels = [low] if low == context.r_max else [low, context.r_max]
        self.starts = self.n or int(self.k * Fraction(str(context.r_max)) / Fraction(str(low)))

    def new_round(self, number: int) -> brute_force.Round:
        return brute_force.Round(self.levels, [self.starts, self.k][: len(self.levels)], Fraction(1))


@given(
    table=tables(),
    k=st.integers(1, 4),
    more=st.one_of(st.none(), st.integers(0, 20)),
    position=st.sampled_from([None, 0.0, 0.3, 1.0]),
    overlap=st.booleans(),
    run=runs(),
)
@settings(max_examples=150)
def test_one_epoch_each_and_the_best_k_to_the_end(
    table: Blackbox, k: int, more: int | None, position: float | None, overlap: bool, run: dict[str, Any]
) -> None:
    n = None if more is None else k + more
    r_min = None if position is None else r_min_of(table, position)
    assert_same(table, OneEpoch(k, n, r_min, overlap), PlainOneEpoch(k, n, r_min, overlap), **run)


@pytest.mark.parametrize("workers", [1, 5])
def test_the_papers_protocol_where_n_is_the_number_of_configurations(workers: int) -> None:
    table = random_table(3, n=50, size=27, levels=None)
    trace = Simulation(table, OneEpoch(k=4, n=50), workers=workers).run()
    reached = trace.results().groupby("config")["resource"].max()
    after_one_epoch = np.argsort(table.metrics["loss"][:, 0, 0])
    assert sorted(reached.index[reached == 27]) == sorted(after_one_epoch[:4])
    assert (reached.drop(after_one_epoch[:4]) == 1).all()
    assert trace.summary()["resource"] == 50 + 4 * 26


def test_nothing_goes_on_before_the_last_has_reported() -> None:
    """Trial 2 takes 9 s for its first epoch, and the others wait; it is the worst, and the first the best."""
    curves = [[0.1, 0.1, 0.1], [0.5, 0.4, 0.3], [0.9, 0.8, 0.7]]
    table = table_of(curves, [[1, 2, 3], [1, 2, 3], [9, 10, 11]])
    trace = Simulation(table, OneEpoch(k=1, n=3), workers=3, budget=Budget(trials=3)).run()
    resumed = trace.columns.event == 1
    assert trace.columns.time[resumed].tolist() == [9_000_000_000]
    assert trace.columns.config[trace.columns.trial[resumed]].tolist() == [0]


def test_a_round_that_cannot_fill_keeps_its_best_k_too() -> None:
    trace = Simulation(smooth_table(5, 9), OneEpoch(k=3, n=40), workers=2).run()
    assert Counter(trace.columns.until[trace.columns.event <= 1]) == {1: 5, 9: 3}


def test_a_budget_of_trials_is_known_and_used() -> None:
    trace = Simulation(smooth_table(50, 9), OneEpoch(k=2, n=40), workers=2, budget=Budget(trials=10)).run()
    assert Counter(trace.columns.until[trace.columns.event <= 1]) == {1: 10, 9: 2}


def test_by_default_both_halves_of_a_round_get_the_same_resource() -> None:
    trace = Simulation(smooth_table(81, 27), OneEpoch(k=3, overlap=False), workers=1).run()
    assert Counter(trace.columns.until[trace.columns.event <= 1]) == {1: 81, 27: 3}
    i_epoch = Simulation(smooth_table(54, 27), OneEpoch(k=2, r_min=3, overlap=False), workers=1).run()
    assert Counter(i_epoch.columns.until[i_epoch.columns.event <= 1]) == {3: 54, 27: 6}  # three rounds of 2 * 27 / 3


def test_one_round_of_successive_halving_with_one_level() -> None:
    table = random_table(5, n=81, replicates=2, size=9)
    trace = Simulation(table, OneEpoch(k=9, n=27), workers=4).run()
    assert trace.digest() == Simulation(table, SuccessiveHalving(eta=3, n=27, levels=[1]), workers=4).run().digest()


def test_without_overlap_a_round_ends_before_the_next_begins() -> None:
    table = random_table(5, n=40, size=9, times="coarse", levels=None)
    for overlap in (True, False):
        columns = Simulation(table, OneEpoch(k=2, n=10, overlap=overlap), workers=4).run().columns
        begun = columns.time[(columns.event == 0) & (columns.trial == 10)]  # the second round's first trial
        last_of_first = columns.time[(columns.event == 5) & (columns.trial < 10)].max()
        assert (begun >= last_of_first).all() != overlap


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: OneEpoch(k=0), r"k = 0: a whole number from 1"),
        (lambda: OneEpoch(k=1.5), r"k = 1\.5"),
        (lambda: OneEpoch(n=0), r"n = 0"),
        (lambda: OneEpoch(k=5, n=4), r"n = 4.*k = 5"),
        (lambda: OneEpoch(overlap="no"), r"overlap is True or False, not 'no'"),
        (lambda: Simulation(table_of([[0.5]]), OneEpoch(r_min=2)).run(), r"r_min = 2.*r_max = 1"),
    ],
)
def test_wrong_arguments(make: Any, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        make()

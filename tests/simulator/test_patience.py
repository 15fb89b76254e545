"""Patience: a trial that no longer improves is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import inf
from typing import Any

import pytest
from brute_force import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of
from tables import table_of, tables
from test_brute_force import runs

from blackboxes import Blackbox
from simulator import STOP, Context, Continue, Scheduler, Simulation, SimulationError, Start, Trial
from simulator.schedulers.patience import Patience


class PlainPatience(Scheduler):
    """Keeps all that a trial has reported, and goes through it from the start at every report."""

    def __init__(self, patience: float | None, min_delta: float, levels: Sequence[float] | None) -> None:
        self.patience, self.min_delta, self.levels = patience, min_delta, levels

    def setup(self, context: Context) -> None:
        self.searcher = context.searcher()
        below = [r for r in (self.levels or context.resources) if r != context.r_max]
        self.stations = [*below, context.r_max]
        self.wait = Fraction(str(context.r_max)) / 4 if self.patience is None else Fraction(str(self.patience))
        self.reports: dict[int, list[tuple[float, float]]] = {}

    def next_job(self) -> Start | None:
        row = self.searcher.propose()
        return None if row is None else Start(row, self.stations[0])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        reports = self.reports.setdefault(trial.id, [])
        reports.append((resource, value))
        best, at = inf, None
        for there, seen in reports:
            if best - seen > self.min_delta:
                best, at = seen, there
        if value == inf or Fraction(str(resource)) - Fraction(str(at)) >= self.wait:
            return STOP
        return Continue(self.stations[self.stations.index(resource) + 1])


class KerasEarlyStopping(Scheduler):
    """The loop of Keras's `EarlyStopping`, epoch by epoch, from its documentation: patience is the number of epochs
    with no improvement after which training is stopped.
    """

    def __init__(self, patience: int, min_delta: float) -> None:
        self.patience, self.min_delta = patience, min_delta

    def setup(self, context: Context) -> None:
        self.searcher = context.searcher()
        self.wait: dict[int, int] = {}
        self.best: dict[int, float] = {}

    def next_job(self) -> Start | None:
        row = self.searcher.propose()
        return None if row is None else Start(row, 1)

    def on_report(self, trial: Trial, epoch: float, value: float) -> Any:
        self.wait[trial.id] = self.wait.get(trial.id, 0) + 1
        if value < self.best.get(trial.id, inf) - self.min_delta:
            self.best[trial.id], self.wait[trial.id] = value, 0
        return STOP if self.wait[trial.id] >= self.patience else Continue(epoch + 1)


@given(
    table=tables(),
    patience=st.sampled_from([None, 0.2, 0.5, 1, 2.5, 3, 20]),
    min_delta=st.sampled_from([0.0, 0.125, 0.5, 3]),
    picks=st.one_of(st.none(), st.sets(st.integers(0, 29), min_size=1)),
    run=runs(),
)
@settings(max_examples=200)
def test_patience_is_counted_from_the_best_value(
    table: Blackbox, patience: float | None, min_delta: float, picks: set[int] | None, run: dict[str, Any]
) -> None:
    grid = table.resource_list
    levels = None if picks is None else [grid[k] for k in sorted(picks) if k < len(grid)] or [grid[-1]]
    assert_same(table, Patience(patience, min_delta, levels), PlainPatience(patience, min_delta, levels), **run)


@given(
    table=tables(grid="epochs", diverged=0.0, size=st.integers(2, 30)),
    patience=st.integers(1, 6),
    min_delta=st.sampled_from([0.0, 0.125, 0.5]),
    run=runs(),
)
@settings(max_examples=100)
def test_on_epochs_it_is_keras_early_stopping(
    table: Blackbox, patience: int, min_delta: float, run: dict[str, Any]
) -> None:
    assert_same(table, Patience(patience, min_delta), KerasEarlyStopping(patience, min_delta), **run)


def ends(curve: list[float], patience: Patience, **options: Any) -> tuple[str, float]:
    last = events_of(Simulation(table_of([curve], **options), patience, workers=1).run())[-1]
    return last["event"], last["resource"]


def test_a_trial_by_hand() -> None:
    curve = [0.9, 0.5, 0.6, 0.5, 0.55, 0.3, 0.2]  # best at 2; as good at 4, which is no improvement
    assert ends(curve, Patience(1)) == ("stop", 3)
    assert ends(curve, Patience(2)) == ("stop", 4)
    assert ends(curve, Patience(3)) == ("stop", 5)
    assert ends(curve, Patience(4)) == ("complete", 7)
    assert ends(curve, Patience(4, min_delta=0.25)) == ("stop", 6)  # 0.3 is better than 0.5 by less


def test_the_value_counts_in_its_own_direction() -> None:
    assert ends([0.1, 0.2, 0.3, 0.4], Patience(1), direction="max") == ("complete", 4)
    assert ends([0.4, 0.3, 0.2, 0.1], Patience(1), direction="max") == ("stop", 2)


def test_patience_is_in_units_of_resource() -> None:
    flat = [0.5] * 5
    assert ends(flat, Patience(7), resources=[1, 2, 4, 8, 16]) == ("stop", 8)
    assert ends(flat, Patience(0.2), resources=[0.1, 0.2, 0.3, 0.4, 0.5]) == ("stop", 0.3)  # 0.3 - 0.1 < 0.2 in floats


def test_a_quarter_of_r_max_by_default() -> None:
    assert ends([0.5] * 20, Patience()) == ("stop", 6)
    assert ends([0.5] * 3, Patience()) == ("stop", 2)


def test_it_looks_at_the_levels_only() -> None:
    curve = [0.5, 0.1, 0.4, 0.3, 0.45, 0.2]  # the best of all, at 2, is not seen
    assert ends(curve, Patience(2, levels=[1, 3, 5])) == ("stop", 5)
    assert ends(curve, Patience(3, levels=[1, 3, 5])) == ("complete", 6)
    assert ends(curve, Patience(2)) == ("stop", 4)


def test_a_diverged_trial_is_stopped() -> None:
    nan = float("nan")
    assert ends([nan, 0.5, 0.4], Patience(9)) == ("stop", 1)
    assert ends([0.5, nan, 0.4], Patience(9)) == ("stop", 2)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"patience": 0}, r"patience = 0.*above 0"),
        ({"patience": -1}, r"patience = -1"),
        ({"patience": "3"}, r"patience = '3'"),
        ({"patience": float("inf")}, r"patience = inf"),
        ({"min_delta": -0.1}, r"min_delta = -0\.1.*at least 0"),
        ({"min_delta": None}, r"min_delta = None"),
        ({"levels": [2, 1]}, r"increase"),
        ({"levels": [1.5]}, r"1\.5.*nearest"),
    ],
)
def test_wrong_arguments(arguments: Any, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        Simulation(table_of([[0.5, 0.4]]), Patience(**arguments)).run()

"""Rung levels: r_min * eta^k below r_max, snapped to the grid in log r, ties up; or given by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from brute_force import exactly
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import GRIDS, random_table, table_of

from simulator import PAUSE, Context, Scheduler, Simulation, SimulationError, Start, make_scheduler


class AsksForLevels(Scheduler):
    """Runs nothing."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.arguments, self.named = arguments, named

    def setup(self, context: Context) -> None:
        self.levels = context.rung_levels(*self.arguments, **self.named)

    def next_job(self) -> Start | None:
        return None

    def on_report(self, trial: Any, resource: float, value: float) -> Any:
        return PAUSE


def rung_levels(resources: list[float], *arguments: Any, **named: Any) -> list[float]:
    asked = AsksForLevels(*arguments, **named)
    Simulation(table_of([[0.0] * len(resources)], resources=resources), asked).run()
    return asked.levels


def nearest(resources: list[float], level: Fraction) -> float:
    """In log r: r is nearer than s if max(r/level, level/r) is the smaller ratio; of two as near, the larger."""

    def ratio(resource: float) -> Fraction:
        r = exactly(resource)
        return max(r / level, level / r)

    return min(resources, key=lambda resource: (ratio(resource), -resource))


@pytest.mark.parametrize(
    ("r_max", "arguments", "expected"),
    [
        (200, {}, [1, 3, 9, 27, 81]),
        (81, {}, [1, 3, 9, 27]),
        (82, {}, [1, 3, 9, 27, 81]),
        (81, {"eta": 4}, [1, 4, 16, 64]),
        (100, {"r_min": 5, "eta": 2}, [5, 10, 20, 40, 80]),
        (81, {"anchor": "r_max"}, [1, 3, 9, 27]),
        (200, {"anchor": "r_max"}, [3, 7, 22, 67]),  # 200/81 = 2.47: between 2 and 3, nearer to 3 in log r
        (10, {"r_min": 10}, []),
        (1, {}, []),
    ],
)
def test_levels_on_epochs(r_max: int, arguments: dict[str, Any], expected: list[float]) -> None:
    resources = list(range(1, r_max + 1))
    assert rung_levels(resources, **arguments) == [level for level in expected if level < r_max]


def test_levels_snap_to_the_nearest_in_log_r() -> None:
    # 16 * 3 = 48 lies between 45 and 64; 144 between 128 and 181; 432 between 362 and 512.
    assert rung_levels([16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512, 724]) == [16, 45, 128, 512]


def test_a_level_between_two_resources_snaps_up_on_a_tie() -> None:
    # 6 is as far from 4 as from 9 in log r: 6/4 = 9/6; with plain distance it would be 4.
    assert rung_levels([2, 4, 9, 100], eta=3) == [2, 9]


def test_duplicates_and_r_max_are_dropped() -> None:
    assert rung_levels([1, 10, 100], eta=2) == [1, 10]
    assert rung_levels([1, 2, 3, 4], eta=1.1) == [1, 2, 3]


def test_rounding_loses_no_level() -> None:
    # In floats 0.3 / 3 lies below 0.1, and 0.1 * 3 above 0.3.
    assert rung_levels([0.1, 0.2, 0.3], anchor="r_max") == [0.1]
    assert rung_levels([0.1, 0.2, 0.3]) == [0.1]


def test_a_lowest_level_off_the_grid_snaps_too() -> None:
    assert rung_levels([16, 23, 32, 45, 64], r_min=1, eta=3) == [16, 23]


@given(
    size=st.integers(1, 30),
    grid=st.sampled_from(list(GRIDS)),
    eta=st.sampled_from([2, 3, 4, 1.5, 2.5]),
    position=st.floats(0, 1),
)
@settings(max_examples=300)
def test_levels_from_below_by_exact_arithmetic(size: int, grid: str, eta: float, position: float) -> None:
    resources = GRIDS[grid](size)
    r_min = resources[int(position * (size - 1))]
    expected, level = set(), exactly(r_min)
    while level < exactly(resources[-1]):
        expected.add(nearest(resources, level))
        level *= exactly(eta)
    assert rung_levels(resources, r_min, eta) == sorted(expected - {resources[-1]})


@given(
    size=st.integers(1, 30),
    grid=st.sampled_from(list(GRIDS)),
    eta=st.sampled_from([2, 3, 4, 1.5, 2.5]),
    position=st.floats(0, 1),
)
@settings(max_examples=300)
def test_levels_from_above_by_exact_arithmetic(size: int, grid: str, eta: float, position: float) -> None:
    resources = GRIDS[grid](size)
    r_min = resources[int(position * (size - 1))]
    expected, level = set(), exactly(resources[-1])
    while level >= exactly(r_min):
        expected.add(nearest(resources, level))
        level /= exactly(eta)
    assert rung_levels(resources, r_min, eta, "r_max") == sorted(expected - {resources[-1]})


def test_levels_by_hand_are_taken_as_they_are() -> None:
    assert rung_levels([1, 2, 3, 4], levels=[2, 3]) == [2, 3]
    assert rung_levels([1, 2, 3, 4], levels=[3, 4]) == [3]
    assert rung_levels([1, 2, 3, 4], levels=[]) == []


def test_a_level_by_hand_off_the_grid_is_an_error_that_lists_the_nearest() -> None:
    with pytest.raises(SimulationError, match=r"50.*nearest: 32, 45, 64"):
        rung_levels([16, 23, 32, 45, 64, 91, 128], levels=[16, 50])


@pytest.mark.parametrize("levels", [[3, 2], [2, 2, 3]])
def test_levels_by_hand_must_increase(levels: list[float]) -> None:
    with pytest.raises(SimulationError, match="increas"):
        rung_levels([1, 2, 3, 4], levels=levels)


@pytest.mark.parametrize("r_min", [0, -1, 5, float("nan"), float("inf"), "2"])
def test_r_min_must_be_a_positive_number_up_to_r_max(r_min: Any) -> None:
    with pytest.raises(SimulationError, match="r_min"):
        rung_levels([1, 2, 3, 4], r_min=r_min)


@pytest.mark.parametrize("eta", [1, 0.5, 0, -3, float("nan"), float("inf"), "3", None, True])
def test_eta_must_be_a_number_above_1(eta: Any) -> None:
    with pytest.raises(SimulationError, match="eta"):
        rung_levels([1, 2, 3, 4], eta=eta)


@pytest.mark.parametrize("levels", [5, ["2"], [None], "23"])
def test_levels_by_hand_must_be_numbers(levels: Any) -> None:
    with pytest.raises(SimulationError, match="level"):
        rung_levels([1, 2, 3, 4], levels=levels)


@pytest.mark.parametrize("scheduler", ["asha-stopping", "asha-promotion", "hyperband", "successive-halving", "pasha"])
def test_numbers_of_numpy_are_numbers(scheduler: str) -> None:
    table = random_table(1, n=40, size=200, levels=None)
    for plain, others in (
        (3, (np.int8(3), np.int64(3), 3.0, np.float32(3))),
        (2.5, (np.float32(2.5), np.float16(2.5))),
    ):
        made = type(make_scheduler(scheduler))
        expected = Simulation(table, made(eta=plain)).run().digest()
        assert [Simulation(table, made(eta=eta)).run().digest() for eta in others] == [expected] * len(others)


def test_an_unknown_anchor_is_an_error() -> None:
    with pytest.raises(SimulationError, match="anchor"):
        rung_levels([1, 2, 3, 4], anchor="middle")

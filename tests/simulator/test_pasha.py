"""PASHA against its brute-force twin, and the paper's growth of resources on curves made for it."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import inf
from typing import Any

import numpy as np
import pytest
from brute_force import AshaPromotion, assert_same, exactly
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of
from tables import table_of, tables
from test_brute_force import ETAS, r_min_of, runs

from blackboxes import Blackbox
from simulator import Context, Simulation, SimulationError, Trial
from simulator.schedulers import asha_promotion
from simulator.schedulers.pasha import Pasha, crossing_twice, percentile


class PlainPasha(AshaPromotion):
    """Algorithm 1 of the paper: rungs 0..K_t, all pairs of curves and all triples of resources at each report."""

    def __init__(self, eta: float = 3, r_min: float | None = None, epsilon: float | None = None, n: float = 90) -> None:
        super().__init__(eta, r_min)
        self.fixed, self.n = epsilon, exactly(n)

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.all_levels = self.levels
        self.k_t = min(1, len(self.all_levels) - 1)
        self.levels = self.all_levels[: self.k_t + 1]  # `next_job` goes through these
        self.epsilon = Fraction(self.fixed or 0)
        self.curves: dict[int, dict[float, float]] = {}  # trial: resource: value

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        answer = super().on_report(trial, resource, value)
        self.curves[trial.id] = dict(zip(trial.resources, trial.curve.tolist(), strict=True))
        if resource == self.all_levels[self.k_t]:
            top = sorted(self.rungs[resource])
            if self.fixed is None:
                self.estimate_epsilon([member for _, member in top], resource)
            if not self.consistent(top, sorted(self.rungs[self.all_levels[self.k_t - 1]])):
                self.k_t += 1
                self.levels = self.all_levels[: self.k_t + 1]
        return answer

    def estimate_epsilon(self, members: list[int], r_j: float) -> None:
        noise = []
        for c, d in combinations(members, 2):
            f, g = self.curves[c], self.curves[d]
            earlier = [r for r in f if r < r_j]
            if max(f[r_j], g[r_j]) < inf and any(
                (f[r_j] > g[r_j] and f[r_k] < g[r_k] and f[r_l] > g[r_l])
                or (f[r_j] < g[r_j] and f[r_k] > g[r_k] and f[r_l] < g[r_l])
                for r_l, r_k in combinations(earlier, 2)
            ):
                noise.append(abs(f[r_j] - g[r_j]))
        if noise:
            noise.sort()
            place = (len(noise) - 1) * self.n / 100
            share = place % 1
            here, after = noise[int(place)], noise[min(int(place) + 1, len(noise) - 1)]
            self.epsilon = (1 - share) * Fraction(here) + share * Fraction(after)

    def consistent(self, top: list[tuple[float, int]], below: list[tuple[float, int]]) -> bool:
        """For each place of the ranking below a list of all configurations that are as good as the one there."""
        members = {trial for _, trial in top}
        below = [entry for entry in below if entry[1] in members]
        lists = [{d for w, d in below if abs(Fraction(w) - Fraction(v)) <= self.epsilon} for v, _ in below]
        return all(trial in as_good for (_, trial), as_good in zip(top, lists, strict=True))


EPSILONS = st.sampled_from([None, None, None, 0, 0.125, 0.3])


@given(
    table=tables(levels=st.sampled_from([2, 4, 8, 1000])),
    eta=ETAS,
    position=st.sampled_from([0.0, 0.0, 0.0, 0.3]),
    epsilon=EPSILONS,
    n=st.sampled_from([90, 90, 50, 0, 100, 12.5]),
    run=runs(),
)
@settings(max_examples=250)
def test_it_decides_as_its_brute_force_twin(
    table: Blackbox, eta: float, position: float, epsilon: float | None, n: float, run: dict[str, Any]
) -> None:
    r_min = r_min_of(table, position)
    built_in = Pasha(eta, r_min, epsilon=epsilon, percentile=n)
    assert_same(table, built_in, PlainPasha(eta, r_min, epsilon, n), **run)


def smooth(n: int = 60, seed: int = 0) -> np.ndarray:
    """(n, 200): curves that never cross."""
    return (np.arange(n) * 7)[:, None] % n + 1.0 / np.arange(1, 201)


def farthest(curves: np.ndarray, scheduler: Any = "pasha") -> float:
    trace = Simulation(table_of(curves), scheduler, workers=4).run()
    return max(event["resource"] for event in events_of(trace))


def test_where_no_two_curves_cross_nothing_goes_beyond_eta_times_r_min() -> None:
    """R_0 = eta * r: 3 of 200 epochs; ASHA goes on to 200."""
    assert farthest(smooth()) == 3
    assert farthest(smooth(), Pasha(eta=4, r_min=2)) == 8
    assert farthest(smooth(), "asha-promotion") == 81  # of 60 trials 20, 6 and 2 are promoted


@pytest.mark.parametrize(("turns", "last"), [([1], 9), ([1, 3], 27), ([1, 3, 9], 81), ([1, 3, 9, 27], 200)])
def test_resources_grow_by_eta_each_time_the_ranking_changes(turns: list[int], last: float) -> None:
    """The order of all curves is turned round just after each resource in `turns`: R_t = 3, 9, 27, 81, 200.

    All trials up to the last turn are promotable by having many: 600 of them.
    """
    curves = smooth(600)
    for r in turns:
        curves[:, r:] = -curves[:, r:]
    found = farthest(curves)
    assert found == last
    assert farthest(curves, Pasha(epsilon=1e6)) == 3  # all are as good as one another


def test_soft_ranking_lets_neighbours_change_places() -> None:
    """Between 1 and 3 epochs each pair of neighbours, 0.1 apart, changes places; pairs are 1 apart."""
    curves = np.repeat(np.arange(60.0), 2)[:, None] + np.zeros(27)
    curves[::2, :1] += 0.1
    curves[1::2, 1:] += 0.1
    assert farthest(curves, Pasha(epsilon=0)) > 3
    assert farthest(curves, Pasha(epsilon=0.05)) > 3
    assert farthest(curves, Pasha(epsilon=0.15)) == 3


def test_epsilon_is_estimated_from_curves_that_cross_twice() -> None:
    """One rung level 9 above 1; neighbours cross at 2 and 3 epochs and are exchanged at 9.

    From the first pair of neighbours that meet at 9 on epsilon is 0.25, their distance there, and nothing grows; where
    they cross only once, at 9 itself, epsilon stays 0 and the ranking differs.
    """
    curves = np.repeat(np.arange(40.0), 2)[:, None] + np.zeros(27)
    curves[::2, :1] += 0.25  # the even ones are worse at 1
    curves[1::2, 1:] += 0.25  # and better from 2 on: one crossing
    assert farthest(curves, Pasha(levels=[1, 9])) == 27
    curves[:, 2] = curves[:, 0]  # worse again at 3, better from 4 on
    assert farthest(curves, Pasha(levels=[1, 9])) == 9


@pytest.mark.parametrize(
    ("one", "other", "crosses_twice"),
    [
        ([0, 1, 0], [1, 0, 1], True),
        ([1, 0, 1], [0, 1, 0], True),
        ([0, 0, 0, 1, 0], [1, 1, 1, 0, 1], True),
        ([0, 1, 1], [1, 0, 0], False),
        ([0, 1, 0], [1, 1, 1], False),  # touches only
        ([0, 1, 0, 0], [1, 0, 1, 0], False),  # equal in the end
        ([1, 0, 1, 0, 0], [0, 1, 0, 1, 1], True),
        ([0, inf, 0], [1, 5, 1], True),
        ([0, inf, 0], [1, inf, 1], False),
        ([0], [1], False),
    ],
)
def test_what_crosses_twice(one: list[float], other: list[float], crosses_twice: bool) -> None:
    assert crossing_twice(np.array(one, float), np.array([other, other], float)).tolist() == [crosses_twice] * 2


@given(
    numbers=st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=20).map(sorted),
    percent=st.integers(0, 100),
)
def test_the_percentile_is_numpys(numbers: list[int], percent: int) -> None:
    found = percentile([number / 8 for number in numbers], Fraction(percent))
    assert float(found) == pytest.approx(np.percentile(np.array(numbers) / 8, percent), abs=1e-9)


@given(table=tables(size=st.integers(1, 3), grid="epochs"), run=runs())
@settings(max_examples=40)
def test_with_one_rung_level_or_none_it_is_asha(table: Blackbox, run: dict[str, Any]) -> None:
    assert_same(table, Pasha(), asha_promotion.AshaPromotion(), **run)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"epsilon": -0.1}, r"epsilon = -0.1: a number >= 0"),
        ({"epsilon": "0"}, r"epsilon = '0': a number >= 0"),
        ({"epsilon": inf}, r"epsilon = inf: a number >= 0"),
        ({"percentile": 101}, r"percentile = 101: a number from 0 to 100"),
        ({"percentile": None}, r"percentile = None: a number from 0 to 100"),
        ({"eta": 1}, r"eta = 1.*above 1"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        Pasha(**arguments)

"""Performance and data profiles: by hand, by brute force, and what must not change them."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_reached import runs, some_runs
from scipy.stats import binomtest

from analysis.profiles import data_profile, performance_profile
from analysis.runs import RunsError
from analysis.targets import Reached


def steps(profile: pd.DataFrame, scheduler: str) -> dict[float, float]:
    """Where a scheduler's share changes, and to what."""
    own = profile[profile["scheduler"] == scheduler]
    return dict(zip(own.iloc[:, 1], own["share"], strict=True))


def test_performance_profile_by_hand() -> None:
    # Four problems. Factors of a: 1, 2, 1, -; of b: 4, 1, - (ended at 9), -. Nobody solved the last.
    found = performance_profile(runs([2, 6, 5, -9], [8, 3, -9, -9]))
    assert steps(found, "a") == {1: 0.5, 2: 0.75}
    assert steps(found, "b") == {1: 0.25, 4: 0.5}


def test_data_profile_by_hand() -> None:
    # Two seeds of two tasks; a training takes 2 on task-0 and 10 on task-1.
    some = runs([[2, 5], [10, -40]], [[-7, -7], [-40, 40]])
    found = data_profile(some, [2, 10])
    assert steps(found, "a") == {0: 0, 1: 0.5, 2.5: 0.75}
    assert steps(found, "b") == {0: 0, 4: 0.25}
    assert steps(data_profile(some, 2), "a") == {0: 0, 1: 0.25, 2.5: 0.5, 5: 0.75}


def test_equals_are_both_first_and_no_time_is_no_trouble() -> None:
    found = performance_profile(runs([0, 3, 0], [0, 3, 5]))
    assert steps(found, "a") == {1: 1}
    assert steps(found, "b") == {1: 2 / 3}  # 5 is no multiple of 0
    assert steps(data_profile(runs([0, 3], [1, 3]), 1), "a") == {0: 0.5, 3: 1}


def test_a_problem_that_nobody_solved_counts_as_unsolved_by_all() -> None:
    found = performance_profile(runs([-9, -9], [-9, -9]))
    assert [steps(found, s) for s in "ab"] == [{1: 0}, {1: 0}]


@given(some_runs())
@settings(max_examples=15)
def test_profiles_are_what_counting_gives(some: Reached) -> None:
    schedulers, tasks, seeds = some.times.shape
    units = np.arange(1.0, tasks + 1) / 3
    profiles = {"factor": performance_profile(some), "units": data_profile(some, units)}
    for name, start in (("factor", 1.0), ("units", 0.0)):
        for s in range(schedulers):
            own = profiles[name][profiles[name]["scheduler"] == some.schedulers[s]]
            assert own[name].iloc[0] == start
            assert own[name].is_monotonic_increasing
            assert own["share"].is_monotonic_increasing
            for found in own.itertuples():
                count = 0
                for k in range(tasks):
                    for n in range(seeds):
                        best = min(
                            (some.times[i, k, n] for i in range(schedulers) if some.reached[i, k, n]), default=inf
                        )
                        limit = getattr(found, name) * (best if name == "factor" else units[k])
                        count += bool(some.reached[s, k, n] and some.times[s, k, n] <= limit * (1 + 1e-12))
                assert found.share == pytest.approx(count / (tasks * seeds))
                assert 0 <= found.lower <= found.share <= found.upper <= 1


@given(some_runs(), st.sampled_from([2.0**-30, 8.0]), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_neither_the_unit_nor_the_order_of_schedulers_matters(some: Reached, unit: float, random: Any) -> None:
    order = random.sample(range(len(some.schedulers)), len(some.schedulers))
    names = tuple(some.schedulers[i] for i in order)
    other = Reached(some.times[order] * unit, some.reached[order], names, some.tasks, some.seeds)
    pairs = [
        (performance_profile(some), performance_profile(other)),
        (data_profile(some, 3.0), data_profile(other, 3.0 * unit)),
    ]
    for before, after in pairs:
        keys = ["scheduler", before.columns[1]]
        before, after = (frame.sort_values(keys, ignore_index=True) for frame in (before, after))
        pd.testing.assert_frame_equal(before, after)


def test_a_data_profile_does_not_depend_on_who_else_takes_part() -> None:
    alone, together = runs([2, 6, -9]), runs([2, 6, -9], [1, 1, 1])
    assert steps(data_profile(alone, 2), "a") == steps(data_profile(together, 2), "a")
    assert steps(performance_profile(alone), "a") == {1: 2 / 3}
    assert steps(performance_profile(together), "a") == {1: 0, 2: 1 / 3, 6: 2 / 3}


def test_the_interval_of_a_share_is_wilsons_and_narrower_if_tasks_differ() -> None:
    some = runs([1.0] * 13 + [-2.0] * 7, [2.0] * 20)
    own = performance_profile(some).iloc[0]
    wilson = binomtest(13, 20).proportion_ci(method="wilson")
    assert (own["share"], own["lower"], own["upper"]) == pytest.approx((0.65, wilson.low, wilson.high))
    # Ten of twenty, if one task is always solved and one never, or all alike: how many will be is surer in the first.
    apart = performance_profile(runs([[1.0] * 9 + [-2.0], [1.0] + [-2.0] * 9])).iloc[0]
    alike = performance_profile(runs([[1.0] * 5 + [-2.0] * 5] * 2)).iloc[0]
    assert apart["share"] == alike["share"] == 0.5
    # 0.09 / 10 is the variance of either task's share, that of their mean 0.0045: as of 0.25 / 0.0045 draws.
    n, z = 0.25 / 0.0045, 1.959964
    half = z * np.sqrt(0.25 / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert (apart["lower"], apart["upper"]) == pytest.approx((0.5 - half, 0.5 + half))
    assert apart["upper"] - apart["lower"] < 0.7 * (alike["upper"] - alike["lower"])


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (0.0, "a time above 0, not 0.0"),
        (-1.0, "a time above 0"),
        (nan, "a time above 0, not nan"),
        ([1.0, inf], "a time above 0"),
        ([1.0, 2.0, 3.0], r"one for each of 2 tasks: not \(3,\)"),
    ],
)
def test_units_that_are_none_are_errors(unit: Any, said: str) -> None:
    with pytest.raises(RunsError, match=said):
        data_profile(runs([[1, 2], [3, 4]]), unit)

"""Variances, degrees of freedom and bounded intervals against SciPy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.intervals import bounded_interval, check_confidence, check_point, variance, welch
from analysis.runs import RunsError


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 20))
def test_of_one_task_the_error_is_that_of_a_mean(seed: int, seeds: int) -> None:
    values = np.random.default_rng(seed).exponential(size=seeds)
    for found in (variance, welch):
        error, _ = found(values[None])
        assert np.sqrt(error) == pytest.approx(stats.sem(values))
    assert welch(values[None])[1] == pytest.approx(seeds - 1)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 20))
def test_of_two_tasks_the_freedom_is_that_of_welchs_test(seed: int, seeds: int) -> None:
    one, other = np.random.default_rng(seed).normal(size=(2, seeds)) * [[1.0], [3.0]]
    error, freedom = welch(np.stack([one, -other]))  # the mean is half of the difference
    test = stats.ttest_ind(one, other, equal_var=False)
    assert freedom == pytest.approx(test.df)
    assert (one.mean() - other.mean()) / 2 / np.sqrt(error) == pytest.approx(test.statistic)


def test_freedom_by_hand_of_values_of_two_kinds_and_of_an_outlier() -> None:
    # Half zeros, half ones: kurtosis 1, times 11 / 9; 20 / (11 / 9 - 1 + 2 / 9) = 45.
    assert variance(np.array([[0.0, 1.0] * 5]))[1] == pytest.approx(45)
    # One of ten is one: fourth moment 0.9 * 0.1 * (0.9**3 + 0.1**3) = 0.0657, second 0.09, kurtosis 73 / 9.
    assert variance(np.eye(10)[:1])[1] == pytest.approx(20 / (73 / 9 * 11 / 9 - 1 + 2 / 9))


@pytest.mark.parametrize("seeds", [2, 3, 10, 30])
def test_normal_values_have_about_as_many_degrees_of_freedom_as_student_says(seeds: int) -> None:
    values = np.random.default_rng(3).normal(size=(1, seeds, 4000))
    assert 1 / (1 / variance(values)[1]).mean() == pytest.approx(seeds - 1, rel=0.03)


def test_freedom_adds_up_over_equal_tasks_and_is_that_of_the_one_that_varies() -> None:
    values = np.random.default_rng(4).normal(size=(1, 12))
    alone = float(variance(values)[1])
    assert variance(np.repeat(values, 5, axis=0))[1] == pytest.approx(5 * alone)
    assert variance(np.concatenate([values, np.full((4, 12), 0.3)]))[1] == pytest.approx(alone)
    assert variance(np.full((3, 12), 0.3))[1] == 11


def test_scale_changes_the_error_only_even_where_fourth_powers_overflow() -> None:
    values = np.random.default_rng(5).lognormal(size=(3, 8, 2))
    error, freedom = variance(values)
    huge, same = variance(1e100 * values)
    np.testing.assert_allclose(huge, 1e200 * error)
    np.testing.assert_allclose(same, freedom)


@settings(max_examples=50)
@given(st.integers(1, 60), st.data())
def test_bounded_interval_of_a_share_is_wilsons(runs: int, data: st.DataObject) -> None:
    won = data.draw(st.integers(0, runs))
    share = won / runs
    error, z = np.array(share * (1 - share) / runs), np.array(stats.norm.ppf(0.975))
    lower, upper = bounded_interval(np.array(share), error, z, (0, 1), runs)
    expected = stats.binomtest(won, runs).proportion_ci(method="wilson")
    assert (float(lower), float(upper)) == pytest.approx((expected.low, expected.high))


@settings(max_examples=50)
@given(
    st.sampled_from([0.0, 1e-6, 0.2, 0.5, 0.9, 1.0]),
    st.sampled_from([0.0, 1e-6, 0.01, 0.3, 1.0]),
    st.floats(1, 10),
    st.floats(-5, 5),
    st.floats(0.1, 9),
)
def test_bounded_interval_keeps_to_its_bounds_and_moves_with_them(
    share: float, part: float, critical: float, low: float, width: float
) -> None:
    error = part * share * (1 - share)  # of a single 0 or 1 at most
    args = (np.array(error), np.array(critical))
    lower, upper = bounded_interval(np.array(share), *args, (0, 1), 20)
    assert 0 <= lower <= share <= upper <= 1
    mirrored = bounded_interval(np.array(1 - share), *args, (0, 1), 20)
    np.testing.assert_allclose((1 - mirrored[1], 1 - mirrored[0]), (lower, upper), atol=1e-9)
    moved = bounded_interval(np.array(low + width * share), np.array(error * width**2), args[1], (low, low + width), 20)
    np.testing.assert_allclose(moved, (low + width * lower, low + width * upper), atol=1e-7)


@pytest.mark.parametrize("middle", [1.0, 2.5, 4.0])
def test_what_never_varied_may_vary_yet(middle: float) -> None:
    z = np.array(stats.norm.ppf(0.975))
    unseen = stats.binomtest(0, 60).proportion_ci(method="wilson").high
    found = [float(end) for end in bounded_interval(np.array(middle), np.array(0.0), z, (1, 4), 60)]
    assert found == pytest.approx([middle - unseen * (middle - 1), middle + unseen * (4 - middle)])


def test_a_mean_that_can_only_have_one_value_is_known() -> None:
    ends = bounded_interval(np.array([1.0]), np.array([0.0]), np.array([2.0]), (1, 1), 20)
    assert [float(end[0]) for end in ends] == [1.0, 1.0]


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, -0.5, float("nan")])
def test_a_confidence_that_is_no_share_is_an_error(confidence: float) -> None:
    with pytest.raises(RunsError, match=r"confidence is between 0 and 1, such as 0.95, not"):
        check_confidence(confidence)


@pytest.mark.parametrize("at", [3, -4])
def test_a_point_that_does_not_exist_is_an_error(at: int) -> None:
    with pytest.raises(RunsError, match=rf"there are 3 points of the axis, .* no point {at}"):
        check_point(at, 3)

"""Aggregates against NumPy and SciPy, by hand, and what intervals must keep to."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import scores_of, some_losses
from scipy import stats

from analysis.aggregates import Aggregate, aggregate
from analysis.bootstrap import means, percentiles, resample
from analysis.runs import RunsError

HOWS: list[Any] = ["median", "mean", "iqm"]
B = 200


def ends(found: Aggregate) -> np.ndarray:
    return np.stack([found.lower, found.middle, found.upper])


@settings(max_examples=30)
@given(some_losses(missing=False))
def test_middles_are_those_of_numpy_and_scipy(losses: np.ndarray) -> None:
    scores = scores_of(losses)
    pooled = losses.reshape(len(losses), -1, losses.shape[3])
    expected = {
        "median": np.median(pooled, axis=1),
        "mean": pooled.mean(axis=1),
        "iqm": stats.trim_mean(pooled, 0.25, axis=1),
    }
    for how in HOWS:
        np.testing.assert_allclose(aggregate(scores, how, resamples=B).middle, expected[how], rtol=1e-12)


def test_of_eight_losses_by_hand() -> None:
    scores = scores_of([[[9.0, 1.0, 2.0, 100.0], [3.0, 4.0, 8.0, 5.0]]])  # 1 2 3 4 5 8 9 100
    found = {how: float(aggregate(scores, how).middle[0, 0]) for how in HOWS}
    assert found == {"median": 4.5, "mean": 16.5, "iqm": 5.0}  # (3 + 4 + 5 + 8) / 4


def test_a_run_without_a_result_is_worse_than_any() -> None:
    scores = scores_of([[[nan, 1.0, 2.0, nan], [3.0, 4.0, 8.0, 5.0]]])  # 1 2 3 4 5 8 none none
    found = {how: float(aggregate(scores, how).middle[0, 0]) for how in HOWS}
    assert found["median"] == 4.5
    assert found["iqm"] == 5.0
    assert isnan(found["mean"])


@pytest.mark.parametrize("how", HOWS)
def test_what_falls_on_runs_without_a_result_is_nan_and_so_is_its_interval(how: Any) -> None:
    losses = np.random.default_rng(0).random((2, 2, 8, 3))
    losses[0, :, :5, 1] = nan  # more than half
    losses[1, :, :, 2] = nan
    found = ends(aggregate(scores_of(losses), how))
    assert np.isfinite(found[:, :, 0]).all()
    assert np.isnan(found[:, 0, 1]).all()
    assert np.isfinite(found[:, 1, 1]).all()
    assert np.isnan(found[:, 1, 2]).all()


@pytest.mark.parametrize("how", ["median", "iqm"])
def test_upper_end_is_open_where_the_runs_without_a_result_may_well_be_the_middle(how: Any) -> None:
    losses = np.random.default_rng(0).random((1, 1, 20, 3))
    missing = 9 if how == "median" else 5
    losses[0, 0, :missing, 0] = nan  # any more, and the middle was one of them
    losses[0, 0, :1, 1] = nan  # too few to matter
    found = aggregate(scores_of(losses), how)
    assert np.isfinite(found.lower).all()
    assert np.isfinite(found.middle).all()
    assert found.upper[0].tolist() == [inf, pytest.approx(found.upper[0, 1]), pytest.approx(found.upper[0, 2])]


@settings(max_examples=25)
@given(some_losses(), st.sampled_from(HOWS))
def test_interval_holds_the_middle_and_is_the_same_each_time(losses: np.ndarray, how: Any) -> None:
    scores = scores_of(losses)
    found = aggregate(scores, how, resamples=B)
    known = ~np.isnan(found.middle)
    assert (found.lower[known] <= found.middle[known]).all()
    assert (found.middle[known] <= found.upper[known]).all()
    assert not np.isinf(found.lower).any()
    assert np.isnan(found.lower[~known]).all()
    assert np.isnan(found.upper[~known]).all()
    np.testing.assert_array_equal(ends(found), ends(aggregate(scores, how, resamples=B)))


@settings(max_examples=20)
@given(some_losses(), st.sampled_from(HOWS), st.floats(0.01, 1000), st.floats(-10, 10), st.data())
def test_scaled_and_shifted_losses_scale_and_shift_it(
    losses: np.ndarray, how: Any, scale: float, shift: float, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(losses))))
    found = ends(aggregate(scores_of(losses), how, resamples=B))
    moved = ends(aggregate(scores_of((scale * losses + shift)[order]), how, resamples=B))
    np.testing.assert_allclose(moved, (scale * found + shift)[:, order], rtol=1e-6, atol=1e-6 * (scale + 10))


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("value", [0.1, 1 / 3, -0.7, 1e-17, 0.0])
@pytest.mark.parametrize("seeds", [2, 3, 7])
def test_of_equal_losses_it_is_their_value_to_the_last_bit(how: Any, value: float, seeds: int) -> None:
    found = aggregate(scores_of(np.full((1, 3, seeds, 1), value)), how, resamples=B)
    assert found.lower[0, 0] == found.middle[0, 0] == found.upper[0, 0] == value


@pytest.mark.parametrize("how", HOWS)
def test_single_seed_has_no_interval(how: Any) -> None:
    found = aggregate(scores_of(np.random.default_rng(0).random((2, 3, 1, 2))), how)
    assert np.isfinite(found.middle).all()
    assert np.isnan(found.lower).all()
    assert np.isnan(found.upper).all()


@pytest.mark.parametrize("how", HOWS)
def test_more_confidence_and_fewer_seeds_mean_wider_intervals(how: Any) -> None:
    losses = np.random.default_rng(1).lognormal(size=(1, 3, 40, 60))
    width = {
        (seeds, confidence): float((found.upper - found.lower).mean())
        for seeds in (10, 40)
        for confidence in (0.8, 0.95)
        for found in [aggregate(scores_of(losses[:, :, :seeds]), how, confidence)]
    }
    assert width[40, 0.8] < width[40, 0.95] < width[10, 0.95]
    assert width[10, 0.95] / width[40, 0.95] == pytest.approx(2, rel=0.25)


def test_mean_of_normal_losses_has_about_students_interval() -> None:
    losses = np.random.default_rng(2).normal(size=(1, 1, 20, 400))
    found = aggregate(scores_of(losses), "mean")
    own = stats.t.ppf(0.975, 19) * stats.sem(losses[0, 0], axis=0)
    ratio = (found.upper[0] - found.lower[0]) / (2 * own)
    assert ratio.mean() == pytest.approx(1.05, abs=0.04)  # it takes the farther of two ends


def test_interval_of_a_skewed_mean_reaches_farther_to_the_long_side() -> None:
    losses = np.random.default_rng(3).lognormal(size=(1, 1, 20, 100))
    found = aggregate(scores_of(losses), "mean")
    assert ((found.upper - found.middle) > (found.middle - found.lower)).mean() > 0.95


def test_schedulers_and_times_share_their_resamples() -> None:
    losses = np.repeat(np.random.default_rng(4).random((1, 2, 9, 1)), 3, axis=0)
    losses = np.concatenate([losses, losses], axis=3)
    found = ends(aggregate(scores_of(losses), "iqm"))
    assert (found == found[:, :1, :1]).all()


def test_mean_is_not_narrower_than_plain_percentiles() -> None:
    losses = np.random.default_rng(5).exponential(size=(1, 2, 12, 50))
    found = aggregate(scores_of(losses), "mean")
    plain = percentiles(means(losses[0], resample(2, 12))[0], 0.95)
    assert (found.lower[0] - found.middle[0] < plain[0]).all()
    assert (found.upper[0] - found.middle[0] > plain[1]).all()


def test_wrong_arguments_are_errors() -> None:
    scores = scores_of(np.ones((1, 1, 3, 1)))
    with pytest.raises(RunsError, match=r"how is one of median, mean, iqm, not 'average'"):
        aggregate(scores, "average")  # type: ignore[arg-type]
    with pytest.raises(RunsError, match=r"confidence is between 0 and 1"):
        aggregate(scores, confidence=95)
    with pytest.raises(RunsError, match=r"resamples are 40 or more for intervals of 0.95, not 10"):
        aggregate(scores, resamples=10)

"""Resamples against plain loops and SciPy."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import scores_of, some_losses
from scipy import stats

from analysis import bootstrap
from analysis.aggregates import aggregate
from analysis.bootstrap import check_resamples, means, middles, percentiles, resample, stretched, studentised
from analysis.runs import RunsError


def resampled(values: np.ndarray, counts: np.ndarray) -> list[list[np.ndarray]]:
    """The values (N, M) of each task in each resample, drawn out."""
    return [[np.repeat(values[k], counts[b, k], axis=0) for k in range(len(values))] for b in range(len(counts))]


def test_a_resample_has_as_many_seeds_of_each_task_and_each_is_as_likely() -> None:
    counts = resample(3, 10, 4000)
    assert counts.shape == (4000, 3, 10)
    assert (counts.sum(axis=2) == 10).all()
    # A count is binomial, of 10 draws with probability 0.1; its mean over 4,000 has a standard error of 0.015.
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=5 * 0.015)
    np.testing.assert_allclose(counts.var(axis=0), 0.9, atol=0.12)
    between = np.corrcoef(counts[:, 0].ravel(), counts[:, 1].ravel())[0, 1]
    assert abs(between) < 0.025  # tasks are resampled independently


def test_resamples_are_the_same_each_time() -> None:
    np.testing.assert_array_equal(resample(2, 7, 50), resample(2, 7, 50))


@settings(max_examples=20)
@given(some_losses(missing=False))
def test_means_and_their_errors_are_those_of_the_values_drawn(losses: np.ndarray) -> None:
    values, counts = losses[0], resample(*losses.shape[1:3], 15)
    shift, error = means(values, counts)
    for b, drawn in enumerate(resampled(values, counts)):
        expected = np.mean([task.mean(axis=0) for task in drawn], axis=0) - values.mean(axis=(0, 1))
        np.testing.assert_allclose(shift[b], expected, atol=1e-12)
        squared = np.sum([task.var(axis=0) for task in drawn], axis=0) / ((len(values[0]) - 1) * len(values) ** 2)
        np.testing.assert_allclose(error[b], squared, atol=1e-12)


@settings(max_examples=40)
@given(some_losses(seeds=7, points=3), st.data())
def test_middles_are_means_of_the_ranks_of_the_values_drawn(losses: np.ndarray, data: st.DataObject) -> None:
    values = np.where(np.isnan(losses[0]), np.inf, losses[0])
    runs = values.shape[0] * values.shape[1]
    first = data.draw(st.integers(0, runs - 1))
    last = data.draw(st.integers(first + 1, runs))
    counts = resample(values.shape[0], values.shape[1], 12)
    expected = [np.sort(np.concatenate(drawn), axis=0)[first:last].mean(axis=0) for drawn in resampled(values, counts)]
    np.testing.assert_allclose(middles(values, counts, first, last), expected, rtol=1e-12)


def test_middles_do_not_depend_on_how_the_work_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).exponential(size=(3, 9, 20))
    values[0, :4] = np.inf
    counts = resample(3, 9, 70)
    whole = middles(values, counts, 6, 21)
    for cells in (1, 100, 2000):
        monkeypatch.setattr(bootstrap, "CELLS", cells)
        np.testing.assert_allclose(middles(values, counts, 6, 21), whole, rtol=1e-14)


def test_large_values_beyond_the_middle_cost_no_digits() -> None:
    values = np.random.default_rng(2).random((1, 11, 1))
    values[0, :3, 0] = 1e300, 1e20, np.inf
    counts = resample(1, 11, 200)
    found = middles(values, counts, 5, 6)[:, 0]
    known = found < 1
    assert known.sum() > 100
    off = np.abs(found[known][:, None] - values[0, 3:, 0]).min(axis=1)
    assert off.max() < 1e-15  # each is one of the values


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_percentiles_are_scipys(statistic: str) -> None:
    sample = np.random.default_rng(5).lognormal(size=41)
    values, counts = sample[None, :, None], resample(1, 41, 20_000)
    found = sample.mean() + means(values, counts)[0] if statistic == "mean" else middles(values, counts, 20, 21)
    of_scipy = stats.bootstrap(
        (sample,), getattr(np, statistic), n_resamples=20_000, method="percentile", rng=np.random.default_rng(6)
    )
    spread = found.std()
    ends = [float(end[0]) for end in percentiles(found, 0.95)]
    np.testing.assert_allclose(ends, of_scipy.confidence_interval, atol=0.06 * spread)  # of 20,000 resamples: 4 errors
    assert of_scipy.standard_error == pytest.approx(spread, rel=0.03)


def test_paired_differences_are_scipys() -> None:
    one, other = np.random.default_rng(7).lognormal(size=(2, 30))
    found = (one - other).mean() + means((one - other)[None, :, None], resample(1, 30, 20_000))[0]
    of_scipy = stats.bootstrap(
        (one, other),
        lambda x, y: np.mean(x) - np.mean(y),
        paired=True,
        vectorized=False,
        n_resamples=5000,
        method="percentile",
        rng=np.random.default_rng(8),
    )
    ends = [float(end[0]) for end in percentiles(found, 0.95)]
    np.testing.assert_allclose(ends, of_scipy.confidence_interval, atol=0.12 * found.std())


@pytest.mark.parametrize("seeds", [5, 10, 20, 50])
def test_stretched_as_far_as_students_interval_of_a_mean(seeds: int) -> None:
    sample = stats.norm.ppf((np.arange(seeds) + 0.5) / seeds)  # as normal as can be
    shift, _ = means(sample[None, :, None], resample(1, seeds, 40_000))
    lower, upper = stretched(shift, np.zeros(1), np.array([seeds - 1.0]), seeds, 0.95)
    expected = stats.t.interval(0.95, seeds - 1, scale=stats.sem(sample))
    np.testing.assert_allclose([lower[0], upper[0]], expected, rtol=0.03)
    plain = percentiles(shift, 0.95)
    assert plain[1][0] < 0.99 * upper[0]


def test_studentised_means_of_normal_values_follow_student() -> None:
    values = np.random.default_rng(9).normal(size=(1, 25, 300))
    shift, error = means(values, resample(1, 25, 2000))
    sample = values.var(axis=1, ddof=1)[0] / 25
    found = studentised(shift, error, sample)
    assert np.quantile(np.abs(found), 0.95) == pytest.approx(stats.t.ppf(0.975, 24), rel=0.03)


def test_studentised_means_are_bounded_where_nearly_all_are_tied() -> None:
    values = np.zeros((1, 10, 2))
    values[0, 0, 0] = 1.0  # missing from a third of the resamples, which do not vary at all
    shift, error = means(values, resample(1, 10, 500))
    sample = values.var(axis=1, ddof=1)[0] / 10
    found = studentised(shift, error, sample)
    assert np.abs(found[:, 0]).max() == pytest.approx(0.1 / np.sqrt(0.1 * sample[0]))
    assert not found[:, 1].any()


@pytest.mark.parametrize(("confidence", "least"), [(0.95, 40), (0.99, 200), (0.5, 4)])
def test_too_few_resamples_are_an_error(confidence: float, least: int) -> None:
    check_resamples(least, confidence)
    with pytest.raises(
        RunsError, match=rf"resamples are {least} or more for intervals of {confidence}, not {least - 1}"
    ):
        check_resamples(least - 1, confidence)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["median", "mean", "iqm"])
def test_many_runs_take_seconds_and_little_memory(how: str) -> None:
    losses = np.minimum.accumulate(np.random.default_rng(0).lognormal(size=(6, 8, 100, 100)), axis=3)
    scores = scores_of(losses)
    aggregate(scores_of(losses[..., :1]), how)  # type: ignore[arg-type]  # imports
    began = time.process_time()
    aggregate(scores, how)  # type: ignore[arg-type]
    assert time.process_time() - began < 5  # about one
    some = scores_of(losses[..., :25])  # that much is worked on at a time
    tracemalloc.start()
    aggregate(some, how)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6

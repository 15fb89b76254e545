"""How many seeds are enough: against all subsets, against SciPy, and by repeating studies."""

from __future__ import annotations

from itertools import combinations
from math import nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from made_scores import scores_of, some_losses
from scipy import stats

from analysis.pairs import compare_all
from analysis.runs import RunsError
from analysis.scores import Scores
from analysis.seeds import REACH, IntervalWidths, interval_widths


def widths(scores: Scores, numbers: Any = None) -> IntervalWidths:
    return interval_widths(scores, "scheduler-0", "scheduler-1", numbers)


def two(difference: float, spread: float = 1.0, seeds: int = 20, tasks: int = 1) -> Scores:
    """Two schedulers whose differences are about so large."""
    own = difference + spread * np.random.default_rng(0).normal(size=(tasks, seeds, 1))
    return scores_of(np.stack([own, np.zeros_like(own)]))


@settings(max_examples=20)
@given(some_losses(schedulers=3, missing=False))
def test_with_all_seeds_it_is_the_interval_of_compare_all(losses: np.ndarray) -> None:
    losses = np.concatenate([losses, losses[:1] ** 2])
    scores = scores_of(losses)
    i, j = "scheduler-0", scores.schedulers[-1]
    found = interval_widths(scores, i, j, [losses.shape[2]], at=0)
    expected = compare_all(scores, at=0).set_index(["scheduler", "other"]).loc[(i, j)]
    assert found.difference == pytest.approx(expected["difference"])
    assert found.half_widths[0] == pytest.approx((expected["upper"] - expected["lower"]) / 2)
    assert found.extrapolated.tolist() == [False]


def test_with_fewer_seeds_it_is_the_mean_over_subsets() -> None:
    scores = two(0.5, seeds=7)
    own = scores.losses[0, 0, :, 0]
    found = widths(scores, range(2, 8))
    for n, half_width in zip(found.numbers, found.half_widths, strict=True):
        halves = [stats.t.ppf(0.975, n - 1) * stats.sem(own[list(chosen)]) for chosen in combinations(range(7), int(n))]
        # 200 subsets are drawn of those that there are.
        assert half_width == pytest.approx(np.mean(halves), abs=4 * np.std(halves) / np.sqrt(200) + 1e-12)


def test_with_more_seeds_it_falls_with_the_root_and_with_students_t() -> None:
    scores = two(0.1, seeds=10)
    found = widths(scores, [40, 1000, 10])
    own = scores.losses[0, 0, :, 0]
    expected = [stats.t.ppf(0.975, n - 1) * own.std(ddof=1) / np.sqrt(n) for n in (10, 40, 1000)]
    assert found.numbers.tolist() == [10, 40, 1000]
    assert found.extrapolated.tolist() == [False, True, True]
    np.testing.assert_allclose(found.half_widths, expected)


def test_extrapolated_widths_are_those_of_studies_with_so_many_seeds() -> None:
    generator = np.random.default_rng(1)

    def study(seeds: int) -> Scores:
        return scores_of(generator.lognormal(0, 0.5, size=(2, 3, seeds, 1)))

    promised = np.mean([widths(study(15), [60]).half_widths[0] for _ in range(40)])
    found = np.mean([widths(study(60), [60]).half_widths[0] for _ in range(40)])
    assert promised == pytest.approx(found, rel=0.08)


@pytest.mark.parametrize("difference", [2.0, 0.7, 0.3, 0.02])
@pytest.mark.parametrize("tasks", [1, 4])
def test_needed_is_the_first_number_from_which_on_the_half_width_is_below_the_difference(
    difference: float, tasks: int
) -> None:
    scores = two(difference, seeds=12, tasks=tasks)
    found = widths(scores)
    assert found.needed is not None
    around = widths(scores, [n for n in range(found.needed - 1, found.needed + 200) if n >= 2])
    below = around.half_widths < abs(found.difference)
    assert below[around.numbers >= found.needed].all()
    assert not below[around.numbers < found.needed].any()
    assert found.numbers[0] == 2
    assert 12 in found.numbers
    assert found.numbers[-1] >= max(48, 2 * found.needed - 1)


def test_needed_is_about_what_a_hand_calculation_says() -> None:
    own = stats.norm.ppf((np.arange(20) + 0.5) / 20)
    own = 0.2 + own / own.std(ddof=1)
    scores = scores_of(np.stack([own, np.zeros(20)])[:, None])
    assert widths(scores).needed == pytest.approx((1.96 / 0.2) ** 2 + 2, abs=1)  # 96.04, and some for Student's t


def test_what_is_needed_shows_the_difference_every_other_time_and_twice_as_many_mostly() -> None:
    needed = 99  # of differences of 0.2 with a deviation of 1, see above
    studies = 0.2 + np.random.default_rng(2).normal(size=(2000, 2 * needed))
    shown = [stats.ttest_1samp(studies[:, :n], 0, axis=1).pvalue < 0.05 for n in (needed, 2 * needed)]
    assert shown[0].mean() == pytest.approx(0.5, abs=0.05)
    assert shown[1].mean() == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("scores", "needed"),
    [
        (two(0.0, 0.0), None),  # no difference
        (two(0.5, 0.0), 2),  # always the same difference
        (two(1e-9), None),
    ],
)
def test_needed_at_the_extremes(scores: Scores, needed: int | None) -> None:
    losses = scores.losses.copy()
    if needed is None and losses.any():
        losses[0] += 1e-9 - losses[0].mean()
    assert widths(scores_of(losses)).needed == needed


def test_more_than_the_reach_is_out_of_reach() -> None:
    own = stats.norm.ppf((np.arange(20) + 0.5) / 20)
    for part, within in ((0.97, True), (1.03, False)):
        shifted = own / own.std(ddof=1) + 1.96 / np.sqrt(REACH) / part
        needed = widths(scores_of(np.stack([shifted, np.zeros(20)])[:, None])).needed
        assert (needed is None) != within
        assert needed is None or needed == pytest.approx(REACH * part**2, rel=0.02)


def test_a_run_without_a_result_leaves_nothing_to_tell() -> None:
    scores = two(1.0)
    losses = scores.losses.copy()
    losses[1, 0, 3] = nan
    found = widths(scores_of(losses))
    assert np.isnan(found.difference)
    assert found.needed is None
    assert np.isnan(found.half_widths).all()


def test_it_is_the_same_each_time() -> None:
    one, other = (widths(two(0.3, tasks=3)) for _ in range(2))
    np.testing.assert_array_equal(one.half_widths, other.half_widths)


def test_wrong_arguments_are_errors() -> None:
    with pytest.raises(RunsError, match=r"there is no run of 'asha': known: scheduler-0, scheduler-1"):
        interval_widths(two(1.0), "scheduler-0", "asha")
    for numbers in ([5, 1], [], [2.5]):
        with pytest.raises(RunsError, match=r"numbers of seeds are whole and 2 or more, not \["):
            widths(two(1.0), numbers)
    with pytest.raises(RunsError, match=r"a single seed does not tell"):
        widths(two(1.0, seeds=1))
    with pytest.raises(RunsError, match=r"there are 1 points of the axis"):
        interval_widths(two(1.0), "scheduler-0", "scheduler-1", at=1)

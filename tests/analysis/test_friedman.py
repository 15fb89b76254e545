"""Friedman's test and what follows it: Demšar's example and tables, other libraries, exact counts."""

from __future__ import annotations

import sys
from itertools import combinations, permutations, product
from math import factorial, inf, nan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import scores_of, some_losses
from matplotlib.figure import Figure
from scikit_posthocs import critical_difference_diagram, posthoc_nemenyi_friedman
from scipy.stats import friedmanchisquare, rankdata, wilcoxon
from statsmodels.stats.multitest import multipletests

from analysis.friedman import Friedman, block_losses, friedman, holm
from analysis.ranks import average_ranks
from analysis.runs import RunsError

# Ranks of four decision trees on 14 data sets (Demšar 2006, table 6).
TREES = np.array(
    [
        [4, 3, 2, 1],
        [1, 2, 3, 4],
        [4, 1, 2, 3],
        [4, 1, 3, 2],
        [4, 2, 3, 1],
        [1, 2.5, 4, 2.5],
        [3, 2, 4, 1],
        [2.5, 2.5, 4, 1],
        [4, 3, 2, 1],
        [2.5, 2.5, 2.5, 2.5],
        [4, 2.5, 1, 2.5],
        [3, 2, 4, 1],
        [4, 1, 2, 3],
        [3, 1, 4, 2],
    ]
)


def of_blocks(losses: Any, **others: Any) -> Friedman:
    """The test of losses (B, S), each block a seed of one task."""
    return friedman(scores_of(np.asarray(losses, dtype=float).T[:, None, :], **others))


def test_demsars_example() -> None:
    found = of_blocks(TREES)
    np.testing.assert_allclose(found.mean_ranks, [3.143, 2.000, 2.893, 1.964], atol=0.0005)
    # He has 9.28 and 3.69 without the correction for ties: three of two and one of four, of 14 * (4^3 - 4) in all.
    ties = 1 - (3 * 6 + 60) / 840
    assert found.chi2 * ties == pytest.approx(9.28, abs=0.005)
    assert found.f == pytest.approx(13 * found.chi2 / (14 * 3 - found.chi2))
    untied = 9.28
    assert 13 * untied / (14 * 3 - untied) == pytest.approx(3.69, abs=0.005)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    # The largest difference, 1.18, is below it.
    assert found.groups == [("scheduler-3", "scheduler-1", "scheduler-2", "scheduler-0")]
    assert found.p < 0.05


@pytest.mark.parametrize(
    ("k", "q"),
    [(3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)],
)
def test_critical_values_are_demsars(k: int, q: float) -> None:
    found = of_blocks(np.random.default_rng(0).random((13, k)))
    assert found.critical_difference / sqrt(k * (k + 1) / (6 * 13)) == pytest.approx(q, abs=0.0015)


@pytest.mark.slow
@given(some_losses(schedulers=6, tasks=1, seeds=12, points=1, missing=False))
@settings(max_examples=12)
def test_against_other_libraries(losses: np.ndarray) -> None:
    if len(losses) < 3:
        losses = np.concatenate([losses, losses[::-1] + 0.5, losses * 1.5])
    blocks = losses[:, 0, :, 0].T
    found = of_blocks(blocks)
    np.testing.assert_allclose(found.mean_ranks, rankdata(blocks, axis=1).mean(axis=0))
    np.testing.assert_allclose(found.mean_ranks, average_ranks(scores_of(losses)).mean[:, 0])
    if np.ptp(blocks, axis=1).any():
        by_scipy = friedmanchisquare(*blocks.T)
        assert (found.chi2, found.p_chi2) == pytest.approx((by_scipy.statistic, by_scipy.pvalue))
    p_values = posthoc_nemenyi_friedman(blocks).to_numpy()
    names = list(found.schedulers)
    pairs = found.pairs()
    assert len(pairs) == len(names) * (len(names) - 1) / 2
    for pair in pairs.itertuples():
        i, j = names.index(pair.scheduler), names.index(pair.other)
        assert pair.p_nemenyi == pytest.approx(p_values[i, j], abs=1e-6)
        assert pair.difference == pytest.approx(found.mean_ranks[j] - found.mean_ranks[i])
        assert pair.difference >= 0
        if abs(pair.p_nemenyi - 0.05) > 1e-6:
            assert (pair.p_nemenyi < 0.05) == (pair.difference >= found.critical_difference)
    np.testing.assert_allclose(pairs["p_holm"], multipletests(pairs["p_wilcoxon"], method="holm")[1])


def test_groups_are_the_bars_of_another_library() -> None:
    generator = np.random.default_rng(4)
    for spread in (0.3, 1.0):
        blocks = generator.normal(size=(25, 8)) + spread * np.arange(8)[generator.permutation(8)]
        found = of_blocks(blocks)
        rank_of = dict(zip(found.schedulers, found.mean_ranks, strict=True))
        # By definition: every largest set of schedulers of which no two differ by the critical difference.
        alike = [
            set(some)
            for size in range(2, 9)
            for some in combinations(found.schedulers, size)
            if max(rank_of[s] for s in some) - min(rank_of[s] for s in some) < found.critical_difference
        ]
        assert found.p < 0.05
        assert [set(group) for group in found.groups] == sorted(
            (some for some in alike if not any(some < other for other in alike)),
            key=lambda some: min(rank_of[s] for s in some),
        )
        p_values = posthoc_nemenyi_friedman(blocks)
        p_values.index = p_values.columns = list(found.schedulers)
        drawn = critical_difference_diagram(rank_of, p_values, ax=Figure().add_subplot())["crossbars"]
        bars = sorted((min(bar[0].get_xdata()), max(bar[0].get_xdata())) for bar in drawn)
        np.testing.assert_allclose(bars, [(rank_of[group[0]], rank_of[group[-1]]) for group in found.groups])


def test_no_two_are_told_apart_unless_friedmans_test_rejects() -> None:
    losses = np.random.default_rng(61).normal(size=(8, 8))
    losses[0] -= 0.8
    losses[1] += 0.8
    found = of_blocks(losses.T)
    assert found.p > 0.05
    assert np.ptp(found.mean_ranks) > found.critical_difference
    assert [set(group) for group in found.groups] == [set(found.schedulers)]


@pytest.mark.parametrize(
    ("blocks", "exact"),
    [
        ([[1, 2, 3]] * 2, 1 / 6),
        ([[1, 2, 3]] * 3, 1 / 36),
        ([[1, 2, 3], [1, 2, 3], [1, 3, 2]], 0.194),  # published: chi2 of 4.667 or more with three blocks of three
        ([[1, 2, 3], [2, 3, 1], [3, 1, 2]], 1.0),
        ([[1, 2, 3, 4], [1, 2, 3, 4], [2, 1, 4, 3]], None),
        ([[1, 1, 3], [2, 2, 3], [1, 2, 2]], None),
    ],
)
def test_the_p_value_of_few_blocks_is_exact_but_for_its_draws(blocks: list[list[float]], exact: float | None) -> None:
    ranks = rankdata(blocks, axis=1)
    target = ((ranks.sum(axis=0) - ranks.sum() / ranks.shape[1]) ** 2).sum()
    orders = [np.array(list(permutations(block))) for block in ranks]
    hits = sum(((sum(some) - ranks.sum() / ranks.shape[1]) ** 2).sum() >= target - 1e-9 for some in product(*orders))
    share = hits / factorial(ranks.shape[1]) ** len(ranks)
    if exact is not None:
        assert share == pytest.approx(exact, abs=0.0005)
    assert of_blocks(blocks).p == pytest.approx(share, abs=4 * sqrt(share * (1 - share) / 10_000) + 1e-3)


def test_full_agreement() -> None:
    few = of_blocks([[1.0, 2.0, 3.0]] * 3)
    assert (few.w, few.f, few.p_f) == (1, inf, 0)
    assert few.p == pytest.approx(1 / 36, abs=0.006)  # and not 0
    many = of_blocks([[1.0, 2.0, 3.0]] * 40)
    assert many.p == 0
    assert many.groups == []
    assert many.mean_ranks.tolist() == [1, 2, 3]
    # All 40 differences have one sign: 2^-39, three times corrected.
    np.testing.assert_allclose(many.pairs()["p_holm"], 3 * many.pairs()["p_wilcoxon"].iloc[0])
    assert many.pairs()["p_wilcoxon"].max() < 1e-6


def test_where_all_tie_there_is_no_difference() -> None:
    found = of_blocks(np.ones((6, 4)))
    assert (found.chi2, found.p_chi2, found.f, found.p_f, found.p, found.w) == (0, 1, 0, 1, 1, 0)
    assert found.groups == [found.schedulers]
    assert (found.pairs()[["p_nemenyi", "p_wilcoxon", "p_holm"]] == 1).all(axis=None)


def test_kendalls_w_by_hand() -> None:
    # Rank sums 4, 6, 8: squared deviations 8; with three blocks of three, W = 12 * 8 / (9 * 24).
    found = of_blocks([[1, 2, 3], [1, 3, 2], [2, 1, 3]])
    assert found.w == pytest.approx(12 * 8 / (9 * 24))
    assert found.chi2 == pytest.approx(3 * 2 * found.w)


def test_wilcoxons_p_value_is_that_of_all_signs() -> None:
    generator = np.random.default_rng(2)
    losses = np.round(generator.normal(size=(9, 3)) + [0, 0.4, 1.0], 1)  # with ties and zeros
    found = of_blocks(losses)
    for pair in found.pairs().itertuples():
        i, j = (found.schedulers.index(name) for name in (pair.scheduler, pair.other))
        differences = found.losses[i] - found.losses[j]
        ranks = rankdata(np.abs(differences))
        halves = np.where(differences == 0, 0.5, differences > 0)
        observed = abs((ranks * halves).sum() - ranks.sum() / 2)
        # Zeros have no sign to turn: their ranks are halved whatever happens.
        free = ranks[differences != 0]
        sums = np.array([np.dot(free, signs) for signs in product([0, 1], repeat=len(free))]) - free.sum() / 2
        assert pair.p_wilcoxon == pytest.approx((np.abs(sums) >= observed - 1e-9).mean(), abs=1e-9)


@pytest.mark.parametrize("blocks", [2, 5, 20, 50, 51, 200])
def test_wilcoxons_p_value_is_scipys_where_there_are_no_ties(blocks: int) -> None:
    losses = np.random.default_rng(blocks).normal(size=(blocks, 3)) + [0, 0.2, 0.4]
    found = of_blocks(losses)
    for pair in found.pairs().itertuples():
        i, j = (found.schedulers.index(name) for name in (pair.scheduler, pair.other))
        method = "exact" if blocks <= 50 else "asymptotic"
        assert pair.p_wilcoxon == pytest.approx(wilcoxon(losses[:, i], losses[:, j], method=method).pvalue, rel=1e-9)


def test_zeros_count_half_for_each_side_with_many_blocks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = np.random.default_rng(0).normal(size=(60, 3)) + [0, 0.35, 0.7]
    losses[:30] = losses[:30, :1]
    found = of_blocks(losses)
    nearly = found.pairs()["p_wilcoxon"]
    monkeypatch.setattr(sys.modules["analysis.friedman"], "EXACT", 100)
    exact = found.pairs()["p_wilcoxon"]
    small = exact < 0.05
    assert small.sum() == 2
    assert (nearly >= exact)[small].all()  # on the safe side
    np.testing.assert_allclose(nearly, exact, atol=0.02)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.6, 0.5])), [1, 1])


# Blocks.


def test_blocks_are_tasks_with_the_means_of_their_seeds_or_seeds_of_one() -> None:
    losses = np.arange(12.0).reshape(3, 2, 2)
    found = friedman(scores_of(losses))
    assert found.blocks == ("task-0", "task-1")
    assert found.over == "2 tasks"
    np.testing.assert_array_equal(found.losses, losses.mean(axis=2))
    one = friedman(scores_of(losses[:, :1], seeds=(7, 3)))
    assert one.blocks == ("seed 7", "seed 3")
    assert one.over == "2 seeds of task-0"
    np.testing.assert_array_equal(one.losses, losses[:, 0])


def test_the_point_of_the_axis_is_the_last_unless_another_is_asked_for() -> None:
    losses = np.stack([np.arange(9.0).reshape(3, 1, 3), -np.arange(9.0).reshape(3, 1, 3)], axis=-1)
    some = scores_of(losses, x=np.array([0.25, inf]))
    assert friedman(some).mean_ranks.tolist() == [3, 2, 1]
    assert friedman(some, 0).mean_ranks.tolist() == friedman(some, -2).mean_ranks.tolist() == [1, 2, 3]
    assert friedman(some, 0).x_label == "simulated time (s): 0.25"
    assert friedman(some).x_label == "the end"


def test_no_result_is_worse_than_any_and_more_of_them_are_worse_still() -> None:
    seeds = scores_of([[[1.0, nan]], [[2.0, nan]], [[3.0, 1e9]]])
    assert friedman(seeds).mean_ranks.tolist() == [(1 + 2.5) / 2, (2 + 2.5) / 2, 2]
    # One missing run outweighs whatever the others do, and two outweigh one; equals go by the rest.
    tasks = [[[0, 0, nan], [1, 1, 1]], [[9, 9, 9], [1, 1, 1]], [[0, nan, nan], [1, 1, 1]], [[nan, 0, 1], [1, 1, 1]]]
    found = block_losses(scores_of(tasks))
    assert np.isfinite(found).all()
    assert rankdata(found[:, 0]).tolist() == [2, 1, 4, 3]
    assert found[:, 1].tolist() == [1, 1, 1, 1]


@given(some_losses(schedulers=4, tasks=3, seeds=5, points=1), st.integers(0, 10**6))
@settings(max_examples=30)
def test_equal_losses_in_another_order_are_equal(losses: np.ndarray, seed: int) -> None:
    generator = np.random.default_rng(seed)
    some = scores_of(np.concatenate([losses, losses]))
    if len(some.tasks) == 1:
        return
    some.losses[len(losses) :] = generator.permuted(some.losses[len(losses) :], axis=2)
    found = block_losses(some)
    np.testing.assert_array_equal(found[: len(losses)], found[len(losses) :])
    counts = np.isnan(some.losses[..., 0]).sum(axis=2)
    for k in range(len(some.tasks)):
        for i, j in combinations(range(len(found)), 2):
            if counts[i, k] < counts[j, k]:
                assert found[i, k] < found[j, k]


@given(some_losses(schedulers=5, tasks=3, seeds=5, points=1), st.randoms(use_true_random=False))
@settings(max_examples=8)
def test_names_and_their_order_do_not_matter(losses: np.ndarray, random: Any) -> None:
    losses = np.concatenate([losses] * 3)[:5]
    if len(losses) < 3:
        losses = np.concatenate([losses, losses])
    order = random.sample(range(len(losses)), len(losses))
    before, after = friedman(scores_of(losses)), friedman(scores_of(losses[order]))
    np.testing.assert_allclose(after.mean_ranks, before.mean_ranks[order])
    assert (after.chi2, after.p_f, after.w) == pytest.approx((before.chi2, before.p_f, before.w))
    assert after.p == pytest.approx(before.p, abs=0.03)


@pytest.mark.parametrize(
    ("losses", "at", "said"),
    [
        (np.ones((2, 3, 4)), -1, "for three schedulers or more, not 2: compare two with analysis.paired"),
        (np.ones((3, 1, 1)), -1, "on two tasks or more, or under two seeds or more"),
        (np.ones((3, 1, 2)), 1, "no point 1"),
        (np.full((3, 1, 2), inf), -1, "task-0, scheduler-0, seed 0: the loss is inf"),
    ],
)
def test_too_little_is_an_error(losses: np.ndarray, at: int, said: str) -> None:
    with pytest.raises(RunsError, match=said):
        friedman(scores_of(losses), at)


def test_two_tasks_of_one_seed_each_will_do() -> None:
    assert friedman(scores_of(np.arange(6.0).reshape(3, 2, 1))).mean_ranks.tolist() == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize(("blocks", "schedulers"), [(3, 3), (5, 4), (10, 3), (20, 5), (25, 4)])
def test_equal_schedulers_are_told_apart_no_more_often_than_the_level_says(blocks: int, schedulers: int) -> None:
    generator = np.random.default_rng(blocks)
    found = [of_blocks(generator.random((blocks, schedulers))) for _ in range(400)]
    # The standard error of 400 is 1.1%; those of few blocks take few values, and are on the safe side.
    assert np.mean([one.p < 0.05 for one in found]) <= 0.05 + 0.03
    assert np.mean([len(one.groups) > 1 or len(one.groups[0]) < schedulers for one in found]) <= 0.05 + 0.03
    assert np.mean([one.pairs()["p_holm"].min() < 0.05 for one in found[:200]]) <= 0.05 + 0.045

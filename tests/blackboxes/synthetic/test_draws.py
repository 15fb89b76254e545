"""Ranks, pairs and mixes, against brute force and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, kstest, spearmanr

from blackboxes.streams import Stream
from blackboxes.synthetic._draws import (
    concordance,
    inversions,
    mixed,
    normal_scores,
    normals,
    rank_correlation,
    ranks,
    uniforms,
)
from blackboxes.synthetic._landscape import rotation

permutations = st.integers(0, 60).flatmap(lambda n: st.permutations(range(n))).map(np.array)


@given(permutations)
def test_inversions_are_those_counted_pair_by_pair(permutation: np.ndarray) -> None:
    assert inversions(permutation.astype(np.int64)) == sum(a > b for a, b in combinations(permutation.tolist(), 2))


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=40, unique=True), st.randoms(use_true_random=False))
def test_correlations_are_scipys(values: list[float], random: object) -> None:
    a = np.array(values)
    b = a.copy()
    random.shuffle(b)  # type: ignore[attr-defined]
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert concordance(a, b) == pytest.approx(kendalltau(a, b).statistic, abs=1e-12)
    assert ranks(a).tolist() == [sum(x < y for x in values) for y in values]


def test_uniforms_and_normals() -> None:
    draw = uniforms(Stream(0, "a"), 20_000)
    assert 0 < draw.min() < draw.max() < 1
    assert kstest(draw, "uniform").pvalue > 0.01
    assert kstest(normals(Stream(0, "b"), 20_000), "norm").pvalue > 0.01

    class Extremes:
        def raw(self, n: int) -> np.ndarray:
            return np.array([0, 2**64 - 1], dtype=np.uint64)

    assert uniforms(Extremes(), 2).tolist() == [2.0**-53, 1 - 2.0**-53]  # type: ignore[arg-type]


@pytest.mark.parametrize("measure", [rank_correlation, concordance])
@pytest.mark.parametrize("target", [-1.0, -0.9, -0.3, 0.0, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("n", [2, 3, 20, 1000])
def test_mixes_hit_their_target_as_near_as_one_pair_allows(
    measure: Callable[[np.ndarray, np.ndarray], float], target: float, n: int
) -> None:
    base, other = (normal_scores(uniforms(Stream(n, name), n)) for name in ("base", "other"))
    counted = np.ones(n, dtype=bool)
    reached = measure(base, mixed(target, base, other, measure, counted))
    turn = 12 / n**2 if measure is rank_correlation else 4 / (n * (n - 1))  # of one pair of neighbours
    assert abs(reached - target) <= max(1e-4, turn * (n if n < 5 else 1))


@pytest.mark.parametrize("d", [3, 4, 17, 32])
def test_rotations_are_orthonormal_and_random(d: int) -> None:
    axes = rotation(d, seed=1)
    assert np.abs(axes @ axes.T - np.eye(d)).max() < 1e-14
    assert np.abs(axes - rotation(d, seed=2)).max() > 0.1

"""The Bayesian signed-rank test: baycomp itself, closed forms, and what must not matter."""

from __future__ import annotations

import sys
from math import nan, sqrt

import baycomp
import numpy as np
import pytest
from made_scores import scores_of
from scipy.stats import beta

from analysis.bayes import bayesian_signed_rank
from analysis.friedman import block_losses
from analysis.runs import RunsError

A, B = "scheduler-0", "scheduler-1"
SAMPLES = 2000


@pytest.fixture(autouse=True)
def fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.bayes.SAMPLES", SAMPLES)


def test_it_is_baycomps() -> None:
    generator = np.random.default_rng(0)
    losses = generator.normal(0.3, 0.05, (3, 4, 5)) + 0.01 * np.arange(3)[:, None, None]
    some = scores_of(losses)
    found = bayesian_signed_rank(some, A, B, rope=0.005)
    means = losses.mean(axis=2)
    # baycomp compares scores, where left is that the first is larger: of losses, that it is worse.
    left, rope, right = baycomp.SignedRankTest.probs(means[0], means[1], 0.005, nsamples=SAMPLES, random_state=0)
    assert (found.worse, found.equivalent, found.better) == (left, rope, right)
    assert (found.rope, found.blocks) == (0.005, 4)
    assert found.better + found.equivalent + found.worse == pytest.approx(1)


@pytest.mark.parametrize(
    ("difference", "weight"),
    [(0.03, 1 / sqrt(2)), (0.015, 1 - 1 / sqrt(2))],
    ids=["beyond twice the rope", "beyond the rope"],
)
def test_equal_differences_have_a_closed_form(difference: float, weight: float) -> None:
    # Six differences d < 0 and a pseudo-observation of 0 with strength 0.5, whose weight w is distributed as
    # Beta(0.5, 6). A pair tells for "better" if its sum is below twice the rope of 0.01: with |d| above that, all pairs
    # but that of the 0 with itself do, 1 - w^2; below, only those of two differences, (1 - w)^2. The most wins.
    some = scores_of([[[0.5] * 6], [[0.5 + difference] * 6]])
    found = bayesian_signed_rank(some, A, B)
    expected = beta.cdf(weight, 0.5, 6)
    assert found.better == pytest.approx(expected, abs=4 * sqrt(expected * (1 - expected) / SAMPLES))
    assert found.equivalent == pytest.approx(1 - found.better)
    assert found.worse == 0
    back = bayesian_signed_rank(some, B, A)
    assert (back.worse, back.equivalent, back.better) == (found.better, found.equivalent, found.worse)


def test_differences_within_the_rope_are_equivalent() -> None:
    generator = np.random.default_rng(1)
    some = scores_of(0.5 + 0.004 * generator.random((2, 1, 10)))
    assert bayesian_signed_rank(some, A, B).equivalent == 1
    assert bayesian_signed_rank(some, A, A).equivalent == 1
    sharp = bayesian_signed_rank(some, A, B, rope=0)
    assert sharp.equivalent == 0
    assert sharp.better + sharp.worse == 1


def test_a_run_without_a_result_is_worse_beyond_the_rope() -> None:
    losses = np.full((2, 1, 8), 0.5)
    losses[1] = nan
    found = bayesian_signed_rank(scores_of(losses), A, B, rope=100.0)
    assert found.better > 0.95
    losses[0] = nan
    assert bayesian_signed_rank(scores_of(losses), A, B).equivalent == 1
    # Missing once each, they cancel: (1e-6, nan) and (nan, 1e-6), with a larger rope than any difference.
    cancel = scores_of([[[0.0, nan] * 4], [[nan, 0.0] * 4]])
    found = bayesian_signed_rank(cancel, A, B)
    assert found.better == pytest.approx(found.worse, abs=0.06)


def test_neither_what_is_random_elsewhere_nor_other_schedulers_matter() -> None:
    losses = np.random.default_rng(5).random((4, 1, 12))
    np.random.seed(3)  # noqa: NPY002 - the global state is what this is about
    state = np.random.get_state()[1]  # noqa: NPY002
    found = bayesian_signed_rank(scores_of(losses), A, B)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    np.random.seed(4)  # noqa: NPY002
    assert bayesian_signed_rank(scores_of(losses[:2]), A, B) == found


def test_tasks_are_averaged_and_the_point_can_be_chosen() -> None:
    losses = np.random.default_rng(6).random((2, 5, 3, 2))
    some = scores_of(losses)
    found = bayesian_signed_rank(some, A, B, at=0)
    means = block_losses(some, 0)
    assert found == bayesian_signed_rank(scores_of(means[:, None, :]), A, B)
    assert found != bayesian_signed_rank(some, A, B)
    assert found.blocks == 5


def test_without_baycomp_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "baycomp", None)
    with pytest.raises(RunsError, match=r"needs baycomp: pip install 'rungsim\[bayes\]'"):
        bayesian_signed_rank(scores_of(np.ones((2, 1, 3))), A, B)


@pytest.mark.parametrize(
    ("other", "rope", "at", "said"),
    [
        (B, -0.1, -1, "rope is a number from 0 on, in the unit of the losses, not -0.1"),
        (B, nan, -1, "rope is a number"),
        ("x", 0.01, -1, "no run of 'x': known: scheduler-0, scheduler-1"),
        (B, 0.01, 5, "no point 5"),
    ],
)
def test_what_cannot_be_compared_is_an_error(other: str, rope: float, at: int, said: str) -> None:
    with pytest.raises(RunsError, match=said):
        bayesian_signed_rank(scores_of(np.ones((2, 1, 3))), A, other, rope, at)


def test_one_block_is_too_little() -> None:
    with pytest.raises(RunsError, match="two tasks or more"):
        bayesian_signed_rank(scores_of(np.ones((2, 1, 1))), A, B)

"""Average ranks by hand, against plain counting, and what they must keep to."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import scores_of, some_losses

from analysis.ranks import Ranks, average_ranks, ranks_within
from analysis.runs import RunsError


def parts(found: Ranks) -> np.ndarray:
    return np.stack([found.lower, found.mean, found.upper])


def test_ranks_by_hand_with_ties_and_runs_without_a_result() -> None:
    losses = [  # 3 schedulers, 1 task, 4 seeds
        [[0.1, 0.2, nan, nan]],
        [[0.2, 0.2, 0.5, nan]],
        [[0.3, 0.1, nan, nan]],
    ]
    scores = scores_of(losses)
    assert ranks_within(scores)[..., 0].tolist() == [[[1, 2.5, 2.5, 2]], [[2, 2.5, 1, 2]], [[3, 1, 2.5, 2]]]
    np.testing.assert_allclose(average_ranks(scores).mean[:, 0], [2, 1.875, 2.125])


@settings(max_examples=30)
@given(some_losses())
def test_rank_is_one_more_than_those_better_and_half_of_those_equal(losses: np.ndarray) -> None:
    found = ranks_within(scores_of(losses))
    for place in np.ndindex(losses.shape[1:]):
        column = [losses[(i, *place)] for i in range(len(losses))]
        for i, own in enumerate(column):
            better = sum(other < own or (np.isnan(own) and not np.isnan(other)) for other in column)
            equal = sum(other == own or bool(np.isnan(own) and np.isnan(other)) for other in column) - 1
            assert found[(i, *place)] == 1 + better + equal / 2


@settings(max_examples=30)
@given(some_losses(), st.data())
def test_ranks_add_up_keep_within_bounds_and_follow_their_schedulers(losses: np.ndarray, data: st.DataObject) -> None:
    count = len(losses)
    found = average_ranks(scores_of(losses))
    np.testing.assert_allclose(found.mean.sum(axis=0), count * (count + 1) / 2)
    assert (found.lower >= 1).all()
    assert (found.upper <= count).all()
    assert (found.lower <= found.mean).all()
    assert (found.mean <= found.upper).all()
    order = data.draw(st.permutations(range(count)))
    np.testing.assert_allclose(parts(average_ranks(scores_of(losses[order]))), parts(found)[:, order], rtol=1e-12)


@settings(max_examples=20)
@given(some_losses())
def test_what_keeps_the_order_changes_no_rank(losses: np.ndarray) -> None:
    found = parts(average_ranks(scores_of(losses)))
    by_task = 10.0 ** np.arange(losses.shape[1])[:, None, None]
    np.testing.assert_array_equal(parts(average_ranks(scores_of(np.exp(losses) * by_task))), found)


def test_a_scheduler_that_never_lost_may_still_lose() -> None:
    losses = np.stack([np.zeros((1, 20, 1)), np.ones((1, 20, 1))])
    found = average_ranks(scores_of(losses))
    assert found.mean[:, 0].tolist() == [1, 2]
    assert found.lower[0, 0] == 1
    assert 1.1 < found.upper[0, 0] < 1.2  # Clopper and Pearson's 97.5% limit for 0 of 20 is 0.168
    assert found.upper[1, 0] == 2


def test_intervals_shrink_with_seeds_and_with_tasks_and_grow_with_confidence() -> None:
    losses = np.random.default_rng(0).random((4, 4, 40, 50))
    scores = scores_of(losses)

    def width(scores: object, confidence: float = 0.95) -> float:
        found = average_ranks(scores, confidence)  # type: ignore[arg-type]
        return float((found.upper - found.lower).mean())

    assert width(scores_of(losses[:, :, :10])) / width(scores) == pytest.approx(2, rel=0.1)
    assert width(scores_of(losses[:, :1])) / width(scores) == pytest.approx(2, rel=0.1)
    assert width(scores, 0.99) > width(scores) > width(scores, 0.5)


def test_single_seed_has_no_interval_and_a_single_scheduler_rank_one() -> None:
    found = average_ranks(scores_of(np.random.default_rng(0).random((3, 2, 1, 2))))
    assert np.isfinite(found.mean).all()
    assert np.isnan(found.lower).all()
    assert np.isnan(found.upper).all()
    alone = parts(average_ranks(scores_of(np.random.default_rng(0).random((1, 2, 5, 2)))))
    assert (alone == 1).all()


def test_wrong_confidence_is_an_error() -> None:
    with pytest.raises(RunsError, match=r"confidence is between 0 and 1"):
        average_ranks(scores_of(np.ones((1, 1, 2, 1))), 95)

"""The probability of improvement against SciPy's Mann-Whitney statistic, by hand, and what it must keep to."""

from __future__ import annotations

from math import nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import scores_of, some_losses
from scipy import stats

from analysis.improvement import probability_of_improvement
from analysis.pairs import compare_all
from analysis.runs import RunsError
from analysis.scores import Scores


def one(scores: Scores, i: int, j: int, at: int = -1) -> pd.Series:
    found = probability_of_improvement(scores, at).set_index(["scheduler", "other"])
    return found.loc[(f"scheduler-{i}", f"scheduler-{j}")]


@settings(max_examples=30)
@given(some_losses(schedulers=3))
def test_it_is_the_mean_over_tasks_of_mann_whitneys_statistic(losses: np.ndarray) -> None:
    scores = scores_of(losses)
    found = probability_of_improvement(scores, at=0)
    ranked = np.where(np.isnan(losses), np.inf, losses)[..., 0]
    seeds = losses.shape[2]
    for row in found.itertuples():
        x, y = ranked[scores.index(row.scheduler)], ranked[scores.index(row.other)]
        expected = np.mean([stats.mannwhitneyu(b, a).statistic / seeds**2 for a, b in zip(x, y, strict=True)])
        assert row.probability == pytest.approx(expected)
        assert row.probability == pytest.approx(  # by plain counting, too
            np.mean([[(a < b) + (a == b) / 2 for a in x[k] for b in y[k]] for k in range(len(x))])
        )


def test_by_hand_with_a_tie_and_a_run_without_a_result() -> None:
    scores = scores_of([[[1.0, 2.0]], [[2.0, nan]]])
    assert one(scores, 0, 1)["probability"] == (1 + 1 + 0.5 + 1) / 4


@settings(max_examples=30)
@given(some_losses(), st.data())
def test_probabilities_of_both_ways_add_up_and_follow_their_schedulers(losses: np.ndarray, data: st.DataObject) -> None:
    scores = scores_of(losses)
    found = probability_of_improvement(scores).set_index(["scheduler", "other"])
    assert len(found) == len(losses) * (len(losses) - 1)
    for (i, j), row in found.iterrows():
        back = found.loc[(j, i)]
        assert row["probability"] + back["probability"] == pytest.approx(1)
        assert row["lower"] + back["upper"] == pytest.approx(1)
        assert 0 <= row["lower"] <= row["probability"] <= row["upper"] <= 1
    order = data.draw(st.permutations(range(len(losses))))
    permuted = scores_of(losses[order], schedulers=tuple(scores.schedulers[i] for i in order))
    again = probability_of_improvement(permuted).set_index(["scheduler", "other"]).loc[found.index]
    np.testing.assert_allclose(again, found, rtol=1e-12)


@settings(max_examples=20)
@given(some_losses())
def test_what_keeps_the_order_within_tasks_changes_nothing(losses: np.ndarray) -> None:
    by_task = 10.0 ** np.arange(losses.shape[1])[:, None, None]
    found = probability_of_improvement(scores_of(losses))
    pd.testing.assert_frame_equal(probability_of_improvement(scores_of(np.exp(losses) * by_task)), found)


def test_a_small_but_steady_advantage_wins_all_seeds_and_is_no_great_improvement() -> None:
    losses = np.random.default_rng(0).random((1, 2, 20, 1))
    scores = scores_of(np.concatenate([losses, losses + 1e-9]))
    assert compare_all(scores)["won"].iloc[0] == 1
    row = one(scores, 0, 1)
    assert row["probability"] == pytest.approx(0.5 + 0.5 / 20)  # of 20 times 20 pairs, the 20 of equal seeds are won
    assert row["lower"] < 0.5 + 0.5 / 20 < row["upper"]


def test_that_all_were_better_does_not_say_that_all_will_be() -> None:
    losses = np.random.default_rng(0).random((2, 1, 20, 1))
    losses[0] -= 1
    row = one(scores_of(losses), 0, 1)
    assert row["probability"] == row["upper"] == 1
    assert row["lower"] == pytest.approx(0.83, abs=0.02)  # Clopper and Pearson's 97.5% limit for 20 of 20 is 0.832


def test_interval_is_as_wide_as_estimates_vary() -> None:
    generator = np.random.default_rng(3)
    losses = generator.normal(size=(1, 2, 25, 200)) + generator.normal(size=(2, 2, 25, 200))
    losses[1] += 0.5
    found = pd.DataFrame([one(scores_of(losses), 0, 1, at) for at in range(200)])
    deviation = found["probability"].astype(float).std()
    assert (found["upper"] - found["lower"]).mean() == pytest.approx(2 * 1.96 * deviation, rel=4 / np.sqrt(400))


def test_shared_luck_makes_the_interval_narrower() -> None:
    generator = np.random.default_rng(0)
    luck = generator.normal(size=(1, 1, 30, 1))
    shared = one(scores_of(luck + 0.3 * generator.normal(size=(2, 1, 30, 1))), 0, 1)
    apart = one(scores_of(generator.normal(size=(2, 1, 30, 1))), 0, 1)
    assert shared["upper"] - shared["lower"] < 0.6 * (apart["upper"] - apart["lower"])


def test_single_seed_has_no_interval_and_a_single_scheduler_no_row() -> None:
    scores = scores_of([[[1.0]], [[2.0]]])
    assert one(scores, 0, 1)["probability"] == 1
    assert probability_of_improvement(scores)[["lower", "upper"]].isna().all(axis=None)
    alone = probability_of_improvement(scores_of([[[1.0, 2.0]]]))
    assert len(alone) == 0
    assert list(alone) == ["scheduler", "other", "probability", "lower", "upper"]


def test_wrong_arguments_are_errors() -> None:
    scores = scores_of(np.ones((2, 1, 2, 3)))
    with pytest.raises(RunsError, match=r"there are 3 points of the axis"):
        probability_of_improvement(scores, at=3)
    with pytest.raises(RunsError, match=r"confidence is between 0 and 1"):
        probability_of_improvement(scores, confidence=2)

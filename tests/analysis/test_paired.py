"""Paired differences by hand, and against SciPy's paired test."""

from __future__ import annotations

from math import isnan, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import by_hand, scored, simulated, value_at
from scipy.stats import ttest_rel

from analysis import as_runs, paired
from analysis.runs import RunsError


def finals(own: list[float], others: list[float], **more: Any) -> pd.DataFrame:
    """Runs of ``a`` and ``b`` that end with these values, in opposite orders of seeds."""
    rows = [by_hand([1.0], [v], "a", seed, **more) for seed, v in enumerate(own)]
    rows += [by_hand([1.0], [v], "b", seed, **more) for seed, v in reversed(list(enumerate(others)))]
    return as_runs(rows)


def test_hand_numbers() -> None:
    found = paired(finals([0.25, 0.5, 0.5], [0.5, 0.5, 1.25]), "a", "b")
    assert found.differences.tolist() == [-0.25, 0.0, -0.75]
    assert found.mean == pytest.approx(-1 / 3)
    # Deviations 1/12, 4/12, -5/12: variance 42/144/2; t with 2 degrees of freedom at 97.5% is 4.30265.
    half = 4.30265 * sqrt(21 / 144 / 3)
    assert (found.low, found.high) == pytest.approx((-1 / 3 - half, -1 / 3 + half), rel=1e-5)
    assert (found.won, found.lost) == pytest.approx((2 / 3, 0))


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=30),
    st.sampled_from(["min", "max"]),
)
@settings(max_examples=50)
def test_the_interval_is_that_of_scipys_paired_test(pairs: list[tuple[float, float]], direction: str) -> None:
    own, others = (list(values) for values in zip(*pairs, strict=True))
    found = paired(finals(own, others, direction=direction), "a", "b")
    losses = (own, others) if direction == "min" else (others, own)
    if np.ptp(found.differences) > 1e-6:
        interval = ttest_rel(*losses).confidence_interval(0.95)
        np.testing.assert_allclose([found.low, found.high], [interval.low, interval.high], rtol=1e-6, atol=1e-9)
    assert found.won == np.mean(np.less(*losses))
    assert found.lost == np.mean(np.greater(*losses))
    back = paired(finals(own, others, direction=direction), "b", "a")
    assert (back.mean, back.low, back.high) == pytest.approx((-found.mean, -found.high, -found.low))
    assert (back.won, back.lost) == (found.lost, found.won)


def test_equal_differences_leave_no_doubt() -> None:
    found = paired(finals([0.25, 0.5, 0.75], [0.5, 0.75, 1.0]), "a", "b")
    assert (found.mean, found.low, found.high, found.won) == (-0.25, -0.25, -0.25, 1)


def test_one_seed_has_no_interval() -> None:
    found = paired(finals([0.25], [0.5]), "a", "b")
    assert (found.mean, found.won) == (-0.25, 1)
    assert isnan(found.low)
    assert isnan(found.high)


def test_values_are_those_at_the_given_time() -> None:
    runs = as_runs([by_hand([1.0, 3.0], [0.75, 0.25], "a"), by_hand([2.0, 4.0], [0.5, 0.125], "b")])
    differences = {time: paired(runs, "a", "b", time).mean for time in (2.0, 3.0, 3.99, 4.0, None)}
    assert differences == {2.0: 0.25, 3.0: -0.25, 3.99: -0.25, 4.0: 0.125, None: 0.125}


def test_a_run_without_a_result_loses_and_leaves_no_mean() -> None:
    rows = [by_hand([1.0], [0.5], "a", seed) for seed in range(3)] + [by_hand([], [], "a", 3)]
    rows += [by_hand([1.0], [0.75], "b", 0), *(by_hand([], [], "b", seed) for seed in (1, 2, 3))]
    found = paired(as_runs(rows), "a", "b")
    np.testing.assert_array_equal(found.differences, [-0.25, nan, nan, nan])
    assert np.isnan([found.mean, found.low, found.high]).all()
    assert (found.won, found.lost) == (0.75, 0)
    back = paired(as_runs(rows), "b", "a")
    assert (back.won, back.lost) == (0, 0.75)


@given(simulated(seeds=3), st.sampled_from(["reported", "regret", "test"]), st.sampled_from([None, 0.4, 2.0]))
@settings(max_examples=40)
def test_differences_are_of_the_score_and_a_win_is_a_better_score(
    simulated_runs: Any, score: Any, time: float | None
) -> None:
    _, rows = simulated_runs
    other = [row | {"scheduler": "other", "seed": (row["seed"] + 1) % 3} for row in rows]
    runs = as_runs([row | {"scheduler": "own"} for row in rows] + other)
    found = paired(scored(runs, score), "own", "other", time)
    direction = "min" if score == "regret" else rows[0]["test_direction" if score == "test" else "direction"]
    when = np.array([1e18 if time is None else time])
    values = [value_at(row, when, score)[0] for row in rows]
    wins = 0
    for seed in range(3):
        a, b = values[seed], values[(seed - 1) % 3]
        np.testing.assert_equal(found.differences[seed], a - b if direction == "min" else b - a)
        wins += (not isnan(a)) and (isnan(b) or (a < b if direction == "min" else a > b))
    assert found.won == pytest.approx(wins / 3)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([by_hand([1.0], [0.5], "a")], "there is no run of 'b': known: a"),
        ([by_hand([1.0], [0.5], "a", 0), by_hand([1.0], [0.5], "b", 1)], "only one was run under seed 0"),
        ([by_hand([1.0], [0.5], s, seed) for s, seed in ("a0", "a1", "b0", "b0")], "'b' was run twice under seed 0"),
        ([by_hand([1.0], [0.5], "a"), by_hand([1.0], [0.5], "b", table="made:other")], "on one table, not"),
        ([by_hand([1.0], [0.5], "a"), by_hand([1.0], [0.5], "b", workers=5)], "on one number of workers, not 4, 5"),
    ],
)
def test_runs_that_are_not_paired_are_errors(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(RunsError) as error:
        paired(as_runs(rows), "a", "b")
    assert said in str(error.value)


def test_a_missing_test_metric_is_an_error() -> None:
    runs = finals([0.5, 0.5], [0.5, 0.5], test_values=[], test_metric=None, test_direction=None, test_unit=None)
    with pytest.raises(RunsError, match="no test metric"):
        paired(scored(runs, "test"), "a", "b")

"""The finding: what it says follows from the intervals, and it says no more."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_runs import by_hand

from analysis import as_runs
from analysis.finding import Standing, finding, standing
from analysis.scores import Scores


def runs_of(losses: dict[str, Any], seeds: int = 20, noise: float = 0.01, tasks: int = 1) -> pd.DataFrame:
    """Runs whose regret is about `losses`, a number, or one until the middle of the run and one after it."""
    draw, rows = np.random.default_rng(5), []
    for task, seed, (name, loss) in itertools.product(range(tasks), range(seeds), losses.items()):
        early, late = loss if isinstance(loss, tuple) else (loss, loss)
        values = [max(0.0, float(part + noise * draw.normal())) for part in (early, late)]
        rows.append(by_hand([0.0, 5.0], values, name, seed, table=f"made:{task}"))
    return as_runs(rows)


FIRST = "On made:0, over 20 seeds, b had the lowest regret averaged over the run"


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (
            {"a": 0.5, "b": 0.2, "c": 0.7},
            f"{FIRST} (0.2 of the median's), lower than that of each other scheduler, and the same holds for its "
            "regret at the end of the run.",
        ),
        (
            {"a": 0.5, "b": (0.2, 0.4), "c": (0.8, 0.12)},
            f"{FIRST} (0.3 of the median's), lower than that of each other scheduler; at the end of the run c had the "
            "lowest regret (0.12 of the median's), lower than that of each other scheduler.",
        ),
        (
            {"a": (0.5, 0.201), "b": (0.2, 0.2), "c": 0.7},
            f"{FIRST} (0.2 of the median's), lower than that of each other scheduler; at the end of the run its regret "
            "was still the lowest, lower than c, but not to be told apart from a.",
        ),
        (
            {"a": 0.5, "b": 0.2},
            f"{FIRST} (0.2 of the median's), lower than a, and the same holds for its regret at the end of the run.",
        ),
    ],
)
def test_large_differences_are_told_and_small_ones_are_not(losses: dict[str, Any], expected: str) -> None:
    assert finding(runs_of(losses, noise=0.002)) == expected


def test_what_chance_may_have_done_is_not_told() -> None:
    said = finding(runs_of({"a": 0.5, "b": 0.5, "c": 0.5}, noise=0.1))
    assert said.count("but no scheduler can be told apart from it") >= 1
    assert "lower than" not in said


def test_of_several_tasks_the_mean_counts() -> None:
    said = finding(runs_of({"a": 0.5, "b": 0.2}, tasks=3))
    assert said.startswith(
        "On made:0, made:1 and made:2, over 20 seeds each, b had the lowest regret averaged over the "
    )
    many = finding(runs_of({"a": 0.5, "b": 0.2}, tasks=8, seeds=4))
    assert many.startswith("On 8 tasks, over 4 seeds each, b had")


def test_where_nothing_can_be_compared_it_says_so() -> None:
    assert finding(runs_of({"a": 0.5})) == "Only a was run on made:0, so that there is nothing to compare."
    said = finding(runs_of({"a": 0.5, "b": 0.1}, seeds=1))
    assert said == "One seed does not tell which of the 2 schedulers is better on made:0: run more, such as 20."
    runs = pd.concat(
        [runs_of({"a": 0.5, "b": 0.1}, seeds=3), as_runs([by_hand([], [], n, 3, table="made:0") for n in "ab"])]
    )
    assert finding(runs).endswith("at the end some runs had no result, so that their regret has no mean.")


def test_a_sentence_about_schedulers_that_are_all_alike_is_wrong_in_at_most_a_twentieth_of_studies() -> None:
    draw, studies, wrong = np.random.default_rng(0), 300, 0
    for _ in range(studies):
        losses = draw.exponential(size=(5, 2, 12, 1)) + draw.normal(size=(1, 2, 12, 1))
        scores = Scores(losses, tuple("abcde"), ("x", "y"), tuple(range(12)), np.array([1.0]))
        wrong += bool(standing(scores).beaten)
    assert wrong / studies <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / studies)


def test_a_scheduler_that_is_far_better_is_told_from_all_others() -> None:
    draw = np.random.default_rng(0)
    losses = draw.normal(size=(4, 1, 10, 1)) * 0.1 + np.array([2.0, 1.0, 3.0, 1.02]).reshape(4, 1, 1, 1)
    found = standing(Scores(losses, tuple("abcd"), ("x",), tuple(range(10)), np.array([1.0])))
    assert found == Standing("b", pytest.approx(losses[1].mean()), ("a", "c"), ("d",))  # type: ignore[arg-type]

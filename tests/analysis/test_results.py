"""Tables for a paper: what is in bold, and what is only a bound."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_runs import by_hand

from analysis import as_runs, regret_table, speed_table
from analysis.runs import RunsError
from analysis.tables import ResultTable

SHARED: dict[str, Any] = {"table_best": 0.0, "table_median": 1.0, "full_training": 2.0}


def runs_of(losses: dict[str, float], tasks: int = 1, seeds: int = 10, noise: float = 0.02) -> pd.DataFrame:
    draw, rows = np.random.default_rng(0), []
    for task, seed, (name, loss) in itertools.product(range(tasks), range(seeds), losses.items()):
        value = float(abs(loss * (1 + 2 * (task == 1 and name == "b")) + noise * draw.normal()))
        rows.append(by_hand([1.0 + seed / 10], [value], name, seed, table=f"made:{task}", **SHARED))
    return as_runs(rows)


def column(table: ResultTable, name: str) -> Any:
    [found] = [column for column in table.columns if column.name == name]
    return found


def test_the_best_and_what_cannot_be_told_apart_from_it_is_in_bold() -> None:
    table = regret_table(runs_of({"a": 0.21, "b": 0.2, "c": 0.5}))
    assert column(table, "scheduler").values == ["a", "b", "c"]
    assert column(table, "regret").values == pytest.approx([0.21, 0.2, 0.5], abs=0.02)
    assert [cell.is_bold for cell in column(table, "regret").cells()] == [True, True, False]
    assert [cell.is_bold for cell in column(table, "rank").cells()].count(True) == 1
    assert r"\textbf{" in table.to_latex()


def test_each_task_has_its_best_and_their_mean_has_one() -> None:
    runs = runs_of({"a": 0.3, "b": 0.2}, tasks=2)
    table = regret_table(runs)
    bold = {
        name: [cell.is_bold for cell in column(table, name).cells()] for name in ("made:0", "made:1", "mean of tasks")
    }
    assert bold == {"made:0": [False, True], "made:1": [True, False], "mean of tasks": [True, False]}
    means = [
        np.mean([run["values"][-1] for run in runs.to_dict("records") if run["scheduler"] == name]) for name in "ab"
    ]
    assert column(table, "mean of tasks").values == pytest.approx(means)
    assert column(table, "made:0").lower is None
    assert column(table, "mean of tasks").lower is not None


def test_one_seed_has_values_without_intervals_and_without_claims() -> None:
    table = regret_table(runs_of({"a": 0.2, "b": 0.21}, seeds=1, noise=0.0))
    said = table.to_markdown()
    assert "**" not in said
    assert "over 1 seed\n" in said
    assert "One seed does not tell which is better" in said
    assert "(" not in said.splitlines()[4]


def test_one_seed_does_not_tell_who_is_sooner() -> None:
    said = speed_table(runs_of({"a": 0.2, "b": 0.3}, seeds=1, noise=0.0), 0.25, "a").to_markdown()
    assert "**" not in said
    assert "One seed does not tell which is better" in said


def never_there(*names: str) -> pd.DataFrame:
    """Runs of slow, which gets there late, fast, which does early, and others that are called never."""
    rows = [
        by_hand([2.0 * (1 + (name == "slow")) + seed / 100], [0.5 if "never" in name else 0.1], name, seed, end=9.0)
        | SHARED
        for name in names
        for seed in range(6)
    ]
    return as_runs(rows)


@pytest.mark.parametrize(
    ("names", "baseline", "bold"),
    [
        (("slow", "fast"), "slow", "fast"),
        (("slow", "fast", "never"), "slow", "fast"),  # at most so soon
        (("never", "fast"), "never", "fast"),  # at least so soon
        (("never", "fast", "slow"), "never", "fast"),
        (("never", "never either"), "never", ""),  # nothing is known
        (("never", "never either", "fast"), "never", ""),  # not of each
    ],
)
def test_the_soonest_is_in_bold_only_where_it_is_known_to_be(names: tuple[str, ...], baseline: str, bold: str) -> None:
    table = speed_table(never_there(*names), 0.1, baseline)
    cells = column(table, f"times sooner than {baseline}").cells()
    assert [name for name, cell in zip(names, cells, strict=True) if cell.is_bold] == [bold] * bool(bold)
    assert ("In bold" in table.note) == ("**" in table.to_markdown()) == (names != ("never", "never either"))


def test_times_to_a_target_are_compared_with_the_baseline() -> None:
    rows = [
        by_hand([2.0 * (1 + (name == "slow")) + seed / 100], [0.1], name, seed, end=9.0, **SHARED)
        for name in ("slow", "fast")
        for seed in range(6)
    ]
    table = speed_table(as_runs(rows), 0.1, "slow")
    assert column(table, "median time").values == pytest.approx([2.01, 1.01], abs=0.011)
    assert column(table, "times sooner than slow").values == pytest.approx([1.0, 2.0], abs=0.02)
    assert all(column.name != "bound" for column in table.columns)
    assert table.caption == "Time to normalised regret (0: the table's best, 1: its median): 0.1"


def test_a_baseline_that_never_gets_there_gives_a_bound() -> None:
    rows = [
        by_hand([2.0], [0.1 if name == "fast" else 0.5], name, seed, end=9.0, **SHARED)
        for name in ("slow", "fast")
        for seed in range(6)
    ]
    table = speed_table(as_runs(rows), 0.1, "slow")
    assert column(table, "bound").values == ["", ">="]
    assert column(table, "times sooner than slow").upper.tolist() == [1.0, np.inf]
    assert column(table, "share that got there").values.tolist() == [0.0, 1.0]


def test_a_baseline_that_is_missing_is_an_error() -> None:
    with pytest.raises(RunsError, match="no run of 'c': known: a, b"):
        speed_table(runs_of({"a": 0.2, "b": 0.3}), 0.1, "c")


def test_a_single_scheduler_has_no_speed_up() -> None:
    table = speed_table(runs_of({"a": 0.2}), 0.3, "a")
    assert [column.name for column in table.columns] == ["scheduler", "share that got there", "median time"]

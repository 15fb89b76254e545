"""From runs to arrays: each value in its place, and nothing that is not paired."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_runs import by_hand

from analysis import as_runs, averaged, complete, curves, reach, scores
from analysis.runs import RunsError

SCHEDULERS, TASKS, SEEDS = ("b", "a"), ("t:x", "t:y", "s"), (4, 0, 9)


def value_of(scheduler: str, task: str, seed: int) -> float:
    return SCHEDULERS.index(scheduler) * 100 + TASKS.index(task) * 10 + SEEDS.index(seed) + 1.0


def grid_of_runs(**others: Any) -> pd.DataFrame:
    rows = [
        by_hand([1.0], [value_of(s, k, n)], s, n, table=k, table_best=0.0, table_median=1000.0, **others)
        for s, k, n in itertools.product(SCHEDULERS, TASKS, SEEDS)
    ]
    order = np.random.default_rng(0).permutation(len(rows) - 1) + 1
    return as_runs([rows[0], *(rows[i] for i in order)])


def test_each_run_has_its_place_in_whatever_order_they_come() -> None:
    found = scores(grid_of_runs(), np.array([0.1, 0.6]))
    assert set(found.schedulers) == set(SCHEDULERS)
    assert found.losses.shape == (2, 3, 3, 2)
    assert np.isnan(found.losses[..., 0]).all()
    for (s, scheduler), (k, task), (n, seed) in itertools.product(
        *(enumerate(names) for names in (found.schedulers, found.tasks, found.seeds))
    ):
        assert found.losses[s, k, n, 1] == value_of(scheduler, task, seed) / 1000
    assert found.x_label == "simulated time (mean full trainings)"
    assert found.sign == 1


def test_losses_are_smaller_where_values_are_better() -> None:
    runs = as_runs([by_hand([1.0], [0.7], name, direction="max") for name in ("a", "b")])
    found = scores(runs)
    assert found.sign == -1
    assert (found.losses[..., -1] == -0.7).all()
    assert found.x_label == "simulated time (s)"
    assert len(found.x) == 100
    assert found.x[[0, -1]].tolist() == [1.0, 10.0]


def test_a_table_on_two_clusters_or_with_two_numbers_of_workers_is_two_tasks() -> None:
    rows = [by_hand([1.0], [0.5], cluster=cluster, workers=workers) for cluster in ("", "spot") for workers in (1, 4)]
    assert scores(as_runs(rows)).tasks == (
        "made:by-hand, 1 worker",
        "made:by-hand, 4 workers",
        "made:by-hand, cluster spot, 1 worker",
        "made:by-hand, cluster spot, 4 workers",
    )


def test_seconds_of_several_tables_are_not_compared() -> None:
    with pytest.raises(RunsError, match="seconds of several tables are not comparable"):
        scores(curves(grid_of_runs(), scale="normalised"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda runs: runs.drop(index=runs.index[5]), "was not run"),
        (lambda runs: pd.concat([runs, runs.iloc[5:6]]), "was run twice"),
    ],
)
def test_runs_that_are_not_paired_are_an_error_that_names_one(change: Any, said: str) -> None:
    runs = grid_of_runs()
    run = runs.iloc[5]
    with pytest.raises(RunsError, match=rf"'{run['scheduler']}' {said} on {run['table']} under seed {run['seed']}"):
        scores(change(runs))


def test_complete_keeps_the_seeds_under_which_all_were_run() -> None:
    runs = grid_of_runs()
    lost = runs["seed"].iloc[5]
    kept = complete(runs.drop(index=runs.index[5]))
    assert sorted(kept["seed"].unique()) == sorted(set(SEEDS) - {lost})
    assert scores(kept).losses.shape[:3] == (2, 3, 2)
    pd.testing.assert_frame_equal(complete(runs), runs)
    with pytest.raises(RunsError, match="no seed under which every scheduler was run on every task"):
        complete(runs[(runs["scheduler"] == "a") == (runs["seed"] == 0)])


def test_the_bound_is_a_scheduler_only_if_asked_for_and_then_the_last() -> None:
    rows = [by_hand([1.0], [0.5], name) for name in ("clairvoyant", "b", "a")]
    assert scores(as_runs(rows)).schedulers == ("b", "a")
    assert scores(as_runs(rows), bound=True).schedulers == ("b", "a", "clairvoyant")
    with pytest.raises(RunsError, match="there is no run of a scheduler"):
        scores(as_runs(rows[:1]))


def test_a_target_is_reached_where_the_value_first_is_as_good() -> None:
    rows = [
        by_hand([1.0, 3.0, 6.0], [0.5, 0.2, 0.1], "a", table_best=0.0, table_median=1.0),
        by_hand([2.0], [0.3], "b", end=8.0, table_best=0.0, table_median=1.0),
        by_hand([], [], "c", end=9.0, table_best=0.0, table_median=1.0),
    ]
    found = reach(as_runs(rows), 0.2)
    assert found.reached[:, 0, 0].tolist() == [True, False, False]
    assert found.times[:, 0, 0].tolist() == [1.5, 4.0, 4.5]  # mean full trainings of 2 seconds
    assert found.target == "normalised regret (0: the table's best, 1: its median): 0.2"
    up = as_runs([by_hand([1.0, 3.0], [0.5, 0.9], direction="max")])
    seconds = reach(curves(up), 0.9)
    assert (seconds.times[0, 0, 0], seconds.reached[0, 0, 0]) == (3.0, True)


def test_an_incumbent_that_was_trained_to_the_end_after_the_run_is_censored_there() -> None:
    row = by_hand([1.0], [0.5], end=2.0, charged_times=[7.0], charged_values=[0.4], charged_end=6.0)
    found = reach(curves(as_runs([row]), incumbent="charged"), 0.1)
    assert (found.times[0, 0, 0], found.reached[0, 0, 0]) == (7.0, False)


def test_regret_is_averaged_over_the_longest_run_and_never_counts_more_than_the_medians() -> None:
    shared: dict[str, Any] = {"table_best": 0.0, "table_median": 1.0, "full_training": 2.0}
    rows = [
        by_hand([1.0, 5.0], [3.0, 0.5], "a", end=6.0, **shared),  # 1 until 5, then 0.5 until 10
        by_hand([2.0, 4.0], [0.8, 0.2], "b", end=10.0, **shared),
        by_hand([], [], "c", end=10.0, **shared),
        by_hand(
            [3.0],
            [0.4],
            "d",
            end=10.0,
            charged_end=10.0,
            charged_times=[4.0, 14.0],
            charged_values=[np.nan, 0.1],
            **shared,
        ),
    ]
    found = averaged(as_runs(rows))
    assert found.losses[:, 0, 0, 0].tolist() == pytest.approx([0.75, 0.2 + 0.16 + 0.12, 1.0, 0.3 + 0.28])
    assert found.x.tolist() == [5.0]
    assert found.y_label.endswith("averaged over the run")
    charged = curves(as_runs(rows[3:]), scale="normalised", incumbent="charged")
    assert averaged(charged).losses.tolist() == [[[[1.0]]]]  # its recommendation diverged
    with pytest.raises(RunsError, match="only normalised regret is averaged over a run, not best loss so far"):
        averaged(curves(as_runs(rows)))


def test_average_is_that_of_a_fine_grid() -> None:
    runs = grid_of_runs(end=4.0)
    found = averaged(runs)
    at = (np.arange(20_000) + 0.5) / 20_000 * 2.0  # of 2 mean full trainings
    losses = np.nan_to_num(scores(runs, at).losses, nan=1.0).clip(max=1.0)
    np.testing.assert_allclose(found.losses[..., 0], losses.mean(axis=-1), rtol=1e-3)


def test_a_run_that_used_up_its_table_is_censored_at_the_end_of_the_longest() -> None:
    rows = [
        by_hand([1.0], [0.5], "a", end=3.0, exhausted_at=2.0),
        by_hand([1.0], [0.5], "b", end=5.0),
        by_hand([4.0], [0.1], "c", end=8.0),
        *(by_hand([1.0], [0.5], name, end=20.0, table="made:other") for name in "abc"),
    ]
    found = reach(curves(as_runs(rows), x="trainings"), 0.2)
    assert (found.times[:, 0, 0] * 2).tolist() == [8.0, 5.0, 4.0]
    rows[2] = rows[2] | {"values": [0.4]}
    found = reach(curves(as_runs(rows), x="trainings"), 0.2)
    assert (found.times[:, 0, 0] * 2).tolist() == [8.0, 5.0, 8.0]


def test_a_target_is_a_number() -> None:
    with pytest.raises(RunsError, match="the target is a number, in the unit of the curves' values, not nan"):
        reach(as_runs([by_hand([1.0], [0.5])]), float("nan"))

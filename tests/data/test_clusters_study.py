"""The study of clusters: its figures by hand, its tables and picture, and (slow) what it shows."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from recipe_modules import module

from analysis import as_runs, curves
from analysis.paired import mean_interval
from simulator.study import crossed, run_all

clusters: Any = module("clusters", "studies")
TABLE = "power-law:n=60,r_max=27"


@pytest.fixture(scope="module")
def found() -> list[Any]:
    return [clusters.compare(TABLE, cluster, seeds=range(3), jobs=1) for cluster in ("slow", "stragglers")]


def run_of(times: list[float], values: list[float]) -> pd.Series:
    return pd.Series({"times": times, "values": values, "table_best": 0.1, "table_median": 0.5})


@pytest.mark.parametrize(
    ("times", "values", "expected"),
    [
        ([], [], 100.0),
        ([2.0], [0.1], 20.0),  # all of the first two seconds of ten
        ([2.0, 4.0], [0.9, 0.3], 40 + 30),  # worse than the median counts as the median
        ([1.0, 1.0, 6.0], [0.4, 0.3, 0.2], 10 + 25 + 10),
        ([12.0], [0.1], 100.0),  # after the end
    ],
)
def test_regret_is_averaged_over_the_run(times: list[float], values: list[float], expected: float) -> None:
    assert clusters.mean_regret(run_of(times, values), 10.0) == pytest.approx(expected)


def test_regret_is_that_of_a_fine_grid(found: list[Any]) -> None:
    runs = crossed(TABLE, ["asha-promotion"], range(3), clusters.WORKERS, f"{clusters.TIME}x", cluster="stragglers")
    for seed, row in enumerate(run_all(runs, jobs=1)):
        [(_, run)] = as_runs([row]).iterrows()
        end = clusters.TIME * run["full_training"]
        grid = (np.arange(20_000) + 0.5) / 20_000 * end
        regrets = curves(as_runs([row]), scale="normalised").at(grid)[0]
        expected = 100 * np.nan_to_num(regrets, nan=1.0).clip(max=1.0).mean()
        assert found[1].regrets["asha-promotion"][seed] == pytest.approx(expected, rel=0.01)


def test_ranks_and_differences_are_paired_by_seed() -> None:
    regrets = {"random": np.array([4.0, 4.0, 2.0]), "a": np.array([1.0, 4.0, 3.0])}
    comparison = clusters.Comparison("t", "c", regrets, {})
    assert {name: ranks.tolist() for name, ranks in comparison.ranks().items()} == {
        "random": [2, 1.5, 1],
        "a": [1, 1.5, 2],
    }
    mean, low, high = comparison.difference("a")
    assert mean == pytest.approx(-20.0)  # the mean of -3, 0 and 1, in % of the mean of 4, 4 and 2
    assert (low + high) / 2 == pytest.approx(mean)
    assert low < mean < 0 < high


def test_tables_hold_every_cluster_and_scheduler(found: list[Any]) -> None:
    head, _, *rows = clusters.markdown(found).splitlines()
    assert [row.split(" | ")[1] for row in rows] == ["slow", "stragglers"]
    assert head.count("|") == rows[0].count("|") == 3 + len(clusters.SCHEDULERS)
    assert f"| {found[1].regrets['random'].mean():.1f}, rank " in rows[1]
    lines = clusters.accounting(found).splitlines()[2:]
    assert len(lines) == 2 * len(clusters.SCHEDULERS)
    for line in lines:
        assert sum(map(float, line.split(" | ")[2:-1] + [line.split(" | ")[-1].rstrip(" |")])) == pytest.approx(
            100, abs=0.4
        )


def test_verdicts_count_intervals_on_either_side(found: list[Any]) -> None:
    sentences = list(clusters.verdicts(found))
    assert len(sentences) == 8 + len(clusters.SCHEDULERS)
    slow, real = (comparison.regrets["asha-promotion"] for comparison in found)
    assert re.search(rf"asha-promotion, .* {re.escape(f'{(real - slow).mean():+.1f}')} \(", sentences[-1])
    ends = [found[1].difference(name, other) for name in clusters.ASYNCHRONOUS for other in clusters.SYNCHRONOUS]
    better, worse = sum(high < 0 for *_, high in ends), sum(low > 0 for _, low, _ in ends)
    assert (
        f"stragglers, asynchronous against synchronous: of 6 intervals {better} better, {worse} worse, "
        f"{6 - better - worse} neither" in sentences
    )


def test_the_picture_shows_every_mean_and_share_and_nothing_is_clipped(found: list[Any]) -> None:
    figure = clusters.draw(found)
    figure.draw_without_rendering()
    above, below = figure.subfigs
    [slopes] = above.axes
    drawn = [line.get_ydata() for line in slopes.get_lines()]
    for name in clusters.SCHEDULERS[1:]:
        means = [comparison.difference(name)[0] for comparison in found]
        assert any(np.array_equal(line, means) for line in drawn)
    for ax, comparison in zip(below.axes, found, strict=True):
        widths = np.array([bar.get_width() for bar in ax.patches]).reshape(len(clusters.SCHEDULERS), -1)
        np.testing.assert_allclose(widths.sum(axis=1), 100)
        np.testing.assert_allclose(widths[0, 0], 100 * comparison.shares["random"]["useful"])
    box = figure.get_tightbbox()
    assert box.x0 >= -0.01
    assert box.x1 <= figure.get_size_inches()[0] + 0.01
    for part in (above, below):
        legend = part.legends[0].get_window_extent()
        assert all(legend.x0 >= ax.get_window_extent().x1 for ax in part.axes)


@pytest.mark.slow
def test_on_real_clusters_waiting_for_rungs_costs_more_and_so_does_pausing() -> None:
    """What the README says."""
    found = {(t, c): clusters.compare(t, c) for t in ("mlp:letter", "mlp:digits") for c in clusters.CLUSTERS}
    for (table, cluster), comparison in found.items():
        for name in clusters.ASYNCHRONOUS:
            assert comparison.difference(name)[2] < 0, (table, cluster, name)
            for other in clusters.SYNCHRONOUS:
                assert comparison.difference(name, other)[2] < 0, (table, cluster, name, other)
        if cluster in ("spot", "no-checkpoints"):
            assert comparison.difference("asha-stopping", "asha-promotion")[2] < 0, (table, cluster)
        if cluster == "stragglers":  # with as much done in an hour
            slow = found[table, "slow"].regrets
            assert mean_interval(comparison.regrets["successive-halving"] - slow["successive-halving"])[0] > 0
            assert mean_interval(comparison.regrets["asha-promotion"] - slow["asha-promotion"])[1] < 0
        assert comparison.shares["hyperband(overlap=False)"]["barrier"] > 0.7
    ideal, real = (found["mlp:letter", cluster] for cluster in ("ideal", "stragglers"))
    for name in ("successive-halving", "hyperband"):
        assert ideal.difference(name)[1] < 0
        assert real.difference(name)[1] > 0  # behind random search

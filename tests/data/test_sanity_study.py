"""The study of what ought to be better: its figures by hand, its table and picture, and (slow) what it shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from recipe_modules import module

from analysis import as_runs
from blackboxes import load
from simulator import Budget
from simulator.study import crossed, run_all

sanity: Any = module("sanity", "studies")
TELLING, MISLEADING = "power-law:n=60,r_max=27,rank_correlation=0.95", "adversarial:n=60,r_max=27"
NAMES = ("asha-stopping", "hyperband", "clairvoyant")


@pytest.fixture(scope="module")
def found() -> list[Any]:
    tables = [sanity.compare(table, NAMES, Budget(time="5x"), range(3), jobs=1) for table in (MISLEADING, TELLING)]
    return sanity.by_correlation(tables)


def runs_of(table: str, names: tuple[str, ...]) -> pd.DataFrame:
    return as_runs(list(run_all(crossed(table, ["random", *names], range(3), 4, "5x"), jobs=1)))


def test_differences_are_in_percent_of_the_medians_regret(found: list[Any]) -> None:
    runs, table = runs_of(TELLING, NAMES), load(TELLING)
    last = table.metrics[table.default_metric][:, :, -1]
    unit = np.median(last) - table.best()
    best = {name: group.sort_values("seed")["best"].to_numpy() for name, group in runs.groupby("scheduler")}
    for name in NAMES:
        mean, low, high = found[0].interval(name)
        assert mean == pytest.approx(100 * (best[name] - best["random"]).mean() / unit)
        assert low <= mean <= high
        assert found[0].paired[name].won == (best[name] < best["random"]).mean()
    assert found[0].random == pytest.approx((best["random"] - table.best()).mean() / unit)


def test_tables_whose_low_fidelities_tell_most_come_first(found: list[Any]) -> None:
    assert [comparison.table.partition(":")[0] for comparison in found] == ["power-law", "adversarial"]
    assert found[0].mean_correlation > 0.5 > -0.5 > found[1].mean_correlation


def test_runs_beyond_the_bound_are_counted() -> None:
    runs = runs_of(TELLING, ("clairvoyant",))
    assert sanity.beyond_the_bound(runs) == 0
    worse = [[value + 0.5 for value in values] for values in runs["values"]]
    is_bound = runs["scheduler"] == "clairvoyant"
    runs["values"] = [bad if bound else good for bad, good, bound in zip(worse, runs["values"], is_bound, strict=True)]
    assert sanity.beyond_the_bound(runs) == 3


def test_the_table_has_a_row_for_each_table_and_a_column_for_each_scheduler(found: list[Any]) -> None:
    head, rule, *rows = sanity.markdown(found).splitlines()
    assert head.endswith("| asha-stopping | hyperband | clairvoyant (bound) |")
    assert {row.count("|") for row in (head, rule, *rows)} == {7}
    assert [row.split("`")[1] for row in rows] == [comparison.table for comparison in found]
    mean, low, high = found[1].interval("hyperband")
    won, lost = (round(3 * share) for share in (found[1].paired["hyperband"].won, found[1].paired["hyperband"].lost))
    assert f"| {mean:+.1f} ({low:+.1f} to {high:+.1f}), {won}:{lost} |" in rows[1]


def test_the_verdict_counts_intervals_on_either_side(found: list[Any]) -> None:
    telling, misleading, bound = sanity.verdicts(found)
    for sentence, comparison in ((telling, found[0]), (misleading, found[1])):
        intervals = [comparison.interval(name) for name in NAMES[:2]]
        better, worse = sum(high < 0 for *_, high in intervals), sum(low > 0 for _, low, _ in intervals)
        assert comparison.table in sentence
        counts = f"{better} better than random search, {worse} worse, {2 - better - worse} neither"
        assert sentence.endswith(f": of 2 intervals {counts}")
    assert bound == "0 of 18 runs were at some time better than the clairvoyant bound"


def test_the_picture_shows_every_mean_and_interval(found: list[Any], tmp_path: Path) -> None:
    found = [replace(comparison, table=comparison.table.partition(":")[0]) for comparison in found]
    searchers = sanity.compare("hartmann3:n=60", ("random+evolution",), Budget(trials=12), range(2), jobs=1)
    figure = sanity.draw(found, [replace(searchers, table="hartmann3")])
    figure.savefig(tmp_path / "sanity.png")
    assert (tmp_path / "sanity.png").stat().st_size > 10_000
    left, right, _ = figure.axes
    drawn = [tuple(line.get_xdata()) for line in left.get_lines()]
    for comparison in found:
        for name in NAMES[:2]:
            mean, low, high = comparison.interval(name)
            assert (low, high) in drawn
            assert (mean,) in drawn
            marker = next(line for line in left.get_lines() if tuple(line.get_xdata()) == (mean,))
            assert (marker.get_markerfacecolor() == "white") == (low <= 0 <= high)
            assert left.get_xlim()[0] < low <= high < left.get_xlim()[1]
    assert [label.get_text().split()[0] for label in left.get_yticklabels()] == [c.table for c in found]
    assert len(right.get_yticklabels()) == 1
    box = figure.get_tightbbox()
    assert box.x0 >= -0.01
    assert box.x1 <= figure.get_size_inches()[0] + 0.01


@pytest.mark.slow
def test_early_stopping_pays_where_low_fidelities_tell_and_not_where_they_mislead() -> None:
    found = {table: sanity.compare(table, sanity.SCHEDULERS, sanity.TIME) for table in sanity.TABLES}
    names = [name for name in sanity.SCHEDULERS if name != "clairvoyant"]
    telling = [comparison for comparison in found.values() if comparison.mean_correlation >= sanity.HIGH]
    assert len(telling) >= 5
    for comparison in telling:
        for name in names:
            assert comparison.interval(name)[2] < 0, (comparison.table, name)
    for name in names:
        assert found["adversarial"].interval(name)[1] > 0, name
    for comparison in found.values():
        assert comparison.beyond == 0
        assert comparison.interval("clairvoyant")[2] < 0


# Differential evolution on hartmann6: over 20 seeds the interval holds zero, over 100 it does not.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "searchers", "seeds"),
    [
        ("hartmann6", ("random+kde", "random+gp", "random+evolution"), 20),
        ("hartmann3", sanity.SEARCHERS, 20),
        ("hartmann6", ("random+de",), 100),
    ],
)
def test_searchers_that_learn_beat_random_search_on_smooth_tables(
    table: str, searchers: tuple[str, ...], seeds: int
) -> None:
    comparison = sanity.compare(table, searchers, sanity.TRAININGS, range(seeds))
    for name in searchers:
        assert comparison.interval(name)[2] < 0, name

"""What a report tells of runs: what was compared, tables that agree with the statistics, and runs to replay."""

from __future__ import annotations

from math import inf, nan
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from tables import random_table

from analysis import aggregate, as_runs, average_ranks, compare_all, curves, scores
from analysis.finding import finding
from analysis.report import Report, contents, page, replays
from analysis.runs import RunsError
from blackboxes import Blackbox
from simulator import Simulation
from simulator.study import Run, run_row

SCHEDULERS = ["asha-stopping", "random", "hyperband"]


def table() -> Blackbox:
    return random_table(7, n=40, size=9, levels=None, times="fine")


def rows(schedulers: list[str] = SCHEDULERS, seeds: int = 4, **others: Any) -> list[dict[str, Any]]:
    runs = [Run("in memory", name, seed, 2, **others) for name in schedulers for seed in range(seeds)]
    with mock.patch("simulator.study.run._table", return_value=table()):
        return [run_row(run) for run in runs]


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return as_runs(rows())


@pytest.fixture(scope="module")
def report(runs: pd.DataFrame) -> Report:
    return contents(runs)


def test_title_facts_and_finding_are_of_these_runs(runs: pd.DataFrame, report: Report) -> None:
    assert report.title == "3 schedulers on random:7"
    facts = dict(report.facts)
    assert facts["Schedulers"] == "asha-stopping, random, hyperband"
    assert facts["Seeds"].startswith("4 ")
    assert facts["Workers"] == "2"
    assert facts["Budget"] == "no limit of time"
    assert facts["Runs"].startswith("12, SHA-256 of their digests ")
    assert report.finding == finding(runs)
    assert contents(as_runs(rows(seeds=3))).facts != report.facts


def test_panels_are_the_statistics(runs: pd.DataFrame, report: Report) -> None:
    regret, values = report.panels
    assert values.title == "random:7: median and quartiles"
    assert regret.title == "Regret: mean and 95% interval"
    some = curves(runs, scale="normalised", x="trainings")
    for panel, statistic in ((regret, lambda paired: aggregate(paired, "mean")), (report.ranks, average_ranks)):
        assert panel is not None
        frame = panel.curves
        at = frame["x"].to_numpy()[: len(frame) // 3]
        found: Any = statistic(scores(some, at))
        middle = found.middle if panel is regret else found.mean
        for name, array in (("middle", middle), ("lower", found.lower), ("upper", found.upper)):
            np.testing.assert_allclose(frame[name].to_numpy().reshape(3, -1), array)
        assert list(dict.fromkeys(frame["scheduler"])) == SCHEDULERS
    assert report.ranks is not None
    assert report.ranks.y_reversed


def test_tables_are_the_statistics(runs: pd.DataFrame, report: Report) -> None:
    tables = {table.title: table.frame for table in report.tables}
    pairs = tables["Who is better at the end, and how surely"]
    expected = compare_all(scores(curves(runs, scale="normalised", x="trainings"), np.array([inf])))
    expected = expected.set_index(["scheduler", "other"])["difference"]
    assert len(pairs) >= 3  # each pair once, and equals twice
    for row in pairs.to_dict("records"):
        assert row["difference"] == expected[row["scheduler"], row["than"]] <= 0
    times = tables["Time to a normalised regret of 0.05"]
    assert "times sooner than random" in times
    assert times["scheduler"].tolist() == SCHEDULERS
    left = tables["What one is left with"]
    losses = {
        name: [row["charged_values"][-1] for row in runs.to_dict("records") if row["scheduler"] == name]
        for name in SCHEDULERS
    }
    assert left["value"].tolist() == pytest.approx([np.median(losses[name]) for name in SCHEDULERS])
    spent = tables["Where the time of the workers went"].set_index("scheduler")
    np.testing.assert_allclose(spent.sum(axis=1), 1.0)


def test_baseline_is_random_or_the_first_or_as_asked(runs: pd.DataFrame) -> None:
    def said(report: Report) -> str:
        [name] = [column for table in report.tables for column in table.frame if column.startswith("times sooner")]
        return str(name)

    assert said(contents(runs, "hyperband")) == "times sooner than hyperband"
    assert said(contents(runs[runs["scheduler"] != "random"])) == "times sooner than asha-stopping"
    with pytest.raises(RunsError, match=r"no run of the baseline 'none': known: asha-stopping, random, hyperband"):
        contents(runs, "none")


def test_runs_that_are_missing_are_told(runs: pd.DataFrame) -> None:
    report = contents(runs.iloc[1:])
    assert report.notes[0] == "2 of 11 runs are left out: not every scheduler has their seed."
    assert dict(report.facts)["Seeds"].startswith("3 ")


@pytest.mark.parametrize(
    ("some", "said"),
    [
        ({"schedulers": ["random"]}, "Only random was run on random:7, so that there is nothing to compare."),
        ({"seeds": 1}, "One seed does not tell"),
        ({"schedulers": ["random", "clairvoyant"]}, "Only random was run on"),
    ],
)
def test_little_to_compare_gives_a_page_that_says_so(some: dict[str, Any], said: str) -> None:
    report = contents(as_runs(rows(**some)))
    assert report.finding.startswith(said)
    assert page(report).startswith("<!DOCTYPE html>")


def test_regret_without_a_scale_gives_a_page_without_it(runs: pd.DataFrame) -> None:
    report = contents(runs.assign(table_median=runs["table_best"]))
    assert report.finding.startswith("No finding: random:7: regret has no scale")
    assert report.ranks is None
    assert [panel.title for panel in report.panels] == ["random:7: median and quartiles"]
    assert page(report).startswith("<!DOCTYPE html>")


def test_runs_without_any_result_give_a_page() -> None:
    nothing = table()
    nothing = Blackbox(
        space="",
        configs=nothing.columns,
        resources=nothing.resources,
        metrics={name: values * nan for name, values in nothing.metrics.items()},
        metric_info=nothing.metric_info,
        elapsed=nothing.elapsed,
    )
    runs = [Run("in memory", name, seed) for name in ("random", "asha-stopping") for seed in range(2)]
    with mock.patch("simulator.study.run._table", return_value=nothing):
        report = contents(as_runs([run_row(run) for run in runs]))
    assert page(report).startswith("<!DOCTYPE html>")


def test_the_bound_is_a_curve_and_takes_no_part_in_statistics() -> None:
    report = contents(as_runs(rows([*SCHEDULERS, "clairvoyant"])))
    assert dict(report.facts)["Schedulers"] == ", ".join(SCHEDULERS)
    values = report.panels[1]
    assert values.bound == "clairvoyant"
    assert set(report.panels[0].curves["scheduler"]) == set(SCHEDULERS)


def test_several_tables_have_a_panel_each_and_one_for_all(runs: pd.DataFrame) -> None:
    both = pd.concat([runs, runs.assign(table="other")])
    report = contents(both)
    assert report.title == "3 schedulers on 2 tasks"
    assert [panel.title.partition(":")[0] for panel in report.panels] == ["Regret over 2 tasks", "random", "other"]
    assert "over 4 seeds each" in report.finding


def test_whose_code_decided_is_told_where_any_is_of_another_library(runs: pd.DataFrame) -> None:
    libraries = {"hyperband": "ray 2.60.0", "asha-stopping": "optuna 5.0.0"}
    others = runs.assign(library=[libraries.get(name, "") for name in runs["scheduler"]])
    report = contents(others)
    assert report.libraries == libraries
    assert dict(report.facts)["Decided by"] == "optuna 5.0.0, rungsim, ray 2.60.0"
    summary = report.tables[0]
    assert list(summary.frame)[:2] == ["scheduler", "decided by"]
    assert summary.frame["decided by"].tolist() == ["optuna 5.0.0", "rungsim", "ray 2.60.0"]
    assert "Decided by: whose code" in summary.note

    alone = contents(others[others["scheduler"] == "hyperband"])
    assert alone.tables[0].frame["decided by"].tolist() == ["ray 2.60.0"]


def test_where_all_are_of_rungsim_or_rows_are_older_nothing_is_said_of_it(runs: pd.DataFrame, report: Report) -> None:
    own = page(report)
    assert "decided by" not in own.lower()
    assert page(contents(runs.drop(columns="library"))) == own
    assert page(contents(runs.assign(library=[None, *runs["library"][1:]]))) == own


def test_replays_are_the_recorded_runs(runs: pd.DataFrame) -> None:
    with mock.patch("simulator.study.run._table", return_value=table()):
        traces, left_off = replays(runs, 2)
    assert left_off == ""
    for trace, name in zip(traces, SCHEDULERS, strict=True):
        assert trace.info.scheduler == name
        assert trace.digest() == Simulation(table(), name, workers=2, seed=2).run().digest()


def test_the_most_typical_seed_is_replayed(runs: pd.DataFrame) -> None:
    odd = runs.copy()
    odd["times"] = [[] if seed != 1 else times for seed, times in zip(odd["seed"], odd["times"], strict=True)]
    odd["values"] = [[] if seed != 1 else values for seed, values in zip(odd["seed"], odd["values"], strict=True)]
    with mock.patch("simulator.study.run._table", return_value=table()):
        traces, _ = replays(odd)
    assert {trace.info.seed for trace in traces} == {0}  # three runs alike are the median, one is not


def test_what_cannot_be_replayed_is_told(runs: pd.DataFrame) -> None:
    with mock.patch("simulator.study.run._table", return_value=table()):
        changed = runs.assign(
            digest=[
                "0" * 64 if name == "random" else d for name, d in zip(runs["scheduler"], runs["digest"], strict=True)
            ]
        )
        traces, left_off = replays(changed, 0)
        assert [trace.info.scheduler for trace in traces] == ["asha-stopping", "hyperband"]
        assert left_off.startswith("random, simulated again, gives another run than the one recorded")
        with pytest.raises(RunsError, match=r"no run with the seed 9: known: 0, 1, 2, 3"):
            replays(runs, 9)
    traces, left_off = replays(runs.assign(source="none.h5"), 0)
    assert traces == []
    assert "random cannot be simulated again: none.h5" in left_off
    traces, left_off = replays(runs.drop(columns="max_trials"), 0)
    assert left_off == "The runs do not tell how to repeat them (max_trials): run the comparison again."

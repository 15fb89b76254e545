"""The summary of runs against plain loops over all results."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import by_hand, simulated

from analysis import as_runs, load_runs, summarise
from analysis.runs import RunsError
from analysis.summary import time_to_within
from simulator import Trace
from simulator.study import write_rows


def first_time_within(trace: Trace, share: float) -> float:
    """When a result first lay within `share` of the way from the table's best to its median at r_max."""
    metric = trace.info.metric
    values, sign = trace.table.metrics[metric], trace.table.metric_info[metric].sign
    losses = [sign * float(v) for v in values.ravel() if not isnan(v)]
    at_r_max = [sign * float(v) for v in values[:, :, -1].ravel() if not isnan(v)]
    if not at_r_max:
        return inf
    scale = np.median(at_r_max) - min(losses)
    goal = min(losses) + share * scale
    for result in trace.results().to_dict("records"):
        if sign * result[metric] <= goal:
            return float(result["time"])
    return inf


@settings(max_examples=60)
@given(simulated(), st.sampled_from([0.0, 0.01, 0.05, 0.5, 1.0]))
def test_time_to_within_is_that_of_the_first_result_that_is_good_enough(
    run: tuple[list[Trace], list[dict[str, Any]]], share: float
) -> None:
    [trace], rows = run
    assert time_to_within(as_runs(rows).iloc[0], share) == first_time_within(trace, share)


@settings(max_examples=40)
@given(simulated(seeds=3))
def test_summary_of_simulated_runs(runs: tuple[list[Trace], list[dict[str, Any]]]) -> None:
    traces, rows = runs
    [line] = summarise(as_runs(rows)).itertuples()
    metric = traces[0].info.metric
    sign = traces[0].table.metric_info[metric].sign
    finals = []
    for trace in traces:
        losses = [sign * v for v in trace.results()[metric] if not isnan(v)]
        finals.append(sign * min(losses) if losses else nan)
    ranked = sorted(finals, key=lambda v: inf if isnan(v) else sign * v)
    np.testing.assert_equal(line.final, ranked[1])
    if not np.isnan(finals).any():
        np.testing.assert_allclose((line.final_q1, line.final_q3), np.quantile(finals, [0.25, 0.75]), rtol=1e-12)
        np.testing.assert_equal(line.regret, abs(ranked[1] - traces[0].table.best(metric)))
    for share, name in ((0.05, "5pct"), (0.01, "1pct")):
        times = sorted(first_time_within(trace, share) for trace in traces)
        assert getattr(line, f"time_to_{name}") == times[1]
        assert getattr(line, f"reached_{name}") == pytest.approx(np.isfinite(times).mean())
    assert line.runs == 3
    assert line.trials == pytest.approx(np.mean([trace.results()["trial"].nunique() for trace in traces]), abs=4)
    assert line.exhausted == sum(trace.info.exhausted_at is not None for trace in traces)
    assert 0 <= line.idle + 1e-9 <= 1 + 1e-9


def test_final_regret_and_test_are_those_of_the_last_incumbent() -> None:
    rows = [
        by_hand([1.0, 2.0], [0.9, v], seed=i, test_values=[0.1, v + 0.05], table_best=0.1)
        for i, v in enumerate([0.2, 0.3, 0.5])
    ]
    [line] = summarise(as_runs(rows)).itertuples()
    assert (line.final, line.final_q1, line.final_q3) == (0.3, 0.25, 0.4)
    assert line.regret == pytest.approx(0.2)
    assert line.test == pytest.approx(0.35)


def test_one_run_without_a_result_counts_as_worst_and_hides_no_other() -> None:
    rows = [by_hand([1.0], [v], seed=i) for i, v in enumerate([0.2, 0.2])] + [by_hand([], [], seed=2)]
    [line] = summarise(as_runs(rows)).itertuples()
    assert (line.final, line.final_q1, line.regret, line.test) == (0.2, 0.2, 0.2, 0.2)
    assert isnan(line.final_q3)
    rows = [row | {"direction": "max", "test_direction": "max"} for row in rows]
    [line] = summarise(as_runs(rows)).itertuples()
    assert (line.final, line.final_q3) == (0.2, 0.2)
    assert isnan(line.final_q1)


def test_runs_that_all_diverged_reach_nothing() -> None:
    [line] = summarise(as_runs([by_hand([], [], seed=seed) for seed in range(4)])).itertuples()
    assert np.isnan([line.final, line.final_q1, line.final_q3, line.regret, line.test]).all()
    assert (line.time_to_5pct, line.time_to_1pct, line.reached_5pct, line.reached_1pct) == (inf, inf, 0, 0)


def test_test_is_nan_without_a_test_metric() -> None:
    [line] = summarise(as_runs([by_hand([1.0], [0.5], test_values=[], test_direction=None)])).itertuples()
    assert isnan(line.test)


@pytest.mark.parametrize(("reached", "expected"), [(4, 3.0), (3, 3.0), (2, inf), (1, inf), (0, inf)])
def test_time_to_is_infinite_once_half_of_the_runs_never_get_there(reached: int, expected: float) -> None:
    rows = [by_hand([1.0 + i], [0.005 if i < reached else 0.9], seed=i) for i in range(4)]
    [line] = summarise(as_runs(rows)).itertuples()
    assert line.time_to_1pct == expected
    assert line.reached_1pct == reached / 4


def test_the_scale_of_within_is_the_way_from_the_best_to_the_median() -> None:
    low = as_runs([by_hand([1.0, 2.0, 3.0], [0.9, 0.45, 0.41], table_best=0.4, table_median=1.4)]).iloc[0]
    assert time_to_within(low, 0.05) == 2.0
    assert time_to_within(low, 0.01) == 3.0
    assert time_to_within(low, 0.001) == inf
    high = as_runs([by_hand([1.0, 2.0], [0.5, 0.86], direction="max", table_best=0.9, table_median=0.1)]).iloc[0]
    assert time_to_within(high, 0.05) == 2.0
    assert time_to_within(high, 0.01) == inf


def test_whose_code_decided_is_told_by_scheduler_and_older_rows_are_of_rungsim() -> None:
    rows = [
        by_hand([1.0], [0.5], "own", library=""),
        by_hand([1.0], [0.5], "own", seed=1),  # from before there was such a column
        by_hand([1.0], [0.5], "ray:ASHAScheduler", library="ray 2.60.0"),
        by_hand([1.0], [0.5], "ray:ASHAScheduler", seed=1, library="ray 2.61.0"),
        by_hand([1.0], [0.5], "ray:ASHAScheduler", seed=2, library="ray 2.60.0"),
    ]
    assert summarise(as_runs(rows))["decided_by"].tolist() == ["rungsim", "ray 2.60.0, ray 2.61.0"]
    assert summarise(as_runs(rows[1:2]))["decided_by"].tolist() == ["rungsim"]


def test_one_line_for_each_table_and_scheduler_in_the_order_of_their_first_runs() -> None:
    rows = [by_hand([1.0], [0.5], s, table=t) for t, s in [("b:1", "z"), ("b:1", "a"), ("a:1", "z"), ("b:1", "z")]]
    lines = summarise(as_runs(rows))
    assert list(zip(lines["table"], lines["scheduler"], lines["runs"], strict=True)) == [
        ("b:1", "z", 2),
        ("b:1", "a", 1),
        ("a:1", "z", 1),
    ]


def test_exhausted_counts_the_runs_that_used_up_the_table() -> None:
    rows = [by_hand([1.0], [0.5], seed=i, exhausted_at=at) for i, at in enumerate([None, 0.0, 3.5, None])]
    [line] = summarise(as_runs(rows)).itertuples()
    assert line.exhausted == 2


@settings(max_examples=15)
@given(simulated(seeds=2))
def test_runs_read_from_parquet_give_the_same_summary(
    tmp_path_factory: pytest.TempPathFactory, runs: tuple[list[Trace], list[dict[str, Any]]]
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    write_rows(runs[1], folder / "runs.parquet")
    expected = summarise(as_runs(runs[1]))
    for path in (folder, folder / "runs.parquet"):
        assert summarise(load_runs(path)).to_csv() == expected.to_csv()


def test_what_does_not_hold_runs_is_an_error_that_names_the_file(tmp_path: Any) -> None:
    with pytest.raises(RunsError, match=r"runs\.parquet: there is no such file"):
        load_runs(tmp_path)
    (tmp_path / "runs.parquet").write_text("not Parquet")
    with pytest.raises(RunsError, match=r"runs\.parquet"):
        load_runs(tmp_path)
    write_rows([{"scheduler": "random"}], tmp_path / "runs.parquet")
    with pytest.raises(RunsError, match=r"runs\.parquet: columns are missing: table, metric, "):
        load_runs(tmp_path)
    with pytest.raises(RunsError, match="there is no run"):
        as_runs([])
    with pytest.raises(RunsError, match=r"several metrics on made:by-hand: loss, other"):
        as_runs([by_hand([1.0], [0.5]), by_hand([1.0], [0.5], metric="other")])


def test_shares_of_the_workers_time_and_what_they_cost() -> None:
    """The mean of the runs' shares, a run that took no time left out; one line for each cluster."""
    spent = {"useful": 4.0, "repeated": 1.0, "stopped": 1.0, "barrier": 2.0, "no_work": 0.0, "overhead": 2.0}
    parts = {f"time_{name}": seconds for name, seconds in spent.items()}
    none = dict.fromkeys(parts, 0.0)
    rows = [
        by_hand([1.0], [0.5], cluster="spot", worker_time=10.0, crashes=3, preemptions=1, failed=1, cost=2.0, **parts),
        by_hand([1.0], [0.5], cluster="spot", worker_time=0.0, crashes=0, preemptions=0, failed=0, cost=0.0, **none),
        by_hand([1.0], [0.5], cluster="spot", worker_time=20.0, crashes=0, preemptions=4, failed=0, cost=4.0)
        | parts | {"time_useful": 14.0},
        by_hand([1.0], [0.5]),
    ]  # fmt: skip
    spot, plain = summarise(as_runs(rows)).itertuples()
    assert (spot.cluster, spot.runs, plain.cluster, plain.runs) == ("spot", 3, "", 1)
    shares = [getattr(spot, f"share_{name}") for name in spent]
    assert shares == pytest.approx([0.55, 0.075, 0.075, 0.15, 0.0, 0.15])
    assert (spot.crashes, spot.preemptions, spot.failed, spot.cost) == pytest.approx((1, 5 / 3, 1 / 3, 2))
    assert isnan(plain.share_useful)
    assert isnan(plain.cost)


@settings(max_examples=15)
@given(simulated(seeds=2))
def test_shares_add_up_to_all_of_the_time(runs: tuple[list[Trace], list[dict[str, Any]]]) -> None:
    [line] = summarise(as_runs(runs[1])).itertuples()
    parts = ("useful", "repeated", "stopped", "barrier", "no_work", "overhead")
    total = sum(getattr(line, f"share_{name}") for name in parts)
    assert total == pytest.approx(1) or all(row["worker_time"] == 0 for row in runs[1])
    assert line.share_barrier + line.share_no_work == pytest.approx(line.idle) or isnan(total)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"end": nan}, "its end is nan, and a run ends at a number of seconds from 0 on"),
        ({"end": -1.0}, "its end is -1, and a run ends"),
        ({"times": [-5.0, 1.0]}, "times has an entry that is no number of seconds from 0 on"),
        ({"times": [nan, 1.0]}, "times has an entry that is no number of seconds from 0 on"),
        ({"times": [2.0, 1.0]}, "times go back"),
        ({"highest_times": [2.0, 1.0]}, "highest_times go back"),
        ({"charged_times": [inf, 1.0]}, "charged_times has an entry that is no number"),
    ],
)
def test_times_that_cannot_be_are_an_error_that_names_the_run(wrong: dict[str, Any], said: str) -> None:
    good = by_hand([1.0, 2.0], [0.5, 0.4], charged_times=[2.0, 1.0])  # which may be overtaken
    with pytest.raises(RunsError, match=f"here: asha on made:by-hand, seed 7: {said}"):
        as_runs([good, by_hand([1.0, 2.0], [0.5, 0.4], "asha", 7) | wrong], "here")


def test_rows_that_tell_less_than_others_have_empty_lists() -> None:
    runs = as_runs([by_hand([1.0], [0.5], charged_times=[2.0]), by_hand([1.0], [0.5])])
    assert [len(times) for times in runs["charged_times"]] == [1, 0]

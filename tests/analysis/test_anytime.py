"""Anytime performance against plain loops over all results of a run."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import by_hand, scored, simulated, value_at

from analysis import aggregate, anytime, as_runs, curves, paired, scores
from analysis.curves import grid as grid_of
from analysis.runs import RunsError
from simulator import Trace


def scored_plainly(trace: Trace, times: Sequence[float], score: str) -> list[float]:
    """What the first of the best results by each time, of all epochs, counts for; NaN where there is none."""
    metric, results = trace.info.metric, trace.results().to_dict("records")
    sign, best_of_all = trace.table.metric_info[metric].sign, trace.table.best(metric)
    found = []
    for time in times:
        best = None
        for result in results:
            value = result[metric]
            if result["time"] <= time and not isnan(value) and (best is None or sign * value < sign * best[metric]):
                best = result
        if best is None:
            found.append(nan)
        else:
            found.append(
                {"reported": best[metric], "regret": abs(best[metric] - best_of_all), "test": best["test"]}[score]
            )
    return found


def some_times(trace: Trace) -> np.ndarray:
    """Before everything, after everything, and at results' times, just before and just after."""
    times = trace.results()["time"].to_numpy()
    times = times[:: max(1, len(times) // 8)]
    return np.concatenate([[0.0, 1e9], times, np.nextafter(times, -inf), np.nextafter(times, inf)])


@settings(max_examples=80)
@given(simulated(), st.sampled_from(["reported", "regret", "test"]))
def test_curve_is_the_first_of_the_best_results_up_to_then(
    run: tuple[list[Trace], list[dict[str, Any]]], score: Any
) -> None:
    [trace], rows = run
    times = some_times(trace)
    np.testing.assert_array_equal(value_at(rows[0], times, score), scored_plainly(trace, times, score))


@settings(max_examples=30)
@given(simulated())
def test_regret_is_never_negative_and_never_grows(run: tuple[list[Trace], list[dict[str, Any]]]) -> None:
    [trace], rows = run
    regret = value_at(rows[0], np.unique(some_times(trace)), "regret")
    known = regret[~np.isnan(regret)]
    assert (known >= 0).all()
    assert (np.diff(known) <= 0).all()
    assert not np.isnan(regret[len(regret) - len(known) :]).any()  # once known, it stays known


def test_an_improvement_counts_at_its_very_time() -> None:
    run = by_hand([1.0, 2.5], [0.8, 0.3])
    times = np.array([3.0, 2.5, np.nextafter(2.5, 0), 1.0, np.nextafter(1.0, 0)])  # in any order
    np.testing.assert_array_equal(value_at(run, times), [0.3, 0.3, 0.8, 0.8, nan])


def test_of_several_improvements_at_one_time_the_last_counts() -> None:
    run = by_hand([1.0, 1.0], [0.8, 0.3])
    np.testing.assert_array_equal(value_at(run, np.array([1.0])), [0.3])


def plain_quantile(values: list[float], q: float, direction: str) -> float:
    """Between the two neighbours in rank; NaN (none yet) ranks last, and what rests on one is NaN."""
    ranked = sorted(values, key=lambda v: (isnan(v), v)) if direction == "min" else sorted(values, key=_worst_first)
    position = q * (len(ranked) - 1)
    low, high = ranked[int(position)], ranked[min(int(position) + 1, len(ranked) - 1)]
    return low if position == int(position) else low + (high - low) * (position - int(position))


def _worst_first(value: float) -> tuple[bool, float]:
    return (not isnan(value), value)


@settings(max_examples=30)
@given(simulated(seeds=5), st.sampled_from(["reported", "regret", "test"]))
def test_quartiles_rank_runs_without_a_result_worst(runs: tuple[list[Trace], list[dict[str, Any]]], score: Any) -> None:
    traces, rows = runs
    table = traces[0].table
    direction = "min" if score == "regret" else table.metric_info["test" if score == "test" else "loss"].direction
    times = np.unique(np.concatenate([some_times(trace)[1:5] for trace in traces]))
    values = zip(*(scored_plainly(trace, times, score) for trace in traces), strict=True)
    found = anytime(scored(rows, score), times)
    assert found["x"].tolist() == times.tolist()
    assert set(found["runs"]) == {5}
    for now, curve in zip(values, found.itertuples(), strict=True):
        expected = [plain_quantile(list(now), q, direction) for q in (0.25, 0.5, 0.75)]
        np.testing.assert_allclose([curve.lower, curve.middle, curve.upper], expected, rtol=1e-12)


@given(
    st.lists(st.floats(-1e6, 1e6).map(lambda v: round(v, 3)), min_size=1, max_size=30),
    st.sampled_from(["min", "max"]),
)
@settings(max_examples=30)
def test_quartiles_are_numpys_where_every_run_has_a_result(values: list[float], direction: str) -> None:
    runs = as_runs([by_hand([1.0], [v], seed=i, direction=direction) for i, v in enumerate(values)])
    [curve] = anytime(runs, at=np.array([5.0])).itertuples()
    expected = np.quantile(values, [0.25, 0.5, 0.75])
    np.testing.assert_allclose([curve.lower, curve.middle, curve.upper], expected, rtol=1e-12, atol=1e-9)
    assert curve.lower <= curve.middle <= curve.upper


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7, 1e-17])
@pytest.mark.parametrize("seeds", [1, 2, 3, 4, 6, 7])
def test_quartiles_of_equal_runs_are_their_value_to_the_last_bit(value: float, seeds: int) -> None:
    runs = as_runs([by_hand([1.0], [value], seed=seed) for seed in range(seeds)])
    [curve] = anytime(runs, at=np.array([5.0])).itertuples()
    assert curve.lower == curve.middle == curve.upper == value


@pytest.mark.parametrize(("direction", "known"), [("min", ("lower", "middle")), ("max", ("middle", "upper"))])
def test_one_run_without_a_result_is_the_worst_one_whichever_way_is_up(direction: str, known: tuple[str, str]) -> None:
    runs = as_runs(
        [by_hand([1.0], [v], seed=i, direction=direction) for i, v in enumerate([0.4, 0.4])]
        + [by_hand([], [], seed=2, direction=direction)]
    )
    [curve] = anytime(runs, at=np.array([5.0])).itertuples()
    for name in ("lower", "middle", "upper"):
        assert getattr(curve, name) == 0.4 if name in known else isnan(getattr(curve, name))


def test_the_test_metric_has_a_direction_of_its_own() -> None:
    accuracies: list[list[float]] = [[0.7], [0.9], []]
    runs = as_runs(
        [by_hand([1.0][: len(a)], [0.5][: len(a)], seed=i, test_values=a, test_direction="max")
         for i, a in enumerate(accuracies)]
    )  # fmt: skip
    [curve] = anytime(scored(runs, "test"), np.array([5.0])).itertuples()
    assert isnan(curve.lower)  # between 0.7 and the run without a result
    assert curve.middle == 0.7
    assert curve.upper == pytest.approx(0.8)


def test_a_run_that_ends_early_keeps_its_last_value() -> None:
    runs = as_runs([by_hand([1.0], [0.8], seed=0, end=2.0), by_hand([1.0, 9.0], [0.6, 0.2], seed=1, end=10.0)])
    found = anytime(runs, at=np.array([1.0, 5.0, 10.0]))
    np.testing.assert_allclose(found["middle"], [0.7, 0.7, 0.5])


def test_runs_that_all_diverged_have_no_value_at_any_time() -> None:
    runs = as_runs([by_hand([], [], seed=seed) for seed in range(3)])
    found = anytime(runs)
    assert found[["lower", "middle", "upper"]].isna().all(axis=None)


def test_each_scheduler_has_its_curve_in_the_order_of_their_first_runs() -> None:
    runs = as_runs([by_hand([1.0], [0.5], name) for name in ("zebra", "ant", "zebra", "moth")])
    found = anytime(runs, at=np.array([1.0, 2.0]))
    assert found["scheduler"].tolist() == ["zebra", "zebra", "ant", "ant", "moth", "moth"]
    assert found["runs"].tolist() == [2, 2, 1, 1, 1, 1]


@settings(max_examples=20)
@given(simulated(seeds=2))
def test_default_times_go_from_the_first_result_to_the_last_end(
    runs: tuple[list[Trace], list[dict[str, Any]]],
) -> None:
    frame = as_runs(runs[1])
    grid = grid_of(curves(frame))
    first = min((times[0] for times in frame["times"] if len(times)), default=0.0)
    assert grid[-1] == frame["end"].max()
    assert grid[0] == max(first, frame["end"].max() / 1e6)
    assert (np.diff(grid) >= 0).all()
    assert grid_of(curves(frame), span=10)[0] == max(first, frame["end"].max() / 10)


def test_unknown_score_and_missing_test_metric_are_errors() -> None:
    runs = as_runs([by_hand([1.0], [0.5], test_values=[], test_metric=None, test_direction=None)])
    with pytest.raises(RunsError, match=r"score is one of reported, test, mean, not 'tset'"):
        curves(runs, "tset")  # type: ignore[arg-type]
    with pytest.raises(RunsError, match=r"made:by-hand has no test metric"):
        curves(runs, "test")


def test_curves_of_several_tables_are_an_error() -> None:
    runs = as_runs([by_hand([1.0], [0.5]), by_hand([1.0], [0.5], table="made:other")])
    with pytest.raises(RunsError, match=r"one table, not made:by-hand, made:other"):
        anytime(runs)


def test_runs_are_not_changed() -> None:
    runs = as_runs([by_hand([1.0], [0.5], seed=seed) for seed in range(2)])
    before = runs.copy(deep=True)
    anytime(scored(runs, "regret"))
    pd.testing.assert_frame_equal(runs, before)


def priced(costs: Sequence[float], values: Sequence[float], cost: float = 8.0, **others: Any) -> dict[str, Any]:
    """A run whose workers have a price."""
    return by_hand(list(range(1, len(costs) + 1)), values, costs=list(costs), cost=cost, cluster="spot", **others)


def test_money_takes_the_place_of_time() -> None:
    runs = as_runs([priced([0.5, 4.0], [0.8, 0.2], seed=0), priced([2.0, 3.0], [0.6, 0.4], seed=1)])
    found = anytime(curves(runs, x="cost"), at=np.array([0.4, 0.5, 2.0, 3.5, 4.0]))
    assert found["x"].tolist() == [0.4, 0.5, 2.0, 3.5, 4.0]
    np.testing.assert_allclose(found["middle"], [nan, nan, 0.7, 0.6, 0.3])
    grid = anytime(curves(runs, x="cost"))["x"]
    assert (grid.min(), grid.max()) == pytest.approx((0.5, 8.0))


def test_schedulers_are_compared_at_equal_cost() -> None:
    runs = as_runs(
        [priced([1.0, 6.0], [0.8, 0.1], scheduler="a", seed=seed) for seed in range(3)]
        + [priced([2.0, 3.0], [0.6, 0.2], scheduler="b", seed=seed) for seed in range(3)]
    )
    assert paired(curves(runs, x="cost"), "a", "b", at=5.0).mean == pytest.approx(0.6)
    assert paired(curves(runs, x="cost"), "a", "b", at=6.0).mean == pytest.approx(-0.1)
    assert paired(runs, "a", "b", at=2.0).mean == pytest.approx(-0.1)


@settings(max_examples=10)
@given(simulated(seeds=2))
def test_without_comings_and_goings_money_is_time_times_price(runs: tuple[list[Trace], list[dict[str, Any]]]) -> None:
    per = 0.25  # keeps every bit
    rows = [
        row | {"costs": [time * per for time in row["times"]], "cost": row["end"] * per, "cluster": "c"}
        for row in runs[1]
    ]
    times = np.unique(some_times(runs[0][0]))
    times = times[times > 1e-9]
    in_time, in_money = anytime(as_runs(rows), times), anytime(curves(as_runs(rows), x="cost"), times * per)
    columns = ["middle", "lower", "upper"]
    np.testing.assert_array_equal(in_time[columns], in_money[columns])


@pytest.mark.parametrize(("cluster", "said"), [("spot", "on the cluster spot"), ("", "on no cluster")])
def test_money_without_a_price_is_an_error(cluster: str, said: str) -> None:
    with pytest.raises(RunsError, match=f"made:by-hand, random: it was run {said}, so that workers have no price"):
        curves(as_runs([by_hand([1.0], [0.5], cluster=cluster)]), x="cost")


def test_there_are_four_axes() -> None:
    with pytest.raises(RunsError, match=r"x is one of time, trainings, resource, cost, not 'costs'"):
        curves(as_runs([by_hand([1.0], [0.5])]), x="costs")  # type: ignore[arg-type]


def test_runs_of_several_clusters_are_not_mixed() -> None:
    runs = as_runs([by_hand([1.0], [0.5], cluster=cluster, seed=i) for i, cluster in enumerate(["spot", "", "spot"])])
    with pytest.raises(RunsError, match=r"anytime curves are drawn for one cluster, not none, spot"):
        anytime(runs)
    assert anytime(runs[runs["cluster"] == "spot"])["runs"].unique().tolist() == [2]
    with pytest.raises(RunsError, match=r"schedulers are compared on one cluster, not none, spot"):
        paired(runs, "random", "random")


def test_rows_from_before_there_were_clusters_are_of_none() -> None:
    row = by_hand([1.0], [0.5])
    assert "cluster" not in row
    assert "costs" not in row
    [run] = as_runs([row]).itertuples()
    assert (run.cluster, run.costs, run.crashes) == ("", [], 0)
    assert isnan(run.worker_time)
    assert isnan(run.cost)


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("how", ["median", "mean", "iqm"])
def test_other_middles_and_intervals_are_those_of_aggregates(direction: str, how: Any) -> None:
    draw = np.random.default_rng(0)
    rows = [
        by_hand([1.0], [float(draw.exponential())], name, seed, direction=direction)
        for name in ("a", "b", "clairvoyant")
        for seed in range(9)
    ]
    some, at = curves(as_runs(rows)), np.array([0.5, 5.0])
    sign = 1 if direction == "min" else -1
    expected = aggregate(scores(some, at, bound=True), how)
    found = anytime(some, at, how, "interval")
    assert found["scheduler"].tolist() == ["a", "a", "b", "b", "clairvoyant", "clairvoyant"]
    np.testing.assert_allclose(found["middle"], sign * expected.middle.ravel())
    ends = np.sort(sign * np.stack([expected.lower.ravel(), expected.upper.ravel()]), axis=0)
    np.testing.assert_allclose(found[["lower", "upper"]].to_numpy().T, ends)
    with_quartiles = anytime(some, at, how)
    np.testing.assert_allclose(with_quartiles["middle"], found["middle"])
    np.testing.assert_allclose(with_quartiles[["lower", "upper"]], anytime(some, at)[["lower", "upper"]])


def test_other_middles_and_bands_are_errors() -> None:
    runs = as_runs([by_hand([1.0], [0.5])])
    for asked in (("mode", "quartiles"), ("mean", "range")):
        with pytest.raises(RunsError, match="how is one of median, mean, iqm and band one of quartiles, interval"):
            anytime(runs, None, *asked)  # type: ignore[arg-type]

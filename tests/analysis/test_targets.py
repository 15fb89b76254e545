"""Time to a target: worked examples, published numbers, SciPy, brute force, and intervals that cover what they say."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isnan, log, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_reached import runs, some_runs, studies
from scipy.stats import binomtest, chi2, expon

from analysis.bootstrap import resample
from analysis.runs import RunsError
from analysis.targets import Reached, expected_time, speed_up, survival, time_to_target


def row(frame: pd.DataFrame, scheduler: str, task: str | None = "task-0") -> Any:
    """The row of a scheduler on a task, or on all of them."""
    of_task = frame["task"].isna() if task is None else frame["task"] == task
    (found,) = frame[(frame["scheduler"] == scheduler) & of_task].itertuples()
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"times": np.ones((2, 1, 3))}, r"times has the shape \(2, 1, 3\), and there are 2 schedulers, 1 tasks and 2"),
        ({"reached": np.ones((1, 2), bool)}, r"reached has the shape \(1, 2\)"),
        ({"reached": np.ones((2, 1, 2))}, "True or False of each run: an array of bool, not of float64"),
        (
            {"times": np.array([[[1.0, 2.0]], [[1.0, nan]]])},
            "task-0, b, seed 1: the time is nan; it is a number from 0",
        ),
        ({"times": np.array([[[1.0, 2.0]], [[-1.0, 2.0]]])}, "task-0, b, seed 0: the time is -1;"),
        ({"times": np.array([[[1.0, inf]], [[1.0, 2.0]]])}, "task-0, a, seed 1: the time is inf;"),
        ({"schedulers": ("a", "a")}, "'a' is twice among the schedulers"),
        ({"seeds": (4, 4)}, "4 is twice among the seeds"),
    ],
)
def test_what_does_not_fit_together_is_an_error(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RunsError, match=said):
        replace(runs([1, 2], [1, 2]), **change)


def test_what_is_not_there_is_an_error() -> None:
    some = runs([1, 2], [1, 2])
    with pytest.raises(RunsError, match="nothing to look at"):
        Reached(np.ones((0, 1, 2)), np.ones((0, 1, 2), bool), (), ("t",), (0, 1))
    with pytest.raises(RunsError, match="no run of 'c': known: a, b"):
        speed_up(some, "c")
    with pytest.raises(RunsError, match="no task 'x': known: task-0"):
        survival(some, "a", "x")
    with pytest.raises(RunsError, match="no other scheduler than 'a'"):
        speed_up(runs([1, 2]), "a")


# Time to target.


def test_time_to_target_by_hand() -> None:
    found = time_to_target(runs([1, 3, -4, 6], [2, 2, 2, -8]))
    a, b = row(found, "a"), row(found, "b")
    # Of a, 3/4 are left after 1, 2/4 after 3, and of the two that were, one ended at 4: 0 after 6, so it is known for
    # good; of b 1/4 are left after 2, up to 8.
    assert (a.runs, a.reached, a.share, a.median, a.horizon) == (4, 3, 0.75, 3, 8)
    assert a.mean == pytest.approx(1 + 2 * 3 / 4 + 3 * 2 / 4)
    assert (b.reached, b.median, b.mean) == (3, 2, pytest.approx(2 + 6 / 4))
    wilson = binomtest(3, 4).proportion_ci(method="wilson")
    assert (a.share_lower, a.share_upper) == pytest.approx((wilson.low, wilson.high))


def test_the_horizon_is_common_to_all_schedulers_of_a_task() -> None:
    found = time_to_target(runs([[1, -5], [2, 3]], [[4, -9], [1, -7]]))
    assert [row(found, s, t).horizon for t in ("task-0", "task-1", None) for s in "ab"] == [5, 5, 7, 7, 5, 5]
    # a on task-0 within 5: (1 + 5) / 2; on task-1: (2 + 3) / 2; together the mean of these.
    assert [row(found, "a", t).mean for t in ("task-0", "task-1", None)] == [3, 2.5, 2.75]
    # b on task-1 within 7: (1 + 7) / 2, within 5: (1 + 5) / 2.
    assert [row(found, "b", t).mean for t in ("task-0", "task-1", None)] == [4.5, 4, 3.75]


def test_without_censoring_the_restricted_mean_is_the_mean_and_a_point_if_all_agree() -> None:
    times = expon.ppf((np.arange(20) + 0.5) / 20)
    found = row(time_to_target(runs(times, np.full(20, 2.0))), "a")
    assert found.mean == pytest.approx(times.mean())
    # About Student's interval; longer above than below, since the times are skewed.
    half = 2.093 * times.std(ddof=1) / sqrt(20)
    assert found.mean_upper - found.mean_lower == pytest.approx(2 * half, rel=0.15)
    assert found.mean_upper - found.mean > found.mean - found.mean_lower
    agreed = row(time_to_target(runs(times, np.full(20, 2.0))), "b")
    assert (agreed.mean_lower, agreed.mean, agreed.mean_upper) == pytest.approx((2, 2, 2))


@given(some_runs())
@settings(max_examples=15)
def test_restricted_means_are_areas_under_survival(some: Reached) -> None:
    for found in time_to_target(some).dropna(subset="task").itertuples():
        curve = survival(some, found.scheduler, found.task)
        fine = np.linspace(0, found.horizon, 200_001)[:-1] + found.horizon / 400_000
        area = np.append(1.0, curve.shares)[np.searchsorted(curve.times, fine, side="right")].mean() * found.horizon
        assert found.mean == pytest.approx(area, abs=1e-4 * (1 + found.horizon))
        assert 0 <= found.mean_lower <= found.mean + 1e-9
        assert found.mean <= found.mean_upper + 1e-9
        assert found.mean_upper <= found.horizon
        assert found.share == np.mean(some.reached[some.index(found.scheduler), some.tasks.index(found.task)])
        assert 0 <= found.share_lower <= found.share <= found.share_upper <= 1


def test_nobody_there() -> None:
    found = row(time_to_target(runs([-4.0] * 10, [-4.0] * 10)), "a")
    assert (found.share, found.median, found.mean, found.horizon) == (0, inf, 4, 4)
    assert found.share_upper == pytest.approx(binomtest(0, 10).proportion_ci(method="wilson").high)


# Expected time.


def test_expected_time_by_hand() -> None:
    # a: 2 + 4 + 10 spent, two got there; b: all did; on task-1 a 6 spent by three that did, b none.
    found = expected_time(runs([[2, 4, -10], [1, 2, 3]], [[1, 1, 4], [-5, -5, -5]]))
    assert [row(found, "a", t).expected_time for t in ("task-0", "task-1", None)] == pytest.approx([8, 2, 4])
    assert [row(found, "b", t).expected_time for t in ("task-0", "task-1", None)] == [pytest.approx(2), inf, inf]
    assert [(r.reached, r.runs) for r in found.itertuples() if r.scheduler == "a"] == [(5, 6), (2, 3), (3, 3)]


def test_expected_time_is_what_restarts_take() -> None:
    # Two in five get there, after 1 or 3; the others give up after 4. Simulated restarts, to four standard errors.
    some = runs([1, 3, -4, -4, -4])
    generator = np.random.default_rng(1)
    total, got_there = 0.0, 0
    for i in generator.integers(0, 5, 200_000):
        total, got_there = total + some.times[0, 0, i], got_there + int(some.reached[0, 0, i])
    assert expected_time(some)["expected_time"][0] == pytest.approx(total / got_there, rel=0.02)
    assert expected_time(some)["expected_time"][0] == 8


def test_the_interval_by_hand() -> None:
    # Two of four got there, all after 1. The influences on the logarithm are -1, -1, 1, 1, their variance is 4/3, the
    # standard error sqrt(1/3). Student's 97.5% quantile with 3 degrees of freedom is 3.18245.
    found = expected_time(runs([1, 1, -1, -1])).iloc[0]
    third = 3.18245 * sqrt(1 / 3) / 3
    ends = (found.expected_time_lower, found.expected_time_upper)
    assert found.expected_time == 2
    assert ends == pytest.approx((2 / (1 + third) ** 3, 2 / (1 - third) ** 3), rel=1e-4)


def test_the_interval_of_exponential_times_is_nearly_the_exact_one() -> None:
    # Twice the total time times the rate is chi-squared with 2n degrees of freedom.
    n = 25
    times = expon.ppf((np.arange(n) + 0.5) / n)
    times *= n / times.sum()
    found = expected_time(runs(times)).iloc[0]
    exact = 2 * n / chi2.ppf([0.975, 0.025], 2 * n)
    assert (found.expected_time_lower, found.expected_time_upper) == pytest.approx(tuple(exact), rel=0.05)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_interval_of_rare_events_is_nearly_the_exact_one(k: int) -> None:
    # Many runs of length 1, of which k got there at the end: k is nearly Poisson, and exact limits are chi-squared.
    found = expected_time(runs([1.0] * k + [-1.0] * (300 - k))).iloc[0]
    exact = 300 / (chi2.ppf([0.975, 0.025], [2 * k + 2, 2 * k]) / 2)
    assert (found.expected_time_lower, found.expected_time_upper) == pytest.approx(tuple(exact), rel=0.3)


def test_ends_of_the_interval_where_few_or_none_got_there() -> None:
    found = expected_time(runs([-100.0] * 20, [50.0] + [-100.0] * 19, [50.0] * 10 + [-100.0] * 10))
    a, b, c = (row(found, s) for s in "abc")
    # If a share p got there, all 20 would stay away with the probability (1 - p)^20, which is 0.025 for p = 0.1684.
    assert (a.expected_time, a.expected_time_upper) == (inf, inf)
    assert a.expected_time_lower == pytest.approx(100 / 0.16843, rel=1e-4)
    assert b.expected_time == 1950
    assert b.expected_time_lower < 800
    assert b.expected_time_upper > 20_000
    assert c.expected_time_upper < 400
    few = expected_time(runs([50.0, -100.0, -100.0, -100.0, -100.0])).iloc[0]
    assert few.expected_time_upper == inf
    single = expected_time(runs([5.0])).iloc[0]
    assert single.expected_time == 5
    assert isnan(single.expected_time_lower)
    assert isnan(single.expected_time_upper)


def test_all_at_once_is_no_time_at_all() -> None:
    found = expected_time(runs([0.0, 0.0], [1.0, 1.0]))
    assert list(found.iloc[0][["expected_time", "expected_time_lower", "expected_time_upper"]]) == [0, 0, 0]
    assert list(found.iloc[1][["expected_time", "expected_time_lower", "expected_time_upper"]]) == [1, 1, 1]


# Speed-ups.


def test_speed_up_by_hand() -> None:
    # Expected times on task-0: a 8, b 2; on task-1: a 18, b 2. Medians: a 4, b 1; a 12, b 2.
    some = runs([[2, 4, -10], [6, 12, -18]], [[1, 1, 4], [1, 2, 3]])
    found = speed_up(some, "a")
    assert [row(found, "b", t).speed_up for t in ("task-0", "task-1", None)] == pytest.approx([4, 9, 6])
    assert [row(found, "b", t).median_speed_up for t in ("task-0", "task-1", None)] == pytest.approx([4, 6, sqrt(24)])
    assert set(found["relation"]) == {"="}
    assert list(found["tasks"]) == [2, 1, 1]
    assert set(found["scheduler"]) == {"b"}


def test_what_seeds_have_in_common_cancels() -> None:
    times = np.random.default_rng(0).exponential(1, 20)
    found = row(speed_up(runs(2.5 * times, times), "a"), "b")
    values = (found.speed_up, found.speed_up_lower, found.speed_up_upper, found.median_speed_up)
    assert values == pytest.approx((2.5, 2.5, 2.5, 2.5))
    assert (found.median_speed_up_lower, found.median_speed_up_upper) == pytest.approx((2.5, 2.5))
    shuffled = row(speed_up(runs(2.5 * times, times[::-1]), "a"), "b")
    assert shuffled.speed_up == pytest.approx(2.5)
    assert shuffled.speed_up_lower < 2
    assert shuffled.speed_up_upper > 3


def test_the_interval_is_as_wide_as_that_of_a_paired_stratified_bootstrap() -> None:
    # The standard deviation of the logarithm of the ratio, over resamples of seeds that both schedulers share.
    generator = np.random.default_rng(3)
    common = generator.exponential(1, (2, 40))
    some = runs(3 * common + generator.exponential(1, (2, 40)), common + generator.exponential(1, (2, 40)), ends=5.0)
    counts = resample(2, 40, 4000).astype(float)
    logs = [
        np.log(np.einsum("bkn,kn->bk", counts, t) / np.einsum("bkn,kn->bk", counts, r.astype(float))).mean(axis=1)
        for t, r in zip(some.times, some.reached, strict=True)
    ]
    found = row(speed_up(some, "a"), "b", None)
    half = log(found.speed_up_upper / found.speed_up_lower) / 2
    # Student's 97.5% quantile with some 70 degrees of freedom is 1.99.
    assert half / 1.99 == pytest.approx(np.std(logs[0] - logs[1]), rel=0.05)
    assert log(found.speed_up_upper / found.speed_up) == pytest.approx(half)


def test_resamples_without_either_median_leave_their_ratio_open() -> None:
    # Half of the seeds get there under neither; in a third of the resamples these are more than half.
    found = row(speed_up(runs([2, 4, -9, -9], [1, 2, -9, -9]), "a"), "b")
    assert (found.median_speed_up, found.median_speed_up_lower, found.median_speed_up_upper) == (2, 0, inf)


def test_bounds_where_one_of_them_never_got_there() -> None:
    found = speed_up(runs([-12.0, -12.0, -12.0], [3.0, 3.0, 3.0], [-12.0] * 3), "a")
    b, c = row(found, "b"), row(found, "c")
    # (1 - p)^3 is 0.025 for p = 0.70760: a takes 12 / 0.7076 = 16.96 or more, b takes 3.
    assert (b.relation, b.speed_up_upper) == (">=", inf)
    assert (b.speed_up, b.speed_up_lower) == pytest.approx((5.653, 5.653), abs=0.0005)
    assert isnan(b.median_speed_up)
    assert (c.relation, c.speed_up_lower, c.speed_up_upper, c.tasks) == ("", 0, inf, 0)
    assert isnan(c.speed_up)
    back = row(speed_up(runs([3.0, 3.0, 3.0], [-12.0, -12.0, -12.0]), "a"), "b")
    assert (back.relation, back.speed_up_lower) == ("<=", 0)
    assert (back.speed_up, back.speed_up_upper) == pytest.approx((1 / 5.653, 1 / 5.653), abs=0.0005)


def test_bounds_over_several_tasks() -> None:
    never, soon, late = [-8.0] * 3, [2.0] * 3, [4.0] * 3
    # 8 / 0.7076 / 2 = 5.653 or more on task-0, and 2 on task-1: the root of their product, or more.
    found = row(speed_up(runs([never, late], [soon, soon]), "a"), "b", None)
    assert (found.relation, found.speed_up_upper, found.tasks) == (">=", inf, 2)
    assert found.speed_up == pytest.approx(sqrt(2 * 5.653), abs=0.0005)
    # Nobody got there on task-0: only task-1 tells.
    found = row(speed_up(runs([never, late], [never, soon]), "a"), "b", None)
    assert (found.relation, found.speed_up, found.tasks) == ("=", pytest.approx(2), 1)
    # At least 5.7 on one, and at most 1 / 5.7 on the other, may be anything together.
    found = row(speed_up(runs([never, soon], [soon, never]), "a"), "b", None)
    assert (found.relation, found.speed_up_lower, found.speed_up_upper, found.tasks) == ("", 0, inf, 2)
    assert isnan(found.speed_up)


def test_a_bound_grows_as_the_scheduler_gets_there_sooner_and_in_more_runs() -> None:
    never = [-9.0] * 10
    some = runs(never, [3.0] * 10, [6.0] * 10, [6.0] * 5 + never[:5], [6.0] + never[:9])
    found = speed_up(some, "a")
    assert set(found["relation"]) == {">="}
    assert found["speed_up"].is_monotonic_decreasing
    assert (found["speed_up_lower"] <= found["speed_up"]).all()
    expected = expected_time(some).set_index("scheduler")
    for one in found.itertuples():
        ratio = expected["expected_time_lower"]["a"] / expected["expected_time"][one.scheduler]
        assert one.speed_up == pytest.approx(ratio)


def test_a_single_seed_has_no_interval() -> None:
    found = row(speed_up(runs([4.0], [2.0]), "a"), "b")
    assert (found.speed_up, found.median_speed_up) == (2, 2)
    ends = [found.speed_up_lower, found.speed_up_upper, found.median_speed_up_lower, found.median_speed_up_upper]
    assert np.isnan(ends).all()
    assert isnan(time_to_target(runs([4.0], [2.0]))["mean_lower"][0])


@given(some_runs(schedulers=2))
@settings(max_examples=20)
def test_the_other_way_round_is_one_over(some: Reached) -> None:
    there, back = speed_up(some, "a"), speed_up(some, "b")
    for one, other in (("speed_up", "speed_up"), ("speed_up_lower", "speed_up_upper"), ("median_speed_up",) * 2):
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(there[one], 1 / back[other].to_numpy(), rtol=1e-9)
    assert list(there["tasks"]) == list(back["tasks"])
    for found in there.dropna(subset="task").itertuples():
        medians = [survival(some, scheduler, found.task).median[0] for scheduler in "ab"]
        expected = medians[0] / medians[1] if np.isfinite(medians).all() else nan
        assert found.median_speed_up == pytest.approx(expected, nan_ok=True)


@given(some_runs(), st.sampled_from([2.0**-20, 0.5, 2.0**40]), st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_neither_the_unit_nor_names_nor_their_order_matter(some: Reached, unit: float, random: Any) -> None:
    order = random.sample(range(len(some.schedulers)), len(some.schedulers))
    names = {name: f"<{name}>" for name in some.schedulers}
    other = Reached(
        some.times[order] * unit,
        some.reached[order],
        tuple(names[some.schedulers[i]] for i in order),
        some.tasks,
        some.seeds,
    )
    for compute, scaled in ((time_to_target, ("median", "mean", "horizon")), (expected_time, ("expected_time",))):
        before, after = compute(some), compute(other)
        before["scheduler"] = before["scheduler"].map(names)
        for column in before.columns:
            if column.startswith(scaled):
                before[column] *= unit
        keys = ["task", "scheduler"]
        before, after = (frame.sort_values(keys, ignore_index=True) for frame in (before, after))
        pd.testing.assert_frame_equal(before, after, rtol=1e-9)
    before, after = speed_up(some, "a"), speed_up(other, "<a>")
    before["scheduler"] = before["scheduler"].map(names)
    before, after = (frame.sort_values(["task", "scheduler"], ignore_index=True) for frame in (before, after))
    pd.testing.assert_frame_equal(before, after, rtol=1e-9)


def test_the_same_runs_give_the_same_and_no_random_state_is_touched() -> None:
    some = next(studies((0.7, 0.5), 10, 0.3, 3))
    np.random.seed(7)  # noqa: NPY002 - the global state is what this is about
    state = np.random.get_state()[1]  # noqa: NPY002
    for compute in (time_to_target, expected_time, lambda x: speed_up(x, "a")):
        pd.testing.assert_frame_equal(compute(some), compute(some))
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002

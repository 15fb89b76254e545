"""Survival and the log-rank test: published examples, SciPy, the definitions, and what must hold."""

from __future__ import annotations

from math import exp, inf, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_reached import runs, some_runs, studies
from scipy.stats import CensoredData, ecdf, norm

from analysis.kaplan_meier import kaplan_meier, shares_in
from analysis.targets import Reached, log_rank, survival

# Weeks in remission with 6-mercaptopurine and with placebo (Freireich et al. 1963; in Gehan 1965 and many textbooks).
MERCAPTOPURINE = [6, 6, 6, 7, 10, 13, 16, 22, 23, -6, -9, -10, -11, -17, -19, -20, -25, -32, -32, -34, -35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def test_survival_of_the_published_example() -> None:
    some = runs(MERCAPTOPURINE, PLACEBO)
    curve = survival(some, "a")
    events = np.isin(curve.times, [6, 7, 10, 13, 16, 22, 23])
    # At risk: 21, 17, 15, 12, 11, 7, 6; got there: 3, then 1 each.
    np.testing.assert_allclose(curve.shares[events], [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], atol=0.0005)
    assert curve.median[0] == 23
    assert curve.median[2] == inf
    assert survival(some, "b").median[0] == 8


def test_median_and_its_interval_by_hand() -> None:
    # Shares not there after 1, 2, ..., 8: 7/8, 6/8, ..., 0. On the log-log scale the standard error of a share S of n
    # without censoring is sqrt((1 - S) / (n S)) / |log S|, and S^exp(+-1.96 se) are the ends.
    curve = survival(runs([1, 2, 3, 4, 5, 6, 7, 8]), "a")
    for i, share in enumerate(np.arange(7, 0, -1) / 8):
        error = sqrt((1 - share) / (8 * share)) / abs(log(share))
        assert (curve.lower[i], curve.upper[i]) == pytest.approx(
            (share ** exp(1.959964 * error), share ** exp(-1.959964 * error)), rel=1e-6
        )
    # 7/8 has the lower end 0.387; of 1/8 the upper end is 0.423, of 2/8 it is 0.558.
    assert curve.median == (4, 1, 7)
    assert (curve.lower[-1], curve.upper[-1]) == (0, curve.upper[-2])


@pytest.mark.parametrize(
    ("times", "median"),
    [([1, 2, 3, 4], 2), ([1, 2, 3], 2), ([1, 2, -9, -9], 2), ([1, -9, -9, -9], inf), ([-9, -9], inf), ([1, -2, 3], 3)],
)
def test_the_median_is_when_half_got_there(times: list[float], median: float) -> None:
    assert survival(runs(times), "a").median[0] == median


@given(some_runs())
@settings(max_examples=30)
def test_survival_is_that_of_scipy_and_of_the_definition(some: Reached) -> None:
    for s, scheduler in enumerate(some.schedulers):
        for k, task in enumerate(some.tasks):
            times, did = some.times[s, k], some.reached[s, k]
            curve = survival(some, scheduler, task)
            by_scipy = ecdf(CensoredData(uncensored=times[did], right=times[~did])).sf
            share = 1.0
            for i, time in enumerate(np.unique(times)):
                share *= 1 - (times[did] == time).sum() / (times >= time).sum()
                assert curve.shares[i] == pytest.approx(share, abs=1e-12)
                assert curve.shares[i] == pytest.approx(float(by_scipy.evaluate(time)), abs=1e-12)
                assert curve.lower[i] <= curve.shares[i] + 1e-12
                assert curve.shares[i] <= curve.upper[i] + 1e-12
            median, lower, upper = curve.median
            assert lower <= median <= upper


@given(some_runs(schedulers=2, tasks=1), st.integers(0, 5))
@settings(max_examples=30)
def test_a_run_that_is_let_go_on_for_longer_never_lowers_the_median(some: Reached, which: int) -> None:
    which %= len(some.seeds)
    times, did = some.times[0, 0].copy(), some.reached[0, 0].copy()
    did[which] = False
    before = kaplan_meier(times, did)
    times[which] += 3.5
    after = kaplan_meier(times, did)
    assert after.median[0] >= before.median[0]
    at = np.arange(0, 30, 0.5)
    for t in at[at <= before.times[-1]]:
        shares = [np.append(1.0, c.shares)[np.searchsorted(c.times, t, side="right")] for c in (before, after)]
        assert shares[1] >= shares[0] - 1e-12


@given(some_runs(schedulers=2, tasks=1), st.integers(0, 10**6))
@settings(max_examples=30)
def test_survival_in_a_resample_is_that_of_its_runs(some: Reached, seed: int) -> None:
    n = len(some.seeds)
    drawn = np.random.default_rng(seed).integers(0, n, (5, n))
    counts = (drawn[:, :, None] == np.arange(n)).sum(axis=1)
    grid, shares = shares_in(some.times[0, 0], some.reached[0, 0], counts)
    for b in range(5):
        curve = kaplan_meier(some.times[0, 0, drawn[b]], some.reached[0, 0, drawn[b]])
        expected = np.append(1.0, curve.shares)[np.searchsorted(curve.times, grid, side="right")]
        np.testing.assert_allclose(shares[b], expected, atol=1e-12)


def test_the_median_of_a_few_that_got_there_is_later_than_the_end() -> None:
    assert survival(runs([1, *[-9] * 19]), "a").median == (inf, 9, inf)
    assert survival(runs([-9.0] * 5), "a").median == (inf, 9, inf)


def test_all_tasks_together_end_where_the_first_of_them_does() -> None:
    # Runs of task-0 end at 10. What those of task-1 do after that says nothing about it.
    some = runs([[1, 2, -10, -10], [20, 30, 40, 50]])
    assert survival(some, "a").median[0] == inf
    assert survival(some, "a").times[-1] == 10
    assert survival(some, "a").shares[-1] == 0.75
    # Who got there just then did: of six runs, one was there after 1, one after 2, and two after 10.
    some = runs([[1, 10, -10], [2, 10, 20]])
    np.testing.assert_allclose(survival(some, "a").shares, [5 / 6, 4 / 6, 2 / 6])
    # Where all got there, there is no such end.
    assert survival(runs([[1, 2, 3, 4], [20, 30, 40, 50]]), "a").median[0] == 4


# The log-rank test.


def test_log_rank_of_the_published_example() -> None:
    (found,) = log_rank(runs(PLACEBO, MERCAPTOPURINE)).itertuples()
    assert found.statistic**2 == pytest.approx(16.79, abs=0.005)
    assert found.statistic > 0  # placebo ends sooner
    assert found.p == pytest.approx(4.17e-5, rel=0.01)
    (back,) = log_rank(runs(MERCAPTOPURINE, PLACEBO)).itertuples()
    assert (back.statistic, back.p) == pytest.approx((-found.statistic, found.p))


def test_log_rank_where_nothing_tells() -> None:
    found = log_rank(runs([-4.0, -4.0], [-4.0, -4.0], [-4.0, -4.0]))
    assert [(r.scheduler, r.other, r.statistic, r.p) for r in found.itertuples()] == [
        ("a", "b", 0, 1),
        ("a", "c", 0, 1),
        ("b", "c", 0, 1),
    ]
    assert not len(log_rank(runs([1.0, 2.0])))


@given(some_runs())
@settings(max_examples=15)
def test_log_rank_is_the_sum_of_observed_less_expected(some: Reached) -> None:
    for found in log_rank(some).itertuples():
        k = some.tasks.index(found.task)
        pair = [some.index(found.scheduler), some.index(found.other)]
        times, did = some.times[pair, k], some.reached[pair, k]
        difference = variance = 0.0
        for time in np.unique(times[did]):
            at_risk, got_there = (times >= time).sum(axis=1), ((times == time) & did).sum(axis=1)
            n, d = at_risk.sum(), got_there.sum()
            difference += got_there[0] - d * at_risk[0] / n
            variance += d * at_risk[0] * at_risk[1] * (n - d) / (n**2 * (n - 1)) if n > 1 else 0.0
        expected = difference / sqrt(variance) if variance > 0 else 0.0
        assert found.statistic == pytest.approx(expected, abs=1e-9)
        assert found.p == pytest.approx(2 * norm.sf(abs(expected)), abs=1e-9)


@pytest.mark.slow
def test_log_rank_of_runs_that_share_seeds_rejects_less_than_it_says() -> None:
    rejected = {
        shared: np.mean(np.concatenate([log_rank(some)["p"] < 0.05 for some in studies((0.8, 0.8), 20, shared, 2000)]))
        for shared in (0.0, 0.7)
    }
    assert rejected[0.0] == pytest.approx(0.05, abs=0.015)
    assert rejected[0.7] < 0.02

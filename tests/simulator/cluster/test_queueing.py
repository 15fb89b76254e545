"""Queueing theory and the theory of checkpoints as independent judges.

Each estimate is compared with its closed form within 4 standard errors: were it unbiased and another seed drawn, it
would fail once in 16,000 times. All runs are functions of their seeds, so that the tests pass or fail for good.
"""

from __future__ import annotations

from math import exp, expm1, log, sqrt
from statistics import fmean, stdev

import numpy as np
import pytest
from tables import table_of

from blackboxes import Blackbox
from blackboxes.streams import Stream
from simulator import Simulation, Trace
from simulator.cluster import Cluster
from simulator.events import CODES

ERRORS = 4


def one_unit_jobs(seconds: list[float]) -> Blackbox:
    return table_of([[0.5]] * len(seconds), [[second] for second in seconds])


def exponential_jobs(source: str, n: int, mean: float, seed: int) -> tuple[Blackbox, Cluster]:
    """n jobs of exponential length: as the table has it, or as the cluster draws it."""
    if source == "table":
        draw = Stream(seed, "tests", "exponential")
        return one_unit_jobs([-mean * log(1 - u) for u in draw.uniform(n).tolist()]), Cluster()
    return one_unit_jobs([0.0] * n), Cluster(**{source: f"exponential(mean={mean}s)"})


def busy_times(trace: Trace) -> np.ndarray:
    """(number of trials,) seconds that each spent on workers."""
    c = trace.columns
    signs = np.zeros(len(c.time))
    signs[np.isin(c.event, [CODES["start"], CODES["resume"]])] = -1
    signs[np.isin(c.event, [CODES["crash"], CODES["preempted"], CODES["complete"]])] = 1
    of_trials = c.trial >= 0
    return np.bincount(c.trial[of_trials], weights=(signs * c.time / 1e9)[of_trials])


@pytest.mark.parametrize(
    ("n", "workers"), [(40, 4), (12, 12), *(pytest.param(*slow, marks=pytest.mark.slow) for slow in [(30, 1), (25, 7)])]
)
@pytest.mark.parametrize("source", ["table", "start", "report"])
def test_makespan_and_utilisation_of_exponential_jobs(source: str, n: int, workers: int) -> None:
    """n exponential jobs of rate mu on c workers, each taking the next one when it is free.

    As long as a job waits, all c workers are busy and jobs end at the rate c mu; after n - c of them none waits. From
    then on k busy workers end jobs at the rate k mu, k = c, ..., 1. The makespan is a sum of independent exponential
    times, with the mean (n - c) / (c mu) + (1 / mu) (1 + 1/2 + ... + 1/c) and the variance (n - c) / (c mu)^2 +
    (1 / mu)^2 (1 + 1/4 + ... + 1/c^2). Busy are the workers for n / mu on average.
    """
    runs, mean = 150, 2.0
    makespans, busy = [], []
    for seed in range(runs):
        table, cluster = exponential_jobs(source, n, mean, seed)
        trace = Simulation(table, "random", workers=workers, seed=seed, cluster=cluster).run()
        account = trace.accounting()
        assert account.total == workers * trace.info.end
        makespans.append(trace.info.end / 1e9)
        busy.append((account.total - account.idle) / 1e9)
    expected = (n - workers) / workers * mean + mean * sum(1 / k for k in range(1, workers + 1))
    variance = (n - workers) * (mean / workers) ** 2 + mean**2 * sum(1 / k**2 for k in range(1, workers + 1))
    assert abs(fmean(makespans) - expected) < ERRORS * sqrt(variance / runs)
    assert abs(fmean(busy) - n * mean) < ERRORS * mean * sqrt(n / runs)
    utilisation = n * mean / (workers * expected)
    residuals = [b - utilisation * workers * m for b, m in zip(busy, makespans, strict=True)]
    found, error = sum(busy) / (workers * sum(makespans)), stdev(residuals) / (workers * expected * sqrt(runs))
    assert abs(found - utilisation) < ERRORS * max(error, 1e-12)


def long_trials(n: int, units: int, seconds: float) -> Blackbox:
    """n trials of so many units, each taking so long."""
    return table_of([[0.5] * units] * n, [[seconds * (k + 1) for k in range(units)]] * n)


@pytest.mark.parametrize(
    ("rate", "every", "save", "start", "load"),
    [
        (0.3, 1, 0.0, 0.0, 0.0),
        (0.1, 4, 0.0, 0.0, 0.0),
        (0.3, 2, 0.5, 0.0, 0.0),
        (0.2, 2, 0.25, 0.5, 1.0),
        (0.02, 4, 0.1, 0.0, 0.0),
    ],
)
def test_time_of_work_that_crashes(rate: float, every: int, save: float, start: float, load: float) -> None:
    """Work of length x that begins again after each crash, crashes coming at the rate lambda.

    The time T until x is through without a crash fulfils E T = E min(F, x) + P(F < x) E T with F exponential of rate
    lambda, hence E T = (e^(lambda x) - 1) / lambda. That holds for the first segment of a trial, where x is start +
    tau + save. A later one begins when the one before is saved; only after a crash it has to start and load again, so
    that it takes e^(lambda (start + load)) (e^(lambda (tau + save)) - 1) / lambda. The last one saves nothing.
    """
    n, units, workers = 1500, 12, 40
    cluster = Cluster(checkpoints=every, save=save, start=start, load=load, crashes=f"{rate}/s", retries=10**6)
    trace = Simulation(long_trials(n, units, 1.0), "random", workers=workers, seed=1, cluster=cluster).run()
    segments = units // every

    def once(work: float) -> float:
        return expm1(rate * work) / rate

    again = exp(rate * (start + load))
    expected = once(start + every + save) + again * ((segments - 2) * once(every + save) + once(every))
    found = busy_times(trace)
    error = found.std() / sqrt(n)
    assert error < 0.02 * expected
    assert abs(found.mean() - expected) < ERRORS * error
    assert found.mean() == pytest.approx(expected, rel=0.05)
    account = trace.accounting()
    assert account.useful == n * units * 10**9
    assert (account.useful + account.repeated + account.overhead) / 1e9 == pytest.approx(found.sum())


def test_crashes_come_at_their_rate_and_never_too_often() -> None:
    """The number of crashes is a sum of geometric ones: a trial of length x has e^(lambda x) - 1 of them on average.

    With so many retries it fails with the probability (1 - e^(-lambda x))^(retries + 1).
    """
    n, length, rate, retries = 4000, 2.0, 0.5, 2
    free = Cluster(crashes=f"{rate}/s", retries=10**6)
    table = long_trials(n, 1, length)
    crashes = Simulation(table, "random", workers=30, cluster=free).run().summary()["crashes"]
    mean = expm1(rate * length)
    assert abs(crashes / n - mean) < ERRORS * sqrt(mean * (1 + mean) / n)
    few = Cluster(crashes=f"{rate}/s", retries=retries)
    failed = Simulation(table, "random", workers=30, cluster=few).run().summary()["failed"]
    share = (1 - exp(-rate * length)) ** (retries + 1)
    assert abs(failed / n - share) < ERRORS * sqrt(share * (1 - share) / n)


def test_preemptions_come_at_their_rate() -> None:
    """A worker is up for an exponential time, then away: it is up for 1 / (1 + away rate) of a long time."""
    up, away, length = 10.0, 5.0, 6_000.0
    cluster = Cluster(preemptions=f"{1 / up}/s", away=f"exponential(mean={away}s)")
    table = one_unit_jobs([1.0])
    trace = Simulation(table, "random", workers=8, cluster=cluster, budget=length, exhausted="cycle").run()
    cycles = 8 * length / (up + away)
    downs = int((trace.columns.event == CODES["down"]).sum())
    # Renewal theory: the variance of the count is cycles * variance / mean^2 of a cycle.
    assert abs(downs - cycles) < ERRORS * sqrt(cycles * (up**2 + away**2) / (up + away) ** 2)
    share = trace.accounting().total / 1e9 / (8 * length)
    expected, spread = up / (up + away), sqrt(2) * up * away / (up + away) ** 2 / sqrt(cycles)
    assert abs(share - expected) < ERRORS * spread
    assert trace.accounting().idle < 0.002 * trace.accounting().total


def test_young_and_dalys_optimum() -> None:
    """Young 1974, Daly 2006: a checkpoint of cost C after each tau of work adds C / tau + lambda tau / 2 to the work,
    to first order; least at tau = sqrt(2 C / lambda), where it is lambda tau.
    """
    rate, tau = 0.01, 2.0  # lambda tau = 0.02
    save = rate * tau**2 / 2
    table, overheads = long_trials(1500, 400, tau / 2), {}
    for every in (1, 2, 8):  # units of tau / 2
        cluster = Cluster(checkpoints=every, save=save, crashes=f"{rate}/s", retries=10**6)
        trace = Simulation(table, "random", workers=100, cluster=cluster).run()
        work, interval = 400 * tau / 2, every * tau / 2
        overheads[every] = busy_times(trace).mean() / work - 1
        first_order = save / interval + rate * interval / 2
        assert rate * interval <= 0.1
        assert 1 + overheads[every] == pytest.approx(1 + first_order, rel=0.05)
        assert overheads[every] == pytest.approx(first_order, rel=0.05)
    assert overheads[2] < min(overheads[1], overheads[8])
    assert overheads[2] == pytest.approx(rate * tau, rel=0.05)

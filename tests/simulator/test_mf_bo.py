"""Multi-fidelity Bayesian optimisation: each choice by brute force, a worked example, and what holds in any run."""

from __future__ import annotations

from itertools import pairwise
from math import exp, inf, log, sqrt
from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of, history
from spaces import with_space
from tables import random_table, table_of, tables
from test_gaussian_process import plain_posterior
from test_skip_ahead import assert_skipping_changes_nothing

from blackboxes import Blackbox, load
from simulator import Budget, Context, Simulation, SimulationError, make_scheduler
from simulator.models.gaussian_process import Kernel, standard
from simulator.models.joint import JointInputs
from simulator.schedulers import mf_bo
from simulator.schedulers.mf_bo import MfBo


def matern(r: float) -> float:
    return (1 + sqrt(5) * r + 5 * r * r / 3) * exp(-sqrt(5) * r)


class Watched(MfBo):
    """Checks each of its choices, from what trials ended with and the fitted kernel."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.context, self.inputs = context, JointInputs(context)
        self.ended: list[tuple[int, float, float, float]] = []  # row, resource, value, seconds
        self.jobs: list[tuple[int, float]] = []
        self.over: set[int] = set()  # trials
        self.done: set[int] = set()  # rows
        self.checked: list[tuple[int, float]] = []

    def next_job(self) -> Any:
        job = super().next_job()
        if job is not None:
            self.jobs.append((job.config, job.until))
        return job

    def on_report(self, trial: Any, resource: float, value: float) -> Any:
        self.note(trial, resource, value)
        if value == inf:
            self.done.add(trial.config)
        return super().on_report(trial, resource, value)

    def on_end(self, trial: Any, resource: float, value: float, reason: Any) -> None:
        self.note(trial, resource, value)
        self.done.add(trial.config)
        super().on_end(trial, resource, value, reason)

    def note(self, trial: Any, resource: float, value: float) -> None:
        self.ended.append((trial.config, resource, value, trial.elapsed))
        self.over.add(trial.id)

    def at(self, pairs: Any) -> np.ndarray:
        return self.inputs(np.array([row for row, _ in pairs]), np.array([r for _, r in pairs]))

    def cost(self, r: float) -> float:
        """The mean time seen at r, on the line between its neighbours where none was."""
        times: dict[float, list[float]] = {}
        for _, resource, _, seconds in self.ended:
            times.setdefault(resource, []).append(seconds)
        known = [(0.0, 0.0), *sorted((at, sum(t) / len(t)) for at, t in times.items())]
        if r > known[-1][0]:
            return known[-1][1] * r / known[-1][0]
        for (low, before), (high, after) in pairwise(known):
            if low <= r <= high:
                return before + (after - before) * (r - low) / (high - low)
        raise AssertionError

    def _choose(self, rows: np.ndarray) -> tuple[int, float]:
        row, until = super()._choose(rows)
        r_max, grid = self.context.r_max, self.context.resources
        sent = {r for r, u in self.jobs if u == r_max}
        assert rows.tolist() == [r for r in range(len(self.context.vectors)) if r not in sent | self.done]
        kernel = self._kernel
        assert kernel is not None
        lengths = kernel.lengths[kernel.owners]
        running = [job for trial, job in enumerate(self.jobs) if trial not in self.over]
        learnt = self.ended
        if len(learnt) > self.max_observations:
            order = sorted(enumerate(learnt), key=lambda entry: (-entry[1][1], -entry[0]))[: self.max_observations]
            learnt = [observation for _, observation in sorted(order)]
        X, y = self.at([(o[0], o[1]) for o in learnt]), standard([o[2] for o in learnt])
        if running:
            mean, _ = plain_posterior(X, y, self.at(running), lengths, kernel.signal, kernel.noise)
            X, y = np.vstack([X, self.at(running)]), np.append(y, mean)

        def posterior(pairs: Any) -> tuple[np.ndarray, np.ndarray]:
            mean, covariance = plain_posterior(X, y, self.at(pairs), lengths, kernel.signal, kernel.noise)
            return mean, np.sqrt(np.maximum(np.diag(covariance), 1e-12 * kernel.signal))

        # hyperparameters: one is constant
        extents = [float(np.ptp(column)) for column in self.context.vectors.T]
        d, t = sum(extent > 0 for extent in extents), len(self.jobs) + 1
        diameter = sum(extent / length for extent, length in zip(extents, kernel.lengths[:-1], strict=True))
        beta = 0.5 * d * log(2 * diameter * t + 1)
        mean, deviation = posterior([(r, r_max) for r in rows.tolist()])
        bounds = mean - sqrt(beta) * deviation
        assert bounds[rows.tolist().index(row)] <= bounds.min() + 1e-5

        def gap(r: float) -> float:
            return sqrt(1 - matern(log(r_max / r) / log(r_max / grid[0]) / kernel.lengths[-1]) ** 2)

        reached = max((u for r, u in self.jobs if r == row), default=0)
        for r in grid:
            if not reached < r < r_max:
                continue
            gamma = sqrt(kernel.signal) * gap(r) * min(self.cost(r) / self.cost(r_max), 1) ** (1 / (d + 3))
            unknown = posterior([(row, r)])[1][0] - gamma
            far = gap(r) - gap(grid[0]) / sqrt(beta)
            if min(abs(unknown), abs(far)) < 1e-5:
                break  # too close to tell
            if unknown > 0 and far > 0:
                assert until == r
                break
            assert until != r
        else:
            assert until == r_max
        self.checked.append((row, until))
        return row, until


@pytest.mark.parametrize(
    ("workers", "resumable", "room", "n"),
    [
        (1, True, 500, 10),
        (3, False, 500, 10),
        (3, True, 12, 10),
        pytest.param(1, False, 12, 14, marks=pytest.mark.slow),
        pytest.param(1, True, 500, 14, marks=pytest.mark.slow),
        pytest.param(3, False, 500, 14, marks=pytest.mark.slow),
    ],
)
def test_the_choice_is_that_of_the_rule(workers: int, resumable: bool, room: int, n: int) -> None:
    table = with_space(
        random_table(3, n=n, levels=None, diverged=0.02, ragged=0.1, grid="squares", resumable=resumable)
    )
    scheduler = Watched(max_observations=room)
    trace = Simulation(table, scheduler, workers=workers).run()
    assert len(scheduler.checked) > 20
    assert len({until for _, until in scheduler.checked}) > 2, "several fidelities are chosen"
    assert trace.digest() == Simulation(table, MfBo(max_observations=room), workers=workers).run().digest()


def line_table() -> Blackbox:
    """Three rows at x = 0, 0.5 and 1; resources 1, 2 and 4, which take as many seconds."""
    table = table_of([[0.5] * 3] * 3, [[1, 2, 4]] * 3, resources=[1, 2, 4])
    return table.replaced(space=ConfigurationSpace({"x": (0.0, 1.0)}), configs={"x": np.array([0.0, 0.5, 1.0])})


def with_kernel(monkeypatch: pytest.MonkeyPatch, length: float, of_resource: float = 1.0) -> None:
    def fixed(inputs: np.ndarray, owners: np.ndarray, values: np.ndarray) -> Kernel:
        return Kernel(np.array([length, of_resource]), 1.0, 1e-6, owners)

    monkeypatch.setattr(mf_bo, "fit", fixed)


def test_a_worked_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 0 has run to 4. The others are far from it (length 0.1): sigma is nearly 1 for both.

    beta_2 = log(2 * 10 * 2 + 1) / 2 = 1.857, square root 1.363. The information gap is sqrt(1 - 0.5240^2) = 0.8517 at
    1 and sqrt(1 - 0.8286^2) = 0.5598 at 2; the bar 0.8517 / 1.363 = 0.6250 lets only 1 pass. There gamma =
    0.8517 * (1/4)^(1/4) = 0.6023 < sigma: it is run to 1.
    """
    with_kernel(monkeypatch, 0.1)
    trace = Simulation(line_table(), MfBo(min_observations=1), workers=1, initial=[0], budget=Budget(trials=2)).run()
    assert [(e["trial"], e["event"], e["until"]) for e in events_of(trace) if e["event"] == "start"] == [
        (0, "start", 4),
        (1, "start", 1),
    ]
    assert trace.columns.config[1] == 2, "the farther row has the lower bound"


def test_the_information_gap_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """With length 1, beta_2 = log(5) / 2 = 0.805 is below 1: no gap exceeds the widest one / sqrt(beta), so r_max."""
    with_kernel(monkeypatch, 1.0)
    trace = Simulation(line_table(), MfBo(min_observations=1), workers=1, initial=[0], budget=Budget(trials=2)).run()
    assert [e["until"] for e in events_of(trace) if e["event"] == "start"] == [4, 4]


def test_a_fidelity_that_tells_nothing_new_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is known once one value is: no deviation exceeds gamma, and what is left is run to r_max."""
    with_kernel(monkeypatch, 50.0, 50.0)
    trace = Simulation(line_table(), MfBo(min_observations=1), workers=1, initial=[0]).run()
    assert [e["until"] for e in events_of(trace) if e["event"] == "start"] == [4, 4, 4]


def test_a_row_goes_up_from_fidelity_to_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resources are independent of each other (length 0.02): always unknown, so every row is run to each of them."""
    with_kernel(monkeypatch, 0.05, 0.02)
    trace = Simulation(line_table(), MfBo(min_observations=1), workers=1, initial=[0]).run()
    until = {row: [] for row in range(3)}  # type: ignore[var-annotated]
    for row, event in zip(
        trace.columns.config.tolist(), [e for e in events_of(trace) if e["event"] == "start"], strict=True
    ):
        until[row].append(event["until"])
    assert until == {0: [4], 1: [1, 2, 4], 2: [1, 2, 4]}


@given(
    table=tables(n=st.integers(1, 16), size=st.integers(1, 6)).map(with_space),
    workers=st.integers(1, 6),
    seed=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_any_table_will_do(table: Blackbox, workers: int, seed: int) -> None:
    """Every trial runs to where it was sent and stops, or gets to its end; every row ends up at its own end."""
    trace = Simulation(table, "mf-bo", workers=workers, seed=seed).run()
    history(trace)
    rows = trace.columns.config.tolist()
    sent: dict[int, list[float]] = {}
    over: set[int] = set()
    events = events_of(trace)
    for event in events:
        row = rows[event["trial"]]
        if event["event"] == "start":
            assert row not in over
            sent.setdefault(row, []).append(event["until"])
            goal = event["until"]
        else:
            goal = next(e["until"] for e in events if e["trial"] == event["trial"])
            if event["event"] == "stop":
                assert event["resource"] == goal < table.r_max
                if np.isnan(event["value"]):
                    over.add(row)
            else:
                assert event["event"] in ("complete", "curve-end")
                over.add(row)
    assert over == set(sent) == set(range(len(table)))
    assert all(a < b for untils in sent.values() for a, b in pairwise(untils))
    assert len(events) == 2 * len(rows)
    assert trace.info.exhausted_at is not None


def test_the_start_up_is_the_searchers_and_goes_through_the_levels() -> None:
    table = with_space(random_table(3, n=40, size=27, levels=None))
    order = Simulation(table, "random", seed=4).run().columns.config.tolist()
    trace = Simulation(table, MfBo(min_observations=8), workers=1, seed=4, budget=Budget(trials=12)).run()
    starts = [e["until"] for e in events_of(trace) if e["event"] == "start"]
    assert starts[:8] == [27, 9, 3, 1, 27, 9, 3, 1]
    assert trace.columns.config[:8].tolist() == order[:8]
    given = [29, 3, 11, 3]
    trace = Simulation(table, MfBo(min_observations=1), seed=4, initial=given, budget=Budget(trials=6)).run()
    assert trace.columns.config[:4].tolist() == given


def test_rows_come_round_again() -> None:
    table = random_table(7, n=6, size=4)
    once = len(Simulation(table, "mf-bo", workers=2).run().columns.config)
    trace = Simulation(table, "mf-bo", workers=2, exhausted="cycle", budget=Budget(trials=4 * once)).run()
    completed = [e["trial"] for e in events_of(trace) if e["event"] == "complete"]
    times = np.bincount(trace.columns.config[completed], minlength=6)
    assert times.min() >= 2
    assert times.max() - times.min() <= 1


def test_configurations_off_the_table_are_learnt_from() -> None:
    pytest.importorskip("sklearn")
    table = load("power-law:n=20,d=3,r_max=9,seed=5")
    given = [{"x0": 0.01 * k, "x1": 0.5, "x2": 0.25} for k in range(3)]
    trace = Simulation(table, "mf-bo", initial=given, off_table="surrogate", workers=2).run()
    assert trace.columns.config[:3].tolist() == [20, 21, 22]
    assert set(trace.columns.config.tolist()) == set(range(23))


def test_costs_are_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials to 2 took 3 s and 5 s, one to 8 took 10 s: (0, 0), (2, 4) and (8, 10) by lines, 20 at 16."""
    table = table_of(
        [[0.5] * 5] * 3, [[1, 3, 4, 10, 20], [1, 5, 6, 12, 20], [1, 3, 5, 10, 20]], resources=[1, 2, 4, 8, 16]
    )
    scheduler = MfBo()
    Simulation(table, scheduler, workers=1, budget=Budget(trials=1)).run()
    scheduler._seconds = {2: [3.0, 5.0], 8: [10.0]}
    assert scheduler._cost_ratio(np.array([1.0, 2, 4, 8])) == pytest.approx([2 / 20, 4 / 20, 6 / 20, 10 / 20])
    scheduler._seconds = {8: [12.0], 16: [10.0]}  # another configuration, which was faster
    assert scheduler._cost_ratio(np.array([4.0, 8])) == pytest.approx([0.6, 1])
    scheduler._seconds = {16: [0.0]}
    assert scheduler._cost_ratio(np.array([4.0])).tolist() == [1]


def test_the_model_says_how_many_observations_it_used() -> None:
    sizes = []

    class Counting(MfBo):
        def next_job(self) -> Any:
            job = super().next_job()
            sizes.append((len(self._observed), self.model_size, job))
            return job

    table = with_space(random_table(1, n=25))
    Simulation(table, Counting(max_observations=20), workers=2).run()
    for observed, size, job in sizes:
        assert size == (min(observed, 20) if observed >= 7 and job is not None else 0)


def test_to_be_asked_at_every_resource_changes_nothing() -> None:
    table = with_space(random_table(5, n=16, size=12, ragged=0.2, diverged=0.02))
    assert_skipping_changes_nothing(table, MfBo(), MfBo(), workers=3)


@pytest.mark.parametrize("argument", ["min_observations=0", "max_observations=3", "max_observations=2.5"])
def test_wrong_arguments(argument: str) -> None:
    with pytest.raises(SimulationError, match=argument.replace("=", " = ")):
        make_scheduler(f"mf-bo({argument})")


def test_it_finds_better_values_than_random_search() -> None:
    table = load("hartmann3:n=300,seed=1")
    better = 0
    for seed in range(5):
        best = [
            Simulation(table, name, workers=2, seed=seed, budget="5x").run().summary()["best"]
            for name in ("mf-bo", "random")
        ]
        better += best[0] < best[1]
    assert better >= 4

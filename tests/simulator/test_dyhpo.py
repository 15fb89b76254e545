"""DyHPO: each choice by brute force over all candidates, units, and what holds in any run."""

from __future__ import annotations

from itertools import pairwise
from math import inf, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of, history
from spaces import with_space
from tables import random_table, table_of, tables
from test_gaussian_process import plain_posterior
from test_gp import plain_improvement
from test_skip_ahead import assert_skipping_changes_nothing

from blackboxes import Blackbox, load
from simulator import Budget, Context, Simulation, SimulationError, make_scheduler
from simulator.models.freeze_thaw import FreezeThaw
from simulator.models.gaussian_process import standard
from simulator.models.joint import JointInputs
from simulator.schedulers.dyhpo import Dyhpo

Report = tuple[int, int, float, float]  # trial, row, resource, value


def plain_thinned(reports: list[Report], room: int) -> list[Report]:
    """Of every curve the last value, the first, those at a half, a quarter, ...; where not all of a kind fit in, the
    best half of what fits, and the others evenly."""
    curves: dict[int, list[Report]] = {}
    for report in reports:
        curves.setdefault(report[0], []).append(report)
    kinds: list[list[Report]] = [[] for _ in range(64)]
    for curve in curves.values():
        order, length = [curve[-1], curve[0]], len(curve)
        while length := length // 2:
            order.append(curve[length])
        for kind, report in zip(kinds, dict.fromkeys(order), strict=False):
            kind.append(report)
    kept: list[Report] = []
    for kind in kinds:
        free = room - len(kept)
        if len(kind) <= free:
            kept += kind
            continue
        by_value = sorted(kind, key=lambda report: report[3])
        kept += by_value[: free // 2]
        rest = [report for report in kind if report not in by_value[: free // 2]]
        kept += [rest[round(i)] for i in np.linspace(0, len(rest) - 1, free - free // 2)]
        break
    return kept


class Watched(Dyhpo):
    """Checks each of its choices, from what was reported and the fitted kernel."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.context, self.inputs = context, JointInputs(context)
        self.reports: list[Report] = []
        self.learnt: list[Report] | None = None  # what the process knows
        self.checked, self.kinds = 0, set()

    def _observe(self, trial: Any, resource: float, value: float) -> None:
        super()._observe(trial, resource, value)
        report = trial.id, trial.config, resource, value
        if any(r[0] == trial.id and r[2] == resource for r in self.reports):
            return
        self.reports.append(report)
        if self.learnt is not None:
            self.learnt.append(report)

    def _build(self) -> None:
        super()._build()
        self.learnt = plain_thinned(self.reports, self.max_observations // 2)
        self.scaled_as = [value for *_, value in self.learnt]

    def scaled(self, value: float) -> float:
        """As the values were when the process was built: nothing above the largest of them, then linear."""
        known = sorted({v for v in self.scaled_as if v < inf})
        if len(known) < 2:
            return 0.0
        y = standard(self.scaled_as)
        low, high = (y[self.scaled_as.index(v)] for v in known[:2])
        top = max(y[self.scaled_as.index(v)] for v in known)
        return float(min(low + (value - known[0]) * (high - low) / (known[1] - known[0]), top)) if value < inf else top

    def _ask(self) -> int | None:
        candidate = super()._ask()
        used = set(self._started)
        new = [] if self._nothing_new else [row for row in range(len(self.context.vectors)) if row not in used]
        if candidate is None:
            assert not new
            assert not self._paused
            return None
        learnt = self.learnt
        assert learnt is not None
        assert len(learnt) == self._model.size <= self.max_observations
        last = {trial: at for trial, _, at, _ in self.reports}
        known = {trial for trial, _, at, _ in learnt if at == last[trial]}
        ahead = [(t, self._started[t], r) for t, r in self._paused.items() if t in known]
        options = [*ahead, *[(-1, row, self._first) for row in new]]
        if not options:
            options = [(t, self._started[t], r) for t, r in self._paused.items()]
        running = [(self._started[t], r) for t, r in self._running.items()]

        def at(pairs: Any) -> np.ndarray:
            return self.inputs(np.array([row for row, _ in pairs], dtype=int), np.array([r for _, r in pairs]))

        kernel = self._model._kernel
        assert kernel is not None
        lengths = kernel.lengths[kernel.owners]
        X, y = at([(row, r) for _, row, r, _ in learnt]), np.array([self.scaled(v) for *_, v in learnt])
        if running:
            mean, _ = plain_posterior(X, y, at(running), lengths, kernel.signal, kernel.noise)
            X, y = np.vstack([X, at(running)]), np.append(y, mean)
        Q = at([(row, r) for _, row, r in options])
        mean, covariance = plain_posterior(X, y, Q, lengths, kernel.signal, kernel.noise)
        finite = [v for *_, v in self.reports if v < inf]
        gains = []
        for i, (_, _, r) in enumerate(options):
            there = [v for _, _, where, v in self.reports if where == r and v < inf]
            bar = self.scaled(min(there or finite or [inf]))
            gains.append(plain_improvement(mean[i], sqrt(max(covariance[i, i], 1e-12)), bar))
        trial, row = self._trials[candidate], self._candidates[candidate]
        mine = [o[:2] for o in options].index((trial, row))
        assert gains[mine] >= max(gains) * (1 - 1e-4) - 1e-7
        self.checked += 1
        self.kinds.add("new" if trial == -1 else "paused")
        return candidate


@pytest.mark.parametrize(
    ("arguments", "workers", "ties", "n"),
    [
        ({}, 1, False, 10),
        ({"step": 2}, 2, True, 10),
        ({"max_observations": 30}, 3, False, 10),
        ({"max_observations": 8}, 2, True, 10),
        pytest.param({}, 3, False, 14, marks=pytest.mark.slow),
        pytest.param({}, 3, True, 14, marks=pytest.mark.slow),
        pytest.param({"step": 2}, 2, True, 14, marks=pytest.mark.slow),
        pytest.param({"max_observations": 30}, 3, False, 14, marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_the_choice_is_the_best_of_all_candidates(arguments: dict[str, Any], workers: int, ties: bool, n: int) -> None:
    scheduler = Watched(**arguments)
    table = with_space(random_table(3, n=n, size=7, levels=8 if ties else None, diverged=0.02, ragged=0.1))
    trace = Simulation(table, scheduler, workers=workers).run()
    assert scheduler.checked > 25
    assert scheduler.kinds == {"new", "paused"}
    assert trace.digest() == Simulation(table, Dyhpo(**arguments), workers=workers).run().digest()


def test_what_is_kept_of_the_curves() -> None:
    """Six places: the last values of three curves, then the first ones, of which one curve has but one."""
    context: list[Any] = []

    class Peeks(Dyhpo):
        def setup(self, inner: Context) -> None:
            super().setup(inner)
            context.append(inner)

    Simulation(with_space(random_table(0, n=8)), Peeks(), budget=Budget(trials=1)).run()
    for room, kept in (
        (6, [(0, 8), (1, 0), (2, 2)]),
        (10, [(0, 0), (0, 8), (1, 0), (2, 0), (2, 2)]),
        (14, [(0, 0), (0, 4), (0, 8), (1, 0), (2, 0), (2, 1), (2, 2)]),
        (40, [(0, 0), (0, 1), (0, 2), (0, 4), (0, 8), (1, 0), (2, 0), (2, 1), (2, 2)]),
    ):
        model = FreezeThaw(JointInputs(context[0]), room)
        for trial, length in enumerate((9, 1, 3)):
            for k in range(length):
                model.observe(trial, trial, k + 1, 0.5)
        assert model.thinned() == kept
    best = FreezeThaw(JointInputs(context[0]), 8)
    for trial, value in enumerate([0.1, 0.9, 0.2, 0.8, 0.7, 0.6]):
        best.observe(trial, trial, 1, value)
    assert best.thinned() == [(0, 0), (1, 0), (2, 0), (5, 0)]  # the best two, and of the others the ends


@pytest.mark.parametrize(
    ("step", "units"), [(1, [1, 2, 3, 4, 5, 6, 7, 8, 9]), (2, [2, 4, 6, 8, 9]), (3, [3, 6, 9]), (9, [9]), (50, [9])]
)
def test_units(step: int, units: list[int]) -> None:
    trace = Simulation(random_table(2, n=6), f"dyhpo(step={step})", workers=2).run()
    for trial in range(6):
        reached = [
            e["resource"] for e in events_of(trace) if e["trial"] == trial and e["event"] not in ("start", "resume")
        ]
        assert reached == units


def test_one_that_is_the_most_promising_stays_on_its_worker() -> None:
    """Row 0 falls far below all others, which stay where they are: once it has begun to, it goes on to the end."""
    curves = [[0.5 - 0.05 * k for k in range(9)], *[[0.9 + 0.001 * row] * 9 for row in range(1, 12)]]
    table = with_space(table_of(curves))
    events = events_of(Simulation(table, "dyhpo", workers=1, initial=[0]).run())
    own = [e["event"] for e in events if e["trial"] == 0]
    assert own == ["start", "pause", "resume", *["continue"] * 7, "complete"]


@given(
    table=tables(n=st.integers(1, 16), size=st.integers(1, 6)).map(with_space),
    step=st.integers(1, 3),
    workers=st.integers(1, 6),
    seed=st.integers(0, 3),
    room=st.sampled_from([4, 30, 500]),
    new=st.sampled_from([1, 3, 2000]),
)
@settings(max_examples=30, deadline=None)
def test_any_table_will_do(table: Blackbox, step: int, workers: int, seed: int, room: int, new: int) -> None:
    """Ties, divergence, one row, ragged curves: every row comes once, and every trial gets to its end."""
    scheduler = Dyhpo(step=step, max_observations=room, max_new=new)
    trace = Simulation(table, scheduler, workers=workers, seed=seed).run()
    history(trace)
    assert sorted(trace.columns.config.tolist()) == list(range(len(table)))
    assert trace.info.exhausted_at is not None
    last = {e["trial"]: e for e in events_of(trace)}
    for event in last.values():
        assert event["event"] in ("complete", "curve-end", "stop")
        assert event["event"] != "stop" or np.isnan(event["value"]), "only what diverged is stopped"


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_nobody_leaves_a_worker_for_nothing(workers: int, seed: int) -> None:
    """No trial pauses to be what its worker takes up next, but in the start-up."""
    trace = Simulation(random_table(seed, n=15, size=6), "dyhpo", workers=workers, seed=seed).run()
    events = events_of(trace)
    assert any(event["event"] == "continue" for event in events)
    for event, following in pairwise(events):
        if event["event"] == "pause":
            assert (following["event"], following["trial"]) != ("resume", event["trial"])


@pytest.mark.parametrize("workers", [1, 4, 40])
def test_rows_come_round_again(workers: int) -> None:
    table = random_table(7, n=6, size=4)
    trace = Simulation(table, "dyhpo", workers=workers, exhausted="cycle", budget=Budget(trials=24)).run()
    rows = trace.columns.config.tolist()
    assert [sorted(rows[i : i + 6]) for i in (0, 6, 12, 18)] == [list(range(6))] * 4


def test_a_budget_of_trials_lets_those_that_paused_go_on() -> None:
    trace = Simulation(random_table(4, n=30), "dyhpo", workers=3, budget=Budget(trials=9)).run()
    assert len(trace.columns.config) == 9
    assert {e["trial"]: e["event"] for e in events_of(trace)} == dict.fromkeys(range(9), "complete")


def test_the_start_up_is_the_searchers_and_then_the_model_chooses() -> None:
    table = with_space(random_table(3, n=20, size=3, levels=None))
    order = Simulation(table, "random", seed=4).run().columns.config.tolist()
    for needed in (3, 7, 12):
        trace = Simulation(table, Dyhpo(min_observations=needed), workers=1, seed=4).run()
        rows = trace.columns.config.tolist()
        assert rows[:needed] == order[:needed]
        assert rows != order
        first = events_of(trace)[: 2 * needed]
        assert [e["event"] for e in first] == ["start", "pause"] * needed
    given = [19, 3, 3, 11]
    trace = Simulation(table, Dyhpo(min_observations=1), workers=1, seed=4, initial=given).run()
    assert trace.columns.config[:4].tolist() == given
    assert sorted(trace.columns.config.tolist()) == sorted([*range(20), 3])


def test_configurations_off_the_table_are_learnt_from() -> None:
    pytest.importorskip("sklearn")
    table = load("power-law:n=40,d=3,r_max=9,seed=5")
    given = [{"x0": 0.01 * k, "x1": 0.5, "x2": 0.25} for k in range(3)]
    trace = Simulation(table, "dyhpo", initial=given, off_table="surrogate", workers=2).run()
    assert trace.columns.config[:3].tolist() == [40, 41, 42]
    assert sorted(trace.columns.config.tolist()) == list(range(43))


def test_the_model_says_how_many_observations_it_used() -> None:
    sizes = []

    class Counting(Dyhpo):
        def next_job(self) -> Any:
            job = super().next_job()
            sizes.append((len(self._model.curves), self._model._total, self.model_size, job))
            return job

    table = with_space(random_table(1, n=15))
    Simulation(table, Counting(max_observations=40), workers=2).run()
    for trials, total, size, job in sizes:
        if trials < 7:
            assert size == 0
        elif job is not None:
            assert 0 < size <= min(total, 40)
    assert max(size for _, _, size, _ in sizes) > 30


def test_to_be_asked_at_every_resource_changes_nothing() -> None:
    table = with_space(random_table(5, n=16, size=12, ragged=0.2, diverged=0.02))
    assert_skipping_changes_nothing(table, Dyhpo(step=3), Dyhpo(step=3), workers=3)


@pytest.mark.parametrize(
    "argument",
    ["step=0", "step=1.5", "min_observations=0", "max_observations=3", "max_observations='all'", "max_new=0"],
)
def test_wrong_arguments(argument: str) -> None:
    with pytest.raises(SimulationError, match=argument.replace("=", " = ")):
        make_scheduler(f"dyhpo({argument})")


@pytest.mark.slow
def test_it_finds_good_values_sooner_than_random_search() -> None:
    """On a smooth table with curves that tell, at equal time."""
    table = load("power-law:n=300,d=3,r_max=27,rank_correlation=0.9,seed=2")
    better = 0
    for seed in range(5):
        best = [
            Simulation(table, name, workers=2, seed=seed, budget="4x").run().summary()["best"]
            for name in ("dyhpo", "random")
        ]
        better += best[0] < best[1]
    assert better == 5

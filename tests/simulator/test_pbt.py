"""Population based training: its rule against a plain version, what it copies, and what a table shows of it."""

from __future__ import annotations

from math import ceil, inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of, history
from spaces import with_space
from tables import random_table, table_of, tables

from blackboxes import Blackbox, load
from simulator import (
    PAUSE,
    STOP,
    Budget,
    Context,
    Continue,
    Resume,
    Scheduler,
    Simulation,
    SimulationError,
    Start,
    Trace,
    Trial,
    make_scheduler,
)
from simulator.schedulers.pbt import Pbt


class PlainPbt(Scheduler):
    """Algorithm 1 and section 4.1 (truncation selection; perturb or resample) of the paper, with nothing clever.

    All is kept in one list of reports, from which populations, latest values and ranks are found anew each time.
    """

    def __init__(self, population: int, interval: float, truncation: float, resample: float, step: float) -> None:
        self.of, self.interval, self.truncation = population, interval, truncation
        self.resample, self.step = resample, step

    def setup(self, context: Context) -> None:
        self.context, self.draws = context, context.stream("pbt")
        self.reports: list[tuple[Any, float, Trial]] = []  # member, value, trial
        self.queue: list[tuple[Any, Trial | None, bool]] = []  # member, its trial, whether that is to be replaced
        self.populations = 0

    def ahead(self, resource: float) -> float:
        wanted = [r for r in self.context.resources if round(r - resource, 9) >= round(self.interval, 9)]
        return wanted[0] if wanted else self.context.r_max

    def ranks(self, population: int) -> list[tuple[float, int, Trial]]:
        latest = {member: (value, trial) for member, value, trial in self.reports if member[0] == population}
        return sorted((value, trial.id, trial) for value, trial in latest.values())

    def some(self, ranked: list[Any]) -> int:
        return min(ceil(round(len(ranked) * self.truncation, 9)), len(ranked) // 2)

    def donors(self, member: Any, trial: Trial) -> list[Trial]:
        ranked = self.ranks(member[0])
        best = [t for v, _, t in ranked[: self.some(ranked)] if v < inf]
        return [t for t in best if trial.resource <= t.resource < self.context.r_max]

    def next_job(self) -> Start | Resume | None:
        if not self.queue:
            self.queue = [((self.populations, i), None, False) for i in range(self.of)]
            self.populations += 1
        while self.queue:
            member, trial, replaced = self.queue.pop(0)
            if trial is not None and not replaced:
                return Resume(trial.id, self.ahead(trial.resource))
            if trial is not None:
                best = self.donors(member, trial)
                if best:
                    donor = best[int(self.draws.uniform(1)[0] * len(best))]
                    row = self.explore(donor.config)
                    return Start(row, self.ahead(donor.resource), member, checkpoint_of=donor.id)
            row = self.context.searcher().propose()
            if row is not None:
                return Start(row, self.ahead(0), member)
        return None

    def explore(self, row: int) -> int:
        vectors = self.context.vectors
        u = self.draws.uniform(3 * vectors.shape[1]).reshape(3, -1)
        point = vectors[row].copy()
        for j, parameter in enumerate(self.context.space.values()):
            choices = getattr(parameter, "choices", None)
            if u[0, j] < self.resample:
                point[j] = u[1, j] if choices is None else int(u[1, j] * len(choices)) / (len(choices) - 1)
            elif choices is None:
                point[j] = np.clip(point[j] + (self.step if u[2, j] < 0.5 else -self.step), 0, 1)
        distances = self.context.neighbours().distances(point)
        order = [other for other in np.argsort(distances, kind="stable").tolist() if other != row]
        return order[0] if order else row

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.reports.append((trial.tag, value, trial))
        ranked = self.ranks(trial.tag[0])
        worst = ranked[len(ranked) - self.some(ranked) :]
        if value == inf or (any(loser is trial for _, _, loser in worst) and self.donors(trial.tag, trial)):
            self.queue.append((trial.tag, trial, True))
            return STOP
        if self.queue:
            self.queue.append((trial.tag, trial, False))
            return PAUSE
        return Continue(self.ahead(resource))

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.reports.append((trial.tag, value, trial))


@given(
    table=tables(resumable=True, grid=st.sampled_from(["epochs", "sqrt2", "fractions"])),
    workers=st.integers(1, 9),
    population=st.integers(2, 8),
    shares=st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.sampled_from([0.0, 0.25, 1.0])),
    intervals=st.sampled_from([0.05, 0.1, 0.4, 1.0]),
    seed=st.integers(0, 3),
)
@settings(max_examples=150, deadline=None)
def test_it_decides_as_the_plain_version(
    table: Blackbox, workers: int, population: int, shares: tuple[float, float], intervals: float, seed: int
) -> None:
    table, (truncation, resample) = with_space(table), shares
    arguments = (population, table.r_max * intervals, truncation, resample, 0.2)
    one, other = (Simulation(table, kind(*arguments), workers=workers, seed=seed).run() for kind in (Pbt, PlainPbt))
    history(one)
    assert one.digest() == other.digest(), one.diff(other)


def test_the_worst_takes_over_from_the_best_and_goes_on_from_there() -> None:
    """Four members on four workers; every unit takes a second. At 1 s each has reported; in order of their ids."""
    curves = [[0.9] * 4, [0.1] * 4, [0.5] * 4, [0.6] * 4, [0.3] * 4]
    table = with_space(table_of(curves))
    scheduler = Pbt(population=4, interval=1, truncation=0.25)
    trace = Simulation(table, scheduler, workers=4, budget=Budget(time=1.5, trials=5)).run()
    first = [curves[row][0] for row in trace.columns.config[:4]]
    at_one = [e for e in events_of(trace) if e["time"] == 10**9]
    # A report counts among those before it: whoever is the worst of n >= 2 by then is stopped.
    stopped = []
    for i in range(4):
        ranked = sorted((first[j], j) for j in range(i + 1))
        if i >= 1 and ranked[-1] == (first[i], i):
            stopped.append(i)
    assert [e["trial"] for e in at_one if e["event"] == "stop"] == stopped
    heirs = trace.columns.checkpoint_of[4:].tolist()
    assert heirs == [int(np.argmin(first))] * len(heirs)
    starts = [e for e in at_one if e["event"] == "start"]
    assert [e["resource"] for e in starts] == [1] * len(starts)
    assert len(starts) == min(1, len(stopped))


def test_members_take_turns_on_few_workers() -> None:
    """With one worker and three equal members: first unit of each, then second of each."""
    table = with_space(table_of([[0.5, 0.5, 0.5]] * 3))
    trace = Simulation(table, Pbt(population=3, interval=1, truncation=0), workers=1).run()
    order = [(e["trial"], e["until"]) for e in events_of(trace) if e["until"] == e["until"]]
    assert order == [(i, k) for k in (1, 2, 3) for i in (0, 1, 2)]


def test_the_next_population_begins_when_nobody_waits() -> None:
    table = with_space(random_table(1, n=30, size=9))
    trace = Simulation(table, "pbt(population=4)", workers=6).run()
    fresh = [e for e in events_of(trace) if e["event"] == "start" and e["resource"] == 0]
    assert len(fresh) == 30, "every row is proposed"
    assert [e["time"] for e in fresh[:6]] == [0] * 6


def test_what_diverged_is_replaced_and_never_copied() -> None:
    curves = [[np.nan] * 3 if row % 2 else [1.0 - row / 100] * 3 for row in range(40)]
    trace = Simulation(with_space(table_of(curves)), "pbt(population=6)", workers=3).run()
    donors = trace.columns.config[trace.columns.checkpoint_of[trace.columns.checkpoint_of >= 0]]
    assert len(donors) > 10
    assert (donors % 2 == 0).all()


def test_on_a_measured_table_it_is_cheaper_than_full_training_and_blind_to_history() -> None:
    """Each trial's results are its own row's curve: what was inherited does not show."""
    table = load("mlp:digits")
    trace = Simulation(table, "pbt", workers=4, budget="5x").run()
    heirs = trace.columns.checkpoint_of >= 0
    assert heirs.sum() > 10
    results = trace.results()
    grid = np.array(table.resource_list)
    at = np.searchsorted(grid, results["resource"])
    expected = table.metrics[trace.info.metric][results["config"], results["replicate"], at]
    assert np.array_equal(results[trace.info.metric], expected, equal_nan=True)


def runs_out(name: str, **options: Any) -> Trace:
    return Simulation(with_space(random_table(0, n=12, size=5)), name, **options).run()


def test_more_workers_than_configurations() -> None:
    trace = runs_out("pbt", workers=40)
    assert (trace.columns.checkpoint_of < 0).sum() == 12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"population": 1}, "population = 1: a whole number from 2"),
        ({"interval": 0}, "interval = 0: a number of units of resource above 0 is needed"),
        ({"interval": "2"}, "interval = '2'"),
        ({"truncation": 1.5}, "truncation = 1.5: a share from 0 to 1"),
        ({"resample": -1}, "resample = -1: a share"),
        ({"step": 2}, "step = 2: a share"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SimulationError, match=words):
        Pbt(**arguments)


def test_a_table_trained_from_scratch_is_refused() -> None:
    with pytest.raises(SimulationError, match=r"pbt: the table's trials are trained from scratch"):
        Simulation(load("svm:magic"), make_scheduler("pbt")).run()

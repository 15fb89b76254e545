"""The differential evolution searcher against a twin written from Storn and Price, and its operators by hand."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spaces import grid_table, with_space
from tables import tables

from blackboxes import Blackbox, load
from blackboxes.streams import Stream
from simulator import Budget, SearchContext, Searcher, Simulation
from simulator.models.differential import crossed, mutant
from simulator.searchers.de import De, Population
from simulator.searchers.random import RandomSearcher

# --- the operators ---------------------------------------------------------------------------------------------


def test_a_mutant_is_one_parent_moved_by_the_difference_of_two_others() -> None:
    parents = np.array([[0.5, 0.25, 0.75, 0.0], [0.75, 0.25, 1.0, 0.5], [0.25, 0.75, 0.0, 0.5]])
    moved = mutant(parents, 0.5, Stream(1, "a"))
    assert moved[[0, 1, 3]].tolist() == [0.75, 0.0, 0.0]
    assert 0 <= moved[2] <= 1, "1.25 lies outside: drawn anew"
    anew = [mutant(parents, 0.5, Stream(seed, "a"))[2] for seed in range(400)]
    assert np.quantile(anew, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.1)


@pytest.mark.parametrize("probability", [0.0, 0.3, 0.5, 1.0])
def test_crossover_takes_this_share_of_the_mutant_and_at_least_one(probability: float) -> None:
    draws, d = Stream(2, "a"), 5
    taken = np.array([crossed(np.zeros(d), np.ones(d), probability, draws) for _ in range(2000)])
    assert set(taken.ravel().tolist()) <= {0.0, 1.0}
    assert taken.sum(axis=1).min() >= 1
    expected = probability + (1 - probability) / d  # one of them in any case
    assert taken.mean(axis=0) == pytest.approx([expected] * d, abs=0.05)


def test_an_offspring_takes_its_targets_place_if_it_is_not_worse() -> None:
    population = Population(3)
    for row, value in enumerate((0.5, inf, 0.25)):
        population.select(row, value, None)
    population.select(7, 0.5, 0)
    assert population.rows == [7, 1, 2], "as good"
    population.select(8, 0.3, 2)
    assert population.rows == [7, 1, 2], "worse than its target, though better than others"
    population.select(9, 0.4, None)
    assert population.rows == [7, 9, 2], "without a target: the worst goes"
    population.select(10, 0.6, None)
    assert (population.rows, population.values) == ([7, 9, 2], [0.5, 0.4, 0.25])
    assert [population.next_target() for _ in range(4)] == [0, 1, 2, 0]


# --- a twin ----------------------------------------------------------------------------------------------------


class PlainDe(Searcher):
    """rand/1/bin over the rows of a table, with a list of members for each resource."""

    def __init__(self, NP: int, F: float, CR: float) -> None:
        self.NP, self.F, self.CR = NP, F, CR

    def setup(self, context: SearchContext) -> None:
        self.order, self.draws = RandomSearcher(), context.stream("differential evolution")
        self.order.setup(context)
        self.neighbours, self.vectors = context.neighbours(), context.vectors.tolist()
        self.left, self.started = list(range(context.n)), set()
        self.members: dict[float, list[tuple[float, int]]] = {}
        self.asked: dict[float, int] = {}
        self.parent_of: dict[int, tuple[float, int]] = {}

    def propose(self) -> int | None:
        row = self.child()
        while row not in self.left:
            row = self.order.propose()
            if row is None:
                self.exhausted_at = self.order.exhausted_at
                return None
        self.left.remove(row)
        return row

    def child(self) -> int | None:
        rows = [row for row in self.left if row not in self.started]
        full = [r for r, members in self.members.items() if len(members) == self.NP]
        if not full or not rows:
            return None
        r = max(full)
        members = [self.vectors[row] for _, row in self.members[r]]
        i = self.asked.get(r, 0) % self.NP
        self.asked[r] = i + 1
        r1, r2, r3 = [int(k) for k in self.draws.permutation(self.NP) if k != i][:3]
        d = len(members[i])
        v = [members[r1][j] + self.F * (members[r2][j] - members[r3][j]) for j in range(d)]
        anew = self.draws.uniform(d).tolist()
        v = [v[j] if 0 <= v[j] <= 1 else anew[j] for j in range(d)]
        *own, one = self.draws.uniform(d + 1).tolist()
        u = [v[j] if own[j] < self.CR or j == int(one * d) else members[i][j] for j in range(d)]
        distances = self.neighbours.distances(np.array(u)).tolist()
        row = min(rows, key=lambda row: (distances[row], row))
        self.parent_of[row] = r, i
        return row

    def on_start(self, trial: Any, until: float) -> None:
        self.started.add(trial.config)

    def observe(self, trial: Any, resource: float, value: float) -> None:
        members = self.members.setdefault(resource, [])
        if len(members) < self.NP:
            members.append((value, trial.config))
            return
        r, i = self.parent_of.get(trial.config, (None, 0))
        if r != resource:
            values = [member[0] for member in members]
            i = values.index(max(values))
        if value <= members[i][0]:
            members[i] = value, trial.config


@given(
    table=tables(n=st.integers(1, 40), size=st.integers(1, 9)).map(with_space),
    name=st.sampled_from(["random", "asha-promotion", "asha-stopping", "hyperband"]),
    workers=st.integers(1, 6),
    seed=st.integers(0, 9),
    sizes=st.sampled_from([(4, 0.5, 0.5), (6, 0.8, 0.9), (10, 1.5, 0.0)]),
)
@settings(max_examples=80, deadline=None)
def test_it_does_what_the_paper_says(
    table: Blackbox, name: str, workers: int, seed: int, sizes: tuple[int, float, float]
) -> None:
    options: dict[str, Any] = {"workers": workers, "seed": seed}
    ours = Simulation(table, name, searcher=De(*sizes), **options).run()
    plain = Simulation(table, name, searcher=PlainDe(*sizes), **options).run()
    assert ours.digest() == plain.digest(), ours.diff(plain)
    assert ours.info.exhausted_at == plain.info.exhausted_at


# --- is it worth it? -------------------------------------------------------------------------------------------


def test_it_walks_down_to_the_best_corner_of_a_grid() -> None:
    table = grid_table((12, 12, 12))
    losses = table.metrics["loss"][:, 0, 0]
    trace = Simulation(table, "random+de", workers=1, budget=Budget(trials=150)).run()
    by_tens = losses[trace.columns.config].reshape(-1, 10).mean(axis=1)
    assert by_tens[-5:].mean() < 0.4 * by_tens[0]
    assert losses[trace.columns.config].min() == 0, "of 1728 points the very best"


@pytest.mark.parametrize("table", ["hartmann3:n=2000,seed=0", "hartmann6:n=2000,seed=0"])
def test_it_beats_random_search_on_a_smooth_table(table: str) -> None:
    """100 full trainings each, paired over 20 seeds: the 95 % interval of the mean difference is above 0."""
    blackbox = load(table)
    finals = blackbox.metrics["true_loss"][:, 0, -1].astype(float)

    def best(spec: str, seed: int) -> float:
        trace = Simulation(blackbox, spec, seed=seed, budget=Budget(trials=100)).run()
        return float(finals[trace.columns.config].min())

    found = np.array([best("random", seed) - best("random+de", seed) for seed in range(20)])
    half = 2.093 * found.std(ddof=1) / sqrt(20)  # Student's t with 19 degrees of freedom
    print(f"{found.mean():.4f} +- {half:.4f}")
    assert found.mean() - half > 0


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["hyperband", "asha-promotion"])
def test_under_a_multi_fidelity_scheduler_it_beats_random_configurations(scheduler: str) -> None:
    table = load("hartmann6:n=2000,seed=0")
    finals = table.metrics["true_loss"][:, 0, -1].astype(float)

    def best(spec: str, seed: int) -> float:
        columns = Simulation(table, spec, seed=seed, budget="20x").run().columns
        return float(finals[columns.config[columns.trial[columns.resource == table.r_max]]].min())

    found = np.array([best(scheduler, seed) - best(f"{scheduler}+de", seed) for seed in range(20)])
    print(f"{found.mean():.4f} +- {2.093 * found.std(ddof=1) / sqrt(20):.4f}")
    assert found.mean() > 0.05

"""Regularised evolution against a twin written from the paper, and on a grid by hand."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spaces import grid_table, with_space
from tables import tables

from blackboxes import Blackbox
from simulator import SearchContext, Searcher, Simulation
from simulator.models.coding import choices_of
from simulator.searchers.evolution import Evolution
from simulator.searchers.random import RandomSearcher


class PlainEvolution(Searcher):
    """The paper's algorithm with a queue for each resource, over the rows of a table."""

    def __init__(self, P: int, S: int, k: int) -> None:
        self.P, self.S, self.k = P, S, k

    def setup(self, context: SearchContext) -> None:
        self.order, self.draws = RandomSearcher(), context.stream("evolution")
        self.order.setup(context)
        self.vectors, self.choices = context.vectors.tolist(), choices_of(context.space)
        self.left, self.started = list(range(context.n)), set()
        self.populations: dict[float, deque[tuple[float, int]]] = {}

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
        full = [r for r, population in self.populations.items() if len(population) == self.P]
        rows = [row for row in self.left if row not in self.started]
        if not full or not rows:
            return None
        population = self.populations[max(full)]
        sample = [int(u * self.P) for u in self.draws.uniform(self.S)]
        parent = self.vectors[population[min(sample, key=lambda i: (population[i][0], i))][1]]
        changed = {row: sum(a != b for a, b in zip(self.vectors[row], parent, strict=True)) for row in rows}
        children = [row for row in rows if changed[row] == 1]
        if not children:
            children = sorted(rows, key=lambda row: (round(self.distance(row, parent), 9), row))[: self.k]
        return children[int(self.draws.uniform(1)[0] * len(children))]

    def distance(self, row: int, parent: list[float]) -> float:
        pairs = zip(self.vectors[row], parent, self.choices, strict=True)
        return sum(float(a != b) if c else abs(a - b) for a, b, c in pairs)

    def on_start(self, trial: Any, until: float) -> None:
        self.started.add(trial.config)

    def observe(self, trial: Any, resource: float, value: float) -> None:
        population = self.populations.setdefault(resource, deque(maxlen=self.P))  # the oldest dies
        population.append((value, trial.config))


@given(
    table=tables(n=st.integers(1, 40), size=st.integers(1, 9)).map(with_space),
    name=st.sampled_from(["random", "asha-promotion", "asha-stopping", "hyperband"]),
    workers=st.integers(1, 6),
    seed=st.integers(0, 9),
    sizes=st.sampled_from([(1, 1, 1), (6, 3, 4), (10, 10, 5)]),
)
@settings(max_examples=60, deadline=None)
def test_it_does_what_the_paper_says(
    table: Blackbox, name: str, workers: int, seed: int, sizes: tuple[int, int, int]
) -> None:
    options: dict[str, Any] = {"workers": workers, "seed": seed}
    ours = Simulation(table, name, searcher=Evolution(*sizes), **options).run()
    plain = Simulation(table, name, searcher=PlainEvolution(*sizes), **options).run()
    assert ours.digest() == plain.digest(), ours.diff(plain)
    assert ours.info.exhausted_at == plain.info.exhausted_at


def test_on_a_grid_a_child_differs_from_its_parent_in_one_hyperparameter() -> None:
    table = grid_table((6, 5, 4))
    parents: list[int] = []

    class Watched(Evolution):
        def _mutations(self, parent: int, rows: np.ndarray) -> np.ndarray:
            parents.append(parent)
            return super()._mutations(parent, rows)

    order = Simulation(table, "random", searcher=Watched(5, 3), workers=1).run().columns.config.tolist()
    points = np.column_stack(list(table.columns.values()))
    losses = table.metrics["loss"][:, 0, 0]
    too_old = 0
    for n_seen, parent in zip(range(5, 40), parents, strict=False):
        changed = np.count_nonzero(points != points[parent], axis=1)
        if any(changed[row] == 1 for row in order[n_seen:]):
            assert changed[order[n_seen]] == 1
        assert parent in order[n_seen - 5 : n_seen], "the parent is one of the last five"
        too_old += min(order[:n_seen], key=losses.__getitem__) not in order[n_seen - 5 : n_seen]
    assert too_old > 5, "the best of all was no parent any more: it died of age"


@pytest.mark.parametrize("population", [30, 100])
def test_before_the_population_is_full_it_is_random_search(population: int) -> None:
    table = grid_table((6, 5, 6))
    plain = Simulation(table, "random", workers=1).run().columns.config.tolist()
    spec = f"random+evolution(population={population})"
    found = Simulation(table, spec, workers=1).run().columns.config.tolist()
    assert found[:population] == plain[:population]
    assert found[population] != plain[population]

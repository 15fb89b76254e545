"""Regularised evolution: mutate the best of a sample of the population, drop the oldest of it."""

from __future__ import annotations

import numpy as np

from simulator.checks import whole
from simulator.errors import SimulationError
from simulator.searcher import SearchContext
from simulator.searchers.random import Prior
from simulator.searching import MOST_OBSERVATIONS, ModelSearcher


class Evolution(ModelSearcher):
    """Regularised (aging) evolution (Real et al., AAAI 2019, algorithm 1), on top of any scheduler.

    The population is the last P configurations that reported, so that each dies of age, whatever its value; before
    there are P, configurations are random. Each next one is a mutation of the best of S of them, drawn with
    replacement. A mutation changes one hyperparameter: one of the rows left that differ from the parent in just one
    is drawn; where there is none, as in tables of random configurations, one of the `neighbours` nearest rows, by the
    sum of distances over hyperparameters (1 for different categories).

    With several resources, a population is of one resource, so that values are compared at equal fidelity: the
    largest with at least P reports.

    A decision takes O(rows left x hyperparameters).

    Args:
        population: the paper's P; 100 there.
        sample: the paper's S; 25 there.
        neighbours: of so many nearest rows one is drawn.
        prior: as in `ModelSearcher`; parents are drawn without, mutations with it.

    Example:
        >>> Simulation(load("mlp:digits"), "asha-promotion+evolution", workers=4, budget="10x").run()
    """

    def __init__(self, population: int = 30, sample: int = 8, neighbours: int = 5, prior: Prior | None = None) -> None:
        whole("population", population, 1, MOST_OBSERVATIONS)
        super().__init__(population, prior)
        if whole("sample", sample, 1, MOST_OBSERVATIONS) > population:
            raise SimulationError(f"sample = {sample}: at most population = {population} is needed")
        self.population, self.sample = population, sample
        self.neighbours = whole("neighbours", neighbours, 1, MOST_OBSERVATIONS)

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self._draws = context.stream("evolution")

    def choose(self, rows: np.ndarray) -> int:
        resource = self.largest()
        assert resource is not None, "asked when ready"
        observed = self.at[resource]
        oldest = len(observed) - self.population
        drawn = oldest + (self._draws.uniform(self.sample) * self.population).astype(int)
        parent = observed.rows[min(drawn.tolist(), key=lambda i: (observed.values[i], i))]
        near = self._mutations(parent, rows)
        weights = np.ones(len(near)) if self.log_prior is None else np.exp(self.log_prior[near])
        steps = np.cumsum(weights)
        at = int(np.searchsorted(steps, self._draws.uniform(1)[0] * steps[-1], side="right"))
        return int(near[min(at, len(near) - 1)])  # rounding may put the draw at the very end

    def _mutations(self, parent: int, rows: np.ndarray) -> np.ndarray:
        """Of `rows`, increasing, those that the parent may become."""
        apart = np.abs(self.vectors[rows] - self.vectors[parent])
        one_changed = np.count_nonzero(apart, axis=1) == 1
        if one_changed.any():
            return rows[one_changed]
        categories = np.array(self.choices) > 0
        apart[:, categories] = apart[:, categories] > 0
        return rows[np.argsort(apart.sum(axis=1), kind="stable")[: self.neighbours]]

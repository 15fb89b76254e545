"""Differential evolution: a population whose members are replaced by better offspring."""

from __future__ import annotations

import numpy as np

from simulator.checks import check_share, whole
from simulator.models.differential import PARENTS, check_factor, crossed, mutant
from simulator.searcher import SearchContext
from simulator.searchers.random import Prior
from simulator.searching import MOST_OBSERVATIONS, ModelSearcher
from simulator.trial import Trial


class Population:
    """Members at one resource: rows and values, and which of them is the next target."""

    __slots__ = ("_next", "rows", "size", "values")

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows: list[int] = []
        self.values: list[float] = []
        self._next = 0

    def next_target(self) -> int:
        """Members in turn."""
        target = self._next
        self._next = (target + 1) % self.size
        return target

    def select(self, row: int, value: float, target: int | None) -> None:
        """Join while there is room; then replace the target, the worst where there is none, if it is not better."""
        if len(self.rows) < self.size:
            self.rows.append(row)
            self.values.append(value)
            return
        if target is None:
            target = max(range(self.size), key=self.values.__getitem__)
        if value <= self.values[target]:
            self.rows[target], self.values[target] = row, value


class De(ModelSearcher):
    """Differential evolution, rand/1/bin (Storn & Price 1997; in its asynchronous form), on top of any scheduler.

    The first NP configurations are random and make the population. Then its members are targets in turn: of three
    others the mutant v = a + F (b - c) is made, each hyperparameter of the offspring is v's with probability CR (at
    least one), else the target's, and the nearest row that is left (`Neighbours`) is proposed. When it reports, it
    takes the target's place if it is not worse. It does so at once, rather than with its generation.

    With several resources there is a population of each, so that values are compared at equal fidelity. Targets and
    parents are of the largest resource with NP reports; an offspring replaces its target when it gets as far as that,
    which a scheduler may not let it. A trial that reports where it has no target (a random one, or one whose target is
    of another resource) takes the place of the worst, if it is not worse.

    A decision takes O(rows x hyperparameters).

    Args:
        population: NP, from 4. Ten or twenty times the number of hyperparameters are usual where evaluations are cheap;
            a small one gets somewhere in the hundred trials that hyperparameter optimisation affords.
        mutation_factor: F.
        crossover_probability: CR.
        prior: as in `ModelSearcher`: the nearest row is that of the least squared distance / weight^(10 / n) after n
            reports at the population's resource.

    Example:
        >>> Simulation(load("mlp:digits"), "hyperband+de", workers=4, budget="10x").run()
    """

    def __init__(
        self,
        population: int = 10,
        mutation_factor: float = 0.5,
        crossover_probability: float = 0.5,
        prior: Prior | None = None,
    ) -> None:
        super().__init__(whole("population", population, PARENTS + 1, MOST_OBSERVATIONS), prior)
        self.population = population
        self.mutation_factor = check_factor(mutation_factor)
        self.crossover_probability = check_share("crossover_probability", crossover_probability)

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self._draws, self._neighbours = context.stream("differential evolution"), context.neighbours()
        self._populations: dict[float, Population] = {}
        self._targets: dict[int, tuple[float, int]] = {}  # by row proposed: resource and member

    def choose(self, rows: np.ndarray) -> int:
        resource, draws = self.largest(), self._draws
        assert resource is not None, "asked when ready"
        members = self._populations[resource]
        target = members.next_target()
        others = [i for i in draws.permutation(members.size).tolist() if i != target][:PARENTS]
        mutated = mutant(self.vectors[[members.rows[i] for i in others]], self.mutation_factor, draws)
        child = crossed(self.vectors[members.rows[target]], mutated, self.crossover_probability, draws)
        distances = self._neighbours.distances(child)[rows]
        distances *= np.exp(-self.faded_prior(rows, len(self.at[resource])))
        row = int(rows[distances.argmin()])
        self._targets[row] = resource, target
        return row

    def observations(self) -> int:
        return self.population

    def observe(self, trial: Trial, resource: float, value: float) -> None:
        super().observe(trial, resource, value)
        population = self._populations.setdefault(resource, Population(self.population))
        aimed_at, target = self._targets.get(trial.config, (None, None))
        population.select(self.at[resource].rows[-1], value, target if aimed_at == resource else None)
        if aimed_at == resource:
            del self._targets[trial.config]  # where rows come round again, it may be a random one

"""What searchers with a model have in common: the random phase, the rows that are left, and what was observed."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from simulator.checks import whole
from simulator.models.coding import choices_of
from simulator.searcher import Over, SearchContext, Searcher
from simulator.searchers.random import Prior, RandomSearcher

if TYPE_CHECKING:
    from simulator.trial import Trial

PRIOR_FADES = 10  # beta of Hvarfner et al., ICLR 2022: after so many observations the weights count as they are
MOST_OBSERVATIONS = 1 << 20


class Observed:
    """What was reported at one resource: rows and values in order, and the trials."""

    __slots__ = ("rows", "trials", "values")

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.values: list[float] = []
        self.trials: set[int] = set()

    def __len__(self) -> int:
        return len(self.values)


class ModelSearcher(Searcher):
    """Proposes what the random searcher would until a model has enough data, then what the model chooses.

    Every row is proposed once, whoever chooses it, before the table counts as used up. The random searcher's order
    is passed through from its beginning, without what the model has chosen already. A model chooses among the rows
    that were neither proposed nor started (somebody else may start rows, such as `initial`), as long as there are
    such.

    Args:
        min_observations: what the model needs, at one resource, before it is asked; the number of hyperparameters + 1
            by default.
        prior: a weight above 0 for each row, a user's belief that it is good; equal ones by default. Random choices
            follow it, and a model's acquisition function is multiplied by weight^(10 / n) after n observations
            (Hvarfner et al., ICLR 2022), so that the belief fades as results come in. Or names of other tasks, whose
            results are a warm start, as in `RandomSearcher`.
    """

    def __init__(self, min_observations: int | None = None, prior: Prior | None = None) -> None:
        if min_observations is not None:
            whole("min_observations", min_observations, 1, MOST_OBSERVATIONS)
        self.min_observations, self.prior = min_observations, prior
        self._random = RandomSearcher(prior)

    def setup(self, context: SearchContext) -> None:
        self._left, self._n = context.limit, context.n
        unlimited = copy(context)
        unlimited.limit = None  # the random order is passed through further than there are proposals
        self._random.setup(unlimited)
        self._cycle = context.cycle
        self.exhausted_at = None
        self._find_vector = context.vector
        self.vectors = context.vectors
        self.choices = choices_of(context.space)
        self.log_prior = None if self._random.weights is None else np.log(self._random.weights)
        self.needed = self.min_observations or self.vectors.shape[1] + 1
        self.at: dict[float, Observed] = {}
        self.running: dict[int, tuple[int, float]] = {}  # by trial: row and where it will report
        self._predicted: dict[int, int] = {}  # where a row that the table does not have lies in `vectors`
        self._begin_round()

    def _begin_round(self) -> None:
        self._unseen = np.ones(self._n, dtype=bool)  # not proposed
        self._fresh = np.ones(self._n, dtype=bool)  # neither proposed nor started
        self._in_order = self._proposed = 0

    def propose(self) -> int | None:
        if self._left == 0:
            return None
        if self._proposed == self._n:
            while self._in_order < self._n:
                self._next_in_order()
            if not self._cycle:
                self._random.propose()  # it says when nothing was left
                self.exhausted_at = self._random.exhausted_at
                return None
            self._begin_round()
        row, self.model_size = None, 0
        if self.ready():
            candidates = np.flatnonzero(self._fresh)
            row = self.choose(candidates) if len(candidates) else None
            self.model_size = 0 if row is None else self.observations()
        while row is None or not self._unseen[row]:
            row = self._next_in_order()
        self._unseen[row] = self._fresh[row] = False
        self._proposed += 1
        if self._left is not None:
            self._left -= 1
        return row

    def _next_in_order(self) -> int:
        self._in_order += 1
        row = self._random.propose()
        assert row is not None, "a round has n rows"
        return row

    def on_start(self, trial: Trial, until: float) -> None:
        row = self._row(trial)
        self.running[trial.id] = row, until
        if row < self._n:
            self._fresh[row] = False

    def observe(self, trial: Trial, resource: float, value: float) -> None:
        self.running.pop(trial.id, None)
        observed = self.at.get(resource)
        if observed is None:
            observed = self.at[resource] = Observed()
        observed.rows.append(self._row(trial))
        observed.values.append(value)
        observed.trials.add(trial.id)

    def on_end(self, trial: Trial, reason: Over) -> None:
        self.running.pop(trial.id, None)

    def _row(self, trial: Trial) -> int:
        """Where its configuration is in `vectors`; one that the table does not have is added at the end."""
        row = trial.config
        if row < self._n:
            return row
        if row not in self._predicted:
            self._predicted[row] = len(self.vectors)
            self.vectors = np.vstack([self.vectors, self._find_vector(trial.params)])
        return self._predicted[row]

    def largest(self, needed: int | None = None) -> float | None:
        """The largest resource with enough observations, None where there is none."""
        least = self.needed if needed is None else needed
        return max((resource for resource, observed in self.at.items() if len(observed) >= least), default=None)

    def ready(self) -> bool:
        """Whether the model has enough data."""
        return self.largest() is not None

    def observations(self) -> int:
        """How many observations the model has just decided with."""
        resource = self.largest()
        return 0 if resource is None else len(self.at[resource])

    @abstractmethod
    def choose(self, rows: np.ndarray) -> int | None:
        """One of `rows`, increasing and not empty, by the model; None for what is next in random order."""

    def faded_prior(self, rows: np.ndarray, observations: int) -> np.ndarray | float:
        """(m,) what the prior adds to the logarithm of the acquisition function at `rows`."""
        return 0.0 if self.log_prior is None else self.log_prior[rows] * (PRIOR_FADES / observations)

"""Bayesian optimisation: a Gaussian process over configurations, and expected improvement."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Literal, NamedTuple, Protocol

import numpy as np

from blackboxes.streams import Stream
from simulator.checks import is_number, whole
from simulator.errors import SimulationError
from simulator.models.coding import indicated
from simulator.models.gaussian_process import Kernel, Posterior, expected_improvement, fit, standard
from simulator.models.sampling import best_and_spread
from simulator.models.threads import one_thread
from simulator.searcher import SearchContext
from simulator.searchers.random import Prior
from simulator.searching import ModelSearcher
from simulator.trial import Trial

REFIT_AFTER = 1.1  # observations have grown by this factor since the kernel was fitted
MOST_PENDING = 100  # trials, the latest, that are accounted for


class Data(NamedTuple):
    """What a Gaussian process is to learn from, and where improvement is looked for."""

    rows: np.ndarray  # (N,) of the observations, the subsample
    resources: np.ndarray  # (N,)
    values: np.ndarray  # (N,) smaller is better, inf for diverged
    resource: float  # where the function is to be improved
    total: int  # observations before the subsample was taken


class Belief(Protocol):
    """What is believed of a function over configurations."""

    def mean(self, rows: np.ndarray) -> np.ndarray:
        """(m,) or (m, s), in s worlds, its mean at (m,) rows."""

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Its mean, and (m,) its standard deviation, at (m,) rows."""


class Asked(NamedTuple):
    """A process that is asked at one resource."""

    posterior: Posterior
    inputs: Callable[[np.ndarray, float], np.ndarray]
    resource: float

    def mean(self, rows: np.ndarray) -> np.ndarray:
        return self.posterior.mean(self.inputs(rows, self.resource))

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.posterior.at(self.inputs(rows, self.resource))


class Gp(ModelSearcher):
    """A Gaussian process searcher (Snoek et al., NeurIPS 2012), on top of any scheduler.

    The process has a Matérn 5/2 kernel with a length scale for each hyperparameter (categories as
    indicators), constant mean and noise, on standardised values. What maximises expected improvement over the least
    posterior mean at any observed or pending configuration is proposed, by looking at every row that is left.

    Pending trials, which run and of which there is no observation to learn from yet, are accounted for by fantasies:
    outcomes are drawn from the posterior, and the expected improvement is averaged over those worlds. The kernel is
    fitted, by maximum marginal likelihood (L-BFGS-B from fixed starts), when observations have grown by a tenth
    since, and when the resource changes.

    A decision takes O(N^3 + rows left x N^2) for N observations and pending trials.

    Args:
        resource: which observations are learnt from. ``"reached"``: of every trial its latest, at the largest resource
            that it reached, wherever that is. ``"largest"``: those at the largest resource with at least
            `min_observations`; what was made elsewhere is left out (`gp-independent` learns length scales from it).
            Or a resource: those that were made there.
        min_observations: as in `ModelSearcher`.
        max_observations: of more, the best quarter of this number is taken, and of the others as many as there is
            room for, evenly over their order of arrival.
        fantasies: how many worlds; 0 has a single one, where pending trials meet their posterior mean (the kriging
            believer of Ginsbourger et al., 2010).
        prior: as in `ModelSearcher`.

    Example:
        >>> Simulation(load("mlp:digits"), "asha-promotion+gp", workers=4, budget="10x").run()
    """

    def __init__(
        self,
        resource: float | Literal["reached", "largest"] = "reached",
        min_observations: int | None = None,
        max_observations: int = 500,
        fantasies: int = 20,
        prior: Prior | None = None,
    ) -> None:
        super().__init__(min_observations, prior)
        if not (is_number(resource) or (isinstance(resource, str) and resource in ("reached", "largest"))):
            raise SimulationError(f"resource = {resource!r}: 'reached', 'largest' or a resource is needed")
        self.resource = resource
        self.max_observations = whole("max_observations", max_observations, 4, 10_000)
        self.fantasies = whole("fantasies", fantasies, 0, 1000)

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        if is_number(self.resource) and self.resource not in context.resources:
            raise SimulationError(f"resource = {self.resource!r} is not one of the table's, {context.resources!r:.100}")
        self._draws = context.stream("fantasies")
        self._latest: dict[int, tuple[int, float, float]] = {}  # by trial: row, resource, value
        self._kernel: Kernel | None = None
        self._fitted = 0.0, 0  # resource and number of observations when it was
        self._columns, self._owners = indicated(self.vectors, self.choices)

    def observe(self, trial: Trial, resource: float, value: float) -> None:
        super().observe(trial, resource, value)
        if self.resource == "reached":
            self._latest[trial.id] = self.at[resource].rows[-1], resource, value

    def ready(self) -> bool:
        if self.resource == "reached":
            return len(self._latest) >= self.needed
        if self.resource == "largest":
            return super().ready()
        return len(self.at.get(self.resource, ())) >= self.needed

    def choose(self, rows: np.ndarray) -> int:
        with one_thread():
            return self._best_of(rows, self.data())

    def observations(self) -> int:
        return self._used

    def _best_of(self, rows: np.ndarray, data: Data) -> int:
        self._used = len(data.rows)
        asked = self.asked(data)
        pending = self.pending(data)[-MOST_PENDING:]
        known = np.unique([*data.rows.tolist(), *(row for row, _ in pending)])
        best = asked.mean(known).min(axis=0)
        mean, deviation = asked.at(rows)
        improvement = expected_improvement(mean.T, deviation, best[..., None])  # (m,), or (s, m)
        with np.errstate(divide="ignore"):
            score = np.log(np.atleast_2d(improvement).mean(axis=0))
        if score.max() == -np.inf:  # nothing is to be expected up to rounding: the largest gap in deviations
            score = (best - mean).reshape(len(rows), -1).mean(axis=1) / deviation
        return int(rows[np.argmax(score + self.faded_prior(rows, data.total))])

    def asked(self, data: Data) -> Belief:
        """What the model believes where improvement is looked for, after what is pending."""
        return Asked(self.imagined(self.posterior(data), self.pending(data)), self.inputs, data.resource)

    def imagined(self, posterior: Posterior, pending: list[tuple[int, float]]) -> Posterior:
        """The process in the worlds where the latest pending trials, by row and resource, have reported too."""
        if not pending:
            return posterior
        rows, resources = (np.array(column) for column in zip(*pending[-MOST_PENDING:], strict=True))
        shape = (len(rows), self.fantasies)
        draws = normal(self._draws, shape) if self.fantasies else np.zeros((len(rows), 1))
        return posterior.fantasised(self.inputs(rows, resources), draws)

    def data(self) -> Data:
        """The observations that the model learns from now."""
        if self.resource == "reached":
            entries = list(self._latest.values())  # in the order of the trials' first reports
            picked = self.subsample([value for _, _, value in entries])
            top = max(r for _, r, _ in entries)
            rows, _, values = (np.array(column) for column in zip(*(entries[i] for i in picked), strict=True))
            return Data(rows, np.full(len(rows), top), values, top, len(entries))
        resource = self.largest() if self.resource == "largest" else self.resource
        assert resource is not None, "asked when ready"
        observed = self.at[resource]
        picked = self.subsample(observed.values)
        rows, values = np.array(observed.rows)[picked], np.array(observed.values)[picked]
        return Data(rows, np.full(len(rows), resource), values, resource, len(observed))

    def subsample(self, values: list[float], room: int | None = None) -> list[int]:
        """Which of the values to take, increasing: all, or as many as there is room for."""
        room = self.max_observations if room is None else room
        if len(values) <= room:
            return list(range(len(values)))
        return best_and_spread(values, room // 4, room)

    def posterior(self, data: Data) -> Posterior:
        """The process after the observations, its kernel fitted again if that is due."""
        inputs, values = self.inputs(data.rows, data.resources), standard(data.values)
        resource, count = self._fitted
        if self._kernel is None or resource != data.resource or data.total >= ceil(count * REFIT_AFTER):
            self._kernel = fit(inputs, self.owners(), values)
            self._fitted = data.resource, data.total
        return Posterior(self._kernel, inputs, values)

    def inputs(self, rows: np.ndarray, resources: float | np.ndarray) -> np.ndarray:
        """(m, p) for the kernel: configurations, and where the model has them resources."""
        if len(self._columns) < len(self.vectors):  # predicted configurations have been added
            self._columns, self._owners = indicated(self.vectors, self.choices)
        return self._columns[rows]

    def owners(self) -> np.ndarray:
        """(p,) which length scale each column of the inputs has."""
        return self._owners

    def pending(self, data: Data) -> list[tuple[int, float]]:
        """Row and resource of each trial whose outcome is to be imagined, in order of starting."""
        if self.resource == "reached":
            return [(row, data.resource) for trial, (row, _) in self.running.items() if trial not in self._latest]
        seen = self.at[data.resource].trials
        return [(row, data.resource) for trial, (row, _) in self.running.items() if trial not in seen]


def normal(stream: Stream, shape: tuple[int, int]) -> np.ndarray:
    """Draws from the standard normal distribution."""
    from scipy.special import ndtri

    uniform = stream.uniform(shape[0] * shape[1])
    return ndtri(np.maximum(uniform, 2.0**-54)).reshape(shape)

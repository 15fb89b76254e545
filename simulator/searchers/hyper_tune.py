"""Hyper-Tune's searcher: an ensemble of the models of all rungs, each weighted by how well it ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from simulator.checks import check_choice, whole
from simulator.models.fidelities import Fidelities, Independent, Joint
from simulator.models.precision import precisions
from simulator.multi_fidelity import MultiFidelity
from simulator.searcher import SearchContext
from simulator.searchers.gp import Asked, Belief, Data, normal
from simulator.searchers.random import Prior


class HyperTuneSearcher(MultiFidelity):
    """Hyper-Tune's multi-fidelity optimiser (Li et al., VLDB 2022; MFES-HB, AAAI 2021).

    Let a level be a resource with enough observations, the top the largest of them. The precision theta of a level is
    how often, over draws from the posteriors of all levels, it has the least ranking loss: of the pairs of what was
    observed at the top it ranks the fewest wrongly (by a process of that level's observations alone; the top itself
    by cross-validation). The ensemble has mean sum(theta mu) and variance sum(theta^2 sigma^2), of values that are
    standardised at each level; what maximises its expected improvement over its least mean at any observed or pending
    configuration is proposed, by looking at every row that is left.

    Precisions are learnt again when the top has an observation more, or another level has enough; they depend on what
    was last proposed by the model. With one level, this is `gp-independent`, or `gp-joint`.

    A decision takes O(N^3 + rows left x N^2) for each level of N observations and pending trials, and to learn the
    precisions O(samples x n^2) for n at the top.

    Args:
        model: ``"independent"``: as `gp-independent`. ``"joint"``: as `gp-joint`, asked at each level.
        samples: how many draws; 100 in the authors' code.
        min_observations: as in `ModelSearcher`, but counted over all resources.
        min_at_level: observations that make a resource a level; 6 in Syne Tune 0.13.
        max_observations: as in `gp-joint`.
        fantasies, prior: as in `gp`; pending trials are imagined as in the model of choice.

    Differences: the paper imputes the median for pending trials, and its authors' code proposes a random configuration
    now and then.

    Example:
        >>> Simulation(load("mlp:digits"), "hyper-tune+hyper-tune(model='joint')", workers=4, budget="10x").run()
    """

    everywhere = False

    def __init__(
        self,
        model: Literal["independent", "joint"] = "independent",
        samples: int = 100,
        min_observations: int | None = None,
        min_at_level: int = 6,
        max_observations: int = 500,
        fantasies: int = 20,
        prior: Prior | None = None,
    ) -> None:
        check_choice("model", model, ("independent", "joint"))
        whole("min_at_level", min_at_level, 2, 10_000)
        super().__init__(min_observations, min_at_level, max_observations, fantasies, prior)
        self.model, self.samples = model, whole("samples", samples, 1, 10_000)

    def make_fidelities(self, resources: list[float]) -> Fidelities:
        if self.model == "joint":
            return Joint(resources)
        return Independent(min(self.min_at_largest, self.max_observations))

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self._ranking_draws = context.stream("ranking")
        self._precisions: dict[float, float] = {}
        self._learnt_from = 0  # observations at the top when they were

    def precisions(self) -> Mapping[float, float]:
        return self._precisions

    def asked(self, data: Data) -> Belief:
        found, counts = np.unique(data.resources, return_counts=True)
        levels = found[counts >= min(self.min_at_largest, self.max_observations)].tolist()
        self.fit_if_due(data, levels)
        observed = len(self.at[data.resource])
        if levels != list(self._precisions) or observed != self._learnt_from:
            self._learn_precisions(data, levels)
            self._learnt_from = observed
        return Ensemble(self._parts(data))

    def _learn_precisions(self, data: Data, levels: list[float]) -> None:
        seen = self.seen(data)
        shares = precisions(
            [self.fidelities.alone(seen, level) for level in levels],
            data.values[data.resources == data.resource],
            lambda shape: normal(self._ranking_draws, shape),
            self.samples,
        )
        self._precisions = dict(zip(levels, shares.tolist(), strict=True))

    def _parts(self, data: Data) -> list[tuple[float, Asked]]:
        seen, parts, posterior = self.seen(data), [], None
        for level, share in self._precisions.items():
            if share == 0:
                continue
            if posterior is None or not self.fidelities.across:
                here = data._replace(resource=level)
                posterior = self.imagined(self.fidelities.posterior(seen, level), self.pending(here))
            parts.append((share, Asked(posterior, self.inputs, level)))
        return parts


class Ensemble(NamedTuple):
    """A weighted sum of functions, as if they were independent: MFES-HB's bagging.

    Attributes:
        parts: weights, and what is believed of each.
    """

    parts: list[tuple[float, Asked]]

    def mean(self, rows: np.ndarray) -> np.ndarray:
        return self._sum([(share, part.mean(rows)) for share, part in self.parts])

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = [(share, *part.at(rows)) for share, part in self.parts]
        variance = np.sum([share**2 * deviation**2 for share, _, deviation in found], axis=0)
        return self._sum([(share, mean) for share, mean, _ in found]), np.sqrt(variance)

    @staticmethod
    def _sum(means: list[tuple[float, np.ndarray]]) -> np.ndarray:
        """(m,), or (m, s) where at least one has several worlds; what has one is the same in all of them."""
        several = any(mean.ndim == 2 for _, mean in means)
        total: np.ndarray = np.zeros(1)
        for share, mean in means:
            total = total + share * (mean[:, None] if several and mean.ndim == 1 else mean)
        return total

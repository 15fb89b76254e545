"""What Gaussian process searchers have in common that learn from what was reported at every resource."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from math import ceil

import numpy as np

from simulator.checks import whole
from simulator.models.fidelities import Fidelities, Seen
from simulator.models.gaussian_process import Posterior
from simulator.searcher import SearchContext
from simulator.searchers.gp import REFIT_AFTER, Data, Gp
from simulator.searchers.random import Prior
from simulator.searching import MOST_OBSERVATIONS


class MultiFidelity(Gp):
    """Learns from all resources, and looks for improvement at the largest with enough observations.

    Args:
        min_observations: as in `ModelSearcher`, but counted over all resources.
        min_at_largest: observations that a resource needs before improvement is looked for there.
        max_observations: of more, those at the largest resources are taken; of the first resource that has too many,
            a part as in `gp`.
        fantasies, prior: as in `gp`.

    Attributes:
        everywhere: resources with fewer observations than `min_at_largest` are learnt from, too.
    """

    everywhere = True

    def __init__(
        self,
        min_observations: int | None = None,
        min_at_largest: int = 3,
        max_observations: int = 500,
        fantasies: int = 20,
        prior: Prior | None = None,
    ) -> None:
        super().__init__("largest", min_observations, max_observations, fantasies, prior)
        self.min_at_largest = whole("min_at_largest", min_at_largest, 1, MOST_OBSERVATIONS)

    @abstractmethod
    def make_fidelities(self, resources: list[float]) -> Fidelities:
        """A model, not fitted yet, for a grid of resources, increasing."""

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self.fidelities = self.make_fidelities(context.resources)

    def ready(self) -> bool:
        return sum(map(len, self.at.values())) >= self.needed and self.largest(self.min_at_largest) is not None

    def data(self) -> Data:
        target = self.largest(self.min_at_largest)
        assert target is not None, "asked when ready"
        rows: list[int] = []
        values: list[float] = []
        resources: list[float] = []
        for resource, observed in sorted(self.at.items(), reverse=True):
            if not self.everywhere and len(observed) < self.min_at_largest:
                continue
            for i in self.subsample(observed.values, self.max_observations - len(rows)):
                rows.append(observed.rows[i])
                values.append(observed.values[i])
            resources += [resource] * (len(rows) - len(resources))
        total = sum(map(len, self.at.values()))
        return Data(np.array(rows), np.array(resources), np.array(values), target, total)

    def seen(self, data: Data) -> Seen:
        """The same for the model."""
        return Seen(super().inputs(data.rows, data.resources), self.owners(), data.resources, data.values)

    def fit_if_due(self, data: Data, resources: Iterable[float]) -> None:
        """Fit the model again if there is enough that is new, or a resource to be asked that it has no kernel for."""
        resource, count = self._fitted
        if (
            resource != data.resource
            or data.total >= ceil(count * REFIT_AFTER)
            or not all(self.fidelities.knows(r) for r in resources)
        ):
            self.fidelities.fit(self.seen(data))
            self._fitted = data.resource, data.total

    def posterior(self, data: Data) -> Posterior:
        self.fit_if_due(data, [data.resource])
        return self.fidelities.posterior(self.seen(data), data.resource)

    def inputs(self, rows: np.ndarray, resources: float | np.ndarray) -> np.ndarray:
        return self.fidelities.inputs(super().inputs(rows, resources), resources)

    def pending(self, data: Data) -> list[tuple[int, float]]:
        return list(self.running.values()) if self.fidelities.across else super().pending(data)

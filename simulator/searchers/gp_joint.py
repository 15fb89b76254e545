"""Bayesian optimisation with one Gaussian process over configurations and resources, as in MOBSTER."""

from __future__ import annotations

from math import log

import numpy as np

from simulator.checks import whole
from simulator.searcher import SearchContext
from simulator.searchers.gp import Data, Gp
from simulator.searchers.random import Prior
from simulator.searching import MOST_OBSERVATIONS


class GpJoint(Gp):
    """MOBSTER's joint model (Klein et al., 2020), on top of any scheduler; with `asha-promotion` it is MOBSTER.

    As `gp`, but one process learns from what was reported at every resource: the logarithm of the resource is one
    more input of the Matérn 5/2 kernel, with a length scale of its own. Improvement is looked for at the largest
    resource with at least `min_at_largest` observations. Pending trials are imagined where they will report.

    Args:
        min_observations: as in `ModelSearcher`, but counted over all resources.
        min_at_largest: observations that a resource needs before improvement is looked for there.
        max_observations: of more, those at the largest resources are taken; of the first resource that has too many,
            a part as in `gp`.
        fantasies, prior: as in `gp`.

    Example:
        >>> Simulation(load("mlp:digits"), "asha-promotion+gp-joint", workers=4, budget="10x").run()
    """

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

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self._lowest = context.resources[0]
        self._span = log(context.resources[-1] / self._lowest) or 1.0  # with a single resource all inputs are 0

    def ready(self) -> bool:
        return sum(map(len, self.at.values())) >= self.needed and self.largest(self.min_at_largest) is not None

    def data(self) -> Data:
        target = self.largest(self.min_at_largest)
        assert target is not None, "asked when ready"
        rows: list[int] = []
        values: list[float] = []
        resources: list[float] = []
        for resource, observed in sorted(self.at.items(), reverse=True):
            for i in self.subsample(observed.values, self.max_observations - len(rows)):
                rows.append(observed.rows[i])
                values.append(observed.values[i])
            resources += [resource] * (len(rows) - len(resources))
        total = sum(map(len, self.at.values()))
        return Data(np.array(rows), np.array(resources), np.array(values), target, total)

    def pending(self, data: Data) -> list[tuple[int, float]]:
        return list(self.running.values())

    def inputs(self, rows: np.ndarray, resources: float | np.ndarray) -> np.ndarray:
        columns = super().inputs(rows, resources)
        fidelity = np.log(np.broadcast_to(resources, len(rows)) / self._lowest) / self._span
        return np.column_stack([columns, fidelity])

    def owners(self) -> np.ndarray:
        return np.append(super().owners(), self.vectors.shape[1])

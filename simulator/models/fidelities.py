"""How Gaussian processes over configurations hang together at several resources: one for all, or one for each."""

from __future__ import annotations

from math import log
from typing import NamedTuple, Protocol

import numpy as np

from simulator.models.gaussian_process import Kernel, Posterior, fit, fit_together, standard


class Seen(NamedTuple):
    """What was observed.

    Attributes:
        columns: (N, p) configurations, as `indicated` gives them.
        owners: (p,) which hyperparameter each column is of.
        resources: (N,) where.
        values: (N,) smaller is better, inf for diverged.
    """

    columns: np.ndarray
    owners: np.ndarray
    resources: np.ndarray
    values: np.ndarray


class Fidelities(Protocol):
    """A model of what was observed at several resources.

    Attributes:
        across: whether what is seen at one resource tells what to expect at another.
    """

    across: bool

    def inputs(self, columns: np.ndarray, resources: float | np.ndarray) -> np.ndarray:
        """(m, q) for the kernel, from (m, p) configurations and one resource or (m,)."""

    def fit(self, seen: Seen) -> None:
        """Choose kernels."""

    def knows(self, resource: float) -> bool:
        """Whether there is a kernel for this resource."""

    def posterior(self, seen: Seen, resource: float) -> Posterior:
        """The process to ask at this resource."""

    def alone(self, seen: Seen, resource: float) -> tuple[Kernel, np.ndarray, np.ndarray]:
        """Kernel, inputs and standardised values of what was observed at this resource, for a process of its own."""


class Joint:
    """One process over configurations and the logarithm of the resource, which has a length scale of its own.

    Args:
        resources: the grid, increasing.
    """

    across = True

    def __init__(self, resources: list[float]) -> None:
        self._lowest = resources[0]
        self._span = log(resources[-1] / self._lowest) or 1.0  # with a single resource all inputs are 0
        self.kernel: Kernel | None = None

    def inputs(self, columns: np.ndarray, resources: float | np.ndarray) -> np.ndarray:
        fidelity = np.log(np.broadcast_to(resources, len(columns)) / self._lowest) / self._span
        return np.column_stack([columns, fidelity])

    def fit(self, seen: Seen) -> None:
        owners = np.append(seen.owners, seen.owners.max(initial=-1) + 1)
        self.kernel = fit(self.inputs(seen.columns, seen.resources), owners, standard(seen.values))

    def knows(self, resource: float) -> bool:
        return self.kernel is not None

    def posterior(self, seen: Seen, resource: float) -> Posterior:
        assert self.kernel is not None, "asked when fitted"
        return Posterior(self.kernel, self.inputs(seen.columns, seen.resources), standard(seen.values))

    def alone(self, seen: Seen, resource: float) -> tuple[Kernel, np.ndarray, np.ndarray]:
        assert self.kernel is not None, "asked when fitted"
        here = seen.resources == resource
        return self.kernel, self.inputs(seen.columns[here], resource), standard(seen.values)[here]


class Independent:
    """A process at each resource; they share the length scales, and each has a mean, signal and noise of its own.

    Args:
        least: observations at a resource, below which it takes no part.
    """

    across = False

    def __init__(self, least: int) -> None:
        self._least = least
        self.kernels: dict[float, Kernel] = {}

    def inputs(self, columns: np.ndarray, resources: float | np.ndarray) -> np.ndarray:
        return columns

    def fit(self, seen: Seen) -> None:
        found, counts = np.unique(seen.resources, return_counts=True)
        levels = found[counts >= self._least].tolist()
        groups = [(seen.columns[here], standard(seen.values[here])) for here in (seen.resources == r for r in levels)]
        self.kernels = dict(zip(levels, fit_together(groups, seen.owners), strict=True))

    def knows(self, resource: float) -> bool:
        return resource in self.kernels

    def posterior(self, seen: Seen, resource: float) -> Posterior:
        return Posterior(*self.alone(seen, resource))

    def alone(self, seen: Seen, resource: float) -> tuple[Kernel, np.ndarray, np.ndarray]:
        here = seen.resources == resource
        return self.kernels[resource], seen.columns[here], standard(seen.values[here])

"""What the next unit of resource may bring: learning curves under one Gaussian process, thinned as they grow."""

from __future__ import annotations

from math import ceil, inf, isfinite

import numpy as np

from simulator.models.gaussian_process import Kernel, Scale, expected_improvement, fit, scale_of
from simulator.models.growing import GrowingProcess
from simulator.models.joint import JointInputs
from simulator.models.sampling import best_and_spread

REFIT_AFTER = 1.2  # observations have grown by this factor since the kernel was fitted


class FreezeThaw:
    """Expected improvement at candidates, each a row and the resource that it would reach.

    One process over (x, log r), Matérn 5/2 with a length scale for each hyperparameter and for the resource, on values
    that are standardised when it is built. An observation is then added as it comes (`GrowingProcess`). It is built
    anew when it is full or its kernel is to be fitted again, from at most half of what it has room for: of each curve
    the last value, then the first, then those at a half, a quarter, ... of its length, as far as there is room.

    Args:
        inputs: of configurations and resources.
        room: for how many observations, at least 4.

    Attributes:
        curves: by trial its row, resources and values, all that were observed.
        held: trials whose last value the process knows.
    """

    def __init__(self, inputs: JointInputs, room: int) -> None:
        self._inputs, self._room = inputs, room
        self.curves: dict[int, tuple[int, list[float], list[float]]] = {}
        self.held: set[int] = set()
        self._best: dict[float, float] = {}  # by resource
        self._total = self._fitted = 0  # observations so far, and when the kernel was fitted
        self._kernel: Kernel | None = None
        self._scale = Scale(inf, 0.0, 0.0)
        self._process: GrowingProcess | None = None

    @property
    def size(self) -> int:
        """How many observations the process knows."""
        return 0 if self._process is None else self._process.n

    @property
    def due(self) -> bool:
        """Whether the process has to be built before it is asked again."""
        return self._process is None or self._total >= ceil(self._fitted * REFIT_AFTER)

    def observe(self, trial: int, row: int, resource: float, value: float) -> None:
        """A trial of `row` has reached `resource`; inf for diverged. What is known of it there adds nothing."""
        _, resources, values = self.curves.setdefault(trial, (row, [], []))
        if resources and resource == resources[-1]:
            return
        resources.append(resource)
        values.append(value)
        self._total += 1
        if isfinite(value):
            self._best[resource] = min(value, self._best.get(resource, inf))
        if self._process is not None:
            if self._process.full:
                self._process = None
                return
            self._process.observe(self._inputs(np.array([row]), resource), float(self._scale.of([value])[0]))
            self.held.add(trial)

    def build(self, rows: np.ndarray, resources: np.ndarray) -> None:
        """Look at these candidates, (m,) rows and resources, from now on."""
        picked = self.thinned()
        where = np.array([self.curves[trial][1][at] for trial, at in picked])
        values = [self.curves[trial][2][at] for trial, at in picked]
        self.held = {trial for trial, at in picked if at == len(self.curves[trial][1]) - 1}
        inputs = self._inputs(np.array([self.curves[trial][0] for trial, _ in picked]), where)
        self._scale = scale_of(values)
        scaled = self._scale.of(values)
        if self._kernel is None or self._total >= ceil(self._fitted * REFIT_AFTER):
            self._kernel, self._fitted = fit(inputs, self._inputs.owners, scaled), self._total
        self._resources = resources.astype(np.float64)
        self._process = GrowingProcess(self._kernel, inputs, scaled, self._inputs(rows, resources), self._room)

    def thinned(self) -> list[tuple[int, int]]:
        """The observations to build from: trial and place in its curve."""
        by_rank: list[list[tuple[int, int]]] = []
        for trial, (_, resources, _) in self.curves.items():
            n = len(resources)
            places = dict.fromkeys([n - 1, 0, *(n >> k for k in range(1, n.bit_length()))])
            for rank, at in enumerate(places):
                if rank == len(by_rank):
                    by_rank.append([])
                by_rank[rank].append((trial, at))
        picked: list[tuple[int, int]] = []
        room = self._room // 2
        for wanted in by_rank:
            if len(wanted) > room:
                values = [self.curves[trial][2][at] for trial, at in wanted]
                wanted = [wanted[i] for i in best_and_spread(values, room // 2, room)]
            picked += wanted
            room -= len(wanted)
        return sorted(picked)

    def move(self, candidate: int, row: int, resource: float) -> None:
        """Look at `row` reaching `resource` in the place of that candidate."""
        if self._process is not None:
            self._resources[candidate] = resource
            self._process.move(candidate, self._inputs(np.array([row]), resource))

    def most_promising(self, open_: np.ndarray, pending: list[int]) -> int:
        """The candidate of the largest expected improvement, the lowest of several.

        Args:
            open_: (m,) of bool, which are to be compared; at least one.
            pending: candidates that are being evaluated now.
        """
        assert self._process is not None, "built"
        overall = min(self._best.values(), default=inf)
        reached, where = np.unique(self._resources, return_inverse=True)
        best = self._scale.of([self._best.get(r, overall) for r in reached.tolist()])[where]
        mean, deviation = self._process.mean, self._process.deviation(pending)
        improvement = np.where(open_, expected_improvement(mean, deviation, best), -inf)
        if improvement.max() <= 0:  # up to rounding: the largest gap in deviations
            improvement = np.where(open_, (best - mean) / deviation, -inf)
        return int(np.argmax(improvement))

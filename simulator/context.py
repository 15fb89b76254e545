"""What a scheduler may ask of the simulation it runs in."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import TYPE_CHECKING, Any, Literal

from blackboxes import Blackbox
from blackboxes.streams import Stream
from simulator.checks import check_choice, check_eta, check_r_min, is_number
from simulator.clock import Clock
from simulator.errors import SimulationError
from simulator.proposals import Proposals

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace

    from blackboxes.surrogates import Neighbours
    from simulator.searcher import Searcher
    from simulator.trial import Trial


class Context:
    """Given to `Scheduler.setup`; holds no reference to the simulation.

    Attributes:
        resources: the grid of resources, increasing.
        r_max: its largest.
        workers: how many workers the run begins with; on a cluster some may come and go.
        resumable: a trial can go on from where it stands; False: every segment is trained from scratch.
        used_up_at: simulated seconds when `used_up` was first found to be so, None until then.
    """

    __slots__ = (
        "_clock",
        "_proposals",
        "_searcher",
        "_seed",
        "_stops",
        "_table",
        "_trials",
        "r_max",
        "resources",
        "resumable",
        "used_up_at",
        "workers",
    )

    def __init__(
        self,
        table: Blackbox,
        workers: int,
        seed: int,
        clock: Clock,
        searcher: Searcher,
        trials: Sequence[Trial],
        proposals: Proposals,
    ) -> None:
        self.resources = table.resource_list
        self.r_max = table.r_max
        self.resumable = table.resumable
        self.workers = workers
        self._table = table
        self._seed = seed
        self._clock = clock
        self._searcher = searcher
        self._trials = trials
        self._proposals = proposals
        self.used_up_at: float | None = None
        self._stops: list[tuple[int, int]] = []  # trial and how many there were when it was asked; emptied by the loop

    @property
    def space(self) -> ConfigurationSpace:
        """The table's configuration space."""
        return self._table.space

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """The table's configurations: (n,) values by hyperparameter, NaN or None where inactive."""
        return self._table.columns

    def params(self, row: int) -> dict[str, Any]:
        """The hyperparameters of a row, as `Blackbox.params`: Python values, inactive ones left out."""
        return self._table.params(row)

    @property
    def vectors(self) -> np.ndarray:
        """(n, d) in [0, 1]: the table's configurations, as `Blackbox.vectors`."""
        return self._table.vectors

    def neighbours(self) -> Neighbours:
        """Finds the rows of the table that are nearest to a vector."""
        from blackboxes.surrogates import Neighbours

        return Neighbours(self._table)

    def sign(self, metric: str) -> float:
        """+1 or -1: multiplies a value of this metric so that smaller is better.

        Raises:
            BlackboxError: an unknown metric, with the nearest names.
        """
        return self._table.metric_info[self._table.metric_name(metric)].sign

    @property
    def now(self) -> float:
        """The simulated time in seconds."""
        return self._clock.seconds

    def searcher(self) -> Searcher:
        """The run's searcher: the same object at every call."""
        return self._searcher

    def stream(self, name: str) -> Stream:
        """A random stream of the scheduler's own, a function of the run's seed and `name`."""
        return Stream(self._seed, "scheduler", name)

    def resolve(self, params: Mapping[str, Any]) -> int:
        """The row that a `Start` with these hyperparameters would start: what has them, or as `off_table` says."""
        return self._proposals.row(params)

    @property
    def used_up(self) -> bool:
        """Whether nothing is left to propose: under ``off_table="nearest-unused"``, once every row was started."""
        if self.used_up_at is None and self._proposals.used_up():
            self.used_up_at = self.now
        return self.used_up_at is not None

    def stop(self, trial_id: int) -> None:
        """End another trial: a paused one frees its checkpoint, a running one is cancelled and frees its worker."""
        self._stops.append((trial_id, len(self._trials)))

    def rung_levels(
        self,
        r_min: float | None = None,
        eta: float = 3,
        anchor: Literal["r_min", "r_max"] = "r_min",
        levels: Sequence[float] | None = None,
    ) -> list[float]:
        """The rung levels below r_max, increasing.

        Args:
            r_min: the lowest level; the smallest resource by default.
            eta: the reduction factor, above 1.
            anchor: ``"r_min"``: r_min * eta^k below r_max. ``"r_max"``: r_max * eta^-s down to r_min, the levels of
                the Hyperband paper (s <= floor(log_eta(r_max / r_min))).
            levels: given by hand instead; each must be on the grid.

        Computed levels snap to the nearest resource in log r, ties up; duplicates and r_max are dropped.

        Raises:
            SimulationError: eta <= 1, r_min not in (0, r_max], a level that is not on the grid.
        """
        if levels is not None:
            return self._given_levels(levels)
        check_eta(eta)
        check_choice("anchor", anchor, ("r_min", "r_max"))
        low = self.resources[0] if r_min is None else r_min
        check_r_min(low, self.r_max)
        low, eta = float(low), float(eta)  # small integers of NumPy would overflow
        wanted = [low if anchor == "r_min" else self.r_max]
        if anchor == "r_min":
            while wanted[-1] * eta < self.r_max:
                wanted.append(wanted[-1] * eta)
        else:
            while wanted[-1] / eta >= low * (1 - 1e-12):  # r_max may be r_min * eta^k but for rounding
                wanted.append(wanted[-1] / eta)
        return sorted({self.nearest(level) for level in wanted} - {self.r_max})

    def nearest(self, level: float) -> float:
        """The resource of the table that is nearest in log r, of two the larger one."""
        above = bisect_left(self.resources, level)
        if above == len(self.resources) or (
            above > 0 and level / self.resources[above - 1] < self.resources[above] / level * (1 - 1e-12)
        ):
            above -= 1
        return self.resources[above]

    def _given_levels(self, levels: Sequence[float]) -> list[float]:
        if not all(is_number(level) for level in _listed(levels)):
            raise SimulationError(f"levels = {levels!r}: a list of resources is needed")
        known = set(self.resources)
        for level in levels:
            if level not in known:
                near = sorted(self.resources, key=lambda r: abs(log(r / level)) if level > 0 else r)[:3]
                raise SimulationError(
                    f"rung level {level} is not a resource of {self._table.name}; nearest: "
                    + ", ".join(map(str, sorted(near)))
                )
        if list(levels) != sorted(set(levels)):
            raise SimulationError(f"rung levels must increase, not {list(levels)}")
        return [level for level in levels if level != self.r_max]


def _listed(values: object) -> list[object]:
    return list(values) if isinstance(values, Iterable) else [None]

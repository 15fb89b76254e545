"""When each worker is up: as the plan says, and until it is taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulator.clock import NEVER, nanoseconds
from simulator.cluster.durations import Duration, keyed, lifetimes
from simulator.cluster.model import Cluster
from simulator.errors import SimulationError


class Stay(NamedTuple):
    """One time that a worker is up, in nanoseconds: from `up` to `down`; from `drain` on it takes no trial."""

    up: int
    drain: int
    down: int


class Attendance:
    """The stays of all workers, a function of the cluster, the seed and the worker's number.

    Attributes:
        most: how many workers there ever are at once.

    Raises:
        SimulationError: the notice is longer than the mean time between preemptions.
    """

    def __init__(self, cluster: Cluster, workers: int, seed: int, full_training: float) -> None:
        plan = {0: workers}
        for time, count in (cluster.plan or {}).items():
            plan[max(1, nanoseconds(Duration.read("plan", time).numbers(full_training)[0]))] = count
        self._plan = sorted(plan.items())
        self.most = max(plan.values())
        self._notice = nanoseconds(cluster.duration("notice").numbers(full_training)[0])
        mean = cluster.rate("preemptions").mean(full_training)
        if self._notice > mean * 1e9:
            raise SimulationError(
                f"cluster: a notice of {self._notice / 1e9:g} s is longer than workers stay on average, {mean:g} s: "
                "hardly any would ever be given a trial"
            )
        self._taken = keyed(lifetimes, mean, seed, "cluster", "preemptions")
        self._away = keyed(cluster.duration("away").times, full_training, seed, "cluster", "away")

    def of(self, worker: int) -> Iterator[Stay]:
        """Its stays, one after the other; the last may end never."""
        k = 0
        for up, leaves in planned(self._plan, worker):
            while up < leaves:
                down = min(leaves, up + self._taken(worker, k))
                yield Stay(up, max(up, down - self._notice) if down < NEVER else NEVER, down)
                up = down + max(1, self._away(worker, k))  # who comes back at once is another one all the same
                k += 1


def planned(plan: Sequence[tuple[int, int]], worker: int) -> Iterator[tuple[int, int]]:
    """From when to when the plan has this worker.

    >>> list(planned([(0, 1), (5, 3), (9, 2)], 2))
    [(5, 9)]
    """
    since: int | None = None
    for time, count in plan:
        if since is None and worker < count:
            since = time
        elif since is not None and worker >= count:
            yield since, time
            since = None
    if since is not None:
        yield since, NEVER

"""When each worker is up: as the plan says, and until it is taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from blackboxes.streams import Stream
from simulator.clock import NEVER, nanoseconds
from simulator.cluster.durations import Duration, lifetimes
from simulator.cluster.model import Cluster


class Stay(NamedTuple):
    """One time that a worker is up, in nanoseconds: from `up` to `down`; from `drain` on it takes no trial."""

    up: int
    drain: int
    down: int


class Attendance:
    """The stays of all workers, a function of the cluster, the seed and the worker's number.

    Attributes:
        most: how many workers there ever are at once.
    """

    def __init__(self, cluster: Cluster, workers: int, seed: int, full_training: float) -> None:
        self._seed, self._full_training = seed, full_training
        plan = {0: workers}
        for time, count in (cluster.plan or {}).items():
            plan[nanoseconds(Duration.read("plan", time).numbers(full_training)[0])] = count
        self._plan = sorted(plan.items())
        self.most = max(plan.values())
        self._notice = nanoseconds(cluster.duration("notice").numbers(full_training)[0])
        self._mean_up = cluster.rate("preemptions").mean(full_training)
        self._away = cluster.duration("away")

    def of(self, worker: int) -> Iterator[Stay]:
        """Its stays, one after the other; the last may end never."""
        taken = lifetimes(self._mean_up, Stream(self._seed, "cluster", "preemptions", str(worker)))
        away = self._away.drawer(Stream(self._seed, "cluster", "away", str(worker)), self._full_training)
        for up, leaves in planned(self._plan, worker):
            while up < leaves:
                down = min(leaves, up + next(taken)) if self._mean_up < inf else leaves
                yield Stay(up, max(up, down - self._notice) if down < NEVER else NEVER, down)
                up = down + max(1, away())  # a worker that comes back at once is another one all the same


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

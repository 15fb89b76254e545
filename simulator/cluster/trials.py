"""A trial on a cluster: what the event loop has to know of it beyond what it knows of any."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import floor
from typing import Any

from simulator.trial import Continuation, Trial

SLOTS = (
    "_anchor",
    "_began",
    "_dies",
    "_failures",
    "_from",
    "_lag",
    "_life",
    "_origin",
    "_per",
    "_save",
    "_saved",
    "_saved_at",
    "_spent",
    "_stamp",
    "_used",
    "_ways",
)


class _OnCluster:
    """What the two kinds of trials below have in common."""

    __slots__ = ()

    _stamp: int  # the event of the heap that has the same number is its own, all others are out of date
    _saved: int  # the grid index of its checkpoint, -1 for none
    _saved_at: int  # when that can be loaded
    _failures: int  # how often it has crashed
    _life: int  # for how many nanoseconds on a worker it lives on, as of the beginning of its last job
    _spent: int  # nanoseconds on workers before its last job
    _used: int  # ... up to its last report
    _ways: Sequence[int]  # how many checkpoints are saved on the way to each grid index
    # Of its last job, in nanoseconds:
    _began: int  # when it got the worker
    _dies: int  # when it will crash, unless it is off the worker before
    _origin: int  # the grid index that it trains from
    _per: float  # for a second of the table
    _save: int  # what each checkpoint on the way takes
    _anchor: int  # when it would have begun had it begun from nothing
    # Of its last segment:
    _from: int  # the grid index where it begins
    _lag: int  # what the report takes

    def _start_anew(self: Any, ways: Sequence[int], life: int) -> None:
        """At the start of the trial."""
        self._stamp = self._failures = self._spent = self._used = self._saved_at = 0
        self._saved, self._ways, self._life = -1, ways, life

    @property
    def elapsed(self: Any) -> float:
        """Seconds that workers have spent on it up to the last report, delays and repeats included."""
        return self._used / 1e9

    def _arrives(self: Any, index: int) -> int:
        """When it gets to a grid index ahead of its origin, without a crash."""
        trained = self._anchor + floor(self._curves.elapsed[self._base + index] * self._per + 0.5)
        return trained + self._save * (self._ways[index - 1] - self._ways[self._origin])

    def _reached(self: Any, now: int) -> int:
        """The last grid index of its segment that it has finished."""
        if not self._curves.table.resumable:
            return self._target if now >= self._arrives(self._target) else self._index
        if self._target <= self._index:  # its curve has ended where it stands: it does not train
            return self._from
        ahead = range(self._from + 1, self._target + 1)
        return self._from + bisect_right(ahead, now, key=self._arrives)


class ClusterTrial(_OnCluster, Trial):
    """One that began from nothing."""

    __slots__ = SLOTS


class ClusterContinuation(_OnCluster, Continuation):
    """One that began with the checkpoint of another one."""

    __slots__ = SLOTS

"""A trial: one evaluation of a configuration, from its start to completion, stop or the end of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.clock import nanoseconds

if TYPE_CHECKING:
    from simulator.replay import Curves

# Values of Trial._worker beside the number of a worker; WAITING has lost its worker and will get another one.
PAUSED, WAITING, ENDED, TRIAL_CANCELLED = -1, -2, -3, -4


class Trial:
    """What a scheduler may know of a trial: nothing beyond the resource reached so far.

    Attributes:
        id: int, in order of starting.
        config: the row of its configuration.
        replicate: which replicate of the row it replays.
        tag: the scheduler's own, from `Start`.
        checkpoint_of: the id of the trial whose checkpoint it began with, None for one that began from nothing.
    """

    __slots__ = (
        "id",
        "config",
        "replicate",
        "tag",
        "_curves",
        "_base",
        "_index",
        "_target",
        "_end",
        "_offset",
        "_busy",
        "_seen",
        "_worker",
    )

    checkpoint_of: int | None = None
    _since = 0  # grid index of the first result of its own
    # The event loop's own; those that `__init__` leaves out get a value when a segment begins.
    _base: int  # where its curve lies in the flat table
    _index: int  # grid index reached, -1 at first
    _target: int  # grid index where the running segment ends
    _end: int  # a report at this grid index ends the trial: that of r_max, or where it was sent beyond its curve
    # While it runs, in nanoseconds: when it would have begun had it never paused; on tables trained from scratch, when
    # its running segment began.
    _offset: int
    _busy: int  # worker time when it paused or was cancelled
    _seen: tuple[int, ...]  # the grid indices it reported at, kept for tables trained from scratch
    _worker: int  # its number while the trial runs, else one of the above

    def __init__(self, id: int, config: int, replicate: int, tag: Any, curves: Curves, now: int) -> None:
        self.id = id
        self.config = config
        self.replicate = replicate
        self.tag = tag
        self._curves = curves
        self._base = (config * curves.replicates + replicate) * curves.size
        self._index = -1
        self._end = curves.end
        self._seen = ()
        self._offset = now

    def __repr__(self) -> str:
        return f"<Trial {self.id}: configuration {self.config}, resource {self.resource}>"

    @property
    def resource(self) -> float:
        """What it has reached, 0 before the first report."""
        return self._curves.table.resource_list[self._index] if self._index >= 0 else 0

    @property
    def resources(self) -> list[float]:
        """Those that it has reported at, or passed on its way there: one for each entry of `curve`."""
        grid = self._curves.table.resource_list
        return grid[self._since : self._index + 1] if self._curves.table.resumable else [grid[i] for i in self._seen]

    @property
    def params(self) -> dict[str, Any]:
        """The hyperparameters, by name."""
        return self._curves.table.params(self.config)

    @property
    def curve(self) -> np.ndarray:
        """The values seen so far, one for each resource, smaller is better, inf where diverged.

        On a table trained from scratch: one for each resource that it was run to. One that began with a checkpoint:
        from the resource after that on.
        """
        values = self._curves.sign * np.asarray(self.metrics[self._curves.metric], dtype=np.float64)
        return np.where(np.isnan(values), np.inf, values)

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """All metrics seen so far, by name, in their own direction, NaN where diverged."""
        table = self._curves.table
        seen = slice(self._since, self._index + 1) if table.resumable else list(self._seen)
        return {name: values[self.config, self.replicate, seen] for name, values in table.metrics.items()}

    @property
    def elapsed(self) -> float:
        """Seconds of worker time spent up to the last report."""
        return (self._busy if self._worker == TRIAL_CANCELLED else self._finished) / 1e9

    @property
    def _reported(self) -> float:
        """The last resource that it has reported at itself, 0 before the first report."""
        return self.resource if self._index >= self._since else 0

    @property
    def _finished(self) -> int:
        """Nanoseconds of worker time in what it has reported."""
        if not self._curves.table.resumable:
            return sum(self._time_to(index) for index in self._seen)
        return self._time_to(self._index) - self._time_to(self._since - 1)

    def _arrives(self, index: int) -> int:
        """When its running segment gets to a grid index."""
        return self._offset + self._time_to(index)

    def _time_to(self, index: int) -> int:
        """Nanoseconds from nothing to a grid index, 0 for -1."""
        return nanoseconds(self._curves.elapsed[self._base + index]) if index >= 0 else 0


class Continuation(Trial):
    """A trial that begins where another one stands, with its checkpoint.

    Where its own curve is shorter than that, it begins at the end of it.
    """

    __slots__ = ("checkpoint_of", "_since")

    def __init__(self, id: int, config: int, donor: Trial, replicate: int, tag: Any, curves: Curves, now: int) -> None:
        super().__init__(id, config, replicate, tag, curves, now)
        self.checkpoint_of = donor.id
        length = curves.lengths[config * curves.replicates + replicate]
        self._index = min(donor._index, length - 1)
        self._since = self._index + 1
        self._offset = now - self._time_to(self._index)

"""A trial: one evaluation of a configuration, from its start to completion, stop or the end of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from simulator.replay import Curves

PAUSED, ENDED = -1, -2  # values of Trial.worker beside the number of a worker


class Trial:
    """What a scheduler may know of a trial: nothing beyond the resource reached so far.

    Attributes:
        id: int, in order of starting.
        config: the row of its configuration.
        replicate: which replicate of the row it replays.
        tag: the scheduler's own, from `Start`.
        resource: reached so far (0 before the first report).
    """

    __slots__ = (
        "id",
        "config",
        "replicate",
        "tag",
        "resource",
        "_curves",
        "_base",
        "_last",
        "_index",
        "_target",
        "_ending",
        "_since",
        "_busy",
        "_due",
        "_seen",
        "_worker",
        "_word",
    )

    # The event loop's own; those that `__init__` leaves out get a value when a segment begins.
    _base: int  # where its curve lies in the flat table
    _last: int  # grid index where the curve ends
    _index: int  # grid index reached, -1 at first
    _target: int  # grid index where the running segment ends
    _ending: bool  # the running segment ends the trial
    _since: int  # nanoseconds: when the running segment began,
    _busy: int  # worker time of the finished segments,
    _due: int  # and the same once the running one is finished
    _seen: tuple[int, ...]  # the grid indices it reported at, kept for tables trained from scratch
    _worker: int  # its number while the trial runs, else PAUSED or ENDED
    _word: int  # trial and worker, packed for the trace

    def __init__(self, id: int, config: int, replicate: int, tag: Any, curves: Curves) -> None:
        self.id = id
        self.config = config
        self.replicate = replicate
        self.tag = tag
        self.resource: float = 0
        self._curves = curves
        position = config * curves.replicates + replicate
        self._base = position * curves.size
        self._last = curves.lengths[position] - 1
        self._index = -1
        self._busy = 0
        self._seen = ()

    def __repr__(self) -> str:
        return f"<Trial {self.id}: configuration {self.config}, resource {self.resource}>"

    @property
    def params(self) -> dict[str, Any]:
        """The hyperparameters, by name."""
        return self._curves.table.params(self.config)

    @property
    def curve(self) -> np.ndarray:
        """The values seen so far, one for each resource, smaller is better, inf where diverged.

        On a table trained from scratch: one for each resource that it was run to.
        """
        values = self._curves.sign * np.asarray(self.metrics[self._curves.metric], dtype=np.float64)
        return np.where(np.isnan(values), np.inf, values)

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """All metrics seen so far, by name, in their own direction, NaN where diverged."""
        table = self._curves.table
        seen = slice(0, self._index + 1) if table.resumable else list(self._seen)
        return {name: values[self.config, self.replicate, seen] for name, values in table.metrics.items()}

    @property
    def elapsed(self) -> float:
        """Seconds of worker time spent up to the last report."""
        return self._busy / 1e9

"""A trial: one evaluation of a configuration, from its start to completion, stop or the end of the run."""

from __future__ import annotations

from typing import Any

import numpy as np

from blackboxes import Blackbox

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
        "_base",
        "_busy",
        "_due",
        "_ending",
        "_index",
        "_last",
        "_metric",
        "_since",
        "_table",
        "_target",
        "_word",
        "_worker",
        "config",
        "id",
        "replicate",
        "resource",
        "tag",
    )

    # Fields with an underscore are the event loop's; a flat table position is _base + grid index.
    def __init__(self, id: int, config: int, replicate: int, tag: Any, table: Blackbox, metric: str) -> None:
        self.id = id
        self.config = config
        self.replicate = replicate
        self.tag = tag
        self.resource: float = 0
        position = config * table.elapsed.shape[1] + replicate
        self._table = table
        self._metric = metric
        self._base = position * table.elapsed.shape[2]
        self._index = -1  # grid index reached
        self._target = -1  # grid index where the running segment ends
        self._last = int(table.lengths[config, replicate]) - 1  # grid index where the curve ends
        self._ending = False  # the running segment ends the trial
        self._since = 0  # when the running segment began, nanoseconds
        self._busy = 0  # worker time of the finished segments, nanoseconds
        self._due = 0  # the same once the running segment is finished
        self._worker = PAUSED
        self._word = 0

    def __repr__(self) -> str:
        return f"<Trial {self.id}: configuration {self.config}, resource {self.resource}>"

    @property
    def params(self) -> dict[str, Any]:
        """The hyperparameters, by name."""
        return self._table.params(self.config)

    @property
    def curve(self) -> np.ndarray:
        """The values seen so far, smaller is better, inf where diverged; from scratch: at every grid resource."""
        sign = self._table.metric_info[self._metric].sign
        values = sign * np.asarray(self.metrics[self._metric], dtype=np.float64)
        return np.where(np.isnan(values), np.inf, values)

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """All metrics seen so far, by name, in their own direction, NaN where diverged."""
        seen = slice(0, self._index + 1)
        return {name: values[self.config, self.replicate, seen] for name, values in self._table.metrics.items()}

    @property
    def elapsed(self) -> float:
        """Seconds of worker time spent up to the last report."""
        return self._busy / 1e9

"""How a trial replays its curve: which replicate, how long a segment takes, how far it got when cut off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from blackboxes import Blackbox
from blackboxes.streams import Stream
from blackboxes.table import flat
from simulator.clock import nanosecond_array, nanoseconds
from simulator.errors import SimulationError

if TYPE_CHECKING:
    from simulator.trial import Trial


class Curves:
    """What the event loop reads of a table for one metric, value by value.

    Attributes:
        table, metric: whose.
        values, elapsed: flat over (configuration, replicate, resource).
        lengths: flat over (configuration, replicate): how many resources are measured.
        sign: makes smaller values better.
        replicates, size: the table's S and R.
        end: the grid index of r_max.
    """

    __slots__ = ("elapsed", "end", "lengths", "metric", "replicates", "sign", "size", "table", "values")

    def __init__(self, table: Blackbox, metric: str) -> None:
        self.table, self.metric = table, metric
        self.values, self.elapsed, self.lengths = table.buffers(metric)
        self.sign = table.metric_info[metric].sign
        _, self.replicates, self.size = table.elapsed.shape
        self.end = self.size - 1


def replicate_drawer(table: Blackbox, seed: int, fixed: int | None) -> Callable[[int], int] | None:
    """A function that gives the replicate of the next trial of a row; None where there is only one.

    Drawn replicates are a function of (seed, row, how often the row was started before) alone, so that two
    schedulers that start a row at different times meet the same curve; without repeats until the row's measured
    replicates are used up. A row that is predicted while the run goes on has the first one only.
    """
    n, replicates, _ = table.elapsed.shape
    measured = table.lengths > 0
    if fixed is not None:
        usable = flat(measured[:, fixed])

        def always(row: int) -> int:
            if row >= n:
                return 0
            if not usable[row]:
                raise SimulationError(f"{table.name}: replicate {fixed} of configuration {row} was not measured")
            return fixed

        return always
    if replicates == 1:
        return None

    draws = Stream(seed, "replicates", table.name).raw(n * replicates).reshape(n, replicates)
    draws[~measured] = np.iinfo(np.uint64).max  # an unmeasured replicate comes last and is never reached
    order = flat(np.argsort(draws, axis=1, kind="stable"))
    available = flat(measured.sum(axis=1))
    started: dict[int, int] = {}

    def draw(row: int) -> int:
        if row >= n:
            return 0
        k = started.get(row, 0)
        started[row] = k + 1
        return order[row * replicates + k % available[row]]

    return draw


def curve_clipper(curves: Curves) -> Callable[[Trial, int], int]:
    """A function that gives the grid index where a trial gets that is sent to another: there, or to its curve's end.

    Where the curve ends before, so does the trial, at once if it stands there already.
    """
    censored, resumable = curves.table.censored, curves.table.resumable

    def clip(trial: Trial, target: int) -> int:
        last = curves.lengths[trial.config * curves.replicates + trial.replicate] - 1
        if target <= last:
            return target
        if censored is not None and censored[trial.config, trial.replicate]:
            raise SimulationError(
                f"{curves.table.name}: trial {trial.id} is sent beyond the end of a censored curve (configuration "
                f"{trial.config}, replicate {trial.replicate}): what it did there was not measured"
            )
        if trial._index == last and not resumable:  # nothing is trained again to find that out
            trial._offset -= nanoseconds(curves.elapsed[trial._base + last])
        trial._end = last
        return last

    return clip


def index_when_cut(table: Blackbox, row: int, replicate: int, index: int, target: int, spent: int) -> int:
    """The grid index that a segment from `index` to `target` has finished after `spent` nanoseconds of work.

    A trial trained from scratch shows nothing before the end of its segment.
    """
    if target == index:
        return index
    if not table.resumable:
        return target if spent >= nanoseconds(table.elapsed[row, replicate, target]) else index
    times = nanosecond_array(table.elapsed[row, replicate, max(index, 0) : target + 1])
    begun = times[0] if index >= 0 else 0
    ahead = times[1:] if index >= 0 else times
    return index + int(np.searchsorted(ahead, begun + spent, side="right"))

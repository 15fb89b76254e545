"""Stretches of work on one trial, from an event that sends it somewhere to its next event: where each got, and when.

On its way a trial gets to grid index i at

    anchor + elapsed(i) * pace + save * (checkpoints saved on the way, at i not yet)

where `pace` is how many seconds of the worker a second of the table takes. Without a cluster the pace is 1, and nothing
is saved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blackboxes import Blackbox
from simulator import events
from simulator.clock import NEVER

LONGEST = NEVER // 2  # nanoseconds of training, so that sums fit into 64 bits
BEGINS = np.array(events.BEGINS)
FIRST_REPORT, LAST_REPORT = events.CODES["continue"], events.CODES["curve-end"]


@dataclass(frozen=True)
class JobColumns:
    """What only traces of clusters hold: one entry an event, the last three what the trial's last job is like.

    Attributes:
        overhead: int64 nanoseconds that a worker spends on anything but training: before a trial trains (start,
            resume), or after the event until the worker is free (others).
        origin: float64, the resource that the job trains from; less than where the trial stands where there is no
            checkpoint of that. NaN for events of workers.
        pace: float64, seconds of the worker for a second of the table.
        save: int64 nanoseconds that each checkpoint on the way takes.
    """

    overhead: np.ndarray
    origin: np.ndarray
    pace: np.ndarray
    save: np.ndarray


@dataclass(frozen=True)
class Segments:
    """One entry a segment, ordered by trial, then by time.

    Attributes:
        before, after: the numbers of the events at its two ends.
        trial, config, replicate: whose.
        origin: the grid index that its job trains from, -1 for nothing.
        begin: the grid index where it begins to train, -1 for nothing.
        goal: where it is headed, or where the curve ends before that.
        end: the last grid index that it has finished; at least `begin`.
        known: the last grid index of the trial that was finished before, at least `begin`.
        trains: whether there is anything to train; else the curve has ended where the trial stands.
        ready: nanoseconds when it begins to train.
        anchor, per, save: see above; `per` is the pace in nanoseconds a second.
        saved: (R + 1,) how many checkpoints are saved on the way to each grid index; the last entry is for -1.
        elapsed: the table's.
    """

    before: np.ndarray
    after: np.ndarray
    trial: np.ndarray
    config: np.ndarray
    replicate: np.ndarray
    origin: np.ndarray
    begin: np.ndarray
    goal: np.ndarray
    end: np.ndarray
    known: np.ndarray
    trains: np.ndarray
    ready: np.ndarray
    anchor: np.ndarray
    per: np.ndarray
    save: np.ndarray
    saved: np.ndarray
    elapsed: np.ndarray

    def steps(self, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number of the segment and the grid index, of all that segments finish from `first` (theirs, each) on."""
        counts = np.maximum(self.end + 1 - first, 0)
        segment = np.repeat(np.arange(len(counts)), counts)
        return segment, first[segment] + np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts, counts)

    def arrivals(self, which: np.ndarray, index: np.ndarray) -> np.ndarray:
        """int64 nanoseconds when segments `which` get to a grid index after their origin."""
        spent = np.minimum(self.elapsed[self.config[which], self.replicate[which], index] * self.per[which], LONGEST)
        stops = self.saved[index - 1] - self.saved[self.origin[which]]
        return self.anchor[which] + np.floor(spent + 0.5).astype(np.int64) + self.save[which] * stops


def find_segments(
    table: Blackbox,
    time: np.ndarray,
    trial: np.ndarray,
    event: np.ndarray,
    sent: np.ndarray,
    begun: np.ndarray,
    config: np.ndarray,
    replicate: np.ndarray,
    jobs: JobColumns | None,
    origins: np.ndarray | None,
    saved: np.ndarray,
) -> tuple[Segments, np.ndarray]:
    """All segments of a trace, and for each event the count of resources that its trial has finished by then.

    Args:
        table: that was replayed.
        time, trial, event: (E,) as in `Columns`.
        sent: (E,) the count of resources where start, resume and continue send the trial.
        begun: (E,) the count of resources that lay behind the trial at its start.
        config, replicate: (number of trials,).
        jobs: what a cluster adds.
        origins: (E,) its `origin` as a count of resources.
        saved: (R + 1,) as in `Segments`.
    """
    order = np.argsort(trial, kind="stable")
    order = order[np.searchsorted(trial[order], 0) :]  # without the events of workers
    whose = trial[order]

    def so_far(counts: np.ndarray) -> np.ndarray:
        """The largest of a trial's counts up to each of its events."""
        most = np.zeros(len(trial), dtype=np.int64)
        most[order] = np.maximum.accumulate((whose << 17) + counts[order]) & 0x1FFFF
        return most

    pairs = np.flatnonzero((whose[:-1] == whose[1:]) & BEGINS[event[order[:-1]]])
    before, after = order[pairs], order[pairs + 1]
    owner = trial[before]
    row, seed = config[owner], replicate[owner]
    first = event[before] != FIRST_REPORT  # of a job
    reports = (event[after] >= FIRST_REPORT) & (event[after] <= LAST_REPORT)
    goal = np.minimum(sent[before], table.lengths[row, seed].astype(np.int64)) - 1

    counts = np.where(event == events.CODES["start"], begun, 0)
    counts[after[reports]] = goal[reports] + 1
    stood = so_far(counts)[before] - 1
    trains = goal > stood
    if not table.resumable:
        origin = begin = np.full(len(before), -1)
    elif origins is None:
        origin = begin = stood
    else:
        origin = origins[before] - 1
        begin = np.where(first, origin, stood)
    if jobs is None:
        ready, per, save = time[before], np.broadcast_to(1e9, len(before)), np.broadcast_to(0, len(before))
    else:
        ready = time[before] + np.where(first, jobs.overhead[before], 0)
        per, save = jobs.pace[before] * 1e9, jobs.save[before]
    there = table.elapsed[row, seed, begin] * per  # where begin is -1 it is the last one, which does not count
    anchor = ready - np.where(begin >= 0, np.floor(np.minimum(np.nan_to_num(there), LONGEST) + 0.5), 0).astype(np.int64)
    anchor -= np.where(begin > origin, save * (saved[begin - 1] - saved[origin]), 0)

    parts = Segments(
        before=before,
        after=after,
        trial=owner,
        config=row,
        replicate=seed,
        origin=origin,
        begin=begin,
        goal=goal,
        end=np.where(reports, goal, begin),
        known=stood,
        trains=trains,
        ready=ready,
        anchor=anchor,
        per=per,
        save=save,
        saved=saved,
        elapsed=table.elapsed,
    )
    for i in np.flatnonzero(trains & ~reports).tolist():  # cut off on the way
        ways = np.arange(begin[i] + 1 if table.resumable else goal[i], goal[i] + 1)
        got = np.searchsorted(parts.arrivals(np.full(len(ways), i), ways), time[after[i]], side="right")
        parts.end[i] = ways[got - 1] if got else begin[i]
    counts[after] = np.maximum(counts[after], parts.end + 1)
    reached = so_far(counts)
    parts.known[:] = reached[before] - 1
    return parts, reached

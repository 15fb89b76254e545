"""Where the time of the workers went, to the nanosecond, from a trace alone.

Each segment of work is parted at the instants when it finishes its units and its checkpoints, all of which follow from
the trace (see `simulator.segments`). All sums are of whole nanoseconds, so that the parts add up to the total.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from simulator import events
from simulator.clock import nanoseconds
from simulator.segments import Segments

if TYPE_CHECKING:
    from simulator.trace import Trace

OVER = [events.CODES[name] for name in ("stop", "cancelled", "failed")]
LOST = [events.CODES[name] for name in ("crash", "preempted")]
SECOND = 10**9
Spans = tuple[np.ndarray, np.ndarray]  # from when to when, int64 nanoseconds


@dataclass(frozen=True)
class Accounting:
    """Nanoseconds of worker time, all workers together; the parts add up to `total`.

    Attributes:
        total: how long workers were up.
        useful: training that went further than before, of trials that were not stopped.
        repeated: training of what had been trained before, after a crash, a preemption or for want of a checkpoint;
            and what was trained of a unit of resource that a crash or a preemption cut off.
        stopped: training that went further than before, of trials that were later stopped or cancelled, or failed.
        barrier: idle while there were configurations to try, because the scheduler had no job.
        no_work: idle after the searcher had nothing left to propose, or the last trial or resource of the budget had
            been handed out.
        overhead: starting and stopping trials, saving and loading checkpoints, reporting, waiting for a decision, and
            being drained.
    """

    total: int
    useful: int
    repeated: int
    stopped: int
    barrier: int
    no_work: int
    overhead: int

    @property
    def parts(self) -> dict[str, int]:
        """All but the total."""
        return {name: getattr(self, name) for name in PARTS}

    @property
    def idle(self) -> int:
        """At a barrier, or for want of work."""
        return self.barrier + self.no_work


PARTS = tuple(field.name for field in fields(Accounting) if field.name != "total")


def account(trace: Trace) -> Accounting:
    """Where the time of the workers went."""
    parts, end = trace._segments, trace.info.end
    fresh, repeated, overhead = _work(trace, parts)
    lasts = np.full(len(trace.columns.config), -1)
    of_trials = trace.columns.trial >= 0
    lasts[trace.columns.trial[of_trials]] = trace.columns.event[of_trials]  # the last one wins
    over = np.isin(lasts, OVER)[parts.trial]

    presence = list(presences(trace))
    up = [(stay.up, stay.down) for stay in presence]
    drained = [(stay.drain, stay.down) for stay in presence if stay.drain < stay.down]
    leaving = _leaving(trace, presence)
    segments = trace.columns.time[parts.before], trace.columns.time[parts.after]
    idle = _Idle(_spans(up), [segments, leaving, _spans(drained)])
    exhausted = trace.info.exhausted_at
    closed = [] if exhausted is None else [nanoseconds(exhausted)]
    closed += [] if trace.info.closed_at is None else [trace.info.closed_at]
    closing = min([*closed, end])
    deciding = list(_decisions(trace))
    waiting = sum(idle.between(*span) for span in deciding)
    waiting_late = sum(idle.between(max(begin, closing), max(finish, closing)) for begin, finish in deciding)
    late = idle.between(closing, end)
    return Accounting(
        total=_length(_spans(up)),
        useful=total(fresh[~over]),
        repeated=total(repeated),
        stopped=total(fresh[over]),
        barrier=idle.between(0, end) - late - (waiting - waiting_late),
        no_work=late - waiting_late,
        overhead=total(overhead) + _length(leaving) + _length(_spans(drained)) + waiting,
    )


def _work(trace: Trace, parts: Segments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each segment, nanoseconds of training that is new, of training that is not, and of all else."""
    c, saved = trace.columns, parts.saved
    start, finish = c.time[parts.before], c.time[parts.after]
    if c.jobs is None:  # without a cluster workers do nothing else
        nothing = np.broadcast_to(0, len(start))
        return finish - start, nothing, nothing
    ready = np.minimum(parts.ready, finish)  # it may be cut off before it trains
    moved = parts.trains & (parts.end > parts.begin)
    every = np.arange(len(start))

    def time_at(index: np.ndarray) -> np.ndarray:
        """When it got to a grid index that it has finished, or began to train."""
        there = np.where(index > parts.begin, index, np.maximum(parts.end, 0))
        return np.where(moved & (index > parts.begin), parts.arrivals(every, there), ready)

    def saves(index: np.ndarray) -> np.ndarray:
        """What the checkpoints took that were saved on its way to a grid index that it has finished."""
        first = np.where(parts.begin > parts.origin, parts.begin - 1, parts.origin)
        counted = saved[index - 1] - saved[first]
        return np.where(moved & (index > parts.begin), parts.save * counted, 0)

    if trace.table.resumable:
        again = np.clip(parts.known, parts.begin, parts.end)
    else:
        # What is trained from scratch to go further is the table's own cost; to where it has been is a repeat.
        again = np.where(parts.known >= parts.goal, parts.end, parts.begin)
    repeated = time_at(again) - ready - saves(again)
    trained = time_at(parts.end) - ready - saves(parts.end)

    # What follows the last finished unit: a checkpoint, then a part of the next unit; or a report.
    tail = finish - time_at(parts.end)
    is_point = (parts.end > parts.origin) & (saved[parts.end] > saved[parts.end - 1])
    saving = np.where(is_point, np.minimum(parts.save, tail), 0)
    cut_short = parts.trains & (parts.end < parts.goal)
    partial = np.where(cut_short, tail - saving, 0)
    lost = np.isin(c.event[parts.after], LOST)
    lost |= parts.known >= (parts.end + 1 if trace.table.resumable else parts.goal)
    repeated = repeated + np.where(lost, partial, 0)
    fresh = trained + partial - repeated
    return fresh, repeated, finish - start - fresh - repeated


@dataclass(frozen=True)
class Presence:
    """One time that a worker was up, in nanoseconds, no longer than the run; from `drain` on it takes no trial."""

    worker: int
    up: int
    drain: int
    down: int


def presences(trace: Trace) -> Iterator[Presence]:
    """When which workers were up, by worker and time."""
    c, end = trace.columns, trace.info.end
    since = dict.fromkeys(range(trace.info.workers), (0, end))
    found = []
    for i in np.flatnonzero(np.isin(c.event, [events.CODES[name] for name in ("up", "drain", "down")])).tolist():
        worker, time, name = int(c.worker[i]), int(c.time[i]), events.NAMES[c.event[i]]
        if name == "up":
            since[worker] = time, end
        elif name == "drain":
            since[worker] = since[worker][0], time
        else:
            up, drain = since.pop(worker)
            found.append(Presence(worker, up, min(drain, time), time))
    found += [Presence(worker, up, drain, end) for worker, (up, drain) in since.items()]
    yield from sorted(found, key=lambda stay: (stay.worker, stay.up))


def _leaving(trace: Trace, presence: list[Presence]) -> Spans:
    """When workers were busy with leaving a trial, as far as they were not drained meanwhile."""
    c = trace.columns
    if c.jobs is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    leaves = np.flatnonzero((c.jobs.overhead > 0) & (c.trial >= 0) & ~np.array(events.BEGINS)[c.event])
    begin = c.time[leaves]
    limit = np.full(len(leaves), trace.info.end)
    by_worker: dict[int, list[int]] = {}
    for stay in presence:
        by_worker.setdefault(stay.worker, []).append(stay.drain)
    for worker, drains in by_worker.items():
        mine = c.worker[leaves] == worker
        limit[mine] = np.array(drains)[np.searchsorted(drains, begin[mine])]  # who leaves later than this
    return begin, np.minimum(begin + c.jobs.overhead[leaves], limit)


def _decisions(trace: Trace) -> Iterator[tuple[int, int]]:
    """When a decision was being made."""
    c = trace.columns
    begins = c.time[c.event == events.CODES["decide"]].tolist()
    ends = c.time[c.event == events.CODES["decided"]].tolist()
    yield from zip(begins, [*ends, trace.info.end], strict=False)


class _Idle:
    """How long workers were idle, all together: up, and in none of some other spans."""

    def __init__(self, up: Spans, busy: list[Spans]) -> None:
        changes = [(up[0], 1), (up[1], -1)]
        for begin, end in busy:
            changes += [(begin, -1), (end, 1)]
        times = np.concatenate([time for time, _ in changes])
        steps = np.concatenate([np.full(len(time), step, dtype=np.int8) for time, step in changes])
        order = np.argsort(times, kind="stable")
        self._times, steps = times[order], steps[order]
        del times, order  # there are two times for each piece of work, and memory counts
        self._idle = np.concatenate([[0], np.cumsum(steps, dtype=np.int64)])  # from each time on
        gaps = np.diff(self._times)  # in parts, since a large cluster is idle for more nanoseconds than fit into one
        assert (self._idle[1:-1][gaps > 0] >= 0).all(), "a worker did two things at once"
        self._sums = []
        for part in (np.floor_divide, np.remainder):
            sums = np.zeros(len(self._times), dtype=np.int64)
            np.cumsum(self._idle[1:-1] * part(gaps, SECOND), out=sums[1:])
            self._sums.append(sums)

    def between(self, begin: int, end: int) -> int:
        """Nanoseconds of idle workers from `begin` to `end`."""
        return self._until(end) - self._until(begin)

    def _until(self, time: int) -> int:
        at = int(np.searchsorted(self._times, time, side="right"))
        if at == 0:
            return 0
        seconds, rest = (int(sums[at - 1]) for sums in self._sums)
        return seconds * SECOND + rest + int(self._idle[at]) * (time - int(self._times[at - 1]))


def total(nanoseconds: np.ndarray) -> int:
    """Their sum, however large."""
    return int((nanoseconds // SECOND).sum()) * SECOND + int((nanoseconds % SECOND).sum())


def paid(trace: Trace, times: np.ndarray) -> np.ndarray:
    """What the workers have cost up to some times: price x hours that they were up.

    Args:
        trace: of a run on a cluster with a price.
        times: (T,) int64 nanoseconds.

    Returns:
        (T,) float64, in the price's currency; NaN without one.
    """
    price = (trace.info.cluster or {}).get("price")
    if price is None:
        return np.full(len(times), np.nan)
    return bill(price, [(stay.up, stay.down) for stay in presences(trace)], times)


def bill(price: float, stays: list[tuple[int, int]], times: np.ndarray) -> np.ndarray:
    """What workers cost up to some times.

    Args:
        price: of a worker for an hour.
        stays: from when to when one was up, in nanoseconds.
        times: (T,) int64 nanoseconds.

    Returns:
        (T,) float64, in the price's currency.
    """
    up, down = _spans(stays)
    changes, steps = np.concatenate([up, down]), np.repeat([1, -1], len(up))
    order = np.argsort(changes, kind="stable")
    at = changes[order] / 1e9
    hours = np.concatenate([[0.0], np.cumsum(np.cumsum(steps[order])[:-1] * np.diff(at))]) / 3600
    return price * np.interp(times / 1e9, at, hours)


def _spans(pairs: list[tuple[int, int]]) -> Spans:
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _length(spans: Spans) -> int:
    return total(spans[1] - spans[0])

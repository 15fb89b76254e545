"""Jobs of a run: a trial's stays on a worker, from a start or resume until it leaves; and what became of trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator import Trace, events

COMPLETED, STOPPED, PAUSED, CUT_OFF, FAILED = FATES = ("completed", "stopped", "paused", "cut off", "failed")
# By a trial's last event. Who waits for a worker after a crash or a preemption was cut off by the end of the run.
_FATE_OF = {
    "complete": COMPLETED,
    "curve-end": COMPLETED,
    "stop": STOPPED,
    "cancelled": STOPPED,
    "pause": PAUSED,
    "failed": FAILED,
}


@dataclass(frozen=True, eq=False)
class Jobs:
    """One entry a job, ordered by its beginning.

    Attributes:
        trial, worker: int64, (n,).
        begin, end: float64, (n,), simulated seconds.
        start, reached: float64, (n,), the resource that the trial stood at when the job began, and when it left.
        ended_by: (n,) names of events, such as ``"pause"``; see `simulator.events.NAMES`.
    """

    trial: np.ndarray
    worker: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    start: np.ndarray
    reached: np.ndarray
    ended_by: np.ndarray

    def __len__(self) -> int:
        return len(self.trial)


def jobs(trace: Trace) -> Jobs:
    """Every stay of a trial on a worker."""
    c = trace.columns
    order = _by_trial(trace)
    begins = np.isin(c.event[order], [events.CODES["start"], events.CODES["resume"]])
    goes_on = c.event[order] == events.CODES["continue"]
    leaves = order[~begins & ~goes_on]
    begins = order[begins]
    # A trial leaves what it has begun, but a paused or waiting one may also be cancelled, fail or be given up.
    number = np.searchsorted(_position(order, begins), _position(order, leaves)) - 1
    first = np.concatenate([[True], number[1:] != number[:-1]]) if len(leaves) else np.zeros(0, dtype=bool)
    before, after = begins[number[first]], leaves[first]
    chronological = np.argsort(before)
    before, after = before[chronological], after[chronological]
    return Jobs(
        trial=c.trial[before],
        worker=c.worker[before],
        begin=c.time[before] / 1e9,
        end=c.time[after] / 1e9,
        start=c.resource[before],
        reached=c.resource[after],
        ended_by=np.array(events.NAMES)[c.event[after]],
    )


def fates(trace: Trace) -> np.ndarray:
    """(number of trials,) what became of each trial, one of `FATES`."""
    c = trace.columns
    order = _by_trial(trace)
    names = np.array([_FATE_OF.get(name, CUT_OFF) for name in events.NAMES])
    found = np.full(len(c.config), CUT_OFF, dtype=names.dtype)
    found[c.trial[order]] = names[c.event[order]]  # of several entries, NumPy keeps the last
    return found


def _by_trial(trace: Trace) -> np.ndarray:
    """The numbers of all events of trials, by trial, then time; without those of their checkpoints."""
    c = trace.columns
    order = np.argsort(c.trial, kind="stable")
    return order[(c.trial[order] >= 0) & (c.event[order] != events.CODES["removed"])]


def _position(order: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Where some of the events in `order`, which keep its order, stand in it."""
    place = np.empty(int(order.max(initial=-1)) + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[some]

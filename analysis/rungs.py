"""Rungs of a run: who reported at which resource, when, and who was sent further from there.

A rung is all reports at one resource: a trace does not know the scheduler's own brackets, so these share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator import Trace, events
from simulator.standing import REPORTS, reports_at

DECIDED = ("continue", "pause", "stop", "complete")
MOST = 8  # rungs that a picture tells apart


@dataclass(frozen=True, eq=False)
class Occupancy:
    """The reports at one resource, one entry a trial, ordered by time.

    Attributes:
        resource: where.
        times: float64, (n,), simulated seconds.
        trials: int64, (n,).
        went_on: bool, (n,), whether the trial was sent further from there, at once or later.
    """

    resource: float
    times: np.ndarray
    trials: np.ndarray
    went_on: np.ndarray

    def __len__(self) -> int:
        return len(self.trials)


def levels(trace: Trace) -> np.ndarray:
    """(L,) float64, increasing: the resources at which the scheduler decided, and r_max where a trial got there.

    Where curves merely ended is none of them, unless there is nothing else.
    """
    c = trace.columns
    for names in (DECIDED, REPORTS):
        found = np.unique(c.resource[_is(trace, *names)])
        if len(found):
            return found
    return np.empty(0)


def occupancy(trace: Trace, resource: float) -> Occupancy:
    """Who reported at a resource."""
    c = trace.columns
    reports = np.sort(reports_at(trace, resource))
    trials = c.trial[reports]
    # Who is resumed there after a crash was sent further before.
    sent = c.trial[(c.resource == resource) & _is(trace, "continue", "resume")]
    return Occupancy(float(resource), c.time[reports] / 1e9, trials, np.isin(trials, sent))


def some_of(levels: np.ndarray, most: int = MOST, factor: float = 3.0) -> np.ndarray:
    """At most `most` of some levels: those nearest to r / factor^k, where r is the largest.

    Args:
        levels: (L,) increasing; all of them are kept if they are few enough.
        most: from 2.
        factor: larger if need be.
    """
    if len(levels) <= most:
        return levels
    factor = max(factor, (levels[-1] / levels[0]) ** (1 / (most - 1)) * (1 + 1e-9))
    steps = np.arange(np.floor(np.log(levels[-1] / levels[0]) / np.log(factor) + 1e-6) + 1)
    wanted = np.log(levels[-1]) - steps * np.log(factor)
    return levels[np.unique(np.abs(np.log(levels)[:, None] - wanted).argmin(axis=0))]


def _is(trace: Trace, *names: str) -> np.ndarray:
    """(E,) which events are one of these."""
    return np.isin(trace.columns.event, [events.CODES[name] for name in names])

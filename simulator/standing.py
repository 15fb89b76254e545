"""How a rung stood just before an event, from a trace alone.

A rung here is all reports at one resource: a trace does not know the scheduler's own tags, so brackets that the
scheduler keeps apart share a rung.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from simulator import events
from simulator.errors import TraceError

if TYPE_CHECKING:
    from simulator.trace import Trace

REPORTS = ("continue", "pause", "stop", "complete", "curve-end")


@dataclass(frozen=True)
class Entry:
    """One trial in a rung: its rank from 1, and its value in the metric's own direction, NaN where it diverged."""

    rank: int
    trial: int
    value: float


@dataclass(frozen=True, eq=False)
class Rung(Sequence[Entry]):
    """The reports at one resource, best first; diverged ones last, ties by trial id.

    Its entries are made when they are looked at, so that a rung of a million trials is cheap.

    Attributes:
        resource: where they reported.
        trials: int64, (n,), their ids.
        values: float64, (n,), in the metric's own direction, NaN where diverged.
    """

    resource: float
    trials: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.trials)

    @overload
    def __getitem__(self, item: int) -> Entry: ...
    @overload
    def __getitem__(self, item: slice) -> Sequence[Entry]: ...
    def __getitem__(self, item: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(item, slice):
            return [self[i] for i in range(*item.indices(len(self)))]
        at = range(len(self))[item]
        return Entry(at + 1, int(self.trials[at]), float(self.values[at]))

    def rank(self, trial: int) -> int | None:
        """The rank of a trial, from 1; None if it has not reported here."""
        found = np.flatnonzero(self.trials == trial)
        return int(found[0]) + 1 if len(found) else None


def rung_before(trace: Trace, index: int) -> Rung:
    """The reports that had been made, before event `index`, at the resource where its trial then stood.

    Empty where the trial had not reached any resource, or where the event is no trial's.

    Raises:
        TraceError: the trace has no event of that index.
    """
    return _ranked(trace, index, _event(trace, index))


def rung_with(trace: Trace, index: int) -> Rung:
    """The same, and event `index` itself where it is a report."""
    return _ranked(trace, index, _event(trace, index) + 1)


def rank_at(trace: Trace, index: int) -> int | None:
    """The rank, from 1, of the trial of event `index` in `rung_with`.

    None where it stands at no resource that it has reported at. Raises as `rung_before` does.
    """
    return rung_with(trace, index).rank(int(trace.columns.trial[index]))


def _ranked(trace: Trace, index: int, stop: int) -> Rung:
    """The rung at the resource of event `index`, of all reports before event `stop`."""
    c = trace.columns
    resource = float(c.resource[index])
    if c.trial[index] < 0 or not resource > 0:
        return Rung(resource, np.empty(0, dtype=np.int64), np.empty(0))
    return ranked(trace, resource, reports_at(trace, resource, stop))[0]


def reports_at(trace: Trace, resource: float, stop: int | None = None) -> np.ndarray:
    """The numbers of the events before `stop` by which trials reported at a resource, one a trial, by trial."""
    c = trace.columns
    here = np.flatnonzero(c.resource[:stop] == resource)
    reports = here[np.isin(c.event[here], [events.CODES[name] for name in REPORTS])]
    # A curve that ends where its trial was told to continue is two events, but one report.
    return reports[np.unique(c.trial[reports], return_index=True)[1]]


def ranked(trace: Trace, resource: float, reports: np.ndarray) -> tuple[Rung, np.ndarray]:
    """The rung of some of `reports_at` a resource, and their order in it."""
    c = trace.columns
    sign = trace.table.metric_info[trace.info.metric].sign
    order = np.argsort(sign * c.value[reports], kind="stable")  # NaN comes last
    reports = reports[order]
    return Rung(resource, c.trial[reports], c.value[reports]), order


def _event(trace: Trace, index: int) -> int:
    if not 0 <= index < len(trace):
        raise TraceError(f"there is no event {index} in a trace of {len(trace)} events")
    return index

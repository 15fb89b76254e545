"""Gives a scheduler the reports of a recorded run, and tells where it decides otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator import events
from simulator.compared import Disagreement
from simulator.course import Course, LostError
from simulator.errors import SimulationError, TraceError
from simulator.protocol import Scheduler
from simulator.registry import make_both, make_searcher
from simulator.trace import Trace


@dataclass(frozen=True)
class Replayed:
    """What came of it.

    Attributes:
        differences: in the order of the run.
        decisions: how many were compared.
        asked_for_more: the first trial that it asked for when the budget had no more, in words; None if it did not.
        lost: where and why the scheduler could not follow the recorded course any more, and nothing after that was
            compared; None if it could.
        followed: how many events of the trace it went through.
    """

    differences: tuple[Disagreement, ...]
    decisions: int
    asked_for_more: str | None
    lost: str | None
    followed: int

    @property
    def agrees(self) -> bool:
        """Whether it decided all as recorded."""
        return not self.differences and self.lost is None


def replay(trace: Trace, scheduler: Scheduler | str | None = None) -> Replayed:
    """Where a scheduler decides otherwise than recorded, given the recorded reports.

    Args:
        trace: of the run.
        scheduler: an object, or its name with arguments, as for `Simulation`; that of the trace if None.

    Raises:
        SimulationError: the scheduler is not known, or does not work on the table.
        TraceError: the trace names what its table does not have.

    Example:
        >>> replay(Trace.load("before.trace"), "my_file.py:MyScheduler").differences
    """
    _check(trace)
    if scheduler is None or isinstance(scheduler, str):
        both = make_both(trace.info.scheduler if scheduler is None else scheduler)
    elif isinstance(scheduler, Scheduler):
        both = scheduler, make_searcher(scheduler.default_searcher())
    else:
        raise SimulationError(f"scheduler: a Scheduler object or a name is needed, not {scheduler!r}")
    course, lost = Course(trace, *both), None
    try:
        course.follow()
    except LostError as error:
        lost = str(error)
    return Replayed(tuple(course.differences), course.decisions, course.more, lost, course.at)


def _check(trace: Trace) -> None:
    """Whether all that a trace names is in its table."""
    c, info, table = trace.columns, trace.info, trace.table
    if table.name != info.table:
        raise TraceError(f"the trace is of {info.table}, and cannot be replayed on {table.name}")
    if info.metric not in table.metrics:
        raise TraceError(f"{table.name} has no metric {info.metric!r}, which the trace is about")
    rows = len(getattr(table, "measured", table)) + len(info.predicted)
    wrong = (c.config < 0) | (c.config >= rows) | (c.replicate < 0) | (c.replicate >= table.replicates)
    if wrong.any():
        trial = int(np.argmax(wrong))
        raise TraceError(
            f"trial {trial} of the trace is of configuration {c.config[trial]}, replicate {c.replicate[trial]}; "
            f"{table.name} has {rows} configurations of {table.replicates} replicates"
        )
    off = ~np.isin(c.resource, [0.0, *table.resource_list])
    sent = np.isin(c.event, [events.CODES[name] for name in ("start", "resume", "continue")])
    off |= sent & ~np.isin(c.until, table.resource_list)
    if off.any():
        raise TraceError(
            f"event {int(np.argmax(off))} of the trace is at resource {c.resource[np.argmax(off)]:g} or until "
            f"{c.until[np.argmax(off)]:g}, which is not one of {table.name}"
        )

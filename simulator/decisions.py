"""Decisions as a trace shows them, in words, and the first one that differs between two traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from simulator import events
from simulator.difference import Difference
from simulator.standing import Rung, rung_with

if TYPE_CHECKING:
    from simulator.trace import Trace

ANSWERS = ("continue", "pause", "stop")
JOBS = ("start", "resume")
NO_DECISION = {"job": "no job", "cancel": "nothing is cancelled"}


class Question(NamedTuple):
    """What a scheduler decided about, and when (nanoseconds): two traces that agree so far put the same questions."""

    kind: Literal["report", "job", "cancel"]
    time: int
    who: int  # the trial that reports, the worker that is free; -1
    resource: float = 0.0
    value: float | None = 0.0  # None: diverged


@dataclass(frozen=True)
class ChangedDecision:
    """A decision that differs between two traces.

    Attributes:
        left, right: the index of its event in each trace; None where that trace shows no decision there, such as a
            worker that was given no job.
        question: what it is about, in words.
        answers: both decisions in words, such as ``"stop"`` and ``"continue until 9"``.
    """

    left: int | None
    right: int | None
    question: str
    answers: tuple[str, str]


def first_changed_decision(left: Trace, right: Trace, difference: Difference) -> ChangedDecision | None:
    """The first decision that differs, from `difference` on, which is the first difference of the traces.

    Up to there both schedulers were told the same, so what one decides there and the other does not has changed. Where
    the first difference is not of their doing (a time, a value, an end), questions no longer come in the same
    order: then decisions about the same trial at the same resource are compared. None where all of them agree.
    """
    index = difference.index
    asked = [_question(trace, index) for trace in (left, right)]
    if asked[0] is not None and asked[0] == asked[1]:
        if _answer(left, index) != _answer(right, index):
            return _changed(left, right, index, index)
    else:
        ours, theirs = (_asked_alone(one, other, index) for one, other in ((left, right), (right, left)))
        if ours or theirs:
            return _changed(left, right, index if ours else None, index if theirs else None)
    return _later(left, right, index)


def rung_of(trace: Trace, index: int) -> Rung | None:
    """The rung that a decision was about, the report in question included; None for a start, which is about none."""
    rung = rung_with(trace, index)
    return rung if rung.rank(int(trace.columns.trial[index])) is not None else None


def in_words(trace: Trace, index: int) -> str:
    """What event `index` tells beside time and worker, such as ``"resume trial 3 until 9"``."""
    c, name = trace.columns, events.NAMES[trace.columns.event[index]]
    trial = int(c.trial[index])
    heading = "" if np.isnan(c.until[index]) else f" until {number(c.until[index])}"
    if name in ANSWERS:
        return f"{name}{heading}"
    if name == "resume":
        return f"resume trial {trial}{heading}"
    if name == "cancelled":
        return f"cancel trial {trial}"
    if name == "start":
        donor = c.checkpoint_of[trial]
        checkpoint = f" with the checkpoint of trial {donor}" if donor >= 0 else ""
        return f"start trial {trial} (configuration {c.config[trial]}){checkpoint}{heading}"
    return name if trial < 0 else f"{name} of trial {trial} at resource {number(c.resource[index])}"


def question_in_words(trace: Trace, index: int) -> str:
    """What the decision at event `index` is about, without its time."""
    c, name = trace.columns, events.NAMES[trace.columns.event[index]]
    if name in ANSWERS:
        return f"trial {c.trial[index]} reports {number(c.value[index])} at resource {number(c.resource[index])}"
    return "a trial is cancelled" if name == "cancelled" else f"worker {c.worker[index]} is free"


def number(value: float) -> str:
    """A resource or a value, the shortest that tells it from others of its precision; ``diverged`` for NaN."""
    if value != value:
        return "diverged"
    if float(value).is_integer():
        return str(int(value))
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return str(single) if single == value else repr(float(value))


def _question(trace: Trace, index: int) -> Question | None:
    """What the scheduler was asked before event `index`; None where the event is none of its decisions."""
    c = trace.columns
    if index >= len(trace):
        return None
    name, time, trial = events.NAMES[c.event[index]], int(c.time[index]), int(c.trial[index])
    if name in ANSWERS:
        value = float(c.value[index])
        return Question("report", time, trial, float(c.resource[index]), value if value == value else None)
    if name == "start" or (name == "resume" and _paused(trace, index)):
        return Question("job", time, int(c.worker[index]))
    return Question("cancel", time, -1) if name == "cancelled" else None


def _paused(trace: Trace, index: int) -> bool:
    """Whether the trial that goes on at event `index` was paused by the scheduler, and not thrown back by a crash."""
    c = trace.columns
    before = np.flatnonzero((c.trial[:index] == c.trial[index]) & (c.event[:index] != events.CODES["removed"]))
    return bool(len(before)) and events.NAMES[c.event[before[-1]]] == "pause"


def _asked_alone(one: Trace, other: Trace, index: int) -> bool:
    """Whether `one` shows a job or a cancelled trial, and `other`, still running then, goes on without it."""
    asked, elsewhere = _question(one, index), _question(other, index)
    if asked is None or asked.kind == "report" or (elsewhere is not None and elsewhere.kind == asked.kind):
        return False
    if index >= len(other):
        return other.info.end >= asked.time
    over = events.NAMES[other.columns.event[index]] == "budget" and other.columns.time[index] == asked.time
    return bool(other.columns.time[index] >= asked.time) and not over


def _answer(trace: Trace, index: int) -> tuple[float, ...]:
    """What was decided, comparable."""
    c, trial = trace.columns, int(trace.columns.trial[index])
    until = float(c.until[index])
    started = c.event[index] == events.CODES["start"]
    chosen = (int(c.config[trial]), int(c.checkpoint_of[trial])) if started else ()
    return (int(c.event[index]), trial, until if until == until else -1, *chosen)


def _changed(left: Trace, right: Trace, ours: int | None, theirs: int | None) -> ChangedDecision:
    trace, index = (left, ours) if ours is not None else (right, theirs)
    assert index is not None
    question = _question(trace, index)
    assert question is not None
    nothing = NO_DECISION.get(question.kind, "")
    old = nothing if ours is None else in_words(left, ours)
    new = nothing if theirs is None else in_words(right, theirs)
    return ChangedDecision(ours, theirs, question_in_words(trace, index), (old, new))


def _later(left: Trace, right: Trace, index: int) -> ChangedDecision | None:
    """The first decision from `index` on about the same trial at the same resource that is not the same."""
    ours, theirs = _decisions(left, index), _decisions(right, index)
    for about, at in ours.items():  # in the order of the run
        if about in theirs and _answer(left, at) != _answer(right, theirs[about]):
            return _changed(left, right, at, theirs[about])
    return None


def _decisions(trace: Trace, index: int) -> dict[tuple[str, int, float], int]:
    """The decisions from `index` on: for kind, trial and resource the index of the event."""
    c = trace.columns
    found: dict[tuple[str, int, float], int] = {}
    last: dict[int, str] = {}
    for at, (code, trial, resource) in enumerate(
        zip(c.event.tolist(), c.trial.tolist(), c.resource.tolist(), strict=True)
    ):
        name = events.NAMES[code]
        kind = "report" if name in ANSWERS else name
        chosen = kind in ("report", "start", "cancelled") or (kind == "resume" and last.get(trial) == "pause")
        if chosen and at >= index:
            found.setdefault((kind, trial, resource), at)
        if name != "removed":
            last[trial] = name
    return found

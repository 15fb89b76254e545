"""Drives a scheduler with the reports of a recorded run, without the event loop, and tells where it decides otherwise.

What it is asked, in which order, and what it is told come from the trace: at each instant the reports, then idle
workers ask for jobs until one is left idle. After a difference the recorded course goes on, so that one changed
decision shows as one difference and not as another run.

A trace does not tell the budget of its run. A budget keeps jobs from starting, and one of trials also tells the
searcher how many proposals there will be. So a trace can be read in several ways (`READINGS`); what counts is the one
under which scheduler and trace agree longest. What a scheduler asks for when nothing starts any more is no difference.
Nor does a trace tell what `Simulation` was given beside the scheduler's name: a searcher object, `initial` (but in the
scheduler's text), `exhausted` and `off_table` (but a surrogate's predictions). Runs with these are not followed, and
show as differences; so do those on a cluster where a worker is busy with anything but a trial, or a model takes time
to decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from blackboxes import Blackbox
from simulator import events
from simulator.clock import Clock, format_time
from simulator.context import Context
from simulator.errors import SimulationError, TraceError
from simulator.proposals import Proposals
from simulator.protocol import PAUSE, STOP, Continue, Resume, Scheduler, Start
from simulator.registry import make_both, make_searcher
from simulator.replay import Curves
from simulator.searcher import End, Report, SearchContext, Searcher, teaching
from simulator.trace import Trace
from simulator.trial import ENDED, PAUSED, TRIAL_CANCELLED, Continuation, Trial

JOBS = ("start", "resume")
REPORTS = ("continue", "pause", "stop")
ENDS = ("complete", "curve-end", "failed")
LOSES_ITS_WORKER = ("crash", "preempted")
FREE = ("pause", "stop", "cancelled", *ENDS, *LOSES_ITS_WORKER)  # the trial leaves its worker

# After the last job that was recorded, workers ask ...
NO_MORE = "no more"  # it was the last that a limit of total resource allowed
UNTIL_ONE = "until there is a job"  # which came too late for a limit of total resource or of simulated time
ON_AND_ON = "on and on"  # a trial that starts is one too many, others are resumed
# The ways to read a trace: whether trials were limited to those that started; and that.
READINGS = ((False, UNTIL_ONE), (True, ON_AND_ON), (False, NO_MORE), (True, UNTIL_ONE), (True, NO_MORE))


@dataclass(frozen=True)
class Disagreement:
    """A decision that differs.

    Attributes:
        index: the event of the trace that records the decision; where it records none, the event that came next.
        time: nanoseconds.
        trial: whom it is about, None for one that has no number.
        resource: where that trial stood, 0 before its first report.
        value: what it reported there, in the metric's own direction; NaN for none, and where diverged.
        recorded, own: the two decisions in words.
    """

    index: int
    time: int
    trial: int | None
    resource: float
    value: float
    recorded: str
    own: str

    def __str__(self) -> str:
        who = "" if self.trial is None else f", trial {self.trial} at resource {self.resource:g}"
        value = f" (value {self.value:g})" if self.value == self.value else ""
        return f"{format_time(self.time)} s{who}{value}: recorded: {self.recorded}; now: {self.own}"


@dataclass(frozen=True)
class Replayed:
    """What came of it.

    Attributes:
        differences: in the order of the run.
        decisions: how many were compared.
        asked_for_more: the first job that it asked for when nothing started any more, in words; None if it did not.
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

    @property
    def agreed_until(self) -> int:
        """The first event about which they differ; one beyond the last of all where they never do."""
        if self.differences:
            return self.differences[0].index
        return self.followed + (self.lost is None)


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
    best: Replayed | None = None
    for limited, asking in READINGS:
        found = _Course(trace, *both, limited, asking).follow()
        if best is None or found.agreed_until > best.agreed_until:
            best = found
        if best.agrees or best.agreed_until < _last(trace, "start"):  # what comes before is read in one way
            break
    assert best is not None
    return best


class Idle:
    """Which workers are idle, from events alone, and which resumes nobody asked the scheduler for.

    A trial that crashed, or whose worker was taken away, is resumed without the scheduler. Workers that come and go
    are followed where the trace tells so; one that will leave takes no trial any more.

    Attributes:
        workers: the numbers of those that are idle.
    """

    def __init__(self, workers: int) -> None:
        self.workers = set(range(workers))
        self._at: dict[int, int] = {}  # by trial on a worker: its number
        self._by_itself: set[int] = set()  # trials that will be resumed without the scheduler
        self._leaving: set[int] = set()

    def is_decision(self, event: str, trial: int) -> bool:
        """Whether an event that gives a worker a trial was the scheduler's doing."""
        return event == "start" or (event == "resume" and trial not in self._by_itself)

    def obey(self, event: str, trial: int, worker: int) -> None:
        """An event takes effect."""
        if event in JOBS:
            self._at[trial] = worker
            self._by_itself.discard(trial)
            self.workers.discard(worker)
        elif event in FREE:
            left = self._at.pop(trial, None)
            if left is not None and left not in self._leaving:
                self.workers.add(left)
            if event in LOSES_ITS_WORKER:
                self._by_itself.add(trial)
        elif event == "up":
            self._leaving.discard(worker)
            self.workers.add(worker)
        elif event in ("drain", "down"):
            self._leaving.add(worker)
            self.workers.discard(worker)


class _Course:
    """One way through a trace, with a scheduler that has just been set up."""

    def __init__(self, trace: Trace, scheduler: Scheduler, searcher: Searcher, limited: bool, asking: str) -> None:
        c, info = trace.columns, trace.info
        measured: Blackbox = getattr(trace.table, "measured", trace.table)
        table = measured
        if info.predicted:
            from blackboxes.surrogates import GrownTable

            table = GrownTable(measured)
        self.table, self.info, self.limited, self.in_the_end = table, info, limited, asking
        self.measured = len(measured)
        self.time, self.trial, self.worker = c.time.tolist(), c.trial.tolist(), c.worker.tolist()
        self.event = [events.NAMES[code] for code in c.event.tolist()]
        self.resource, self.until = c.resource.tolist(), c.until.tolist()
        self.value = c.value.tolist()
        self.starts = list(zip(c.config.tolist(), c.replicate.tolist(), c.checkpoint_of.tolist(), strict=True))
        self.last_start, self.last_job = _last(trace, "start"), _last(trace, *JOBS)

        self.clock, self.trials, self.idle = Clock(), list[Trial](), Idle(info.workers)
        self.began: dict[int, int] = {}  # by trial on a worker: when its segment began
        self.sent: dict[int, float] = {}  # ... and where it was sent
        self.at, self.decisions, self.closed = 0, 0, False
        self.differences: list[Disagreement] = []
        self.more: str | None = None
        self.curves = Curves(table, info.metric)
        self.grid = {resource: index for index, resource in enumerate(table.resource_list)}
        self.find_row = Proposals(table, "surrogate" if info.predicted else "error", self.trials).row
        self.learner = searcher if searcher.learns else None
        searcher.setup(SearchContext(measured, info.seed, self.clock, len(c.config) if limited else None, False))
        self.context = Context(table, info.workers, info.seed, self.clock, searcher, self.trials, self.find_row)
        self.scheduler = scheduler
        scheduler.setup(self.context)
        self.answer: Any = None  # the scheduler's own to the last report ...
        self.recorded_answer: Any = None  # ... and this one, of which a searcher that learns is told
        self.on_report: Report = self._asked
        self.on_end: End = scheduler.on_end
        if self.learner is not None:
            self.on_report, self.on_end = teaching(self.learner, self._asked, scheduler.on_end)

    def follow(self) -> Replayed:
        lost = None
        try:
            self._ask()
            while self.at < len(self.time):
                self.clock.now = self.time[self.at]
                while self._is_now() and self.event[self.at] not in JOBS:
                    self._hear()
                self._ask()
        except _LostError as error:
            lost = str(error)
        return Replayed(tuple(self.differences), self.decisions, self.more, lost, self.at)

    def _is_now(self, *names: str) -> bool:
        """Whether the next event is one of this instant, with one of these names if there are any."""
        at = self.at
        return at < len(self.time) and self.time[at] == self.clock.now and (not names or self.event[at] in names)

    def _call(self, what: str, asked: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return asked(*arguments)
        except Exception as error:  # whatever somebody's scheduler raises
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise _LostError(f"{format_time(self.clock.now)} s, {what}: {reason}") from error

    def _ask(self) -> None:
        """Idle workers ask for jobs, until one is left idle."""
        while self.idle.workers or self._is_now(*JOBS):
            given = self._is_now(*JOBS)
            if self._is_now("budget") or not (given or self._still_asking()):
                return
            if given and not self.idle.is_decision(self.event[self.at], self.trial[self.at]):
                self._begin(None)
                continue
            job = self._call("next_job", self.scheduler.next_job)
            self.decisions += 1
            if given:
                self._compare_job(job)
                self._begin(job)
            elif job is not None:
                self._not_recorded(job)
            self._cancel_others()
            if not given:
                return

    def _still_asking(self) -> bool:
        return not self.closed and (self.at <= self.last_job or self.in_the_end != NO_MORE)

    def _compare_job(self, job: Any) -> None:
        at = self.at
        trial, until = self.trial[at], self.until[at]
        if self.event[at] == "start":
            row, _, donor = self._started(trial)
            recorded = f"start configuration {row} until {until:g}" + (f" from trial {donor}" if donor >= 0 else "")
            same = (
                type(job) is Start
                and self._row(job) == row
                and job.until == until
                and (-1 if job.checkpoint_of is None else job.checkpoint_of) == donor
            )
        else:
            recorded = f"resume trial {trial} until {until:g}"
            same = type(job) is Resume and job.trial == trial and job.until == until
        if not same:
            self._differs(trial, self.resource[at], self.value[at], recorded, self._words(job))

    def _not_recorded(self, job: Any) -> None:
        """The scheduler gave a job, and nothing began."""
        over = self.at > self.last_job
        if over or (self.limited and type(job) is Start and self.at > self.last_start):
            self.more = self.more or f"{format_time(self.clock.now)} s: {self._words(job)}"
            self.closed = over and not (type(job) is Start and self.in_the_end == ON_AND_ON)
            return
        trial = job.trial if type(job) is Resume else None
        resource = self.trials[trial].resource if trial in range(len(self.trials)) else 0  # type: ignore[index]
        self._differs(trial, resource, float("nan"), "leave the worker idle", self._words(job))

    def _begin(self, job: Any) -> None:
        """A trial starts or is resumed as recorded, with the tag of the scheduler's own start."""
        at, number = self.at, self.trial[self.at]
        if self.event[at] == "start":
            row, replicate, donor = self._started(number)
            tag = job.tag if type(job) is Start else None
            if donor >= 0:
                trial: Trial = Continuation(
                    number, row, self.trials[donor], replicate, tag, self.curves, self.clock.now
                )
            else:
                trial = Trial(number, row, replicate, tag, self.curves, self.clock.now)
            self.trials.append(trial)
        trial = self.trials[number]
        trial._worker = self.worker[at]
        self._step()
        self._sent(trial, self.until[at])

    def _sent(self, trial: Trial, until: float) -> None:
        self.began[trial.id], self.sent[trial.id] = self.clock.now, until
        if self.learner is not None:
            self._call("the searcher's on_start", self.learner.on_start, trial, until)

    def _hear(self) -> None:
        """An event that gives no job."""
        at, name = self.at, self.event[self.at]
        if name in REPORTS:
            self._report()
        elif name in ENDS:
            self._end()
        elif name == "cancelled":
            self._cancel_others()
            return
        else:
            if name in LOSES_ITS_WORKER:
                self.trials[self.trial[at]]._worker = PAUSED
            self._step()
            return
        self._cancel_others()

    def _report(self) -> None:
        at, name = self.at, self.event[self.at]
        trial, value = self.trials[self.trial[at]], self._reached()
        until = self.until[at]
        self.recorded_answer = {"pause": PAUSE, "stop": STOP}.get(name) or Continue(until)
        self._call(f"on_report of trial {trial.id}", self.on_report, trial, self.resource[at], value)
        answer = self.answer
        self.decisions += 1
        if name == "continue":
            recorded, same = f"continue until {until:g}", type(answer) is Continue and answer.until == until
        else:
            recorded, same = name, answer is self.recorded_answer
        if not same:
            self._differs(trial.id, self.resource[at], self.value[at], recorded, self._words(answer))
        if name != "continue":
            trial._worker = PAUSED if name == "pause" else ENDED
        self._step()
        if name == "continue":
            ends = self._is_now("curve-end") and self.trial[at + 1] == trial.id
            if ends and self.resource[at + 1] == self.resource[at]:  # its curve has ended where it stands
                self._end()
            else:
                self._sent(trial, until)

    def _asked(self, trial: Trial, resource: float, value: float) -> Any:
        self.answer = self.scheduler.on_report(trial, resource, value)
        return self.recorded_answer

    def _end(self) -> None:
        at, name = self.at, self.event[self.at]
        trial = self.trials[self.trial[at]]
        value = float("inf") if name == "failed" else self._reached()
        trial._worker = ENDED
        what = f"on_end of trial {trial.id}"
        self._call(what, self.on_end, trial, trial.resource if name == "failed" else self.resource[at], value, name)
        self._step()

    def _reached(self) -> float:
        """The trial of the next event has come as far as recorded; the value there, smaller is better."""
        at = self.at
        trial, index = self.trials[self.trial[at]], self.grid[self.resource[at]]
        if index > trial._index and not self.table.resumable:
            trial._seen = (*trial._seen, index)
        trial._index = index
        value: float = self.value[at]
        return float("inf") if value != value else value * self.curves.sign

    def _cancel_others(self) -> None:
        """The trials that the scheduler has stopped by `Context.stop`, against those that are cancelled next."""
        own = [number for number, _ in self.context._stops]
        self.context._stops.clear()
        while self._is_now("cancelled"):
            at, number = self.at, self.trial[self.at]
            if number in own:
                own.remove(number)
            else:
                self._differs(number, self.resource[at], self.value[at], "cancel it", "let it be")
            self._cancelled(self.trials[number])
        for number in own:
            known = type(number) is int and 0 <= number < len(self.trials)
            resource = self.trials[number].resource if known else 0
            self._differs(number, resource, float("nan"), "let it be", "cancel it")

    def _cancelled(self, trial: Trial) -> None:
        at, spent = self.at, 0
        if trial._worker >= 0:
            spent = self.clock.now - self.began[trial.id]
            trial._busy = trial._finished + spent
            trial._index = self.grid.get(self.resource[at], -1)
            if self.resource[at] == self.sent[trial.id] and not self.table.resumable:
                trial._seen = (*trial._seen, trial._index)
        else:
            trial._busy = trial._finished
        trial._worker = TRIAL_CANCELLED
        self._step()
        if self.learner is not None:
            self._call("the searcher's on_end", self.learner.on_end, trial, "cancelled")

    def _step(self) -> None:
        """The next event takes effect on the workers."""
        self.idle.obey(self.event[self.at], self.trial[self.at], self.worker[self.at])
        self.at += 1

    def _differs(self, trial: int | None, resource: float, value: float, recorded: str, own: str) -> None:
        self.differences.append(Disagreement(self.at, self.clock.now, trial, resource, value, recorded, own))

    def _started(self, trial: int) -> tuple[int, int, int]:
        """Row, replicate and donor of a trial; rows that were predicted get the numbers of this run."""
        row, replicate, donor = self.starts[trial]
        if row >= self.measured:
            row = self.table.row_for(self.info.predicted[row - self.measured])  # type: ignore[attr-defined]
        return row, replicate, donor

    def _row(self, job: Start) -> int | None:
        """The row that a `Start` names, None if there is none."""
        try:
            return self.find_row(job.config)
        except (LookupError, TypeError, ValueError):
            return None

    def _words(self, decision: Any) -> str:
        """A decision in words; what is none as it prints."""
        if decision is None:
            return "leave the worker idle"
        if decision is STOP or decision is PAUSE:
            return "stop" if decision is STOP else "pause"
        until = getattr(decision, "until", None)
        until = f"{until:g}" if isinstance(until, int | float) else repr(until)
        if type(decision) is Continue:
            return f"continue until {until}"
        if type(decision) is Resume:
            return f"resume trial {decision.trial} until {until}"
        if type(decision) is Start:
            row = self._row(decision)
            config = f"configuration {row}"
            if row is None:
                config = f"{decision.config!r:.200}, which is not in the table,"
            donor = "" if decision.checkpoint_of is None else f" from trial {decision.checkpoint_of}"
            return f"start {config} until {until}{donor}"
        return f"{decision!r:.200}"


class _LostError(Exception):
    """The scheduler raised an error."""


def _last(trace: Trace, *names: str) -> int:
    """The position of the last event with one of these names, -1 if there is none."""
    found = np.flatnonzero(np.isin(trace.columns.event, [events.CODES[name] for name in names]))
    return int(found[-1]) if len(found) else -1


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
    if off.any():
        raise TraceError(
            f"event {int(np.argmax(off))} of the trace is at resource {c.resource[np.argmax(off)]:g}, "
            f"which is not one of {table.name}"
        )

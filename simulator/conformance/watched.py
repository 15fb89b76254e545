"""A scheduler under observation: every question and its answer, in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from math import inf, isinf
from types import FrameType
from typing import Any

from simulator.checks import is_number
from simulator.conformance.scenarios import Scenario
from simulator.context import Context
from simulator.errors import SchedulerError, SimulationError
from simulator.protocol import PAUSE, RETRY, STOP, Continue, EndReason, Resume, Scheduler, Start
from simulator.rungs import fraction
from simulator.searcher import Searcher
from simulator.simulation import Simulation
from simulator.trial import Trial

MOST_QUESTIONS = 10_000  # several times what any scheduler needs in any scenario
PATIENCE = 300  # real seconds for one run; what takes longer is taken to hang


@dataclass(frozen=True)
class Question:
    """What a scheduler was asked and what it answered. Two are equal if they are but for the values.

    Attributes:
        time: simulated seconds.
        kind: ``job``, ``report``, ``failure``, or how the trial ended: ``complete``, ``curve-end``, ``failed``.
        answer: ``start``, ``resume``, ``none``; ``continue``, ``pause``, ``stop``; ``retry``, ``stop``; empty where a
            trial ended; any other answer as it prints.
        trial: the trial that reports, crashes or ends, or that the answer starts or resumes.
        row: its configuration.
        bracket: a number for each different `tag`: trials that share one share their rungs.
        resource, value: reported; smaller is better, inf where diverged. Where a trial crashed or failed: what it has
            reported last, 0 for nothing, and inf.
        failures: how often the trial has crashed.
        until: where the answer sends the trial.
        donor: whose checkpoint it starts with.
        cancelled: trials that were ended by `Context.stop` in between.
        rows_left: where a worker got no job: whether there was something to start.
    """

    time: float
    kind: str
    answer: str = ""
    trial: Any = None
    row: Any = None
    bracket: int = 0
    resource: float = 0
    value: float = field(default=0.0, compare=False)
    failures: int = 0
    until: Any = None
    donor: Any = None
    cancelled: tuple[Any, ...] = ()
    rows_left: bool = field(default=True, compare=False)

    def __str__(self) -> str:
        if self.kind == "job":
            about = {"start": f"start trial {self.trial} (row {self.row})", "resume": f"resume trial {self.trial}"}
            said = about.get(self.answer, self.answer)
            what = "a worker is free"
        elif self.kind == "failure":
            what, said = f"trial {self.trial} crashes ({self.failures}), {self._last}", self.answer
        elif self.kind == "failed":
            what, said = f"trial {self.trial} has failed, {self._last}", self.answer
        else:
            value = "diverged" if isinf(self.value) else f"{self.value:.6g}"
            verb = "reports" if self.kind == "report" else f"ends ({self.kind}) with"
            what, said = f"trial {self.trial} {verb} {value} at {self.resource:g}", self.answer
        until = "" if self.until is None else f" until {self.until}"
        if self.donor is not None:
            until += f" from the checkpoint of trial {self.donor}"
        cancelled = "".join(f", stops trial {trial}" for trial in self.cancelled)
        return f"{self.time:>12.6f} s  {what:<42} {said}{until}{cancelled}".rstrip()

    @property
    def _last(self) -> str:
        return f"last report at {self.resource:g}" if self.resource else "without a report"


@dataclass(frozen=True)
class Run:
    """One run in one scenario.

    Attributes:
        scenario: where.
        questions: all of them; up to the error, where there is one.
        error: what broke the run off, None where nothing did.
        refused: what the scheduler said if it declined the scenario in `setup`.
        eta, synchronous: the scheduler's own.
    """

    scenario: Scenario
    questions: tuple[Question, ...]
    error: Exception | None
    refused: str | None
    eta: Fraction | None
    synchronous: bool

    def text(self, last: int | None = None) -> str:
        """The questions up to that one, a line each."""
        return "\n".join(map(str, self.questions if last is None else self.questions[: last + 1]))

    def digest(self) -> str:
        """SHA-256 of all questions, answers and values."""
        told = [(question, question.value) for question in self.questions]
        return sha256(repr((told, type(self.error), self.refused)).encode()).hexdigest()

    def same_as(self, other: Run) -> bool:
        """Whether both went alike, whatever the values were."""
        return self.questions == other.questions and type(self.error) is type(other.error)


class EndlessError(SchedulerError):
    """A run that does not come to its end."""


class EnoughError(Exception):
    """Whoever watches has seen what was to be seen."""


class Watched(Scheduler):
    """Passes every question on to `scheduler` and writes down what it answers.

    Args:
        scheduler: who decides.
        scenario: what it runs in.
        last_report: stop at the first report after this question, where given.
    """

    def __init__(self, scheduler: Scheduler, scenario: Scenario, last_report: int | None = None) -> None:
        self.scheduler, self.scenario, self.last_report = scheduler, scenario, last_report
        self.questions: list[Question] = []
        self.setting_up = False
        self._brackets: dict[Hashable, int] = {}
        self._tags: list[Any] = []  # kept, so that no other tag gets the address of one
        self._bracket_of: dict[int, int] = {}
        self._rows: list[Any] = []  # by trial

    @property
    def model_size(self) -> int:
        return self.scheduler.model_size

    @model_size.setter
    def model_size(self, size: int) -> None:
        self.scheduler.model_size = size

    def default_searcher(self) -> str:
        return self.scheduler.default_searcher()

    def setup(self, context: Context) -> None:
        self._context, self._searcher = context, context.searcher()
        self.setting_up = True
        self.scheduler.setup(context)
        self.setting_up = False

    def next_job(self) -> Any:
        self._limit()
        stops = len(self._context._stops)
        job = self.scheduler.next_job()
        told: dict[str, Any]
        if isinstance(job, Start):
            trial = len(self._rows)
            self._rows.append(self._row(job.config))
            bracket = self._bracket_of[trial] = self._bracket(job.tag)
            row: Any = self._rows[-1]
            told = {"trial": trial, "row": row, "bracket": bracket, "until": job.until, "donor": job.checkpoint_of}
            answer = "start"
        elif isinstance(job, Resume):
            known = is_number(job.trial) and job.trial in self._bracket_of
            row, bracket = (self._rows[job.trial], self._bracket_of[job.trial]) if known else (None, 0)
            told = {"trial": job.trial, "row": row, "bracket": bracket, "until": job.until}
            answer = "resume"
        else:
            answer, told = "none" if job is None else repr(job), {"rows_left": self._rows_left()}
        self.questions.append(Question(self._context.now, "job", answer, cancelled=self._cancelled(stops), **told))
        return job

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self._limit(report=True)
        stops = len(self._context._stops)
        answer = self.scheduler.on_report(trial, resource, value)
        said = {id(PAUSE): "pause", id(STOP): "stop"}.get(id(answer), repr(answer))
        until = None
        if isinstance(answer, Continue):
            said, until = "continue", answer.until
        self._about(trial, "report", said, resource, value, stops, until=until)
        return answer

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        self._limit(report=True)
        stops = len(self._context._stops)
        self.scheduler.on_end(trial, resource, value, reason)
        self._about(trial, reason, "", resource, value, stops)

    def on_failure(self, trial: Trial, failures: int) -> Any:
        self._limit(report=True)
        stops = len(self._context._stops)
        answer = self.scheduler.on_failure(trial, failures)
        said = {id(RETRY): "retry", id(STOP): "stop"}.get(id(answer), repr(answer))
        self._about(trial, "failure", said, trial.resource, inf, stops, failures=failures)
        return answer

    def _about(
        self, trial: Trial, kind: str, answer: str, resource: float, value: float, stops: int, **more: Any
    ) -> None:
        """Write down a question about a trial."""
        asked = Question(
            self._context.now,
            kind,
            answer,
            trial=trial.id,
            row=trial.config,
            bracket=self._bracket_of[trial.id],
            resource=resource,
            value=value,
            cancelled=self._cancelled(stops),
            **more,
        )
        self.questions.append(asked)

    def _cancelled(self, before: int) -> tuple[Any, ...]:
        return tuple(trial for trial, _ in self._context._stops[before:])

    def _rows_left(self) -> bool:
        if self._searcher.exhausted_at is not None or self._context.used_up:
            return False
        return self.scenario.exhausted == "cycle" or len(set(map(repr, self._rows))) < len(self.scenario.table)

    def _bracket(self, tag: Any) -> int:
        try:
            hash(tag)
            key: Hashable = tag
        except TypeError:
            self._tags.append(tag)
            key = ("at", id(tag))
        return self._brackets.setdefault(key, len(self._brackets))

    def _row(self, config: Any) -> Any:
        """The row that starts; for what is none, as it prints."""
        if is_number(config):
            return config
        try:
            return self._context.resolve(config)
        except (LookupError, TypeError, ValueError):
            return repr(config)

    def _limit(self, report: bool = False) -> None:
        if report and self.last_report is not None and len(self.questions) > self.last_report:
            raise EnoughError
        if len(self.questions) >= MOST_QUESTIONS:
            raise EndlessError(f"the run has no end: {MOST_QUESTIONS} questions were asked")


def watch(scheduler: Scheduler, searcher: Searcher, scenario: Scenario, name: str, last: int | None = None) -> Run:
    """Run a scheduler in a scenario, whatever happens.

    Args:
        scheduler, searcher: fresh ones, or those of an earlier run.
        scenario: what to run.
        name: what the scheduler is called in messages.
        last: go no further than to the first report after this question.
    """
    watched = Watched(scheduler, scenario, last)
    simulation = Simulation(
        scenario.table,
        watched,
        workers=scenario.workers,
        seed=scenario.seed,
        budget=scenario.budget,
        searcher=searcher,
        off_table="nearest-unused",  # so that every run uses up the table, who proposes rows and who does not
        exhausted=scenario.exhausted,
        cluster=scenario.cluster,
    )
    simulation.name = name
    broken: Exception | None = None
    refused = None
    try:
        with _time_limit(PATIENCE, name):
            simulation.run()
    except EnoughError:
        pass
    except Exception as error:
        if watched.setting_up and isinstance(error, SimulationError) and not isinstance(error, SchedulerError):
            refused = str(error)
        else:
            broken = error
    eta: Any = getattr(scheduler, "eta", None)
    return Run(
        scenario,
        tuple(watched.questions),
        broken,
        refused,
        fraction(eta) if is_number(eta) and 1 < eta < inf else None,
        scheduler.synchronous,
    )


@contextmanager
def _time_limit(seconds: float, name: str) -> Iterator[None]:
    """A run that hangs within a question ends with an error, where the system can do that."""

    def late(number: int, frame: FrameType | None) -> None:
        raise EndlessError(f"{name} hangs: the run has not ended after {seconds:g} real seconds")

    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

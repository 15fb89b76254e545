"""The way through a recorded run with a scheduler that is told what the recorded one was, without the event loop.

What it is asked, in which order, and what it is told come from the trace: at each instant the reports, then idle
workers ask for jobs until one is left idle (`simulator.asked`). After a difference the recorded course goes on, so that
one changed decision shows as one difference and not as another run. What a limit of trials keeps from starting was
never recorded, so it is no difference.

A trace does not tell which searcher object or `initial` configurations `Simulation` was given beside the scheduler's
text: runs with these are not followed, and show as differences. Nor does it tell what a model decided whose job was
dropped, because its trial was stopped meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

from blackboxes import Blackbox
from simulator import events
from simulator.asked import ENDS, JOBS, LOSES_ITS_WORKER, Allowed, Idle
from simulator.clock import NEVER, Clock, format_time
from simulator.cluster.trials import ClusterContinuation, ClusterTrial
from simulator.compared import Disagreement, Job, Reader
from simulator.context import Context
from simulator.proposals import Proposals
from simulator.protocol import PAUSE, RETRY, STOP, Continue, Resume, Scheduler, Start
from simulator.replay import Curves, curve_clipper
from simulator.searcher import End, Report, SearchContext, Searcher, teaching
from simulator.trace import Trace
from simulator.trial import ENDED, PAUSED, TRIAL_CANCELLED, WAITING, Trial

REPORTS = ("continue", "pause", "stop")
UNDECIDED = object()  # a model is at it


class LostError(Exception):
    """The scheduler raised an error; the message says where, and which."""


class Course:
    """The way through a trace, with a scheduler that is set up for it.

    Args:
        trace, scheduler, searcher: of the replay.

    Attributes:
        differences: between what was recorded and the scheduler's own decisions, so far.
        decisions: how many were compared.
        more: the first trial that the scheduler asked for when the budget had no more, in words.
        at: how many events lie behind.
    """

    def __init__(self, trace: Trace, scheduler: Scheduler, searcher: Searcher) -> None:
        c, info = trace.columns, trace.info
        measured: Blackbox = getattr(trace.table, "measured", trace.table)
        table = measured
        if info.off_table == "surrogate":
            from blackboxes.surrogates import GrownTable

            table = GrownTable(measured)
        self.table, self.predicted, self.measured = table, info.predicted, len(measured)
        self.retries = (info.cluster or {}).get("retries", 3)
        self.time, self.trial, self.worker = c.time.tolist(), c.trial.tolist(), c.worker.tolist()
        self.event = [events.NAMES[code] for code in c.event.tolist()]
        self.resource, self.until = c.resource.tolist(), c.until.tolist()
        self.value = c.value.tolist()
        self.overhead = [0] * len(trace) if c.jobs is None else c.jobs.overhead.tolist()
        self.starts = list(zip(c.config.tolist(), c.replicate.tolist(), c.checkpoint_of.tolist(), strict=True))
        parts = trace._segments
        self.finished = dict(zip(parts.after.tolist(), parts.end.tolist(), strict=True))  # grid index, by event

        self.clock, self.trials, self.idle = Clock(), list[Trial](), Idle(info.workers)
        self.allowed = Allowed(trace, table, self.clock)
        self.at, self.decisions = 0, 0
        self.held: list[Any] = []  # the answer that a model is working at
        self.deciding = False
        self.failures: dict[int, int] = {}  # by trial: how often it has crashed
        self.differences: list[Disagreement] = []
        self.more: str | None = None
        self.curves = Curves(table, info.metric)
        self.clip = curve_clipper(self.curves)
        self.grid = {resource: index for index, resource in enumerate(table.resource_list)}
        cycle = info.exhausted == "cycle"
        proposals = Proposals(table, info.off_table, self.trials, cycle)
        self.read = Reader(proposals.row)
        self.learner = searcher if searcher.learns else None
        searcher.setup(SearchContext(measured, info.seed, self.clock, info.budget.trials, cycle))
        self.context = Context(table, info.workers, info.seed, self.clock, searcher, self.trials, proposals)
        self.scheduler = scheduler
        scheduler.setup(self.context)
        self.answer: Any = None  # the scheduler's own to the last report ...
        self.recorded_answer: Any = None  # ... and this one, of which a searcher that learns is told
        self.on_report: Report = self._asked
        self.on_end: End = scheduler.on_end
        if self.learner is not None:
            self.on_report, self.on_end = teaching(self.learner, self._asked, scheduler.on_end)

    def follow(self) -> None:
        """Go all the way.

        Raises:
            LostError: the scheduler raised an error.
        """
        clock = self.clock
        while clock.now < NEVER:
            self.idle.wait(clock.now)
            before = self.at
            while self._is_now() and not self._is_now(*JOBS, "decide") and self._hear():
                pass
            self._ask()
            if self.at == before and self._is_now():  # in a trace made by hand
                self._step()
            if not self._is_now():
                clock.now = min([*self.time[self.at : self.at + 1], self.idle.next_free])

    def _is_now(self, *names: str) -> bool:
        """Whether the next event is one of this instant, with one of these names if there are any."""
        at = self.at
        return at < len(self.time) and self.time[at] == self.clock.now and (not names or self.event[at] in names)

    def _call(self, what: str, asked: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return asked(*arguments)
        except Exception as error:  # whatever somebody's scheduler raises
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise LostError(f"{format_time(self.clock.now)} s, {what}: {reason}") from error

    # Jobs

    def _ask(self) -> None:
        """Idle workers get trials that have lost theirs, and ask for jobs, until one is left idle."""
        while self.idle.workers or self._is_now(*JOBS):
            given = self._is_now(*JOBS)
            if given and not self.idle.is_decision(self.event[self.at], self.trial[self.at]):
                self._begin(None, by_itself=True)
                continue
            if not given and not self.allowed.jobs(self.at):
                break
            answer = self._next_job(given)
            if answer is UNDECIDED:
                break
            self.decisions += 1
            if given:
                self._compare_job(answer)
                self._begin(answer)
            elif answer is not None:
                self._not_recorded(answer)
            if not given and not self._is_now("decide"):
                break
            self._cancel_others(*JOBS, "decide")
        self._cancel_others(last=True)

    def _next_job(self, given: bool) -> Any:
        """The scheduler's own next job, of which it may have to think; `given`: the trace has one here."""
        if self.deciding and not given:
            return UNDECIDED
        self.deciding = False
        if self.held:
            answer = self.held.pop()
            if type(answer) is not Resume or not self._is_over(answer.trial):
                return answer
        answer = self._call("next_job", self.scheduler.next_job)
        if not self._is_now("decide"):
            return answer
        self.held.append(answer)
        self.deciding = True
        self._step()
        return UNDECIDED

    def _is_over(self, number: Any) -> bool:
        return type(number) is int and 0 <= number < len(self.trials) and self.trials[number]._worker <= ENDED

    def _compare_job(self, answer: Any) -> None:
        at = self.at
        trial, until = self.trial[at], self.until[at]
        row, donor = None, None
        if self.event[at] == "start":
            row, _, donor = self._started(trial)
        job = Job(trial, row, donor, until)
        if not self.read.is_job(answer, job):
            self._differs(trial, self.resource[at], self.value[at], str(job), self.read.words(answer))

    def _not_recorded(self, answer: Any) -> None:
        """The scheduler gave a job, and nothing began."""
        if type(answer) is Start and not self.allowed.another(self.trials):
            self.more = self.more or f"{format_time(self.clock.now)} s: {self.read.words(answer)}"
            return
        trial = answer.trial if type(answer) is Resume else None
        resource = self.trials[trial].resource if trial in range(len(self.trials)) else 0  # type: ignore[index]
        self._differs(trial, resource, nan, "leave the worker idle", self.read.words(answer))

    def _begin(self, answer: Any, by_itself: bool = False) -> None:
        """A trial starts or is resumed as recorded, with the tag of the scheduler's own start."""
        at, number = self.at, self.trial[self.at]
        if self.event[at] == "start":
            row, replicate, donor = self._started(number)
            what = (replicate, answer.tag if type(answer) is Start else None, self.curves, self.clock.now)
            trial: Any
            if donor < 0:
                trial = ClusterTrial(number, row, *what)
            else:
                trial = ClusterContinuation(number, row, self.trials[donor], *what)
            trial._start_anew((), 0)
            self.trials.append(trial)
        trial = self.trials[number]
        trial._worker, trial._began = self.worker[at], self.clock.now
        self._step()
        if not by_itself:
            self._sent(trial, self.until[at])

    def _sent(self, trial: Trial, until: float) -> None:
        trial._target = self.clip(trial, self.grid[until])
        if self.learner is not None:
            self._call("the searcher's on_start", self.learner.on_start, trial, until)
        self.allowed.sent(trial)

    # Reports, and whatever else happens

    def _hear(self) -> bool:
        """An event that gives no job; whether it was for now, and not for the workers that ask next."""
        before, name = self.at, self.event[self.at]
        if name in REPORTS:
            self._report()
        elif name in ENDS:
            self._end()
        elif name in LOSES_ITS_WORKER:
            self._lose_worker()
        elif name != "cancelled":
            self.deciding = self.deciding and name != "decided"
            self._step()
            return True
        self._cancel_others()
        return self.at > before

    def _report(self) -> None:
        at, name = self.at, self.event[self.at]
        trial, value = self._reached()
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
            self._differs(trial.id, self.resource[at], self.value[at], recorded, self.read.words(answer))
        if name != "continue":
            trial._worker, trial._spent = PAUSED if name == "pause" else ENDED, trial._used
        self._step()
        if name == "continue":
            ends = self._is_now("curve-end") and self.trial[at + 1] == trial.id
            if ends and self.resource[at + 1] == self.resource[at]:  # its curve has ended where it stands
                self._end()
            else:
                self._sent(trial, until)
        while self._is_now("removed"):  # it has paused, and there is no room
            self._step()

    def _asked(self, trial: Trial, resource: float, value: float) -> Any:
        self.answer = self.scheduler.on_report(trial, resource, value)
        return self.recorded_answer

    def _end(self) -> None:
        at, name = self.at, self.event[self.at]
        if name == "failed":
            trial = self.trials[self.trial[at]]
            resource, value = trial._reported, inf
        else:
            (trial, value), resource = self._reached(), self.resource[at]
        trial._worker = ENDED
        self._call(f"on_end of trial {trial.id}", self.on_end, trial, resource, value, name)
        self._step()

    def _reached(self) -> tuple[Any, float]:
        """The trial of the next event has come as far as recorded; it, and the value there, smaller is better."""
        at = self.at
        trial: Any = self.trials[self.trial[at]]
        self._stands(trial, self.grid[self.resource[at]])
        trial._used = trial._spent + self.clock.now - trial._began
        value: float = self.value[at]
        return trial, inf if value != value else value * self.curves.sign

    def _stands(self, trial: Trial, index: int) -> None:
        """A trial has come to a grid index, if that is ahead of it."""
        if index > trial._index:
            trial._index = index
            if not self.table.resumable:
                trial._seen = (*trial._seen, index)

    def _lose_worker(self) -> None:
        """A trial crashes or is preempted."""
        at, name = self.at, self.event[self.at]
        trial: Any = self.trials[self.trial[at]]
        trial._spent += self.clock.now - trial._began
        trial._worker = WAITING
        self._step()
        if name != "crash":
            return
        failures = self.failures[trial.id] = self.failures.get(trial.id, 0) + 1
        given_up = self._is_now("failed") and self.trial[self.at] == trial.id
        if failures <= self.retries:
            answer = self._call(f"on_failure of trial {trial.id}", self.scheduler.on_failure, trial, failures)
            self.decisions += 1
            recorded = STOP if given_up else RETRY
            if answer is not recorded:
                own = self.read.words(answer)
                self._differs(trial.id, self.resource[at], self.value[at], self.read.words(recorded), own, at)
            if given_up:
                if self.learner is not None:
                    self._call("the searcher's on_end", self.learner.on_end, trial, "failed")
                trial._worker = ENDED
                self._step()
        elif given_up:
            self._end()

    def _cancel_others(self, *then: str, last: bool = False) -> None:
        """The trials that the scheduler has stopped by `Context.stop`, against those that are cancelled next.

        What is cancelled when a worker asks and gets no job follows whatever came before that.

        Args:
            then: which events of this instant show by coming later that nobody has asked in between; all, if none.
            last: nobody asks now.
        """
        own = [number for number, _ in self.context._stops]
        self.context._stops.clear()
        while self._is_now("cancelled"):
            at, number = self.at, self.trial[self.at]
            if number in own:
                own.remove(number)
            elif not last and self._of_who_asks(then):
                break
            else:
                self._differs(number, self.resource[at], self.value[at], "cancel it", "let it be")
            self._cancelled(self.trials[number])
        for number in own:
            known = type(number) is int and 0 <= number < len(self.trials)
            resource = self.trials[number].resource if known else 0
            self._differs(number, resource, nan, "let it be", "cancel it")

    def _of_who_asks(self, then: tuple[str, ...]) -> bool:
        """Whether trials that are cancelled next may be so because of a worker that asks next."""
        at = self.at
        while at < len(self.time) and self.time[at] == self.clock.now and self.event[at] == "cancelled":
            at += 1
        follows = at < len(self.time) and self.time[at] == self.clock.now and (not then or self.event[at] in then)
        return not follows and bool(self.idle.workers) and self.allowed.jobs(self.at)

    def _cancelled(self, trial: Any) -> None:
        if trial._worker >= 0:
            self._stands(trial, self.finished[self.at])
            trial._used = trial._spent + self.clock.now - trial._began
        elif trial._worker == WAITING:
            trial._used = trial._spent
        trial._worker = TRIAL_CANCELLED
        self._step()
        if self.learner is not None:
            self._call("the searcher's on_end", self.learner.on_end, trial, "cancelled")

    def _step(self) -> None:
        """The next event takes effect on the workers."""
        at = self.at
        self.idle.obey(self.event[at], self.time[at], self.trial[at], self.worker[at], self.overhead[at])
        self.at += 1

    def _differs(
        self, trial: int | None, resource: float, value: float, recorded: str, own: str, at: int | None = None
    ) -> None:
        at = self.at if at is None else at
        self.differences.append(Disagreement(at, self.clock.now, trial, resource, value, recorded, own))

    def _started(self, trial: int) -> tuple[int, int, int]:
        """Row, replicate and donor of a trial; rows that were predicted get the numbers of this run."""
        row, replicate, donor = self.starts[trial]
        if row >= self.measured:
            row = self.table.row_for(self.predicted[row - self.measured])  # type: ignore[attr-defined]
        return row, replicate, donor

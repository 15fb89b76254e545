"""Drives a scheduler by hand while trials crash and fail: no event loop, so that a failing trial is easy to place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf, isnan
from typing import Any

from blackboxes import Blackbox
from simulator import PAUSE, RETRY, STOP, Continue, Resume, SearchContext, Start, Trial
from simulator.clock import Clock
from simulator.context import Context
from simulator.proposals import Proposals
from simulator.registry import make_both, started_with
from simulator.replay import Curves
from simulator.searcher import Searcher, teaching
from simulator.trial import Continuation

Plan = Callable[[int, int], bool]  # does this segment, counted from 0, of this trial fail?


@dataclass
class Told:
    """What happened to one trial."""

    trial: Trial
    sent: list[float] = field(default_factory=list)  # where each segment was to end
    reports: list[tuple[float, float]] = field(default_factory=list)
    state: str = "runs"  # or paused, stopped, or the reason of its end
    began: int = 0  # after so many things had happened
    failed: float = inf  # likewise


class Drive:
    """A run of `spec` on the first replicates of `table`, in which the segments fail that `plan` says.

    A segment takes its table time. One that is to fail crashes halfway first, is retried from its beginning and then
    fails at its end; without `fail` it only comes late.

    Attributes:
        told: by trial.
        answers: what `on_report` said, in order.
        crashes: how many there were.
        scheduler, searcher: of the run.
    """

    def __init__(
        self,
        spec: str,
        table: Blackbox,
        plan: Plan,
        workers: int = 1,
        searcher: Searcher | None = None,
        initial: list[int] | None = None,
        trials: int = 1000,
        fail: bool = True,
    ) -> None:
        self.scheduler, own = make_both(spec)
        self.searcher = own if searcher is None else searcher
        if initial is not None:
            self.searcher = started_with(initial, self.searcher)
        self.table, self.plan, self.workers, self.most, self.fail = table, plan, workers, trials, fail
        self.told: list[Told] = []
        self.answers: list[Any] = []
        self.crashes = 0
        self._happened = 0
        self._trials: list[Trial] = []
        self._curves = Curves(table, table.metric_name(None))
        self._clock = Clock()
        self._running: list[tuple[int, int, int]] = []  # a heap: when, trial, whether it crashes for the first time
        self.searcher.setup(SearchContext(table, 0, self._clock, None, False))
        self.scheduler.setup(
            Context(table, workers, 0, self._clock, self.searcher, self._trials, Proposals(table, "error", []))
        )
        self._on_report, self._on_end = self.scheduler.on_report, self.scheduler.on_end
        if self.searcher.learns:
            self._on_report, self._on_end = teaching(self.searcher, self._on_report, self._on_end)

    def run(self) -> Drive:
        while True:
            while len(self._running) < self.workers and len(self.told) < self.most:
                job = self.scheduler.next_job()
                if job is None:
                    break
                self._send(self._resumed(job) if isinstance(job, Resume) else self._started(job), job.until)
            if not self._running:
                return self
            self._clock.now, number, crashing = heappop(self._running)
            self._happened += 1
            if crashing:
                self._crash(self.told[number])
            else:
                self._finish(self.told[number])

    @property
    def states(self) -> list[str]:
        """What has become of the trials."""
        return [told.state for told in self.told]

    def _started(self, job: Start) -> Told:
        assert isinstance(job.config, int)
        number, row, now = len(self.told), job.config, self._clock.now
        if job.checkpoint_of is None:
            trial = Trial(number, row, 0, job.tag, self._curves, now)
        else:
            donor = self.told[job.checkpoint_of]
            assert donor.reports, f"{job}: it has no checkpoint"
            assert donor.state != "failed", f"{job}: it has failed"
            trial = Continuation(number, row, donor.trial, 0, job.tag, self._curves, now)
        trial._worker, trial._busy = 0, 0
        self.told.append(Told(trial, began=self._happened))
        self._trials.append(trial)
        return self.told[-1]

    def _resumed(self, job: Resume) -> Told:
        told = self.told[job.trial]
        assert told.state == "paused", f"{job}: {told.state}"
        return told

    def _send(self, told: Told, until: float) -> None:
        trial = told.trial
        wanted, last = self.table.resource_list.index(until), self._curves.lengths[trial.config] - 1
        assert wanted > trial._index, f"{trial}: {until} is not ahead"
        trial._target = min(wanted, last)
        trial._end = last if last < wanted else len(self.table.resource_list) - 1
        told.sent.append(until)
        told.state = "runs"
        if self.searcher.learns:
            self.searcher.on_start(trial, until)
        crashing = self.plan(trial.id, len(told.sent) - 1)
        time = self._seconds(trial) // 2 if crashing else self._seconds(trial)
        heappush(self._running, (self._clock.now + time, trial.id, crashing))

    def _seconds(self, trial: Trial) -> int:
        begin = trial._time_to(trial._index) if self.table.resumable else 0
        return trial._time_to(trial._target) - begin

    def _crash(self, told: Told) -> None:
        self.crashes += 1
        assert self.scheduler.on_failure(told.trial, 1) is RETRY
        heappush(self._running, (self._clock.now + self._seconds(told.trial), told.trial.id, False))

    def _finish(self, told: Told) -> None:
        trial = told.trial
        if self.fail and self.plan(trial.id, len(told.sent) - 1):
            told.state, told.failed = "failed", self._happened
            self._on_end(trial, trial.resource, inf, "failed")
            return
        if trial._target > trial._index:
            trial._index, trial._seen = trial._target, (*trial._seen, trial._target)
        value = self._curves.sign * self._curves.values[trial._base + trial._index]
        value = inf if isnan(value) else value
        if trial._index == trial._end:
            told.state = "complete" if trial.resource == self.table.r_max else "curve-end"
            told.reports.append((told.sent[-1], value))
            self._on_end(trial, trial.resource, value, told.state)
            return
        told.reports.append((trial.resource, value))
        answer = self._on_report(trial, trial.resource, value)
        self.answers.append(answer)
        if isinstance(answer, Continue):
            self._send(told, answer.until)
        else:
            assert answer in (PAUSE, STOP)
            told.state = "paused" if answer is PAUSE else "stopped"

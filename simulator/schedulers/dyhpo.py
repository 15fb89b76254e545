"""Freeze-thaw: one unit of resource at a time to the most promising trial, paused or new."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import numpy as np

from simulator.checks import whole
from simulator.context import Context
from simulator.models.freeze_thaw import FreezeThaw
from simulator.models.joint import JointInputs
from simulator.models.threads import one_thread
from simulator.protocol import PAUSE, STOP, Continue, EndReason, Resume, Scheduler, Start, Verdict
from simulator.remaining import Remaining
from simulator.searching import MOST_OBSERVATIONS
from simulator.trial import Trial

MOST_PENDING = 100  # trials, the latest, that are accounted for
NEW = -1  # in the place of a trial: a row that was not started


class Dyhpo(Scheduler):
    """DyHPO (Wistuba, Kadra & Grabocka, NeurIPS 2022), a freeze-thaw method (Swersky et al. 2014), pause-resume.

    Whenever a worker is free, the candidate of the largest expected improvement gets one more unit of resource:
    a paused trial, which would reach its next unit, or a row not started yet, which would reach the first. The
    improvement is that at the resource the candidate would reach, over the best value seen there, or the best of all
    where none was (the paper's EI_MF). A trial that reports and is itself the most promising goes on without leaving
    its worker; else it pauses. A diverged one is stopped.

    What differs from the paper: its deep kernel, a network over x, r and a convolution of the curve so far, trained
    at every step, needs a deep learning library. Here a plain Gaussian process over (x, log r) takes its place
    (Matérn 5/2, length scales by marginal likelihood), which sees a curve only through its values as observations.
    The paper has one worker; here trials that run are pending, each at its posterior mean (kriging believer).

    First, configurations come from the searcher, until `min_observations` trials have reported, and until all of
    `initial` are started; each runs one unit. From then on the model alone chooses: a searcher behind ``+`` has no
    more say than that, and in when the table counts as used up.

    Cost: a report takes O(N^2 + N m) for N observations in the model and m candidates. The model is built anew
    when it is full, and its kernel fitted (a second or so at 250 observations) when reports have grown by a fifth. On
    a table that is trained from scratch, each unit costs all of the time up to its end: take a large `step` there.

    Args:
        step: the unit, in steps of the table's grid of resources; the last one of a trial ends at r_max.
        min_observations: trials that have reported before the model is asked; the number of hyperparameters + 1 by
            default.
        max_observations: what the model has room for. When it is full it keeps half: the last values of the curves,
            then their first ones, then some between (`FreezeThaw`). A paused trial whose last value is not kept,
            the worse ones of very many, is no candidate.
        max_new: so many rows not started yet are candidates, drawn when the model is built; all where there are no
            more.

    Example:
        >>> Simulation(load("mlp:digits"), Dyhpo(step=3), workers=4, budget="10x").run()
    """

    def __init__(
        self,
        step: int = 1,
        min_observations: int | None = None,
        max_observations: int = 500,
        max_new: int = 2000,
    ) -> None:
        self.step = whole("step", step, 1, MOST_OBSERVATIONS)
        if min_observations is not None:
            whole("min_observations", min_observations, 1, MOST_OBSERVATIONS)
        self.min_observations = min_observations
        self.max_observations = whole("max_observations", max_observations, 4, 10_000)
        self.max_new = whole("max_new", max_new, 1, MOST_OBSERVATIONS)

    def setup(self, context: Context) -> None:
        grid = context.resources
        units = [*grid[self.step - 1 : -1 : self.step], grid[-1]]
        self._first, self._next = units[0], dict(pairwise(units))
        self._rows, self._draws = Remaining(context), context.stream("dyhpo")
        self._needed = self.min_observations or context.vectors.shape[1] + 1
        self._nothing_new = False
        self._model = FreezeThaw(JointInputs(context), self.max_observations)
        self._started: list[int] = []  # the row of each trial
        self._paused: dict[int, float] = {}  # the resource that each would reach
        self._running: dict[int, float] = {}  # in the order of their jobs
        self._forget()
        self.model_size = 0

    def _forget(self) -> None:
        """The candidates have to be set up again."""
        self._trials: list[int] = []  # of each candidate, or NEW
        self._at: dict[int, int] = {}  # trial: which candidate
        self._chosen: int | None = None  # the most promising, while nothing changes

    def next_job(self) -> Start | Resume | None:
        self.model_size = 0
        while self._starting_up():
            row = self._rows.propose()
            if row is not None:
                return self._start(row)
            self._nothing_new = True
        while (candidate := self._most_promising()) is not None:
            self.model_size = self._model.size
            trial = self._trials[candidate]
            if trial != NEW:
                self._run(trial)
                return Resume(trial, self._running[trial])
            if self._rows.one_more():
                self._at[len(self._started)] = candidate
                self._trials[candidate] = len(self._started)
                return self._start(self._candidates[candidate])
            self._nothing_new, self._chosen = True, None
        return None

    def _starting_up(self) -> bool:
        return not self._nothing_new and (self._rows.given > 0 or len(self._model.curves) < self._needed)

    def _start(self, row: int) -> Start:
        self._rows.take(row)
        self._running[len(self._started)] = self._first
        self._started.append(row)
        self._chosen = None
        return Start(row, self._first)

    def _run(self, trial: int) -> None:
        self._running[trial] = self._paused.pop(trial)
        self._chosen = None

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        self._observe(trial, resource, value)
        if value == inf:
            return STOP
        following = self._next[resource]
        self._paused[trial.id] = following
        if trial.id in self._at:
            with one_thread():
                self._model.move(self._at[trial.id], trial.config, following)
        if self._starting_up():
            return PAUSE
        candidate = self._most_promising()
        if candidate is None or self._trials[candidate] != trial.id:
            return PAUSE
        self._run(trial.id)
        return Continue(following)

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        if reason == "failed":
            self._running.pop(trial.id)
            self._chosen = None
        else:
            self._observe(trial, resource, value)

    def _observe(self, trial: Trial, resource: float, value: float) -> None:
        self._running.pop(trial.id)
        self._chosen = None
        with one_thread():
            self._model.observe(trial.id, trial.config, resource, value)

    def _most_promising(self) -> int | None:
        """Which candidate, None where there is none."""
        if self._chosen is None and self._model.curves:
            with one_thread():
                self._chosen = self._ask()
        return self._chosen

    def _ask(self) -> int | None:
        if not self._nothing_new and not self._rows.left.any():
            self._nothing_new = not self._rows.begin_again()
        if self._nothing_new and not self._paused:
            return None
        if self._model.due or self._used_up():
            self._build()
        held, paused, new = self._model.held, self._paused, not self._nothing_new
        open_ = np.array([new if trial == NEW else trial in paused and trial in held for trial in self._trials])
        if not open_.any():  # what is paused is not among the observations that were kept
            open_ = np.array([trial in paused for trial in self._trials])
        pending = [self._at[trial] for trial in self._running if trial in self._at][-MOST_PENDING:]
        return self._model.most_promising(open_, pending)

    def _used_up(self) -> bool:
        """Rows are left, none of them among the candidates."""
        return not self._nothing_new and NEW not in self._trials

    def _build(self) -> None:
        self._forget()
        ahead = sorted({**self._paused, **self._running}.items())
        new = np.flatnonzero(self._rows.left) if not self._nothing_new else np.empty(0, dtype=int)
        if len(new) > self.max_new:
            new = np.sort(new[self._draws.permutation(len(new))[: self.max_new]])
        self._trials = [*(trial for trial, _ in ahead), *[NEW] * len(new)]
        self._at = {trial: candidate for candidate, (trial, _) in enumerate(ahead)}
        self._candidates = [*(self._started[trial] for trial, _ in ahead), *new.tolist()]
        where = [*(resource for _, resource in ahead), *[self._first] * len(new)]
        self._model.build(np.array(self._candidates, dtype=int), np.array(where, dtype=float))

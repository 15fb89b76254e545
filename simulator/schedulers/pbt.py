"""Population based training: the worst take over the weights of the best, with changed hyperparameters."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, inf
from typing import NamedTuple

import numpy as np

from simulator.checks import check_share, is_number, whole
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.events import MOST_TRIALS
from simulator.models.coding import choices_of
from simulator.protocol import PAUSE, STOP, Continue, EndReason, Resume, Scheduler, Start, Verdict
from simulator.rungs import fraction
from simulator.trial import Trial

USUAL_POPULATION = 10
USUAL_INTERVALS = 10


class Member(NamedTuple):
    """Of a population: both are numbered from 0."""

    population: int
    place: int


class Pbt(Scheduler):
    """Population based training (Jaderberg et al., 2017): truncation selection, perturb or resample, asynchronous.

    Every `interval` a member is ready (step ready of algorithm 1). If it is among the worst ceil(truncation * n) of the
    n members that have reported, each with its latest value, at most half of them, or has diverged, its trial is
    stopped and a new one starts with the checkpoint of one of as many best, drawn at random (exploit), and with the
    hyperparameters of that one changed (explore): each number moves by `step` of its range up or down, and with a
    chance of `resample` a hyperparameter is drawn anew. Only who has come as far, and not to r_max, is copied, so that
    no member goes back and every run ends; where there is nobody, the trial goes on, or, if it has diverged, a new
    configuration begins from nothing. Where fewer workers than members are, members take turns. When nobody waits for
    a worker, the next population begins. One that failed has no value, is copied by nobody, and is replaced as one that
    diverged.

    **What a table can show of it.** A table knows one curve for each configuration, trained with that configuration
    from the beginning. A trial that takes over a checkpoint at r0 therefore goes on with its own curve's values and
    times after r0, whatever was inherited: blind to history. That tells how much PBT would save by dropping the bad
    and by trying neighbours of the good at a part of their cost, not what a schedule of hyperparameters gains over
    constant ones, for which PBT was made. Results may come below the clairvoyant bound, which pays for every curve from
    its beginning. Changed hyperparameters become the nearest row, which may lie far away in a table of random
    configurations; the row of the one it copies is left out.

    A report or a job takes O(p log p) for p members, and a search for the nearest of n rows O(n).

    Args:
        population: members; 10, or as many as workers if these are more, by default. The paper has 10 to 80.
        interval: units of resource between two times that a member is ready; a tenth of r_max by default.
        truncation: the paper's share of 0.2 of the worst and of the best.
        resample: chance that a hyperparameter is drawn anew instead of changed.
        step: of a number's range, as the table encodes it (logarithms where the space has them).

    Raises:
        SimulationError: the table is trained from scratch, so there are no checkpoints.

    Example:
        >>> Simulation(load("mlp:letter"), Pbt(population=20), workers=4, budget="10x").run()
    """

    promises = frozenset({"monotone", "rank-based"})

    def __init__(
        self,
        population: int | None = None,
        interval: float | None = None,
        truncation: float = 0.2,
        resample: float = 0.25,
        step: float = 0.2,
    ) -> None:
        self.population = None if population is None else whole("population", population, 2, MOST_TRIALS)
        if interval is not None and not (is_number(interval) and interval > 0):
            raise SimulationError(f"interval = {interval!r}: a number of units of resource above 0 is needed")
        self.interval = interval
        self.truncation = check_share("truncation", truncation)
        self.resample = check_share("resample", resample)
        self.step = check_share("step", step)

    def setup(self, context: Context) -> None:
        if not context.resumable:
            raise SimulationError("pbt: the table's trials are trained from scratch, so there is no checkpoint to copy")
        self._searcher, self._stream = context.searcher(), context.stream("pbt")
        self._vectors, self._choices = context.vectors, choices_of(context.space)
        self._neighbours = context.neighbours()
        interval = fraction(self.interval) if self.interval else fraction(context.r_max) / USUAL_INTERVALS
        self._next = _next_ready(context.resources, interval)
        self._size = self.population or max(USUAL_POPULATION, context.workers)
        self._latest: list[dict[int, tuple[float, int, Trial]]] = []  # by population and member: value, trial id, trial
        self._waiting: deque[tuple[Member, Trial | None]] = deque()  # members without a worker, and their trials
        self._stopped: set[int] = set()  # of these trials, those that are to be replaced

    def next_job(self) -> Start | Resume | None:
        if not self._waiting:
            self._waiting.extend((Member(len(self._latest), place), None) for place in range(self._size))
            self._latest.append({})
        while self._waiting:
            member, trial = self._waiting.popleft()
            if trial is not None and trial.id not in self._stopped:
                return Resume(trial.id, self._next[trial.resource])
            donors = [] if trial is None else self._donors(member, trial)
            if donors:
                donor = donors[int(self._stream.uniform(1)[0] * len(donors))]
                row = self._explored(donor.config)
                return Start(row, self._next[donor.resource], member, checkpoint_of=donor.id)
            proposed = self._searcher.propose()
            if proposed is not None:
                return Start(proposed, self._next[0], member)
        return None

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        member: Member = trial.tag
        self._latest[member.population][member.place] = value, trial.id, trial
        ranked = self._ranked(member)
        worst = [entry[2] for entry in ranked[len(ranked) - self._share(len(ranked)) :]]
        if value == inf or (trial in worst and self._donors(member, trial)):
            self._stopped.add(trial.id)
            self._waiting.append((member, trial))
            return STOP
        if not self._waiting:
            return Continue(self._next[resource])
        self._waiting.append((member, trial))
        return PAUSE

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        member: Member = trial.tag
        if reason == "failed":
            self._latest[member.population].pop(member.place, None)
            self._stopped.add(trial.id)
            self._waiting.append((member, trial))
        else:
            self._latest[member.population][member.place] = value, trial.id, trial

    def _ranked(self, member: Member) -> list[tuple[float, int, Trial]]:
        """The latest of its population, best first, equal values by trial id."""
        return sorted(self._latest[member.population].values(), key=lambda entry: entry[:2])

    def _share(self, n: int) -> int:
        """How many of n members are the worst, and how many the best."""
        return min(ceil(n * fraction(self.truncation)), n // 2)

    def _donors(self, member: Member, trial: Trial) -> list[Trial]:
        """The best of its population that have come as far as the member's trial, and can be continued."""
        ranked = self._ranked(member)
        best = (entry[2] for entry in ranked[: self._share(len(ranked))] if entry[0] < inf)
        return [other for other in best if other.resource in self._next and other.resource >= trial.resource]

    def _explored(self, row: int) -> int:
        """The row nearest to the changed hyperparameters of `row`."""
        d = len(self._choices)
        anew, drawn, way = self._stream.uniform(3 * d).reshape(3, d)
        point = self._vectors[row].copy()
        for j, n_choices in enumerate(self._choices):
            if anew[j] < self.resample:
                point[j] = int(drawn[j] * n_choices) / max(n_choices - 1, 1) if n_choices else drawn[j]
            elif not n_choices:
                point[j] = min(1.0, max(0.0, point[j] + (self.step if way[j] < 0.5 else -self.step)))
        others = np.ones(len(self._vectors), dtype=bool)
        others[row] = len(others) == 1
        return self._neighbours.nearest_row(point, others)


def _next_ready(resources: Sequence[float], interval: Fraction) -> dict[float, float]:
    """For 0 and every resource below r_max where a trial is sent next: the first one an interval or more ahead."""
    exact = [fraction(r) for r in resources]
    last = len(exact) - 1
    return {r: resources[min(bisect_left(exact, fraction(r) + interval), last)] for r in (0, *resources[:-1])}

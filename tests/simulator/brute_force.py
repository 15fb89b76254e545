"""The schedulers once more, written from the papers and from the table in DESIGN: slow, without any cleverness.

Every decision scans whole rungs or all trials. Run through the same `Simulation`, each must give the digest of the
built-in scheduler of the same name.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor, inf
from typing import Any

import numpy as np

from simulator import PAUSE, STOP, Context, Continue, Resume, Scheduler, Simulation, Start, Trace, Trial


def assert_same(blackbox: Any, built_in: Scheduler | str, twin: Scheduler, **options: Any) -> Trace:
    """Both decide alike, to the nanosecond; gives the built-in one's trace."""
    trace = Simulation(blackbox, built_in, **options).run()
    expected = Simulation(blackbox, twin, **options).run()
    assert trace.digest() == expected.digest(), f"- built in, + brute force: {trace.diff(expected)}"
    return trace


def exactly(number: float) -> Fraction:
    """A number as it is written: 2.5 is 5/2, 0.1 is 1/10."""
    return Fraction(repr(number))


class PlainAsha(Scheduler):
    """ASHA in its promotion form, as in DESIGN, "What a scheduler looks like"."""

    def __init__(self, eta: int = 3) -> None:
        self.eta = eta

    def setup(self, context: Context) -> None:
        self.searcher, self.levels = context.searcher(), [*context.rung_levels(eta=self.eta), context.r_max]
        self.rungs, self.promoted = {r: [] for r in self.levels}, {r: set() for r in self.levels}

    def next_job(self) -> Start | Resume | None:
        for low, high in reversed(list(zip(self.levels, self.levels[1:]))):  # noqa: B905
            rung = sorted(self.rungs[low])
            for value, trial in rung[: len(rung) // self.eta]:
                if value < inf and trial not in self.promoted[low]:
                    self.promoted[low].add(trial)
                    return Resume(trial, until=high)
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.rungs[resource].append((value, trial.id))
        return PAUSE


class AshaPromotion(PlainAsha):
    """The same for any eta, lowest level, or levels by hand."""

    def __init__(self, eta: float = 3, r_min: float | None = None, levels: Sequence[float] | None = None) -> None:
        self.eta, self.r_min, self.by_hand = exactly(eta), r_min, levels

    def setup(self, context: Context) -> None:
        self.searcher = context.searcher()
        below = context.rung_levels(self.r_min, float(self.eta), levels=self.by_hand)
        self.levels = [*below, context.r_max]
        self.rungs, self.promoted = {r: [] for r in self.levels}, {r: set() for r in self.levels}


class AshaStopping(Scheduler):
    """A trial goes on if the number of strictly better entries of its rung is at most floor((n - 1) * q)."""

    def __init__(self, eta: float = 3, quantiles: str = "eta", r_min: float | None = None) -> None:
        self.eta, self.quantiles, self.r_min = eta, quantiles, r_min

    def setup(self, context: Context) -> None:
        self.searcher = context.searcher()
        self.levels = [*context.rung_levels(self.r_min, self.eta), context.r_max]
        self.rungs: dict[float, list[float]] = {level: [] for level in self.levels}

    def next_job(self) -> Start | None:
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        following = self.levels[self.levels.index(resource) + 1]
        q = 1 / exactly(self.eta) if self.quantiles == "eta" else exactly(resource) / exactly(following)
        rung = self.rungs[resource]
        rung.append(value)
        return Continue(following) if self.goes_on(value, rung, q) else STOP

    def goes_on(self, value: float, rung: list[float], q: Fraction) -> bool:
        better = sum(entry < value for entry in rung)
        return value < inf and better <= floor((len(rung) - 1) * q)


class QuantileAshaStopping(AshaStopping):
    """The same as Syne Tune says it: value <= linear quantile; only for tables whose values differ by 1 or more.

    The tolerance is for the rounding of the interpolation, where the quantile is an entry of the rung.
    """

    def goes_on(self, value: float, rung: list[float], q: Fraction) -> bool:
        return len(rung) < 2 or value <= np.quantile(rung, float(q), method="linear") + 1e-6


class Slot:
    """A place in a synchronous rung: free for a trial to come, queued, running, or with a value."""

    def __init__(self, state: str, trial: int = -1, value: float = inf, over: bool = False) -> None:
        self.state, self.trial, self.value, self.over = state, trial, value, over


class Round:
    """One bracket of successive halving: the slots of its present rung in a list."""

    def __init__(self, levels: Sequence[float], planned: Sequence[int], eta: Fraction) -> None:
        self.levels, self.planned, self.eta = levels, planned, eta
        self.k = 0
        self.slots = [Slot("free") for _ in range(planned[0])]

    def finished(self) -> bool:
        return all(slot.state == "has a value" for slot in self.slots) and (
            self.k == len(self.levels) - 1 or not self.slots
        )

    def move_up(self) -> None:
        """Go to the next rung as long as every slot has its value."""
        while not self.finished() and all(slot.state == "has a value" for slot in self.slots):
            n, keep = len(self.slots), self.planned[self.k + 1]
            if n < self.planned[self.k]:
                keep = min(keep, max(1, floor(n / self.eta)))
            ranking = sorted(self.slots, key=lambda slot: (slot.value, slot.trial))
            self.slots = [
                Slot("has a value" if slot.over else "queued", slot.trial, slot.value, slot.over)
                for slot in ranking[:keep]
                if slot.value < inf
            ]
            self.k += 1


class Synchronous(Scheduler):
    """Rounds in a list; a free worker goes through it from the oldest round on."""

    eta: Fraction
    overlap: bool

    def setup(self, context: Context) -> None:
        self.searcher = context.searcher()
        self.rounds: list[Round] = []
        self.running: dict[int, tuple[Round, Slot]] = {}
        self.nothing_left = False

    def new_round(self, number: int) -> Round:
        raise NotImplementedError

    def next_job(self) -> Start | Resume | None:
        while True:
            for a_round in self.rounds:
                job = self.job_of(a_round)
                if job is not None:
                    return job
            if self.nothing_left or (not self.overlap and not all(r.finished() for r in self.rounds)):
                return None
            self.rounds.append(self.new_round(len(self.rounds)))

    def job_of(self, a_round: Round) -> Start | Resume | None:
        for slot in a_round.slots:
            if slot.state == "queued":
                slot.state = "runs"
                self.running[slot.trial] = a_round, slot
                return Resume(slot.trial, until=a_round.levels[a_round.k])
            if slot.state == "free":
                row = None if self.nothing_left else self.searcher.propose()
                if row is None:  # this rung cannot fill
                    self.nothing_left = True
                    a_round.slots = [slot for slot in a_round.slots if slot.state != "free"]
                    a_round.move_up()
                    return self.job_of(a_round)
                slot.state = "runs"
                return Start(row, until=a_round.levels[0], tag=(a_round, slot))
        return None

    def takes_value(self, trial: Trial, value: float, over: bool) -> None:
        a_round, slot = self.running.get(trial.id, trial.tag)
        slot.state, slot.trial, slot.value, slot.over = "has a value", trial.id, value, over
        a_round.move_up()

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.takes_value(trial, value, over=False)
        return PAUSE

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.takes_value(trial, value, over=True)


class SuccessiveHalving(Synchronous):
    """n trials at a rung; when all have reported, the best floor(n/eta), at least 1, go on."""

    def __init__(self, eta: float = 3, n: int | None = None, r_min: float | None = None, overlap: bool = True) -> None:
        self.eta, self.n, self.r_min, self.overlap = exactly(eta), n, r_min, overlap

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.levels = [*context.rung_levels(self.r_min, float(self.eta)), context.r_max]

    def new_round(self, number: int) -> Round:
        planned = [self.n or floor(self.eta ** (len(self.levels) - 1))]
        for _ in self.levels[1:]:
            planned.append(max(1, floor(planned[-1] / self.eta)))
        return Round(self.levels, planned, self.eta)


class Hyperband(Synchronous):
    """Algorithm 1 of the JMLR paper: s = s_max, ..., 0 with n = ceil(B/R * eta^s / (s + 1)), B = (s_max + 1) R."""

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        anchor: str = "r_min",
        rounding: str = "floor",
        overlap: bool = True,
    ) -> None:
        self.eta, self.r_min, self.anchor, self.overlap = exactly(eta), r_min, anchor, overlap
        self.round = {"floor": floor, "ceil": ceil}[rounding]

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.levels = [*context.rung_levels(self.r_min, float(self.eta), self.anchor), context.r_max]

    def new_round(self, number: int) -> Round:
        s_max = len(self.levels) - 1
        s = s_max - number % (s_max + 1)
        planned = [ceil((s_max + 1) * self.eta**s / (s + 1))]
        for _ in range(s):
            planned.append(max(1, self.round(planned[-1] / self.eta)))
        return Round(self.levels[s_max - s :], planned, self.eta)


class MedianStopping(Scheduler):
    """Stops a trial whose `own` number at step s is strictly worse than the median of the completed trials' numbers,
    or, among all, than more than half of the numbers of all trials that got there.
    """

    def __init__(
        self,
        own: str = "best",
        others: str = "average",
        among: str = "completed",
        min_trials: int = 1,
        r_min: float | None = None,
    ) -> None:
        self.own, self.others, self.among = own, others, among
        self.min_trials, self.r_min = min_trials, r_min

    def setup(self, context: Context) -> None:
        self.searcher, self.resources = context.searcher(), context.resources
        self.values: dict[int, list[float]] = {}  # of every trial, up to where it is known
        self.completed: set[int] = set()

    def next_job(self) -> Start | None:
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.resources[0])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.values.setdefault(trial.id, []).append(value)
        s = len(self.values[trial.id])
        good = self.is_good(trial.id, s) if self.r_min is None or resource >= self.r_min else True
        return Continue(self.resources[s]) if good and value < inf else STOP

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        if reason == "complete":  # where a curve ends earlier, its last value was reported
            self.values.setdefault(trial.id, []).append(value)
        self.completed.add(trial.id)

    def is_good(self, trial: int, s: int) -> bool:
        own = self.measure(self.own, self.values[trial][:s])
        got_to_s = {other: values[:s] for other, values in self.values.items() if len(values) >= s}
        if self.among == "all":  # itself included
            entries = [self.measure(self.others, values) for values in got_to_s.values()]
            better = sum(entry < own for entry in entries)
            return len(entries) < self.min_trials or better <= len(entries) / 2
        entries = [self.measure(self.others, got_to_s[other]) for other in self.completed if other in got_to_s]
        return len(self.completed) < self.min_trials or not entries or own <= statistics.median(entries)

    @staticmethod
    def measure(what: str, values: list[float]) -> float:
        return {"best": min(values), "average": sum(values) / len(values), "value": values[-1]}[what]


class SyneTuneMedianStopping(MedianStopping):
    """Syne Tune's `MedianStoppingRule` with its defaults, from its source.

    The running average joins the sorted list of step s (all trials that got there); the trial goes on while the list
    has fewer than 5 entries, its own included, or while the number of strictly smaller entries over the length of
    the list is at most `rank_cutoff` = 0.5.
    """

    def __init__(self) -> None:
        super().__init__(own="average", others="average", among="all", min_trials=1)

    def is_good(self, trial: int, s: int) -> bool:
        entries = [self.measure("average", values[:s]) for values in self.values.values() if len(values) >= s]
        own = self.measure("average", self.values[trial][:s])
        return len(entries) < 5 or sum(entry < own for entry in entries) / len(entries) <= 0.5


class OptunaMedianPruner(MedianStopping):
    """Optuna's `MedianPruner` with its defaults, from its documentation.

    Nothing is pruned before 5 trials have completed; then a trial whose best intermediate value is worse than the
    median of the completed trials' intermediate values at the same step.
    """

    def __init__(self) -> None:
        super().__init__(own="best", others="value", among="completed", min_trials=1)

    def is_good(self, trial: int, s: int) -> bool:
        return len(self.completed) < 5 or super().is_good(trial, s)

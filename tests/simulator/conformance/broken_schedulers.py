"""Schedulers with defects that were seen in the wild, each beside a twin that differs in nothing but the defect."""

from __future__ import annotations

import time
from math import inf
from typing import Any

from simulator import PAUSE, STOP, Context, Continue, Resume, Scheduler, Start, Trial

ASHA = frozenset({"best-promoted", "eager-promotion", "monotone", "rank-based", "renaming", "top-share"})


class PlainAsha(Scheduler):
    """ASHA in its promotion form, word for word from its paper."""

    eta = 3
    promises = ASHA

    def setup(self, context: Context) -> None:
        self.searcher, self.levels = context.searcher(), [*context.rung_levels(eta=self.eta), context.r_max]
        self.rungs: dict[float, list[tuple[float, int]]] = {r: [] for r in self.levels}
        self.promoted: dict[float, list[int]] = {r: [] for r in self.levels}

    def next_job(self) -> Any:
        for low, high in reversed(list(zip(self.levels, self.levels[1:]))):  # noqa: B905
            trial = self.promotable(low)
            if trial is not None:
                self.promoted[low].append(trial)
                return Resume(trial, until=high)
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        for value, trial in rung[: len(rung) // self.eta]:
            if value < inf and trial not in self.promoted[low]:
                return trial
        return None

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.rungs[resource].append((value, trial.id))
        return PAUSE


# --- 1: those promoted already shadow those that could be ------------------------------------------------------


class Shadowed(PlainAsha):
    """Looks at the best of a rung, and gives up where that one was promoted before."""

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        if len(rung) // self.eta == 0:
            return None
        value, best = rung[0]
        return best if value < inf and best not in self.promoted[low] else None


# --- 2: a trial is registered in its rung when it starts -------------------------------------------------------


class Registered(PlainAsha):
    """A rung holds whoever is sent there; the objective is filled in by the report."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.objectives: dict[float, dict[int, float | None]] = {r: {} for r in self.levels}
        self.started = 0

    def next_job(self) -> Any:
        job = super().next_job()
        if isinstance(job, Start):
            self.objectives[job.until][self.started] = None
            self.started += 1
        elif isinstance(job, Resume):
            self.objectives[job.until][job.trial] = None
        return job

    def known(self, low: float) -> list[tuple[float, int]]:
        return [(objective, trial) for trial, objective in self.objectives[low].items() if objective is not None]

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.known(low))
        for value, trial in rung[: len(rung) // self.eta]:
            if value < inf and trial not in self.promoted[low]:
                return trial
        return None

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.objectives[resource][trial.id] = value
        return PAUSE


class RegisteredTooEarly(Registered):
    """Ranks those without an objective as well."""

    def known(self, low: float) -> list[tuple[float, int]]:
        return [(objective or 0.0, trial) for trial, objective in self.objectives[low].items()]


# --- 3: a synchronous bracket that starts the next one instead of finishing promotions -------------------------


class Bracket:
    """Successive halving of `size` trials, rung by rung."""

    def __init__(self, levels: list[float], size: int) -> None:
        self.levels, self.level, self.to_start, self.pending = levels, 0, size, 0
        self.queue: list[int] = []
        self.entries: list[tuple[float, int, bool]] = []

    def has_job(self) -> bool:
        return bool(self.to_start or self.queue)

    def job(self, row: int | None) -> Start | Resume:
        self.pending += 1
        if self.queue:
            return Resume(self.queue.pop(0), until=self.levels[self.level])
        self.to_start -= 1
        assert row is not None
        return Start(row, until=self.levels[0], tag=self)

    def nothing_left(self) -> None:
        self.to_start = 0
        self.move_up()

    def report(self, trial: Trial, value: float, over: bool) -> None:
        self.pending -= 1
        self.entries.append((value, trial.id, over))
        self.move_up()

    def lose(self) -> None:
        """A trial has failed, and with it the rung is smaller."""
        self.pending -= 1
        self.move_up()

    def move_up(self) -> None:
        while not (self.pending or self.has_job()) and self.entries and self.level + 1 < len(self.levels):
            best = [entry for entry in sorted(self.entries)[: max(1, len(self.entries) // 3)] if entry[0] < inf]
            self.level += 1
            self.queue = [trial for _, trial, over in best if not over]
            self.entries = [entry for entry in best if entry[2]]


class Rounds(Scheduler):
    """Synchronous successive halving: a free worker serves the oldest bracket that has a job for it."""

    eta = 3
    synchronous = True
    promises = frozenset({"best-promoted", "brackets-finish", "monotone", "no-lost-worker", "rank-based", "top-share"})

    def setup(self, context: Context) -> None:
        self.searcher, self.levels = context.searcher(), [*context.rung_levels(eta=3), context.r_max]
        self.brackets: list[Bracket] = []

    def open(self) -> list[Bracket]:
        return self.brackets

    def next_job(self) -> Any:
        for bracket in self.open():
            while bracket.has_job():
                row = None if bracket.queue else self.searcher.propose()
                if row is not None or bracket.queue:
                    return bracket.job(row)
                bracket.nothing_left()
        row = self.searcher.propose()
        if row is None:
            return None
        self.brackets.append(Bracket(self.levels, 9))
        return self.brackets[-1].job(row)

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        trial.tag.report(trial, value, over=False)
        return PAUSE

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        if reason == "failed":
            trial.tag.lose()
        else:
            trial.tag.report(trial, value, over=True)


class OnToTheNextRound(Rounds):
    """Serves the bracket that fills, and when that is full the next one: nobody comes back for promotions."""

    def open(self) -> list[Bracket]:
        return [bracket for bracket in self.brackets[-1:] if bracket.to_start]


# --- 4: the first trials run to the end, then nothing does ----------------------------------------------------


class FillsFirst(Scheduler):
    """Synchronous halving in one bracket after the other; decides when all of a bracket's trials are at a milestone."""

    eta = 3
    synchronous = True
    size = 9

    def setup(self, context: Context) -> None:
        self.searcher, self.levels = context.searcher(), [*context.rung_levels(eta=3), context.r_max]
        self.new_bracket()

    def new_bracket(self) -> None:
        self.started, self.live, self.at, self.queue = 0, 0, 0, []
        self.reported: list[tuple[float, int]] = []

    def next_job(self) -> Any:
        if self.queue:
            return Resume(self.queue.pop(), until=self.levels[self.at])
        if self.started == self.size and self.live == 0:
            self.new_bracket()
        if self.started == self.size:
            return None
        row = self.searcher.propose()
        if row is None:
            return None
        self.started += 1
        self.live += 1
        return Start(row, until=self.levels[0])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.reported.append((value, trial.id))
        self.halve()
        return PAUSE

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.live -= 1
        self.halve()

    def halve(self) -> None:
        if self.started == self.size and self.live and len(self.reported) == self.live:
            best = sorted(self.reported)[: max(1, len(self.reported) // 3)]
            self.at += 1
            self.queue = [trial for value, trial in best if value < inf]
            self.live, self.reported = len(self.queue), []


class RunsTheFirstToTheEnd(FillsFirst):
    """While its bracket is not full a trial goes on; the bracket then waits for those that will not come back."""

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        if self.started < self.size:
            return Continue(self.levels[self.levels.index(resource) + 1])
        return super().on_report(trial, resource, value)

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        if self.at == len(self.levels) - 1:
            super().on_end(trial, resource, value, reason)


# --- 5: an index one too low ----------------------------------------------------------------------------------


class Pruner(Scheduler):
    """Start-stop halving: who is among the best of the rung so far, at least one, goes on."""

    eta = 3
    promises = frozenset({"best-not-stopped", "monotone", "rank-based", "renaming"})

    def setup(self, context: Context) -> None:
        self.searcher, self.levels = context.searcher(), [*context.rung_levels(eta=3), context.r_max]
        self.rungs: dict[float, list[float]] = {r: [] for r in self.levels}

    def next_job(self) -> Any:
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])

    def index(self, n: int) -> int:
        return max(n // self.eta, 1) - 1

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        rung = self.rungs[resource]
        rung.append(value)
        rung.sort()
        index = self.index(len(rung))
        if index < 0 or value > rung[index] or value == inf:
            return STOP
        return Continue(self.levels[self.levels.index(resource) + 1])


class PrunesTheBest(Pruner):
    """Where a rung holds fewer than eta, nobody is good enough."""

    def index(self, n: int) -> int:
        return n // self.eta - 1


# --- 6: the real clock ----------------------------------------------------------------------------------------


class GivesUpWaiting(PlainAsha):
    """A paused trial is dropped when it has waited for too long, in simulated time."""

    promises = frozenset()
    patience = 20.0

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.context, self.since = context, {}

    def now(self) -> float:
        return self.context.now

    def promotable(self, low: float) -> int | None:
        trial = super().promotable(low)
        if trial is not None and self.now() - self.since[trial] > self.patience:
            self.promoted[low].append(trial)
            return self.promotable(low)
        return trial

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.since[trial.id] = self.now()
        return super().on_report(trial, resource, value)


class GivesUpWaitingForReal(GivesUpWaiting):
    """The same by the clock on the wall."""

    def now(self) -> float:
        return time.monotonic()


# --- 7: the order of a set ------------------------------------------------------------------------------------


class InOrderOfArrival(PlainAsha):
    """Of those that may be promoted, the one that reported first."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.seen: dict[float, Any] = {r: self.collection() for r in self.levels}

    def collection(self) -> Any:
        return {}

    def add(self, collection: Any, trial: Trial) -> None:
        collection[trial] = None

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        good = [trial for value, trial in rung[: len(rung) // self.eta] if value < inf]
        for trial in self.seen[low]:
            if trial.id in good and trial.id not in self.promoted[low]:
                return trial.id
        return None

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.add(self.seen[resource], trial)
        return super().on_report(trial, resource, value)


class InOrderOfASet(InOrderOfArrival):
    """A set of trials, which are hashed by their address."""

    def collection(self) -> Any:
        return set()

    def add(self, collection: Any, trial: Trial) -> None:
        collection.add(trial)


class OldestByName(PlainAsha):
    """The same by names instead of objects."""

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        good = [f"trial-{trial}" for value, trial in rung[: len(rung) // self.eta] if value < inf]
        for name in self.ordered(good):
            trial = int(name.partition("-")[2])
            if trial not in self.promoted[low]:
                return trial
        return None

    def ordered(self, names: list[str]) -> Any:
        return dict.fromkeys(names)


class AnyByName(OldestByName):
    """A set of texts, whose hash differs from process to process; it has no name that could be replaced."""

    def ordered(self, names: list[str]) -> Any:
        return {name for name in names}  # noqa: C416

"""ASHA with one small mistake each."""

from __future__ import annotations

import random
from datetime import datetime
from math import inf
from time import time
from typing import Any

import numpy as np
from broken_schedulers import ASHA, PlainAsha

from simulator import STOP, Context, Continue, Resume, Scheduler, Start, Trial


class WrongWayUp(PlainAsha):
    """Larger is better."""

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        return super().on_report(trial, resource, -value if value < inf else inf)


class OneTooMany(PlainAsha):
    """floor(n / eta) + 1."""

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        for value, trial in rung[: len(rung) // self.eta + 1]:
            if value < inf and trial not in self.promoted[low]:
                return trial
        return None


class OneTooFew(PlainAsha):
    """floor((n - 1) / eta)."""

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        for value, trial in rung[: (len(rung) - 1) // self.eta]:
            if value < inf and trial not in self.promoted[low]:
                return trial
        return None


class AllThatTie(PlainAsha):
    """Whoever is as good as the last of the best."""

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        k = len(rung) // self.eta
        for value, trial in rung:
            if k and value <= rung[k - 1][0] and value < inf and trial not in self.promoted[low]:
                return trial
        return None


class DivergedGoesOn(PlainAsha):
    """Nobody looks whether a value is inf."""

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        return next((t for _, t in rung[: len(rung) // self.eta] if t not in self.promoted[low]), None)


class ForgetsWhoWasPromoted(PlainAsha):
    """A trial is resumed again while it runs."""

    def next_job(self) -> Any:
        job = super().next_job()
        if isinstance(job, Resume):
            self.promoted = {r: [] for r in self.levels}
        return job


class KeepsItsRungs(PlainAsha):
    """State made in `__init__` outlives the run."""

    def __init__(self) -> None:
        self.memory: dict[float, list[tuple[float, int]]] = {}

    def setup(self, context: Context) -> None:
        super().setup(context)
        for level in self.levels:
            self.rungs[level] = self.memory.setdefault(level, [])


class KeepsItsLevels(PlainAsha):
    """Levels are computed once, for the first table."""

    known: Any = None

    def setup(self, context: Context) -> None:
        super().setup(context)
        if self.known is None:
            self.known = self.levels
        self.levels = [level for level in self.known if level in self.rungs and level < context.r_max]
        self.levels.append(context.r_max)


class Drops(PlainAsha):
    """Some are not promoted, at random."""

    def drop(self) -> bool:
        raise NotImplementedError

    def promotable(self, low: float) -> int | None:
        trial = super().promotable(low)
        if trial is not None and self.drop():
            self.promoted[low].append(trial)
            return self.promotable(low)
        return trial


class DropsByGlobalRandom(Drops):
    def drop(self) -> bool:
        return random.random() < 0.5


class DropsByNumpyRandom(Drops):
    def drop(self) -> bool:
        return bool(np.random.rand() < 0.5)  # noqa: NPY002


class DropsByEntropy(Drops):
    """A generator of its own, with a seed from the system."""

    def drop(self) -> bool:
        return bool(np.random.default_rng().random() < 0.5)


class DropsByDate(Drops):
    def drop(self) -> bool:
        return datetime.now().microsecond % 2 == 0


class SeedsByTime(Drops):
    """By a function that was imported by name."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.generator = random.Random(int(time()))

    def drop(self) -> bool:
        return self.generator.random() < 0.5


class WhicheverIdComesFirst(PlainAsha):
    """A set of whole numbers has the same order everywhere, by accident."""

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        good = set(trial for value, trial in rung[: len(rung) // self.eta] if value < inf)  # noqa: C401
        for trial in good - set(self.promoted[low]):
            return trial
        return None


class LooksAhead(PlainAsha):
    """Ranks by the value at r_max, which nobody has reported."""

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        curve = trial._curves.table.metrics["loss"][trial.config, trial.replicate]
        final = trial._curves.sign * float(curve[-1])
        return super().on_report(trial, resource, final if final == final else value)


class WaitsForNothing(PlainAsha):
    """A worker that is not given a promotion waits for the next report, as long as something runs."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.at_work = 0

    def next_job(self) -> Any:
        if self.at_work > 1:
            return None
        job = super().next_job()
        self.at_work += job is not None
        return job

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.at_work -= 1
        return super().on_report(trial, resource, value)

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.at_work -= 1


class SmallRowsFirst(PlainAsha):
    """Of those that may be promoted, the smallest row of the table."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.rows: dict[int, int] = {}

    def promotable(self, low: float) -> int | None:
        rung = sorted(self.rungs[low])
        good = [t for value, t in rung[: len(rung) // self.eta] if value < inf and t not in self.promoted[low]]
        return min(good, key=lambda trial: self.rows[trial], default=None)

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.rows[trial.id] = trial.config
        return super().on_report(trial, resource, value)


class GoodEnough(PlainAsha):
    """Only values below a bound are promoted."""

    def promotable(self, low: float) -> int | None:
        trial = super().promotable(low)
        return trial if trial is not None and dict(map(reversed, self.rungs[low]))[trial] < 0.6 else None


class TooGoodToBeTrue(Scheduler):
    """Stops at outliers, in either direction."""

    promises = frozenset({"monotone"})

    def setup(self, context: Context) -> None:
        self.searcher, self.levels = context.searcher(), [*context.rung_levels(), context.r_max]

    def next_job(self) -> Any:
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        return Continue(self.levels[self.levels.index(resource) + 1]) if -1 < value < 0.8 else STOP


class OffTheGrid(PlainAsha):
    """Halfway between two levels."""

    def next_job(self) -> Any:
        job = super().next_job()
        return Resume(job.trial, until=job.until - 0.5) if isinstance(job, Resume) else job


class DividesByZero(PlainAsha):
    """A bug that few scenarios meet."""

    def promotable(self, low: float) -> int | None:
        good = sum(value < inf for value, _ in self.rungs[low])
        return super().promotable(low) if not self.rungs[low] or 1 / good else None


class Endless(Scheduler):
    """Starts the same row for ever, which takes no time where units are free."""

    def next_job(self) -> Any:
        return Start(0, until=self.first)

    def setup(self, context: Context) -> None:
        self.first = context.resources[0]

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        return STOP


class Hangs(PlainAsha):
    """Looks for a trial that will never come."""

    def next_job(self) -> Any:
        job = super().next_job()
        while job is None:
            job = super().next_job()
        return job


class RefusesFromScratch(PlainAsha):
    """Says in `setup` what it cannot do."""

    promises = ASHA

    def setup(self, context: Context) -> None:
        from simulator import SimulationError

        if not context.resumable:
            raise SimulationError("there are no checkpoints here")
        super().setup(context)

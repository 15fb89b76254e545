"""Schedulers that are right as long as no trial fails and no worker leaves."""

from __future__ import annotations

import random
from typing import Any

from broken_schedulers import FillsFirst, PlainAsha, Rounds

from simulator import PAUSE, RETRY, STOP, Context, Start, Trial

# --- what has failed is no result --------------------------------------------------------------------------------


class FailedIsDiverged(PlainAsha):
    """Whoever fails is last in the rung that it was sent to, so that more of the others are promoted."""

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        if reason == "failed":
            sent_to = next(level for level in self.levels if level > resource)
            self.rungs[sent_to].append((value, trial.id))


class FailedFillsItsPlace(Rounds):
    """The same in a synchronous bracket: a rung of nine promotes three of the five that are left."""

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        trial.tag.report(trial, value, over=True)


class FailedWasNeverThere(PlainAsha):
    """Whoever fails after a promotion leaves the rung that it came from, and another one is promoted in its place."""

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        if reason == "failed" and resource:
            self.rungs[resource] = [entry for entry in self.rungs[resource] if entry[1] != trial.id]


# --- who has failed does not come back ---------------------------------------------------------------------------


class WaitsForTheFailed(FillsFirst):
    """The slot of a failed trial stays open for ever."""

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        if reason != "failed":
            super().on_end(trial, resource, value, reason)


class GivesUp(FillsFirst):
    """Tries nothing twice, and closes the slot itself: nobody tells it that the trial is over."""

    def on_failure(self, trial: Trial, failures: int) -> Any:
        self.live -= 1
        self.halve()
        return STOP


class GivesUpAndWaits(FillsFirst):
    """Waits to be told."""

    def on_failure(self, trial: Trial, failures: int) -> Any:
        return STOP


class ResumesTheFailed(PlainAsha):
    """Whoever fails after a promotion is promoted again."""

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        if reason == "failed" and resource:
            self.promoted[resource].remove(trial.id)


class StartsTheFailedAgain(PlainAsha):
    """The configuration of a failed trial is the next one to be started, as often as it takes."""

    promises = frozenset()

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.failed: list[int] = []

    def next_job(self) -> Any:
        return Start(self.failed.pop(), until=self.levels[0]) if self.failed else super().next_job()

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        if reason == "failed":
            self.failed.append(trial.config)


# --- workers --------------------------------------------------------------------------------------------------


class CountsItsTrials(PlainAsha):
    """Gives no job when as many trials run as there were workers at first, also when more have come."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.at_work, self.most = 0, context.workers

    def next_job(self) -> Any:
        job = super().next_job() if self.at_work < self.most else None
        self.at_work += job is not None
        return job

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.at_work -= 1
        return super().on_report(trial, resource, value)

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.at_work -= 1


class CountsTheFailed(CountsItsTrials):
    """Those that have failed as well, even if no worker ever came or left."""

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        if reason != "failed":
            super().on_end(trial, resource, value, reason)


# --- answers to a failure ----------------------------------------------------------------------------------------


class PausesTheCrashed(PlainAsha):
    """Answers as if it were a report."""

    def on_failure(self, trial: Trial, failures: int) -> Any:
        return PAUSE


class TossesACoin(PlainAsha):
    """Global random state again."""

    def on_failure(self, trial: Trial, failures: int) -> Any:
        return random.choice([RETRY, STOP])


class KnowsHowFarItGot(PlainAsha):
    """Retries whom it would have been worth it, by values that were never reported."""

    def on_failure(self, trial: Trial, failures: int) -> Any:
        curve = trial._curves.table.metrics["loss"][trial.config, trial.replicate]
        lost = curve[trial._index + 1]
        return RETRY if lost == lost and lost * trial._curves.sign < 0.8 else STOP


class Remembers(PlainAsha):
    """How often trials have crashed in earlier runs."""

    crashed = 0

    def on_failure(self, trial: Trial, failures: int) -> Any:
        self.crashed += 1
        return RETRY if self.crashed < 5 else STOP

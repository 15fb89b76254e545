"""What schedulers have in common that promote without waiting: every trial pauses at a rung level."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Protocol

from simulator.context import Context
from simulator.protocol import Resume, Scheduler, Start


class PromotingRung(Protocol):
    """A rung that knows which of its trials goes on next."""

    def take(self) -> int | None:
        """Promote a trial: its id, or None where there is none."""


class Promoting(Scheduler):
    """A free worker takes, from the highest rung down, the trial that the rung lets go; else it starts a new one."""

    def setup_promotion(self, context: Context, rungs: Mapping[float, PromotingRung]) -> None:
        """Called by `setup`.

        Args:
            context: of the run.
            rungs: by rung level, increasing; each promotes to the next level, the last to r_max.
        """
        levels = [*rungs, context.r_max]
        self._searcher, self._first = context.searcher(), levels[0]
        self._downwards = [(rungs[low], high) for low, high in reversed(list(pairwise(levels)))]

    def next_job(self) -> Start | Resume | None:
        for rung, following in self._downwards:
            trial = rung.take()
            if trial is not None:
                return Resume(trial, following)
        row = self._searcher.propose()
        return None if row is None else Start(row, self._first)

"""What an event loop works with: all that a run needs, made afresh for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blackboxes import Blackbox
from simulator.answers import Answers
from simulator.budget import Meter
from simulator.clock import Clock
from simulator.context import Context
from simulator.protocol import Scheduler
from simulator.replay import Curves
from simulator.searcher import Searcher
from simulator.trial import Trial


@dataclass
class Stage:
    """The parts of one run.

    Attributes:
        table, scheduler, searcher, context, clock, curves, answers: of the run, set up.
        workers, seed: of the run.
        grid: the grid index of each resource.
        trials: all that were started, by id.
        find_row: the row of a configuration that is none.
        draw_replicate: that of the next trial of a row, None where there is only one.
        deadline: nanoseconds when the budget of time ends.
        most_trials: how many may be started.
        meter: watches the budget's other limits, None where it has none.
    """

    table: Blackbox
    scheduler: Scheduler
    searcher: Searcher
    context: Context
    clock: Clock
    curves: Curves
    answers: Answers
    workers: int
    seed: int
    grid: Mapping[float, int]
    trials: list[Trial]
    find_row: Callable[[Any], int]
    draw_replicate: Callable[[int], int] | None
    deadline: int
    most_trials: int
    meter: Meter | None


@dataclass
class Record:
    """What an event loop has written down.

    Attributes:
        words: integers of all events, in pieces (see `simulator.events`); three an event, or four on a cluster. A piece
            may be an array of int64 of any shape.
        end: nanoseconds when the run was over.
        closed_at: nanoseconds when the last trial or resource of the budget was handed out, None if some were left.
        jobs: on a cluster, three numbers a job: the grid index that it trained from plus one, its pace, and what each
            checkpoint on the way took in nanoseconds.
    """

    words: Sequence[Sequence[int] | np.ndarray]
    end: int
    closed_at: int | None
    jobs: Sequence[float] = ()


@dataclass
class Started:
    """The trials that were started, one entry each, by id.

    Attributes:
        config, replicate: int64.
        checkpoint_of: int64, the trial whose checkpoint it began with, -1 for none.
        begun: int64, how many resources lay behind it at its start.
    """

    config: np.ndarray
    replicate: np.ndarray
    checkpoint_of: np.ndarray
    begun: np.ndarray

    @classmethod
    def anew(cls, config: np.ndarray, replicate: np.ndarray) -> Started:
        """Trials that all began from nothing."""
        return cls(config, replicate, np.full(len(config), -1), np.zeros(len(config), dtype=np.int64))

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> Started:
        """The same of objects."""
        config = np.fromiter((t.config for t in trials), dtype=np.int64, count=len(trials))
        started = cls.anew(config, np.fromiter((t.replicate for t in trials), dtype=np.int64, count=len(trials)))
        for heir in (t for t in trials if t.checkpoint_of is not None):
            started.checkpoint_of[heir.id], started.begun[heir.id] = heir.checkpoint_of, heir._since
        return started

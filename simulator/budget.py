"""When a run is over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from blackboxes import Blackbox
from simulator.checks import is_number, whole
from simulator.clock import UNITS, Clock, nanoseconds
from simulator.errors import SimulationError
from simulator.events import MOST_TRIALS
from simulator.rungs import fraction
from simulator.trial import Trial


@dataclass(frozen=True)
class Budget:
    """Limits of a run; it ends at whichever comes first. None means no such limit.

    Args:
        time: simulated time: seconds, or text such as ``"10x"`` (10 times the table's mean full training),
            ``"3600s"``, ``"90m"``, ``"2h"``, ``"1d"``. A report at exactly this time counts, nothing starts then.
        trials: this many trials are started; they go on as the scheduler decides.
        resource: no new job once the resource handed out reaches this total. Trials that run then go on, as far as the
            scheduler lets them, so that more may be used in the end.
        target: the run ends when a trial first reaches this value of the metric (its own direction).

    Raises:
        SimulationError: a limit that is not positive, or text of another form.
    """

    time: float | str | None = None
    trials: int | None = None
    resource: float | None = None
    target: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.time, str):
            _amount(self.time)
        elif self.time is not None:
            _check_positive("time", self.time)
        if self.trials is not None:
            whole("budget: trials", self.trials, 1, MOST_TRIALS)
        if self.resource is not None:
            _check_positive("resource", self.resource)
        if self.target is not None and not is_number(self.target):
            raise SimulationError(f"budget: target must be a number, not {self.target!r}")

    def seconds(self, blackbox: Blackbox) -> float:
        """The limit of simulated time in seconds, inf where there is none."""
        if self.time is None:
            return inf
        if not isinstance(self.time, str):
            return float(self.time)
        amount, unit = _amount(self.time)
        return amount * (blackbox.full_training_time if unit == "x" else UNITS[unit])


def _check_positive(name: str, value: Any) -> None:
    if not (is_number(value) and value > 0):
        raise SimulationError(f"budget: {name} must be positive and finite, not {value!r}")


def _amount(text: str) -> tuple[float, str]:
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([xsmhd])\s*", text)
    if match is None or float(match[1]) <= 0:
        raise SimulationError(
            f"budget {text!r}: a positive number and a unit are needed: 10x (mean full trainings), 3600s, 90m, 2h, 1d"
        )
    return float(match[1]), match[2]


class Meter:
    """Watches the limits that need a look at every segment: total resource and target value.

    Attributes:
        deadline: nanoseconds when the run ends, as known so far.
        used_up_at: nanoseconds since when no new job is handed out, None as long as there are some.
    """

    __slots__ = (
        "_clock",
        "_crossings",
        "_goal",
        "_left",
        "_limit",
        "_metric",
        "_sign",
        "_table",
        "deadline",
        "used_up_at",
    )

    def __init__(self, budget: Budget, table: Blackbox, metric: str, clock: Clock) -> None:
        self._table, self._metric, self._clock = table, metric, clock
        self.used_up_at: int | None = None
        self._left = None if budget.resource is None else fraction(float(budget.resource))
        self._sign = table.metric_info[metric].sign
        self._goal = -inf if budget.target is None else float(budget.target) * self._sign
        self._limit = self.deadline = nanoseconds(budget.seconds(table))
        self._crossings: dict[int, int] = {}  # trial id: when its running segment first reaches the target

    def begin(self, trial: Trial) -> int:
        """`trial` has been sent to a new target; gives the deadline."""
        start, end = trial._index + 1, trial._target + 1
        if self._left is not None and end > start:  # in fractions, so that ten times 0.1 is 1
            spent = trial.resource if self._table.resumable else 0
            self._left -= fraction(self._table.resource_list[end - 1]) - fraction(spent)
            if self._left <= 0 and self.used_up_at is None:
                self.used_up_at = self._clock.now
        return self.begin_again(trial)

    def begin_again(self, trial: Trial) -> int:
        """The same for a trial that goes once more where it was sent, which hands out nothing."""
        start, end = trial._index + 1, trial._target + 1
        if self._goal > -inf and end > start:
            self._look_for_goal(trial, start if self._table.resumable else end - 1, end)
        return self.deadline

    def _look_for_goal(self, trial: Trial, first: int, end: int) -> None:
        curve = self._table.metrics[self._metric][trial.config, trial.replicate, first:end]
        hits = np.flatnonzero(curve * self._sign <= self._goal)
        if len(hits):
            due = trial._arrives(first + int(hits[0]))
            self._crossings[trial.id] = min(due, self._crossings.get(trial.id, due))  # what was reached stays so
            self.deadline = min(self.deadline, due)

    def cancel(self, trial: Trial, now: int) -> None:
        """`trial` will not get where it was sent."""
        if self._crossings.get(trial.id, now) > now:
            del self._crossings[trial.id]
            self.deadline = min([self._limit, *self._crossings.values()])

"""What a scheduler answers, looked at: trials that it names, and what is wrong with an answer that is illegal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import index as whole_number
from typing import Any, NoReturn

from simulator.clock import format_time
from simulator.errors import SchedulerError
from simulator.protocol import Continue, Resume, Start
from simulator.replay import Curves
from simulator.trial import ENDED, PAUSED, TRIAL_CANCELLED, WAITING, Trial


class Answers:
    """Reads the answers of one run's scheduler.

    Args:
        name: of the scheduler, for messages.
        trials: of the run; grows while it goes on.
        grid: the grid index of each resource.
        curves: that trials replay.
        draw_replicate: of a row, None where there is only one.
    """

    __slots__ = ("_curves", "_draw_replicate", "_grid", "_name", "_trials")

    def __init__(
        self,
        name: str,
        trials: Sequence[Trial],
        grid: Mapping[float, int],
        curves: Curves,
        draw_replicate: Callable[[int], int] | None,
    ) -> None:
        self._name, self._trials, self._grid, self._curves = name, trials, grid, curves
        self._draw_replicate = draw_replicate

    def paused(self, job: Any, now: int) -> tuple[Trial, int]:
        """The trial and the grid index of a `Resume`."""
        if type(job) is not Resume:
            self.illegal(f"next_job must give Start, Resume or None, not {job!r}", now)
        trial = self.known(job.trial, len(self._trials))
        if trial is None:
            self.illegal(f"{job}: there is no such trial", now)
        if trial._worker != PAUSED:
            state = "is over" if trial._worker <= ENDED else f"still runs on worker {trial._worker}"
            if trial._worker == WAITING:
                state = "has lost its worker and waits for another one"
            self.illegal(f"{job}: only a paused trial can be resumed, this one {state}", now, trial)
        target = self._grid_index(job, now, trial)
        if target <= trial._index:
            self.illegal(f"{job}: 'until' must lie ahead of resource {trial.resource}", now, trial)
        return trial, target

    def donor(self, job: Start, row: int, target: int, now: int) -> tuple[Trial, int]:
        """The trial whose checkpoint a `Start` begins with, and the replicate that the new one replays."""
        donor = self.known(job.checkpoint_of, len(self._trials))
        if donor is None:
            self.illegal(f"{job}: there is no such trial to take a checkpoint of", now)
        if not self._curves.table.resumable:
            self.illegal(f"{job}: {self._curves.table.name} is trained from scratch, there are no checkpoints", now)
        if donor._index < 0 or donor._worker == TRIAL_CANCELLED:
            why = "has reported nothing yet" if donor._index < 0 else "was cancelled"
            self.illegal(f"{job}: trial {donor.id} has no checkpoint, it {why}", now)
        if target <= donor._index:
            self.illegal(f"{job}: 'until' must lie ahead of resource {donor.resource} of trial {donor.id}", now)
        replicate = donor.replicate  # a row that lacks it draws one as any other
        if not self._curves.lengths[row * self._curves.replicates + replicate] and self._draw_replicate:
            replicate = self._draw_replicate(row)
        return donor, replicate

    def to_stop(self, number: Any, started: int, now: int) -> Trial:
        """The trial that `Context.stop` ends, which must be among the first `started` ones and not over."""
        trial = self.known(number, started)
        if trial is None or trial._worker <= ENDED:
            self.illegal(f"stop({number!r}): there is no such trial, or it is over", now)
        return trial

    def known(self, number: Any, started: int) -> Trial | None:
        """The trial with this id, if it is among the first `started` ones."""
        try:
            return self._trials[number] if 0 <= whole_number(number) < started else None
        except TypeError:
            return None

    def illegal_start(self, job: Start, error: Exception, now: int) -> NoReturn:
        """A `Start` whose configuration or `until` gave this error."""
        self._grid_index(job, now, None)
        self.illegal(f"{job}: no configuration of the table ({error})", now)

    def illegal_answer(self, answer: Any, trial: Trial, now: int) -> NoReturn:
        """What `on_report` gave is nothing that it may give."""
        if type(answer) is not Continue:
            self.illegal(f"on_report must answer Continue, PAUSE or STOP, not {answer!r}", now, trial)
        self._grid_index(answer, now, trial)
        self.illegal(f"{answer}: 'until' must lie ahead of resource {trial.resource}", now, trial)

    def illegal(self, rule: str, now: int, trial: Trial | None = None) -> NoReturn:
        """An answer breaks a rule.

        Raises:
            SchedulerError: it names scheduler, trial, time and rule.
        """
        who = "" if trial is None else f", trial {trial.id} (configuration {trial.config})"
        raise SchedulerError(f"{self._name}{who} at {format_time(now)} s: {rule}")

    def _grid_index(self, answer: Any, now: int, trial: Trial | None) -> int:
        try:
            return self._grid[answer.until]
        except (LookupError, TypeError):
            near = sorted(
                self._grid, key=lambda r: abs(r - answer.until) if isinstance(answer.until, (int, float)) else r
            )
            nearest = ", ".join(map(str, sorted(near[:3])))
            self.illegal(f"{answer}: 'until' is not on the grid of resources, nearest: {nearest}", now, trial)

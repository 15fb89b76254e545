"""What it takes to decide, charged to the simulated clock by a stated cost model, never by the real clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.checks import is_number
from simulator.clock import Clock, nanoseconds
from simulator.cluster.durations import NUMBER
from simulator.errors import SimulationError
from simulator.protocol import Resume, Scheduler
from simulator.trial import ENDED, Trial

if TYPE_CHECKING:
    from simulator.searcher import Searcher


@dataclass(frozen=True)
class DecisionTime:
    """Seconds that a model takes to decide with n observations: fixed + cubic * n^3.

    The cubic term is that of a Gaussian process, whose matrices of n by n are factored anew.

    Raises:
        SimulationError: a number is negative or not finite.
    """

    fixed: float = 0.0
    cubic: float = 0.0

    def __post_init__(self) -> None:
        for name in ("fixed", "cubic"):
            value = getattr(self, name)
            if not (is_number(value) and value >= 0):
                raise SimulationError(f"decision time: {name} must be a number of seconds from 0, not {value!r}")

    @classmethod
    def read(cls, text: str) -> DecisionTime:
        """From text.

        Raises:
            SimulationError: text of another form.

        >>> DecisionTime.read("0.05 + 2e-9 n^3")
        DecisionTime(fixed=0.05, cubic=2e-09)
        """
        match = re.fullmatch(rf"\s*{NUMBER}\s*(?:\+\s*{NUMBER}\s*\*?\s*n\^3)?\s*", text)
        if match is None:
            raise SimulationError(
                f"decision time {text!r}: seconds, or seconds for n observations, are needed: 0.5, or 0.05 + 2e-9 n^3"
            )
        return cls(float(match[1]), float(match[2] or 0))

    def __str__(self) -> str:
        return f"{self.fixed:g} + {self.cubic:g} n^3" if self.cubic else f"{self.fixed:g}"

    def nanoseconds(self, n: int) -> int:
        """What a decision with n observations takes; nothing where no model was asked (n = 0)."""
        return nanoseconds(self.fixed + self.cubic * n**3) if n else 0


def serial_server(
    next_job: Callable[[], Any],
    cost: Callable[[int], int],
    scheduler: Scheduler,
    searcher: Searcher,
    clock: Clock,
    begin: Callable[[int], None],
    trials: Sequence[Trial],
) -> Callable[[], Any]:
    """`next_job` whose decisions take time: one at a time, while it lasts workers that ask for jobs wait.

    What is decided rests on what was known when the decision began; the job begins when it ends.

    Args:
        next_job: the scheduler's.
        cost: nanoseconds that a decision with so many observations takes, 0 for none.
        scheduler, searcher: their `model_size` tells with how many observations a model decided.
        clock: of the run.
        begin: called when a decision begins that takes time, with the time when it ends; workers ask again then.
        trials: those of the run; grows while it goes on.
    """
    held: list[tuple[int, Any]] = []  # the job being decided, and when it is

    def ask() -> Any:
        if held:
            decided_at, job = held[0]
            if clock.now < decided_at:
                return None
            held.clear()
            if type(job) is not Resume or trials[job.trial]._worker > ENDED:
                return job  # else it was stopped in the meantime
        scheduler.model_size = searcher.model_size = 0
        job = next_job()
        n = scheduler.model_size
        if searcher.model_size > n:
            n = searcher.model_size
        takes = cost(n) if n else 0
        if job is None or takes == 0:
            return job
        held.append((clock.now + takes, job))
        begin(clock.now + takes)
        return None

    return ask

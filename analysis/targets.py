"""Time to a target, where runs that did not get there are right-censored: shares, medians, expected times, speed-ups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.runs import RunsError


@dataclass(frozen=True, eq=False)
class Reached:
    """When each of some paired runs first got to its target, or where it ended without.

    A run that ended without is right-censored: all that is known is that it takes longer.

    Attributes:
        times: float64, (S, K, N) for S schedulers, K tasks and N seeds, in the unit of `x_label`: when a run got there;
            where it did not, when it ended.
        reached: bool, (S, K, N): whether it got there.
        schedulers, tasks, seeds: what the axes are, of lengths S, K, N. Under one seed of one task all schedulers met
            the same configurations.
        x_label: what the times are, with their unit.
        target: what had to be reached, in words; a target may well be another value on each task.
    """

    times: np.ndarray
    reached: np.ndarray
    schedulers: tuple[str, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    x_label: str = "simulated time (s)"
    target: str = "target"

    def __post_init__(self) -> None:
        shape = (len(self.schedulers), len(self.tasks), len(self.seeds))
        for name in ("times", "reached"):
            if getattr(self, name).shape != shape:
                raise RunsError(
                    f"{name} has the shape {getattr(self, name).shape}, and there are {shape[0]} schedulers, "
                    f"{shape[1]} tasks and {shape[2]} seeds"
                )
        if not self.times.size:
            raise RunsError(f"there is nothing to look at: times have the shape {shape}")
        if self.reached.dtype != np.bool_:
            raise RunsError(f"reached tells True or False of each run: it is an array of bool, not {self.reached.dtype}")
        for name in ("schedulers", "tasks", "seeds"):
            values = getattr(self, name)
            twice = [value for i, value in enumerate(values) if value in values[:i]]
            if twice:
                raise RunsError(f"{twice[0]!r} is twice among the {name}")
        wrong = np.argwhere(~(np.isfinite(self.times) & (self.times >= 0)))
        if len(wrong):
            s, k, n = wrong[0]
            raise RunsError(
                f"{self.tasks[k]}, {self.schedulers[s]}, seed {self.seeds[n]}: the time is {self.times[s, k, n]:g}; "
                "it must be a number from 0 on, also where a run did not get to its target: there it is when it ended"
            )

    def index(self, scheduler: str) -> int:
        """Which of the schedulers.

        Raises:
            RunsError: there is none of that name.
        """
        if scheduler not in self.schedulers:
            raise RunsError(f"there is no run of {scheduler!r}: known: {', '.join(sorted(self.schedulers))}")
        return self.schedulers.index(scheduler)

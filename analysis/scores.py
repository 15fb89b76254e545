"""Scores: how good the incumbent of every run was, as an array over schedulers, tasks, seeds and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.runs import RunsError, number_of


@dataclass(frozen=True, eq=False)
class Scores:
    """Losses of paired runs: every scheduler under every seed on every task.

    Attributes:
        losses: float64, (S, K, N, T) for S schedulers, K tasks, N seeds and T points of the axis. Smaller is better,
            whatever the metric; NaN where a run has no result yet, or its incumbent diverged: worse than any.
        schedulers, tasks, seeds: what the first three axes are, of lengths S, K, N. Under one seed of one task all
            schedulers met the same configurations.
        x: (T,) increasing, in the unit of `x_label`.
        x_label, y_label: what axes show, with units.
        sign: 1 where smaller is better in the metric itself, else -1: values are ``sign * losses``.
    """

    losses: np.ndarray
    schedulers: tuple[str, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    x: np.ndarray
    x_label: str = "simulated time (s)"
    y_label: str = "loss"
    sign: float = 1.0

    def __post_init__(self) -> None:
        shape = (len(self.schedulers), len(self.tasks), len(self.seeds), len(self.x))
        if self.losses.shape != shape:
            raise RunsError(
                f"losses have the shape {self.losses.shape}, and there are {shape[0]} schedulers, {shape[1]} tasks, "
                f"{shape[2]} seeds and {shape[3]} points of the axis"
            )
        if not self.losses.size:
            raise RunsError(f"there is nothing to look at: losses have the shape {shape}")

    def index(self, scheduler: str) -> int:
        """Which of the schedulers.

        Raises:
            RunsError: there is none of that name.
        """
        return number_of(scheduler, self.schedulers)

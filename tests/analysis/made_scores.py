"""Scores with known truth for the tests of statistics: tasks of several distributions, seeds shared by schedulers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq

from analysis.scores import Scores

# Distributions of one task, with their scales.
MIXED = (("normal", 1.0), ("exponential", 1.0), ("lognormal", 2.0), ("long", 1.0))
SCALES = (("normal", 1.0), ("exponential", 3.0), ("lognormal", 0.3), ("long", 1.0))
ONE = (("exponential", 1.0),)
STANDARD: dict[str, Any] = {
    "normal": stats.norm(3, 1),
    "exponential": stats.expon(),
    "lognormal": stats.lognorm(0.5),
    "long": stats.lognorm(0.75),
}
SHARED = 0.5  # correlation, before it is transformed, of two schedulers under one seed


def scores_of(losses: Any, **others: Any) -> Scores:
    """Scores of losses (S, K, N, T) or (S, K, N), under made-up names."""
    losses = np.array(losses, dtype=np.float64)
    losses = losses[..., None] if losses.ndim == 3 else losses
    schedulers, tasks, seeds, points = losses.shape
    names = {
        "schedulers": tuple(f"scheduler-{i}" for i in range(schedulers)),
        "tasks": tuple(f"task-{i}" for i in range(tasks)),
        "seeds": tuple(range(seeds)),
        "x": np.arange(1.0, points + 1),
    }
    return Scores(losses, **(names | others))


@st.composite
def some_losses(
    draw: st.DrawFn, schedulers: int = 4, tasks: int = 3, seeds: int = 6, points: int = 2, missing: bool = True
) -> np.ndarray:
    """(S, K, N, T) losses with ties, and with NaN if `missing`; sizes up to those given, two seeds at least."""
    shape = [draw(st.integers(1, size)) for size in (schedulers, tasks)] + [draw(st.integers(2, seeds)), points]
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    losses = generator.lognormal(size=shape)
    levels = draw(st.sampled_from([2, 5, None]))
    losses = losses if levels is None else np.round(losses * levels) / levels
    if missing:
        losses[generator.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))] = np.nan
    return losses


@dataclass(frozen=True)
class Population:
    """What losses are drawn from: scheduler i's are those of the tasks' distributions times 1 + 0.2 i."""

    kinds: tuple[tuple[str, float], ...]
    schedulers: int = 2

    def scales(self, scheduler: int) -> list[float]:
        return [scale * (1 + 0.2 * scheduler) for _, scale in self.kinds]

    def draw(self, seeds: int, studies: int, seed: int) -> Scores:
        """(S, K, N, T) where T are independent studies, and not points of an axis."""
        generator = np.random.default_rng(seed)
        shape = (len(self.kinds), seeds, studies)
        shared, own = generator.standard_normal((1, *shape)), generator.standard_normal((self.schedulers, *shape))
        uniform = stats.norm.cdf(np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own)
        losses = np.empty_like(uniform)
        for k, (kind, _) in enumerate(self.kinds):
            for i in range(self.schedulers):
                losses[i, k] = self.scales(i)[k] * STANDARD[kind].ppf(uniform[i, k])
        return scores_of(losses)

    def mean(self, scheduler: int) -> float:
        scales = self.scales(scheduler)
        return float(np.mean([s * STANDARD[kind].mean() for (kind, _), s in zip(self.kinds, scales, strict=True)]))

    def quantile(self, scheduler: int, q: float) -> float:
        """Of the mixture of all tasks, by root finding."""
        parts = list(zip(self.kinds, self.scales(scheduler), strict=True))
        return float(brentq(lambda x: np.mean([STANDARD[kind].cdf(x / s) for (kind, _), s in parts]) - q, -100, 1000))

    def iqm(self, scheduler: int) -> float:
        """The mean of the mixture between its quartiles, by integration."""
        low, high = self.quantile(scheduler, 0.25), self.quantile(scheduler, 0.75)
        parts = zip(self.kinds, self.scales(scheduler), strict=True)
        return float(
            np.mean([s * STANDARD[kind].expect(lambda x: x, lb=low / s, ub=high / s) for (kind, _), s in parts]) / 0.5
        )

    def improvement(self, scheduler: int, other: int) -> float:
        """P(a run of the scheduler is better than an independent one of the other), by integration."""
        found = []
        for (kind, _), s, o in zip(self.kinds, self.scales(scheduler), self.scales(other), strict=True):
            law = STANDARD[kind]
            found.append(quad(lambda x, law=law, s=s, o=o: law.pdf(x / s) / s * law.sf(x / o), -10, 100, limit=200)[0])
        return float(np.mean(found))

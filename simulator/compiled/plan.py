"""The built-in rung schedulers as plans: numbers that the compiled event loop goes by."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np

from simulator.compiled.loop import PROMOTION, STOPPING, SYNCHRONOUS, Plan
from simulator.events import MOST_TRIALS
from simulator.protocol import Scheduler
from simulator.rungs import fraction
from simulator.schedulers.asha_promotion import AshaPromotion
from simulator.schedulers.asha_stopping import AshaStopping
from simulator.schedulers.hyperband import Hyperband
from simulator.schedulers.random import RandomSearch
from simulator.schedulers.successive_halving import SuccessiveHalving
from simulator.stage import Stage

PLANNED: tuple[type[Scheduler], ...] = (AshaPromotion, AshaStopping, Hyperband, RandomSearch, SuccessiveHalving)
LARGEST = 1 << 62  # two of them add up within 64 bits, and no rung holds so many


def plan_of(stage: Stage) -> Plan:
    """The plan of a run's scheduler, one of `PLANNED`, which is set up.

    Raises:
        OverflowError: the share of a rung is no fraction of 64 bits.
    """
    scheduler, r_max = stage.scheduler, stage.context.r_max
    if isinstance(scheduler, AshaStopping):
        levels, shares = _rungs(scheduler, stage)
        if scheduler.rule == "quantile":  # good enough are floor((n - 1) * q) + 1 of n values
            begun = [1 - q for q in shares]
        else:  # floor(n * q) + 1, or floor(n * q) and at least one
            begun = [Fraction(scheduler.rule == "share")] * len(shares)
        return _plan(STOPPING, stage, levels, shares, begun, least=1, min_entries=scheduler.min_entries)
    if isinstance(scheduler, AshaPromotion):
        levels, shares = _rungs(scheduler, stage)
        if scheduler.rule == "quantile":
            return _plan(PROMOTION, stage, levels, shares, [1 - q for q in shares], min_entries=2, ties=True)
        return _plan(PROMOTION, stage, levels, shares, [Fraction(0)] * len(shares))
    if isinstance(scheduler, SuccessiveHalving):
        brackets = [scheduler._sizes]
        return _plan(
            SYNCHRONOUS, stage, scheduler._levels, brackets=brackets, eta=scheduler.eta, overlap=scheduler.overlap
        )
    if isinstance(scheduler, Hyperband):
        brackets = scheduler._sizes
        return _plan(
            SYNCHRONOUS, stage, scheduler._levels, brackets=brackets, eta=scheduler.eta, overlap=scheduler.overlap
        )
    return _plan(STOPPING, stage, [r_max])  # random search: no rung to stop at


def _rungs(scheduler: AshaStopping | AshaPromotion, stage: Stage) -> tuple[list[float], list[Fraction]]:
    """The rung levels and r_max; the share q of each rung."""
    context = stage.context
    levels = [*context.rung_levels(scheduler.r_min, scheduler.eta, levels=scheduler.levels), context.r_max]
    if scheduler.quantiles == "eta":
        return levels, [1 / fraction(scheduler.eta)] * (len(levels) - 1)
    return levels, [fraction(low) / fraction(high) for low, high in pairwise(levels)]


def _plan(
    kind: int,
    stage: Stage,
    levels: Sequence[float],
    shares: Sequence[Fraction] = (),
    begun: Sequence[Fraction] = (),
    least: int = 0,
    min_entries: int = 1,
    ties: bool = False,
    brackets: Sequence[Sequence[int]] = ((),),
    eta: float = 3,
    overlap: bool = True,
) -> Plan:
    """A `Plan`; what is not given is not asked for in one of this kind."""
    # A share that is too small to give one of all trials is none, however many digits it takes to write it down.
    shares = [q if q.numerator * MOST_TRIALS >= q.denominator else Fraction(0) for q in shares]
    if any(q.denominator > LARGEST for q in shares):
        raise OverflowError
    sizes = np.zeros((len(brackets), len(levels)), dtype=np.int64)
    for row, bracket in zip(sizes, brackets, strict=True):
        row[: len(bracket)] = [min(size, LARGEST) for size in bracket]
    reduction = fraction(min(eta, 2 * MOST_TRIALS))
    return Plan(
        kind=kind,
        levels=np.array([stage.grid[level] for level in levels], dtype=np.int64),
        over=np.array([q.numerator for q in shares], dtype=np.int64),
        under=np.array([q.denominator for q in shares], dtype=np.int64),
        begun=np.array([int(b * q.denominator) for b, q in zip(begun, shares, strict=True)], dtype=np.int64),
        least=least,
        min_entries=min_entries,
        ties=ties,
        sizes=sizes,
        eta_over=reduction.numerator,
        eta_under=reduction.denominator,
        overlap=overlap,
    )

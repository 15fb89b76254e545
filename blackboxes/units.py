"""Units of resource: does cost scale with r, and a view of a table in a unit of which each costs the same.

Multi-fidelity schedulers assume that the time of an evaluation is roughly proportional to its resource. Where it is
not, r has to be mapped to another unit.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf, nan

import numpy as np

from blackboxes.catalogue import COST
from blackboxes.errors import BlackboxError
from blackboxes.table import Blackbox

EXPONENT_TOLERANCE = 0.1  # an exponent off by this makes a unit 1.55 times as dear at r = 81 as at r = 1
SPREAD_TOLERANCE = 1.5
TIE = 1e-9  # relative distance of mapped resources that cost the same


def cost_exponent(table: Blackbox) -> float:
    """The exponent b of elapsed ~ r^b: the median over curves of each curve's least-squares slope in log-log.

    Over the curves that are measured to r_max, or over all where none is; the median, since times have heavy tails
    and a few curves ran on another machine. Resources that took no time are left out. Elapsed is what it takes to get
    to r from nothing: for a table that is trained from scratch the cost of one evaluation at r.

    Returns:
        b, or NaN where no curve has two resources that took time.
    """
    complete = table.lengths == len(table.resources)
    rows, replicates = np.nonzero(complete if complete.any() else table.lengths)
    log_r = np.log(table.resources.astype(np.float64))
    slopes: list[np.ndarray] = []
    step = max(1, (1 << 20) // len(log_r))
    for start in range(0, len(rows), step):
        elapsed = table.elapsed[rows[start : start + step], replicates[start : start + step]]
        with np.errstate(divide="ignore"):
            log_t = np.log(elapsed)
        counts = np.isfinite(log_t)  # neither missing nor zero
        n = np.maximum(counts.sum(axis=1), 1)[:, None]
        x = np.where(counts, log_r - np.where(counts, log_r, 0.0).sum(axis=1, keepdims=True) / n, 0.0)
        y = np.where(counts, log_t, 0.0)
        varied = counts.sum(axis=1) > 1
        slopes.append((x * y).sum(axis=1)[varied] / (x * x).sum(axis=1)[varied])
    found = np.concatenate(slopes)
    return float(np.median(found)) if len(found) else nan


def unit_cost_spread(table: Blackbox) -> float:
    """How many times as much a unit costs at the dearest resource as at the cheapest: extremes of mean elapsed / r.

    Infinite where getting to some resource takes no time. An exponent near 1 may hide that: 0.05 + r^2 has both a
    flat and a steep part.
    """
    per_unit = np.array(_mean_elapsed(table)) / table.resources
    return float(per_unit.max() / per_unit.min()) if per_unit.min() > 0 else inf


def cost_scales(table: Blackbox) -> bool:
    """Whether the time of an evaluation is roughly proportional to r: the fitted exponent is within 0.1 of 1, and a
    unit costs at most 1.5 times as much at one resource as at another."""
    return _scales(cost_exponent(table), unit_cost_spread(table))


def _scales(exponent: float, spread: float) -> bool:
    return abs(exponent - 1) <= EXPONENT_TOLERANCE and spread <= SPREAD_TOLERANCE


def describe_cost(table: Blackbox) -> str:
    """The fitted exponent in words, with the view to take where cost does not scale with r.

    >>> describe_cost(table)
    'elapsed ~ r^1.84: cost does not scale with r, svm:letter@cost views the table in units of equal cost'
    """
    exponent, spread = cost_exponent(table), unit_cost_spread(table)
    if np.isnan(exponent):
        return "unknown, no curve has two resources that took time"
    if _scales(exponent, spread):
        return f"elapsed ~ r^{exponent:.2f}: cost scales with r"
    bent = abs(exponent - 1) <= EXPONENT_TOLERANCE
    why = f", but a unit costs {spread:.3g} times as much at one resource as at another" if bent else ""
    view = "" if table.task.endswith(COST) else f", {table.name}{COST} views the table in units of equal cost"
    return f"elapsed ~ r^{exponent:.2f}{why}: cost does not scale with r{view}"


def equal_cost(table: Blackbox) -> Blackbox:
    """The same table in a unit of which each costs the same time on average; arrays are shared, only resources change.

    Resource r becomes c(r), the mean time to get there as a multiple of the mean time to the first resource: the
    first is 1, r_max the number of units that a full evaluation costs. Where some curves end early, c grows from one
    resource to the next as the mean time of the curves that have both. c(r) has six significant digits where these
    tell all resources apart. Resources that cost the same stay apart by a billionth.

    Returns:
        The table ``family:task@cost``.

    Raises:
        BlackboxError: the first resource takes no time, so there is no unit; or the table is such a view already.
    """
    if table.task.endswith(COST):
        raise BlackboxError(f"{table.name} is viewed in units of equal cost already")
    costs = _mean_elapsed(table)
    if not costs[0] > 0:
        raise BlackboxError(
            f"{table.name}: getting to resource {table.resource_list[0]} takes no time, so it can be no unit of cost"
        )
    mapped = [1.0]
    for cost in costs[1:]:
        mapped.append(max(cost / costs[0], mapped[-1] * (1 + TIE)))
    rounded = [float(f"{c:.6g}") for c in mapped]
    if all(a < b for a, b in pairwise(rounded)):
        mapped = rounded
    return table.replaced(resources=np.array(mapped), task=table.task + COST, resource_unit="cost unit")


def _mean_elapsed(table: Blackbox) -> list[float]:
    """Mean seconds to each resource, chained over the curves that are measured at both of two neighbours."""
    n, replicates, size = table.elapsed.shape
    # Whole seconds and nanoseconds apart: sums of integers are exact in whichever order NumPy adds.
    here, before = np.zeros((2, size), dtype=np.int64), np.zeros((2, size), dtype=np.int64)
    counts = np.zeros(size, dtype=np.int64)
    step = max(1, (1 << 20) // (replicates * size))
    for start in range(0, n, step):
        elapsed = table.elapsed[start : start + step]
        measured = ~np.isnan(elapsed)
        known = np.where(measured, elapsed, 0.0)
        whole = np.floor(known)
        for k, part in enumerate((whole, np.rint((known - whole) * 1e9))):
            here[k] += part.astype(np.int64).sum(axis=(0, 1))
            before[k, 1:] += (part[:, :, :-1] * measured[:, :, 1:]).astype(np.int64).sum(axis=(0, 1))
        counts += measured.sum(axis=(0, 1))
    costs: list[float] = []
    cost = 0.0
    for j, count in enumerate(counts.tolist()):
        now, then = (int(whole) * 10**9 + int(ticks) for whole, ticks in (here[:, j], before[:, j]))
        if then > 0:
            cost *= now / then
        elif count:  # those that are left took no time up to here, or this is the first resource
            cost += now / count / 1e9
        costs.append(cost)
    return costs

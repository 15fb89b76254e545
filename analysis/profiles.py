"""Profiles: the share of problems solved within a budget that is measured by the best scheduler, or in units.

A problem is one seed of one task. It is solved when its target is reached.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.runs import RunsError
from analysis.targets import Reached, shares


def performance_profile(reached: Reached) -> pd.DataFrame:
    """The share of problems that each scheduler solves within a factor of the best one's time (Dolan & Moré 2002).

    The best time is the shortest on that very problem, so the share at factor 1 is how often a scheduler was the first
    (or among the first), and where the curve ends how often it got there at all. A problem that nobody solved counts as
    unsolved by all. The factor, and so the curve, depends on who takes part (Gould & Scott 2016): with more than two
    schedulers read who is best, not who comes second.

    Columns: scheduler, `factor` (1 at first, then where the share changes), `share` from there on, and `lower` and
    `upper`, its 95% confidence interval for other seeds of the same tasks, see `analysis.targets.shares`.
    """
    times = np.where(reached.reached, reached.times, np.inf)
    best = times.min(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        factors = np.where(times == best, 1.0, times / best)
    factors[~reached.reached] = np.inf  # also where nobody got there
    return _profile(reached, factors, "factor", 1.0)


def data_profile(reached: Reached, unit: float | Sequence[float] | np.ndarray) -> pd.DataFrame:
    """The share of problems that each scheduler solves within so many units of time (Moré & Wild 2009).

    Here the unit is a mean full training of the problem's table, so that small and large tables go together. A run that
    ended without its target has not solved its problem at any time: where some runs were let go on for longer than
    others, read the profile up to the end of the shortest. It does not depend on who else takes part.

    Args:
        reached: the runs.
        unit: what a mean full training takes, in the unit of the times: one number, or one for each task, (K,).

    Columns: scheduler, `units` (0 at first, then where the share changes), and `share`, `lower` and `upper` as in
    `performance_profile`.

    Raises:
        RunsError: a unit that is no number above 0, or not one for each task.
    """
    units = np.asarray(unit, dtype=np.float64)
    if units.shape not in ((), (len(reached.tasks),)):
        raise RunsError(f"the unit is one number, or one for each of {len(reached.tasks)} tasks: not {units.shape}")
    if not (np.isfinite(units) & (units > 0)).all():
        raise RunsError(f"the unit is a time above 0, not {unit}")
    times = np.where(reached.reached, reached.times / np.broadcast_to(units, reached.times.shape[1])[:, None], np.inf)
    return _profile(reached, times, "units", 0.0)


def _profile(reached: Reached, budgets: np.ndarray, name: str, start: float) -> pd.DataFrame:
    """The share of problems that need at most so much; `budgets`: (S, K, N), inf where unsolved."""
    parts = []
    for scheduler, needed in zip(reached.schedulers, budgets, strict=True):
        at = np.unique(np.concatenate([[start], needed[np.isfinite(needed)]]))
        share, lower, upper = shares(needed[..., None] <= at)
        parts.append(pd.DataFrame({"scheduler": scheduler, name: at, "share": share, "lower": lower, "upper": upper}))
    return pd.concat(parts, ignore_index=True)

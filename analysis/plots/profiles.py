"""Performance profiles and data profiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.plots.targets import Steps, about, draw_shares
from analysis.profiles import data_profile, performance_profile
from analysis.style import new_axes, tidy
from analysis.targets import Reached

SHARE = "share of problems solved"
ROOM = 1.05  # times the last moment is where the axis ends, or what happens at that moment could not be seen


def plot_performance_profile(reached: Reached, ax: Axes | None = None) -> Axes:
    """The share of problems solved within a factor of the best scheduler's time, and its 95% interval behind it.

    On the left: how often a scheduler was the first; on the right: how often it got there at all. See
    `analysis.performance_profile`. Names are drawn as they are, without TeX; the axis is logarithmic.

    Args:
        reached: the runs.
        ax: where to draw, the legend beside it; a figure of its own, wide enough, by default.
    """
    is_own = ax is None
    ax = new_axes() if ax is None else ax
    profile = performance_profile(reached)
    steps = _steps(profile, reached, "factor", max(2.0, ROOM * float(profile["factor"].max())))
    draw_shares(ax, steps, reached, 1.0, is_own=is_own)
    ax.set_xlim(left=1.0)
    tidy(ax, about(reached), "time, as a multiple of the shortest on the same problem", SHARE)
    return ax


def plot_data_profile(reached: Reached, unit: float | Sequence[float] | np.ndarray, ax: Axes | None = None) -> Axes:
    """The share of problems solved within so many mean full trainings, and its 95% interval behind it.

    It goes to the end of the longest run. See `analysis.data_profile`. Names are drawn as they are, without TeX; the
    axis is logarithmic where it can be.

    Args:
        reached: the runs.
        unit: what a mean full training takes: one number, or one for each task.
        ax: where to draw, the legend beside it; a figure of its own, wide enough, by default.

    Raises:
        RunsError: a unit that is no number above 0, or not one for each task.
    """
    profile = data_profile(reached, unit)
    is_own = ax is None
    ax = new_axes() if ax is None else ax
    first = profile["units"][profile["share"] > 0]
    end = ROOM * float((reached.times / np.broadcast_to(unit, reached.times.shape[1])[:, None]).max())
    steps = _steps(profile, reached, "units", end)
    draw_shares(ax, steps, reached, float(first.min()) if len(first) else 0.0, is_own=is_own)
    tidy(ax, about(reached), "time (mean full trainings)", SHARE)
    return ax


def _steps(profile: pd.DataFrame, reached: Reached, x: str, last: float) -> list[Steps]:
    """Each scheduler's part of a profile, up to the end of the axis."""
    found = []
    for scheduler in reached.schedulers:
        part = profile[profile["scheduler"] == scheduler]
        share, lower, upper = (np.append(part[column], part[column].iloc[-1]) for column in ("share", "lower", "upper"))
        found.append((np.append(part[x], last), share, lower, upper))
    return found

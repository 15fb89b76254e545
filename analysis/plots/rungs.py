"""How rungs filled up over simulated time."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.plots.workers import TIME, over_time, told
from analysis.rungs import levels, occupancy, some_of
from analysis.style import SIZE, legend_beside, new_axes, plain_ticks, tidy
from blackboxes import BlackboxError
from simulator import Trace


def plot_rungs(trace: Trace, ax: Axes | None = None) -> Axes:
    """How many trials had reported at each rung by each time; the legend tells how many of them went on from there.

    A rung is a resource at which the scheduler decided, or r_max where trials got there; its reports are those of all
    brackets. Of more than 8 rungs, those are drawn that are nearest to r_max / 3^k, and the title says so. Lines are
    the darker the lower the rung. The number of trials is logarithmic where that helps.

    Args:
        trace: any.
        ax: where to draw, the legend beside it; a figure of its own by default.
    """
    is_own = ax is None
    ax = new_axes((SIZE[0], SIZE[1] - 0.6)) if ax is None else ax
    every = levels(trace)
    shown = some_of(every)
    end = trace.info.end / 1e9
    shades = colormaps["viridis"](np.linspace(0.0, 0.88, len(shown)))
    handles, names, most = [], [], []
    for level, shade in zip(shown.tolist(), shades, strict=True):
        rung = occupancy(trace, level)
        times = np.concatenate([rung.times[:1], rung.times, [end]])
        counts = np.concatenate([np.arange(len(rung) + 1), [len(rung)]])
        handles += ax.step(times, counts, where="post", color=shade, linewidth=1.9)
        went_on = f", {rung.went_on.sum():,} went on" if level < every[-1] or rung.went_on.any() else ""
        names.append(f"{_amount(trace, level)}: {len(rung):,} reported{went_on}")
        most.append(len(rung))
    if not len(shown):
        ax.text(0.5, 0.5, "no trial has reported", ha="center", va="center", transform=ax.transAxes)
    title = f"Rungs of {told(trace)}"
    if len(shown) < len(every):
        title += f": {len(shown)} of the {len(every)} resources with reports"
    tidy(ax, title, TIME, "trials that had reported")
    if most and max(most) > 8 * min(most):
        ax.set_yscale("log")
        ax.set_ylim(0.9, 1.2 * max(most))
        plain_ticks(ax.yaxis, 0.9, 1.2 * max(most))
    else:
        ax.set_ylim(0, 1.05 * max([1, *most]))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    over_time(ax, trace)
    legend_beside(ax, handles, names, widen=is_own)
    return ax


def _amount(trace: Trace, resource: float) -> str:
    """In the table's unit, where it can be loaded."""
    try:
        unit = trace.table.resource_unit
    except BlackboxError:
        return f"resource {resource:g}"
    return f"{resource:g} {unit}{'s' * (resource != 1)}"

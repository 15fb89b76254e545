"""How wide the interval of a difference is, by the number of seeds."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from analysis.seeds import REACH, IntervalWidths
from analysis.style import COLOURS, legend_beside, new_axes, plain_ticks, tidy

SPAN = 1e5  # of the widths in view; differences that are all equal but for rounding have next to none


def plot_seeds(widths: IntervalWidths, ax: Axes | None = None) -> Axes:
    """The half width of the interval against seeds, both logarithmic, and the observed difference as a line.

    Where the curve falls below the line, the interval of such a difference does not contain zero: that number of seeds
    is marked, if it is within reach.

    Args:
        widths: from `analysis.interval_widths`.
        ax: where to draw, the legend beside it; a figure of its own, wide enough, by default.
    """
    is_own = ax is None
    ax = new_axes() if ax is None else ax
    numbers, halves, difference, needed = widths.numbers, widths.half_widths, abs(widths.difference), widths.needed
    about = f"about {float(f'{needed:.2g}'):.0f}" if needed is not None and needed > widths.seeds else f"{needed}"
    enough = f"{about} seeds are enough" if needed is not None else f"{REACH} seeds are not enough"
    positive = halves > 0  # NaN is not
    run = positive & ~widths.extrapolated
    joined = positive & (numbers >= widths.seeds)  # the two parts meet at what was run
    handles, names = [], []
    for part, line, name in ((run, "-", "subsets of the seeds run"), (joined, "--", "extrapolated")):
        if part.any():
            handles += ax.plot(numbers[part], halves[part], line, color=COLOURS[0], linewidth=1.9)
            names.append(name)
    at = positive & (numbers == widths.seeds)
    if at.any():
        handles += ax.plot(numbers[at], halves[at], "o", color=COLOURS[0], markersize=5)
        names.append(f"all {widths.seeds} seeds")
    if difference > 0:
        handles.append(ax.axhline(difference, color=COLOURS[1], linewidth=1.4))
        names.append(f"observed difference, {difference:.3g}")
    if needed is not None and numbers[0] <= needed <= numbers[-1]:
        ax.axvline(needed, color="0.45", linestyle=":", linewidth=1.2)
        handles += ax.plot([needed], [difference], "D", color=COLOURS[1], markersize=7, clip_on=False)
        names.append(enough)
    ax.set_xscale("log")
    first, last = float(numbers[0]), float(numbers[-1])
    first, last = (first, last) if first < last else (first / 2, 2 * last)
    ax.set_xlim(first, last * 1.002)  # or a tick at the very end may be missing
    plain_ticks(ax.xaxis, first, last)
    shown = np.append(halves[positive], [difference] if difference > 0 else [])
    if len(shown):
        high = float(shown.max()) * 1.15
        low = max(float(shown.min()) / 1.15, high / SPAN)
        ax.set_yscale("log")
        ax.set_ylim(low, high)
        plain_ticks(ax.yaxis, low, high)
    else:
        ax.set_yticks([])
    if not difference > 0:
        enough = "a run has no result" if np.isnan(difference) else "there is no difference"
        ax.text(0.5, 0.5, enough, ha="center", va="center", transform=ax.transAxes)
    of_each = "" if widths.tasks == 1 else f" of each of {widths.tasks} tasks"
    title = f"{widths.scheduler} against {widths.other}, paired by seed: {enough}"
    tidy(ax, title, f"seeds{of_each}", f"half width of the 95% interval: {widths.y_label}")
    legend_beside(ax, handles, names, widen=is_own)
    return ax

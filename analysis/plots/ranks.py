"""Average ranks over time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.ranks import average_ranks
from analysis.scores import Scores
from analysis.style import label, legend_beside, look, new_axes, plain_ticks, tidy


def plot_ranks(scores: Scores, ax: Axes | None = None) -> Axes:
    """The average rank of each scheduler at each point of the axis, rank 1 on top, with its 95% interval behind it.

    It begins with the first result of any run. Names are drawn as they are, without TeX. The axis is logarithmic where
    that is possible; for a single point of it, schedulers stand side by side.

    Args:
        scores: what is ranked, see `analysis.average_ranks`.
        ax: where to draw, the legend beside it; a figure of its own, wide enough, by default.
    """
    is_own = ax is None
    ax = new_axes() if ax is None else ax
    found = np.flatnonzero(np.isfinite(scores.losses).any(axis=(0, 1, 2)))
    start = int(found[0]) if len(found) else len(scores.x)
    ranks, x, schedulers = average_ranks(scores), scores.x[start:], len(scores.schedulers)
    lines = []
    for i in range(schedulers):
        middle, lower, upper = (part[i, start:] for part in (ranks.mean, ranks.lower, ranks.upper))
        style, alpha = look(i), 0.5 / max(4, schedulers)
        if len(x) == 1:
            lines += ax.plot([i], middle, "o", color=style["color"])
            ax.vlines([i], lower, upper, color=style["color"], linewidth=1.4)
        else:
            ax.fill_between(x, lower, upper, step="post", color=style["color"], alpha=alpha, linewidth=0)
            lines += ax.step(x, middle, where="post", **style)
    x_label = scores.x_label
    if not len(x):
        ax.text(0.5, 0.5, "no run has a result", ha="center", va="center", transform=ax.transAxes)
        ax.set_xticks([])
    elif len(x) == 1:
        ax.set_xticks([])
        x_label += f": {x[0]:g}" if np.isfinite(x[0]) else ": the end"
    elif 0 < x[0] < x[-1]:
        ax.set_xscale("log")
        ax.set_xlim(x[0], x[-1] * 1.002)  # or a tick at the very end may be missing
        plain_ticks(ax.xaxis, float(x[0]), float(x[-1]))
    edge = 0.03 * max(1, schedulers - 1)  # for lines on rank 1
    ax.set_ylim(max(2, schedulers) + edge, 1 - edge)
    ax.yaxis.set_major_locator(MaxNLocator(10, integer=True))
    tasks, seeds = len(scores.tasks), len(scores.seeds)
    title = f"{scores.tasks[0]}: " if tasks == 1 else f"{tasks} tasks: "
    title += f"average rank over {seeds} seed" + ("s" if seeds > 1 else "") + (" each" if tasks > 1 else "")
    tidy(ax, title + (", with 95% intervals" if seeds > 1 else ""), x_label, "average rank (1 is best)")
    legend_beside(ax, lines, [label(name) for name in scores.schedulers], widen=is_own)
    return ax

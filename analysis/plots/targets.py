"""How many runs got to their target, over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis.style import label, legend_beside, look, new_axes, plain_ticks, tidy
from analysis.targets import Reached, survival

Steps = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def plot_time_to_target(reached: Reached, ax: Axes | None = None) -> Axes:
    """The share of runs that got to their target, over time: a step curve a scheduler, its 95% interval behind it.

    It is one minus the estimate of `analysis.targets.survival`, of all tasks together where there are several. A small
    upright line marks where runs ended without; a curve ends where it is not known how it goes on. Names are drawn as
    they are, without TeX. Time is logarithmic where that is possible.

    Args:
        reached: the runs.
        ax: where to draw, the legend beside it; a figure of its own, wide enough, by default.
    """
    is_own = ax is None
    ax = new_axes() if ax is None else ax
    end = 1.05 * float(reached.times.max())  # or what happens at the very end could not be seen
    steps: list[Steps] = []
    for s, scheduler in enumerate(reached.schedulers):
        curve = survival(reached, scheduler)
        last = end if curve.shares[-1] <= 0 else float(curve.times[-1])
        at = np.concatenate([[0.0], curve.times, [last]])
        share, lower, upper = (
            1 - np.concatenate([[1.0], part, part[-1:]]) for part in (curve.shares, curve.upper, curve.lower)
        )
        steps.append((at, share, lower, upper))
        ended = np.unique(reached.times[s][~reached.reached[s]])
        ended = ended[(ended > 0) & (ended <= last)]
        ax.plot(ended, share[np.searchsorted(at, ended, side="right") - 1], "|", color=look(s)["color"], markersize=7)
    first = reached.times[reached.reached]
    draw_shares(ax, steps, reached, float(first.min()) if len(first) else 0.0, is_own=is_own)
    tidy(ax, about(reached), reached.x_label, "share of runs that got there")
    return ax


def draw_shares(ax: Axes, steps: Sequence[Steps], reached: Reached, first: float, *, is_own: bool) -> None:
    """Shares as step curves with their intervals, the legend, and axes that suit them.

    Args:
        ax: where.
        steps: for each scheduler where its share changes, the share from there on, and the ends of its interval.
        reached: the runs.
        first: where something happens at first; the axis is logarithmic if that is above 0.
        is_own: whether the figure may grow.
    """
    last = max(float(at[-1]) for at, *_ in steps)
    is_log = 0 < first < last
    left = first / (last / first) ** 0.03 if is_log else 0.0
    lines = []
    for s, (at, share, lower, upper) in enumerate(steps):
        style, alpha = look(s), 0.5 / max(4, len(steps))
        at = np.maximum(at, left)
        ax.fill_between(at, lower, upper, step="post", color=style["color"], alpha=alpha, linewidth=0)
        lines += ax.step(at, share, where="post", **style)
    if not reached.reached.any():
        ax.text(0.5, 0.5, "no run got there", ha="center", va="center", transform=ax.transAxes)
    if is_log:
        ax.set_xscale("log")
        plain_ticks(ax.xaxis, left, last)
    ax.set_xlim(left, last * 1.002 if last > 0 else 1.0)  # or a tick at the very end may be missing
    ax.set_ylim(-0.02, 1.02)
    legend_beside(ax, lines, [label(name) for name in reached.schedulers], widen=is_own)


def about(reached: Reached) -> str:
    """Which runs these are, and what they had to reach, for a title."""
    tasks, seeds = len(reached.tasks), len(reached.seeds)
    which = reached.tasks[0] if tasks == 1 else f"{tasks} tasks"
    counted = f"{seeds} seed" + ("s" if seeds > 1 else "") + (" each" if tasks > 1 else "")
    return f"{which}, {counted}, with 95% intervals. Target: {reached.target}"

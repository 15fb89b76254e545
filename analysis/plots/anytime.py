"""Anytime curves, of one task and of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.aggregates import How
from analysis.anytime import Band, anytime
from analysis.curves import Curves, curves, grid
from analysis.pairing import tasks as tasks_of
from analysis.runs import RunsError
from analysis.style import (
    BOUND,
    DPI,
    add_trainings,
    is_wide,
    label,
    legend_beside,
    look,
    new_axes,
    plain_ticks,
    tidy,
    wrapped,
)
from simulator import clairvoyant

COLUMNS = 3
TASK_SIZE = (4.2, 3.4)  # inches, of each task in a grid
TASK_LABEL, TASK_TITLE = 34, 52  # characters on a line of a label, and of the title above each column
SPAN = 500  # the first results of a long run would take up half of the time axis, and most of the other one


def plot_anytime(
    runs: pd.DataFrame | Curves, ax: Axes | None = None, how: How = "median", band: Band = "quartiles"
) -> Axes:
    """Anytime curves of one table: median over seeds, and the interquartile band behind it.

    Time is shown from the first result on, or from the first 500th of the end. Names are drawn as they are, without
    TeX. Axes are logarithmic where that helps and no value is zero or less. A thin grey line is the clairvoyant bound
    where it is among the runs: at no time can a scheduler's value be better.

    Args:
        runs: of one table and one cluster; or their `analysis.curves`, for another score, incumbent or axis.
        ax: where to draw, the legend beside it; a figure of its own, wide enough, by default (`ax.figure.savefig`
            or `analysis.save_picture` writes it).
        how, band: see `analysis.anytime`.

    Raises:
        RunsError: as for `analysis.anytime`.
    """
    some = curves(runs)
    is_own = ax is None
    ax = new_axes() if ax is None else ax
    names = list(some.schedulers)
    lines = _draw(ax, some, how, band, names)
    tidy(ax, _title(some, how, band), some.x_label, some.y_label)
    if some.x == "time":
        add_trainings(ax, float(some.runs["full_training"].iloc[0]))
    legend_beside(ax, lines, [label(name) for name in names], widen=is_own)
    return ax


def plot_tasks(
    runs: pd.DataFrame | Curves,
    axes: Sequence[Axes] | None = None,
    how: How = "median",
    band: Band = "quartiles",
) -> list[Axes]:
    """Anytime curves of several tasks, one Axes each, and one legend beside the last.

    Labels that all tasks share stand on the left and at the bottom only; where metrics or units differ, at each Axes.

    Args:
        runs: or their `analysis.curves`.
        axes: as many as there are tasks; a grid in a figure of its own by default, `COLUMNS` wide, whose title tells
            what the curves and bands are.
        how, band: see `analysis.anytime`.

    Returns:
        The Axes, in the order of the tasks' first runs.

    Raises:
        RunsError: as for `analysis.anytime`, or another number of Axes.
    """
    some = curves(runs)
    tasks = tasks_of(some.runs)
    names = list(dict.fromkeys(tasks.tolist()))
    width = min(len(names), COLUMNS)
    height = -(-len(names) // width)
    is_own = axes is None
    if axes is None:
        size = (width * TASK_SIZE[0], height * TASK_SIZE[1])
        axes = (
            Figure(figsize=size, dpi=DPI, layout="constrained").subplots(height, width, squeeze=False).ravel().tolist()
        )
        for ax in axes[len(names) :]:
            ax.remove()
        axes = axes[: len(names)]
    if len(axes) != len(names):
        raise RunsError(f"there are {len(axes)} Axes for {len(names)} tasks")
    schedulers = list(some.schedulers)
    each = [some.where(tasks == name) for name in names]
    one_x, one_y = (len({getattr(own, axis) for own in each}) == 1 for axis in ("x_label", "y_label"))
    lines: dict[str, Line2D] = {}
    for i, (ax, name, own) in enumerate(zip(axes, names, each, strict=True)):
        lines |= dict(zip(own.schedulers, _draw(ax, own, how, band, schedulers), strict=True))
        is_lowest, is_first = i + width >= len(names), i % width == 0
        tidy(ax, name, own.x_label if is_lowest or not one_x else "", own.y_label if is_first or not one_y else "")
        ax.set_ylabel(wrapped(ax.get_ylabel(), TASK_LABEL), parse_math=False)
        ax.tick_params(labelsize=8)
    shown = [name for name in schedulers if name in lines]
    legend_beside(axes[width - 1], [lines[name] for name in shown], [label(name) for name in shown], widen=is_own)
    if is_own:
        figure = axes[0].figure
        assert isinstance(figure, Figure)
        title = wrapped(_title(some, how, band), round(TASK_TITLE * width))
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, parse_math=False)
        across, down = figure.get_size_inches()
        figure.set_size_inches(across, down + 0.2 * (title.count("\n") + 1))
    return list(axes)


def _draw(ax: Axes, some: Curves, how: How, band: Band, order: list[str]) -> list[Line2D]:
    """The curves and their bands, with scales and limits that suit them; the lines by scheduler, the bound last.

    Args:
        order: all schedulers of the picture, by which each has its colour and its line.
    """
    found = anytime(some, grid(some, span=SPAN), how, band)
    groups = list(found.groupby("scheduler", sort=False))
    middles: list[Line2D] = []
    for scheduler, curve in groups:
        if scheduler == clairvoyant.NAME:
            middles += ax.step(curve["x"], curve["middle"], where="post", **BOUND)
            continue
        x, style, alpha = curve["x"], look(order.index(str(scheduler))), 0.5 / max(4, len(groups))
        ax.fill_between(x, curve["lower"], curve["upper"], step="post", color=style["color"], alpha=alpha, linewidth=0)
        middles += ax.step(x, curve["middle"], where="post", **style)

    # Axes are made for the schedulers: the bound begins before them and may well reach a regret of zero.
    schedulers = found if some.is_bound.all() else found[found["scheduler"] != clairvoyant.NAME]
    ends = schedulers[["lower", "middle", "upper"]].to_numpy()
    shown = ends[np.isfinite(ends)]
    known = schedulers["x"][np.isfinite(ends).any(axis=1)]
    if not len(shown):
        ax.text(0.5, 0.5, "too few runs have a result", ha="center", va="center", transform=ax.transAxes)
        ax.set_yticks([])
        known = schedulers["x"]
    first, last = float(known.min()), float(known.max())
    if 0 < first < last:
        ax.set_xscale("log")
        ax.set_xlim(first, last * 1.002)  # or a tick at the very end may be missing
        plain_ticks(ax.xaxis, first, last)
    if is_wide(shown):
        ax.set_yscale("log")
        drawn = found[["lower", "middle"]].to_numpy()
        plain_ticks(ax.yaxis, drawn[drawn > 0].min(), shown.max())
    return middles


def _title(some: Curves, how: How, band: Band) -> str:
    runs, tables, clusters = some.runs, some.runs["table"].unique(), some.runs["cluster"].unique()
    title = tables[0] if len(tables) == 1 else f"{len(tables)} tables"
    title += f", {_counted(runs['workers'], 'worker')}"
    title += f", cluster {clusters[0]}" if len(clusters) == 1 and clusters[0] else ""
    title += f", {len(clusters)} clusters" if len(clusters) > 1 else ""
    seeds = runs.groupby(["scheduler", tasks_of(runs)])["seed"].nunique()
    middle = {"median": "median", "mean": "mean", "iqm": "interquartile mean"}[how]
    around = {"quartiles": "quartiles", "interval": "95% interval"}[band]
    return f"{title}: {middle} and {around} over {_counted(seeds, 'seed')}"


def _counted(numbers: pd.Series, noun: str) -> str:
    """``1 seed``, ``20 seeds``, or ``12 to 20 seeds`` where they differ."""
    low, high = numbers.min(), numbers.max()
    return ("" if low == high else f"{low} to ") + (f"{high} {noun}" if high == 1 else f"{high} {noun}s")

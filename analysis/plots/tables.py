"""What a table holds: how well low fidelities rank configurations, and how long trainings take."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from analysis.rungs import some_of
from analysis.style import COLOURS, legend_beside, new_axes, plain_ticks, tidy, wrapped
from blackboxes import Blackbox
from blackboxes.describe import mean_losses

MOST_CELLS = 11  # resources that a heat map has room for, with a value in each cell
WIDTH = 54  # characters on a line
MOST_POINTS = 2000  # of a curve


def plot_rank_correlation(table: Blackbox, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Spearman's rank correlation between any two resources: a heat map, with values in its cells.

    It is over configurations whose curve was measured to r_max, at their mean over replicates; diverged values rank
    worst (`blackboxes.describe.rank_correlation` has the same numbers for r_max). Of more than 11 resources those are
    drawn that are nearest to r_max / sqrt(3)^k. Crosses are where all values are equal, so that there is no ranking.
    Colours run from 0.5 to 1, from less if need be, and from -1 where correlations are negative.

    Args:
        table: any.
        ax: where to draw, the colour bar beside it; a figure of its own by default.
        metric: the default metric if None.

    Raises:
        BlackboxError: an unknown metric.
    """
    name = table.metric_name(metric)
    ax = new_axes((6.4, 5.2)) if ax is None else ax
    indices = np.searchsorted(table.resources, some_of(table.resources, MOST_CELLS, np.sqrt(3)))
    found, n = rank_correlations(table, name, indices)
    has_negative = bool((found < 0).any())
    low = -1.0 if has_negative else min(0.5, float(np.floor(10 * np.nanmin(found, initial=1.0)) / 10))
    colours = colormaps["PuOr_r" if has_negative else "cividis"].with_extremes(bad="white")
    places = np.arange(len(indices))
    mesh = ax.pcolormesh(places, places, np.ma.masked_invalid(found), cmap=colours, vmin=low, vmax=1.0)
    for (i, j), value in np.ndenumerate(found):
        if np.isnan(value):
            ax.plot(j, i, "x", color="0.6", markersize=6)
            continue
        red, green, blue, _ = colours((value - low) / (1.0 - low))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        ax.text(j, i, _short(value), ha="center", va="center", fontsize=7, color="white" if dark else "black")
    assert ax.figure is not None
    bar = ax.figure.colorbar(mesh, ax=ax, shrink=0.9, pad=0.03)
    bar.set_label("Spearman's rank correlation")
    bar.outline.set_visible(False)
    thinned = "" if len(indices) == len(table.resources) else f", {len(indices)} of {len(table.resources)} resources"
    title = f"{table.name}, {name.replace('_', ' ')}: {_counted(n, 'configuration')} to r_max{thinned}"
    title += ", ×: no ranking" if np.isnan(found).any() else ""
    label = f"resource ({table.resource_unit}s)"
    tidy(ax, title, label, label)
    # The colour bar takes some of the width.
    ax.set_title(wrapped(title, WIDTH), loc="left", fontsize=10, parse_math=False)
    ax.set_xlabel(wrapped(label, WIDTH), parse_math=False)
    ax.grid(False)
    ticks = [f"{table.resource_list[i]:g}" for i in indices]
    rotated: dict[str, Any] = {"rotation": 45, "ha": "right"} if max(map(len, ticks)) > 3 and len(ticks) > 6 else {}
    ax.set_xticks(places, ticks, fontsize=8, **rotated)
    ax.set_yticks(places, ticks, fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_aspect("equal")
    return ax


def rank_correlations(table: Blackbox, metric: str | None = None, indices: Any = None) -> tuple[np.ndarray, int]:
    """Spearman's rank correlation between any two resources.

    Args:
        table: any.
        metric: the default metric if None.
        indices: (R',) which of the table's resources; all by default.

    Returns:
        (R', R') float64, NaN where all values are equal, or fewer than two curves were measured to r_max; and how many
        configurations were.

    Raises:
        BlackboxError: an unknown metric.
    """
    from scipy.stats import rankdata

    indices = np.arange(len(table.resources)) if indices is None else np.asarray(indices)
    means = mean_losses(table, metric)[:, indices]
    found = np.full((len(indices), len(indices)), np.nan)
    told = np.flatnonzero(np.ptp(means, axis=0) > 0) if len(means) > 1 else np.empty(0, dtype=int)
    if len(told):
        found[np.ix_(told, told)] = np.corrcoef(rankdata(means[:, told], axis=0), rowvar=False)
    return found, len(means)


def plot_runtimes(table: Blackbox, ax: Axes | None = None) -> Axes:
    """How long trainings take: the share of configurations that take at most so many seconds.

    One curve is of full trainings, to r_max, one entry a measured curve that gets there (where none does, all curves
    to their end, as in `Blackbox.full_training_time`). The other is of what a unit of resource takes, one entry for
    each step from a resource to the next; on a table trained from scratch, of trainings to the least resource. Dots
    are the quartiles, and the median among them; a diamond is the mean full training, in which budgets such as ``10x``
    are counted.

    Args:
        table: any.
        ax: where to draw, the legend beside it; a figure of its own by default.
    """
    is_own = ax is None
    ax = new_axes() if ax is None else ax
    full, told = _full_trainings(table)
    units, of_units = _units(table)
    handles, names = [], []
    for seconds, name, colour, line in ((full, told, COLOURS[0], "-"), (units, of_units, COLOURS[1], "--")):
        if not len(seconds):
            continue
        x, y = _shares(seconds)
        handles += ax.step(x, y, where="post", color=colour, linestyle=line, linewidth=1.9)
        quartiles = np.quantile(seconds, [0.25, 0.5, 0.75])
        ax.plot(quartiles, [0.25, 0.5, 0.75], "o", color=colour, markersize=5, zorder=3)
        first, median, third = (f"{_seconds(q)}" for q in quartiles)
        names.append(f"{name}: {median} s ({first} to {third})")
    mean = table.full_training_time
    share = float((full <= mean).mean())
    handles += ax.plot(
        [mean],
        [share],
        marker="D",
        linestyle="none",
        color=COLOURS[0],
        markeredgecolor="white",
        markersize=8,
        zorder=3.5,
    )
    names.append(f"mean full training: {_seconds(mean)} s")
    handles.append(Line2D([], [], marker="o", linestyle="none", color="0.3", markersize=5))
    names.append("median (quartiles)")
    every = np.concatenate([full, units])
    positive = every[every > 0]
    if len(positive):
        low, high = float(positive.min()) / 1.1, float(positive.max()) * 1.1
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        plain_ticks(ax.xaxis, low, high)
        if high > 500 * low:
            ax.xaxis.set_major_locator(LogLocator())
    ax.set_ylim(0, 1.02)
    many = f"{_counted(len(table), 'configuration')}, {_counted(table.replicates, 'replicate')}"
    tidy(ax, f"{table.name}: {many}", "time (s)", "share that takes at most so long")
    legend_beside(ax, handles, names, widen=is_own)
    return ax


def _full_trainings(table: Blackbox) -> tuple[np.ndarray, str]:
    """Seconds of all curves to r_max, or else of all curves."""
    complete = table.lengths == len(table.resources)
    rows, replicates = np.nonzero(complete if complete.any() else table.lengths)
    seconds = table.elapsed[rows, replicates, table.lengths[rows, replicates] - 1]
    if not complete.any():
        return seconds, "curve to its end (none gets to r_max)"
    measured = int((table.lengths > 0).sum())
    of_all = "" if len(seconds) == measured else f" ({len(seconds):,} of {measured:,} curves)"
    return seconds, f"full training{of_all}"


def _units(table: Blackbox) -> tuple[np.ndarray, str]:
    """Seconds a unit of resource; nothing where there is one resource alone."""
    unit, grid = table.resource_unit, table.resources.astype(np.float64)
    if len(grid) == 1:
        return np.empty(0), ""
    if not table.resumable:
        first = table.elapsed[:, :, 0]
        return first[~np.isnan(first)], f"training to {_counted(table.resource_list[0], unit)}"
    steps = np.diff(table.elapsed, axis=2, prepend=0.0) / np.diff(grid, prepend=0.0)
    return steps[~np.isnan(steps)], f"one {unit}"


def _shares(seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the share of those that take at most so long rises, and to what; of very many, some of these points."""
    ranked, n = np.sort(seconds), len(seconds)
    at = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(np.int64))
    at = np.searchsorted(ranked, ranked[at], side="right") - 1  # the last of equal ones
    at = np.unique(at)
    return np.concatenate([ranked[:1], ranked[at]]), np.concatenate([[0.0], (at + 1) / n])


def _short(value: float) -> str:
    """Two decimals, as in ``.87`` or ``1``."""
    text = f"{value:.2f}".replace("0.", ".", 1)
    return {"1.00": "1", "-1.00": "\N{MINUS SIGN}1", "-.00": ".00"}.get(text, text.replace("-", "\N{MINUS SIGN}"))


def _seconds(value: float) -> str:
    return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def _counted(number: float, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

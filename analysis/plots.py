"""Pictures. Each is a function that takes runs and an optional Axes and returns the Axes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullFormatter

from analysis.anytime import Score, anytime, time_grid
from analysis.runs import X, along
from simulator import clairvoyant

# Okabe & Ito's colours, told apart by people with any common colour vision, and by line style in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (7, 2)))
BOUND: dict[str, Any] = {"color": "0.45", "linestyle": (0, (4, 2)), "linewidth": 1.0, "zorder": 1.5}  # below the curves
SIZE = (6.2, 4.6)  # inches, without the legend
SECOND_AXIS = 38  # points below the first
SPAN = 500  # the first results of a long run would take up half of the time axis, and most of the other one


X_LABELS = {"time": "simulated time (s)", "cost": "cost of the workers (in the currency of their price)"}


def plot_anytime(runs: pd.DataFrame, score: Score = "reported", ax: Axes | None = None, x: X = "time") -> Axes:
    """Anytime curves of one table: median over seeds, and the interquartile band behind it.

    Time is shown from the first result on, or from the first 500th of the end. Names are drawn as they are, without
    TeX. Axes are logarithmic where that helps and no value is zero or less. A thin grey line is the clairvoyant bound
    where it is among the runs: at no time can a scheduler's value be better.

    Args:
        runs: of one table and one cluster.
        score: what is drawn, see `analysis.anytime.best_so_far`.
        ax: where to draw, the legend beside it; a figure of its own, wide enough, by default (`ax.figure.savefig`
            writes it).
        x: ``"cost"``: money instead of time, see `analysis.by_cost`.

    Raises:
        RunsError: runs of several tables or clusters, no test metric, or no price.
    """
    runs = along(runs, x)
    is_bound = runs["scheduler"] == clairvoyant.NAME
    curves = anytime(runs, score, time_grid(runs if is_bound.all() else runs[~is_bound], span=SPAN))
    figure = None
    if ax is None:
        figure = Figure(figsize=SIZE, dpi=150, layout="constrained")
        ax = figure.add_subplot()
    groups = sorted(curves.groupby("scheduler", sort=False), key=lambda group: group[0] == clairvoyant.NAME)
    medians: list[Line2D] = []
    for i, (scheduler, curve) in enumerate(groups):
        if scheduler == clairvoyant.NAME:
            medians += ax.step(curve["time"], curve["median"], where="post", **BOUND)
            continue
        time, colour, style = curve["time"], COLOURS[i % len(COLOURS)], LINES[i % len(LINES)]
        alpha = 0.5 / max(4, len(groups))
        ax.fill_between(time, curve["lower"], curve["upper"], step="post", color=colour, alpha=alpha, linewidth=0)
        medians += ax.step(time, curve["median"], where="post", color=colour, linestyle=style, linewidth=1.9)

    # Axes are made for the schedulers: the bound begins before them and may well reach a regret of zero.
    schedulers = curves if is_bound.all() else curves[curves["scheduler"] != clairvoyant.NAME]
    quartiles = schedulers[["lower", "median", "upper"]].to_numpy()
    shown = quartiles[np.isfinite(quartiles)]
    known = schedulers["time"][np.isfinite(quartiles).any(axis=1)]
    if not len(shown):
        ax.text(0.5, 0.5, "too few runs have a result", ha="center", va="center", transform=ax.transAxes)
        ax.set_yticks([])
        known = schedulers["time"]
    first, last = float(known.min()), float(known.max())
    if 0 < first < last:
        ax.set_xscale("log")
        ax.set_xlim(first, last * 1.002)  # or a tick at the very end may be missing
        _plain_ticks(ax.xaxis, first, last)
    if len(shown) and shown.min() > 0 and shown.max() > 4 * shown.min():
        ax.set_yscale("log")
        drawn = curves[["lower", "median"]].to_numpy()
        _plain_ticks(ax.yaxis, drawn[drawn > 0].min(), shown.max())
    _label(ax, runs, score)
    ax.set_xlabel(X_LABELS[x])
    if x == "time":
        _add_trainings(ax, float(runs["full_training"].iloc[0]))
    ax.grid(True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    legend = _add_legend(ax, medians, [label(str(scheduler)) for scheduler, _ in groups])
    if figure is not None:  # widened by the legend, so that the axes keep their size
        box = legend.get_window_extent()
        figure.set_size_inches(SIZE[0] + box.width / figure.dpi, max(SIZE[1], box.height / figure.dpi + 0.6))
    return ax


def label(scheduler: str) -> str:
    """What a scheduler is called for readers."""
    return f"{scheduler} (bound)" if scheduler == clairvoyant.NAME else scheduler


def _label(ax: Axes, runs: pd.DataFrame, score: Score) -> None:
    run = runs.iloc[0]
    name = str(run["test_metric"] if score == "test" else run["metric"]).replace("_", " ")
    unit = run["test_unit"] if score == "test" else run["unit"]
    what = {"reported": f"best {name} so far", "regret": f"regret of {name}", "test": f"{name} of the incumbent"}
    seeds = runs.groupby("scheduler")["seed"].nunique()
    title = f"{run['table']}, {_counted(runs['workers'], 'worker')}"
    title += f", cluster {run['cluster']}" if run["cluster"] else ""
    title += f": median and quartiles over {_counted(seeds, 'seed')}"
    ax.set_ylabel(_wrapped(what[score] + ("" if unit in ("1", "") else f" ({unit})"), 44), parse_math=False)
    ax.set_title(_wrapped(title, 72), loc="left", fontsize=10, parse_math=False)


def _counted(numbers: pd.Series, noun: str) -> str:
    """``1 seed``, ``20 seeds``, or ``12 to 20 seeds`` where they differ."""
    low, high = numbers.min(), numbers.max()
    return ("" if low == high else f"{low} to ") + (f"{high} {noun}" if high == 1 else f"{high} {noun}s")


def _add_trainings(ax: Axes, full_training: float) -> None:
    """A second axis below the first."""
    if full_training > 0:
        scale = (lambda seconds: seconds / full_training, lambda trainings: trainings * full_training)
        axis = ax.secondary_xaxis("bottom", functions=scale)
        axis.spines["bottom"].set_position(("outward", SECOND_AXIS))
        axis.set_xlabel("the same in mean full trainings")
        if ax.get_xscale() == "log":
            low, high = ax.get_xlim()
            _plain_ticks(axis.xaxis, low, high)


def _add_legend(ax: Axes, medians: list[Line2D], names: list[str]) -> Legend:
    """To the right of the axes. Texts are set last: a label that starts with an underscore would be left out."""
    legend = ax.legend(
        medians,
        [str(i) for i in range(len(names))],
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
        frameon=False,
        handlelength=3.2,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(_wrapped(name, 40))
    return legend


def _wrapped(text: str, width: int) -> str:
    """Lines of at most `width`, broken after spaces and commas where there are any; control characters are gone."""
    lines = [""]
    for part in re.findall(rf"[^ ,]{{1,{width}}}[ ,]?|[ ,]", " ".join(text.split())):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _plain_ticks(axis: Axis, low: float, high: float) -> None:
    """Plain numbers instead of powers of ten; the more of them, the shorter the range."""
    ratio = high / low
    locator: Locator
    if ratio < 5:
        locator = MaxNLocator(6, steps=[1, 2, 5, 10])
    elif ratio < 50:
        locator = LogLocator(subs=(1.0, 2.0, 3.0, 5.0))
    else:
        locator = LogLocator(subs=(1.0, 2.0, 5.0) if ratio < 1e4 else (1.0,))
    axis.set_major_locator(locator)
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.set_minor_formatter(NullFormatter())

"""Pictures. Each is a function that takes runs and an optional Axes and returns the Axes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.anytime import Score, anytime
from analysis.runs import as_runs

# Okabe & Ito's colours, told apart by people with any common colour vision, and by line style in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (7, 2)))
SIZE = (8.0, 4.6)  # inches


def plot_anytime(runs: pd.DataFrame, score: Score = "reported", ax: Axes | None = None) -> Axes:
    """Anytime curves of one table: median over seeds, and the interquartile band behind it.

    Args:
        runs: of one table.
        score: what is drawn, see `analysis.anytime.best_so_far`.
        ax: where to draw; a figure of its own by default (`ax.figure.savefig` writes it).

    Raises:
        RunsError: runs of several tables, or no test metric.
    """
    runs = as_runs(runs)
    curves = anytime(runs, score)
    if ax is None:
        ax = Figure(figsize=SIZE, dpi=150, layout="constrained").add_subplot()
    first = runs.iloc[0]
    for i, (scheduler, curve) in enumerate(curves.groupby("scheduler", sort=False)):
        colour, line = COLOURS[i % len(COLOURS)], LINES[i % len(LINES)]
        ax.fill_between(curve["time"], curve["lower"], curve["upper"], color=colour, alpha=0.12, linewidth=0)
        ax.plot(curve["time"], curve["median"], color=colour, linestyle=line, linewidth=1.9, label=scheduler)
    shown = curves[["median", "lower", "upper"]].to_numpy()
    shown = shown[np.isfinite(shown)]
    ax.set_xscale("log")
    _plain_ticks(ax.xaxis)
    if len(shown) and shown.min() > 0 and shown.max() > 4 * shown.min():
        ax.set_yscale("log")
        _plain_ticks(ax.yaxis)
    ax.set_xlabel("simulated time (s)")
    ax.set_ylabel(_score_label(first, score))
    ax.set_title(
        f"{first['table']}, {_counted(first['workers'], 'worker')}: median and quartiles over "
        f"{_counted(runs['seed'].nunique(), 'seed')}",
        loc="left",
        fontsize=10,
    )
    trainings = ax.secondary_xaxis(
        -0.16, functions=(lambda s: s / first["full_training"], lambda x: x * first["full_training"])
    )
    trainings.set_xlabel("the same in mean full trainings")
    _plain_ticks(trainings.xaxis)
    ax.grid(True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, handlelength=3.2)
    return ax


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _score_label(run: pd.Series, score: Score) -> str:
    unit = "" if run["unit"] in ("1", "") else f" ({run['unit']})"
    name = str(run["test_metric"] if score == "test" else run["metric"]).replace("_", " ")
    return {
        "reported": f"best {name} so far{unit}",
        "regret": f"regret of {name}{unit}",
        "test": f"{name} of the incumbent{unit}",
    }[score]


def _plain_ticks(axis: object) -> None:
    """Plain numbers instead of powers of ten, at 1, 2 and 5."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))  # type: ignore[attr-defined]
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))  # type: ignore[attr-defined]
    axis.set_minor_formatter(NullFormatter())  # type: ignore[attr-defined]

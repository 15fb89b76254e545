"""Where the time of the workers went."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis.runs import RunsError, as_runs
from analysis.style import SIZE, legend_beside, new_axes, tidy, wrapped
from simulator import clairvoyant

# What the parts of `simulator.accounting.Accounting` are called, and how they look, in the order in which they are
# stacked. Neighbours are told apart by lightness or hatch.
SAID = {
    "useful": ("useful", "#009E73", ""),
    "stopped": ("on trials later stopped", "#56B4E9", ""),
    "repeated": ("repeated", "#D55E00", "////"),
    "overhead": ("overhead", "#E69F00", "...."),
    "barrier": ("idle at a barrier", "0.55", ""),
    "no_work": ("idle: nothing left to start", "0.88", ""),
}
ROOM = 13.0  # points that a value needs
LABEL, HEAD = 34, 60  # characters on a line of a scheduler's name, and of a cluster's


def plot_spent(runs: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Where the time of the workers went: a bar for each scheduler, stacked from the parts of `Accounting`.

    Each part is the mean over runs of its share of a run's worker time, in percent; it is written into the bar where
    there is room. Runs of several clusters are drawn one cluster below the other; over tables and seeds is averaged,
    each run counting the same. The clairvoyant bound, which is not simulated, is left out.

    Args:
        runs: of any tables and clusters.
        ax: where to draw, the legend beside it; a figure of its own, as high as it takes, by default.

    Raises:
        RunsError: rows that do not tell where the workers' time went, or no run of a scheduler.
    """
    shares = spent(runs)
    is_own = ax is None
    clusters = list(dict.fromkeys(shares.index.get_level_values("cluster")))
    labels = [wrapped(scheduler, LABEL) for scheduler in shares.index.get_level_values("scheduler")]
    places, heads = _places(shares, clusters)
    if ax is None:
        row = max(0.34, 0.1 + 0.15 * (1 + max(label.count("\n") for label in labels)))
        ax = new_axes((SIZE[0], max(2.2, 1.2 + row * max(places))))
    parts = [part for part in SAID if (shares[part] > 0).any()]
    _draw(ax, 100 * shares[parts], places)
    for place, name in heads:
        ax.text(0, place + 0.3, name, fontsize=9, fontweight="bold", va="bottom", parse_math=False)
    tidy(ax, _title(runs), "% of the time of all workers", "")
    ax.grid(False)
    ax.set_xlim(0, 100)
    ax.set_ylim(max(places) + 0.6, -0.6)
    ax.set_yticks(places, labels, parse_math=False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if is_own:
        assert isinstance(ax.figure, Figure)
        width, height = ax.figure.get_size_inches()
        longest = max(label.get_window_extent().width for label in ax.get_yticklabels())
        ax.figure.set_size_inches(width + max(0.0, longest / ax.figure.dpi - 1.0), height)
    handles = [Patch(facecolor=SAID[part][1], hatch=SAID[part][2], edgecolor="white", linewidth=0) for part in parts]
    legend_beside(ax, handles, [SAID[part][0] for part in parts], widen=is_own)
    return ax


def spent(runs: pd.DataFrame) -> pd.DataFrame:
    """The mean share of each part of the workers' time, one row a cluster and scheduler, in the order of the runs.

    Args:
        runs: of any tables and clusters; runs in which no time passed do not count.

    Returns:
        Columns are the keys of `SAID`, shares from 0 to 1 that add up to 1; NaN where no time passed in any run. The
        index holds `cluster` and `scheduler`.

    Raises:
        RunsError: as for `plot_spent`.
    """
    runs = _of_schedulers(runs)
    if runs["worker_time"].isna().any():
        run = runs[runs["worker_time"].isna()].iloc[0]
        raise RunsError(
            f"{run['table']}, {run['scheduler']}: the run does not tell where its workers' time went: it needs the "
            f"column worker_time, which `rungsim compare` writes"
        )
    total = runs["worker_time"].where(runs["worker_time"] > 0)
    shares = pd.DataFrame({part: runs[f"time_{part}"] / total for part in SAID})
    return shares.groupby([runs["cluster"], runs["scheduler"]], sort=False).mean()


def _of_schedulers(runs: pd.DataFrame) -> pd.DataFrame:
    """Without the bound."""
    runs = as_runs(runs)
    runs = runs[runs["scheduler"] != clairvoyant.NAME]
    if not len(runs):
        raise RunsError("there is no run of a scheduler: the clairvoyant bound has no workers whose time is spent")
    return runs


def _places(shares: pd.DataFrame, clusters: list[str]) -> tuple[list[float], list[tuple[float, str]]]:
    """Where each bar is, and the head of each cluster where there are several."""
    order = shares.index.get_level_values("cluster")
    if len(clusters) == 1:
        return [float(i) for i in range(len(shares))], []
    places, heads, free = [0.0] * len(shares), [], 0.0
    for cluster in clusters:
        name = wrapped(f"cluster {cluster}" if cluster else "no cluster", HEAD)
        free += 0.5 * name.count("\n")
        heads.append((free, name))
        for i in np.flatnonzero(order == cluster):
            free += 1
            places[i] = free
        free += 1
    return places, heads


def _draw(ax: Axes, percent: pd.DataFrame, places: list[float]) -> None:
    """The bars, with their values."""
    room = 100 * ROOM / (0.7 * ax.get_window_extent().width * 72 / ax.figure.dpi)  # the layout may shrink the axes
    for place, (_, row) in zip(places, percent.iterrows(), strict=True):
        if row.isna().any():
            ax.text(1, place, "no time passed", va="center", fontsize=8, color="0.4")
            continue
        ends = np.cumsum([0.0, *row])
        for part, left, right in zip(percent.columns, ends[:-1], ends[1:], strict=True):
            _, colour, hatch = SAID[part]
            ax.barh(place, right - left, 0.78, left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
            if right - left >= room:
                behind: dict[str, Any] = {"facecolor": colour, "edgecolor": "none", "boxstyle": "square,pad=0.15"}
                ax.text(
                    (left + right) / 2,
                    place,
                    f"{right - left:.0f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if np.dot(to_rgb(colour), (0.299, 0.587, 0.114)) < 0.5 else "black",
                    bbox=behind if hatch else None,
                )


def _title(runs: pd.DataFrame) -> str:
    runs = _of_schedulers(runs)
    tables, workers = runs["table"].unique(), sorted(runs["workers"].unique())
    said = tables[0] if len(tables) == 1 else f"{len(tables)} tables"
    said += f", {' or '.join(map(str, workers))} worker{'s' * (workers != [1])}"
    clusters = runs["cluster"].unique()
    said += f", cluster {clusters[0]}" if len(clusters) == 1 and clusters[0] else ""
    counts = runs.groupby(["cluster", "scheduler"]).size()
    low, high = counts.min(), counts.max()
    many = f"{low} runs" if low == high else f"{low} to {high} runs"
    return f"{said}: " + ("one run" if high == 1 else f"mean over {many}")

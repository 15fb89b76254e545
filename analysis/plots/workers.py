"""What each worker did when: the jobs of a run as bars over simulated time."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.jobs import COMPLETED, CUT_OFF, FAILED, FATES, PAUSED, STOPPED, Jobs, fates, jobs
from analysis.style import SIZE, add_trainings, legend_beside, new_axes, tidy
from blackboxes import BlackboxError
from simulator import Trace, events
from simulator.accounting import Presence, presences

# Told apart by lightness alone, at least 12 of 100 between any two, and by people with any common colour vision.
FATE_COLOURS = {COMPLETED: "#0072B2", STOPPED: "#E69F00", PAUSED: "#B5E2FA", CUT_OFF: "0.55", FAILED: "#000000"}
HATCHES = {CUT_OFF: "////"}
PRESENT, UNDERLINE = "0.95", "0.1"
TIME = "simulated time (s)"
LOSSES = {"crash": ("x", "crash"), "preempted": ("v", "worker taken away from a trial")}
HEIGHT = 0.84  # of a bar, where workers are 1 apart
UNDERLINED = 0.16
MANY = 2000  # bars; more are pixels in a PDF or SVG
DENSE = 100  # workers; with more, gaps between them cannot be seen


def plot_workers(trace: Trace, ax: Axes | None = None) -> Axes:
    """What each worker did when: a bar for each stay of a trial on a worker, from its start or resume until it leaves.

    Bars are coloured by what became of the trial in the end, so a promoted trial looks the same at each of its stays;
    those that were resumed are underlined. On a cluster, where a worker was away there is nothing, where it was told to
    leave its row is dotted, and crosses and triangles are crashes and preemptions.

    Args:
        trace: any; times in full trainings are left out where its table cannot be loaded.
        ax: where to draw, the legend beside it; a figure of its own, higher the more workers there are, by default.
    """
    is_own = ax is None
    stays = list(presences(trace))
    found, fate = jobs(trace), fates(trace)
    workers = 1 + max([0, *(stay.worker for stay in stays), *found.worker.tolist()])
    if ax is None:
        ax = new_axes((SIZE[0] + 1, min(max(2.8, 1.8 + 0.24 * workers), 6.4)))
    height = HEIGHT if workers <= DENSE else 1.0
    end = trace.info.end / 1e9
    ax.set_ylim(workers - 0.5, -0.5)
    handles = _draw_presence(ax, stays, trace.info.end, height)
    handles = _draw_jobs(ax, found, fate, height, end) + _draw_losses(ax, trace) + handles
    if not len(found):
        ax.text(0.5, 0.5, "no trial was started", ha="center", va="center", transform=ax.transAxes)
    tidy(ax, f"Jobs of {told(trace)}", TIME, "worker")
    ax.grid(False)
    if workers <= 16:
        ax.set_yticks(range(workers))
    else:
        ax.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    over_time(ax, trace)
    legend_beside(ax, handles, [str(handle.get_label()) for handle in handles], widen=is_own)
    return ax


def told(trace: Trace) -> str:
    """What a run is called in a title."""
    info = trace.info
    said = f"{info.scheduler} on {info.table}, {info.workers} worker{'s' * (info.workers != 1)}, seed {info.seed}"
    return said if info.cluster is None else f"{said}, on a cluster"


def over_time(ax: Axes, trace: Trace) -> None:
    """The whole run along the axis, with a second one in full trainings where these are known."""
    end = trace.info.end / 1e9 or 1.0
    ax.set_xlim(0, end)
    with suppress(BlackboxError):
        add_trainings(ax, trace.table.full_training_time)
    for axis, ticks in ((ax.xaxis, 7 if end < 1e5 else 4), *((child.xaxis, 7) for child in ax.child_axes)):
        axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.9g}" if abs(x) < 1e9 else f"{x:g}"))


def _draw_jobs(ax: Axes, found: Jobs, fate: np.ndarray, height: float, end: float) -> list[Artist]:
    """The bars, and what each look means."""
    handles: list[Artist] = []
    # Edges must not hide what they part.
    box, (bottom, top) = ax.get_window_extent(), ax.get_ylim()
    width = (found.end - found.begin) / (end or 1.0) * box.width
    edges = np.clip(np.minimum(width, height / abs(top - bottom) * box.height) * 72 / ax.figure.dpi / 10, 0.0, 0.6)
    for name in FATES:
        mine = fate[found.trial] == name
        if not (fate == name).any():
            continue
        look: dict[str, Any] = {"facecolor": FATE_COLOURS[name], "edgecolor": "white", "hatch": HATCHES.get(name)}
        ax.add_collection(
            PolyCollection(
                bars(found.worker[mine], found.begin[mine], found.end[mine], height),
                linewidths=edges[mine],
                rasterized=len(found) > MANY,
                zorder=2,
                **look,
            )
        )
        handles.append(Patch(label=f"{name} ({(fate == name).sum():,})", **look))
    resumed = np.ones(len(found), dtype=bool)
    resumed[np.unique(found.trial, return_index=True)[1]] = False  # a trial's first job
    if resumed.any():
        low = found.worker[resumed] + (height - UNDERLINED) / 2
        stripes = bars(low, found.begin[resumed], found.end[resumed], UNDERLINED)
        ax.add_collection(
            PolyCollection(stripes, facecolor=UNDERLINE, linewidths=0, rasterized=len(found) > MANY, zorder=2.5)
        )
        handles.append(Line2D([], [], color=UNDERLINE, linewidth=2, label="underlined: resumed"))
    return handles


def _draw_presence(ax: Axes, stays: list[Presence], end: int, height: float) -> list[Artist]:
    """When workers were there at all."""
    worker, up, drain, down = np.array([(s.worker, s.up, s.drain, s.down) for s in stays]).reshape(-1, 4).T
    there: dict[str, Any] = {"facecolor": PRESENT, "edgecolor": "0.8", "linewidth": 0}
    leaving = there | {"facecolor": "white", "edgecolor": "0.6", "hatch": "......"}
    ax.add_collection(PolyCollection(bars(worker, up / 1e9, drain / 1e9, height), zorder=1, **there))
    handles: list[Artist] = [Patch(label="worker without a trial", **there | {"linewidth": 0.6})]
    drained = drain < down
    if drained.any():
        spans = bars(worker[drained], drain[drained] / 1e9, down[drained] / 1e9, height)
        ax.add_collection(PolyCollection(spans, zorder=1, **leaving))
        handles.append(Patch(label="worker told to leave", **leaving | {"linewidth": 0.6}))
    if (up > 0).any() or (down < end).any():
        handles.append(Patch(label="worker away", facecolor="white", edgecolor="0.8", linewidth=0.6))
    return handles


def _draw_losses(ax: Axes, trace: Trace) -> list[Artist]:
    """Where trials lost their worker before they could report."""
    c = trace.columns
    handles: list[Artist] = []
    row = ax.get_window_extent().height * 72 / ax.figure.dpi / ax.get_ylim()[0]  # points
    for name, (marker, label) in LOSSES.items():
        at = c.event == events.CODES[name]
        if at.any():
            look: dict[str, Any] = {
                "marker": marker,
                "linestyle": "none",
                "color": "#CC0000",
                "markersize": min(max(0.6 * row, 2), 6),
            }
            handles += ax.plot(c.time[at] / 1e9, c.worker[at], label=f"{label} ({at.sum():,})", zorder=3, **look)
    return handles


def bars(rows: np.ndarray, begin: np.ndarray, end: np.ndarray, height: float) -> list[np.ndarray]:
    """The four corners (4, 2) of each bar from `begin` to `end` about `rows`."""
    low, high = rows - height / 2, rows + height / 2
    corners = [(begin, low), (end, low), (end, high), (begin, high)]
    return list(np.stack([np.stack(corner, axis=1) for corner in corners], axis=1))

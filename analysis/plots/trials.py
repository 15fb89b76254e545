"""The learning curves of a run's trials, and what was decided about them where."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from analysis.jobs import COMPLETED, CUT_OFF, FATES, PAUSED, fates
from analysis.plots.workers import FATE_COLOURS, told
from analysis.rungs import MOST, levels, occupancy
from analysis.style import is_wide, legend_beside, new_axes, plain_ticks, tidy
from simulator import Trace, events

# Lines on white: paused ones are darker than their bars in the picture of the workers.
LINE_COLOURS = FATE_COLOURS | {PAUSED: "#56B4E9", CUT_OFF: "0.5"}
FENCE = 3.0  # interquartile ranges beyond the worse quartile where values are out of the ordinary
FONT = 10  # points
MOST_TICKS = 12
MANY = 2000  # curves; more are pixels in a PDF or SVG


def plot_trials(trace: Trace, ax: Axes | None = None) -> Axes:
    """The learning curves of all trials: the metric that the scheduler saw, over resource, as far as it was observed.

    Curves are coloured by what became of the trial; those of completed trials lie on top, and the incumbent at the end,
    which is the best result of the run at whichever resource, is black with a star. Marks are at the reports: a cross
    where a trial was stopped, a ring where it was paused for good, a dot where it went on. Thin lines are the rungs; a
    scheduler that decides at more than 8 resources has none, nor dots. What diverged ends, with a triangle at the
    edge. On a table trained from scratch only what trials were run to is known, and straight lines join it.

    Values far worse than most would squeeze all others: where they would take up more than half of the picture they
    are out of view, and a note says how many curves leave it.

    Args:
        trace: any.
        ax: where to draw, the legend beside it; a figure of its own by default.

    Raises:
        BlackboxError: the trace's table cannot be loaded.
    """
    is_own = ax is None
    ax = new_axes() if ax is None else ax
    table, metric = trace.table, trace.info.metric
    info = table.metric_info[metric]
    seen = trace.observations
    order = np.lexsort((seen["index"], seen["trial"]))
    trial, index = seen["trial"][order], seen["index"][order]
    resource = table.resources[index].astype(np.float64)
    value = table.metrics[metric][seen["config"][order], seen["replicate"][order], index].astype(np.float64)

    _scale_resource(ax, table.resources, rungs := _rungs(trace))
    is_clipped = _scale_value(ax, value[np.isfinite(value)], info.sign)
    handles = _draw_curves(ax, trace, trial, resource, value)
    handles += _draw_marks(ax, trace, show_gone_on=len(rungs) > 0)
    diverged = ~np.isfinite(value)
    if diverged.any():
        worst = 0.985 if info.sign > 0 else 0.015
        first = np.unique(trial[diverged], return_index=True)[1]  # a trial's others follow
        look: dict[str, Any] = {"marker": "^" if info.sign > 0 else "v", "linestyle": "none", "color": "#CC79A7"}
        label, place = f"diverged ({len(first):,})", np.full(len(first), worst)
        look |= {"transform": ax.get_xaxis_transform(), "markersize": 5, "zorder": 4, "clip_on": False}
        handles += ax.plot(resource[diverged][first], place, label=label, **look)
    if len(rungs):
        for level in rungs:
            ax.axvline(level, color="0.6", linewidth=0.7, zorder=0.8)
        handles.append(Line2D([], [], color="0.6", linewidth=0.7, label="rung"))
    handles += _draw_incumbent(ax, trace, trial, resource, value)
    if not np.isfinite(value).any():
        said = "no trial was started" if not len(trace.columns.config) else "no trial has a result"
        ax.text(0.5, 0.5, said, ha="center", va="center", transform=ax.transAxes)
        ax.set_yticks([])
    if is_clipped:
        _note_clipped(ax, trial, value, info.sign)
    unit = "" if info.unit in ("1", "") else f" ({info.unit})"
    tidy(ax, f"Trials of {told(trace)}", f"resource ({table.resource_unit}s)", metric.replace("_", " ") + unit)
    legend_beside(ax, handles, [str(handle.get_label()) for handle in handles], widen=is_own)
    return ax


def _rungs(trace: Trace) -> np.ndarray:
    """The rung levels, none where there are too many to be drawn, or r_max alone."""
    found = levels(trace)
    return found if len(found) <= MOST and (found < trace.table.r_max).any() else np.empty(0)


def _scale_resource(ax: Axes, resources: np.ndarray, rungs: np.ndarray) -> None:
    """The whole range of the table; the rungs as ticks, or all resources, as far as there is room."""
    low, high = float(resources[0]), float(resources[-1])
    if high > 8 * low:
        ax.set_xscale("log")
        slack = (high / low) ** 0.02
        ax.set_xlim(low / slack, high * slack)
        plain_ticks(ax.xaxis, low, high)
    elif high > low:
        ax.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
    ticks = np.union1d(rungs, [low, high]) if len(rungs) else resources.astype(np.float64)
    if len(ticks) <= MOST_TICKS:
        places = ax.transData.transform(np.stack([ticks, np.ones(len(ticks))], axis=1))[:, 0]
        shown: list[int] = []
        for i in reversed(range(len(ticks))):  # the largest first
            label = (len(f"{ticks[i]:g}") * 0.7 + 1) * FONT * ax.figure.dpi / 72
            if not shown or places[shown[-1]] - places[i] > label:
                shown.append(i)
        kept = ticks[shown[::-1]]
        ax.set_xticks(kept, [f"{level:g}" for level in kept])
        ax.set_xticks([], minor=True)


def _scale_value(ax: Axes, values: np.ndarray, sign: float) -> bool:
    """All values that are not far off; logarithmic where that helps. Whether some are out of view."""
    if not len(values):
        return False
    is_log = sign > 0 and is_wide(values)
    losses = sign * (np.log(values) if is_log else values)
    best, worst = losses.min(), losses.max()
    quartile, worse = np.quantile(losses, [0.25, 0.75])
    fence = worse + FENCE * (worse - quartile)
    is_clipped = bool(quartile < worse and worst - best > 2 * (fence - best))
    worst = losses[losses <= fence].max() if is_clipped else worst
    slack = 0.04 * (worst - best) or 0.05 * abs(worst) or 1.0
    ends = sign * np.array([best - slack, worst + slack])
    ends = np.sort(np.exp(ends) if is_log else ends)
    if is_log:
        ax.set_yscale("log")
        plain_ticks(ax.yaxis, *ends)
    ax.set_ylim(*ends)
    return is_clipped


def _note_clipped(ax: Axes, trial: np.ndarray, value: np.ndarray, sign: float) -> None:
    low, high = ax.get_ylim()
    out = np.isfinite(value) & (value > high if sign > 0 else value < low)
    n, extreme = len(np.unique(trial[out])), sign * np.max(sign * value[out])
    said = f"{n:,} curve{'s' * (n > 1)} leave{'s' * (n == 1)} the picture, up to {extreme:.3g}"
    said = said if sign > 0 else said.replace("up to", "down to")
    place: dict[str, Any] = {"y": 0.975, "va": "top"} if sign > 0 else {"y": 0.025, "va": "bottom"}
    box = {"facecolor": "white", "edgecolor": "0.7", "alpha": 0.9, "linewidth": 0.6, "boxstyle": "round,pad=0.3"}
    ax.text(x=0.98, s=said, ha="right", fontsize=8, transform=ax.transAxes, bbox=box, zorder=6, **place)


def _draw_curves(ax: Axes, trace: Trace, trial: np.ndarray, resource: np.ndarray, value: np.ndarray) -> list[Artist]:
    """A line for each trial, in pieces where it diverged and came back; a dot where that is one result."""
    fate = fates(trace)
    handles: list[Artist] = []
    known = np.isfinite(value)
    begins = np.ones(len(trial), dtype=bool)
    begins[1:] = (trial[1:] != trial[:-1]) | ~known[:-1]
    pieces = np.split(np.stack([resource, value], axis=1)[known], np.flatnonzero(begins[known])[1:])
    whose = fate[trial[known & begins]]
    for name in reversed(FATES):
        n = int((fate == name).sum())
        if not n:
            continue
        mine = [piece for piece, other in zip(pieces, whose, strict=False) if other == name]  # none is one empty piece
        look: dict[str, Any] = {
            "color": LINE_COLOURS[name],
            "linewidth": 1.3 if name == COMPLETED else 0.8,
            "alpha": float(np.clip(60 / n, 0.35, 0.9)),
            "zorder": 2.2 if name == COMPLETED else 2,
            "rasterized": len(fate) > MANY,
        }
        ax.add_collection(LineCollection([piece for piece in mine if len(piece) > 1], **look), autolim=False)
        single = [piece[0] for piece in mine if len(piece) == 1]
        if single:
            ax.plot(*np.transpose(single), ".", markersize=3, **look)
        handles.append(Line2D([], [], label=f"{name} ({n:,})", **look | {"alpha": 1.0, "linewidth": 1.6}))
    return handles[::-1]


def _draw_marks(ax: Axes, trace: Trace, show_gone_on: bool) -> list[Artist]:
    """Where trials were stopped, left paused, or sent further."""
    c, fate = trace.columns, fates(trace)
    handles: list[Artist] = []
    stopped = np.isin(c.event, [events.CODES["stop"], events.CODES["cancelled"]]) & (c.resource > 0)
    pauses = np.flatnonzero(c.event == events.CODES["pause"])
    last = np.zeros(len(fate), dtype=np.int64)
    last[c.trial[pauses]] = pauses  # of several entries, NumPy keeps the last
    left = last[fate == PAUSED]
    size = float(np.clip(45 / max(len(fate), 1) ** 0.5, 1.8, 4.5))
    marks: list[tuple[str, str, np.ndarray, np.ndarray, dict[str, Any]]] = [
        ("x", "stopped here", c.resource[stopped], c.value[stopped], {"color": "#9A5B00"}),
        ("o", "paused for good", c.resource[left], c.value[left], {"color": "#1B6E9E", "fillstyle": "none"}),
    ]
    if show_gone_on:
        rungs = [occupancy(trace, level) for level in levels(trace)]
        where = np.concatenate([np.full(rung.went_on.sum(), rung.resource) for rung in rungs])
        value = _values(trace, where, np.concatenate([rung.trials[rung.went_on] for rung in rungs]))
        marks.append(("o", "went on", where, value, {"color": "0.15"}))
    for marker, name, x, y, colour in marks:
        if np.isfinite(y).any():
            look: dict[str, Any] = {"marker": marker, "linestyle": "none", "markeredgewidth": 0.8, **colour}
            ax.plot(x, y, markersize=size, zorder=3, rasterized=len(fate) > MANY, **look)
            handles.append(Line2D([], [], label=name, markersize=5, **look))
    return handles


def _values(trace: Trace, resource: np.ndarray, trial: np.ndarray) -> np.ndarray:
    """What trials reported at resources."""
    c, index = trace.columns, np.searchsorted(trace.table.resources, resource)
    return trace.table.metrics[trace.info.metric][c.config[trial], c.replicate[trial], index].astype(np.float64)


def _draw_incumbent(ax: Axes, trace: Trace, trial: np.ndarray, resource: np.ndarray, value: np.ndarray) -> list[Artist]:
    best = trace.incumbents()
    if not len(best["trial"]):
        return []
    who, at = int(best["trial"][-1]), trace.table.resource_list[best["index"][-1]]
    mine = trial == who
    look: dict[str, Any] = {"color": "#000000", "linewidth": 2.0, "zorder": 5}
    ax.plot(resource[mine], value[mine], **look)
    star: dict[str, Any] = {"marker": "*", "markersize": 11, "markeredgecolor": "white", "markeredgewidth": 0.8}
    ax.plot([at], [best["value"][-1]], clip_on=False, **look | star | {"zorder": 5.5})
    label = f"incumbent: trial {who}, {best['value'][-1]:.4g} at {at:g}"
    return [Line2D([], [], label=label, **look | star)]

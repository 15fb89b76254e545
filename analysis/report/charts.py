"""Vega-Lite specifications of the page's charts, made with Altair.

They hold no text from outside: schedulers, trials and levels are numbers, fields have fixed names, and titles and
labels are the page's. Colours are CSS variables, so that charts follow the page from light to dark and on to paper.
What a chart shows comes in named data sets, which the page fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.jobs import COMPLETED
from analysis.report.replay import STANDINGS, STATES, WENT_ON
from analysis.style import COLOURS, LINES

if TYPE_CHECKING:
    import altair as alt

    from analysis.report.page import Panel

Spec = dict[str, Any]

LINE_WIDTH = 2.2  # pixels
BOUND_WIDTH = 1.2
# What Matplotlib draws for its names of lines, in widths of a line.
_DASHES: dict[Any, tuple[float, ...]] = {"-": (), "--": (3.7, 1.6), "-.": (6.4, 1.6, 1.0, 1.6), ":": (1.0, 1.65)}
BOUND_DASH = [4, 3]
TEXT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
SHORT = "format(datum.value, abs(datum.value) < 1e5 ? ',.12~g' : '.3~e')"
AXIS = 52  # pixels beside the replay's charts, so that their time axes are one below the other


def colour(i: int) -> tuple[str, str]:
    """The i-th scheduler's colour on white, and in the dark, where black is light instead."""
    light = COLOURS[i % len(COLOURS)]
    return light, "#F2F4F6" if light == "#000000" else light


def variable(i: int, is_bound: bool) -> str:
    """The CSS variable of the i-th scheduler's colour."""
    return "var(--bound)" if is_bound else f"var(--s{i})"


def dash(i: int) -> list[float]:
    """The i-th scheduler's dashes and gaps, in pixels; empty for a line without gaps."""
    line = LINES[i % len(LINES)]
    pattern = _DASHES[line] if isinstance(line, str) else line[1]
    return [round(length * LINE_WIDTH, 2) for length in pattern]


def panel(panel: Panel, names: Sequence[str], bound: int | None) -> Spec:
    """Curves over time: data set `curves` (s: number of the scheduler, x, middle, lower, upper), `pointer` (s, x, y).

    Parameter `shown` holds the numbers of the schedulers that are drawn.

    Args:
        panel: what is drawn.
        names: all schedulers.
        bound: the number of the reference, whose values do not stretch the axes.
    """
    import altair as alt

    own = panel.curves[[name != panel.bound for name in panel.curves["scheduler"]]]
    own = own if len(own) else panel.curves
    values = own[["middle", "lower", "upper"]].to_numpy(dtype=np.float64)
    known = np.isfinite(values).any(axis=1)
    at = own["x"].to_numpy(dtype=np.float64)[known] if known.any() else own["x"].to_numpy(dtype=np.float64)
    x = _axis(alt.X, "x:Q", at, panel.log_x, margin=0.0)
    y = _axis(alt.Y, "middle:Q", values, panel.log_y, margin=0.04, reverse=panel.y_reversed)

    numbers = list(range(len(names)))
    is_bound = [i == bound for i in numbers]
    colours = [variable(i, reference) for i, reference in enumerate(is_bound)]
    dashes = [BOUND_DASH if reference else dash(i) or [1, 0] for i, reference in enumerate(is_bound)]
    widths = [BOUND_WIDTH if reference else LINE_WIDTH for reference in is_bound]
    stroke = alt.Color("s:N", legend=None, scale=alt.Scale(domain=numbers, range=colours))
    shown = _data("curves").transform_filter("indexof(shown, datum.s) >= 0")
    band = (
        shown.mark_area(interpolate="step-after", clip=True, opacity=max(0.06, 0.5 / max(4, len(names))))
        .transform_filter(f"datum.s !== {-1 if bound is None else bound}")
        .encode(x=x, y=alt.Y("lower:Q"), y2="upper:Q", color=stroke)
    )
    line = shown.mark_line(interpolate="step-after", clip=True, strokeCap="butt").encode(
        x=x,
        y=y,
        color=stroke,
        strokeDash=alt.StrokeDash("s:N", legend=None, scale=alt.Scale(domain=numbers, range=dashes)),
        strokeWidth=alt.StrokeWidth("s:O", legend=None, scale=alt.Scale(domain=numbers, range=widths)),
    )
    pointer = _data("pointer")
    rule = pointer.mark_rule(color="var(--rule)", strokeWidth=1).encode(x="x:Q")
    dots = pointer.mark_circle(size=46, opacity=1, stroke="var(--paper)", strokeWidth=1.2, clip=True)
    dots = dots.transform_filter("indexof(shown, datum.s) >= 0").encode(x="x:Q", y="y:Q", color=stroke)
    return _finished(band, line, rule, dots, shown=numbers)


@cache
def gantt() -> Spec:
    """Workers over time: data sets `jobs` (begin, end, row, below, state), `chosen` (the same), `now` (time).

    Parameters: `end` (s), `workers`, `labelled` (the middles of rows that have a label), `gap` (pixels between bars).
    """
    import altair as alt

    axis = alt.Axis(
        values=_value("labelled"),
        labelExpr="format(datum.value - 0.5, 'd')",
        grid=False,
        ticks=False,
        domain=False,
        minExtent=AXIS,
        maxExtent=AXIS,
    )
    rows = alt.Scale(domain=[0, _value("workers")], reverse=True, nice=False)
    bars = {
        "x": _time("begin:Q"),
        "x2": "end:Q",
        "y": alt.Y("row:Q", title=None, axis=axis, scale=rows),
        "y2": "below:Q",
    }
    jobs = _data("jobs").mark_rect(stroke="var(--paper)", strokeWidth=_value("gap"), invalid=None)
    chosen = _data("chosen").mark_rect(fill="transparent", stroke="var(--ink)", strokeWidth=2, invalid=None)
    layers = (jobs.encode(**bars, color=_states(STATES)), chosen.encode(**bars), _now())
    return _finished(*layers, end=1.0, workers=1, labelled=[], gap=0.5)


@cache
def incumbent(log: bool) -> Spec:
    """The best value so far over time: data sets `incumbent` (time, value), `best` (the last of it) and `now` (time).

    Parameters: `end` (s), `low`, `high` and `ticks` (of the values).
    """
    import altair as alt

    y = alt.Y("value:Q", title=None, scale=_values(log), axis=_grid(values=_value("ticks")))
    line = _data("incumbent").mark_line(
        interpolate="step-after", color="var(--accent)", strokeWidth=LINE_WIDTH, clip=True
    )
    dot = _data("best").mark_circle(size=60, opacity=1, color="var(--accent)")
    layers = (line.encode(x=_time("time:Q"), y=y), _now(), dot.encode(x="time:Q", y="value:Q"))
    return _finished(*layers, end=1.0, low=1.0, high=2.0, ticks=[])


@cache
def rungs() -> Spec:
    """Reports at the levels where any are made: data sets `reports` (place, value, state) and `chosen` (the same).

    Parameters: `levels` (their resources), `labelled` (positions among them), `size` of a point and `ring` around a
    chosen one (square pixels), `low` and `high`.
    """
    import altair as alt

    axis = alt.Axis(
        values=_value("labelled"),
        labelExpr="format(levels[datum.value], '.6~g')",
        labelOverlap="greedy",
        grid=False,
        ticks=False,
    )
    scale = alt.Scale(domain=[-0.6, _value("length(levels) - 0.4")], nice=False)
    x = alt.X("place:Q", title=None, axis=axis, scale=scale)
    y = alt.Y("value:Q", title=None, scale=_values(), axis=_grid())
    points = _data("reports").mark_point(size=_value("size"), strokeWidth=1.3, opacity=0.9, invalid=None)
    path = _data("chosen").mark_line(color="var(--ink)", strokeWidth=1.2)
    rings = _data("chosen").mark_point(
        size=_value("ring"), color="var(--ink)", strokeWidth=1.8, opacity=1, invalid=None
    )
    layers = (
        points.encode(x=x, y=y, color=_states(STANDINGS), fill=_fills()),
        path.encode(x="place:Q", y="value:Q", order="place:Q"),
        rings.encode(x="place:Q", y="value:Q"),
    )
    return _finished(*layers, levels=[], labelled=[], size=26, ring=110, low=0.0, high=1.0)


@cache
def learning_curve(log: bool) -> Spec:
    """One trial's results by resource: data sets `curve` (resource, value) and `decisions` (the same, and state).

    Parameters: `first`, `last` and `ticks` (of the resources), `low` and `high` (of the values), `size` of a decision.

    Args:
        log: whether resources are drawn in logarithms.
    """
    import altair as alt

    resources = alt.Scale(type="log" if log else "linear", domain=[_value("first"), _value("last")], nice=False)
    axis = alt.Axis(values=_value("ticks"), labelExpr=SHORT, labelOverlap="greedy", grid=False)
    x = alt.X("resource:Q", title=None, scale=resources, axis=axis)
    y = alt.Y("value:Q", title=None, scale=_values(), axis=_grid())
    line = _data("curve").mark_line(color="var(--ink)", strokeWidth=1.6)
    dots = _data("curve").mark_circle(color="var(--ink)", size=12, opacity=1)
    points = _data("decisions").mark_point(size=_value("size"), strokeWidth=2.2, opacity=1, invalid=None)
    layers = (
        line.encode(x=x, y=y),
        dots.encode(x=x, y=y),
        points.encode(x=x, y=y, color=_states(STANDINGS), fill=_fills()),
    )
    return _finished(*layers, first=1.0, last=2.0, ticks=[], low=0.0, high=1.0, size=110)


def range_of(values: np.ndarray, log: bool, margin: float) -> tuple[float, float]:
    """Where an axis begins and ends that has all finite values on it, and room at both ends.

    Without any value it is 0 to 1, or 1 to 2 in logarithms, and the room.

    Args:
        values: of any shape; those that are not positive are left out where `log`.
        log: whether it is logarithmic.
        margin: on each side, as a share of the values' range.
    """
    some = values[np.isfinite(values)]
    some = some[some > 0] if log else some
    low, high = (float(some.min()), float(some.max())) if len(some) else (float(log), 1.0 + log)
    if log:
        stretch = (high / low) ** margin if high > low else 1.5
        return low / stretch, high * stretch
    stretch = margin * (high - low) if high > low else (abs(low) / 2 or 0.5)
    return low - stretch, high + stretch


def round_numbers(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis: the more of them in a decade, the shorter the range.

    >>> round_numbers(0.08, 0.6)
    [0.08, 0.1, 0.2, 0.3, 0.5]
    """
    decades = log10(high / low)
    if decades < 0.7:
        return even_numbers(low, high)
    steps = (1, 2, 3, 5, 8) if decades < 1.2 else (1, 2, 5) if decades < 4 else (1,)
    found = [float(f"{k}e{e}") for e in range(floor(log10(low)), ceil(log10(high)) + 1) for k in steps]
    return [tick for tick in found if low <= tick <= high]


def even_numbers(low: float, high: float, most: int = 8) -> list[float]:
    """At most so many ticks of a linear axis, 1, 2 or 5 times a power of ten apart.

    >>> even_numbers(0.13, 0.21, 4)
    [0.14, 0.16, 0.18, 0.2]
    """
    power = floor(log10((high - low) / most))
    step = next(k * 10.0**power for k in (1, 2, 5, 10, 20) if (high - low) / (k * 10.0**power) <= most)
    return [float(f"{k * step:.12g}") for k in range(ceil(low / step), floor(high / step) + 1)]


def _data(name: str) -> alt.Chart:
    import altair as alt

    return alt.Chart(alt.NamedData(name))


def _value(expression: str) -> alt.ExprRef:
    import altair as alt

    return alt.ExprRef(expr=expression)


def _values(log: bool = False) -> alt.Scale:
    import altair as alt

    return alt.Scale(type="log" if log else "linear", domain=[_value("low"), _value("high")], nice=False)


def _time(field: str) -> alt.X:
    import altair as alt

    scale = alt.Scale(domain=[0, _value("end")], nice=False)
    return alt.X(field, title=None, scale=scale, axis=alt.Axis(labelExpr=SHORT, tickCount=8, grid=False))


def _now() -> alt.Chart:
    return _data("now").mark_rule(color="var(--ink)", strokeWidth=1.5, invalid=None).encode(x=_time("time:Q"))


def _grid(**more: Any) -> alt.Axis:
    """The axis of values of the replay's charts."""
    import altair as alt

    return alt.Axis(
        labelExpr=SHORT,
        tickCount=6,
        domain=False,
        ticks=False,
        labelOverlap="greedy",
        minExtent=AXIS,
        maxExtent=AXIS,
        **more,
    )


def _states(names: Sequence[str]) -> alt.Color:
    import altair as alt

    return alt.Color("state:N", legend=None, scale=alt.Scale(domain=list(names), range=[_variable(n) for n in names]))


def _fills() -> alt.Fill:
    """Who went on, or was complete, is a full point; the others are hollow, so that it shows without colours."""
    import altair as alt

    fills = [_variable(name) if name in (WENT_ON, COMPLETED) else "var(--paper)" for name in STANDINGS]
    return alt.Fill("state:N", legend=None, scale=alt.Scale(domain=list(STANDINGS), range=fills))


def _variable(state: str) -> str:
    return f"var(--{state.replace(' ', '-')})"


def _axis(channel: Any, field: str, values: np.ndarray, log: bool, margin: float, reverse: bool = False) -> Any:
    """An axis over all finite values, logarithmic where that is wanted and any is positive."""
    import altair as alt

    is_x = channel is alt.X
    log = log and bool((values > 0).any())
    low, high = range_of(values, log, margin)
    kind: dict[str, Any] = {"type": "log"} if log else {"type": "linear", "zero": False}
    scale = alt.Scale(**kind, domain=[low, high], nice=False, reverse=reverse)
    look: dict[str, Any] = {
        "grid": not is_x,
        "domain": is_x,
        "ticks": is_x,
        "labelExpr": SHORT,
        "labelOverlap": "greedy",
    }
    # Vega leaves out labels of a logarithmic axis by rules of its own where it is told their number.
    look |= {"values": round_numbers(low, high)} if log else {"tickCount": 7}
    return channel(field, title=None, scale=scale, axis=alt.Axis(**look))


def _finished(*layers: alt.Chart, **parameters: Any) -> Spec:
    """The specification, in the page's type and colours, with parameters that the page sets."""
    import altair as alt

    chart = alt.layer(*layers).add_params(*(alt.param(name=name, value=value) for name, value in parameters.items()))
    chart = chart.properties(
        width="container",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        padding=2,
        config=alt.Config(
            background="transparent",
            font=TEXT,
            aria=False,  # the page tells what each chart is, and lets values be read
            view=alt.ViewConfig(stroke=None),
            mark=alt.MarkConfig(aria=False),
            axis=alt.AxisConfig(
                aria=False,
                labelColor="var(--muted)",
                labelFontSize=12,
                labelPadding=6,
                gridColor="var(--grid)",
                domainColor="var(--line)",
                tickColor="var(--line)",
                tickSize=4,
            ),
        ),
    )
    spec: Spec = chart.to_dict(validate=False)  # the tests validate what this module makes
    return spec

"""The picture of learning curves: its lines and marks are what the results and decisions tell."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from made_traces import REPORTS, RUNS, picture, run
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from readable import assert_clean, legend_of, titled
from scripted import Scripted, events_of
from tables import integer_table, random_table, table_of
from test_plots import drawn, labels

from analysis.jobs import fates
from analysis.plots.trials import LINE_COLOURS, plot_trials
from blackboxes import Metric
from simulator import STOP, Simulation, Start, Trace


def pieces(trace: Trace) -> dict[int, list[list[tuple[float, float]]]]:
    """The learning curve of each trial in pieces without divergence, from `results`."""
    found: dict[int, list[list[tuple[float, float]]]] = defaultdict(list)
    for trial, rows in trace.results().sort_values(["trial", "resource"]).groupby("trial"):
        piece: list[tuple[float, float]] = []
        for resource, value in zip(rows["resource"], rows[trace.info.metric], strict=True):
            if np.isnan(value):
                found[int(trial)].append(piece)
                piece = []
            else:
                piece.append((float(resource), float(value)))
        found[int(trial)].append(piece)
    return {trial: [piece for piece in some if piece] for trial, some in found.items()}


def lines_drawn(ax: Axes) -> list[tuple[str, list[tuple[float, float]]]]:
    """Colour and points of each curve, single results included, the incumbent apart."""
    found = [
        (to_hex(collection.get_color()[0]), [tuple(point) for point in segment.tolist()])
        for collection in ax.collections
        if isinstance(collection, LineCollection)
        for segment in collection.get_segments()
    ]
    for line in ax.get_lines():
        if line.get_marker() == ".":
            points = zip(line.get_xdata(), line.get_ydata(), strict=True)
            found += [(to_hex(line.get_color()), [(float(x), float(y))]) for x, y in points]
    return found


def marks(ax: Axes, name: str) -> list[tuple[float, float]]:
    """The places of marks, by the name of their look in the legend."""
    legend = ax.get_legend()
    assert legend is not None
    handles = dict(zip(legend_of(ax), legend.legend_handles, strict=True))
    handle = handles.get(name)
    if not isinstance(handle, Line2D):
        return []
    same = ("get_marker", "get_color", "get_fillstyle", "get_linestyle")
    found = []
    for line in ax.get_lines():
        if all(getattr(line, what)() == getattr(handle, what)() for what in same):
            found += [(float(x), float(y)) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]
    return sorted(point for point in found if np.isfinite(point[1]))


@pytest.mark.parametrize("name", RUNS)
def test_curves_are_the_results_coloured_by_fate(name: str) -> None:
    trace = run(name)
    fate = fates(trace)
    asked = [(to_hex(LINE_COLOURS[fate[trial]]), piece) for trial, some in pieces(trace).items() for piece in some]
    assert sorted(lines_drawn(picture("trials", name))) == sorted(asked)


@pytest.mark.parametrize("name", RUNS)
def test_marks_are_where_it_was_decided(name: str) -> None:
    trace, ax = run(name), picture("trials", name)
    happened = events_of(trace)
    value = {(e["trial"], e["resource"]): e["value"] for e in happened if e["event"] in REPORTS}
    stopped = [
        (e["resource"], e["value"]) for e in happened if e["event"] in ("stop", "cancelled") and e["resource"] > 0
    ]
    assert marks(ax, "stopped here") == sorted(point for point in stopped if np.isfinite(point[1]))

    last: dict[int, dict[str, Any]] = {}
    gone_on = set()
    for event in happened:
        before = last.get(event["trial"])
        promoted = event["event"] == "resume" and before is not None and before["event"] == "pause"
        if event["event"] == "continue" or promoted:
            gone_on.add((event["trial"], event["resource"]))
        if event["event"] != "removed":
            last[event["trial"]] = event
    paused = [(e["resource"], e["value"]) for trial, e in last.items() if trial >= 0 and e["event"] == "pause"]
    assert marks(ax, "paused for good") == sorted(point for point in paused if np.isfinite(point[1]))
    where = {resource for _, resource in gone_on} | {e["resource"] for e in happened if e["event"] in REPORTS[1:4]}
    if len(where) > 8 or where <= {trace.table.r_max}:
        assert "went on" not in legend_of(ax)
        assert "rung" not in legend_of(ax)
        return
    asked = sorted((resource, value[trial, resource]) for trial, resource in gone_on)
    assert marks(ax, "went on") == [point for point in asked if np.isfinite(point[1])]
    upright = [line.get_xdata()[0] for line in ax.get_lines() if line.get_transform() == ax.get_xaxis_transform()]
    assert {x for x in upright if "diverged" not in str(x)} >= where


@pytest.mark.parametrize("name", RUNS)
def test_the_incumbent_is_the_best_of_all_results(name: str) -> None:
    trace, ax = run(name), picture("trials", name)
    metric = trace.info.metric
    results = trace.results()
    sign = trace.table.metric_info[metric].sign
    best = results.loc[(sign * results[metric]).idxmin()]
    star = next(line for line in ax.get_lines() if line.get_marker() == "*")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (best["resource"], best[metric])
    mine = results[results["trial"] == best["trial"]].sort_values("resource")
    curve = next(line for line in ax.get_lines() if line.get_linewidth() == 2.0 and line.get_marker() == "None")
    np.testing.assert_array_equal(curve.get_xdata(), mine["resource"])
    np.testing.assert_array_equal(curve.get_ydata(), mine[metric])
    said = f"incumbent: trial {best['trial']:.0f}, {best[metric]:.4g} at {best['resource']:g}"
    assert legend_of(ax)[-1] == said


@pytest.mark.parametrize("direction", ["min", "max"])
def test_diverged_results_are_marked_at_the_worse_edge(direction: str) -> None:
    nan = float("nan")
    curves = [[0.5, nan, nan], [0.4, nan, 0.2], [nan, nan, nan], [0.3, 0.2, 0.1]]
    ax = plot_trials(Simulation(table_of(curves, direction=direction), "random", workers=1).run())
    [line] = [line for line in ax.get_lines() if line.get_marker() in "^v"]
    assert sorted(line.get_xdata()) == [1, 2, 2]  # where each first did
    assert set(line.get_ydata()) == ({0.985} if direction == "min" else {0.015})
    assert line.get_marker() == ("^" if direction == "min" else "v")
    assert "diverged (3)" in legend_of(ax)
    assert sorted(points for _, points in lines_drawn(ax)) == [
        [(1.0, 0.3), (2.0, 0.2), (3.0, 0.1)],
        [(1.0, 0.4)],
        [(1.0, 0.5)],
        [(3.0, 0.2)],
    ]


@pytest.mark.parametrize("direction", ["min", "max"])
def test_values_far_off_are_out_of_view_and_a_note_says_so(direction: str) -> None:
    sign = 1 if direction == "min" else -1
    curves = [[sign * (5 + row / 10), sign * (4 + row / 10)] for row in range(20)]
    curves[3] = [sign * 1000.0, sign * 4.0]
    curves[7] = [sign * 5.0, sign * 1e6]
    table = table_of(curves, direction=direction)
    ax = plot_trials(Simulation(table, "random", workers=1).run())
    low, high = sorted(sign * end for end in ax.get_ylim())
    assert low < 4
    assert 6.9 < high < 20
    [note] = ax.texts
    assert note.get_text() == f"2 curves leave the picture, {'up' if sign > 0 else 'down'} to {sign}e+06"
    if direction == "min":
        assert_clean(ax, 2)
    whole = [curve for row, curve in enumerate(curves) if row not in (3, 7)]
    ax = plot_trials(Simulation(table_of(whole, direction=direction), "random", workers=1).run())
    assert list(ax.texts) == []
    low, high = sorted(sign * end for end in ax.get_ylim())
    assert low < 4
    assert high > 6.9


def test_resources_are_logarithmic_where_that_helps_and_rungs_are_its_ticks() -> None:
    ax = drawn(picture("trials", "promotion"))
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in labels(ax.xaxis)] == ["1", "3", "9"]
    low, high = ax.get_xlim()
    assert low < 1
    assert high > 9
    table = random_table(1, n=10, size=6, levels=None)
    assert plot_trials(Simulation(table, "random", workers=1).run()).get_xscale() == "linear"
    crowded = [float(r) for r in (100, 101, 102, 103, 104, 1000)]
    table = table_of([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]] * 4, resources=crowded)
    stops = [Start(0, 100), Start(1, 101), Start(2, 103), Start(3, 1000)]
    assert_clean(plot_trials(Simulation(table, Scripted(stops, [STOP] * 3), workers=1).run()), 2)


def test_thousands_of_curves_are_pixels_in_a_vector_graphic() -> None:
    ax = plot_trials(Simulation(random_table(1, n=2500, size=3, levels=None), "asha-promotion", workers=8).run())
    many = [artist for artist in (*ax.collections, *ax.get_lines()) if artist.get_rasterized()]
    assert len(many) >= 3
    assert not any(artist.get_rasterized() for artist in picture("trials", "promotion").collections)


def test_labels_of_the_trials_have_units() -> None:
    table = integer_table().replaced(metric_info={"error": Metric("min", "nat")}, resource_unit="step")
    ax = plot_trials(Simulation(table, "asha-promotion", workers=2, seed=4, budget=9.0).run())
    assert ax.get_xlabel() == "resource (steps)"
    assert ax.get_ylabel() == "error (nat)"
    assert titled(ax) == "Trials of asha-promotion on made:integers, 2 workers, seed 4"
    assert titled(picture("workers", "cluster")).endswith("4 workers, seed 1, on a cluster")

"""Pictures of single runs: what is in them is what the events and results tell, and they can be read."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from readable import assert_clean, legend_of, pixels, titled
from scripted import Scripted, events_of
from tables import integer_table, random_table, table_of
from test_jobs import stays
from test_plots import HOSTILE, box, drawn, labels

from analysis.jobs import FATES, fates
from analysis.plots.rungs import plot_rungs
from analysis.plots.trials import LINE_COLOURS, plot_trials
from analysis.plots.workers import FATE_COLOURS, PRESENT, UNDERLINE, plot_workers
from analysis.rungs import levels, some_of
from blackboxes import Metric
from simulator import PAUSE, STOP, Continue, Resume, Simulation, Start, Trace
from simulator.cluster import Cluster
from simulator.events import NAMES

PLOTS: dict[str, Callable[..., Axes]] = {"workers": plot_workers, "trials": plot_trials, "rungs": plot_rungs}
REPORTS = ("continue", "pause", "stop", "complete", "curve-end")
RUNS: dict[str, dict[str, Any]] = {
    "promotion": {"scheduler": "asha-promotion"},
    "stopping": {"scheduler": "asha-stopping", "seed": 2},
    "hyperband": {"scheduler": "hyperband", "workers": 5},
    "median": {"scheduler": "median-stopping(min_trials=2)", "workers": 2},
    "random": {"scheduler": "random", "workers": 1},
    "child": {
        "scheduler": Scripted(
            [Start(0, 3), Start(1, 3), Start(2, 6), Start(3, 9, checkpoint_of=0), Start(5, 5, checkpoint_of=1)],
            [STOP, PAUSE, Continue(7), STOP],
        )
    },
    "scratch": {"table": integer_table().replaced(resumable=False), "scheduler": "asha-promotion"},
    "cluster": {
        "scheduler": "asha-stopping",
        "workers": 4,
        "cluster": "spot(crashes='2/x', retries=1, preemptions='3/x')",
    },
    "never": {"scheduler": "hyperband", "workers": 4, "cluster": "no-checkpoints"},
    "ragged": {
        "table": random_table(5, n=40, replicates=2, diverged=0.1, ragged=0.4, levels=None, direction="max"),
        "scheduler": "asha-promotion",
        "budget": None,
    },
}


@cache
def run(name: str) -> Trace:
    """One of `RUNS`, simulated once."""
    asked = {"table": integer_table(), "workers": 3, "seed": 1, "budget": "5x"} | RUNS[name]
    table, scheduler = asked.pop("table"), asked.pop("scheduler")
    return Simulation(table, scheduler, **asked).run()


@cache
def picture(plot: str, name: str) -> Axes:
    """A picture of one of `RUNS`, drawn once; nobody changes it."""
    return PLOTS[plot](run(name))


def scripted(asked: list[Any], answers: list[Any], n: int = 8, workers: int = 1, **options: Any) -> Trace:
    table = table_of([[0.9, 0.5, 0.3 + row / 20] for row in range(n)])
    return Simulation(table, Scripted(asked, answers), workers=workers, **options).run()


def polygons(ax: Axes) -> dict[str, list[tuple[float, float, float]]]:
    """(middle, left, right) of all rectangles, by colour."""
    found = defaultdict(list)
    for collection in ax.collections:
        if isinstance(collection, PolyCollection):
            for path in collection.get_paths():
                (left, low), (right, high) = path.vertices.min(axis=0), path.vertices.max(axis=0)
                found[to_hex(collection.get_facecolor()[0])].append(((low + high) / 2, left, right))
    return found


# Workers


@pytest.mark.parametrize("name", RUNS)
def test_bars_are_the_jobs_coloured_by_fate(name: str) -> None:
    trace = run(name)
    found, fate, walked = polygons(picture("workers", name)), fates(trace), stays(trace)
    for one in FATES:
        asked = [(s.worker, s.begin / 1e9, s.end / 1e9) for s in walked if fate[s.trial] == one]
        assert sorted(found[to_hex(FATE_COLOURS[one])]) == pytest.approx(np.array(sorted(asked)))
    resumed = [(s.begin / 1e9, s.end / 1e9) for s in walked if s.begun_by == "resume"]
    assert sorted(line[1:] for line in found[to_hex(UNDERLINE)]) == sorted(resumed)
    for middle, *_ in found[to_hex(UNDERLINE)]:
        assert 0.2 < middle - round(middle) < 0.5  # at the lower edge, since the axis is turned over


def test_what_the_bars_of_the_cases_show_is_not_all_the_same() -> None:
    """That the tests above and below see every fate, resumes, crashes, preemptions and absences."""
    seen = {one for name in RUNS for one in fates(run(name)).tolist()}
    assert seen == set(FATES)
    counts = Counter(NAMES[event] for event in run("cluster").columns.event)
    for event in ("resume", "crash", "preempted", "down", "up", "failed"):
        assert counts[event], f"no {event}"


def test_colours_of_fates_differ_in_grey_and_for_the_colour_blind() -> None:
    """Lightness L* of fates by 12 at the least; and CIE76 by 10 under Machado et al. (2009), severity 1."""
    # Their matrices for linear RGB: protanomaly, deuteranomaly, tritanomaly.
    blind = np.array(
        [
            [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
            [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
        ]
    )
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

    def lab(linear: np.ndarray) -> np.ndarray:
        x, y, z = np.clip(xyz @ linear, 0, None) / [0.9505, 1.0, 1.089]
        fx, fy, fz = (np.cbrt(t) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
        return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])

    def linear(colour: str) -> np.ndarray:
        rgb = np.array(to_rgb(colour))
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)

    for one, other in itertools.combinations([*FATE_COLOURS.values(), PRESENT], 2):
        if PRESENT not in (one, other):
            assert abs(lab(linear(one))[0] - lab(linear(other))[0]) >= 12, f"{one} and {other} in grey"
        for matrix in [np.eye(3), *blind]:
            apart = np.linalg.norm(lab(matrix @ linear(one)) - lab(matrix @ linear(other)))
            assert apart >= 10, f"{one} and {other}: {apart}"


def test_workers_are_shown_while_they_are_there() -> None:
    """Of 3 workers the last leaves at 2 s; at 4 s there are 4. Told 0.5 s before."""
    cluster = Cluster(plan={2.0: 2, 4.0: 4}, notice=0.5)
    trace = scripted([], [], workers=3, budget=6.0, cluster=cluster)
    assert trace.info.end == 0  # nobody asks for anything: no time passes
    asked = [Start(row, 3) for row in range(8)]
    trace = scripted(asked, [], workers=3, budget=6.0, cluster=cluster)
    ax = plot_workers(trace)
    found = polygons(ax)
    assert sorted(found[to_hex(PRESENT)]) == [(0, 0, 6), (1, 0, 6), (2, 0, 1.5), (2, 4, 6), (3, 4, 6)]
    assert found[to_hex("white")] == [(2, 1.5, 2)]
    assert legend_of(ax)[-3:] == ["worker without a trial", "worker told to leave", "worker away"]
    assert ax.get_ylim() == (3.5, -0.5)
    assert_clean(ax, 2)


def test_presence_adds_up_to_the_workers_time() -> None:
    trace = run("cluster")
    found = polygons(picture("workers", "cluster"))
    total = sum(right - left for colour in (PRESENT, "white") for _, left, right in found[to_hex(colour)])
    assert total == pytest.approx(trace.accounting().total / 1e9)


def test_marks_are_the_crashes_and_preemptions() -> None:
    trace, ax = run("cluster"), picture("workers", "cluster")
    for name, line in zip(("crash", "preempted"), ax.get_lines(), strict=True):
        asked = [(e["time"] / 1e9, e["worker"]) for e in events_of(trace) if e["event"] == name]
        assert list(zip(line.get_xdata(), line.get_ydata(), strict=True)) == asked
    summary = trace.summary()
    assert f"crash ({summary['crashes']})" in legend_of(ax)
    assert f"worker taken away from a trial ({summary['preemptions']})" in legend_of(ax)


@pytest.mark.parametrize("name", RUNS)
def test_legend_of_the_workers_counts_trials(name: str) -> None:
    trace = run(name)
    counts = Counter(fates(trace).tolist())
    said = [f"{one} ({counts[one]})" for one in FATES if counts[one]]
    assert legend_of(picture("workers", name))[: len(said)] == said


def test_edges_never_hide_the_bars() -> None:
    """Of hundreds of jobs on 64 workers, edges take less than half of any bar; of a few, they are there."""
    table = random_table(1, n=400, size=3, levels=None, times="fine")
    crowded = plot_workers(Simulation(table, "asha-promotion(eta=2)", workers=64).run())
    drawn(crowded)
    for ax, least in ((crowded, 0.0), (drawn(plot_workers(scripted([Start(0, 1), Start(1, 1)], []))), 0.5)):
        figure = ax.get_figure()
        assert isinstance(figure, Figure)
        point = figure.dpi / 72
        bars = [one for one in ax.collections if one.get_zorder() == 2]
        assert bars
        for collection in bars:
            edges = np.broadcast_to(collection.get_linewidths(), len(collection.get_paths()))
            for path, edge in zip(collection.get_paths(), edges, strict=True):
                width, height = np.ptp(ax.transData.transform(path.vertices), axis=0) / point
                assert edge <= 0.25 * width + 1e-9
                assert edge <= 0.25 * height
                assert edge >= least


def test_second_axis_of_the_workers_counts_full_trainings_if_the_table_is_known() -> None:
    trace = run("promotion")
    [second] = drawn(picture("workers", "promotion")).child_axes
    np.testing.assert_allclose(np.array(second.get_xlim()) * trace.table.full_training_time, (0, trace.info.end / 1e9))
    alone = Trace.from_text(trace.to_text())  # of a table that nobody can load
    ax = plot_workers(alone)
    assert ax.child_axes == []
    assert polygons(ax) == polygons(picture("workers", "promotion"))
    rungs = plot_rungs(alone)
    assert legend_of(rungs)[0].startswith("resource 1: ")


# Trials


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


# Rungs


@pytest.mark.parametrize("name", RUNS)
def test_rungs_count_who_had_reported(name: str) -> None:
    trace, ax = run(name), picture("rungs", name)
    shown = some_of(levels(trace)).tolist()
    lines = ax.get_lines()
    assert len(lines) == len(shown)
    for level, line, said in zip(shown, lines, legend_of(ax), strict=True):
        x, y = line.get_xdata(), line.get_ydata()
        assert line.get_drawstyle() == "steps-post"
        first: dict[int, int] = {}
        for event in events_of(trace):
            if event["event"] in REPORTS and event["resource"] == level:
                first.setdefault(event["trial"], event["time"])
        for time in [*(t / 1e9 for t in first.values()), *np.linspace(x[0], trace.info.end / 1e9, 9)]:
            count = sum(t / 1e9 <= time for t in first.values())
            assert y[np.searchsorted(x, time, side="right") - 1] == count
        unit = "epoch" if level == 1 else "epochs"
        assert said.startswith(f"{level:g} {unit}: {len(first)} reported")


@pytest.mark.parametrize("name", ["promotion", "stopping", "hyperband", "ragged", "scratch"])
def test_rungs_count_who_went_on(name: str) -> None:
    """Without a cluster: whoever was sent beyond a resource at which it had reported before."""
    trace, ax = run(name), picture("rungs", name)
    for level, said in zip(some_of(levels(trace)).tolist(), legend_of(ax), strict=True):
        reported, further = set(), set()
        for event in events_of(trace):
            if event["event"] in REPORTS and event["resource"] == level:
                reported.add(event["trial"])
            if event["until"] > level and event["resource"] == level and event["event"] != "budget":
                further.add(event["trial"])
        further &= reported
        told = f", {len(further)} went on" if level < trace.table.r_max else ""
        assert said.endswith(f": {len(reported)} reported{told}")


def test_a_trial_that_returns_after_a_crash_was_not_promoted() -> None:
    cluster = Cluster(plan={1.5: 0, 2.0: 1})
    trace = scripted([Start(0, 1), Resume(0, 3)], [PAUSE], cluster=cluster)
    assert [event["event"] for event in events_of(trace) if event["trial"] == 0].count("resume") == 2
    assert legend_of(plot_rungs(trace)) == ["1 epoch: 1 reported, 1 went on", "3 epochs: 1 reported"]


@pytest.mark.parametrize(
    ("levels", "chosen"),
    [
        ([1, 3, 9, 27, 81], [1, 3, 9, 27, 81]),
        (list(range(1, 82)), [1, 3, 9, 27, 81]),
        (list(range(9, 82, 9)), [9, 27, 81]),
        ([2**k for k in range(20)], [2**k for k in (0, 3, 5, 8, 11, 14, 16, 19)]),
        (list(range(91, 101)), [100]),
    ],
)
def test_of_many_levels_those_are_kept_that_are_thirds(levels: list[float], chosen: list[float]) -> None:
    assert some_of(np.array(levels, dtype=float)).tolist() == chosen


def test_of_many_rungs_the_title_says_how_many_there_are() -> None:
    table = random_table(2, n=20, size=30, levels=None)
    trace = Simulation(table, "median-stopping", workers=2).run()
    ax = plot_rungs(trace)
    assert len(ax.get_lines()) == 4  # 1, 3, 10, 30
    assert titled(ax).endswith(": 4 of the 30 resources with reports")
    assert "rung" not in legend_of(plot_trials(trace))


# All of them


def nothing() -> Trace:
    return scripted([], [])


def one_trial() -> Trace:
    return scripted([Start(0, 1)], [PAUSE])


def all_diverged() -> Trace:
    return Simulation(random_table(3, n=9, diverged=1.0), "asha-promotion", workers=3).run()


def no_time() -> Trace:
    return Simulation(random_table(3, n=9, zero_times=1.0), "asha-stopping", workers=3).run()


def cut_at_once() -> Trace:
    return scripted([Start(0, 3), Start(1, 3)], [], workers=2, budget=1e-6)


def one_resource() -> Trace:
    return Simulation(random_table(3, n=5, size=1, levels=None), "random", workers=2).run()


def ended_curves() -> Trace:
    table = table_of([[0.5, float("nan")]] * 3, seconds=[[1.0, float("nan")]] * 3)
    return Simulation(table, "random", workers=2).run()


def long() -> Trace:
    table = table_of([[0.5, 0.4]] * 9, seconds=[[1e7, 4e7]] * 9)
    return Simulation(table, "random", workers=64).run()


EXTREMES = [
    *(nothing, one_trial, all_diverged, no_time),
    *(pytest.param(made, marks=pytest.mark.slow) for made in (cut_at_once, one_resource, ended_curves, long)),
]


@pytest.mark.parametrize("made", EXTREMES, ids=lambda made: made.__name__)
@pytest.mark.parametrize("plot", PLOTS)
def test_extremes_can_be_drawn(plot: str, made: Callable[[], Trace]) -> None:
    ax = PLOTS[plot](made())
    said = [text.get_text() for text in ax.texts]
    if made is nothing:
        assert said == ["no trial has reported" if plot == "rungs" else "no trial was started"]
    elif plot == "trials" and made in (all_diverged, cut_at_once):
        assert said == ["no trial has a result"]
    elif plot == "rungs" and made is cut_at_once:
        assert said == ["no trial has reported"]
    else:
        assert said == []
    assert_clean(ax)


@pytest.mark.parametrize("name", ["promotion", "cluster"])
@pytest.mark.parametrize("plot", PLOTS)
def test_pictures_of_runs_can_be_read(plot: str, name: str) -> None:
    ax = picture(plot, name)
    assert_clean(ax, 3)
    assert box(ax).width / ax.figure.dpi > 4


def hostile(name: str) -> Trace:
    """A run whose scheduler, table, metric and unit all have a name."""
    table = integer_table(n=6).replaced(
        family=name,
        task=name,
        metrics={name: integer_table(n=6).metrics["error"]},
        metric_info={name: Metric("min", name or "1")},
        default_metric=name,
        resource_unit=name,
    )
    trace = Simulation(table, "asha-promotion", workers=2).run()
    trace.info = replace(trace.info, scheduler=name)
    return trace


@pytest.mark.filterwarnings("ignore:Glyph .* missing from")
@pytest.mark.parametrize("plot", PLOTS)
def test_hostile_names_are_drawn_as_they_are(plot: str) -> None:
    for name in HOSTILE[::2] if plot == "trials" else ("$x$", "x" * 60):
        ax = PLOTS[plot](hostile(name))
        assert "".join(name.split()) in "".join(ax.get_title(loc="left").split())
        for text in (ax.xaxis.label, ax.yaxis.label, ax._left_title, *ax.get_legend().get_texts()):  # type: ignore
            assert not text.get_parse_math()
        if len(name) > 50:
            assert_clean(ax)


@pytest.mark.parametrize("plot", PLOTS)
def test_given_axes_are_drawn_on_and_others_left_alone(plot: str) -> None:
    figure = Figure(figsize=(16, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [5, 6])
    assert PLOTS[plot](run("cluster"), ax=right) is right
    assert_clean(right, 3)
    assert figure.get_size_inches().tolist() == [16, 5]
    assert len(figure.axes) == 2
    assert (len(left.get_lines()), left.get_xscale(), left.get_legend(), left.texts[:]) == (1, "linear", None, [])


def test_the_same_run_gives_the_same_picture() -> None:
    first, second = (plot_trials(run("promotion")).get_figure() for _ in range(2))
    np.testing.assert_array_equal(pixels(first), pixels(second))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 64])
@pytest.mark.parametrize("plot", PLOTS)
def test_ten_thousand_jobs_can_be_drawn(plot: str, workers: int, tmp_path: Any) -> None:
    table = random_table(1, n=7000, size=9, levels=None, times="fine")
    trace = Simulation(table, "asha-promotion", workers=workers).run()
    assert len(stays(trace)) > 10_000
    ax = PLOTS[plot](trace)
    assert_clean(ax, min(workers, 3))
    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    figure.savefig(tmp_path / "many.svg")
    assert (tmp_path / "many.svg").stat().st_size < 2_000_000

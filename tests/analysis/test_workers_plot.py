"""The picture of what workers did: its bars, marks and axes are what the events tell."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from made_traces import RUNS, picture, polygons, run, scripted
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from readable import assert_clean, legend_of
from scripted import events_of
from tables import random_table
from test_jobs import stays
from test_plots import drawn

from analysis.jobs import FATES, fates
from analysis.plots.rungs import plot_rungs
from analysis.plots.workers import FATE_COLOURS, PRESENT, UNDERLINE, plot_workers
from simulator import Simulation, Start, Trace
from simulator.cluster import Cluster
from simulator.events import NAMES


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

"""The picture of rungs: its steps count who had reported there."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import REPORTS, RUNS, picture, run, scripted
from readable import legend_of, titled
from scripted import events_of
from tables import random_table

from analysis.plots.rungs import plot_rungs
from analysis.plots.trials import plot_trials
from analysis.rungs import levels, some_of
from simulator import PAUSE, Resume, Simulation, Start
from simulator.cluster import Cluster


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

"""All pictures of single runs: they can be read, whatever the run and its names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_traces import PLOTS, picture, run, scripted
from matplotlib.figure import Figure
from readable import assert_clean, pixels
from tables import integer_table, random_table, table_of
from test_jobs import stays
from test_plots import HOSTILE, box

from analysis.plots.trials import plot_trials
from blackboxes import Metric
from simulator import PAUSE, Simulation, Start, Trace


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

"""Pictures of targets and profiles: what is in them, and that they can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from made_reached import runs, some_runs
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from readable import HOSTILE, assert_inside
from test_plots import drawn

from analysis.plots.profiles import plot_data_profile, plot_performance_profile
from analysis.plots.targets import plot_time_to_target
from analysis.profiles import data_profile, performance_profile
from analysis.runs import RunsError
from analysis.style import COLOURS, LINES, wrapped
from analysis.targets import Reached, survival

PICTURES: list[Callable[[Reached], Axes]] = [
    plot_time_to_target,
    plot_performance_profile,
    lambda reached: plot_data_profile(reached, 2.0),
]
EACH = pytest.mark.parametrize("plot", PICTURES, ids=["time to target", "performance profile", "data profile"])


def made(schedulers: int = 4, tasks: int = 2, seeds: int = 12, end: float = 30.0) -> Reached:
    generator = np.random.default_rng(0)
    times = generator.exponential(1, (schedulers, tasks, seeds)) * np.arange(4, 4 + schedulers)[:, None, None]
    return runs(*times, ends=end)


def assert_readable(ax: Axes) -> None:
    """Nothing is cut off by the figure's edge, nothing lies on anything else, and both axes have numbers."""
    figure, legend = drawn(ax).get_figure(), ax.get_legend()
    assert isinstance(figure, Figure)
    assert legend is not None
    assert_inside(figure)
    assert legend.get_window_extent().x0 >= ax.get_window_extent().x1
    assert ax.get_window_extent().width / figure.dpi > 4
    assert ax.title.get_window_extent().y0 > ax.get_window_extent().y1 - 2
    for axis in (ax.xaxis, ax.yaxis):
        low, high = axis.get_view_interval()
        shown = [
            text
            for at, text in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
            if low - 1e-9 <= at <= high + 1e-9 and text.get_text()
        ]
        assert len(shown) >= 2
        for one, other in pairwise(text.get_window_extent() for text in shown):
            assert not one.overlaps(other)
        assert not any("10^" in text.get_text() for text in shown)


def curves(ax: Axes) -> list[Any]:
    """The step curves, without the marks of runs that ended."""
    return [line for line in ax.get_lines() if line.get_marker() == "None"]


def marks(ax: Axes) -> list[Any]:
    return [line for line in ax.get_lines() if line.get_marker() == "|"]


def value(line: Any, x: float) -> float:
    """What a step curve shows at a point."""
    at, share = (np.asarray(part) for part in (line.get_xdata(), line.get_ydata()))
    return float(share[np.searchsorted(at, x, side="right") - 1])


@EACH
@pytest.mark.parametrize("schedulers", [1, 15])
def test_can_be_read_with_one_and_with_many_schedulers(plot: Callable[[Reached], Axes], schedulers: int) -> None:
    ax = plot(made(schedulers))
    assert_readable(ax)
    lines = curves(ax)
    assert len(lines) == schedulers
    assert [to_hex(line.get_color()) for line in lines[:7]] == [to_hex(c) for c in COLOURS[:schedulers]]
    assert all(line.get_drawstyle() == "steps-post" for line in lines)
    assert len({(line.get_color(), str(line._dash_pattern)) for line in lines}) == schedulers
    assert len(LINES) > 1


@EACH
@pytest.mark.parametrize(
    "some",
    [
        runs([5.0]),
        runs([-5.0]),
        runs([0.0, 0.0], [0.0, 0.0]),
        runs([1e-6, 1e6], [3.0, -1e6]),
        runs([-5.0] * 20, [-5.0] * 20),
        made(2, 3, 100),
    ],
    ids=["one run", "one, and not there", "no time", "long range", "nobody", "many"],
)
def test_extremes_can_be_read(plot: Callable[[Reached], Axes], some: Reached) -> None:
    ax = plot(some)
    assert_readable(ax)
    said = [text.get_text() for text in ax.texts]
    assert said == ([] if some.reached.any() else ["no run got there"])


@EACH
def test_hostile_names_are_drawn_as_they_are(plot: Callable[[Reached], Axes]) -> None:
    some = replace(
        made(len(HOSTILE), 1),
        schedulers=tuple(HOSTILE),
        tasks=("$t_1$ <i>",),
        target="a_b $c$ \\d",
        x_label="time ($s$)",
    )
    ax = plot(some)
    assert_readable(ax)
    legend = ax.get_legend()
    assert legend is not None
    texts = legend.get_texts()
    assert [text.get_text() for text in texts] == [wrapped(name, 40) for name in HOSTILE]
    assert not any(text.get_parse_math() for text in texts)
    title = ax.title if ax.get_title() else ax._left_title
    assert (
        title.get_text().replace("\n", " ").startswith("$t_1$ <i>, 12 seeds, with 95% intervals. Target: a_b $c$ \\d")
    )
    assert not title.get_parse_math()
    assert not ax.xaxis.label.get_parse_math()


@given(some_runs())
@settings(max_examples=5)
def test_time_to_target_draws_one_minus_survival_and_marks_who_ended(some: Reached) -> None:
    ax = plot_time_to_target(some)
    assert ax.get_xlabel() == "simulated time (s)"
    assert ax.get_ylabel() == "share of runs that got there"
    for s, (line, mark) in enumerate(zip(curves(ax), marks(ax), strict=True)):
        curve = survival(some, some.schedulers[s])
        left = ax.get_xlim()[0]
        for time, share in zip(curve.times, curve.shares, strict=True):
            if time >= left:
                assert value(line, time) == pytest.approx(1 - share)
                assert value(line, np.nextafter(time, 0)) <= 1 - share + 1e-9
        end = np.asarray(line.get_xdata())[-1]
        # Known for good once all got there; else up to where the last run ended.
        assert end == pytest.approx(1.05 * some.times.max() if curve.shares[-1] <= 1e-12 else curve.times[-1])
        ended = np.unique(some.times[s][~some.reached[s]])
        np.testing.assert_array_equal(mark.get_xdata(), ended[ended <= end])
        for time, share in zip(mark.get_xdata(), mark.get_ydata(), strict=True):
            assert share == pytest.approx(value(line, time))


def test_bands_are_the_intervals_of_survival() -> None:
    some = runs([2, 4, 6, 8, -9], [1, 2, 3, 4, 5])
    ax = plot_time_to_target(some)
    for scheduler, band, line in zip("ab", ax.collections, curves(ax), strict=True):
        curve = survival(some, scheduler)
        corners = band.get_paths()[0].vertices
        at = corners[np.isclose(corners[:, 0], curve.times[2]), 1]
        assert at.min() == pytest.approx(1 - curve.upper[1])
        assert at.max() == pytest.approx(1 - curve.lower[2])
        assert to_hex(band.get_facecolor()[0]) == to_hex(line.get_color())


def test_profiles_draw_their_shares_up_to_the_end() -> None:
    some = made()
    ended = float((some.times / np.array([2.0, 3.0])[:, None]).max())
    for ax, profile, first, end in (
        (plot_performance_profile(some), performance_profile(some), 1.0, None),
        (plot_data_profile(some, [2.0, 3.0]), data_profile(some, [2.0, 3.0]), 0.0, ended),
    ):
        x = profile.columns[1]
        for scheduler, line, band in zip(some.schedulers, curves(ax), ax.collections, strict=True):
            own = profile[profile["scheduler"] == scheduler]
            for found in own[own[x] > ax.get_xlim()[0]].itertuples():
                assert value(line, getattr(found, x)) == found.share
            last = float(np.asarray(line.get_xdata())[-1])
            assert last == pytest.approx(1.05 * (profile[x].max() if end is None else end))  # a jump is not on the edge
            assert np.asarray(line.get_ydata())[-1] == own["share"].iloc[-1]
            corners = band.get_paths()[0].vertices
            assert (corners[:, 1].min(), corners[:, 1].max()) == (own["lower"].min(), own["upper"].max())
        assert ax.get_ylabel() == "share of problems solved"
        assert ax.get_xlim()[0] >= first
    assert plot_performance_profile(some).get_xlim()[0] == 1
    assert plot_performance_profile(made(1)).get_xlim()[1] >= 2  # a line, also where all factors are 1
    assert plot_performance_profile(some).get_xlabel() == "time, as a multiple of the shortest on the same problem"
    assert plot_data_profile(some, 1.0).get_xlabel() == "time (mean full trainings)"


@EACH
def test_where_nobody_got_there_the_axis_goes_as_far_as_the_runs_did(plot: Any) -> None:
    ax = drawn(plot(runs(*np.full((2, 1, 3), np.inf), ends=30.0)))
    assert [text.get_text() for text in ax.texts] == ["no run got there"]
    end = {0: 30.0, 1: 2.0, 2: 15.75}[PICTURES.index(plot)]
    assert ax.get_xlim()[1] == pytest.approx(end, rel=0.01)


@EACH
def test_they_draw_into_axes_that_are_given(plot: Any) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.add_subplot()
    drawing = {0: plot_time_to_target, 1: plot_performance_profile}.get(PICTURES.index(plot))
    found = drawing(made(), ax=ax) if drawing else plot_data_profile(made(), 2.0, ax=ax)
    assert found is ax
    assert tuple(figure.get_size_inches()) == (7, 4)


def test_a_unit_that_is_none_is_an_error() -> None:
    with pytest.raises(RunsError, match="a time above 0"):
        plot_data_profile(made(), 0.0)

"""The critical-difference diagram: what it shows, and that it can be read."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from made_scores import scores_of
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from readable import HOSTILE, assert_inside

from analysis.friedman import Friedman, friedman
from analysis.plots.critical import plot_critical_difference
from analysis.style import COLOURS, wrapped


def made(count: int, blocks: int = 20, spread: float = 0.4, **others: Any) -> Friedman:
    losses = np.random.default_rng(count).normal(size=(count, 1, blocks))
    return friedman(scores_of(losses + spread * np.arange(count)[:, None, None], **others))


def drawn(ax: Axes) -> Figure:
    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()
    return figure


def texts(ax: Axes) -> list[Text]:
    return [text for text in ax.texts if text.get_text()]


def bars(ax: Axes) -> list[tuple[float, float]]:
    """From where to where the thick lines go."""
    return [tuple(line.get_xdata()) for line in ax.get_lines() if line.get_linewidth() == 4]


def assert_readable(ax: Axes) -> None:
    """Nothing is cut off, no text lies on another, and no bar on a name."""
    figure = drawn(ax)
    assert_inside(figure)
    ticks = [tick for tick in ax.get_xticklabels() if tick.get_text()]
    every = [*texts(ax), ax.xaxis.label, *ticks, ax._left_title]
    boxes = [(text.get_text(), text.get_window_extent()) for text in every]
    for (one, first), (other, second) in combinations(boxes, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        upright = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert min(across, upright) < 1.5, f"{one!r} lies on {other!r}"
    assert ax.get_window_extent().width / figure.dpi > 4
    assert ax._left_title.get_window_extent().x1 / figure.dpi <= figure.get_size_inches()[0]


@pytest.mark.parametrize(("schedulers", "blocks"), [(3, 2), (3, 60), (4, 12), (7, 2), (15, 12)])
def test_can_be_read_with_few_and_with_many_schedulers(schedulers: int, blocks: int) -> None:
    assert_readable(plot_critical_difference(made(schedulers, blocks)))


def test_hostile_names_are_drawn_as_they_are() -> None:
    some = made(len(HOSTILE), schedulers=tuple(HOSTILE), tasks=("$t_1$ <i>",), y_label="$loss$_x", x_label="time ($s$)")
    ax = plot_critical_difference(some)
    assert_readable(ax)
    shown = {text.get_text() for text in ax.texts}
    assert {wrapped(name, 40) for name in HOSTILE} <= shown
    assert not any(text.get_parse_math() for text in ax.texts if text.get_text() in {wrapped(n, 40) for n in HOSTILE})
    assert " ".join(ax._left_title.get_text().split()) == (
        "Friedman's test over 20 seeds of $t_1$ <i>: p < 0.001. Ranked: $loss$_x, at time ($s$): 1"
    )
    assert not ax._left_title.get_parse_math()


def test_names_are_joined_to_their_mean_ranks_by_lines_that_do_not_cross() -> None:
    some = made(7)
    ax = plot_critical_difference(some)
    figure = drawn(ax)
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 3]
    assert len(lines) == 7
    shown = {text.get_text(): text for text in texts(ax)}
    order = np.argsort(some.mean_ranks)
    for place, s in enumerate(order):
        (line,) = [one for one in lines if one.get_xdata()[0] == some.mean_ranks[s]]
        assert to_hex(line.get_color()) == to_hex(COLOURS[s])
        assert line.get_ydata()[0] == 0  # from the axis
        end = ax.transData.transform((line.get_xdata()[-1], line.get_ydata()[-1]))
        box = shown[some.schedulers[s]].get_window_extent()
        assert box.y0 < end[1] < box.y1
        # The better half on the left.
        gap = end[0] - box.x1 if place < 4 else box.x0 - end[0]
        assert 0 < gap < 0.1 * figure.dpi
        assert f"{some.mean_ranks[s]:.2f}" in shown
    for one, other in combinations(lines, 2):
        (x, _, edge), (_, y, _) = one.get_xdata(), one.get_ydata()
        (other_x, _, other_edge), (_, other_y, _) = other.get_xdata(), other.get_ydata()
        for (low, high), at, level, depth in (
            (sorted((x, edge)), other_x, y, other_y),
            (sorted((other_x, other_edge)), x, other_y, y),
        ):
            assert not (low < at < high and depth < level), "a level line crosses an upright one"


def test_bars_join_the_groups_and_the_ruler_is_the_critical_difference() -> None:
    some = made(7)
    ax = plot_critical_difference(some)
    rank_of = dict(zip(some.schedulers, some.mean_ranks, strict=True))
    assert len(some.groups) > 1
    margin = 0.02 * 6
    expected = [(rank_of[group[0]] - margin, rank_of[group[-1]] + margin) for group in some.groups]
    np.testing.assert_allclose(bars(ax), expected)
    (ruler,) = [line for line in ax.get_lines() if line.get_marker() == "|"]
    assert np.diff(ruler.get_xdata()) == pytest.approx(some.critical_difference)
    assert f"critical difference {some.critical_difference:.2f}" in [text.get_text() for text in ax.texts]
    # No two bars on one level touch.
    levels: dict[float, list[tuple[float, float]]] = {}
    for line in ax.get_lines():
        if line.get_linewidth() == 4:
            levels.setdefault(line.get_ydata()[0], []).append(tuple(line.get_xdata()))
    for level in levels.values():
        for (_, one), (other, _) in zip(sorted(level), sorted(level)[1:], strict=False):
            assert one < other


def test_groups_apart_share_a_level() -> None:
    # Two pairs that tie, far from each other.
    base = np.random.default_rng(1).normal(size=200)
    losses = np.stack([base, base, base + 9, base + 9])[:, None, :]
    ax = plot_critical_difference(friedman(scores_of(losses)))
    found = [line.get_ydata()[0] for line in ax.get_lines() if line.get_linewidth() == 4]
    assert len(found) == 2
    assert found[0] == found[1]


def test_the_axis_tells_where_the_best_is() -> None:
    ax = plot_critical_difference(made(5))
    assert ax.get_xlabel() == "mean rank (1 is best)"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "3", "4", "5"]
    low, high = ax.get_xlim()
    assert low < 1 < 5 < high  # 1 on the left


def test_where_friedmans_test_finds_nothing_the_picture_says_so() -> None:
    some = made(6, spread=0.0)
    assert some.p > 0.05
    ax = plot_critical_difference(some)
    assert_readable(ax)
    assert "Friedman's test does not tell any of them apart" in [text.get_text() for text in ax.texts]
    assert len(bars(ax)) == 1
    assert f"p = {some.p:.2g}." in ax.get_title(loc="left").replace("\n", " ")
    sure = made(6)
    assert sure.p < 0.05
    sure_picture = plot_critical_difference(sure)
    assert "Friedman's test does not tell any of them apart" not in [text.get_text() for text in sure_picture.texts]
    assert f"p = {sure.p:.2g}." in sure_picture.get_title(loc="left").replace("\n", " ")


def test_where_all_tie_it_can_still_be_read() -> None:
    ax = plot_critical_difference(friedman(scores_of(np.ones((5, 1, 8)))))
    assert_readable(ax)
    assert [text.get_text() for text in texts(ax)].count("3.00") == 5


def test_it_draws_into_axes_that_are_given() -> None:
    figure = Figure(figsize=(9, 4), layout="constrained")
    ax = figure.add_subplot()
    assert plot_critical_difference(made(4), ax) is ax
    assert tuple(figure.get_size_inches()) == (9, 4)


@pytest.mark.parametrize("schedulers", [3, 6])
def test_that_nothing_is_told_apart_is_said_where_no_line_is(schedulers: int) -> None:
    ax = plot_critical_difference(made(schedulers, 5, spread=0.0))
    drawn(ax)
    (said,) = [text for text in texts(ax) if "not tell any of them apart" in text.get_text()]
    box = said.get_window_extent()
    for line in ax.get_lines():
        assert not line.get_window_extent().padded(1).overlaps(box)

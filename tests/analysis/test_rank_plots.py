"""The pictures of ranks and of seeds: what is in them, and that they can be read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from made_scores import scores_of
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from readable import assert_inside

from analysis.plots.ranks import plot_ranks
from analysis.plots.seeds import plot_seeds
from analysis.ranks import average_ranks
from analysis.scores import Scores
from analysis.seeds import interval_widths
from analysis.style import new_axes

HOSTILE = ["$x$", "_hidden", r"\frac{1}{2} <b>%s {0}", "two\nlines", "x" * 60, ""]


def improving(count: int = 4, tasks: int = 2, seeds: int = 8, points: int = 50, **others: Any) -> Scores:
    """Losses that fall over time, one scheduler's a little faster than the next one's; no result at the beginning."""
    generator = np.random.default_rng(0)
    slower = (1 + 0.3 * np.arange(count))[:, None, None, None]
    losses = np.minimum.accumulate(slower * generator.lognormal(size=(count, tasks, seeds, points)), axis=3)
    losses[..., : points // 10] = np.nan
    return scores_of(losses, **{"x": np.geomspace(20, 9000, points), **others})


def named(name: str, **others: Any) -> Scores:
    scores = improving(2, 1)
    return Scores(scores.losses, (name, "other"), (name,), scores.seeds, scores.x, **others)


def two(difference: float, spread: float = 1.0, names: Sequence[str] = ("own", "other"), **others: Any) -> Scores:
    own = difference + spread * np.random.default_rng(0).normal(size=(3, 12, 1))
    return scores_of(np.stack([own, np.zeros_like(own)]), schedulers=tuple(names), **others)


def assert_readable(ax: Axes) -> None:
    """Nothing is cut off or lies on anything else."""
    figure, legend = ax.get_figure(), ax.get_legend()
    assert isinstance(figure, Figure)
    assert legend is not None
    figure.draw_without_rendering()
    assert_inside(figure)
    assert legend.get_window_extent().x0 >= ax.get_window_extent().x1
    for axis in (ax.xaxis, ax.yaxis):
        boxes = [tick.get_window_extent() for tick in axis.get_ticklabels() if tick.get_text()]
        seen = [box for box in boxes if ax.bbox.expanded(1.3, 1.3).overlaps(box)]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(seen, 2))


def entries(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_draws_the_ranks_and_their_intervals_from_the_first_result_on() -> None:
    scores = improving()
    found, ax = average_ranks(scores), plot_ranks(scores)
    assert len(ax.get_lines()) == len(ax.collections) == 4
    for i, (line, band) in enumerate(zip(ax.get_lines(), ax.collections, strict=True)):
        np.testing.assert_array_equal(line.get_xdata(), scores.x[5:])
        np.testing.assert_array_equal(line.get_ydata(), found.mean[i, 5:])
        assert line.get_drawstyle() == "steps-post"
        corners = band.get_paths()[0].vertices
        assert corners[:, 1].min() == found.lower[i, 5:].min()
        assert corners[:, 1].max() == found.upper[i, 5:].max()
        assert to_hex(band.get_facecolor()[0]) == to_hex(line.get_color())
    assert ax.get_xscale() == "log"
    assert ax.get_xlim()[0] == scores.x[5]
    assert ax.get_title(loc="left") == "2 tasks: average rank over 8 seeds each, with 95% intervals"
    assert ax.get_xlabel() == "simulated time (s)"


@pytest.mark.parametrize("schedulers", [1, 6, 20])
def test_rank_1_is_on_top_and_every_rank_is_in_view(schedulers: int) -> None:
    ax = plot_ranks(improving(schedulers))
    bottom, top = ax.get_ylim()
    assert top < 1 <= schedulers < bottom
    assert all(float(tick).is_integer() for tick in ax.get_yticks())
    assert_readable(ax)


def test_single_point_shows_schedulers_side_by_side_even_at_the_end_of_all_time() -> None:
    scores = scores_of(improving(3).losses[..., -1:], x=np.array([np.inf]))
    found, ax = average_ranks(scores), plot_ranks(scores)
    assert [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in ax.get_lines()] == [
        (i, found.mean[i, 0]) for i in range(3)
    ]
    for i, bar in enumerate(ax.collections):
        assert bar.get_segments()[0][:, 1].tolist() == [found.lower[i, 0], found.upper[i, 0]]
    assert ax.get_xlabel() == "simulated time (s): the end"
    assert_readable(ax)


def test_runs_without_any_result_give_a_picture_that_says_so() -> None:
    ax = plot_ranks(scores_of(np.full((2, 1, 3, 5), np.nan)))
    assert [text.get_text() for text in ax.texts] == ["no run has a result"]
    assert_readable(ax)


@pytest.mark.parametrize(
    ("tasks", "seeds", "title"),
    [
        (1, 1, "task-0: average rank over 1 seed"),
        (1, 3, "task-0: average rank over 3 seeds, with 95% intervals"),
        (3, 1, "3 tasks: average rank over 1 seed each"),
    ],
)
def test_title_says_over_what_ranks_are_averaged(tasks: int, seeds: int, title: str) -> None:
    ax = plot_ranks(improving(2, tasks, seeds))
    assert ax.get_title(loc="left") == title
    assert_readable(ax)


def test_a_time_axis_from_zero_on_is_linear() -> None:
    ax = plot_ranks(improving(2, points=5, x=np.arange(5.0)))
    assert ax.get_xscale() == "linear"
    assert_readable(ax)


def test_half_widths_and_the_difference_are_drawn_and_the_answer_is_marked() -> None:
    widths = interval_widths(two(-0.2), "own", "other")
    ax = plot_seeds(widths)
    assert widths.needed is not None
    run, more, all_of_them, difference, _, answer = ax.get_lines()
    measured = ~widths.extrapolated
    np.testing.assert_array_equal(run.get_xydata(), np.stack([widths.numbers, widths.half_widths], 1)[measured])
    assert more.get_xdata()[0] == 12  # both parts meet
    np.testing.assert_array_equal(more.get_xdata()[1:], widths.numbers[~measured])
    np.testing.assert_array_equal(more.get_ydata()[1:], widths.half_widths[~measured])
    assert more.get_linestyle() == "--"
    assert all_of_them.get_xdata().tolist() == [12]
    assert set(difference.get_ydata()) == {-widths.difference}
    assert answer.get_xydata().tolist() == [[widths.needed, -widths.difference]]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert entries(ax)[:3] == ["subsets of the seeds run", "extrapolated", "all 12 seeds"]
    assert ax.get_xlabel() == "seeds of each of 3 tasks"
    assert ax.get_ylabel() == "half width of the 95% interval: loss"
    assert_readable(ax)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (two(-1.2), "3 seeds are enough"),
        (two(0.5, 0.0), "2 seeds are enough"),
        (two(0.0, 0.0), "there is no difference"),
        (two(float("nan")), "a run has no result"),
    ],
)
def test_title_says_how_many_seeds_are_enough(scores: Scores, said: str) -> None:
    ax = plot_seeds(interval_widths(scores, "own", "other"))
    assert ax.get_title(loc="left") == f"own against other, paired by seed: {said}"
    assert_readable(ax)


def test_what_is_extrapolated_is_told_in_round_numbers_and_what_is_out_of_reach_is_said() -> None:
    losses = two(0.0).losses.copy()
    losses[0] += 0.02 - losses[0].mean()
    widths = interval_widths(scores_of(losses), "scheduler-0", "scheduler-1")
    assert widths.needed is not None
    assert widths.needed > 1000
    ax = plot_seeds(widths)
    assert f"about {round(widths.needed, -2)} seeds are enough" in entries(ax)
    assert_readable(ax)
    losses[0] += 0.0002 - losses[0].mean()
    ax = plot_seeds(interval_widths(scores_of(losses), "scheduler-0", "scheduler-1"))
    assert ax.get_title(loc="left").endswith("10000 seeds are not \nenough")
    assert_readable(ax)


def test_a_single_number_of_seeds_can_be_drawn() -> None:
    assert_readable(plot_seeds(interval_widths(two(0.2), "own", "other", [12])))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_drawn_as_they_are(name: str) -> None:
    others = {"x_label": f"time {name}", "y_label": f"loss {name}"}
    ranks = plot_ranks(named(name, **others))
    seeds = plot_seeds(interval_widths(two(0.3, names=(name, "other"), **others), name, "other"))
    assert entries(ranks)[0].replace("\n", "").split() == name.split()
    for ax in (ranks, seeds):
        for text in (ax.xaxis.label, ax.yaxis.label, ax._left_title):  # type: ignore[attr-defined]
            assert not text.get_parse_math()
        assert_readable(ax)


def test_axes_that_are_given_are_drawn_on() -> None:
    for draw in (
        lambda ax: plot_ranks(improving(), ax),
        lambda ax: plot_seeds(interval_widths(two(0.2), "own", "other"), ax),
    ):
        ax = new_axes()
        size = ax.figure.get_size_inches().tolist()  # type: ignore[union-attr]
        assert draw(ax) is ax
        assert ax.figure.get_size_inches().tolist() == size  # type: ignore[union-attr]

"""The picture of anytime curves: what is in it, and that it can be read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_runs import by_hand, scored
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from analysis import anytime, as_runs, plot_anytime
from analysis import curves as curves_of
from analysis.plots import plot_tasks
from analysis.runs import RunsError
from analysis.style import plain_ticks

SIX = ["random", "successive-halving", "hyperband", "asha-stopping", "asha-promotion", "median-stopping"]
NINE = [
    *SIX,
    "asha-stopping(eta=4,r_min=3)",
    "hyperband(eta=4,rounding='ceil',anchor='r_max',overlap=False)",
    "asha-promotion(levels=[1,2,4,8,16,32,64],eta=2)",
]
HOSTILE = [
    "$x$",
    "a$b^{2",
    "_hidden",
    "<b>bold</b> & co",
    "[red]markup[/red]",
    r"\frac{1}{2} %s {0}",
    "λ→∞ 日本",
    "two\nlines\tand a tab",
    "x" * 60,
    "a " * 40,
    "",
]


def curves(
    names: Sequence[str] = SIX, seeds: int = 4, scale: float = 1.0, shift: float = 0.0, start: float = 0.01, **more: Any
) -> pd.DataFrame:
    """Runs that improve from 1 towards 0 (times `scale`, plus `shift`) between `start` and 10 seconds."""
    rows = []
    for (i, name), seed in itertools.product(enumerate(names), range(seeds)):
        times = np.geomspace(start * (1 + seed / 50), 9, 12)
        values = np.geomspace(1 - seed / 20, 0.02 * (i + 1), 12) * scale + shift
        rows.append(by_hand(times.tolist(), values.tolist(), name, seed, **more))
    return as_runs(rows)


def drawn(ax: Axes) -> Axes:
    """The same Axes after its figure was laid out and drawn."""
    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()
    return ax


def box(artist: Any) -> Bbox:
    return artist.get_window_extent()


def labels(axis: Axis) -> list[Any]:
    """The labels of the ticks that are in view, in order."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    return [label for place, label in ticks if low - slack <= place <= high + slack and label.get_text()]


def assert_readable(ax: Axes) -> None:
    """Nothing is cut off by the figure's edge, nothing lies on anything else, and axes have ticks."""
    drawn(ax)
    figure, legend = ax.get_figure(), ax.get_legend()
    assert isinstance(figure, Figure)
    assert legend is not None
    inside = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert inside.x0 >= -0.01
    assert inside.y0 >= -0.01
    assert inside.x1 <= width + 0.01
    assert inside.y1 <= height + 0.01
    assert box(legend).x0 >= box(ax).x1
    assert box(ax).width / figure.dpi > 4
    second = ax.child_axes[0]
    for axis in (ax.xaxis, second.xaxis, ax.yaxis):
        shown = labels(axis)
        assert len(shown) >= 2, f"{axis} has the ticks {shown}"
        for one, other in itertools.pairwise(shown):
            assert not box(one).overlaps(box(other)), f"{one.get_text()} and {other.get_text()} overlap"
    assert box(ax.xaxis.label).y0 >= max(box(label).y1 for label in labels(second.xaxis))


def test_draws_the_quartiles_of_anytime() -> None:
    runs = curves()
    ax = plot_anytime(runs)
    times = np.asarray(ax.get_lines()[0].get_xdata())
    expected = anytime(runs, times).groupby("scheduler", sort=False)
    for line, band, (_, curve) in zip(ax.get_lines(), ax.collections, expected, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), times)
        np.testing.assert_array_equal(line.get_ydata(), curve["middle"])
        corners = band.get_paths()[0].vertices
        assert corners[:, 1].min() == curve["lower"].min()
        assert corners[:, 1].max() == curve["upper"].max()
        assert to_hex(band.get_facecolor()[0]) == to_hex(line.get_color())
        assert band.get_alpha() < 0.15
        assert line.get_drawstyle() == "steps-post"  # a value holds from its time on
        upright = np.diff(corners[:, 0]) == 0
        assert (upright | (np.diff(corners[:, 1]) == 0)).all()  # steps, no slopes


@pytest.mark.parametrize("names", [SIX[:1], SIX, NINE], ids=["one", "six", "nine"])
def test_can_be_read_with_one_and_with_many_schedulers(names: list[str]) -> None:
    ax = plot_anytime(curves(names))
    assert_readable(ax)
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text().replace("\n", "") for text in legend.get_texts()] == names


def test_many_schedulers_differ_in_colour_or_line() -> None:
    ax = plot_anytime(curves([f"s{i}" for i in range(20)], seeds=1))
    looks = {(line.get_color(), str(line.get_linestyle()), str(line._dash_pattern)) for line in ax.get_lines()}
    assert len(looks) == 20
    assert_readable(ax)


def test_labels_have_units() -> None:
    runs = curves(unit="nat", test_unit="fraction", metric="validation_loss", test_metric="test_error")
    assert plot_anytime(runs).get_xlabel() == "simulated time (s)"
    assert plot_anytime(runs).get_ylabel() == "best validation loss so far (nat)"
    assert plot_anytime(scored(runs, "regret")).get_ylabel() == "regret of validation loss (nat)"
    assert plot_anytime(scored(runs, "test")).get_ylabel() == "test error of the incumbent (fraction)"
    assert plot_anytime(curves(unit="1")).get_ylabel() == "best loss so far"


@pytest.mark.parametrize(
    ("seeds", "said"),
    [([20, 20], "20 seeds"), ([1, 1], "1 seed"), ([12, 20], "12 to 20 seeds"), ([1, 3], "1 to 3 seeds")],
)
def test_title_says_over_how_many_seeds(seeds: list[int], said: str) -> None:
    rows = [by_hand([1.0], [0.5], f"s{i}", seed) for i, n in enumerate(seeds) for seed in range(n)]
    title = plot_anytime(as_runs(rows)).get_title(loc="left")
    assert title == f"made:by-hand, 4 workers: median and quartiles over {said}"


def test_second_axis_counts_mean_full_trainings() -> None:
    ax = drawn(plot_anytime(curves(full_training=2.5)))
    [second] = ax.child_axes
    assert second.get_xlabel() == "the same in mean full trainings"
    np.testing.assert_allclose(np.array(second.get_xlim()) * 2.5, ax.get_xlim())


@pytest.mark.parametrize("full_training", [0.7342, 0.2247, 0.2389])
def test_a_budget_in_full_trainings_ends_at_a_labelled_tick(full_training: float) -> None:
    rows = [by_hand([full_training], [0.5], end=10 * full_training, full_training=full_training)]
    [second] = drawn(plot_anytime(as_runs(rows))).child_axes
    assert labels(second.xaxis)[-1].get_text() == "10"


def test_time_axis_starts_where_the_first_curve_does() -> None:
    rows = [by_hand([t, 8.0], [0.9, 0.5], seed=seed) for seed, t in enumerate([0.001, 1.0, 1.0, 1.0, 1.0])]
    low, high = plot_anytime(as_runs(rows)).get_xlim()
    assert 0.9 < low < 1.1
    assert high == pytest.approx(10.0, rel=0.01)


def test_the_first_moments_of_a_long_run_do_not_take_up_the_picture() -> None:
    runs = curves(start=1e-6)
    low, high = plot_anytime(runs).get_xlim()
    assert low == pytest.approx(high / 500, rel=0.01)
    _, top = plot_anytime(runs).get_ylim()
    assert top < 0.5  # what came before is not in view


@pytest.mark.parametrize(
    ("runs", "scale"),
    [
        (curves(), "log"),
        (curves(shift=1.0), "linear"),  # 1 to 2: plain numbers read better
        (curves(scale=-1.0), "linear"),
        (curves(shift=-0.02), "linear"),  # down to exactly 0
        (curves(shift=-0.5), "linear"),
        (as_runs([by_hand([1.0, 2.0], [0.5, 0.5])]), "linear"),
        (as_runs([by_hand([1.0, 2.0], [0.0, 0.0])]), "linear"),
    ],
    ids=["positive", "narrow", "negative", "zero", "both", "constant", "constantly zero"],
)
def test_values_are_logarithmic_only_where_that_is_possible_and_helps(runs: pd.DataFrame, scale: str) -> None:
    ax = plot_anytime(runs)
    assert ax.get_yscale() == scale
    assert_readable(ax)


@pytest.mark.parametrize(
    ("first", "longer"),
    list(zip([9.9, 8.0, 4.0, 1.9, 1.1, 0.3, 0.21, 0.02, 1e-3, 1e-4], [1e-4, 3600.0, 1e6] * 4, strict=False)),
)
def test_ticks_can_be_read_whatever_the_range(first: float, longer: float) -> None:
    rows = [by_hand([first * longer, 9.95 * longer], [longer, longer / first], end=10.0 * longer)]
    assert_readable(plot_anytime(as_runs(rows).assign(full_training=0.7 * longer)))


def test_one_result_at_the_very_end_is_no_error() -> None:
    drawn(plot_anytime(as_runs([by_hand([10.0], [0.5])])))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (4e-5, 1.2e-3, ["0.00005", "0.0001", "0.0002", "0.0003", "0.0005", "0.001"]),
        (4e-6, 1.2e-4, ["5e-6", "1e-5", "2e-5", "3e-5", "5e-5", "1e-4"]),
        (1.1e-5, 2.1e-5, ["1.2e-5", "1.4e-5", "1.6e-5", "1.8e-5", "2e-5"]),
        (1e5, 3e6, ["100000", "200000", "300000", "500000", "1000000", "2000000", "3000000"]),
        (1e6, 3e7, ["1e6", "2e6", "3e6", "5e6", "1e7", "2e7", "3e7"]),
    ],
)
def test_all_ticks_of_an_axis_are_in_one_notation(low: float, high: float, said: list[str]) -> None:
    ax = Figure().add_subplot()
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    plain_ticks(ax.xaxis, low, high)
    assert [text.get_text() for text in labels(drawn(ax).xaxis)] == said


def test_run_that_takes_no_time_is_no_error() -> None:
    ax = drawn(plot_anytime(as_runs([by_hand([0.0], [0.5], end=0.0, full_training=0.0)])))
    assert ax.get_xscale() == "linear"


def test_run_with_a_result_at_time_zero() -> None:
    ax = plot_anytime(as_runs([by_hand([0.0, 3.0], [0.9, 0.1])]))
    assert ax.get_xscale() == "log"
    assert_readable(ax)


def test_runs_that_all_diverged_give_a_picture_that_says_so() -> None:
    runs = as_runs([by_hand([], [], name, seed) for name in SIX for seed in range(3)])
    ax = drawn(plot_anytime(runs))
    assert [text.get_text() for text in ax.texts] == ["too few runs have a result"]
    assert ax.get_legend() is not None


def test_scheduler_whose_runs_diverged_is_listed_without_a_curve() -> None:
    runs = as_runs([by_hand([1.0], [0.5], "good"), by_hand([], [], "bad")])
    ax = plot_anytime(runs)
    assert_readable(ax)
    assert np.isnan(ax.get_lines()[1].get_ydata()).all()


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_drawn_as_they_are(name: str) -> None:
    runs = curves(
        [name, "random"], table=f"{name}:{name}", metric=name, test_metric=name, unit=name or "1", test_unit=name
    )
    ax = plot_anytime(scored(runs, "test"))
    legend = ax.get_legend()
    assert legend is not None
    first = legend.get_texts()[0]
    assert first.get_text().replace("\n", "").split() == name.split()
    for text in (first, ax.yaxis.label, ax._left_title):  # type: ignore[attr-defined]
        assert not text.get_parse_math()
    assert_readable(ax)


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_all_hostile_names_together_can_be_read() -> None:
    assert_readable(plot_anytime(curves(HOSTILE)))


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "optuna:TPESampler(multivariate=True)+SuccessiveHalvingPruner(min_resource=1)",
            ["optuna:TPESampler(multivariate=True)+", "SuccessiveHalvingPruner(min_resource=1)"],
        ),
        ("ray:ASHAScheduler+kde", ["ray:ASHAScheduler+kde"]),
        ("median-stopping(own='best',minimum=1e+05)", ["median-stopping(own='best',", "minimum=1e+05)"]),
    ],
)
def test_long_names_break_between_what_they_are_made_of(name: str, lines: list[str]) -> None:
    legend = plot_anytime(curves([name, "random"])).get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text().split("\n") == lines


def test_draws_on_a_given_axes_and_leaves_the_others_alone() -> None:
    figure = Figure(figsize=(14, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [5, 6], label="mine")
    assert plot_anytime(curves(), ax=right) is right
    drawn(right)
    assert figure.get_size_inches().tolist() == [14, 5]
    assert len(left.get_lines()) == 1
    assert left.get_xscale() == "linear"
    inside = figure.get_tightbbox()
    assert inside.x1 <= 14.01
    assert inside.y0 >= -0.01


def test_a_given_axes_keeps_what_was_on_it() -> None:
    ax = Figure().add_subplot()
    ax.axhline(0.5, label="a line of my own")
    plot_anytime(curves(SIX[:2]), ax=ax)
    assert len(ax.get_lines()) == 3
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == SIX[:2]


def test_the_picture_can_be_saved(tmp_path: Any) -> None:
    figure = plot_anytime(curves()).get_figure()
    assert isinstance(figure, Figure)
    for kind in ("png", "pdf", "svg"):
        figure.savefig(tmp_path / f"anytime.{kind}")
        assert (tmp_path / f"anytime.{kind}").stat().st_size > 5000


def test_several_tables_and_a_missing_test_metric_are_errors() -> None:
    runs = curves(SIX[:1])
    with pytest.raises(RunsError, match="one table"):
        plot_anytime(pd.concat([runs, runs.assign(table="made:other")]))
    none = as_runs([by_hand([1.0], [0.5], test_values=[], test_metric=None, test_direction=None, test_unit=None)])
    with pytest.raises(RunsError, match="no test metric"):
        plot_anytime(scored(none, "test"))


BOUND = "clairvoyant"


def test_the_bound_is_a_thin_line_of_its_own_that_takes_no_colour_from_the_schedulers() -> None:
    ax = plot_anytime(curves([SIX[0], BOUND, *SIX[1:]]))
    assert_readable(ax)
    plain = plot_anytime(curves(SIX))
    *lines, bound = ax.get_lines()
    assert [(line.get_color(), str(line._dash_pattern)) for line in lines] == [  # type: ignore[attr-defined]
        (line.get_color(), str(line._dash_pattern))  # type: ignore[attr-defined]
        for line in plain.get_lines()
    ]
    assert bound.get_color() not in {line.get_color() for line in lines}
    assert bound.get_linewidth() < min(line.get_linewidth() for line in lines)
    assert len(ax.collections) == len(lines)  # no band
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [*SIX, "clairvoyant (bound)"]


@pytest.mark.parametrize("score", ["reported", "regret"])
def test_axes_are_made_for_the_schedulers_and_the_bound_is_in_view_as_far_as_it_can_be(score: Any) -> None:
    bound = by_hand([1e-3, 0.5, 2.0], [0.7, 0.05, 0.0], BOUND)
    runs = pd.concat([curves(SIX[:2], start=0.1), as_runs([bound])])
    ax, plain = (plot_anytime(scored(some, score)) for some in (runs, curves(SIX[:2], start=0.1)))
    assert_readable(ax)
    assert ax.get_xlim() == plain.get_xlim()
    assert ax.get_yscale() == plain.get_yscale() == "log"
    assert ax.get_ylim()[0] > 0.001  # where it reaches zero it leaves the picture, and does not squeeze it
    values = np.asarray(ax.get_lines()[-1].get_ydata())
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(np.unique(values), [0.0, 0.05, 0.7])


def test_the_bound_alone_can_be_drawn() -> None:
    ax = plot_anytime(as_runs([by_hand([0.5, 2.0], [0.7, 0.0], BOUND, seed, end=2.0) for seed in range(3)]))
    assert_readable(ax)
    assert len(ax.get_lines()) == 1


def test_money_has_an_axis_of_its_own_and_no_trainings() -> None:
    rows = curves(SIX[:2]).assign(cluster="spot(price=0.9)", cost=3.0)
    rows["costs"] = [[0.3 * time for time in times] for times in rows["times"]]
    ax = drawn(plot_anytime(curves_of(rows, x="cost")))
    assert ax.get_xlabel() == "cost of the workers (in the currency of their price)"
    assert ax.child_axes == []
    assert ax.get_xlim()[1] == pytest.approx(3.0, rel=0.01)
    np.testing.assert_allclose(
        np.asarray(ax.get_lines()[0].get_ydata()), np.asarray(plot_anytime(rows).get_lines()[0].get_ydata())
    )


def test_the_title_tells_the_cluster() -> None:
    title = plot_anytime(curves(SIX[:1], cluster="spot(price=0.9)")).get_title(loc="left").replace("\n", "")
    assert title == "made:by-hand, 4 workers, cluster spot(price=0.9): median and quartiles over 4 seeds"


def test_tasks_have_an_axes_each_and_schedulers_the_same_look_in_all() -> None:
    runs = pd.concat([curves(SIX[i:], table=f"made:{i}") for i in range(4)])
    axes = plot_tasks(runs)
    drawn(axes[0])
    assert [ax.get_title(loc="left") for ax in axes] == [f"made:{i}" for i in range(4)]
    assert [ax.get_xlabel() for ax in axes] == ["", *["simulated time (s)"] * 3]  # nothing is below these three
    assert [bool(ax.get_ylabel()) for ax in axes] == [True, False, False, True]
    for i, ax in enumerate(axes):
        for line, first in zip(ax.get_lines(), axes[0].get_lines()[i:], strict=True):
            assert (line.get_color(), line._dash_pattern) == (first.get_color(), first._dash_pattern)
    legends = [ax.get_legend() for ax in axes]
    assert [legend is not None for legend in legends] == [False, False, True, False]
    assert [text.get_text() for text in legends[2].get_texts()] == SIX  # type: ignore[union-attr]
    figure = axes[0].get_figure()
    assert isinstance(figure, Figure)
    boxes = [ax.get_tightbbox() for ax in axes]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    inside = figure.get_tightbbox()
    assert inside.x0 >= 0
    assert inside.x1 <= figure.get_size_inches()[0]
    assert figure.get_suptitle() == "4 tables, 4 workers: median and quartiles over 4 seeds"


def test_tasks_of_several_metrics_have_labels_of_their_own() -> None:
    runs = [curves(SIX[:2], table="a:a"), curves(SIX[:2], table="b:b"), curves(SIX[:2], table="c:c", unit="USD")]
    axes = plot_tasks(pd.concat(runs))
    said = ["best loss so far", "best loss so far", "best loss so far (USD)"]
    assert [ax.get_ylabel().replace("\n", " ") for ax in axes] == said
    boxes = [drawn(ax).get_tightbbox() for ax in axes]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)


def test_one_task_is_drawn_in_a_given_axes_and_the_number_has_to_fit() -> None:
    ax = Figure().add_subplot()
    assert plot_tasks(curves(), [ax]) == [ax]
    with pytest.raises(RunsError, match="there are 2 Axes for 1 tasks"):
        plot_tasks(curves(), [ax, ax])

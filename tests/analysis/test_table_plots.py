"""Pictures of what the workers' time went to and of tables: what is in them was worked out apart, and can be read."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from made_runs import by_hand
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from readable import assert_clean, legend_of, titled
from scipy.stats import spearmanr
from tables import random_table, table_of, tables
from test_plots import HOSTILE, box, drawn

from analysis import as_runs
from analysis.plots.spent import SAID, plot_spent, spent
from analysis.plots.tables import plot_rank_correlation, plot_runtimes, rank_correlations
from analysis.runs import RunsError
from blackboxes import Blackbox, BlackboxError, Metric, load
from blackboxes.describe import rank_correlation, runtimes
from simulator.accounting import PARTS
from simulator.study import crossed, run_all


def spending(parts: list[float], scheduler: str = "random", seed: int = 0, **others: Any) -> dict[str, Any]:
    """A run whose workers' time is given by part, in the order of `PARTS`."""
    times = {f"time_{part}": seconds for part, seconds in zip(PARTS, parts, strict=True)}
    return by_hand([1.0], [0.5], scheduler, seed, **times, worker_time=float(sum(parts)), cluster="") | others


def widths(ax: Axes) -> dict[tuple[float, str], tuple[float, float]]:
    """(left, width) of each bar, by the middle of its row and its colour; none of no width."""
    return {
        (round(bar.get_y() + bar.get_height() / 2, 9), to_hex(bar.get_facecolor())): (bar.get_x(), bar.get_width())
        for bar in ax.patches
        if isinstance(bar, Rectangle) and bar.get_width() > 0
    }


def row_names(ax: Axes) -> list[str]:
    return [label.get_text().replace("\n", "") for label in ax.get_yticklabels()]


def test_bars_are_mean_shares_worked_by_hand() -> None:
    """One run of 10 s, one of 40 s: shares are averaged, not seconds."""
    runs = as_runs([spending([4, 0, 0, 6, 0, 0]), spending([40, 0, 0, 0, 0, 0], seed=1), spending([1] * 6, "other")])
    ax = plot_spent(runs)
    colour = {part: to_hex(SAID[part][1]) for part in PARTS}
    sixth = 100 / 6
    order = ["useful", "stopped", "repeated", "overhead", "barrier", "no_work"]
    asked = {(0.0, colour["useful"]): (0, 70), (0.0, colour["barrier"]): (70, 30)}
    asked |= {(1.0, colour[part]): (i * sixth, sixth) for i, part in enumerate(order)}
    found = widths(ax)
    assert set(found) == set(asked)
    for key, place in asked.items():
        assert found[key] == pytest.approx(place), key
    assert [text.get_text() for text in ax.texts] == ["70", "30", *["17"] * 6]
    assert row_names(ax) == ["random", "other"]
    assert legend_of(ax) == [SAID[part][0] for part in order]
    assert ax.get_xlabel() == "% of the time of all workers"
    assert titled(ax) == "made:by-hand, 4 workers: mean over 1 to 2 runs"
    assert_clean(ax)


@cache
def simulated() -> pd.DataFrame:
    """Runs on two clusters, and without one; and the bound."""
    schedulers = ["clairvoyant", "asha-stopping", "hyperband(overlap=False)", "asha-promotion"]
    rows = [
        row
        for cluster in (None, "spot", "no-checkpoints")
        for row in run_all(crossed("svm:satimage", schedulers, range(2), 8, "2x", cluster=cluster), 1)
    ]
    return as_runs(rows)


def test_bars_of_simulated_runs_add_up_cluster_by_cluster() -> None:
    runs = simulated()
    ax = plot_spent(runs)
    found = widths(ax)
    rows = sorted({row for row, _ in found})
    assert len(rows) == 9
    named = dict(zip(ax.get_yticks(), row_names(ax), strict=True))
    heads = {text.get_position()[1]: text.get_text() for text in ax.texts if text.get_fontweight() == "bold"}
    assert list(heads.values()) == ["no cluster", "cluster spot", "cluster no-checkpoints"]
    for row in rows:
        head = max(place for place in heads if place < row)
        cluster = heads[head].replace("no cluster", "").replace("cluster ", "")
        mine = runs[(runs["scheduler"] == named[row]) & (runs["cluster"] == cluster)]
        assert len(mine) == 2
        end = 0.0
        for part, (_, colour, _) in SAID.items():
            share = sum(100 * run[f"time_{part}"] / run["worker_time"] / 2 for _, run in mine.iterrows())
            left, width = found.get((row, to_hex(colour)), (end, 0.0))
            assert (left, width) == pytest.approx((end, share), abs=1e-9)
            end += width
        assert end == pytest.approx(100)
    assert_clean(ax)


def test_words_and_looks_are_there_for_every_part_and_differ() -> None:
    assert set(SAID) == set(PARTS)
    assert len({name for name, _, _ in SAID.values()}) == len({colour for _, colour, _ in SAID.values()}) == len(PARTS)


def test_values_are_written_where_there_is_room() -> None:
    runs = as_runs([spending([90, 1, 3, 6, 0, 0])])
    [ax] = Figure(figsize=(8, 3), layout="constrained").subplots(1, 1, squeeze=False)[0]
    plot_spent(runs, ax=ax)
    assert [text.get_text() for text in ax.texts] == ["90", "6"]
    for text, bar in zip(drawn(ax).texts, [bar for bar in ax.patches if bar.get_width() > 5], strict=True):
        assert box(bar).x0 < box(text).x0 < box(text).x1 < box(bar).x1
    [small, _] = Figure(figsize=(5, 3), layout="constrained").subplots(1, 2)
    plot_spent(runs, ax=small)
    assert [text.get_text() for text in small.texts] == ["90"]


def test_runs_that_do_not_tell_are_an_error() -> None:
    runs = as_runs([spending([1] * 6), by_hand([1.0], [0.5], "older")])
    with pytest.raises(RunsError, match=r"made:by-hand, older: the run does not tell where .* worker_time"):
        plot_spent(runs)
    bound = simulated()[simulated()["scheduler"] == "clairvoyant"]
    with pytest.raises(RunsError, match="no run of a scheduler"):
        plot_spent(bound)


def test_a_run_in_which_no_time_passed_does_not_count() -> None:
    runs = as_runs([spending([0] * 6), spending([1, 0, 0, 1, 0, 0], seed=1), spending([0] * 6, "quick")])
    ax = plot_spent(runs)
    assert [width for _, width in widths(ax).values()] == [50, 50]
    assert [text.get_text() for text in ax.texts] == ["50", "50", "no time passed"]
    assert spent(runs).loc[("", "quick")].isna().all()
    assert_clean(ax)
    assert legend_of(plot_spent(runs[:1])) == []


@pytest.mark.filterwarnings("ignore:Glyph .* missing from")
def test_hostile_names_of_schedulers_clusters_and_tables_are_drawn_as_they_are() -> None:
    rows = [
        spending([5, 1, 2, 1, 1, 1], name, table="$x$ " + "y" * 90, cluster=cluster)
        for name, cluster in [*((name, "$x$") for name in HOSTILE[:10]), ("random", "z" * 130)]
    ]
    ax = plot_spent(as_runs(rows))
    assert_clean(ax)
    shown = [name for _, name in sorted(zip(ax.get_yticks(), row_names(ax), strict=True))]
    assert ["".join(name.split()) for name in shown] == ["".join(name.split()) for name in [*HOSTILE[:10], "random"]]
    for text in (*ax.get_yticklabels(), *ax.texts):
        assert not text.get_parse_math() or text.get_text().isdigit()
    long = [spending([5, 1, 2, 1, 1, 1], cluster=name) for name in ("y " * 100, "z" * 130)]
    ax = plot_spent(as_runs(long))
    assert_clean(ax)
    heads = [text for text in ax.texts if text.get_fontweight() == "bold"]
    assert not any(box(head).overlaps(box(bar)) for head in heads for bar in ax.patches)


@pytest.mark.slow
def test_one_bar_and_many_bars_can_be_read() -> None:
    assert_clean(plot_spent(as_runs([spending([1, 2, 3, 4, 5, 6])])))
    assert_clean(plot_spent(as_runs([spending([1, 2, 3, 4, 5, 6], f"scheduler {i}") for i in range(40)])))


# Tables


LARGE = ["mlp:letter", "gbm:magic"]


def brute_force(table: Blackbox, name: str) -> np.ndarray:
    """(R, R) Spearman's correlations, one pair after the other, with plain loops over rows and replicates."""
    n, replicates, size = table.elapsed.shape
    sign = table.metric_info[name].sign
    used = [row for row in range(n) if any(table.lengths[row, s] == size for s in range(replicates))]
    seen = [sign * float(v) for row in used for s in range(replicates) for v in table.metrics[name][row, s]]
    worst = max((v for v in seen if v == v), default=0.0)
    means = []
    for row in used:
        mine = []
        for index in range(size):
            values = []
            for s in range(replicates):
                if table.elapsed[row, s, index] == table.elapsed[row, s, index]:
                    value = sign * float(table.metrics[name][row, s, index])
                    values.append(value if value == value else worst)
            mine.append(sum(values) / len(values))
        means.append(mine)
    found = np.full((size, size), np.nan)
    for i, j in itertools.product(range(size), repeat=2):
        one, other = [row[i] for row in means], [row[j] for row in means]
        if len(set(one)) > 1 and len(set(other)) > 1:
            found[i, j] = spearmanr(one, other).statistic
    return found


@settings(max_examples=12)
@given(table=tables(n=9, size=5, levels=8, dtype="float64"))
def test_rank_correlations_are_spearmans(table: Blackbox) -> None:
    found, n = rank_correlations(table)
    assert n == (table.lengths == len(table.resources)).any(axis=1).sum()
    np.testing.assert_allclose(found, brute_force(table, "loss"), atol=1e-9)


@pytest.mark.parametrize("name", ["svm:satimage", *LARGE])
def test_correlations_with_r_max_are_those_that_show_tells(name: str) -> None:
    table = load(name)
    for metric in table.metrics:
        found, _ = rank_correlations(table, metric)
        for resource, correlation in rank_correlation(table, metric):
            assert found[table.resource_list.index(resource), -1] == pytest.approx(correlation)


def cells(ax: Axes) -> np.ma.MaskedArray:
    [mesh] = [one for one in ax.collections if isinstance(one, QuadMesh)]
    shape = (len(ax.get_yticks()), len(ax.get_xticks()))
    return np.ma.masked_array(mesh.get_array()).reshape(shape)


def test_heat_map_shows_the_correlations_and_writes_them_down() -> None:
    table = random_table(4, n=60, size=6, levels=1000, diverged=0.05)
    ax = plot_rank_correlation(table)
    found = brute_force(table, "loss")
    np.testing.assert_allclose(cells(ax), found)
    assert (found < 0).any()
    written = {(round(x), round(y)): text for text in ax.texts for x, y in [text.get_position()]}
    for (i, j), value in np.ndenumerate(found):
        text = written[j, i].get_text().replace("\N{MINUS SIGN}", "-")
        assert float(text) == pytest.approx(value, abs=0.00501)
    [mesh] = [one for one in ax.collections if isinstance(one, QuadMesh)]
    assert mesh.get_clim() == (-1, 1)
    assert_clean(ax)


@pytest.mark.parametrize("name", ["svm:satimage", *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_heat_maps_of_shipped_tables_can_be_read(name: str) -> None:
    table = load(name)
    ax = plot_rank_correlation(table)
    assert_clean(ax)
    shown = [float(label.get_text()) for label in ax.get_xticklabels()]
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"{r:g}" for r in shown]
    asked = {
        "mlp:letter": [1, 2, 3, 5, 9, 16, 27, 47, 81],
        "svm:satimage": table.resource_list,
        "gbm:magic": [1, 3, 6, 9, 15, 27, 48, 81, 141, 243],
    }
    assert shown == asked[name]
    indices = np.searchsorted(table.resources, shown)
    full, _ = rank_correlations(table)
    np.testing.assert_allclose(cells(ax), full[np.ix_(indices, indices)])
    for text in ax.texts:
        assert box(text).width < 0.95 * box(ax).width / len(shown)
    bar = ax.figure.axes[-1]
    assert bar.get_ylabel() == "Spearman's rank correlation"
    assert titled(ax).startswith(f"{name}, validation error: ")
    assert ("resources" in titled(ax)) == (len(shown) < len(table.resources))


def test_another_metric_can_be_asked_for_and_an_unknown_one_is_an_error() -> None:
    table = random_table(4, n=30, size=4, levels=None, diverged=0.2)
    np.testing.assert_allclose(cells(plot_rank_correlation(table, metric="other")), brute_force(table, "other"))
    with pytest.raises(BlackboxError, match="no metric 'accuracy'"):
        plot_rank_correlation(table, metric="accuracy")


@pytest.mark.parametrize(
    "table",
    [
        random_table(3, n=9, diverged=1.0),
        random_table(3, n=1),
        random_table(3, n=5, size=1, levels=None),
        table_of([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]]),
        random_table(3, n=9, replicates=2, ragged=0.6, diverged=0.3),
        table_of([[0.5, float("nan")]] * 3, seconds=[[1.0, float("nan")]] * 3),
    ],
    ids=["diverged", "one row", "one resource", "constant at first", "ragged", "none to r_max"],
)
def test_odd_tables_can_be_drawn(table: Blackbox) -> None:
    ax = plot_rank_correlation(table)
    asked = brute_force(table, "loss")
    np.testing.assert_allclose(cells(ax).filled(np.nan), asked)
    crosses = [(int(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in ax.get_lines()]
    assert sorted(crosses) == [tuple(place) for place in np.argwhere(np.isnan(asked.T)).tolist()]
    assert titled(ax).endswith(", ×: no ranking") == bool(crosses)
    plot_runtimes(table)
    if not len(ax.texts):  # crosses alone
        assert_clean(ax)


def ecdf(ax: Axes, which: int, seconds: float) -> float:
    """The share that a curve of the picture shows at some seconds."""
    curves = [line for line in ax.get_lines() if line.get_drawstyle() == "steps-post"]
    x, y = curves[which].get_data()
    known = int(np.searchsorted(x, seconds, side="right"))
    return float(y[known - 1]) if known else 0.0


@settings(max_examples=8)
@given(table=tables(n=9, size=5))
def test_curves_of_runtimes_are_shares_of_what_was_measured(table: Blackbox) -> None:
    ax = plot_runtimes(table)
    size, grid = len(table.resources), [0.0, *map(float, table.resources)]
    full, units = [], []
    for row, replicate in np.ndindex(table.lengths.shape):
        times = [0.0, *table.elapsed[row, replicate][: table.lengths[row, replicate]].tolist()]
        if len(times) == size + 1:
            full.append(times[-1])
        if table.resumable:
            units += [(times[i] - times[i - 1]) / (grid[i] - grid[i - 1]) for i in range(1, len(times))]
        elif len(times) > 1:
            units.append(times[1])
    if not full:
        full = [t[n - 1] for t, n in zip(table.elapsed.reshape(-1, size), table.lengths.ravel(), strict=True) if n]
    for which, measured in enumerate([full] if size == 1 else [full, units]):
        for seconds in [*measured, *np.linspace(0, max(measured), 5)]:
            share = sum(t <= seconds for t in measured) / len(measured)
            assert ecdf(ax, which, seconds) == pytest.approx(share)
    dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert dots[0].get_xdata() == pytest.approx(np.quantile(full, [0.25, 0.5, 0.75]))
    assert dots[0].get_ydata() == pytest.approx([0.25, 0.5, 0.75])
    diamond = next(line for line in ax.get_lines() if line.get_marker() == "D")
    assert diamond.get_xdata()[0] == table.full_training_time


def test_legend_of_runtimes_tells_median_and_quartiles() -> None:
    table = load("svm:magic")
    told = runtimes(table)
    ax = plot_runtimes(table)
    assert legend_of(ax)[0] == f"full training: {told['median']:.3g} s ({told['q1']:.3g} to {told['q3']:.3g})"
    assert legend_of(ax)[1].startswith("training to 128 rows: ")
    assert legend_of(ax)[2] == f"mean full training: {table.full_training_time:.3g} s"
    assert ax.get_xlabel() == "time (s)"
    assert ax.get_xscale() == "log"
    low, high = ax.get_xlim()
    assert low < np.nanmin(table.elapsed)
    assert high > np.nanmax(table.elapsed)
    assert_clean(ax, 2)


def test_of_very_many_steps_the_curve_keeps_some_and_they_are_exact() -> None:
    table = load("mlp:digits")
    ax = plot_runtimes(table)
    steps = np.diff(table.elapsed, axis=2, prepend=0.0)
    steps = np.sort(steps[~np.isnan(steps)])
    [_, line] = [line for line in ax.get_lines() if line.get_drawstyle() == "steps-post"]
    x, y = line.get_data()
    assert 1000 < len(x) <= 2001
    np.testing.assert_allclose(np.searchsorted(steps, x[1:], side="right") / len(steps), y[1:])
    assert np.diff(y).max() < 0.01
    assert_clean(ax, 2)


@pytest.mark.filterwarnings("ignore:Glyph .* missing from")
@pytest.mark.parametrize("plot", [plot_rank_correlation, plot_runtimes])
def test_hostile_names_of_tables_are_drawn_as_they_are(plot: Any) -> None:
    table = random_table(1, n=5, size=3, levels=None)
    for name in ("$x$", "", "_a$b^{2" + "x" * 60):
        given = table.replaced(
            family=name,
            task=name,
            metrics={name: table.metrics["loss"]},
            metric_info={name: Metric("min", name or "1")},
            default_metric=name,
            resource_unit=name,
        )
        ax = plot(given)
        assert "".join(name.split()) in "".join(ax.get_title(loc="left").split())
        legend = ax.get_legend()
        for text in (ax.xaxis.label, ax.yaxis.label, ax._left_title, *(legend.get_texts() if legend else ())):
            assert not text.get_parse_math()
        if len(name) > 50:
            assert_clean(ax)


@pytest.mark.parametrize("plot", [plot_rank_correlation, plot_runtimes, plot_spent])
def test_given_axes_are_drawn_on_and_others_left_alone(plot: Any) -> None:
    figure = Figure(figsize=(16, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [5, 6])
    before = box(left)
    given = as_runs([spending([1, 2, 3, 4, 5, 6])]) if plot is plot_spent else load("mlp:letter")
    assert plot(given, ax=right) is right
    assert_clean(right)
    assert figure.get_size_inches().tolist() == [16, 5]
    assert (len(left.get_lines()), left.get_xscale(), left.get_legend(), left.texts[:]) == (1, "linear", None, [])
    assert box(left).height == pytest.approx(before.height, rel=0.2)

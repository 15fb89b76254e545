"""Exponents of cost, and views in units of equal cost."""

from __future__ import annotations

from math import isnan, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import plain, table
from tables import tables

from blackboxes import Blackbox, BlackboxError, load
from blackboxes.synthetic import make
from blackboxes.units import cost_exponent, cost_scales, describe_cost, equal_cost, unit_cost_spread
from simulator import Simulation


def timed(elapsed: list[list[float]], resources: list[float] | None = None) -> Blackbox:
    """A table with one replicate and these times (n, R)."""
    times = np.array(elapsed, dtype=float)[:, None, :]
    grid = list(range(1, times.shape[2] + 1)) if resources is None else resources
    error = np.where(np.isnan(times), np.nan, 0.0)
    return plain(elapsed=times, resources=grid, metrics={"error": error})


@pytest.mark.parametrize("b", [0.5, 1.0, 1.7, 3.0])
@pytest.mark.parametrize("resources", [[1, 2, 3, 4], [16, 23, 32, 45, 64], [0.1, 0.3, 1.0]])
def test_exponents_of_exact_powers(b: float, resources: list[float]) -> None:
    box = timed([[scale * r**b for r in resources] for scale in (0.01, 1.0, 300.0)], resources)
    assert cost_exponent(box) == pytest.approx(b, abs=1e-12)


def test_exponent_is_the_median_of_least_squares_fits() -> None:
    rows = [[1.0, 2.5, 2.9, 7.0], [2.0, 4.0, 6.0, 8.0], [1.0, 50.0, 2500.0, 9000.0]]
    log_r = [log(r) for r in (1, 2, 3, 4)]
    fits = [np.polyfit(log_r, np.log(row), 1)[0] for row in rows]
    assert cost_exponent(timed(rows)) == pytest.approx(sorted(fits)[1], rel=1e-12)


def test_one_slow_machine_does_not_decide_the_exponent() -> None:
    rows = [[r * s for r in (1, 2, 4, 8)] for s in (1.0, 2.0, 3.0, 4.0)] + [[1.0, 1e3, 1e6, 1e8]]
    assert cost_exponent(timed(rows, [1, 2, 4, 8])) == pytest.approx(1)


def test_exponent_of_odd_tables() -> None:
    nan = float("nan")
    assert cost_exponent(timed([[1, 4, 9], [1, 2, nan]])) == pytest.approx(2)  # complete curves go first
    assert cost_exponent(timed([[1, 4, nan], [3, 12, nan]])) == pytest.approx(2)  # there are none
    assert cost_exponent(timed([[0, 4, 9]])) == pytest.approx(2)  # what took no time has no logarithm
    for nothing in ([[0, 0, 0]], [[0, 0, 5]], [[1, nan, nan]]):
        box = timed(nothing)
        assert isnan(cost_exponent(box))
        assert not cost_scales(box)
        assert describe_cost(box) == "unknown, no curve has two resources that took time"
    assert isnan(cost_exponent(timed([[2.0]])))


@pytest.mark.parametrize(
    ("exponent", "scales"),
    [(0.5, False), (0.88, False), (0.95, True), (1.0, True), (1.08, True), (1.12, False), (2, False)],
)
def test_judgement_of_powers(exponent: float, scales: bool) -> None:
    box = make("power-law", f"n=20,cost_exponent={exponent}")
    assert cost_exponent(box) == pytest.approx(exponent, abs=1e-6)
    assert unit_cost_spread(box) == pytest.approx(81 ** abs(exponent - 1), rel=1e-6)
    assert cost_scales(box) == scales
    assert describe_cost(box).startswith(f"elapsed ~ r^{exponent:.2f}: cost {'scales' if scales else 'does not scale'}")
    assert (f"{box.name}@cost views the table" in describe_cost(box)) != scales


def test_judgement_of_a_bent_curve() -> None:
    """0.05 + 0.95 z^2 starts flat and ends steep, so that one exponent looks right."""
    box = make("hartmann3", "n=5")
    assert abs(cost_exponent(box) - 1) < 0.1
    assert not cost_scales(box)
    assert "but a unit costs 3.89 times as much at one resource as at another" in describe_cost(box)
    per_unit = [(0.05 + 0.95 * (r / 100) ** 2) / r for r in range(3, 101)]
    assert unit_cost_spread(box) == pytest.approx(max(per_unit) / min(per_unit))


@pytest.mark.parametrize("task", ["digits", "letter"])
def test_epochs_of_the_measured_table_cost_the_same(task: str) -> None:
    box = load(f"mlp:{task}")
    assert cost_scales(box)
    assert equal_cost(box).r_max == pytest.approx(81, rel=0.15)


def test_a_view_by_hand() -> None:
    box = timed([[2, 6, 20], [4, 6, 40]])  # means 3, 6, 30
    view = equal_cost(box)
    assert view.resource_list == [1, 2, 10]
    assert (view.name, view.resource_unit) == ("table:task@cost", "cost unit")


def test_views_share_arrays_and_keep_everything_else() -> None:
    box = table(task="b", resumable=False, censored=np.ones((6, 2), dtype=bool), test_metric="accuracy", source="s")
    view = equal_cost(box)
    assert np.shares_memory(view.elapsed, box.elapsed)
    assert all(np.shares_memory(view.metrics[name], values) for name, values in box.metrics.items())
    assert np.shares_memory(view.columns["lr"], box.columns["lr"])
    kept = ["family", "metric_info", "default_metric", "test_metric", "resumable", "licence", "source", "description"]
    assert all(getattr(view, name) == getattr(box, name) for name in kept)
    assert view.censored is not None
    assert view.space == box.space
    assert view.params(3) == box.params(3)
    assert np.array_equal(view.vectors, box.vectors)


def test_curves_that_end_early_chain() -> None:
    """Of the first step all three curves are seen, of the second only the slow one: it triples, so does c."""
    nan = float("nan")
    assert equal_cost(timed([[1, 2, nan], [1, 2, nan], [8, 16, 48]])).resource_list == [1, 2, 6]
    # Nobody got beyond 2: it cannot be told what costs more, so the last resources stay just apart.
    assert equal_cost(timed([[1, 2, nan]])).resource_list == [1, 2, pytest.approx(2)]


def test_resources_that_cost_the_same_stay_apart() -> None:
    view = equal_cost(timed([[3, 3, 6, 6, 6, 9]]))
    assert view.resource_list == pytest.approx([1, 1, 2, 2, 2, 3])
    assert (np.diff(view.resources) > 0).all()


def test_six_digits_where_they_tell_resources_apart() -> None:
    assert equal_cost(timed([[3, 4, 7]])).resource_list == [1, 1.33333, 2.33333]
    close = equal_cost(timed([[1, 1.00000012, 2]])).resource_list
    assert close == pytest.approx([1, 1.00000012, 2], rel=1e-12)


def test_wrong_views() -> None:
    with pytest.raises(BlackboxError, match="table:task: getting to resource 1 takes no time"):
        equal_cost(timed([[0, 1, 2]]))
    with pytest.raises(BlackboxError, match="table:task@cost is viewed in units of equal cost already"):
        equal_cost(equal_cost(timed([[1, 2, 3]])))
    assert describe_cost(timed([[1, 4, 9]]).replaced(task="x@cost")) == "elapsed ~ r^2.00: cost does not scale with r"


some_tables = tables(zero_times=0.0, size=st.integers(2, 30))


@given(some_tables)
def test_cost_of_mapped_units(box: Blackbox) -> None:
    view = equal_cost(box)
    assert view.resources[0] == 1
    assert (np.diff(view.resources) > 0).all()
    assert np.array_equal(view.elapsed, box.elapsed, equal_nan=True)
    if (box.lengths == len(box.resources)).all():  # equal steps cost the same on average
        mean = box.elapsed.mean(axis=(0, 1))
        assert np.allclose(view.resources, mean / mean[0], rtol=1e-5)
        assert unit_cost_spread(view) == pytest.approx(1, abs=1e-4)


@given(
    st.floats(0.2, 3.0),
    st.lists(st.floats(0.01, 100.0), min_size=1, max_size=5),
    st.lists(st.integers(0, 8), min_size=5, max_size=5),
)
def test_mapped_tables_of_one_shape_have_exponent_one(b: float, scales: list[float], lost: list[int]) -> None:
    """However many curves end early, where all times are alike but for the speed."""
    grid = np.arange(1, 10)
    elapsed = np.array(scales)[:, None] * grid**b
    for row, cut in zip(elapsed[1:], lost, strict=False):
        row[9 - cut :] = np.nan
    view = equal_cost(timed(elapsed.tolist()))
    assert cost_exponent(view) == pytest.approx(1, abs=1e-3)
    assert cost_scales(view)


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["asha-promotion", "asha-stopping", "successive-halving", "hyperband"])
@given(seed=st.integers(0, 999), exponent=st.sampled_from([0.5, 1.5, 2.0]))
def test_schedulers_decide_on_a_view_as_on_a_table_mapped_by_hand(scheduler: str, seed: int, exponent: float) -> None:
    """The hand puts r^b where the view computes it from times r^b x speed."""
    box = make("power-law", f"n=30,r_max=27,cost_exponent={exponent},seed={seed}")
    by_hand = [float(f"{r**exponent:.6g}") for r in range(1, 28)]
    view, mapped = equal_cost(box), box.replaced(resources=np.array(by_hand), task=box.task + "@cost")
    assert view.resource_list == pytest.approx(by_hand, rel=2e-6)
    run, same_run = (Simulation(t, scheduler, seed=seed, workers=3).run() for t in (view, mapped))
    assert run.results()["config"].tolist() == same_run.results()["config"].tolist()
    assert run.results()["time"].tolist() == same_run.results()["time"].tolist()
    assert run.results()["resource"].tolist() == pytest.approx(same_run.results()["resource"].tolist(), rel=2e-6)


def test_replaced_tables_are_checked() -> None:
    box = plain()
    assert box.replaced().name == box.name
    assert box.replaced(family="f", task="t").name == "f:t"
    with pytest.raises(BlackboxError, match="resources: must be positive and increasing"):
        box.replaced(resources=[1, 2, 2, 3])
    with pytest.raises(BlackboxError, match="resources"):
        box.replaced(resources=[1, 2])

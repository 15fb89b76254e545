"""Each built-in scheduler against its brute-force twin, on random tables with ties, NaN and equal times."""

from __future__ import annotations

from typing import Any

import brute_force
from brute_force import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import tables

from blackboxes import Blackbox
from simulator import Budget
from simulator.schedulers.asha_promotion import AshaPromotion
from simulator.schedulers.asha_stopping import AshaStopping
from simulator.schedulers.hyperband import Hyperband
from simulator.schedulers.median_stopping import MedianStopping
from simulator.schedulers.successive_halving import SuccessiveHalving

ETAS = st.sampled_from([2, 3, 4, 2.5, 1.5])
BUDGETS = st.one_of(
    st.none(),
    st.builds(Budget, trials=st.integers(1, 50)),
    st.builds(Budget, time=st.sampled_from([0.5, 2.0, 7.125, 20.0])),
)


def runs() -> st.SearchStrategy[dict[str, Any]]:
    """Options of a run."""
    return st.fixed_dictionaries({"workers": st.integers(1, 8), "seed": st.integers(0, 3), "budget": BUDGETS})


def r_min_of(table: Blackbox, position: float) -> float:
    """A resource of the table's grid, `position` from 0 to 1."""
    return table.resource_list[int(position * (len(table.resource_list) - 1))]


@given(table=tables(), eta=st.integers(2, 4), run=runs())
@settings(max_examples=300)
def test_asha_promotion_decides_as_plain_asha(table: Blackbox, eta: int, run: dict[str, Any]) -> None:
    assert_same(table, AshaPromotion(eta=eta), brute_force.PlainAsha(eta), **run)


@given(table=tables(), eta=ETAS, position=st.floats(0, 1), run=runs())
@settings(max_examples=100)
def test_asha_promotion_with_any_eta_and_lowest_level(
    table: Blackbox, eta: float, position: float, run: dict[str, Any]
) -> None:
    r_min = r_min_of(table, position)
    assert_same(table, AshaPromotion(eta, r_min), brute_force.AshaPromotion(eta, r_min), **run)


@given(table=tables(), picks=st.sets(st.integers(0, 29)), run=runs())
@settings(max_examples=60)
def test_asha_promotion_with_levels_by_hand(table: Blackbox, picks: set[int], run: dict[str, Any]) -> None:
    grid = table.resource_list
    levels = [grid[k] for k in sorted(picks) if k < len(grid)]
    assert_same(table, AshaPromotion(levels=levels), brute_force.AshaPromotion(levels=levels), **run)


@given(
    table=tables(),
    eta=ETAS,
    quantiles=st.sampled_from(["eta", "levels"]),
    position=st.sampled_from([0.0, 0.0, 0.3]),
    run=runs(),
)
@settings(max_examples=150)
def test_asha_stopping_counts_the_strictly_better(
    table: Blackbox, eta: float, quantiles: str, position: float, run: dict[str, Any]
) -> None:
    r_min = r_min_of(table, position)
    twin = brute_force.AshaStopping(eta, quantiles, r_min)
    assert_same(table, AshaStopping(eta, r_min, quantiles=quantiles), twin, **run)


@given(
    table=tables(levels=None, diverged=0.0),
    eta=ETAS,
    quantiles=st.sampled_from(["eta", "levels"]),
    run=runs(),
)
@settings(max_examples=60)
def test_asha_stopping_is_the_linear_quantile_where_values_differ(
    table: Blackbox, eta: float, quantiles: str, run: dict[str, Any]
) -> None:
    twin = brute_force.QuantileAshaStopping(eta, quantiles)
    assert_same(table, AshaStopping(eta, quantiles=quantiles), twin, **run)


@given(
    table=tables(),
    eta=ETAS,
    n=st.one_of(st.none(), st.integers(1, 30)),
    position=st.sampled_from([0.0, 0.0, 0.3]),
    overlap=st.booleans(),
    run=runs(),
)
@settings(max_examples=150)
def test_successive_halving_waits_for_the_whole_rung(
    table: Blackbox, eta: float, n: int | None, position: float, overlap: bool, run: dict[str, Any]
) -> None:
    r_min = r_min_of(table, position)
    twin = brute_force.SuccessiveHalving(eta, n, r_min, overlap)
    assert_same(table, SuccessiveHalving(eta, r_min, n, overlap=overlap), twin, **run)


@given(
    table=tables(),
    eta=ETAS,
    anchor=st.sampled_from(["r_min", "r_max"]),
    rounding=st.sampled_from(["floor", "ceil"]),
    overlap=st.booleans(),
    run=runs(),
)
@settings(max_examples=150)
def test_hyperband_follows_algorithm_1(
    table: Blackbox, eta: float, anchor: str, rounding: str, overlap: bool, run: dict[str, Any]
) -> None:
    built_in = Hyperband(eta, anchor=anchor, rounding=rounding, overlap=overlap)
    twin = brute_force.Hyperband(eta, anchor=anchor, rounding=rounding, overlap=overlap)
    assert_same(table, built_in, twin, **run)


@given(table=tables(), run=runs())
@settings(max_examples=100)
def test_median_stopping_is_golovins_rule(table: Blackbox, run: dict[str, Any]) -> None:
    assert_same(table, MedianStopping(), brute_force.MedianStopping(), **run)


@given(
    table=tables(size=st.integers(1, 12)),
    compared=st.sampled_from(
        [
            *[(own, others, "completed") for own in ("best", "average", "value") for others in ("average", "value")],
            *[(number, number, "all") for number in ("average", "value")],
        ]
    ),
    min_trials=st.sampled_from([1, 2, 5]),
    position=st.sampled_from([None, 0.0, 0.5]),
    run=runs(),
)
@settings(max_examples=150)
def test_median_stopping_compares_what_its_arguments_say(
    table: Blackbox,
    compared: tuple[str, str, str],
    min_trials: int,
    position: float | None,
    run: dict[str, Any],
) -> None:
    r_min = None if position is None else r_min_of(table, position)
    arguments = (*compared, min_trials, r_min)
    assert_same(table, MedianStopping(*arguments), brute_force.MedianStopping(*arguments), **run)


@given(table=tables(size=st.integers(1, 12)), run=runs())
@settings(max_examples=60)
def test_median_stopping_has_optunas_form(table: Blackbox, run: dict[str, Any]) -> None:
    built_in = MedianStopping(own="best", others="value", min_trials=5)
    assert_same(table, built_in, brute_force.OptunaMedianPruner(), **run)


@given(table=tables(size=st.integers(1, 12)), run=runs())
@settings(max_examples=60)
def test_median_stopping_has_syne_tunes_form(table: Blackbox, run: dict[str, Any]) -> None:
    built_in = MedianStopping(own="average", others="average", among="all", min_trials=5)
    assert_same(table, built_in, brute_force.SyneTuneMedianStopping(), **run)

"""The forms of ASHA that other implementations have, each from its source, on random tables."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, inf
from typing import Any

import brute_force
import numpy as np
import pytest
from brute_force import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import tables
from test_brute_force import ETAS, runs

from blackboxes import Blackbox
from simulator import Resume, SimulationError, Start
from simulator.rungs import PromotionRung, QuantilePromotionRung, VariantStoppingRung
from simulator.schedulers.asha_promotion import AshaPromotion
from simulator.schedulers.asha_stopping import AshaStopping


def linear_quantile(values: list[float], q: Fraction) -> Fraction | float:
    """NumPy's default, in exact arithmetic, and with infinite values."""
    ordered, place = sorted(values), (len(values) - 1) * q
    low, share = ordered[int(place)], place % 1
    high = ordered[int(place) + 1] if share else low
    if low == inf or high == inf:
        return low if low == inf or not share else inf
    return (1 - share) * Fraction(low) + share * Fraction(high)


class Variant(brute_force.AshaStopping):
    """`goes_on` is what an implementation does with a value and those that the rung has already."""

    def __init__(self, eta: float, quantiles: str, decide: Callable[..., bool], min_entries: int = 1) -> None:
        super().__init__(eta, quantiles)
        self.decide, self.min_entries = decide, min_entries

    def goes_on(self, value: float, rung: list[float], q: Fraction) -> bool:
        others = rung[:-1]  # its own was appended last
        return value < inf and (len(rung) < self.min_entries or self.decide(value, others, q))


def ray_tune(value: float, others: list[float], q: Fraction) -> bool:
    """The cutoff is taken before the value is recorded; without any other there is none."""
    return not others or value <= linear_quantile(others, q)


def optuna(value: float, others: list[float], q: Fraction) -> bool:
    """The value at index n // eta - 1 of the sorted ones, its own included, and never an index below 0."""
    competing = sorted([*others, value])
    return value <= competing[max(0, int(len(competing) * q) - 1)]


def determined(value: float, others: list[float], q: Fraction) -> bool:
    """Where the value is inserted, before its equals, must be below max(1, n / eta)."""
    place = int(np.searchsorted(sorted(others), value, side="left"))
    return place < max(1, int((len(others) + 1) * q))


def syne_tune_0_14(value: float, others: list[float], q: Fraction) -> bool:
    """The rank, as a share of all with its own, may not exceed 1/eta; the first one continues."""
    ranked = sorted([*others, value])
    return not others or Fraction(ranked.index(value), len(ranked)) <= q


def syne_tune_0_13(value: float, others: list[float], q: Fraction) -> bool:
    """At most the quantile of all, its own included; with fewer than two there is none."""
    return not others or value <= linear_quantile([*others, value], q)


VARIANTS: dict[str, tuple[Callable[..., bool], dict[str, Any]]] = {
    "ray tune": (ray_tune, {"own": "left-out"}),
    "optuna": (optuna, {"rule": "top-k"}),
    "determined": (determined, {"rule": "top-k"}),
    "syne tune 0.14": (syne_tune_0_14, {"rule": "share"}),
    "syne tune 0.13": (syne_tune_0_13, {}),
}


@pytest.mark.parametrize("name", VARIANTS)
@given(
    table=tables(),
    eta=ETAS,
    quantiles=st.sampled_from(["eta", "eta", "levels"]),
    min_entries=st.sampled_from([1, 1, 3, 8]),
    run=runs(),
)
@settings(max_examples=80)
def test_stopping_decides_as_the_implementation_does(
    name: str, table: Blackbox, eta: float, quantiles: Any, min_entries: int, run: dict[str, Any]
) -> None:
    decide, arguments = VARIANTS[name]
    built_in = AshaStopping(eta, quantiles=quantiles, min_entries=min_entries, **arguments)
    assert_same(table, built_in, Variant(eta, quantiles, decide, min_entries), **run)


class SyneTunePromotion(brute_force.AshaPromotion):
    """Syne Tune 0.13: the best paused trial of a rung of two or more, if it is at most the quantile of the rung."""

    def __init__(self, eta: float, quantiles: str) -> None:
        super().__init__(eta)
        self.quantiles = quantiles

    def next_job(self) -> Start | Resume | None:
        for low, high in reversed(list(zip(self.levels[:-1], self.levels[1:], strict=True))):
            q = 1 / self.eta if self.quantiles == "eta" else brute_force.exactly(low) / brute_force.exactly(high)
            paused = sorted(entry for entry in self.rungs[low] if entry[1] not in self.promoted[low])
            values = [value for value, _ in self.rungs[low]]
            if len(values) > 1 and paused and paused[0][0] < inf and paused[0][0] <= linear_quantile(values, q):
                self.promoted[low].add(paused[0][1])
                return Resume(paused[0][1], until=high)
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])


@given(table=tables(), eta=ETAS, quantiles=st.sampled_from(["eta", "levels"]), run=runs())
@settings(max_examples=150)
def test_promotion_by_syne_tunes_quantile(table: Blackbox, eta: float, quantiles: Any, run: dict[str, Any]) -> None:
    built_in = AshaPromotion(eta, rule="quantile", quantiles=quantiles)
    assert_same(table, built_in, SyneTunePromotion(eta, quantiles), **run)


class TopKByLevels(brute_force.AshaPromotion):
    """The best floor(n * r_j / r_(j+1))."""

    def next_job(self) -> Start | Resume | None:
        for low, high in reversed(list(zip(self.levels[:-1], self.levels[1:], strict=True))):
            rung = sorted(self.rungs[low])
            q = brute_force.exactly(low) / brute_force.exactly(high)
            for value, trial in rung[: int(len(rung) * q)]:
                if value < inf and trial not in self.promoted[low]:
                    self.promoted[low].add(trial)
                    return Resume(trial, until=high)
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])


@given(table=tables(), eta=ETAS, run=runs())
@settings(max_examples=60)
def test_promotion_by_ratios_of_levels(table: Blackbox, eta: float, run: dict[str, Any]) -> None:
    assert_same(table, AshaPromotion(eta, quantiles="levels"), TopKByLevels(eta), **run)


@pytest.mark.parametrize("eta", [2, 3, 4])
def test_of_different_values_the_quantile_rule_promotes_one_more_where_eta_does_not_divide(eta: int) -> None:
    for n in range(2, 25):
        top_k, quantile = PromotionRung(Fraction(1, eta)), QuantilePromotionRung(Fraction(1, eta))
        for trial in range(n):
            top_k.add(float(trial), trial)
            quantile.add(float(trial), trial)
        assert len(list(iter(top_k.take, None))) == n // eta
        assert len(list(iter(quantile.take, None))) == ceil(n / eta)


def decisions(values: list[float], **arguments: Any) -> list[bool]:
    rung = VariantStoppingRung(Fraction(1, 3), **({"rule": "quantile", "own": "counted", "min_entries": 1} | arguments))
    return [rung.add(value) for value in values]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # One better; (3 - 1) / 3 allows none, 3 / 3 allows one. The third-quantile of 0.125 and 0.5 is 0.25.
        ([0.5, 0.125, 0.25], {"counted": False, "left-out": True, "share": True, "top-k": False}),
        ([0.5, 0.125, 0.2500001], {"counted": False, "left-out": False, "share": True, "top-k": False}),
        # One better; (5 - 1) / 3 and 5 / 3 allow one; only one of five is among the best 5 / 3.
        ([0.4, 0.3, 0.2, 0.1, 0.15], {"counted": True, "left-out": True, "share": True, "top-k": False}),
        # One better of two.
        ([0.1, 0.2], {"counted": False, "left-out": False, "share": False, "top-k": False}),
        # The best of two, and as good as the best of three.
        ([0.2, 0.1], {"counted": True, "left-out": True, "share": True, "top-k": True}),
        ([0.2, 0.1, 0.1], {"counted": True, "left-out": True, "share": True, "top-k": True}),
    ],
)
def test_where_the_forms_differ(values: list[float], expected: dict[str, bool]) -> None:
    """Whether the last of `values` goes on, eta = 3, by hand."""
    forms = {"counted": {}, "left-out": {"own": "left-out"}, "share": {"rule": "share"}, "top-k": {"rule": "top-k"}}
    assert {name: decisions(values, **arguments)[-1] for name, arguments in forms.items()} == expected


def test_a_rung_of_few_lets_all_go_on_but_the_diverged() -> None:
    assert decisions([0.1, 0.2, 0.3, 0.4], min_entries=3) == [True, True, False, False]
    assert decisions([inf, 0.2, inf], min_entries=4) == [False, True, False]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: AshaStopping(rule="best"), r"rule is 'quantile' or 'share' or 'top-k', not 'best'"),
        (lambda: AshaStopping(own="out"), r"own is 'counted' or 'left-out', not 'out'"),
        (lambda: AshaStopping(own="left-out", rule="top-k"), r"own='left-out' goes with rule='quantile'"),
        (lambda: AshaStopping(min_entries=0), r"min_entries = 0: a whole number from 1"),
        (lambda: AshaStopping(min_entries="eta"), r"min_entries = 'eta'"),
        (lambda: AshaPromotion(rule="share"), r"rule is 'top-k' or 'quantile', not 'share'"),
        (lambda: AshaPromotion(quantiles="all"), r"quantiles is 'eta' or 'levels', not 'all'"),
    ],
)
def test_wrong_arguments(make: Any, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        make()

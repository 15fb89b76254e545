"""Wrong arguments get one clear error that says what, where and what would be right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tables import random_table

from simulator import Simulation, SimulationError, make_scheduler, scheduler_names
from simulator.registry import split_specs
from simulator.schedulers.asha_cost import AshaCost
from simulator.schedulers.asha_promotion import AshaPromotion
from simulator.schedulers.asha_stopping import AshaStopping
from simulator.schedulers.async_hyperband import AsyncHyperband
from simulator.schedulers.bohb import Bohb
from simulator.schedulers.curve_extrapolation import CurveExtrapolation
from simulator.schedulers.dehb import Dehb
from simulator.schedulers.hyper_tune import HyperTune
from simulator.schedulers.hyperband import Hyperband
from simulator.schedulers.median_stopping import MedianStopping
from simulator.schedulers.mo_asha import MoAsha
from simulator.schedulers.mobster import Mobster
from simulator.schedulers.pasha import Pasha
from simulator.schedulers.rush import Rush
from simulator.schedulers.successive_halving import SuccessiveHalving

TABLE = random_table(0, n=6, replicates=2, size=9)
WITH_ETA = [AshaPromotion, AshaStopping, Hyperband, SuccessiveHalving, AsyncHyperband, AshaCost, Pasha, Rush]
WITH_ETA += [MoAsha, CurveExtrapolation, Bohb, Dehb, Mobster, HyperTune]


# --- Simulation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, -1, 2.0, 1.5, float("nan"), "4", None, True, [4], 2**16 + 1], ids=repr)
def test_workers_must_be_a_positive_whole_number(workers: Any) -> None:
    with pytest.raises(SimulationError, match=r"workers = .*whole number from 1"):
        Simulation(TABLE, "random", workers=workers)


@pytest.mark.parametrize("seed", [-1, 2**64, 0.0, 1.5, "0", None, True], ids=repr)
def test_the_seed_must_be_a_whole_number_of_64_bits(seed: Any) -> None:
    with pytest.raises(SimulationError, match=r"seed = .*whole number from 0"):
        Simulation(TABLE, "random", seed=seed)


@pytest.mark.parametrize("replicate", [-1, 2, 0.0, "0", True], ids=repr)
def test_a_fixed_replicate_must_be_one_of_the_tables(replicate: Any) -> None:
    with pytest.raises(SimulationError, match=r"replicate = .*from 0 to 1"):
        Simulation(TABLE, "random", replicate=replicate)


def test_whole_numbers_of_numpy_are_taken() -> None:
    plain = Simulation(TABLE, "random", workers=2, seed=3, replicate=1).run()
    trace = Simulation(TABLE, "random", workers=np.int64(2), seed=np.uint64(3), replicate=np.int8(1)).run()
    assert trace.digest() == plain.digest()
    assert trace.to_text() == plain.to_text()


def test_an_unknown_metric_is_an_error_with_the_nearest_names() -> None:
    with pytest.raises(ValueError, match=r"'los'.*loss.*other"):
        Simulation(TABLE, "random", metric="los")


@pytest.mark.parametrize("scheduler", [None, 42, AshaPromotion, object()], ids=["None", "42", "class", "object"])
def test_what_is_no_scheduler_is_refused(scheduler: Any) -> None:
    """The class instead of an object of it is the likely mistake."""
    with pytest.raises(SimulationError, match="scheduler"):
        Simulation(TABLE, scheduler)


# --- schedulers by name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("asha-stoping", r"'asha-stoping'.*did you mean asha-stopping"),
        ("Hyperband", r"'Hyperband'.*did you mean hyperband"),
        ("hyper_band", r"'hyper_band'.*did you mean hyperband"),
        ("asha_promotion", r"'asha_promotion'.*did you mean asha-promotion"),
        ("xyz", r"'xyz'.*known: asha-cost, asha-promotion, asha-stopping"),
        ("__init__", r"__init__"),
        ("", r"name"),
        ("asha-promotion(", r"name=value|write a name"),
        ("asha-promotion)", r"write a name"),
        ("asha-promotion(4)", r"name=value"),
        ("asha-promotion(eta)", r"name=value"),
        ("asha-promotion(eta=)", r"name=value"),
        ("asha-promotion(eta=four)", r"name=value"),
        ("asha-promotion(eta=2, eta=3)", r"name=value"),
        ("asha-promotion(**{'eta': 3})", r"name=value|no argument"),
        ("asha-promotion(eta=__import__('os'))", r"name=value"),
        ("asha-promotion(eta=3) hyperband", r"write a name"),
        ("asha-promotion(eat=3)", r"asha-promotion has no argument 'eat'.*did you mean eta"),
        ("random(eta=3)", r"random has no argument 'eta'"),
        ("asha-promotion(self=3)", r"no argument 'self'"),
        ("asha-promotion(eta=1)", r"eta = 1"),
        ("hyperband(rounding='up')", r"rounding.*'floor' or 'ceil'.*'up'"),
    ],
)
def test_a_scheduler_that_cannot_be_made_is_an_error_that_helps(spec: str, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        make_scheduler(spec)
    with pytest.raises(SimulationError, match=told):
        Simulation(TABLE, spec)


def test_a_scheduler_is_made_from_its_name_and_arguments() -> None:
    made = make_scheduler(" asha-stopping ( eta = 2.5, quantiles='levels' , levels=[1, 3] ) ")
    assert isinstance(made, AshaStopping)
    assert (made.eta, made.quantiles, made.levels) == (2.5, "levels", [1, 3])
    assert isinstance(make_scheduler("hyperband()"), Hyperband)


def test_all_schedulers_have_their_names() -> None:
    assert set(scheduler_names()) == {
        "random",
        "successive-halving",
        "hyperband",
        "asha-stopping",
        "asha-promotion",
        "median-stopping",
        "async-hyperband",
        "asha-cost",
        "pasha",
        "rush",
        "grid",
        "one-epoch",
        "patience",
        "curve-extrapolation",
        "mo-asha",
        "bohb",
        "dehb",
        "mobster",
        "hyper-tune",
        "dyhpo",
        "mf-bo",
        "pbt",
    }


def test_a_list_of_schedulers_is_split_outside_parentheses() -> None:
    text = "random, asha-stopping(eta=4,levels=[1,3]) ,hyperband(anchor='r_max'),"
    assert split_specs(text) == ["random", "asha-stopping(eta=4,levels=[1,3])", "hyperband(anchor='r_max')"]


# --- arguments of schedulers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", WITH_ETA)
@pytest.mark.parametrize("eta", [1, 0.5, 0, -3, float("nan"), float("inf"), "3", None, True], ids=repr)
def test_eta_must_be_above_1(scheduler: Any, eta: Any) -> None:
    with pytest.raises(SimulationError, match=r"eta = .*above 1"):
        scheduler(eta=eta)


@pytest.mark.parametrize("scheduler", [*WITH_ETA, MedianStopping])
@pytest.mark.parametrize("r_min", [10, 0, -1, float("nan"), "1"], ids=repr)
def test_r_min_must_lie_above_0_and_not_above_r_max(scheduler: Any, r_min: Any) -> None:
    with pytest.raises(SimulationError, match=r"r_min = .*above 0.*r_max = 9"):
        Simulation(TABLE, scheduler(r_min=r_min)).run()


@pytest.mark.parametrize("scheduler", WITH_ETA)
@pytest.mark.parametrize("r_min", [9, 0.001, np.int64(3)], ids=repr)
def test_any_r_min_up_to_r_max_will_do(scheduler: Any, r_min: Any) -> None:
    assert len(Simulation(TABLE, scheduler(r_min=r_min)).run())


@pytest.mark.parametrize("scheduler", WITH_ETA)
@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ([1, 3.5], r"3\.5.*random:0.*nearest: 3, 4"),
        ([12], r"12.*nearest: 7, 8, 9"),
        ([0], r"0.*nearest: 1, 2, 3"),
        ([-1, 3], r"-1.*nearest"),
        ([3, 1], r"increas"),
        ([1, 1], r"increas"),
        ([1, float("nan")], r"level"),
        (["1"], r"level"),
        (3, r"level"),
    ],
    ids=repr,
)
def test_levels_must_be_increasing_resources_of_the_grid(scheduler: Any, levels: Any, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        Simulation(TABLE, scheduler(levels=levels)).run()


@pytest.mark.parametrize("scheduler", WITH_ETA)
def test_levels_by_hand_are_where_decisions_are_taken(scheduler: Any) -> None:
    trace = Simulation(random_table(0, n=20, size=9), scheduler(levels=[2, 5])).run()
    decided = trace.columns.resource[np.isin(trace.columns.event, [2, 3, 4])]  # continue, pause, stop
    assert set(decided.tolist()) == {2, 5}


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", True], ids=repr)
def test_a_round_starts_a_positive_whole_number_of_trials(n: Any) -> None:
    with pytest.raises(SimulationError, match=r"n = "):
        SuccessiveHalving(n=n)


@pytest.mark.parametrize("min_trials", [0, -1, 2.5, "3", None, True], ids=repr)
def test_min_trials_is_a_positive_whole_number(min_trials: Any) -> None:
    with pytest.raises(SimulationError, match=r"min_trials = "):
        MedianStopping(min_trials=min_trials)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: AshaStopping(quantiles="level"), r"quantiles.*'eta'.*'levels'.*'level'"),
        (lambda: Hyperband(anchor="top"), r"anchor.*'r_min'.*'r_max'.*'top'"),
        (lambda: Hyperband(rounding="up"), r"rounding.*'floor'.*'ceil'.*'up'"),
        (lambda: MedianStopping(own="mean"), r"own.*best.*average.*value.*'mean'"),
        (lambda: MedianStopping(others="best"), r"others.*average.*value.*'best'"),
        (lambda: MedianStopping(among="some"), r"among.*completed.*all.*'some'"),
        (lambda: Hyperband(rounding=["floor"]), r"rounding"),
        (lambda: Hyperband(overlap="no"), r"overlap is True or False, not 'no'"),
        (lambda: SuccessiveHalving(overlap=0), r"overlap is True or False, not 0"),
        (lambda: MedianStopping(own=["best"]), r"own"),
        (lambda: MedianStopping(among="all"), r"among='all'.*own and others.*'best'.*'average'"),
    ],
)
def test_a_word_that_is_none_of_the_choices_is_an_error_that_lists_them(make: Any, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        make()

"""Schedulers and searchers print as they are written, and what prints makes the same again."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from schedulers import NAMES, fits
from spaces import whole_table
from tables import random_table

from simulator import Budget, Scheduler, Simulation, SimulationError, make_scheduler, make_searcher, searcher_names
from simulator.registry import make_both
from simulator.schedulers.asha_promotion import AshaPromotion
from simulator.schedulers.hyperband import Hyperband
from simulator.searchers.kde import Kde
from simulator.searchers.random import RandomSearcher


@pytest.mark.parametrize(
    "spec",
    [
        "asha-promotion(eta=4,r_min=3)",
        "asha-promotion(eta=4, r_min=3)+kde",
        "hyperband+de",
        "asha-stopping( eta = 2.5 )+gp(max_observations=100)",
        "rush(initial=[3, 1])",
        "random(initial=[17, 3])+evolution(population=5,sample=2)",
    ],
)
def test_a_trace_tells_its_scheduler_as_it_was_written(spec: str) -> None:
    trace = Simulation(whole_table(), spec, budget=Budget(trials=2)).run()
    assert trace.info.scheduler == spec
    assert "# scheduler: " in trace.to_text()
    scheduler, searcher = make_both(spec)
    assert spec.startswith(str(scheduler))
    if "+" in spec and "initial" not in spec:
        assert f"{scheduler}+{searcher}" == spec


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (AshaPromotion(), "asha-promotion"),
        (AshaPromotion(4, r_min=3), "asha-promotion(eta=4,r_min=3)"),
        (Hyperband(rounding="ceil", levels=[1, 3.5]), "hyperband(rounding='ceil',levels=[1, 3.5])"),
        (Kde(), "kde"),
        (RandomSearcher(np.ones(3)), "random(prior=<ndarray>)"),
    ],
)
def test_objects_print_as_they_would_be_written(made: Any, text: str) -> None:
    assert str(made) == str(copy.deepcopy(made)) == str(pickle.loads(pickle.dumps(made))) == text
    if "<" not in text:
        make = make_scheduler if isinstance(made, Scheduler) else make_searcher
        assert str(make(text)) == text


def test_a_run_of_objects_can_be_written_down() -> None:
    table = random_table(3, n=40, size=9)
    by_objects = Simulation(table, AshaPromotion(eta=2), searcher=Kde(), seed=5, budget=Budget(trials=30)).run()
    assert by_objects.info.scheduler == "asha-promotion(eta=2)+kde"
    by_text = Simulation(table, by_objects.info.scheduler, seed=5, budget=Budget(trials=30)).run()
    assert by_objects.digest() == by_text.digest()
    replaced = Simulation(table, "asha-promotion(eta=2)+gp", searcher="kde", seed=5, budget=Budget(trials=30))
    assert replaced.name == by_text.info.scheduler


@pytest.mark.parametrize("name", NAMES)
def test_every_scheduler_prints_its_name(name: str) -> None:
    table = random_table(3, n=10, size=4)
    assert fits(name, table)
    assert str(type(make_scheduler(name))()) == str(make_scheduler(name)) == name


@pytest.mark.parametrize("name", searcher_names())
def test_every_searcher_prints_its_name(name: str) -> None:
    assert str(type(make_searcher(name))()) == name


def test_ones_own_print_the_name_of_their_class() -> None:
    class Mine(AshaPromotion):
        pass

    assert str(Mine(eta=3)) == "Mine"


def test_what_takes_no_arguments_says_so() -> None:
    with pytest.raises(SimulationError, match="random has no argument 'arguments'"):
        make_scheduler("random(arguments=3)")
    with pytest.raises(TypeError):
        type(make_scheduler("random"))(3)

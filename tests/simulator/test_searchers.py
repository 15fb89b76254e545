"""What holds for every searcher, under every scheduler; and whether those with a model are worth having."""

from __future__ import annotations

import time
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedulers import CHEAP, OWN_ROWS
from scripted import Scripted, history
from spaces import with_space
from tables import random_table, table_of, tables

from blackboxes import Blackbox, load
from simulator import (
    PAUSE,
    Budget,
    Simulation,
    SimulationError,
    Start,
    make_searcher,
    scheduler_names,
    searcher_names,
)

MODELS = [
    "de(population=5)",
    "evolution(population=5,sample=3)",
    "gp",
    "gp(resource='largest')",
    "gp-independent",
    "gp-joint",
    "hyper-tune",
    "hyper-tune(model='joint')",
    "kde",
]
NEVER = [
    "de(population=1000)",
    "evolution(population=1000)",
    "gp(min_observations=1000)",
    "gp-independent(min_observations=1000)",
    "gp-joint(min_observations=1000)",
    "hyper-tune(min_observations=1000)",
    "kde(min_observations=1000)",
]
TABLE = with_space(random_table(3, n=30, levels=None, diverged=0.1, ragged=0.1))


def without_arguments(specs: list[str]) -> set[str]:
    return {spec.partition("(")[0] for spec in specs}


def test_every_searcher_is_in_these_tests() -> None:
    assert without_arguments(MODELS) == without_arguments(NEVER) == set(searcher_names()) - {"random"}


# --- any scheduler, any searcher -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheduler", "searcher"),
    [
        pytest.param(
            *(scheduler, searcher),
            marks=() if scheduler in ("asha-promotion", "hyperband") or searcher == "kde" else pytest.mark.slow,
        )
        for scheduler in sorted({*scheduler_names()} - {"grid"})  # which has an order of its own
        for searcher in MODELS
    ],
)
def test_every_scheduler_runs_with_every_searcher(scheduler: str, searcher: str) -> None:
    asking = CHEAP.get(scheduler, scheduler).partition("+")[0]  # a model of its own would choose the rows
    run = Simulation(TABLE, f"{asking}+{searcher}", workers=3, seed=1).run()
    assert history(run)
    rows = run.columns.config.tolist()
    plain = Simulation(TABLE, f"{asking}+random", workers=3, seed=1).run()
    if sorted(plain.columns.config.tolist()) == list(range(30)):  # it tries all there is, once
        assert sorted(rows) == list(range(30))
        assert run.info.exhausted_at is not None
        if scheduler not in OWN_ROWS:  # these ask the searcher in the start-up only
            assert rows != plain.columns.config.tolist()


@given(
    table=tables(n=st.integers(1, 25), size=st.integers(1, 6)).map(with_space),
    scheduler=st.sampled_from(["random", "asha-promotion", "asha-stopping", "hyperband", "median-stopping"]),
    searcher=st.sampled_from(NEVER),
    workers=st.integers(1, 6),
    seed=st.integers(0, 3),
    trials=st.sampled_from([None, 1, 7, 25, 40, 60]),
    exhausted=st.sampled_from(["stop", "cycle"]),
)
@settings(max_examples=80)
def test_before_there_is_enough_data_all_are_random_search(
    table: Blackbox, scheduler: str, searcher: str, workers: int, seed: int, trials: int | None, exhausted: str
) -> None:
    if trials is None and exhausted == "cycle":
        trials = 50
    options: dict[str, Any] = {"workers": workers, "seed": seed, "budget": Budget(trials=trials)}
    found = Simulation(table, f"{scheduler}+{searcher}", exhausted=exhausted, **options).run()
    plain = Simulation(table, scheduler, exhausted=exhausted, **options).run()
    assert found.digest() == plain.digest()
    assert found.info.exhausted_at == plain.info.exhausted_at


@given(
    table=tables(n=st.integers(2, 25), size=st.integers(1, 4), diverged=0.0).map(with_space),
    searcher=st.sampled_from(MODELS),
    workers=st.integers(1, 4),
    seed=st.integers(0, 3),
    rounds=st.integers(1, 3),
    over=st.integers(0, 5),
    exhausted=st.sampled_from(["stop", "cycle"]),
)
@settings(max_examples=40, deadline=None)
def test_every_row_comes_once_a_round_and_no_more_than_the_limit(
    table: Blackbox, searcher: str, workers: int, seed: int, rounds: int, over: int, exhausted: str
) -> None:
    n = len(table)
    trials = n * rounds + over
    options: dict[str, Any] = {"workers": workers, "seed": seed, "budget": Budget(trials=trials)}
    found = Simulation(table, f"asha-promotion+{searcher}", exhausted=exhausted, **options).run()
    plain = Simulation(table, "asha-promotion", exhausted=exhausted, **options).run()
    rows = found.columns.config.tolist()
    assert len(rows) == len(plain.columns.config) == (trials if exhausted == "cycle" else n)
    for first in range(0, len(rows) - n + 1, n):
        assert sorted(rows[first : first + n]) == list(range(n))
    assert (found.info.exhausted_at is None) == (plain.info.exhausted_at is None)


@pytest.mark.parametrize("searcher", MODELS)
def test_the_first_proposals_are_those_of_random_search(searcher: str) -> None:
    plain = Simulation(TABLE, "random", workers=1, seed=4).run().columns.config.tolist()
    found = Simulation(TABLE, f"random+{searcher}", workers=1, seed=4).run().columns.config.tolist()
    needed = 5 if searcher.startswith(("de", "evolution")) else 7
    assert found[:needed] == plain[:needed]
    assert found != plain


@pytest.mark.parametrize("searcher", MODELS)
def test_initial_rows_come_first_and_only_once(searcher: str) -> None:
    trace = Simulation(TABLE, f"asha-promotion+{searcher}", initial=[17, 3, 11], workers=3).run()
    rows = trace.columns.config.tolist()
    assert rows[:3] == [17, 3, 11]
    assert sorted(rows) == list(range(30))


@pytest.mark.parametrize("searcher", MODELS)
def test_trials_of_configurations_off_the_table_are_learnt_from(searcher: str) -> None:
    pytest.importorskip("sklearn")
    table = load("power-law:n=40,d=3,r_max=9,seed=5")
    searching = make_searcher(searcher)

    def ask(context: Any) -> Any:
        row = context.searcher().propose()
        return None if row is None else Start(row, 3)

    predicted = [Start({"x0": 0.01 * k, "x1": 0.5, "x2": 0.25}, 3) for k in range(8)]
    scheduler = Scripted([*predicted, *[ask] * 6], [PAUSE] * 20)
    trace = Simulation(table, scheduler, searcher=searching, off_table="surrogate", workers=2).run()
    assert trace.columns.config.tolist()[:8] == list(range(40, 48))
    assert all(row < 40 for row in trace.columns.config.tolist()[8:])
    assert searching.vectors.shape == (48, 3)
    assert searching.vectors[40:, 0] == pytest.approx([0.01 * k for k in range(8)])
    assert searching.at[3].rows[:8] == list(range(40, 48))


# --- a prior ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("searcher", ["random", *MODELS])
def test_equal_weights_are_no_prior(searcher: str) -> None:
    plain = Simulation(TABLE, "asha-promotion", searcher=searcher, workers=3).run()
    name, _, rest = searcher.partition("(")
    arguments = ", ".join(filter(None, [rest.rstrip(")"), f"prior={[3.0] * 30}"]))
    spec = f"asha-promotion+{name}({arguments})"
    assert Simulation(TABLE, spec, workers=3).run().digest() == plain.digest()


def test_random_rows_are_drawn_in_proportion_to_their_weights() -> None:
    table = with_space(table_of([[0.5]] * 4))
    counts = np.zeros((4, 4))
    for seed in range(800):
        rows = Simulation(table, "random+random(prior=[1, 2, 3, 4])", workers=1, seed=seed).run().columns.config
        counts[rows[0], rows[1]] += 1
    first = counts.sum(axis=1) / 800
    assert first == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=4 * 0.018)  # four standard deviations
    after_the_last = counts[3] / counts[3].sum()
    assert after_the_last == pytest.approx([1 / 6, 2 / 6, 3 / 6, 0], abs=4 * 0.028)


@pytest.mark.slow
@pytest.mark.parametrize("searcher", ["random", *MODELS])
def test_what_a_user_believes_in_is_tried_earlier(searcher: str) -> None:
    weights = [100.0 if row < 10 else 1.0 for row in range(30)]
    name, _, rest = searcher.partition("(")
    arguments = ", ".join(filter(None, [rest.rstrip(")"), f"prior={weights}"]))
    believed = Simulation(TABLE, f"asha-promotion+{name}({arguments})", workers=2).run().columns.config.tolist()
    plain = Simulation(TABLE, f"asha-promotion+{searcher}", workers=2).run().columns.config.tolist()
    assert sum(row < 10 for row in believed[:10]) >= max(6, sum(row < 10 for row in plain[:10]) + 1)


@pytest.mark.parametrize("searcher", ["random", "kde", "gp"])
@pytest.mark.parametrize("prior", [[1.0] * 29, [1.0] * 29 + [0.0], [-1.0] * 30, 3, [[1.0] * 30]], ids=str)
def test_a_prior_has_a_weight_above_0_for_each_row(searcher: str, prior: Any) -> None:
    with pytest.raises(SimulationError, match="prior: 30 weights above 0, one for each row"):
        Simulation(TABLE, f"random+{searcher}(prior={prior})").run()


# --- wrong arguments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("kde(random_fraction=1.5)", "random_fraction = 1.5: a share from 0 to 1"),
        ("kde(good='a')", "good = 'a': a share from 0 to 1"),
        ("kde(min_observations=0)", "min_observations = 0: a whole number from 1"),
        ("kde(min_bandwidth=0)", "min_bandwidth = 0: a number above 0"),
        ("kde(bandwidth=1)", "kde has no argument 'bandwidth'"),
        ("de(population=3)", "population = 3: a whole number from 4"),
        ("de(mutation_factor=-1)", "mutation_factor = -1: a number above 0 and at most 2"),
        ("de(crossover_probability=True)", "crossover_probability = True: a share from 0 to 1"),
        ("evolution(population=0)", "population = 0: a whole number from 1"),
        ("evolution(population=5,sample=6)", "sample = 6: at most population = 5"),
        ("evolution(neighbours=1.5)", "neighbours = 1.5: a whole number"),
        ("gp(resource='reach')", "resource = 'reach': 'reached', 'largest' or a resource"),
        ("gp(max_observations=3)", "max_observations = 3: a whole number from 4"),
        ("gp(fantasies=-1)", "fantasies = -1: a whole number from 0"),
        ("gp-joint(min_at_largest=0)", "min_at_largest = 0: a whole number from 1"),
        ("gp-joint(resource=3)", "gp-joint has no argument 'resource'"),
    ],
)
def test_wrong_arguments_are_named(spec: str, words: str) -> None:
    with pytest.raises(SimulationError) as caught:
        make_searcher(spec)
    assert words in str(caught.value)


# --- are they worth it? ----------------------------------------------------------------------------------------


def gains(name: str, searcher: str, seeds: range, trials: int) -> np.ndarray:
    """By how much the best of so many full trainings is better than with random search, for each seed."""
    table = load(name)
    finals = table.metrics["true_loss"][:, 0, -1].astype(float)
    budget = Budget(trials=trials)

    def best(spec: str, seed: int) -> float:
        return finals[Simulation(table, spec, seed=seed, budget=budget).run().columns.config].min()

    return np.array([best("random", seed) - best(f"random+{searcher}", seed) for seed in seeds])


@pytest.mark.parametrize(
    "searcher",
    [
        *("evolution(population=20,sample=5)", "gp", "kde"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("gp-independent", "gp-joint")),
    ],
)
def test_a_model_finds_better_configurations_in_a_few_seeds(searcher: str) -> None:
    found = gains("hartmann6:n=1000,r_max=9,seed=1", searcher, range(6), 60)
    print(found)
    assert found.mean() > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("searcher", ["evolution", "gp", "gp-independent", "gp-joint", "kde"])
@pytest.mark.parametrize("table", ["hartmann6:n=2000,seed=0", "power-law:seed=0"])
def test_a_model_beats_random_search(table: str, searcher: str) -> None:
    """100 full trainings each, paired over 20 seeds: the 95 % interval of the mean difference is above 0."""
    found = gains(table, searcher, range(20), 100)
    half = 2.093 * found.std(ddof=1) / sqrt(20)  # Student's t with 19 degrees of freedom
    print(f"{table} {searcher}: {found.mean():.4f} +- {half:.4f}")
    assert found.mean() - half > 0


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["random", "asha-promotion"])
@pytest.mark.parametrize("searcher", ["gp", "gp-independent", "gp-joint", "hyper-tune"])
def test_two_hundred_decisions_on_2000_rows_take_less_than_30_seconds(scheduler: str, searcher: str) -> None:
    table = load("hartmann6:n=2000,seed=0")
    table.vectors  # noqa: B018  (made once for all runs)
    begun = time.process_time()
    Simulation(table, f"{scheduler}+{searcher}", budget=Budget(trials=207)).run()  # 7 random ones come first
    assert time.process_time() - begun < 30

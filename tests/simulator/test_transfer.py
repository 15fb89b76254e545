"""Observations of other tasks of the family as a warm start: a prior that follows from their results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, spearmanr
from spaces import with_space
from tables import integer_table

from blackboxes import Blackbox, BlackboxError, Metric, load, save
from simulator import Budget, Simulation, SimulationError
from simulator.clock import Clock
from simulator.searcher import SearchContext
from simulator.transfer import weights_from


def context_of(table: Blackbox) -> SearchContext:
    return SearchContext(table, seed=0, clock=Clock(), limit=None, cycle=False)


def saved(table: Blackbox, path: Path, **changes: Any) -> str:
    save(path, [table.replaced(**changes)])
    return str(path)


@pytest.fixture
def table() -> Blackbox:
    return with_space(integer_table(n=40))


def test_the_same_rows_get_the_normal_scores_of_their_ranks(table: Blackbox, tmp_path: Path) -> None:
    """By hand: three rows trained to the end rank 2, 1, 3; one diverged is the worst; the fifth is not measured."""
    metric = np.full((40, 1, 2), np.nan)
    elapsed = np.full((40, 1, 2), np.nan)
    metric[:4, 0] = [[0.9, 0.2], [0.9, 0.1], [0.9, 0.3], [0.9, np.nan]]
    elapsed[:4, 0] = [1, 2]
    elapsed[4, 0, 0] = 1
    metric[4, 0, 0] = 0.05
    elapsed[5:, 0, 0], metric[5:, 0, 0] = 1, 0.5
    other = saved(
        table,
        tmp_path / "other.h5",
        task="other",
        resources=np.array([1, 2]),
        metrics={"error": metric},
        elapsed=elapsed,
    )
    weights = weights_from([other], context_of(table))
    scores = norm.ppf([1.5 / 4, 0.5 / 4, 2.5 / 4, 3.5 / 4])
    assert weights[:4] == pytest.approx(np.exp(-scores))
    assert weights[5:] == pytest.approx(np.exp(-scores.mean())), "the others: the mean of all four, which are nearest"


def test_tasks_count_alike_whatever_their_scale_and_direction(table: Blackbox, tmp_path: Path) -> None:
    values = table.metrics["error"]
    better = saved(table, tmp_path / "a.h5", task="a")
    upside_down = saved(
        table,
        tmp_path / "b.h5",
        task="b",
        metrics={"accuracy": 1000 - 50 * values},
        metric_info={"accuracy": Metric("max")},
        default_metric="accuracy",
    )
    one, other = (weights_from([name], context_of(table)) for name in (better, upside_down))
    assert one == pytest.approx(other)
    assert weights_from([better, upside_down], context_of(table)) == pytest.approx(one)
    last = values[:, :, -1].mean(axis=1)
    known = ~np.isnan(last)
    assert spearmanr(one[known], last[known])[0] < -0.99


@pytest.mark.parametrize(
    ("task", "others"), [("gbm:magic", ["gbm:spambase", "gbm:segment"]), ("svm:magic", ["svm:satimage"])]
)
def test_random_search_finds_better_ones_sooner(task: str, others: list[str]) -> None:
    """Of 30 trials, paired over 20 seeds: more runs end better than worse."""
    table = load(task)
    sign = table.metric_info[table.metric_name(None)].sign
    gains = []
    for seed in range(20):
        plain, warm = (
            Simulation(table, spec, seed=seed, budget=Budget(trials=30)).run().summary()["best"]
            for spec in ("random", f"random+random(prior={others})")
        )
        gains.append(sign * (plain - warm))
    assert np.mean(gains) > 0
    assert np.sum(np.array(gains) > 0) > 2 * np.sum(np.array(gains) < 0)


@pytest.mark.parametrize("searcher", ["kde", "evolution", "gp", "gp-joint", "random"])
def test_every_searcher_takes_it_and_stays_deterministic(searcher: str) -> None:
    table = load("svm:magic")
    spec = f"asha-promotion+{searcher}(prior=['svm:satimage'])"
    one, two = (Simulation(table, spec, seed=1, budget=Budget(trials=25)).run() for _ in range(2))
    plain = Simulation(table, f"asha-promotion+{searcher}", seed=1, budget=Budget(trials=25)).run()
    assert one.digest() == two.digest() != plain.digest()


@pytest.mark.parametrize(
    ("prior", "error", "words"),
    [
        (["svm:magic"], SimulationError, "prior: svm:magic is what the run is about; other tasks"),
        (["mlp:letter"], SimulationError, "prior: mlp:letter has another space of configurations than svm:magic"),
        (["svm:nothing"], BlackboxError, "nothing"),
        ([], SimulationError, "or names of other tasks, are needed, not "),
        ("svm:satimage", SimulationError, "or names of other tasks, are needed, not 'svm:satimage'"),
        (["svm:satimage", 3], SimulationError, "or names of other tasks, are needed"),
    ],
)
def test_wrong_ones(prior: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Simulation(load("svm:magic"), f"random+random(prior={prior!r})", budget=Budget(trials=1)).run()


def test_where_nothing_was_trained_to_the_end(table: Blackbox, tmp_path: Path) -> None:
    elapsed = table.elapsed.copy()
    elapsed[:, :, -1] = np.nan
    metric = np.where(np.isnan(elapsed), np.nan, table.metrics["error"])
    other = saved(table, tmp_path / "c.h5", task="c", metrics={"error": metric}, elapsed=elapsed)
    with pytest.raises(SimulationError, match=r"prior: nothing in .*c\.h5 was trained to r_max"):
        weights_from([other], context_of(table))

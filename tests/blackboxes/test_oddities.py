"""Oddities: each is told of a table that has it, and of no other."""

from __future__ import annotations

import re
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Constant, Float
from hypothesis import given
from hypothesis import strategies as st
from made import curves

from blackboxes import Blackbox, Metric, load
from blackboxes.describe import overview
from blackboxes.oddities import oddities

N, S, R = 30, 2, 9
EPOCHS = np.arange(1, R + 1)
NAN = float("nan")


def even(**changed: Any) -> Blackbox:
    """A table without any oddity: cost goes with r, errors fall, those that are better stay better."""
    final = np.linspace(0.1, 0.5, N)[:, None, None] + np.array([0.0, 0.001])[:, None]
    error = final + 1 / EPOCHS
    arguments: dict[str, Any] = {
        "family": "even",
        "task": "a",
        "space": ConfigurationSpace(space=[Float("x", (0.0, 1.0)), Constant("version", "v1")]),
        "configs": {"x": np.linspace(0, 1, N), "version": ["v1"] * N},
        "resources": EPOCHS,
        "metrics": {"error": error, "accuracy": 1 - error},
        "metric_info": {"error": Metric("min"), "accuracy": Metric("max")},
        "elapsed": np.broadcast_to(2.0 * EPOCHS, (N, S, R)).copy(),
        "licence": "CC0-1.0",
        "source": "a test",
    }
    return Blackbox(**(arguments | changed))


def errors(change: Any = None) -> dict[str, Any]:
    """The arguments for an error alone, changed in place."""
    error = even().metrics["error"].copy()
    if change is not None:
        change(error)
    return {"metrics": {"error": error}, "metric_info": {"error": Metric("min")}}


def seconds(change: Any) -> dict[str, Any]:
    elapsed = even().elapsed.copy()
    change(elapsed)
    return {"elapsed": elapsed}


def told(table: Blackbox) -> str:
    """The one oddity of a table."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (sentence,) = oddities(table)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("name", ["mlp:digits", "mlp:letter", "power-law"])
def test_nothing_is_odd_about_most_tables(name: str) -> None:
    assert oddities(load(name)) == []


def test_nothing_is_odd_about_an_even_table() -> None:
    assert oddities(even()) == []
    assert oddities(even(**errors(lambda e: e.__setitem__((3, slice(None), slice(4, None)), NAN)))) == []  # 2 diverge


def test_repeated_configurations() -> None:
    x = np.linspace(0, 1, N)
    x[[7, 20]], x[9] = x[3], x[8]
    said = told(even(configs={"x": x, "version": ["v1"] * N}))
    assert said == "3 rows repeat the configuration of an earlier one, such as row 7 that of row 3"


def test_inactive_values_are_alike() -> None:
    space = ConfigurationSpace(space=[Float("x", (0.0, 1.0)), Categorical("c", ["a", "b"])])
    x, kinds = np.linspace(0, 1, N), np.array(["a", "b"] * (N // 2), dtype=object)
    x[4:6], kinds[4:6] = NAN, None
    said = told(even(space=space, configs={"x": x, "c": kinds}))
    assert said == "1 rows repeat the configuration of an earlier one, such as row 5 that of row 4"


def test_a_value_that_the_space_does_not_have() -> None:
    x = np.linspace(0, 1, N)
    x[5] = 1.5
    assert told(even(configs={"x": x, "version": ["v1"] * N})).startswith("configs/x: row 5: ")


def test_a_hyperparameter_that_never_varies() -> None:
    space = ConfigurationSpace(space=[Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0)), Constant("version", "v1")])
    configs = {"x": np.linspace(0, 1, N), "y": np.full(N, 0.25), "version": ["v1"] * N}
    assert told(even(space=space, configs=configs)) == "hyperparameters that never vary, though the space lets them: y"
    never_active = configs | {"y": np.full(N, NAN)}
    assert told(even(space=space, configs=never_active)).endswith("though the space lets them: y")


def test_cost_that_does_not_scale() -> None:
    squares = np.broadcast_to(1.0 * EPOCHS**2, (N, S, R)).copy()
    assert told(even(elapsed=squares)).startswith("elapsed ~ r^2.00: cost does not scale with r, even:a@cost views")


def test_time_that_stands_still() -> None:
    """5 of 9 steps take no time: counted by hand. Where it is 4 of 9, cost alone may be odd."""
    said = oddities(even(elapsed=np.broadcast_to([1.0, 2, 3, 4, 4, 4, 4, 4, 4], (N, S, R)).copy()))
    assert "55.6% of the resources take no more time than the one before" in said
    said = oddities(even(elapsed=np.broadcast_to([1.0, 2, 3, 4, 5, 5, 5, 5, 5], (N, S, R)).copy()))
    assert not any("no more time" in sentence for sentence in said)


def test_a_start_that_takes_no_time() -> None:
    """In 3 of the 59 curves that were measured at all."""

    def change(elapsed: np.ndarray) -> None:
        elapsed[:3, 0, 0] = 0.0
        elapsed[9, 1] = NAN

    metrics = errors(lambda error: error.__setitem__((9, 1), NAN))
    assert f"the first resource takes no time in {3 / 59:.1%} of the curves" in oddities(
        even(**seconds(change), **metrics)
    )


def test_a_wild_step() -> None:
    def change(elapsed: np.ndarray) -> None:
        elapsed[4, 1, 6:] += 2001.0  # the others take 2 seconds
        elapsed[8, 0, 2:] += 1990.0

    wild = seconds(change)
    said = "1 steps take more than 1000 times their curve's median, such as row 4, replicate 1, resource 7"
    assert said in oddities(even(**wild))
    assert not any("median" in s for s in oddities(even(resumable=False, **wild)))  # each is a training of its own


def test_much_that_is_not_measured() -> None:
    """5 of 9 resources are missing of all curves but one: 295 of 540 values."""
    elapsed, error = even().elapsed.copy(), even().metrics["error"].copy()
    elapsed[1:, :, 4:] = error[1:, :, 4:] = NAN
    elapsed[0, 1, 4:] = error[0, 1, 4:] = NAN
    assert told(even(**errors() | {"metrics": {"error": error}}, elapsed=elapsed)) == (
        f"{295 / 540:.1%} of the values are not measured"
    )


def test_metrics_without_information() -> None:
    def metrics(value: float) -> dict[str, Any]:
        error = even().metrics["error"]
        info = {"error": Metric("min"), "loss": Metric("min")}
        return {"metrics": {"error": error, "loss": np.full_like(error, value)}, "metric_info": info}

    assert told(even(**metrics(0.25))) == "loss: constant, 0.25 throughout"
    assert told(even(**metrics(NAN))) == "loss: NaN throughout"


def test_many_diverge() -> None:
    """13 of 60 curves are more than a fifth, 12 are not."""

    def change(error: np.ndarray) -> None:
        error.reshape(N * S, R)[5:18, 5:] = NAN

    assert told(even(**errors(change))) == "error: 21.7% of the curves diverge (NaN where the time is known)"
    assert oddities(even(**errors(lambda error: error.reshape(N * S, R)[5:17, 5:].fill(NAN)))) == []


def test_show_and_check_count_the_same_curves() -> None:
    """Also those that have values again."""

    def change(error: np.ndarray) -> None:
        error.reshape(N * S, R)[5:18, 5:7] = NAN

    table = even(**errors(change))
    assert dict(overview(table))["curves diverged"] == "21.7%"
    assert oddities(table)[0] == "error: 21.7% of the curves diverge (NaN where the time is known)"


def test_values_after_a_nan() -> None:
    def change(error: np.ndarray) -> None:
        error[6, 1, 3:5] = error[11, 0, 0] = NAN

    odd = errors(change)
    assert told(even(**odd)) == "error: 2 curves have values after a NaN, such as row 6, replicate 1, after resource 5"
    assert oddities(even(resumable=False, **odd)) == []


def test_a_direction_told_wrongly() -> None:
    wrong = errors() | {"metric_info": {"error": Metric("max")}}
    said = told(even(**wrong))
    assert said == "error: 100.0% of the curves are worse at r_max than at the first resource: is it 'max'?"


def test_low_fidelities_that_mislead() -> None:
    """The order of the configurations at r_max is that at 1, upside down; all get better."""
    error = np.linspace(0.1, 0.5, N)[:, None, None] * (1 - EPOCHS / 4.5) + 5 - EPOCHS * 0.2 + np.zeros((N, S, R))
    said = told(even(**errors() | {"metrics": {"error": error}}))
    assert said == "error: low fidelities mislead, rank correlation with r_max is -1.00 at 1"


def test_chance_is_not_misleading() -> None:
    """Of few configurations without any correlation, hardly any table is said to mislead."""
    draw = np.random.default_rng(0)
    odd = 0
    for _ in range(40):
        error = 5 - 0.2 * EPOCHS + draw.normal(size=(6, S, R)) * 0.01
        configs = {"x": np.linspace(0, 1, 6), "version": ["v1"] * 6}
        table = even(configs=configs, elapsed=even().elapsed[:6], **errors() | {"metrics": {"error": error}})
        odd += any("mislead" in sentence for sentence in oddities(table))
    assert odd <= 4


def test_two_metrics_that_are_the_same() -> None:
    error = even().metrics["error"].copy()
    error[4, 1, 5:] = NAN
    info = {"error": Metric("min"), "loss": Metric("min")}
    said = told(even(metrics={"error": error, "loss": error.copy()}, metric_info=info))
    assert said == "error and loss are the same"


def test_where_it_comes_from_is_not_stated() -> None:
    assert told(even(licence="")) == "no licence is stated"
    assert told(even(source="")) == "no source is stated"


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 3), st.integers(1, 6), st.booleans())
def test_counts_in_any_table(seed: int, n: int, replicates: int, size: int, resumable: bool) -> None:
    """Against plain loops, on tables with curves that end early, diverge and stand still; and nothing warns."""
    elapsed, values = curves((n, replicates, size), seed, ragged=0.4, diverged=0.3)
    table = even(
        configs={"x": np.round(np.random.default_rng(seed).random(n), 1), "version": ["v1"] * n},
        resources=np.arange(1, size + 1),
        metrics={"error": values},
        metric_info={"error": Metric("min")},
        elapsed=elapsed,
        resumable=resumable,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = oddities(table)
    lines = [(row, s) for row in range(n) for s in range(replicates) if table.lengths[row, s]]
    x = table.columns["x"].tolist()
    repeated = sum(x[row] in x[:row] for row in range(n))
    assert number(said, r"(\d+) rows repeat") == repeated
    still = steps = back = diverged = 0
    for row, s in lines:
        curve = table.curve(row, s).tolist()
        times = [0.0, *table.elapsed[row, s, : len(curve)].tolist()]
        still += sum(a == b for a, b in pairwise(times))
        steps += len(curve)
        diverged += any(v != v for v in curve)
        back += any(a != a and b == b for a, b in pairwise(curve))
    assert any("no more time" in sentence for sentence in said) is (still > steps / 2)
    assert number(said, r"error: (\d+) curves have values after") == (back if resumable and varied(values) else 0)
    share = diverged / len(lines)
    found = [sentence for sentence in said if "of the curves diverge" in sentence]
    assert found == ([f"error: {share:.1%} of the curves diverge (NaN where the time is known)"] if found else [])
    assert bool(found) is (share > 0.2 and varied(values))


def varied(values: np.ndarray) -> bool:
    """Neither constant nor NaN throughout, of which no more is told."""
    known = values[~np.isnan(values)]
    return len(known) == 1 or len(set(known.tolist())) > 1


def number(said: list[str], pattern: str) -> int:
    found = [int(match[1]) for sentence in said if (match := re.match(pattern, sentence))]
    return found[0] if found else 0

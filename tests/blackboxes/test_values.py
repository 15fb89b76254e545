"""Lookups and derived values against a plain computation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    BetaFloatHyperparameter,
    Categorical,
    ConfigurationSpace,
    Constant,
    Float,
    Integer,
    NormalIntegerHyperparameter,
    OrdinalHyperparameter,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from made import column, configs, curves, plain, space, table

from blackboxes import BlackboxError, Metric

nan, inf = math.nan, math.inf


def log_share(value: float, lower: float, upper: float) -> float:
    return (math.log(value) - math.log(lower)) / (math.log(upper) - math.log(lower))


def by_hand(name: str, value: Any) -> float:
    """Where a value of `made.space()` lies in [0, 1]."""
    if value is None:
        return 0.5
    return {
        "lr": lambda v: log_share(v, 1e-4, 1.0),
        "decay": lambda v: v / 0.5,
        "units": lambda v: log_share(v, 16, 512),
        "layers": lambda v: v - 1,
        "optimizer": lambda v: ["sgd", "adam", "größer"].index(v) / 2,
        "nesterov": lambda v: [True, False].index(v),
        "batch": lambda v: [8, 32, 128].index(v) / 2,
        "version": lambda v: 0.5,
        "momentum": lambda v: v / 0.99,
        "act2": lambda v: ["relu", "tanh"].index(v),
    }[name](value)


@settings(max_examples=20)
@given(st.integers(0, 999))
def test_vectors_by_hand(seed: int) -> None:
    made = table(seed, n=20)
    assert made.vectors.shape == (20, 10)
    assert made.vectors.dtype == np.float64
    assert ((made.vectors >= 0) & (made.vectors <= 1)).all()
    for row in range(20):
        params = made.params(row)
        expected = [by_hand(name, params.get(name)) for name in made.space]
        np.testing.assert_allclose(made.vectors[row], expected, atol=1e-12)


def test_vectors_agree_with_configspace() -> None:
    made = table(n=50)
    for row in range(50):
        whole = dict(made.space.get_default_configuration()) | made.params(row)
        for j, (name, parameter) in enumerate(made.space.items()):
            if name in made.params(row) and parameter.upper_vectorized > parameter.lower_vectorized:
                vector = parameter.to_vector(whole[name]) / parameter.upper_vectorized
                assert made.vectors[row, j] == pytest.approx(float(vector), abs=1e-12)


@pytest.mark.parametrize(
    ("parameter", "values", "expected"),
    [
        (Float("x", (1e-3, 10.0), log=True), [1e-3, 0.1, 10.0, None], [0, 0.5, 1, 0.5]),
        (Float("x", (-1.0, 1.0)), [-1.0, 0.5, nan, 1], [0, 0.75, 0.5, 1]),
        (Float("x", (1e-4, 0.1), log=True), np.array([1e-4, 1e-1], np.float32), [0, 1]),  # rounded beyond the bounds
        (Float("x", (0.0, 1 / 3)), [0, 0.3333333333333334], [0, 1]),
        (Integer("x", (1, 9)), [1, 3, 9], [0, 0.25, 1]),
        (Integer("x", (1, 100), log=True), np.array([1, 10, 100], np.uint8), [0, 0.5, 1]),
        (Integer("x", (1, 100), log=True), np.array([1, 10, nan], np.float16), [0, 0.5, 0.5]),
        (Integer("x", (-5, 5)), np.array([-5, 0, 5], np.int8), [0, 0.5, 1]),
        (Categorical("x", ["b", "a", "c"]), ["a", "b", "c", None], [0.5, 0, 1, 0.5]),
        (Categorical("x", ["a", "b"]), ["a", nan, "b"], [0, 0.5, 1]),
        (Categorical("x", [True, False]), [True, False, False], [0, 1, 1]),
        (Categorical("x", [1, "auto", 2.5]), ["auto", 1, 2.5], [0.5, 0, 1]),
        (Categorical("x", [4, 2, 1]), np.array([2.0, nan, 1.0]), [0.5, 0.5, 1]),
        (Categorical("x", ["only"]), ["only", None], [0.5, 0.5]),
        (OrdinalHyperparameter("x", ["low", "mid", "high"]), ["high", "low", "mid"], [1, 0, 0.5]),
        (OrdinalHyperparameter("x", [64, 128]), [64, 128], [0, 1]),
        (OrdinalHyperparameter("x", [64]), [64], [0.5]),
        (Constant("x", "v"), ["v", None], [0.5, 0.5]),
        (Constant("x", 3), [3, 3], [0.5, 0.5]),
        (BetaFloatHyperparameter("x", 2, 2, lower=0, upper=2), [0.0, 1.5], [0, 0.75]),
        (NormalIntegerHyperparameter("x", 5, 2, lower=1, upper=9), [1, 3], [0, 0.25]),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error")
def test_encoding(parameter: Any, values: Any, expected: list[float]) -> None:
    made = column(values, space=ConfigurationSpace(space=[parameter]))
    np.testing.assert_allclose(made.vectors[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("parameter", "values", "row"),
    [
        (Float("x", (0.1, 1.0), log=True), [0.1, 0.0, 1.0], 1),
        (Float("x", (0.1, 1.0), log=True), [0.1, 0.5, -1.0], 2),
        (Float("x", (0.0, 1.0)), [inf, 0.5], 0),
        (Float("x", (0.0, 1.0)), [None, 0.5, 1.00001], 2),
        (Float("x", (0.0, 1.0)), ["0.5", 0.5], 0),
        (Integer("x", (1, 9)), [1, 10], 1),
        (Integer("x", (1, 9)), [nan, 2.5], 1),
        (Integer("x", (1, 9)), [1, "2"], 1),
        (Categorical("x", ["a", "b"]), ["a", None, "c"], 2),
        (Categorical("x", ["True", "False"]), [True, False], 0),
        (Categorical("x", ["a", "b"]), [0, 1], 0),
        (OrdinalHyperparameter("x", [1, 2, 4]), [1, 3], 1),
        (Constant("x", "v"), ["v", "w"], 1),
        (Constant("x", 3), [3, 4], 1),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error")
def test_values_that_the_space_does_not_have(parameter: Any, values: list[Any], row: int) -> None:
    made = column(values, space=ConfigurationSpace(space=[parameter]))
    with pytest.raises(BlackboxError, match=rf"^table:task: configs/x: row {row}: .* is not in the space, which has x"):
        _ = made.vectors


def test_columns_of_vectors_follow_the_space() -> None:
    """Which need not be the order of `configs`."""
    given = configs(5)
    made = table(n=5, configs=dict(reversed(given.items())))
    np.testing.assert_array_equal(made.vectors, table(n=5).vectors)


@settings(max_examples=8)
@given(st.integers(0, 999))
def test_row_of_is_the_inverse_of_params(seed: int) -> None:
    made = table(seed, n=30)
    for row in range(30):
        params = made.params(row)
        assert {type(value) for value in params.values()} <= {int, float, str, bool}
        assert ("momentum" in params) == (params["optimizer"] == "sgd")
        assert ("act2" in params) == (params["layers"] == 2)
        assert made.row_of(params) == row
        assert made.row_of(dict(reversed(params.items()))) == row
        assert made.row_of({"momentum": None, "act2": nan} | params) == row  # inactive may be said
        assert made.configs.iloc[row]["lr"] == params["lr"]
        # Off by the least that a number can be: another configuration.
        with pytest.raises(BlackboxError, match="fam:a has no configuration"):
            made.row_of(params | {"lr": np.nextafter(params["lr"], 2)})
        with pytest.raises(BlackboxError, match="fam:a has no configuration"):
            made.row_of(params | {"decay": params["decay"] + 1e-12})  # not even where the column has 32 bits


def test_row_of_what_is_not_there() -> None:
    made = table()
    params = made.params(3)
    with pytest.raises(BlackboxError, match=r"fam:a has no hyperparameter 'lrr': did you mean lr\?"):
        made.row_of(params | {"lrr": 1})
    for name in params:
        with pytest.raises(BlackboxError, match=r"fam:a has no configuration \{"):
            made.row_of({key: value for key, value in params.items() if key != name})
    for wrong in ("adam ", 3, [1], {}, object(), b"adam", 1j):
        with pytest.raises(BlackboxError, match="fam:a has no configuration"):
            made.row_of(params | {"optimizer": wrong})
        with pytest.raises(BlackboxError, match="fam:a has no configuration"):
            made.row_of(params | {"units": 513.0 if wrong == 3 else wrong})
    with pytest.raises(BlackboxError, match="fam:a has no configuration"):
        made.row_of({})


def test_row_of_doubles_and_equal_numbers() -> None:
    made = column([2, 1, 2, 1])
    assert [made.row_of({"x": value}) for value in (2, 1, 2.0, True, np.int64(2), np.float32(1))] == [0, 1, 0, 1, 0, 1]
    made = column([0.1, 2**70, None, "a"])
    assert [made.row_of({"x": value}) for value in (0.1, 2**70, None, "a", np.str_("a"))] == [0, 1, 2, 3, 3]
    assert made.params(2) == {}
    assert made.row_of({}) == 2
    made = column(["a", nan, None])
    assert [made.row_of({"x": value}) for value in ("a", nan, None)] == [0, 1, 1]


def test_rows_off_the_table() -> None:
    made = table(n=3)
    for look in (made.params, made.curve):
        with pytest.raises(IndexError):
            look(3)


@settings(max_examples=60)
@given(
    st.integers(0, 999), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.3]), st.sampled_from(["f4", "f8"])
)
def test_curves_times_and_best_by_loops(seed: int, ragged: float, diverged: float, dtype: str) -> None:
    elapsed, values = curves((5, 3, 4), seed, ragged, diverged, dtype)
    info = {"error": Metric("min"), "accuracy": Metric("max")}
    made = plain(
        configs={"x": np.arange(5) / 4},
        metrics={"error": values, "accuracy": values},
        metric_info=info,
        elapsed=elapsed,
    )
    finite, complete, all_ends = [], [], []
    for row in range(5):
        for replicate in range(3):
            length = sum(1 for time in elapsed[row, replicate] if time == time)
            assert made.lengths[row, replicate] == length
            np.testing.assert_array_equal(made.curve(row, replicate), values[row, replicate, :length])
            finite += [float(value) for value in values[row, replicate] if value == value]
            all_ends += [elapsed[row, replicate, length - 1]] if length else []
            complete += [elapsed[row, replicate, 3]] if length == 4 else []
    assert made.full_training_time == pytest.approx(np.mean(complete or all_ends))
    if finite:
        assert (made.best(), made.best("error"), made.best("accuracy")) == (min(finite), min(finite), max(finite))


def test_full_training_time_where_no_curve_is_complete() -> None:
    elapsed = np.array([[[1.0, 2.0, 4.0, nan], [nan] * 4], [[3.0, nan, nan, nan], [1.0, 5.0, nan, nan]]])
    made = plain(elapsed=elapsed, metrics={"error": elapsed})
    assert made.full_training_time == (4 + 3 + 5) / 3


@pytest.mark.filterwarnings("error")
def test_best_where_all_diverged() -> None:
    assert math.isnan(plain(metrics={"error": np.full((3, 2, 4), nan)}).best())


def test_resources_as_python_numbers() -> None:
    whole, fractions = plain(resources=np.array([1.0, 2.0, 4.0, 8.0])), plain(resources=[0.25, 0.5, 0.75, 1])
    assert repr(whole.resource_list) == "[1, 2, 4, 8]"
    assert repr(fractions.resource_list) == "[0.25, 0.5, 0.75, 1.0]"
    assert repr((whole.r_max, fractions.r_max)) == "(8, 1.0)"


def test_says_what_it_is() -> None:
    made = table(n=7)
    assert repr(made) == "<Blackbox fam:a: 7 configurations x 2 replicates x 4 resources>"
    assert (len(made), made.replicates, made.name, made.default_metric) == (7, 2, "fam:a", "error")
    assert list(made.configs) == list(made.columns)
    assert made.configs.shape == (7, 10)
    assert made.space == space()

"""Every valid table is taken, and a planted fault is found where it was planted."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import column, curves, plain, space

from blackboxes import Blackbox, BlackboxError, Metric, checks

GRIDS = [[1, 2, 3, 4], [16, 23, 32, 45], [0.25, 0.5, 0.75, 1.0], [1, 3, 9, 10**12]]


def box(elapsed: np.ndarray, metrics: dict[str, np.ndarray], grid: Any) -> Blackbox:
    n = len(elapsed)
    return Blackbox(
        space="",
        configs={"x": np.arange(n)},
        resources=grid[: elapsed.shape[2]],
        metrics=metrics,
        metric_info={name: Metric("min") for name in metrics},
        elapsed=elapsed,
    )


@st.composite
def valid(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, np.ndarray], list[float]]:
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 4)))
    seed, ragged = draw(st.integers(0, 999)), draw(st.sampled_from([0.0, 0.5]))
    metrics = {
        name: curves(shape, seed, ragged, draw(st.sampled_from([0.0, 0.3, 1.0])), dtype)[1]
        for name, dtype in (("error", "float64"), ("loss", "float32"))
    }
    if draw(st.booleans()):  # sums that overflow are no fault
        metrics["error"] = np.clip(metrics["error"], -1.7, 1.7) * 1e308
    return curves(shape, seed, ragged)[0], metrics, draw(st.sampled_from(GRIDS))


@pytest.fixture(params=[1, 7, checks.BLOCK])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large tables are looked at in blocks; here small ones are, too."""
    monkeypatch.setattr(checks, "BLOCK", request.param)


@pytest.mark.usefixtures("blocks")
@pytest.mark.filterwarnings("error")
def test_valid_tables_are_taken() -> None:
    @settings(max_examples=30)
    @given(valid())
    def taken(given: tuple[np.ndarray, dict[str, np.ndarray], list[float]]) -> None:
        made = box(*given)
        for row in range(len(made)):
            for replicate in range(made.replicates):
                length = 0
                while length < given[0].shape[2] and not np.isnan(given[0][row, replicate, length]):
                    length += 1
                assert made.lengths[row, replicate] == length
                curve = made.curve(row, replicate, "loss")
                np.testing.assert_array_equal(curve, given[1]["loss"][row, replicate, :length])

    taken()


FAULTS: dict[str, Callable[[np.ndarray, np.ndarray, int], bool]] = {}


def fault(why: str) -> Callable[[Callable[[np.ndarray, np.ndarray, int], bool]], None]:
    """Registers a fault, by the end of its message: a change of one curve at j, or False where there can be none."""

    def register(plant: Callable[[np.ndarray, np.ndarray, int], bool]) -> None:
        FAULTS[why] = plant

    return register


@fault("is negative, seconds from nothing are needed")
def _(elapsed: np.ndarray, values: np.ndarray, j: int) -> bool:
    elapsed[j] = -1e-9
    return True


@fault("is not below 1e+09 seconds")
def _(elapsed: np.ndarray, values: np.ndarray, j: int) -> bool:
    elapsed[j] = [np.inf, 1e9, 1e300][j % 3]
    return True


@fault("is less than at the resource before, time must not decrease")
def _(elapsed: np.ndarray, values: np.ndarray, j: int) -> bool:
    if j == 0:
        return False
    elapsed[:j] += 1
    elapsed[j] = np.nextafter(elapsed[j - 1], 0)
    elapsed[j + 1 :] += 1
    return True


@fault("is missing (NaN) inside a curve, only its end may be")
def _(elapsed: np.ndarray, values: np.ndarray, j: int) -> bool:
    elapsed[j] = values[j] = np.nan
    return bool((~np.isnan(elapsed[j + 1 :])).any())


@fault("is infinite, store NaN for a diverged value")
def _(elapsed: np.ndarray, values: np.ndarray, j: int) -> bool:
    values[j] = [np.inf, -np.inf][j % 2]
    return True


@fault("has a value where elapsed is NaN (not measured)")
def _(elapsed: np.ndarray, values: np.ndarray, j: int) -> bool:
    first = np.isnan(values[j])  # diverged there
    elapsed[j:] = np.nan
    values[j + 1 :] = np.nan
    values[j] = 0.5 if first else values[j]
    return j > 0


@pytest.mark.usefixtures("blocks")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("why", FAULTS)
def test_a_planted_fault_is_named(why: str) -> None:
    @settings(max_examples=20)
    @given(valid(), st.data())
    def named(given: tuple[np.ndarray, dict[str, np.ndarray], list[float]], data: st.DataObject) -> None:
        elapsed, metrics, grid = given
        name = data.draw(st.sampled_from(sorted(metrics)))
        measured = np.argwhere(~np.isnan(elapsed))
        row, replicate, j = measured[data.draw(st.integers(0, len(measured) - 1))]
        if not FAULTS[why](elapsed[row, replicate], metrics[name][row, replicate], int(j)):
            return
        for other in metrics:
            if other != name:
                metrics[other][np.isnan(elapsed)] = np.nan
        where = "elapsed" if ("time" in why or "second" in why or "missing" in why) else f"metrics/{name}"
        with pytest.raises(BlackboxError) as caught:
            box(elapsed, metrics, grid)
        said = re.fullmatch(r"(.*): row (\d+), replicate (\d+), resource ([\d.e+]+): (\S+) (.*)", str(caught.value))
        assert said
        assert (said[1], int(said[2]), int(said[3]), float(said[4])) == (where, row, replicate, grid[j])
        assert said[6] == why
        array = elapsed if where == "elapsed" else metrics[name]
        np.testing.assert_equal(array.dtype.type(said[5]), array[row, replicate, j])

    named()


@pytest.mark.usefixtures("blocks")
def test_a_row_that_was_measured_nowhere_is_named() -> None:
    @settings(max_examples=20)
    @given(valid(), st.data())
    def named(given: tuple[np.ndarray, dict[str, np.ndarray], list[float]], data: st.DataObject) -> None:
        elapsed, metrics, grid = given
        row = data.draw(st.integers(0, len(elapsed) - 1))
        for values in (elapsed, *metrics.values()):
            values[row] = np.nan
        with pytest.raises(BlackboxError, match=f"^elapsed: row {row} is NaN throughout"):
            box(elapsed, metrics, grid)

    named()


@given(st.lists(st.integers(0, 255), min_size=1, max_size=6), st.sampled_from(["u1", "i2", "u8", "f4", "f8"]))
def test_resources_increase(values: list[int], dtype: str) -> None:
    """Also those of unsigned integers, whose differences are never negative."""
    good = values[0] > 0 and all(a < b for a, b in itertools.pairwise(values))
    array = np.array(values, dtype=dtype)
    if good:
        assert checks.check_resources(array) is array
    else:
        i = next(i for i, r in enumerate(values) if r <= 0 or (i and r <= values[i - 1]))
        with pytest.raises(BlackboxError, match=f"entry {i} is {values[i]}"):
            checks.check_resources(array)


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ([], "1 to 65534 numbers"),
        (5, "1 to 65534 numbers"),
        ([[1, 2, 3, 4]], "1 to 65534 numbers"),
        (range(1, 70_000), "1 to 65534 numbers"),
        ([1, 2, 3], "elapsed: shape (3, 2, 4), should be (configurations, replicates, 3 resources)"),
        (["1", "2", "3", "4"], "resources: numbers are needed, not <U1"),
        ([1, 2, 4, np.nan], "entry 3 is nan"),
        ([1, 2, 4, np.inf], "entry 3 is inf"),
        ([1, 2, 2, 4], "entry 2 is 2"),
        ([4, 2, 1, 8], "entry 1 is 2"),
        ([-1, 2, 4, 8], "entry 0 is -1"),
        ([[1], [2, 3]], "resources: an array of numbers is needed"),
    ],
)
def test_wrong_resources(resources: Any, words: str) -> None:
    with pytest.raises(BlackboxError, match=re.escape(words)):
        plain(resources=resources)


@pytest.mark.parametrize("name", ["elapsed", "metrics"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((3, 2, 4), "1.5"), "numbers are needed, not <U3"),
        (np.full((3, 2, 4), 1.5, dtype=object), "numbers are needed, not object"),
        (np.full((3, 2, 4), 1 + 2j), "numbers are needed, not complex128"),
        (np.full((3, 2, 4), True), "numbers are needed, not bool"),
        (np.full((3, 2, 4), "2020-01-01", dtype="M8[s]"), "numbers are needed, not datetime64"),
        ([[[1.0], [1.0, 2.0]]], "an array of numbers is needed"),
        (np.zeros((3, 2)), "shape (3, 2), should be"),
        (np.zeros((3, 2, 0)), "shape (3, 2, 0), should be"),
        (1.0, "shape (), should be"),
    ],
)
def test_wrong_arrays(name: str, values: Any, words: str) -> None:
    changed = {"elapsed": values} if name == "elapsed" else {"metrics": {"error": values}}
    if name == "elapsed":
        changed["configs"] = {"x": [0.1, 0.2, 0.3]}
    where = "elapsed" if name == "elapsed" else "metrics/error"
    with pytest.raises(BlackboxError, match=rf"^{where}: {re.escape(words)}"):
        box_with(changed)


def box_with(changed: dict[str, Any]) -> Blackbox:
    zeros = np.zeros((3, 2, 4))
    arguments = {
        "space": "",
        "configs": {"x": [0.1, 0.2, 0.3]},
        "resources": [1, 2, 4, 8],
        "metrics": {"error": zeros},
        "metric_info": {"error": Metric("min")},
        "elapsed": zeros,
    }
    return Blackbox(**(arguments | changed))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"configs": {}}, "configs: a table needs at least one hyperparameter"),
        ({"configs": {"x": [1, 2]}}, "configs/x: shape (2,), should be (3,) as in elapsed"),
        ({"configs": {"x": 3}}, "configs/x: shape ()"),
        ({"configs": {"x": "abc"}}, "configs/x: shape ()"),
        ({"configs": {"x": [[1], [2], [3]]}}, "configs/x: shape (3, 1)"),
        ({"configs": {"x": [[1], [2, 3], [4]]}}, "configs/x: one value for each configuration"),
        ({"configs": {"x": ["a", b"b", None]}}, "configs/x: row 1: b'b' is no number, text or boolean"),
        ({"configs": {"x": [None, 1, 1j]}}, "configs/x: row 2: 1j is no number"),
        ({"configs": {"x": [(1,), None, "a"]}}, "configs/x: one value for each configuration"),
        ({"metrics": {}, "metric_info": {}}, "metrics: a table needs at least one metric"),
        ({"metric_info": {}}, "metric_info names [], but metrics are ['error']"),
        ({"metric_info": {"eror": Metric("min")}}, "metric_info names ['eror'], but metrics are ['error']"),
        ({"default_metric": "eror"}, "table:task has no metric 'eror': did you mean error? (known: error)"),
        ({"default_metric": ""}, "table:task has no metric ''"),
        ({"test_metric": "x"}, "table:task has no metric 'x': known: error"),
        (
            {"censored": np.zeros((3, 4), bool)},
            "censored: booleans of shape (3, 2) are needed, not bool of shape (3, 4)",
        ),
        ({"censored": np.zeros((3, 2))}, "censored: booleans of shape (3, 2) are needed, not float64"),
    ],
)
def test_wrong_arguments(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(BlackboxError) as caught:
        box_with(changed)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("direction", ["minimise", "MIN", "", None, 1])
def test_direction(direction: Any) -> None:
    with pytest.raises(BlackboxError, match="a metric's direction is 'min' or 'max', not"):
        Metric(direction)
    assert (Metric("min").sign, Metric("max").sign) == (1, -1)


def test_metrics_by_name() -> None:
    made = plain(metrics=dict.fromkeys(["test_error", "error"], np.zeros((3, 2, 4))), metric_info=INFO)
    assert (made.metric_name(), made.metric_name("error"), made.default_metric) == ("test_error", "error", "test_error")
    with pytest.raises(BlackboxError, match=r"no metric 'tset_error': did you mean test_error or error\?"):
        made.metric_name("tset_error")
    for use in (made.curve, made.best):
        with pytest.raises(BlackboxError, match="no metric 'loss': known: error, test_error"):
            use(metric="loss", **({"row": 0} if use == made.curve else {}))


INFO = {"test_error": Metric("min"), "error": Metric("min")}


@pytest.mark.parametrize("wrong", [3, {"x": (0.0, 1.0)}, None, ["x"]])
def test_what_is_no_space(wrong: Any) -> None:
    for one in (wrong, lambda: wrong):
        with pytest.raises(BlackboxError, match="table:task: a ConfigurationSpace is needed, not"):
            _ = column([0.5], space=one).space


def test_a_space_with_other_names() -> None:
    with pytest.raises(BlackboxError, match=r"the space has \['act2', .*\], configs have \['x'\]"):
        _ = column([0.5], space=space()).vectors


def test_a_space_is_made_once_and_late() -> None:
    calls = []

    def make() -> Any:
        calls.append(1)
        return plain().space

    made = column([0.5], space=make)
    assert not calls
    assert made.space is made.space
    assert calls == [1]

"""Surrogates: nearest rows, forests, curves that diverge or end early, and leave-out errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, OrdinalHyperparameter
from hypothesis import given, settings
from hypothesis import strategies as st
from made import configs, curves, plain, table

from blackboxes import Blackbox, BlackboxError, load
from blackboxes.surrogates import KINDS, Neighbours, Surrogate, leave_out_error, vector
from blackboxes.synthetic import make

NAN = float("nan")
ROOT = Path(__file__).resolve().parents[2]

PRINT_CURVES = """
import sys
from blackboxes.surrogates import Surrogate
from blackboxes.synthetic import make
surrogate = Surrogate(make("power-law", "n=60,diverging=0.3,seed=1"), sys.argv[1])
metrics, elapsed = surrogate.predict([[0.3] * 4, [0.8] * 4])
print(elapsed.tobytes().hex(), metrics["loss"].tobytes().hex(), metrics["true_loss"].tobytes().hex())
"""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    if request.param == "forest":
        pytest.importorskip("sklearn")
    return request.param


def valid(box: Blackbox, metrics: dict[str, np.ndarray], elapsed: np.ndarray) -> Blackbox:
    """The predicted curves (m, R) as a table of its own, which checks that they are curves."""
    return Blackbox(
        space="",
        configs={"x": np.arange(len(elapsed))},
        resources=box.resources,
        metrics={name: values[:, None] for name, values in metrics.items()},
        metric_info=box.metric_info,
        elapsed=elapsed[:, None],
    )


# --- vectors of proposals


def test_vectors_of_rows_are_those_of_the_table() -> None:
    box = table(n=40, seed=3)
    for row in range(40):
        assert np.array_equal(vector(box, box.params(row)), box.vectors[row])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lrr": 0.1}, "has no hyperparameter 'lrr': did you mean lr?"),
        ({"lr": 7.0}, "is not in the space"),
        ({"lr": "fast"}, "is not in the space"),
        ({"units": 33.5}, "is not in the space"),
        ({"optimizer": "rmsprop"}, "is not in the space"),
        ({"lr": None}, "is not in the space"),
        ({"optimizer": "adam", "momentum": 0.5}, "is not in the space"),  # momentum goes with sgd
        ({"optimizer": "sgd", "momentum": NAN}, "is not in the space"),
    ],
)
def test_wrong_proposals(change: dict[str, Any], words: str) -> None:
    box = table()
    base = next(box.params(row) for row in range(6) if box.params(row)["optimizer"] == "sgd")
    assert vector(box, base | {"lr": 0.0123, "momentum": np.float64(0.3)}).shape == (10,)
    with pytest.raises(BlackboxError, match="fam:a") as caught:
        vector(box, base | change)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# --- the nearest row


def mixed_table(n: int, seed: int) -> Blackbox:
    elapsed, error = curves((n, 1, 3), seed)
    metrics = {"error": error, "accuracy": error}
    return table(n=n, elapsed=elapsed, resources=[1, 2, 3], metrics=metrics, configs=configs(n, seed))


def slow_distance(box: Blackbox, a: np.ndarray, b: np.ndarray) -> float:
    """Spelt out: categories 0 or 1, all else squared differences."""
    total = 0.0
    for parameter, x, y in zip(box.space.values(), a.tolist(), b.tolist(), strict=True):
        categories = parameter.name in ("optimizer", "nesterov", "act2")
        total += float(abs(x - y) > 1e-6) if categories else (x - y) ** 2
    return total


@given(seed=st.integers(0, 10_000), query=st.integers(0, 19), forbid=st.sets(st.integers(0, 19), max_size=19))
def test_nearest_row_by_brute_force(seed: int, query: int, forbid: set[int]) -> None:
    box = mixed_table(20, seed)
    point = mixed_table(20, seed + 1).vectors[query]
    allowed = np.array([row not in forbid for row in range(20)])
    distances = [slow_distance(box, point, row) for row in box.vectors]
    neighbours = Neighbours(box)
    assert neighbours.distances(point) == pytest.approx(distances)
    found = neighbours.nearest_row(point, allowed)
    assert found not in forbid
    assert distances[found] == pytest.approx(min(d for row, d in enumerate(distances) if row not in forbid))
    assert neighbours.nearest_row(box.vectors[query]) == query


def test_ties_go_to_the_first_row() -> None:
    box = plain(configs={"x": [0.25, 0.75, 0.25]})
    neighbours = Neighbours(box)
    assert neighbours.nearest_row(np.array([0.5])) == 0
    assert neighbours.nearest_row(np.array([0.5]), np.array([False, True, True])) == 1
    assert neighbours.nearest_row(np.array([0.2]), np.array([False, True, True])) == 2


def test_categories_are_equal_or_not_but_ordinals_have_an_order() -> None:
    both = ConfigurationSpace(space=[Categorical("c", ["r", "g", "b"]), OrdinalHyperparameter("o", [1, 2, 4])])
    box = plain(space=both, configs={"c": ["r", "g", "b"], "o": [1, 2, 4]})
    # In the order of the space, categories lie at 0, 0.5 and 1, and so do ordinals.
    assert Neighbours(box).distances(np.array([0.0, 0.0])).tolist() == [0, 1.25, 2]
    assert Neighbours(box).distances(np.array([0.9, 0.5])).tolist() == [1.25, 1, 0.25]  # 0.9 is next to blue


@pytest.mark.parametrize("wrong", [[0.5, 0.5], [1.1], [-0.1], [NAN], [[0.5]], []])
def test_wrong_vectors(wrong: Any) -> None:
    with pytest.raises(BlackboxError, match=r"numbers in \[0, 1\]"):
        Neighbours(plain()).nearest_row(np.array(wrong))
    with pytest.raises(BlackboxError, match=r"numbers in \[0, 1\]"):
        Surrogate(plain(), "nearest").predict(np.array([wrong]))


def test_no_row_is_allowed() -> None:
    with pytest.raises(BlackboxError, match="no row to choose from"):
        Neighbours(plain()).nearest_row(np.array([0.5]), np.zeros(3, dtype=bool))


# --- predicted curves


def test_nearest_gives_the_mean_curve_of_the_nearest_row() -> None:
    box = make("power-law", "n=30,replicates=3,r_max=9,seed=2")
    metrics, elapsed = Surrogate(box, "nearest").predict(box.vectors)
    assert np.allclose(metrics["loss"], box.metrics["loss"].mean(axis=1), rtol=1e-6)
    assert np.allclose(metrics["true_loss"], box.metrics["true_loss"][:, 0], rtol=1e-6)
    assert np.allclose(elapsed, box.elapsed[:, 0], rtol=0, atol=2e-9)
    one, time = Surrogate(box, "nearest").curve(box.params(4) | {"x0": box.params(4)["x0"] + 1e-4})
    assert np.array_equal(one["loss"], metrics["loss"][4])
    assert np.array_equal(time, elapsed[4])


def test_times_of_replicates_are_averaged_as_logarithms() -> None:
    elapsed = np.array([[[1.0, 10.0, 20.0, 40.0], [4.0, 10.0, 80.0, 90.0]]])
    box = plain(configs={"x": [0.5]}, elapsed=elapsed, metrics={"error": np.array([[[4.0, 3, 2, 1], [2, 2, 2, 2]]])})
    metrics, times = Surrogate(box, "nearest").curve({"x": 0.1})
    assert times.tolist() == pytest.approx([2, 10, 40, 60], abs=2e-9)
    assert metrics["error"].tolist() == [3, 2.5, 2, 1.5]


def test_nearest_passes_over_curves_of_unknown_end() -> None:
    rows = [[1, 2, NAN, NAN], [1, 2, 3, 4], [1, 2, NAN, NAN]]
    values = [[9.0, 8, NAN, NAN], [5.0, 4, 3, 2], [7.0, NAN, NAN, NAN]]  # cut short, complete, diverged at 2
    box = plain(
        elapsed=np.array(rows)[:, None], metrics={"error": np.array(values)[:, None]}, configs={"x": [0, 0.5, 1]}
    )
    surrogate = Surrogate(box, "nearest")
    metrics, elapsed = surrogate.predict(np.array([[0.0], [0.9]]))
    assert metrics["error"][0].tolist() == [5, 4, 3, 2]
    assert np.array_equal(metrics["error"][1], [7, NAN, NAN, NAN], equal_nan=True)
    assert np.array_equal(elapsed[1], [1, 2, NAN, NAN], equal_nan=True)
    only_short = plain(elapsed=np.array(rows)[[0], None], metrics={"error": np.array(values)[[0], None]})
    metrics, elapsed = Surrogate(only_short, "nearest").predict(np.array([[0.9]]))
    assert np.array_equal(metrics["error"][0], [9, 8, NAN, NAN], equal_nan=True)
    assert np.array_equal(elapsed[0], [1, 2, NAN, NAN], equal_nan=True)


def test_a_configuration_diverges_where_most_of_its_replicates_do() -> None:
    elapsed = np.array([[[1, 2, NAN, NAN], [1, 2, 3, NAN], [1, 2, 3, 4]]])
    values = np.array([[[5, NAN, NAN, NAN], [4, 3, NAN, NAN], [3, 2, 1, 0]]])
    box = plain(configs={"x": [0.5]}, elapsed=elapsed, metrics={"error": values})
    metrics, times = Surrogate(box, "nearest").curve({"x": 0.3})
    # At 2 one of three has diverged, at 4 two of three; from the next resource on most curves are over.
    assert np.array_equal(metrics["error"], [4, 2.5, NAN, NAN], equal_nan=True)
    assert times[:3] == pytest.approx([1, 2, 3])
    assert np.isnan(times[3])


@pytest.mark.parametrize("parameters", ["diverging=0.3", "diverging=0.3,runtime=pareto,replicates=1", "seed=4"])
def test_predictions_are_curves(kind: Any, parameters: str) -> None:
    box = make("power-law", f"n=120,r_max=27,{parameters}")
    points = np.random.default_rng(0).random((60, 4))
    metrics, elapsed = Surrogate(box, kind).predict(points)
    made = valid(box, metrics, elapsed)  # times are checked there: never falling, never negative
    assert np.array_equal(np.rint(elapsed * 1e9) / 1e9, elapsed, equal_nan=True)
    for name, values in metrics.items():
        assert values.dtype == box.metrics[name].dtype
        assert np.nanmin(values) >= np.nanmin(box.metrics[name])
        assert np.nanmax(values) <= np.nanmax(box.metrics[name])
    diverged = np.array([np.isnan(made.curve(row, metric="loss")[-1]) for row in range(60)])
    assert diverged.any() == ("diverging" in parameters)
    assert (made.lengths[~diverged] == 27).all()


@given(seed=st.integers(0, 500))
@settings(max_examples=15)
def test_predictions_of_awkward_tables_are_curves(seed: int) -> None:
    """Every kind of hyperparameter, ragged and diverged curves, replicates that are missing, times of zero."""
    elapsed, error = curves((12, 3, 5), seed, ragged=0.5, diverged=0.2)
    box = table(n=12, elapsed=elapsed, resources=np.arange(1, 6), metrics={"error": error, "accuracy": -error})
    points = mixed_table(20, seed + 1).vectors
    for name in KINDS:
        if name == "forest":
            pytest.importorskip("sklearn")
        metrics, times = Surrogate(box, name).predict(points)  # type: ignore[arg-type]
        valid(box, metrics, times)
        assert (~np.isnan(times[:, 0])).all()


def test_one_point_alone_is_predicted_as_among_others(kind: Any) -> None:
    box = make("exponential", "n=80,r_max=9,diverging=0.2")
    surrogate = Surrogate(box, kind)
    metrics, elapsed = surrogate.predict(box.vectors[:20])
    for row in range(20):
        one, time = surrogate.curve(box.params(row))
        assert time.tobytes() == elapsed[row].tobytes()
        assert all(one[name].tobytes() == metrics[name][row].tobytes() for name in metrics)


@pytest.mark.parametrize("kind", ["nearest", pytest.param("forest", marks=pytest.mark.slow)])
def test_predictions_depend_on_table_and_kind_alone(kind: Any) -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", PRINT_CURVES, kind],
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, threads in (("0", "1"), ("1", "2"))
    ]
    assert found[0] == found[1]
    assert len(found[0]) > 1000


def test_no_points(kind: Any) -> None:
    metrics, elapsed = Surrogate(plain(), kind).predict(np.empty((0, 1)))
    assert metrics["error"].shape == elapsed.shape == (0, 4)


def test_one_row(kind: Any) -> None:
    box = make("power-law", "n=1,replicates=1,r_max=5")
    metrics, elapsed = Surrogate(box, kind).predict(np.full((2, 4), 0.5))
    assert np.allclose(metrics["loss"], box.metrics["loss"][0, 0])
    assert np.allclose(elapsed, box.elapsed[0, 0])


# --- the forest


def test_forest_predictions_are_means_of_leaves() -> None:
    """Against scikit-learn's own prediction: a forest with the same splits, asked for one column of the curves."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    from blackboxes.surrogates.forest import LEAST_IN_LEAF, TREES, Forest, _targets

    box = make("power-law", "n=150,r_max=9,seed=3")
    forest = Forest(box, np.arange(150))
    targets = _targets(forest.curves)
    own = ensemble.RandomForestRegressor(TREES, min_samples_leaf=LEAST_IN_LEAF, random_state=0)
    own.fit(box.vectors.astype(np.float32), targets)
    points = np.random.default_rng(1).random((30, 4))
    weights = np.stack([forest.weights(point) for point in points])
    assert np.allclose(weights.sum(axis=1), 1)
    assert np.allclose(weights @ targets, own.predict(points.astype(np.float32)), atol=1e-9)


def test_forest_of_a_step_is_the_step() -> None:
    pytest.importorskip("sklearn")
    x = np.linspace(0, 1, 40)
    curve = np.where(x[:, None, None] < 0.5, [[[1.0, 0.9, 0.8, 0.7]]], [[[0.5, 0.3, 0.2, 0.1]]])
    speed = np.where(x < 0.5, 1.0, 10.0)[:, None, None]
    box = plain(
        configs={"x": x}, elapsed=speed * [[[1.0, 2, 3, 4], [1, 2, 3, 4]]], metrics={"error": curve.repeat(2, axis=1)}
    )
    metrics, elapsed = Surrogate(box, "forest").predict(np.array([[0.1], [0.9]]))
    assert metrics["error"] == pytest.approx(np.array([[1.0, 0.9, 0.8, 0.7], [0.5, 0.3, 0.2, 0.1]]))
    assert elapsed == pytest.approx(np.array([[1.0, 2, 3, 4], [10, 20, 30, 40]]))


def test_which_rows_are_alike_does_not_depend_on_units_or_outliers() -> None:
    """Only ranks decide: cubes of the losses and times in other units give the same weights."""
    pytest.importorskip("sklearn")
    from blackboxes.surrogates.forest import Forest

    box = make("power-law", "n=100,r_max=9,replicates=1")
    cubes = {name: values.astype(np.float64) ** 3 * 1e9 for name, values in box.metrics.items()}
    other = box.replaced(metrics=cubes, elapsed=box.elapsed * 3600)
    one, same = (Forest(b, np.arange(100)) for b in (box, other))
    for point in np.random.default_rng(1).random((20, 4)):
        assert np.array_equal(one.weights(point), same.weights(point))


def test_a_large_table_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr("blackboxes.surrogates.forest.MOST_ROWS", 50)
    box = make("power-law", "n=400,r_max=5")
    surrogate = Surrogate(box, "forest")
    assert surrogate._forest.curves.shape == (50, 9, 5)
    again = Surrogate(box, "forest")
    point = np.full((1, 4), 0.4)
    assert np.array_equal(surrogate.predict(point)[1], again.predict(point)[1])


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(BlackboxError, match=r"pip install 'rungsim\[surrogate\]'"):
        Surrogate(plain(), "forest")
    Surrogate(plain(), "nearest")


def test_unknown_kind() -> None:
    with pytest.raises(BlackboxError, match="there is no surrogate 'forrest': did you mean forest"):
        Surrogate(plain(), "forrest")  # type: ignore[arg-type]


def test_importing_surrogates_imports_nothing_heavy() -> None:
    code = "import sys, blackboxes.surrogates; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"sklearn", "scipy", "pandas", "ConfigSpace", "h5py"} & set(done.stdout.split())


# --- leave-out errors


def test_leave_out_error_by_hand() -> None:
    """Three far-apart pairs of neighbours, each one left out in its own fold: every prediction is its partner's."""
    pairs = [0.0, 0.01, 0.5, 0.51, 0.99, 1.0]
    final = [1.0, 2.0, 5.0, 5.0, 9.0, 6.0]
    seconds = [1.0, 2.0, 4.0, 4.0, 10.0, 5.0]
    error = np.array(final)[:, None, None] + np.array([3.0, 2.0, 1.0, 0.0])
    elapsed = np.array(seconds)[:, None, None] * np.array([1.0, 2.0, 4.0, 8.0])
    box = plain(configs={"x": pairs}, elapsed=elapsed, metrics={"error": error})
    found = leave_out_error(box, "nearest", folds=6)
    assert (found.kind, found.folds) == ("nearest", 6)
    assert found.absolute["error"] == pytest.approx(((1 + 1 + 0 + 0 + 3 + 3) / 6,) * 2)
    # True ranks 1 2 3.5 3.5 6 5, predicted 2 1 3.5 3.5 5 6: correlation of the ranks.
    true, predicted = [1, 2, 3.5, 3.5, 6, 5], [2, 1, 3.5, 3.5, 5, 6]
    assert found.rank_correlation["error"] == pytest.approx((np.corrcoef(true, predicted)[0, 1],) * 2)
    # Relative errors 1, 0.5, 0, 0, 0.5, 1: their median.
    assert found.time == pytest.approx((0.5, 0.5))
    assert found.divergence == 1


def test_leave_out_leaves_out(kind: Any) -> None:
    """Noise cannot be predicted: had a surrogate seen what it is asked for, its error would be next to nothing."""
    box = make("power-law", "n=200,r_max=3,noise=1,noise_decay=0,replicates=1")
    found = leave_out_error(box, kind)
    assert found.absolute["loss"][0] > 0.5
    assert abs(found.rank_correlation["loss"][0]) < 0.25
    again = leave_out_error(box, kind)
    assert again == found
    assert leave_out_error(box, kind, seed=1) != found


def test_diverged_and_missing_are_left_out_of_errors(kind: Any) -> None:
    found = leave_out_error(make("power-law", "n=150,r_max=9,diverging=0.4,noise=0"), kind)
    assert 0.3 < found.divergence < 1
    assert all(np.isfinite(pair).all() for pair in (*found.absolute.values(), *found.rank_correlation.values()))
    nothing = plain(
        elapsed=np.broadcast_to([1.0, NAN, NAN, NAN], (3, 2, 4)), metrics={"error": np.full((3, 2, 4), NAN)}
    )
    found = leave_out_error(nothing, kind)
    assert np.isnan(found.absolute["error"]).all()
    assert found.divergence == 1
    assert found.time[1] == pytest.approx(0, abs=1e-9)


def test_a_large_table_is_tested_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    box = make("power-law", "n=300,r_max=3")
    whole = leave_out_error(box, "nearest")
    monkeypatch.setattr("blackboxes.surrogates.leave_out.MOST_TESTED", 100)
    part = leave_out_error(box, "nearest")
    assert part != whole
    assert part.absolute["loss"][0] == pytest.approx(whole.absolute["loss"][0], rel=0.3)


def test_too_little_to_leave_out() -> None:
    with pytest.raises(BlackboxError, match="two configurations and two folds at least"):
        leave_out_error(make("power-law", "n=1"), "nearest")
    with pytest.raises(BlackboxError, match="two configurations and two folds at least"):
        leave_out_error(plain(), "nearest", folds=1)
    assert leave_out_error(plain(), "nearest", folds=99).folds == 3


@pytest.mark.slow
def test_forest_beats_nearest_on_the_measured_table() -> None:
    pytest.importorskip("sklearn")
    box = load("mlp:digits")
    forest, nearest = (leave_out_error(box, name) for name in ("forest", "nearest"))
    for k in (0, 1):
        assert forest.rank_correlation["validation_error"][k] > nearest.rank_correlation["validation_error"][k] > 0.7
        assert forest.time[k] < nearest.time[k] < 0.4

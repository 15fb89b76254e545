"""What the recipes of gbm and svm train is what their cards say; on small made-up data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from recipe_modules import module

pytest.importorskip("sklearn", reason="scikit-learn is missing: pip install 'rungsim[recipes]'")

gbm, svm, realdata = module("gbm"), module("svm"), module("realdata")
TREES: dict[str, Any] = {
    "growth": "depth",
    "max_depth": 3,
    "min_samples_leaf": 2,
    "min_impurity_decrease": 1e-6,
    "subsample": 0.7,
    "max_features": 0.6,
}


def made_data(classes: int, rows: int = 120) -> dict[str, np.ndarray]:
    """Three parts of made-up rows; a number to predict where there are no classes."""
    draw = np.random.RandomState(7)
    data: dict[str, np.ndarray] = {"classes": np.arange(classes), "scale": np.array(250.0)}
    for part in realdata.PARTS:
        x = draw.normal(size=(rows, 4))
        score = x[:, 0] + x[:, 1] * x[:, 2] + 0.3 * draw.normal(size=rows)
        data[f"x_{part}"] = x.astype(np.float32)
        data[f"y_{part}"] = np.digitize(score, np.linspace(-1, 1, classes + 1)[1:-1]) if classes else score
    return data


def fitted(data: dict[str, np.ndarray], rounds: int, **options: Any) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    kind = GradientBoostingClassifier if len(data["classes"]) else GradientBoostingRegressor
    seed = realdata.seed_of("magic", 5, 1)
    return kind(n_estimators=rounds, random_state=seed, **options).fit(data["x_train"], data["y_train"])


@pytest.mark.slow
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_point_of_a_boosting_curve_is_a_fit_of_so_many_rounds(classes: int) -> None:
    data = made_data(classes)
    curve = gbm.train("magic", data, {**TREES, "learning_rate": 0.2}, 5, 1)
    assert np.isfinite(curve).all()
    assert (np.diff(curve[:, 4]) > 0).all()
    options = {k: v for k, v in TREES.items() if k != "growth"}
    for rounds in (1, 3, 27, 243):
        model = fitted(data, rounds, learning_rate=0.2, **options)
        at = curve[gbm.ROUNDS.index(rounds)]
        for column, part in ((0, "validation"), (1, "test")):
            predicted, y = model.predict(data[f"x_{part}"]), data[f"y_{part}"]
            direct = np.mean(predicted != y) if classes else 250 * np.sqrt(np.mean((predicted - y) ** 2))
            assert at[column] == pytest.approx(direct, rel=1e-12)
        if classes:
            p = model.predict_proba(data["x_validation"])[np.arange(120), data["y_validation"]]
            assert at[2] == pytest.approx(-np.log(np.maximum(p, np.finfo(np.float32).eps)).mean(), rel=1e-12)
        else:
            assert at[2] == pytest.approx(250 * abs(model.predict(data["x_validation"]) - data["y_validation"]).mean())


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_the_training_loss_of_all_rows_is_the_mean_loss(classes: int) -> None:
    data = made_data(classes)
    options = {**TREES, "subsample": 1.0}
    curve = gbm.train("magic", data, {**options, "learning_rate": 0.1}, 5, 1)
    del options["growth"]
    model = fitted(data, 9, learning_rate=0.1, **options)
    if classes:
        loss = -np.log(model.predict_proba(data["x_train"])[np.arange(120), data["y_train"]]).mean()
    else:
        loss = 250 * np.sqrt(np.mean((model.predict(data["x_train"]) - data["y_train"]) ** 2))
    assert curve[gbm.ROUNDS.index(9), 3] == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_boosting_that_overshoots_diverges(classes: int) -> None:
    data = made_data(classes)
    with np.errstate(all="ignore"):
        curve = gbm.train("magic", data, {**TREES, "learning_rate": 3.0, "max_depth": 8}, 5, 1)
    lengths = np.isfinite(curve).sum(axis=0)
    assert lengths[4] < len(gbm.ROUNDS)
    assert (lengths[:4] == lengths[4] - 1).all()  # the time of the last point is known, its metrics are not
    assert (np.diff(curve[: lengths[4], 4]) >= 0).all()


def test_the_loss_of_the_best_constant_is_that_of_the_shares() -> None:
    data = {"classes": np.arange(2), "y_train": np.array([0, 1, 1, 1])}
    assert gbm.constant_loss(data) == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert gbm.constant_loss({"classes": np.arange(0), "y_train": np.array([1.0, 3.0])}) == 1.0


@pytest.mark.parametrize("limit", [5, 20_000])
def test_a_point_of_an_svm_curve_is_a_fit_of_the_subset(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    sizes = (20, 40, 80)
    monkeypatch.setattr(svm, "SIZES", sizes)
    monkeypatch.setattr(svm, "MAX_ITERATIONS", limit)
    monkeypatch.setitem(svm.SPLITS, "magic", (80, 120, 120))
    data = made_data(3)
    config = {"kernel": "rbf", "C": 3.0, "gamma": 0.2, "tolerance": 1e-4, "shrinking": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the solver warns where it met its limit
        curve = svm.train("magic", data, config, 4, 1)
        for i, size in enumerate(sizes):
            rows = svm.subset("magic", 1, size)
            model = make_pipeline(StandardScaler(), SVC(C=3.0, gamma=0.2, tol=1e-4, max_iter=limit))
            model.fit(data["x_train"][rows], data["y_train"][rows])
            assert curve[i, 0] == np.mean(model.predict(data["x_validation"]) != data["y_validation"])
            assert curve[i, 1] == np.mean(model.predict(data["x_test"]) != data["y_test"])
            assert curve[i, 2] == len(model[-1].support_) / size
            assert curve[i, 3] <= limit
    assert (curve[-1, 3] == limit) == (limit == 5)
    assert (curve[:, 4] > 0).all()

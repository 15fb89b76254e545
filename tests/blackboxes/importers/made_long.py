"""Writes small long tables, CSV and Parquet, for tests."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

COLUMNS = {
    "run": ["x", "x", "x", "y", "y", "x", "x", "y"],
    "seed": [0, 0, 0, 0, 0, 1, 1, 1],
    "epoch": [2, 1, 4, 1, 2, 1, 2, 1],
    "lr": [0.001, 0.001, 0.001, 0.5, 0.5, 0.001, 0.001, 0.5],
    "units": [16, 16, 16, 64, 64, 16, 16, 64],
    "act": ["relu", "relu", "relu", "tanh", "tanh", "relu", "relu", "tanh"],
    "seconds": [2.0, 1.0, 4.5, 1.5, 3.0, 1.25, 2.25, 1.75],
    "val_error": [0.4, 0.5, 0.3, 0.6, None, 0.45, 0.35, 0.55],
    "acc": [0.61, 0.51, 0.71, 0.41, 0.42, 0.56, 0.66, 0.46],
    "stopped": [False, False, False, False, True, False, False, False],
}
NAMES = {
    "hyperparameters": "lr,units,act",
    "resource": "epoch",
    "elapsed": "seconds",
    "metric": "val_error=min:fraction,acc=max",
    "replicate": "seed",
}


def write(folder: Path, **changed: list) -> Path:
    """A Parquet file; `changed` replaces or adds columns."""
    path = folder / "logs.parquet"
    pq.write_table(pa.table(COLUMNS | changed), path)
    return path


def write_csv(folder: Path, name: str = "logs.csv", **changed: list) -> Path:
    path = folder / name
    delimiter = "\t" if name.endswith(".tsv") else ","
    options = pyarrow.csv.WriteOptions(delimiter=delimiter)
    pyarrow.csv.write_csv(pa.table(COLUMNS | changed), path, options)
    return path

"""A small file in FCNet's layout, and ones with its structure damaged."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

NATIVE = "HDF5"
CURVES = ("valid_mse", "train_mse", "valid_loss", "train_loss")


def config(**changed: Any) -> dict[str, Any]:
    """One configuration; with the others of `CONFIGS` it takes both ends of most ranges."""
    plain = {"activation_fn_1": "relu", "activation_fn_2": "tanh", "batch_size": 8, "dropout_1": 0.0, "dropout_2": 0.3}
    return plain | {"init_lr": 0.0005, "lr_schedule": "cosine", "n_units_1": 16, "n_units_2": 512} | changed


CONFIGS = [
    config(),
    config(batch_size=64, dropout_1=0.6, init_lr=0.1),
    config(activation_fn_1="tanh", lr_schedule="const", n_units_1=128),
]


def values(row: int, name: str) -> np.ndarray:
    """What a group's dataset holds: curves (4, 100) that tell their row, replicate and epoch; else (4,)."""
    replicate, epoch = np.arange(4.0), np.arange(1.0, 101)
    if name in CURVES:
        return 1000 * CURVES.index(name) + 100 * row + 10 * replicate[:, None] + 1 / epoch
    return {
        "final_test_error": row + replicate / 10,
        "n_params": np.full(4, 500 + row),
        "runtime": 100.0 * (1 + row) + replicate,
    }[name]


def add(file: h5py.File, row: int, configuration: dict[str, Any], dtype: str = "f8", **filters: Any) -> h5py.Group:
    """The group of one configuration."""
    group = file.create_group(json.dumps(configuration, sort_keys=True))
    for name in (*CURVES, "final_test_error", "n_params", "runtime"):
        data = values(row, name)
        group.create_dataset(name, data=data.astype(dtype) if data.dtype.kind == "f" else data, **filters)
    return group


def write(folder: Path, dtype: str = "f8", task: str = "protein_structure", **filters: Any) -> Path:
    """Three configurations."""
    path = folder / f"fcnet_{task}_data.hdf5"
    with h5py.File(path, "w") as file:
        for row, configuration in enumerate(CONFIGS):
            add(file, row, configuration, dtype, **filters)
    return path


def changed(folder: Path, draw: random.Random, mutant: Callable[[bytes], bytes]) -> Path:
    """The file with HDF5's own bytes changed, or with datasets exchanged or of another shape, type or storage."""
    path = write(folder, **draw.choice([{}, {"compression": "gzip"}, {"chunks": True}]))
    if draw.random() < 0.5:
        return with_changed_metadata(path, mutant)
    with h5py.File(path, "r+") as file:
        group = file[draw.choice(list(file))]
        name, other = draw.sample(list(group), 2)
        odd = draw.randrange(9)
        if odd == 0:
            group.move(name, "x")
            group.move(other, name)
            group.move("x", other)
            return path
        del group[name]
        if odd == 1:
            group.create_dataset(name, shape=(2 ** draw.randrange(20, 62),), dtype="f8", chunks=(1 << 20,))
        elif odd == 2:
            group.create_dataset(name, shape=(4, 100), chunks=(4, 100), dtype="f8", compression="gzip")
        elif odd == 3:
            group.create_dataset(name, data=np.zeros((4, 100), draw.choice(["i1", "u8", ">f8", "f2", "S9", "c16"])))
        elif odd == 4:
            group[name] = h5py.SoftLink(draw.choice(["/", other, "/nowhere"]))
        elif odd == 5:
            group[name] = h5py.ExternalLink("elsewhere.h5", "/a")
        elif odd == 6:
            group.create_dataset(name, shape=(4, 100), dtype="f8", external=[("/dev/zero", 0, 3200)])
        elif odd == 7:
            group.create_dataset(name, data=["text"] * 4)
        else:
            group[name] = group
    return path


def with_changed_metadata(path: Path, mutant: Callable[[bytes], bytes]) -> Path:
    """The file with bytes changed only where no numbers lie."""
    raw = np.frombuffer(path.read_bytes(), np.uint8).copy()
    data = np.zeros(len(raw), dtype=bool)
    with h5py.File(path) as file:
        for dataset in (one for group in file.values() for one in group.values()):
            chunks = (
                [dataset.id.get_chunk_info(i) for i in range(dataset.id.get_num_chunks())] if dataset.chunks else []
            )
            for start, size in [(c.byte_offset, c.size) for c in chunks] or [(dataset.id.get_offset(), dataset.nbytes)]:
                data[start : start + size] = True
    other = np.frombuffer(mutant(raw[~data].tobytes()), np.uint8)
    raw[np.flatnonzero(~data)[: len(other)]] = other
    path.write_bytes(raw[: len(raw) if len(other) == (~data).sum() else len(other)].tobytes())
    return path

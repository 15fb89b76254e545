"""A small archive in PD1's layout: four files of JSON lines in a tar."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = [100, 200, 300, 400]


def row(**changed: Any) -> dict[str, Any]:
    """A run of four evaluations, of 10 seconds each."""
    plain = {
        "dataset": "cifar10",
        "model": "wide_resnet",
        "status": "done",
        "trial_dir": "/somewhere/1",
        "hps.batch_size": 256,
        "hps.activation_fn": None,
        "hps.lr_hparams.decay_steps_factor": 0.5,
        "hps.lr_hparams.initial_value": 0.125,
        "hps.lr_hparams.power": 1.5,
        "hps.opt_hparams.momentum": 0.0625,
        "epoch": [0, 0, 1, 1],
        "global_step": STEPS,
        "eval_time": [10.0, 10.0, 10.0, 10.0],
        "valid/error_rate": [0.75, 0.5, 0.25, 0.125],
        "valid/ce_loss": [2.0, 1.5, 1.25, 1.0],
        "test/error_rate": [0.8, 0.6, 0.4, 0.2],
        "test/ce_loss": None,
        "train_cost": [1.0, 1.0, 1.0, 1.0],
    }
    renamed = {"lr": "hps.lr_hparams.initial_value", "batch_size": "hps.batch_size", "activation": "hps.activation_fn"}
    names = {"error": "valid/error_rate", "loss": "valid/ce_loss", "test": "test/error_rate"} | renamed
    return plain | {names.get(name, name): value for name, value in changed.items()}


def cut(length: int, **changed: Any) -> dict[str, Any]:
    """A run of fewer evaluations."""
    plain = row()
    return row(**{name: v[:length] for name, v in plain.items() if isinstance(v, list)} | changed)


def never(**changed: Any) -> dict[str, Any]:
    """A run without any evaluation."""
    return row(**{name: None for name, value in row().items() if isinstance(value, list)} | changed)


PARTS = {
    "matched_phase0": [row(lr=9.0), row(lr=0.125, batch_size=1024)],
    "matched_phase1": [
        row(),
        row(lr=0.25, error=[0.9, 0.8, None, None], loss=[3.0, 4.0, None, None], test=[0.9, 0.9, None, None]),
        cut(2, lr=0.5, status="diverged", eval_time=[4.0, 8.0]),
        cut(3, lr=0.75),
        never(lr=1.0, status="diverged"),
        row(dataset="mnist", model="max_pooling_cnn", activation="relu", batch_size=2048, test=None),
    ],
    "unmatched_phase0": [],
    "unmatched_phase1": [row(lr=2.0, eval_time=[1.0, 2.0, 3.0, 4.0]), row(error=[0.5, 0.5, 0.5, 0.5]), row()],
}


def lines(rows: list[dict[str, Any]]) -> bytes:
    """As a .jsonl has them."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def member(name: str, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """A plain file for an archive."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info, data


def archive(members: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar, not compressed."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return target.getvalue()


def standard(parts: dict[str, list[dict[str, Any]]]) -> list[tuple[tarfile.TarInfo, bytes]]:
    """The members of the published archive."""
    folder, readme = tarfile.TarInfo("pd1"), member("pd1/README.txt", b"PD1 Neural Net Tuning Dataset")
    folder.type = tarfile.DIRTYPE
    files = [(f"pd1/pd1_{part}_results.jsonl.gz", gzip.compress(lines(rows), 1)) for part, rows in parts.items()]
    return [(folder, b""), readme, *(member(*file) for file in files)]


def write(folder: Path, parts: dict[str, list[dict[str, Any]]] | None = None) -> Path:
    """The archive."""
    path = folder / "pd1.tar.gz"
    path.write_bytes(gzip.compress(archive(standard(PARTS if parts is None else parts)), 1))
    return path


def changed(folder: Path, draw: random.Random, mutant: Callable[[bytes], bytes]) -> Path:
    """An archive with bytes changed in the tar, in a compressed file in it, or in the lines of that; or just a file."""
    members = standard(PARTS)
    place = draw.randrange(4)
    if place == 0:
        raw = mutant(archive(members, draw.choice([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])))
    else:
        which = draw.choice([3, 5])
        data = members[which][1]
        data = mutant(data) if place == 1 else gzip.compress(mutant(gzip.decompress(data)), 1)
        if place == 3:
            path = folder / "pd1_matched_phase1_results.jsonl.gz"
            path.write_bytes(data)
            return path
        members[which] = member(members[which][0].name, data)
        raw = archive(members)
    path = folder / "pd1.tar.gz"
    path.write_bytes(gzip.compress(raw, 1))
    return path

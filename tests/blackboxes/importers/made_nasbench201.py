"""A small pickle in the layout of NATS-Bench, as its own `state_dict` writes it."""

from __future__ import annotations

import bz2
import pickle
import random
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

CELLS = [
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
]
DATASETS = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")


def run(arch: int, dataset: int, seed: int, epochs: int = 200) -> dict[str, Any]:
    """One run: all its numbers tell the architecture, the data set, the seed and the epoch."""
    start = 10 * dataset + arch + seed / 1000
    tested = [f"ori-test@{epoch}" for epoch in range(epochs)]
    return {
        "name": "infer.tiny",
        "net_state_dict": None,
        "train_acc1es": {epoch: start + epoch / 4 for epoch in range(epochs)},
        "train_acc5es": dict.fromkeys(range(epochs), 99.0),
        "train_losses": dict.fromkeys(range(epochs), 0.5),
        "train_times": OrderedDict((epoch, 2.0 + arch) for epoch in range(epochs)),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": CELLS[arch]},
        "params": 0.5 + arch,
        "flop": 100.0 * (1 + arch),
        "seed": seed,
        "epochs": epochs,
        "latency": [0.25, 0.75],
        "eval_names": ["ori-test"],
        "eval_acc1es": {key: start + 0.5 + epoch / 8 for epoch, key in enumerate(tested)} | {"x-valid@199": 1.0},
        "eval_times": OrderedDict((key, 0.5) for key in tested),
        "eval_losses": dict.fromkeys(tested, 0.25),
    }


def data() -> dict[str, Any]:
    """Architecture 0 with seeds 777 and 999, architecture 1 with 777 alone; both also for 12 epochs."""
    archs = {}
    for arch, cell in enumerate(CELLS):
        seeds = (777, 999) if arch == 0 else (777,)
        runs = {(name, seed): run(arch, i, seed) for i, name in enumerate(DATASETS) for seed in seeds}
        short = {(name, 777): run(arch, i, 777, 12) for i, name in enumerate(DATASETS)}
        state = {"arch_index": arch, "arch_str": cell, "dataset_seed": {"cifar10": list(seeds)}, "clear_net_done": True}
        archs[arch] = OrderedDict({"12": state | {"all_results": short}, "200": state | {"all_results": runs}})
    return {"meta_archs": CELLS, "total_archs": 2, "arch2infos": archs, "evaluated_indexes": {0, 1}}


def write(folder: Path, protocol: int = 4) -> Path:
    """Two architectures."""
    path = folder / "nb201.pickle"
    path.write_bytes(pickle.dumps(data(), protocol=protocol))
    return path


def changed(folder: Path, draw: random.Random, mutant: Callable[[bytes], bytes]) -> Path:
    """A pickle of another protocol with bytes changed, half of the time compressed afterwards."""
    raw = mutant(pickle.dumps(data(), protocol=draw.choice([2, 3, 4, 5])))
    path = folder / draw.choice(["nb201.pickle", "nb201.pickle.bz2"])
    path.write_bytes(bz2.compress(raw, 1) if path.suffix == ".bz2" else raw)
    return path

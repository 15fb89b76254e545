"""A small file in LCBench's layout."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOGS = ("val_accuracy", "val_balanced_accuracy", "val_cross_entropy", "test_result", "test_balanced_accuracy")
CONSTANT = {"optimizer": "sgd", "network": "shapedmlpnet", "cosine_annealing_T_max": 50, "imputation_strategy": "mean"}


def run(number: int, **config: Any) -> dict[str, Any]:
    """One configuration: a log tells its position, the configuration and the entry."""
    varied = {"batch_size": 16 * (1 + number), "learning_rate": 0.01, "momentum": 0.5, "weight_decay": 0.001}
    varied |= {"num_layers": 2 + number, "max_units": 64, "max_dropout": 0.25}
    entries = range(52)
    log = {f"Train/{name}": [10 * i + number + entry / 64 for entry in entries] for i, name in enumerate(LOGS)}
    log |= {"Train/test_cross_entropy": [2.0 + number - entry / 64 for entry in entries]}
    log |= {"time": [3.0 + (1 + number) * entry for entry in entries], "epoch": list(entries), "Train/lr": [0.1] * 52}
    results = {"OpenML_task_id": 3, "classes": 2, "final_val_accuracy": 80.5}
    return {"config": CONSTANT | varied | config, "log": log, "results": results}


def data() -> dict[str, Any]:
    """Two data sets, with three configurations and with one; where it holds 1, num_layers is true."""
    layers = {"num_layers": True}
    return {
        "kr-vs-kp": {"0": run(0, **layers), "1": run(1), "2": run(2)},
        "Fashion-MNIST": {"0": run(3, max_dropout=0)},
    }


def write(folder: Path) -> Path:
    """Two data sets."""
    path = folder / "data_2k_lw.json"
    path.write_text(json.dumps(data()))
    return path


ODD = [None, True, False, 0, -1, 10**400, 1e308, float("nan"), float("-inf"), "", "1", "\0", [], {}, [[]], [1.0] * 52]


def changed(folder: Path, draw: random.Random, _: Callable[[bytes], bytes]) -> Path:
    """The file with a few values, lists or objects anywhere in it replaced or left out."""
    content = data()
    for _ in range(draw.choice([1, 1, 2, 9])):
        place: Any = content
        for _ in range(draw.randrange(6)):
            inner = [value for value in (place.values() if isinstance(place, dict) else place) if value]
            inner = [value for value in inner if isinstance(value, (dict, list))]
            place = draw.choice(inner) if inner else place
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place))) if place else None
        if key is not None and draw.random() < 0.7:
            place[key] = copy.deepcopy(draw.choice(ODD))
        elif key is not None:
            del place[key]
    path = folder / "data_2k_lw.json"
    path.write_text(json.dumps(content))
    return path

"""Writes a small scenario folder of YAHPO Gym with a linear surrogate, for tests.

The ONNX file is encoded here by hand (protocol buffers of onnx.proto: ModelProto, GraphProto, NodeProto, ...), so
that no package is needed to make it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

TARGETS = 12  # of iaml_*; the time is the eighth
TIME = 7
INSTANCES = ["40981", "1489"]
CONTINUOUS = ["num.trees", "sample.fraction", "mtry.ratio", "min.node.size", "num.random.splits", "trainsize"]
CATEGORIES = ["task_id", "replace", "respect.unordered.factors", "splitrule"]
CHOICES = {
    "task_id": INSTANCES,
    "replace": ["TRUE", "FALSE"],
    "respect.unordered.factors": ["ignore", "order", "partition"],
    "splitrule": ["gini", "extratrees"],
}


def space() -> dict[str, Any]:
    """iaml_ranger's, in ConfigSpace's old JSON; the splits are active with extratrees alone."""

    def number(name: str, kind: str, lower: float, upper: float) -> dict[str, Any]:
        return {"name": name, "type": kind, "log": False, "lower": lower, "upper": upper, "default": upper}

    choices = [
        {"name": name, "type": "categorical", "choices": values, "default": values[0], "probabilities": None}
        for name, values in CHOICES.items()
    ]
    numbers = [
        number("num.trees", "uniform_int", 1, 2000),
        number("sample.fraction", "uniform_float", 0.1, 1.0),
        number("mtry.ratio", "uniform_float", 0.0, 1.0),
        number("min.node.size", "uniform_int", 1, 100),
        number("num.random.splits", "uniform_int", 1, 100),
        number("trainsize", "uniform_float", 0.05, 1.0),
    ]
    condition = {"child": "num.random.splits", "parent": "splitrule", "type": "EQ", "value": "extratrees"}
    made = {"hyperparameters": [*choices, *numbers], "conditions": [condition], "forbiddens": []}
    return made | {"python_module_version": "0.4.19", "json_format_version": 0.2}


def encoding() -> dict[str, dict[str, int]]:
    return {name: {"#na#": 0} | {v: k + 1 for k, v in enumerate(sorted(values))} for name, values in CHOICES.items()}


def weights() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W (6, 12), V (4, 12) and b (12,): a prediction is x_cont W + x_cat V + b.

    Target 0 (mmce) is num.random.splits, target 1 (f1) the code of the instance, target 2 (auc) that of splitrule,
    target 3 (logloss) the size; the time is 16 x size - splits / 4, which may be negative; the others are 0.
    """
    w, v = np.zeros((6, TARGETS), np.float32), np.zeros((4, TARGETS), np.float32)
    w[4, 0] = v[0, 1] = v[3, 2] = w[5, 3] = 1.0
    w[5, TIME], w[4, TIME] = 16.0, -0.25
    return w, v, np.zeros(TARGETS, np.float32)


def write(folder: Path, model: bytes | None = None) -> Path:
    """The folder of a scenario `iaml_ranger` inside `folder`."""
    made = folder / "iaml_ranger"
    made.mkdir(parents=True)
    (made / "config_space.json").write_text(json.dumps(space()))
    (made / "encoding.json").write_text(json.dumps(encoding()))
    (made / "model.onnx").write_bytes(linear(*weights()) if model is None else model)
    return made


def linear(w: np.ndarray, v: np.ndarray, b: np.ndarray, targets: int | None = None, outside: str = "") -> bytes:
    """An ONNX model of x_cont w + x_cat v + b.

    `targets` is what it claims to give; `outside` is a file, relative to the model's, that it says holds w.
    """
    nodes = [
        _node("Cast", ["x_cat"], "codes", _field(1, b"to") + _number(3, 1) + _number(20, 2)),
        _node("MatMul", ["codes", "v"], "from_cat"),
        _node("MatMul", ["x_cont", "w"], "from_cont"),
        _node("Add", ["from_cat", "from_cont"], "sum"),
        _node("Add", ["sum", "b"], "output"),
    ]
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"made")
    graph += _field(5, _tensor("w", w, outside)) + _field(5, _tensor("v", v)) + _field(5, _tensor("b", b))
    graph += _field(11, _info("x_cat", 6, len(v))) + _field(11, _info("x_cont", 1, len(w)))
    graph += _field(12, _info("output", 1, targets or len(b)))
    return _number(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, 13))


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _node(kind: str, inputs: list[str], output: str, attribute: bytes = b"") -> bytes:
    made = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode()) + _field(4, kind.encode())
    return made + (_field(5, attribute) if attribute else b"")


def _tensor(name: str, array: np.ndarray, outside: str = "") -> bytes:
    dims = b"".join(_number(1, size) for size in array.shape)
    if outside:
        location = _field(13, _field(1, b"location") + _field(2, outside.encode()))
        return dims + _number(2, 1) + _field(8, name.encode()) + location + _number(14, 1)
    return dims + _number(2, 1) + _field(8, name.encode()) + _field(9, array.astype("<f4").tobytes())


def _info(name: str, kind: int, size: int) -> bytes:
    shape = _field(1, _field(2, b"batch_size")) + _field(1, _number(1, size))
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, kind) + _field(2, shape)))

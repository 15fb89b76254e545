"""LCBench: every number arrives where it should, one data set at a time, and what is not LCBench is refused."""

from __future__ import annotations

import json
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_lcbench import data, run, write
from refusal import assert_refused

from blackboxes import Blackbox
from blackboxes.importers.lcbench import tables


def read(source: Path) -> list[Blackbox]:
    return list(tables(source, lambda done, whole: None))


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


refused = partial(assert_refused, read)


def test_every_number_arrives(tmp_path: Path) -> None:
    first, second = read(write(tmp_path))
    assert (first.name, len(first), first.replicates, first.r_max) == ("lcbench:kr-vs-kp", 3, 1, 50)
    assert (second.name, len(second)) == ("lcbench:Fashion-MNIST", 1)
    assert first.resource_list == list(range(1, 51))
    assert (first.default_metric, first.test_metric) == ("val_accuracy", "test_result")
    info = {name: (metric.direction, metric.unit) for name, metric in first.metric_info.items()}
    assert info["val_accuracy"] == info["test_result"] == info["test_balanced_accuracy"] == ("max", "percent")
    assert info["test_cross_entropy"] == info["val_cross_entropy"] == ("min", "nat")
    # Entry e holds 10 x position + configuration + e/64; epoch e is entry e, not entry e - 1.
    assert first.metrics["val_accuracy"][1, 0, 0] == 1 + 1 / 64
    assert first.metrics["val_accuracy"][1, 0, 49] == 1 + 50 / 64
    assert first.metrics["test_result"][2, 0, 15] == 32.25
    assert first.metrics["test_cross_entropy"][0, 0, 31] == 1.5
    # The clock shows 3, 4, 5, ... seconds (configuration 2: 3, 6, 9, ...), 3 of them before training.
    assert first.elapsed[0, 0, [0, 1, 49]].tolist() == [1.0, 2.0, 50.0]
    assert first.elapsed[2, 0, [0, 49]].tolist() == [3.0, 150.0]
    assert first.params(0) == {
        "batch_size": 16,
        "learning_rate": 0.01,
        "momentum": 0.5,
        "weight_decay": 0.001,
        "num_layers": 1,
        "max_units": 64,
        "max_dropout": 0.25,
    }
    assert first.columns["num_layers"].tolist() == [1, 3, 4]
    assert first.vectors.shape == (3, 7)
    units = list(first.space).index("max_units")
    assert first.vectors[0, units] == 0.0
    assert second.params(0)["max_dropout"] == 0.0


def test_logs_that_a_smaller_file_lacks(tmp_path: Path) -> None:
    content = data()
    for configurations in content.values():
        for one in configurations.values():
            one["log"] = {name: one["log"][name] for name in ("Train/val_accuracy", "time", "Train/val_cross_entropy")}
    first, _ = read(written(tmp_path / "six_datasets_lw.json", content))
    assert list(first.metrics) == ["val_accuracy", "val_cross_entropy"]
    assert first.test_metric is None


def test_nan_is_diverged(tmp_path: Path) -> None:
    content = data()
    content["kr-vs-kp"]["1"]["log"]["Train/val_cross_entropy"][7:] = [float("inf")] * 45
    content["kr-vs-kp"]["1"]["log"]["Train/val_accuracy"][8] = float("nan")
    first, _ = read(written(tmp_path / "nan.json", content))
    assert np.flatnonzero(np.isnan(first.metrics["val_accuracy"][1, 0])).tolist() == [7]
    assert np.isnan(first.metrics["val_cross_entropy"][1, 0]).tolist() == [False] * 6 + [True] * 44
    assert first.lengths.tolist() == [[50], [50], [50]]


@pytest.mark.slow
def test_memory_holds_one_data_set(tmp_path: Path) -> None:
    one = {str(number): run(number % 4) for number in range(30)}
    read(write(tmp_path))  # what is imported meanwhile does not count
    peaks = []
    for sets in (20, 60):
        path, done = written(tmp_path / "large.json", {f"set {i}": one for i in range(sets)}), []
        tracemalloc.start()
        for box in tables(path, lambda at, whole, done=done: done.append(at / whole)):
            assert len(box) == 30
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(done) > 2
        assert done[-1] == 1.0
    assert peaks[1] < 1.2 * peaks[0]  # and the file is three times as large


def at(content: Any, *keys: Any) -> Any:
    for key in keys:
        content = content[key]
    return content


ONE = ("kr-vs-kp", "1")


@pytest.mark.parametrize(
    ("where", "key", "value", "words"),
    [
        ((), "Fashion-MNIST", [1, 2], ["'Fashion-MNIST'", "an object (configurations by number)"]),
        ((), "Fashion-MNIST", {}, ["'Fashion-MNIST'", "no configuration"]),
        (("kr-vs-kp",), "1", 5, ["'kr-vs-kp': configuration '1'", "an object with config, log", "int"]),
        (ONE, "log", None, ["configuration '1': log", "NoneType"]),
        (ONE, "log", {}, ["'time' is missing"]),
        ((*ONE, "log"), "time", [1.0] * 51, ["configuration '1': time", "a list of 52 numbers", "51"]),
        ((*ONE, "log"), "time", "soon", ["a list of 52 numbers", "str"]),
        ((*ONE, "log"), "time", [float(-i) for i in range(52)], ["row 1", "negative"]),
        ((*ONE, "log"), "time", [0, 2, 1] + [5] * 49, ["row 1", "resource 2", "less than at the resource before"]),
        ((*ONE, "log"), "time", [0, 1, float("nan")] + [5] * 49, ["row 1", "resource 2", "missing (NaN) inside"]),
        ((*ONE, "log"), "time", [0] + [1e300] * 51, ["row 1", "not below"]),
        ((*ONE, "log"), "Train/val_accuracy", [1.0] * 51 + ["1"], ["val_accuracy: entry 51 is str"]),
        ((*ONE, "log"), "Train/val_accuracy", [1.0] * 51 + [10**400], ["val_accuracy", "too large"]),
        ((*ONE, "log"), "Train/val_accuracy", [1.0] * 51 + [[]], ["entry 51 is list"]),
        ((*ONE, "config"), "momentum", None, ["momentum", "a number is needed"]),
        ((*ONE, "config"), "momentum", True, ["momentum", "bool"]),
        ((*ONE, "config"), "momentum", 1e308, ["momentum: row 1: 1e+308 is far"]),
        ((*ONE, "config"), "batch_size", 2.5, ["batch_size", "a whole number is needed"]),
        ((*ONE, "config"), "learning_rate", -1, ["learning_rate: row 1: -1 is far from the published 0.0001 to 0.1"]),
        (ONE, "config", {}, ["'batch_size' is missing"]),
    ],
)
def test_wrong_content(where: tuple[str, ...], key: str, value: Any, words: list[str], tmp_path: Path) -> None:
    content = data()
    at(content, *where)[key] = value
    refused(written(tmp_path / "wrong.json", content), *words)


def test_wrong_files(tmp_path: Path) -> None:
    path = tmp_path / "data_2k.json"
    refused(path, "no such file")
    refused(tmp_path, "a file is needed")
    refused(written(path, ""), "empty")
    refused(written(path, "{}"), "no data set")
    refused(written(path, "[]"), "an object (data sets by name)", "'['")
    refused(written(path, "\0\1\2"), "an object")
    refused(written(path, '{"a" 1}'), "a value is needed")
    refused(written(path, "{7: {}}"), "a key is needed")
    refused(written(path, '{"a": {"0": {'), "'a'", "not JSON")
    refused(written(path, '{"a": {"0": ' + "[" * 200_000), "nested too deeply")
    refused(written(path, '{"a": {"0": ' + "1" * 10_000 + "}}"), "not JSON")
    whole = write(tmp_path).read_text()
    refused(written(path, whole[:9000]), "not JSON")
    refused(written(path, whole + "{"), "more text after the end")
    refused(written(path, whole[:-1] + ", " + whole[1:]), "'kr-vs-kp' comes twice")
    path.write_bytes(whole.encode().replace(b"Fashion", b"\xff\xfe"))
    refused(path, "not UTF-8")


def test_a_value_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackboxes.formats.json_stream.MOST_VALUE", 1 << 21)
    refused(written(tmp_path / "long.json", '{"a": {"0": [' + "1," * (4 << 20)), "a value of more than 2097152")

"""NAS-Bench-201: every number arrives where it should, and a pickle that is not data is refused."""

from __future__ import annotations

import bz2
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_nasbench201 import CELLS, data, write
from refusal import assert_refused

from blackboxes import Blackbox
from blackboxes.importers.nasbench201 import tables


def read(source: Path, **options: Any) -> dict[str, Blackbox]:
    return {box.task: box for box in tables(source, lambda done, whole: None, **options)}


def dumped(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


refused = partial(assert_refused, read)


def test_every_number_arrives(tmp_path: Path) -> None:
    boxes = read(write(tmp_path))
    assert list(boxes) == ["cifar10", "cifar100", "ImageNet16-120"]
    box = boxes["cifar100"]
    assert (box.name, box.elapsed.shape, box.r_max) == ("nasbench201:cifar100", (2, 3, 200), 200)
    assert box.resource_list == list(range(1, 201))
    assert (box.default_metric, box.test_metric) == ("valid_accuracy", None)
    assert {(info.direction, info.unit) for info in box.metric_info.values()} == {("max", "percent")}
    # cifar100 is data set 2 of the file: 20 + architecture + seed/1000, and then 0.5 and an eighth an epoch.
    assert box.metrics["valid_accuracy"][0, 0, 0] == pytest.approx(20 + 0.777 + 0.5, rel=1e-6)
    assert box.metrics["valid_accuracy"][0, 2, 199] == pytest.approx(20 + 0.999 + 0.5 + 199 / 8, rel=1e-6)
    assert box.metrics["train_accuracy"][1, 0, 4] == pytest.approx(21 + 0.777 + 1, rel=1e-6)
    assert boxes["cifar10"].metrics["train_accuracy"][0, 0, 0] == pytest.approx(10.777, rel=1e-6)
    assert boxes["ImageNet16-120"].metrics["train_accuracy"][0, 0, 0] == pytest.approx(30.777, rel=1e-6)
    # An epoch takes 2 s (architecture 1: 3 s) of training and half a second of evaluation.
    assert box.elapsed[0, 0, [0, 1, 199]].tolist() == [2.5, 5.0, 500.0]
    assert box.elapsed[1, 0, 199] == 700.0
    assert box.params(0) == {
        "edge_0_1": "nor_conv_3x3",
        "edge_0_2": "none",
        "edge_1_2": "skip_connect",
        "edge_0_3": "avg_pool_3x3",
        "edge_1_3": "nor_conv_1x1",
        "edge_2_3": "nor_conv_3x3",
    }
    assert box.vectors.shape == (2, 6)


def test_a_missing_seed_is_missing_throughout(tmp_path: Path) -> None:
    for box in read(write(tmp_path)).values():
        assert box.lengths.tolist() == [[200, 0, 200], [200, 0, 0]]
        assert np.isnan(box.elapsed[0, 1]).all()
        assert np.isnan(box.metrics["valid_accuracy"][1, 1:]).all()


def test_constants(tmp_path: Path) -> None:
    box = read(write(tmp_path), constants=True)["cifar10"]
    assert box.metrics["flop"][1, 0, [0, 199]].tolist() == [200.0, 200.0]
    assert box.metrics["params"][0, 2, 7] == 0.5
    assert box.metrics["latency"][0, 0, 0] == 0.25
    assert np.isnan(box.metrics["latency"][0, 1]).all()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols_and_compression_tell_the_same(protocol: int, tmp_path: Path) -> None:
    plain = read(write(tmp_path))["cifar10"]
    packed = tmp_path / "other.pickle.bz2"
    packed.write_bytes(bz2.compress(pickle.dumps(data(), protocol=protocol)))
    other = read(packed)["cifar10"]
    assert np.array_equal(other.elapsed, plain.elapsed, equal_nan=True)
    assert np.array_equal(other.metrics["valid_accuracy"], plain.metrics["valid_accuracy"], equal_nan=True)


def test_runs_may_share_their_dicts(tmp_path: Path) -> None:
    content = data()
    results = content["arch2infos"][0]["200"]["all_results"]
    results[("cifar100", 777)]["train_times"] = results[("cifar10", 777)]["train_times"]
    results[("cifar100", 888)] = results[("cifar100", 999)]
    boxes = read(dumped(tmp_path / "shared.pickle", content))
    assert boxes["cifar100"].elapsed[0, :, 199].tolist() == [500.0, 500.0, 500.0]
    assert boxes["cifar10"].elapsed[0, 0, 199] == 500.0


def test_numpy_numbers_are_numbers(tmp_path: Path) -> None:
    content = data()
    curve = content["arch2infos"][0]["200"]["all_results"][("cifar10", 777)]["train_acc1es"]
    curve[3] = np.float64(12.5)
    curve[4] = np.float32(13.5)
    box = read(dumped(tmp_path / "numpy.pickle", content))["cifar10"]
    assert box.metrics["train_accuracy"][0, 0, 3:5].tolist() == [12.5, 13.5]


class Harm:
    def __reduce__(self) -> Any:
        return print, ("harm",)


def at(content: Any, *keys: Any) -> Any:
    for key in keys:
        content = content[key]
    return content


RUN = ("arch2infos", 0, "200", "all_results", ("cifar100", 999))


@pytest.mark.parametrize(
    ("where", "key", "value", "words"),
    [
        ((), "total_archs", 3, ["total_archs"]),
        ((), "total_archs", 20_000, ["total_archs"]),
        ((), "total_archs", "2", ["total_archs", "str"]),
        ((), "arch2infos", [1, 2], ["total_archs"]),
        (("arch2infos",), 0, None, ["arch2infos[0]", "NoneType"]),
        (("arch2infos", 1), "200", {}, ["arch2infos[1]['200']", "'arch_str' is missing"]),
        (("arch2infos", 1, "200"), "arch_str", CELLS[0].replace("none", "some"), ["arch2infos[1]", "six operators"]),
        (("arch2infos", 1, "200"), "all_results", 7, ["arch2infos[1]", "all_results"]),
        (("arch2infos", 1, "200"), "all_results", {}, ["cifar10", "architecture 1 has no run"]),
        (RUN, "train_times", None, ["cifar100", "architecture 0, seed 999", "train_times"]),
        (RUN[:-1], RUN[-1], {"eval_acc1es": {}}, ["cifar100", "'train_acc1es' is missing"]),
        ((*RUN, "train_times"), 17, -5.0, ["cifar100", "row 0, replicate 2", "less than at the resource before"]),
        ((*RUN, "train_times"), 17, float("nan"), ["row 0, replicate 2, resource 18", "not measured"]),
        ((*RUN, "train_acc1es"), 17, 1e300, ["architecture 0, seed 999", "not in 0 to 100"]),
        ((*RUN, "train_acc1es"), 17, None, ["epoch 17 is missing"]),
        ((*RUN, "train_acc1es"), 17, "5", ["train_acc1es", "entry 17 is str"]),
        ((*RUN, "train_acc1es"), 17, Harm(), ["'builtins.print'", "could run code"]),
    ],
)
def test_wrong_content(where: tuple[Any, ...], key: Any, value: Any, words: list[str], tmp_path: Path) -> None:
    content = data()
    at(content, *where)[key] = value
    refused(dumped(tmp_path / "wrong.pickle", content), *words)


def test_wrong_files(tmp_path: Path) -> None:
    path = tmp_path / "nb201.pickle"
    refused(path, "no such file")
    refused(tmp_path, "a file is needed")
    path.write_bytes(b"")
    refused(path, "empty")
    path.write_text('{"total_archs": 2}')
    refused(path, "is not read")
    refused(dumped(path, [1, 2]), "an object with total_archs, arch2infos is needed, not list")
    whole = write(tmp_path).read_bytes()
    path.write_bytes(whole[:5000])
    refused(path, "truncated")
    path.write_bytes(bz2.compress(whole)[:2000])
    refused(path, "truncated")

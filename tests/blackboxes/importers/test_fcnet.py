"""FCNet: every number arrives where it should, and what is not FCNet is refused."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made_fcnet import CONFIGS, add, config, write
from refusal import assert_refused

from blackboxes import Blackbox
from blackboxes.importers.fcnet import tables


def read(source: Path, **options: Any) -> list[Blackbox]:
    return list(tables(source, lambda done, whole: None, **options))


refused = partial(assert_refused, read)


def test_every_number_arrives(tmp_path: Path) -> None:
    (box,) = read(write(tmp_path))
    assert (box.name, len(box), box.replicates, box.r_max) == ("fcnet:protein_structure", 3, 4, 100)
    assert box.resource_list == list(range(1, 101))
    assert (box.default_metric, box.test_metric, box.resumable) == ("valid_mse", None, True)
    assert {name: info.direction for name, info in box.metric_info.items()} == dict.fromkeys(
        ["valid_mse", "train_mse", "valid_loss", "train_loss"], "min"
    )
    first, second = box.row_of(config()), box.row_of(CONFIGS[1])
    assert sorted([first, second, box.row_of(CONFIGS[2])]) == [0, 1, 2]
    # Made as 1000 x metric + 100 x row + 10 x replicate + 1/epoch.
    assert box.metrics["valid_mse"][first, 0, 0] == 1.0
    assert box.metrics["valid_mse"][second, 3, 99] == 130.01
    assert box.metrics["train_mse"][second, 1, 1] == 1110.5
    assert box.metrics["valid_loss"][first, 2, 3] == 2020.25
    assert box.metrics["train_loss"][second, 0, 4] == 3100.2
    # The runs took 100, 101, 102, 103 and 200, 201, ... seconds for 100 epochs.
    assert box.elapsed[first, 0, [0, 49, 99]].tolist() == [1.0, 50.0, 100.0]
    assert box.elapsed[second, 3, [0, 99]].tolist() == [pytest.approx(2.03), 203.0]
    assert box.params(first) == config()
    assert box.vectors.shape == (3, 9)
    learning_rate = list(box.space).index("init_lr")
    assert box.vectors[[first, second], learning_rate].tolist() == [0.0, 1.0]


def test_constants_are_given_only_when_asked_for(tmp_path: Path) -> None:
    (box,) = read(write(tmp_path), constants=True)
    row = box.row_of(CONFIGS[2])
    assert box.test_metric == "final_test_error"
    assert box.metrics["final_test_error"][row, 3].tolist() == [2.3] * 100
    assert box.metrics["n_params"][row, 0].tolist() == [502.0] * 100
    assert "known after the last epoch" in box.description
    (plain,) = read(tmp_path)
    assert "final_test_error" not in plain.metrics
    assert "left out" in plain.description


@pytest.mark.parametrize("filters", [{}, {"chunks": (2, 50)}, {"compression": "gzip", "shuffle": True}])
def test_storage_and_precision_as_they_are(filters: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "fcnet_naval_propulsion_data.hdf5"
    with h5py.File(path, "w", libver="latest") as file:
        group = add(file, 0, config(), "f4")
        for name in ("valid_mse", "train_loss"):
            data = group[name][()]
            del group[name]
            group.create_dataset(name, data=data, **filters)
    (box,) = read(path)
    assert box.metrics["valid_mse"].dtype == np.float32
    assert box.metrics["train_loss"][0, 3, 1] == np.float32(3030.5)


def test_a_folder_gives_its_tasks(tmp_path: Path) -> None:
    for task in ("slice_localization", "naval_propulsion"):
        write(tmp_path, task=task)
    (tmp_path / "README").write_text("not one")
    done = []
    found = [box.task for box in tables(tmp_path, lambda at, whole: done.append(at / whole))]
    assert found == ["naval_propulsion", "slice_localization"]
    assert done == sorted(done)
    assert 0 <= done[0] < done[-1] <= 1


def test_infinite_values_are_diverged(tmp_path: Path) -> None:
    path = write(tmp_path)
    with h5py.File(path, "r+") as file:
        file[json.dumps(config(), sort_keys=True)]["valid_mse"][2, 50:] = np.inf
    (box,) = read(path)
    curve = box.curve(box.row_of(config()), 2)
    assert len(curve) == 100
    assert np.isfinite(curve[:50]).all()
    assert np.isnan(curve[50:]).all()


def test_wrong_files(tmp_path: Path) -> None:
    refused(tmp_path / "none.hdf5", "no such file")
    refused(tmp_path, "without any fcnet_")
    path = tmp_path / "fcnet_x_data.hdf5"
    path.write_bytes(b"")
    refused(path, "empty")
    path.write_text('{"a": 1}')
    refused(path, "not an HDF5 file")
    h5py.File(path, "w").close()
    refused(path, "no group")
    whole = write(tmp_path, task="y").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "damaged")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("not JSON", "not a configuration"),
        ("[1, 2]", "not a configuration"),
        (json.dumps(config(batch_size=9)), "not a configuration"),
        (json.dumps(config(batch_size=[8])), "not a configuration"),
        (json.dumps(config(extra=1)), "more than"),
        ("[" * 100_000, "not a configuration"),
        (json.dumps(config() | {"n_units_1": 16.0}), "the same configuration"),
    ],
)
def test_wrong_names(name: str, word: str, tmp_path: Path) -> None:
    path = write(tmp_path)
    with h5py.File(path, "r+") as file:
        file.create_group(name)
    refused(path, word)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("valid_mse", None, ["valid_mse: missing"]),
        ("valid_mse", np.zeros((4, 99)), ["(4, 99)", "(4, 100)"]),
        ("valid_mse", np.zeros((4, 100), "S4"), ["plain numbers"]),
        ("runtime", np.array([1, -1, 1, 1.0]), ["negative", "replicate 1"]),
        ("runtime", np.array([1, 1, np.nan, 1]), ["replicate 2", "not measured"]),
        ("runtime", np.array([1, 1, 1, np.inf]), ["replicate 3", "below 1e+09"]),
        ("train_loss", h5py.SoftLink("/"), ["link"]),
        ("train_loss", h5py.ExternalLink("other.h5", "/"), ["link"]),
        ("runtime", "group", ["runtime"]),
    ],
)
def test_wrong_datasets(name: str, data: Any, words: list[str], tmp_path: Path) -> None:
    path = write(tmp_path)
    with h5py.File(path, "r+") as file:
        group = file[json.dumps(config(), sort_keys=True)]
        del group[name]
        if isinstance(data, str):
            group.create_group(name)
        elif data is not None:
            group[name] = data
    refused(path, *words)


def test_storage_outside_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(3200))
    path = write(tmp_path)
    with h5py.File(path, "r+") as file:
        group = file[json.dumps(config(), sort_keys=True)]
        del group["valid_mse"]
        group.create_dataset("valid_mse", shape=(4, 100), dtype="f8", external=[(str(tmp_path / "secret"), 0, 3200)])
    refused(path, "external")


def test_a_claim_of_more_than_there_is(tmp_path: Path) -> None:
    path = write(tmp_path)
    with h5py.File(path, "r+") as file:
        group = file[json.dumps(config(), sort_keys=True)]
        del group["valid_mse"]
        group.create_dataset("valid_mse", shape=(1 << 40, 100), dtype="f8", chunks=(1024, 100), compression="gzip")
    refused(path, "valid_mse", "shape")

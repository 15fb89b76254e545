"""Files that are not what they should be: one clear error that names file, dataset and row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from made import refused, table, tampered, text, use

from blackboxes import BlackboxError, load, save
from blackboxes.hdf5 import tasks_of

Change = Callable[[h5py.File], None]


def test_missing_empty_and_other_files(tmp_path: Path) -> None:
    (tmp_path / "empty.h5").touch()
    (tmp_path / "text.h5").write_text("a,b\n1,2\n")
    (tmp_path / "short.h5").write_bytes(b"\x89HDF\r")
    (tmp_path / "folder.h5").mkdir()
    refused(tmp_path / "missing.h5", "there is no such file")
    refused(tmp_path / "folder.h5", "it is a folder, a file is needed")
    refused(tmp_path / "empty.h5", "the file is empty")
    refused(tmp_path / "text.h5", "not an HDF5 file")
    refused(tmp_path / "short.h5", "truncated or damaged")


def test_foreign_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "old.h5", "w", libver="earliest") as file:
        file["x"] = 1
    with h5py.File(tmp_path / "new.h5", "w", libver="v110") as file:
        file["x"] = 1
    with h5py.File(tmp_path / "block.h5", "w", libver="v110", userblock_size=512) as file:
        file["x"] = 1
    refused(tmp_path / "old.h5", "not one of rungsim's", "no checksums")
    refused(tmp_path / "new.h5", "not one of rungsim's", "format='rungsim'")
    refused(tmp_path / "block.h5", "not an HDF5 file")


@pytest.mark.parametrize("compress", [True, False])
def test_truncated_at_many_lengths(compress: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save(path, [table(), table(task="b")], compress=compress)
    whole = path.read_bytes()
    for length in sorted({*range(1, 64), *range(64, len(whole), len(whole) // 100), len(whole) - 1}):
        path.write_bytes(whole[:length])
        with pytest.raises(BlackboxError, match=f"^{path}: (truncated or damaged|not an HDF5 file)"):
            use(path)


def test_tasks(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save(path, [table(task=name) for name in ("digits", "letter", "größe")])
    assert tasks_of(path) == ["digits", "größe", "letter"]
    refused(path, "it holds 3 tasks, name one of: digits, größe, letter")
    refused(path, "it has no task 'digit': did you mean digits? (known: digits, größe, letter)", task="digit")
    refused(path, "it has no task '../digits'", task="../digits")
    refused(path, "it has no task '.'", task=".")
    refused(path, "it has no task ''", task="")
    assert load(path, "größe").name == "fam:größe"


def test_many_tasks_make_a_short_message(tmp_path: Path) -> None:
    def add(file: h5py.File) -> None:
        for k in range(1000):
            file[f"tasks/task{k:04}"] = file["tasks/a"]

    path = tampered(tmp_path / "a.h5", add)
    refused(path, "it holds 1001 tasks", "and 961 more")
    refused(path, "it has no task 'x'", "and 961 more", task="x")


def drop(name: str) -> Change:
    def change(file: h5py.File) -> None:
        del file[name]

    return change


def drop_attribute(owner: str, name: str) -> Change:
    def change(file: h5py.File) -> None:
        del file[owner].attrs[name]

    return change


def put(name: str, values: object) -> Change:
    """Replaces a dataset or group and keeps its attributes."""

    def change(file: h5py.File) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        if isinstance(values, str):
            file.create_group(name)
        else:
            made = file.create_dataset(name, data=values)
            for key, value in attributes.items():
                made.attrs[key] = value

    return change


def assign(name: str, where: tuple[int, ...], value: float) -> Change:
    def change(file: h5py.File) -> None:
        file[name][where] = value

    return change


def attribute(owner: str, name: str, value: object) -> Change:
    def change(file: h5py.File) -> None:
        file[owner].attrs[name] = value

    return change


A = "tasks/a"
IN_TASK = "tasks/a: "


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("tasks"), ["the group 'tasks' is missing"]),
        (drop(f"{A}/configs"), [IN_TASK, "the group 'configs' is missing"]),
        (drop(f"{A}/metrics"), [IN_TASK, "the group 'metrics' is missing"]),
        (drop(f"{A}/elapsed"), [IN_TASK, "the dataset 'elapsed' is missing"]),
        (drop(f"{A}/resources"), [IN_TASK, "the dataset 'resources' is missing"]),
        (put(f"{A}/configs", "group"), [IN_TASK, "configs: a table needs at least one hyperparameter"]),
        (put(f"{A}/metrics", "group"), [IN_TASK, "metrics: a table needs at least one metric"]),
        (put(f"{A}/elapsed", "group"), [IN_TASK, "the dataset 'elapsed' is missing"]),
        (put(f"{A}/configs", 1.0), [IN_TASK, "the group 'configs' is missing"]),
        (put(f"{A}/configs/lr", "group"), [IN_TASK, "the dataset 'configs/lr' is missing"]),
        (drop_attribute("/", "format"), ["not one of rungsim's"]),
        (attribute("/", "format", text("other")), ["not one of rungsim's"]),
        (drop_attribute("/", "version"), ["the attribute 'version' is missing"]),
        (attribute("/", "version", 2), ["written in version 2 of the format, this rungsim reads version 1"]),
        (attribute("/", "version", text("1")), ["'version' should be a whole number"]),
        (attribute("/", "version", [1, 2]), ["'version' should be a whole number", "(2,)"]),
        (attribute("/", "family", 7), ["'family' should be a text", "int64"]),
        (attribute("/", "family", text("\x1b[2J")), ["'family': a text without control characters"]),
        (attribute("/", "family", np.bytes_(b"\xff\xfe")), ["'family': truncated or damaged", "utf-8"]),
        (drop_attribute(A, "space"), [IN_TASK, "the attribute 'space' is missing"]),
        (drop_attribute(A, "resumable"), [IN_TASK, "the attribute 'resumable' is missing"]),
        (drop_attribute(A, "resource_unit"), [IN_TASK, "the attribute 'resource_unit' is missing"]),
        (drop_attribute(A, "default_metric"), [IN_TASK, "the attribute 'default_metric' is missing"]),
        (attribute(A, "resumable", text("false")), [IN_TASK, "'resumable' should be true or false"]),
        (attribute(A, "resumable", 0), [IN_TASK, "'resumable' should be true or false"]),
        (attribute(A, "space", [text("{}"), text("{}")]), [IN_TASK, "'space' should be a text"]),
        (attribute(A, "space", 3.5), [IN_TASK, "'space' should be a text"]),
        (attribute(A, "space", "variable length"), [IN_TASK, "'space' should be a text of fixed length", "variable"]),
        (attribute(A, "space", h5py.Empty("S3")), [IN_TASK, "'space' should be a text"]),
        (attribute(A, "default_metric", text("eror")), [IN_TASK, "no metric 'eror': did you mean error?"]),
        (attribute(A, "test_metric", text("acuracy")), [IN_TASK, "no metric 'acuracy': did you mean accuracy?"]),
        (drop_attribute(f"{A}/metrics/error", "direction"), [IN_TASK, "metrics/error: the attribute 'direction'"]),
        (
            attribute(f"{A}/metrics/error", "direction", text("minimise")),
            [IN_TASK, "metrics/error: a metric's direction is 'min' or 'max', not 'minimise'"],
        ),
        (attribute(f"{A}/metrics/error", "unit", 1), [IN_TASK, "metrics/error: the attribute 'unit' should be a text"]),
        # Arrays: kind and shape.
        (put(f"{A}/elapsed", np.full((6, 2, 4), b"1.5")), [IN_TASK, "elapsed: kind 'f'", "|S3"]),
        (put(f"{A}/elapsed", np.ones((6, 2, 4), complex)), [IN_TASK, "elapsed: kind 'f'", "complex128"]),
        (put(f"{A}/elapsed", np.ones((6, 2, 4), int)), [IN_TASK, "elapsed: kind 'f'", "int64"]),
        (put(f"{A}/metrics/error", np.ones((6, 2, 4), np.float16)), [IN_TASK, "metrics/error: kind", "float16"]),
        (put(f"{A}/metrics/error", np.ones((6, 2, 4), np.longdouble)), [IN_TASK, "metrics/error: kind", "float128"]),
        (put(f"{A}/metrics/error", [["a"]]), [IN_TASK, "metrics/error: kind 'f'", "object"]),
        (put(f"{A}/configs/lr", list("abcdef")), [IN_TASK, "configs/lr: kind 'b/i/u/f'", "object"]),
        (put(f"{A}/resources", np.array([b"1", b"2", b"3", b"4"])), [IN_TASK, "resources: kind 'i/u/f'"]),
        (put(f"{A}/elapsed", np.ones((6, 2))), [IN_TASK, "elapsed: shape (6, 2), should be (configurations, rep"]),
        (put(f"{A}/elapsed", np.ones((6, 2, 3))), [IN_TASK, "elapsed: shape (6, 2, 3)", "4 resources"]),
        (put(f"{A}/elapsed", np.ones((7, 2, 4))), [IN_TASK, "metrics/error: shape (6, 2, 4), should be (7, 2, 4)"]),
        (put(f"{A}/elapsed", 1.5), [IN_TASK, "elapsed: shape ()"]),
        (put(f"{A}/elapsed", h5py.Empty("f8")), [IN_TASK, "elapsed: has no shape"]),
        (put(f"{A}/elapsed", np.ones((0, 2, 4))), [IN_TASK, "elapsed: claims 0 bytes"]),
        (
            put(f"{A}/metrics/error", np.ones((6, 2, 3))),
            [IN_TASK, "metrics/error: shape (6, 2, 3), should be (6, 2, 4)"],
        ),
        (put(f"{A}/configs/lr", np.ones(5)), [IN_TASK, "configs/lr: shape (5,), should be (6,)"]),
        (put(f"{A}/configs/lr", np.ones((6, 1))), [IN_TASK, "configs/lr: shape (6, 1)"]),
        (put(f"{A}/censored", np.zeros((6, 3), bool)), [IN_TASK, "censored: booleans of shape (6, 2)", "(6, 3)"]),
        (put(f"{A}/censored", np.zeros((6, 2))), [IN_TASK, "censored: kind 'b'", "float64"]),
        # Values.
        (assign(f"{A}/elapsed", (4, 1, 0), -0.5), [IN_TASK, "elapsed: row 4, replicate 1, resource 1: -0.5 is neg"]),
        (assign(f"{A}/elapsed", (4, 1, 2), 0), [IN_TASK, "elapsed: row 4, replicate 1, resource 3: 0.0 is less"]),
        (assign(f"{A}/elapsed", (5, 0, 3), np.inf), [IN_TASK, "elapsed: row 5, replicate 0, resource 4: inf is not"]),
        (assign(f"{A}/elapsed", (5, 0, 1), np.nan), [IN_TASK, "elapsed: row 5, replicate 0, resource 2: nan is miss"]),
        (assign(f"{A}/elapsed", (3,), np.nan), [IN_TASK, "elapsed: row 3 is NaN throughout"]),
        (
            assign(f"{A}/elapsed", (2, 1), np.nan),
            [IN_TASK, "metrics/error: row 2, replicate 1, resource 1", "not meas"],
        ),
        (
            assign(f"{A}/metrics/error", (2, 1, 3), -np.inf),
            [IN_TASK, "metrics/error: row 2, replicate 1, resource 4: -inf"],
        ),
        (assign(f"{A}/resources", (2,), 2), [IN_TASK, "resources: must be positive and increasing, but entry 2 is 2"]),
        (assign(f"{A}/resources", (0,), 0), [IN_TASK, "resources: must be positive", "entry 0 is 0"]),
        (put(f"{A}/resources", [1, 2, np.nan, 4]), [IN_TASK, "resources: must be positive", "entry 2 is nan"]),
        (put(f"{A}/resources", np.zeros(0)), [IN_TASK, "resources: claims 0 bytes"]),
        # Texts and booleans among the hyperparameters.
        (
            assign(f"{A}/configs/optimizer", (3,), 9),
            [IN_TASK, "configs/optimizer: row 3: 9 is no position in 3 choices"],
        ),
        (put(f"{A}/configs/optimizer", -np.ones(6, int)), [IN_TASK, "configs/optimizer: row 0: -1 is no position"]),
        (put(f"{A}/configs/optimizer", np.zeros(6)), [IN_TASK, "configs/optimizer: row 0: 0.0 is no position"]),
        (
            attribute(f"{A}/configs/optimizer", "choices", text("{")),
            [IN_TASK, "configs/optimizer: the attribute 'choices'"],
        ),
        (attribute(f"{A}/configs/optimizer", "choices", text('{"a": 1}')), [IN_TASK, "not a JSON list"]),
        (
            attribute(f"{A}/configs/optimizer", "choices", text('[["a"]]')),
            [IN_TASK, "not a JSON list of texts and num"],
        ),
        (attribute(f"{A}/configs/optimizer", "choices", text("[" * 10**6)), [IN_TASK, "'choices' is not JSON"]),
        (
            attribute(f"{A}/configs/optimizer", "choices", 1),
            [IN_TASK, "configs/optimizer: the attribute 'choices' should"],
        ),
    ],
)
def test_damaged_inside(change: Change, words: list[str], tmp_path: Path) -> None:
    refused(tampered(tmp_path / "a.h5", change, table(censored=np.zeros((6, 2), bool))), *words)


def test_names_that_a_terminal_might_obey(tmp_path: Path) -> None:
    def rename(file: h5py.File) -> None:
        file.move("tasks/a", "tasks/\x1b[2J")

    path = tampered(tmp_path / "a.h5", rename)
    assert "\x1b" not in refused(path, "/tasks: a text without control characters")

    def not_utf8(file: h5py.File) -> None:
        configs = file["tasks/a/configs"].id
        configs.links.move(b"lr", configs, b"\xff\xfe")

    refused(
        tampered(tmp_path / "b.h5", not_utf8), "tasks/a: /tasks/a/configs: a text without control characters"
    ).encode()


SPACES = {
    "not JSON": ("{", "the space is not ConfigSpace's JSON"),
    "a list": ("[]", "the space is not ConfigSpace's JSON"),
    "an empty object": ("{}", r"the space has \[\], configs have"),
    "very deep": ("[" * 10**5, "the space is not ConfigSpace's JSON"),
    "an unknown kind": ('{"hyperparameters": [{"type": "os.system", "name": "x"}]}', "the space is not ConfigSpace's"),
}


@pytest.mark.parametrize(("space", "words"), SPACES.values(), ids=SPACES)
def test_wrong_space(space: str, words: str, tmp_path: Path) -> None:
    """Found when the space is first used: parsing it takes longer than a run."""
    box = load(tampered(tmp_path / "a.h5", attribute(A, "space", text(space))))
    with pytest.raises(BlackboxError, match=words) as caught:
        _ = box.space
    assert str(caught.value).startswith("fam:a")
    assert len(str(caught.value)) < 400
    with pytest.raises(BlackboxError, match=words):
        _ = box.vectors


def edited(**changes: object) -> Change:
    """The space with the hyperparameter `lr` changed."""

    def change(file: h5py.File) -> None:
        space = json.loads(file[A].attrs["space"])
        next(one for one in space["hyperparameters"] if one["name"] == "lr").update(changes)
        file[A].attrs["space"] = text(json.dumps(space))

    return change


def test_hyperparameters_that_disagree_with_the_space(tmp_path: Path) -> None:
    box = load(tampered(tmp_path / "a.h5", edited(name="learning_rate")))
    with pytest.raises(BlackboxError, match=r"the space has \[.*'learning_rate'.*\], configs have \[.*'lr'"):
        _ = box.space
    save(tmp_path / "ok.h5", [table()])
    row = int(np.argmin(load(tmp_path / "ok.h5").columns["lr"]))
    box = load(tampered(tmp_path / "b.h5", edited(lower=5e-2, default_value=0.1)))
    assert box.columns["lr"][row] < 5e-2
    with pytest.raises(BlackboxError, match=r"fam:a: configs/lr: row \d+: .* is not in the space, which has lr"):
        _ = box.vectors

"""Tables by name and by path."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from made import table

import blackboxes.catalogue
from blackboxes import BlackboxError, families, load, save
from blackboxes.hdf5 import tasks_of

SHIPPED = blackboxes.catalogue.shipped_folder()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two families: `single` with one task, `double` with two of them."""
    folder = tmp_path / "data"
    folder.mkdir()
    save(folder / "single.h5", [table(family="single")])
    save(folder / "double.h5", [table(family="double"), table(1, family="double", task="b:1")])
    (folder / "double.md").write_text("a data card")
    monkeypatch.setattr("blackboxes.catalogue.shipped_folder", lambda: folder)
    return folder


def test_by_name(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert families() == {"double": data / "double.h5", "single": data / "single.h5"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load("single").name == load("single:a").name == load("single", "a").name == "single:a"
    assert load("double:a").name == load("double", task="a").name == load("double:a", "a").name == "double:a"
    assert load("double:b:1").name == "double:b:1"


def test_by_path(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single, double = data / "single.h5", data / "double.h5"
    assert load(single).name == load(str(single)).name == load(f"{single}:a").name == "single:a"
    assert load(double, "a").name == load(f"{double}:a").name == "double:a"
    assert load(f"{double}:b:1").name == load(double, "b:1").name == "double:b:1"
    monkeypatch.chdir(data)
    assert load("single.h5").name == load("./single.h5:a").name == "single:a"


def test_paths_with_a_colon_and_without_an_ending(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(data / "double.h5", data / "odd:name")
    monkeypatch.chdir(data)
    assert load("odd:name:b:1").name == load(data / "odd:name", "b:1").name == "double:b:1"


def test_a_family_goes_before_a_file_of_its_name(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("single").write_text("something else")
    assert load("single:a").name == "single:a"
    with pytest.raises(BlackboxError, match=r"single: not an HDF5 file"):
        load("./single")


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("singel", r"^there is no table 'singel': did you mean single or .*\? \(known: adversarial, .*, single\)$"),
        ("singel:a", r"^there is no table 'singel': did you mean single"),
        ("other", r"^there is no table 'other': known: adversarial, crossing, double, .*, single$"),
        ("", r"^there is no table '': known: adversarial, crossing, double, .*, single$"),
        (":a", r"^there is no table ''"),
        ("x" * 5000, r"^there is no table 'xxx"),
        ("a\0b", "^there is no table"),
        ("double", r"double\.h5: it holds 2 tasks, name one of: a, b:1$"),
        ("double:c", r"double\.h5: it has no task 'c': known: a, b:1$"),
        ("double:b", r"double\.h5: it has no task 'b': did you mean b:1\?"),
        ("double:", r"double\.h5: it has no task ''"),
        ("nowhere.h5", r"^nowhere\.h5: there is no such file$"),
        ("nowhere.h5:a", r"^nowhere\.h5:a: there is no such file$"),
        ("nowhere/single", r"^nowhere/single: there is no such file$"),
        ("/", "^/: there is no such file$"),
    ],
)
def test_wrong_names(name: str, words: str) -> None:
    with pytest.raises(BlackboxError, match=words):
        load(name)


@pytest.mark.usefixtures("data")
def test_two_tasks_named_at_once() -> None:
    with pytest.raises(BlackboxError, match="double:a names the task 'a', and the argument another: 'b:1'"):
        load("double:a", "b:1")


def test_no_tables_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackboxes.catalogue.shipped_folder", lambda: tmp_path / "nothing")
    assert families() == {}
    with pytest.raises(BlackboxError, match="there is no table 'mlp': known: adversarial, .*, power-law$"):
        load("mlp")


def test_the_shipped_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tasks = tasks_of(SHIPPED / "mlp.h5")
    assert len(tasks) >= 2
    for task in tasks:
        made = load(f"mlp:{task}")
        assert made.name == f"mlp:{task}"
        assert len(made) >= 1000
        assert made.replicates >= 2
        assert made.resource_list == list(range(1, 82))
        assert {"validation_error", "test_error"} <= set(made.metrics)
        assert (made.default_metric, made.test_metric, made.resumable) == ("validation_error", "test_error", True)
        assert made.licence
        assert made.source
        assert made.vectors.shape == (len(made), len(made.space))
        assert np.isfinite(made.vectors).all()
        assert made.row_of(made.params(999)) <= 999
        assert 0 <= made.best() < 0.7  # marketing's classes are hard to tell apart
    assert (SHIPPED / "mlp.h5").stat().st_size < 25e6

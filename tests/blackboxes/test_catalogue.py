"""Tables by name and by path."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from made import table

import blackboxes.catalogue
from blackboxes import Blackbox, BlackboxError, families, load, save
from blackboxes.catalogue import own_file, user_folder
from blackboxes.hdf5 import tasks_of
from blackboxes.units import equal_cost

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
        ("nowhere.h5", r"^nowhere\.h5: there is no such file \(looked up from /"),
        ("nowhere.h5:a", r"^nowhere\.h5:a: there is no such file \(looked up from /"),
        ("nowhere/single", r"^nowhere/single: there is no such file \(looked up from /"),
        ("/", "^/: it is a folder, a file is needed$"),
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
    with pytest.raises(BlackboxError, match=r"there is no table 'mlp': known: adversarial, .*, power-law$"):
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


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with the families `mine` and `single`, and files that are none of theirs."""
    folder = tmp_path / "own"
    folder.mkdir()
    save(folder / "mine.h5", [table(family="mine", task="t")])
    save(folder / "single.h5", [table(family="shadow")])
    (folder / "._mine.h5").write_text("what another system left beside the file")
    (folder / "folder.h5").mkdir()
    monkeypatch.setenv("RUNGSIM_DATA", str(folder))
    return folder


@pytest.mark.usefixtures("data")
def test_the_users_own_tables_go_by_name(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert user_folder() == own
    assert families()["mine"] == own / "mine.h5"
    assert set(families()) == {"double", "folder", "mine", "single"}
    assert load("mine").name == load("mine:t").name == "mine:t"
    assert load("single").family == "single"  # a shipped family goes first
    with pytest.raises(BlackboxError, match=r"there is no table 'min': did you mean mine"):
        load("min")


@pytest.mark.usefixtures("data")
def test_a_users_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path / "nowhere", tmp_path / "file" / "below"):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("RUNGSIM_DATA", str(folder))
        assert set(families()) == {"double", "single"}
    monkeypatch.setenv("RUNGSIM_DATA", "")  # empty is as good as unset
    assert user_folder().name == "rungsim"
    assert user_folder().is_absolute()


def test_names_of_files_in_the_users_folder(own: Path, data: Path) -> None:
    for name in ("mine", "größe-2.0 (a+b)", "singl", "x" * 99, "cost"):
        assert own_file(name) == own / f"{name}.h5"
    for name in (
        "",
        ".",
        "..",
        "../a",
        "a/b",
        "/etc/a",
        "C:\\a",
        "a:b",
        "a\n",
        ".a",
        "a.",
        " a",
        "a ",
        "x" * 100,
        "a\0",
        "?",
    ):
        with pytest.raises(
            BlackboxError, match=r"cannot be a family in your data folder: (a name of 1 to|it begins or)"
        ):
            own_file(name)
    for name in ("single", "double", "power-law"):
        with pytest.raises(BlackboxError, match="a family that comes with rungsim has this name"):
            own_file(name)
    with pytest.raises(BlackboxError, match="@cost stands for a view"):
        own_file("mine@cost")


def test_synthetic_tables_by_name(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = load("power-law:n=20,seed=3")
    assert made.name == load("power-law", "n=20,seed=3").name == "power-law:n=20,seed=3"
    assert (len(made), made.family, made.task) == (20, "power-law", "n=20,seed=3")
    np.testing.assert_array_equal(made.elapsed, load("power-law:seed=3,n=20").elapsed)
    assert load("power-law:n=20").name == "power-law:n=20,seed=0"
    view = load("power-law:n=20,cost_exponent=2@cost")
    assert view.task.endswith("@cost")
    Path("power-law").write_text("a file of this name goes first")
    with pytest.raises(BlackboxError, match="power-law: not an HDF5 file"):
        load("power-law:n=20")


@pytest.mark.parametrize(
    ("name", "task", "words"),
    [
        ("power-law:noize=1", None, "power-law has no parameter 'noize': did you mean noise"),
        ("power-law:n=0", None, "n=0|n = 0|n: 0"),
        ("power-law:n=2", "n=3", r"^power-law:n=2 names the task 'n=2', and the argument another: 'n=3'$"),
        ("powerlaw:n=2", None, "there is no table 'powerlaw': did you mean power-law"),
        ("power_law", None, "there is no table 'power_law': did you mean power-law"),
        ("@cost", None, "there is no table ''"),
        ("nothing@cost", None, "there is no table 'nothing'"),
        ("nothing.h5:a@cost", None, r"^nothing\.h5:a: there is no such file \(looked up from /"),
        ("single:a@cost@cost", None, "single:a@cost is viewed in units of equal cost already"),
        ("single:b@cost", None, r"single\.h5: it has no task 'b'"),
    ],
)
@pytest.mark.usefixtures("data")
def test_wrong_names_of_synthetic_tables_and_views(name: str, task: str | None, words: str) -> None:
    with pytest.raises(BlackboxError, match=words):
        load(name, task)


def costly(**changed: object) -> Blackbox:
    """A table whose time goes with the square of the resource, so that a view of it differs."""
    return table(elapsed=np.broadcast_to([1.0, 4, 9, 16], (6, 2, 4)).copy(), **changed)


def test_views_in_units_of_equal_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackboxes.catalogue.shipped_folder", lambda: tmp_path)
    path = tmp_path / "steep.h5"
    save(path, [costly(family="steep")])
    names = ("steep@cost", "steep:a@cost", f"{path}@cost", f"{path}:a@cost")
    for view in (*map(load, names), load("steep@cost", "a"), load("steep:a@cost", "a")):
        assert view.name == "steep:a@cost"
        assert view.resource_list == [1, 4, 9, 16]
        np.testing.assert_array_equal(view.elapsed[0, 0], [1, 4, 9, 16])


def test_a_view_that_was_saved_goes_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackboxes.catalogue.shipped_folder", lambda: tmp_path)
    save(tmp_path / "steep.h5", [equal_cost(costly(family="steep")), costly(family="steep", task="b")])
    for name in ("steep:a@cost", "steep:b@cost"):
        assert load(name).name == name
        assert load(name).resource_list == [1, 4, 9, 16]
    assert load("steep", "a@cost").name == "steep:a@cost"
    assert load("steep:b").resource_list == [1, 2, 3, 4]


def test_a_view_of_the_shipped_table() -> None:
    view, whole = load("mlp:digits@cost"), load("mlp:digits")
    assert view.name == "mlp:digits@cost"
    assert view.resource_list[0] == 1
    assert 60 < view.r_max < 100  # epochs cost much the same
    np.testing.assert_array_equal(view.elapsed, whole.elapsed)

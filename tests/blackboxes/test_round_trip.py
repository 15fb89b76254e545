"""What is saved is what is read."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made import column, configs, curves, plain, space, table

from blackboxes import Blackbox, BlackboxError, Metric, load, save
from blackboxes.hdf5 import tasks_of

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1, max_size=9
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"], include_characters="\n\t"), max_size=30)
SCALARS = ["family", "task", "name", "default_metric", "test_metric", "resumable", "resource_unit", "licence", "source"]


def assert_same(one: Blackbox, other: Blackbox) -> None:
    for name in [*SCALARS, "description", "replicates", "r_max", "resource_list", "metric_info"]:
        assert getattr(one, name) == getattr(other, name), name
        assert type(getattr(one, name)) is type(getattr(other, name)), name
    for name in ("elapsed", "resources", "lengths"):
        assert_same_array(getattr(one, name), getattr(other, name))
    for ours, theirs in ((one.columns, other.columns), (one.metrics, other.metrics)):
        assert list(ours) == list(theirs)
        for name in ours:
            assert_same_array(ours[name], theirs[name])
    assert (one.censored is None) == (other.censored is None)
    if one.censored is not None:
        assert_same_array(one.censored, other.censored)
    assert one.space == other.space
    assert_same_array(one.vectors, other.vectors)


def assert_same_array(one: np.ndarray, other: np.ndarray) -> None:
    assert one.dtype == other.dtype
    if one.dtype.kind == "O":
        assert [repr(value) for value in one] == [repr(value) for value in other]  # also tells True from 1
    else:
        np.testing.assert_array_equal(one, other)
        assert one.tobytes() == other.tobytes() or one.dtype.kind == "f"


def saved_and_read(tables: list[Blackbox], compress: bool) -> list[Blackbox]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{tables[0].family[:1]}.h5"
        save(path, tables, compress=compress)
        assert tasks_of(path) == sorted(box.task for box in tables)
        return [load(path, box.task) for box in tables]


@st.composite
def tables(draw: st.DrawFn) -> list[Blackbox]:
    family, tasks = draw(NAMES), draw(st.lists(NAMES, min_size=1, max_size=2, unique=True))
    names = draw(st.lists(NAMES, min_size=1, max_size=2, unique=True))
    made = []
    for task in tasks:
        seed, n, replicates, size = (draw(st.integers(low, high)) for low, high in ((0, 99), (1, 7), (1, 3), (1, 6)))
        shape = (n, replicates, size)
        ragged, diverged = draw(st.sampled_from([0.0, 0.5])), draw(st.sampled_from([0.0, 0.3]))
        metrics = {
            name: curves(shape, seed, ragged, diverged, draw(st.sampled_from(["float32", "float64"])))[1]
            for name in names
        }
        steps = draw(st.lists(st.sampled_from([0.125, 1, 7]), min_size=size, max_size=size))
        made.append(
            Blackbox(
                family=family,
                task=task,
                space=space(),
                configs=configs(n, seed),
                resources=np.cumsum(steps),
                metrics=metrics,
                metric_info={name: Metric(draw(st.sampled_from(["min", "max"])), draw(TEXTS)) for name in names},
                elapsed=curves(shape, seed, ragged)[0],
                default_metric=draw(st.sampled_from(names)),
                test_metric=draw(st.none() | st.sampled_from(names)),
                resumable=draw(st.booleans()),
                resource_unit=draw(NAMES),
                censored=draw(st.none() | st.just(np.random.default_rng(seed).random(shape[:2]) < 0.5)),
                licence=draw(TEXTS),
                source=draw(TEXTS),
                description=draw(TEXTS),
            )
        )
    return made


@settings(max_examples=20)
@given(tables(), st.booleans())
@example([table(), table(task="b", n=1, size=1)], True)
def test_round_trip(made: list[Blackbox], compress: bool) -> None:
    for before, after in zip(made, saved_and_read(made, compress), strict=True):
        assert_same(before, after)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize(
    "values",
    [
        ["sgd", None, "adam"],
        ["sgd", float("nan"), "adam"],
        ["nan", None, ""],
        [3, None, 5],
        [True, None, False],
        [1, "auto", None],
        [1, True, 1.0],
        [0.1, None, 2**70],
        [float("inf"), "x", -0.0],
        ["größer", "日本", "\u202e\n\x00"],
        np.array([1, -3, 2], dtype=">i2"),
        np.array([0.1, np.nan, 1e300], dtype=">f8"),
        np.array([0.1, np.nan, 3], dtype=np.float32),
        np.array([0.5, np.nan], dtype=np.float16),
        np.array([0.5, np.nan], dtype=np.longdouble),
        np.array([0, 2**64 - 1], dtype=np.uint64),
        np.array([True, False]),
        np.array(["a", np.nan, np.float64(1.5), np.int64(3), np.bool_(True)], dtype=object),
        [f"value {k}" for k in range(300)],
    ],
    ids=repr,
)
def test_values_of_hyperparameters(values: Any, compress: bool, tmp_path: Path) -> None:
    box = column(values, space=ConfigurationSpace({"x": [0, 1]}))
    save(tmp_path / "a.h5", [box], compress=compress)
    again = load(tmp_path / "a.h5").columns["x"]
    assert again.dtype.kind == box.columns["x"].dtype.kind
    assert [repr(v) for v in again.tolist()] == [repr(v) for v in box.columns["x"].tolist()]
    expected = [v.item() if isinstance(v, np.generic) else v for v in values]
    assert [repr(v) for v in again.tolist()] == [repr(v) for v in np.array(expected, dtype=again.dtype).tolist()]


def test_many_texts_and_a_large_space(tmp_path: Path) -> None:
    """Attributes of more than 64 KiB."""
    choices = [f"choice number {k} of many" for k in range(5000)]
    box = column(choices, space=ConfigurationSpace(space=[Categorical("x", choices)]))
    save(tmp_path / "a.h5", [box])
    again = load(tmp_path / "a.h5")
    assert again.columns["x"].tolist() == choices
    np.testing.assert_allclose(again.vectors[:, 0], np.arange(5000) / 4999)


@pytest.mark.parametrize("shape", [(700, 3, 50), (1, 1, 1), (5, 1, 3001)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compressed_in_many_parts(shape: tuple[int, int, int], dtype: str, tmp_path: Path) -> None:
    """HDF5 cuts arrays into chunks that do not divide them, and leaves noise uncompressed."""
    elapsed, values = curves(shape, ragged=0.3, diverged=0.1, dtype=dtype)
    box = plain(
        configs={"x": np.arange(shape[0]) / shape[0]},
        resources=np.arange(1, shape[2] + 1),
        elapsed=elapsed,
        metrics={"error": values},
    )
    save(tmp_path / "a.h5", [box])
    again = load(tmp_path / "a.h5")
    np.testing.assert_array_equal(again.elapsed, elapsed)
    np.testing.assert_array_equal(again.metrics["error"], values)
    np.testing.assert_array_equal(again.lengths, (~np.isnan(elapsed)).sum(axis=2))
    with h5py.File(tmp_path / "a.h5") as file:  # HDF5's own reading agrees
        np.testing.assert_array_equal(file["tasks/task/elapsed"][()], elapsed)
        np.testing.assert_array_equal(file["tasks/task/metrics/error"][()], values)


def test_what_shrinks_most(tmp_path: Path) -> None:
    """A table of zeros is not taken for an attack."""
    zeros = np.zeros((3000, 4, 100))
    box = plain(configs={"x": zeros[:, 0, 0]}, resources=np.arange(1, 101), elapsed=zeros, metrics={"error": zeros})
    save(tmp_path / "a.h5", [box])
    assert 2 * zeros.nbytes / (tmp_path / "a.h5").stat().st_size > 300
    assert not load(tmp_path / "a.h5").elapsed.any()


def test_more_than_is_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackboxes.hdf5.MOST_UNPACKED", 500)
    with pytest.raises(BlackboxError, match="write it with compress=False"):
        save(tmp_path / "a.h5", [table()])
    save(tmp_path / "a.h5", [table()], compress=False)
    monkeypatch.setattr("blackboxes.hdf5.MOST_TEXT", 500)
    with pytest.raises(BlackboxError, match=r"space: \d+ bytes of text, the most is 500"):
        save(tmp_path / "a.h5", [table()], compress=False)


def test_chunks_that_hdf5_left_unfiltered(tmp_path: Path) -> None:
    """Each filter may be skipped for a chunk, which is marked in a mask."""
    values = np.random.default_rng(0).integers(0, 256, (4, 1, 64 * 8), dtype=np.uint8).view(np.float64) * 0
    values += np.frombuffer(np.random.default_rng(0).bytes(4 * 64 * 8), np.uint64).reshape(4, 1, 64) / 2.0**64
    box = plain(
        configs={"x": np.arange(4) / 4},
        resources=np.arange(1, 65),
        elapsed=np.cumsum(np.ones((4, 1, 64)), axis=2),
        metrics={"error": values},
    )
    save(tmp_path / "a.h5", [box])
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        metrics = file["tasks/task/metrics"]
        attributes = dict(metrics["error"].attrs)
        del metrics["error"]
        made = metrics.create_dataset(
            "error", (4, 1, 64), np.float64, chunks=(2, 1, 64), compression="gzip", shuffle=True
        )
        made[2:] = values[2:]
        made.id.write_direct_chunk((0, 0, 0), values[:2].tobytes(), filter_mask=0b11)
        for name, value in attributes.items():
            made.attrs[name] = value
    np.testing.assert_array_equal(load(tmp_path / "a.h5").metrics["error"], values)


def mapped_by(array: np.ndarray) -> bool:
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


@pytest.mark.parametrize("compress", [True, False])
def test_uncompressed_is_mapped_and_nothing_can_be_written(compress: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save(path, [table(censored=np.zeros((6, 2), dtype=bool))], compress=compress)
    box = load(path)
    arrays = [box.elapsed, *box.metrics.values()]
    assert [mapped_by(array) for array in arrays] == [not compress] * 3
    for array in [*arrays, box.resources, box.lengths, box.censored, box.vectors, *box.columns.values()]:
        assert array.flags.aligned
        with pytest.raises(ValueError, match="read-only"):
            array[(0,) * array.ndim] = 1
        memoryview(np.ascontiguousarray(array).reshape(-1))  # as the event loop reads it
    # The file may be replaced while it is mapped: the old table stays what it was.
    before = box.elapsed.copy()
    save(path, [table(seed=1)], compress=compress)
    np.testing.assert_array_equal(box.elapsed, before)
    assert not np.array_equal(load(path).elapsed, before)


def test_given_arrays_are_neither_copied_nor_locked() -> None:
    elapsed, values = curves((3, 2, 4))
    box = plain(elapsed=elapsed, metrics={"error": values})
    assert np.shares_memory(box.elapsed, elapsed)
    assert np.shares_memory(box.metrics["error"], values)
    assert elapsed.flags.writeable
    assert values.flags.writeable


def test_an_exception_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save(path, [table()])
    before = path.read_bytes()

    def interrupt() -> ConfigurationSpace:
        raise KeyboardInterrupt

    for wrong, error in ((interrupt, KeyboardInterrupt), ("not JSON", BlackboxError), (lambda: 1, BlackboxError)):
        with pytest.raises(error):
            save(path, [table(), table(task="b", space=wrong)])
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


def test_tables_from_a_generator_are_asked_for_one_by_one(tmp_path: Path) -> None:
    """When the next one is asked for, the last one lies in the file already, all 4 MB of it."""
    sizes = []

    def made() -> Iterator[Blackbox]:
        for task in "abc":
            sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
            elapsed, values = curves((1000, 5, 50), ord(task))
            metrics, info = {"error": values}, {"error": Metric("min")}
            whole = {"elapsed": elapsed, "metrics": metrics, "metric_info": info, "resources": np.arange(1, 51)}
            yield table(n=1000, task=task, **whole)

    save(tmp_path / "a.h5", made(), compress=False)
    assert sizes[0] < 1000
    assert sizes[1] > 4_000_000
    assert sizes[2] > 8_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    elapsed, values = curves((1000, 5, 50), ord("b"))
    np.testing.assert_array_equal(load(tmp_path / "a.h5", "b").elapsed, elapsed)
    np.testing.assert_array_equal(load(tmp_path / "a.h5", "b").metrics["error"], values)


@pytest.mark.parametrize("error", [BlackboxError("row 7"), KeyError("x"), MemoryError(), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [0, 2])
def test_an_error_in_the_generator_leaves_the_old_file(tmp_path: Path, error: BaseException, before: int) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(b"an older file")

    def made() -> Iterator[Blackbox]:
        yield from (table(task=str(k)) for k in range(before))
        raise error

    with pytest.raises(type(error)) as caught:
        save(path, made())
    assert caught.value is error  # as it was: its words are the importer's
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"an older file"


def test_a_failed_rename_leaves_no_stray_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*paths: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path / "a.h5", [table()])
    assert not list(tmp_path.iterdir())


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save(tmp_path / "a.h5", [table()])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.h5").stat().st_mode) == 0o640


def test_bytes_depend_on_the_tables_alone(tmp_path: Path) -> None:
    save(tmp_path / "a.h5", [table(), table(task="b")])
    save(tmp_path / "b.h5", [table(), table(task="b")])
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_unwritable_folder(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):  # to root nothing is locked
        folder = Path("/proc/self")
        if not folder.is_dir():
            pytest.skip("root may write anywhere here")
    with pytest.raises(OSError, match=str(folder)):
        save(folder / "a.h5", [table()])


def test_places_that_cannot_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(BlackboxError, match=r"nowhere/a\.h5: cannot be written, there is no such folder"):
        save(tmp_path / "nowhere" / "a.h5", [table()])
    with pytest.raises(BlackboxError, match="it is a folder"):
        save(tmp_path, [table()])
    (tmp_path / "file").write_text("")
    with pytest.raises(BlackboxError, match="there is no such folder"):
        save(tmp_path / "file" / "a.h5", [table()])


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([], "at least one table"),
        ([table(), table()], "each task once"),
        ([table(), table(task="b", family="other")], "one family"),
        ([table(task="a/b")], "'a/b' cannot be a name"),
        ([table(task="..")], "'..' cannot be a name"),
        ([table(task="")], "'' cannot be a name"),
        ([table(task="two\nlines")], "cannot be a name"),
        ([table(task="red \x1b[31m")], "without control characters"),
        ([table(licence="\x00")], "licence: a text without control"),
        ([table(source=3)], "source: a text"),
        ([table(description="\ud800")], "description: a text"),
        ([column([0.5], space="[]")], "the space is not ConfigSpace's JSON"),
        ([plain(configs={"a/b": [0.1, 0.2, 0.3]}, space=ConfigurationSpace({"a/b": (0.0, 1.0)}))], "'a/b' cannot be"),
        ([plain(metrics={"a/b": np.zeros((3, 2, 4))}, metric_info={"a/b": Metric("min")})], "'a/b' cannot be"),
        ([column(["a"], space=ConfigurationSpace(space=[Categorical("x", ["a"], meta={"o": object()})]))], "as JSON"),
    ],
)
def test_what_a_file_cannot_hold(made: list[Blackbox], words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(BlackboxError, match=words) as caught:
        save(path, made)
    assert str(caught.value).startswith(str(path))
    assert not list(tmp_path.iterdir())

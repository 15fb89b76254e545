"""Files made to harm: nothing outside the file is opened, and sizes are checked before memory is taken."""

from __future__ import annotations

import itertools
import resource
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from made import refused, table, tampered, text

from blackboxes import BlackboxError, load, save
from blackboxes.hdf5 import tasks_of

A = "tasks/a"
MB = 1 << 20
PLACES = [
    "tasks",
    A,
    f"{A}/configs",
    f"{A}/metrics",
    f"{A}/configs/lr",
    f"{A}/metrics/error",
    f"{A}/elapsed",
    f"{A}/censored",
]


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Asserts that no more than `most` bytes are taken at any time, by Python, NumPy, zlib or HDF5."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - peak < most + 20 * MB


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A valid file that a hostile one would like to have read."""
    save(tmp_path / "elsewhere.h5", [table(censored=np.zeros((6, 2), bool))], compress=False)
    return tmp_path / "elsewhere.h5"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["external", "soft", "loop", "dangling"])
def test_links_are_not_followed(place: str, kind: str, elsewhere: Path, tmp_path: Path) -> None:
    links = {
        "external": h5py.ExternalLink(elsewhere, place),
        "soft": h5py.SoftLink("/spare"),
        "loop": h5py.SoftLink(f"/{place}"),
        "dangling": h5py.SoftLink("/nowhere"),
    }

    def change(file: h5py.File) -> None:
        file["spare"] = file[place]
        del file[place]
        file[place] = links[kind]

    path = tampered(tmp_path / "a.h5", change, table(censored=np.zeros((6, 2), bool)))
    name = place.removeprefix(f"{A}/").split("/")[-1]
    refused(path, f"{name}' is missing", task="a")


def test_groups_in_a_ring(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file[f"{A}/configs/ring"] = file["tasks"]
        file["tasks/ring"] = file["/"]

    path = tampered(tmp_path / "a.h5", change)
    assert tasks_of(path) == ["a", "ring"]
    refused(path, "the dataset 'configs/ring' is missing", task="a")
    refused(path, "tasks/ring", "the group 'configs' is missing", task="ring")


def replaced(place: str, make: Callable[[h5py.Group, str], h5py.Dataset | None]) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        attributes = dict(file[place].attrs)
        del file[place]
        folder, _, name = place.rpartition("/")
        make(file[folder], name)
        for key, value in attributes.items():
            file[place].attrs[key] = value

    return change


@pytest.mark.parametrize("place", PLACES[4:])
def test_data_outside_the_file(place: str, elsewhere: Path, tmp_path: Path) -> None:
    with h5py.File(elsewhere) as file:
        shape, dtype = file[place].shape, file[place].dtype
    layout = h5py.VirtualLayout(shape=shape, dtype=dtype)
    layout[...] = h5py.VirtualSource(elsewhere, place, shape=shape)
    kinds = {
        "virtual": lambda folder, name: folder.create_virtual_dataset(name, layout),
        "external": lambda folder, name: folder.create_dataset(
            name, shape, dtype, external=[(elsewhere, 0, h5py.h5f.UNLIMITED)]
        ),
    }
    for kind, make in kinds.items():
        path = tampered(tmp_path / f"{kind}.h5", replaced(place, make), table(censored=np.zeros((6, 2), bool)))
        refused(path, f"{place.removeprefix(A + '/')}: a virtual, compact or external dataset is not read")


def compact(folder: h5py.Group, name: str) -> None:
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(folder.id, name.encode(), h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((6, 2, 4)), made)


HUGE = (10**6, 100, 1000)  # 800 GB
CLAIMS: dict[str, tuple[Callable[[h5py.Group, str], object], str]] = {
    "contiguous, nothing stored": (
        lambda g, name: g.create_dataset(name, HUGE, "f8"),
        "elapsed: claims 800000000000 bytes",
    ),
    "chunked, nothing stored": (
        lambda g, name: g.create_dataset(name, HUGE, "f8", chunks=(1000, 1, 1000), compression="gzip"),
        "elapsed: claims shape (1000000, 100, 1000) in chunks of (1000, 1, 1000)",
    ),
    "chunked, not compressed": (
        lambda g, name: g.create_dataset(name, HUGE, "f8", chunks=True),
        "elapsed: claims shape",
    ),
    "one huge chunk": (
        lambda g, name: g.create_dataset(name, (6, 2, 4), "f8", chunks=(1000, 1000, 500), maxshape=(None,) * 3),
        "elapsed: claims shape (6, 2, 4) in chunks of (1000, 1000, 500)",
    ),
    "a part missing": (
        lambda g, name: g.create_dataset(name, (6, 2, 4), "f8", chunks=(3, 2, 4)).write_direct(
            np.ones((3, 2, 4)), dest_sel=np.s_[:3]
        ),
        "elapsed: the part that begins at (3, 0, 0) is not in the file",
    ),
    "compact": (compact, "compact"),
}


@pytest.mark.parametrize(("make", "words"), CLAIMS.values(), ids=CLAIMS)
def test_claims_beyond_what_is_stored(make: Callable[..., object], words: str, tmp_path: Path) -> None:
    path = tampered(tmp_path / "a.h5", replaced(f"{A}/elapsed", make))
    with little_memory(2 * MB):
        refused(path, words)


def bomb(stages: int) -> Callable[[h5py.Group, str], None]:
    """A chunk of 192 bytes that unpacks to 48 MB of zeros; in two stages, one that unpacks to such a chunk."""

    def make(folder: h5py.Group, name: str) -> None:
        packed = b"\0" * (48 * MB)
        for _ in range(stages):
            packed = zlib.compress(packed, 9)
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((6, 2, 4))
        for _ in range(stages):
            made.set_filter(h5py.h5z.FILTER_DEFLATE, 0, (9,))
        space = h5py.h5s.create_simple((6, 2, 4))
        dataset = h5py.h5d.create(folder.id, name.encode(), h5py.h5t.NATIVE_DOUBLE, space, made)
        dataset.write_direct_chunk((0, 0, 0), packed)

    return make


@pytest.mark.parametrize(
    ("stages", "words"),
    [(1, "does not unpack to 384 bytes"), (2, "only shuffle and gzip are read, not HDF5's filters")],
)
def test_decompression_bombs(stages: int, words: str, tmp_path: Path) -> None:
    path = tampered(tmp_path / "a.h5", replaced(f"{A}/elapsed", bomb(stages)))
    with little_memory(2 * MB):
        refused(path, f"elapsed: {words}" if stages == 2 else "elapsed: the part that begins at (0, 0, 0)", words)


@pytest.mark.parametrize("filters", [{"compression": "lzf"}, {"scaleoffset": 3}, {"fletcher32": True}])
def test_other_filters(filters: dict[str, object], tmp_path: Path) -> None:
    def make(folder: h5py.Group, name: str) -> None:
        folder.create_dataset(name, data=np.ones((6, 2, 4)), **filters)

    refused(tampered(tmp_path / "a.h5", replaced(f"{A}/elapsed", make)), "elapsed: only shuffle and gzip are read")


@pytest.mark.parametrize("compress", [True, False])
def test_many_arrays_that_share_their_bytes(compress: bool, tmp_path: Path) -> None:
    """What one array may take, a hundred may not take together."""
    n = 200_000

    def change(file: h5py.File) -> None:
        for k in range(100):
            file[f"{A}/configs/copy{k}"] = file[f"{A}/configs/x"]

    zeros = np.zeros(n)
    made = table(
        n=n,
        replicates=1,
        size=1,
        configs={"x": zeros},
        space="{}",
        metrics={"error": zeros[:, None, None]},
        metric_info={"error": table().metric_info["error"]},
        elapsed=zeros[:, None, None],
    )
    made.__dict__["space"] = table().space  # it is saved, but not what is tested
    path = tampered(tmp_path / "a.h5", change, made, compress=compress)
    size = path.stat().st_size
    with little_memory(1200 * size if compress else 10 * size):
        refused(path, "configs/copy", "claims")


def test_texts_of_variable_length_are_never_read(tmp_path: Path) -> None:
    """A million of them may share one long text; their heap has no checksum, and HDF5 may loop in it for ever."""

    def change(file: h5py.File) -> None:
        file[A].attrs["licence"] = "x" * 1000

    refused(tampered(tmp_path / "a.h5", change), "'licence' should be a text of fixed length", "variable length")


def test_huge_texts(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file[A].attrs["description"] = text("x" * (17 * MB))

    path = tampered(tmp_path / "a.h5", change)
    with little_memory(2 * MB):
        refused(
            path,
            "'description' should be a text of fixed length (np.bytes_ in h5py, at most 16777216 bytes)",
        )


def test_a_huge_attribute_that_nobody_asked_for_is_not_read(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file[A].attrs["other"] = text("x" * (17 * MB))
        file.attrs["other"] = np.zeros(4 * MB)

    path = tampered(tmp_path / "a.h5", change)
    with little_memory(2 * MB):
        assert len(load(path)) == 6


@pytest.mark.parametrize("fields", [(0, 52, 11, 1, 51), (63, 52, 10, 0, 52)], ids=["sign last", "short exponent"])
def test_numbers_of_an_odd_layout(fields: tuple[int, ...], tmp_path: Path) -> None:
    """A type of 64 bits that h5py takes for float64 is not mapped as if it were that."""
    odd = h5py.h5t.IEEE_F64LE.copy()
    odd.set_fields(*fields)
    odd.set_ebias(2 ** (fields[2] - 1) - 1)
    assert odd.dtype == np.float64
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)

    def make(folder: h5py.Group, name: str) -> None:
        h5py.h5d.create(folder.id, name.encode(), odd, h5py.h5s.create_simple((6, 2, 4)), early)

    refused(tampered(tmp_path / "a.h5", replaced(f"{A}/elapsed", make)), "elapsed: kind 'f' of NumPy is needed")


def test_arrays_at_odd_places(tmp_path: Path) -> None:
    """Whoever wrote the file need not have aligned its arrays, but the event loop needs them so."""
    expected = table()

    def change(file: h5py.File) -> None:
        for place in (f"{A}/elapsed", f"{A}/metrics/error"):
            attributes, values = dict(file[place].attrs), file[place][()]
            for k in itertools.count():  # until HDF5 finds it an odd place
                file.create_dataset(f"spare/{place}/bytes{k}", data=np.zeros(k + 1, np.uint8))
                made = file.create_dataset(f"spare/{place}/values{k}", data=values)
                if made.id.get_offset() % 8:
                    break
            for key, value in attributes.items():
                made.attrs[key] = value
            del file[place]
            file[place] = made

    box = load(tampered(tmp_path / "a.h5", change))
    for array, same in ((box.elapsed, expected.elapsed), (box.metrics["error"], expected.metrics["error"])):
        assert memoryview(array.reshape(-1)).tolist() == same.reshape(-1).tolist()


@pytest.mark.parametrize("compress", [True, False])
def test_booleans_other_than_0_and_1(compress: bool, tmp_path: Path) -> None:
    """HDF5 stores a byte, and NumPy takes any byte for a boolean that then is neither."""
    path = tmp_path / "a.h5"
    save(path, [table(n=64, censored=np.ones((64, 2), bool))], compress=False)
    whole = path.read_bytes()
    assert whole.count(b"\1" * 128) == 1
    path.write_bytes(whole.replace(b"\1" * 128, b"\2" * 128))
    censored = load(path).censored
    assert censored.all()
    assert set(censored.view(np.uint8).flat) == {1}


def test_big_endian_files_are_read(tmp_path: Path) -> None:
    """As written on other machines: read into memory, in native order."""
    expected = table()

    def change(file: h5py.File) -> None:
        for place in (f"{A}/elapsed", f"{A}/metrics/error", f"{A}/resources", f"{A}/configs/units"):
            big = file[place][()].astype(file[place].dtype.newbyteorder(">"))
            replaced(place, lambda folder, name, data=big: folder.create_dataset(name, data=data))(file)
            assert not file[place].dtype.isnative

    box = load(tampered(tmp_path / "a.h5", change))
    for array in (box.elapsed, box.metrics["error"], box.resources, box.columns["units"]):
        assert array.dtype.isnative
    np.testing.assert_array_equal(box.elapsed, expected.elapsed)
    np.testing.assert_array_equal(box.columns["units"], expected.columns["units"])
    assert box.resource_list == expected.resource_list


def test_a_file_that_is_replaced_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 says where arrays lie in one file: they are not to be taken from another."""
    path, open_file = tmp_path / "a.h5", h5py.File
    save(path, [table()], compress=False)

    def opened_late(*args: object) -> h5py.File:
        file = open_file(*args)
        monkeypatch.undo()
        save(path, [table(n=9)], compress=False)
        return file

    monkeypatch.setattr(h5py, "File", opened_late)
    refused(path, "was replaced while it was opened, try again")
    assert len(load(path)) == 9


def test_bytes_behind_the_end_and_bytes_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save(path, [table()])
    path.write_bytes(path.read_bytes() + b"\0" * 100)  # something behind the end does no harm
    assert len(load(path)) == 6
    path.write_bytes(path.read_bytes()[:-101])
    with pytest.raises(BlackboxError, match="truncated"):
        load(path)

"""Streams, windows on JSON, and tar archives: bounded, and only onwards."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackboxes import BlackboxError
from blackboxes.formats import json_stream
from blackboxes.formats.json_stream import JsonStream
from blackboxes.formats.numbers import numbers, whole
from blackboxes.formats.streams import Stream, opened
from blackboxes.formats.tar_stream import files


def stream(data: bytes) -> Stream:
    return Stream(io.BytesIO(data))


def test_a_stream_goes_only_onwards_and_in_bounded_steps() -> None:
    found = stream(b"0123456789")
    assert found.read(2) == b"01"
    assert found.seek(5) == 5
    assert found.read(2) == b"56"
    for wrong in (-1, 1 << 40):
        with pytest.raises(BlackboxError, match="claims"):
            found.read(wrong)
    with pytest.raises(BlackboxError, match="backward"):
        found.seek(3)
    assert found.seek(100) == 10


def test_opened_tells_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 40_000))
    done: list[float] = []
    with opened(path, lambda at, whole: done.append(at / whole)) as found:
        while found.read(1 << 20):
            pass
    assert done == sorted(done)
    assert done[-1] == 1.0


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@settings(max_examples=60)
@given(
    st.dictionaries(st.text(max_size=9), trees, max_size=4),
    st.integers(1, 30),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_json_comes_back_through_any_window(tree: Any, size: int, indent: int | None, ascii_only: bool) -> None:
    raw = json.dumps(tree, indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", size)
        text = JsonStream(stream(raw))
        found = {key: text.value() for key in text.keys("tree")}
        text.end()
    assert found == tree


@given(st.integers(1, 12))
def test_a_number_is_not_cut_by_the_window(size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", size)
        text = JsonStream(stream(b'{"a":1234567890.5,"b":-12e3}'))
        assert [text.value() for _ in text.keys("numbers")] == [1234567890.5, -12e3]


contents = st.lists(st.tuples(st.text("abcé", min_size=1, max_size=160), st.binary(max_size=1500)), max_size=5)


@given(contents, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_files_of_an_archive_come_back(members: list[tuple[str, bytes]], form: int) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert [(name, io.BufferedReader(content).read()) for name, content in files(stream(target.getvalue()))] == members
    assert [name for name, _ in files(stream(target.getvalue()))] == [name for name, _ in members]  # contents skipped


@pytest.mark.parametrize(
    "records",
    [
        b"nonsense",
        b"999999 path=a\n",
        b"0 path=a\n",
        b"3 \n\n",
        b"12 size=900\n",
        b"22 GNU.sparse.major=1\n",
        b"9 path=a",
    ],
)
def test_damaged_extended_headers(records: bytes) -> None:
    info = tarfile.TarInfo("extended")
    info.type, info.size = tarfile.XHDTYPE, len(records)
    raw = info.tobuf(tarfile.USTAR_FORMAT) + records.ljust(512, b"\0") + bytes(1024)
    with pytest.raises(BlackboxError, match="extended header"):
        list(files(stream(raw)))


def test_numbers_are_numbers() -> None:
    assert numbers("x", [1, 2.5, None, float("inf")]).tolist()[:2] == [1.0, 2.5]
    for wrong in (True, "1", [1]):
        with pytest.raises(BlackboxError, match="x: entry 1"):
            numbers("x", [1, wrong])
    assert whole("x", 3.0) == 3
    for odd in (2.5, 2**60, None, float("nan"), 10**400):
        with pytest.raises(BlackboxError, match="x"):
            whole("x", odd)

"""Pickles: data come back as Python's own unpickler gives them, and nothing else is made."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboxes import BlackboxError
from blackboxes.formats.pickles import load

PROTOCOLS = [2, 3, 4, 5]


def loaded(raw: bytes) -> Any:
    return load(io.BytesIO(raw).read)


def refused(raw: bytes, *words: str) -> None:
    with pytest.raises(BlackboxError) as caught:
        loaded(raw)
    for word in words:
        assert word in str(caught.value), caught.value


TEXT = st.text("aZ\n\0é中😀", max_size=300)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.binary(max_size=300)
keys = plain | st.tuples(TEXT, st.integers())
trees = st.recursive(
    plain,
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner) | st.tuples(inner, inner) | st.sets(keys),
    max_leaves=40,
)


@given(trees, st.sampled_from(PROTOCOLS))
def test_data_come_back(tree: Any, protocol: int) -> None:
    raw = pickle.dumps(tree, protocol=protocol)
    assert loaded(raw) == pickle.loads(raw)
    assert loaded(pickletools.optimize(raw)) == tree


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(5, dtype=">i4"),
        np.array([True, False]),
        np.array(7, dtype="u1"),
        np.zeros((0, 3), dtype="f4"),
    ],
)
def test_arrays_come_back(array: np.ndarray, protocol: int) -> None:
    first, again = loaded(pickle.dumps([array, array], protocol=protocol))
    assert first is again
    assert first.dtype == array.dtype
    assert np.array_equal(first, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numpy_numbers_and_ordered_dicts(protocol: int) -> None:
    made = OrderedDict([("b", np.float64(1.5)), ("a", np.int32(-3)), ("c", np.bool_(True))])
    assert list(loaded(pickle.dumps(made, protocol=protocol)).items()) == [("b", 1.5), ("a", -3), ("c", True)]


def test_a_large_pickle_and_a_stingy_file() -> None:
    tree = {
        "numbers": [float(i) for i in range(300_000)],
        "text": "é" * 20_000,
        "more": dict.fromkeys(range(5000), "x"),
    }
    raw = pickle.dumps(tree, protocol=4)
    stream = io.BytesIO(raw)
    assert load(lambda size: stream.read(min(size, 999))) == tree


def test_dicts_are_shrunk_while_it_reads() -> None:
    inner = {"keep": 1, "drop": list(range(1000))}
    tree = {i: {"inner": inner} for i in range(3)}
    seen = []

    def shrink(value: dict[Any, Any]) -> int:
        seen.append(sorted(value))
        return len(value.pop("drop")) if "drop" in value else 0

    stream = io.BytesIO(pickle.dumps(tree))
    assert load(stream.read, shrink) == {i: {"inner": {"keep": 1}} for i in range(3)}
    assert seen[0] == ["drop", "keep"]
    assert seen.count(["inner"]) == 3


class Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.made = function, arguments

    def __reduce__(self) -> Any:
        return self.made


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, "system"), (eval, "eval"), (getattr, "getattr"), (np.load, "load"), (list, "list")],
)
def test_code_is_refused_by_its_name(function: Any, name: str, protocol: int) -> None:
    refused(pickle.dumps({"a": [Calls(function, "1")]}, protocol=protocol), name, "which is not data", "at byte")


def test_objects_and_structured_arrays_are_refused() -> None:
    refused(pickle.dumps(np.array([1, "a", None], dtype=object)), "no objects")
    refused(pickle.dumps(np.zeros(2, dtype=[("a", "f8")])), "only numbers")
    refused(pickle.dumps(np.array(["text"])), "only numbers")
    refused(pickle.dumps(np.zeros(2, dtype="M8[s]")), "only numbers")
    refused(pickle.dumps(np.ma.zeros(3)), "which is not data")


def array_of(state: Any) -> bytes:
    """An array whose state is another one."""

    class Odd:
        def __reduce__(self) -> Any:
            return np.zeros(0).__reduce__()[0], (np.ndarray, (0,), b"b"), state

    return pickle.dumps(Odd())


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ((1, (1 << 40,), np.dtype("f8"), False, b"12345678"), "claims shape"),
        ((1, (1 << 40, 0), np.dtype("f8"), False, b"12345678"), "claims shape"),
        ((1, (-1,), np.dtype("f8"), False, b""), "shape"),
        ((1, ("a",), np.dtype("f8"), False, b""), "shape"),
        ((1, (1,) * 40, np.dtype("f8"), False, b"12345678"), "shape"),
        ((1, (1,), np.dtype("O"), False, b"12345678"), "no objects"),
        ((1, (1,), np.dtype("f8"), False, [1]), "not made of bytes"),
        ((1, (1,), "f8", False, b"12345678"), "not made of bytes"),
        ((1, (1,), np.dtype("f8"), False), "not what NumPy writes"),
        (7, "not what NumPy writes"),
    ],
)
def test_hostile_states_of_arrays(state: Any, word: str) -> None:
    refused(array_of(state), word)


def test_sizes_are_bounded() -> None:
    refused(b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"a.", "a text of 1099511627776 bytes")
    refused(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"a.", "the most is")
    refused(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 20) + b"a.", "truncated")
    refused(b"\x80\x04\x8b" + struct.pack("<i", 1 << 30) + b"1.", "a whole number of")
    refused(b"\x80\x04\x8b" + struct.pack("<i", -5) + b"1.", "a whole number of")
    refused(b"\x80\x04Nr" + struct.pack("<I", 0xFFFFFFFF) + b".", "memo 4294967295")
    refused(b"\x80\x04j" + struct.pack("<I", 7) + b".", "memo 7 is empty")


TEXTS = b"".join(b"\x8c\x06%06d0" % i for i in range(150_000))


@pytest.mark.parametrize(
    "program",
    [
        b"]" * 1_100_000,
        *(pytest.param(same, marks=pytest.mark.slow) for same in (b"(" * 1_100_000, b"N\x94" * 1_100_000)),
        *(b"N\x850" * 400_000, TEXTS),
    ],
)
def test_what_is_held_is_bounded(program: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackboxes.formats.pickles.MOST_HELD", 100_000)
    refused(b"\x80\x04" + program + b".", "objects")


def test_deep_nests_do_not_end_the_process() -> None:
    deep = b"\x80\x04" + b")" + b"\x85" * 200_000
    assert type(loaded(deep + b".")) is tuple
    refused(b"\x80\x04}" + deep[2:] + b"Ns.", "a key of type tuple")
    refused(b"\x80\x04\x8f(" + deep[2:] + b"\x90.", "a key of type tuple")


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "truncated"),
        (b"\x80\x04", "truncated"),
        (b"\x80\x01N.", "protocol 1"),
        (b"\x80\x06N.", "protocol 6"),
        (b"\x80\x04.", "0 objects"),
        (b"\x80\x04NN.", "2 objects"),
        (b"\x80\x04(N.", "stack"),
        (b"\x80\x040.", "stack is empty"),
        (b"\x80\x04\x94.", "is not read"),
        (b"\x80\x04e.", "no mark"),
        (b"\x80\x04}NNe.", "mark"),
        (b"\x80\x04}N(Nu.", "dict"),
        (b"\x80\x04]Na0R.", "stack"),
        (b"\x80\x04N)R.", "cannot be called"),
        (b"\x80\x04cnumpy\nndarray\n)R.", "cannot be called"),
        (b"\x80\x04N)b.", "only arrays have one"),
        (b"\x80\x04\x8c\x02\xff\xfe.", "not UTF-8"),
        (b"\x80\x04\x82\x01.", "EXT1"),
        (b"\x80\x04P1\n.", "PERSID"),
        (b"\x80\x04Q.", "BINPERSID"),
        (b"\x80\x04(ios\nsystem\n.", "INST"),
        (b"\x80\x04cos\n" + b"x" * 400, "without end"),
    ],
)
def test_damaged_programs(raw: bytes, word: str) -> None:
    refused(raw, word)

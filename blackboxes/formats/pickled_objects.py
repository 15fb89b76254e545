"""What stands in for the functions that pickles of NumPy and `collections` objects name: see `pickles`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from blackboxes.errors import BlackboxError

KEYS = frozenset([str, int, float, bool, bytes, type(None)])  # and tuples of these
NUMBERS = re.compile("b1|[iu][1248]|f[248]")


class Name(NamedTuple):
    """A module and a name in it, as a pickle has them."""

    module: str
    name: str


def check_keys(keys: list[Any]) -> None:
    """Keys and members of sets are plain: hashing what is nested a million times would end the process."""
    if set(map(type, keys)) <= KEYS:
        return
    for key in keys:
        if type(key) not in KEYS and not (type(key) is tuple and len(key) < 9 and set(map(type, key)) <= KEYS):
            raise BlackboxError(f"a key of type {type(key).__name__}, numbers, texts and tuples of these are read")


class DType:
    """The type of an array's numbers, while its state is still to come."""

    def __init__(self, code: Any) -> None:
        if type(code) is not str or not NUMBERS.fullmatch(code):
            shown = code[:20] if type(code) is str else type(code).__name__
            raise BlackboxError(f"an array of {shown!r}, only numbers and booleans are read (no objects)")
        self.code, self.order = code, "="

    def set(self, state: Any) -> None:
        """The byte order; anything more belongs to types that are not read."""
        if type(state) is not tuple or len(state) < 2 or type(state[1]) is not str or state[1] not in tuple("<>|="):
            raise BlackboxError("the state of a type of numbers is not what NumPy writes")
        self.order = state[1]

    @property
    def numpy(self) -> np.dtype:
        """As NumPy has it."""
        return np.dtype(self.order + self.code)


class Array:
    """An array whose state is still to come."""

    def __init__(self) -> None:
        self.array: np.ndarray | None = None

    @property
    def made(self) -> np.ndarray:
        """The array, once it has had its state."""
        if self.array is None:
            raise BlackboxError("an array is mentioned before it is complete")
        return self.array

    def set(self, state: Any) -> np.ndarray:
        """State as NumPy writes it: version, shape, type, column order, bytes."""
        if type(state) is not tuple or len(state) != 5:
            raise BlackboxError("the state of an array is not what NumPy writes")
        self.array = _array(state[4], state[2], state[1], "F" if state[3] is True else "C")
        return self.array


def _array(raw: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if type(dtype) is not DType or type(raw) is not bytes:
        raise BlackboxError("an array is not made of bytes and a type of numbers (arrays of objects are not read)")
    if type(shape) is not tuple or len(shape) > 32 or any(type(n) is not int or n < 0 for n in shape):
        raise BlackboxError("the shape of an array is not a tuple of whole numbers")
    if math.prod(shape) * dtype.numpy.itemsize != len(raw):
        raise BlackboxError(f"an array claims shape {str(shape)[:80]} of {dtype.numpy}, but has {len(raw)} bytes")
    return np.frombuffer(raw, dtype=dtype.numpy).reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(arguments: tuple[Any, ...]) -> Array:
    if not arguments or arguments[0] != Name("numpy", "ndarray"):
        raise BlackboxError("only plain NumPy arrays are read")
    return Array()


def _from_buffer(arguments: tuple[Any, ...]) -> np.ndarray:
    if len(arguments) != 4:
        raise BlackboxError("an array is not what NumPy writes")
    return _array(*arguments)


def _dtype(arguments: tuple[Any, ...]) -> DType:
    return DType(arguments[0] if arguments else None)


def _scalar(arguments: tuple[Any, ...]) -> Any:
    if len(arguments) != 2:
        raise BlackboxError("a NumPy number is not what NumPy writes")
    return _array(arguments[1], arguments[0], (), "C").item()


def _dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """An OrderedDict: empty, or (protocol 2 of Python 2) with a list of [key, value]."""
    pairs = arguments[0] if arguments else []
    if len(arguments) > 1 or type(pairs) is not list or any(type(p) not in (list, tuple) or len(p) != 2 for p in pairs):
        raise BlackboxError("an OrderedDict is not made of pairs")
    check_keys([pair[0] for pair in pairs])
    return dict(pairs)


def _set(arguments: tuple[Any, ...]) -> set[Any]:
    values = arguments[0] if arguments else []
    if len(arguments) > 1 or type(values) is not list:
        raise BlackboxError("a set is not made of a list")
    check_keys(values)
    return set(values)


def _encode(arguments: tuple[Any, ...]) -> bytes:
    """Bytes in protocol 2."""
    if not arguments or type(arguments[0]) is not str or arguments[1:] not in ((), ("latin1",)):
        raise BlackboxError("bytes that are not a text in Latin-1")
    try:
        return arguments[0].encode("latin1")
    except UnicodeEncodeError:
        raise BlackboxError("bytes that are not a text in Latin-1") from None


def _bytes(arguments: tuple[Any, ...]) -> bytes:
    """No bytes, in protocol 2."""
    if arguments:
        raise BlackboxError("bytes made of something")
    return b""


BUILDERS: dict[Name, Callable[[tuple[Any, ...]], Any]] = {
    Name("collections", "OrderedDict"): _dict,
    Name("_codecs", "encode"): _encode,
    Name("numpy", "dtype"): _dtype,
    Name("__builtin__", "bytes"): _bytes,
    **{Name(module, "set"): _set for module in ("builtins", "__builtin__")},
    **{Name(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{Name(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{Name(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}
KNOWN = frozenset([*BUILDERS, Name("numpy", "ndarray")])

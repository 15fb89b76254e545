"""Numbers out of JSON, pickles and other texts, where anything may stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from blackboxes.errors import BlackboxError

KINDS = frozenset([int, float, type(None)])


def numbers(where: str, values: Any, length: int | None = None) -> np.ndarray:
    """A list of numbers as a float64 array; null, NaN and what is infinite become NaN.

    Raises:
        BlackboxError: no list, another length, or something in it is no number.
    """
    if type(values) is not list or (length is not None and len(values) != length):
        found = f"{len(values)}" if type(values) is list else type(values).__name__
        raise BlackboxError(f"{where}: a list of {length or ''} numbers is needed, not {found}".replace("  ", " "))
    if not set(map(type, values)) <= KINDS:
        odd = next(i for i, value in enumerate(values) if type(value) not in KINDS)
        raise BlackboxError(f"{where}: entry {odd} is {type(values[odd]).__name__}, a number is needed")
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:
        raise BlackboxError(f"{where}: a whole number too large for a float") from None
    array[np.isinf(array)] = np.nan
    return array


def number(where: str, value: Any) -> float:
    """One finite number.

    Raises:
        BlackboxError: it is none.
    """
    found = numbers(where, [value])[0]
    if np.isnan(found):
        raise BlackboxError(f"{where}: a number is needed, not {value!r:.40}")
    return float(found)


def whole(where: str, value: Any) -> int:
    """One whole number, which may be written as a float.

    Raises:
        BlackboxError: it is none, or beyond 64 bits.
    """
    found = number(where, value)
    if not found.is_integer() or abs(found) >= 2**53:
        raise BlackboxError(f"{where}: a whole number is needed, not {value!r:.40}")
    return int(found)


def fields(where: str, value: Any, *names: str) -> list[Any]:
    """The values of a dict (a JSON object) under each of the names.

    Raises:
        BlackboxError: no dict, or a name is missing.
    """
    if type(value) is not dict:
        raise BlackboxError(f"{where}: an object with {', '.join(names)} is needed, not {type(value).__name__}")
    for name in names:
        if name not in value:
            raise BlackboxError(f"{where}: {name!r} is missing")
    return [value[name] for name in names]

"""What arguments must be, checked in one place each."""

from __future__ import annotations

from math import isfinite
from numbers import Integral, Real
from typing import Any

from simulator.errors import SimulationError


def is_number(value: Any) -> bool:
    """Whether `value` is a finite number of Python or NumPy (and no bool)."""
    return not isinstance(value, bool) and isinstance(value, Real) and isfinite(value)


def whole(name: str, value: Any, low: int, high: int) -> int:
    """`value` as an int from `low` to `high`.

    Raises:
        SimulationError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise SimulationError(f"{name} = {value!r}: a whole number from {low} to {high} is needed")
    return int(value)


def check_eta(eta: float) -> None:
    """The reduction factor is a number above 1."""
    if not (is_number(eta) and eta > 1):
        raise SimulationError(f"eta = {eta!r}: the reduction factor must be a number above 1")


def check_r_min(r_min: float, r_max: float) -> None:
    """The lowest rung level is positive and does not exceed r_max."""
    if not (is_number(r_min) and 0 < r_min <= r_max):
        raise SimulationError(f"r_min = {r_min!r} must be above 0 and at most r_max = {r_max}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """`value` is one of the words in `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise SimulationError(f"{name} is {' or '.join(map(repr, choices))}, not {value!r}")


def check_flag(name: str, value: object) -> None:
    """`value` is True or False."""
    if not isinstance(value, bool):
        raise SimulationError(f"{name} is True or False, not {value!r}")


def check_share(name: str, value: float) -> float:
    """`value` if it is a number in [0, 1].

    Raises:
        SimulationError: it is something else.
    """
    if not (is_number(value) and 0 <= value <= 1):
        raise SimulationError(f"{name} = {value!r}: a share from 0 to 1 is needed")
    return value

"""Simulated time: whole nanoseconds inside, so that sums are exact; seconds at the surface."""

from __future__ import annotations

from math import floor
from typing import Final

import numpy as np

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # in seconds
NEVER: Final = 1 << 62  # nanoseconds, 146 years: later than anything in a run


class Clock:
    """The simulated time of a run, set by its event loop.

    Attributes:
        now: nanoseconds.
    """

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.now / 1e9


def nanoseconds(seconds: float) -> int:
    """Seconds as whole nanoseconds, halves up; `NEVER` at the most."""
    return floor(seconds * 1e9 + 0.5) if seconds < NEVER / 1e9 else NEVER


def nanosecond_array(seconds: np.ndarray, pace: float = 1.0) -> np.ndarray:
    """The same for an array, as int64, each second taking `pace` seconds; NaN becomes a time that never comes."""
    return np.floor(np.where(np.isnan(seconds), 9.2e9 / pace, seconds) * (pace * 1e9) + 0.5).astype(np.int64)


def format_time(time: int) -> str:
    """Nanoseconds as exact decimal seconds.

    >>> format_time(1_500_000_000)
    '1.500000000'
    """
    return f"{time // 10**9}.{time % 10**9:09d}"


def parse_time(text: str) -> int:
    """The inverse of `format_time`."""
    whole, _, fraction = text.partition(".")
    if not (whole.isdigit() and fraction.isdigit() and len(fraction) == 9):
        raise ValueError(f"{text!r} is not a time with nine decimals")
    return int(whole) * 10**9 + int(fraction)

"""How long things take on a cluster, and how often they happen: constants, or drawn from a named distribution."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist
from typing import Any

import numpy as np

from blackboxes.errors import name_hint
from blackboxes.streams import Stream
from simulator.checks import is_number
from simulator.clock import nanoseconds
from simulator.errors import SimulationError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
NUMBER = r"(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)"
BLOCK = 256  # draws made at once

# By name: its arguments, those that are amounts of what is drawn in capitals; and the value at a share u in (0, 1) of
# the distribution.
_normal = NormalDist().inv_cdf
DISTRIBUTIONS: dict[str, tuple[tuple[str, ...], Callable[..., float]]] = {
    "exponential": (("MEAN",), lambda u, mean: -mean * log(1 - u)),
    "uniform": (("LOW", "HIGH"), lambda u, low, high: low + (high - low) * u),
    "lognormal": (("MEDIAN", "sigma"), lambda u, median, sigma: median * exp(sigma * _normal(u))),
    "half-normal": (("SD",), lambda u, sd: sd * _normal((1 + u) / 2)),
}


@dataclass(frozen=True)
class Duration:
    """A time, or a plain share, from 0 up: one number, or a distribution.

    Attributes:
        distribution: one of `DISTRIBUTIONS`; None for a constant.
        arguments: of the distribution, in its order; the constant alone. Each a number and its unit: ``"s"``,
            ``"m"``, ``"h"``, ``"d"``, ``"x"`` for the table's mean full training, or ``""``.
    """

    distribution: str | None
    arguments: tuple[tuple[float, str], ...]

    @classmethod
    def read(cls, name: str, given: Any, timed: bool = True) -> Duration:
        """From a number of seconds, or text: ``"20s"``, ``"0.1x"``, ``"lognormal(median=20s, sigma=0.5)"``.

        Args:
            name: what it is, for messages.
            given: number or text.
            timed: it is a time; else a share, and units make no sense.

        Raises:
            SimulationError: anything else.
        """
        if is_number(given) and given >= 0:
            return cls(None, ((float(given), "s" if timed else ""),))
        wrong = SimulationError(
            f"{name} = {given!r:.100}: "
            + ("seconds, a time such as '20s' or '0.1x' (mean full trainings)" if timed else "a number from 0")
            + f", or a distribution such as '{'exponential(mean=20s)' if timed else 'half-normal(sd=0.5)'}' is needed"
        )
        if not isinstance(given, str):
            raise wrong
        amount = _amount(given, timed)
        if amount is not None:
            return cls(None, (amount,))
        match = re.fullmatch(r"\s*([\w-]+)\s*\(([^()]*)\)\s*", given)
        if match is None:
            raise wrong
        if match[1] not in DISTRIBUTIONS:
            hint = name_hint(match[1], list(DISTRIBUTIONS))
            raise SimulationError(f"{name} = {given!r:.100}: there is no distribution {match[1]!r}: {hint}")
        takes, _ = DISTRIBUTIONS[match[1]]
        words = dict(part.strip().split("=", 1) for part in match[2].split(",") if "=" in part)
        found = {key.strip(): _amount(value, timed and key.strip().upper() in takes) for key, value in words.items()}
        arguments = [found.get(argument.lower()) for argument in takes]
        if len(found) != len(match[2].split(",")) or set(found) != {a.lower() for a in takes} or None in arguments:
            form = f"{match[1]}({', '.join(f'{a.lower()}=...' for a in takes)})"
            raise SimulationError(f"{name} = {given!r:.100}: it is written {form}, with numbers from 0")
        return cls(match[1], tuple(a for a in arguments if a is not None))

    @property
    def is_zero(self) -> bool:
        """Whether nothing ever takes any time."""
        return self.distribution is None and self.arguments[0][0] == 0

    def numbers(self, full_training: float) -> list[float]:
        """The arguments as plain numbers, times in seconds."""
        return [number * (full_training if unit == "x" else UNITS.get(unit, 1.0)) for number, unit in self.arguments]

    def values(self, stream: Stream, full_training: float) -> Iterator[float]:
        """What is drawn, one after the other, from a stream of its own; the constant again and again."""
        arguments = self.numbers(full_training)
        if self.distribution is None:
            while True:
                yield arguments[0]
        _, value = DISTRIBUTIONS[self.distribution]
        while True:
            for share in shares(stream):
                yield value(share, *arguments)

    def drawer(self, stream: Stream, full_training: float) -> Callable[[], int]:
        """A function that gives the next of them in nanoseconds."""
        if self.distribution is None:
            constant = nanoseconds(self.numbers(full_training)[0])
            return lambda: constant
        return map(nanoseconds, self.values(stream, full_training)).__next__


def shares(stream: Stream) -> list[float]:
    """The next `BLOCK` draws, in (0, 1): the middles of 2^52 equal parts."""
    drawn: list[float] = ((stream.raw(BLOCK) >> np.uint64(12)) * 2.0**-52 + 2.0**-53).tolist()
    return drawn


def _amount(text: str, timed: bool) -> tuple[float, str] | None:
    match = re.fullmatch(rf"\s*{NUMBER}\s*([xsmhd]?)\s*", text)
    if match is None or (match[2] and not timed) or not is_number(float(match[1])):
        return None
    return float(match[1]), match[2] or ("s" if timed else "")


@dataclass(frozen=True)
class Rate:
    """How often something happens: so many times in a unit of time.

    Attributes:
        times: from 0.
        unit: as in `Duration`.
    """

    times: float
    unit: str

    @classmethod
    def read(cls, name: str, given: Any) -> Rate:
        """From a number an hour, or text: ``"0.2/h"``, ``"1/d"``, ``"0.1/x"`` (per mean full training).

        Raises:
            SimulationError: anything else.
        """
        if is_number(given) and given >= 0:
            return cls(float(given), "h")
        match = re.fullmatch(rf"\s*{NUMBER}\s*(?:/\s*([xsmhd]))?\s*", given) if isinstance(given, str) else None
        if match is None or not is_number(float(match[1])):
            raise SimulationError(
                f"{name} = {given!r:.100}: a number an hour, or text such as '0.2/h' or '0.1/x' (per mean full "
                "training), is needed"
            )
        return cls(float(match[1]), match[2] or "h")

    def mean(self, full_training: float) -> float:
        """Seconds between two of them on average; inf where it never happens."""
        unit = full_training if self.unit == "x" else UNITS[self.unit]
        return unit / self.times if self.times else float("inf")


def lifetimes(mean: float, stream: Stream) -> Iterator[int]:
    """Exponential times with this mean in seconds, in nanoseconds, at least one each."""
    while True:
        for share in shares(stream):
            yield max(1, nanoseconds(-mean * log(1 - share)))

"""How long things take on a cluster, and how often they happen: constants, or drawn from a named distribution."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from math import inf
from statistics import NormalDist
from typing import Any

import numpy as np

from blackboxes.errors import name_hint
from blackboxes.streams import Stream
from simulator.checks import is_number
from simulator.clock import NEVER, UNITS, nanoseconds
from simulator.errors import SimulationError

NUMBER = r"(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)"
LONGEST = 1e10  # seconds, longer than any run
FIRST_BLOCK, LARGEST_BLOCK = 256, 4096  # draws made at once


def _normal(shares: np.ndarray) -> np.ndarray:
    if len(shares) <= FIRST_BLOCK:  # to import SciPy takes longer than all that a small run does
        return np.array([*map(NormalDist().inv_cdf, shares.tolist())])
    from scipy.special import ndtri

    quantiles: np.ndarray = ndtri(shares)
    return quantiles


# By name: its arguments, those that are amounts of what is drawn in capitals; and the values at shares u in (0, 1) of
# the distribution.
DISTRIBUTIONS: dict[str, tuple[tuple[str, ...], Callable[..., np.ndarray]]] = {
    "exponential": (("MEAN",), lambda u, mean: -mean * np.log1p(-u)),
    "uniform": (("LOW", "HIGH"), lambda u, low, high: low + (high - low) * u),
    "lognormal": (("MEDIAN", "sigma"), lambda u, median, sigma: median * np.exp(sigma * _normal(u))),
    "half-normal": (("SD",), lambda u, sd: -sd * _normal((1 - u) / 2)),
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
        """The arguments as plain numbers, times in seconds, `LONGEST` at the most.

        Raises:
            SimulationError: a uniform distribution ends before it begins.
        """
        units = {"x": full_training, "": 1.0} | UNITS
        found = [min(number * units[unit], LONGEST) for number, unit in self.arguments]
        if self.distribution == "uniform" and found[0] > found[1]:
            raise SimulationError(f"uniform: low, {found[0]:g}, is more than high, {found[1]:g}")
        return found

    def values(self, full_training: float, seed: int, *names: str) -> Iterator[float]:
        """What is drawn, one after the other, from the stream with these names; the constant again and again."""
        if self.distribution is None:
            return repeat(self.numbers(full_training)[0])
        return chain.from_iterable(block.tolist() for block in self._blocks(full_training, Stream(seed, *names)))

    def times(self, full_training: float, seed: int, *names: str) -> Iterator[int]:
        """The same in nanoseconds."""
        if self.distribution is None:
            return repeat(nanoseconds(self.numbers(full_training)[0]))
        return chain.from_iterable(_whole(block) for block in self._blocks(full_training, Stream(seed, *names)))

    def _blocks(self, full_training: float, stream: Stream) -> Iterator[np.ndarray]:
        assert self.distribution is not None
        _, value = DISTRIBUTIONS[self.distribution]
        arguments = self.numbers(full_training)
        for block in _shares(stream):
            with np.errstate(over="ignore"):
                values = value(block, *arguments)
            yield _rounded(np.minimum(values, LONGEST))


def _shares(stream: Stream) -> Iterator[np.ndarray]:
    """Blocks of draws in (0, 1), the middles of 2^52 equal parts."""
    size = FIRST_BLOCK
    while True:
        yield (stream.raw(size) >> np.uint64(12)) * 2.0**-52 + 2.0**-53
        size = min(4 * size, LARGEST_BLOCK)


def _rounded(values: np.ndarray) -> np.ndarray:
    """To 32-bit floats, so that what the last bit of a logarithm is on some machine changes no trace."""
    return values.astype(np.float32).astype(np.float64)


def _whole(seconds: np.ndarray) -> list[int]:
    """Nanoseconds."""
    times: list[int] = np.floor(np.minimum(seconds * 1e9 + 0.5, NEVER)).astype(np.int64).tolist()
    return times


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
        return unit / self.times if self.times else inf


def lifetimes(mean: float, seed: int, *names: str) -> Iterator[int]:
    """Exponential times with this mean in seconds, in nanoseconds, at least one each; `NEVER` where that is inf."""
    if mean == inf:
        return repeat(NEVER)
    shares = _shares(Stream(seed, *names))
    blocks = (_rounded(np.maximum(-mean * np.log1p(-block), 1e-9)) for block in shares)
    return chain.from_iterable(map(_whole, blocks))


def keyed(times: Callable[..., Iterator[int]], *arguments: Any) -> Callable[[int, int], int]:
    """A function of two numbers that gives what is drawn for them: whatever else is drawn, and when, it is the same.

    Args:
        times: draws without end, given `arguments` and the second number as the last name of its stream.
        arguments: see there.
    """
    columns: list[tuple[list[int], Iterator[int]]] = []  # by the second number: what was drawn, for the first one

    def draw(first: int, second: int) -> int:
        try:
            return columns[second][0][first]
        except IndexError:
            pass
        while len(columns) <= second:
            columns.append(([], times(*arguments, str(len(columns)))))
        drawn, further = columns[second]
        drawn.extend(islice(further, max(first + 1, 2 * len(drawn)) - len(drawn)))
        return drawn[first]

    return draw

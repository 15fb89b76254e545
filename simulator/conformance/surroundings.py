"""What a scheduler could see of the world outside: the clock, global random state, the order of sets. Held still.

A run in given surroundings meets a made-up clock, a given state of `random` and `numpy.random`, and sets in an order
that depends on a salt, wherever the scheduler's own modules can see them. Two surroundings that differ in one thing
tell whether decisions depend on it.
"""

from __future__ import annotations

import datetime
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

CLOCKS = ("time", "perf_counter", "monotonic", "process_time", "thread_time")
CLOCKS_NS = tuple(f"{name}_ns" for name in CLOCKS)
CALENDARS = ("localtime", "gmtime", "ctime")


@dataclass(frozen=True)
class Sight:
    """What of the outside is in sight of a scheduler: looked up once, since there are many runs.

    Attributes:
        modules: that it is written in: those of its classes, of the same packages, of the same folder.
        clocks: where they have a function of `time`, or `datetime` itself: module, name, and what it is.
        classes: of theirs, whose objects are hashed by their address.
    """

    modules: list[ModuleType]
    clocks: list[tuple[ModuleType, str, Any]]
    classes: list[type]

    @classmethod
    def of(cls, scheduler: type) -> Sight:
        """That of a class of schedulers; whatever it imports should be imported by now."""
        modules = _modules_of(scheduler)
        real = {id(getattr(time, name)) for name in (*CLOCKS, *CLOCKS_NS, *CALENDARS)} | {id(datetime.datetime)}
        names = [(module, name, value) for module in modules for name, value in vars(module).items()]
        return cls(
            modules,
            [
                *((time, name, getattr(time, name)) for name in (*CLOCKS, *CLOCKS_NS, *CALENDARS)),
                (datetime, "datetime", datetime.datetime),
                *((module, name, value) for module, name, value in names if id(value) in real),
            ],
            [
                value
                for module, _, value in names
                if isinstance(value, type) and value.__module__ == module.__name__ and _hashed_by_address(value)
            ],
        )


def _modules_of(scheduler: type) -> list[ModuleType]:
    homes = [sys.modules[base.__module__] for base in scheduler.__mro__ if base.__module__ in sys.modules]
    homes = [module for module in homes if module.__name__.partition(".")[0] not in sys.stdlib_module_names]
    packages = {module.__name__.partition(".")[0] for module in homes}
    folders = {Path(file).parent for module in homes if (file := getattr(module, "__file__", None))}
    found: dict[int, ModuleType] = {}  # a module may go by two names
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        near = file is not None and Path(file).parent in folders
        if (name.partition(".")[0] in packages or near) and not name.startswith("simulator.conformance"):
            found[id(module)] = module
    return list(found.values())


def _hashed_by_address(cls: type) -> bool:
    found: Any = cls.__hash__
    return "__hash__" not in vars(cls) and found is object.__hash__ and not issubclass(cls, BaseException)


@dataclass(frozen=True)
class Surroundings:
    """Each number stands for one state; equal numbers, equal states."""

    clock: int = 0
    random: int = 0
    sets: int = 0

    @contextmanager
    def around(self, sight: Sight) -> Iterator[None]:
        """Holds for the block, as far as `sight` reaches."""
        with _clock(self.clock, sight), _random_state(self.random), _sets(self.sets, sight):
            yield


@contextmanager
def _clock(number: int, sight: Sight) -> Iterator[None]:
    """A clock that began at another time and goes at another speed, for each number."""
    began, ticks = 1e9 + 98_765_432.1 * number, 0
    held = True

    def now() -> float:
        nonlocal ticks
        ticks += 1
        # Uneven steps, so that neither differences nor remainders stay the same; the larger the number, the longer.
        return began + ticks * (1e-6 + 37.77 * number) + (ticks * ticks % 7) * 0.310007 * number

    def instead(real: Callable[..., Any], made_up: Callable[[], Any]) -> Callable[..., Any]:
        # A module that is imported meanwhile may keep it, so that afterwards it has to tell the truth.
        return lambda *arguments: made_up() if held else real(*arguments)

    def broken_down(real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: real(now()) if held and not arguments else real(*arguments)

    class Date(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return super().fromtimestamp(now(), tz) if held else super().now(tz)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(datetime.timezone.utc).replace(tzinfo=None)

    made_up: dict[Any, Any] = {datetime.datetime: Date}
    for name in CLOCKS:
        made_up[getattr(time, name)] = instead(getattr(time, name), now)
    for name in CLOCKS_NS:
        made_up[getattr(time, name)] = instead(getattr(time, name), lambda: int(now() * 1e9))
    for name in CALENDARS:
        made_up[getattr(time, name)] = broken_down(getattr(time, name))
    try:
        for module, name, real in sight.clocks:
            setattr(module, name, made_up[real])
        yield
    finally:
        held = False
        for module, name, real in sight.clocks:
            setattr(module, name, real)


@contextmanager
def _random_state(number: int) -> Iterator[None]:
    """Global random state of Python and NumPy, put back afterwards."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)  # noqa: NPY002


@contextmanager
def _sets(salt: int, sight: Sight) -> Iterator[None]:
    """Another order of sets: of objects, whose hash is their address, and of all that `set()` makes."""
    serial: dict[int, tuple[int, object]] = {}  # in the order in which they were first hashed; kept, so that ids stay

    def salted_hash(self: object) -> int:
        return _mixed(serial.setdefault(id(self), (len(serial), self))[0], salt)

    class Salted(set):
        """A set whose order depends on the salt alone."""

        def __iter__(self) -> Iterator[Any]:
            return iter(sorted(set.__iter__(self), key=lambda item: _mixed(hash(item), salt)))

        def pop(self) -> Any:
            for item in self:
                self.remove(item)
                return item
            return set.pop(self)

        def __repr__(self) -> str:
            return "{" + ", ".join(map(repr, self)) + "}" if self else "set()"

    def keeping_class(name: str) -> Callable[..., Any]:
        real = getattr(set, name)

        def operation(*arguments: Any) -> Any:
            result = real(*arguments)
            return result if result is NotImplemented else Salted(result)

        return operation

    for name in ("__and__", "__or__", "__sub__", "__xor__", "__rand__", "__ror__", "__rsub__", "__rxor__"):
        setattr(Salted, name, keeping_class(name))
    for name in ("copy", "difference", "intersection", "symmetric_difference", "union"):
        setattr(Salted, name, keeping_class(name))

    modules = [module for module in sight.modules if "set" not in vars(module)]
    try:
        for module in modules:
            module.set = Salted  # type: ignore[attr-defined]
        for cls in sight.classes:
            cls.__hash__ = salted_hash  # type: ignore[method-assign, assignment]
        yield
    finally:
        for module in modules:
            del module.set
        for cls in sight.classes:
            del cls.__hash__


def _mixed(number: int, salt: int) -> int:
    """A hash of both (the finaliser of SplitMix64)."""
    z = (number * 0x9E3779B97F4A7C15 + (salt + 1) * 0xD1B54A32D192ED03) & (2**64 - 1)
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & (2**64 - 1)
    z = (z ^ z >> 27) * 0x94D049BB133111EB & (2**64 - 1)
    return (z ^ z >> 31) >> 4

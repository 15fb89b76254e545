"""Random state, clock, log and warnings, as code that reads the global ones finds them during a call."""

from __future__ import annotations

import logging
import random
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

CLOCKS = ("time", "monotonic", "perf_counter")
SILENT: list[logging.Handler] = [logging.NullHandler()]
NO_WARNING = [("ignore", None, Warning, None, 0)]


class Surroundings:
    """A context manager, to be entered anew for every call: global names lead elsewhere, and back again afterwards.

    `random` and `numpy.random` draw from generators of their own, which go on from call to call; the functions of
    `time` tell simulated time; one library's loggers say nothing, and nobody is warned. Names are swapped, not states:
    saving and restoring the states of both generators takes 40 us. So a function that was imported by itself, as by
    ``from random import choice``, still draws from the global state. Names come back as they were when this was made.

    Args:
        seed: of both generators.
        now: gives the simulated time in seconds.
        library: name of the logger above all of the library's.
    """

    def __init__(self, seed: int, now: Callable[[], float], library: str) -> None:
        legacy, numpy_global = np.random.RandomState(seed % 2**32), np.random.mtrand._rand
        own = random.Random(seed)
        self._own: list[tuple[dict[str, Any], dict[str, Any]]] = [
            (vars(random), _bound_to(random._inst, own, vars(random))),
            (vars(np.random), _bound_to(numpy_global, legacy, vars(np.random))),
            (vars(np.random.mtrand), {"_rand": legacy}),
            (vars(time), dict.fromkeys(CLOCKS, now) | {f"{clock}_ns": _nanoseconds(now) for clock in CLOCKS}),
        ]
        self._before = [(names, {name: names[name] for name in own}) for names, own in self._own]
        self._log = logging.getLogger(library)
        self._told: tuple[Any, Any, bool] = [], [], True

    def __enter__(self) -> None:
        log = self._log
        self._told = warnings.filters, log.handlers, log.propagate
        warnings.filters, log.handlers, log.propagate = NO_WARNING, SILENT, False
        for names, own in self._own:
            names.update(own)

    def __exit__(self, *exception: object) -> None:
        for names, before in self._before:
            names.update(before)
        warnings.filters, self._log.handlers, self._log.propagate = self._told


def _bound_to(old: object, new: object, names: dict[str, Any]) -> dict[str, Any]:
    """Of a module's names, the methods of `old`, as those of `new`."""
    return {name: getattr(new, name) for name, value in names.items() if getattr(value, "__self__", None) is old}


def _nanoseconds(now: Callable[[], float]) -> Callable[[], int]:
    return lambda: round(now() * 1e9)

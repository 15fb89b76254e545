"""What Syne Tune's code finds in the process while it runs: global random state, clocks, logs and warnings."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

SILENT: list[logging.Handler] = [logging.NullHandler()]
IGNORED = ("ignore", None, Warning, None, 0)
GLOBAL: Any = np.random  # whose types do not tell of all that it has
CLOCKS = time.time, time.monotonic, time.perf_counter


class Inside:
    """Global random state and clock of a run's own, no log and no warnings, while Syne Tune's code runs.

    `numpy.random` is lent other bits rather than another state, which would take ten times as long. It forgets half of
    a pair of normal numbers by that, so where `outside` had one, its whole state is put back.
    """

    __slots__ = ("_bits", "_now", "_outside", "_saved")

    def __init__(self, bits: Any, now: Callable[[], float], outside: dict[str, Any] | None) -> None:
        self._bits, self._now, self._outside = bits, now, outside

    def __enter__(self) -> None:
        self._saved = (
            *(GLOBAL.get_bit_generator(), logging.root.handlers, warnings.filters, _Clock.now),
            *(time.time, time.monotonic, time.perf_counter),
        )
        GLOBAL.set_bit_generator(self._bits)
        logging.root.handlers, warnings.filters = SILENT, [IGNORED]
        _Clock.now = self._now
        time.time, time.monotonic, time.perf_counter = SIMULATED

    def __exit__(self, *error: object) -> None:
        bits, logging.root.handlers, warnings.filters, _Clock.now, *clocks = self._saved
        time.time, time.monotonic, time.perf_counter = clocks
        GLOBAL.set_bit_generator(bits)
        if self._outside is not None:
            GLOBAL.set_state(self._outside)


class _Clock:
    """Simulated time while Syne Tune's code runs, real time otherwise.

    For a module that is imported in the meantime, and takes a clock by its name, has it for good.
    """

    now: Callable[[], float] | None = None

    def __init__(self, real: Callable[[], float]) -> None:
        self._real = real

    def __call__(self) -> float:
        now = _Clock.now
        return self._real() if now is None else now()


SIMULATED: Any = tuple(map(_Clock, CLOCKS))


def half_pair() -> dict[str, Any] | None:
    """The state of `numpy.random`, if it has a normal number left of a pair."""
    state: dict[str, Any] = GLOBAL.get_state(legacy=False)
    return state if state["has_gauss"] else None

"""What another library's code finds in the process while it runs: random state, clocks, a log and warnings."""

from __future__ import annotations

import logging
import random
import time
import warnings
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any

import numpy as np

CLOCKS = ("time", "monotonic", "perf_counter")
SILENT: list[logging.Handler] = [logging.NullHandler()]
IGNORED = ("ignore", None, Warning, None, 0)
GLOBAL: Any = np.random  # whose types do not tell of all that it has
Names = dict[str, Any]


class Inside:
    """A context manager around each call into a library: what it reads leads elsewhere, and back again afterwards.

    `random` and `numpy.random` draw from generators of the run's own, which go on from call to call, and the clocks of
    `time` tell simulated time to the thread that called, for which it stands still: others may wait for it. Restoring
    states would take 40 us a call, so `numpy.random` is lent other bits, and names are swapped for the rest. What goes
    past them: ``from random import choice`` at the top of a module (that of `numpy.random` is caught), ``from time
    import time`` in a module that was imported before, `datetime.now`, `os.urandom`, PyTorch's global generator, and
    generators that are made without a seed, `numpy.random.default_rng()` among them.

    Args:
        seed: of both generators.
        now: gives the simulated time in seconds.
        library: the name of its log, which says nothing meanwhile, nor does any other, nor is anybody warned; None:
            nothing is silenced.
        also: other names to swap, for each namespace (a module's `vars`).
    """

    def __init__(
        self,
        seed: int,
        now: Callable[[], float],
        library: str | None = None,
        also: tuple[tuple[Names, Mapping[str, Any]], ...] = (),
    ) -> None:
        own, shared = random.Random(seed), vars(random)
        draws = {n: getattr(own, n) for n, value in shared.items() if getattr(value, "__self__", None) is random._inst}
        swapped = ((shared, draws), (vars(time), CLOCK_OF), *also)
        self._names = [(names, ours, {name: names[name] for name in ours}) for names, ours in swapped]
        self._bits, self._now = np.random.MT19937(seed), now
        self._log = None if library is None else logging.getLogger(library)
        self._halved = GLOBAL.get_state(legacy=False)["has_gauss"]
        self._saved: list[tuple[Any, ...]] = []  # a call may lead to another one

    def __enter__(self) -> None:
        # Normal numbers come in pairs, and other bits make it forget the second one: where there is one, all is kept.
        state = GLOBAL.get_state(legacy=False) if self._halved else None
        log = self._log
        told = None if log is None else (warnings.filters, logging.root.handlers, log.handlers)
        self._saved.append((GLOBAL.get_bit_generator(), state, _Clock.now, told))
        GLOBAL.set_bit_generator(self._bits)
        _Clock.now, _Clock.thread = self._now, get_ident()
        for names, ours, _ in self._names:
            names.update(ours)
        if log is not None:
            warnings.filters, logging.root.handlers, log.handlers = [IGNORED], SILENT, SILENT

    def __exit__(self, *error: object) -> None:
        bits, state, _Clock.now, told = self._saved.pop()
        if self._log is not None and told is not None:
            warnings.filters, logging.root.handlers, self._log.handlers = told
        if not self._saved:
            for names, _, before in self._names:
                names.update(before)
        GLOBAL.set_bit_generator(bits)
        if state is not None:
            GLOBAL.set_state(state)


class _Clock:
    """Simulated time while a library runs, real time otherwise.

    For a module that is imported in the meantime, and takes a clock by its name, has it for good.
    """

    now: Callable[[], float] | None = None
    thread = 0

    def __init__(self, real: Callable[[], Any], in_nanoseconds: bool) -> None:
        self._real, self._in_nanoseconds = real, in_nanoseconds

    def __call__(self) -> Any:
        if _Clock.now is None or _Clock.thread != get_ident():
            return self._real()
        return round(_Clock.now() * 1e9) if self._in_nanoseconds else _Clock.now()


CLOCK_OF = {
    name: _Clock(getattr(time, name), name.endswith("_ns")) for clock in CLOCKS for name in (clock, f"{clock}_ns")
}

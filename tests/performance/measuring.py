"""Times, memory, the machine they were measured on, and the goals they are held against."""

from __future__ import annotations

import gc
import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator import Simulation
from simulator.compiled.coverage import covered

TURN = 0.05  # seconds


@dataclass(frozen=True)
class Goal:
    """A figure that was wanted, and the one that came out."""

    what: str
    wanted: str
    found: str
    met: bool

    def __str__(self) -> str:
        return f"{'met' if self.met else 'NOT MET':8} {self.what}: wanted {self.wanted}, found {self.found}"


def best_of(run: Callable[[], object], repeats: int, clock: Callable[[], float] = time.process_time) -> float:
    """The shortest time of several calls, by default of the processor's: a busy machine takes the wall clock's."""
    times = []
    for _ in range(repeats):
        begun = clock()
        run()
        times.append(clock() - begun)
    return min(times)


def in_turns(runs: Mapping[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Processor seconds of each, the best of its calls; in turns, so that all meet the same moods of the machine.

    A turn is three calls, or as many as take `TURN` seconds: after another's turn the caches are cold, and three calls
    of a millisecond do not warm them (the compiled loop then looked 5 to 9% slower).
    """
    seconds = dict.fromkeys(runs, float("inf"))
    for _ in range(turns):
        for name, run in runs.items():
            gc.collect()
            begun = time.process_time()
            seconds[name] = min(seconds[name], best_of(run, 3))
            while time.process_time() - begun < TURN:
                seconds[name] = min(seconds[name], best_of(run, 3))
    return seconds


def cell(value: float | None, width: int, form: str = ",.0f") -> str:
    """A figure in a table, or a dash where there is none."""
    return f"{'-' if value is None else format(value, form):>{width}}"


def peak_memory() -> int:
    """The most bytes of memory that this process has held so far, by Linux's count."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def no_compiled_loop() -> str | None:
    """Why the compiled event loop cannot be measured here; None where it can."""
    if importlib.util.find_spec("numba") is None:
        return "numba is missing (pip install 'rungsim[fast]')"
    return None


def compiled(*arguments: Any, **options: Any) -> Simulation | None:
    """The same run by the compiled event loop; None where it does not cover the run, or Numba is missing."""
    if no_compiled_loop() is not None or covered(Simulation(*arguments, **options)) is not None:
        return None
    return Simulation(*arguments, **options, compiled=True)


def machine() -> str:
    """Cores, processor, and versions of what the figures depend on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    packages = []
    for name in ("numpy", "numba"):
        try:
            packages.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            packages.append(f"no {name}")
    return f"{cores()} cores, {model}, Python {platform.python_version()}, {', '.join(packages)}"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""The command line as a process of its own, and a small table to call it with."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float

from blackboxes import Blackbox, Metric

SCRIPT = Path(sysconfig.get_path("scripts"), "rungsim")


def small_table(task: str = "first", n: int = 40, seed: int = 0, **options: Any) -> Blackbox:
    """Curves of an error over 9 epochs, two replicates; ``accuracy`` is its opposite and ``test`` close to it."""
    draw = np.random.default_rng(seed)
    rate, width = draw.uniform(0.1, 1, n), draw.choice(["narrow", "wide"], n)
    epochs = np.arange(1, 10)
    error = 0.05 + 0.9 * np.exp(-rate[:, None, None] * epochs) + draw.uniform(0, 0.02, (n, 2, 9))
    error[3, :, 4:] = np.nan
    seconds = np.cumsum(draw.uniform(0.5, 2, (n, 2, 9)), axis=2)
    settings: dict[str, Any] = {
        "family": "small",
        "task": task,
        "space": ConfigurationSpace(space=[Float("rate", (0.1, 1.0)), Categorical("width", ["narrow", "wide"])]),
        "configs": {"rate": rate, "width": width},
        "resources": epochs,
        "metrics": {"error": error, "accuracy": 1 - error, "test": error + draw.uniform(0, 0.02, error.shape)},
        "metric_info": {"error": Metric("min", "fraction"), "accuracy": Metric("max"), "test": Metric("min")},
        "elapsed": seconds,
        "test_metric": "test",
        "description": "made for tests",
    }
    return Blackbox(**settings | options)


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**changes: str) -> dict[str, str]:
    """Variables for a process: output is buffered as for a user, and nothing is forced."""
    dropped = ("PYTHONUNBUFFERED", "PYTHONHASHSEED", "FORCE_COLOR", "NO_COLOR", "COLUMNS")
    return {name: value for name, value in os.environ.items() if name not in dropped} | changes


def process(*arguments: object, cwd: Path | None = None, **variables: str) -> Done:
    """Runs the installed script as a process of its own."""
    done = subprocess.run(
        [str(SCRIPT), *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def on_terminal(*arguments: object, **variables: str) -> tuple[Done, bytes]:
    """Runs the installed script with standard error on a terminal; also gives what was seen there."""
    import pty

    ours, theirs = pty.openpty()
    done = subprocess.run(
        [str(SCRIPT), *map(str, arguments)],
        stderr=theirs,
        stdout=subprocess.PIPE,
        env=environment(TERM="xterm", COLUMNS="100", **variables),
        timeout=120,
        text=True,
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return Done(done.returncode, done.stdout, ""), seen

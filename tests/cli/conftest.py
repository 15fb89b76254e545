"""A small family of tables, and two ways to call the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float

from blackboxes import Blackbox, Metric, save
from simulator import study
from simulator.cli import main

SCRIPT = Path(sysconfig.get_path("scripts"), "rungsim")
# A scheduler of another package, found through its entry point, in the processes of a comparison too.
PLUGIN = '''
import os, time
from pathlib import Path
from simulator import Resume
from simulator.schedulers.random import RandomSearch

class Slow(RandomSearch):
    """Random search that takes its time, and leaves a mark for each run."""
    def setup(self, context):
        super().setup(context)
        Path(os.environ["MARKS"], f"{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(0.1)

class Faulty(RandomSearch):
    """Random search that, under some seeds, breaks the protocol or has a bug."""
    def __init__(self, how="protocol"):
        self.how = how
    def setup(self, context):
        super().setup(context)
        self.unlucky, self.jobs = context.stream("luck").uniform(1)[0] < 0.2, 0
    def next_job(self):
        self.jobs += 1
        if self.unlucky and self.jobs == 6:
            return Resume(10**6, until=1) if self.how == "protocol" else 1 // 0
        return super().next_job()
'''


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


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tasks ``first``, and ``second`` without a test metric, seen as accuracy."""
    path = tmp_path_factory.mktemp("data") / "small.h5"
    save(path, [small_table(), small_table("second", seed=1, test_metric=None, default_metric="accuracy")])
    return path


@pytest.fixture(autouse=True)
def no_table_is_remembered() -> Iterator[None]:
    """Tests replace files and loaders under names that were used before."""
    yield
    study._table.cache_clear()


@pytest.fixture
def table(family: Path) -> str:
    return f"{family}:first"


@pytest.fixture
def shipped(family: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small family is shipped, and the only one."""
    monkeypatch.setattr("blackboxes.catalogue.shipped_folder", lambda: family.parent)


@pytest.fixture
def rungsim(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Calls the console script's function in this process."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["rungsim", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Done(int(end.value.code or 0), captured.out, captured.err)

    return call


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


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """The environment in which the schedulers ``slow`` and ``faulty`` are installed; their marks are in ``MARKS``."""
    site, marks = tmp_path / "site", tmp_path / "marks"
    (site / "plugin-1.0.dist-info").mkdir(parents=True)
    marks.mkdir()
    (site / "plugin.py").write_text(PLUGIN)
    (site / "plugin-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (site / "plugin-1.0.dist-info" / "entry_points.txt").write_text(
        "[rungsim.schedulers]\nslow = plugin:Slow\nfaulty = plugin:Faulty\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]), "MARKS": str(marks)}

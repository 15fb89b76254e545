"""A study on a Dask cluster of one scheduler and two worker processes, on loopback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from simulator.errors import SimulationError
from simulator.study.file import study_of
from simulator.study.folder import begin, carry_out, standing

pytest.importorskip("distributed", reason="pip install 'rungsim[dask]'")

TEXT = 'tables = ["power-law:n=30,r_max=9", "mlp:digits"]\nschedulers = ["random", "asha-promotion", "clairvoyant"]\n'
TEXT += 'seeds = 10\nbudget = "1x"\ntraces = true\n'


@dataclass
class Cluster:
    """Its address, and its workers' processes."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def process(*words: str, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    told = tmp_path / "scheduler.json"
    elsewhere = tmp_path / "elsewhere"  # paths are not relative to where workers happen to run
    elsewhere.mkdir()
    with ExitStack() as stack:
        words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(told))
        stack.enter_context(process("distributed.cli.dask_scheduler", *words, cwd=elsewhere))
        words = ("--scheduler-file", str(told), "--nthreads", "1", "--no-nanny", "--no-dashboard")
        workers = [stack.enter_context(process("distributed.cli.dask_worker", *words, cwd=elsewhere)) for _ in range(2)]
        deadline = time.monotonic() + 60
        while not (told.exists() and told.read_text().endswith("}")) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield Cluster(json.loads(told.read_text())["address"], workers)


def files_of(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*.parquet/*")}


def made(folder: Path, text: str = TEXT) -> Path:
    begin(study_of(text, "a.toml"), folder)
    return folder


def test_the_same_bytes_as_in_processes_and_all_of_it_when_a_worker_is_killed(tmp_path: Path, cluster: Cluster) -> None:
    alone, shared, killed = (made(tmp_path / name) for name in ("alone", "shared", "killed"))
    carry_out(alone, 1)
    carry_out(shared, dask=cluster.address)
    assert files_of(shared) == files_of(alone)
    assert len(pd.read_parquet(shared / "runs.parquet")) == 60

    struck: list[int] = []

    def strike(progress: object) -> None:
        if not struck:
            cluster.workers[0].send_signal(signal.SIGKILL)
            struck.append(len(standing(killed).missing))

    carry_out(killed, dask=cluster.address, advanced=strike)
    assert struck[0] > 10
    assert cluster.workers[0].wait() == -signal.SIGKILL
    assert files_of(killed) == files_of(alone)


def test_no_scheduler_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SimulationError, match="there is no Dask scheduler at 'nonsense://x'"):
        carry_out(made(tmp_path / "a"), dask="nonsense://x")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SimulationError, match=r"pip install 'rungsim\[dask\]'"):
        carry_out(made(tmp_path / "b"), dask="tcp://127.0.0.1:1")

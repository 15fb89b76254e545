"""Killed at any moment, or on a disk that is full, a study loses nothing that has finished."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from simulator.study.execution import CHUNK
from simulator.study.file import study_of
from simulator.study.folder import Progress, add, begin, carry_out, is_running, standing
from simulator.study.parts import read_columns, read_parts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

JOBS, TAKES = 2, 0.05
SLOW = '''
import os, time
from simulator.schedulers.random import RandomSearch

class Slow(RandomSearch):
    """Takes its time once something has been trained, and tells in a file that it does."""
    def setup(self, context):
        super().setup(context)
        self.first, self.run = True, context.stream("run").raw(1)[0]
    def on_end(self, trial, resource, value, reason):
        if self.first:
            self.first = False
            with open(os.environ["MARKS"], "a") as marks:
                marks.write(f"{self.run}\\n")
            time.sleep(float(os.environ["TAKES"]))
'''
RESUME = f"""
import sys
from pathlib import Path
from simulator.study.folder import carry_out
carry_out(Path(sys.argv[1]), {JOBS})
"""


@pytest.fixture
def study(tmp_path: Path) -> str:
    (tmp_path / "slow.py").write_text(SLOW)
    return (
        f'tables = "power-law:n=20,r_max=9"\nschedulers = "{tmp_path / "slow.py"}:Slow"\nbudget = "2x"\ntraces = true\n'
    )


def marks_in(path: Path) -> Counter[str]:
    return Counter(path.read_text().split() if path.exists() else [])


def on_disk(folder: Path) -> set[str]:
    return set(read_columns(read_parts(folder / "runs.parquet")[0], ["run"])["run"])


def killed_and_resumed(kills: int, runs: int, tmp_path: Path, study: str) -> None:
    """Compares with a study that nobody disturbed; counts what was done twice."""
    draw = random.Random(kills)
    marks, folder, undisturbed = tmp_path / "marks", tmp_path / "killed", tmp_path / "undisturbed"
    study += f"seeds = {runs}\n"
    environment = os.environ | {"MARKS": os.devnull, "TAKES": "0"}
    begin(study_of(study, "a.toml"), undisturbed)
    subprocess.run([sys.executable, "-c", RESUME, str(undisturbed)], env=environment, check=True)
    whole = {path.relative_to(undisturbed) for path in undisturbed.rglob("*.parquet/*.parquet")}
    assert len(whole) == 2

    environment |= {"MARKS": str(marks), "TAKES": str(TAKES)}
    begin(study_of(study, "a.toml"), folder)
    most_lost = 2 * JOBS * (1 + int(CHUNK / TAKES))  # a chunk in each process, and one on its way back
    lost = 0
    for kill in range(kills):
        said = tmp_path / "said"
        with said.open("w") as file:
            running = subprocess.Popen(
                [sys.executable, "-c", RESUME, str(folder)], env=environment, start_new_session=True, stderr=file
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.fail(f"it ended by itself: {running.wait(draw.uniform(0.3, 1.8))}, {said.read_text()}")
        if kill % 2:  # its processes must notice that it is gone
            running.kill()
            assert running.wait() == -signal.SIGKILL
            wait_until_gone(running.pid)
        else:
            os.killpg(running.pid, signal.SIGKILL)
            assert running.wait() == -signal.SIGKILL
        begun, kept = marks_in(marks), on_disk(folder)
        lost_now = begun.total() - lost - len(kept)
        assert 0 <= lost_now <= most_lost
        lost += lost_now
    subprocess.run([sys.executable, "-c", RESUME, str(folder)], env=environment, check=True)
    done = marks_in(marks)
    assert len(done) == runs
    assert done.total() - runs <= lost  # what was on disk was not done again
    assert {path.relative_to(folder) for path in folder.rglob("*.parquet/*.parquet")} == whole
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "runs.parquet", "study.toml", "traces.parquet"]


def wait_until_gone(session: int) -> None:
    """Until no process of a session runs, which a killed one has left behind."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(session, signal.SIGKILL)
    pytest.fail("processes have not noticed that the study was killed")


def test_killed_five_times(tmp_path: Path, study: str) -> None:
    killed_and_resumed(5, 60, tmp_path, study)


@pytest.mark.slow
def test_killed_fifty_times(tmp_path: Path, study: str) -> None:
    killed_and_resumed(50, 1500, tmp_path, study)


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.skipif(not shutil.which("mount"), reason="file systems are mounted elsewise here")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_loses_nothing_that_has_finished(tmp_path: Path, jobs: int) -> None:
    disk = tmp_path / "disk"
    text = 'tables = "power-law:n=20,r_max=9"\nschedulers = "random"\nseeds = 60\nbudget = "2x"\n'
    with small_disk(disk, "256k"):
        folder = disk / "study"
        begin(study_of(text, "a.toml"), folder)
        filler = disk / "filler"

        def fill_up(_: Progress) -> None:
            """As soon as the first part is written."""
            if (folder / "runs.parquet").exists() and not filler.exists():
                with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                    while file.write(bytes(512)):
                        pass

        with pytest.raises(OSError, match="No space left on device"):
            carry_out(folder, jobs, advanced=fill_up)
        kept = on_disk(folder)
        assert 0 < len(kept) < 60
        assert read_parts(folder / "runs.parquet")[1] == []
        assert not [path for path in folder.rglob(".*") if path.name != ".lock"]
        filler.unlink()
        moved = tmp_path / "elsewhere"
        shutil.copytree(folder, moved)
    before = standing(moved).done
    assert before == len(kept)
    assert carry_out(moved, jobs).done == 60 - before
    undisturbed = tmp_path / "undisturbed"
    begin(study_of(text, "a.toml"), undisturbed)
    carry_out(undisturbed, 1)
    pd.testing.assert_frame_equal(
        pd.read_parquet(moved / "runs.parquet"), pd.read_parquet(undisturbed / "runs.parquet")
    )


def test_a_read_only_folder_is_one_error_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    text = 'tables = "power-law:n=20,r_max=9"\nschedulers = "random"\nseeds = 4\nbudget = "2x"\n'
    with small_disk(disk, "1m"):
        begin(study_of(text, "a.toml"), disk / "study")
        carry_out(disk / "study", 1)
        add(disk / "study", seeds=range(6))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for attempt in (
            lambda: begin(study_of(text, "a.toml"), disk / "other"),
            lambda: carry_out(disk / "study", 1),
            lambda: add(disk / "study", seeds=range(9)),
        ):
            with pytest.raises(OSError, match="Read-only file system"):
                attempt()
        assert standing(disk / "study").done == 4
        assert not is_running(disk / "study")
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert carry_out(disk / "study", 1).done == 2

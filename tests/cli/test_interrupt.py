"""Ctrl-C and failing runs: what has finished is kept, and nothing else is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import SCRIPT, Done, environment, process, small_table
from matplotlib.figure import Figure

from analysis import load_runs
from simulator import Simulation
from simulator.registry import SCHEDULERS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
ASKED = "stopping when the runs that are under way have finished; again to stop at once\n"
OUTPUTS = ["anytime.png", "runs.parquet", "summary.csv"]


@pytest.fixture(autouse=True)
def _interrupts_as_in_a_terminal() -> Iterator[None]:
    """A shell starts background jobs, and with them these tests and their processes, deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def processes_of(session: int) -> list[str]:
    """What still runs of a session, as /proc tells."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has just ended
            pass
    return found


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def assert_undisturbed(out: Path) -> None:
    """The kept runs are those of a comparison that nobody disturbed."""
    for row in load_runs(out).itertuples():
        twin = "random" if row.scheduler.startswith(("slow", "faulty")) else row.scheduler
        assert row.digest == Simulation(small_table(), twin, seed=row.seed, budget="10x").run().digest()


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_the_runs_that_finished(table: str, tmp_path: Path, plugin: dict[str, str], jobs: int) -> None:
    out, marks = tmp_path / "out", Path(plugin["MARKS"])
    words = ["compare", table, "--schedulers", "slow,asha-stopping", "--seeds", "2000", "-q", "--out", str(out)]
    running = subprocess.Popen(
        [str(SCRIPT), *words, "--jobs", str(jobs)],
        env=environment(**plugin),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert wait_until(lambda: len(list(marks.iterdir())) >= 8, 60), running.poll()
        begun = len(list(marks.iterdir())) - 1  # the first one is of the check before all runs
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: every process gets it
        printed, complaint = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    runs = load_runs(out)
    assert complaint == ASKED + f"interrupted: {len(runs)} of 4000 runs are kept in {out}\n"
    assert printed == "".join(f"{out / name}\n" for name in ("runs.parquet", "summary.csv", "anytime.png"))
    assert sorted(path.name for path in out.iterdir()) == OUTPUTS
    assert (runs["scheduler"] == "slow").sum() >= begun  # those that were under way, too
    assert set(runs["scheduler"]) == {"slow", "asha-stopping"}
    assert_undisturbed(out)
    if Path("/proc/self/stat").exists():
        assert wait_until(lambda: not processes_of(running.pid), 10), processes_of(running.pid)


def test_ctrl_c_before_the_first_run_has_finished(table: str, tmp_path: Path, plugin: dict[str, str]) -> None:
    marks = Path(plugin["MARKS"])
    words = ["compare", table, "--schedulers", "slow", "--seeds", "50", "--jobs", "2", "--out", str(tmp_path / "out")]
    running = subprocess.Popen(
        [str(SCRIPT), *words], env=environment(**plugin), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert wait_until(lambda: len(list(marks.iterdir())) >= 1, 60)  # of the check that comes before all runs
        time.sleep(0.3)  # processes start up now
        os.killpg(running.pid, signal.SIGINT)
        _, complaint = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert complaint.startswith(ASKED + "interrupted: ")
    assert complaint.count("\n") == 2
    if Path("/proc/self/stat").exists():
        assert wait_until(lambda: not processes_of(running.pid), 10), processes_of(running.pid)


def test_ctrl_c_in_another_command_is_silent(table: str, tmp_path: Path, plugin: dict[str, str]) -> None:
    words = [str(SCRIPT), "run", table, "slow", "--trace", str(tmp_path / "a.trace")]
    running = subprocess.Popen(
        words, env=environment(**plugin), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert wait_until(lambda: len(list(Path(plugin["MARKS"]).iterdir())) >= 1, 60)
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=60) == ("", "")
    assert running.returncode == 130
    assert not (tmp_path / "a.trace").exists()


def test_ctrl_c_while_results_are_written_waits_until_they_are(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rungsim: Callable[..., Done]
) -> None:
    savefig = Figure.savefig

    def impatient(*args: Any, **kwargs: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        savefig(*args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", impatient)
    done = rungsim("compare", table, "--schedulers", "random", "--seeds", 2, "--jobs", 1, "-q", "--out", tmp_path)
    assert (done.code, done.err) == (130, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == OUTPUTS
    assert len(load_runs(tmp_path)) == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def failing_seeds(seeds: int) -> set[int]:
    from blackboxes.streams import Stream

    return {seed for seed in range(seeds) if Stream(seed, "scheduler", "luck").uniform(1)[0] < 0.2}


def test_a_failing_run_keeps_those_that_finished(
    rungsim: Callable[..., Done],
    table: str,
    tmp_path: Path,
    plugin: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.syspath_prepend(plugin["PYTHONPATH"].split(os.pathsep)[0])
    vars(SCHEDULERS).pop("_registered", None)
    request.addfinalizer(lambda: vars(SCHEDULERS).pop("_registered", None) and None)
    request.addfinalizer(lambda: sys.modules.pop("plugin", None) and None)
    out = tmp_path / "out"
    done = rungsim("compare", table, "--schedulers", "random,faulty", "--seeds", 30, "--jobs", 1, "-q", "--out", out)
    first = min(failing_seeds(30))
    assert first > 0
    kept = 2 * first + 1  # seed by seed: the failing one's random search comes first
    assert done.code == 2
    why, error = done.err.splitlines()
    assert why == f"a run failed: {kept} of 60 runs are kept in {out}"
    assert error.startswith("error: faulty")
    assert "there is no such trial" in error
    assert len(load_runs(out)) == kept
    assert sorted(path.name for path in out.iterdir()) == OUTPUTS
    assert_undisturbed(out)


def test_a_failing_run_in_another_process_keeps_those_that_finished(
    table: str, tmp_path: Path, plugin: dict[str, str]
) -> None:
    """A bug in somebody's scheduler shows where it is, in spite of the distance."""
    out = tmp_path / "out"
    words = ("compare", table, "--schedulers", "faulty(how='bug')", "--seeds", 30, "--jobs", 2, "-q", "--out", out)
    done = process(*words, **plugin)
    assert done.code == 1
    kept = len(load_runs(out)) if out.joinpath("runs.parquet").exists() else 0
    assert done.err.startswith(f"a run failed: {kept} of 30 runs are kept in {out}\n")
    assert 0 < kept < 30
    assert "plugin.py" in done.err
    assert "else 1 // 0" in done.err
    error, where = done.err.splitlines()[-2:]
    assert error == "ZeroDivisionError: integer division or modulo by zero"
    assert where.startswith("raised by faulty(how='bug') on small:first, seed ")
    assert "/simulator/" not in done.err  # the user's own code is what is shown
    assert_undisturbed(out)

"""`rungsim study`: what it prints, its exit codes, and Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from calling import SCRIPT, Done, environment, on_terminal, process
from filelock import FileLock

from simulator.study.parts import read_columns, read_parts

TEXT = 'tables = ["{table}"]\nschedulers = ["random", "asha-promotion"]\nseeds = 3\nbudget = "3x"\n'


@pytest.fixture
def study(tmp_path: Path, table: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.format(table=table))
    return path


def test_run_status_add_resume_verify(rungsim: Callable[..., Done], study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = rungsim("study", "run", study, "--out", out, "--jobs", 1)
    assert (done.code, done.err) == (0, "")
    first, second = done.out.splitlines()
    assert re.fullmatch(rf"{out}: 6 runs in \d+\.\d s, [\d.e+]+ a second", first)
    assert second == str(out / "runs.parquet")
    assert len(pd.read_parquet(second)) == 6

    done = rungsim("study", "status", out)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{out}: 6 of 6 runs are done")
    assert re.search(r"asha-promotion\W+3\W+3\W+0\W+0", done.out)

    done = rungsim(
        "study", "add", out, "--seeds", 4, "--schedulers", "asha-stopping(eta=2,r_min=1),random", "-q", "--jobs", 1
    )
    assert (done.code, done.out, done.err) == (0, f"{out / 'runs.parquet'}\n", "")
    assert len(pd.read_parquet(out / "runs.parquet")) == 12

    for part in (out / "runs.parquet").iterdir():
        part.write_bytes(part.read_bytes()[:-1])
    done = rungsim("study", "status", out)
    assert done.code == 1
    assert f"{out}: 0 of 12 runs are done" in done.out
    assert f"{part} is damaged: `rungsim study resume {out}` does its runs again" in done.out
    done = rungsim("study", "resume", out, "-q", "--jobs", 1)
    assert (done.code, done.err) == (0, f"{part} is damaged: its runs are run again\n")

    done = rungsim("study", "verify", out, "--sample", 5, "--jobs", 1)
    assert (done.code, done.out, done.err) == (0, "5 of 5 runs are as they were\n", "")


def test_the_folder_is_named_after_the_file(
    rungsim: Callable[..., Done], study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert rungsim("study", "run", "mine.toml", "-q", "--jobs", 1) == Done(0, "out/mine/runs.parquet\n", "")
    done = rungsim("study", "run", "mine.toml", "-q", "--jobs", 1)
    assert done.code == 2
    assert "error: out/mine holds study.toml already: `rungsim study resume out/mine` goes on" in done.err


def test_a_report_is_made_of_it(rungsim: Callable[..., Done], study: Path, tmp_path: Path) -> None:
    rungsim("study", "run", study, "--out", tmp_path / "out", "-q", "--jobs", 1)
    assert rungsim("tables", tmp_path / "out").code == 0
    assert rungsim("draw", "ranks", tmp_path / "out", "--out", tmp_path / "ranks.svg").code == 0


def test_every_mistake_is_a_line(rungsim: Callable[..., Done], study: Path, tmp_path: Path) -> None:
    study.write_text(study.read_text().replace('"random"', '"randm"') + "sedes = 3\n")
    done = rungsim("study", "run", study, "--out", tmp_path / "out")
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert first.startswith(f"error: {study}:2: schedulers: there is no scheduler 'randm': did you mean random")
    assert second.startswith(f"error: {study}:5: there is no key 'sedes' here: did you mean seeds")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "nosuch"], "there is no file 'nosuch', and no such study comes with rungsim: known: "),
        (["run", "none.toml"], "none.toml: No such file"),
        (["resume", "nowhere"], "nowhere: there is no such folder"),
        (["status", "."], ". holds no study: `rungsim study run` begins one"),
        (["add", "."], "say what to add: --seeds, --schedulers or --tables"),
        (["add", ".", "--seeds", "0"], "--seeds 0: how many seeds there are to be in all, at least 1, is needed"),
        (["add", ".", "--seeds", "-1"], "--seeds -1: how many"),
        (["resume", ".", "--engine", "ray"], "--engine ray: processes or dask is needed"),
        (["resume", ".", "--engine", "dask"], "--engine dask and --address tcp://HOST:PORT go together"),
        (["resume", ".", "--address", "tcp://x:1"], "--engine dask and --address tcp://HOST:PORT go together"),
        (["verify", ".", "--sample", "0"], "a sample of 0 runs: at least 1 is needed"),
    ],
)
def test_wrong_use(
    rungsim: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = rungsim("study", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {said}")
    assert done.err.count("\n") == 1


def test_jobs_must_be_positive(rungsim: Callable[..., Done], study: Path, tmp_path: Path) -> None:
    done = rungsim("study", "run", study, "--out", tmp_path / "out", "--jobs", 0)
    assert (done.code, done.err) == (
        2,
        "error: jobs = 0: a number of processes from 1, or -1 for all cores, is needed\n",
    )


def test_failed_runs_are_told_and_the_exit_code_says_so(study: Path, tmp_path: Path, plugin: dict[str, str]) -> None:
    text = study.read_text().replace('"asha-promotion"', "\"faulty(how='bug')\"").replace("seeds = 3", "seeds = 30")
    study.write_text(text)
    out = tmp_path / "out"
    done = process("study", "run", study, "--out", out, "-q", **plugin)
    assert (done.code, done.out) == (1, "")
    error, *trace = done.err.splitlines()
    failed = len(pd.read_parquet(out / "failures.parquet"))
    assert failed >= 2
    assert error == f"{failed} failed: ZeroDivisionError: integer division or modulo by zero"
    assert trace[0] == "    Traceback (most recent call last):"
    assert 'plugin.py", line ' in trace[1]
    assert re.fullmatch(r"    raised by faulty\(how='bug'\) on small:first, seed \d+: next_job at [\d.]+ s", trace[-1])
    assert len(pd.read_parquet(out / "runs.parquet")) == 60 - failed
    done = process("study", "status", out, **plugin)
    assert done.code == 1
    assert re.search(rf"faulty\(how='bug'\)\W+30\W+{30 - failed}\W+{failed}\W+0", done.out)


def test_the_second_resume_is_told(rungsim: Callable[..., Done], study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rungsim("study", "run", study, "--out", out, "-q", "--jobs", 1)
    with FileLock(out / ".lock"):
        assert "a process works on it now" in rungsim("study", "status", out).out
        done = process("study", "resume", out)
    said = f"error: {out}: another process works on this study; wait until it is done, or stop it\n"
    assert done == Done(2, "", said)


def test_the_bar_tells_the_rate(study: Path, tmp_path: Path, plugin: dict[str, str]) -> None:
    study.write_text(study.read_text().replace('"asha-promotion"', '"slow"'))
    done, seen = on_terminal("study", "run", study, "--out", tmp_path / "out", "--jobs", 1, **plugin)
    assert done.code == 0
    assert re.search(rb"\d/6 \S*[\d.]+ runs/s", re.sub(rb"\x1b\[[0-9;]*m", b"", seen))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("presses", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_lets_runs_finish_and_a_second_one_does_not(
    table: str, study: Path, tmp_path: Path, plugin: dict[str, str], presses: int
) -> None:
    study.write_text(TEXT.format(table=table).replace('"asha-promotion"', '"slow"').replace("seeds = 3", "seeds = 500"))
    out, marks = tmp_path / str(presses), Path(plugin["MARKS"])
    running = subprocess.Popen(
        [str(SCRIPT), "study", "run", str(study), "--out", str(out), "--jobs", "2"],
        env=environment(**plugin),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        deadline = time.monotonic() + 60
        while len(list(marks.iterdir())) < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in range(presses):
            os.killpg(running.pid, signal.SIGINT)
            time.sleep(0.05)
        _, complaint = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    begun = len(list(marks.iterdir())) - 1  # one is of the check before all runs
    kept = read_columns(read_parts(out / "runs.parquet")[0], ["scheduler"])["scheduler"]
    assert complaint.splitlines() == [
        "stopping when the runs that are under way have finished; again to stop at once",
        f"interrupted: {len(kept)} of 1000 runs are done; `rungsim study resume {out}` goes on",
    ]
    if presses == 1:
        assert kept.count("slow") == begun
    else:
        assert kept.count("slow") <= begun

"""`rungsim import` and `check`: one's own logs become a table that goes by its name."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
from calling import SCRIPT, Done, environment, on_terminal, process, small_table

from analysis import load_runs
from blackboxes import load, save
from blackboxes.importing import IMPORTERS

Command = Callable[..., Done]
COLUMNS = """
hyperparameters = ["rate", "width"]
resource = "epoch"
elapsed = "seconds"
metric.error = "min"
metric.accuracy = "max"
"""
PLUGIN = '''
import os, time
from pathlib import Path
from typing import Annotated
from blackboxes import BlackboxError

Flag = Annotated[bool, "not to be moved"]

def slow(source: Path, progress, *, seconds: Annotated[float, "to wait"] = 0.0, deaf: Flag = True):
    """Takes its time, and refuses in the end."""
    progress(1, 2)
    Path(source).with_suffix(".started").touch()
    time.sleep(seconds)
    raise BlackboxError(f"{source}: what a pity, deaf is {deaf}")
    yield
'''


def logs(path: Path) -> Path:
    """20 configurations over 9 epochs, in CSV."""
    lines = ["rate,width,epoch,seconds,error,accuracy"]
    for k, epoch in product(range(20), range(1, 10)):
        error = 0.1 + k / 100 + 0.5 / epoch
        lines.append(f"{(k + 1) / 100},{'narrow' if k % 2 else 'wide'},{epoch},{epoch * 1.5},{error},{1 - error}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with logs.csv and columns.toml; the data folder is `data` beside it, and not there yet."""
    folder = tmp_path / "work"
    folder.mkdir()
    logs(folder / "logs.csv")
    (folder / "columns.toml").write_text(COLUMNS)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RUNGSIM_DATA", str(tmp_path / "data"))
    return folder


@pytest.fixture
def slow(tmp_path: Path) -> dict[str, str]:
    """The environment in which the format `slow` is installed."""
    info = tmp_path / "site" / "plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info.parent / "slow_importer.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rungsim.importers]\nslow = slow_importer:slow\n")
    return {"PYTHONPATH": os.pathsep.join([str(info.parent), os.environ.get("PYTHONPATH", "")])}


def test_imported_logs_go_by_their_name(rungsim: Command, work: Path, tmp_path: Path) -> None:
    path = tmp_path / "data" / "long-family.h5"
    done = rungsim("import", "long", "logs.csv", "--columns", "columns.toml", "--family", "long-family", "--quiet")
    assert done == Done(0, f"{path}\n", "")
    assert list(path.parent.iterdir()) == [path]

    table = load("long-family")
    assert (table.name, len(table), table.replicates, table.resource_list) == (
        *("long-family:logs", 20, 1),
        list(range(1, 10)),
    )
    row = table.row_of({"rate": 0.07, "width": "wide"})
    assert table.curve(row).tolist() == [0.1 + 6 / 100 + 0.5 / epoch for epoch in range(1, 10)]
    assert table.elapsed[row, 0].tolist() == [1.5 * epoch for epoch in range(1, 10)]

    listed = rungsim("list").out
    assert listed.startswith(f"tables (your own in {path.parent})\n")
    assert "\n  long-family:logs\n" in listed
    shown = rungsim("show", "long-family")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("long-family:logs: ")
    assert re.search(r"configurations +20\n", shown.out)
    run = rungsim("run", "long-family:logs", "asha-promotion", "--seed", 1, "-q")
    assert (run.code, run.err) == (0, "")
    assert re.fullmatch(r"[0-9a-f]{64}\n", run.out)
    compared = rungsim(
        *("compare", "long-family", "--schedulers", "random,asha-stopping", "--seeds", 2, "--jobs", 1),
        *("-q", "--metric", "accuracy", "--out", "out"),
    )
    assert (compared.code, compared.err) == (0, "")
    runs = load_runs(work / "out")
    assert set(runs["table"]) == {"long-family:logs"}
    assert len(runs) == 4
    checked = rungsim("check", path)
    assert checked == Done(
        0,
        "logs: 20 configurations x 1 replicates x 9 resources, error, accuracy: valid, but odd:\n"
        "  - no licence is stated\n  - no source is stated\n",
        "",
    )


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_format(rungsim: Command, option: str) -> None:
    done = rungsim("import", option)
    assert (done.code, done.err) == (0, "")
    for name in IMPORTERS.names():
        assert re.search(rf"^  {name} +\w+", done.out, re.MULTILINE)


@pytest.mark.parametrize("name", IMPORTERS.names())
def test_help_of_a_format_shows_examples_with_options_that_it_has(rungsim: Command, name: str) -> None:
    done = rungsim("import", name, "--help")
    assert (done.code, done.err) == (0, "")
    described, examples = re.split(r"Examples?:\n", done.out)
    assert examples.strip()
    for line in examples.splitlines():
        assert line.strip().startswith(f"rungsim import {name} ")
        for option in re.findall(r"--[\w-]+", line):
            assert re.search(rf"(^  |/ ){option}\b", described, re.MULTILINE), option
    for option in ("--out", "--compress", "-q, --quiet"):
        assert f"  {option} " in described
    assert described.startswith(f"Usage: rungsim import {name} ")


def test_an_option_that_is_true_unless_told_otherwise(slow: dict[str, str], work: Path) -> None:
    done = process("import", "slow", "logs.csv", "--no-deaf", **slow)
    assert done == Done(2, "", "error: logs.csv: what a pity, deaf is False\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lcbensh", "logs.csv"], "there is no format 'lcbensh': did you mean lcbench"),
        (["long", "nowhere.csv", "--columns", "columns.toml"], "nowhere.csv: there is no such file or folder"),
        (["lcbench", "logs.csv", "--out", "no/where.h5"], "no/where.h5: cannot be written, there is no such folder"),
        (["lcbench", "logs.csv", "--out", "logs.csv"], "logs.csv: cannot be written, it is what is to be read"),
        (["lcbench", "logs.csv", "--out", "."], ".: cannot be written, it is a folder"),
        (["lcbench", "logs.csv"], "logs.csv: "),
    ],
)
def test_wrong_use_is_one_line(rungsim: Command, work: Path, words: list[str], said: str) -> None:
    done = rungsim("import", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {said}")
    assert done.err.count("\n") == 1
    assert sorted(path.name for path in work.iterdir()) == ["columns.toml", "logs.csv"]
    assert not list((work.parent / "data").glob("*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["long", "logs.csv", "--colums", "columns.toml"], "No such option"),
        (["lcbench"], "Missing argument"),
        (["yahpo", "logs.csv", "--configs", "many"], "--configs"),
    ],
)
def test_wrong_words_are_a_usage_error(rungsim: Command, work: Path, words: list[str], said: str) -> None:
    done = rungsim("import", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


@pytest.fixture
def _interrupts_as_in_a_terminal() -> Iterator[None]:
    """A shell starts background jobs, and with them these tests and their processes, deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.usefixtures("_interrupts_as_in_a_terminal")
def test_ctrl_c_is_silent_and_leaves_nothing(slow: dict[str, str], work: Path) -> None:
    running = subprocess.Popen(
        [str(SCRIPT), "import", "slow", "logs.csv", "--seconds", "600", "--out", "new.h5"],
        env=environment(**slow),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (work / "logs.started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: every process gets it
        assert running.communicate(timeout=60) == ("", "")
    finally:
        running.kill()
    assert running.returncode == 130
    assert sorted(path.name for path in work.iterdir()) == ["columns.toml", "logs.csv", "logs.started"]
    with pytest.raises(ProcessLookupError):  # nobody is left
        os.killpg(running.pid, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("quiet", "bar"), [([], True), (["--quiet"], False)])
def test_progress_bar_on_a_terminal_unless_quiet(slow: dict[str, str], work: Path, quiet: list[str], bar: bool) -> None:
    done, seen = on_terminal("import", "slow", "logs.csv", "--seconds", "0.3", *quiet, **slow)
    assert (done.code, done.out) == (2, "")
    assert (b"importing slow" in seen) is bar
    assert (b"50%" in seen) is bar
    assert b"error: logs.csv: what a pity" in seen


def test_no_progress_bar_when_piped(slow: dict[str, str], work: Path) -> None:
    done = process("import", "slow", "logs.csv", FORCE_COLOR="1", TTY_COMPATIBLE="1", **slow)
    assert done == Done(2, "", "error: logs.csv: what a pity, deaf is True\n")


def test_list_goes_on_behind_a_broken_file(rungsim: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNGSIM_DATA", str(tmp_path))
    (tmp_path / "broken.h5").write_text("of an earlier version, say")
    save(tmp_path / "small.h5", [small_table()])
    done = rungsim("list")
    assert (done.code, done.err) == (0, "")
    assert f"\n  broken: {tmp_path / 'broken.h5'}: not an HDF5 file" in done.out
    assert "\n  small:first\n" in done.out


def test_check_of_a_good_file_and_of_an_odd_one(rungsim: Command, tmp_path: Path) -> None:
    path = tmp_path / "tables.h5"
    fine = {"licence": "CC0-1.0", "source": "a test", "elapsed": small_table().elapsed * 0 + np.arange(1, 10)}
    constant = {name: values * 0 + 0.5 for name, values in small_table().metrics.items()}
    save(path, [small_table(**fine), small_table("flat", metrics=constant, **fine)])
    done = rungsim("check", path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "first: 40 configurations x 2 replicates x 9 resources, error, accuracy, test: fine",
        "flat: 40 configurations x 2 replicates x 9 resources, error, accuracy, test: valid, but odd:",
        *(f"  - {name}: constant, 0.5 throughout" for name in ("error", "accuracy", "test")),
        *(f"  - {a} are the same" for a in ("error and accuracy", "error and test", "accuracy and test")),
    ]


def test_check_reports_the_tasks_beside_a_broken_one(rungsim: Command, tmp_path: Path) -> None:
    path = tmp_path / "tables.h5"
    save(path, [small_table("a"), small_table("b"), small_table("c")], compress=False)
    with h5py.File(path, "r+") as file:
        file["tasks/a/elapsed"][3, 1, 4] = 0.001
        file["tasks/b"].attrs["space"] = np.bytes_(b"[]")
    done = rungsim("check", path)
    assert (done.code, done.err) == (2, "")
    first, second, third = (line for line in done.out.splitlines() if line[0] != " ")
    assert re.fullmatch(r"a: WRONG: .*tables\.h5: tasks/a: elapsed: row 3, replicate 1, resource 5: .*", first)
    assert re.fullmatch(r"b: WRONG: small:b: the space is not ConfigSpace's JSON: .*", second)
    assert third.startswith("c: 40 configurations x 2 replicates x 9 resources, error, accuracy, test: valid")


def test_check_of_what_is_no_file_of_ours(rungsim: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save("good.h5", [small_table()])
    content = Path("good.h5").read_bytes()
    Path("truncated.h5").write_bytes(content[: len(content) // 2])
    with h5py.File("foreign.h5", "w") as file:
        file["weights"] = [1.0, 2.0]
    save("empty.h5", [small_table()])
    with h5py.File("empty.h5", "r+") as file:
        del file["tasks/first"]
    Path("mlp").write_text("not the shipped family of this name")
    for name in ("truncated.h5", "foreign.h5", "empty.h5", "mlp", "nowhere.h5", "."):
        done = rungsim("check", name)
        assert (done.code, done.out) == (2, ""), name
        assert done.err.startswith(f"error: {name}: ")
        assert done.err.count("\n") == 1

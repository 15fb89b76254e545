"""Importing: whatever an importer does, there is one clear error, and no half of a file."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import blackboxes
from blackboxes import BlackboxError, families, load, tasks_of
from blackboxes.importing import IMPORTERS, import_file

HERE = Path(__file__).parent
NAMES = ["two", "needs", "nothing", "refuses", "crashes", "exits", "leaves", "hangs", "devours", "prints", "faulty"]
OLD = b"an older file"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which a package with the importers of `odd_importers.py` is installed."""
    site = tmp_path / "site"
    info = site / "odd-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(HERE / "odd_importers.py", site / "installed_importers.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    lines = [f"{name} = installed_importers:{name}" for name in NAMES] + ["absent = installed_importers:none"]
    (info / "entry_points.txt").write_text("\n".join(["[rungsim.importers]", *lines, "gone = nowhere:tables", ""]))
    monkeypatch.syspath_prepend(str(site))
    vars(IMPORTERS).pop("_registered", None)
    yield site
    vars(IMPORTERS).pop("_registered", None)
    sys.modules.pop("installed_importers", None)


@pytest.fixture
def folder(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds a source, and an older file where the new one will be; there is no data folder yet."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "logs.txt").write_text("to be read")
    (folder / "out.h5").write_bytes(OLD)
    monkeypatch.setenv("RUNGSIM_DATA", str(tmp_path / "data" / "rungsim"))
    return folder


def notes(folder: Path) -> list[int]:
    path = folder / "logs.notes"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def assert_untouched(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} - {"logs.notes"} == {"logs.txt", "out.h5"}
    assert (folder / "out.h5").read_bytes() == OLD
    assert (folder / "logs.txt").read_text() == "to be read"


def refused(folder: Path, format: str, *words: str, **arguments: Any) -> BlackboxError:
    """Asserts that an import fails with one line that has all the words, and leaves nothing behind."""
    arguments = {"source": folder / "logs.txt", "out": folder / "out.h5"} | arguments
    with pytest.raises(BlackboxError) as caught:
        import_file(format, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert ".unfinished" not in message
    for word in words:
        assert word in message, message
    assert_untouched(folder)
    return caught.value


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_tables_are_written_one_by_one_and_then_put_in_place(folder: Path) -> None:
    seen: list[tuple[float, float]] = []
    target = import_file(
        "two", folder / "logs.txt", str(folder / "out.h5"), progress=lambda done, total: seen.append((done, total))
    )
    assert target == folder / "out.h5"
    assert tasks_of(target) == ["first", "second"]
    assert load(target, "second").metrics["error"][1999, 0].tolist() == [1 / epoch for epoch in range(1, 51)]
    at_first, at_second = notes(folder)
    assert at_first < 1000
    assert at_second > 1_600_000  # the first table lay in the file when the second one was asked for
    assert seen[0] == (0, 2)
    assert {path.name for path in folder.iterdir()} == {"logs.txt", "logs.notes", "out.h5"}


def test_without_a_target_it_goes_by_its_name_in_the_users_folder(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data" / "rungsim"
    data.mkdir(parents=True)
    (data / "my family.h5").write_bytes(OLD)
    target = import_file("two", folder / "logs.txt", names="only", family="my family")
    assert target == families()["my family"] == data / "my family.h5"
    assert load("my family:only").name == load("my family").name == "my family:only"
    assert list(data.iterdir()) == [target]
    assert_untouched(folder)


def test_a_shipped_family_keeps_its_name(folder: Path, tmp_path: Path) -> None:
    why = "'mlp' cannot be a family in your data folder: a family that comes with rungsim has this name"
    refused(folder, "two", why, out=None, family="mlp")
    assert list((tmp_path / "data").rglob("*")) == [tmp_path / "data" / "rungsim"]


FAILURES = [
    ("refuses", {}, "row 7: minus one second"),
    ("nothing", {}, "one file holds at least one table"),
    ("exits", {}, "cannot be imported as exits: its process ended before it was done (exit code 3: assertion failed:"),
    ("leaves", {}, "its process ended before it was done (exit code 0)"),
    ("hangs", {"patience": 1.0}, "cannot be imported as hangs: no sign of life for 1 seconds"),
    pytest.param(
        *("crashes", {}, "the library that reads it crashed (SIGSEGV"),
        marks=pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
    ),
    pytest.param(
        *("devours", {"memory": 4 << 30}, "takes more than the 4 GiB of memory that an import may take"),
        marks=pytest.mark.skipif(sys.platform != "linux", reason="the limit is held on Linux"),
    ),
]


@pytest.mark.parametrize(("format", "arguments", "words"), FAILURES)
def test_a_failure_is_one_error_and_leaves_nothing(
    folder: Path, format: str, arguments: dict[str, Any], words: str
) -> None:
    error = refused(folder, format, words, **arguments)
    assert str(error).startswith(f"{folder / 'logs.txt'}: ")
    assert error.__cause__ is None
    assert not any(map(alive, notes(folder)))


def test_a_bug_says_where_and_has_its_traceback(folder: Path) -> None:
    lines = (HERE / "odd_importers.py").read_text().splitlines()
    line = 1 + lines.index('    return found["missing"]')
    place = f"cannot be imported as faulty: KeyError: 'missing' (installed_importers.py, line {line}, in look_up)"
    error = refused(folder, "faulty", place)
    trace = str(error.__cause__)
    assert "yield look_up({})" in trace
    assert trace.rstrip().endswith("KeyError: 'missing'")


def test_what_a_library_prints_is_no_answer(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    error = refused(folder, "prints")
    assert str(error) == f"{folder / 'logs.txt'}: nothing but noise"
    assert capfd.readouterr() == ("", "")


def test_wrong_arguments_are_refused_before_anything_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **more: pytest.fail("a process was started"))
    refused(folder, "lcbensh", "there is no format 'lcbensh': did you mean lcbench or ")
    refused(folder, "two", "two has no option 'nams': did you mean names?", nams="a")
    refused(folder, "needs", "needs needs the option 'seconds'")
    refused(folder, "two", "nowhere.csv: there is no such file or folder", source="nowhere.csv")
    refused(folder, "two", "two: a source is needed", source=None)
    refused(folder, "two", "nowhere/out.h5: cannot be written, there is no such folder", out=folder / "nowhere/out.h5")
    refused(folder, "two", "cannot be written, it is a folder", out=folder)
    refused(folder, "two", "logs.txt: cannot be written, it is what is to be read", out=folder / "logs.txt")
    if sys.platform != "win32":
        os.mkfifo(folder.parent / "pipe")
        refused(folder, "two", "pipe: cannot be written, it is no file", out=folder.parent / "pipe")
    refused(folder, "absent", "format absent: installed_importers:none cannot be imported: ")
    refused(folder, "gone", "format gone: nowhere:tables cannot be imported: No module named 'nowhere'")


def test_an_importer_that_finds_its_source(folder: Path) -> None:
    refused(folder, "nothing", "one file holds at least one table", source=None)


def test_an_interrupt_ends_the_process_too(folder: Path) -> None:
    def interrupt(done: float, total: float) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file("hangs", folder / "logs.txt", folder / "out.h5", progress=interrupt)
    assert_untouched(folder)
    (pid,) = notes(folder)
    assert not alive(pid)


SCRIPT = """
import sys
sys.path[:0] = ["site"]
from blackboxes.importing import import_file
print(import_file(sys.argv[1], "work/logs.txt", "work/new.h5"))
"""


def script(folder: Path, format: str) -> subprocess.Popen[str]:
    """A script without a guard, that runs where neither it nor the packages are; its path of modules is relative."""
    elsewhere = folder.parent / "scripts"
    elsewhere.mkdir()
    (elsewhere / "script.py").write_text(SCRIPT)
    words = [sys.executable, str(elsewhere / "script.py"), format]
    return subprocess.Popen(words, cwd=folder.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_from_a_script_without_a_guard(folder: Path) -> None:
    assert script(folder, "two").communicate(timeout=60) == (f"{Path('work', 'new.h5')}\n", "")
    assert tasks_of(folder / "new.h5") == ["first", "second"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_when_the_parent_is_killed_its_process_cleans_up(folder: Path) -> None:
    with script(folder, "hangs") as running:
        try:
            wait_until(lambda: notes(folder))
            running.kill()
            running.wait(30)
            (pid,) = notes(folder)
            wait_until(lambda: not alive(pid))
        finally:
            running.kill()
    assert_untouched(folder)


def test_modules_in_the_working_directory_are_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads may lie there, and any file may be called json.py."""
    for name in ("json", "numpy", "h5py", "blackboxes"):
        (folder / f"{name}.py").write_text("open('ran', 'w')\nraise SystemExit(9)\n")
    monkeypatch.chdir(folder)
    root = Path(inspect.getfile(blackboxes)).parent.parent
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if Path(entry).absolute() not in (root, folder)])
    with pytest.raises(BlackboxError, match=r"^logs\.txt: nothing but noise$"):  # this package is found all the same
        import_file("prints", "logs.txt", "out.h5")
    assert not Path("ran").exists()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="to root nothing is locked")
def test_a_folder_that_cannot_be_written_to(folder: Path) -> None:
    folder.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            import_file("two", folder / "logs.txt", folder / "out.h5")
    finally:
        folder.chmod(0o700)
    assert_untouched(folder)

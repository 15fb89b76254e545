"""Files that are never half written, and what is no file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from blackboxes.aside import written_aside

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")


def write(path: Path, text: str) -> None:
    with written_aside(path) as aside:
        aside.write_text(text)


def test_after_an_error_all_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write(path, "first")
    with pytest.raises(UnicodeEncodeError), written_aside(path) as aside:
        aside.write_text("second \udc80", encoding="utf-8")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@POSIX
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link(tmp_path: Path, there: bool) -> None:
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real.txt", tmp_path / "link.txt"
    if there:
        real.write_text("before")
    link.symlink_to(Path("far") / "real.txt")
    write(link, "after")
    assert link.is_symlink()
    assert real.read_text() == "after"
    assert list(real.parent.iterdir()) == [real]


@POSIX
def test_a_pipe_is_given_what_was_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Popen(["cat", str(pipe)], stdout=PIPE, text=True) as reader:
        write(pipe, "x" * 100_000)
        assert reader.communicate(timeout=30)[0] == "x" * 100_000
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]

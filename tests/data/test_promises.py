"""The README's table of which schedulers keep which promises, and the reasons, are what `promises.py` makes now."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_table_of_the_readme_is_what_the_libraries_do_now(tmp_path: Path) -> None:
    if not all((ROOT / ".venv-peers" / name / "bin" / "python").exists() for name in ("adapters", "syne-tune")):
        pytest.skip("the libraries are missing: make peers")
    files = [ROOT / "README.md", ROOT / "data" / "studies" / "promises.md"]
    copies = [Path(shutil.copy(file, tmp_path)) for file in files]
    program = ROOT / "data" / "studies" / "promises.py"
    words = [sys.executable, program, "--update", copies[0], "--reasons", copies[1]]
    subprocess.run([str(word) for word in words], check=True, capture_output=True)
    for file, copy in zip(files, copies, strict=True):
        assert copy.read_text(encoding="utf-8") == file.read_text(encoding="utf-8")

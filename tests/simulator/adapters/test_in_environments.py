"""The tests beside this file, in the environments that hold the libraries (`make peers`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["adapters", "ask"])
def test_adapters(environment: str) -> None:
    python = ROOT / ".venv-peers" / environment / "bin" / "python"
    if not python.exists():
        pytest.skip("the libraries are missing: make peers")
    here = Path(__file__)
    words = ["-q", "-p", "no:cacheprovider", "-m", "", str(here.parent), f"--ignore={here}"]
    done = subprocess.run([str(python), "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-10_000:]
    assert " passed" in done.stdout

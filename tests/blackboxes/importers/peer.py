"""Another project's own interpreter, in which a script of peers/ runs that project's own code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run_peer(name: str, script: str, *arguments: str | Path, stdin: str = "") -> str:
    """The output of peers/SCRIPT in the environment of the peer; skips the test where there is none."""
    named = os.environ.get(f"RUNGSIM_PEER_{name.upper().replace('-', '_')}")
    python = Path(named) if named else ROOT / ".venv-peers" / name / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"{python} is missing: `make peers` installs the peers' environments")
    command = [str(python), str(Path(__file__).parent / "peers" / script), *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout

"""What is slow to import is imported only by those who need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from calling import environment

HEAVY = ("pandas", "matplotlib", "scipy", "ConfigSpace", "joblib", "pyarrow")
LOOK = """
import sys
sys.argv[0] = "rungsim"
from simulator.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported(code: str, *arguments: str, cwd: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, env=environment(), capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_importing_the_simulator_is_light(tmp_path: Path) -> None:
    code = "import sys, simulator; print('imported:', *sorted({name.partition('.')[0] for name in sys.modules}))"
    found = imported(code, cwd=tmp_path)
    assert "simulator" in found
    assert found.isdisjoint({*HEAVY, "h5py", "rich", "typer", "analysis"})


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"], ["list"], ["run", "TABLE", "asha-promotion"]])
def test_commands_that_need_nothing_heavy_import_nothing_heavy(
    table: str, tmp_path: Path, arguments: list[str]
) -> None:
    words = [table if word == "TABLE" else word for word in arguments]
    trace = ["--trace", "a.trace"] if arguments[0] == "run" else []
    found = imported(LOOK, *words, *trace, cwd=tmp_path)
    assert found.isdisjoint({*HEAVY, "analysis"})
    if "--help" in arguments:
        assert "h5py" not in found

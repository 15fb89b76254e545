"""The tests beside this file, and the comparison of the README, in the environments that hold the libraries."""

from __future__ import annotations

import csv
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def python(environment: str) -> Path:
    found = ROOT / ".venv-peers" / environment / "bin" / "python"
    if not found.exists():
        pytest.skip(f"no libraries in {found.parent.parent.relative_to(ROOT)}: make peers, see Makefile")
    return found


def done(*words: str | Path) -> str:
    ran = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert ran.returncode == 0, f"{ran.stdout[-10_000:]}\n{ran.stderr[-2000:]}"
    return ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["adapters", "ask", "syne-tune", "syne-tune-0.13", "neps"])
def test_adapters(environment: str) -> None:
    here = Path(__file__)
    words = ["-q", "-p", "no:cacheprovider", "-m", "", here.parent, f"--ignore={here}"]
    assert " passed" in done(python(environment), "-m", "pytest", *words)


@pytest.mark.slow
def test_the_comparison_of_the_readme_and_its_report_tell_whose_code_decided(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    rungsim (compare .*\\\n.*'asha-promotion,optuna:.*)$", readme, re.MULTILINE)
    words = shlex.split(command.replace("\\\n", " "))
    rungsim = python("adapters").parent / "rungsim"
    told = done(rungsim, *words, "--seeds", "2", "--budget", "2x", "--out", tmp_path)
    with (tmp_path / "summary.csv").open(newline="", encoding="utf-8") as file:
        whose = {row["scheduler"]: row["decided_by"].partition(" ")[0] for row in csv.DictReader(file)}
    assert whose == {
        "asha-promotion": "rungsim",
        "optuna:TPESampler+HyperbandPruner": "optuna",
        "optuna:MedianPruner": "optuna",
        "ray:ASHAScheduler+kde": "ray",
        "syne-tune:ASHA": "syne-tune",
    }
    assert "decided by" in told
    done(Path(sys.executable).parent / "rungsim", "report", tmp_path)
    (page,) = tmp_path.glob("*.html")
    assert page.read_text(encoding="utf-8").count('class="tag"') == 4

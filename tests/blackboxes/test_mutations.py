"""Files with a few bytes changed: read, or refused with a `BlackboxError`; no other exception, crash or hang."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made import table

from blackboxes import save

HERE = Path(__file__).parent


def mutated(folder: Path, first: int, count: int, seconds: float) -> dict[str, int]:
    tables = [table(censored=np.zeros((6, 2), bool), test_metric="accuracy"), table(1, task="b", n=9, size=3)]
    save(folder / "compressed.h5", tables)
    save(folder / "mapped.h5", tables[1:], compress=False)
    try:
        done = subprocess.run(
            [sys.executable, HERE / "mutate.py", folder, str(first), str(count)],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=os.environ
            | {"PYTHONPATH": str(HERE)}
            | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"hangs, or is slow: {kept(folder)}")
    if done.returncode < 0 or not done.stdout:
        pytest.fail(f"ended with {done.returncode}: {kept(folder)}\n{done.stderr[-2000:]}")
    result = json.loads(done.stdout)
    assert not result["wrong"], "\n".join(f"seed {seed}: {what}" for seed, what in result["wrong"])
    return result["happened"]


def kept(folder: Path) -> str:
    """The file at work when the process ended, moved to where it survives the test."""
    seed = (folder / "seed").read_text() if (folder / "seed").exists() else "none"
    target = Path(os.environ.get("TMPDIR", "/tmp")) / f"rungsim-mutant-{seed}.h5"
    if (folder / "mutant").exists():
        shutil.copyfile(folder / "mutant", target)
    return f"seed {seed}, the file is kept as {target}"


def test_120_files(tmp_path: Path) -> None:
    happened = mutated(tmp_path, 0, 120, 60)
    assert happened["refused"] > 80
    assert happened["read"] > 4  # not every byte means something


@pytest.mark.slow
@pytest.mark.parametrize("first", [1000, 2000])
def test_2000_files(first: int, tmp_path: Path) -> None:
    mutated(tmp_path, first, 1000, 300)

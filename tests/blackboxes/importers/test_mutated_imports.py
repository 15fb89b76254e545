"""Published files with something changed: read, or refused with a `BlackboxError`; nothing else, in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
QUICK = ("long", "nasbench201")  # Parquet and CSV, pickles; HDF5 has a test of its own
FORMATS = sorted(path.stem.removeprefix("made_") for path in HERE.glob("made_*.py"))
NEEDS = {"yahpo": "onnxruntime"}


def mutated(name: str, folder: Path, first: int, count: int, seconds: float) -> dict[str, int]:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    paths = {"PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    command = [sys.executable, str(HERE / "mutate_imports.py"), name, str(folder), str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=os.environ | paths | one_thread)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout)
    print(f"{name}: {result['happened']}" + f" (read by {result['native']})" * bool(result["native"]))
    assert not result["wrong"], "\n".join(f"seed {seed}: {what}" for seed, what in result["wrong"][:5])
    assert sum(result["happened"].values()) == count
    return result["happened"]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FORMATS]
)
def test_24_files(name: str, tmp_path: Path) -> None:
    happened = mutated(name, tmp_path, 0, 24, 60)
    assert happened["refused"] > 4


@pytest.mark.slow
@pytest.mark.parametrize("first", [10_000, 20_000])
@pytest.mark.parametrize("name", FORMATS)
def test_2000_files(name: str, first: int, tmp_path: Path) -> None:
    happened = mutated(name, tmp_path, first, 1000, 1200)
    assert happened["refused"] > 300
    assert happened["read"] > 10  # not every byte means something

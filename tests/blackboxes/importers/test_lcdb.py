"""LCDB: every number where it belongs, the published file, and files that are wrong."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import made_lcdb as made
import numpy as np
import pandas as pd
import pytest

from blackboxes import Blackbox, BlackboxError
from blackboxes.importers.lcdb import tables

ROOT = Path(__file__).parents[3]


def read(path: Path | None) -> dict[str, Blackbox]:
    return {table.task: table for table in tables(path, lambda done, total: None)}


def test_every_number_where_it_belongs(tmp_path: Path) -> None:
    found = read(made.write(tmp_path))
    assert list(found) == ["3", "44"]
    box = found["44"]
    assert box.name == "lcdb:44"
    assert box.elapsed.shape == (2, 2, 4)
    assert box.resources.tolist() == [16, 23, 32, 40]
    assert (box.resumable, box.resource_unit, box.default_metric, box.test_metric) == (
        False,
        "instance",
        "score_valid",
        "score_test",
    )
    assert [info.direction for info in box.metric_info.values()] == ["max"] * 3
    assert [box.params(row)["learner"] for row in (0, 1)] == ["SVC_linear", "sklearn.tree.DecisionTreeClassifier"]
    assert box.metrics["score_valid"][0, 0].tolist() == [0.7440000000000001, 0.7222, 0.7295, 0.8237]
    assert box.metrics["score_test"][0, 1, :2].tolist() == [0.757, 0.7354]
    assert box.metrics["score_train"][0, 0, 2] == 0.9375
    assert box.elapsed[0, 0].tolist() == [0.0024, 0.0024, 0.0024, 0.01]  # 0.0014 and 0.0017 raised
    assert box.lengths.tolist() == [[4, 2], [4, 3]]
    assert "18.2% of the measured times" in box.description  # 2 of 11
    assert set(box.space["learner"].choices) == {"SVC_linear", "sklearn.tree.DecisionTreeClassifier"}


def test_failed_trainings_have_diverged(tmp_path: Path) -> None:
    box = read(made.write(tmp_path))["44"]
    assert box.elapsed[1, 0].tolist() == [0.0, 0.002, 0.002, 0.004]
    np.testing.assert_array_equal(box.metrics["score_valid"][1, 0], [np.nan, 0.6, np.nan, 0.8])
    np.testing.assert_array_equal(box.elapsed[1, 1], [0.001, 0.003, 0.003, np.nan])
    assert "15.4% of the entries" in box.description  # 2 of 13


def test_a_learner_alone(tmp_path: Path) -> None:
    box = read(made.write(tmp_path))["3"]
    assert box.elapsed.tolist() == [[[1.5, 2.5]]]
    assert box.metrics["score_test"].tolist() == [[[0.125, 0.25]]]
    assert box.vectors.tolist() == [[0.5]]


def test_other_measures(tmp_path: Path) -> None:
    box = read(made.write(tmp_path, name="database-logloss.csv"))["3"]
    assert (box.family, box.metric_info["score_valid"].direction) == ("lcdb-logloss", "min")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("44,SVC_linear,16,461,0,0,-1,0.9,0.7,0.7", "row 14, column 'traintime': -1.0 cannot be"),
        ("44,SVC_linear,16,461,0,0,,0.9,0.7,0.7", "row 14, column 'traintime'"),
        ("44,SVC_linear,0,461,0,0,1,0.9,0.7,0.7", "row 14, column 'size_train': 0 cannot be"),
        ("44,SVC_linear,16,461,0,0,1,0.9,0.7,0.7", "row 14: the same learner, seeds and size as row 2"),
        ("44,SVC_linear,16,461,0,0,1,0.9,0.7,good", "invalid value 'good'"),
        ("44,SVC_linear,16.5,461,0,0,1,0.9,0.7,0.7", "invalid value '16.5'"),
        ("44,SVC_linear,16", "Expected 10 columns, got 3"),
        (",SVC_linear,16,461,0,0,1,0.9,0.7,0.7", "column 'openmlid' has gaps"),
        ("44,SVC_linear,16,461,0,9,1e10,0.9,0.7,0.7", "is not below 1e+09 seconds"),
    ],
)
def test_refused(row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BlackboxError) as caught:
        read(made.write(tmp_path, [*made.ROWS, row]))
    assert message in str(caught.value)


def test_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(BlackboxError, match="there is no such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(BlackboxError, match="it has no rows"):
        read(made.write(tmp_path, []))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BlackboxError, match="openmlid"):
        read(tmp_path / "other.csv")


def test_found_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution `lcdb` on the path is enough; nothing in it is imported."""
    (tmp_path / "lcdb").mkdir()
    (tmp_path / "lcdb" / "__init__.py").write_text("raise ImportError('openml')")
    (tmp_path / "lcdb-0.1.0.dist-info").mkdir()
    (tmp_path / "lcdb-0.1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: lcdb\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BlackboxError, match=r"database-accuracy\.csv: there is no such file"):
        read(None)
    made.write(tmp_path / "lcdb")
    assert list(read(None)) == ["3", "44"]


@pytest.mark.slow
def test_the_published_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of the package's file, and three data sets compared with pandas on the raw CSV."""
    for site in ROOT.glob(".venv-peers/lcdb/lib/python*/site-packages"):
        monkeypatch.syspath_prepend(str(site))
    try:
        path = Path(str(distribution("lcdb").locate_file("lcdb/database-accuracy.csv")))
    except PackageNotFoundError:
        pytest.skip("the package lcdb is not installed: `make peers` installs it")
    found = read(None)
    raw = pd.read_csv(path)
    assert list(found) == [str(task) for task in sorted(raw.openmlid.unique())]
    assert sum(int((~np.isnan(box.metrics["score_valid"])).sum()) for box in found.values()) == len(raw)
    for task in (44, 3, 1461):
        box, rows = found[str(task)], raw[raw.openmlid == task]
        assert box.resources.tolist() == sorted(rows.size_train.unique())
        seeds = sorted(set(zip(rows.outer_seed, rows.inner_seed, strict=True)))
        assert box.replicates == len(seeds)
        for (learner, outer, inner), curve in rows.groupby(["learner", "outer_seed", "inner_seed"]):
            i, s = box.row_of({"learner": learner}), seeds.index((outer, inner))
            curve = curve.sort_values("size_train")
            at = np.searchsorted(box.resources, curve.size_train)
            for name in ("score_valid", "score_test", "score_train"):
                assert box.metrics[name][i, s, at].tolist() == curve[name].tolist()
                assert np.isnan(np.delete(box.metrics[name][i, s], at)).all()
            assert box.elapsed[i, s, at].tolist() == curve.traintime.cummax().tolist()
            assert box.lengths[i, s] == at[-1] + 1

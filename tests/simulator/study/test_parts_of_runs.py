"""Rows on disk: parts that agree, that show any damage, and that are joined without losing a run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator import Budget
from simulator.study import Row, Run, run_row
from simulator.study.parts import join_parts, read_columns, read_parts, remove_unfinished, write_part

TABLE = "power-law:n=20,r_max=9"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    names = ("random", "clairvoyant", "asha-stopping")
    return [run_row(Run(TABLE, name, seed, budget=Budget("2x"))) for seed in range(2) for name in names]


def test_parts_agree_whatever_their_rows_lack(rows: list[Row], tmp_path: Path) -> None:
    """The bound has no digest, no trials and no cost, and a run that is over at once has no best value."""
    nothing = run_row(Run(TABLE, "random", 9, budget=Budget("0.001x")))
    for row in [*rows, nothing]:
        write_part([row], tmp_path)
    schemas = {str(pq.read_schema(path)) for path in tmp_path.iterdir()}
    assert len(schemas) == 1
    frame = pd.read_parquet(tmp_path).set_index("run")
    assert len(frame) == 7
    for row in [*rows, nothing]:
        kept = frame.loc[row["run"]]
        assert kept["times"].tolist() == row["times"]
        assert (kept["scheduler"], kept["seed"]) == (row["scheduler"], row["seed"])
        assert kept["digest"] == row["digest"] or row["digest"] is None


def test_any_damage_shows(rows: list[Row], tmp_path: Path) -> None:
    path = write_part(rows, tmp_path)
    good = path.read_bytes()
    assert read_parts(tmp_path) == ([path], [])
    for place in range(0, len(good), len(good) // 40):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert read_parts(tmp_path) == ([], [path])
    for size in (0, 1, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:size])
        assert read_parts(tmp_path) == ([], [path])
    path.write_bytes(good + b"\0")
    assert read_parts(tmp_path) == ([], [path])
    path.write_bytes(good)
    assert read_parts(tmp_path) == ([path], [])


def test_parts_are_joined_in_order_and_each_run_is_kept_once(rows: list[Row], tmp_path: Path) -> None:
    order = [row["run"] for row in rows]
    for some in (rows[3:], rows[:2], rows[1:4]):
        write_part(some, tmp_path)
    assert len(read_parts(tmp_path)[0]) == 3
    join_parts(tmp_path, order)
    [one], [] = read_parts(tmp_path)
    assert read_columns([one], ["run"])["run"] == order
    again = tmp_path / "again"
    for some in (rows[:1], rows[1:]):
        write_part(some, again)
    join_parts(again, order)
    assert [path.name for path in again.iterdir()] == [one.name]  # the same bytes
    join_parts(again, order)
    assert [path.name for path in again.iterdir()] == [one.name]
    join_parts(tmp_path / "nothing", order)


def test_parts_of_another_version_are_joined_too(rows: list[Row], tmp_path: Path) -> None:
    older = [{name: value for name, value in row.items() if name not in ("python", "costs")} for row in rows[:2]]
    write_part(older, tmp_path)
    write_part(rows[2:], tmp_path)
    join_parts(tmp_path, [row["run"] for row in rows])
    frame = pd.read_parquet(tmp_path)
    assert frame["run"].tolist() == [row["run"] for row in rows]
    assert frame["python"].isna().tolist() == [True, True, False, False, False, False]


def test_a_part_that_cannot_be_written_leaves_nothing(
    rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_part(rows[:1], tmp_path)

    def full(table: pa.Table, file: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_part(rows[1:], tmp_path)
    with pytest.raises(OSError, match="No space left"):
        join_parts(tmp_path, [])
    assert [*tmp_path.iterdir()] == [path]


def test_what_was_being_written_is_removed(rows: list[Row], tmp_path: Path) -> None:
    path = write_part(rows[:1], tmp_path)
    (tmp_path / ".0123.unfinished").write_bytes(path.read_bytes()[:100])
    assert len(pd.read_parquet(tmp_path)) == 1  # nor does it get in the way
    remove_unfinished(tmp_path)
    assert [*tmp_path.iterdir()] == [path]

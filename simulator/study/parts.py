"""Rows on disk: Parquet files, each written aside and renamed, and named after what it holds.

A folder of parts is a data set that pandas reads in one line. A part's name is the SHA-256 of its bytes, so that damage
of any kind shows.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blackboxes.aside import written_aside
from simulator.study.run import STEPS, Row

if TYPE_CHECKING:
    import pyarrow as pa

LARGE = 32 << 20  # bytes: a part of this size is not written again to join it with others
TEXTS = (
    *("run", "table", "source", "metric", "direction", "unit", "test_metric", "test_direction", "test_unit"),
    *("resource_unit", "scheduler", "cluster", "budget", "off_table", "digest", "table_digest", "code"),
    *("library", "rungsim", "python", "numpy", "error", "where"),
)
COUNTS = (
    *("workers", "max_trials", "trials", "completed", "stopped", "failed", "cut_off", "reports"),
    *("crashes", "preemptions"),
)


def write_rows(rows: Sequence[Row], path: str | os.PathLike[str]) -> None:
    """Write rows as Parquet, in the given order, aside first and then renamed.

    Raises:
        OSError: the folder cannot be written to, or the disk is full; nothing is left of the file then.
    """
    with written_aside(Path(path)) as aside:
        _store(_packed(rows, _schema(rows[0])), aside)


def write_part(rows: Sequence[Row], folder: Path, schema: pa.Schema | None = None) -> Path:
    """Write rows as one more part of a folder, which is made if there is none; gives its path.

    Raises:
        OSError: as for `write_rows`.
    """
    return _add(_packed(rows, schema or _schema(rows[0])), folder)


def read_parts(folder: Path) -> tuple[list[Path], list[Path]]:
    """The parts of a folder that are as they were written, and those that are damaged."""
    whole: list[Path] = []
    damaged: list[Path] = []
    for path in sorted(folder.glob("*.parquet")):
        (whole if _name(path) == path.name else damaged).append(path)
    return whole, damaged


def read_columns(parts: Sequence[Path], columns: Sequence[str]) -> dict[str, list[Any]]:
    """Some columns of parts that are whole, part after part."""
    import pyarrow.parquet as pq

    found: dict[str, list[Any]] = {name: [] for name in columns}
    for path in parts:
        table = pq.read_table(path, columns=list(columns), partitioning=None)
        for name in columns:
            found[name] += table[name].to_pylist()
    return found


def join_parts(folder: Path, order: Sequence[str]) -> None:
    """Make one part of all small ones; a run that is in several, after a crash in here, is kept once.

    Args:
        folder: of the parts; it need not exist.
        order: in which runs come, by their keys; others come last.

    Raises:
        OSError: as for `write_rows`; all parts are still there then.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    small = [path for path in read_parts(folder)[0] if path.stat().st_size < LARGE]
    if not small:
        return
    # Another version of rungsim may have written some of them, and known fewer columns.
    table = pa.concat_tables([pq.read_table(path, partitioning=None) for path in small], promote_options="default")
    places = {run: place for place, run in enumerate(order)}
    first: dict[str, int] = {}
    for number, run in enumerate(table["run"].to_pylist()):
        first.setdefault(run, number)
    ordered = sorted(first, key=lambda run: (places.get(run, len(places)), run))
    joined = _add(table.take([first[run] for run in ordered]), folder)
    for path in small:
        if path != joined:
            path.unlink()


def remove_unfinished(folder: Path) -> None:
    """What was being written when a process was killed."""
    for path in folder.glob(".*.unfinished"):
        path.unlink()


def _add(table: pa.Table, folder: Path) -> Path:
    """As a part, whose name is known once it is written."""
    folder.mkdir(exist_ok=True)
    aside = folder / f".{secrets.token_hex(8)}.unfinished"
    try:
        _store(table, aside)
        path = folder / _name(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path


def _name(path: Path) -> str:
    """What a part that holds this is called."""
    return f"{sha256(path.read_bytes()).hexdigest()[:32]}.parquet"


def _store(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    with path.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())  # or else a machine that fails may keep the name and lose the content


def _packed(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=schema)


def _schema(row: Row) -> pa.Schema:
    """One for all rows of a kind, whatever they lack, so that all parts agree."""
    import pyarrow as pa

    def kind(name: str) -> pa.DataType:
        if name in TEXTS:
            return pa.string()
        if name in STEPS:
            return pa.list_(pa.float64())
        return pa.uint64() if name == "seed" else pa.int64() if name in COUNTS else pa.float64()

    return pa.schema([(name, kind(name)) for name in row])

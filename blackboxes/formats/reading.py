"""Reads small JSON, NumPy and Parquet files of others; whatever is wrong with them becomes one `BlackboxError`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blackboxes.errors import BlackboxError, damage, name_hint, no_file, printable

if TYPE_CHECKING:
    import pyarrow as pa

MOST_JSON = 1 << 26  # bytes of a JSON file that describes a space or a table
MOST_UNPACKED = 1 << 32  # bytes that the columns read from one Parquet file may take


def hint(name: str, known: Iterable[str]) -> str:
    """`name_hint`, where the known names come from a file and may hold what a terminal obeys."""
    return name_hint(name, map(printable, known))


def existing(path: Path) -> Path:
    """`path` if there is such a regular file."""
    if not path.is_file():
        raise BlackboxError(f"{path}: {no_file(path)}")
    return path


def read_json(path: Path, kind: type = dict) -> Any:
    """The content of a JSON file whose outermost value is a `kind`.

    Raises:
        BlackboxError: no such file, more than 64 MiB, not JSON, or another kind of value.
    """
    size = existing(path).stat().st_size
    if size > MOST_JSON:
        raise BlackboxError(f"{path}: {size} bytes of JSON, the most is {MOST_JSON}")
    with damage(path):
        try:
            found = json.loads(path.read_text("utf-8"))
        except RecursionError as error:
            raise BlackboxError(f"{path}: nested too deep") from error
    if not isinstance(found, kind):
        raise BlackboxError(f"{path}: a JSON {kind.__name__} is needed, not a {type(found).__name__}")
    return found


def read_npy(path: Path, dimensions: int, kinds: str = "f") -> np.ndarray:
    """An array from a file of NumPy's own format, memory-mapped and read-only.

    Args:
        path: of the file; Python objects in it are refused, and so is a shape that the file cannot hold.
        dimensions: how many axes it has.
        kinds: of NumPy that are allowed.
    """
    with damage(existing(path)):
        with open(path, "rb") as file:
            magic = file.read(6)
        if magic != b"\x93NUMPY":  # np.load would take it for a pickle
            raise BlackboxError(f"{path}: not a file of NumPy's own format (*.npy)")
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim != dimensions or array.dtype.kind not in kinds:
        found = f"{array.dtype} of shape {array.shape}"
        raise BlackboxError(f"{path}: {dimensions} axes of NumPy's kind {'/'.join(kinds)!r} are needed, not {found}")
    return array


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Columns of a Parquet file (all of them by default), in their order in the file.

    Raises:
        BlackboxError: no such file or column, damage, or more than 4 GiB unpacked by the file's own account.
    """
    import pyarrow.parquet as pq

    with damage(existing(path)), pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        for name in columns or ():
            if name not in names:
                raise BlackboxError(f"{path}: there is no column {name!r}: {hint(name, names)}")
        if len(set(names)) < len(names):
            raise BlackboxError(f"{path}: a column name comes twice")
        meta = file.metadata
        unpacked = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
        if max(unpacked, 8 * meta.num_rows) > MOST_UNPACKED:
            raise BlackboxError(f"{path}: {meta.num_rows} rows take {unpacked} bytes, the most is {MOST_UNPACKED}")
        wanted = [name for name in names if columns is None or name in columns]
        table = file.read(wanted, use_threads=False)
        table.validate(full=True)
    return table


def column_values(path: Path, name: str, column: pa.ChunkedArray) -> np.ndarray:
    """A column as NumPy numbers or booleans, NaN where null; or as texts, None where null."""
    import pyarrow as pa

    with damage(path):
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        kind = column.type
        if pa.types.is_floating(kind) or (pa.types.is_integer(kind) and column.null_count):
            return column.cast(pa.float64()).to_numpy()
        if pa.types.is_integer(kind) or (pa.types.is_boolean(kind) and not column.null_count):
            return column.to_numpy()
        if pa.types.is_binary(kind):
            column, kind = column.cast(pa.string()), pa.string()
        plain = (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_null)
        if not any(is_plain(kind) for is_plain in plain):
            raise BlackboxError(f"{path}: column {name!r} should hold numbers, texts or booleans, not {kind}")
        values = np.empty(len(column), dtype=object)
        values[:] = column.to_pylist()
        return values

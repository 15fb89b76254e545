"""Reads the named columns of a CSV or Parquet file, and tells file, row and column where a value is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blackboxes.errors import BlackboxError, damage, printable
from blackboxes.formats.reading import column_values, existing, hint, read_parquet

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = ("", "na", "n/a", "nan", "null", "none")  # in a column of numbers, in any case
MOST_HEADER = 1 << 20  # bytes
MOST_ROWS = 1 << 28


class LongFile:
    """The named columns of a long table, in memory.

    Messages tell the line of a CSV file, as an editor shows it, and the row of a Parquet file, from 1.

    Args:
        path: `*.parquet` or `*.pq`; anything else is read as CSV (`*.tsv`: tabs), compressed or not.
        names: the columns to read.

    Raises:
        BlackboxError: no such file or column, damage, no rows.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self._is_csv = path.suffix.lower() not in (".parquet", ".pq")
        self._table = _read_csv(path, names) if self._is_csv else read_parquet(path, names)
        self.rows = self._table.num_rows
        if not 0 < self.rows <= MOST_ROWS:
            raise BlackboxError(f"{path}: it has {self.rows} rows, 1 to {MOST_ROWS} are read")

    def where(self, row: int, *columns: str) -> str:
        """The beginning of a message: the file, a row (0 for the first) and columns."""
        return f"{self.path}: {', '.join([self.place(row), *(f'column {name!r}' for name in columns)])}"

    def place(self, row: int) -> str:
        """Where in the file a row is (0 for the first)."""
        line = _line_of(self.path, row + 1) if self._is_csv else None
        return f"row {row + 1}" if line is None else f"line {line}"

    def values(self, name: str) -> np.ndarray:
        """(rows,) integers, floats, booleans, or else texts; NaN or None where there is nothing."""
        import pyarrow as pa

        column = self._table.column(name)
        if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            return column_values(self.path, name, column)
        texts = _trimmed(column)
        for kind in (pa.int64(), pa.float64()):
            found = _cast(texts, kind)
            if found is not None:
                return found
        values = np.empty(len(column), dtype=object)
        values[:] = [text or None for text in column.to_pylist()]
        truths = {"true": True, "false": False}
        lowered = {text: truths.get(text.lower()) for text in set(values.tolist()) if text is not None}
        if lowered and None not in lowered.values():
            return np.array([None if text is None else lowered[text] for text in values.tolist()])
        return values

    def numbers(self, name: str) -> np.ndarray:
        """(rows,) float64, NaN where there is nothing; any other text is an error that names its row."""
        found = self.values(name)
        if found.dtype.kind in "iufb":
            return found.astype(np.float64)
        for row, value in enumerate(found.tolist()):
            if value is None or isinstance(value, bool) or value.strip().lower() in MISSING:
                continue
            try:
                float(value)
            except ValueError:
                raise BlackboxError(f"{self.where(row, name)}: {value!r:.60} is not a number") from None
        texts = [None if isinstance(v, str) and v.strip().lower() in MISSING else v for v in found.tolist()]
        return np.array([np.nan if value is None else float(value) for value in texts])

    def flags(self, name: str) -> np.ndarray:
        """(rows,) booleans from true/false, yes/no or 1/0; False where there is nothing."""
        known = {"true": True, "yes": True, "1": True, "1.0": True, "t": True, "y": True}
        known |= {
            "false": False,
            "no": False,
            "0": False,
            "0.0": False,
            "f": False,
            "n": False,
            **dict.fromkeys(MISSING, False),
        }
        found = np.empty(self.rows, dtype=bool)
        for row, value in enumerate(self.values(name).tolist()):
            flag = known.get(str(value).strip().lower())
            if flag is None:
                raise BlackboxError(f"{self.where(row, name)}: {value!r:.60} is not true or false")
            found[row] = flag
        return found


def _delimiter(path: Path) -> str:
    return "\t" if ".tsv" in path.suffixes[-2:] else ","


def _line_of(path: Path, record: int) -> int | None:
    """The line at which a record of a CSV file begins, 0 for the header; None where it cannot be told.

    Empty lines are no records, and a text in quotes may hold line breaks.
    """
    import pyarrow as pa

    with suppress(csv.Error, OSError, ValueError), pa.input_stream(str(path), compression="detect") as stream:
        reader = csv.reader(
            io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline=""), delimiter=_delimiter(path)
        )
        begins, left = 1, record
        for fields in reader:
            if fields and not left:
                return begins
            left -= bool(fields)
            begins = reader.line_num + 1
    return None


def _wrong_length(path: Path, row: Any) -> BlackboxError:
    """The error for a record with too few or too many fields, whose number counts the header."""
    line = None if row.number is None else _line_of(path, row.number - 1)
    where = f"{path}: line {line}" if line is not None else str(path)
    said = printable(row.text)
    return BlackboxError(f"{where}: {row.actual_columns} fields, the header has {row.expected_columns}: {said:.80}")


def _read_csv(path: Path, names: Sequence[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    delimiter = _delimiter(path)
    with damage(existing(path)):
        with pa.input_stream(str(path), compression="detect") as stream:
            head = stream.read(MOST_HEADER).decode("utf-8-sig", errors="replace")
        header = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
        for name in names:
            if header.count(name) != 1:
                why = f"there is no column {name!r}: {hint(name, header)}"
                raise BlackboxError(f"{path}: {f'two columns are called {name!r}' if name in header else why}")
        odd: list[Any] = []

        def refuse(row: Any) -> str:  # it must not raise
            odd.append(row)
            return "error"

        try:
            with pa.input_stream(str(path), compression="detect") as stream:
                return arrow_csv.read_csv(
                    stream,
                    # One thread: memory stays what the columns take.
                    read_options=arrow_csv.ReadOptions(use_threads=False, block_size=1 << 22),
                    parse_options=arrow_csv.ParseOptions(
                        delimiter=delimiter,
                        newlines_in_values=True,
                        invalid_row_handler=refuse,
                    ),
                    convert_options=arrow_csv.ConvertOptions(
                        include_columns=list(names),
                        column_types=dict.fromkeys(names, pa.string()),
                        strings_can_be_null=False,
                    ),
                )
        except pa.ArrowInvalid:
            if odd:
                raise _wrong_length(path, odd[0]) from None
            raise


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts without spaces around them, null where they stand for nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(column)
    nothing = pc.is_in(pc.utf8_lower(texts), value_set=pa.array(MISSING, type=texts.type))
    return pc.if_else(nothing, pa.scalar(None, type=texts.type), texts)


def _cast(texts: pa.ChunkedArray, kind: pa.DataType) -> np.ndarray | None:
    """All texts as numbers; None if one of them is none, or if there is nothing at all."""
    import pyarrow as pa

    if texts.null_count == len(texts):
        return None
    try:
        numbers = texts.cast(kind)
    except pa.ArrowInvalid:
        return None
    return numbers.cast(pa.float64(), safe=False).to_numpy() if numbers.null_count else numbers.to_numpy()

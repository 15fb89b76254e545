"""Tables of results: CSV for programs, Markdown for a page, LaTeX for a paper.

Numbers are printed as far as they are known, see `analysis.rounding`.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from analysis.rounding import MISSING, MOST_READ, ratios, rounded, whole
from analysis.runs import RunsError

Best = Literal["min", "max"]
DIGITS = 3  # significant ones, of numbers without an interval
FORMATS = ("csv", "md", "tex")

# Besides control characters: half of a surrogate pair, which no file can hold, and what turns the direction of a line.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&$]")  # GitHub draws formulas between dollars
_LATEX = str.maketrans(
    {
        **{special: f"\\{special}" for special in "#$%&_{}"},
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "`": r"\textasciigrave{}",
        "'": r"\textquotesingle{}",
        '"': r"\char34{}",  # \textquotedbl is unknown to the default encoding, and Babel may have made a command of "
    }
)


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, in no format yet: a text, or a number with or without the ends of its interval."""

    value: str
    interval: tuple[str, str] | None = None
    is_bold: bool = False


@dataclass(frozen=True, eq=False)
class Column:
    """Numbers or texts under a name, one a row.

    Attributes:
        name: unique in a table.
        values: texts, or numbers (NaN or None: there is none; inf is one). Whole numbers without an interval are exact.
        lower, upper: the ends of each value's interval; NaN where there is none.
        best: whether the smallest or the largest value is in bold. So is every other that is printed alike, since no
            reader could see why not. None is where the best is as bad as can be: infinite, or missing.
        bold: of the other values, which are in bold too, such as those that cannot be told apart from the best.
        unit: of the values, such as ``"s"``; ``"1"`` is not printed.
        digits: significant digits that every number without an interval has at least, 3 by default.
        is_ratio: whether the values are ratios, 0 or more, which are printed so that it shows which are above 1.

    Raises:
        RunsError: values that are neither numbers nor texts, not as many ends or marks as values, one end without
            the other, an end below the other, texts that have a best or an interval or are ratios, or digits that
            cannot be.
    """

    name: str
    values: Sequence[Any] | np.ndarray
    lower: Sequence[float] | np.ndarray | None = None
    upper: Sequence[float] | np.ndarray | None = None
    best: Best | None = None
    bold: Sequence[bool] | np.ndarray | None = None
    unit: str = ""
    digits: int | None = None
    is_ratio: bool = False

    def __post_init__(self) -> None:
        where = f"column {self.name!r}"
        object.__setattr__(self, "values", _values(where, self.values))
        if (self.lower is None) != (self.upper is None):
            raise RunsError(f"{where}: an interval has two ends: lower and upper are given together")
        asks = self.best is not None or self.lower is not None or self.digits is not None or self.is_ratio
        if self.is_text and asks:
            raise RunsError(f"{where}: texts have no best one, no interval and no digits, and are no ratios")
        if self.best not in (None, *get_args(Best)):
            raise RunsError(f"{where}: best is one of {', '.join(get_args(Best))}, or None, not {self.best!r}")
        if self.digits is not None and (self.lower is not None or self.digits not in range(1, MOST_READ + 1)):
            raise RunsError(
                f"{where}: digits are from 1 to {MOST_READ}, and only where no interval tells them, not {self.digits!r}"
            )
        for part in ("lower", "upper", "bold"):
            given = getattr(self, part)
            if given is None:
                continue
            found = np.array(given)
            if found.dtype.kind not in ("b" if part == "bold" else "iuf"):
                needed = "True and False" if part == "bold" else "numbers"
                raise RunsError(f"{where}: {part} is made of {needed}, not {given!r:.100}")
            if found.shape != (len(self.values),):
                raise RunsError(f"{where}: {part} has the shape {found.shape}, and there are {len(self.values)} values")
            object.__setattr__(self, part, found)
        if self.lower is not None and self.upper is not None:
            inverted = np.flatnonzero(np.asarray(self.lower) > np.asarray(self.upper))
            if len(inverted):
                i = inverted[0]
                raise RunsError(f"{where}, row {i}: the interval's lower end {self.lower[i]} is above {self.upper[i]}")

    @property
    def is_text(self) -> bool:
        """Whether it holds texts, and not numbers."""
        return isinstance(self.values, list)

    @property
    def title(self) -> str:
        """Its name and unit, on one line."""
        return visible(self.name + ("" if self.unit in ("", "1") else f" ({self.unit})"))

    def cells(self) -> list[Cell]:
        """What stands in its rows, rounded."""
        count = len(self.values)
        marked = np.zeros(count, dtype=bool) if self.bold is None else np.asarray(self.bold)
        if self.is_text:
            return [Cell(visible(text), None, mark) for text, mark in zip(self.values, marked.tolist(), strict=True)]
        values, is_exact = np.asarray(self.values), self.lower is None and self.digits is None and not self.is_ratio
        if is_exact and values.dtype.kind in "iu":
            texts = [[text] for text in whole(values)]
        else:
            parts = [
                np.asarray(part, dtype=np.float64) for part in (values, self.lower, self.upper) if part is not None
            ]
            texts = (ratios if self.is_ratio else rounded)(np.stack(parts, axis=1), self.digits or DIGITS)
        if self.best is not None and not np.isnan(values).all():
            first = int(np.nanargmin(values) if self.best == "min" else np.nanargmax(values))
            if values[first] != (np.inf if self.best == "min" else -np.inf):
                marked = marked | [text[0] == texts[first][0] for text in texts]
        return [
            Cell(text[0], None if text[1:] in ([], [MISSING] * 2) else (text[1], text[2]), mark)
            for text, mark in zip(texts, marked.tolist(), strict=True)
        ]


@dataclass(frozen=True, eq=False)
class ResultTable:
    """Columns of equal length, and what is said about them.

    Attributes:
        columns: from left to right.
        caption: a text above the table.
        note: a text below it, such as what ``-`` means here.
        label: what LaTeX refers to it by, as it is: ``\\ref{label}``.

    Raises:
        RunsError: no column or row, columns of several lengths, two of one name (the ends of an interval take
            ``name_lower`` and ``name_upper``), or a label without a caption or of other characters than letters, digits
            and ``:._-``.
    """

    columns: Sequence[Column]
    caption: str = ""
    note: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        lengths = {len(column.values) for column in self.columns}
        if len(lengths) != 1 or 0 in lengths:
            found = ", ".join(f"{column.name!r} {len(column.values)}" for column in self.columns) or "there is none"
            raise RunsError(f"columns of a table are of one length, 1 at least: {found}")
        names = [name for column in self.columns for name, _ in _full(column)]
        twice = [name for i, name in enumerate(names) if name in names[:i]]
        if twice:
            raise RunsError(f"two columns of a table would be called {twice[0]!r}")
        if self.label and (not self.caption or not re.fullmatch(r"[A-Za-z0-9:._-]+", self.label)):
            raise RunsError(
                f"a label belongs to a caption and is made of letters, digits and any of :._- , not {self.label!r}"
            )

    def to_csv(self) -> str:
        """One line a row, numbers in full, texts as they are; ends of intervals are ``name_lower`` and ``name_upper``.

        There is neither bold nor caption. A number that is missing is ``nan``. A zero byte is told by its code.
        """
        names, columns = zip(*(part for column in self.columns for part in _full(column)), strict=True)
        lines = io.StringIO()
        writer = csv.writer(lines, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")  # else "\r" would end a line
        writer.writerows([names, *zip(*columns, strict=True)])
        return lines.getvalue()

    def to_markdown(self) -> str:
        """A table as GitHub draws it, aligned in the source too; all texts come out as they are, on one line."""
        rows = [[markdown(column.title) for column in self.columns], *self._rows(_markdown_cell)]
        widths = [max(3, width) for width in _widths(rows)]
        under = [
            "-" * width if column.is_text else "-" * (width - 1) + ":"
            for column, width in zip(self.columns, widths, strict=True)
        ]
        lines = [f"| {' | '.join(row)} |" for row in self._aligned([rows[0], under, *rows[1:]], widths)]
        parts = [markdown(visible(self.caption)), "\n".join(lines), markdown(visible(self.note))]
        return "\n\n".join(part for part in parts if part) + "\n"

    def to_latex(self) -> str:
        """A table for LaTeX, which needs the package booktabs; all texts come out as they are, on one line.

        With a caption or a note it is a ``table`` that floats, else a bare ``tabular``. Letters beyond what the
        document's font and engine know are left as they are; quotes need LaTeX of 2020 or newer.
        """
        rows = [[latex(column.title) for column in self.columns], *self._rows(_latex_cell)]
        lines = [f"{' & '.join(row)} \\\\" for row in self._aligned(rows, _widths(rows))]
        kinds = "".join("l" if column.is_text else "r" for column in self.columns)
        head, body = lines[0], lines[1:]
        tabular = [rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
        tabular.append(r"\end{tabular}")
        if not self.caption and not self.note:
            return "\n".join(tabular) + "\n"
        above = [r"\begin{table}", r"\centering"]
        above += [rf"\caption{{{latex(visible(self.caption))}}}"] if self.caption else []
        above += [rf"\label{{{self.label}}}"] if self.label else []
        below = [rf"\par\smallskip{{\footnotesize {latex(visible(self.note))}\par}}"] if self.note else []
        return "\n".join([*above, *tabular, *below, r"\end{table}"]) + "\n"

    def write(self, folder: str | os.PathLike[str], name: str) -> tuple[Path, Path, Path]:
        """Write ``name.csv``, ``name.md`` and ``name.tex`` into a folder, all three aside first and then renamed.

        Returns:
            Their paths.

        Raises:
            RunsError: no such folder, or a name that is not made of letters, digits and ``._-``.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise RunsError(f"{folder}: there is no such folder to write a table into")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise RunsError(f"a table's file is named by letters, digits and any of ._- , not {name!r:.100}")
        texts = (self.to_csv(), self.to_markdown(), self.to_latex())
        paths = [Path(f"{name}.{ending}") for ending in FORMATS]
        with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as aside:
            for path, text in zip(paths, texts, strict=True):
                # A text as it is may hold half of a surrogate pair.
                Path(aside, path).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
            for path in paths:
                os.replace(Path(aside, path), folder / path)
        of_csv, of_markdown, of_latex = (folder / path for path in paths)
        return of_csv, of_markdown, of_latex

    def _rows(self, as_text: Callable[[Cell, bool], str]) -> list[list[str]]:
        columns = [[as_text(cell, column.is_text) for cell in column.cells()] for column in self.columns]
        return [list(row) for row in zip(*columns, strict=True)]

    def _aligned(self, rows: list[list[str]], widths: list[int]) -> list[list[str]]:
        """Cells filled up with spaces: texts to the left, numbers to the right."""
        from rich.cells import cell_len

        return [
            [
                text + " " * (width - cell_len(text)) if column.is_text else " " * (width - cell_len(text)) + text
                for text, column, width in zip(row, self.columns, widths, strict=True)
            ]
            for row in rows
        ]


def visible(text: str) -> str:
    """A text on one line: white space is single spaces, and characters that cannot be seen are told by their codes."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), " ".join(text.split()))


def markdown(text: str) -> str:
    """Markdown that shows a line of text as it is, as a paragraph or in a cell."""
    text = _MARKDOWN.sub(r"\\\g<0>", text)
    return re.sub(r"^(?:(?=[#+-])|([0-9]{1,9})(?=[.)]))", r"\1\\", text)  # else headings and lists


def latex(text: str) -> str:
    """LaTeX that shows a line of text as it is, also where a row begins."""
    text = re.sub(r"-(?=-)|,(?=,)", r"\g<0>{}", text.translate(_LATEX))  # fonts join two of these to another sign
    return re.sub(r"^[\[*]", r"{\g<0>}", text)  # else read as an argument of the row above


def _markdown_cell(cell: Cell, is_text: bool) -> str:
    value = markdown(cell.value) if is_text else cell.value
    value = f"**{value}**" if cell.is_bold and value else value
    return value if cell.interval is None else f"{value} ({cell.interval[0]} to {cell.interval[1]})"


def _latex_cell(cell: Cell, is_text: bool) -> str:
    value = latex(cell.value) if is_text else _latex_number(cell.value)
    value = rf"\textbf{{{value}}}" if cell.is_bold else value
    return value if cell.interval is None else f"{value} ({' to '.join(map(_latex_number, cell.interval))})"


def _latex_number(text: str) -> str:
    return text if text == MISSING else re.sub(r"-?\\infty|-", r"$\g<0>$", text.replace("inf", r"\infty"))


def _widths(rows: list[list[str]]) -> list[int]:
    """How wide the columns are on a screen."""
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _values(where: str, values: Sequence[Any] | np.ndarray) -> list[str] | np.ndarray:
    """A list of texts, or an array of numbers."""
    items = list(values)
    if items and all(isinstance(item, str) for item in items):
        return [str(item) for item in items]
    found = np.array(items)
    if found.dtype.kind == "O":
        with suppress(TypeError, ValueError):
            found = np.array(items, dtype=np.float64)
    if found.dtype.kind not in "iuf" or found.ndim != 1:
        raise RunsError(f"{where}: its values are all numbers, or all texts, not {items!r:.100}")
    return found.astype(np.float64) if found.dtype.kind == "f" else found


def _full(column: Column) -> list[tuple[str, list[Any]]]:
    """Name and values of the columns of the CSV file that stand for one."""
    parts = {"": column.values, "_lower": column.lower, "_upper": column.upper}
    told = {name: np.asarray(part, dtype=object).tolist() for name, part in parts.items() if part is not None}
    if column.is_text:  # no reader of CSV takes a zero byte
        told[""] = [text.replace("\0", r"\x00") for text in told[""]]
    return [(column.name.replace("\0", r"\x00") + end, part) for end, part in told.items()]

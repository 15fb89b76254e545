"""Tables as the page writes them: numbers for readers, and what each cell is sorted by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.style import label

if TYPE_CHECKING:
    from analysis.report.page import Sortable

DIGITS = 4  # significant ones


def texts(table: Sortable, schedulers: Sequence[str]) -> dict[str, Any]:
    """What the page writes: title, note, headers, and rows of cells, each a text, a value to sort by and a look.

    Args:
        table: any strings and numbers.
        schedulers: those that have a look, in the order of their looks.
    """
    columns, headers = [], []
    for i in range(table.frame.shape[1]):
        values = table.frame.iloc[:, i]
        name = str(table.frame.columns[i])
        numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        headers.append({"name": name, "numeric": numeric})
        known = schedulers if name == "scheduler" else ()
        columns.append([_cell(value, numeric, table.digits, known) for value in values.tolist()])
    return {
        "title": table.title,
        "note": table.note,
        "headers": headers,
        "rows": [list(cells) for cells in zip(*columns, strict=True)],
    }


def _cell(value: Any, numeric: bool, digits: int, schedulers: Sequence[str]) -> dict[str, Any]:
    """A cell's text, its value as JavaScript reads it (None where unknown), and the number of the scheduler in it."""
    if value is None or value is pd.NA or value != value:
        return {"text": "–", "value": None, "look": None}
    if not numeric:
        text = str(value)
        look = schedulers.index(text) if text in schedulers else None
        return {"text": text if look is None else called(text), "value": "", "look": look}
    return {"text": number_text(value, digits), "value": repr(value).replace("inf", "Infinity"), "look": None}


def number_text(value: float, digits: int = DIGITS) -> str:
    """A number for readers: integers whole, others to `digits` significant digits, without an exponent where possible.

    >>> number_text(1234567), number_text(0.00123456), number_text(1.5e-9), number_text(12.0)
    ('1,234,567', '0.001235', '1.500e−09', '12.00')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits - 1}e}"
    power = int(text.partition("e")[2])  # once it is rounded
    if value == 0:
        text = "0"
    elif -4 <= power < 7:
        text = f"{value:,.{max(0, digits - 1 - power)}f}"
    return text.replace("-", "−")


def called(scheduler: str) -> str:
    """What a scheduler is called for readers."""
    return label(scheduler) or "(no name)"

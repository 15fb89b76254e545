"""The table that `rungsim compare` prints: as many columns as the terminal has room for, and no number cut."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from simulator.cli.output import figure, plain

if TYPE_CHECKING:
    from simulator.study import Row

CLUSTER_SHARES = {  # by column of the summary
    "share_useful": "useful",
    "share_repeated": "repeated",
    "share_stopped": "stopped",
    "share_barrier": "barrier",
    "share_no_work": "no work",
    "share_overhead": "overhead",
}
SCHEDULER, FINAL, DECIDED_BY = "scheduler", "final (quartiles)", "decided by"
PAGE = 200  # characters on a line where there is no terminal
NAME = 26  # of a line of a scheduler's name, before columns are left out for it


@dataclass(frozen=True)
class _Column:
    """One of the table.

    Attributes:
        head, cells: what stands in it.
        rank: the highest are left out first, where there is no room; never one with 0.
        width: characters on a line.
    """

    head: str
    cells: list[str]
    rank: int
    width: int = 0

    @property
    def is_name(self) -> bool:
        """Whether it holds names, which may be broken, and no numbers, which may not."""
        return self.head in (SCHEDULER, DECIDED_BY)

    @property
    def most(self) -> int:
        """Characters that it needs to have all on one line, or on the lines that its cells have."""
        return max(self._cells, _longest(self.head))

    @property
    def least(self) -> int:
        """Characters that it can do with: heads are broken between words."""
        return max(min(self._cells, NAME) if self.is_name else self._cells, _longest(*self.head.split()))

    @property
    def _cells(self) -> int:
        return _longest(*(line for cell in self.cells for line in cell.split("\n")))


def print_comparison(summary: Any, first: Row, width: int | None = None) -> None:
    """Print it, with a note of what there was no room for.

    Args:
        summary: from `analysis.summarise`, of one table.
        first: any of its runs.
        width: of the page, in characters; that of the terminal by default.
    """
    from rich.console import Console
    from rich.table import Table as RichTable

    width = width or (Console().width if sys.stdout.isatty() else PAGE)
    columns, left_out = _fitting(_columns(summary, first), width)
    title = plain(f"{first['table']}: {first['metric']}, {first['workers']} workers")
    title += plain(f", cluster {first['cluster']}") if first["cluster"] else ""
    shown = RichTable(title=title, title_justify="left", caption=_caption(first, left_out), caption_justify="left")
    for column in columns:
        # A name that is cut off may be another's as well.
        shown.add_column(
            column.head, width=column.width, overflow="fold", justify="left" if column.is_name else "right"
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        shown.add_row(*cells)
    # On a page that is too narrow even so the terminal breaks lines: that is hard to read, but nothing is lost.
    needed = sum(column.width for column in columns) + _lines(columns)
    Console(width=max(width, needed), emoji=False, markup=False).print(shown)


def _columns(summary: Any, first: Row) -> list[_Column]:
    from analysis.runs import OWN
    from analysis.style import label

    rows = list(summary.itertuples())
    found = [_Column(SCHEDULER, [plain(label(row.scheduler)) for row in rows], 0)]
    if (summary["decided_by"] != OWN).any():
        found.append(_Column(DECIDED_BY, [plain(row.decided_by) for row in rows], 2))
    finals = [f"{figure(row.final)} ({figure(row.final_q1)} to {figure(row.final_q3)})" for row in rows]
    found += [
        _Column(FINAL, finals, 0),
        _Column("test", [figure(row.test) for row in rows], 5),
        _Column("to 5% (s)", [_reached(row.time_to_5pct, row.reached_5pct) for row in rows], 1),
        _Column("to 1% (s)", [_reached(row.time_to_1pct, row.reached_1pct) for row in rows], 3),
        _Column(plain(f"{first['resource_unit']}s"), [_resource(row.resource) for row in rows], 6),
    ]
    shares = CLUSTER_SHARES if first["cluster"] else {"idle": "idle"}
    for i, (name, head) in enumerate(shares.items()):
        found.append(_Column(head, [_percent(getattr(row, name)) for row in rows], 7 + i))
    if (summary["cost"] >= 0).any():
        found.append(_Column("cost", [f"{row.cost:.4g}" for row in rows], 4))
    return found


def _fitting(columns: list[_Column], width: int) -> tuple[list[_Column], list[str]]:
    """The columns that there is room for, their cells broken into lines, and the heads of the others."""
    from analysis.style import wrapped

    def spare(some: list[_Column]) -> int:
        return width - _lines(some) - sum(column.least for column in some)

    kept = columns
    if spare(kept) < 0:
        kept = [_broken(column) if column.head == FINAL else column for column in kept]
    while spare(kept) < 0 and any(column.rank for column in kept):
        kept = [column for column in kept if column is not max(kept, key=lambda each: each.rank)]
    room, widths = max(0, spare(kept)), {}
    for column in sorted(kept, key=lambda each: not each.is_name):  # names first
        widths[column.head] = min(column.most, column.least + room)
        room -= widths[column.head] - column.least
    fitted = []
    for column in kept:
        most = widths[column.head]
        cells = [cell if _longest(cell) <= most or not column.is_name else wrapped(cell, most) for cell in column.cells]
        fitted.append(replace(column, cells=cells, width=most))
    return fitted, [column.head for column in columns if column.head not in widths]


def _broken(column: _Column) -> _Column:
    """Quartiles below the value."""
    return replace(column, cells=[cell.replace(" (", "\n(", 1) for cell in column.cells])


def _lines(columns: list[_Column]) -> int:
    """Characters that lines between columns, and spaces around cells, take of a page."""
    return 3 * len(columns) + 1


def _longest(*texts: str) -> int:
    """Characters on a screen of the longest."""
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def _caption(first: Row, left_out: list[str]) -> str:
    said = (
        "medians over seeds; to 5%: time until 5% of the way from the table's median to its best is left, "
        "or, where it is not half of the runs that get there, how many do"
    )
    if first["cluster"]:
        said += "; shares are of the workers' time, useful: on trials that were not stopped, paused ones too"
    if left_out:
        said += f"; no room for {', '.join(left_out)}: summary.csv has all"
    return said


def _resource(amount: float) -> str:
    return "-" if amount != amount else f"{amount:,.0f}"  # NaN: nothing was run


def _percent(share: float) -> str:
    return "-" if share != share else f"{share:.1%}"


def _reached(seconds: float, share: float) -> str:
    return f"{seconds:.1f}" if seconds != float("inf") else f"{share:.0%} do"

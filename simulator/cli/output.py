"""What the commands print: plain text, figures, a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def plain(text: object) -> str:
    """Text that may come from a file, on one line and without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def check_file(option: str, path: Path) -> None:
    """That a file can be written there as far as its name goes.

    Raises:
        SimulationError: it is a folder.
    """
    from simulator.errors import SimulationError

    if path.is_dir():
        raise SimulationError(f"{option} {str(path)!r} is a folder, the name of a file is needed")


def figure(value: float, digits: int = 4) -> str:
    """A number with so many digits, or ``none`` for NaN."""
    return f"{value:.{digits}g}" if value == value else "none"


@contextmanager
def progress_bar(what: str, total: float | None, quiet: bool, *, counts: bool = True) -> Iterator[Callable[..., None]]:
    """A progress bar on the terminal, if there is one.

    It gives a function of what is done, how much there is and a note behind the bar; or of nothing for one more.

    Args:
        what: is done, in front of the bar.
        total: how much there is; None: told with each call.
        quiet: draw none.
        counts: also tell the numbers.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    numbers = MofNCompleteColumn() if counts else TaskProgressColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), numbers, TextColumn("{task.fields[note]}"))
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True, disable=hidden) as bar:
        task = bar.add_task(what, total=total, note="")

        def advance(done: float | None = None, of: float | None = None, note: str = "") -> None:
            if done is None:
                bar.advance(task)
            else:
                bar.update(task, completed=done, total=of, note=note)

        yield advance

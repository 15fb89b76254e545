"""Tables as processes share them: uncompressed copies, which are memory-mapped."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blackboxes import Blackbox, save
from simulator.study.run import Run

COPIES = ".tables-"  # what folders of them are called, before it differs


@contextmanager
def copied(runs: Sequence[Run], folder: Path, needed: bool = True) -> Iterator[dict[str, tuple[str, str]]]:
    """While the block runs, each table of some runs is in a file that can be memory-mapped.

    Args:
        runs: whose tables.
        folder: in which the copies lie.
        needed: False where no other process reads them.

    Returns:
        By name of the table, the path of the copy, or the name where the table is memory-mapped as it is, and the
        table's digest; as for `use_copies`.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    tables = {run.table: run.blackbox for run in runs} if needed else {}
    with tempfile.TemporaryDirectory(dir=folder, prefix=COPIES) as aside:
        copies = {}
        for number, (name, table) in enumerate(tables.items()):
            path = name
            if not is_mapped(table):
                path = str(Path(aside, f"{number}.h5").resolve())
                save(path, [table], compress=False)
            copies[name] = path, table.digest
        yield copies


def is_mapped(table: Blackbox) -> bool:
    """Whether a table's curves are memory-mapped."""
    base: Any = table.elapsed
    while base is not None and not isinstance(base, mmap.mmap):
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    return base is not None

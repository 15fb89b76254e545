"""Importers of another package, for `test_importing.py`: what may happen while a file is read."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from blackboxes import Blackbox, BlackboxError, Metric
from blackboxes.importers import Progress

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def space() -> ConfigurationSpace:
    """Made when a table is written: importing ConfigSpace takes longer than all else."""
    from ConfigSpace import ConfigurationSpace

    return ConfigurationSpace({"x": (0.0, 1.0)})


def made(task: str = "first", family: str = "plugged") -> Blackbox:
    """A table of 1.6 MB."""
    elapsed = np.broadcast_to(np.arange(1.0, 51.0), (2000, 1, 50)).copy()
    return Blackbox(
        family=family,
        task=task,
        space=space,
        configs={"x": np.linspace(0, 1, 2000)},
        resources=np.arange(1, 51),
        metrics={"error": 1 / elapsed},
        metric_info={"error": Metric("min")},
        elapsed=elapsed,
    )


def note(source: Path, text: object) -> None:
    source.with_suffix(".notes").open("a").write(f"{text}\n")


def two(
    source: Path,
    progress: Progress,
    *,
    names: Annotated[str, "of the tasks"] = "first,second",
    family: Annotated[str, "its name"] = "plugged",
) -> Iterator[Blackbox]:
    """Good tables. Notes how large the unfinished file is when the next table is asked for."""
    for k, name in enumerate(names.split(",")):
        note(source, sum(path.stat().st_size for path in source.parent.rglob(".unfinished-*/*")))
        progress(np.int64(k), 2)  # type: ignore[arg-type]  # as people do
        yield made(name, family)


def needs(source: Path, progress: Progress, *, seconds: Annotated[float, "of a step"]) -> Iterator[Blackbox]:
    """An importer with an option that has no default."""
    yield made(f"{seconds}")


def nothing(source: Path | None, progress: Progress) -> Iterator[Blackbox]:
    """No table; finds its source."""
    return iter(())


def refuses(source: Path, progress: Progress) -> Iterator[Blackbox]:
    """A damaged file."""
    yield made()
    raise BlackboxError("row 7: minus one second")


def crashes(source: Path, progress: Progress) -> Iterator[Blackbox]:
    """A library in C that reads what is not there."""
    ctypes.string_at(0)
    yield


def exits(source: Path, progress: Progress) -> Iterator[Blackbox]:
    """A library in C that gives up."""
    os.write(2, b"noise\nassertion failed: a < b\n")
    os._exit(3)
    yield


def leaves(source: Path, progress: Progress) -> Iterator[Blackbox]:
    """As a script does at its end."""
    sys.exit(0)
    yield


def hangs(source: Path, progress: Progress) -> Iterator[Blackbox]:
    """Goes on for ever; notes its process."""
    progress(0, 1)
    note(source, os.getpid())
    time.sleep(0.2)
    progress(0.5, 1)
    time.sleep(600)
    yield


def devours(source: Path, progress: Progress) -> Iterator[Blackbox]:
    """Takes 32 GiB."""
    np.ones(1 << 32)
    yield


def prints(source: Path, progress: Progress) -> Iterator[Blackbox]:
    """Writes where the answers go, by hand and as print does."""
    os.write(1, b'{"family": "written by a library"}\n')
    print('{"error": "printed"}', flush=True)
    raise BlackboxError("nothing but noise")
    yield


def faulty(source: Path, progress: Progress) -> Iterator[Blackbox]:
    """Has a bug."""
    yield look_up({})


def look_up(found: dict[str, Blackbox]) -> Blackbox:
    return found["missing"]

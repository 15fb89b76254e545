"""Tables by name: `family:task` among the shipped ones, or a path to a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from blackboxes.errors import BlackboxError, name_hint

if TYPE_CHECKING:
    from blackboxes.table import Blackbox


def data_folder() -> Path:
    """The folder of the shipped tables: inside the installed package, or `data/` of a checkout."""
    inside = Path(__file__).parent / "_data"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "data"


def families() -> dict[str, Path]:
    """The file of each shipped family, by name."""
    return {path.stem: path for path in sorted(data_folder().glob("*.h5"))}


def load(name: str | os.PathLike[str], task: str | None = None) -> Blackbox:
    """A table by `family`, `family:task`, or the path of a file (`path.h5`, `path.h5:task`).

    A task may be left out where the file holds only one. A family goes before a file of its name in the working
    directory: `./mlp` is the file.

    Raises:
        BlackboxError: an unknown family or task (with the nearest names), or a file with something wrong in it.

    Example:
        >>> load("mlp:digits")
        <Blackbox mlp:digits: 1000 configurations x 2 replicates x 81 resources>
    """
    from blackboxes.hdf5 import read

    text, known = os.fspath(name), families()
    # A colon may also be part of a path, or of a task's name.
    readings = [(text, task)] + [(text[:i], text[i + 1 :]) for i, char in enumerate(text) if char == ":"]
    for stem, wanted in readings:
        path = known.get(stem, Path(stem))
        if os.path.isfile(path):
            if task not in (None, wanted):
                raise BlackboxError(f"{text} names the task {wanted!r}, and the argument another: {task!r}")
            return read(path, wanted)
    if Path(text).name != text or text.partition(":")[0].endswith((".h5", ".hdf5")):
        raise BlackboxError(f"{text}: there is no such file")
    family = text.partition(":")[0]
    raise BlackboxError(f"there is no table {family!r}: {name_hint(family, known)}")

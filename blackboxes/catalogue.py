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

    A task may be left out where the file holds only one.

    Raises:
        BlackboxError: an unknown family or task (with the nearest names), or a file with something wrong in it.

    Example:
        >>> load("mlp:digits")
        <Blackbox mlp:digits: 1000 configurations x 2 replicates x 81 resources>
    """
    from blackboxes.hdf5 import read

    text = os.fspath(name)
    if Path(text).is_file():
        return read(text, task)
    stem, _, wanted = text.rpartition(":") if ":" in text else (text, "", None)
    task = task if wanted is None else wanted
    if Path(stem).is_file():
        return read(stem, task)
    if stem.endswith((".h5", ".hdf5")) or os.sep in stem:
        raise BlackboxError(f"{stem}: there is no such file")
    known = families()
    if stem not in known:
        raise BlackboxError(f"there is no table {stem!r}: {name_hint(stem, known)}")
    return read(known[stem], task)

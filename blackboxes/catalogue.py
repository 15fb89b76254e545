"""Tables by name: `family:task` among the shipped ones, the user's own and the synthetic ones, or a path to a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from blackboxes.errors import BlackboxError, name_hint

if TYPE_CHECKING:
    from blackboxes.table import Blackbox


def shipped_folder() -> Path:
    """The folder of the shipped tables: inside the installed package, or `data/` of a checkout."""
    inside = Path(__file__).parent / "_data"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "data"


def user_folder() -> Path:
    """The folder of the user's own tables: RUNGSIM_DATA, or where the system keeps such things; it need not exist."""
    named = os.environ.get("RUNGSIM_DATA")
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("rungsim", appauthor=False)


def families() -> dict[str, Path]:
    """The file of each family that is shipped or in the user's folder, by name; a shipped one goes first."""
    folders = (user_folder(), shipped_folder())
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.h5")) if path.name[0] != "."}


def load(name: str | os.PathLike[str], task: str | None = None) -> Blackbox:
    """A table by `family`, `family:task`, or the path of a file (`path.h5`, `path.h5:task`).

    A task may be left out where the file holds only one. A family goes before a file of its name in the working
    directory: `./mlp` is the file. The task of a synthetic family is its parameters. With ``@cost`` at its end, a name
    stands for the table in units of equal cost (`units.equal_cost`).

    Raises:
        BlackboxError: an unknown family or task (with the nearest names), or a file with something wrong in it.

    Example:
        >>> load("mlp:digits")
        <Blackbox mlp:digits: 1000 configurations x 2 replicates x 81 resources>
        >>> load("power-law:rank_correlation=0.5,seed=3")
        <Blackbox power-law:rank_correlation=0.5,seed=3: 1000 configurations x 2 replicates x 81 resources>
    """
    from blackboxes.hdf5 import read
    from blackboxes.synthetic import FAMILIES, make
    from blackboxes.units import SUFFIX, equal_cost

    text, known = os.fspath(name), families()
    if text.endswith(SUFFIX):
        return equal_cost(load(text[: -len(SUFFIX)], task))
    # A colon may also be part of a path, or of a task's name.
    readings = [(text, task)] + [(text[:i], text[i + 1 :]) for i, char in enumerate(text) if char == ":"]
    for stem, wanted in readings:
        path = known.get(stem, Path(stem))
        if os.path.isfile(path):
            if task not in (None, wanted):
                raise BlackboxError(f"{text} names the task {wanted!r}, and the argument another: {task!r}")
            return read(path, wanted)
    family, _, parameters = text.partition(":")
    if family in FAMILIES.names():
        return make(family, parameters if task is None else task)
    if Path(text).name != text or family.endswith((".h5", ".hdf5")):
        raise BlackboxError(f"{text}: there is no such file")
    raise BlackboxError(f"there is no table {family!r}: {name_hint(family, [*known, *FAMILIES.names()])}")

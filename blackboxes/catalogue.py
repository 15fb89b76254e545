"""Tables by name: `family:task` among the shipped ones, the user's own and the synthetic ones, or a path to a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from blackboxes.errors import BlackboxError, name_hint, no_file

if TYPE_CHECKING:
    from blackboxes.table import Blackbox

COST = "@cost"  # at the end of a name: a view of the table in units of equal cost


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


def own_file(family: str) -> Path:
    """The file of a family in the user's folder, which need not exist.

    Raises:
        BlackboxError: a name that `load` would take for something else, or that is no name of a file everywhere.
    """
    from blackboxes.synthetic import FAMILIES

    if family in (path.stem for path in shipped_folder().glob("*.h5")) or family in FAMILIES.names():
        why = "a family that comes with rungsim has this name"
    elif family.endswith(COST):
        why = f"{COST} stands for a view of a table"
    elif not 0 < len(family) < 100 or not family.isprintable() or set(family) & set('<>:"/\\|?*'):
        why = 'a name of 1 to 99 characters without / \\ : * ? " < > | is needed'
    elif family.strip(" .") != family:
        why = "it begins or ends with a dot or a blank"
    else:
        return user_folder() / f"{family}.h5"
    raise BlackboxError(f"{family!r} cannot be a family in your data folder: {why}; name a file to write (out) instead")


def files_of(name: str, task: str | None = None) -> Iterator[tuple[Path, str | None]]:
    """The files that a table's name may mean, each with the task in it; None for the only one."""
    known = families()
    # A colon may also be part of a path, or of a task's name.
    readings = [(name, task)] + [(name[:i], name[i + 1 :]) for i, char in enumerate(name) if char == ":"]
    for stem, wanted in readings:
        path = known.get(stem, Path(stem))
        if os.path.isfile(path):
            yield path, wanted


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
    from blackboxes.hdf5 import read, tasks_of

    text = os.fspath(name)
    view = text.endswith(COST)
    for path, wanted in files_of(text, task):
        # A view may have been saved, and then its name is that of a task.
        if not (view and wanted and wanted not in tasks_of(path)):
            if task not in (None, wanted):
                raise BlackboxError(f"{text} names the task {wanted!r}, and the argument another: {task!r}")
            return read(path, wanted)
    if view:
        from blackboxes.units import equal_cost

        return equal_cost(load(text.removesuffix(COST), task))
    from blackboxes.synthetic import FAMILIES, make

    family, _, parameters = text.partition(":")
    if family in FAMILIES.names():
        if parameters and task not in (None, parameters):
            raise BlackboxError(f"{text} names the task {parameters!r}, and the argument another: {task!r}")
        return make(family, task or parameters)
    if Path(text).name != text or family.endswith((".h5", ".hdf5")):
        raise BlackboxError(f"{text}: {no_file(text)}")
    if os.path.isdir(text):
        raise BlackboxError(f"there is no table {text!r}: {no_file(text)}")
    raise BlackboxError(f"there is no table {family!r}: {name_hint(family, [*families(), *FAMILIES.names()])}")

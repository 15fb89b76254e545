"""What kind of thing somebody has named, where a command needs another kind."""

from __future__ import annotations

from pathlib import Path

RUNS = "runs (the folder of rungsim compare or study)"
TRACE = "a trace (rungsim run --trace)"
TABLE = "a table (family:task, or the path of a file)"
NO_RUNS = "a folder without runs"
BEGIN = {b"# rungsim trace": TRACE, b"PAR1": RUNS, b"\x89HDF\r\n": TABLE}  # of files


def check_kind(source: str | Path, needed: str, what: str) -> None:
    """That a source is not plainly of another kind than is needed; whether it is sound is not looked at.

    Args:
        source: a path, or the name of a table.
        needed: `RUNS`, `TRACE` or `TABLE`.
        what: needs it, for the message.

    Raises:
        SimulationError: it is of another kind.
    """
    from simulator.errors import SimulationError

    if needed == TABLE and is_table(str(source)):  # whatever else has this name here
        return
    found = _kind(Path(source))
    if found not in (None, needed) and (found, needed) != (NO_RUNS, RUNS):  # whoever reads runs tells what is missing
        raise SimulationError(f"{what} needs {needed}, and {str(source)!r} is {str(found).partition(' (')[0]}")


def _kind(path: Path) -> str | None:
    """What is there, as far as a look tells."""
    if path.is_dir():
        return RUNS if path.name == "runs.parquet" or (path / "runs.parquet").exists() else NO_RUNS
    if not path.is_file():
        return TABLE if is_table(str(path)) else None
    with path.open("rb") as file:
        head = file.read(max(map(len, BEGIN)))
    return next((kind for begin, kind in BEGIN.items() if head.startswith(begin)), None)


def is_table(name: str) -> bool:
    """Whether a name begins with that of a family of tables."""
    from blackboxes import families, synthetic

    return name.partition(":")[0] in {*families(), *synthetic.families()}

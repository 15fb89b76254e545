"""Files that are never half written."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the place of `path` when the block ends; after an error nothing is left.

    A link stays a link, and the file that it points to is replaced. What is no file, such as a pipe or ``/dev/stdout``,
    stays what it is, and is given what was written.

    Raises:
        OSError: it cannot be put there; where it cannot be written, the error names `path`.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        with tempfile.TemporaryDirectory() as folder:
            aside = Path(folder) / path.name
            yield aside
            with aside.open("rb") as written, path.open("wb") as taker:
                shutil.copyfileobj(written, taker)
        return
    place = path.resolve() if path.is_symlink() else path
    aside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    with told_of(path, aside):
        try:
            yield aside
            aside.replace(place)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def told_of(path: Path, aside: Path | None = None) -> Iterator[None]:
    """Errors about a file aside, which has a name that nobody gave, name `path` instead.

    Args:
        path: what was asked for.
        aside: the file aside; None: each file that an error names.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and aside in (None, Path(os.fsdecode(error.filename))):
            error.filename = str(path)
            error.filename2 = None
        raise

"""Files that are never half written."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to. It takes its place when the block ends; after an error nothing is left of it.

    Raises:
        OSError: it cannot be renamed; or it cannot be written, and then the error names `path`.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with told_of(path, aside):
        try:
            yield aside
            aside.replace(path)
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

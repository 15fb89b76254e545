"""Files that are never half written."""

from __future__ import annotations

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
        OSError: it cannot be put there.
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
    try:
        yield aside
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)

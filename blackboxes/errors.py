"""The one error of this package, the hint that goes with a wrong name, and what libraries say of damaged files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

MOST_LISTED = 40  # names in a message


class BlackboxError(ValueError):
    """A table, its file or its name is not what it should be; says what, where and what would be right."""


def name_hint(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown `name`: the nearest of the `known` names, or all of them.

    >>> name_hint("asha-stoping", ["asha-stopping", "random"])
    'did you mean asha-stopping? (known: asha-stopping, random)'
    """
    known = sorted(known)
    nearest = get_close_matches(str(name), known, n=3, cutoff=0.5)
    all_known = f"known: {listed(known)}"
    return f"did you mean {' or '.join(nearest)}? ({all_known})" if nearest else all_known


def listed(names: Iterable[str]) -> str:
    """Names in a message, the first of them where there are too many to read.

    >>> listed(["b", "a"])
    'b, a'
    """
    names = list(names)
    more = f", and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return (", ".join(names[:MOST_LISTED]) or "none") + more


def no_file(path: str | os.PathLike[str]) -> str:
    """Why there is no file to read at a path; for a relative path, also in which folder it was looked for."""
    if os.path.isdir(path):
        return "it is a folder, a file is needed"
    return f"there is no such file{looked_up(path)}"


def unreadable(path: str | os.PathLike[str], error: OSError) -> str:
    """Why a file could not be read."""
    if isinstance(error, FileNotFoundError) or os.path.isdir(path):
        return no_file(path)
    return error.strerror or str(error)


def looked_up(path: str | os.PathLike[str]) -> str:
    """From which folder a relative path was looked up, and what to do, in parentheses; "" for an absolute one."""
    if os.path.isabs(path):
        return ""
    return f" (looked up from {os.getcwd()}: start rungsim elsewhere, or give an absolute path)"


def printable(text: str) -> str:
    """A text with a question mark for each character that cannot be printed."""
    return "".join(char if char.isprintable() else "?" for char in text)


@contextmanager
def damage(where: str | Path) -> Iterator[None]:
    """Turns whatever a library raises about a damaged file into a `BlackboxError` that begins with `where`."""
    try:
        yield
    except BlackboxError:
        raise
    except Exception as error:  # h5py alone raises OSError, KeyError, RuntimeError, ValueError, MemoryError, ...
        why = printable(" ".join(str(error).split()))
        raise BlackboxError(f"{where}: truncated or damaged ({type(error).__name__}: {why:.200})") from error

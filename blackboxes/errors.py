"""The one error of this package, and the hint that goes with a wrong name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

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

"""The one error of this package, and the hint that goes with a wrong name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class BlackboxError(ValueError):
    """A table, its file or its name is not what it should be; says what, where and what would be right."""


def name_hint(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown `name`: the nearest of the `known` names, or all of them.

    >>> name_hint("asha-stoping", ["asha-stopping", "random"])
    'did you mean asha-stopping? (known: asha-stopping, random)'
    """
    known = sorted(known)
    listed = f"known: {', '.join(known) or 'none'}"
    nearest = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(nearest)}? ({listed})" if nearest else listed

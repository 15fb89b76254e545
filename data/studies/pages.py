"""Pages of which a program writes one part: what stands between two marks."""

from __future__ import annotations

from simulator.errors import StudyError


def with_part(page: str, begin: str, end: str, part: str) -> str:
    """A page whose part between the marks is another one.

    Raises:
        StudyError: the page has not both of them, each once and in this order.
    """
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed) or begin in rest or end in before + after:
        raise StudyError(f"{begin} and {end} are needed, each once, to say where the tables go")
    return f"{before}{begin}{part}{end}{after}"

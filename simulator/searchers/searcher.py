"""What a searcher is."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Searcher(ABC):
    """Proposes rows of the table.

    Attributes:
        exhausted_at: simulated seconds when it first had nothing left to propose, None until then.
    """

    exhausted_at: float | None = None

    @abstractmethod
    def propose(self) -> int | None:
        """A row to try next, or None when nothing is left."""

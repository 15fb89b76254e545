"""Rows for schedulers that choose them by a model of their own, next to the run's searcher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulator.context import Context
from simulator.searcher import Initial


class Remaining:
    """Which rows are left, with the searcher asked for the first ones and for whether there are more.

    Attributes:
        left: (n,) of bool; the scheduler says with `take` which are not.
        given: how many configurations of `initial` the searcher has still to propose.
    """

    def __init__(self, context: Context) -> None:
        self._context, self._searcher = context, context.searcher()
        self.left = np.ones(len(context.vectors), dtype=bool)
        self.given = len(self._searcher.first) if isinstance(self._searcher, Initial) else 0
        self._proposed: set[int] = set()  # in this round
        self._rounds = 0  # begun again
        self._ahead = 0  # proposals that no trial was started for

    def take(self, row: int) -> None:
        """`row` is not left; one that the table did not have from the beginning never was."""
        if row < len(self.left):
            self.left[row] = False

    def propose(self) -> int | None:
        """The searcher's next proposal that is left, its row; None when it has no more."""
        while (config := self._next()) is not None:
            row = config if isinstance(config, int) else self._context.resolve(config)
            if self.given > 0:
                self.given -= 1
                return row
            if row >= len(self.left) or self.left[row]:
                return row
        return None

    def one_more(self) -> bool:
        """Whether the searcher, which knows how many trials there may be, has one more proposal, whichever it is."""
        if self._ahead > 0:
            self._ahead -= 1
            return True
        return self._next() is not None

    def begin_again(self) -> bool:
        """Pass through what the searcher had still to propose; whether all rows are left again after that."""
        rounds = self._rounds
        while isinstance(self._next(), int):
            if self._rounds > rounds:
                self._ahead = 1
                return True
        return False

    def _next(self) -> int | Mapping[str, Any] | None:
        config = self._searcher.propose()
        if isinstance(config, int):
            if self.given == 0 and config in self._proposed:  # rows come round again
                self._rounds += 1
                self._proposed.clear()
                self.left[:] = True
            self._proposed.add(config)
        return config

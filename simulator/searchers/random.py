"""Random search: rows in random order, without replacement."""

from __future__ import annotations

from collections.abc import Iterator

from blackboxes.streams import Stream
from simulator.clock import Clock
from simulator.searchers.searcher import Searcher


class RandomSearcher(Searcher):
    """Proposes every row of the table once, in an order that depends on the seed and the table alone.

    All schedulers that run under one seed therefore meet the same configurations in the same order (common
    random numbers), which makes their comparison a paired one.

    Args:
        clock: of the run.
        stream: the searcher's own.
        n: rows of the table.
        cycle: when all rows are used up, begin again in a new order instead of having nothing left.
        limit: propose at most this many.
    """

    def __init__(self, clock: Clock, stream: Stream, n: int, *, cycle: bool, limit: int | None) -> None:
        self._clock, self._stream, self._n, self._cycle = clock, stream, n, cycle
        self._left = limit
        self._rows: Iterator[int] = iter(())
        self._deal()

    def _deal(self) -> None:
        order = self._stream.permutation(self._n)
        if self._left is not None:
            order = order[: self._left]
            self._left -= len(order)
        self._rows = iter(order.tolist())

    def propose(self) -> int | None:
        for row in self._rows:
            return row
        if self._left != 0:  # the table is used up, rather than the budget of trials
            if self._cycle:
                self._deal()
                return next(self._rows, None)
            if self.exhausted_at is None:
                self.exhausted_at = self._clock.seconds
        return None

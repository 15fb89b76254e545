"""Random search: rows in random order, without replacement."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.searcher import SearchContext, Searcher


class RandomSearcher(Searcher):
    """Proposes every row of the table once, in an order that depends on the seed and the table alone.

    All schedulers that run under one seed therefore meet the same configurations in the same order (common
    random numbers), which makes their comparison a paired one. When all rows are used up, it has nothing left, or
    begins again in a new order, as the run was told.
    """

    def setup(self, context: SearchContext) -> None:
        self._context, self._stream, self._left = context, context.stream(), context.limit
        self.exhausted_at = None
        self._deal()

    def _deal(self) -> None:
        order = self._stream.permutation(self._context.n)
        if self._left is not None:
            order = order[: self._left]
            self._left -= len(order)
        self._rows: Iterator[int] = iter(order.tolist())

    def propose(self) -> int | None:
        for row in self._rows:
            return row
        if self._left != 0:  # the table is used up, rather than the budget of trials
            if self._context.cycle:
                self._deal()
                return next(self._rows, None)
            if self.exhausted_at is None:
                self.exhausted_at = self._context.now
        return None

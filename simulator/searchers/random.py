"""Random search: rows in random order, without replacement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from simulator.errors import SimulationError
from simulator.searcher import SearchContext, Searcher

Prior = Sequence[float] | np.ndarray | Sequence[str]


class RandomSearcher(Searcher):
    """Proposes every row of the table once, in an order that depends on the seed and the table alone.

    All schedulers that run under one seed therefore meet the same configurations in the same order (common
    random numbers), which makes their comparison a paired one. When all rows are used up, it has nothing left, or
    begins again in a new order, as the run was told.

    Args:
        prior: a weight above 0 for each row, a user's belief that it is good: each next row is drawn from those that
            are left in proportion to their weights (Efraimidis and Spirakis, 2006). Equal weights, the default,
            give the same order as none. Names of other tasks, such as ``["mlp:digits"]``: the belief follows from
            what was observed of them, see `transfer.weights_from`.

    Attributes:
        weights: (n,) the prior's, of mean 1, while a run goes on; None without one.
    """

    def __init__(self, prior: Prior | None = None) -> None:
        self.prior = prior

    def setup(self, context: SearchContext) -> None:
        self._context, self._stream, self._left = context, context.stream(), context.limit
        self.weights = None if self.prior is None else weights_of(self.prior, context)
        self.exhausted_at = None
        self._rows: Iterator[int] = iter(())
        self._deal()

    def _deal(self) -> None:
        n = self._context.n
        if self.weights is None:
            order = self._stream.permutation(n)
        else:  # what comes first of n exponential clocks whose rates are the weights
            order = (-np.log1p(-self._stream.uniform(n)) / self.weights).argsort(kind="stable")
        if self._left is not None:
            order = order[: self._left]
            self._left -= len(order)
        self._dealt = order

    def _has_more(self) -> bool:
        """Whether there are rows in `_dealt`, if need be after it is dealt anew."""
        if not len(self._dealt) and self._left != 0:  # the table is used up, rather than the budget of trials
            if self._context.cycle:
                self._deal()
            elif self.exhausted_at is None:
                self.exhausted_at = self._context.now
        return len(self._dealt) > 0

    def propose_many(self, most: int) -> np.ndarray:
        """What `propose` gives when it is asked so often, until it has nothing left: int64, up to `most` rows."""
        pieces = [np.fromiter(islice(self._rows, most), dtype=np.int64)]
        most -= len(pieces[0])
        while most > 0 and self._has_more():
            pieces.append(self._dealt[:most])
            self._dealt = self._dealt[most:]
            most -= len(pieces[-1])
        return np.concatenate(pieces)

    def propose(self) -> int | None:
        for row in self._rows:
            return row
        if not self._has_more():
            return None
        self._rows = iter(self._dealt.tolist())  # all at once, which takes a fraction of one by one
        self._dealt = self._dealt[:0]
        return next(self._rows)


def weights_of(prior: Prior, context: SearchContext) -> np.ndarray:
    """(n,) a prior's weights, of mean 1.

    Raises:
        SimulationError: not n finite numbers above 0, nor names of other tasks.
    """
    n = context.n
    if isinstance(prior, list | tuple) and prior and all(isinstance(name, str) for name in prior):
        from simulator.transfer import weights_from

        prior = weights_from(prior, context)
    try:
        weights = np.array(prior, dtype=np.float64)
    except (TypeError, ValueError):
        weights = np.empty(0)
    if weights.shape != (n,) or not (np.isfinite(weights) & (weights > 0)).all():
        raise SimulationError(
            f"prior: {n} weights above 0, one for each row, or names of other tasks, are needed, not {prior!r:.100}"
        )
    shares: np.ndarray = weights / weights.max()
    return shares / shares.mean()

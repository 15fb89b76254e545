"""The baseline that papers forget: one epoch each, and the top k to the end."""

from __future__ import annotations

from fractions import Fraction

from simulator.brackets import Bracket, Synchronous
from simulator.checks import check_flag, whole
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.events import MOST_TRIALS
from simulator.rungs import fraction


class OneEpoch(Synchronous):
    """1-Epoch (Egele et al., ESANN 2023, arXiv 2307.15422): train all for one epoch, then the top k to the end.

    The paper fixes how many configurations are tried before anything is trained further. A run with a budget of time
    does not know that number, and a scheduler may not look ahead, so this one goes in rounds: n trials run to the
    lowest resource; when all have reported, the best k of them go to r_max, and the next round begins. A round that
    cannot fill, because the table or the budget of trials is used up, takes the best k of what it has; so
    ``n`` at or above the number of configurations is the paper's protocol.

    Args:
        k: the paper's K: how many trials of a round are trained to the end.
        n: trials of a round; k * r_max / r_min by default, so that both halves of a round are given the same total
            resource.
        r_min: where all are compared, the smallest resource by default; any other makes it the authors' i-Epoch
            (Egele et al., arXiv 2404.04111), with i = r_min.
        overlap: a worker that the open rounds have no job for starts the next round instead of waiting.

    Example:
        >>> Simulation(load("mlp:digits"), OneEpoch(k=3, n=200), workers=4, budget="10x").run()
    """

    def __init__(self, k: int = 3, n: int | None = None, r_min: float | None = None, overlap: bool = True) -> None:
        self.k = whole("k", k, 1, MOST_TRIALS)
        self.n = None if n is None else whole("n", n, 1, MOST_TRIALS)
        if self.n is not None and self.n < self.k:
            raise SimulationError(f"n = {n}: a round needs at least the k = {k} trials that go on")
        check_flag("overlap", overlap)
        self.r_min, self.overlap = r_min, overlap
        if overlap:
            self.promises |= {"no-lost-worker"}

    def setup(self, context: Context) -> None:
        super().setup(context)
        first = [*context.rung_levels(self.r_min), context.r_max][0]
        n = self.n if self.n is not None else int(self.k * fraction(context.r_max) / fraction(first))
        self._levels = [first, context.r_max] if first < context.r_max else [first]
        self._sizes = [n, self.k][: len(self._levels)]

    def make_bracket(self, number: int) -> Bracket:
        return Bracket(number, self._levels, self._sizes, Fraction(1))  # 1: a round that cannot fill keeps k as well

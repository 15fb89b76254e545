"""Synchronous successive halving, in rounds."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.brackets import Bracket, Synchronous, rung_sizes
from simulator.checks import whole
from simulator.context import Context
from simulator.events import MOST_TRIALS
from simulator.rungs import fraction


class SuccessiveHalving(Synchronous):
    """Synchronous successive halving (Jamieson & Talwalkar, AISTATS 2016), one round after the other.

    A round starts n trials at the lowest rung level; when all of them have reported, the best floor(n/eta), at
    least 1, go on to the next level, and so on up to r_max.

    Args:
        eta: the reduction factor.
        r_min: the lowest rung level; the smallest resource by default.
        n: trials a round starts; eta^(number of rung levels) by default, so that one reaches r_max.
        levels: rung levels given by hand, instead of r_min * eta^k.
        overlap: a worker that the open rounds have no job for starts the next round instead of waiting.

    Example:
        >>> Simulation(load("mlp:digits"), SuccessiveHalving(n=27), workers=4, budget="10x").run()
    """

    promises = Synchronous.promises | {"best-promoted", "top-share"}

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        n: int | None = None,
        levels: Sequence[float] | None = None,
        overlap: bool = True,
    ) -> None:
        super().__init__(eta, overlap)
        self.n = None if n is None else whole("n", n, 1, MOST_TRIALS)
        self.r_min, self.levels = r_min, levels

    def setup(self, context: Context) -> None:
        super().setup(context)
        self._levels = [*context.rung_levels(self.r_min, self.eta, levels=self.levels), context.r_max]
        eta = fraction(self.eta)
        n = max(1, int(eta ** (len(self._levels) - 1))) if self.n is None else self.n
        self._sizes = rung_sizes(n, len(self._levels), eta)

    def make_bracket(self, number: int) -> Bracket:
        return Bracket(number, self._levels, self._sizes, fraction(self.eta))

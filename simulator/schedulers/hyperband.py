"""Synchronous Hyperband: brackets of successive halving that start ever fewer trials at ever higher levels."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Literal

from simulator.brackets import Bracket, Rounding, Synchronous, rung_sizes
from simulator.checks import check_choice
from simulator.context import Context
from simulator.rungs import fraction


def bracket_sizes(levels: int, eta: Fraction, rounding: Rounding = "floor") -> list[list[int]]:
    """The planned rung sizes of each bracket, for `levels` levels of which the last is r_max.

    Bracket b starts ceil(L / (L - b) * eta^(L - 1 - b)) trials at level b (JMLR paper, algorithm 1, where
    s = L - 1 - b and s_max = L - 1).

    >>> [sizes[0] for sizes in bracket_sizes(5, Fraction(3))]
    [81, 34, 15, 8, 5]
    """
    starts = [ceil(Fraction(levels, levels - b) * eta ** (levels - 1 - b)) for b in range(levels)]
    return [rung_sizes(n, levels - b, eta, rounding) for b, n in enumerate(starts)]


class Hyperband(Synchronous):
    """Hyperband (Li et al., JMLR 2018, algorithm 1), synchronous; all brackets in turn, then again.

    Args:
        eta: the paper's reduction factor.
        r_min: the lowest rung level; the smallest resource by default.
        levels: rung levels given by hand.
        anchor: ``"r_min"``: levels r_min * eta^k below r_max, as in Syne Tune. ``"r_max"``: the paper's levels
            r_max * eta^-s. The same where r_max is r_min times a power of eta.
        rounding: ``"floor"``: a rung of n goes on as floor(n/eta), the paper's. ``"ceil"``: as ceil(n/eta), Syne
            Tune's rung sizes.
        overlap: a worker that the open brackets have no job for starts the next bracket instead of waiting. False:
            one bracket after the other, as in the paper; workers wait for a rung to fill, and for a bracket to end.

    Example:
        >>> Simulation(load("mlp:digits"), Hyperband(eta=3), workers=4, budget="10x").run()
    """

    promises = Synchronous.promises | {"best-promoted", "top-share"}

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        anchor: Literal["r_min", "r_max"] = "r_min",
        rounding: Rounding = "floor",
        overlap: bool = True,
    ) -> None:
        super().__init__(eta, overlap)
        check_choice("rounding", rounding, ("floor", "ceil"))
        check_choice("anchor", anchor, ("r_min", "r_max"))
        self.r_min, self.levels, self.anchor, self.rounding = r_min, levels, anchor, rounding
        if rounding == "ceil":
            self.promises -= {"top-share"}

    def setup(self, context: Context) -> None:
        super().setup(context)
        below = context.rung_levels(self.r_min, self.eta, self.anchor, self.levels)
        self._levels = [*below, context.r_max]
        self._sizes = bracket_sizes(len(self._levels), fraction(self.eta), self.rounding)

    def make_bracket(self, number: int) -> Bracket:
        b = number % len(self._sizes)
        return Bracket(number, self._levels[b:], self._sizes[b], fraction(self.eta))

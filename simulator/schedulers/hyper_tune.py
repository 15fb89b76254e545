"""Hyper-Tune: asynchronous Hyperband that draws brackets by what it has learnt, and promotes with a delay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from simulator.checks import check_flag
from simulator.context import Context
from simulator.protocol import EndReason
from simulator.rungs import PromotionRung, fraction
from simulator.schedulers.async_hyperband import AsyncHyperband, bounds_between
from simulator.trial import Trial


class HyperTune(AsyncHyperband):
    """Hyper-Tune (Li et al., VLDB 2022, "Hyper-Tune: towards efficient hyper-parameter tuning at scale").

    Bracket b starts trials at the b-th rung level, r_b. As long as fewer than two levels have enough observations, it
    is drawn as in `AsyncHyperband`, in proportion to the trials that it starts in synchronous Hyperband. Then the
    brackets whose levels have enough share what they have of that distribution in proportion to theta_b / r_b:
    precision theta_b, how likely the observations at r_b rank configurations best of all (see the searcher
    `hyper-tune`), against the cost of a trial there. The others keep their part, as in Syne Tune 0.13 (the paper
    begins when all have enough; until then it takes the brackets in turn).

    All brackets share one rung system with the paper's delayed promotion (D-ASHA): a free worker takes, from the
    highest rung down, the best trial within the rung's best floor(n/eta) that was not promoted yet, but only if the
    rung still holds eta times as many trials as were promoted from it, that one included: |D_k| / |D_(k+1)| >= eta,
    where D_(k+1) counts, as in the authors' code, those that come from D_k and those that still run, and not those
    that failed before they got there. (Trials that start at the next level would hold the promotions back for good.)

    Precisions are the searcher's. One that has none, such as `random`, leaves brackets as in `AsyncHyperband`. Finding
    a job takes O(log n), and O(number of brackets) when precisions have changed.

    Args:
        eta: the reduction factor.
        r_min: the lowest rung level, that of bracket 0; the smallest resource by default.
        levels: rung levels given by hand, instead of r_min * eta^k.
        brackets: only the first so many; all by default, and where there are fewer.
        delay: False: promote as in ASHA.

    Example:
        >>> Simulation(load("mlp:digits"), HyperTune(brackets=4), workers=4, budget="10x").run()
    """

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        brackets: int | None = None,
        delay: bool = True,
    ) -> None:
        super().__init__(eta, r_min, levels, brackets)
        check_flag("delay", delay)
        self.delay = delay
        self.promises = frozenset({"renaming", "top-share"})  # neither eager nor rank based

    def default_searcher(self) -> str:
        return "hyper-tune"

    def setup(self, context: Context) -> None:
        super().setup(context)
        self._precisions: Mapping[float, float] = {}

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        rung = self._promoting[trial.tag].get(resource)
        if reason == "failed" and isinstance(rung, DelayedRung):  # else it was not promoted
            rung.lose()

    def _promotion_rung(self, q: Fraction) -> PromotionRung:
        return DelayedRung(q) if self.delay else super()._promotion_rung(q)

    def _draw(self) -> int:
        precisions = self._searcher.precisions()
        if precisions != self._precisions:
            self._precisions = precisions
            self._bounds = bounds_between(bracket_weights(self._sizes, self._levels, precisions))
        return super()._draw()


def bracket_weights(sizes: Sequence[int], levels: Sequence[float], precisions: Mapping[float, float]) -> list[Fraction]:
    """In proportion to what the brackets are drawn.

    Args:
        sizes: of each bracket, how many trials it starts in synchronous Hyperband.
        levels: where it starts them; there may be more of them.
        precisions: theta by resource, of those with enough observations.

    Where none of them has a share of the precisions, the weights are the sizes.

    >>> [str(weight) for weight in bracket_weights([9, 5, 3], [1, 3, 9], {1: 0.25, 3: 0.75})]
    ['7', '7', '3']
    """
    weights = [Fraction(size) for size in sizes]
    known = {b: level for b, level in zip(range(len(sizes)), levels, strict=False) if level in precisions}
    shares = {b: Fraction(precisions[level]) / fraction(level) for b, level in known.items()}
    everything, mass = sum(shares.values()), sum(weights[b] for b in known)
    if everything:
        for b, share in shares.items():
            weights[b] = mass * share / everything
    return weights


class DelayedRung(PromotionRung):
    """A rung that promotes only as long as at most n/eta of its n trials have been promoted afterwards."""

    __slots__ = ("_promoted",)

    def __init__(self, q: Fraction) -> None:
        super().__init__(q)
        self._promoted = 0

    def take(self) -> int | None:
        """Promote the best promotable trial: its id, or None where there is none. O(log n)."""
        if (self._promoted + 1) * self._under > self._n * self._over:
            return None
        trial = super().take()
        self._promoted += trial is not None
        return trial

    def lose(self) -> None:
        """One that was promoted has failed on its way to the next level."""
        self._promoted -= 1

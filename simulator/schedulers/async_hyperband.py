"""Asynchronous Hyperband: ASHA whose trials start at different rung levels."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Literal

from simulator.checks import check_choice, check_eta, whole
from simulator.context import Context
from simulator.events import MOST_TRIALS
from simulator.protocol import PAUSE, STOP, Continue, Resume, Scheduler, Start, Verdict
from simulator.rungs import PromotionRung, StoppingRung, fraction
from simulator.schedulers.hyperband import bracket_sizes
from simulator.trial import Trial

AT_A_TIME = 256  # draws made in one call


class AsyncHyperband(Scheduler):
    """Asynchronous Hyperband (Li et al., MLSys 2020; brackets drawn at random as in Syne Tune).

    A new trial belongs to bracket b with a probability proportional to the number of trials that bracket b of
    synchronous Hyperband starts (243, 98, 41, 18, 9 and 6 of 415 for eta = 3, r_min = 1 and r_max = 200): its first
    rung level is the b-th. From there on each rung decides as in ASHA.

    Args:
        eta: the reduction factor.
        r_min: the lowest rung level, that of bracket 0; the smallest resource by default.
        levels: rung levels given by hand, instead of r_min * eta^k.
        brackets: only the first so many; all by default, and where there are fewer.
        rungs: ``"shared"``: one rung system for all brackets; a free worker promotes from any rung, and a bracket
            is drawn for each new trial. ``"bracket"``: a rung system for each; a free worker draws a bracket first,
            promotes from its rungs, or else starts a trial in it; once the searcher has nothing left, it promotes
            from any, bracket 0 first.
        form: ``"promotion"``: as in `AshaPromotion`. ``"stopping"``: as in `AshaStopping`.

    Example:
        >>> Simulation(load("mlp:digits"), AsyncHyperband(rungs="bracket"), workers=4, budget="10x").run()
    """

    promises = frozenset({"monotone", "rank-based", "renaming"})

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        brackets: int | None = None,
        rungs: Literal["shared", "bracket"] = "shared",
        form: Literal["promotion", "stopping"] = "promotion",
    ) -> None:
        check_eta(eta)
        check_choice("rungs", rungs, ("shared", "bracket"))
        check_choice("form", form, ("promotion", "stopping"))
        self.brackets = None if brackets is None else whole("brackets", brackets, 1, MOST_TRIALS)
        self.eta, self.r_min, self.levels, self.rungs, self.form = eta, r_min, levels, rungs, form
        self.promises |= {"best-not-stopped"} if form == "stopping" else {"best-promoted", "top-share"}
        if form == "promotion" and rungs == "shared":
            self.promises |= {"eager-promotion"}

    def setup(self, context: Context) -> None:
        self._searcher = context.searcher()
        self._exhausted = False
        self._levels = [*context.rung_levels(self.r_min, self.eta, levels=self.levels), context.r_max]
        self._onward = {level: Continue(following) for level, following in pairwise(self._levels)}
        eta = fraction(self.eta)
        self._sizes = [sizes[0] for sizes in bracket_sizes(len(self._levels), eta)[: self.brackets]]
        self._bounds = bounds_between(self._sizes)
        self._stream = context.stream("brackets")
        self._draws: Iterator[int] = iter(())
        systems = range(len(self._bounds) + 1 if self.rungs == "bracket" else 1)
        self._promoting = [{level: self._promotion_rung(1 / eta) for level in self._levels[b:-1]} for b in systems]
        self._stopping = [{level: StoppingRung(1 / eta) for level in self._levels[b:-1]} for b in systems]

    def _promotion_rung(self, q: Fraction) -> PromotionRung:
        return PromotionRung(q)

    def _draw(self) -> int:
        """A bracket, drawn with its probability to within 2^-64."""
        for draw in self._draws:
            return bisect_right(self._bounds, draw)
        self._draws = iter(self._stream.raw(AT_A_TIME).tolist())
        return bisect_right(self._bounds, next(self._draws))

    def _promotion(self, systems: Iterable[int]) -> Resume | None:
        for system in systems:
            for level, rung in reversed(self._promoting[system].items()):
                trial = rung.take()
                if trial is not None:
                    return Resume(trial, self._onward[level].until)
        return None

    def next_job(self) -> Start | Resume | None:
        if self._exhausted:  # whoever is drawn, no worker idles while there is something to promote
            return self._promotion(range(len(self._promoting)))
        bracket = self._draw() if self.rungs == "bracket" else 0
        job = self._promotion([bracket])
        if job is not None:
            return job
        row = self._searcher.propose()
        if row is None:
            self._exhausted = True
            return self._promotion(range(len(self._promoting)))
        if self.rungs == "shared":
            bracket = self._draw()
        return Start(row, self._levels[bracket], tag=bracket if self.rungs == "bracket" else 0)

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        if self.form == "promotion":
            self._promoting[trial.tag][resource].add(value, trial.id)
            return PAUSE
        return self._onward[resource] if self._stopping[trial.tag][resource].add(value) else STOP


def bounds_between(weights: Sequence[Fraction | int]) -> list[int]:
    """Between two brackets each, where a raw draw of 64 bits parts them in proportion to their weights."""
    *starts, everything = accumulate(weights)
    return [int(start * 2**64 // everything) for start in starts]

"""Multi-objective ASHA: a rung is sorted by domination instead of by one value."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from math import inf
from typing import Literal

from blackboxes import BlackboxError
from simulator.checks import check_choice, check_eta, check_flag
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.fronts import Fronts, Order, crowding, epsilon_net
from simulator.promotion import Promoting
from simulator.protocol import PAUSE, Verdict
from simulator.rungs import fraction
from simulator.trial import Trial


class MoAsha(Promoting):
    """Multi-objective asynchronous successive halving (Schmucker et al. 2021, arXiv 2106.12639), pause-resume.

    ASHA in its promotion form, whose rungs are sorted by non-domination in two objectives: the metric of the run, and
    a second one. A free worker takes, from the highest rung down, the first trial among a rung's first floor(n/eta)
    that was not promoted yet. Whole fronts come first; within a front trials go in an order that spreads them out, so
    that the part of a front that still fits covers it. Diverged in either objective: never promoted.

    Args:
        second: another metric of the table, whose own direction counts; or ``"elapsed"``, the seconds of worker time
            that the trial has spent.
        within: order within a front. ``"epsnet"``: the paper's epsilon-net, from the best in the run's metric on (as
            in Syne Tune), always the farthest from those before. ``"nsga2"``: by crowding distance, as in NSGA-II.
        scaled: the epsilon-net counts each objective as a share of its range on the front. False: as it is, as in
            Syne Tune, where seconds outweigh errors.
        eta: the reduction factor.
        r_min: the lowest rung level; the smallest resource by default.
        levels: rung levels given by hand, instead of r_min * eta^k.

    A report costs O(log^2 n) and whatever moves to a later front; a look for a promotable trial costs O(fronts) and
    the order of the front where the first floor(n/eta) end: k * m for the k of its m trials that belong to them. Where
    the objectives contradict each other a front is large: all of a rung, at the worst. Syne Tune's `MOASHA` is a
    start-stop form, not this one.

    Example:
        >>> Simulation(load("mlp:digits"), MoAsha(second="validation_loss"), workers=4, budget="10x").run()
    """

    def __init__(
        self,
        second: str = "elapsed",
        within: Literal["epsnet", "nsga2"] = "epsnet",
        scaled: bool = True,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
    ) -> None:
        check_choice("within", within, ("epsnet", "nsga2"))
        check_flag("scaled", scaled)
        check_eta(eta)
        self.second, self.within, self.scaled = second, within, scaled
        self.eta, self.r_min, self.levels = eta, r_min, levels

    def setup(self, context: Context) -> None:
        try:
            self._sign = 1.0 if self.second == "elapsed" else context.sign(self.second)
        except BlackboxError as error:
            raise SimulationError(f"second = {self.second!r} is neither 'elapsed' nor a metric: {error}") from None
        order: Order = crowding if self.within == "nsga2" else partial(epsilon_net, scaled=self.scaled)
        levels = context.rung_levels(self.r_min, self.eta, levels=self.levels)
        self._rungs = {level: FrontRung(1 / fraction(self.eta), order) for level in levels}
        self.setup_promotion(context, self._rungs)

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        self._rungs[resource].add(value, self._value(trial), trial.id)
        return PAUSE

    def _value(self, trial: Trial) -> float:
        """The second objective, smaller is better; inf where it diverged."""
        if self.second == "elapsed":
            return trial.elapsed
        value = self._sign * float(trial.metrics[self.second][-1])
        return inf if value != value else value


class FrontRung:
    """Which trial is the first among the first floor(n * q), front by front, that has not been promoted yet."""

    __slots__ = ("_fronts", "_n", "_order", "_q", "_settled")

    def __init__(self, q: Fraction, order: Order) -> None:
        self._q, self._order = q, order
        self._n = 0
        self._fronts = Fronts()
        self._settled = True  # nothing can be promoted before the next report

    def add(self, one: float, other: float, trial: int) -> None:
        """Report both objectives. A diverged trial (inf) counts, and is never promoted."""
        self._n += 1
        self._settled = False
        if one < inf and other < inf:
            self._fronts.add((one, other, trial))

    def take(self) -> int | None:
        """Promote the first promotable trial: its id, or None where there is none."""
        if self._settled:
            return None
        trial = self._fronts.take(int(self._n * self._q), self._order)
        self._settled = trial is None
        return trial

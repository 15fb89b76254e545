"""DEHB: Hyperband whose rungs are generations of differential evolution."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from simulator.brackets import Bracket, Synchronous
from simulator.checks import check_flag, check_share
from simulator.context import Context
from simulator.models.differential import check_factor
from simulator.protocol import PAUSE, STOP, Resume, Start, Verdict
from simulator.rungs import fraction
from simulator.schedulers.hyperband import bracket_sizes
from simulator.searcher import Searcher
from simulator.subpopulations import Member, Subpopulations, subpopulation_sizes
from simulator.trial import Trial


class Turn(NamedTuple):
    """The tag of a trial that was bred: the number of its bracket, and which place it contends for.

    Not the bracket itself, which knows the context and by it all trials: that would be a cycle.
    """

    bracket: int
    place: int


class Generations(Bracket):
    """A bracket whose rungs are filled by evolution; nobody is promoted."""

    __slots__ = ("_at_once", "_populations", "_reported")

    def __init__(
        self,
        number: int,
        levels: Sequence[float],
        sizes: Sequence[int],
        eta: Fraction,
        populations: Subpopulations,
        at_once: bool,
    ) -> None:
        super().__init__(number, levels, sizes, eta)
        self._populations, self._at_once = populations, at_once
        self._reported: list[tuple[int, Member]] = []

    def next_job(self, searcher: Searcher) -> Start | None:
        while True:
            while self._to_start:
                level, below = self.level, self._levels[max(self._rung - 1, 0)]
                row = self._populations.breed(level, below, self._sizes[self._rung], searcher)
                if row is None:
                    self._to_start = 0  # the rung keeps what it has
                    break
                self._to_start -= 1
                self._pending += 1
                return Start(row, level, tag=Turn(self.number, self._populations.at[level].advance()))
            if self._pending or not self._climb():
                return None

    def survive(self, place: int, member: Member) -> bool:
        """A trial has reported; True if that was the last one that the rung waited for."""
        self._reported.append((place, member))
        if self._at_once:
            self._select()
        return self.settle()

    def settle(self) -> bool:
        self._pending -= 1
        if self._pending or self._to_start:
            return False
        self._climb()
        return True

    def _select(self) -> None:
        for place, member in self._reported:
            self._populations.enter(self.level, place, member)
        self._reported.clear()

    def _climb(self) -> bool:
        """Open the next rung, if there is one."""
        self._select()
        if self._rung + 1 == len(self._levels):
            return False
        self._rung += 1
        self._to_start = self._sizes[self._rung]
        return True


class Dehb(Synchronous):
    """DEHB (Awad, Mallik & Hutter, IJCAI 2021): Hyperband's brackets with a subpopulation for each rung level.

    A subpopulation has as many places as the largest rung of its level: for eta = 3 and levels 1, 3, 9, 27 the
    brackets are 27, 9, 3, 1; 12, 4, 1; 6, 2; 4, and the subpopulations have 27, 12, 6 and 4 places. The first bracket
    is Hyperband's: random configurations, of which the best are resumed; those that are not stay paused for good. Each
    trial takes a place of the level where it reports. From the second bracket on nobody is promoted. A slot of a rung
    belongs to the place of its level whose turn it is, the target:

    - the parent pool: the best of the subpopulation of the rung below, as many as this rung has slots; in the first
      rung of a bracket those of its own. A pool of fewer than three is filled up by a random draw from all
      subpopulations (the paper's global population);
    - mutation: v = a + F (b - c) of three different parents, none of them the target;
    - crossover: each hyperparameter v's with probability p, at least one of them, else the target's;
    - the offspring is run from scratch to the rung's level, where its trial ends;
    - selection: it takes the target's place if it is not worse at this level. One that failed contends for nothing.

    A place that is still empty gets a random configuration in the first rung of a bracket, and higher up the mutant as
    it is; where there are no three parents, the slot's configuration is random too. Random ones come from the searcher.
    Who diverged is no parent.

    On a table the offspring is the nearest row that was not yet started for this level: there the same row would only
    give its value once more, while at another level it is news. When all were, the rung keeps what it has, or, with
    ``exhausted="cycle"``, a slot takes what the searcher proposes again. When a bracket finds nothing at all to start,
    the run is over: every row was run to r_max, unless there were never three parents.

    The authors' code differs: it starts floor(L / (L - b)) * eta^(L - 1 - b) trials in bracket b of L (the paper rounds
    up, as Hyperband does), promotes in the first L brackets, and fills up a pool with mutants.

    A job takes O(n d) for n rows of d hyperparameters, and sorting a subpopulation.

    Args:
        eta: the reduction factor.
        r_min: the lowest rung level, the paper's b_min; the smallest resource by default.
        levels: rung levels given by hand, instead of r_min * eta^k.
        mutation_factor: F; 0.5 in the paper.
        crossover_probability: p; 0.5 in the paper.
        asynchronous: True, as the paper runs it in parallel: a worker that the open brackets have no slot for starts
            the next bracket, and an offspring takes its place when it reports. False: workers wait until a rung is
            full, then all its offspring take their places at once; one bracket after the other.

    Example:
        >>> Simulation(load("mlp:digits"), Dehb(eta=3), workers=4, budget="10x").run()
    """

    def __init__(
        self,
        eta: float = 3,
        r_min: float | None = None,
        levels: Sequence[float] | None = None,
        mutation_factor: float = 0.5,
        crossover_probability: float = 0.5,
        asynchronous: bool = True,
    ) -> None:
        check_flag("asynchronous", asynchronous)
        super().__init__(eta, overlap=asynchronous)
        self.r_min, self.levels, self.asynchronous = r_min, levels, asynchronous
        self.mutation_factor = check_factor(mutation_factor)
        self.crossover_probability = check_share("crossover_probability", crossover_probability)

    def setup(self, context: Context) -> None:
        super().setup(context)
        self._levels = [*context.rung_levels(self.r_min, self.eta, levels=self.levels), context.r_max]
        self._sizes = bracket_sizes(len(self._levels), fraction(self.eta))
        self._populations = Subpopulations(
            context, self._levels, subpopulation_sizes(self._sizes), self.mutation_factor, self.crossover_probability
        )

    def make_bracket(self, number: int) -> Bracket:
        b, eta = number % len(self._sizes), fraction(self.eta)
        if number == 0:
            return Bracket(number, self._levels, self._sizes[0], eta)
        return Generations(number, self._levels[b:], self._sizes[b], eta, self._populations, self.asynchronous)

    def next_job(self) -> Start | Resume | None:
        self._populations.used = 0
        job = super().next_job()
        if job is None and self._open:
            self._exhausted = False  # who still runs may become a parent
        self.model_size = self._populations.used
        return job

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        self._report(trial, value, over=False)
        return STOP if isinstance(trial.tag, Turn) else PAUSE

    def _report(self, trial: Trial, value: float, over: bool) -> None:
        member = Member(value, trial.id, trial.config)
        if not isinstance(trial.tag, Turn):  # of the first bracket
            level = trial.tag.level
            self._populations.proposed.add(trial.config)
            self._populations.enter(level, self._populations.at[level].advance(), member)
            super()._report(trial, value, over)
            return
        bracket = self._generations(trial.tag)
        if bracket.survive(trial.tag.place, member):
            self._go_on(bracket)

    def _fail(self, trial: Trial) -> None:
        if isinstance(trial.tag, Turn):
            bracket = self._generations(trial.tag)
            if bracket.settle():
                self._go_on(bracket)
            return
        self._populations.proposed.add(trial.config)
        self._populations.leave_out(trial.tag.level, trial.config)
        super()._fail(trial)

    def _generations(self, turn: Turn) -> Generations:
        bracket = self._open[turn.bracket]
        assert isinstance(bracket, Generations), "the others have no turns"
        return bracket

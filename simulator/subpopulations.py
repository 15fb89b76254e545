"""Subpopulations of differential evolution, one for each fidelity, that breed from each other (DEHB).

Awad, Mallik & Hutter, IJCAI 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

import numpy as np

from simulator.context import Context
from simulator.models.differential import PARENTS, crossed, mutant
from simulator.searcher import Searcher


def subpopulation_sizes(brackets: Sequence[Sequence[int]]) -> list[int]:
    """How many members the subpopulation of each level has: as many as the largest rung there.

    Args:
        brackets: the rung sizes of each; bracket b begins at level b, and all end at the last one.

    >>> subpopulation_sizes([[27, 9, 3, 1], [12, 4, 1], [6, 2], [4]])
    [27, 12, 6, 4]
    """
    return [max(brackets[b][level - b] for b in range(level + 1)) for level in range(len(brackets))]


class Member(NamedTuple):
    """Of a subpopulation; members order by value, equal ones by trial."""

    value: float
    trial: int
    row: int


class Subpopulation:
    """The members at one level; places are empty at first.

    Attributes:
        place: the one whose turn it is.
        seen: (n,) for each row of the table whether it was started for this level, or has reported there.
    """

    __slots__ = ("_members", "place", "seen")

    def __init__(self, size: int, n: int) -> None:
        self._members: list[Member | None] = [None] * size
        self.place, self.seen = 0, np.zeros(n, dtype=bool)

    @property
    def target(self) -> Member | None:
        """The member whose turn it is."""
        return self._members[self.place]

    @property
    def alive(self) -> list[Member]:
        """The members that did not diverge, in the order of their places."""
        return [member for member in self._members if member is not None and member.value < inf]

    def advance(self) -> int:
        """Pass the turn on; whose it was."""
        place = self.place
        self.place = (place + 1) % len(self._members)
        return place

    def select(self, place: int, member: Member) -> None:
        """The paper's selection: it takes the place, unless who is there is better."""
        there = self._members[place]
        if there is None or member.value <= there.value:
            self._members[place] = member


class Subpopulations:
    """The subpopulations, and how a configuration is bred from them.

    Args:
        context: of the run.
        levels: increasing, r_max the last.
        sizes: of the subpopulations.
        factor, probability: F and p of `Dehb`.

    Attributes:
        at: the subpopulations, by level.
        proposed: the rows that the searcher has proposed.
        used: how many members the last configuration was bred from; 0 for a random one.
    """

    def __init__(
        self, context: Context, levels: Sequence[float], sizes: Sequence[int], factor: float, probability: float
    ) -> None:
        self._context, self._factor, self._probability = context, factor, probability
        self._vectors, self._neighbours, self._draws = context.vectors, context.neighbours(), context.stream("dehb")
        self.at = {level: Subpopulation(size, len(self._vectors)) for level, size in zip(levels, sizes, strict=True)}
        self.proposed: set[int] = set()
        self.used = 0

    def breed(self, level: float, below: float, size: int, searcher: Searcher) -> int | None:
        """A row to start for the place of `level` whose turn it is, None where nothing is left.

        Args:
            level: that of the rung.
            below: that of the rung below it, the same one in the first rung of a bracket.
            size: of the rung: so many of the best members below may be parents.
            searcher: for random configurations.
        """
        population = self.at[level]
        target, self.used = population.target, 0
        pool, others = self._parents(below, size, target)
        enough = len(pool) + len(others) >= PARENTS
        row = None
        if not enough or (target is None and level == below):
            row = self._random(searcher)
        if row is None and enough:
            if population.seen.all():
                row = self._again(searcher)
            else:
                row = self._neighbours.nearest_row(self._offspring(pool, others, target), ~population.seen)
                self.used = max(len(pool), PARENTS)
        if row is not None and row < len(population.seen):
            population.seen[row] = True
        return row

    def enter(self, level: float, place: int, member: Member) -> None:
        """Put a member that has reported to the selection of a place."""
        self.at[level].select(place, member)
        self.leave_out(level, member.row)

    def leave_out(self, level: float, row: int) -> None:
        """`row` is not to be started for this level any more."""
        if row < len(self.at[level].seen):
            self.at[level].seen[row] = True

    def _parents(self, level: float, size: int, target: Member | None) -> tuple[list[int], list[int]]:
        """Different rows, the target's left out: the parent pool, and what fills it up where it is too small."""
        left_out = None if target is None else target.row
        best = sorted(self.at[level].alive)[:size]
        pool = list(dict.fromkeys(member.row for member in best if member.row != left_out))
        if len(pool) >= PARENTS:
            return pool, []
        everybody = dict.fromkeys(member.row for population in self.at.values() for member in population.alive)
        return pool, [row for row in everybody if row != left_out and row not in pool]

    def _offspring(self, pool: list[int], others: list[int], target: Member | None) -> np.ndarray:
        """(d,) in [0, 1]."""
        if len(pool) < PARENTS:
            order = self._draws.permutation(len(others)).tolist()
            pool = pool + [others[i] for i in order[: PARENTS - len(pool)]]
        drawn = self._draws.permutation(len(pool))[:PARENTS].tolist()
        mutated = mutant(np.array([self._vector(pool[i]) for i in drawn]), self._factor, self._draws)
        if target is None:
            return mutated
        return crossed(self._vector(target.row), mutated, self._probability, self._draws)

    def _vector(self, row: int) -> np.ndarray:
        if row >= len(self._vectors):
            self._vectors = self._context.vectors  # a predicted row was added
        vector: np.ndarray = self._vectors[row]
        return vector

    def _random(self, searcher: Searcher) -> int | None:
        proposed = searcher.propose()
        row = proposed if proposed is None or isinstance(proposed, int) else self._context.resolve(proposed)
        if row is not None:
            self.proposed.add(row)
        return row

    def _again(self, searcher: Searcher) -> int | None:
        """A row that the searcher proposes anew; None where rows do not come round again."""
        while True:
            before = len(self.proposed)
            row = self._random(searcher)
            if row is None or len(self.proposed) == before:
                return row

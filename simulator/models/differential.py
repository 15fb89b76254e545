"""Differential evolution's two operators, rand/1 mutation and binomial crossover, on vectors in [0, 1]^d.

Storn and Price, Journal of Global Optimization 11 (1997): equations 1, 2 and 4 to 6.
"""

from __future__ import annotations

import numpy as np

from blackboxes.streams import Stream
from simulator.checks import is_number
from simulator.errors import SimulationError

PARENTS = 3  # that rand/1 needs


def mutant(parents: np.ndarray, factor: float, draws: Stream) -> np.ndarray:
    """(d,) a + F (b - c) of (3, d) parents a, b, c; what leaves [0, 1] is drawn anew, uniformly, as in DEHB."""
    a, b, c = parents
    moved = a + factor * (b - c)
    anew = draws.uniform(len(moved))
    return np.where((moved < 0) | (moved > 1), anew, moved)


def crossed(target: np.ndarray, mutated: np.ndarray, probability: float, draws: Stream) -> np.ndarray:
    """(d,) each hyperparameter the mutant's with this probability, at least one of them, else the target's."""
    d = len(target)
    *own, one = draws.uniform(d + 1).tolist()
    from_mutant = np.array(own) < probability
    from_mutant[int(one * d)] = True
    return np.where(from_mutant, mutated, target)


def check_factor(factor: float) -> float:
    """`factor` if it can be the F of a mutation.

    Raises:
        SimulationError: it is no number above 0 and at most 2.
    """
    if not (is_number(factor) and 0 < factor <= 2):
        raise SimulationError(f"mutation_factor = {factor!r}: a number above 0 and at most 2 is needed")
    return factor

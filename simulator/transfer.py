"""What is known of other tasks, as a belief about the configurations of this one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from blackboxes import Blackbox, load
from simulator.errors import SimulationError
from simulator.models.coding import choices_of, indicated
from simulator.searcher import SearchContext

NEIGHBOURS = 5  # of a configuration that the other task does not have


def weights_from(others: Sequence[str], context: SearchContext) -> np.ndarray:
    """(n,) a weight above 0 for each row, larger where other tasks had better results.

    Each other task's metric at r_max, the mean over replicates, becomes normal scores: the quantiles of the standard
    normal distribution that belong to its ranks, so that tasks count alike whatever their scale (Salinas et al., ICML
    2020). A row gets the score of the same configuration there, or the mean of those of its five nearest ones, then
    the mean s over tasks, and the weight exp(-s).

    Args:
        others: names of tables with the same space, as for `load`; each with its default metric.
        context: of the searcher that asks.

    Raises:
        SimulationError: another space, the very table of the run, or a table where nothing was trained to r_max.
        BlackboxError: an unknown table.
    """
    from scipy.spatial import cKDTree

    scores = np.zeros(context.n)
    choices = choices_of(context.space)
    for name in others:
        if name == context.name:
            raise SimulationError(f"prior: {name} is what the run is about; other tasks of its family are needed")
        other, known, score = _scores(name)
        if other.space != context.space:
            raise SimulationError(f"prior: {name} has another space of configurations than {context.name}")
        there, _ = indicated(other.vectors[known], choices)
        here, _ = indicated(context.vectors, choices)
        distance, nearest = cKDTree(there).query(here, k=range(1, min(NEIGHBOURS, len(known)) + 1))
        found = score[nearest]
        scores += np.where(distance[:, 0] == 0, found[:, 0], found.mean(axis=1))
    return np.exp(-scores / len(others))


@lru_cache(maxsize=8)
def _scores(name: str) -> tuple[Blackbox, np.ndarray, np.ndarray]:
    """The table, the rows that were trained to r_max, and their normal scores, low for good ones."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    table = load(name)
    metric = table.metric_name(None)
    last, trained = table.metrics[metric][:, :, -1].astype(np.float64), ~np.isnan(table.elapsed[:, :, -1])
    known = np.flatnonzero(trained.any(axis=1))
    if len(known) == 0:
        raise SimulationError(f"prior: nothing in {name} was trained to r_max")
    losses = np.where(np.isnan(last), np.inf, table.metric_info[metric].sign * last)[known]
    with np.errstate(invalid="ignore"):
        mean = np.where(trained[known], losses, 0).sum(axis=1) / trained[known].sum(axis=1)
    return table, known, ndtri((rankdata(mean) - 0.5) / len(known))

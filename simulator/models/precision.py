"""How well what was seen at one resource ranks configurations at a larger one (Li et al., VLDB 2022)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from simulator.models.gaussian_process import Kernel, Posterior

FOLDS = 5


class Level(NamedTuple):
    """What was observed at one resource, for a Gaussian process of its own.

    Attributes:
        kernel: of the process.
        inputs: (n, p).
        values: (n,), standardised.
    """

    kernel: Kernel
    inputs: np.ndarray
    values: np.ndarray


def ranking_loss(drawn: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(s,) how many ordered pairs j, k have drawn[j] < drawn[k] and not values[j] < values[k], or the other way round.

    Args:
        drawn: (n, s) predictions.
        values: (n,) what was observed.
    """
    less = values[:, None] < values
    return np.array([np.count_nonzero((world[:, None] < world) != less) for world in drawn.T])


def precisions(
    levels: Sequence[tuple[Kernel, np.ndarray, np.ndarray]],
    order: np.ndarray,
    normal: Callable[[tuple[int, int]], np.ndarray],
    samples: int,
) -> np.ndarray:
    """(K,) in how large a share of draws from the posteriors each level has the least ranking loss at the last one.

    A draw where several have it is shared out equally. The last level predicts what it has seen itself by
    cross-validation in five folds (the i-th observation is in fold i mod 5), with the kernel as it is.

    Args:
        levels: kernel, (n, p) inputs and (n,) standardised values of each, increasing; at least two at the last.
        order: (n,) the values at the last level, as they rank there.
        normal: standard normal draws of a shape.
        samples: how many draws.

    O(samples x n^2 + N^3) for n observations at the last level, for each level of N.
    """
    *below, top = (Level(*level) for level in levels)
    losses = []
    for level in below:
        posterior = Posterior(*level)
        losses.append(ranking_loss(posterior.sampled(top.inputs, normal((len(order), samples))), order))
    folds = np.arange(len(order)) % FOLDS
    drawn = np.empty((len(order), samples))
    for fold in range(min(FOLDS, len(order))):
        own = folds == fold
        posterior = Posterior(top.kernel, top.inputs[~own], top.values[~own])
        drawn[own] = posterior.sampled(top.inputs[own], normal((int(own.sum()), samples)))
    losses.append(ranking_loss(drawn, order))
    least = np.array(losses) == np.min(losses, axis=0)
    shares: np.ndarray = (least / least.sum(axis=0)).mean(axis=1)
    return shares

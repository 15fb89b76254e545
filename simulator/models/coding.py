"""Configurations as models take them: which columns of the vectors are categories, and these as indicators."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def choices_of(space: ConfigurationSpace) -> list[int]:
    """For each column of `Blackbox.vectors` how many choices a category has; 0 for a number or an ordinal."""
    from ConfigSpace.hyperparameters import CategoricalHyperparameter

    return [len(p.choices) if isinstance(p, CategoricalHyperparameter) else 0 for p in space.values()]


def indicated(vectors: np.ndarray, choices: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors with an indicator column for each choice of a category, so that choices are equally far apart.

    Args:
        vectors: (n, d) in [0, 1], as `Blackbox.vectors`.
        choices: (d,) as `choices_of` gives them.

    Returns:
        (n, p) the columns, two different choices 1 apart; and (p,) which of the d hyperparameters each is of. A
        category that is inactive, where its code is not that of a choice, is as far from every choice.
    """
    columns, owners = [], []
    for j, n_choices in enumerate(choices):
        if n_choices == 0:
            columns.append(vectors[:, j])
            owners.append(j)
            continue
        codes = vectors[:, j] * (n_choices - 1)
        wanted = [*range(n_choices), (n_choices - 1) / 2]
        for code in wanted[: n_choices + 1 - n_choices % 2]:  # with an odd number, inactive has a choice's code
            columns.append((np.abs(codes - code) < 0.25) / sqrt(2))
            owners.append(j)
    return np.column_stack(columns) if columns else np.zeros((len(vectors), 0)), np.array(owners, dtype=int)

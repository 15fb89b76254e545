"""Bounds of a configuration space that a benchmark's authors state, for tables that go a little beyond them."""

from __future__ import annotations

import numpy as np

from blackboxes.errors import BlackboxError

FACTOR = 1000.0  # as far beyond its bounds, a value is damage


def spanned(name: str, stated: tuple[float, float], values: np.ndarray, log: bool) -> tuple[float, float]:
    """The bounds as stated, or as far as values go beyond them: a space without some rows of its table is of no use.

    Args:
        name: of the hyperparameter.
        stated: lower and upper bound.
        values: (n,) finite ones.
        log: whether its scale is logarithmic.

    Raises:
        BlackboxError: a value is so far beyond the bounds that it cannot be meant.
    """
    lower, upper = stated
    reach = FACTOR * (upper - lower)
    least, most = (lower / FACTOR, upper * FACTOR) if log else (lower - reach, upper + reach)
    wrong = (values < least) | (values > most)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BlackboxError(f"{name}: row {row}: {values[row]:g} is far from the published {lower:g} to {upper:g}")
    return min(lower, float(values.min())), max(upper, float(values.max()))

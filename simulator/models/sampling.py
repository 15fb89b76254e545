"""Which observations a model keeps when there are more than it has room for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def best_and_spread(values: Sequence[float], best: int, room: int) -> list[int]:
    """The places of the `best` smallest values, and of others as many as there is room for, evenly over their order.

    Args:
        values: more than `room`; of equal ones the first are the smaller.
        best: at most `room`.
        room: how many in all.
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    others = sorted(order[best:])
    spread = np.linspace(0, len(others) - 1, room - best).round().astype(int)
    return sorted([*order[:best], *(others[i] for i in spread.tolist())])

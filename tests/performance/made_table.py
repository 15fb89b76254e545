"""The table that most comparisons run on, and its rung levels."""

from __future__ import annotations

import numpy as np

from blackboxes import Blackbox, Metric
from blackboxes.streams import Stream

ETA = 3
LEVELS = [1, 3, 9, 27, 81]
ROWS = 3000


def made_table(n: int = ROWS, epochs: int = LEVELS[-1], seconds: float = 1.0) -> Blackbox:
    """Curves that fall towards different ends at different speeds, with noise: nothing special.

    An epoch takes `seconds` for the fastest configurations, about 8 times as long for the slowest.
    """
    draw = Stream(0, "benchmark")
    final, speed = draw.uniform(n)[:, None], draw.uniform(n)[:, None] * 20 + 2
    curves = final + np.exp(-np.arange(1, epochs + 1) / speed) + 0.05 * draw.uniform(n * epochs).reshape(n, epochs)
    pace = seconds * np.exp(2 * draw.uniform(n))[:, None] * (1 + 0.1 * draw.uniform(n * epochs).reshape(n, epochs))
    return Blackbox(
        family="bench",
        task="made",
        space="",
        configs={"x": np.arange(n) / n},
        resources=np.arange(1, epochs + 1),
        metrics={"error": curves[:, None, :].astype(np.float32)},
        metric_info={"error": Metric("min")},
        elapsed=np.cumsum(pace, axis=1)[:, None, :],
    )

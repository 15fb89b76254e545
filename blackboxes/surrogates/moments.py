"""Curves as quantities that can be averaged over replicates and over configurations.

Learning curves cannot be averaged as they are: some diverged, some end early. So each becomes shares and sums:
where it is measured, the logarithm of its time there; where it is over since it diverged; and for each metric where
it has a value, the value there, and where it has diverged. A weighted sum of these gives a curve again: a mean over
those curves that have a value, diverged where more of them have diverged than have a value.
"""

from __future__ import annotations

import numpy as np

from blackboxes.table import Blackbox

TICK = 1e-9  # seconds; times are whole nanoseconds, and have logarithms since one is added


def moments(table: Blackbox, rows: np.ndarray) -> np.ndarray:
    """(rows, 3 + 3 x metrics, R) means over the replicates of each row.

    Measured, log(elapsed + 1 ns), over; then of each metric: has a value, the value, diverged. 0 where there is none.
    A curve that ended in a diverged value stays diverged, and is over, from there on.
    """
    elapsed = table.elapsed[rows]
    measured = ~np.isnan(elapsed)
    lengths = table.lengths[rows]
    drawn = lengths > 0
    beyond = np.arange(len(table.resources)) >= lengths[:, :, None]
    last = np.maximum(lengths - 1, 0)[:, :, None]

    def ended_diverged(values: np.ndarray) -> np.ndarray:
        return beyond & drawn[:, :, None] & np.isnan(np.take_along_axis(values, last, axis=2))

    parts = [
        measured,
        np.where(measured, np.log(np.where(measured, elapsed, 0.0) + TICK), 0.0),
        ended_diverged(table.metrics[table.default_metric][rows]),
    ]
    for values in (table.metrics[name][rows] for name in table.metrics):
        missing = np.isnan(values)
        parts += [~missing, np.where(missing, 0.0, values), (missing & measured) | ended_diverged(values)]
    share = 1.0 / drawn.sum(axis=1)[:, None, None]
    return np.stack([part.sum(axis=1, dtype=np.float64) for part in parts], axis=1) * share


def curve_of(table: Blackbox, sums: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The curve that a weighted sum (3 + 3 x metrics, R) of `moments` describes: values by metric, and elapsed.

    Both are NaN beyond the curve's end: where more curves are over than go on, or none is measured. Times are whole
    nanoseconds and never fall.
    """
    measured, log_time, over = sums[:3]
    ended = np.logical_or.accumulate((over > measured) | (measured == 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        seconds = np.rint((np.exp(log_time / measured) - TICK) * 1e9) / 1e9
        elapsed = np.maximum.accumulate(np.where(ended, 0.0, np.maximum(seconds, 0.0)))
        elapsed[ended] = np.nan
        metrics = {}
        for k, name in enumerate(table.metrics):
            known, total, diverged = sums[3 + 3 * k : 6 + 3 * k]
            values = np.where(ended | (diverged > known) | (known == 0), np.nan, total / known)
            metrics[name] = values.astype(table.metrics[name].dtype)
    return metrics, elapsed

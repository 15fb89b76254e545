"""Times as tables want them: seconds from nothing that never decrease."""

from __future__ import annotations

import numpy as np


def non_decreasing(elapsed: np.ndarray) -> tuple[np.ndarray, float]:
    """Negative times become 0 and a decreasing one the largest before it; NaN stays.

    Args:
        elapsed: (..., R) seconds along the resources.

    Returns:
        The times, float64 of the same shape, and the share of the measured ones that were changed.
    """
    with np.errstate(invalid="ignore"):
        times = np.array(elapsed, dtype=np.float64)
        missing = np.isnan(times)
        mended = np.fmax.accumulate(np.maximum(times, 0.0), axis=-1)
    mended[missing] = np.nan
    measured = missing.size - int(missing.sum())
    changed = int((mended != times).sum()) - int(missing.sum())
    return mended, changed / measured if measured else 0.0


def share(part: float) -> str:
    """A share in a description: `0.6835` is 68.4%, and what is not zero never reads as zero."""
    return f"{part:.1%}" if part == 0 or part >= 0.0005 else f"{part:.1e}"

"""Random numbers for synthetic tables, and ranks: all from raw bits, so that NumPy may change its generators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blackboxes.streams import Stream


def stream(seed: int, *names: str) -> Stream:
    """A stream of a table's own: what it gives does not depend on the other parameters."""
    return Stream(seed, "synthetic", *names)


def uniforms(draw: Stream, n: int) -> np.ndarray:
    """(n,) float64 above 0 and below 1: the midpoints of 2^52 equal cells."""
    return ((draw.raw(n) >> np.uint64(12)) + 0.5) * 2.0**-52


def normals(draw: Stream, n: int) -> np.ndarray:
    """(n,) draws of the standard normal distribution."""
    from scipy.special import ndtri

    return ndtri(uniforms(draw, n))


def ranks(values: np.ndarray) -> np.ndarray:
    """(n,) int64: 0 for the least; ties by position."""
    found = np.empty(len(values), dtype=np.int64)
    found[values.argsort(kind="stable")] = np.arange(len(values))
    return found


def shares(order: np.ndarray) -> np.ndarray:
    """Ranks 0 .. n-1 as evenly spaced shares in (0, 1): (rank + 1/2) / n."""
    return (order + 0.5) / len(order)


def normal_scores(values: np.ndarray) -> np.ndarray:
    """(n,) the values' ranks as quantiles of the standard normal distribution."""
    from scipy.special import ndtri

    return ndtri(shares(ranks(values)))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two columns without ties; 1 where there is only one value."""
    n = len(a)
    squares = int(((ranks(a) - ranks(b)) ** 2).sum())
    return 1 - 6 * squares / (n * (n * n - 1)) if n > 1 else 1.0


def concordance(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's rank correlation of two columns without ties: 1 - 2 x the share of pairs in another order."""
    n = len(a)
    return 1 - 4 * inversions(ranks(b)[a.argsort(kind="stable")]) / (n * (n - 1)) if n > 1 else 1.0


def inversions(permutation: np.ndarray) -> int:
    """The number of pairs i < j with permutation[i] > permutation[j], in O(n log^2 n).

    Two numbers part at their highest differing bit: for each bit, count the pairs that agree above it and of which
    the earlier one has the bit.
    """
    total = 0
    for bit in range(len(permutation).bit_length()):
        group = permutation >> (bit + 1)
        order = group.argsort(kind="stable")
        has = ((permutation[order] >> bit) & 1).astype(np.int64)
        before = has.cumsum() - has
        starts = np.searchsorted(group[order], group[order])  # where each one's group begins
        total += int(((before - before[starts]) * (1 - has)).sum())
    return total


def mixed(
    target: float,
    base: np.ndarray,
    other: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray], float],
    counted: np.ndarray,
) -> np.ndarray:
    """A mix of two independent normal columns whose rank correlation with `base` is `target`.

    For normal columns cos(t) base + sin(t) other has with base the Gaussian copula of correlation cos(t); in the limit
    of many rows, Spearman's correlation is 6/pi asin(cos(t)/2), Kendall's 2/pi asin(cos(t)). In a table of n rows, t
    is chosen such that the table's *own* correlation hits the target: as t grows, pairs of rows only ever turn from
    concordant to discordant, so the correlation falls, in steps of at most 12/n^2 when one pair turns.

    Args:
        target: the correlation, in [-1, 1].
        base, other: (n,) columns.
        measure: the rank correlation, `rank_correlation` or `concordance`.
        counted: (n,) booleans, the rows over which it is measured.
    """
    if target >= measure(base[counted], base[counted]):
        return base
    if target <= measure(base[counted], -base[counted]):
        return -base
    low, high = 0.0, np.pi
    nearest, error = base, np.inf
    for _ in range(60):
        angle = (low + high) / 2
        mix = np.cos(angle) * base + np.sin(angle) * other
        reached = measure(base[counted], mix[counted])
        if abs(reached - target) < error:
            nearest, error = mix, abs(reached - target)
        if error < 1e-4:
            break
        low, high = (angle, high) if reached > target else (low, angle)
    return nearest

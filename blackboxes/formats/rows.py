"""From rows of (configuration, replicate, resource) to the arrays of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blackboxes.errors import BlackboxError

MOST_CELLS = 1 << 29  # values that the arrays of one task may hold: 4 GiB


def codes(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers the distinct combinations of values in the order in which they appear.

    Args:
        columns: each (N,), numbers or objects; NaN equals NaN, and None equals None.

    Returns:
        (N,) the number of each row's combination, and (n,) the first row of each combination.
    """
    combined = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        single = _codes_of(column)
        combined = np.unique(combined * (int(single.max()) + 1) + single, return_inverse=True)[1]
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[inverse], first[order]


def _codes_of(column: np.ndarray) -> np.ndarray:
    if column.dtype.kind != "O":
        return np.unique(column, return_inverse=True)[1]
    seen: dict[object, int] = {}
    # True equals 1 in Python: the type goes with the value.
    return np.array([seen.setdefault((type(value), value), len(seen)) for value in column.tolist()], dtype=np.int64)


@dataclass(frozen=True)
class Curves:
    """The arrays of one task: `resources` (R,), `elapsed` and `metrics` (n, S, R), `last` (n, S) the row that ends each
    curve, -1 where there is none."""

    resources: np.ndarray
    elapsed: np.ndarray
    metrics: dict[str, np.ndarray]
    last: np.ndarray


def curves(
    where: Callable[..., str],
    place: Callable[[int], str],
    rows: np.ndarray,
    configuration: np.ndarray,
    replicate: np.ndarray,
    resource: np.ndarray,
    seconds: np.ndarray,
    metrics: Mapping[str, np.ndarray],
    *,
    steps: bool,
    hint: str = "",
) -> Curves:
    """Curves from rows in any order; they may end early, and may not have gaps.

    Args:
        where: names the file and a row of it, for messages.
        place: names the row alone.
        rows: (N,) the rows of this task in the file.
        configuration, replicate: (N,) numbers from 0.
        resource, seconds, metrics: (N,) float64; an infinite metric becomes NaN, diverged.
        steps: `seconds` are those of each row alone and are summed up; otherwise since the start.
        hint: what to do about a combination that comes twice.

    Raises:
        BlackboxError: the same configuration, replicate and resource twice, a gap inside a curve, or more values than
            can be meant; the message names the rows.
    """
    grid, position = np.unique(resource, return_inverse=True)
    n, replicates, size = int(configuration.max()) + 1, int(replicate.max()) + 1, len(grid)
    if n * replicates * size * (1 + len(metrics)) > MOST_CELLS:
        raise BlackboxError(
            f"{where(int(rows[0]))}: {len(rows)} rows would make a table of {n} configurations x {replicates} "
            f"replicates x {size} resources: is the right column named for each?"
        )
    curve = configuration * replicates + replicate
    cell = curve * size + position
    order = np.argsort(cell, kind="stable")
    ordered = cell[order]
    same = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(same):
        first, second = sorted(int(row) for row in rows[order[same[0] : same[0] + 2]])
        raise BlackboxError(f"{where(second)}: the same configuration, replicate and resource as {place(first)}{hint}")
    _refuse_gaps(where, rows[order], curve[order], position[order], grid)
    elapsed = np.full(n * replicates * size, np.nan)
    elapsed[ordered] = _summed(seconds[order], curve[order]) if steps else seconds[order]
    shape = (n, replicates, size)
    arrays = {}
    for name, values in metrics.items():
        array = np.full(n * replicates * size, np.nan)
        array[ordered] = np.where(np.isinf(values[order]), np.nan, values[order])
        arrays[name] = array.reshape(shape)
    last = np.full(n * replicates, -1, dtype=np.int64)
    last[curve[order]] = rows[order]  # the last one written is that of the largest resource
    if (grid == np.rint(grid)).all() and grid[-1] < 2**53:
        grid = grid.astype(np.int64)
    return Curves(grid, elapsed.reshape(shape), arrays, last.reshape(n, replicates))


def _refuse_gaps(
    where: Callable[..., str], rows: np.ndarray, curve: np.ndarray, position: np.ndarray, grid: np.ndarray
) -> None:
    before = np.empty_like(position)
    before[0], before[1:] = -1, np.where(curve[1:] == curve[:-1], position[:-1], -1)
    gaps = np.flatnonzero(position != before + 1)
    if len(gaps):
        k = int(gaps[0])
        raise BlackboxError(
            f"{where(int(rows[k]))}: its curve has no row at resource {grid[before[k] + 1]:g}, where others have one, "
            f"but one at {grid[position[k]]:g}: a curve may end early but has no gaps; name the resources to keep"
        )


def _summed(seconds: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Sums within each curve; added curve by curve, so that one curve's rounding does not depend on another."""
    starts = np.flatnonzero(np.r_[True, curve[1:] != curve[:-1]])
    summed = np.empty_like(seconds)
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(seconds)], strict=True):
        np.cumsum(seconds[start:end], out=summed[start:end])
    return summed

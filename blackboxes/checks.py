"""What must hold for a table's arrays. Each check raises `BlackboxError` that names the array and the row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from blackboxes.errors import BlackboxError

BLOCK = 1 << 20  # values looked at at once: bounds the memory that a check of a large table takes
LONGEST = 1e9  # seconds; keeps nanoseconds of many trials within 64 bits
MOST_RESOURCES = 65_534  # a trace packs the position on the grid into 16 bits
PLAIN = (str, bool, int, float, type(None))  # what a hyperparameter's value may be; None where inactive


def as_numbers(where: str, values: Any, *kept: type) -> np.ndarray:
    """A read-only view on an array of real numbers: of one of the types `kept`, or else a float64 copy."""
    try:
        array = np.asarray(values)
    except ValueError as error:  # nested lists of unequal lengths
        raise BlackboxError(f"{where}: an array of numbers is needed: {error}") from None
    if array.dtype.kind not in "iuf":
        raise BlackboxError(f"{where}: numbers are needed, not {array.dtype}")
    return frozen(array if array.dtype in kept else array.astype(np.float64))


def as_column(where: str, values: Any) -> np.ndarray:
    """A read-only array of one hyperparameter's values: numbers or booleans, or Python objects for all else."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            # Begin again from the values: NumPy has made texts of all in ["a", nan] and in ["auto", 1].
            array = np.array(values, dtype=object)
    except ValueError as error:
        raise BlackboxError(f"{where}: one value for each configuration is needed: {error}") from None
    if array.dtype.kind == "O" and array.ndim == 1:
        for row, value in enumerate(array.tolist()):
            value = array[row] = value.item() if isinstance(value, np.generic) else value
            if not isinstance(value, PLAIN):
                raise BlackboxError(
                    f"{where}: row {row}: {value!r:.80} is no number, text or boolean (None where inactive)"
                )
    odd_float = array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8)
    return frozen(array.astype(np.float64) if odd_float else array)


def frozen(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def check_resources(resources: np.ndarray) -> np.ndarray:
    """A (R,) grid of finite, positive, strictly increasing resources; returned as it is."""
    if resources.ndim != 1 or not 0 < len(resources) <= MOST_RESOURCES or resources.dtype.kind not in "iuf":
        raise BlackboxError(
            f"resources: a list of 1 to {MOST_RESOURCES} numbers is needed, "
            f"not shape {resources.shape} of {resources.dtype}"
        )
    good = np.isfinite(resources) & (resources > 0)
    good[1:] &= resources[1:] > resources[:-1]  # a difference of unsigned integers is never negative
    if not good.all():
        i = int(np.argmin(good))
        raise BlackboxError(f"resources: must be positive and increasing, but entry {i} is {resources[i]}")
    return resources


def check_flags(censored: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(n, S) booleans that tell which curves are censored; returned as a view that cannot be written to."""
    if censored.dtype.kind != "b" or censored.shape != shape:
        raise BlackboxError(
            f"censored: booleans of shape {shape} are needed, not {censored.dtype} of shape {censored.shape}"
        )
    return frozen(censored)


def check_configs(columns: Mapping[str, np.ndarray], n: int) -> None:
    """Each hyperparameter has one value for each of the n configurations."""
    if not columns:
        raise BlackboxError("configs: a table needs at least one hyperparameter")
    for name, column in columns.items():
        if column.shape != (n,):
            raise BlackboxError(f"configs/{name}: shape {column.shape}, should be ({n},) as in elapsed")


def check_curves(elapsed: np.ndarray, metrics: Mapping[str, np.ndarray], resources: np.ndarray) -> np.ndarray:
    """Curves whose times make sense; returns `lengths` (n, S) int32, how many resources each one has measured."""
    if elapsed.ndim != 3 or 0 in elapsed.shape or elapsed.shape[2] != len(resources):
        raise BlackboxError(
            f"elapsed: shape {elapsed.shape}, should be (configurations, replicates, {len(resources)} resources)"
        )
    for name, values in metrics.items():
        if values.shape != elapsed.shape:
            raise BlackboxError(f"metrics/{name}: shape {values.shape}, should be {elapsed.shape} as elapsed")
    n, replicates, size = elapsed.shape
    lengths = np.empty((n, replicates), dtype=np.int32)
    step = max(1, BLOCK // (replicates * size))
    with np.errstate(all="ignore"):  # sums of the largest numbers overflow, which is no fault of theirs
        for start in range(0, n, step):
            block = slice(start, start + step)
            lengths[block] = _check_block(elapsed[block], start, resources)
            for name, values in metrics.items():
                _check_values(name, values[block], elapsed[block], start, resources)
    return lengths


def _check_block(elapsed: np.ndarray, start: int, resources: np.ndarray) -> np.ndarray:
    last = elapsed[:, :, -1]
    whole = not np.isnan(last).any()
    _refuse("elapsed", elapsed < 0, elapsed, start, resources, "is negative, seconds from nothing are needed")
    _refuse("elapsed", elapsed >= LONGEST, elapsed, start, resources, f"is not below {LONGEST:g} seconds")
    # Where the last entry is measured and no step goes down or is NaN, the whole curve is measured.
    going_up = elapsed[:, :, 1:] >= elapsed[:, :, :-1]
    if whole and going_up.all():
        return np.full(last.shape, elapsed.shape[2], dtype=np.int32)
    measured = ~np.isnan(elapsed)
    lengths = measured.sum(axis=2, dtype=np.int32)
    ragged = np.arange(elapsed.shape[2]) < lengths[:, :, None]
    _refuse(
        "elapsed",
        ragged & ~measured,
        elapsed,
        start,
        resources,
        "is missing (NaN) inside a curve, only its end may be",
    )
    falls = np.zeros(elapsed.shape, dtype=bool)
    falls[:, :, 1:] = ~going_up & measured[:, :, 1:]
    _refuse(
        "elapsed",
        falls,
        elapsed,
        start,
        resources,
        "is less than at the resource before, time must not decrease",
    )
    empty = lengths.max(axis=1) == 0
    if empty.any():
        row = start + int(np.argmax(empty))
        raise BlackboxError(f"elapsed: row {row} is NaN throughout: leave out a configuration that was not measured")
    return lengths


def _check_values(name: str, values: np.ndarray, elapsed: np.ndarray, start: int, resources: np.ndarray) -> None:
    where = f"metrics/{name}"
    if not np.isfinite(values.sum(dtype=np.float64)):  # one pass in the common case of a clean table
        _refuse(where, np.isinf(values), values, start, resources, "is infinite, store NaN for a diverged value")
    if np.isnan(elapsed[:, :, -1]).any():
        _refuse(
            where,
            ~np.isnan(values) & np.isnan(elapsed),
            values,
            start,
            resources,
            "has a value where elapsed is NaN (not measured)",
        )


def _refuse(where: str, bad: np.ndarray, values: np.ndarray, start: int, resources: np.ndarray, why: str) -> None:
    if bad.any():
        row, replicate, j = (int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))
        raise BlackboxError(
            f"{where}: row {start + row}, replicate {replicate}, resource {resources[j]}: "
            f"{values[row, replicate, j]} {why}"
        )

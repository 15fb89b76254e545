"""Makers of small tables for tests: random ones with everything awkward in them, and a few made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from blackboxes import Blackbox, Metric
from blackboxes.streams import Stream

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

GRIDS: dict[str, Callable[[int], list[float]]] = {
    "epochs": lambda size: [k + 1 for k in range(size)],
    "sqrt2": lambda size: [int(16 * 2 ** (k / 2) + 0.5) for k in range(size)],  # 16, 23, 32, 45, 64, ...
    "fractions": lambda size: [round((k + 1) / size, 3) for k in range(size)],
    "squares": lambda size: [(k + 1) ** 2 for k in range(size)],
}


def space_of(upper: float, choices: Mapping[str, list[str]] | None = None) -> ConfigurationSpace:
    """That of the tables below: x from 0 to `upper`, and categories. Made when it is asked for, which few tests do."""
    from ConfigSpace import ConfigurationSpace

    return ConfigurationSpace({"x": (0.0, float(upper)), **(choices or {})})


def random_table(
    seed: int,
    n: int = 12,
    replicates: int = 1,
    size: int = 9,
    grid: str = "epochs",
    levels: int | None = 8,
    diverged: float = 0.0,
    ragged: float = 0.0,
    times: str = "coarse",
    zero_times: float = 0.0,
    direction: str = "min",
    resumable: bool = True,
    dtype: str = "float64",
) -> Blackbox:
    """A table that is a function of its arguments alone.

    Args:
        seed: of all draws.
        n, replicates, size: configurations x replicates x resources.
        grid: one of `GRIDS`.
        levels: how many different values there are, all of them exact in binary (few: many ties); None: all differ.
        diverged: share of values that are NaN.
        ragged: share of curves that end early; where there are several replicates, some are not measured at all.
        times: ``"equal"``: every unit takes 1 s; ``"coarse"``: 1/8 to 1 s in steps of 1/8 s; ``"fine"``: anything.
        zero_times: share of units that take no time.
        direction: ``"min"`` or ``"max"``.
        resumable: as in `Blackbox`.
        dtype: of the metric.
    """
    draw = Stream(seed, "tests")
    shape = (n, replicates, size)

    def uniform() -> np.ndarray:
        return draw.uniform(n * replicates * size).reshape(shape)

    if levels is None:
        values = draw.permutation(n * replicates * size).reshape(shape).astype(np.float64)
    else:
        values = np.floor(uniform() * levels) / 8
    values[uniform() < diverged] = np.nan

    if times == "equal":
        units = np.ones(shape)
    elif times == "coarse":
        units = np.floor(uniform() * 8 + 1) / 8
    else:
        units = uniform() + 1e-6
    units[uniform() < zero_times] = 0
    elapsed = np.cumsum(units, axis=2)

    cut = draw.uniform(n * replicates).reshape(n, replicates) < ragged
    lengths = np.floor(draw.uniform(n * replicates).reshape(n, replicates) * (size + 1)).astype(int)
    lengths = np.where(cut, lengths, size)
    lengths[:, 0] = np.maximum(lengths[:, 0], np.where(lengths.max(axis=1) == 0, 1, 0))
    missing = np.arange(size) >= lengths[:, :, None]
    values[missing] = elapsed[missing] = np.nan

    return Blackbox(
        family="random",
        task=str(seed),
        space=partial(space_of, n / 4),
        configs={"x": np.arange(n) / 4},
        resources=np.array(GRIDS[grid](size)),
        metrics={"loss": values.astype(dtype), "other": (values + 1).astype(dtype)},
        metric_info={"loss": Metric(direction), "other": Metric("max")},
        elapsed=elapsed,
        resumable=resumable,
    )


def tables(**fixed: Any) -> st.SearchStrategy[Blackbox]:
    """Small random tables; `fixed` arguments of `random_table` are given, as values or as strategies."""
    share = st.sampled_from([0.0, 0.1, 0.4])
    arguments: dict[str, Any] = {
        "seed": st.integers(0, 2**32 - 1),
        "n": st.integers(1, 40),
        "replicates": st.integers(1, 3),
        "size": st.integers(1, 30),
        "grid": st.sampled_from(list(GRIDS)),
        "levels": st.sampled_from([2, 8, 1000, None]),
        "diverged": share,
        "ragged": share,
        "times": st.sampled_from(["equal", "coarse", "fine"]),
        "zero_times": share,
        "direction": st.sampled_from(["min", "max"]),
        "resumable": st.booleans(),
        "dtype": st.sampled_from(["float64", "float32"]),
    }
    for name, value in fixed.items():
        arguments[name] = value if isinstance(value, st.SearchStrategy) else st.just(value)
    return st.builds(random_table, **arguments)


def table_of(
    curves: Sequence[Sequence[float]],
    seconds: Sequence[Sequence[float]] | None = None,
    resources: Sequence[float] | None = None,
    direction: str = "min",
    **options: Any,
) -> Blackbox:
    """A table by hand, one curve a configuration and one replicate; a second a unit unless `seconds` (elapsed)."""
    values = np.array(curves, dtype=np.float64)[:, None, :]
    grid = np.arange(1, values.shape[2] + 1) if resources is None else np.array(resources)
    if seconds is None:
        elapsed = np.broadcast_to(np.arange(1.0, values.shape[2] + 1), values.shape).copy()
    else:
        elapsed = np.array(seconds, dtype=np.float64)[:, None, :]
    return Blackbox(
        family="made",
        task="by-hand",
        space=partial(space_of, len(values), {"letter": [chr(97 + i) for i in range(26)]}),
        configs={"x": np.arange(len(values)), "letter": np.array([chr(97 + i % 26) for i in range(len(values))])},
        resources=grid,
        metrics={"loss": values},
        metric_info={"loss": Metric(direction)},
        elapsed=elapsed,
        **options,
    )


def integer_table(n: int = 30, replicates: int = 2, size: int = 9) -> Blackbox:
    """A table from whole-number arithmetic: its values and times are exact, the same on any machine.

    Values fall in steps of 1/64 and tie often; a few diverge, a few curves end early; times are multiples of 1/16 s.
    """
    values, elapsed = (np.full((n, replicates, size), np.nan) for _ in range(2))
    state = 1
    for row in range(n):
        for replicate in range(replicates):
            length = size - 4 if (row + replicate) % 11 == 5 else size
            level, time = 40 + row * 7 % 23, 0
            for k in range(length):
                state = state * 48271 % 2147483647  # Park and Miller's minimal standard generator
                level -= state % 5
                time += 1 + state % 7 + row % 3
                elapsed[row, replicate, k] = time / 16
                values[row, replicate, k] = np.nan if (row, k) in ((4, 0), (9, 2), (13, 5)) else level / 64
    return Blackbox(
        family="made",
        task="integers",
        space=partial(space_of, n),
        configs={"x": np.arange(n)},
        resources=np.arange(1, size + 1),
        metrics={"error": values},
        metric_info={"error": Metric("min")},
        elapsed=elapsed,
    )

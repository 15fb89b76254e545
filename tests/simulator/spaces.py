"""Tables for searchers with a model: any table with hyperparameters of every kind, and grids."""

from __future__ import annotations

from itertools import product

import numpy as np
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    Integer,
    OrdinalHyperparameter,
)
from tables import integer_table

from blackboxes import Blackbox, Metric
from blackboxes.streams import Stream


def with_space(table: Blackbox) -> Blackbox:
    """The table with other configurations, which depend on the number of rows alone.

    A logarithmic float, an integer, a category, an ordinal, a constant, and a float that only one choice makes active.
    """
    n = len(table)
    u = Stream(n, "space").uniform(5 * n).reshape(5, n)
    kinds = np.array(["sgd", "adam", "lion", "none"])[(4 * u[2]).astype(int)]
    space = ConfigurationSpace()
    momentum = Float("momentum", (0.0, 1.0))
    kind = Categorical("kind", ["sgd", "adam", "lion", "none"])
    space.add(
        Float("rate", (1e-4, 1.0), log=True),
        Integer("units", (1, 64)),
        kind,
        OrdinalHyperparameter("size", ["s", "m", "l"]),
        Constant("version", 1),
        momentum,
    )
    space.add(EqualsCondition(momentum, kind, "sgd"))
    return table.replaced(
        space=space,
        configs={
            "rate": 10 ** (-4 * u[0]),
            "units": (1 + 64 * u[1]).astype(int),
            "kind": kinds,
            "size": np.array(["s", "m", "l"])[(3 * u[3]).astype(int)],
            "version": np.ones(n, dtype=int),
            "momentum": np.where(kinds == "sgd", u[4], np.nan),
        },
    )


def whole_table() -> Blackbox:
    """The integer table, whose values are the same on any machine, with hyperparameters."""
    return with_space(integer_table(n=60))


def grid_table(sides: tuple[int, ...] = (5, 4, 3), r_max: int = 1) -> Blackbox:
    """All points of a grid; the loss is the squared distance from one corner, whatever the resource."""
    points = np.array(list(product(*map(range, sides))))
    n = len(points)
    loss = ((points / (np.array(sides) - 1)) ** 2).sum(axis=1)
    return Blackbox(
        family="made",
        task="grid",
        space=ConfigurationSpace({f"x{j}": (0, side - 1) for j, side in enumerate(sides)}),
        configs={f"x{j}": points[:, j] for j in range(len(sides))},
        resources=np.arange(1, r_max + 1),
        metrics={"loss": np.repeat(loss[:, None, None], r_max, axis=2)},
        metric_info={"loss": Metric("min")},
        elapsed=np.broadcast_to(np.arange(1.0, r_max + 1), (n, 1, r_max)).copy(),
    )

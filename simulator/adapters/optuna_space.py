"""A table's configuration space, as Optuna is asked for it: define-by-run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def suggester(space: ConfigurationSpace) -> Callable[[Any], dict[str, Any]]:
    """A function that asks a trial of Optuna for one configuration of this space, hyperparameter by hyperparameter."""
    from ConfigSpace.hyperparameters import Constant, FloatHyperparameter, IntegerHyperparameter, OrdinalHyperparameter

    def drawn(one: Any) -> Callable[[Any], Any]:
        name = one.name
        if isinstance(one, Constant):
            return lambda trial: one.value
        if isinstance(one, FloatHyperparameter):
            low, high = float(one.lower), float(one.upper)
            return lambda trial: trial.suggest_float(name, low, high, log=one.log)
        if isinstance(one, IntegerHyperparameter):
            least, most = int(one.lower), int(one.upper)
            return lambda trial: trial.suggest_int(name, least, most, log=one.log)
        if isinstance(one, OrdinalHyperparameter):
            return lambda trial: one.sequence[trial.suggest_int(name, 0, len(one.sequence) - 1)]
        return lambda trial: trial.suggest_categorical(name, one.choices)

    conditions: dict[str, list[Any]] = {name: [] for name in space}
    for condition in space.conditions:
        conditions[condition.child.name].append(condition)
    steps = [  # in the space's order parents come before children
        (one, space.index_of[one.name], conditions[one.name], drawn(one)) for one in space.values()
    ]

    def suggest(trial: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        vector = np.full(len(steps), np.nan)  # conditions on what is inactive hold as ConfigSpace has it, by NaN
        for one, index, needed, draw in steps:
            if all(condition.satisfied_by_vector(vector) for condition in needed):
                values[one.name] = draw(trial)
                vector[index] = one.to_vector(values[one.name])
        return values

    return suggest

"""Hyperparameters between a configuration space and Ray Tune's population based training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def mutations(space: ConfigurationSpace) -> dict[str, Any]:
    """`hyperparam_mutations` for all of a space: its ranges, on a log scale where it has them so, and its choices."""
    from ray.tune.search import sample

    found: dict[str, Any] = {}
    parameter: Any  # of a dozen classes
    for name, parameter in space.items():
        if hasattr(parameter, "choices") or hasattr(parameter, "sequence"):
            found[name] = list(parameter.choices if hasattr(parameter, "choices") else parameter.sequence)
        elif hasattr(parameter, "lower"):
            low, high = parameter.lower, parameter.upper
            log = bool(getattr(parameter, "log", False))
            if isinstance(low, int):
                found[name] = (sample.lograndint if log else sample.randint)(low, high + 1)
            else:
                found[name] = (sample.loguniform if log else sample.uniform)(low, high)
    return found


def legal(space: ConfigurationSpace, params: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters that Ray changed, as the space has them.

    Numbers outside their range, where Ray does not stop at it, come to its end; what is inactive is left out, and what
    became active without a value gets its default. Names that the space does not have are kept, for an error to name.
    """
    values: dict[str, Any] = {}
    parameter: Any  # of a dozen classes
    for name, parameter in space.items():
        value = params.get(name)
        value = parameter.default_value if value is None else value
        if hasattr(parameter, "lower"):
            value = min(max(value, parameter.lower), parameter.upper)
            value = round(value) if isinstance(parameter.lower, int) else float(value)
        values[name] = value
    unknown = {name: value for name, value in params.items() if name not in values}
    if not space.conditions:  # ConfigSpace takes 28 us to find that out
        return values | unknown
    from ConfigSpace.util import deactivate_inactive_hyperparameters

    return dict(deactivate_inactive_hyperparameters(values, space)) | unknown

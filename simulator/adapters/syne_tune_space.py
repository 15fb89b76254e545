"""A table's configuration space in Syne Tune's terms, and configurations there and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from simulator.context import Context

SIMPLE = (str, int, float, bool)


class Domains:
    """The hyperparameters of a table, each as a domain of Syne Tune.

    Floats and integers keep their bounds and logarithms, ordinals their order; whatever the space says of a number's
    distribution beyond that is lost, and so are conditions: Syne Tune's spaces are flat. So a configuration of the
    table gets the default value where a hyperparameter is inactive, and a proposal loses the values of inactive ones.
    Choices that are not all of one type, which Syne Tune needs, are named by their text. A single choice is a constant.
    """

    def __init__(self, context: Context) -> None:
        self._space, self._row_params = context.space, context.params
        self._hyperparameters = dict(self._space)
        self._conditional = bool(self._space.conditions)
        self._codes = {  # by hyperparameter: its choices, as Syne Tune has them
            name: _coded(choices) for name, p in self._hyperparameters.items() if (choices := _choices(p)) is not None
        }
        self._defaults = {name: self._coded(name, p.default_value) for name, p in self._hyperparameters.items()}

    @classmethod
    def of_anything(cls) -> Domains:
        """One float, to see whether a scheduler can be made at all."""
        return _Anything()

    def space(self) -> dict[str, Any]:
        """As Syne Tune's `config_space`, made anew."""
        return {name: self._domain(name, p) for name, p in self._hyperparameters.items()}

    def params(self, config: int | Mapping[str, Any]) -> dict[str, Any]:
        """A row, or hyperparameters, as Syne Tune has them."""
        values = config if isinstance(config, Mapping) else self._row_params(config)
        return {
            name: self._defaults[name] if _is_missing(values.get(name)) else self._coded(name, values[name])
            for name in self._hyperparameters
        }

    def proposal(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The hyperparameters that are active in a configuration of Syne Tune's, within their bounds."""
        values = {name: self._decoded(name, p, config[name]) for name, p in self._hyperparameters.items()}
        if not self._conditional:
            return values
        from ConfigSpace.util import deactivate_inactive_hyperparameters

        active = deactivate_inactive_hyperparameters(values, self._space)  # whose numbers are rounded
        return {name: value for name, value in values.items() if name in active}

    def _domain(self, name: str, p: Any) -> Any:
        from syne_tune import config_space

        codes = self._codes.get(name)
        if codes is not None:
            if len(codes) == 1:
                return codes[0][1]
            listed = [code for _, code in codes]
            return config_space.ordinal(listed) if hasattr(p, "sequence") else config_space.choice(listed)
        whole = isinstance(p.lower, int | np.integer)
        kinds = ("randint", "lograndint") if whole else ("uniform", "loguniform")
        return getattr(config_space, kinds[bool(p.log)])(_plain(p.lower), _plain(p.upper))

    def _coded(self, name: str, value: Any) -> Any:
        codes = self._codes.get(name)
        return _plain(value) if codes is None else next(code for choice, code in codes if choice == value)

    def _decoded(self, name: str, p: Any, value: Any) -> Any:
        codes = self._codes.get(name)
        if codes is not None:
            return next(choice for choice, code in codes if code == value)
        return min(max(value, _plain(p.lower)), _plain(p.upper))  # exp(log(upper)) may be beyond it


class _Anything(Domains):
    def __init__(self) -> None:
        pass

    def space(self) -> dict[str, Any]:
        from syne_tune import config_space

        return {"x": config_space.uniform(0.0, 1.0)}


def _choices(p: Any) -> list[Any] | None:
    """Of a category, an ordinal or a constant; None for a number."""
    for attribute in ("choices", "sequence"):
        if hasattr(p, attribute):
            return [_plain(choice) for choice in getattr(p, attribute)]
    return [_plain(p.value)] if hasattr(p, "value") else None


def _coded(choices: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Each choice, and what stands for it."""
    same = len({type(choice) for choice in choices}) == 1 and isinstance(choices[0], SIMPLE)
    return [(choice, choice if same else repr(choice)) for choice in choices]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_missing(value: Any) -> bool:
    return value is None or value != value

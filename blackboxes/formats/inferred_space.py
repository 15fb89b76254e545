"""A configuration space inferred from the values that a table has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from blackboxes.encoding import is_active
from blackboxes.errors import BlackboxError, printable

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

DECADES = 2  # a range of positive numbers that spans more is taken as logarithmic
MOST_CHOICES = 10_000
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # characters that a terminal might obey


def inferred_space(columns: Mapping[str, np.ndarray]) -> ConfigurationSpace:
    """One hyperparameter for each column of `Blackbox.columns`, over the range of its values.

    Whole numbers become integers and other numbers floats, logarithmic where they are positive and their range
    spans more than two decades; texts and booleans become categories; a single value becomes a constant. Conditions
    are not inferred: a value that is missing is inactive.

    Raises:
        BlackboxError: a column without any value, or with more categories than can be meant.
    """
    from ConfigSpace import ConfigurationSpace

    parameters = []
    for name, column in columns.items():
        with fitting(name):
            parameters.append(_parameter(name, column))
    return ConfigurationSpace(space=parameters)


@contextmanager
def fitting(name: str) -> Iterator[None]:
    """Turns what ConfigSpace says of bounds that it cannot hold (1e300, 1e-15, ...) into a `BlackboxError`."""
    try:
        with np.errstate(all="ignore"):
            yield
    except BlackboxError:
        raise
    except Exception as error:
        why = printable(" ".join(str(error).split()))
        raise BlackboxError(f"hyperparameter {name!r:.60}: ConfigSpace does not take its values: {why:.200}") from error


def _parameter(name: str, column: np.ndarray) -> Hyperparameter:
    from ConfigSpace import Categorical, Constant, Float, Integer

    active = column[is_active(column)]
    if not len(active):
        raise BlackboxError(f"hyperparameter {name!r}: no configuration has a value")
    if active.dtype.kind == "O":
        choices: list[Any] = sorted(set(active.tolist()), key=lambda value: (str(type(value)), value))
        for choice in choices:
            if isinstance(choice, str) and CONTROL.search(choice):
                raise BlackboxError(f"hyperparameter {name!r}: {choice!r:.60} has control characters")
    elif active.dtype.kind == "b":
        choices = sorted(set(active.tolist()))
    else:
        low, high = active.min().item(), active.max().item()
        if not np.isfinite([low, high]).all():
            raise BlackboxError(f"hyperparameter {name!r}: {high if np.isinf(high) else low} is not finite")
        if low == high:
            return Constant(name, low)
        log = low > 0 and high / low > 10**DECADES
        # A column of integers is of floats where some are missing.
        whole = active.dtype.kind in "iu" or (len(active) < len(column) and (active == np.rint(active)).all())
        return Integer(name, (int(low), int(high)), log=log) if whole else Float(name, (low, high), log=log)
    if len(choices) > MOST_CHOICES:
        raise BlackboxError(f"hyperparameter {name!r}: {len(choices)} categories, the most is {MOST_CHOICES}")
    return Constant(name, choices[0]) if len(choices) == 1 else Categorical(name, choices)


def described(space: ConfigurationSpace) -> str:
    """The space in words, for a description: `lr in [0.001, 1] (log), units in 16 .. 512, opt of 2 categories`."""
    from ConfigSpace import CategoricalHyperparameter, Constant
    from ConfigSpace.hyperparameters import FloatHyperparameter, IntegerHyperparameter

    parts = []
    for parameter in space.values():
        if isinstance(parameter, Constant):
            parts.append(f"{parameter.name} = {parameter.value}")
        elif isinstance(parameter, CategoricalHyperparameter):
            parts.append(f"{parameter.name} of {len(parameter.choices)} categories")
        elif isinstance(parameter, (FloatHyperparameter, IntegerHyperparameter)):
            bounds = f"{parameter.lower:g} .. {parameter.upper:g}"
            whole = "whole " if isinstance(parameter, IntegerHyperparameter) else ""
            parts.append(f"{parameter.name} {whole}{bounds}{' (log)' if parameter.log else ''}")
    return ", ".join(parts)

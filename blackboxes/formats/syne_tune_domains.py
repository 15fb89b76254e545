"""Syne Tune's JSON of domains, as a ConfigSpace space.

The facts are those of `syne_tune/config_space.py` (0.14.2, `config_space_to_json_dict`): a domain is
`{"domain_cls": ..., "domain_kwargs": {...}, "sampler_cls": ...}`, anything else is a constant.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from blackboxes.encoding import is_active
from blackboxes.errors import BlackboxError
from blackboxes.formats.inferred_space import fitting
from blackboxes.formats.reading import hint

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

NEAR = 1e-6  # of a step: a value of a finite range that differs less from the grid is that grid value
MOST_VALUES = 100_000
CLASSES = ("Float", "Integer", "Categorical", "Ordinal", "OrdinalNearestNeighbor", "FiniteRange")


def domains_space(
    domains: Mapping[str, Any], columns: Mapping[str, np.ndarray]
) -> tuple[ConfigurationSpace, list[str]]:
    """The space of `columns`, which it holds in all: bounds are widened to the values that the table has.

    uniform, loguniform, randint and lograndint become floats and integers, choice becomes categories, ordinal and
    logordinal ordinals, finrange and logfinrange ordinals of their values (as the table writes them), reverseloguniform
    cannot be told from loguniform, since Syne Tune writes the same sampler for both.

    Returns:
        The space, and a sentence for each hyperparameter that was changed.

    Raises:
        BlackboxError: a column without a domain or the other way round, or a domain that is none.
    """
    from ConfigSpace import ConfigurationSpace

    for name in columns:
        if name not in domains:
            raise BlackboxError(f"there is no domain for the column {name!r}: {hint(name, domains)}")
    remarks: list[str] = []
    parameters = []
    for name, domain in domains.items():
        if name in columns:
            with fitting(name):
                parameters.append(_parameter(name, domain, columns[name], remarks))
        elif isinstance(domain, dict):
            raise BlackboxError(f"there is no column for the domain {name!r}: {hint(name, columns)}")
    return ConfigurationSpace(space=parameters), remarks


def _parameter(name: str, domain: Any, column: np.ndarray, remarks: list[str]) -> Hyperparameter:
    from ConfigSpace import Categorical, Constant, Float, Integer, OrdinalHyperparameter

    values = sorted(set(column[is_active(column)].tolist()), key=lambda value: (isinstance(value, str), value))
    if not values:
        raise BlackboxError(f"{name}: no configuration has a value")
    kind, kwargs, sampler = _parts(name, domain)
    if kind in ("Float", "Integer"):
        low, high = (_number(name, kwargs, key) for key in ("lower", "upper"))
        if any(isinstance(value, str) for value in values):
            raise BlackboxError(f"{name}: {values[-1]!r:.40} is not a number, but its domain is {kind}")
        if kind == "Integer":
            low, high = math.floor(low), math.ceil(high)
        if values[0] < low or values[-1] > high:
            remarks.append(
                f"{name} has values in {values[0]:g} .. {values[-1]:g}, beyond its domain {low:g} .. {high:g}."
            )
            low, high = min(low, values[0]), max(high, values[-1])
        if low == high:
            return Constant(name, values[0])
        log = sampler == "LogUniform" and low > 0
        if sampler not in ("Uniform", "LogUniform"):
            remarks.append(f"{name} is drawn by {sampler} there, taken as uniform.")
        whole = kind == "Integer" and all(value == int(value) for value in values)
        return Integer(name, (int(low), int(high)), log=log) if whole else Float(name, (low, high), log=log)
    choices = _choices(name, kind, kwargs, values)
    unknown = [value for value in values if value not in choices]
    if unknown:
        remarks.append(f"{name} has values that its domain does not list: {unknown[0]!r:.40}.")
        choices = [*choices, *unknown] if kind == "Categorical" else sorted({*choices, *unknown}, key=_order)
    if len(choices) == 1:
        return Constant(name, choices[0])
    return Categorical(name, choices) if kind == "Categorical" else OrdinalHyperparameter(name, choices)


def _order(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value


def _parts(name: str, domain: Any) -> tuple[str, dict[str, Any], str]:
    """Class, arguments and sampler of a domain; a constant is a choice of one."""
    if not isinstance(domain, dict):
        return "Categorical", {"categories": [domain]}, ""
    kind, kwargs = domain.get("domain_cls"), domain.get("domain_kwargs")
    if kind not in CLASSES or not isinstance(kwargs, dict):
        raise BlackboxError(f"{name}: domain_cls {kind!r:.40} is none of {', '.join(CLASSES)}")
    return kind, kwargs, str(domain.get("sampler_cls", "Uniform"))


def _number(name: str, kwargs: Mapping[str, Any], key: str) -> float:
    value = kwargs.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        raise BlackboxError(f"{name}: {key} is {value!r:.40}, a finite number is needed")
    return value


def _choices(name: str, kind: str, kwargs: Mapping[str, Any], values: list[Any]) -> list[Any]:
    if kind == "FiniteRange":
        return _finite_range(name, kwargs, values)
    found = kwargs.get("categories")
    short = isinstance(found, list) and 0 < len(found) <= MOST_VALUES
    if (
        not isinstance(found, list)
        or not short
        or any(not isinstance(value, (str, int, float)) or value != value for value in found)
    ):
        raise BlackboxError(f"{name}: categories are {found!r:.40}, a list of texts or numbers is needed")
    return list(dict.fromkeys(found))


def _finite_range(name: str, kwargs: Mapping[str, Any], values: list[Any]) -> list[Any]:
    """The values of a range of `size` steps, those of the table where they mean the same."""
    low, high, size = (_number(name, kwargs, key) for key in ("lower", "upper", "size"))
    log = bool(kwargs.get("log_scale"))
    if not 1 <= size <= MOST_VALUES or low > high or (log and low <= 0) or isinstance(values[-1], str):
        raise BlackboxError(
            f"{name}: {size} values from {low:g} to {high:g}{' (log)' if log else ''} are no range of numbers"
        )
    scale = np.geomspace if log else np.linspace
    grid = [float(value) for value in scale(low, high, int(size))]
    if kwargs.get("cast_int"):
        grid = [int(np.rint(value)) for value in grid]
    step = min((b - a for a, b in itertools.pairwise(grid)), default=abs(high))
    for value in values:
        nearest = int(np.argmin(np.abs(np.array(grid) - value)))
        if abs(grid[nearest] - value) <= NEAR * max(step, abs(value)):
            grid[nearest] = value
    return list(dict.fromkeys(grid))

"""Columns of hyperparameter values: as numbers in [0, 1], and compared with a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter

ROUNDING = 1e-6  # how far beyond its bounds a float may lie, as a share of [0, 1]: tables round to 6 digits or 32 bits


def encode(parameter: Hyperparameter, values: np.ndarray) -> np.ndarray:
    """Values of one hyperparameter, all in one NumPy pass.

    Numbers go by ConfigSpace's own scaling (logarithmic where the space says so), ordinals and categories by their
    position; what has one value only lies at 0.5. NaN for a value that the hyperparameter cannot have.
    """
    from ConfigSpace.hyperparameters import FloatHyperparameter, NumericalHyperparameter

    if isinstance(parameter, NumericalHyperparameter):
        if values.dtype.kind == "O":
            values = np.array([v if isinstance(v, (int, float)) else np.nan for v in values])
        values = values.astype(np.float64)  # NumPy's logarithm of small integers has 16 bits
    fits = np.isfinite(values) if isinstance(parameter, FloatHyperparameter) else parameter.legal_value(values)
    vectors = np.full(len(values), np.nan)
    lower, upper = parameter.lower_vectorized, parameter.upper_vectorized
    with np.errstate(invalid="ignore", divide="ignore"):  # the logarithm of what is not positive: out of bounds
        vectors[fits] = (parameter.to_vector(values[fits]) - lower) / (upper - lower) if upper > lower else 0.5
    vectors[(vectors < -ROUNDING) | (vectors > 1 + ROUNDING)] = np.nan
    return np.clip(vectors, 0.0, 1.0)


def is_active(column: np.ndarray) -> np.ndarray:
    """True where a hyperparameter has a value: not NaN, not None."""
    if column.dtype.kind == "O":
        return np.fromiter((v is not None and v == v for v in column), dtype=bool, count=len(column))
    return ~np.isnan(column)


def equals(column: np.ndarray, value: Any) -> np.ndarray:
    """True where a column holds just this value; None and NaN stand for an inactive hyperparameter."""
    if value is None or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return ~is_active(column)
    comparable = (bool, int, float, np.bool_, np.number) + ((str,) if column.dtype.kind == "O" else ())
    if not isinstance(value, comparable):
        return np.zeros(len(column), dtype=bool)
    return np.asarray(column == np.asarray(value), dtype=bool)  # an array, lest a float32 column rounds the value


def decode(parameter: Hyperparameter, number: float) -> Any:
    """The value of a hyperparameter whose code is nearest to a number in [0, 1]; the inverse of `encode`."""
    from ConfigSpace.hyperparameters import FloatHyperparameter, IntegerHyperparameter

    lower, upper = float(parameter.lower_vectorized), float(parameter.upper_vectorized)
    if not isinstance(parameter, FloatHyperparameter | IntegerHyperparameter):
        number = round(number * (upper - lower)) + lower if upper > lower else lower
        return _plain(parameter.to_value(number))
    return _plain(parameter.to_value(lower + number * (upper - lower)))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value

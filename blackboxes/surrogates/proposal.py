"""A configuration off the table, as the numbers that the table's own configurations are encoded by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from blackboxes.encoding import decode, encode
from blackboxes.errors import BlackboxError, name_hint
from blackboxes.table import Blackbox


def vector(table: Blackbox, params: Mapping[str, Any]) -> np.ndarray:
    """(d,) in [0, 1]: `params` encoded as in `Blackbox.vectors`, inactive hyperparameters at 0.5.

    Args:
        params: a value for every hyperparameter that is active, and for no other (None and NaN count as left out).

    Raises:
        BlackboxError: an unknown, missing or inactive hyperparameter, or a value that the space does not have.
    """
    from ConfigSpace import Configuration

    space = table.space
    for name in params:
        if name not in table.columns:
            raise BlackboxError(f"{table.name} has no hyperparameter {name!r}: {name_hint(str(name), table.columns)}")
    values = {k: v.item() if isinstance(v, np.generic) else v for k, v in params.items()}
    values = {k: v for k, v in values.items() if v is not None and v == v}  # NaN != NaN
    try:
        Configuration(space, values=values)
    except Exception as error:  # ConfigSpace has a dozen, without a common base
        why = " ".join(str(error).split())
        raise BlackboxError(f"{table.name}: {dict(params)!r:.200} is not in the space: {why:.200}") from None
    encoded = np.full(len(table.columns), 0.5)
    for j, parameter in enumerate(space.values()):
        if parameter.name in values:
            encoded[j] = encode(parameter, np.array([values[parameter.name]]))[0]
    return encoded


def params_at(table: Blackbox, point: Any) -> dict[str, Any]:
    """The configuration at `point` (d,) in [0, 1], as `vector` encodes it: the inverse, to the nearest legal value.

    Raises:
        BlackboxError: another shape, or a number outside [0, 1].
    """
    from ConfigSpace.util import deactivate_inactive_hyperparameters

    try:
        numbers = np.asarray(point, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array([])
    d = len(table.columns)
    if numbers.shape != (d,) or not ((numbers >= 0) & (numbers <= 1)).all():
        raise BlackboxError(f"{table.name}: a vector of {d} numbers in [0, 1] is needed, not {point!r:.100}")
    values = {h.name: decode(h, x) for h, x in zip(table.space.values(), numbers.tolist(), strict=True)}
    return dict(deactivate_inactive_hyperparameters(values, table.space))

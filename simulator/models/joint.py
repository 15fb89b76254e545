"""Rows of a table and resources, as inputs of one kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.models.coding import choices_of, indicated
from simulator.models.fidelities import Joint

if TYPE_CHECKING:
    from simulator.context import Context


class JointInputs:
    """The inputs of `fidelities.Joint`: the columns of `indicated`, then the logarithm of the resource.

    Args:
        context: of the run. Configurations that are predicted while it goes on are found, too.

    Attributes:
        owners: (p,) which length scale each column has; the last is that of the resource.
    """

    def __init__(self, context: Context) -> None:
        self._context, self._choices = context, choices_of(context.space)
        self._joint = Joint(context.resources)
        self._encode()

    def _encode(self) -> None:
        self._columns, owners = indicated(self._context.vectors, self._choices)
        self.owners = np.append(owners, len(self._choices))

    def __call__(self, rows: np.ndarray, resources: float | np.ndarray) -> np.ndarray:
        """(m, p) for (m,) rows at one resource, or at (m,) resources."""
        if rows.max(initial=0) >= len(self._columns):
            self._encode()
        return self._joint.inputs(self._columns[rows], resources)

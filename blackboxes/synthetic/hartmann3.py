"""The Hartmann function of 3 variables with a fidelity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blackboxes.synthetic._hartmann import Hartmann


@dataclass(frozen=True, kw_only=True)
class Hartmann3(Hartmann):
    """Multi-fidelity Hartmann of 3 variables: 4 local minima, the least is -3.86278."""

    A = np.array([[3.0, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
    P = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
    OPTIMUM = ((0.114614, 0.555649, 0.852547), -3.86278)

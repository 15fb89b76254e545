"""The Hartmann function of 6 variables with a fidelity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blackboxes.synthetic._hartmann import Hartmann


@dataclass(frozen=True, kw_only=True)
class Hartmann6(Hartmann):
    """Multi-fidelity Hartmann of 6 variables: 6 local minima, the least is -3.32237."""

    A = np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    )
    P = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    OPTIMUM = ((0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573), -3.32237)

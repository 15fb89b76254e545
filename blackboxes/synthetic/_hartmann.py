"""The Hartmann functions of 3 and 6 variables with one fidelity, as in mf-prior-bench.

Without fidelity: J. K. Hartman 1973, in the constants of Dixon & Szego 1978. The bias that falls with the fidelity
and the cost of an evaluation: Kandasamy et al., ICML 2017 (arXiv 1703.06240, appendix). One fidelity on a logarithmic
scale, half-normal noise, and the cost's exponent 2: mf-prior-bench (the benchmarks of PriorBand, Mallik et al.,
NeurIPS 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.synthetic._draws import normals, stream, uniforms
from blackboxes.synthetic._family import Family, whole_nanoseconds
from blackboxes.synthetic._parameters import Between
from blackboxes.table import Blackbox

ALPHA = np.array([1.0, 1.2, 3.0, 3.2])


@dataclass(frozen=True, kw_only=True)
class Hartmann(Family):
    """The functions' common part; the least value over [0, 1]^d is known, see `OPTIMUM` of each.

    With t = 1 - log(r) / log(r_max), the loss at r is

        - sum_i (alpha_i - bias t) exp(- sum_j A_ij (x_j - P_ij)^2)  +  |N(0, 1)| noise t

    so at r_max it is the Hartmann function, without noise. `true_loss` leaves the last term out. Presets of
    mf-prior-bench: good is bias=2.5,noise=2; moderate 3 and 3; bad 3.5 and 4; terrible 4 and 5.
    An evaluation at r takes (0.05 + 0.95 (r / r_max)^2) r_max `seconds`, every time from scratch.
    """

    A: ClassVar[np.ndarray]
    P: ClassVar[np.ndarray]
    OPTIMUM: ClassVar[tuple[tuple[float, ...], float]]

    r_max: Annotated[int, Between(2, 65534), "the largest resource"] = 100
    r_min: Annotated[int, Between(1, 65533), "the least resource"] = 3
    bias: Annotated[float, Between(0, 100), "flattens low fidelities"] = 0.5
    noise: Annotated[float, Between(0, 1e6), "scale of the noise at resource 1"] = 0.1
    resumable: Annotated[bool, "True: going on from r costs the difference"] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.r_min >= self.r_max:
            raise BlackboxError(
                f"{self.family_name()}: r_min={self.r_min} is wrong, it should be below r_max={self.r_max}"
            )

    def table(self) -> Blackbox:
        d = self.A.shape[1]
        x = np.round(uniforms(stream(self.seed, "configurations"), self.n * d).reshape(self.n, d), 6)
        resources = np.arange(self.r_min, self.r_max + 1)
        t = 1 - np.log(resources) / np.log(self.r_max)
        truth = self.values(x, self.bias * t)
        shape = (self.n, self.replicates, len(resources))
        loss = np.empty(shape, dtype=np.float32)
        for s in range(self.replicates):
            deviates = normals(stream(self.seed, "noise", str(s)), truth.size).reshape(truth.shape)
            loss[:, s] = truth + np.abs(deviates) * self.noise * t
        cost = (0.05 + 0.95 * (resources / self.r_max) ** 2) * self.r_max * self.seconds
        return self._blackbox(
            x,
            loss,
            np.broadcast_to(truth[:, None], shape),
            np.broadcast_to(whole_nanoseconds(self.family_name(), cost), shape),
            resources=resources,
            resumable=self.resumable,
        )

    @classmethod
    def values(cls, x: np.ndarray, lowered: np.ndarray) -> np.ndarray:
        """(n, R) values at `x` (n, d), where all alpha_i are lowered by `lowered` (R,); 0 is the function itself."""
        bumps = np.exp(-(cls.A * (x[:, None, :] - cls.P) ** 2).sum(axis=2))
        # No matrix product: its rounding differs between machines.
        return -(bumps * ALPHA).sum(axis=1)[:, None] + bumps.sum(axis=1)[:, None] * lowered

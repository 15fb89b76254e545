"""Power laws, with a set rank correlation between a low fidelity and r_max."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from blackboxes.synthetic._curves import CurveFamily, between, spread
from blackboxes.synthetic._draws import normals, stream
from blackboxes.synthetic._landscape import Landscape
from blackboxes.synthetic._parameters import Between


@dataclass(frozen=True, kw_only=True)
class PowerLaw(CurveFamily):
    """Curves a + b r^-c with a set rank correlation between a low fidelity and r_max.

    Known: without noise, and over the configurations that do not diverge, Spearman's correlation between the losses
    at `low_fidelity` and at r_max is `rank_correlation`, in the table itself up to 0.0001 or 12/n^2. In between it
    rises with r if `exponent_spread` is 0: then the curve at r is a mix of its two ends, the same for all.
    The power law as a model of learning curves: Domhan et al., IJCAI 2015, Table 1 (pow3).
    """

    rank_correlation: Annotated[float, Between(-1, 1), "Spearman's, of low_fidelity and r_max without noise"] = 0.8
    low_fidelity: Annotated[int, Between(1, 65533), "the resource where rank_correlation holds"] = 1
    exponent: Annotated[float, Between(0.01, 10), "c, its median over the configurations"] = 0.7
    exponent_spread: Annotated[float, Between(0, 2), "standard deviation of log c"] = 0.2

    def _curves(self, landscape: Landscape, final: np.ndarray, r: np.ndarray) -> np.ndarray:
        low = self._resource("low_fidelity", 0.0)
        early = spread(landscape.early(self.rank_correlation), 0.5, 0.95)
        c = self.exponent * np.exp(self.exponent_spread * normals(stream(self.seed, "exponents"), self.n))[:, None]
        end = (r[-1] / low) ** -c
        with np.errstate(over="ignore"):  # infinite: refused by the caller
            return between(early, final, ((r / low) ** -c - end) / (1 - end))

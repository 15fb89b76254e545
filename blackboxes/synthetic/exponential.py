"""Exponentials, with a set rank correlation between a low fidelity and r_max."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from blackboxes.synthetic._curves import CurveFamily, between, spread
from blackboxes.synthetic._draws import normals, stream
from blackboxes.synthetic._landscape import Landscape
from blackboxes.synthetic._parameters import Between


@dataclass(frozen=True, kw_only=True)
class Exponential(CurveFamily):
    """Curves a + b 2^(-r/h) with a set rank correlation between a low fidelity and r_max.

    Known: as for the family power-law. With a half-life h that is short against r_max the ranks settle early.
    Exponential decay as a model of learning curves: Swersky et al. 2014 (freeze-thaw).
    """

    rank_correlation: Annotated[float, Between(-1, 1), "Spearman's, of low_fidelity and r_max without noise"] = 0.8
    low_fidelity: Annotated[int, Between(1, 65533), "the resource where rank_correlation holds"] = 1
    half_life: Annotated[float, Between(0.02, 2), "h as a share of r_max, its median over the configurations"] = 0.1
    half_life_spread: Annotated[float, Between(0, 2), "standard deviation of log h"] = 0.2

    def _curves(self, landscape: Landscape, final: np.ndarray, r: np.ndarray) -> np.ndarray:
        low = self._resource("low_fidelity", 0.0)
        early = spread(landscape.early(self.rank_correlation), 0.5, 0.95)
        deviates = normals(stream(self.seed, "half-lives"), self.n)[:, None]
        h = self.half_life * self.r_max * np.exp(self.half_life_spread * deviates)
        end = np.exp2((low - r[-1]) / h)
        with np.errstate(over="ignore"):  # infinite: refused by the caller
            return between(early, final, (np.exp2((low - r) / h) - end) / (1 - end))

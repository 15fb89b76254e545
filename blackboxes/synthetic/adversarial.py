"""Tables that fool early stopping."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Annotated, Literal

import numpy as np

from blackboxes.synthetic._curves import CurveFamily, spread
from blackboxes.synthetic._draws import ranks
from blackboxes.synthetic._landscape import Landscape
from blackboxes.synthetic._parameters import Between
from blackboxes.synthetic.crossing import late_turn


@dataclass(frozen=True, kw_only=True)
class Adversarial(CurveFamily):
    """Tables that fool early stopping: the best configurations look worst until late.

    Known, without noise: up to `until`, with kind=reversed all ranks are those at r_max in reverse. With
    kind=late-bloomers the best `bloomers` of the configurations are the worst by a gap of 0.1, the very best is the
    worst of all, and the others are in their final order. So a rung at or below `until` that does not keep all of its
    configurations loses the best of them: always if reversed, and otherwise just if there is a late bloomer among
    them (m configurations drawn out of n of which b are: with probability 1 - C(n - b, m) / C(n, m)).
    """

    kind: Annotated[Literal["reversed", "late-bloomers"], "which configurations look bad"] = "reversed"
    until: Annotated[int | None, Between(1, 65533), "the last resource at which they do; None: 2/3 r_max"] = None
    bloomers: Annotated[float, Between(0, 1), "share of late bloomers (at least one)"] = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind == "reversed":
            self._refuse_idle("kind", "bloomers")

    def _curves(self, landscape: Landscape, final: np.ndarray, r: np.ndarray) -> np.ndarray:
        if self.kind == "reversed":
            early = spread(-landscape.final, 0.5, 0.75)
        else:
            blooming = ranks(landscape.final) < max(1, ceil(self.bloomers * self.n))
            last = np.abs(landscape.final).max() + 1  # beyond all others, and the better the farther
            early = spread(np.where(blooming, last - landscape.final, landscape.final), 0.5, 0.75) + 0.1 * blooming
        return late_turn(early, final, r, self._resource("until", 2 / 3))

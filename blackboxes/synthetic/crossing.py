"""Curves of which a set share of pairs cross."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from blackboxes.synthetic._curves import CurveFamily, between, spread
from blackboxes.synthetic._landscape import Landscape
from blackboxes.synthetic._parameters import Between


@dataclass(frozen=True, kw_only=True)
class Crossing(CurveFamily):
    """Curves of which a set share of pairs cross, once and after a set resource.

    Known: without noise, and over the configurations that do not diverge, no two curves cross up to `after`; of all
    pairs the share `crossing`, up to 0.0001 or 4/n^2, crosses once between `after` and r_max, all others never do.
    So Kendall's rank correlation of `after` and r_max is 1 - 2 `crossing`.
    """

    crossing: Annotated[float, Between(0, 1), "share of the pairs of curves that cross"] = 0.25
    after: Annotated[int | None, Between(1, 65533), "the resource up to which none do; None: r_max / 3"] = None

    def _curves(self, landscape: Landscape, final: np.ndarray, r: np.ndarray) -> np.ndarray:
        early = spread(landscape.discordant(self.crossing), 0.5, 0.75)
        return late_turn(early, final, r, self._resource("after", 1 / 3))


def late_turn(early: np.ndarray, final: np.ndarray, r: np.ndarray, turn: int) -> np.ndarray:
    """(n, R) curves that fall by the same 0.25 / r up to the resource `turn`, in the order of `early` (n,), and from
    there in straight lines to `final` (n,) at the last of `r` (R,)."""
    weight = np.clip((r[-1] - r) / (r[-1] - turn), 0.0, 1.0)
    return between(early, final, weight) + 0.25 * (1 / np.minimum(r, turn) - 1 / turn)

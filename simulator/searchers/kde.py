"""Tree-structured Parzen estimator as in BOHB: where good configurations are denser than bad ones."""

from __future__ import annotations

from math import isfinite

import numpy as np

from simulator.checks import check_share, is_number
from simulator.errors import SimulationError
from simulator.models.density import KernelDensity
from simulator.searcher import SearchContext
from simulator.searchers.random import Prior
from simulator.searching import ModelSearcher


class Kde(ModelSearcher):
    """BOHB's model (Falkner et al., ICML 2018, section 3.2), on top of any scheduler; with Hyperband it is BOHB.

    At the largest resource with at least N_min + 2 observations, the density l of the best max(N_min, q N)
    configurations and the density g of the worst max(N_min, N - N_l) are estimated; the next configuration is the one
    of the largest l/g, the lowest row of several. The paper maximises over samples from l, widened by b_w; here the
    maximum is taken over all rows that are left, so b_w and the number of samples have no counterpart. A share rho of
    all configurations is random. A diverged one (inf) is never good.

    A decision takes O(rows left x observations x hyperparameters).

    Args:
        random_fraction: the paper's rho.
        good: the paper's q, the share of good configurations.
        min_observations: the paper's N_min; the number of hyperparameters + 1 by default.
        min_bandwidth: the least bandwidth of a kernel, for numbers in [0, 1]; 0.001 in the authors' code.
        prior: as in `ModelSearcher`.

    Example:
        >>> Simulation(load("mlp:digits"), "hyperband+kde", workers=4, budget="10x").run()
    """

    def __init__(
        self,
        random_fraction: float = 1 / 3,
        good: float = 0.15,
        min_observations: int | None = None,
        min_bandwidth: float = 1e-3,
        prior: Prior | None = None,
    ) -> None:
        super().__init__(min_observations, prior)
        self.random_fraction = check_share("random_fraction", random_fraction)
        self.good = check_share("good", good)
        if not (is_number(min_bandwidth) and 0 < min_bandwidth <= 1):
            raise SimulationError(f"min_bandwidth = {min_bandwidth!r}: a number above 0 and at most 1 is needed")
        self.min_bandwidth = min_bandwidth

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self._fractions = context.stream("random fraction")
        self._log_ratio: np.ndarray | None = None  # by row
        self._of: tuple[float, int] | None = None  # resource and number of observations that it was computed from

    def ready(self) -> bool:
        return self.largest(self.needed + 2) is not None

    def choose(self, rows: np.ndarray) -> int | None:
        if self._fractions.uniform(1)[0] < self.random_fraction:
            return None
        resource = self.largest(self.needed + 2)
        assert resource is not None, "asked when ready"
        observed = self.at[resource]
        if self._of != (resource, len(observed)):
            self._of = resource, len(observed)
            split = self._good_and_bad(observed.rows, observed.values)
            self._log_ratio = None
            if split is not None:
                good, bad = (KernelDensity(self.vectors[s], self.choices, self.min_bandwidth) for s in split)
                self._log_ratio = good.log(self.vectors) - bad.log(self.vectors)
        if self._log_ratio is None:
            return None
        score = self._log_ratio[rows] + self.faded_prior(rows, len(observed))
        return int(rows[np.argmax(score)])

    def _good_and_bad(self, rows: list[int], values: list[float]) -> tuple[list[int], list[int]] | None:
        """Rows of the two sets, which overlap where there are few; None where nothing is good."""
        order = sorted(range(len(values)), key=values.__getitem__)  # equal values in the order of their reports
        n_good = max(self.needed, int(self.good * len(order)))
        n_bad = max(self.needed, len(order) - n_good)
        good = [rows[i] for i in order[:n_good] if isfinite(values[i])]
        return (good, [rows[i] for i in order[-n_bad:]]) if good else None

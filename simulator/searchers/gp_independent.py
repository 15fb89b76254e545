"""Bayesian optimisation with a Gaussian process at each resource, which share their length scales."""

from __future__ import annotations

from simulator.models.fidelities import Independent
from simulator.multi_fidelity import MultiFidelity


class GpIndependent(MultiFidelity):
    """MOBSTER's independent model (Klein et al., 2020; Syne Tune 0.13, ``model="gp_independent"``).

    One process for each resource with at least `min_at_largest` observations, none of which learns from what was
    reported elsewhere. As in Syne Tune they share the shape of the kernel: the length scales are those of the largest
    product of all marginal likelihoods, so that where little is known yet it is known from below which hyperparameters
    matter; mean, signal and noise are each one's own. (`gp(resource='largest')` shares nothing.) Improvement is looked
    for at the largest of these resources, with everything else as in `gp`.

    A pending trial is imagined at that resource if it has not reported there, wherever it will report next: at
    another one it would change nothing, and workers that ask at the same time would be sent to the same place.

    A decision takes O(N^3 + rows left x N^2) for N observations and pending trials at that resource; to fit the
    kernels, O(N^3) for each resource.

    Args:
        min_observations: as in `ModelSearcher`, but counted over all resources.
        min_at_largest: observations that a resource needs before improvement is looked for there.
        max_observations: of more, those at the largest resources are taken; of the first resource that has too many,
            a part as in `gp`.
        fantasies, prior: as in `gp`.

    Example:
        >>> Simulation(load("mlp:digits"), "asha-promotion+gp-independent", workers=4, budget="10x").run()
    """

    everywhere = False

    def make_fidelities(self, resources: list[float]) -> Independent:
        return Independent(min(self.min_at_largest, self.max_observations))

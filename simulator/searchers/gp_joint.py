"""Bayesian optimisation with one Gaussian process over configurations and resources, as in MOBSTER."""

from __future__ import annotations

from simulator.models.fidelities import Joint
from simulator.multi_fidelity import MultiFidelity


class GpJoint(MultiFidelity):
    """MOBSTER's joint model (Klein et al., 2020), on top of any scheduler; with `asha-promotion` it is MOBSTER.

    As `gp`, but one process learns from what was reported at every resource: the logarithm of the resource is one
    more input of the Matérn 5/2 kernel, with a length scale of its own. Improvement is looked for at the largest
    resource with at least `min_at_largest` observations. Pending trials are imagined where they will report.

    Args:
        min_observations: as in `ModelSearcher`, but counted over all resources.
        min_at_largest: observations that a resource needs before improvement is looked for there.
        max_observations: of more, those at the largest resources are taken; of the first resource that has too many,
            a part as in `gp`.
        fantasies, prior: as in `gp`.

    Example:
        >>> Simulation(load("mlp:digits"), "asha-promotion+gp-joint", workers=4, budget="10x").run()
    """

    def make_fidelities(self, resources: list[float]) -> Joint:
        return Joint(resources)

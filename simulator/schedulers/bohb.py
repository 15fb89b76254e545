"""BOHB: Hyperband whose configurations come from a density model."""

from __future__ import annotations

from simulator.schedulers.hyperband import Hyperband


class Bohb(Hyperband):
    """BOHB (Falkner, Klein & Hutter, ICML 2018, algorithms 1 and 2): Hyperband that comes with the searcher `kde`.

    Arguments are those of `Hyperband`: the paper's eta, and its b_min and b_max as ``r_min`` and the table's r_max.
    The paper's model is the searcher's (`Kde`), whose arguments are N_min (``min_observations``), q (``good``) and rho
    (``random_fraction``): ``"bohb+kde(good=0.2)"``. It is of the largest rung level with at least N_min + 2 reports, so
    that in the course of a run it moves up, as high rungs fill. The authors' code starts fewer trials where Hyperband's
    formula gives no whole number (as `Dehb` tells of its own); here all brackets are Hyperband's.

    Without the model it is Hyperband: ``"bohb+random"`` and ``"hyperband"`` are the same run, and so are ``"bohb"`` and
    ``"hyperband+kde"``.

    Example:
        >>> Simulation(load("mlp:digits"), "bohb(eta=3)+kde(random_fraction=0.2)", workers=4, budget="10x").run()
    """

    def default_searcher(self) -> str:
        return "kde"

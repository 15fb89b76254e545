"""The regression test of a scheduler: its decisions are those in golden/test_halving/test_decisions.trace."""

from halving import Halving

from blackboxes import load
from simulator import Budget, Simulation


def test_decisions(golden_trace):
    golden_trace(Simulation(load("mlp:digits"), Halving(), workers=3, seed=1, budget=Budget(trials=10)))

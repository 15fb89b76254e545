"""Clusters as they are: delays, stragglers, checkpoints, crashes, preemption, workers that come and go."""

from simulator.cluster.decision_time import DecisionTime
from simulator.cluster.model import PRESETS, Cluster

__all__ = ["PRESETS", "Cluster", "DecisionTime"]

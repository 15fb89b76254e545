"""A discrete-event simulator that replays multi-fidelity schedulers over tabulated learning curves."""

from simulator.budget import Budget
from simulator.cluster import Cluster
from simulator.context import Context
from simulator.errors import SchedulerError, SimulationError, TraceError
from simulator.protocol import PAUSE, RETRY, STOP, Continue, Resume, Scheduler, Start
from simulator.registry import make_scheduler, make_searcher, scheduler_names, searcher_names
from simulator.searcher import SearchContext, Searcher
from simulator.simulation import Simulation
from simulator.trace import Trace
from simulator.trial import Trial

__all__ = [
    "PAUSE",
    "RETRY",
    "STOP",
    "Budget",
    "Cluster",
    "Context",
    "Continue",
    "Resume",
    "Scheduler",
    "SchedulerError",
    "SearchContext",
    "Searcher",
    "Simulation",
    "SimulationError",
    "Start",
    "Trace",
    "TraceError",
    "Trial",
    "make_scheduler",
    "make_searcher",
    "scheduler_names",
    "searcher_names",
]

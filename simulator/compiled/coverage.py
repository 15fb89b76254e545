"""Which runs the compiled event loop can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.errors import SimulationError
from simulator.registry import SCHEDULERS
from simulator.searchers.random import RandomSearcher

if TYPE_CHECKING:
    from simulator.simulation import Simulation

NAMES = ("asha-promotion", "asha-stopping", "hyperband", "random", "successive-halving")


def covered(simulation: Simulation) -> str | None:
    """Why the compiled event loop cannot do a run; None where it can.

    It can where scheduler and searcher are exactly the built-in ones, since it does not ask these objects but goes by
    rules of its own that come to the same.

    Example:
        >>> compiled = covered(Simulation(table, scheduler)) is None
    """
    scheduler, searcher, budget = simulation.scheduler, simulation.searcher, simulation.budget
    if type(scheduler) not in map(SCHEDULERS.find, NAMES):
        return f"the scheduler is {scheduler}, and only {', '.join(NAMES)} are covered"
    if getattr(scheduler, "own", "counted") != "counted":
        return f"asha-stopping has own={scheduler.own!r}, and only 'counted' is covered"  # type: ignore[attr-defined]
    if type(searcher) is not RandomSearcher:
        return f"the searcher is {searcher}, and only random is covered, without initial configurations"
    if simulation.cluster is not None:
        return "a cluster is not covered"
    if budget.resource is not None or budget.target is not None:
        return "only budgets of time and trials are covered, not of resource or target"
    if simulation.off_table == "surrogate":
        return "off_table='surrogate' is not covered"
    return None


def check_covered(simulation: Simulation) -> None:
    """The compiled event loop can do this run, here.

    Raises:
        SimulationError: it cannot, or Numba is not installed.
    """
    reason = covered(simulation)
    if reason is not None:
        raise SimulationError(f"compiled: {reason}; leave out compiled=True")
    check_installed()


def check_installed() -> None:
    """The compiled event loop can be used here.

    Raises:
        SimulationError: Numba is not installed.
    """
    try:
        import simulator.compiled.loop  # noqa: F401
    except ImportError as error:
        raise SimulationError(f"compiled: Numba is needed ({error}): pip install 'rungsim[fast]'") from error

"""Other people's schedulers, unmodified, under the simulated clock.

    optuna:TPESampler(multivariate=True)+HyperbandPruner   Optuna's samplers and pruners (extra ``optuna``)
    ray:ASHAScheduler(grace_period=3)+kde                  Ray Tune's schedulers (extra ``ray``)
    syne-tune:ASHA                                         Syne Tune's (extra ``syne-tune``)

Each library has one module here. It is imported when it is asked for, and imports the library when an object is made.
"""

from __future__ import annotations

from importlib import import_module

from simulator.protocol import Scheduler

LIBRARIES = {"optuna": "optuna_study", "ray": "ray_tune", "syne-tune": "syne_tune"}


def library_of(spec: str) -> str | None:
    """The name in front of the colon, if it is one of `LIBRARIES`."""
    name, colon, _ = spec.partition(":")
    return name.strip() if colon and name.strip() in LIBRARIES else None


def make(library: str, parts: list[str]) -> tuple[Scheduler, str | None]:
    """A scheduler of a library, and the searcher of ours that is asked for with it.

    Args:
        library: one of `LIBRARIES`.
        parts: what follows the colon, parted at each ``+``.

    Raises:
        SimulationError: the library is not installed, has no such class, or does not take such arguments.
    """
    scheduler, searcher = import_module(f"simulator.adapters.{LIBRARIES[library]}").make(parts)
    return scheduler, searcher

"""Every scheduler under every seed, checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simulator.budget import Budget
from simulator.proposals import OffTable
from simulator.study.run import Run, forget_tables

FIRST_JOBS = Budget(time=1e-9)  # over before anything is reported


def crossed(
    table: str,
    schedulers: Sequence[str],
    seeds: Sequence[int],
    workers: int = 4,
    budget: Budget | str | float | None = "10x",
    metric: str | None = None,
    off_table: OffTable = "error",
    cluster: str | None = None,
) -> list[Run]:
    """Every scheduler under every seed; checked before anything runs, the table read anew.

    ``"clairvoyant"`` among the schedulers is the bound that none can beat (`simulator.clairvoyant`).

    Raises:
        SimulationError: an unknown scheduler, or an argument that is out of range or does not fit the table; or the
            bound where trials may replay predicted curves.
        BlackboxError: an unknown table or metric.
    """
    forget_tables()
    budget = budget if isinstance(budget, Budget) else Budget(time=budget)
    runs = [
        Run(table, scheduler, seed, workers, budget, metric, off_table, cluster)
        for seed in seeds
        for scheduler in schedulers
    ]
    for run in runs:
        run.check()
    for run in runs[: len(schedulers)]:
        try_out(run)
    return runs


def try_out(run: Run) -> None:
    """Whether the scheduler's arguments fit the table: hands out the first jobs.

    Raises:
        SimulationError: they do not.
    """
    if not run.is_bound:
        replace(run, budget=FIRST_JOBS).simulation().run()

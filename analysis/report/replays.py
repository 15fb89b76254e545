"""Runs to replay: simulated again from their rows, and checked to be the same by their digests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from analysis.pairing import averaged
from analysis.runs import RunsError
from blackboxes import BlackboxError
from simulator import Trace, clairvoyant
from simulator.errors import SimulationError
from simulator.study import Run

NEEDED = ("source", "budget", "max_trials", "max_resource", "target", "off_table", "digest")


def replays(
    runs: pd.DataFrame, seed: int | None = None, advance: Callable[[], None] = lambda: None
) -> tuple[list[Trace], str]:
    """One run of each scheduler under the same seed, on the first task.

    Args:
        runs: as `analysis.as_runs` gives them.
        seed: by default the one under which regret, averaged over the run, was closest to each scheduler's median.
        advance: called after each run.

    Returns:
        The traces, and why some are missing; empty where none is.

    Raises:
        RunsError: there is no run of a scheduler, or none with that seed.
    """
    runs = runs[runs["scheduler"] != clairvoyant.NAME]
    if not len(runs):
        raise RunsError(
            "there is no run of a scheduler, only the clairvoyant bound, which is nothing to report on alone"
        )
    first = runs.iloc[0]
    alike = (runs["table"] == first["table"]) & (runs["cluster"] == first["cluster"])
    runs = runs[alike & (runs["workers"] == first["workers"])]
    if seed is None:
        seed = _typical(runs)
    own = runs[runs["seed"] == seed]
    if not len(own):
        raise RunsError(f"there is no run with the seed {seed}: known: {_ranges(runs['seed'])}")
    missing = [name for name in NEEDED if name not in runs]
    if missing:
        return [], f"The runs do not tell how to repeat them ({', '.join(missing)}): run the comparison again."
    traces, left_off = [], []
    for row in own.to_dict("records"):
        try:
            trace = Run.of(row).simulation().run()
        except (SimulationError, BlackboxError, OSError) as error:
            left_off.append(f"{row['scheduler']} cannot be simulated again: {error}")
        else:
            if trace.digest() == row["digest"]:
                traces.append(trace)
            else:
                left_off.append(
                    f"{row['scheduler']}, simulated again, gives another run than the one recorded: its table, its "
                    "scheduler or rungsim has changed since"
                )
        advance()
    return traces, "; ".join(left_off)


def _typical(runs: pd.DataFrame) -> int:
    """The seed that shows schedulers closest to how they usually are."""
    try:
        found = averaged(runs)
    except RunsError:  # runs that are not paired, or without a regret
        return int(runs["seed"].min())
    losses = found.losses[:, 0, :, 0]
    distance = np.abs(losses - np.median(losses, axis=1, keepdims=True)).sum(axis=0)
    return int(found.seeds[int(np.argmin(distance))])


def _ranges(seeds: pd.Series) -> str:
    """``0 to 19``, or all of a few."""
    known = sorted(set(seeds.tolist()))
    return f"{known[0]} to {known[-1]}" if len(known) > 5 else ", ".join(map(str, known))

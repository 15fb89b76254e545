"""Evaluations a second of trials whose resource is fixed a priori: ours against mfhpo-simulator, on one table.

    python tests/performance/bench_a_priori.py [--evaluations 10000] [--workers 4]

Configurations in random order, from a table of 3,000 that is cycled, each trained from nothing to the resource it was
started with: r_max for all, which is random search, or the rung levels in turn. Both evaluate the same in the same
order; neither learns anything. Best of several runs taken in turns, processor time.

    ours             `Simulation.run`, the trace included but not looked at
    compiled         the same with `compiled=True`, for random search only; left out where numba is missing
    mfhpo-simulator  `simulate` in its ask-and-tell mode, in a process and an environment of its own (peer_mfhpo.py,
                     make peers), with `expensive_sampler` off (the default) or on, whichever is faster

mfhpo-simulator adds the real time that the optimizer took to answer to its simulated time, so ends differ a little:
`same` counts evaluations of which, in the order of their ends, the worker is the same and the end differs by no more
than all answers took. An epoch takes 100 seconds and more, so that this hardly ever changes an order. It drops the last
evaluation of all workers but one, which it has simulated, too: they count as work and are not compared.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import peer
from made_table import LEVELS, made_table
from measuring import Goal, cell, compiled, in_turns

from blackboxes import Blackbox
from simulator import STOP, Budget, Context, Scheduler, Simulation, Start, Trace, Trial
from simulator.events import STOPPED

SECONDS = 100.0  # an epoch of the fastest
MANY = 10_000  # evaluations: below, the goal is not judged
KINDS = {"r_max for all": [LEVELS[-1]], "rung levels in turn": LEVELS}


class APriori(Scheduler):
    """Trains each trial to the next of `resources`, which are taken in turn."""

    def __init__(self, resources: Sequence[int]) -> None:
        self.resources = resources

    def setup(self, context: Context) -> None:
        self.searcher, self.next_resource = context.searcher(), cycle(self.resources)

    def next_job(self) -> Start | None:
        row = self.searcher.propose()
        return None if row is None else Start(row, until=next(self.next_resource))

    def on_report(self, trial: Trial, resource: float, value: float) -> object:
        return STOP


@contextmanager
def mfhpo(table: Blackbox) -> Iterator[peer.Peer | None]:
    """mfhpo-simulator, with the table; None where it is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.npz"
        np.savez(path, error=table.metrics[table.default_metric][:, 0], elapsed=table.elapsed[:, 0])
        with peer.running("mfhpo", "peer_mfhpo.py", str(path)) as running:
            yield running


def same(trace: Trace, theirs: dict[str, Any]) -> int:
    """How many evaluations end on the same worker at the same time, but for the time that asking took."""
    c = trace.columns
    over = c.event >= STOPPED >> 16
    worker, ends = np.array(theirs["worker"]), np.array(theirs["ends"])
    n = len(ends)
    close = np.abs(c.time[over][:n] / 1e9 - ends) <= theirs["asking"] + 1e-6
    return int((close & (c.worker[over][:n] == worker)).sum())


def measure(
    table: Blackbox, resources: list[int], evaluations: int, workers: int, turns: int, theirs: peer.Peer | None
) -> tuple[dict[str, float], int | None]:
    """Seconds by what ran, and how many evaluations were the same in both."""
    arguments: dict[str, Any] = {"workers": workers, "exhausted": "cycle", "budget": Budget(trials=evaluations)}
    scheduler = "random" if len(resources) == 1 else APriori(resources)
    simulation = Simulation(table, scheduler, **arguments)
    trace = simulation.run()
    runs = {"ours": simulation.run}
    fast = compiled(table, scheduler, **arguments)
    if fast is not None:
        if fast.run().digest() != trace.digest():
            sys.exit("the compiled loop gives another trace of random search")
        runs["compiled"] = fast.run
    question = {
        "rows": trace.columns.config.tolist(),
        "epochs": [resource for resource, _ in zip(cycle(resources), range(evaluations), strict=False)],
        "workers": workers,
    }
    seconds, alike = in_turns(runs, 1), None
    for turn in range(turns):
        if theirs is not None:
            answer = theirs.ask(**question, expensive=turn % 2 == 1)
            seconds["mfhpo"] = min(seconds.get("mfhpo", float("inf")), answer["seconds"])
            counted = same(trace, answer)
            alike = counted if alike is None else min(alike, counted)
        again = in_turns(runs, 1)
        seconds = {name: min(best, again.get(name, best)) for name, best in seconds.items()}
    return seconds, alike


def compare(evaluations: int = MANY, workers: int = 4, turns: int = 4) -> list[Goal]:
    """Print all, and give what became of the goal."""
    table = made_table(seconds=SECONDS)
    gc.collect()
    gc.freeze()  # what the imports left is not looked through again, on either side
    factors: dict[str, list[float]] = {"ours": [], "compiled": []}
    with mfhpo(table) as theirs:
        version = "" if theirs is None else f", mfhpo-simulator {theirs.version}"
        print(f"a priori resources, {evaluations:,} evaluations, {workers} workers{version}; evaluations a second")
        print(f"{'':22}{'ours':>10}{'compiled':>12}{'mfhpo':>10}{'ours /':>9}{'compiled /':>12}{'same':>17}")
        print(f"{'':54}{'mfhpo':>9}{'mfhpo':>12}")
        for kind, resources in KINDS.items():
            seconds, alike = measure(table, resources, evaluations, workers, turns, theirs)
            rates = {name: evaluations / best for name, best in seconds.items()}
            text = f"{kind:22}" + cell(rates.get("ours"), 10) + cell(rates.get("compiled"), 12)
            text += cell(rates.get("mfhpo"), 10)
            for name, width in (("ours", 9), ("compiled", 12)):
                factor = rates[name] / rates["mfhpo"] if {"mfhpo", name} <= rates.keys() else None
                text += cell(factor, width, ".1f")
                if factor is not None:
                    factors[name].append(factor)
            print(text + ("" if alike is None else f"{alike:9,} of {evaluations - workers + 1:,}"))
    gc.unfreeze()
    if evaluations < MANY:
        return []
    return [
        Goal(f"{name} against mfhpo-simulator", "at least 5x", f"{min(f):.1f} to {max(f):.1f}x", min(f) >= 5)
        for name, f in factors.items()
        if f
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=MANY, help="trials (10,000)")
    parser.add_argument("--workers", type=int, default=4, help="workers (4)")
    parser.add_argument("--turns", type=int, default=4, help="turns; every other one with expensive_sampler on (4)")
    options = parser.parse_args()
    if not 1 <= options.workers <= options.evaluations or options.turns < 1:
        parser.error("workers are from 1 to the evaluations, turns at least 1")
    print(*compare(options.evaluations, options.workers, options.turns), sep="\n")


if __name__ == "__main__":
    main()

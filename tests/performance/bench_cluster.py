"""What a cluster costs: the second event loop against the plain one, in one run on one machine.

    python tests/performance/bench_cluster.py

On 1,000 rows of made_table.py, each scheduler without a cluster, on one that adds nothing, and on one with everything:
milliseconds a run, the trace included but not looked at, events that the loop handles a second (the trace's, and one
for each worker that is free again some time after its trial), and the latter as a share of those of the plain loop.
"""

from __future__ import annotations

import argparse

from made_table import made_table
from measuring import best_of

from simulator import Budget, Simulation, Trace
from simulator.cluster import Cluster

EVERYTHING = Cluster(
    start="lognormal(median=0.01x, sigma=0.5)",
    stop="0.002x",
    save="uniform(low=0.0005x, high=0.0015x)",
    load="0.002x",
    report="half-normal(sd=0.0005x)",
    decision="0.001",
    checkpoints=1,
    room=100,
    speeds=(1.0, 1.0, 1.0, 0.5),
    slowdown="half-normal(sd=0.5)",
    crashes="0.05/x",
    backoff="0.01x",
    preemptions="0.2/x",
    notice="0.01x",
    away="exponential(mean=0.5x)",
    plan={"5x": 32, "10x": 8},
    price=1.0,
)
CLUSTERS = {"plain": None, "nothing on": Cluster(), "everything on": EVERYTHING}


def handled(trace: Trace) -> int:
    """How many events the loop has handled."""
    c = trace.columns
    if c.jobs is None:
        return len(trace)
    leaves = (c.jobs.overhead > 0) & (c.event > 2) & (c.trial >= 0)
    return len(trace) + int(leaves.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=6, help="rounds of three runs of each, the best counts (6)")
    repeats = parser.parse_args().repeats
    table = made_table(n=1000)
    print(f"{'1,000 configurations x 81 epochs':34}{'workers':>8}{'ms':>8}{'events':>8}{'events/s':>11}{'share':>7}")
    for name in ("asha-stopping", "asha-promotion", "hyperband", "median-stopping"):
        for workers in (4, 64):
            runs = {
                what: Simulation(table, name, workers=workers, budget=Budget(trials=1000), cluster=cluster)
                for what, cluster in CLUSTERS.items()
            }
            events = {what: handled(run.run()) for what, run in runs.items()}
            seconds = dict.fromkeys(runs, float("inf"))
            for _ in range(repeats):  # in turns, so that all meet the same moods of the machine
                for what, run in runs.items():
                    seconds[what] = min(seconds[what], best_of(run.run, 3))
            plain = events["plain"] / seconds["plain"]
            for what in runs:
                rate = events[what] / seconds[what]
                print(
                    f"{name:18}{what:16}{workers:8}{seconds[what] * 1e3:8.1f}{events[what]:8}{rate:11,.0f}"
                    f"{rate / plain:7.2f}"
                )


if __name__ == "__main__":
    main()

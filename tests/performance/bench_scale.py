"""Time per report of rung-based schedulers at a million trials, as a ratio to that at ten thousand.

    python tests/performance/bench_scale.py                    those whose decisions should cost O(log n)
    python tests/performance/bench_scale.py pasha mo-asha      or any others

A table of 10,000 rows is cycled; every trial, in both runs, is one of so many on as many workers, and the trace is
included. Processor time, the best of three runs for the small size. A rung that is scanned or sorted at each report
would show as a ratio near 100.
"""

from __future__ import annotations

import sys
import time

import bench

from simulator import Budget, Simulation

PLAIN = (
    *("asha-stopping", "asha-promotion", "async-hyperband", "async-hyperband(rungs='bracket')"),
    *("asha-promotion(rule='quantile')", "rush(initial=[17, 3])", "successive-halving(n=10000)", "hyperband"),
    *("random", "one-epoch", "patience"),
)
SMALL, LARGE, WORKERS = 10_000, 1_000_000, 100


def per_report(spec: str, trials: int, repeats: int) -> float:
    """Microseconds of processor time for each report or end of a trial, trace included."""
    table = bench.made_table(n=SMALL, epochs=81)
    best = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        simulation = Simulation(table, spec, workers=WORKERS, exhausted="cycle", budget=Budget(trials=trials))
        counts = simulation.run().summary()
        best = min(best, (time.process_time() - begun) / (counts["reports"] + counts["completed"]))
    return 1e6 * best


def main() -> None:
    print(f"{'scheduler':<36} {SMALL:>12,} {LARGE:>12,}   ratio   (microseconds a report)")
    for spec in sys.argv[1:] or PLAIN:
        small, large = per_report(spec, SMALL, 3), per_report(spec, LARGE, 1)
        print(f"{spec:<36} {small:>12.2f} {large:>12.2f} {large / small:>7.2f}", flush=True)


if __name__ == "__main__":
    main()

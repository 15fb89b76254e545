"""Speed of the simulator, as ratios measured in one run on one machine.

    python tests/performance/bench.py            all of it, below ten minutes
    python tests/performance/bench.py --quick    smaller sizes, below a minute; few goals can be judged there

Runs one comparison after the other, each a file that can also be run alone (--help) and says how it is made fair:

    bench_rungs.py     rung schedulers: ours, compiled, a bare heapq loop, and Syne Tune's simulator
    bench_a_priori.py  evaluations a second of a priori resources: ours and mfhpo-simulator
    bench_scale.py     time per report up to a million trials on ten thousand workers, and memory
    bench_study.py     a study of 6,120 runs on all cores, and its parallel efficiency
    bench_startup.py   start-up times of whole processes
    bench_adapters.py  other people's schedulers: their own code, and ours around it

At the end it says which goals were met. What is not installed (make peers, numba) is left out, with a note.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import bench_a_priori
import bench_adapters
import bench_rungs
import bench_scale
import bench_startup
import bench_study
from measuring import Goal, machine

COMPARISONS: list[Callable[[], list[Goal]]] = [
    bench_rungs.compare,
    bench_a_priori.compare,
    bench_scale.compare,
    bench_study.compare,
    bench_startup.compare,
    partial(bench_adapters.compare, "--seconds", "4"),
]
QUICK: list[Callable[[], list[Goal]]] = [
    partial(bench_rungs.compare, trials=(300, 1000), workers=(4,), turns=3, runs=1),
    partial(bench_a_priori.compare, evaluations=2000, turns=2),
    partial(bench_scale.compare, trials=(1_000, 100_000), workers=(100, 10_000)),
    partial(bench_study.compare, seeds=1, turns=1),
    partial(bench_startup.compare, repeats=3),
    partial(bench_adapters.compare, "--quick"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, below a minute")
    options = parser.parse_args()
    begun = time.perf_counter()
    print(machine(), end="\n\n", flush=True)
    found = []
    for compare in QUICK if options.quick else COMPARISONS:
        found += compare()
        print(flush=True)
    print(*found, sep="\n")
    print(f"{sum(goal.met for goal in found)} of {len(found)} goals met, {time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main()

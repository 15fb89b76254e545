"""The compiled event loop against the Python one: the same runs, processor time, trace included.

    python tests/performance/bench_compiled.py                  all sizes
    python tests/performance/bench_compiled.py --most 10000     none larger than this

Made curves of 81 epochs, eta = 3. "run" is `Simulation.run`, "trace" its digest besides, which unpacks the trace. Both
are checked to be equal up to 10,000 trials. A million trials go over a table of 10,000 rows again and again, on 10,000
workers, in a process of its own, which tells its peak of memory.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from blackboxes import Blackbox, Metric
from blackboxes.streams import Stream
from simulator import Budget, Simulation
from simulator.compiled.coverage import NAMES

SIZES = (300, 1_000, 3_000, 10_000)
LARGE, ROWS, LARGE_WORKERS = 1_000_000, 10_000, 10_000


def made_table(n: int, epochs: int = 81) -> Blackbox:
    """Curves that fall towards different ends at different speeds, with noise, float32."""
    draw = Stream(0, "benchmark")
    final, speed = draw.uniform(n)[:, None], draw.uniform(n)[:, None] * 20 + 2
    curves = final + np.exp(-np.arange(1, epochs + 1) / speed) + 0.05 * draw.uniform(n * epochs).reshape(n, epochs)
    pace = np.exp(2 * draw.uniform(n))[:, None] * (1 + 0.1 * draw.uniform(n * epochs).reshape(n, epochs))
    return Blackbox(
        family="bench",
        task="made",
        space="",
        configs={"x": np.arange(n) / n},
        resources=np.arange(1, epochs + 1),
        metrics={"error": curves[:, None, :].astype(np.float32)},
        metric_info={"error": Metric("min")},
        elapsed=np.cumsum(pace, axis=1)[:, None, :],
    )


def in_turns(*runs: Callable[[], object], repeats: int) -> list[float]:
    """The shortest processor time of each, in milliseconds; in turns, so that all meet the same moods."""
    shortest = [float("inf")] * len(runs)
    for _ in range(repeats):
        for i, run in enumerate(runs):
            begun = time.process_time()
            run()
            shortest[i] = min(shortest[i], 1e3 * (time.process_time() - begun))
    return shortest


def compare(name: str, trials: int) -> None:
    """One line: both loops on as many rows as trials, 4 workers."""
    table, budget = made_table(trials), Budget(trials=trials)
    python, compiled = (Simulation(table, name, budget=budget, compiled=flag) for flag in (False, True))
    if python.run().digest() != compiled.run().digest():
        sys.exit(f"{name}, {trials} trials: the compiled loop gave another trace")
    whole = [lambda s=s: s.run().digest() for s in (python, compiled)]
    slow, fast, slow_trace, fast_trace = in_turns(python.run, compiled.run, *whole, repeats=max(3, 10_000 // trials))
    print(
        f"{name:20}{trials:9,}{slow:11.2f}{fast:10.2f}{slow / fast:7.1f}"
        f"{slow_trace:12.2f}{fast_trace:10.2f}{slow_trace / fast_trace:7.1f}",
        flush=True,
    )


def large(name: str) -> None:
    """One line: a million trials in this process."""
    table = made_table(ROWS)
    options = {"workers": LARGE_WORKERS, "exhausted": "cycle", "compiled": True}
    Simulation(table, name, workers=4, compiled=True, budget=Budget(trials=10)).run()  # loads the machine code
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.process_time()
    trace = Simulation(table, name, budget=Budget(trials=LARGE), **options).run()
    ran, peak = time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    trace.digest()
    whole, most = time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:20}{LARGE:9,}   run {ran:.2f} s, with trace {whole:.2f} s; "
        f"peak {before:.0f} MB before, {peak:.0f} MB run, {most:.0f} MB with trace",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=LARGE, help="no more trials than this")
    parser.add_argument("--large", choices=NAMES, help="only the million trials of this scheduler, in this process")
    options = parser.parse_args()
    if options.large:
        large(options.large)
        return
    begun = time.process_time()
    Simulation(made_table(10), "asha-stopping", compiled=True).run()
    print(f"import of Numba, and machine code compiled or read from disk: {time.process_time() - begun:.2f} s\n")
    print(
        f"{'milliseconds':20}{'trials':>9}{'run':>11}{'compiled':>10}{'ratio':>7}{'trace':>12}{'compiled':>10}{'ratio':>7}"
    )
    for name in NAMES:
        for trials in SIZES:
            if trials <= options.most:
                compare(name, trials)
    if options.most >= LARGE:
        print()
        for name in NAMES:
            subprocess.run([sys.executable, __file__, "--large", name], check=True)


if __name__ == "__main__":
    main()

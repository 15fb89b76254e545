"""Speed of the simulator, as ratios measured in one run on one machine.

    python tests/performance/bench.py            all of it
    python tests/performance/bench.py --quick    the ratios to the bare loop only

Prints, for ASHA stopping and promotion on 1,000 configurations x 81 epochs, trace included: time of a run, reports
a second, and the ratio to a bare heapq loop that makes the same decisions (see bare_loop.py); then start-up times of
whole processes; and, where Syne Tune is installed, the ratio to its simulator on the same table.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import bare_loop

from blackboxes import Blackbox, Metric
from blackboxes.streams import Stream
from simulator import Budget, Simulation, Trace

ETA = 3
LEVELS = [1, 3, 9, 27, 81]


def made_table(n: int = 1000, epochs: int = 81) -> Blackbox:
    """Curves that fall towards different ends at different speeds, with noise: nothing special."""
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


def best_of(run: Callable[[], object], repeats: int, clock: Callable[[], float] = time.process_time) -> float:
    """The shortest time of several calls, by default of the processor's: a busy machine takes the wall clock's."""
    times = []
    for _ in range(repeats):
        begun = clock()
        run()
        times.append(clock() - begun)
    return min(times)


def last_of_each_trial(trace: Trace) -> list[tuple[int, int]]:
    """The highest rung level of each trial and its last worker."""
    c = trace.columns
    last = dict(zip(c.trial.tolist(), zip(c.resource.tolist(), c.worker.tolist(), strict=True), strict=True))
    return [(LEVELS.index(int(resource)), worker) for _, (resource, worker) in sorted(last.items())]


def against_bare_loop(repeats: int) -> None:
    table = made_table()
    print("ASHA, 1,000 configurations x 81 epochs, eta = 3: ours (trace included) against a bare heapq loop")
    print(f"{'':12}{'trials':>8}{'workers':>9}{'ours ms':>10}{'bare ms':>10}{'ratio':>8}{'reports/s':>12}")
    for name, bare in (("stopping", bare_loop.asha_stopping), ("promotion", bare_loop.asha_promotion)):
        for trials in (300, 1000):
            for workers in (4, 64):
                simulation = Simulation(table, f"asha-{name}", workers=workers, budget=Budget(trials=trials))
                trace = simulation.run()
                columns = bare_loop.prepare(table, trace.columns.config.tolist(), LEVELS)
                if bare(columns, workers, ETA) != last_of_each_trial(trace):
                    sys.exit(f"the bare loop decided otherwise: {name}, {trials} trials, {workers} workers")
                # In turns, so that both meet the same moods of the machine.
                ours = theirs = float("inf")
                for _ in range(repeats):
                    ours = min(ours, best_of(simulation.run, 3))
                    theirs = min(theirs, best_of(partial(bare, columns, workers, ETA), 3))
                reports = trace.summary()["reports"] + trace.summary()["completed"]
                print(
                    f"{name:12}{trials:8}{workers:9}{ours * 1e3:10.2f}{theirs * 1e3:10.2f}"
                    f"{ours / theirs:8.2f}{reports / ours:12,.0f}"
                )


def start_up(repeats: int) -> None:
    print("\nwhole processes, best of", repeats)
    python = [sys.executable, "-c"]
    commands = {
        "python, nothing": [*python, "pass"],
        "import simulator": [*python, "import simulator"],
        "rungsim --help": [*python, "from simulator.cli import main; main()", "--help"],
        "rungsim run mlp:digits": [
            *python,
            "from simulator.cli import main; main()",
            *("run", "mlp:digits", "asha-promotion", "--quiet"),
        ],
    }
    for name, command in commands.items():
        start = partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)
        seconds = best_of(start, repeats, time.perf_counter)
        print(f"  {name:28}{seconds:8.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the ratios to the bare loop only")
    parser.add_argument("--repeats", type=int, default=10, help="runs of each, the best counts (10)")
    options = parser.parse_args()
    against_bare_loop(options.repeats)
    if not options.quick:
        start_up(options.repeats)
        if importlib.util.find_spec("syne_tune"):
            import against_syne_tune

            against_syne_tune.main()
        else:
            print("\nSyne Tune is not installed here, so there is no ratio to its simulator")
            print("(pip install 'syne-tune[blackbox-repository]==0.14.2')")


if __name__ == "__main__":
    main()

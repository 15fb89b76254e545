"""Time per report as trials and workers grow, and a million trials on ten thousand workers: seconds and memory.

    python tests/performance/bench_scale.py                                            ASHA stopping and promotion
    python tests/performance/bench_scale.py pasha mo-asha --workers 100                 any others
    python tests/performance/bench_scale.py plain --workers 100 --trials 10000 1000000   all that should cost O(log n)

A table of 10,000 rows is cycled; setting up and the trace are included. Processor time, the best of three runs up to
100,000 trials and one above. `growth` is the time per report of the last size over that of the cheapest before it: a
rung that is scanned or sorted at each report would show as one near the ratio of the sizes. A small run on many workers
is dear because of its workers, which is why the cheapest is taken and not the first.

The last part runs each in a process of its own: the run, imports and table apart, and the most memory (RSS) that the
process has held by then, both included; then `Trace.summary`, which derives every column of the trace, and the most
memory by then.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from made_table import made_table
from measuring import Goal, compiled, peak_memory

from blackboxes import Blackbox
from simulator import Budget, Simulation, Trace

PLAIN = (
    *("asha-stopping", "asha-promotion", "async-hyperband", "async-hyperband(rungs='bracket')"),
    *("asha-promotion(rule='quantile')", "rush(initial=[17, 3])", "successive-halving(n=10000)", "hyperband"),
    *("random", "one-epoch", "patience"),
)
ASHA = ("asha-stopping", "asha-promotion")
ROWS = 10_000
TRIALS, WORKERS = (1_000, 10_000, 100_000, 1_000_000), (1, 100, 10_000)
SLOW_FROM = 1_000_000  # trials that are run once only
LOOPS: dict[str, Callable[..., Simulation | None]] = {"python": Simulation, "compiled": compiled}


def timed(loop: str, table: Blackbox, spec: str, trials: int, workers: int) -> tuple[float, Trace]:
    """Processor seconds of a run, its setting up included, and its trace."""
    begun = time.process_time()
    simulation = LOOPS[loop](table, spec, workers=workers, exhausted="cycle", budget=Budget(trials=trials))
    assert simulation is not None
    trace = simulation.run()
    return time.process_time() - begun, trace


def per_report(loop: str, table: Blackbox, spec: str, trials: int, workers: int) -> float:
    """Microseconds of processor time for each report or end of a trial."""
    runs = [timed(loop, table, spec, trials, workers) for _ in range(1 if trials >= SLOW_FROM else 3)]
    return 1e6 * min(seconds for seconds, _ in runs) / reports_of(runs[0][1])


def loops_for(table: Blackbox, spec: str) -> list[str]:
    return ["python"] if compiled(table, spec) is None else ["python", "compiled"]


def reports_of(trace: Trace) -> int:
    summary = trace.summary()
    return summary["reports"] + summary["completed"]


def growth(table: Blackbox, specs: Sequence[str], trials: Sequence[int], workers: Sequence[int]) -> list[Goal]:
    """Print microseconds a report, and give what became of the goal that it grows at most 3x over three decades."""
    print(f"time per report, microseconds of the processor, {ROWS:,} configurations x 81 epochs, cycled")
    print(f"{'scheduler':34}{'loop':10}{'workers':>8}" + "".join(f"{n:>12,}" for n in trials) + f"{'growth':>9}")
    grown: dict[str, list[float]] = {loop: [] for loop in LOOPS}
    for spec in specs:
        for loop in loops_for(table, spec):
            if loop == "compiled":
                timed(loop, table, spec, 10, 1)  # loads the machine code
            for k in workers:
                each = [per_report(loop, table, spec, n, k) for n in trials]
                text = f"{spec:34}{loop:10}{k:8,}" + "".join(f"{micro:12.3f}" for micro in each)
                if len(each) > 1:
                    grown[loop].append(each[-1] / min(each[:-1]))
                    text += f"{grown[loop][-1]:9.2f}"
                print(text, flush=True)
    if trials[-1] < 1000 * trials[0]:
        return []
    what = f"growth of time per report, {trials[0]:,} to {trials[-1]:,} trials"
    return [
        Goal(f"{what} ({loop} loop)", "at most 3x", f"{max(g):.1f}x", max(g) <= 3) for loop, g in grown.items() if g
    ]


def largest(table: Blackbox, specs: Sequence[str], trials: int, workers: int) -> list[Goal]:
    """Print seconds and memory of one run in a process of its own, and give what became of the goals."""
    print(f"\n{trials:,} trials on {workers:,} workers, each in a process of its own")
    print(f"{'scheduler':34}{'loop':10}{'reports':>12}{'run s':>9}{'peak MB':>9}{'summary s':>11}{'peak MB':>9}")
    goals = []
    for spec in specs:
        for loop in loops_for(table, spec):
            command = [sys.executable, __file__, "--alone", json.dumps([loop, spec, trials, workers])]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            seconds, memory, reading, more, reports = json.loads(done.stdout)
            print(
                f"{spec:34}{loop:10}{reports:12,}{seconds:9.2f}{memory / 1e6:9.0f}{reading:11.2f}{more / 1e6:9.0f}",
                flush=True,
            )
            if trials < TRIALS[-1] or workers < WORKERS[-1]:
                continue
            what = f"{spec} ({loop} loop), {trials:,} trials on {workers:,} workers"
            goals.append(Goal(what, "below 30 s", f"{seconds:.1f} s", seconds < 30))
            goals.append(Goal(f"{what}, the run", "below 1 GB", f"{memory / 1e9:.2f} GB", memory < 1e9))
            goals.append(Goal(f"{what}, with its summary", "below 1 GB", f"{more / 1e9:.2f} GB", more < 1e9))
    return goals


def alone(loop: str, spec: str, trials: int, workers: int) -> None:
    """In a process of its own: prints seconds and the most memory, of the run and then of its summary, and reports."""
    table = made_table(n=ROWS)
    if loop == "compiled":
        timed(loop, table, spec, 10, 1)  # loads the machine code
    seconds, trace = timed(loop, table, spec, trials, workers)
    memory, begun = peak_memory(), time.process_time()
    reports = reports_of(trace)
    print(json.dumps([seconds, memory, time.process_time() - begun, peak_memory(), reports]))


def compare(
    specs: Sequence[str] = ASHA, trials: Sequence[int] = TRIALS, workers: Sequence[int] = WORKERS
) -> list[Goal]:
    """Print all, and give what became of the goals."""
    table = made_table(n=ROWS)
    return growth(table, specs, trials, workers) + largest(table, specs, trials[-1], workers[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schedulers", nargs="*", help="their names; `plain` stands for all that should cost O(log n)")
    parser.add_argument("--trials", type=int, nargs="+", default=TRIALS, help="from the smallest (1000 ... 1000000)")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, help="(1 100 10000)")
    parser.add_argument("--alone", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        return alone(*options.alone)
    if min(*options.trials, *options.workers, 1) < 1:
        parser.error("trials and workers are at least 1")
    specs = [s for name in options.schedulers or ASHA for s in (PLAIN if name == "plain" else (name,))]
    print(*compare(specs, options.trials, options.workers), sep="\n")


if __name__ == "__main__":
    main()

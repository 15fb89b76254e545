"""Seconds that a study takes on all cores: 6 schedulers x 34 tasks x 30 seeds, each run 20 mean full trainings long.

    python tests/performance/bench_study.py [--seeds 30] [--tasks 34] [--turns 2]

Tables of 2,000 configurations x 52 resources from the generator of power laws, written once, uncompressed, as one file
of 34 tasks into a temporary folder, and 4 workers: the size of LCBench. As in `rungsim study run`, all is timed but
the reading and checking of the study file: starting processes, reading tables, simulating, and writing rows in parts
that are joined at the end. Here the clock counts, not the processor. With Numba the same again in machine code.

Parallel efficiency is the time on one process, which does the same runs and starts no other, over the time on all and
over the number of cores: of each the best of `--turns`, taken in turns, since one turn alone moved it by 20% on a
shared machine. Anything else that runs on the machine makes it look worse than it is: then compare the processors'
seconds, which tell what it costs to share the work, but not how long cores were idle.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from measuring import Goal, cores

from blackboxes import Blackbox, load, save
from simulator.study.file import study_of
from simulator.study.folder import begin, carry_out

SCHEDULERS = ("random", "successive-halving", "hyperband", "asha-stopping", "asha-promotion", "median-stopping")
TASKS, SEEDS, TURNS = 34, 30, 2
BUDGET, WORKERS = "20x", 4


def tables(tasks: int) -> Iterator[Blackbox]:
    for seed in range(tasks):
        correlation = 0.3 + 0.6 * seed / max(1, tasks - 1)  # easy and hard ones
        yield load(f"power-law:rank_correlation={correlation:.3f},n=2000,replicates=1,r_max=52,seed={seed}")


def study(names: Sequence[str], seeds: int, compiled: bool) -> str:
    """The text of the study file."""
    text = f"tables = {json.dumps(names)}\nschedulers = {json.dumps(SCHEDULERS)}\nseeds = {seeds}\n"
    return f'{text}workers = {WORKERS}\nbudget = "{BUDGET}"\ncompiled = {json.dumps(compiled)}\n'


def study_seconds(text: str, folder: Path, jobs: int) -> tuple[int, float, float]:
    """How many runs; seconds on the clock, until the last process has ended, and of all their processors."""
    begin(study_of(text, "study.toml", tried=True), folder)
    begun, used = time.perf_counter(), processor_seconds()
    count = carry_out(folder, jobs).done
    return count, time.perf_counter() - begun, processor_seconds() - used


def processor_seconds() -> float:
    """Of this process and of those it has started that have ended."""
    return sum(os.times()[:4])


def compare(tasks: int = TASKS, seeds: int = SEEDS, turns: int = TURNS) -> list[Goal]:
    """Print all, and give what became of the goals."""
    goals = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "power-law.h5"
        names: list[str] = []

        def named() -> Iterator[Blackbox]:
            for table in tables(tasks):
                names.append(table.task)
                yield table

        save(path, named(), compress=False)
        n, full = cores(), (tasks, seeds) == (TASKS, SEEDS)
        names = [f"{path}:{name}" for name in names]
        print(
            f"a study: {len(SCHEDULERS)} schedulers x {tasks} tasks x {seeds} seeds, runs of {BUDGET} on {WORKERS} "
            f"workers, {path.stat().st_size / 1e6:.0f} MB of tables",
            flush=True,
        )
        loops = ["python", "compiled"] if importlib.util.find_spec("numba") else ["python"]
        for loop in loops:
            text = study(names, seeds, loop == "compiled")
            best: dict[int, float] = {}  # by number of processes, seconds
            for turn in range(turns):
                for jobs in {n, 1}:
                    into = Path(folder, f"{loop} {jobs} {turn}")
                    count, seconds, used = study_seconds(text, into, jobs)
                    best[jobs] = min(seconds, best.get(jobs, seconds))
                    rate, processes = count / seconds, "1 process" if jobs == 1 else f"{jobs} processes"
                    print(
                        f"{loop}, {processes}: {seconds:.1f} s, {rate:,.0f} runs a second, {used:.1f} s of processors",
                        flush=True,
                    )
            if full:
                what = f"{count:,} runs on {n} cores, {loop}"
                goals.append(Goal(what, "below 60 s", f"{best[n]:.1f} s", best[n] < 60))
            if n > 1:
                share = best[1] / (n * best[n])
                print(f"{loop}: efficiency of {n} processes {share:.0%}")
                if full:
                    what = f"parallel efficiency on {n} cores, {loop}"
                    goals.append(Goal(what, "at least 90%", f"{share:.0%}", share >= 0.9))
    return goals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=TASKS, help="tables (34)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of each scheduler and task (30)")
    parser.add_argument("--turns", type=int, default=TURNS, help="of each number of processes (2)")
    options = parser.parse_args()
    if min(options.tasks, options.seeds, options.turns) < 1:
        parser.error("tasks, seeds and turns are at least 1")
    print(*compare(options.tasks, options.seeds, options.turns), sep="\n")


if __name__ == "__main__":
    main()

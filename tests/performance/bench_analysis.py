"""How long statistics and the report take, and how much memory: 6 schedulers x 8 tables x 100 seeds.

    python tests/performance/bench_analysis.py

The 4,800 runs are simulated first and kept in out/bench/ (some two minutes on two cores). Each part runs in a process
of its own, imports included, so that its peak memory is its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

KEPT = Path("out/bench/runs.parquet")
SCHEDULERS = ("random", "successive-halving", "hyperband", "asha-stopping", "asha-promotion", "median-stopping")
TABLES = (
    *("mlp:letter", "mlp:digits", "mlp:marketing", "gbm:magic", "gbm:spambase", "gbm:segment"),
    *("svm:magic", "svm:satimage"),
)
SEEDS = 100
PARTS = ("import", "anytime", "everything", "report")


def simulate() -> None:
    from simulator.study import crossed, run_all, write_rows

    KEPT.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for table in TABLES:
        with closing(run_all(crossed(table, SCHEDULERS, range(SEEDS)))) as finished:
            own = sorted(finished, key=lambda row: (SCHEDULERS.index(row["scheduler"]), row["seed"]))
        rows += own
    write_rows(rows, KEPT)


def part(name: str) -> None:
    """One of `PARTS`: only the import; anytime curves with intervals; all statistics; the demo's report."""
    if name == "simulate":
        simulate()
        return
    import numpy as np

    from analysis import (
        aggregate,
        average_ranks,
        averaged,
        compare_all,
        curves,
        load_runs,
        probability_of_improvement,
        reach,
        scores,
        speed_up,
        summarise,
        time_to_target,
    )

    if name == "import":
        return
    runs = load_runs(KEPT)
    if name == "report":
        from analysis.report import contents, replays, write_report

        demo = runs[(runs["table"] == TABLES[0]) & (runs["seed"] < 20)]
        write_report(contents(demo, None, *replays(demo)), KEPT.parent / "report.html")
        return
    some = curves(runs, scale="normalised", x="trainings")
    found = scores(some)
    for how in ("median", "mean", "iqm"):
        aggregate(found, how)
    average_ranks(found)
    if name == "everything":
        end, reached = scores(some, np.array([np.inf])), reach(some, 0.05)
        compare_all(end)
        compare_all(averaged(some))
        probability_of_improvement(end)
        time_to_target(reached)
        speed_up(reached, "random")
        summarise(runs)


def main() -> None:
    if not KEPT.exists():
        begun = time.perf_counter()
        subprocess.run([sys.executable, __file__, "simulate"], check=True, stdout=subprocess.PIPE)
        print(f"simulated {len(SCHEDULERS) * len(TABLES) * SEEDS:,} runs in {time.perf_counter() - begun:.0f} s")
    for name in PARTS:
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, __file__, name], check=True, stdout=subprocess.PIPE, text=True)
        print(f"{name:<12} {time.perf_counter() - begun:6.1f} s  {int(done.stdout) / 1e3:6.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        part(sys.argv[1])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
        print(peak)
    else:
        main()

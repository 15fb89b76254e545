"""What a searcher's decisions cost.

    python tests/performance/bench_searchers.py [--rows 2000] [--decisions 200]

Prints, for each searcher under random search and under ASHA (promotion), the processor time of a run with so many
decisions by its model, on one thread of linear algebra, and the milliseconds of a decision; random search is what the
rest of the run costs.
"""

from __future__ import annotations

import argparse
import time

from blackboxes import load
from simulator import Budget, Simulation, make_searcher, searcher_names
from simulator.models.threads import one_thread
from simulator.searching import ModelSearcher


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--decisions", type=int, default=200)
    options = parser.parse_args()
    table = load(f"hartmann6:n={options.rows},seed=0")
    d = table.vectors.shape[1]
    print(f"{options.decisions} decisions on {options.rows} rows of {d} hyperparameters, 4 workers")
    print(f"{'scheduler':18}{'searcher':28}{'trials':>8}{'seconds':>10}{'ms each':>10}")
    for scheduler in ("random", "asha-promotion"):
        for name in [*searcher_names(), "gp(resource='largest')", "gp(fantasies=0)", "hyper-tune(model='joint')"]:
            searcher = make_searcher(name)
            first = getattr(searcher, "min_observations", None) or d + 1
            trials = options.decisions + (first if isinstance(searcher, ModelSearcher) else 0)
            with one_thread():
                begun = time.process_time()
                Simulation(table, scheduler, searcher=searcher, budget=Budget(trials=trials)).run()
                seconds = time.process_time() - begun
            print(f"{scheduler:18}{name:28}{trials:8}{seconds:10.2f}{1000 * seconds / options.decisions:10.2f}")
    for scheduler in ("dyhpo", "mf-bo"):  # their models decide themselves, dyhpo at every report
        with one_thread():
            begun = time.process_time()
            trace = Simulation(table, scheduler, budget=Budget(trials=options.decisions + d + 1)).run()
            seconds = time.process_time() - begun
        decisions = (
            trace.summary()["trials"] + trace.summary()["reports"] if scheduler == "dyhpo" else options.decisions
        )
        print(f"{scheduler:18}{'':28}{options.decisions + d + 1:8}{seconds:10.2f}{1000 * seconds / decisions:10.2f}")


if __name__ == "__main__":
    main()

"""mfhpo-simulator's side of bench_a_priori.py, run by the Python of .venv-peers/mfhpo; imports nothing of ours.

    python peer_mfhpo.py TABLE.npz

The file holds `error` and `elapsed`, (n, epochs) each. A line of JSON with the version comes first; then one for each
line that is read, which holds `rows` and `epochs` (what to evaluate, in this order), `workers` and `expensive`.

Timed, by the processor's clock, is `simulate` alone, in the ask-and-tell mode, which ends by writing its results. The
optimizer deals out what was prepared, the objective function reads Python lists, and nothing that is optional is on:
no identifiers of configurations, hence no tracking of them, and no configurations in the results. `expensive` is its
`expensive_sampler`: without it (the default) every result comes with a warning, which is ignored here.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import sys
import tempfile
import time
import warnings

import numpy as np
from benchmark_simulator import AbstractAskTellOptimizer, ObjectiveFuncWrapper


class Dealer(AbstractAskTellOptimizer):
    """Proposes what was prepared, and learns nothing."""

    def __init__(self, jobs):
        self.jobs = iter(jobs)

    def ask(self):
        return next(self.jobs)

    def tell(self, eval_config, results, *, fidels=None, config_id=None):
        pass


def run(error, elapsed, rows, epochs, workers, expensive):
    def objective(eval_config, *, fidels=None, seed=None, **more):
        row, column = eval_config["row"], fidels["epoch"] - 1
        return {"loss": error[row][column], "runtime": elapsed[row][column]}

    jobs = [({"row": row}, {"epoch": epoch}, None) for row, epoch in zip(rows, epochs, strict=True)]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapper = ObjectiveFuncWrapper(
            obj_func=objective,
            ask_and_tell=True,
            n_workers=workers,
            n_evals=len(jobs) - workers + 1,  # it starts so many more that all workers are busy to the end
            n_actual_evals_in_opt=len(jobs) + workers,
            fidel_keys=["epoch"],
            seed=0,
            config_tracking=False,
            expensive_sampler=expensive,
            tmp_dir=folder,
        )
        dealer = Dealer(jobs)
        gc.collect()
        begun = time.process_time()
        wrapper.simulate(dealer)
        seconds = time.process_time() - begun
        results, asked = wrapper.get_results(), wrapper.get_optimizer_overhead()
    asking = float(np.subtract(asked["after_sample"], asked["before_sample"]).sum())
    return {"seconds": seconds, "ends": results["cumtime"], "worker": results["worker_index"], "asking": asking}


def main():
    with np.load(sys.argv[1]) as file:
        error, elapsed = file["error"].tolist(), file["elapsed"].tolist()
    gc.freeze()
    print(json.dumps({"version": importlib.metadata.version("mfhpo-simulator")}), flush=True)
    for line in sys.stdin:
        print(json.dumps(run(error, elapsed, **json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

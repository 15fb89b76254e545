"""Syne Tune's side of bench_rungs.py, run by the Python of .venv-peers/syne-tune; imports nothing of ours.

    python peer_syne_tune.py TABLE.npz

The file holds `error` and `elapsed`, (n, epochs) each. A line of JSON with the version comes first; then one for each
line that is read, which holds `rule` (stopping, promotion or hyperband), `trials`, `workers`, `order` (rows, in the
order to be started), `eta` and `step` (simulated seconds between two looks for results).

Timed, by the processor's clock, is `Tuner.run` alone: table, scheduler and tuner are made before. Results are kept in
memory, no result files are written, nothing is logged, and the garbage of the imports is frozen.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import io
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from unittest import mock

import numpy as np

BASE = 25  # rows as two digits: Syne Tune's tabular blackbox fails with a single hyperparameter


@contextlib.contextmanager
def silence():
    """No logs, warnings or prints."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        yield


def config(row):
    high, low = divmod(int(row), BASE)
    return {"high": high, "low": low}


class Table:
    """Our table as one of Syne Tune's blackboxes."""

    def __init__(self, path):
        import pandas as pd
        from syne_tune.blackbox_repository.blackbox_tabular import BlackboxTabular
        from syne_tune.config_space import randint

        with np.load(path) as file:
            error, elapsed = file["error"], file["elapsed"]
        n, self.r_max = error.shape
        if n % BASE:
            raise ValueError(f"the number of configurations is a multiple of {BASE}, not {n}")
        self.space = {"high": randint(0, n // BASE - 1), "low": randint(0, BASE - 1)}
        self.blackbox = BlackboxTabular(
            hyperparameters=pd.DataFrame([config(row) for row in range(n)]),
            configuration_space=self.space,
            fidelity_space={"epoch": randint(1, self.r_max)},
            objectives_evaluations=np.stack([error.astype(np.float64), elapsed], axis=-1)[:, None],
            objectives_names=["error", "elapsed"],
        )


def scheduler(table, rule, order, eta):
    from syne_tune.optimizer.schedulers import LegacyHyperbandScheduler
    from syne_tune.optimizer.schedulers.synchronous import SynchronousGeometricHyperbandScheduler

    common = {
        "searcher": "random",
        "search_options": {"debug_log": False},
        "points_to_evaluate": [config(row) for row in order],
        "metric": "error",
        "mode": "min",
        "resource_attr": "epoch",
        "max_resource_attr": "epochs",  # a trial reads its curve up to the next rung level only
        "grace_period": 1,
        "reduction_factor": eta,
        "random_seed": 0,
    }
    space = {**table.space, "epochs": table.r_max}
    if rule == "hyperband":
        return SynchronousGeometricHyperbandScheduler(space, **common)
    return LegacyHyperbandScheduler(space, type=rule, **common)


def run(table, rule, trials, workers, order, eta, step):
    """Processor seconds, the last epoch of each trial, and the number of epochs reported."""
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
    from syne_tune.blackbox_repository.simulated_tabular_backend import UserBlackboxBackend

    class InMemory(SimulatorCallback):
        def store_results(self):
            """Keeps them in `results`."""

    results = InMemory()
    backend = UserBlackboxBackend(
        table.blackbox, elapsed_time_attr="elapsed", max_resource_attr="epochs", seed=0, tuner_sleep_time=step
    )
    tuner = Tuner(
        trial_backend=backend,
        scheduler=scheduler(table, rule, order, eta),
        stop_criterion=StoppingCriterion(max_num_trials_started=trials - 1),  # it stops above, not at
        n_workers=workers,
        sleep_time=0,
        callbacks=[results],
        save_tuner=False,
        wait_trial_completion_when_stopping=True,
        results_update_interval=1e9,
        print_update_interval=1e9,
    )
    with mock.patch("syne_tune.tuner.print_best_metric_found"):  # 5% of the time, for a table nobody reads
        gc.collect()
        begun = time.process_time()
        tuner.run()
        seconds = time.process_time() - begun
    last = [0] * tuner.tuning_status.num_trials_started
    for result in results.results:
        trial = int(result["trial_id"])
        last[trial] = max(last[trial], int(result["epoch"]))
    return {"seconds": seconds, "last": last, "epochs": len(results.results)}


def main():
    answers = sys.stdout
    with tempfile.TemporaryDirectory() as folder, silence():  # the folder is for what is written regardless
        os.environ["SYNETUNE_FOLDER"] = folder
        table = Table(sys.argv[1])
        scheduler(table, "stopping", [0], 3)  # imports all
        scheduler(table, "hyperband", [0], 3)
        gc.collect()
        gc.freeze()
        print(json.dumps({"version": importlib.metadata.version("syne-tune")}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(run(table, **json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()

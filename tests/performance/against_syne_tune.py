"""Speed of the simulator against Syne Tune's, on the same table, in one run on one machine.

    pip install "syne-tune[blackbox-repository]==0.14.2"
    python tests/performance/against_syne_tune.py               what bench.py prints
    python tests/performance/against_syne_tune.py --step 0.1    Syne Tune looks for results every 0.1 simulated seconds

ASHA stopping and promotion (eta = 3, r_min = 1, r_max = 81) on 4 workers. Both start the same configurations in the
same order: Syne Tune's random searcher is given ours as `points_to_evaluate`, so a trial has the same number in both.
Timed is the run alone: table, scheduler and tuner are made before; Syne Tune keeps its results in memory, writes no
result files and logs nothing. Milliseconds are of the processor, not of the clock: on a busy machine a run of seconds
loses turns that a run of a millisecond does not. The counts say how fair it is:

    ours, asked each epoch  our time when our scheduler, too, is asked at every epoch, which changes no decision
    same end                trials whose last epoch is the same in both
    epochs                  trained and recorded by each; Syne Tune's scheduler is asked at every one
    ours asked              how often ours is asked otherwise: at rung levels and at r_max only

Syne Tune looks for results every `tuner_sleep_time` simulated seconds, 5 by default, here `--step`. It makes it faster
the larger it is, and workers wait for it: that is why some trials decide in another order than ours do. Its promotion
compares with a linear quantile of the rung, ours takes the best floor(n / eta); and it promotes nobody once the last
trial has started, where ours goes on. It adds real time to its simulated time and may start up to three trials too
many, so its counts differ a little from run to run.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.metadata
import io
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
import bench

from blackboxes import Blackbox
from simulator import Budget, Context, Continue, Resume, Scheduler, Simulation, Start, Trial, make_scheduler

WORKERS = 4
R_MAX = bench.LEVELS[-1]
STEP = 5.0  # Syne Tune's default
BASE = 25  # rows as two digits: Syne Tune's tabular blackbox fails with a single hyperparameter
ADVICE = 'pip install "syne-tune[blackbox-repository]==0.14.2"'


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """No logs, warnings or prints, and a folder that goes away for what is written regardless (metadata.json)."""
    before = os.environ.get("SYNETUNE_FOLDER")
    disabled = logging.root.manager.disable
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        os.environ["SYNETUNE_FOLDER"] = folder
        try:
            yield
        finally:
            logging.disable(disabled)
            if before is None:
                del os.environ["SYNETUNE_FOLDER"]
            else:
                os.environ["SYNETUNE_FOLDER"] = before


class SyneTune:
    """Syne Tune's simulator on a table of ours. Raises ImportError where a part of it is missing."""

    def __init__(self, table: Blackbox, step: float) -> None:
        with silence():  # it prints which of its extras are missing
            from syne_tune.blackbox_repository.blackbox_tabular import BlackboxTabular
            from syne_tune.config_space import randint
            from syne_tune.optimizer import schedulers
        # Up to 0.13 / in 0.14; 0.15 and later have neither, nor any promotion.
        self.hyperband = getattr(schedulers, "LegacyHyperbandScheduler", None) or getattr(
            schedulers, "HyperbandScheduler", None
        )
        self.step = step
        n = len(table.elapsed)
        if n % BASE:
            raise ValueError(f"the number of configurations is a multiple of {BASE}, not {n}")
        self.space = {"high": randint(0, n // BASE - 1), "low": randint(0, BASE - 1)}
        error, elapsed = table.metrics[table.default_metric][:, 0], table.elapsed[:, 0]
        self.blackbox = BlackboxTabular(
            hyperparameters=pd.DataFrame([self.config(row) for row in range(n)]),
            configuration_space=self.space,
            fidelity_space={"epoch": randint(1, R_MAX)},
            objectives_evaluations=np.stack([error.astype(np.float64), elapsed], axis=-1)[:, None],
            objectives_names=["error", "elapsed"],
        )

    @staticmethod
    def config(row: int) -> dict[str, int]:
        high, low = divmod(int(row), BASE)
        return {"high": high, "low": low}

    def has(self, rule: str) -> bool:
        return self.hyperband is not None or rule == "stopping"

    def scheduler(self, rule: str, order: Sequence[int]) -> Any:
        points = [self.config(row) for row in order]
        if self.hyperband is not None:
            return self.hyperband(
                {**self.space, "epochs": R_MAX},
                searcher="random",
                search_options={"debug_log": False},
                points_to_evaluate=points,
                type=rule,
                metric="error",
                mode="min",
                resource_attr="epoch",
                max_resource_attr="epochs",  # a trial reads its curve up to the next rung level only
                grace_period=1,
                reduction_factor=bench.ETA,
                random_seed=0,
            )
        from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving

        return AsynchronousSuccessiveHalving(
            {**self.space, "epochs": R_MAX},
            searcher="random_search",
            searcher_kwargs={"points_to_evaluate": points},
            metric="error",
            do_minimize=True,
            time_attr="epoch",
            max_t=R_MAX,
            grace_period=1,
            reduction_factor=bench.ETA,
            random_seed=0,
        )

    def run(self, rule: str, trials: int, order: Sequence[int]) -> tuple[float, dict[int, int], int]:
        """Processor seconds, the last epoch of each trial, and the number of epochs reported."""
        with silence():
            from syne_tune import StoppingCriterion, Tuner
            from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
            from syne_tune.blackbox_repository.simulated_tabular_backend import UserBlackboxBackend

            class InMemory(SimulatorCallback):
                def store_results(self) -> None:
                    """Keeps them in `results`."""

            results = InMemory()
            tuner = Tuner(
                trial_backend=UserBlackboxBackend(
                    self.blackbox,
                    elapsed_time_attr="elapsed",
                    max_resource_attr="epochs",
                    seed=0,
                    tuner_sleep_time=self.step,
                ),
                scheduler=self.scheduler(rule, order),
                stop_criterion=StoppingCriterion(max_num_trials_started=trials - 1),  # it stops above, not at
                n_workers=WORKERS,
                sleep_time=0,
                callbacks=[results],
                save_tuner=False,
                wait_trial_completion_when_stopping=True,
                results_update_interval=1e9,
                print_update_interval=1e9,
            )
            with mock.patch("syne_tune.tuner.print_best_metric_found"):  # 5% of the time, for a table nobody reads
                seconds = processor_time(tuner.run)
        last: dict[int, int] = dict.fromkeys(range(tuner.tuning_status.num_trials_started), 0)
        for result in results.results:
            trial = int(result["trial_id"])
            last[trial] = max(last[trial], int(result["epoch"]))
        return seconds, last, len(results.results)


class EveryEpoch(Scheduler):
    """Sends trials to the next epoch only; asks the scheduler named `inner` where it wanted to be asked."""

    def __init__(self, inner: str) -> None:
        self.inner = make_scheduler(inner)

    def setup(self, context: Context) -> None:
        self.inner.setup(context)
        self.goals: list[float] = []
        self.reached: dict[int, float] = {}

    def next_job(self) -> Start | Resume | None:
        job = self.inner.next_job()
        if isinstance(job, Start):
            self.goals.append(job.until)
            return Start(job.config, 1)
        if isinstance(job, Resume):
            self.goals[job.trial] = job.until
            return Resume(job.trial, self.reached[job.trial] + 1)
        return None

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        if resource >= self.goals[trial.id]:
            answer = self.inner.on_report(trial, resource, value)
            if not isinstance(answer, Continue):
                self.reached[trial.id] = resource
                return answer
            self.goals[trial.id] = answer.until
        return Continue(resource + 1)


def processor_time(run: Callable[[], object]) -> float:
    gc.collect()
    begun = time.process_time()
    run()
    return time.process_time() - begun


def compare(table: Blackbox, syne_tune: SyneTune, rule: str, trials: int, repeats: int) -> str:
    """One line of the table."""
    budget = Budget(trials=trials)
    simulation = Simulation(table, f"asha-{rule}", workers=WORKERS, budget=budget)
    stepping = Simulation(table, EveryEpoch(f"asha-{rule}"), workers=WORKERS, budget=budget)
    trace = simulation.run()
    our_last = [bench.LEVELS[level] for level, _ in bench.last_of_each_trial(trace)]
    summary = trace.summary()
    if stepping.run().summary()["resource"] != summary["resource"]:
        sys.exit(f"asked at every epoch our scheduler decided otherwise: {rule}, {trials} trials")
    ours = every = theirs = float("inf")
    for _ in range(repeats):  # in turns, so that all meet the same moods of the machine
        ours = min(ours, *(processor_time(simulation.run) for _ in range(5)))
        every = min(every, *(processor_time(stepping.run) for _ in range(5)))
        seconds, last, epochs = syne_tune.run(rule, trials, trace.columns.config.tolist())
        theirs = min(theirs, seconds)
    same = sum(last.get(trial) == resource for trial, resource in enumerate(our_last))
    return line(
        rule,
        f"{theirs * 1e3:,.0f}",
        f"{ours * 1e3:.2f}",
        f"{theirs / ours:,.0f}x",
        f"{every * 1e3:.2f}",
        f"{theirs / every:,.0f}x",
        f"{len(last)}",
        f"{len(our_last)}",
        f"{same}",
        f"{epochs}",
        f"{summary['resource']:.0f}",
        f"{summary['reports'] + summary['completed']}",
    )


def line(name: str, *cells: str) -> str:
    widths = (8, 8, 8, 15, 8, 9, 7, 7, 9, 7, 8)
    return f"{name:10}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[300, 1000], help="trials to start (300 1000)")
    parser.add_argument("--step", type=float, default=STEP, help="Syne Tune's tuner_sleep_time in seconds (5)")
    parser.add_argument(
        "--repeats", type=int, default=3, help="runs of Syne Tune, five times as many of ours, the best counts (3)"
    )
    options = parser.parse_args(arguments)
    if options.repeats < 1 or options.step <= 0 or not all(WORKERS <= n <= 1000 for n in options.trials):
        parser.error(f"repeats from 1, step above 0, trials from {WORKERS} to 1000")
    table = bench.made_table()
    try:
        version = importlib.metadata.version("syne-tune")
        syne_tune = SyneTune(table, options.step)
    except ImportError as error:
        print(f"\nno ratio to Syne Tune's simulator: {error} ({ADVICE})")
        return
    gc.collect()
    gc.freeze()  # what the imports left is not looked through again while either runs
    print(
        f"\nASHA, 1,000 configurations x {R_MAX} epochs, eta = {bench.ETA}, {WORKERS} workers, processor time of a run:"
    )
    print(f"Syne Tune {version} (looks for results every {options.step:g} simulated seconds) against ours")
    print(line("", "theirs", "ours", "", "ours, asked", "", "trials", "", "same", "epochs", "", "ours"))
    print(line("", "ms", "ms", "ratio", "each epoch ms", "ratio", "theirs", "ours", "end", "theirs", "ours", "asked"))
    for rule in ("stopping", "promotion"):
        if not syne_tune.has(rule):
            print(f"{rule:10} not in Syne Tune {version}; for it {ADVICE}")
            continue
        for trials in options.trials:
            print(compare(table, syne_tune, rule, trials, options.repeats), flush=True)
    gc.unfreeze()


if __name__ == "__main__":
    main(sys.argv[1:])

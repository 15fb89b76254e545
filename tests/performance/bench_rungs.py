"""Speed of rung schedulers: ours, compiled, a bare heapq loop and Syne Tune's simulator, on one table in one run.

    python tests/performance/bench_rungs.py                              all of it, some minutes
    python tests/performance/bench_rungs.py --trials 300 --step 0.1      Syne Tune looks for results every 0.1 seconds

ASHA stopping, ASHA promotion and synchronous Hyperband (eta = 3, r_min = 1, r_max = 81) on 3,000 configurations.
All figures are milliseconds of the processor, not of the clock: on a busy machine a run of seconds loses turns that a
run of a millisecond does not. Each is the best of several, all taken in turns: Syne Tune's of two or three runs, the
others' of many, so that a machine busy with other work flatters ours.

    ours       `Simulation.run`, the trace included but not looked at
    compiled   the same with `compiled=True`, whose trace has the same digest; left out where numba is missing
    bare       a loop that makes the same decisions (bare_loop.py; checked here), from columns prepared outside its time
    Syne Tune  `Tuner.run` on its simulator backend, in a process and an environment of its own (peer_syne_tune.py,
               make peers); left out where it is not installed

Both start the same configurations in the same order: Syne Tune's random searcher is given ours as
`points_to_evaluate`, so a trial has the same number in both. Table, scheduler and tuner are made before. Syne Tune
keeps its results in memory, writes no result files and logs nothing. The second table says how fair it is:

    trials       started by each
    same end     trials whose last epoch is the same in both
    epochs       trained and recorded by each; Syne Tune's scheduler is asked at every one
    asked        how often ours is asked: at rung levels and at r_max only
    each epoch   our time when our scheduler, too, is asked at every epoch, which changes no decision, and Syne Tune's
                 as a multiple of it

Syne Tune looks for results every `tuner_sleep_time` simulated seconds, 5 by default, here `--step`. It makes it faster
the larger it is, and workers wait for it: that is why some trials decide in another order than ours do. Its ASHA
promotion compares with a linear quantile of the rung, ours takes the best floor(n / eta); once the last trial has
started it promotes nobody, in ASHA or in Hyperband, where ours goes on. It adds real time to its simulated time and
may start some trials too many, so its counts differ a little from run to run. Hyperband is Syne Tune's
`SynchronousGeometricHyperbandScheduler` (0.14.2), whose rungs go on as ceil(n / eta): ours is told to round so, too.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import bare_loop
import numpy as np
import peer
from made_table import ETA, LEVELS, made_table
from measuring import Goal, cell, compiled, in_turns, no_compiled_loop

from blackboxes import Blackbox
from simulator import Budget, Context, Continue, Resume, Scheduler, Simulation, Start, Trace, Trial, make_scheduler

RULES = {
    "stopping": ("asha-stopping", bare_loop.asha_stopping),
    "promotion": ("asha-promotion", bare_loop.asha_promotion),
    "hyperband": ("hyperband(rounding='ceil')", bare_loop.hyperband),
}
TRIALS, WORKERS = (300, 1000, 3000), (4, 64)
STEP = 5.0  # Syne Tune's default


class EveryEpoch(Scheduler):
    """Sends trials to the next epoch only; asks the scheduler named `inner` where it wanted to be asked."""

    def __init__(self, inner: str) -> None:
        self.inner = make_scheduler(inner)
        self.on_end = self.inner.on_end

    def setup(self, context: Context) -> None:
        self.inner.setup(context)
        self.goals: list[float] = []
        self.reached: dict[int, float] = {}

    def next_job(self) -> Start | Resume | None:
        job = self.inner.next_job()
        if isinstance(job, Start):
            self.goals.append(job.until)
            return Start(job.config, 1, tag=job.tag)
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


def last_of_each_trial(trace: Trace) -> list[tuple[int, int]]:
    """The highest rung level of each trial and its last worker."""
    c = trace.columns
    last = dict(zip(c.trial.tolist(), zip(c.resource.tolist(), c.worker.tolist(), strict=True), strict=True))
    return [(LEVELS.index(int(resource)), worker) for _, (resource, worker) in sorted(last.items())]


@contextmanager
def syne_tune(table: Blackbox) -> Iterator[peer.Peer | None]:
    """Syne Tune, with the table; None where it is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.npz"
        np.savez(path, error=table.metrics[table.default_metric][:, 0], elapsed=table.elapsed[:, 0])
        with peer.running("syne-tune", "peer_syne_tune.py", str(path)) as running:
            yield running


def measure(
    table: Blackbox, rule: str, trials: int, workers: int, turns: int, theirs: peer.Peer | None, runs: int, step: float
) -> dict[str, Any]:
    """Figures of one cell: seconds by what ran, and what tells how alike they were."""
    spec, bare = RULES[rule]
    arguments = {"workers": workers, "budget": Budget(trials=trials)}
    simulation = Simulation(table, spec, **arguments)
    stepping = Simulation(table, EveryEpoch(spec), **arguments)
    trace = simulation.run()
    order = trace.columns.config.tolist()
    columns = bare_loop.prepare(table, order, LEVELS)
    if bare(columns, workers, ETA) != last_of_each_trial(trace):
        sys.exit(f"the bare loop decided otherwise: {rule}, {trials} trials, {workers} workers")
    summary = trace.summary()
    if stepping.run().summary()["resource"] != summary["resource"]:
        sys.exit(f"asked at every epoch our scheduler decided otherwise: {rule}, {trials} trials, {workers} workers")
    contestants = {
        "ours": simulation.run,
        "bare": partial(bare, columns, workers, ETA),
        "each epoch": stepping.run,
    }
    fast = compiled(table, spec, **arguments)
    if fast is not None:
        if fast.run().digest() != trace.digest():
            sys.exit(f"the compiled loop gives another trace: {rule}, {trials} trials, {workers} workers")
        contestants["compiled"] = fast.run
    ends = [LEVELS[level] for level, _ in last_of_each_trial(trace)]
    figures: dict[str, Any] = {
        "trials": trials,
        "workers": workers,
        "started": len(ends),
        "epochs": summary["resource"],
        "asked": summary["reports"] + summary["completed"],
    }
    seconds = in_turns(contestants, turns)
    for _ in range(runs if theirs is not None else 0):
        answer = theirs.ask(rule=rule, trials=trials, workers=workers, order=order, eta=ETA, step=step)
        if answer["seconds"] < seconds.get("Syne Tune", float("inf")):
            last = answer["last"]
            seconds["Syne Tune"] = answer["seconds"]
            figures["their started"], figures["their epochs"] = len(last), answer["epochs"]
            figures["same end"] = sum(a == b for a, b in zip(last, ends, strict=False))
        again = in_turns(contestants, 1)  # in turns with theirs
        seconds = {name: min(best, again.get(name, best)) for name, best in seconds.items()}
    return figures | {"seconds": seconds}


def ratio(seconds: dict[str, float], slow: str, fast: str) -> float | None:
    """How many times longer `slow` takes; None where one of the two was not measured."""
    return seconds[slow] / seconds[fast] if slow in seconds and fast in seconds else None


def print_times(rows: list[tuple[str, dict[str, Any]]]) -> None:
    def milliseconds(seconds: dict[str, float], name: str) -> float | None:
        return 1e3 * seconds[name] if name in seconds else None

    print(f"{'':26}{'milliseconds':>14}{'':28}{'ours /':>9}{'compiled /':>12}{'Syne Tune /':>13}{'Syne Tune /':>13}")
    print(
        f"{'':10}{'trials':>7}{'workers':>9}{'ours':>9}{'compiled':>10}{'bare':>8}{'Syne Tune':>11}{'':4}"
        f"{'bare':>9}{'bare':>12}{'ours':>13}{'compiled':>13}{'reports/s':>12}"
    )
    for rule, row in rows:
        s = row["seconds"]
        print(
            f"{rule:10}{row['trials']:7,}{row['workers']:9}"
            f"{cell(milliseconds(s, 'ours'), 9, '.2f')}{cell(milliseconds(s, 'compiled'), 10, '.3f')}"
            f"{cell(milliseconds(s, 'bare'), 8, '.2f')}{cell(milliseconds(s, 'Syne Tune'), 11, ',.0f')}{'':4}"
            f"{cell(ratio(s, 'ours', 'bare'), 9, '.2f')}{cell(ratio(s, 'compiled', 'bare'), 12, '.2f')}"
            f"{cell(ratio(s, 'Syne Tune', 'ours'), 13, ',.0f')}{cell(ratio(s, 'Syne Tune', 'compiled'), 13, ',.0f')}"
            f"{cell(row['asked'] / s['ours'], 12, ',.0f')}"
        )


def print_fairness(rows: list[tuple[str, dict[str, Any]]], step: float) -> None:
    print(f"\nhow alike: Syne Tune (it looks for results every {step:g} simulated seconds) and ours")
    print(
        f"{'':10}{'trials':>7}{'workers':>9}{'trials of':>11}{'ours':>7}{'same':>7}{'epochs of':>11}{'ours':>8}"
        f"{'asked':>8}{'each epoch':>12}{'Syne Tune /':>13}"
    )
    print(f"{'':26}{'Syne Tune':>11}{'':7}{'end':>7}{'Syne Tune':>11}{'':16}{'ms':>12}{'each epoch':>13}")
    for rule, row in rows:
        s = row["seconds"]
        print(
            f"{rule:10}{row['trials']:7,}{row['workers']:9}{row['their started']:11,}{row['started']:7,}"
            f"{row['same end']:7,}{row['their epochs']:11,}{row['epochs']:8,.0f}{row['asked']:8,}"
            f"{1e3 * s['each epoch']:12.2f}{s['Syne Tune'] / s['each epoch']:13,.0f}"
        )


def goals(rows: list[tuple[str, dict[str, Any]]]) -> list[Goal]:
    """At most 3 times the bare loop, 5 at 300 trials; at least 1,000 times Syne Tune's speed from 1,000 trials on."""
    few = [row["seconds"] for _, row in rows if row["trials"] < 1000]
    many = [row["seconds"] for _, row in rows if row["trials"] >= 1000]
    found = []
    for name, loop in (("ours", "Python loop"), ("compiled", "compiled loop")):
        for some, when, most in ((few, "below", 5), (many, "from", 3)):
            ratios = [r for seconds in some if (r := ratio(seconds, name, "bare")) is not None]
            if ratios:
                what = f"ours ({loop}) against the bare loop, {when} 1,000 trials"
                spread = f"{min(ratios):.2f} to {max(ratios):.2f}x"
                found.append(Goal(what, f"at most {most}x", spread, max(ratios) <= most))
        ratios = [r for seconds in many if (r := ratio(seconds, "Syne Tune", name)) is not None]
        if ratios:
            what = f"Syne Tune against ours ({loop}), from 1,000 trials"
            spread = f"{min(ratios):,.0f} to {max(ratios):,.0f}x"
            found.append(Goal(what, "at least 1,000x", spread, min(ratios) >= 1000))
    return found


def compare(
    trials: Sequence[int] = TRIALS,
    workers: Sequence[int] = WORKERS,
    turns: int = 5,
    runs: int = 3,
    step: float = STEP,
) -> list[Goal]:
    """Print all, and give what became of the goals."""
    table = made_table()
    gc.collect()
    gc.freeze()  # what the imports left is not looked through again while anything runs
    with syne_tune(table) as theirs:
        name = "" if theirs is None else f", Syne Tune {theirs.version}"
        print(
            f"rung schedulers, {len(table):,} configurations x {LEVELS[-1]} epochs, eta = {ETA}{name}; processor time"
        )
        if (why := no_compiled_loop()) is not None:
            print(f"no compiled loop: {why}")
        rows = [
            (rule, measure(table, rule, n, k, turns, theirs, runs if n < 3000 else max(1, runs - 1), step))
            for rule in RULES
            for n in trials
            for k in workers
        ]
    gc.unfreeze()
    print_times(rows)
    if theirs is not None:
        print_fairness(rows, step)
    return goals(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=TRIALS, help="trials to start (300 1000 3000)")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, help="workers (4 64)")
    parser.add_argument("--step", type=float, default=STEP, help="Syne Tune's tuner_sleep_time in seconds (5)")
    parser.add_argument("--turns", type=int, default=5, help="turns of ours and the bare loop's (5)")
    parser.add_argument("--runs", type=int, default=3, help="runs of Syne Tune below 3,000 trials, one fewer there (3)")
    options = parser.parse_args()
    if min(options.turns, options.runs, *options.workers) < 1 or options.step <= 0:
        parser.error("turns, runs and workers are at least 1, step is above 0")
    if not all(2 <= n <= 3000 for n in options.trials):
        parser.error("trials are 2 to 3000")
    print(*compare(options.trials, options.workers, options.turns, options.runs, options.step), sep="\n")


if __name__ == "__main__":
    main()

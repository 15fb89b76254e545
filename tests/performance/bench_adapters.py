"""What other people's schedulers cost: their own code, rungsim's adapter around it, and the rest of the run.

    .venv-peers/adapters/bin/python tests/performance/bench_adapters.py             some minutes
    .venv-peers/adapters/bin/python tests/performance/bench_adapters.py --quick     half a minute, few trials

With the Python that has the libraries (make peers); a library that is missing is left out, with a note. Each scheduler
runs on the table mlp:letter (1,000 configurations x 81 epochs, cycled) with 4 workers, as often as it starts so many
trials. Microseconds a report, which is whatever a scheduler is asked or told after some training, ends included:

    all         `Simulation.run`, the trace included but not looked at: processor time, the best of several runs
    library     of it, the library's own code: what runs between entering and leaving `simulator.adapters.inside`
    ours        of it, the adapter: the rest of `next_job`, `on_report` and `on_end`, the searcher included. What
                remains is the event loop and, for proposals off the table, the search for a row

and, as proposals cost by the trial, a job apart, that is a call of `next_job`: the library's milliseconds and our
microseconds. They are in the figures a report, too. `trial` is all of the run by the trial: how schedulers that are
asked at every epoch compare with those that are asked at rung levels only, rungsim's own among them, whose code counts
as the library there.

The parts are timed call by call, in the best of as many runs: calls so long that another process may have had its turn
meanwhile by the processor's clock; what reading clocks takes is measured and subtracted. That leaves an error of about
a microsecond a call, and where the library takes milliseconds more: there, ours means little. A library that calls back
while it runs (a searcher of ours in the place of Syne Tune's, hyperparameters that Ray asks for) is charged for it.

The goal, at most 10 microseconds of ours a report, is judged by schedulers that do nothing, marked *, and by whole runs
without clocks: what a run takes more than one of the same trace whose scheduler reads its answers from a list, less the
library's part. The second table has both.

A scheduler that would take longer than `--seconds` in all is cut: it starts fewer trials, as many as the table says.
(Ray's population based training has an end of its own.)
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from math import inf
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from measuring import Goal, best_of, cell
from peer import HERE, PEERS

from blackboxes import Blackbox, load
from simulator import Budget, Context, Scheduler, Simulation, Trace, Trial
from simulator.adapters.ask_and_tell import AskAndTell, Asked
from simulator.adapters.inside import Inside

LONG = 50_000  # nanoseconds; turns of other processes take longer
READING = round(1e9 * min(timeit.repeat(process_time_ns, number=1000, repeat=20)) / 1000)  # nanoseconds
METHODS = ("next_job", "on_report", "on_end")
MOST = 10.0  # microseconds of ours a report
TRIALS, SECONDS, TURNS = (300, 3000), 20.0, 4
BLOCK = 100  # configurations that an optimiser asks for in turn, further each time
IDLE = {  # schedulers that do nothing, by library
    "Optuna": "optuna:NopPruner",
    "Ray Tune": "ray:FIFOScheduler",
    "Syne Tune": "syne-tune:DoNothing+random",
    "ask-and-tell": "ask-and-tell: a list",
}
OWN = ("asha-stopping", "median-stopping")
SCHEDULERS = (
    IDLE["Optuna"],
    "optuna:MedianPruner",
    "optuna:SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)",
    "optuna:HyperbandPruner(max_resource=81)",
    "optuna:TPESampler",
    IDLE["Ray Tune"],
    "ray:ASHAScheduler(grace_period=1, reduction_factor=3)",
    "ray:HyperBandScheduler",
    "ray:MedianStoppingRule(grace_period=1)",
    "ray:PopulationBasedTraining(perturbation_interval=3)",
    IDLE["Syne Tune"],
    "syne-tune:ASHA+random",
    "syne-tune:MedianStoppingRule+random",
    "syne-tune:BOHB",
    "syne-tune:RandomSearch",
    "syne-tune:PopulationBasedTraining(perturbation_interval=3)",
    IDLE["ask-and-tell"],
    *OWN,
)
WIDTH = max(map(len, SCHEDULERS)) + 1
PACKAGES = {"optuna": "optuna", "ray": "ray", "syne-tune": "syne-tune"}  # by what stands before the colon


class Listed:
    """An optimiser that does nothing: `BLOCK` configurations to the first resource, to the next one, and so on."""

    def __init__(self, context: Context) -> None:
        rows = range(len(context.vectors))
        blocks = [rows[i : i + BLOCK] for i in range(0, len(rows), BLOCK)]
        self.asked = (Asked(row, epoch) for block in blocks for epoch in context.resources for row in block)

    def ask(self) -> Asked | None:
        return next(self.asked, None)

    def tell(self, asked: Asked, value: float, seconds: float) -> None:
        pass


class Listened(Scheduler):
    """Answers from lists, in the order of the calls."""

    def __init__(self, answers: dict[str, list[Any]]) -> None:
        self.answers = answers

    def setup(self, context: Context) -> None:
        self.next_job = iter(self.answers["next_job"]).__next__  # type: ignore[method-assign]
        self._answer = iter(self.answers["on_report"]).__next__

    def next_job(self) -> None:
        """Is the iterator's."""

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        return self._answer()


class Clocks:
    """Nanoseconds of each call of a scheduler's methods in one run.

    Attributes:
        library, ours: by method, one for each call: in the library's code, and the rest.
        answers: by method, what each call gave.
        entered: by method, how often the library's code was entered.
        cut: no job was given after the deadline, in seconds of processor time.
    """

    def __init__(self, deadline: float = inf) -> None:
        self.library: dict[str, list[int]] = {name: [] for name in METHODS}
        self.ours: dict[str, list[int]] = {name: [] for name in METHODS}
        self.answers: dict[str, list[Any]] = {name: [] for name in METHODS}
        self.entered = dict.fromkeys(METHODS, 0)
        self.cut = False
        self._deadline, self._begun = deadline, (0, 0)
        self._inside = self._entered = self._reading = 0  # of the current call; `_reading` at the end of what was long

    @contextmanager
    def around(self, scheduler: Any, cls: type = Inside) -> Iterator[None]:
        """While the clocks run: for calls of this scheduler, and what happens within objects of `cls`."""
        enter, leave = cls.__enter__, cls.__exit__  # type: ignore[attr-defined]

        def entering(one: Any) -> None:
            enter(one)
            self._begun = process_time_ns(), perf_counter_ns()

        def leaving(one: Any, *error: object) -> None:
            self._inside += self._since(*self._begun)
            self._entered += 1
            leave(one, *error)

        with mock.patch.object(cls, "__enter__", entering), mock.patch.object(cls, "__exit__", leaving):
            for name in METHODS:
                setattr(scheduler, name, self._timed(name, getattr(scheduler, name)))
            try:
                yield
            finally:
                for name in METHODS:
                    delattr(scheduler, name)

    def total(self) -> float:
        """Nanoseconds of all calls, infinite before there are any."""
        return sum(sum(one) for times in (self.library, self.ours) for one in times.values()) or inf

    def _since(self, processor: int, clock: int) -> int:
        """By the clock, which is read quickly; by the processor's where others may have had their turn meanwhile."""
        spent = perf_counter_ns() - clock
        if spent < LONG:
            return spent
        self._reading += READING
        return max(process_time_ns() - processor - READING, 0)

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        library, ours, answers = self.library[name].append, self.ours[name].append, self.answers[name].append

        def called(*arguments: Any) -> Any:
            if name == "next_job" and time.process_time() > self._deadline:
                self.cut = True
                return None
            self._inside = self._entered = self._reading = 0
            processor, clock = process_time_ns(), perf_counter_ns()
            answer = method(*arguments)
            reading = self._reading
            spent = self._since(processor, clock)
            library(self._inside)
            ours(spent - self._inside - reading)
            answers(answer)
            self.entered[name] += self._entered
            return answer

        return called


class Empty:
    """A context manager that does nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


class Unclocked:
    """Another one."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


EMPTY, UNCLOCKED = Empty(), Unclocked()


class Nothing:
    """A scheduler's methods that do nothing."""

    def next_job(self) -> None:
        with EMPTY:
            pass

    def on_report(self, *arguments: Any) -> None:
        with UNCLOCKED:
            pass

    def on_end(self, *arguments: Any) -> None:
        pass


class ClockCosts(NamedTuple):
    """Nanoseconds that the clocks add: to ours at each call, to ours and to the library's at each entering."""

    call: float
    entering: float
    library: float

    @classmethod
    def measured(cls, calls: int = 5_000) -> ClockCosts:
        clocks, nothing = Clocks(), Nothing()
        with clocks.around(nothing, Empty):
            for _ in range(calls):
                nothing.next_job()
                nothing.on_report(nothing, 0, 0)
                nothing.on_end(nothing, 0, 0)
        entered, not_entered, neither = (float(np.median(clocks.ours[name])) for name in METHODS)
        return cls(neither, entered - not_entered, float(np.median(clocks.library["next_job"])))


class Row(NamedTuple):
    """What was measured of one scheduler, in microseconds.

    Attributes:
        cut: it was stopped before it had started all trials.
        whole: of the best run.
        library, ours: of all calls, by method.
        listened: of the best run whose answers come from lists, None where there was none.
    """

    name: str
    trials: int
    reports: int
    jobs: int
    cut: bool
    whole: float
    library: dict[str, float]
    ours: dict[str, float]
    listened: float | None


def simulation(table: Blackbox, scheduler: Scheduler | str, trials: int) -> Simulation:
    if scheduler == IDLE["ask-and-tell"]:
        scheduler = AskAndTell(Listed)
    return Simulation(table, scheduler, budget=Budget(trials=trials), exhausted="cycle", off_table="nearest")


def clocked(run: Simulation, deadline: float = inf) -> tuple[Clocks, Trace]:
    clocks = Clocks(deadline)
    gc.collect()
    with clocks.around(run.scheduler):
        return clocks, run.run()


def measure(table: Blackbox, name: str, trials: int, seconds: float) -> Row:
    """One row of the table, within so many seconds of processor time, or not much more."""
    simulation(table, name, 5).run()  # imports all
    end, run = time.process_time() + seconds, simulation(table, name, trials)
    clocks, trace = clocked(run, end - 0.8 * seconds)
    started = max(1, trace.summary()["trials"])
    cut = clocks.cut and started < trials
    if clocks.cut:
        run, clocks = simulation(table, name, started), Clocks()
    whole, listened = inf, inf
    for _ in range(TURNS):
        turn = time.process_time()
        gc.collect()
        whole = min(whole, best_of(run.run, 1))
        again, trace = clocked(run)
        clocks = min(clocks, again, key=Clocks.total)
        if name in IDLE.values():
            answering = simulation(table, Listened(again.answers), started)
            if answering.run().digest() != trace.digest():
                sys.exit(f"{name}: answers from lists gave another trace")
            listened = min(listened, best_of(answering.run, 2))
        if 2 * time.process_time() - turn > end:
            break
    summary, costs = trace.summary(), ClockCosts.measured()
    theirs, rest = {}, {}
    for method in METHODS:
        entered, calls = clocks.entered[method], len(clocks.ours[method])
        theirs[method] = (sum(clocks.library[method]) - costs.library * entered) / 1e3
        rest[method] = (sum(clocks.ours[method]) - costs.entering * entered - costs.call * calls) / 1e3
    if name in OWN:
        theirs, rest = rest, theirs
    return Row(
        name,
        summary["trials"],
        len(clocks.ours["on_report"]) + len(clocks.ours["on_end"]),
        len(clocks.ours["next_job"]),
        cut,
        1e6 * whole,
        theirs,
        rest,
        None if listened == inf else 1e6 * listened,
    )


def library(row: Row) -> float:
    """Microseconds a report, by the clocks; and so are `ours`."""
    return sum(row.library.values()) / row.reports


def ours(row: Row) -> float:
    return sum(row.ours.values()) / row.reports


def difference(row: Row) -> float:
    """Microseconds of ours a report, by the difference of whole runs."""
    assert row.listened is not None
    return (row.whole - row.listened) / row.reports - library(row)


def print_row(row: Row) -> None:
    own = row.name in OWN
    print(
        f"{row.name + ('*' if row.listened is not None else ''):{WIDTH}}{row.trials:7,}{row.reports:9,}"
        f"{row.whole / row.reports:9.1f}{library(row):9.1f}{cell(None if own else ours(row), 7, '.1f')}"
        f"{row.library['next_job'] / row.jobs / 1e3:12.3f}"
        f"{cell(None if own else row.ours['next_job'] / row.jobs, 9, '.1f')}"
        f"{row.whole / row.trials / 1e3:10.3f}{'  cut' if row.cut else ''}",
        flush=True,
    )


def goals(idle: Sequence[Row]) -> list[Goal]:
    found = []
    for name, scheduler in IDLE.items():
        costs = [difference(row) for row in idle if row.name == scheduler]
        if costs:
            what = f"microseconds of ours a report, {name}, a scheduler that does nothing"
            spread = f"{min(costs):.1f} to {max(costs):.1f}"
            found.append(Goal(what, f"at most {MOST:g}", spread, max(costs) <= MOST))
    return found


def add_do_nothing() -> None:
    """A scheduler to Syne Tune, which has none that does nothing."""
    from syne_tune.optimizer import baselines
    from syne_tune.optimizer.scheduler import TrialScheduler, TrialSuggestion

    class DoNothing(TrialScheduler):
        def __init__(self, config_space: dict[str, Any], random_seed: int) -> None:
            super().__init__(random_seed)
            self.searcher = SimpleNamespace(suggest=None)  # rungsim's comes in its place

        def suggest(self) -> TrialSuggestion | None:
            return TrialSuggestion.start_suggestion(self.searcher.suggest())

    baselines.DoNothing = DoNothing


def measure_all(trials: Sequence[int] = TRIALS, seconds: float = SECONDS) -> list[Goal]:
    """Print all, and give what became of the goals."""
    table = load("mlp:letter")
    versions, missing = [], set()
    for name, package in PACKAGES.items():
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.add(name)
            print(f"left out, {package} is not installed (make peers)")
    if "syne-tune" not in missing:
        add_do_nothing()
    print(
        f"other people's schedulers on {table.name}, 4 workers; {', '.join(versions) or 'no library'}; * does nothing"
    )
    print(f"{'':{WIDTH}}{'':16}{'microseconds a report':>25}{'a job':>21}{'a trial':>10}")
    print(f"{'':{WIDTH}}{'trials':>7}{'reports':>9}{'all':>9}{'library':>9}{'ours':>7}", end="")
    print(f"{'library ms':>12}{'ours us':>9}{'all ms':>10}")
    rows = []
    for name in SCHEDULERS:
        if name.partition(":")[0] in missing:
            continue
        for n in trials:
            gc.collect()
            gc.freeze()
            rows.append(measure(table, name, n, seconds))
            gc.unfreeze()
            print_row(rows[-1])
            if rows[-1].trials < n:
                break
    idle = [row for row in rows if row.listened is not None]
    print("\ndoing nothing: microseconds a report by whole runs, less those of runs whose answers come from lists")
    print(f"{'':{WIDTH}}{'trials':>7}{'reports':>9}{'more':>9}{'library':>9}{'ours':>7}{'by clocks':>12}")
    for row in idle:
        print(
            f"{row.name:{WIDTH}}{row.trials:7,}{row.reports:9,}{difference(row) + library(row):9.1f}"
            f"{library(row):9.1f}{difference(row):7.1f}{ours(row):12.1f}"
        )
    return goals(idle)


def compare(*arguments: str) -> list[Goal]:
    """The same, by the Python that has the libraries."""
    python = PEERS / "adapters" / "bin" / "python"
    if not python.exists():
        print("no costs of adapters: their libraries are not installed (make peers)", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "goals.json"
        subprocess.run([str(python), str(HERE / "bench_adapters.py"), "--goals", str(path), *arguments], check=True)
        return [Goal(**goal) for goal in json.loads(path.read_text())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=TRIALS, help="trials to start (300 3000)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for one line of the table (20)")
    parser.add_argument("--quick", action="store_true", help="100 trials, half a second a line")
    parser.add_argument("--goals", type=Path, help=argparse.SUPPRESS)  # a file for them, which `compare` reads
    options = parser.parse_args()
    if min(options.trials) < 1 or options.seconds <= 0:
        parser.error("trials are at least 1, seconds above 0")
    trials, seconds = ((100,), 0.5) if options.quick else (options.trials, options.seconds)
    found = measure_all(trials, seconds)
    if options.goals is None:
        print(*found, sep="\n")
    else:
        options.goals.write_text(json.dumps([asdict(goal) for goal in found]))


if __name__ == "__main__":
    main()

"""What schedulers may answer, the error that names what was wrong, and what they may see."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedulers import CHEAP
from scripted import Scripted, events_of, history
from tables import random_table, table_of, tables

from blackboxes import Blackbox
from simulator import (
    PAUSE,
    STOP,
    Cluster,
    Context,
    Continue,
    Resume,
    Scheduler,
    SchedulerError,
    Simulation,
    SimulationError,
    Start,
    Trial,
    make_scheduler,
    scheduler_names,
)

TABLE = table_of([[0.5, 0.4, 0.3], [0.3, 0.2, 0.1]], [[1.5, 2.5, 3.5], [2.0, 4.0, 6.0]], resources=[1, 2, 4])


def refused(jobs: list[Any], answers: list[Any] = [], workers: int = 2) -> str:  # noqa: B006
    with pytest.raises(SchedulerError) as caught:
        Simulation(TABLE, Scripted(jobs, answers), workers=workers).run()
    return str(caught.value)


# --- illegal answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jobs", "answers", "told"),
    [
        ([Start(0, 1), Resume(0, 2)], [], ["trial 0", "0.000", "paused", "runs"]),
        ([Start(0, 1), None, Resume(0, 2)], [STOP], ["trial 0", "1.5", "paused", "over"]),
        ([Start(0, 4), None, Resume(0, 4)], [], ["trial 0", "3.5", "paused", "over"]),
        ([Start(0, 1), None, Resume(7, 2)], [PAUSE], ["7", "1.5", "no such trial"]),
        ([Start(0, 1), None, Resume(-1, 2)], [PAUSE], ["-1", "1.5", "no such trial"]),
        ([Start(0, 1), None, Resume("0", 2)], [PAUSE], ["'0'", "1.5", "no such trial"]),
        ([Start(0, 1), None, Resume(0, 3)], [PAUSE], ["trial 0", "1.5", "until", "grid", "2", "4"]),
        ([Start(0, 2), None, Resume(0, 1)], [PAUSE], ["trial 0", "2.5", "until", "ahead", "2"]),
        ([Start(0, 2), None, Resume(0, 2)], [PAUSE], ["trial 0", "2.5", "until", "ahead", "2"]),
        ([Start(0, 3)], [], ["0.000", "until", "grid", "2", "4"]),
        ([Start(0, 0)], [], ["0.000", "until", "grid", "1"]),
        ([Start(0, None)], [], ["0.000", "until", "grid"]),
        ([Start(0, [1])], [], ["0.000", "until", "grid"]),
        ([Start(0, float("nan"))], [], ["0.000", "until", "grid"]),
        ([Start(2, 1)], [], ["0.000", "configuration", "2", "0 to 1"]),
        ([Start(-1, 1)], [], ["0.000", "configuration", "-1"]),
        ([Start(0.5, 1)], [], ["0.000", "configuration", "0.5"]),
        ([Start("a", 1)], [], ["0.000", "configuration", "'a'"]),
        ([Start(None, 1)], [], ["0.000", "configuration"]),
        ([Start({"x": 0}, 1)], [], ["0.000", "configuration"]),
        ([Start({"x": 5, "letter": "a"}, 1)], [], ["0.000", "configuration"]),
        ([Start({"x": 0, "letre": "a"}, 1)], [], ["0.000", "configuration", "letter"]),
        ([Start({"x": [0], "letter": "a"}, 1)], [], ["0.000", "configuration"]),
        ([Continue(1)], [], ["0.000", "next_job", "Continue"]),
        ([PAUSE], [], ["0.000", "next_job", "PAUSE"]),
        ([0], [], ["0.000", "next_job", "0"]),
        ([(0, 1)], [], ["0.000", "next_job"]),
        ([Start(0, 1)], [Continue(3)], ["trial 0", "1.5", "until", "grid", "2", "4"]),
        ([Start(0, 2)], [Continue(2)], ["trial 0", "2.5", "until", "ahead", "2"]),
        ([Start(0, 2)], [Continue(1)], ["trial 0", "2.5", "until", "ahead", "2"]),
        ([Start(0, 1)], [None], ["trial 0", "1.5", "on_report", "None"]),
        ([Start(0, 1)], [True], ["trial 0", "1.5", "on_report", "True"]),
        ([Start(0, 1)], ["STOP"], ["trial 0", "1.5", "on_report", "'STOP'"]),
        ([Start(0, 1)], [Resume(0, 2)], ["trial 0", "1.5", "on_report", "Resume"]),
        ([Start(0, 1)], [Start(1, 2)], ["trial 0", "1.5", "on_report", "Start"]),
        ([Start(0, 1)], [lambda *_: Continue], ["trial 0", "1.5", "on_report"]),
    ],
)
def test_an_illegal_answer_raises_and_names_scheduler_trial_time_and_rule(
    jobs: list[Any], answers: list[Any], told: list[str]
) -> None:
    message = refused(jobs, answers)
    assert "Scripted" in message
    for part in told:
        assert part in message, message


def test_the_scheduler_is_named_as_it_was_written() -> None:
    class Broken(Scheduler):
        def next_job(self) -> Any:
            return 3

        def on_report(self, trial: Trial, resource: float, value: float) -> Any:
            return STOP

    with pytest.raises(SchedulerError, match="Broken"):
        Simulation(TABLE, Broken()).run()


def test_an_error_inside_the_scheduler_is_its_own() -> None:
    def fails(context: Context) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Simulation(TABLE, Scripted([fails])).run()


# --- legal ones ------------------------------------------------------------------------------------------------


def test_start_takes_the_configuration_as_a_dict() -> None:
    trace = Simulation(TABLE, Scripted([Start({"letter": "b", "x": 1}, 4)]), workers=1).run()
    assert trace.columns.config.tolist() == [1]


def test_start_takes_the_configuration_as_any_mapping() -> None:
    """As its type says; ConfigSpace's `Configuration` is a mapping, and not a dict."""
    proposal = MappingProxyType({"letter": "b", "x": 1})
    trace = Simulation(TABLE, Scripted([Start(proposal, 4)]), workers=1).run()
    assert trace.columns.config.tolist() == [1]


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    jobs = [Start(np.int64(1), np.int64(1)), None, Resume(np.int64(0), np.float64(2))]
    trace = Simulation(TABLE, Scripted(jobs, [PAUSE, Continue(np.int32(4))]), workers=2).run()
    plain = Simulation(TABLE, Scripted([Start(1, 1), None, Resume(0, 2)], [PAUSE, Continue(4)]), workers=2)
    assert trace.digest() == plain.run().digest()


def test_the_same_configuration_may_be_started_again() -> None:
    trace = Simulation(TABLE, Scripted([Start(0, 1), Start(0, 2)]), workers=2).run()
    assert trace.columns.config.tolist() == [0, 0]


def test_a_tag_comes_back_with_the_trial() -> None:
    tag = object()
    scheduler = Scripted([Start(0, 1, tag=tag), Start(1, 1)])
    Simulation(TABLE, scheduler, workers=2).run()
    assert scheduler.trials[0].tag is tag
    assert scheduler.trials[1].tag is None


def test_context_resolves_a_configuration_to_its_row() -> None:
    scheduler = Scripted([lambda context: Start(context.resolve({"x": 1, "letter": "b"}), 1)])
    assert Simulation(TABLE, scheduler).run().columns.config.tolist() == [1]
    unknown = Scripted([lambda context: Start(context.resolve({"x": 2, "letter": "b"}), 1)])
    with pytest.raises(ValueError, match="configuration"):
        Simulation(TABLE, unknown).run()


def test_context_tells_about_the_run() -> None:
    scheduler = Scripted([])
    Simulation(TABLE, scheduler, workers=3).run()
    assert scheduler.context.resources == [1, 2, 4]
    assert scheduler.context.r_max == 4
    assert scheduler.context.workers == 3
    assert scheduler.context.searcher() is scheduler.context.searcher()


def test_streams_of_a_scheduler_depend_on_seed_and_name_alone() -> None:
    def draws(seed: int, name: str, table: Blackbox = TABLE, workers: int = 2) -> list[int]:
        scheduler = Scripted([])
        Simulation(table, scheduler, seed=seed, workers=workers).run()
        return scheduler.context.stream(name).raw(4).tolist()

    assert draws(0, "a") == draws(0, "a") == draws(0, "a", workers=5)
    assert len({tuple(draws(seed, name)) for seed in (0, 1) for name in "ab"}) == 4


# --- values ----------------------------------------------------------------------------------------------------


def test_values_are_smaller_is_better_and_inf_where_diverged() -> None:
    nan = float("nan")
    table = table_of([[0.5, nan, 0.75]], direction="max")
    scheduler = Scripted([Start(0, 1)], [Continue(2), Continue(3)])
    trace = Simulation(table, scheduler).run()
    assert [entry[-1] for entry in scheduler.log if entry[1] != "job?"] == [-0.5, float("inf"), -0.75]
    assert trace.results()["loss"].fillna(-1).tolist() == [0.5, -1, 0.75]
    assert trace.columns.value[1] == 0.5


def test_the_scheduler_sees_the_metric_that_was_asked_for() -> None:
    table = random_table(0, n=1, size=1)
    scheduler = Scripted([Start(0, 1)])
    Simulation(table, scheduler, workers=1, metric="other").run()
    assert scheduler.log[1][-1] == -float(table.metrics["other"][0, 0, 0])


def test_a_trial_at_r_max_is_over_and_not_asked_about() -> None:
    scheduler = Scripted([Start(0, 4)])
    Simulation(TABLE, scheduler, workers=1).run()
    assert [entry[1:4] for entry in scheduler.log if entry[1] != "job?"] == [("complete", 0, 4)]


def test_a_trial_whose_curve_ends_before_until_is_over_there() -> None:
    nan = float("nan")
    table = table_of([[0.5, 0.4, nan, nan]], [[1, 2, nan, nan]])
    scheduler = Scripted([Start(0, 3)])
    trace = Simulation(table, scheduler, workers=1).run()
    assert scheduler.log[1] == (2.0, "curve-end", 0, 2, 0.4)
    assert trace.info.end == 2_000_000_000
    assert events_of(trace)[1]["event"] == "curve-end"


def test_a_trial_whose_curve_ends_at_until_reports_and_ends_when_it_goes_on() -> None:
    nan = float("nan")
    table = table_of([[0.5, 0.4, nan, nan]], [[1, 2, nan, nan]])
    scheduler = Scripted([Start(0, 2), None, Resume(0, 4)], [PAUSE])
    Simulation(table, scheduler, workers=2).run()
    assert [entry for entry in scheduler.log if entry[1] != "job?"] == [
        (2.0, "report", 0, 2, 0.4),
        (2.0, "curve-end", 0, 2, 0.4),
    ]


# --- what a trial shows ----------------------------------------------------------------------------------------


class Peeks(Scheduler):
    """Random pauses, resumes and stops; looks at every trial it knows, whenever it is asked."""

    def __init__(self, table: Blackbox, seed: int) -> None:
        self.table, self.seed = table, seed

    def setup(self, context: Context) -> None:
        self.context, self.searcher, self.draw = context, context.searcher(), context.stream(str(self.seed))
        self.known: dict[int, tuple[Trial, float, float]] = {}  # trial, resource and seconds at its last report
        self.paused: list[int] = []

    def choose(self, n: int) -> int:
        return int(self.draw.raw(1)[0] % n)

    def ahead(self, resource: float) -> float:
        grid = [r for r in self.context.resources if r > resource]
        return grid[self.choose(len(grid))]

    def next_job(self) -> Start | Resume | None:
        self.look()
        if self.paused and self.choose(2):
            trial = self.paused.pop(self.choose(len(self.paused)))
            return Resume(trial, self.ahead(self.known[trial][1]))
        row = self.searcher.propose()
        return None if row is None else Start(row, self.ahead(0))

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.saw(trial, resource, value)
        answer = self.choose(3)
        if answer == 0:
            self.paused.append(trial.id)
            return PAUSE
        return STOP if answer == 1 else Continue(self.ahead(resource))

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.saw(trial, resource, value)

    def saw(self, trial: Trial, resource: float, value: float) -> None:
        assert trial.resource == resource
        assert trial.curve[-1] == value
        self.known[trial.id] = trial, resource, trial.elapsed
        self.look()

    def look(self) -> None:
        table, grid = self.table, self.context.resources
        for trial, resource, seconds in self.known.values():
            length = grid.index(resource) + 1
            assert trial.resource == resource
            assert trial.elapsed == seconds
            assert trial.params == {"x": float(table.columns["x"][trial.config])}
            for name, values in table.metrics.items():
                seen = trial.metrics[name]
                assert len(seen) == length
                np.testing.assert_array_equal(seen, values[trial.config, trial.replicate, :length])
            sign = -1 if table.metric_info["loss"].direction == "max" else 1
            curve = sign * table.metrics["loss"][trial.config, trial.replicate, :length].astype(float)
            np.testing.assert_array_equal(trial.curve, np.where(np.isnan(curve), np.inf, curve))


@given(table=tables(resumable=True, n=st.integers(1, 12)), workers=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=100)
def test_a_trial_shows_nothing_beyond_the_resource_it_has_reported(table: Blackbox, workers: int, seed: int) -> None:
    trace = Simulation(table, Peeks(table, seed), workers=workers).run()
    history(trace)


def test_elapsed_is_the_worker_time_up_to_the_last_report() -> None:
    seen = []
    scheduler = Scripted(
        [Start(0, 1), None, Resume(0, 2)],
        [lambda _, trial: seen.append(trial.elapsed) or PAUSE, lambda _, trial: seen.append(trial.elapsed) or STOP],
    )
    Simulation(TABLE, scheduler, workers=2).run()
    assert seen == [1.5, 2.5]


def test_a_trial_trained_from_scratch_shows_only_resources_it_was_run_to() -> None:
    """DESIGN: "only resources actually run to are observed"."""
    table = table_of([[0.5, 0.25, 0.125, 0.0625]], resumable=False)
    scheduler = Scripted([Start(0, 3)])
    Simulation(table, scheduler).run()
    shown = {float(value) for value in scheduler.trials[0].curve if np.isfinite(value)}
    assert shown == {0.125}


# --- running twice, and leaving nothing behind -----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(scheduler_names()))
def test_the_same_scheduler_object_run_twice_gives_the_same_digest(name: str) -> None:
    # Models are fitted before every choice: fewer of these will do.
    n, size = (11, 9) if name in ("dyhpo", "mf-bo") else (30, 27)
    table, scheduler = random_table(5, n=n, replicates=2, size=size), make_scheduler(name)
    first = Simulation(table, scheduler, workers=3, seed=1).run()
    Simulation(random_table(6, n=10, size=4), scheduler, workers=2, seed=2).run()
    simulation = Simulation(table, scheduler, workers=3, seed=1)
    assert simulation.run().digest() == first.digest()
    assert simulation.run().digest() == first.digest()


@pytest.mark.parametrize("name", [name for name in sorted(scheduler_names()) if name not in CHEAP])
@pytest.mark.parametrize("cluster", [None, Cluster.read("spot(decision='0.1')")], ids=["plain", "spot"])
def test_a_run_leaves_no_cycles_behind(name: str, cluster: Cluster | None) -> None:
    """DESIGN: neither trial nor context refers back to the simulation, since cycles cost garbage collection."""

    def run() -> weakref.ref[Simulation]:
        simulation = Simulation(table, kind(), workers=2, cluster=cluster)
        simulation.run().digest()
        return weakref.ref(simulation)

    kind = type(make_scheduler(name))
    table = random_table(0, n=6, size=3)  # numbers only: grid search sorts texts by the space, which TABLE lacks
    run()  # what is made once, at the first run, is no matter
    gc.disable()
    gc.freeze()  # nor is what all other tests have left, and to look through it takes far longer than a run
    try:
        simulation = run()()
        left = gc.collect()
    finally:
        gc.unfreeze()
        gc.enable()
    assert simulation is None
    assert left == 0, "objects that only the garbage collector found"


# --- censored curves -------------------------------------------------------------------------------------------


def censored_table() -> Blackbox:
    nan = float("nan")
    return table_of(
        [[0.5, 0.4, nan, nan], [0.3, 0.2, nan, nan]],
        [[1, 2, nan, nan], [1, 2, nan, nan]],
        censored=[[True], [False]],
    )


def test_running_past_the_end_of_a_censored_curve_is_an_error() -> None:
    ways: list[tuple[list[Any], list[Callable | Any]]] = [
        ([Start(0, 3)], []),
        ([Start(0, 2)], [Continue(4)]),
        ([Start(0, 1), Resume(0, 4)], [PAUSE]),
    ]
    for jobs, answers in ways:
        with pytest.raises(SimulationError, match=r"censored.*configuration 0, replicate 0"):
            Simulation(censored_table(), Scripted(jobs, answers), workers=1).run()


def test_a_censored_curve_replays_up_to_its_end_and_an_uncensored_one_completes_there() -> None:
    scheduler = Scripted([Start(0, 2), Start(1, 4)])
    Simulation(censored_table(), scheduler, workers=1).run()
    assert [entry[1:3] for entry in scheduler.log if entry[1] != "job?"] == [("report", 0), ("curve-end", 1)]

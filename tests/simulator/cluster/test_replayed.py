"""Schedulers that are given the recorded reports of a cluster: the same decisions, and where there are others."""

from __future__ import annotations

from typing import Any

import pytest
from chaotic import Chaotic, clusters
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schedulers import SPECS, fits
from scripted import Scripted
from tables import table_of, tables

from blackboxes import Blackbox
from simulator import PAUSE, STOP, Budget, Context, Resume, Simulation, Start, Trace, Trial
from simulator.cluster import Cluster
from simulator.cluster.decision_time import DecisionTime
from simulator.events import CODES
from simulator.protocol import RETRY
from simulator.recorded import Replayed, replay

SMALL = {"n": st.integers(1, 15), "size": st.integers(1, 9)}
BUDGETS = [
    Budget(time=10),
    Budget(time="2x"),
    Budget(time=60, trials=7),
    Budget(time=20, resource=40),
    Budget(time=10, target=0.25),
    Budget(time=20, trials=8, resource=50, target=0.125),
]
EVERYTHING = Cluster(
    start="lognormal(median=0.1x, sigma=1)",
    stop=0.125,
    save=0.0625,
    load=0.25,
    report="uniform(low=0.1s, high=0.5s)",
    decision="0.2 + 1e-3 n^3",
    checkpoints=2,
    room=2,
    removal="chance",
    speeds=(1.3, 0.7, 2.0),
    slowdown="half-normal(sd=1)",
    crashes="0.5/s",
    retries=2,
    backoff=0.3,
    preemptions="0.2/s",
    notice=0.3,
    away="exponential(mean=0.5s)",
    plan={2.0: 5, 6.0: 1, 8.0: 3},
)
CLUSTERS = ["stragglers", "spot(crashes='1/x', preemptions='2/x', retries=1)", EVERYTHING]


def run_on(data: st.DataObject, table: Blackbox, scheduler: Any, cluster: Cluster | str | None) -> Trace:
    assume(table.full_training_time > 0)
    budget = data.draw(st.sampled_from(BUDGETS))
    workers, seed = data.draw(st.integers(1, 5)), data.draw(st.integers(0, 3))
    exhausted: Any = data.draw(st.sampled_from(["stop", "cycle"]))
    given = {"workers": workers, "seed": seed, "budget": budget, "cluster": cluster, "exhausted": exhausted}
    trace = Simulation(table, scheduler, **given).run()
    return Trace.from_text(trace.to_text(), table) if data.draw(st.booleans()) else trace


def check(trace: Trace, found: Replayed) -> None:
    assert found.agrees, (found.lost, [str(difference) for difference in found.differences[:1]])
    assert found.followed == len(trace)


@pytest.mark.parametrize("spec", [*SPECS, "asha-promotion+kde", "bohb"])
@given(data=st.data())
@settings(max_examples=5)
def test_a_scheduler_decides_again_as_it_did(spec: str, data: st.DataObject) -> None:
    table = data.draw(tables(**SMALL))
    assume(fits(spec, table))
    trace = run_on(data, table, spec, data.draw(st.sampled_from(CLUSTERS)))
    check(trace, replay(trace))


class Watching(Chaotic):
    """Writes down what there is to know of all trials, whenever it is asked something."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.log: list[Any] = []

    def look(self, *asked: Any) -> None:
        known = [(t.elapsed, t.resource, t.resources, t.curve.tolist()) for t in self.context._trials]
        self.log.append((self.context.now, *asked, known))

    def next_job(self) -> Any:
        self.look()
        return super().next_job()

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.look(trial.id, resource, value)
        return super().on_report(trial, resource, value)

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.look(trial.id, resource, value, reason)
        super().on_end(trial, resource, value, reason)

    def on_failure(self, trial: Trial, failures: int) -> Any:
        self.look(trial.id, failures)
        return super().on_failure(trial, failures)


@given(data=st.data(), draws=st.integers(0, 10**6), models=st.booleans())
@settings(max_examples=50)
def test_who_draws_its_answers_is_asked_the_same_in_the_same_order(
    data: st.DataObject, draws: int, models: bool
) -> None:
    before, now = (Watching(draws, models=models) for _ in range(2))
    trace = run_on(data, data.draw(tables(**SMALL)), before, data.draw(st.one_of(st.none(), clusters(), clusters())))
    check(trace, replay(trace, now))
    assert now.log == before.log


class Firm(Scripted):
    """Forgives so many crashes of a trial."""

    def __init__(self, forgiven: int) -> None:
        super().__init__([Start(0, until=3)])
        self.forgiven = forgiven

    def on_failure(self, trial: Trial, failures: int) -> Any:
        return RETRY if failures <= self.forgiven else STOP


# One trial of 300 s, and a crash every second or so.
CRASHING = {"table": table_of([[3, 2, 1]], [[100, 200, 300]]), "cluster": Cluster(crashes="1/s", retries=2)}


def crashes(forgiven: int) -> Trace:
    cluster: Any = CRASHING["cluster"]
    table: Any = CRASHING["table"]
    return Simulation(table, Firm(forgiven), workers=1, cluster=cluster).run()


def test_answers_to_failures_are_compared() -> None:
    trace = crashes(1)
    at = [i for i, event in enumerate(trace.columns.event) if event == CODES["crash"]]
    assert len(at) == 2
    check(trace, replay(trace, Firm(1)))
    (hasty,) = replay(trace, Firm(0)).differences
    assert (hasty.index, hasty.trial, hasty.recorded, hasty.own) == (at[0], 0, "try again", "stop")
    (patient,) = replay(trace, Firm(2)).differences
    assert (patient.index, patient.time, patient.recorded) == (at[1], trace.columns.time[at[1]], "stop")
    assert patient.own == "try again"


def test_nobody_is_asked_about_the_crash_after_the_last_retry() -> None:
    trace = crashes(9)
    assert (trace.columns.event == CODES["crash"]).sum() == 3
    check(trace, replay(trace, Firm(9)))
    check(trace, replay(trace, Firm(2)))  # the third crash is none of its business
    (difference,) = replay(trace, Firm(1)).differences
    assert (difference.recorded, difference.own) == ("try again", "stop")


class Slow(Scripted):
    """Each of its jobs is chosen by a model."""

    def next_job(self) -> Any:
        self.model_size = 1
        return super().next_job()


# At 0 both workers are idle, one decision takes 2 s: trials begin at 2 s and 4 s, and take 1 s each.
DECIDING = [Start(0, until=1), Start(1, until=1), Resume(0, until=3)]


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        (DECIDING, []),
        (
            [DECIDING[0], Start(2, until=1), DECIDING[2]],
            [(4, "start configuration 1 until 1", "start configuration 2 until 1")],
        ),
        ([*DECIDING[:2], None], [(6, "resume trial 0 until 3", "leave the worker idle")]),
        ([*DECIDING, Start(2, until=1)], [(6, "leave the worker idle", "start configuration 2 until 1")]),
    ],
)
def test_what_a_model_chose_is_compared_as_its_job_begins(
    jobs: list[Any], expected: list[tuple[int, str, str]]
) -> None:
    table = table_of([[3, 2, 1], [5, 4, 3], [4, 3, 2]])
    cluster = Cluster(decision=DecisionTime(2.0))
    trace = Simulation(table, Slow(DECIDING, [PAUSE, PAUSE]), workers=2, cluster=cluster).run()
    found = replay(trace, Slow(jobs, [PAUSE, PAUSE]))
    assert [(d.time / 1e9, d.recorded, d.own) for d in found.differences] == expected


def test_a_worker_asks_when_it_has_left_its_trial_and_no_event_tells_so() -> None:
    table = table_of([[3, 2, 1], [5, 4, 3]])
    jobs = [Start(0, until=1), None]
    trace = Simulation(table, Scripted(jobs), workers=1, cluster=Cluster(stop=2)).run()  # stops at 1 s, free at 3 s
    check(trace, replay(trace, Scripted(jobs)))
    (more,) = replay(trace, Scripted([jobs[0], Start(1, until=2)])).differences
    assert (more.time, more.recorded, more.own) == (
        3_000_000_000,
        "leave the worker idle",
        "start configuration 1 until 2",
    )

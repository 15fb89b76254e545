"""What holds in every run on every cluster, against an account that a walk through the trace makes of its own.

`walk.Walk` checks on its way, event by event, that a trial is on one worker at a time and a worker has one trial; that
nobody trains on a worker that is away or leaving; that whoever lost a worker is served in turn and before new work;
that each job begins at the checkpoint that there is; that segments take the time they should; that nothing follows a
trial's end; and that no trial crashes more often than it may.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from chaotic import Chaotic, clusters
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schedulers import SPECS, fits
from scripted import events_of
from tables import table_of, tables
from walk import Walk

from blackboxes import Blackbox
from simulator import Budget, Context, Continue, Scheduler, Simulation, Start, Trace, Trial
from simulator.cluster import Cluster
from simulator.events import NAMES

SMALL = {"n": st.integers(1, 12), "size": st.integers(1, 9), "times": st.sampled_from(["coarse", "fine", "equal"])}
LONGEST = 60  # simulated seconds: with crashes every two a long trial without checkpoints never gets to its end
LIMITS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"time": st.sampled_from([0.125, 1.0, 3.3, 10.0])}),
    st.fixed_dictionaries({"trials": st.integers(1, 12)}),
    st.fixed_dictionaries({"resource": st.sampled_from([1, 30, 100.5])}),
    st.fixed_dictionaries({"target": st.sampled_from([0.125, 0.5, 3.0])}),
)
Run = tuple[Trace, Cluster, Budget]


@st.composite
def runs(draw: st.DrawFn, chaotic: bool = True, **fixed: Any) -> Run:
    table, cluster = draw(tables(**SMALL)), draw(clusters(**fixed))
    assume(table.full_training_time > 0)
    budget = Budget(**({"time": LONGEST} | draw(LIMITS)))
    scheduler: Any = draw(st.sampled_from([spec for spec in SPECS if fits(spec, table)]))
    if chaotic:
        scheduler = Chaotic(draw(st.integers(0, 10**6)), models=draw(st.booleans()))
    workers, seed = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    simulation = Simulation(table, scheduler, workers=workers, seed=seed, budget=budget, cluster=cluster)
    return simulation.run(), cluster, budget


def check(trace: Trace, cluster: Cluster, budget: Budget) -> None:
    walk, account = Walk(trace, cluster), trace.accounting()
    assert account.parts | {"total": account.total} == walk.account
    assert sum(account.parts.values()) == account.total
    assert min(account.parts.values()) >= 0
    seen = trace.observations
    found = list(zip(seen["time"].tolist(), seen["trial"].tolist(), seen["index"].tolist(), strict=True))
    assert found == sorted(walk.results)
    assert len({(trial, index) for _, trial, index in found}) == len(found), "a result is seen twice"
    summary = trace.summary()
    assert (summary["crashes"], summary["preemptions"]) == (walk.counts["crash"], walk.counts["preempted"])
    if cluster.price is not None:
        assert summary["cost"] == pytest.approx(cluster.price * account.total / 3.6e12)
    again = Trace.from_text(trace.to_text(), trace.table)
    assert again.digest() == trace.digest()
    assert again.accounting() == account
    check_end(trace, walk, budget)


def check_end(trace: Trace, walk: Walk, budget: Budget) -> None:
    """Every trial is over, pauses or is cut off; and that only by the limit of time or the target."""
    limit, end, sign = round(budget.seconds(trace.table) * 1e9), trace.info.end, trace.table.metric_info["loss"].sign
    states = {trial.state for trial in walk.trials.values()}
    assert states <= {"over", "paused", "cut off"}
    assert end <= limit
    values = trace.table.metrics["loss"]
    hits = [
        time
        for time, number, index in walk.results
        if budget.target is not None
        and values[walk.trials[number].config, walk.trials[number].replicate, index] * sign <= budget.target * sign
    ]
    if hits:
        assert min(hits) == end, "the run ends when the target is reached"
    elif "cut off" in states and walk.here:
        assert end == limit


def test_any_answers_on_any_cluster() -> None:
    seen: Counter[str] = Counter()

    @given(run=runs())
    @settings(max_examples=250)
    def holds(run: Run) -> None:
        check(*run)
        seen.update(NAMES[code] for code in run[0].columns.event.tolist())

    holds()
    assert set(seen) == set(NAMES), "else it would say little"


@given(run=runs(chaotic=False))
@settings(max_examples=100)
def test_every_scheduler_on_any_cluster(run: Run) -> None:
    check(*run)


@pytest.mark.slow
@given(run=st.one_of(runs(), runs(chaotic=False)))
@settings(max_examples=2000)
def test_many_more_of_them(run: Run) -> None:
    check(*run)


@given(run=runs(preemptions=0.0))
@settings(max_examples=80)
def test_worker_counts_are_those_of_the_plan(run: Run) -> None:
    """From each time of the plan on there are so many; those that have been told to leave are there until then."""
    trace, cluster, _ = run
    plan = {0: trace.info.workers}
    plan |= {10_000_000_000 if time == "10s" else int(float(time) * 1e9): n for time, n in (cluster.plan or {}).items()}
    here, counts = set(range(trace.info.workers)), {0: trace.info.workers}
    c = trace.columns
    for i in range(len(trace)):
        time, worker, name = int(c.time[i]), int(c.worker[i]), NAMES[c.event[i]]
        if name in ("up", "down"):
            here = here | {worker} if name == "up" else here - {worker}
            counts[time] = len(here)
        assert here == set(range(len(here))) or time in plan, "the last ones leave first"
    last = max([0, *c.time.tolist()])
    for time, expected in plan.items():
        if time < last:
            assert counts[max(t for t in counts if t <= time)] == expected


class Stepping(Scheduler):
    """Trains each row to r_max; asks to be asked at every `step`-th resource, or only at the end."""

    def __init__(self, step: int | None) -> None:
        self.step = step

    def setup(self, context: Context) -> None:
        self.resources, self.searcher = context.resources, context.searcher()

    def after(self, position: int) -> float:
        return self.resources[-1] if self.step is None else self.resources[position : position + self.step][-1]

    def next_job(self) -> Start | None:
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.after(0))

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue:
        return Continue(self.after(self.resources.index(resource) + 1))


@given(
    table=tables(**SMALL, resumable=True),
    cluster=clusters(report=0.0, decision=None, room=None),
    step=st.integers(1, 3),
    workers=st.integers(1, 4),
    target=st.sampled_from([None, None, 0.125]),
)
@settings(max_examples=80)
def test_asking_more_often_changes_nothing(
    table: Blackbox, cluster: Cluster, step: int, workers: int, target: float | None
) -> None:
    assume(table.full_training_time > 0)
    found = []
    for scheduler in (Stepping(None), Stepping(step)):
        budget = Budget(time=LONGEST, target=target)
        trace = Simulation(table, scheduler, workers=workers, budget=budget, cluster=cluster).run()
        events = [
            (e["time"], e["trial"], e["worker"], e["event"], e["resource"])
            for e in events_of(trace)
            if e["event"] != "continue"
        ]
        found.append((events, trace.results().to_csv(), trace.accounting(), trace.info.end))
    assert found[0] == found[1]


def test_a_report_delay_is_paid_at_each_report() -> None:
    """Why the test before leaves it out."""
    table = table_of([[0.5, 0.4, 0.3]])
    late = Cluster(report=0.25)
    ends = [Simulation(table, Stepping(step), workers=1, cluster=late).run().info.end / 1e9 for step in (None, 1)]
    assert ends == [3.25, 3.75]

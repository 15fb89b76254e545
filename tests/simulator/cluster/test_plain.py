"""On a cluster that adds nothing the trace is that of the plain loop, for every scheduler."""

from __future__ import annotations

from typing import Any

import pytest
from chaotic import Chaotic
from hypothesis import given, settings
from hypothesis import strategies as st
from schedulers import SPECS, fits
from tables import random_table, tables

from blackboxes import Blackbox
from simulator import Budget, Simulation, Trace
from simulator.cluster import Cluster

LIMITS = st.one_of(
    st.none(),
    st.builds(Budget, time=st.sampled_from([0.125, 1.0, 3.3, 10.0, "2x"])),
    st.builds(Budget, trials=st.integers(1, 20)),
    st.builds(Budget, resource=st.sampled_from([1, 30, 100.5])),
    st.builds(Budget, target=st.sampled_from([0.125, 0.5, 3.0])),
    st.builds(Budget, time=st.just(5), trials=st.just(10), resource=st.just(60), target=st.just(0.125)),
)
# Each is off, though it stands there: what they would change never happens.
NOTHING = [
    Cluster(),
    Cluster(speeds=(1.0, 1.0), plan={"30000h": 3}, retries=0, backoff="1h", away="1h", price=1.0),
    Cluster(checkpoints=2, room=10**6, decision="0", crashes=1e-12, notice="1m", preemptions=0),
]


def equal(plain: Trace, cluster: Trace) -> None:
    assert cluster.digest() == plain.digest()
    assert cluster.info.end == plain.info.end
    assert cluster.info.closed_at == plain.info.closed_at
    assert cluster.info.exhausted_at == plain.info.exhausted_at
    lines = [line for line in cluster.to_text().splitlines() if not line.startswith("# cluster:")]
    assert lines == plain.to_text().splitlines()
    assert cluster.accounting() == plain.accounting()
    assert cluster.observations.keys() == plain.observations.keys()
    for name, column in cluster.observations.items():
        assert (column == plain.observations[name]).all(), name


def both(table: Blackbox, scheduler: Any, cluster: Cluster, **options: Any) -> None:
    plain = Simulation(table, scheduler, **options).run()
    equal(plain, Simulation(table, scheduler, cluster=cluster, **options).run())


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("resumable", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_every_scheduler(spec: str, resumable: bool) -> None:
    table = random_table(
        1, n=40, replicates=2, size=27, diverged=0.05, ragged=0.2, zero_times=0.1, times="fine", resumable=resumable
    )
    if fits(spec, table):
        both(table, spec, Cluster(), workers=5, seed=2, budget=Budget(time="8x"))


@given(table=tables(size=st.integers(1, 15), n=st.integers(1, 25)), data=st.data())
@settings(max_examples=80)
def test_any_table_budget_and_number_of_workers(table: Blackbox, data: Any) -> None:
    spec = data.draw(st.sampled_from([spec for spec in SPECS if fits(spec, table)]))
    workers, seed, budget = data.draw(st.integers(1, 12)), data.draw(st.integers(0, 3)), data.draw(LIMITS)
    cluster = data.draw(st.sampled_from(NOTHING))
    if not table.full_training_time:
        cluster, budget = Cluster(), None if budget is not None and budget.time == "2x" else budget
    both(table, spec, cluster, workers=workers, seed=seed, budget=budget)


@given(table=tables(size=st.integers(1, 9), n=st.integers(1, 12)), draws=st.integers(0, 10**6), budget=LIMITS)
@settings(max_examples=80)
def test_any_answers(table: Blackbox, draws: int, budget: Budget | None) -> None:
    if budget is not None and budget.time == "2x":
        budget = None
    both(table, Chaotic(draws), Cluster(), workers=1 + draws % 5, budget=budget)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [100, 3000])
def test_many_workers(workers: int) -> None:
    table = random_table(3, n=2000, replicates=2, size=27, diverged=0.02, ragged=0.1, times="fine")
    for spec in ("asha-promotion", "asha-stopping", "hyperband", "median-stopping", "pasha"):
        both(table, spec, Cluster(), workers=workers, seed=1)

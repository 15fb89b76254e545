"""Runs on clusters are the same bytes in any process; a golden trace shows every kind of event."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from chaotic import Chaotic
from tables import integer_table

from simulator import Simulation, Trace
from simulator.cluster import Cluster
from simulator.events import NAMES
from simulator.pytest_plugin import check_golden
from simulator.study import crossed, run_all

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "clusters"
CLUSTER = Cluster(
    start="lognormal(median=0.05x, sigma=0.5)",
    stop=0.05,
    save="exponential(mean=0.1s)",
    load=0.1,
    report="half-normal(sd=0.05s)",
    decision="0.1 + 1e-3 n^3",
    checkpoints=2,
    room=1,
    speeds=(1.0, 0.5),
    slowdown="half-normal(sd=0.5)",
    crashes="0.6/x",
    retries=1,
    backoff=0.125,
    preemptions="0.15/x",
    notice=0.2,
    away="uniform(low=0.1s, high=2s)",
    plan={2.5: 4, "12s": 2},
    price=1.0,
)
PROGRAM = """
import json
from tables import integer_table
from test_cluster_determinism import digests
print(json.dumps(digests()))
"""
TESTS = Path(__file__).resolve().parents[2]


def everything(draws: int = 747, time: float = 18.0) -> Trace:
    scheduler = Chaotic(draws, most=9, models=True)
    return Simulation(integer_table(), scheduler, workers=3, seed=draws, budget=time, cluster=CLUSTER).run()


def digests() -> dict[str, str]:
    found = {"everything": everything().digest()}
    for preset in ("stragglers", "spot", "no-checkpoints"):
        for spec in ("asha-promotion", "hyperband", "asha-stopping"):
            trace = Simulation(integer_table(), spec, workers=4, seed=1, budget="3x", cluster=preset).run()
            found[f"{spec} on {preset}"] = trace.digest()
    return found


def test_golden_trace_of_everything(request: pytest.FixtureRequest) -> None:
    path, trace = FOLDER / "everything.txt", everything()
    check_golden(trace, path, request.config)
    assert path.read_text(encoding="utf-8") == trace.to_text(), "the decisions are the same, their text form is not"
    assert 40 <= len(trace) <= 80
    assert {NAMES[code] for code in trace.columns.event.tolist()} == set(NAMES)


def test_digests_do_not_depend_on_the_process_or_its_hash_seed() -> None:
    here, path = digests(), os.pathsep.join(map(str, (TESTS.parent, TESTS, TESTS / "simulator", Path(__file__).parent)))
    assert len(set(here.values())) == len(here)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "1"},  # here it is another one
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == here


def test_what_ran_before_changes_nothing() -> None:
    first = everything().digest()
    Simulation(integer_table(), "random", seed=9, cluster="spot").run()
    assert everything().digest() == first


@pytest.mark.slow
def test_rows_of_a_study_do_not_depend_on_the_number_of_processes() -> None:
    runs = crossed("mlp:digits", ["asha-promotion", "hyperband"], range(3), budget="3x", cluster="spot(price=1)")
    one, two = (sorted(run_all(runs, jobs=jobs), key=lambda row: (row["scheduler"], row["seed"])) for jobs in (1, 2))
    assert len({row["digest"] for row in one}) == len(one) == 6
    assert repr(one) == repr(two)

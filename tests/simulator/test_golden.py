"""One short trace a scheduler, as text in tests/golden: a changed decision fails a test that names it.

After a change that is meant: `pytest tests/simulator/test_golden.py --regen-golden`, and look at the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tables import integer_table

from simulator import Budget, Simulation, Trace, scheduler_names
from simulator.pytest_plugin import check_golden

FOLDER = Path(__file__).resolve().parents[1] / "golden"
# Each between 30 and 60 events; together they show every kind of event.
RUNS: dict[str, Budget] = {
    "random": Budget(time=14.0),
    "successive-halving": Budget(trials=16),
    "hyperband": Budget(trials=17),
    "asha-stopping": Budget(time=7.0),
    "asha-promotion": Budget(trials=18),
    "median-stopping": Budget(time=4.0),
    "async-hyperband": Budget(trials=16),
    "asha-cost": Budget(trials=16),
    "pasha": Budget(trials=16),
    "rush": Budget(time=7.0),
    "grid": Budget(time=14.0),
    "one-epoch": Budget(trials=20),
    "patience": Budget(time=4.0),
    "curve-extrapolation": Budget(time=12.0),
    "mo-asha": Budget(trials=16),
    "bohb": Budget(trials=18),
    "dehb": Budget(trials=20),
    "mobster": Budget(trials=12),
    "hyper-tune": Budget(trials=16),
    "dyhpo": Budget(time=2.5),
    "mf-bo": Budget(time=10.0),
    "pbt": Budget(time=2.1),
}

SPECS = {
    "rush": "rush(initial=[22, 8])",  # without given configurations it is asha-stopping
    "patience": "patience(patience=2)",  # with a quarter of nine units few would be stopped
    # Their rules; what their models propose is shown in golden/searchers, since it holds for one machine only.
    "bohb": "bohb(eta=4)+random",
    "mobster": "mobster(form='synchronous', eta=2)+random",
    "hyper-tune": "hyper-tune+random",
    "pbt": "pbt(population=5)",
    # Until their models are asked; what these choose is in golden/models.
    "dyhpo": "dyhpo(min_observations=1000)",
    "mf-bo": "mf-bo(min_observations=1000)",
}


def run(name: str) -> Trace:
    return Simulation(integer_table(), SPECS.get(name, name), workers=3, seed=3, budget=RUNS[name]).run()


@pytest.mark.parametrize("name", RUNS)
def test_golden_trace(name: str, request: pytest.FixtureRequest) -> None:
    path, trace = FOLDER / f"{name}.txt", run(name)
    check_golden(trace, path, request.config)
    assert path.read_text(encoding="utf-8") == trace.to_text(), "the decisions are the same, their text form is not"


def test_every_scheduler_has_its_golden_trace_and_no_file_is_left_over() -> None:
    assert set(RUNS) == set(scheduler_names())
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(RUNS)


def test_golden_traces_are_short_and_show_every_kind_of_event() -> None:
    seen = set()
    for path in FOLDER.glob("*.txt"):
        trace = Trace.load(path)
        assert 30 <= len(trace) <= 60, path.name
        seen |= {line.split()[3] for line in path.read_text(encoding="utf-8").splitlines() if line[0] != "#"}
    assert seen == {"start", "resume", "continue", "pause", "stop", "complete", "curve-end", "budget"}

"""What schedulers with a model of their own decide, as text in tests/golden/models, for one kind of machine.

After a change that is meant: `pytest tests/simulator/test_golden_models.py --regen-golden`, and look at it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from spaces import whole_table
from test_golden_searchers import arithmetic

from simulator import Budget, Simulation, Trace
from simulator.golden import departure

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "models"
RUNS = {"dyhpo": Budget(resource=60), "mf-bo": Budget(trials=25)}


@pytest.mark.parametrize("name", RUNS)
def test_golden_decisions(name: str, request: pytest.FixtureRequest) -> None:
    """Elsewhere two candidates that are nearly as good may change places, so it says where it was recorded."""
    path = FOLDER / f"{name}.txt"
    trace = Simulation(whole_table(), name, workers=3, seed=3, budget=RUNS[name]).run()
    if request.config.getoption("--regen-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# recorded: {arithmetic()}\n{trace.to_text()}", encoding="utf-8")
    recorded, _, text = path.read_text(encoding="utf-8").partition("\n")
    made_with = recorded.removeprefix("# recorded: ")
    if made_with != arithmetic():
        pytest.skip(f"recorded with {made_with}; here is {arithmetic()}")
    message = departure(Trace.from_text(text, trace.table, path.name), trace, path.name)
    assert message is None, message
    assert text == trace.to_text(), "the decisions are the same, their text form is not"


def test_no_golden_decisions_are_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*")} == set(RUNS)

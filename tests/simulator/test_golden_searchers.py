"""What each searcher proposes after recorded reports, as text in tests/golden/searchers.

After a change that is meant: `pytest tests/simulator/test_golden_searchers.py --regen-golden`, and look at it.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from spaces import whole_table
from test_searchers import MODELS

from simulator import Budget, SearchContext, Searcher, Simulation, make_searcher
from simulator.clock import Clock

FITTED = [spec for spec in MODELS if spec.startswith(("gp", "hyper-tune", "kde"))]
FOLDER = Path(__file__).resolve().parents[1] / "golden" / "searchers"


class Recorded(Searcher):
    """Writes down what a searcher is told and what it proposes, one line each."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher, self.lines = searcher, []

    def setup(self, context: SearchContext) -> None:
        self.searcher.setup(context)

    def propose(self) -> Any:
        row = self.searcher.propose()
        self.lines.append(f"propose {row}")
        return row

    def on_start(self, trial: Any, until: float) -> None:
        self.lines.append(f"start {trial.id} {trial.config} {until}")
        self.searcher.on_start(trial, until)

    def observe(self, trial: Any, resource: float, value: float) -> None:
        self.lines.append(f"observe {trial.id} {trial.config} {resource} {value!r}")
        self.searcher.observe(trial, resource, value)

    def on_end(self, trial: Any, reason: Any) -> None:
        self.lines.append(f"end {trial.id} {trial.config} {reason}")
        self.searcher.on_end(trial, reason)


def arithmetic() -> str:
    """What decides how sums are rounded: the packages and the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    processor = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
    return f"numpy {version('numpy')}, scipy {version('scipy')}, {processor}"


def golden_path(spec: str) -> Path:
    for argument, suffix in (("(resource='largest')", "-largest"), ("(model='joint')", "-joint")):
        spec = spec.replace(argument, suffix)
    return FOLDER / (spec.partition("(")[0] + ".txt")


@pytest.mark.parametrize("spec", ["random", *MODELS])
def test_golden_decisions(spec: str, request: pytest.FixtureRequest) -> None:
    """The same proposals after the same reports, which are read from a file: a run with ASHA when it was recorded.

    A changed proposal does not change what follows. What fits a model promises this on one kind of machine with the
    same packages only: elsewhere two rows that are nearly as good may change places.
    """
    path, table = golden_path(spec), whole_table()
    if request.config.getoption("--regen-golden"):
        recorded = Recorded(make_searcher(spec))
        Simulation(table, "asha-promotion", searcher=recorded, workers=3, seed=3, budget=Budget(trials=30)).run()
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([f"# {spec}; {arithmetic()}", *recorded.lines, ""]), encoding="utf-8")
    made_with = path.read_text(encoding="utf-8").partition("\n")[0].partition("; ")[2]
    if spec in FITTED and made_with != arithmetic():
        pytest.skip(f"recorded with {made_with}; here is {arithmetic()}")
    searcher = make_searcher(spec)
    searcher.setup(SearchContext(table, 3, Clock(), 30, False))
    proposals = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], start=2):
        what, *rest = line.split()
        if what == "propose":
            proposals += rest[0] != "None"
            assert str(searcher.propose()) == rest[0], f"{path.name}, line {number}: another proposal"
            continue
        trial: Any = SimpleNamespace(id=int(rest[0]), config=int(rest[1]))
        if what == "start":
            searcher.on_start(trial, float(rest[2]))
        elif what == "observe":
            searcher.observe(trial, float(rest[2]), float(rest[3]))
        else:
            searcher.on_end(trial, rest[2])  # type: ignore[arg-type]
    assert proposals == 30


def test_no_golden_decisions_are_left_over() -> None:
    assert set(FOLDER.glob("*")) == {golden_path(spec) for spec in ["random", *MODELS]}

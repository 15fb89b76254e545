"""The README's example: one line of Ray's ASHA is changed, and a golden trace tells which decision changed by that."""

from __future__ import annotations

import inspect
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from blackboxes import load
from simulator import Budget, Simulation
from simulator.golden import departure_from_file

if TYPE_CHECKING:
    from simulator.pytest_plugin import GoldenTrace

asha = pytest.importorskip("ray.tune.schedulers.async_hyperband")

README = Path(__file__).parents[3] / "README.md"
GOLDEN = Path(__file__).parent / "golden" / "test_planted_change" / "test_decisions.trace"
SPEC = "ray:ASHAScheduler(grace_period=1, reduction_factor=3)"
RIGHT, WRONG = "(1 - 1 / self.rf)", "(1 / self.rf)"  # the quantile that cuts a rung: two of three go on instead of one


def simulation() -> Simulation:
    return Simulation(load("mlp:digits"), SPEC, workers=3, seed=1, budget=Budget(trials=12))


def test_decisions(golden_trace: GoldenTrace) -> None:
    golden_trace(simulation())


def test_one_line_changed_in_a_copy_is_caught_and_the_readme_shows_how(monkeypatch: pytest.MonkeyPatch) -> None:
    source = inspect.getsource(asha)
    assert source.count(RIGHT) == 1
    copy = ModuleType("copy of ray.tune.schedulers.async_hyperband")
    exec(source.replace(RIGHT, WRONG), vars(copy))
    monkeypatch.setattr(asha, "_Bracket", copy._Bracket)
    trace = simulation().run()
    said = departure_from_file(GOLDEN, trace, "golden/test_planted_change/test_decisions.trace")
    assert said is not None
    assert said.startswith("'stop' is now 'continue until 2': ")
    shown = "\n".join(line.rstrip() for line in indent(said, "    ").splitlines())
    for text in (SPEC, shown):
        assert text in README.read_text(encoding="utf-8"), f"the README shows another one than\n{text}"

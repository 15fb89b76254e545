"""`rungsim check-scheduler`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calling import Done, process

Command = Callable[..., Done]
OWN = """
from simulator import STOP, Scheduler, Start

class ToTheEnd(Scheduler):
    def __init__(self, skip=0):
        self.skip = skip
    def setup(self, context):
        self.searcher, self.r_max = context.searcher(), context.r_max
    def next_job(self):
        row = self.searcher.propose()
        return None if row is None or row < self.skip else Start(row, until=self.r_max)
    def on_report(self, trial, resource, value):
        return STOP
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "my_file.py"
    path.write_text(OWN)
    return path


def test_one_that_conforms(rungsim: Command, own: Path) -> None:
    done = rungsim("check-scheduler", f"{own}:ToTheEnd", "--scenarios", "used-up, one-row")
    assert (done.code, done.err) == (0, "")
    assert "passed, 2 scenarios" in done.out
    for word in ("protocol", "deterministic-process", "monotone", "holds"):
        assert word in done.out


def test_one_that_does_not(rungsim: Command, own: Path) -> None:
    done = rungsim("check-scheduler", f"{own}:ToTheEnd(skip=99)", "--scenarios", "used-up")
    assert (done.code, done.err) == (1, "")
    assert "FAILED, 1 scenarios" in done.out
    assert "no-stall: at 0 s nothing runs" in done.out
    assert done.out.splitlines()[-1].split() == ["0.000000", "s", "a", "worker", "is", "free", "none"]


def test_quietly(rungsim: Command, own: Path) -> None:
    assert rungsim("check-scheduler", f"{own}:ToTheEnd", "--scenarios", "one-row", "-q") == Done(0, "", "")
    done = rungsim("check-scheduler", f"{own}:ToTheEnd(skip=99)", "--scenarios", "one-row", "-q")
    assert done.code == 1
    assert done.out.startswith("no-")


def test_refusals_are_told(rungsim: Command) -> None:
    done = rungsim("check-scheduler", "asha-stopping(r_min=5)", "--scenarios", "one-resource,used-up")
    assert done.code == 0
    assert "refused 1 of 2 scenarios:" in done.out
    assert "one-resource: r_min = 5 must be above 0 and at most r_max = 1" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["asha-stoping"], "did you mean asha-stopping"),
        (["none.py:Nobody"], "there is no such file"),
        (["random", "--scenarios", "tie"], "there is no scenario 'tie': did you mean ties"),
        (["random", "--scenarios", " ,"], "a list of names is needed"),
    ],
)
def test_wrong_use(rungsim: Command, arguments: list[str], said: str) -> None:
    done = rungsim("check-scheduler", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert said in done.err


def test_help_has_examples(rungsim: Command) -> None:
    done = rungsim("check-scheduler", "--help")
    assert "rungsim check-scheduler my_file.py:MyScheduler" in done.out
    assert "Exit code 1" in done.out


def test_as_a_process(own: Path) -> None:
    done = process("check-scheduler", "my_file.py:ToTheEnd", "--scenarios", "one-row", cwd=own.parent)
    assert done.code == 0, done.err

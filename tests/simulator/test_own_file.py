"""Schedulers and searchers from a file of one's own: ``my_file.py:MyScheduler``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tables import random_table

from simulator import Simulation, SimulationError
from simulator.study import crossed, run_all

OWN = """
from dataclasses import dataclass
from simulator import STOP, Scheduler, Searcher, Start

@dataclass
class Point:
    row: int

class First(Scheduler):
    def __init__(self, until=1):
        self.until = until
    def setup(self, context):
        self.searcher = context.searcher()
    def next_job(self):
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.until)
    def on_report(self, trial, resource, value):
        return STOP

class Backwards(Searcher):
    def setup(self, context):
        self.left = [Point(row) for row in range(context.n)]
    def propose(self):
        return self.left.pop().row if self.left else None

helper = 3
"""


JOBLESS = """
class Jobless(Scheduler):
    def on_report(self, trial, resource, value):
        return STOP
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "my own.py"
    path.write_text(OWN)
    return path


def test_by_path_with_arguments(own: Path) -> None:
    table = random_table(1, n=5)
    trace = Simulation(table, f"{own}:First(until=4)+{own}:Backwards", workers=1).run()
    assert trace.columns.config.tolist() == [4, 3, 2, 1, 0]
    assert set(trace.results().groupby("trial").resource.max()) == {4}
    assert trace.info.scheduler == f"{own}:First(until=4)+{own}:Backwards"
    assert Simulation(table, f"asha-stopping+{own}:Backwards", workers=1).run().columns.config[0] == 4


def test_the_file_is_read_anew_when_it_changes(own: Path) -> None:
    table = random_table(1, n=5)
    assert Simulation(table, f"{own}:First", workers=1).run().results().resource.max() == 1
    own.write_text(OWN.replace("until=1", "until=3"))
    os.utime(own, ns=(1, own.stat().st_mtime_ns + 10**9))
    assert Simulation(table, f"{own}:First", workers=1).run().results().resource.max() == 3


def test_in_other_processes(own: Path) -> None:
    runs = crossed("power-law:n=30,r_max=9", [f"{own}:First(until=3)", "random"], range(4), budget=None)
    alone, apart = ({(row["scheduler"], row["seed"]): row["digest"] for row in run_all(runs, jobs)} for jobs in (1, 2))
    assert alone == apart
    assert len(alone) == 8


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{folder}/none.py:First", "none.py:First: there is no such file"),
        ("{own}:Frist", "has no scheduler 'Frist': did you mean First? (known: First)"),
        ("{own}", "name the class in the file as well: {own}:First"),
        ("{folder}/none.py", "none.py: there is no such file"),
        ("{own}:Jobless", "Jobless: the class has no next_job, which every scheduler needs"),
        ("{own}:helper", "a class of schedulers is needed, not 3"),
        ("{own}:Backwards", "a class of schedulers is needed"),
        ("random+{own}:First", "a class of searchers is needed"),
        ("{own}:First(eta=3)", "has no argument 'eta'"),
        ("{own}:", "write a name and arguments"),
        ("{folder}/broken.py:First", "the file cannot be imported: NameError: name 'undefined' is not defined"),
        ("{folder}/syntax.py:First", "the file cannot be imported: SyntaxError"),
        ("{folder}/asks.py:First", "the file cannot be imported: SimulationError: workers"),
    ],
)
def test_wrong_files(own: Path, tmp_path: Path, spec: str, words: str) -> None:
    own.write_text(OWN + JOBLESS * ("Jobless" in spec))
    (tmp_path / "broken.py").write_text("undefined")
    (tmp_path / "syntax.py").write_text("class")
    (tmp_path / "asks.py").write_text("from simulator import SimulationError\nraise SimulationError('workers')")
    with pytest.raises(SimulationError) as caught:
        Simulation(random_table(1), spec.format(own=own, folder=tmp_path))
    assert words.format(own=own) in str(caught.value)


def test_an_argument_that_it_cannot_do_without_is_asked_for(own: Path) -> None:
    own.write_text(OWN.replace("until=1)", "until, *more, **others)"))
    with pytest.raises(SimulationError, match=r"First needs until: write .*my own\.py:First\(until=\.\.\.\)"):
        Simulation(random_table(1, n=5), f"{own}:First")
    assert len(Simulation(random_table(1, n=5), f"{own}:First(until=4)").run()) == 10

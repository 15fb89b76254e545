"""A small family of tables, and the command line within this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from calling import Done, small_table

from blackboxes import save
from simulator.cli import main
from simulator.study.run import forget_tables

# A scheduler of another package, found through its entry point, in the processes of a comparison too.
PLUGIN = '''
import os, time
from pathlib import Path
from simulator import Resume
from simulator.schedulers.random import RandomSearch

class Slow(RandomSearch):
    """Random search that takes its time, and leaves a mark for each run."""
    def setup(self, context):
        super().setup(context)
        Path(os.environ["MARKS"], f"{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(0.1)

class Faulty(RandomSearch):
    """Random search that, under some seeds, breaks the protocol or has a bug."""
    def __init__(self, how="protocol"):
        self.how = how
    def setup(self, context):
        super().setup(context)
        self.unlucky, self.jobs = context.stream("luck").uniform(1)[0] < 0.2, 0
    def next_job(self):
        self.jobs += 1
        if self.unlucky and self.jobs == 6:
            return Resume(10**6, until=1) if self.how == "protocol" else 1 // 0
        return super().next_job()
'''


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tasks ``first``, and ``second`` without a test metric, seen as accuracy."""
    path = tmp_path_factory.mktemp("data") / "small.h5"
    save(path, [small_table(), small_table("second", seed=1, test_metric=None, default_metric="accuracy")])
    return path


@pytest.fixture(autouse=True)
def no_table_is_remembered() -> Iterator[None]:
    """Tests replace files and loaders under names that were used before."""
    yield
    forget_tables()


@pytest.fixture
def table(family: Path) -> str:
    return f"{family}:first"


@pytest.fixture
def shipped(family: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small family is shipped, and the only one."""
    monkeypatch.setattr("blackboxes.catalogue.shipped_folder", lambda: family.parent)


@pytest.fixture
def rungsim(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Calls the console script's function in this process."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["rungsim", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Done(int(end.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """The environment in which the schedulers ``slow`` and ``faulty`` are installed; their marks are in ``MARKS``."""
    site, marks = tmp_path / "site", tmp_path / "marks"
    (site / "plugin-1.0.dist-info").mkdir(parents=True)
    marks.mkdir()
    (site / "plugin.py").write_text(PLUGIN)
    (site / "plugin-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (site / "plugin-1.0.dist-info" / "entry_points.txt").write_text(
        "[rungsim.schedulers]\nslow = plugin:Slow\nfaulty = plugin:Faulty\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]), "MARKS": str(marks)}

"""The plugin for pytest: golden traces that are made, compared, made anew, and told apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ConfigSpace  # noqa: F401  the runs below drop what they import themselves, so it is imported here
import pytest

from simulator import golden  # noqa: F401
from simulator.cli import output  # noqa: F401

pytest_plugins = ["pytester"]
QUIET = ("-p", "no:cacheprovider", "-p", "no:benchmark", "-p", "no:hypothesispytest")
TEST = """
from tables import integer_table
from simulator import Budget, Simulation

def run(scheduler="asha-stopping", **changed):
    return Simulation(integer_table(), scheduler, **dict(workers=3, seed=3, budget=Budget(trials=8)) | changed)

def test_it(golden_trace):
    golden_trace(run())
"""
FILE = Path("golden", "test_mine", "test_it.trace")


@pytest.fixture
def mine(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with one test, whose golden trace has been made."""
    pytester.makepyfile(test_mine=TEST)
    pytester.runpytest_inprocess(*QUIET).assert_outcomes(failed=1)
    return pytester


def change(pytester: pytest.Pytester, old: str, new: str) -> pytest.RunResult:
    """Run the test as changed."""
    assert old in TEST
    pytester.makepyfile(test_mine=TEST.replace(old, new))
    return pytester.runpytest_inprocess(*QUIET)


def test_made_on_the_first_run_which_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_mine=TEST)
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["there was no golden trace golden/test_mine/test_it.trace: made it now;*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert (pytester.path / FILE).read_text().startswith("# rungsim trace 1\n")
    assert [path.name for path in (pytester.path / FILE).parent.iterdir()] == [FILE.name]  # nothing is left aside
    pytester.runpytest_inprocess(*QUIET).assert_outcomes(passed=1)


def test_difference_is_told_without_a_traceback(mine: pytest.Pytester) -> None:
    before = (mine.path / FILE).read_text()
    result = change(mine, "asha-stopping", "asha-stopping(eta=2)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "* is now *: trial * reports * at resource *, at * s",
            "This is the first decision that changed; of * later ones differ as well.",
            "the rung at resource *",
            "  > *",
            "the events just before the first difference:",
            "The golden trace is in golden/test_mine/test_it.trace.",
            "Its scheduler is 'asha-stopping'; that of now is 'asha-stopping(eta=2)'.",
        ]
    )
    assert "pytest_plugin.py" not in result.stdout.str()
    assert (mine.path / FILE).read_text() == before


def test_regenerated_by_the_flag(mine: pytest.Pytester) -> None:
    before = (mine.path / FILE).read_text()
    change(mine, "asha-stopping", "random").assert_outcomes(failed=1)
    mine.runpytest_inprocess(*QUIET, "--regen-golden").assert_outcomes(passed=1)
    assert (mine.path / FILE).read_text() != before
    mine.runpytest_inprocess(*QUIET).assert_outcomes(passed=1)


def test_another_seed_is_not_compared(mine: pytest.Pytester) -> None:
    result = change(mine, "workers=3, seed=3", "workers=2, seed=4")
    result.stdout.fnmatch_lines(
        [
            "golden/test_mine/test_it.trace was made with another seed and workers: it cannot be compared",
            "Its seed is 3; that of now is 4.",
            "Its workers is 3; that of now is 2.",
            "*--regen-golden*",
        ]
    )


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD\n", "# rungsim trace 1\n# seed: \x1b[31m\n", "\x00\xff"])
def test_file_that_is_no_trace(mine: pytest.Pytester, text: str) -> None:
    (mine.path / FILE).write_text(text, encoding="latin-1")
    result = mine.runpytest_inprocess(*QUIET)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["golden/test_mine/test_it.trace cannot be read as a trace: restore it, or *--regen-*"])
    assert "\x1b[31m" not in result.stdout.str()


def test_names_of_files(pytester: pytest.Pytester) -> None:
    """Parameters, names and classes each have their own file, also where letters are alike but for their case."""
    pytester.makepyfile(
        test_mine=TEST
        + """
import pytest

@pytest.mark.parametrize("it", ["one", "a/b", "a:b", "A", "a", "0.5", "x" * 300, "x" * 301])
def test_each(golden_trace, it):
    golden_trace(run())

def test_two(golden_trace):
    golden_trace(run().run())
    golden_trace(run(workers=2), name="two workers")
    golden_trace(run(workers=1), name="one")

class TestThat:
    def test_it(self, golden_trace):
        assert len(golden_trace(run())) > 20
"""
    )
    pytester.runpytest_inprocess(*QUIET, "--regen-golden").assert_outcomes(passed=11)
    pytester.runpytest_inprocess(*QUIET).assert_outcomes(passed=11)
    names = {path.name for path in (pytester.path / FILE).parent.iterdir()}
    assert len({name.lower() for name in names}) == 13
    assert {
        "test_it.trace",
        "test_each-one.trace",
        "test_each-a.trace",
        "test_each-0.5.trace",
        "test_two+one.trace",
    } <= names
    assert max(map(len, names)) < 150
    assert all(name.isascii() and not set(name) & set('<>:"/\\|?* []') for name in names)


def test_same_name_twice(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_mine=TEST + "    golden_trace(run())\n")
    result = pytester.runpytest_inprocess(*QUIET, "--regen-golden")
    result.stdout.fnmatch_lines(["golden_trace is called twice with name=None: give one of them a name"])


def test_neither_simulation_nor_trace(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(golden_trace):\n    golden_trace('asha')\n")
    pytester.runpytest_inprocess(*QUIET).stdout.fnmatch_lines(
        ["golden_trace takes a Simulation or a Trace, not 'asha'"]
    )


@pytest.mark.slow
def test_in_several_processes(mine: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parent))
    (mine.path / FILE).unlink()
    mine.makepyfile(test_other=TEST)
    mine.runpytest_subprocess("-n", "2").assert_outcomes(failed=2)
    mine.makepyfile(test_other=TEST.replace("asha-stopping", "asha-stopping(eta=2)"))
    result = mine.runpytest_subprocess("-n", "2")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["This is the first decision that changed;*"])
    mine.runpytest_subprocess("-n", "2", "--regen-golden").assert_outcomes(passed=2)


def test_every_start_of_pytest_loads_it_but_nothing_heavy() -> None:
    heavy = {"ConfigSpace", "h5py", "matplotlib", "pandas", "scipy", "simulator.golden", "typer"}
    code = f"import sys, simulator.pytest_plugin; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"

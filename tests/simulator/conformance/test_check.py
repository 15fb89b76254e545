"""What `check` takes, gives and says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import broken_schedulers
import mutants
import pytest
from broken_schedulers import PlainAsha, Pruner, Shadowed

from simulator import Scheduler, SimulationError
from simulator.conformance import ConformanceError, check, conduct, determinism, scenario_names, watched
from simulator.conformance.properties import first_difference
from simulator.conformance.scenarios import scenarios_named
from simulator.conformance.subject import Subject

QUICK = ["used-up", "one-row"]


def test_a_report_reads_well() -> None:
    report = check(Shadowed, ["plain", "one-worker"])
    assert not report.passed
    assert list(report.failures) == ["eager-promotion"]
    text = str(report)
    assert text.splitlines()[0] == "Shadowed: FAILED in 2 scenarios"
    (line,) = (line for line in text.splitlines() if line.startswith("eager-promotion  "))
    assert line.split() == ["eager-promotion", "FAILS", "0", "of", "2", "in", "plain", "and", "1", "more"]
    assert report.failures["eager-promotion"].text() in text
    with pytest.raises(ConformanceError) as caught:
        report.assert_passed()
    assert text in str(caught.value)
    assert isinstance(caught.value, AssertionError)


def test_a_sound_one_passes_in_silence() -> None:
    report = check("asha-promotion(eta=4)", QUICK)
    report.assert_passed()
    assert report.passed
    assert report.failures == {}
    assert {f.verdict for f in report.findings} <= {"holds", "not judged", "holds (not promised)"}
    assert report.finding("top-share").verdict == "holds"
    assert report.finding("best-not-stopped").verdict == "not judged"
    assert report.finding("best-not-stopped").remark == "nobody is stopped"


def test_what_is_not_promised_is_told_and_does_not_count() -> None:
    class Modest(Shadowed):
        promises = frozenset()

    report = check(Modest, ["plain", "one-worker"])
    assert report.passed
    assert report.finding("eager-promotion").verdict == "does not hold (not promised)"
    assert report.finding("top-share").verdict == "holds (not promised)"


def test_a_scenario_may_be_declined_in_setup_only() -> None:
    report = check(lambda: mutants.RefusesFromScratch())  # what a lambda makes is run in no fresh process
    report.assert_passed()
    assert report.refused == {"from-scratch": "there are no checkpoints here"}
    assert report.runs == len(scenario_names()) - 1
    assert "there are no checkpoints here" in str(report)
    assert not check(mutants.RefusesFromScratch, ["from-scratch"]).passed, "it ran nowhere"

    class Late(PlainAsha):
        def next_job(self) -> Any:
            raise SimulationError("too late")

    assert "too late" in check(Late, QUICK).failures["protocol"].said


def test_errors_of_its_own_break_the_protocol() -> None:
    report = check(lambda: mutants.DividesByZero())
    failure = report.failures["protocol"]
    assert failure.said == "ZeroDivisionError: division by zero"
    assert "diverged" in failure.run.scenario.name


def test_one_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "PATIENCE", 0.2)
    report = check(mutants.Hangs, ["one-row"])
    assert "hangs: the run has not ended after 0.2 real seconds" in report.failures["protocol"].said


def test_one_without_end_is_stopped() -> None:
    assert "the run has no end" in check(mutants.Endless, ["free-units"]).failures["protocol"].said


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        (PlainAsha(), "a class, or a function that makes one is needed"),
        (17, "a class, or a function that makes one is needed"),
        (lambda: 17, "makes 17, a Scheduler object is needed"),
        (lambda eta: PlainAsha(), "cannot be called without arguments: missing a required argument: 'eta'"),
        ("asha-stoping", "did you mean asha-stopping"),
        ("asha-stopping(eta=0)", "eta = 0"),
    ],
)
def test_wrong_schedulers(scheduler: Any, words: str) -> None:
    with pytest.raises(SimulationError) as caught:
        check(scheduler)
    assert words in str(caught.value)


def test_wrong_scenarios_and_promises() -> None:
    class Boasts(PlainAsha):
        promises = frozenset({"top-shares"})

    with pytest.raises(SimulationError, match="promises 'top-shares', which is no property: did you mean top-share"):
        check(Boasts)
    with pytest.raises(SimulationError, match="there is no scenario 'tie'"):
        check(PlainAsha, ["tie"])


def test_progress_is_told_for_each_scenario() -> None:
    done = []
    check("random", QUICK, lambda: done.append(1))
    assert len(done) == len(QUICK)


# --- other processes -------------------------------------------------------------------------------------------


def make_pruner() -> Scheduler:
    return Pruner()


@pytest.mark.parametrize("maker", [Pruner, make_pruner, "random"])
def test_what_can_be_imported_runs_in_fresh_processes(maker: Any) -> None:
    assert check(maker, QUICK).finding("deterministic-process").verdict == "holds"


def test_what_cannot_be_imported_is_said_so() -> None:
    class Inner(Pruner):
        pass

    for maker in (Inner, lambda: Pruner()):
        report = check(maker, QUICK)
        report.assert_passed()
        finding = report.finding("deterministic-process")
        assert (finding.verdict, finding.held) == ("not judged", 0)
        assert finding.remark == "another process can only import what stands at the top of a module"


def test_a_module_that_others_cannot_find_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pruner, "__module__", "nowhere_to_be_found")
    monkeypatch.setitem(__import__("sys").modules, "nowhere_to_be_found", broken_schedulers)
    finding = check(Pruner, QUICK).finding("deterministic-process")
    assert finding.verdict == "not judged"
    assert "another process cannot import Pruner from nowhere_to_be_found" in finding.remark


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(Path(broken_schedulers.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    report = check(f"{path}:AnyByName")
    assert list(report.failures) == ["deterministic-process"]
    assert "PYTHONHASHSEED=" in report.failures["deterministic-process"].said
    check(f"{path}:PlainAsha", QUICK).assert_passed()


def test_the_one_in_the_readme(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"(from math import inf\n.*?)\n\n\nmine = ", readme, re.DOTALL)
    path = tmp_path / "readme.py"
    path.write_text(code, encoding="utf-8")
    report = check(f"{path}:PlainAsha")
    report.assert_passed()
    assert report.finding("renaming").verdict == "holds (not promised)"
    assert report.finding("top-share").remark == "the scheduler has no attribute `eta`"


# --- parts -----------------------------------------------------------------------------------------------------


def test_a_trial_that_is_lost_is_missed() -> None:
    """No scheduler can lose one in this simulator; a record in which one is lost is not accounted for."""
    (scenario,) = scenarios_named(["plain"])
    run = Subject("asha-promotion").run(scenario)
    assert conduct.accounted_for(None, scenario, run) is None  # type: ignore[arg-type]
    lost = tuple(asked for asked in run.questions if not (asked.kind == "complete" and asked.trial is not None))
    failure = conduct.accounted_for(None, scenario, replace(run, questions=lost))  # type: ignore[arg-type]
    assert failure is not None
    assert "runs when the run is over" in failure.said


def test_the_first_difference_is_shown() -> None:
    (scenario,) = scenarios_named(["used-up"])
    run = Subject("asha-promotion").run(scenario)
    assert first_difference(run, run, "a") is None
    changed = (*run.questions[:3], replace(run.questions[3], answer="none"), *run.questions[4:])
    failure = first_difference(run, replace(run, questions=changed), "it rained")
    assert failure is not None
    assert failure.at == 3
    assert failure.said == f"it rained: instead of the last line below, {str(changed[3]).strip()}"
    shorter = first_difference(run, replace(run, questions=run.questions[:5]), "it rained")
    assert shorter is not None
    assert shorter.at == 5
    assert "the run was over" in shorter.said


def test_a_searcher_that_learns_need_not_keep_the_schedulers_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """ASHA ranks values, a Gaussian process takes them as they are: which rows it proposes changes with their scale."""
    monkeypatch.setattr(determinism, "elsewhere", lambda *_: [])  # what fresh processes do is not the point
    alone, with_model = (check(spec, ["used-up"]) for spec in ("asha-promotion", "asha-promotion+gp"))
    assert alone.finding("rank-based").verdict == "holds"
    assert with_model.finding("rank-based").verdict.endswith("(not promised)")
    assert with_model.finding("eager-promotion").verdict == alone.finding("eager-promotion").verdict
    with_model.assert_passed()

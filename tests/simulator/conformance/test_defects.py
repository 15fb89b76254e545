"""The suite names each defect by the fitting property; the same scheduler without the defect has that property."""

from __future__ import annotations

from collections.abc import Callable

import broken_schedulers as wild
import mutants
import pytest

from simulator import Scheduler
from simulator.conformance import Report, check
from simulator.conformance.scenarios import all_scenarios

# Defect, twin, the properties by which it is named, and what is said of each.
IN_THE_WILD = [
    (wild.Shadowed, wild.PlainAsha, {"eager-promotion": "a new trial is started, though trial"}),
    (wild.RegisteredTooEarly, wild.Registered, {"only-reported": "is not in yet: it still runs", "protocol": "runs"}),
    (
        wild.OnToTheNextRound,
        wild.Rounds,
        {"brackets-finish": "is started in another bracket, though nothing of bracket", "best-promoted": "still waits"},
    ),
    (wild.RunsTheFirstToTheEnd, wild.FillsFirst, {"no-stall": "nothing runs and no worker is given anything to do"}),
    (wild.PrunesTheBest, wild.Pruner, {"best-not-stopped": "is stopped at 1 with"}),
    (wild.GivesUpWaitingForReal, wild.GivesUpWaiting, {"deterministic-clock": "another reading of the real clock"}),
    (wild.InOrderOfASet, wild.InOrderOfArrival, {"deterministic-set-order": "with sets in another order"}),
    (wild.AnyByName, wild.OldestByName, {"deterministic-process": "in a fresh process, with PYTHONHASHSEED="}),
]
IDEAL = [scenario.name for scenario in all_scenarios() if scenario.cluster is None]
SOME = ["plain", "ties", "diverged", "all-diverged", "equal-times", "one-worker", "used-up"]
MISTAKES = [
    (mutants.WrongWayUp, {"top-share"}),
    (mutants.OneTooMany, {"top-share"}),
    (mutants.OneTooFew, {"eager-promotion"}),
    (mutants.AllThatTie, {"top-share"}),
    (mutants.DivergedGoesOn, {"diverged-ends"}),
    (mutants.ForgetsWhoWasPromoted, {"promoted-once", "protocol"}),
    (mutants.KeepsItsRungs, {"deterministic-reused"}),
    (mutants.KeepsItsLevels, {"deterministic-reused"}),
    (mutants.DropsByGlobalRandom, {"deterministic-random"}),
    (mutants.DropsByNumpyRandom, {"deterministic-random"}),
    (mutants.DropsByEntropy, {"deterministic-again"}),
    (mutants.DropsByDate, {"deterministic-clock"}),
    (mutants.SeedsByTime, {"deterministic-clock"}),
    (mutants.WhicheverIdComesFirst, {"deterministic-set-order"}),
    (mutants.LooksAhead, {"only-reported", "top-share"}),
    (mutants.WaitsForNothing, {"no-lost-worker"}),
    (mutants.SmallRowsFirst, {"renaming"}),
    (mutants.GoodEnough, {"rank-based", "eager-promotion"}),
    (mutants.TooGoodToBeTrue, {"monotone"}),
    (mutants.OffTheGrid, {"protocol"}),
    (mutants.DividesByZero, {"protocol"}),
    (mutants.Endless, {"protocol"}),
]


def maker(scheduler: type[Scheduler], is_run_elsewhere: bool) -> Callable[[], Scheduler]:
    """The class; or a lambda, since what that makes is run in no fresh process, which would take half of the time."""
    return scheduler if is_run_elsewhere else lambda: scheduler()


def chance(report: Report) -> set[str]:
    """What it was found to depend on that it should not."""
    return {name for name in report.failures if name.startswith("deterministic-")}


def is_of_chance(said: dict[str, str]) -> bool:
    return any(name.startswith("deterministic-") for name in said)


@pytest.mark.parametrize("is_run_elsewhere", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("broken", "twin", "said"), IN_THE_WILD, ids=lambda value: getattr(value, "__name__", ""))
def test_defects_seen_in_the_wild(
    broken: type[Scheduler], twin: type[Scheduler], said: dict[str, str], is_run_elsewhere: bool
) -> None:
    is_run_elsewhere |= is_of_chance(said)
    found = check(maker(broken, is_run_elsewhere), IDEAL)
    assert set(said) <= set(found.failures), str(found)
    assert chance(found) <= set(said), "nothing else is blamed for it"
    for name, words in said.items():
        failure = found.failures[name]
        assert words in failure.said
        lines = failure.text().splitlines()
        assert lines[0] == failure.said
        assert lines[1].startswith("  scenario ")
        assert lines[2:] == [str(question) for question in failure.run.questions[: failure.at + 1]]
        if name != "deterministic-process":
            assert len(lines) <= 2 + 40, "a defect like this shows in a few events"

    sound = check(maker(twin, is_run_elsewhere))
    sound.assert_passed()
    assert all(sound.finding(name).held > 0 for name in said)


@pytest.mark.parametrize("is_run_elsewhere", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("mutant", "properties"),
    [pytest.param(*one, marks=() if i % 2 else pytest.mark.slow) for i, one in enumerate(MISTAKES)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_small_mistakes(mutant: type[Scheduler], properties: set[str], is_run_elsewhere: bool) -> None:
    found = check(maker(mutant, is_run_elsewhere), SOME)
    assert properties <= set(found.failures), str(found)
    assert chance(found) <= properties, "nothing else is blamed for it"

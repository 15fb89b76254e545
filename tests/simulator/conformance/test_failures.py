"""On clusters as they are the suite names each defect as well, and a run that crashes for ever is caught."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import broken_by_failures as broken
import mutants
import numpy as np
import pytest
from broken_schedulers import FillsFirst, PlainAsha, Rounds

from simulator import Scheduler, Simulation
from simulator.cluster import Cluster
from simulator.conformance import check, conduct, rungs_kept
from simulator.conformance.checking import PROPERTIES
from simulator.conformance.properties import NotJudgedError
from simulator.conformance.scenarios import Scenario, all_scenarios
from simulator.conformance.standing import OVER, in_the_end, moments, ran_out
from simulator.conformance.subject import Subject
from simulator.conformance.watched import EndlessError, Question
from simulator.events import NAMES

BY_NAME: dict[str, Scenario] = {scenario.name: scenario for scenario in all_scenarios() if scenario.cluster}
STALLS = "nothing runs and no worker is given anything to do"
STARVES = "a worker is free and gets nothing to do"
OUTRANKED = "where it is not among the best"
# Defect, twin, the properties by which it is named, and what is said of each.
DEFECTS = [
    (broken.FailedIsDiverged, PlainAsha, {"top-share": OUTRANKED}),
    (broken.FailedFillsItsPlace, Rounds, {"top-share": OUTRANKED}),
    (broken.FailedWasNeverThere, PlainAsha, {"top-share": OUTRANKED}),
    (broken.WaitsForTheFailed, FillsFirst, {"no-stall": STALLS}),
    (broken.GivesUpAndWaits, broken.GivesUp, {"no-stall": STALLS}),
    (broken.ResumesTheFailed, PlainAsha, {"protocol": "only a paused trial can be resumed, this one is over"}),
    (broken.StartsTheFailedAgain, PlainAsha, {"protocol": "the run has no end"}),
    (broken.CountsItsTrials, PlainAsha, {"no-lost-worker": STARVES}),
    (broken.CountsTheFailed, PlainAsha, {"no-lost-worker": STARVES, "no-stall": STALLS}),
    (broken.PausesTheCrashed, PlainAsha, {"protocol": "on_failure must answer RETRY or STOP, not PAUSE"}),
    (broken.TossesACoin, PlainAsha, {"deterministic-random": "with another state of `random`"}),
    (broken.KnowsHowFarItGot, PlainAsha, {"only-reported": "that nobody had reported yet", "rank-based": "increasing"}),
    (broken.Remembers, PlainAsha, {"deterministic-reused": "`setup` does not start it afresh"}),
]


@pytest.mark.parametrize(("scheduler", "said"), [(one, said) for one, _, said in DEFECTS])
def test_defects_that_failures_bring_to_light(scheduler: type[Scheduler], said: dict[str, str]) -> None:
    # What a lambda makes is run in no fresh process, which would take most of the time.
    check(lambda: scheduler(), ["diverged", "many-workers"]).assert_passed()
    found = check(lambda: scheduler(), ["crashes", "all-fail", "workers-leave"])
    assert set(found.failures) == set(said), str(found)
    for name, words in said.items():
        failure = found.failures[name]
        assert words in failure.said
        assert failure.text().splitlines()[2:] == [str(q) for q in failure.run.questions[: failure.at + 1]]


@pytest.mark.parametrize("twin", [PlainAsha, Rounds, FillsFirst, broken.GivesUp])
def test_their_twins_are_sound(twin: type[Scheduler]) -> None:
    report = check(lambda: twin(), list(BY_NAME))
    report.assert_passed()
    named = {name for _, of, said in DEFECTS if of is twin for name in said}
    assert named
    assert all(report.finding(name).held > 0 for name in named)


@pytest.mark.parametrize(
    ("mutant", "name", "scenarios"),
    [
        (mutants.WrongWayUp, "top-share", ["spot", "stragglers"]),
        (mutants.OneTooMany, "top-share", ["spot", "stragglers"]),
        (mutants.OneTooFew, "eager-promotion", ["spot", "stragglers"]),
        (mutants.ForgetsWhoWasPromoted, "promoted-once", ["spot", "stragglers"]),
        (mutants.WaitsForNothing, "no-lost-worker", ["spot", "stragglers"]),
        (mutants.LooksAhead, "only-reported", ["spot", "stragglers"]),
        (mutants.SmallRowsFirst, "renaming", ["delays"]),
        (mutants.GoodEnough, "rank-based", ["spot", "stragglers"]),
    ],
)
def test_small_mistakes_show_on_clusters_as_well(mutant: type[Scheduler], name: str, scenarios: list[str]) -> None:
    subject = Subject(mutant)
    (judged,) = (one for one in PROPERTIES if one.name == name)
    for scenario in scenarios:
        assert judged.judge(subject, BY_NAME[scenario], subject.run(BY_NAME[scenario])) is not None


# --- the scenarios are as hard as they say -----------------------------------------------------------------------

HAPPENS = {  # in a run of each of the three schedulers below, at least so often
    "stragglers": {},
    "spot": {"crash": 3, "preempted": 10, "drain": 10, "up": 10},
    "crashes": {"crash": 10, "failed": 5},
    "all-fail": {"failed": 9},
    "removed-checkpoints": {"removed": 10},
    "no-checkpoints": {"crash": 3},
    "workers-leave": {"down": 6, "up": 7, "preempted": 3},
    "nobody-left": {"down": 4, "preempted": 4, "budget": 4},
    "delays": {},
    "nothing-works": {"crash": 3, "preempted": 5, "removed": 3, "up": 3, "budget": 1},
}


@pytest.mark.parametrize("name", BY_NAME)
def test_what_should_happen_happens(name: str) -> None:
    scenario = BY_NAME[name]
    for spec in ("asha-promotion", "asha-stopping", "hyperband"):
        trace = Simulation(
            scenario.table,
            spec,
            workers=scenario.workers,
            seed=scenario.seed,
            budget=scenario.budget,
            cluster=scenario.cluster,
        ).run()
        seen = Counter(NAMES[event] for event in trace.columns.event.tolist())
        if spec != "asha-stopping":  # nobody pauses, so that no checkpoint is kept
            few = {what: seen[what] for what, least in HAPPENS[name].items() if seen[what] < least}
            assert not few, spec
        else:
            assert all(seen[what] for what in HAPPENS[name] if what != "removed")
        account = trace.accounting()
        repeats = {"spot", "crashes", "no-checkpoints", "workers-leave", "nothing-works"}
        assert account.repeated > 0 or name not in repeats
        assert account.overhead > 0 or name not in {"spot", "delays", "nothing-works"}
        paces = trace.columns.jobs.pace if name == "stragglers" else np.array([1.0, 3.0])
        assert paces.max() > 2.5 * paces.min()


# --- parts -------------------------------------------------------------------------------------------------------


def test_crashes_without_end_are_stopped() -> None:
    scenario = replace(BY_NAME["crashes"], cluster=Cluster(crashes="1000/s", retries=10**6))
    run = Subject(PlainAsha).run(scenario)
    assert isinstance(run.error, EndlessError)
    assert {asked.kind for asked in run.questions} == {"job", "failure"}
    assert "the run has no end" in conduct.protocol(None, scenario, run).said  # type: ignore[arg-type, union-attr]


def test_a_run_whose_workers_have_left_is_cut_off_and_has_not_stalled() -> None:
    scenario = BY_NAME["nobody-left"]
    run = Subject("hyperband").run(scenario)
    assert in_the_end(run).running
    assert not ran_out(run)
    assert conduct.no_stall(None, scenario, run) is None  # type: ignore[arg-type]
    assert conduct.accounted_for(None, scenario, run) is None  # type: ignore[arg-type]
    come_back = replace(scenario, cluster=Cluster(plan={"20s": 4, "8.5s": 0}))
    assert (scenario.is_cut_off, come_back.is_cut_off) == (True, False)
    failure = conduct.accounted_for(None, come_back, run)  # type: ignore[arg-type]
    assert failure is not None
    assert "runs when the run is over, and nothing has cut it off" in failure.said
    with pytest.raises(NotJudgedError, match="the run did not end by itself"):
        rungs_kept.best_promoted(None, scenario, run)  # type: ignore[arg-type]


def test_where_trials_stand_that_crash_and_fail() -> None:
    """One that crashes runs on, one that failed is over, in the rungs that it had reported in and in no other."""
    scenario = BY_NAME["crashes"]
    for subject in (Subject("hyperband"), Subject(broken.GivesUp)):
        run, failed = subject.run(scenario), {}
        for _, asked, standing in moments(run):
            if asked.kind == "failure":
                assert standing.trials[asked.trial].does == "runs"
            if asked.kind == "failed" or (asked.kind == "failure" and asked.answer == "stop"):
                failed[asked.trial] = asked.resource
        standing = in_the_end(run)
        assert {0, 1} <= set(failed.values())
        for trial, resource in failed.items():
            assert standing.trials[trial].does == OVER
            assert all(trial not in ended for ended in standing.ended.values())
            above = [rung for rung, entries in standing.rungs.items() if trial in entries and rung[1] > resource]
            assert not above
            assert not resource or trial in standing.rungs[standing.bracket[trial], resource]


class Thinks(PlainAsha):
    """A model of its own, with three observations, chooses each job."""

    def next_job(self) -> object:
        self.model_size = 3
        return super().next_job()


def test_a_model_that_is_watched_takes_its_time() -> None:
    scenario = replace(BY_NAME["delays"], workers=1, cluster=Cluster(decision="0.25 + 1 n^3"))
    reports = {
        maker: next(asked.time for asked in Subject(maker).run(scenario).questions if asked.kind == "report")
        for maker in (PlainAsha, Thinks)
    }
    assert reports == {PlainAsha: 1.0, Thinks: 28.25}


def test_how_failures_are_told() -> None:
    crashed = Question(1.5, "failure", "retry", trial=3, resource=9, value=np.inf, failures=2)
    failed = Question(2.5, "failed", trial=3, resource=0, value=np.inf)
    told = [" ".join(str(asked).split()) for asked in (crashed, failed)]
    assert told == [
        "1.500000 s trial 3 crashes (2), last report at 9 retry",
        "2.500000 s trial 3 has failed, without a report",
    ]
    assert crashed != replace(crashed, failures=3)

"""Every scheduler goes on without the trials that fail, and never again with one of them."""

from __future__ import annotations

from collections import defaultdict
from math import inf

import pytest
from failing import Drive, Plan, Told
from schedulers import AGAIN, SPECS, fits, name_of
from tables import random_table, table_of

from simulator import PAUSE, STOP, SearchContext, Trial
from simulator.brackets import Bracket, Synchronous
from simulator.replay import Curves
from simulator.rungs import fraction
from simulator.searcher import teaching
from simulator.searchers.random import RandomSearcher
from simulator.searching import ModelSearcher

PLANS: dict[str, Plan] = {
    "a third before its first report": lambda trial, segment: trial % 3 == 1 and segment == 0,
    "a third once it went on": lambda trial, segment: trial % 3 == 0 and segment == 1,
    "here and there": lambda trial, segment: (7 * trial + 5 * segment) % 4 == 0,
    "all before their first report": lambda trial, segment: True,
    "all that go on": lambda trial, segment: segment > 0,
}
TABLES = {
    "plain": random_table(5, n=11, levels=None),
    "awkward": random_table(6, n=9, size=6, levels=8, diverged=0.1, ragged=0.2),
    "from scratch": random_table(7, n=9, size=4, levels=None, diverged=0.05, resumable=False),
}
WIDE = random_table(8, n=60, levels=None, diverged=0.05, ragged=0.05)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("spec", [*SPECS, "hyperband(overlap=False)", "dehb(asynchronous=False)"])
def test_a_run_ends_without_stalling_or_touching_a_failed_trial(spec: str, plan: str) -> None:
    for workers, table in ((1, TABLES["plain"]), (3, TABLES["awkward"]), (3, TABLES["from scratch"])):
        if not fits(spec, table):
            continue
        drive = Drive(spec, table, PLANS[plan], workers).run()  # it refuses to resume or to copy a failed one
        assert "runs" not in drive.states
        if "before" in plan:
            assert "failed" in drive.states
        run_to_the_end = {one.trial.config for one in drive.told if table.r_max in one.sent or one.state == "curve-end"}
        assert drive.searcher.exhausted_at is not None or len(run_to_the_end) == len(table)
        if isinstance(drive.scheduler, Synchronous):
            assert not drive.scheduler._open  # no bracket waits for anybody
        if name_of(spec) in ("dyhpo", "pbt"):  # they go on with whoever is paused
            assert "paused" not in drive.states
        if name_of(spec) not in AGAIN:
            assert sorted(one.trial.config for one in drive.told) == list(range(len(table)))


SYNCHRONOUS: dict[str, tuple[list[list[int]], float]] = {  # planned rung sizes of brackets in turn, and eta
    "successive-halving": ([[9, 3, 1]], 3),
    "hyperband": ([[9, 3, 1], [5, 1], [3]], 3),
    "hyperband(overlap=False)": ([[9, 3, 1], [5, 1], [3]], 3),
    "hyperband(eta=2.5, levels=[1, 2, 5], rounding='ceil')": ([[16, 7, 3, 2], [9, 4, 2], [5, 2], [4]], 2.5),
    "bohb+random": ([[9, 3, 1], [5, 1], [3]], 3),
    "mobster(form='synchronous')+random": ([[9, 3, 1], [5, 1], [3]], 3),
    "one-epoch": ([[27, 3]], 1),
    "one-epoch(k=2, n=8, overlap=False)": ([[8, 2]], 1),
    "dehb": ([[9, 3, 1]], 3),
}
LEVELS = {
    "one-epoch": [1, 9],
    "one-epoch(k=2, n=8, overlap=False)": [1, 9],
    "hyperband(eta=2.5, levels=[1, 2, 5], rounding='ceil')": [1, 2, 5, 9],
}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("spec", SYNCHRONOUS)
def test_a_synchronous_rung_keeps_a_share_of_what_has_reported(spec: str, plan: str, workers: int) -> None:
    plans, eta = SYNCHRONOUS[spec]
    drive = Drive(spec, WIDE, PLANS[plan], workers).run()
    brackets: dict[int, list[int]] = defaultdict(list)
    for number, told in enumerate(drive.told):
        if isinstance(told.trial.tag, Bracket):  # dehb's later ones promote nobody
            brackets[told.trial.tag.number].append(number)
    assert len(brackets) > (name_of(spec) != "dehb")
    for bracket, started in brackets.items():
        sizes = plans[bracket % len(plans)]
        levels = LEVELS.get(spec, [1, 3, 9])[-len(sizes) :]
        present = set(started)
        for size, planned, level, following in zip(sizes, sizes[1:], levels, levels[1:], strict=False):
            values = {number: value_at(drive, number, level) for number in present}
            reported = sorted((value, number) for number, value in values.items() if value is not None)
            n = len(reported)
            keep = planned if n == size else min(planned, max(1, int(n / fraction(eta))))
            present = {number for value, number in reported[:keep] if value < inf}
            resumed = {number for number in started if following in drive.told[number].sent}
            assert resumed == {number for number in present if not is_over(drive, number, level)}


def value_at(drive: Drive, number: int, level: float) -> float | None:
    """What a trial has in the rung: what it reported, also where it ended before; None where it failed before."""
    told = drive.told[number]
    here = [value for resource, value in told.reports if resource == level]
    if here:
        return here[0]
    return None if told.state == "failed" else told.reports[-1][1]


def is_over(drive: Drive, number: int, level: float) -> bool:
    """Whether it was, by itself, at this level or before."""
    told = drive.told[number]
    return told.state in ("complete", "curve-end") and told.reports[-1][0] <= level


@pytest.mark.parametrize("overlap", [False, True])
def test_a_bracket_whose_trials_have_all_failed_makes_room_for_the_next(overlap: bool) -> None:
    drive = Drive(f"successive-halving(overlap={overlap})", WIDE, lambda trial, segment: trial < 9, 4, trials=12).run()
    first, second = (
        {number for number, told in enumerate(drive.told) if told.trial.tag.number == bracket} for bracket in (0, 1)
    )
    assert first == set(range(9))
    assert second == {9, 10, 11}
    assert first == {number for number, told in enumerate(drive.told) if told.state == "failed"}


@pytest.mark.parametrize("plan", list(PLANS))
def test_a_failed_trial_takes_no_place_in_a_population_of_dehb(plan: str) -> None:
    for spec in ("dehb", "dehb(asynchronous=False)"):
        drive = Drive(spec, TABLES["plain"], PLANS[plan], workers=3).run()
        for level, population in drive.scheduler._populations.at.items():
            for member in filter(None, population._members):
                assert value_at(drive, member.trial, level) == member.value
        for told in drive.told:
            for other in drive.told[: told.trial.id]:
                if other.trial.config == told.trial.config and other.failed <= told.began:
                    assert other.sent[-1] not in told.sent


def test_a_failed_member_of_a_population_is_replaced_and_copied_by_nobody() -> None:
    replaced = copied = 0
    for plan in PLANS.values():
        drive = Drive("pbt(population=4)", WIDE, plan, workers=3, trials=40).run()
        for told in drive.told[:20]:
            if told.state == "failed":
                heir = next(other for other in drive.told if other.began >= told.failed and same_member(other, told))
                replaced += 1
                copied += heir.trial.checkpoint_of is not None
    assert replaced > copied > 0


def same_member(one: Told, other: Told) -> bool:
    return one.trial.tag == other.trial.tag and one is not other


@pytest.mark.parametrize("spec", ["dyhpo", "mf-bo", "dyhpo(min_observations=3)", "mf-bo(min_observations=3)"])
def test_a_row_that_failed_is_not_chosen_again(spec: str) -> None:
    drive = Drive(spec, random_table(9, n=10, size=4, levels=None), PLANS["here and there"], workers=2).run()
    assert "failed" in drive.states
    for told in drive.told:
        before = [other for other in drive.told if other.failed <= told.began]
        assert told.trial.config not in [other.trial.config for other in before]


@pytest.mark.parametrize("spec", ["median-stopping", "median-stopping(own='value')", "curve-extrapolation"])
def test_who_failed_has_not_completed(spec: str) -> None:
    """So that nobody is stopped: each of them stops trials where some complete."""
    assert STOP in Drive(spec, WIDE, lambda trial, segment: False).run().answers
    table = random_table(8, n=60, levels=None)
    drive = Drive(spec, table, lambda trial, segment: segment == 2).run()
    assert set(drive.states) == {"failed"}
    assert STOP not in drive.answers


def test_a_promoted_trial_that_failed_holds_no_promotion_back() -> None:
    """Of D-ASHA: the first trial is promoted as one of three, the fourth, which is better, needs six for two."""
    table = table_of([[value] * 9 for value in (5, 6, 7, 1, 2, 3, 4)])

    def sent(plan: Plan, trials: int) -> list[list[float]]:
        drive = Drive("hyper-tune(brackets=1)+random", table, plan, initial=[*range(7)], trials=trials)
        return [told.sent for told in drive.run().told]

    assert sent(lambda trial, segment: False, 5) == [[1, 3], [1], [1], [1], [1]]
    assert sent(lambda trial, segment: False, 7) == [[1, 3], [1], [1], [1, 3], [1], [1], [1]]
    assert sent(lambda trial, segment: segment == 1, 5) == [[1, 3], [1], [1], [1, 3], [1]]


class Recording(RandomSearcher):
    """Learns nothing, and keeps what it is told."""

    def __init__(self, every_resource: bool) -> None:
        super().__init__()
        self.every_resource = every_resource

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self.seen: dict[int, list[tuple[float, float]]] = defaultdict(list)
        self.over: dict[int, list[str]] = defaultdict(list)

    def observe(self, trial: Trial, resource: float, value: float) -> None:
        self.seen[trial.id].append((resource, value))

    def on_end(self, trial: Trial, reason: str) -> None:
        self.over[trial.id].append(reason)


@pytest.mark.parametrize("every_resource", [False, True])
@pytest.mark.parametrize("plan", PLANS)
def test_a_searcher_learns_that_a_trial_has_failed_and_sees_nothing_more(plan: str, every_resource: bool) -> None:
    for spec in ("asha-promotion", "asha-stopping", "hyperband"):
        searcher = Recording(every_resource)
        drive = Drive(spec, TABLES["plain"], PLANS[plan], workers=2, searcher=searcher).run()
        for told in drive.told:
            seen, reported = searcher.seen[told.trial.id], told.reports
            whole = list(zip(told.trial.resources, told.trial.curve.tolist(), strict=True))
            assert seen == (whole if every_resource else reported)
            over = {"stopped": ["stop"], "paused": []}.get(told.state, [told.state])
            assert searcher.over[told.trial.id] == over


def test_results_on_the_way_to_a_failure_are_not_taken_for_its_value() -> None:
    searcher = Recording(every_resource=True)
    searcher.seen, searcher.over = defaultdict(list), defaultdict(list)
    ends: list[str] = []
    report, end = teaching(searcher, lambda *_: PAUSE, lambda *given: ends.append(given[-1]))
    trial = Trial(0, 0, 0, None, Curves(WIDE, "loss"), 0)
    trial._index = 0
    report(trial, 1, 0.5)
    trial._index = 2  # it got so far, and was to report at 9
    end(trial, 1, inf, "failed")
    assert (dict(searcher.seen), dict(searcher.over), ends) == ({0: [(1, 0.5)]}, {0: ["failed"]}, ["failed"])


@pytest.mark.parametrize(
    "spec",
    [
        "asha-promotion+kde",
        "hyperband+de(population=4)",
        "asha-stopping+evolution(population=4, sample=2)",
        "asha-promotion+gp",
        "mobster(form='synchronous')",
        "hyper-tune+hyper-tune(min_at_level=3)",
    ],
)
def test_a_model_waits_for_no_trial_that_failed(spec: str) -> None:
    table = random_table(3, n=14, size=4, levels=None)
    for plan in ("here and there", "all before their first report"):
        drive = Drive(spec, table, PLANS[plan], workers=2).run()
        assert "failed" in drive.states
        assert isinstance(drive.searcher, ModelSearcher)
        assert drive.searcher.running == {}
        seen = {(trial, resource) for resource, at in drive.searcher.at.items() for trial in at.trials}
        assert seen == {(told.trial.id, resource) for told in drive.told for resource, _ in told.reports}


@pytest.mark.parametrize("spec", SPECS)
def test_a_trial_that_crashed_is_tried_again_whoever_decides(spec: str) -> None:
    """A late report is all that a scheduler sees of it: the run is that of a slow trial."""
    table = random_table(4, n=10, size=4, levels=None)
    retried = Drive(spec, table, PLANS["here and there"], workers=2, fail=False).run()
    assert retried.crashes > 0
    assert "failed" not in retried.states

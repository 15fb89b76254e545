"""Every scheduler has the properties that it must have and those that it promises, in every scenario."""

from __future__ import annotations

import pytest

from simulator import Scheduler, make_scheduler, scheduler_names
from simulator.conformance import Report, check, scenario_names

NAMES = sorted(scheduler_names())
# Fitting models takes seconds a run: they go through small tables here, and through all scenarios in the slow tests.
COSTLY = {"curve-extrapolation", "dehb", "dyhpo", "mf-bo", "pbt"}
MODELS = COSTLY | {name for name in NAMES if make_scheduler(name).default_searcher() != "random"}
DEAREST = {"dyhpo", "mf-bo"}
CHEAPEST = {"bohb", "curve-extrapolation", "dyhpo", "pbt"}  # of the models, and the one that no fast test checks else
# These decide little, or as others do.
PLAINEST = {"asha-cost", "grid", "mo-asha", "one-epoch", "patience", "random", "rush", "successive-halving"}
SMALL = ["one-row", "many-workers", "all-fail"]
# Where arguments change a rule.
VARIANTS = [
    "asha-stopping(quantiles='levels')",
    "asha-stopping(rule='share')",
    "asha-stopping(own='left-out')",
    "asha-stopping(rule='top-k')",
    "asha-stopping(min_entries=3)",
    "asha-promotion(rule='quantile')",
    "asha-promotion(rule='quantile', quantiles='levels')",
    "asha-promotion(eta=2.5, r_min=2)",
    "async-hyperband(form='stopping')",
    "async-hyperband(rungs='bracket')",
    "hyperband(overlap=False)",
    "hyperband(rounding='ceil')",
    "successive-halving(n=10, overlap=False)",
    "one-epoch(overlap=False)",
    "rush(initial=[0])",
    "rush(initial=[0], form='promotion')",
    "patience(min_delta=0.01)",
    "grid(shuffle=True)",
]
# What the decisions below rest on: a promise that is dropped for no reason should be missed.
PROMISED = {
    "asha-promotion": {"best-promoted", "eager-promotion", "monotone", "rank-based", "renaming", "top-share"},
    "asha-stopping": {"best-not-stopped", "monotone", "rank-based", "renaming"},
    "hyperband": {"best-promoted", "brackets-finish", "monotone", "no-lost-worker", "rank-based", "top-share"},
}


def assert_kept_everywhere(report: Report) -> None:
    report.assert_passed()
    assert report.runs + len(report.refused) == len(scenario_names())
    assert report.runs > len(report.refused)


# What a lambda makes is run in no fresh process, which would take half of the time: `test_determinism` does that with
# all schedulers on two tables, and the slow tests here in all scenarios.


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in PLAINEST else name for name in NAMES if name not in MODELS],
)
def test_it_keeps_what_it_promises(name: str) -> None:
    assert_kept_everywhere(check(lambda: make_scheduler(name)))


@pytest.mark.slow
@pytest.mark.parametrize("spec", [*(name for name in NAMES if name not in MODELS), *VARIANTS])
def test_it_keeps_it_in_fresh_processes_too(spec: str) -> None:
    report = check(spec)
    assert_kept_everywhere(report)
    assert report.finding("deterministic-process").verdict == "holds"


@pytest.mark.parametrize(
    "name", [name if name in CHEAPEST else pytest.param(name, marks=pytest.mark.slow) for name in sorted(MODELS)]
)
def test_models_keep_it_on_small_tables(name: str) -> None:
    check(lambda: make_scheduler(name), SMALL if name not in DEAREST else SMALL[:1]).assert_passed()


@pytest.mark.slow
@pytest.mark.parametrize("spec", [*sorted(MODELS), "asha-promotion+gp", "hyperband+kde"])
def test_models_keep_it_everywhere(spec: str) -> None:
    check(spec).assert_passed()


@pytest.mark.parametrize("name", PROMISED)
def test_the_well_known_promise_what_their_papers_say(name: str) -> None:
    assert PROMISED[name] <= make_scheduler(name).promises


def test_whoever_promises_nothing_is_asked_only_what_all_are() -> None:
    assert Scheduler.promises == frozenset()
    assert not Scheduler.synchronous

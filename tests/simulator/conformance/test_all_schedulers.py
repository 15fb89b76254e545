"""Every scheduler has the properties that it must have and those that it promises, in every scenario."""

from __future__ import annotations

import pytest

from simulator import Scheduler, make_scheduler, scheduler_names
from simulator.conformance import check, scenario_names

NAMES = sorted(scheduler_names())
# Fitting models takes seconds a run: they go through small tables here, and through all scenarios in the slow tests.
COSTLY = {"curve-extrapolation", "dehb", "dyhpo", "mf-bo", "pbt"}
MODELS = COSTLY | {name for name in NAMES if make_scheduler(name).default_searcher() != "random"}
DEAREST = {"dyhpo", "mf-bo"}
CHEAPEST = {"bohb", "curve-extrapolation", "dyhpo", "pbt"}  # of the models, and the one that no fast test checks else
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


@pytest.mark.parametrize(
    "spec",
    [name for name in NAMES if name not in MODELS] + [pytest.param(spec, marks=pytest.mark.slow) for spec in VARIANTS],
)
def test_it_keeps_what_it_promises(spec: str) -> None:
    report = check(spec)
    report.assert_passed()
    assert report.runs + len(report.refused) == len(scenario_names())
    assert report.runs > len(report.refused)


@pytest.mark.parametrize(
    "spec", [spec if spec in CHEAPEST else pytest.param(spec, marks=pytest.mark.slow) for spec in sorted(MODELS)]
)
def test_models_keep_it_on_small_tables(spec: str) -> None:
    check(spec, SMALL if spec not in DEAREST else SMALL[:1]).assert_passed()


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

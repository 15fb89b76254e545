"""Asynchronous Hyperband against its brute-force twin, and its bracket sizes against DESIGN's worked example."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import ceil, floor, inf
from typing import Any

import numpy as np
import pytest
from brute_force import AshaPromotion, AshaStopping, assert_same, exactly
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of
from tables import random_table, table_of, tables
from test_brute_force import ETAS, runs

from blackboxes import Blackbox
from simulator import PAUSE, STOP, Context, Continue, Resume, Scheduler, Simulation, SimulationError, Start, Trial
from simulator.schedulers import asha_promotion, asha_stopping
from simulator.schedulers.async_hyperband import AsyncHyperband


class PlainAsyncHyperband(Scheduler):
    """Every decision scans all that was reported; a bracket is found by adding up the sizes."""

    def __init__(self, eta: float = 3, brackets: int | None = None, rungs: str = "shared", form: str = "promotion"):
        self.eta, self.brackets, self.rungs, self.form = exactly(eta), brackets, rungs, form

    def setup(self, context: Context) -> None:
        self.searcher, self.nothing_left = context.searcher(), False
        self.levels = [*context.rung_levels(eta=float(self.eta)), context.r_max]
        s_max = len(self.levels) - 1
        sizes = [ceil((s_max + 1) * self.eta**s / (s + 1)) for s in range(s_max, -1, -1)]
        self.sizes = sizes[: self.brackets or len(sizes)]
        self.stream = context.stream("brackets")
        self.reports: list[tuple[int, float, float, int]] = []  # bracket, level, value, trial
        self.promoted: set[tuple[int, float]] = set()  # trial, level

    def draw(self) -> int:
        share, b = Fraction(int(self.stream.raw(1)[0]), 2**64) * sum(self.sizes), 0
        while share >= sum(self.sizes[: b + 1]):
            b += 1
        return b

    def rung(self, bracket: int, level: float) -> list[tuple[float, int]]:
        """Best first; of all brackets where they share."""
        return sorted(
            (value, trial)
            for its_bracket, at, value, trial in self.reports
            if at == level and (self.rungs == "shared" or its_bracket == bracket)
        )

    def promotion(self, bracket: int) -> Resume | None:
        for low, high in reversed(list(zip(self.levels[:-1], self.levels[1:], strict=True))):
            rung = self.rung(bracket, low)
            for value, trial in rung[: floor(len(rung) / self.eta)]:
                if self.form == "promotion" and value < inf and (trial, low) not in self.promoted:
                    self.promoted.add((trial, low))
                    return Resume(trial, until=high)
        return None

    def next_job(self) -> Start | Resume | None:
        if not self.nothing_left:
            b = self.draw() if self.rungs == "bracket" else 0
            job = self.promotion(b)
            if job is not None:
                return job
            row = self.searcher.propose()
            if row is not None:
                b = self.draw() if self.rungs == "shared" else b
                return Start(row, until=self.levels[b], tag=b)
            self.nothing_left = True
        return next((job for b in range(len(self.sizes)) if (job := self.promotion(b)) is not None), None)

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.reports.append((trial.tag, resource, value, trial.id))
        if self.form == "promotion":
            return PAUSE
        rung = [entry for entry, _ in self.rung(trial.tag, resource)]
        goes_on = value < inf and sum(entry < value for entry in rung) <= floor((len(rung) - 1) / self.eta)
        return Continue(self.levels[self.levels.index(resource) + 1]) if goes_on else STOP


@given(
    table=tables(),
    eta=ETAS,
    brackets=st.sampled_from([None, None, 1, 2, 9]),
    rungs=st.sampled_from(["shared", "bracket"]),
    form=st.sampled_from(["promotion", "stopping"]),
    run=runs(),
)
@settings(max_examples=200)
def test_it_decides_as_its_brute_force_twin(
    table: Blackbox, eta: float, brackets: int | None, rungs: str, form: str, run: dict[str, Any]
) -> None:
    built_in = AsyncHyperband(eta, brackets=brackets, rungs=rungs, form=form)  # type: ignore[arg-type]
    assert_same(table, built_in, PlainAsyncHyperband(eta, brackets, rungs, form), **run)


@pytest.mark.parametrize("rungs", ["shared", "bracket"])
@given(table=tables(), eta=ETAS, run=runs())
@settings(max_examples=40)
def test_one_bracket_is_asha(rungs: Any, table: Blackbox, eta: float, run: dict[str, Any]) -> None:
    one = AsyncHyperband(eta, brackets=1, rungs=rungs)
    assert_same(table, one, AshaPromotion(eta), **run)
    one = AsyncHyperband(eta, brackets=1, rungs=rungs, form="stopping")
    assert_same(table, one, AshaStopping(eta), **run)


def flat_table(n: int, r_max: int) -> Blackbox:
    return table_of(np.arange(n)[:, None] + np.zeros(r_max))


@pytest.mark.parametrize("rungs", ["shared", "bracket"])
def test_trials_start_where_the_brackets_of_designs_example_do(rungs: Any) -> None:
    """Stopping form: every job is a start, so that a bracket is drawn once a trial in both systems."""
    n, sizes = 4150, {1: 243, 3: 98, 9: 41, 27: 18, 81: 9, 200: 6}
    scheduler = AsyncHyperband(rungs=rungs, form="stopping")
    trace = Simulation(flat_table(n, 200), scheduler, workers=4, seed=5).run()
    starts = Counter(trace.columns.until[trace.columns.event == 0].tolist())
    assert set(starts) == set(sizes)
    chi_squared = sum((starts[r] - n * size / 415) ** 2 / (n * size / 415) for r, size in sizes.items())
    assert chi_squared < 20.5, starts  # 5 degrees of freedom: exceeded once in a thousand


def test_shared_rungs_take_trials_of_all_brackets_and_others_only_their_own() -> None:
    """A rung of a bracket of its own promotes floor(n/eta) of the trials of that bracket."""
    table, seen = random_table(3, n=300, size=27), {}
    for rungs in ("shared", "bracket"):
        scheduler = AsyncHyperband(rungs=rungs)  # type: ignore[arg-type]
        trace = Simulation(table, scheduler, workers=5, seed=1).run()
        first: dict[int, float] = {}
        reached: Counter[tuple[float, float]] = Counter()
        went_on: Counter[tuple[float, float]] = Counter()
        for event in events_of(trace):
            if event["event"] == "start":
                first[event["trial"]] = event["until"]
            where = first[event["trial"]], event["resource"]
            reached[where] += event["event"] == "pause"
            went_on[where] += event["event"] == "resume"
        assert set(first.values()) == {1, 3, 9, 27}
        seen[rungs] = [(n, went_on[where]) for where, n in sorted(reached.items()) if n >= 3]
    assert all(promoted >= n // 3 for n, promoted in seen["bracket"])
    assert any(promoted < n // 3 for n, promoted in seen["shared"])


def test_levels_by_hand_and_too_many_brackets() -> None:
    scheduler = AsyncHyperband(levels=[2, 5], brackets=100)
    trace = Simulation(flat_table(300, 9), scheduler, workers=4).run()
    assert set(trace.columns.until[trace.columns.event == 0].tolist()) == {2, 5, 9}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"rungs": "one"}, r"rungs is 'shared' or 'bracket', not 'one'"),
        ({"form": "pause"}, r"form is 'promotion' or 'stopping', not 'pause'"),
        ({"brackets": 0}, r"brackets = 0: a whole number from 1"),
        ({"brackets": 1.5}, r"brackets = 1.5: a whole number"),
        ({"eta": 1}, r"eta = 1.*above 1"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        AsyncHyperband(**arguments)


def test_the_forms_are_ashas_own() -> None:
    table = random_table(4, n=60, size=9)
    for form, asha in (("promotion", asha_promotion.AshaPromotion()), ("stopping", asha_stopping.AshaStopping())):
        one = Simulation(table, f"async-hyperband(brackets=1, form={form!r})").run()
        assert one.digest() == Simulation(table, asha).run().digest()

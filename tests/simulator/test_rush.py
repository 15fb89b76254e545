"""RUSH against its brute-force twin, and what its bar does."""

from __future__ import annotations

from math import floor, inf
from typing import Any

import pytest
from brute_force import AshaPromotion, AshaStopping, assert_same, exactly
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_table, table_of, tables
from test_brute_force import ETAS, runs
from test_skip_ahead import assert_skipping_changes_nothing

from blackboxes import Blackbox
from simulator import PAUSE, STOP, Context, Continue, Resume, Scheduler, Simulation, SimulationError, Start, Trial
from simulator.schedulers.rush import Rush

FORMS = ["stopping", "promotion"]


class PlainRush(Scheduler):
    """The bar of a rung is looked for among all of its entries whenever it is needed."""

    def __init__(self, given: int, eta: float = 3, form: str = "stopping") -> None:
        self.given, self.eta, self.form = given, exactly(eta), form

    def setup(self, context: Context) -> None:
        self.searcher = context.searcher()
        self.levels = [*context.rung_levels(eta=float(self.eta)), context.r_max]
        self.rungs: dict[float, list[tuple[float, int]]] = {r: [] for r in self.levels}
        self.promoted: set[tuple[int, float]] = set()

    def meets_the_bar(self, value: float, trial: int, level: float) -> bool:
        return trial < self.given or value <= min((v for v, t in self.rungs[level] if t < self.given), default=inf)

    def next_job(self) -> Start | Resume | None:
        for low, high in reversed(list(zip(self.levels[:-1], self.levels[1:], strict=True))):
            rung = sorted(self.rungs[low])
            for value, trial in rung[: floor(len(rung) / self.eta)] if self.form == "promotion" else []:
                if value < inf and (trial, low) not in self.promoted and self.meets_the_bar(value, trial, low):
                    self.promoted.add((trial, low))
                    return Resume(trial, until=high)
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        rung = self.rungs[resource]
        rung.append((value, trial.id))
        if self.form == "promotion":
            return PAUSE
        better = sum(entry < value for entry, _ in rung)
        asha = value < inf and better <= floor((len(rung) - 1) / self.eta)
        goes_on = asha and self.meets_the_bar(value, trial.id, resource)
        return Continue(self.levels[self.levels.index(resource) + 1]) if goes_on else STOP


@pytest.mark.parametrize("form", FORMS)
@given(table=tables(), eta=ETAS, picks=st.lists(st.integers(0, 39), max_size=6), run=runs())
@settings(max_examples=150)
def test_it_decides_as_its_brute_force_twin(
    form: Any, table: Blackbox, eta: float, picks: list[int], run: dict[str, Any]
) -> None:
    initial = [row for row in picks if row < len(table)]
    assert_same(table, Rush(eta, form=form), PlainRush(len(initial), eta, form), initial=initial, **run)


@pytest.mark.parametrize("form", FORMS)
@given(table=tables(), eta=ETAS, run=runs())
@settings(max_examples=40)
def test_without_given_configurations_it_is_asha(form: Any, table: Blackbox, eta: float, run: dict[str, Any]) -> None:
    assert_same(table, Rush(eta, form=form), {"stopping": AshaStopping, "promotion": AshaPromotion}[form](eta), **run)


# Values at 1 and at 3 epochs of rows 0..8: flat curves, row 4 is the best but for rows 0 and 1.
VALUES = [0.3, 0.4, 0.9, 0.8, 0.5, 0.6, 0.7, 0.95, 0.85]


def completed(scheduler: Any, initial: list[Any]) -> set[int]:
    table = table_of([[value] * 3 for value in VALUES])
    trace = Simulation(table, scheduler, workers=1, seed=0, initial=initial).run()
    results = trace.results()
    return set(results.loc[results["resource"] == 3, "config"])


@pytest.mark.parametrize("form", FORMS)
def test_the_best_given_one_keeps_the_worse_from_going_on(form: Any) -> None:
    """With row 4 given, only rows 0, 1 and itself can go beyond the first rung; ASHA lets others go on early."""
    found = completed(Rush(form=form), [4])
    assert found <= {0, 1, 4}
    assert 0 in found
    assert completed(Rush(form=form), [{"x": 4, "letter": "e"}]) == found
    assert not completed(Rush(form=form), [2]) <= {0, 1, 2}  # a low bar, which more pass


def test_the_given_ones_go_by_ashas_rule_alone() -> None:
    """Stopping, rows 4, 5 and 6 given in this order: the first continues; the others are worse, and stopped by ASHA.

    In the other order each is the best so far and continues, though the bar is then at its own value.
    """
    assert completed(Rush(), [4, 5, 6]) & {4, 5, 6} == {4}
    assert completed(Rush(), [6, 5, 4]) & {4, 5, 6} == {4, 5, 6}


def test_the_given_ones_are_named_on_the_command_line_or_with_the_run() -> None:
    table = random_table(2, n=40, levels=None)
    plain = Simulation(table, Rush(), initial=[2, 4]).run()
    assert Simulation(table, "rush(initial=[2, 4])").run().digest() == plain.digest()
    assert Simulation(table, "asha-stopping(initial=[2, 4])").run().digest() != plain.digest()


@pytest.mark.parametrize("form", FORMS)
@given(table=tables(resumable=True), workers=st.integers(1, 6))
@settings(max_examples=30)
def test_asked_at_every_resource_it_does_the_same(form: Any, table: Blackbox, workers: int) -> None:
    initial = list(range(0, len(table), 7))
    assert_skipping_changes_nothing(table, Rush(form=form), Rush(form=form), workers=workers, initial=initial)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"form": "pause"}, r"form is 'stopping' or 'promotion', not 'pause'"), ({"eta": 0.5}, r"eta = 0.5.*above 1")],
)
def test_wrong_arguments(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        Rush(**arguments)

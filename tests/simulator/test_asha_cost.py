"""Cost-aware ASHA against its brute-force twin, on hand-made rungs, and where all trials cost the same."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from brute_force import PlainAsha, assert_same, exactly
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of
from tables import table_of, tables
from test_brute_force import ETAS, r_min_of, runs

from blackboxes import Blackbox
from simulator import PAUSE, Context, Resume, Scheduler, Simulation, Start, Trial
from simulator.schedulers.asha_cost import AshaCost, CostRung
from simulator.schedulers.asha_promotion import AshaPromotion


class PlainAshaCost(Scheduler):
    """Sorts the rung, adds up costs from the best on, and stops at a share 1/eta of their sum."""

    def __init__(self, eta: float = 3, r_min: float | None = None) -> None:
        self.eta, self.r_min = exactly(eta), r_min

    def setup(self, context: Context) -> None:
        self.searcher = context.searcher()
        self.levels = [*context.rung_levels(self.r_min, float(self.eta)), context.r_max]
        self.rungs: dict[float, list[tuple[float, int, int]]] = {r: [] for r in self.levels}
        self.promoted: set[tuple[int, float]] = set()

    def next_job(self) -> Start | Resume | None:
        for low, high in reversed(list(zip(self.levels[:-1], self.levels[1:], strict=True))):
            rung, spent = sorted(self.rungs[low]), 0
            for value, trial, cost in rung if len(rung) > 1 else []:
                spent += cost
                if spent * self.eta > sum(cost for _, _, cost in rung):
                    break
                if value < inf and (trial, low) not in self.promoted:
                    self.promoted.add((trial, low))
                    return Resume(trial, until=high)
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.rungs[resource].append((value, trial.id, round(trial.elapsed * 1e9)))
        return PAUSE


@given(table=tables(), eta=ETAS, position=st.sampled_from([0.0, 0.0, 0.3]), run=runs())
@settings(max_examples=200)
def test_it_decides_as_its_brute_force_twin(table: Blackbox, eta: float, position: float, run: dict[str, Any]) -> None:
    r_min = r_min_of(table, position)
    assert_same(table, AshaCost(eta, r_min), PlainAshaCost(eta, r_min), **run)


@given(table=tables(times="equal", zero_times=0.0, resumable=True), eta=st.integers(2, 4), run=runs())
@settings(max_examples=60)
def test_where_all_cost_the_same_it_is_asha(table: Blackbox, eta: int, run: dict[str, Any]) -> None:
    assert_same(table, AshaCost(eta), PlainAsha(eta), **run)


def promotable(rung: CostRung) -> list[int]:
    """All that it gives, one after the other."""
    return [trial for trial in iter(rung.take, None) if trial is not None]


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([1, 1, 1, 1, 1, 1], [0, 1]),  # 2 <= 6 / 3
        ([1, 1, 1, 1, 1, 4], [0, 1, 2]),  # 3 <= 9 / 3
        ([3, 1, 1, 1, 1, 1], []),  # 3 > 8 / 3
        ([1, 2, 1, 1, 1, 3], [0, 1]),  # 3 <= 9 / 3, 4 not
        ([1, 3, 1, 1, 1, 2], [0]),  # 4 > 9 / 3
        ([0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]),
        ([5], []),
        ([0], []),
    ],
)
def test_the_best_whose_summed_cost_is_a_third_of_all(costs: list[int], expected: list[int]) -> None:
    for order in (range(len(costs)), reversed(range(len(costs)))):  # trial 0 is the best
        rung = CostRung(1 / exactly(3))
        for trial in order:
            rung.add(float(trial), trial, costs[trial])
        assert promotable(rung) == expected


def test_what_a_diverged_trial_has_spent_counts() -> None:
    """Of values 0 (1 s), 1 (1 s) and one diverged that took 4 s, the two may go: 2 <= 6 / 3. Without it none may."""
    rung = CostRung(1 / exactly(3))
    rung.add(0.0, 0, 1)
    rung.add(1.0, 1, 1)
    assert promotable(rung) == []
    rung.add(inf, 2, 4)
    assert promotable(rung) == [0, 1]


def test_a_slow_trial_waits_for_more_to_have_been_spent() -> None:
    """Three trials in turn; the best takes 8 s, the others 1 s: ASHA promotes it then, cost-aware ASHA cannot."""
    table = table_of([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]], [[8, 9], [1, 2], [1, 2]], resources=[1, 3])
    for scheduler, resumed in ((AshaPromotion(), [0]), (AshaCost(), [])):
        trace = Simulation(table, scheduler, workers=1).run()
        config = trace.columns.config
        assert [config[e["trial"]] for e in events_of(trace) if e["event"] == "resume"] == resumed


def test_on_a_table_trained_from_scratch_all_segments_count() -> None:
    """To reach rung level 3 from scratch a trial spends 1 + 3 s; to reach 1 again would be 1 s."""
    spent = []

    class Noting(AshaCost):
        def on_report(self, trial: Trial, resource: float, value: float) -> Any:
            spent.append((resource, trial.elapsed))
            return super().on_report(trial, resource, value)

    table = table_of([[float(row)] * 9 for row in range(9)], resumable=False)
    Simulation(table, Noting(), workers=1).run()
    assert set(spent) == {(1, 1.0), (3, 4.0)}

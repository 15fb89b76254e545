"""Multi-objective ASHA: fronts, their orders, and promotion by them, against what the papers say, in loops."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
import pytest
from brute_force import assert_same, exactly
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_table, table_of, tables
from test_brute_force import ETAS, r_min_of, runs

from blackboxes import Blackbox, Metric
from blackboxes.streams import Stream
from simulator import PAUSE, Context, Resume, Scheduler, Simulation, SimulationError, Start, Trial
from simulator.fronts import Fronts, Point, crowding, epsilon_net
from simulator.schedulers.asha_promotion import AshaPromotion
from simulator.schedulers.mo_asha import MoAsha

# --- fronts ----------------------------------------------------------------------------------------------------


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and (one[0] < other[0] or one[1] < other[1])


def peeled(points: Sequence[Point]) -> list[list[Point]]:
    """Take away what nobody dominates, again and again."""
    fronts, left = [], list(points)
    while left:
        fronts.append([p for p in left if not any(dominates(q, p) for q in left)])
        left = [p for p in left if p not in fronts[-1]]
    return fronts


COORDINATES = st.one_of(st.integers(0, 6), st.integers(0, 1000), st.floats(-5, 5)).map(float)


@given(places=st.lists(st.tuples(COORDINATES, COORDINATES), max_size=60))
@settings(max_examples=400)
def test_points_that_come_in_one_by_one_lie_on_the_fronts_that_peeling_finds(
    places: list[tuple[float, float]],
) -> None:
    fronts, points = Fronts(), []
    for trial, (x, y) in enumerate(places):
        fronts.add((x, y, trial))
        points.append((x, y, trial))
        assert fronts.fronts == [sorted(front) for front in peeled(points)]


def spread_out(front: Sequence[Point], scaled: bool) -> list[int]:
    """Clarkson's order: from the least first objective, always the farthest from its nearest among those taken."""
    spans = [max(p[d] for p in front) - min(p[d] for p in front) for d in (0, 1)]
    scale = [span if scaled and span > 0 else 1.0 for span in spans]
    low = [min(p[d] for p in front) if scaled else 0.0 for d in (0, 1)]
    at = {p[2]: [(p[d] - low[d]) / scale[d] for d in (0, 1)] for p in front}
    left = sorted(p[2] for p in front)
    order = [min(left, key=lambda trial: (at[trial][0], trial))]
    left.remove(order[0])
    while left:
        distance = {
            trial: min(sum((here - there) * (here - there) for here, there in zip(at[trial], at[t])) for t in order)  # noqa: B905
            for trial in left
        }
        order.append(min(left, key=lambda trial: (-distance[trial], trial)))
        left.remove(order[-1])
    return order


def by_crowding(front: Sequence[Point]) -> list[int]:
    """NSGA-II's crowding-distance-assignment: sort by each objective, the ends are infinitely far."""
    distance = {p[2]: 0.0 for p in front}
    ordered = sorted(front)  # by the second objective it is the same from the other end
    for d in (0, 1):
        along = ordered if d == 0 else ordered[::-1]
        span = along[-1][d] - along[0][d] or 1.0
        distance[along[0][2]] = distance[along[-1][2]] = inf
        for before, p, after in zip(along, along[1:], along[2:], strict=False):
            distance[p[2]] += (after[d] - before[d]) / span
    return sorted(distance, key=lambda trial: (-distance[trial], trial))


GRID = st.integers(0, 32).map(lambda k: k / 8)  # sums and differences are exact, so that ties are ties


@given(places=st.lists(st.tuples(GRID, GRID), min_size=1, max_size=40), count=st.integers(1, 45), scaled=st.booleans())
@settings(max_examples=300)
def test_the_epsilon_net_takes_the_farthest(places: list[tuple[float, float]], count: int, scaled: bool) -> None:
    for front in map(sorted, peeled([(x, y, trial) for trial, (x, y) in enumerate(places)])):
        assert list(epsilon_net(front, count, scaled)) == spread_out(front, scaled)[:count]


BY_HAND = [(0.0, 8.0, 3), (1.0, 5.0, 0), (2.0, 2.0, 4), (3.0, 1.0, 1), (4.0, 0.0, 2)]


def test_the_epsilon_net_by_hand() -> None:
    """Both ends first. In shares of 4 and of 8, trial 4 lies at (1/2, 1/4), by the root of 5/16 from the nearer end,
    and trial 0 at (1/4, 5/8), by that of 13/64; as they are, by the root of 8 and that of 10.
    """
    assert list(epsilon_net(BY_HAND, 5)) == [3, 2, 4, 0, 1]
    assert list(epsilon_net(BY_HAND, 2)) == [3, 2]
    assert list(epsilon_net(BY_HAND, 5, scaled=False)) == [3, 2, 0, 4, 1]


def test_crowding_by_hand() -> None:
    """The neighbours of trials 0, 4, 1 are 2/4 + 6/8, 2/4 + 4/8, 2/4 + 2/8 apart."""
    assert crowding(BY_HAND, 5) == [2, 3, 0, 4, 1]
    assert crowding(BY_HAND, 3) == [2, 3, 0]


@given(places=st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=30), count=st.integers(1, 35))
@settings(max_examples=200)
def test_crowding_is_nsga2s(places: list[tuple[float, float]], count: int) -> None:
    for front in map(sorted, peeled([(x, y, trial) for trial, (x, y) in enumerate(places)])):
        assert crowding(front, count) == by_crowding(front)[:count]


# --- the scheduler ---------------------------------------------------------------------------------------------


class PlainMoAsha(Scheduler):
    """ASHA's algorithm 2, whose top k come from sorting the whole rung at every question."""

    def __init__(self, second: str, within: str, scaled: bool, eta: float, r_min: float | None, sign: float) -> None:
        self.second, self.within, self.scaled, self.sign = second, within, scaled, sign
        self.eta, self.r_min = exactly(eta), r_min

    def setup(self, context: Context) -> None:
        self.searcher = context.searcher()
        self.levels = [*context.rung_levels(self.r_min, float(self.eta)), context.r_max]
        self.rungs: dict[float, list[Point]] = {r: [] for r in self.levels}
        self.promoted: dict[float, set[int]] = {r: set() for r in self.levels}

    def top(self, rung: list[Point]) -> list[int]:
        sound = [p for p in rung if p[0] < inf and p[1] < inf]
        order: list[int] = []
        for front in peeled(sound):
            order += by_crowding(front) if self.within == "nsga2" else spread_out(front, self.scaled)
        return order[: int(len(rung) / self.eta)]

    def next_job(self) -> Start | Resume | None:
        for low, high in reversed(list(zip(self.levels, self.levels[1:]))):  # noqa: B905
            for trial in self.top(self.rungs[low]):
                if trial not in self.promoted[low]:
                    self.promoted[low].add(trial)
                    return Resume(trial, until=high)
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        other = trial.elapsed if self.second == "elapsed" else self.sign * float(trial.metrics[self.second][-1])
        self.rungs[resource].append((value, inf if np.isnan(other) else other, trial.id))
        return PAUSE


def with_size(table: Blackbox, seed: int, direction: str, diverged: float) -> Blackbox:
    """The table with one more metric, which has nothing to do with the others."""
    draw = Stream(seed, "size")
    shape = table.elapsed.shape
    size = np.floor(draw.uniform(table.elapsed.size).reshape(shape) * 9)
    size[np.isnan(table.elapsed) | (draw.uniform(size.size).reshape(shape) < diverged)] = np.nan
    return table.replaced(
        metrics=table.metrics | {"size": size}, metric_info=table.metric_info | {"size": Metric(direction)}
    )


@given(
    table=tables(n=st.integers(1, 20)),
    seed=st.integers(0, 99),
    direction=st.sampled_from(["min", "max"]),
    diverged=st.sampled_from([0.0, 0.2]),
    second=st.sampled_from(["elapsed", "size"]),
    within=st.sampled_from(["epsnet", "nsga2"]),
    scaled=st.booleans(),
    eta=ETAS,
    position=st.sampled_from([None, 0.3]),
    run=runs(),
)
@settings(max_examples=100)
def test_mo_asha_promotes_the_top_of_the_sorted_rung(
    table: Blackbox,
    seed: int,
    direction: str,
    diverged: float,
    second: str,
    within: str,
    scaled: bool,
    eta: float,
    position: float | None,
    run: dict[str, Any],
) -> None:
    table = with_size(table, seed, direction, diverged)
    r_min = None if position is None else r_min_of(table, position)
    twin = PlainMoAsha(second, within, scaled, eta, r_min, -1.0 if direction == "max" else 1.0)
    assert_same(table, MoAsha(second, within, scaled, eta, r_min), twin, **run)


@given(table=tables(), eta=ETAS, run=runs())
@settings(max_examples=100)
def test_where_the_second_objective_is_the_same_for_all_it_is_asha(
    table: Blackbox, eta: float, run: dict[str, Any]
) -> None:
    constant = {"constant": np.where(np.isnan(table.elapsed), np.nan, 1.0)}
    table = table.replaced(
        metrics=table.metrics | constant, metric_info=table.metric_info | {"constant": Metric("min")}
    )
    assert_same(table, MoAsha("constant", eta=eta), AshaPromotion(eta), **run)


def test_the_cheap_and_the_good_are_both_promoted() -> None:
    """Of six trials four are on the first front: rows 0, 1, 2, 5. Two go on: the best, and the farthest from it."""
    loss = np.array([0.1, 0.2, 0.5, 0.6, 0.7, 0.8])
    size = np.array([9, 8, 4, 7, 7.5, 1])
    base = table_of(loss[:, None] * np.ones(3))
    table = base.replaced(
        metrics=base.metrics | {"size": size[:, None, None] * np.ones((1, 1, 3))},
        metric_info=base.metric_info | {"size": Metric("min")},
    )
    for scheduler, rows in ((MoAsha("size"), {0, 5}), (AshaPromotion(), {0, 1})):
        trace = Simulation(table, scheduler, workers=6).run()
        resumed = trace.columns.trial[trace.columns.event == 1]
        assert set(trace.columns.config[resumed].tolist()) == rows


def test_the_second_metrics_own_direction_counts() -> None:
    """Size falls where loss rises: as something to be kept small, everybody is on the first front."""
    loss = np.array([[[0.1] * 3], [[0.2] * 3], [[0.3] * 3]])
    base = table_of(loss[:, 0, :])
    promoted = {}
    for direction in ("min", "max"):
        info = base.metric_info | {"size": Metric(direction)}
        table = base.replaced(metrics={"loss": loss, "size": 1 - loss}, metric_info=info)
        trace = Simulation(table, MoAsha("size", eta=1.5), workers=3).run()
        resumed = trace.columns.trial[(trace.columns.event == 1) & (trace.columns.until == 2)]
        promoted[direction] = set(trace.columns.config[resumed].tolist())
    assert promoted == {"min": {0, 2}, "max": {0, 1}}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"second": "size"}, r"second = 'size' is neither 'elapsed' nor a metric.*known: loss, other"),
        ({"second": 3}, r"second = 3"),
        ({"within": "random"}, r"within.*'epsnet' or 'nsga2'.*'random'"),
        ({"scaled": 1}, r"scaled is True or False"),
        ({"eta": 1}, r"eta = 1"),
        ({"r_min": 10}, r"r_min = 10.*r_max = 9"),
        ({"levels": [1.5]}, r"1\.5.*nearest"),
    ],
)
def test_wrong_arguments(arguments: Any, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        Simulation(random_table(0, size=9), MoAsha(**arguments)).run()

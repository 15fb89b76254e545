"""Grid search: the order of the grid, and that nobody else proposes."""

from __future__ import annotations

from itertools import product
from math import inf
from typing import Any

import numpy as np
import pytest
from brute_force import assert_same
from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, Float, OrdinalHyperparameter
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import integer_table, random_table, tables
from test_brute_force import runs

from blackboxes import Blackbox
from blackboxes.streams import Stream
from simulator import STOP, Budget, Context, Scheduler, Searcher, Simulation, SimulationError, Start, Trial
from simulator.schedulers.grid import Grid

LETTERS = ["relu", "tanh", "elu"]  # not in order of the alphabet
SIZES = ["small", "medium", "large"]


def space() -> ConfigurationSpace:
    made = ConfigurationSpace()
    made.add(
        CategoricalHyperparameter("activation", LETTERS),
        Float("rate", (0.0, 10.0)),
        OrdinalHyperparameter("size", SIZES),
    )
    return made


def with_configs(table: Blackbox, configs: list[tuple[Any, Any, Any]]) -> Blackbox:
    """The table with these (activation, rate, size) as its rows; None where inactive."""
    activation, rate, size = zip(*configs, strict=True)
    columns = {
        "activation": np.array(activation, dtype=object),
        "rate": np.array([np.nan if r is None else r for r in rate]),
        "size": np.array(size, dtype=object),
    }
    return table.replaced(space=space, configs=columns)


class PlainGrid(Scheduler):
    """Looks for the smallest row that is left, hyperparameter by hyperparameter, each time anew."""

    def __init__(self, table: Blackbox) -> None:
        self.table = table

    def setup(self, context: Context) -> None:
        self.r_max, self.left = context.r_max, set(range(len(self.table)))

    def next_job(self) -> Start | None:
        if not self.left:
            return None
        row = min(self.left, key=self.place)
        self.left.remove(row)
        return Start(row, self.r_max)

    def place(self, row: int) -> tuple[float, ...]:
        found = self.table.params(row)  # without the inactive ones
        activation = LETTERS.index(found["activation"]) if "activation" in found else inf
        size = SIZES.index(found["size"]) if "size" in found else inf
        return activation, found.get("rate", inf), size, row

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        return STOP


def rows(table: Blackbox, scheduler: Any, **options: Any) -> list[int]:
    return Simulation(table, scheduler, **options).run().columns.config.tolist()


@given(table=tables(), run=runs(), data=st.data())
@settings(max_examples=100)
def test_grid_goes_from_the_smallest_row_up(table: Blackbox, run: dict[str, Any], data: Any) -> None:
    one = st.tuples(
        st.sampled_from([*LETTERS, None]), st.sampled_from([0.5, 2.0, 10.0, None]), st.sampled_from([*SIZES, None])
    )
    table = with_configs(table, data.draw(st.lists(one, min_size=len(table), max_size=len(table)), "configs"))
    assert_same(table, Grid(), PlainGrid(table), **run)


def test_a_full_grid_comes_as_itertools_product_gives_it() -> None:
    grid = list(product(LETTERS, [0.25, 1.0, 9.0, 10.0], SIZES))
    shuffled = Stream(5, "grid").permutation(len(grid)).tolist()
    table = with_configs(random_table(0, n=len(grid), size=3), [grid[k] for k in shuffled])
    found = [tuple(table.params(row)[name] for name in ("activation", "rate", "size")) for row in rows(table, "grid")]
    assert found == grid


def test_numbers_need_no_space() -> None:
    """The space of this table cannot be parsed; its one hyperparameter ascends."""
    table = random_table(0, n=9).replaced(configs={"x": np.array([5, 3, 8, 1, 9, 2, 7, 4, 6])})
    assert rows(table, "grid") == [3, 5, 1, 7, 0, 8, 6, 2, 4]


def test_every_trial_goes_to_r_max() -> None:
    results = Simulation(random_table(1, n=20, size=9), "grid", workers=3).run().results()
    assert (results.groupby("trial")["resource"].max() == 9).all()


def test_shuffled_by_the_seed_alone() -> None:
    table = random_table(0, n=40)
    orders = {seed: rows(table, "grid(shuffle=True)", seed=seed) for seed in range(3)}
    assert all(sorted(order) == list(range(40)) for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) == 3
    assert rows(table, Grid(shuffle=True), seed=1, workers=7) == orders[1]
    assert orders[1] != rows(table, "random", seed=1)


def test_initial_configurations_go_first_and_not_again() -> None:
    table = integer_table(n=8)
    assert rows(table, "grid", initial=[5, 2]) == [5, 2, 0, 1, 3, 4, 6, 7]
    assert rows(table, "grid(initial=[5])", initial=[2]) == [2, 5, 0, 1, 3, 4, 6, 7]
    assert rows(table, "grid", initial=[{"x": 6}])[:3] == [6, 0, 1]


@pytest.mark.parametrize("options", [{}, {"initial": [2]}])
def test_the_trace_tells_when_the_grid_was_used_up(options: dict[str, Any]) -> None:
    table = random_table(0, n=6, size=3, times="equal")  # 3 s a trial; of 4 workers two find nothing at 3 s
    assert Simulation(table, "grid", workers=4, **options).run().info.exhausted_at == 3.0
    assert Simulation(table, "grid", budget=Budget(trials=6), **options).run().info.exhausted_at is None


def test_the_grid_begins_again_where_rows_come_round_again() -> None:
    table = random_table(0, n=6, replicates=2)
    options = {"exhausted": "cycle", "budget": Budget(trials=15), "workers": 3}
    assert rows(table, "grid", **options) == [*range(6), *range(6), *range(3)]
    assert rows(table, "grid", initial=[4], **options) == [4, 0, 1, 2, 3, 5, *range(6), *range(3)]


def test_a_searcher_is_refused() -> None:
    class Mine(Searcher):
        def propose(self) -> int | None:
            return 0

    for options in ({"searcher": Mine()}, {"searcher": Mine(), "initial": [1]}):
        with pytest.raises(SimulationError, match=r"grid.*by itself.*searcher Mine"):
            Simulation(random_table(0), "grid", **options).run()
    with pytest.raises(SimulationError, match=r"grid.*by itself.*the prior"):
        Simulation(random_table(0, n=2), "grid+random(prior=[1, 2])").run()


@pytest.mark.parametrize("shuffle", [1, 0, "yes", None], ids=repr)
def test_shuffle_is_true_or_false(shuffle: Any) -> None:
    with pytest.raises(SimulationError, match=r"shuffle is True or False"):
        Grid(shuffle=shuffle)

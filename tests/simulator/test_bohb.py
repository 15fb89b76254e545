"""BOHB is Hyperband with the searcher `kde`, whose model is of the largest rung with enough data."""

from __future__ import annotations

import numpy as np
import pytest
from spaces import with_space
from tables import random_table

from simulator import Budget, Simulation, make_scheduler
from simulator.schedulers.bohb import Bohb
from simulator.searchers.kde import Kde


@pytest.mark.parametrize("arguments", ["", "(eta=2)", "(overlap=False, rounding='ceil')", "(levels=[2, 5])"])
@pytest.mark.parametrize("workers", [1, 4])
def test_it_is_hyperband_with_kde(arguments: str, workers: int) -> None:
    table = with_space(random_table(3, n=150, size=27, levels=None, diverged=0.1, ragged=0.1))

    def digest(spec: str) -> str:
        return Simulation(table, spec, workers=workers, seed=2).run().digest()

    assert digest(f"bohb{arguments}") == digest(f"hyperband{arguments}+kde") != digest(f"hyperband{arguments}")
    assert digest(f"bohb{arguments}+random") == digest(f"hyperband{arguments}")
    assert digest(f"bohb{arguments}+kde(good=0.5)") != digest(f"bohb{arguments}")


def test_an_object_comes_with_kde_too() -> None:
    table = with_space(random_table(3, n=60, size=9, levels=None))
    made = Simulation(table, Bohb(eta=2)).run()
    assert made.digest() == Simulation(table, "bohb(eta=2)").run().digest()
    assert make_scheduler("bohb").default_searcher() == "kde"


def test_its_model_moves_up_to_the_largest_rung_with_enough_reports() -> None:
    """Six hyperparameters: N_min = 7, so nine reports are needed. Rung levels are 1, 3, 9 and 27."""
    table = with_space(random_table(3, n=300, size=27, levels=None))
    fitted: list[tuple[float | None, dict[float, int]]] = []

    class Watched(Kde):
        def choose(self, rows: np.ndarray) -> int | None:
            fitted.append((self.largest(self.needed + 2), {r: len(observed) for r, observed in self.at.items()}))
            return super().choose(rows)

    Simulation(table, "bohb", searcher=Watched(), workers=1, budget=Budget(trials=110)).run()
    for resource, counts in fitted:
        assert resource == max(r for r, count in counts.items() if count >= 9)
    used = [resource for resource, _ in fitted]
    # The first bracket starts 27 trials, of which nine go by before there is a model; it ends with 9, 3 and 1 reports
    # at levels 3, 9 and 27. The second adds 12, 4 and 1, and so on: 9 at level 9 are there in the third (6), 9 at level
    # 27 (1 + 1 + 2 + 4 an iteration) when the first bracket of the second iteration, with 27 trials, has ended.
    assert used[:18] == [1] * 18
    assert used[18 : 18 + 12 + 2] == [3] * 14
    assert set(used[18 + 12 + 2 : 18 + 12 + 6 + 4 + 27]) == {9}
    assert used[18 + 12 + 6 + 4 + 27 :] == [27] * len(used[18 + 12 + 6 + 4 + 27 :])
    assert len(used) == 110 - 9

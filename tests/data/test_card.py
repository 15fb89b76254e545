"""Figures of data cards, from tables whose figures are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, EqualsCondition
from recipe_modules import module

from blackboxes import Blackbox, Metric

card = module("card")


def box(task: str, error: np.ndarray, elapsed: np.ndarray, metric: str, unit: str, **changed: Any) -> Blackbox:
    arguments: dict[str, Any] = {
        "family": "made",
        "task": task,
        "space": ConfigurationSpace({"x": (0.0, 1.0)}),
        "configs": {"x": np.linspace(0, 1, len(error))},
        "resources": np.arange(1, error.shape[2] + 1),
        "metrics": {metric: error, metric.replace("validation", "test"): error + 1},
        "metric_info": {name: Metric("min", unit) for name in (metric, metric.replace("validation", "test"))},
        "elapsed": elapsed,
        "test_metric": metric.replace("validation", "test"),
    }
    return Blackbox(**(arguments | changed))


def cells(text: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line]
    return {row[0]: row[1:] for row in rows}


def falling() -> tuple[np.ndarray, np.ndarray]:
    """Four configurations, two replicates, three epochs; the last configuration diverges at its second epoch."""
    error = np.array([0.1, 0.2, 0.3, 0.4])[:, None, None] + np.zeros((4, 2, 3))
    error[:, :, 0] += 0.5
    elapsed = np.broadcast_to([1.0, 2.0, 3.0], error.shape).copy()
    error[3, :, 1:] = np.nan
    elapsed[3, :, 2] = np.nan
    return error, elapsed


def test_figures_of_a_resumable_table() -> None:
    error, elapsed = falling()
    found = cells(card.figures([box("a", error, elapsed, "validation_error", "fraction")], (1, 2)))
    assert found["configurations x replicates x epochs"] == ["4 x 2 x 3"]
    assert found["curves that diverged"] == ["25.0%"]
    assert found["final validation error: best"] == ["0.1000"]
    assert found["median"] == ["0.2000"]
    assert found["worst"] == ["0.3000"]
    assert found["final test error of the best by validation"] == ["1.1000"]
    assert found["mean time of a full training"] == ["3.000 s"]
    # Six whole curves of 3 s and two that ended after 2 s.
    assert found["time of all curves together"] == [f"{(6 * 3 + 2 * 2) / 3600:.2f} h"]
    assert found["rank correlation: epoch 1 with 3"] == ["1.000"]
    assert not any("exponent" in label for label in found)


def test_figures_of_a_number_with_a_unit() -> None:
    error, elapsed = falling()
    made = box("price", 1000 * error, elapsed, "validation_rmse", "USD", resources=[1, 3, 9], resource_unit="round")
    found = cells(card.figures([made], (3,)))
    assert found["final validation rmse: best"] == ["100 USD"]
    assert found["lowest validation rmse at any round"] == ["100 USD"]
    assert found["configurations x replicates x resources, 1 to 9 rounds"] == ["4 x 2 x 3"]
    assert "rank correlation: round 3 with 9" in found


def test_figures_of_a_table_from_scratch_have_the_exponent_of_its_times() -> None:
    sizes = np.array([100, 200, 400])
    error = np.linspace(0.1, 0.4, 4)[:, None, None] / (sizes / 100)
    elapsed = np.broadcast_to((sizes / 100) ** 1.5 * 900, error.shape).copy()
    made = box("a", error, elapsed, "validation_error", "fraction", resources=sizes, resumable=False)
    found = cells(card.figures([made.replaced(resource_unit="row")], (100,)))
    assert found["time grows as r^b: fitted exponent b"] == ["1.50"]
    assert found["time for one row: dearest over cheapest resource"] == ["2.00"]
    # Every size was trained anew: 4 x 900 s x (1 + 2.83 + 8).
    assert found["time of all curves together"] == ["11.83 h"]
    assert found["mean time of a full training"] == ["7200.000 s"]
    assert "rank correlation: 100 rows with 400" in found


def test_tables_with_the_same_metric_share_a_markdown_table() -> None:
    error, elapsed = falling()
    boxes = [box(task, error, elapsed, "validation_error", "fraction") for task in ("a", "b")]
    boxes.insert(1, box("price", error, elapsed, "validation_rmse", "USD"))
    shared, alone = card.figures(boxes, (1,)).split("\n\n")
    assert shared.splitlines()[0] == "|  | `a` | `b` |"
    assert alone.splitlines()[0] == "|  | `price` |"
    assert "rmse" in alone
    assert "rmse" not in shared


@pytest.mark.parametrize("conditional", [False, True])
def test_space_table_names_the_conditions(conditional: bool) -> None:
    space = ConfigurationSpace({"kernel": ["linear", "rbf"], "gamma": (0.1, 1.0)})
    if conditional:
        space.add(EqualsCondition(space["gamma"], space["kernel"], "rbf"))
    error, elapsed = falling()
    configs = {"kernel": ["rbf"] * 4, "gamma": np.full(4, 0.5)}
    text = card.space_table(box("a", error, elapsed, "validation_error", "fraction", space=space, configs=configs))
    assert cells(text)["`gamma`"] == ["real", "0.1 to 1", "linear"] + ["kernel == rbf"] * conditional
    assert ("active if" in text) == conditional


def test_diverged_values_tie_for_the_worst_rank() -> None:
    late = np.array([1.0, 2.0, 3.0, np.nan, np.nan])
    assert card.rank_correlation(np.array([1.0, 2.0, 3.0, 9.0, 9.0]), late) == pytest.approx(1.0)
    assert card.rank_correlation(np.array([5.0, 4.0, 3.0, 0.0, 0.0]), late) == pytest.approx(-1.0)

"""Curves: what is asked for, over which axis, and what they are called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_runs import by_hand

from analysis import as_runs, curves
from analysis.runs import RunsError

RUN = by_hand(
    [2.0, 4.0],
    [0.8, 0.3],
    full_training=2.0,
    resources=[10.0, 30.0],
    costs=[1.0, 2.0],
    cost=6.0,
    cluster="spot",
    mean_values=[0.9, 0.5],
    highest_times=[2.0, 6.0],
    highest_values=[0.8, 0.9],
    charged_times=[5.0],
    charged_values=[0.4],
    charged_test_values=[0.7],
    table_best=0.1,
    table_median=0.5,
    mean_best=0.25,
    mean_median=0.75,
    test_best=0.2,
    test_median=0.6,
)


@pytest.mark.parametrize(
    ("asked", "at", "expected", "labels"),
    [
        ({}, 4.0, 0.3, ("simulated time (s)", "best loss so far")),
        ({"scale": "regret"}, 4.0, 0.2, ("simulated time (s)", "regret of loss")),
        (
            {"scale": "normalised"},
            4.0,
            0.5,
            ("simulated time (s)", "normalised regret (0: the table's best, 1: its median)"),
        ),
        ({"x": "trainings"}, 2.0, 0.3, ("simulated time (mean full trainings)", "best loss so far")),
        ({"x": "resource"}, 29.0, 0.8, ("trained in all (epochs)", "best loss so far")),
        ({"x": "cost"}, 2.0, 0.3, ("cost of the workers (in the currency of their price)", "best loss so far")),
        ({"score": "mean"}, 4.0, 0.5, ("simulated time (s)", "loss of the incumbent, mean of replicates")),
        (
            {"score": "mean", "scale": "normalised"},
            4.0,
            0.5,
            (
                "simulated time (s)",
                "normalised regret (0: the table's best, 1: its median) in the mean of replicates",
            ),
        ),
        ({"incumbent": "highest"}, 6.0, 0.9, ("simulated time (s)", "loss of the best at the highest resource")),
        (
            {"incumbent": "charged", "score": "test"},
            5.0,
            0.7,
            ("simulated time (s)", "test loss of the incumbent, trained to the end"),
        ),
        (
            {"incumbent": "charged", "score": "test", "scale": "regret"},
            5.0,
            0.5,
            ("simulated time (s)", "regret of test loss of the incumbent, trained to the end"),
        ),
    ],
)
def test_curves_are_of_what_is_asked_and_say_so(
    asked: dict[str, Any], at: float, expected: float, labels: tuple[str, str]
) -> None:
    found = curves(as_runs([RUN]), **asked)
    before, then = found.at(np.array([np.nextafter(at, 0), at]))[0]
    assert then == pytest.approx(expected)
    assert before != then or asked.get("x") == "resource"
    assert (found.x_label, found.y_label) == labels


def test_what_rows_do_not_tell_is_an_error() -> None:
    old = as_runs([by_hand([1.0], [0.5])])  # written before rows told more
    for asked in ({"x": "resource"}, {"score": "mean"}, {"incumbent": "highest"}):
        with pytest.raises(RunsError, match=r"these runs do not tell .*: run the comparison again"):
            curves(old, **asked)  # type: ignore[arg-type]
    with pytest.raises(RunsError, match=r"do not tell the table's best test value: run the comparison again"):
        curves(old, "test", "regret")


@pytest.mark.parametrize("asked", [{"score": "tset"}, {"scale": "log"}, {"incumbent": "last"}, {"x": "epochs"}])
def test_other_arguments_are_errors_that_list_what_there_is(asked: dict[str, Any]) -> None:
    [(name, value)] = asked.items()
    with pytest.raises(RunsError, match=rf"{name} is one of \w+(, \w+)+, not '{value}'"):
        curves(as_runs([RUN]), **asked)


def test_regret_without_a_scale_is_an_error_that_names_the_table() -> None:
    runs = as_runs([by_hand([1.0], [0.5], table_best=0.5, table_median=0.5)])
    with pytest.raises(RunsError, match=r"made:by-hand: regret has no scale, since the median"):
        curves(runs, scale="normalised")


def test_the_bound_is_left_out_where_it_bounds_nothing() -> None:
    bound = by_hand([1.0], [0.1], "clairvoyant", resources=[], mean_values=[], highest_times=[], highest_values=[])
    runs = as_runs([RUN | {"cluster": ""}, bound])
    assert len(curves(runs)) == len(curves(runs, "reported", "regret")) == 2
    for asked in ({"x": "resource"}, {"score": "mean"}, {"incumbent": "highest"}):
        assert len(curves(runs, **asked)) == 1  # type: ignore[arg-type]


def test_directions_of_several_tables_have_no_common_sign_but_regret_has() -> None:
    runs = as_runs([RUN, RUN | {"table": "other", "direction": "max", "metric": "accuracy"}])
    with pytest.raises(RunsError, match="smaller is better on some tables"):
        _ = curves(runs).sign
    assert curves(runs, scale="normalised").sign == 1
    assert curves(runs).y_label == "best value so far"


@pytest.mark.parametrize(("x", "column"), [("time", "times"), ("resource", "resources"), ("cost", "costs")])
def test_a_recommendation_that_a_later_one_overtakes_is_never_taken(x: Any, column: str) -> None:
    made = {"charged_values": [0.5, 0.3, 0.2, 0.1], f"charged_{column}": [20.0, 180.0, 130.0, 130.0]}
    run = RUN | {"charged_times": [1.0, 2.0, 3.0, 4.0]} | made
    found = curves(as_runs([run]), incumbent="charged", x=x)
    np.testing.assert_array_equal(found.at(np.array([10.0, 20.0, 129.0, 130.0, 180.0])), [[np.nan, 0.5, 0.5, 0.1, 0.1]])
    assert found.steps[0].tolist() == [20.0, 130.0]

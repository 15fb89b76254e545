"""Sizes of rungs and brackets that the papers and DESIGN print, counted on traces of actual runs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tables import table_of

from blackboxes import Blackbox
from simulator import Simulation, Trace
from simulator.schedulers.hyperband import Hyperband
from simulator.schedulers.successive_halving import SuccessiveHalving


def smooth_table(n: int, r_max: int) -> Blackbox:
    """n curves that never cross and never tie, in an order that is not that of the rows."""
    final = (np.arange(n) * 7919 % n).astype(float)
    return table_of(final[:, None] + 1.0 / np.arange(1, r_max + 1))


def rungs(trace: Trace) -> list[dict[float, int]]:
    """For each bracket, in order: how many jobs each resource was the goal of.

    One worker serves the brackets one after the other, so that each begins where trials start after resumes, or
    where starts go to another level.
    """
    brackets: list[Counter[float]] = []
    former: tuple[str, float] | None = None
    for event, until in zip(trace.columns.event, trace.columns.until, strict=True):
        name = {0: "start", 1: "resume"}.get(int(event))
        if name is None:
            continue
        if name == "start" and former != ("start", until):
            brackets.append(Counter())
        brackets[-1][float(until)] += 1
        former = (name, until)
    return [dict(bracket) for bracket in brackets]


def hyperband_brackets(r_max: int, count: int, **arguments: str) -> list[dict[float, int]]:
    starts = {81: 143, 200: 415}[r_max]
    simulation = Simulation(smooth_table(starts, r_max), Hyperband(overlap=False, **arguments), workers=1)
    brackets = rungs(simulation.run())
    assert len(brackets) == count
    return brackets


def test_brackets_for_81_epochs() -> None:
    assert hyperband_brackets(81, 5) == [
        {1: 81, 3: 27, 9: 9, 27: 3, 81: 1},
        {3: 34, 9: 11, 27: 3, 81: 1},
        {9: 15, 27: 5, 81: 1},
        {27: 8, 81: 2},
        {81: 5},
    ]


def test_brackets_for_81_epochs_rounded_up() -> None:
    assert hyperband_brackets(81, 5, rounding="ceil") == [
        {1: 81, 3: 27, 9: 9, 27: 3, 81: 1},
        {3: 34, 9: 12, 27: 4, 81: 2},
        {9: 15, 27: 5, 81: 2},
        {27: 8, 81: 3},
        {81: 5},
    ]


def test_the_papers_anchor_gives_the_same_brackets_where_r_max_is_a_power() -> None:
    assert hyperband_brackets(81, 5, anchor="r_max") == hyperband_brackets(81, 5)


def test_brackets_for_200_epochs() -> None:
    assert hyperband_brackets(200, 6) == [
        {1: 243, 3: 81, 9: 27, 27: 9, 81: 3, 200: 1},
        {3: 98, 9: 32, 27: 10, 81: 3, 200: 1},
        {9: 41, 27: 13, 81: 4, 200: 1},
        {27: 18, 81: 6, 200: 2},
        {81: 9, 200: 3},
        {200: 6},
    ]


def test_one_synchronous_round_for_200_epochs() -> None:
    trace = Simulation(smooth_table(243, 200), "successive-halving", workers=7).run()
    counts = Counter(trace.columns.until[trace.columns.event <= 1])  # of starts and resumes
    assert counts == {1: 243, 3: 81, 9: 27, 27: 9, 81: 3, 200: 1}


def test_a_round_of_34_goes_on_as_11_then_3_then_1() -> None:
    trace = Simulation(smooth_table(34, 27), SuccessiveHalving(n=34), workers=3).run()
    assert Counter(trace.columns.until[trace.columns.event <= 1]) == {1: 34, 3: 11, 9: 3, 27: 1}


def test_after_the_last_bracket_the_first_comes_again() -> None:
    trace = Simulation(smooth_table(60, 9), Hyperband(overlap=False), workers=1).run()
    first, *later = rungs(trace)
    assert first == {1: 9, 3: 3, 9: 1}
    assert later[:2] == [{3: 5, 9: 1}, {9: 3}]
    assert later[2] == first


@pytest.mark.parametrize("workers", [1, 4])
def test_the_best_of_the_table_survives_its_round(workers: int) -> None:
    table = smooth_table(81, 81)
    results = Simulation(table, "successive-halving", workers=workers).run().results()
    finished = results[results["resource"] == 81]
    assert finished["loss"].tolist() == [float(table.metrics["loss"].min())]


def test_a_round_that_cannot_fill_keeps_a_third_of_what_it_has() -> None:
    # Planned 27, 9, 3, 1; the table has 20 rows: 20 / 3 = 6, then 2, then max(1, 0) = 1.
    trace = Simulation(smooth_table(20, 27), SuccessiveHalving(), workers=4).run()
    assert Counter(trace.columns.until[trace.columns.event <= 1]) == {1: 20, 3: 6, 9: 2, 27: 1}


def test_a_trial_whose_curve_ended_holds_its_value_in_the_next_rungs() -> None:
    """Three of nine curves end after 2 epochs; the best of them takes a place at 9 without running there."""
    nan = float("nan")
    curves = [[float(row)] * 2 + [nan] * 7 if row < 3 else [float(row)] * 9 for row in range(9)]
    seconds = [[1.0, 2.0] + [nan] * 7 if row < 3 else [float(r) for r in range(1, 10)] for row in range(9)]
    trace = Simulation(table_of(curves, seconds), "successive-halving", workers=1).run()
    reached = trace.results().groupby("config")["resource"].max()
    assert reached.to_dict() == {0: 2, 1: 2, 2: 2, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1}


# --- overlap: whether a worker that the open brackets have no job for opens the next one --------------------------


def opened(overlap: bool, slow: float) -> list[tuple[float, int, float, float]]:
    """Every job of two workers on 9 epochs, brackets 9, 5 and 3 trials: time, worker, resource, until.

    All curves take a second an epoch, but for that of the ninth trial, which takes `slow`.
    """
    table = smooth_table(17, 9)
    rows = Simulation(table, Hyperband(), workers=1).run().columns.config.tolist()
    seconds = np.broadcast_to(np.arange(1.0, 10.0), (17, 9)).copy()
    seconds[rows[8]] *= slow
    table = table.replaced(elapsed=seconds[:, None, :])
    columns = Simulation(table, Hyperband(overlap=overlap), workers=2).run().columns
    jobs = columns.event <= 1
    chosen = (columns.time[jobs] / 1e9, columns.worker[jobs], columns.resource[jobs], columns.until[jobs])
    return list(zip(*(column.tolist() for column in chosen), strict=True))


def test_without_overlap_a_free_worker_waits_for_the_rung() -> None:
    """The first rung's ninth trial runs alone from 4 s to 14 s; then three go on to 3 epochs, of which two take 2 s and
    the last runs alone; the second bracket opens when the first one's best is through.
    """
    jobs = opened(False, slow=10)
    assert jobs[8:13] == [(4, 0, 0, 1), (14, 0, 1, 3), (14, 1, 1, 3), (16, 0, 1, 3), (18, 0, 3, 9)]
    assert jobs[13:15] == [(24, 0, 0, 3), (24, 1, 0, 3)]


def test_with_overlap_a_free_worker_opens_the_next_bracket() -> None:
    """From 4 s on worker 1 starts trials of the second bracket, 3 s each, and goes back when the first one's rung is
    full: at 14 s worker 0 has the first of its three, and takes all, as worker 1 has 2 s more to go.
    """
    jobs = opened(True, slow=10)
    assert jobs[8:13] == [(4, 0, 0, 1), (4, 1, 0, 3), (7, 1, 0, 3), (10, 1, 0, 3), (13, 1, 0, 3)]
    assert jobs[13:16] == [(14, 0, 1, 3), (16, 0, 1, 3), (16, 1, 1, 3)]
    assert jobs[16] == (18, 0, 3, 9)


def test_overlap_is_the_default_and_can_be_written_in_the_spec() -> None:
    table = smooth_table(40, 9)

    def digest(scheduler: str | Hyperband) -> str:
        return Simulation(table, scheduler, workers=4).run().digest()

    assert digest("hyperband") == digest("hyperband(overlap=True)") == digest(Hyperband())
    assert digest("hyperband(overlap=False)") == digest(Hyperband(overlap=False)) != digest("hyperband")


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("workers", [1, 3, 8])
def test_overlap_changes_when_and_not_what(overlap: bool, workers: int) -> None:
    """Three whole brackets, however they lie in time."""
    trace = Simulation(smooth_table(17, 9), Hyperband(overlap=overlap), workers=workers).run()
    assert Counter(trace.columns.until[trace.columns.event <= 1]) == {1: 9, 3: 3 + 5, 9: 1 + 1 + 3}

"""Optimisers that are asked and told: which trials they make, what they are told, and real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tables import random_table

from blackboxes import Blackbox, load
from simulator import Budget, Context, SchedulerError, Simulation, Trace
from simulator.adapters.ask_and_tell import AskAndTell, Asked
from simulator.conformance import check


class Listed:
    """Asks for what it was given, and keeps what it is told."""

    def __init__(self, asked: list[Asked]) -> None:
        self.left, self.told = list(asked), list[tuple[Asked, float, float]]()

    def ask(self) -> Asked | None:
        return self.left.pop(0) if self.left else None

    def tell(self, asked: Asked, value: float, seconds: float) -> None:
        self.told.append((asked, value, seconds))


def listed(table: Blackbox, asked: list[Asked], resume: bool = True, **options: Any) -> tuple[Listed, Trace]:
    """The optimiser after a run, and the run's trace."""
    optimiser = Listed(asked)
    trace = Simulation(table, AskAndTell(lambda context: optimiser, resume), **options).run()
    return optimiser, trace


@pytest.mark.parametrize("direction", ["min", "max"])
def test_each_evaluation_is_told_once_with_its_value_and_its_time(direction: str) -> None:
    table = random_table(3, n=6, size=9, diverged=0.2, direction=direction, times="fine")
    asked = [Asked(row, resource, f"{row} to {resource}") for row, resource in [(2, 3), (0, 9), (5, 1), (1, 4), (4, 7)]]
    optimiser, trace = listed(table, asked, workers=2)
    assert sorted(told.note for told, _, _ in optimiser.told) == sorted(one.note for one in asked)
    values, sign = table.metrics[trace.info.metric], table.metric_info[trace.info.metric].sign
    for told, value, seconds in optimiser.told:
        expected = sign * values[told.config, 0, told.resource - 1]
        assert value == (np.inf if np.isnan(expected) else expected)
        assert seconds == pytest.approx(table.elapsed[told.config, 0, told.resource - 1])
    assert trace.columns.config.tolist() == [one.config for one in asked]


@pytest.mark.parametrize(("resume", "trials"), [(True, 2), (False, 4)])
def test_who_is_asked_for_again_and_further_goes_on(resume: bool, trials: int) -> None:
    table = random_table(3, n=6, size=9, times="fine")
    asked = [Asked(2, 3), Asked(2, 5), Asked(2, 5), Asked(2, 9)]  # the third is no further: it begins anew
    optimiser, trace = listed(table, asked, resume, workers=1)
    assert len(trace.columns.config) == trials
    time = table.elapsed[2, 0]
    expected = [time[2], time[4] - time[2], time[4], time[8] - time[4]] if resume else time[[2, 4, 4, 8]]
    assert [seconds for _, _, seconds in optimiser.told] == pytest.approx(expected)


def test_configurations_are_proposals_and_resources_are_the_nearest() -> None:
    table = load("mlp:digits")
    optimiser, trace = listed(table, [Asked(table.params(17), 8.9), Asked(table.params(3), 1000.0)])
    assert trace.columns.config.tolist() == [17, 3]
    assert trace.columns.resource.max() == 81
    assert [told.resource for told, _, _ in optimiser.told] == [8.9, 1000.0]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ((0, 3), "an Asked"),
        (Asked(None, 3), "config is a row"),  # type: ignore[arg-type]
        (Asked(True, 3), "config is a row"),
        (Asked(0, "3"), "resource is a number above 0"),  # type: ignore[arg-type]
        (Asked(0, float("nan")), "resource is a number above 0"),
        (Asked(0, 0), "resource is a number above 0"),
        (Asked({"x": [3]}, 3), "no configuration of the table"),
        (Asked(6, 3), "rows of .* are 0 to 5"),
    ],
)
def test_what_cannot_be_evaluated_is_named(asked: Any, words: str) -> None:
    with pytest.raises(SchedulerError, match=words):
        listed(random_table(3, n=6), [asked])


def test_rows_of_numpy_are_rows() -> None:
    _, trace = listed(random_table(3, n=6, size=9), [Asked(np.int64(2), np.float64(3)), Asked(2, 9)], workers=1)
    assert trace.columns.config.tolist() == [2]
    assert trace.summary()["resource"] == 9


@pytest.mark.parametrize("call", ["ask", "tell", "make"])
def test_an_error_of_the_optimiser_names_the_call(call: str) -> None:
    class Broken(Listed):
        def __init__(self, context: Context) -> None:
            super().__init__([Asked(0, 1), Asked(1, 1)])
            assert call != "make", "broken"

        def ask(self) -> Asked | None:
            assert call != "ask" or len(self.left) == 2, "broken"
            return super().ask()

        def tell(self, asked: Asked, value: float, seconds: float) -> None:
            assert call != "tell", "broken"

    said = {"ask": r"ask\(\) at 0 s", "tell": r"tell\(...\) of trial \d at resource 1 at", "make": "its making at 0 s"}
    with pytest.raises(SchedulerError, match=f"Broken: {said[call]}.*: AssertionError: broken") as error:
        Simulation(random_table(0), AskAndTell(Broken)).run()
    assert isinstance(error.value.__cause__, AssertionError)


class Halving:
    """Successive halving as somebody might write it: 9 configurations, three of them on, one of these to the end."""

    def __init__(self, context: Context) -> None:
        self.propose, self.rungs = context.searcher().propose, [context.nearest(context.r_max / k) for k in (9, 3, 1)]
        self.round: list[Asked] = []
        self.pending, self.results, self.level = 0, list[tuple[float, int]](), 2

    def ask(self) -> Asked | None:
        while not self.round and not self.pending:
            best = [row for value, row in sorted(self.results)[: len(self.results) // 3] if value < np.inf]
            self.level = (self.level + 1) % 3 if best else 0
            rows = best if self.level else [row for row in (self.propose() for _ in range(9)) if row is not None]
            if not rows:
                return None
            self.round, self.results = [Asked(row, self.rungs[self.level]) for row in rows], []
        if not self.round:
            return None
        self.pending += 1
        return self.round.pop(0)

    def tell(self, asked: Asked, value: float, seconds: float) -> None:
        self.pending -= 1
        self.results.append((value, asked.config))


def test_halving_written_so_is_ours() -> None:
    table = load("mlp:digits")
    options: dict[str, Any] = {"workers": 3, "seed": 2, "budget": Budget(trials=27)}
    theirs = Simulation(table, AskAndTell(Halving), **options).run()
    ours = Simulation(table, "successive-halving(n=9,levels=[9,27],overlap=False)", **options).run()
    assert theirs.columns.config.tolist() == ours.columns.config.tolist()
    assert theirs.observations["time"].tolist() == ours.observations["time"].tolist()
    assert theirs.summary()["resource"] == ours.summary()["resource"]


def by_hand() -> AskAndTell:
    return AskAndTell(Halving)


def test_it_keeps_the_protocol_and_is_the_same_in_other_processes() -> None:
    report = check(by_hand)
    report.assert_passed()
    assert report.finding("deterministic-process").held > 20


@pytest.mark.parametrize("workers", [2, 16])
def test_golden(workers: int, golden_trace: Callable[[Simulation], Trace]) -> None:
    golden_trace(Simulation(awkward(), by_hand(), workers=workers, seed=3))


def awkward() -> Blackbox:
    return random_table(5, n=30, size=9, diverged=0.15, ragged=0.3, times="fine")


def both_times(make: Callable[[Context], Any], table: Blackbox, workers: int) -> list[str]:
    return [
        Simulation(table, AskAndTell(make), workers=workers, seed=1, budget="4x", off_table="nearest").run().digest()
        for _ in range(2)
    ]


@pytest.mark.parametrize("workers", [2, 16])
def test_dehb_of_its_authors(workers: int, tmp_path: Any, golden_trace: Callable[[Simulation], Trace]) -> None:
    dehb = pytest.importorskip("dehb")

    class Dehb:
        def __init__(self, context: Context) -> None:
            fidelities = {"min_fidelity": 3, "max_fidelity": context.r_max, "eta": 3}
            self.dehb = dehb.DEHB(cs=context.space, **fidelities, n_workers=1, seed=7, output_path=tmp_path)

        def ask(self) -> Asked:
            job = self.dehb.ask()
            return Asked(dict(job["config"]), job["fidelity"], job)

        def tell(self, asked: Asked, value: float, seconds: float) -> None:
            self.dehb.tell(asked.note, {"fitness": value, "cost": seconds})

    one, other = both_times(Dehb, load("mlp:digits"), workers)
    assert one == other
    golden_trace(
        Simulation(awkward(), AskAndTell(Dehb), workers=workers, budget=Budget(trials=40), off_table="nearest")
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 16])
def test_smac_of_its_authors(workers: int, tmp_path: Any) -> None:
    smac = pytest.importorskip("smac")
    runhistory = pytest.importorskip("smac.runhistory")

    class Smac:
        def __init__(self, context: Context) -> None:
            scenario = smac.Scenario(
                *(context.space, "made", tmp_path / str(len(list(tmp_path.iterdir())))),
                **{"deterministic": True, "n_trials": 60, "min_budget": 3, "max_budget": context.r_max, "seed": 5},
            )
            facade = smac.MultiFidelityFacade
            self.smac = facade(scenario, lambda config, seed, budget: 0.0, logging_level=50, overwrite=True)

        def ask(self) -> Asked:
            info = self.smac.ask()
            return Asked(dict(info.config), info.budget, info)

        def tell(self, asked: Asked, value: float, seconds: float) -> None:
            status = runhistory.StatusType.SUCCESS if value < np.inf else runhistory.StatusType.CRASHED
            self.smac.tell(asked.note, runhistory.TrialValue(min(value, 1e9), seconds, status))

    table, options = load("mlp:digits"), {"workers": workers, "off_table": "nearest", "budget": "1x"}
    one, other = (Simulation(table, AskAndTell(Smac), **options).run() for _ in range(2))
    assert one.digest() == other.digest()
    assert {3, 9} <= set(one.columns.resource.tolist())  # somebody was promoted

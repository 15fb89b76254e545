"""Proposals that no row of the table has: refused, given the nearest row, or a predicted curve."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace
from scripted import Scripted
from tables import random_table

from blackboxes import Blackbox, load
from blackboxes.surrogates import Surrogate, params_at
from simulator import (
    PAUSE,
    STOP,
    Budget,
    Context,
    Continue,
    Resume,
    Scheduler,
    SchedulerError,
    Simulation,
    SimulationError,
    Start,
    Trace,
    Trial,
)
from simulator.recorded import replay

OFF = {"x0": 0.31, "x1": 0.77, "x2": 0.5}


def landscape(**changed: Any) -> Blackbox:
    parameters = {"n": 60, "d": 3, "r_max": 9, "seed": 5} | changed
    return load("power-law:" + ",".join(f"{name}={value}" for name, value in parameters.items()))


def nearest(table: Blackbox, point: list[float], allowed: set[int]) -> int:
    """By the definition: the least Euclidean distance, the first of several."""
    rows = [(math.dist([table.columns[x][i] for x in OFF], point), i) for i in sorted(allowed)]
    return min(rows)[1]


def run(table: Blackbox, jobs: list[Any], answers: list[Any] = [], **options: Any) -> tuple[Scripted, Trace]:  # noqa: B006
    scheduler = Scripted(jobs, answers)
    return scheduler, Simulation(table, scheduler, workers=1, **options).run()


@pytest.mark.parametrize("off_table", ["error", "nearest", "nearest-unused", "surrogate"])
def test_what_a_row_has_is_that_row_whatever_the_policy(off_table: str) -> None:
    if off_table == "surrogate":
        pytest.importorskip("sklearn")
    table = landscape()
    jobs = [Start(table.params(17), 1), Start(table.vectors[18], 1), Start(list(table.vectors[19]), 1), Start(20, 1)]
    _, trace = run(table, jobs, off_table=off_table)
    assert trace.columns.config.tolist() == [17, 18, 19, 20]
    assert trace.digest() == run(table, jobs)[1].digest()


@pytest.mark.parametrize("config", [OFF, list(OFF.values()), np.array(list(OFF.values()))])
def test_an_error_by_default(config: Any) -> None:
    with pytest.raises(SchedulerError, match=r"Scripted at 0\.0.* s: Start.*no configuration of the table"):
        run(landscape(), [Start(config, 1)])


@pytest.mark.parametrize("as_vector", [False, True])
def test_nearest_row(as_vector: bool) -> None:
    table, everything = landscape(), set(range(60))
    draw = np.random.default_rng(0).random((20, 3)).round(3).tolist()
    jobs = [Start(point if as_vector else dict(zip(OFF, point, strict=True)), 1) for point in draw]
    assert run(table, jobs, off_table="nearest")[1].columns.config.tolist() == [
        nearest(table, point, everything) for point in draw
    ]


def test_nearest_row_that_was_never_started() -> None:
    table, left = landscape(n=12), set(range(12))
    expected = []
    jobs: list[Any] = [Start(3, 1)]  # started by its number: used as well
    left.discard(3)
    for _ in range(11):
        expected.append(nearest(table, list(OFF.values()), left))
        left.discard(expected[-1])
        jobs.append(Start(OFF, 1))
    assert run(table, jobs, off_table="nearest-unused")[1].columns.config.tolist() == [3, *expected]
    with pytest.raises(SchedulerError, match="every configuration was started, none is left unused"):
        run(table, [*jobs, Start(OFF, 1)], off_table="nearest-unused")


class Proposing(Scheduler):
    """Starts the same point again and again, until nothing is left."""

    def setup(self, context: Context) -> None:
        self.context = context

    def next_job(self) -> Start | None:
        return None if self.context.used_up else Start(OFF, 1)

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        return STOP


@pytest.mark.parametrize("exhausted", ["stop", "cycle"])
def test_once_every_row_was_started_nothing_is_left_or_all_begin_again(exhausted: Any) -> None:
    table = landscape()
    trials = None if exhausted == "stop" else 2 * len(table) + 1
    trace = Simulation(
        table, Proposing(), workers=2, budget=Budget(trials=trials), off_table="nearest-unused", exhausted=exhausted
    ).run()
    rows = trace.columns.config.tolist()
    by_distance = rows[: len(table)]
    assert sorted(by_distance) == list(range(len(table)))
    if exhausted == "stop":
        assert rows == by_distance
        assert trace.summary()["exhausted_at"] == trace.observations["time"][-2] / 1e9  # when a worker was free
    else:
        assert rows == [*by_distance, *by_distance, by_distance[0]]
        assert trace.summary()["exhausted_at"] is None
    assert replay(trace, Proposing()).agrees


def test_resolve_tells_what_would_be_started() -> None:
    table = landscape()
    told = []

    def ask(context: Any) -> None:
        told.append(context.resolve(OFF))

    run(table, [ask], off_table="nearest")
    assert told == [nearest(table, list(OFF.values()), set(range(60)))]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"x0": 0.3, "x2": 0.1}, "x1|no configuration"),
        (OFF | {"x1": 2.0}, "not in the space"),
        (OFF | {"x9": 0.1}, "no hyperparameter 'x9'"),
        ([0.3], "a vector of 3 numbers"),
        ([0.3, 0.1, 1.5], "a vector of 3 numbers"),
        ([0.3, 0.1, float("nan")], "a vector of 3 numbers"),
        (["a", "b", "c"], "a vector of 3 numbers"),
        (60, "rows of power-law:.* are 0 to 59"),
        (-1, "rows of power-law:.* are 0 to 59"),
        (1.5, "no configuration"),
        (None, "no configuration"),
        ("x0", "no configuration"),
    ],
)
@pytest.mark.parametrize("off_table", ["error", "nearest", "surrogate"])
def test_wrong_proposals(config: Any, words: str, off_table: str) -> None:
    if off_table == "surrogate":
        pytest.importorskip("sklearn")
    elif off_table == "error" and words == "not in the space":
        words = "no configuration"
    with pytest.raises(SchedulerError, match=words):
        run(landscape(), [Start(config, 1)], off_table=off_table)


def test_an_unknown_policy() -> None:
    with pytest.raises(SimulationError, match="off_table"):
        Simulation(landscape(), "random", off_table="guess")  # type: ignore[arg-type]


class OffTable(Scheduler):
    """Starts points off the table, one in three a row of it; pauses and resumes; goes back to points that it had."""

    def setup(self, context: Any) -> None:
        self.draw, self.context, self.waiting = context.stream("points"), context, []
        self.searcher = context.searcher()

    def next_job(self) -> Start | Resume:
        number, *point = self.draw.uniform(4).tolist()
        if self.waiting:
            return Resume(self.waiting.pop(), 9)
        if number < 0.3:
            row = self.searcher.propose()
            return Start(row, 1)
        return Start(dict(zip(OFF, (np.array(point) / 2).round(1).tolist(), strict=True)), 3)

    def on_report(self, trial: Any, resource: float, value: float) -> Any:
        self.waiting.extend([trial.id] if resource == 3 else [])
        assert trial.resource == resource
        assert len(trial.curve) == resource
        assert trial.params
        return PAUSE if resource == 3 else Continue(9)


@pytest.fixture(scope="module")
def surrogate_run() -> tuple[Blackbox, Trace]:
    pytest.importorskip("sklearn")
    table = landscape(replicates=3, diverging=0.2)
    return table, Simulation(table, OffTable(), workers=3, budget=Budget(trials=60), off_table="surrogate").run()


def test_a_surrogate_replays_what_it_predicts(surrogate_run: tuple[Blackbox, Trace]) -> None:
    table, trace = surrogate_run
    results, predicted = trace.results(), list(trace.info.predicted)
    assert len(predicted) > 5
    assert len({tuple(params.values()) for params in predicted}) == len(predicted)
    surrogate = Surrogate(table, "forest")
    rows = set(trace.columns.config[trace.columns.config >= len(table)].tolist())
    assert rows == set(range(len(table), len(table) + len(predicted)))
    assert len(trace.columns.config) == 60 > len(set(trace.columns.config.tolist()))  # points come again
    for row in rows:
        metrics, elapsed = surrogate.curve(predicted[row - len(table)])
        seen = results[results.config == row]
        index = seen.resource.to_numpy() - 1
        for name, values in metrics.items():
            np.testing.assert_array_equal(seen[name].to_numpy(), values[index])
        assert set(seen.replicate) == {0}
        first = seen.groupby("trial").first()
        assert trace.table.elapsed[row, 0, 0] == elapsed[0]
        assert (first.resource == 1).all()


def test_measured_rows_stay_what_they_are(surrogate_run: tuple[Blackbox, Trace]) -> None:
    table, trace = surrogate_run
    grown, n = trace.table, len(table)
    assert len(grown) == n + len(trace.info.predicted)
    assert np.array_equal(grown.elapsed[:n], table.elapsed, equal_nan=True)
    assert all(np.array_equal(grown.metrics[m][:n], table.metrics[m], equal_nan=True) for m in table.metrics)
    assert [grown.params(row) for row in range(n)] == [table.params(row) for row in range(n)]
    assert [grown.params(n + k) for k in range(len(grown) - n)] == list(trace.info.predicted)
    assert (grown.lengths[n:, 1:] == 0).all()
    assert grown.full_training_time == table.full_training_time
    assert not grown.elapsed.flags.writeable


def test_a_trace_with_predicted_rows_comes_back_from_its_text(surrogate_run: tuple[Blackbox, Trace]) -> None:
    _, trace = surrogate_run
    back = Trace.from_text(trace.to_text())  # the table by its name, its predicted rows anew
    assert back.digest() == trace.digest()
    assert back.results().equals(trace.results())
    assert back.info == trace.info


def test_the_same_in_another_process_under_another_hash_seed(surrogate_run: tuple[Blackbox, Trace]) -> None:
    table, trace = surrogate_run
    program = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from test_off_table import *\n"
        "table = load(sys.argv[1])\n"
        "run = Simulation(table, OffTable(), workers=3, budget=Budget(trials=60), off_table='surrogate').run()\n"
        "print(run.digest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, table.name, *sys.path],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "77"},
    )
    assert done.stdout.strip() == trace.digest(), done.stderr


def test_budgets_and_stops_hold_for_predicted_rows() -> None:
    pytest.importorskip("sklearn")
    table = landscape()
    metrics, elapsed = Surrogate(table, "forest").curve(OFF)
    jobs = [Start(OFF, 9), Start([0.5, 0.5, 0.25], 9)]
    _, trace = run(table, jobs, off_table="surrogate", budget=float(elapsed[4] + elapsed[0] / 2))
    assert trace.results().resource.tolist() == [1, 2, 3, 4, 5]
    goal = float(metrics["loss"][3])
    _, trace = run(table, jobs, off_table="surrogate", budget=Budget(target=goal))
    assert trace.info.end == round(elapsed[np.argmax(metrics["loss"] <= goal)] * 1e9)


def test_from_scratch_tables_and_replicates_given_by_hand() -> None:
    pytest.importorskip("sklearn")
    table = random_table(3, n=20, replicates=2, size=4, resumable=False)
    table = table.replaced(space=ConfigurationSpace({"x": (0.0, 10.0)}))
    params = {"x": 0.123}
    _, elapsed = Surrogate(table, "forest").curve(params)
    jobs, answers = [Start(params, 1), Start(4, 1)], [Continue(3)]
    _, trace = run(table, jobs, answers, off_table="surrogate", replicate=1)
    assert trace.columns.replicate.tolist() == [0, 1]  # a prediction has one replicate
    assert trace.columns.time[2] == round(elapsed[0] * 1e9) + round(elapsed[2] * 1e9)


def test_params_at_is_the_inverse_of_vectors() -> None:
    for box in (load("mlp:digits"), landscape()):
        for row in range(0, len(box), 7):
            point, expected = box.vectors[row], box.params(row)
            found = params_at(box, point)
            assert set(found) == set(expected)
            for name, value in expected.items():
                if isinstance(value, float):
                    assert found[name] == pytest.approx(value, rel=1e-5)
                else:
                    assert found[name] == value

"""Optuna's samplers and pruners in the simulation: what they are told, that runs repeat, and what rules they follow."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tables import integer_table, random_table, space_of, table_of

from blackboxes import Blackbox, Metric
from simulator import Budget, Cluster, Scheduler, SchedulerError, Simulation, SimulationError, Trace
from simulator.adapters.optuna_space import suggester
from simulator.adapters.optuna_study import OptunaStudy, make
from simulator.conformance import check
from simulator.events import CODES, NAMES
from simulator.protocol import EndReason
from simulator.registry import make_searcher
from simulator.schedulers.asha_stopping import AshaStopping
from simulator.schedulers.median_stopping import MedianStopping
from simulator.searcher import Initial
from simulator.trial import Trial

optuna = pytest.importorskip("optuna")

SAMPLED = OptunaStudy("TPESampler", "HyperbandPruner", {"n_startup_trials": 4}, {"max_resource": 9})
PRUNERS: dict[str, dict[str, Any]] = {
    "MedianPruner": {"n_startup_trials": 2},
    "PercentilePruner": {"percentile": 25.0, "n_startup_trials": 2},
    "SuccessiveHalvingPruner": {"min_resource": 1, "reduction_factor": 3},
    "HyperbandPruner": {},
    "PatientPruner": {"wrapped_pruner": "MedianPruner(n_startup_trials=1)", "patience": 1},
    "ThresholdPruner": {"upper": 0.625},
    "WilcoxonPruner": {},
    "NopPruner": {},
}


def pruner(name: str, **arguments: Any) -> OptunaStudy:
    return OptunaStudy(pruner=name, pruner_arguments=arguments or PRUNERS[name])


def awkward(direction: str = "min") -> Blackbox:
    return random_table(5, n=40, replicates=2, diverged=0.15, ragged=0.3, times="fine", direction=direction)


def decisions(trace: Trace) -> list[tuple[int, float, str]]:
    """For each trial, in order of starting: configuration, resource reached, and how it ended."""
    columns, last = trace.columns, dict[int, tuple[float, str]]()
    for trial, resource, event in zip(columns.trial, columns.resource, columns.event, strict=True):
        last[int(trial)] = float(resource), NAMES[event]
    return [(int(row), *last[k]) for k, row in enumerate(columns.config)]


# What Optuna is told.


@pytest.mark.parametrize(("workers", "direction"), [(2, "min"), (16, "max")])
@pytest.mark.parametrize("name", PRUNERS)
def test_optuna_holds_what_the_trace_holds(
    name: str, workers: int, direction: str, recwarn: pytest.WarningsRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    table, scheduler = awkward(direction), pruner(name)
    trace = Simulation(
        table, scheduler, workers=workers, seed=2, budget=Budget(time=10.0 if workers == 2 else 2.5)
    ).run()
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)
    sign, ends = 1 if direction == "min" else -1, decisions(trace)
    assert len(scheduler.study.trials) == len(ends)
    for one, (row, resource, event), replicate in zip(
        scheduler.study.trials, ends, trace.columns.replicate, strict=True
    ):
        curve = sign * table.metrics["loss"][row, replicate, : int(resource)]
        assert [*one.intermediate_values] == list(range(1, int(resource) + 1))
        np.testing.assert_array_equal([*one.intermediate_values.values()], curve)
        expected = {
            "stop": ["PRUNED"],
            "budget": ["RUNNING"],
            "complete": ["PRUNED", "FAIL" if np.isnan(curve[-1:]).any() else "COMPLETE"],
            "curve-end": ["FAIL" if np.isnan(curve[-1:]).any() else "COMPLETE"],
        }
        assert one.state.name in expected[event]
    assert "budget" in {event for _, _, event in ends}


@pytest.mark.parametrize("name", PRUNERS)
def test_pruners_decide_as_under_optimize(name: str) -> None:
    """One trial at a time, the same values, and a study of the same name, from which Hyperband draws its brackets."""
    table, scheduler = awkward(), pruner(name)
    trace = Simulation(table, scheduler, workers=1, seed=2, budget=Budget(trials=30)).run()
    ours = scheduler.study.trials
    curves = table.metrics["loss"][trace.columns.config, trace.columns.replicate]
    measured = np.isfinite(table.elapsed[trace.columns.config, trace.columns.replicate]).sum(axis=1)

    def objective(trial: Any) -> float:
        curve = curves[trial.number, : measured[trial.number]].tolist()
        for epoch, value in enumerate(curve, 1):
            trial.report(value, epoch)
            if trial.should_prune() and (epoch < len(curve) or epoch == len(table.resources)):
                raise optuna.TrialPruned
        last: float = curve[-1]
        return last

    made = optuna.pruners
    arguments = dict(PRUNERS[name])
    if "wrapped_pruner" in arguments:
        arguments["wrapped_pruner"] = made.MedianPruner(n_startup_trials=1)
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(
                study_name=scheduler.study.study_name,
                sampler=optuna.samplers.RandomSampler(seed=0),
                pruner=getattr(made, name)(**arguments),
            )
            study.optimize(objective, n_trials=30)
    finally:
        optuna.logging.set_verbosity(before)
    for theirs, our in zip(study.trials, ours, strict=True):
        assert (our.state, [*our.intermediate_values]) == (theirs.state, [*theirs.intermediate_values])
    if name != "NopPruner":
        assert any(our.state.name == "PRUNED" for our in ours)


def test_trials_are_dated_in_simulated_time() -> None:
    scheduler = pruner("MedianPruner")
    trace = Simulation(random_table(1, n=9), scheduler, workers=2).run()
    starts = trace.columns.time[trace.columns.event == CODES["start"]] / 1e9
    epoch = datetime(1970, 1, 1)
    for one, start in zip(scheduler.study.trials, starts, strict=True):
        assert abs((one.datetime_start - epoch) / timedelta(seconds=1) - start) < 1e-6
    assert max(one.datetime_complete for one in scheduler.study.trials) - epoch == timedelta(
        seconds=trace.summary()["end"]
    )


def test_who_crashes_too_often_has_failed() -> None:
    scheduler = pruner("NopPruner")
    cluster = Cluster(crashes="1/x", retries=0)
    trace = Simulation(random_table(1, n=20), scheduler, workers=3, cluster=cluster).run()
    failed = [k for k, (_, _, event) in enumerate(decisions(trace)) if event == "failed"]
    assert failed
    assert failed == [one.number for one in scheduler.study.trials if one.state.name == "FAIL"]


def test_without_a_pruner_trials_go_to_the_end_unasked() -> None:
    table = random_table(1, n=9)
    scheduler = OptunaStudy("RandomSampler")
    trace = Simulation(table, scheduler, off_table="nearest-unused", budget=Budget(trials=9)).run()
    assert sorted(trace.columns.config) == list(range(9))
    assert {NAMES[event] for event in trace.columns.event} == {"start", "complete"}
    assert [one.value for one in scheduler.study.trials[:9]] == table.metrics["loss"][
        trace.columns.config, 0, -1
    ].tolist()


def test_steps_are_resources_or_places_on_a_grid_of_fractions() -> None:
    for grid, expected in [("sqrt2", [16, 23, 32, 45]), ("fractions", [1, 2, 3, 4])]:
        scheduler = pruner("NopPruner")
        Simulation(random_table(1, n=2, size=4, grid=grid), scheduler).run()
        assert [*scheduler.study.trials[0].intermediate_values] == expected


# Spaces.


def test_proposals_are_legal_in_a_space_with_everything_in_it() -> None:
    import ConfigSpace as cs  # noqa: N813

    space = cs.ConfigurationSpace(seed=0)
    kind = cs.Categorical("z_kind", ["tree", "net", "none"])
    depth = cs.OrdinalHyperparameter("depth", ["low", "middle", "high"])
    rate, layers = cs.Float("a_rate", (1e-5, 1.0), log=True), cs.Integer("layers", (1, 64), log=True)
    flag, power = cs.Categorical("flag", [True, False]), cs.Float("b_power", (-2.0, 3.0))
    space.add(kind, depth, rate, layers, flag, power, cs.Constant("solver", "adam"))
    space.add(cs.EqualsCondition(rate, kind, "net"))
    deep = cs.GreaterThanCondition(layers, depth, "low")
    space.add(cs.AndConjunction(cs.InCondition(layers, kind, ["net", "tree"]), deep))
    space.add(cs.NotEqualsCondition(flag, depth, "low"))
    space.add(cs.OrConjunction(cs.EqualsCondition(power, flag, True), cs.LessThanCondition(power, rate, 0.01)))
    suggest, study = suggester(space), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(300):
        params = suggest(study.ask())
        cs.Configuration(space, values=params)  # raises what is illegal, missing, or inactive
        assert type(params.get("layers", 1)) is int
        seen.add(frozenset(params))
    assert len(seen) >= 8
    rates = [one.params["a_rate"] for one in study.trials if "a_rate" in one.params]
    assert 0.2 < np.mean(np.array(rates) < 10**-2.5) < 0.8


def discrete() -> Blackbox:
    """All 24 configurations of a discrete space."""
    from ConfigSpace import ConfigurationSpace

    rows = list(product([1, 2, 3, 4], ["a", "b", "c"], [False, True]))
    values = np.array([10.0 * k + 2 * "abc".index(letter) + flag for k, letter, flag in rows])[
        :, None, None
    ] + np.arange(9.0)
    return Blackbox(
        family="made",
        task="discrete",
        space=ConfigurationSpace({"k": (1, 4), "letter": ["a", "b", "c"], "flag": [False, True]}),
        configs={
            name: np.array(column)
            for name, column in zip(["k", "letter", "flag"], zip(*rows, strict=True), strict=True)
        },
        resources=np.arange(1, 10),
        metrics={"loss": values},
        metric_info={"loss": Metric("min")},
        elapsed=np.broadcast_to(np.arange(1.0, 10.0), values.shape).copy(),
    )


@pytest.mark.parametrize("name", ["BruteForceSampler", "GridSampler"])
def test_a_run_is_over_when_a_sampler_has_tried_everything(name: str) -> None:
    grid = {"k": [1, 2, 3, 4], "letter": ["a", "b", "c"], "flag": [False, True]}
    scheduler = OptunaStudy(name, "MedianPruner", {"search_space": grid} if name == "GridSampler" else None)
    trace = Simulation(discrete(), scheduler, workers=1, budget=Budget(trials=30)).run()  # no off_table: all are rows
    assert sorted(trace.columns.config) == list(range(24))


def test_proposals_of_a_model_are_rows_of_a_discrete_table() -> None:
    scheduler = OptunaStudy("TPESampler", None, {"n_startup_trials": 5})
    trace = Simulation(discrete(), scheduler, workers=3, budget=Budget(trials=30)).run()
    assert len(trace.columns.config) == 30
    assert scheduler.model_size >= 5
    chosen = discrete().metrics["loss"][trace.columns.config, 0, -1]
    assert chosen[-15:].mean() < discrete().metrics["loss"][..., -1].mean() - 5  # k = 1 is better than k = 4 by 30


# The same again.


def digests() -> list[str]:
    limits: dict[str, Any] = {"seed": 3, "budget": Budget(trials=20), "off_table": "nearest"}
    schedulers = [SAMPLED, OptunaStudy("NSGAIISampler", "WilcoxonPruner", {"population_size": 5})]
    runs = product(schedulers, (2, 16))
    return [Simulation(awkward(), one, workers=workers, **limits).run().digest() for one, workers in runs]


def test_digests_are_the_same_again_and_in_another_process() -> None:
    first = digests()
    assert len(set(first)) == len(first)
    random.seed(11)
    np.random.seed(12)  # noqa: NPY002
    states = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    assert digests() == first
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002
    folder = Path(__file__).resolve()
    code = "from test_optuna_study import digests; print(*digests())"
    paths = os.pathsep.join([str(folder.parent), str(folder.parents[2])])
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert other.stdout.split() == first
    assert other.stderr == ""


def test_seeds_matter_unless_one_is_given() -> None:
    def configs(run_seed: int, **arguments: Any) -> list[int]:
        scheduler = OptunaStudy("RandomSampler", None, arguments)
        run = Simulation(random_table(0, n=99), scheduler, seed=run_seed, budget=Budget(trials=9), off_table="nearest")
        return run.run().columns.config.tolist()

    assert configs(0) != configs(1)
    assert configs(0, seed=5) == configs(1, seed=5)


def planted(value: float, competing: list[float], eta: int, direction: Any) -> bool:
    """Optuna's rule with one change: the best ceil(n / eta) go on, not floor."""
    return value <= sorted(competing)[-(-len(competing) // eta) - 1]


def test_a_planted_change_is_found_and_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(integer_table(), pruner("SuccessiveHalvingPruner"), workers=2, seed=3)
    before = simulation.run()
    monkeypatch.setattr("optuna.pruners._successive_halving._is_trial_promotable_to_next_rung", planted)
    difference = simulation.run().diff(before)
    assert difference is not None
    assert "stop" in str(difference)
    assert "continue" in str(difference)


def test_golden_trace(golden_trace: Callable[..., Trace]) -> None:
    scheduler = OptunaStudy(pruner="HyperbandPruner", pruner_arguments={"max_resource": 9})
    golden_trace(Simulation(integer_table(), scheduler, workers=3, seed=3, budget=Budget(trials=16)))


# Errors.


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["TPESamplr"], "Optuna has no sampler 'TPESamplr': did you mean TPESampler"),
        (["MedianPrunerr()"], "Optuna has no sampler 'MedianPrunerr'"),
        (["MedianPruner(n_startup=3)"], "MedianPruner has no argument 'n_startup': did you mean n_startup_trials"),
        (["MedianPruner(n_startup_trials=-1)"], "MedianPruner.*cannot be negative"),
        (["PercentilePruner"], "PercentilePruner: .*'percentile'"),
        (["PatientPruner(wrapped_pruner='Median', patience=1)"], "no pruner 'Median': did you mean MedianPruner"),
        (["TPESampler", "kde"], "one sampler of Optuna's, or one searcher of rungsim's"),
        (["TPESampler", "MedianPruner", "NopPruner"], "and one pruner"),
        (["MedianPruner(3)"], "arguments are written name=value"),
        (["kde"], "a sampler, a pruner or both are needed"),
    ],
)
def test_what_optuna_does_not_have_is_an_error_at_once(parts: list[str], message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        make(parts)


def test_text_is_read_and_written() -> None:
    text = "optuna:TPESampler(multivariate=True)+SuccessiveHalvingPruner(min_resource=1)"
    scheduler, searcher = make(text.removeprefix("optuna:").split("+"))
    assert (str(scheduler), searcher, scheduler.library) == (text, None, f"optuna {optuna.__version__}")
    assert make(["MedianPruner", "kde(eta=2)"])[1] == "kde(eta=2)"


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SimulationError, match=r"pip install 'rungsim\[optuna\]'"):
        OptunaStudy("TPESampler")


@pytest.mark.parametrize(
    ("owner", "method", "said"),
    [
        ("pruners.MedianPruner", "prune", r"MedianPruner: should_prune\(\) of trial \d+ at \d+, at"),
        ("samplers.RandomSampler", "sample_independent", r"RandomSampler: suggest_...\(\) of trial \d+, at"),
        ("samplers.RandomSampler", "before_trial", r"RandomSampler: ask\(\) of trial \d+, at"),
        ("samplers.RandomSampler", "after_trial", r"RandomSampler: tell\(\) of trial \d+ at \d+, at"),
    ],
)
def test_an_error_inside_optuna_half_way(owner: str, method: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = getattr(getattr(optuna, owner.partition(".")[0]), owner.partition(".")[2])
    real, calls = getattr(cls, method), 0

    def broken(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 8:
            raise ZeroDivisionError("half way")
        return real(*arguments, **named)

    monkeypatch.setattr(cls, method, broken)
    log, storage = logging.getLogger("optuna"), sys.modules["optuna.storages._in_memory"]
    before = log.handlers, log.propagate, vars(storage)["datetime"], warnings.filters[:]
    scheduler = OptunaStudy("RandomSampler", "MedianPruner")
    with pytest.raises(SchedulerError, match=f"{said}.*: ZeroDivisionError: half way") as error:
        Simulation(random_table(0, n=40), scheduler, workers=3, off_table="nearest", budget=Budget(trials=30)).run()
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    assert before == (log.handlers, log.propagate, vars(storage)["datetime"], warnings.filters[:])


# Whose rules they follow: the same configurations in the same order, no delays.


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("eta", "rate", "workers"), [(2, 0, 1), (3, 0, 4), (3, 1, 16), (4, 0, 2)])
def test_successive_halving_is_asha_stopping_by_top_k(seed: int, eta: int, rate: int, workers: int) -> None:
    table = random_table(seed, n=60, size=27, ragged=0.2, levels=[3, 8, 1000, None][seed], times="fine")
    theirs = pruner("SuccessiveHalvingPruner", min_resource=1, reduction_factor=eta, min_early_stopping_rate=rate)
    ours = AshaStopping(eta=eta, r_min=eta**rate, rule="top-k")
    one, other = (Simulation(table, each, workers=workers, seed=seed).run() for each in (theirs, ours))
    assert decisions(one) == decisions(other)
    assert one.summary()["end"] == other.summary()["end"]


def in_order(table: Blackbox, scheduler: Scheduler) -> list[tuple[int, float, str]]:
    """The decisions where rows are tried in their order, one after the other."""
    first = Initial(range(len(table)), make_searcher("random"))
    return decisions(Simulation(table, scheduler, searcher=first, workers=1).run())


def test_successive_halving_leaves_nan_out_of_its_rungs() -> None:
    table = table_of([[value, 1.0, 1.0, 1.0] for value in [1.0, np.nan, np.nan, np.nan, np.nan, 2.0]])
    theirs = in_order(table, pruner("SuccessiveHalvingPruner", min_resource=1, reduction_factor=3))
    ours = in_order(table, AshaStopping(eta=3, rule="top-k"))
    assert theirs[:5] == ours[:5] == [(0, 4, "complete"), *((row, 1, "stop") for row in (1, 2, 3, 4))]
    assert theirs[5] == (5, 1, "stop")  # the second of two, of which one is enough
    assert ours[5] == (5, 4, "complete")  # the second of six, of which two go on


def test_bootstrap_count_stops_the_first_of_a_rung() -> None:
    table = random_table(2, n=30, levels=None)
    scheduler = pruner("SuccessiveHalvingPruner", min_resource=1, reduction_factor=3, bootstrap_count=4)
    ends = decisions(Simulation(table, scheduler, workers=1).run())
    assert {(resource, event) for _, resource, event in ends[:4]} == {(1, "stop")}
    assert {resource for _, resource, _ in ends[4:]} >= {1, 3}


class PrunedAtTheEnd(MedianStopping):
    """Who is worse than the median at r_max, too, has not completed."""

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        if reason == "complete" and self._completed >= self.min_trials:
            curve, median = self._curves[trial.id], self._medians[-1]
            if median.count and min(curve.best, value) > median.value():
                del self._curves[trial.id]
                return
        super().on_end(trial, resource, value, reason)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("workers", "startup", "warmup"), [(1, 5, 1), (4, 2, 3), (16, 1, 1)])
def test_median_pruner_is_the_median_rule_but_for_the_last_resource(
    seed: int, workers: int, startup: int, warmup: int
) -> None:
    def both(table: Blackbox, cls: type[MedianStopping]) -> list[list[tuple[int, float, str]]]:
        ours = cls(own="best", others="value", min_trials=startup, r_min=warmup)
        theirs = pruner("MedianPruner", n_startup_trials=startup, n_warmup_steps=warmup)
        return [decisions(Simulation(table, each, workers=workers, seed=seed).run()) for each in (theirs, ours)]

    raw = random_table(seed, n=60, ragged=0.2, levels=[3, 8, 1000, None][seed], times="fine")
    theirs, ours = both(raw, PrunedAtTheEnd)
    assert theirs == ours
    values = raw.metrics["loss"].copy()
    values[..., -1] = np.where(np.isnan(values[..., -1]), np.nan, -1.0)  # nobody is worse there
    alike = Blackbox(
        family="made",
        task="alike",
        space=space_of(15),
        configs={"x": np.arange(60) / 4},
        resources=raw.resources,
        metrics={"loss": values},
        metric_info={"loss": Metric("min")},
        elapsed=raw.elapsed,
    )
    theirs, ours = both(alike, MedianStopping)
    assert theirs == ours


def test_median_pruner_goes_by_the_best_value_where_one_is_nan() -> None:
    nan = np.nan
    table = table_of([[2.0] * 4, [1.0, nan, nan, 1.0], [nan, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, nan], [3.0] * 4])
    theirs = in_order(table, pruner("MedianPruner", n_startup_trials=1))
    ours = in_order(table, MedianStopping(own="best", others="value"))
    assert theirs == [(0, 4, "complete"), (1, 4, "complete"), (2, 1, "stop"), (3, 1, "stop"), (4, 1, "stop")]
    assert ours[1] == (1, 2, "stop")


def lacks(scheduler: Callable[[], OptunaStudy]) -> set[str]:
    """The properties that every scheduler must have, and this one has not."""
    return {*check(scheduler, ["diverged", "ragged"]).failures}


def test_conformance_of_samplers() -> None:
    assert lacks(lambda: OptunaStudy("TPESampler", "ThresholdPruner", {"n_startup_trials": 3}, {"upper": 9.0})) == set()


def test_conformance_of_pruners() -> None:
    """Diverged trials go on until a pruner looks, which is at rungs, or when it has enough trials."""
    assert lacks(lambda: pruner("SuccessiveHalvingPruner")) <= {"diverged-ends"}
    assert lacks(lambda: pruner("MedianPruner")) == {"diverged-ends"}

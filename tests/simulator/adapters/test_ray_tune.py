"""Ray Tune's schedulers under the simulated clock: the library itself, nothing of it replaced."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
import warnings
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from spaces import whole_table
from tables import integer_table, random_table, table_of

pytest.importorskip("ray")

from ray.tune.schedulers import ASHAScheduler

from simulator import (
    STOP,
    Budget,
    Cluster,
    Context,
    Continue,
    Scheduler,
    SchedulerError,
    Simulation,
    SimulationError,
    Start,
    Trace,
    Trial,
)
from simulator.adapters import make
from simulator.adapters.ray_tune import RayTune
from simulator.conformance import check
from simulator.pytest_plugin import GoldenTrace

TESTS = Path(__file__).resolve().parents[2]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "FIFOScheduler": {},
    "ASHAScheduler": {"reduction_factor": 3, "brackets": 2},
    "HyperBandScheduler": {},
    "HyperBandForBOHB": {},
    "MedianStoppingRule": {"grace_period": 2},
    "PopulationBasedTraining": {"perturbation_interval": 2},
}
MORE: list[RayTune] = [
    RayTune("PopulationBasedTraining", perturbation_interval=2, synch=True),
    RayTune("PopulationBasedTraining", perturbation_interval=0.4, time_attr="time_total_s"),
    RayTune("MedianStoppingRule", grace_period=0.5, time_attr="time_total_s", hard_stop=False),
]
ALL = [RayTune(name, **arguments) for name, arguments in ARGUMENTS.items()] + MORE


def run(scheduler: Any, table: Any = None, workers: int = 3, seed: int = 3, **options: Any) -> Trace:
    table = integer_table() if table is None else table
    return Simulation(table, scheduler, workers=workers, seed=seed, off_table="nearest", **options).run()


def digests() -> dict[str, str]:
    tables = [integer_table(), random_table(5, n=30, replicates=2, diverged=0.1, ragged=0.2, grid="fractions")]
    return {
        f"{scheduler} {table.name} {workers}": run(scheduler, table, workers).digest()
        for scheduler in ALL
        for table in tables
        for workers in (2, 16)
    }


def endings(trace: Trace) -> list[list[str]]:
    """Its events but those at which a trial goes on, without where it is asked next."""
    lines = [line.split() for line in trace.to_text().splitlines() if line[0] != "#"]
    return [[word for word in words if not word.startswith("until")] for words in lines if words[3] != "continue"]


def global_state() -> list[Any]:
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002
    clocks = [time.time, time.monotonic, time.perf_counter, time.time_ns, time.monotonic_ns, time.perf_counter_ns]
    functions = [random.random, random.choice, np.random.choice, np.random.mtrand.choice, warnings.filters]
    return [random.getstate(), json.dumps(numpy, default=np.ndarray.tolist), *clocks, *functions]


def test_runs_are_the_same_again_and_in_another_process_and_leave_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before, threads = global_state(), threading.active_count()
    first = digests()
    after = global_state()
    assert all(a is b for a, b in zip(before[2:], after[2:], strict=True) if callable(a))
    assert before == after
    random.seed(17)
    np.random.seed(17)  # noqa: NPY002
    assert digests() == first
    import ray

    assert not ray.is_initialized()
    assert threading.active_count() == threads
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")

    program = "import json, test_ray_tune; print(json.dumps(test_ray_tune.digests()))"
    path = os.pathsep.join(map(str, (TESTS.parent, TESTS, TESTS / "simulator", Path(__file__).parent)))
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", program],
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "12"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == first


def test_seeds_differ() -> None:
    for scheduler in ALL:
        assert run(scheduler, seed=1).digest() != run(scheduler, seed=2).digest(), scheduler


@pytest.mark.parametrize("name", ["ASHAScheduler", "HyperBandScheduler", "PopulationBasedTraining"])
def test_golden(golden_trace: GoldenTrace, name: str) -> None:
    arguments = {"HyperBandScheduler": {"num_samples": 9}, "PopulationBasedTraining": {"num_samples": 5}}
    scheduler = RayTune(name, **(arguments.get(name, {}) | ARGUMENTS[name]))
    golden_trace(
        Simulation(integer_table(), scheduler, workers=3, seed=3, budget=Budget(time=5.0), off_table="nearest")
    )


def test_a_budget_cuts_a_run_off() -> None:
    for scheduler in ALL:
        whole, cut = run(scheduler), run(scheduler, budget=Budget(time=2.0))
        early = [words for words in endings(whole) if float(words[0]) < 2.0]
        assert endings(cut)[: len(early)] == early, scheduler


class BreaksHalfWay(ASHAScheduler):
    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        random.random()
        if result["training_iteration"] == 4:
            raise ZeroDivisionError("on purpose")
        return super().on_trial_result(tune_controller, trial, result)


def test_an_error_of_the_librarys_names_trial_and_call_and_the_global_state_comes_back() -> None:
    before = global_state()
    with pytest.raises(SchedulerError) as raised:
        run(RayTune(BreaksHalfWay))
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert "BreaksHalfWay has raised an error in on_trial_result of trial" in str(raised.value)
    assert "at resource 4: ZeroDivisionError: on purpose" in str(raised.value)
    assert global_state() == before


def test_fifo_is_random_search() -> None:
    for seed in range(5):
        table = random_table(seed, n=30, diverged=0.1, ragged=0.2, replicates=2)
        assert endings(run("random", table)) == endings(run(RayTune("FIFOScheduler"), table))


@pytest.mark.parametrize("eta", [2, 4])
def test_asha_is_our_stopping_form_with_the_own_value_left_out(eta: int) -> None:
    for seed in range(8):
        table = random_table(seed, n=40, size=27, ragged=0.2, levels=None if seed % 2 else 8)
        ours = endings(run(f"asha-stopping(own='left-out', eta={eta})", table))
        assert ours == endings(run(RayTune("ASHAScheduler", reduction_factor=eta), table))


def test_where_asha_differs_for_eta_3_the_value_ties_with_the_exact_cutoff() -> None:
    differing = 0
    for seed in range(16):
        table = random_table(seed, n=40, size=27)
        traces = [run("asha-stopping(own='left-out')", table), run(RayTune("ASHAScheduler", reduction_factor=3), table)]
        ours, theirs = map(lines_at_rungs, traces)
        first = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
        if first is None:
            assert endings(traces[0]) == endings(traces[1])
            continue
        differing += 1
        (trial, rung, value, decision), (also, _, _, other) = ours[first], theirs[first]
        assert (trial, decision, other) == (also, "continue", "stop")
        recorded = sorted(entry[2] for entry in ours[:first] if entry[1] == rung)
        place = Fraction(len(recorded) - 1, 3)
        low = recorded[int(place)]
        high = recorded[min(int(place) + 1, len(recorded) - 1)]
        assert Fraction(value) == Fraction(low) + (place - int(place)) * (Fraction(high) - Fraction(low))
    assert differing


def lines_at_rungs(trace: Trace) -> list[tuple[str, str, float, str]]:
    found = []
    for words in (line.split() for line in trace.to_text().splitlines() if line[0] != "#"):
        said = dict(word.split("=") for word in words if "=" in word)
        if words[3] in ("continue", "stop") and said["resource"] in ("1", "3", "9"):
            found.append((said["trial"], said["resource"], float(said["value"]), words[3]))
    return found


def test_asha_lets_diverged_trials_live() -> None:
    nan = float("nan")
    table = table_of([[0.5] * 9, [nan] * 9, [0.6] * 9])
    ends = {
        words[4]: words[3] for words in endings(run(RayTune("ASHAScheduler", reduction_factor=3), table, workers=1))
    }
    trace = run(RayTune("ASHAScheduler", reduction_factor=3), table, workers=1).to_text()
    assert ends
    diverged = next(word for word in trace.split("\n") if "config=1 " in word).split()[2]
    assert any(diverged in line and "complete" in line for line in trace.splitlines())


class RaysMedianRule(Scheduler):
    """What Ray's code says, in plain lists; nothing waits, so that nothing is paused."""

    def __init__(self, grace: int, least: int) -> None:
        self.grace, self.least = grace, least

    def setup(self, context: Context) -> None:
        self.propose, self.reports = context.searcher().propose, dict[int, list[tuple[float, float]]]()

    def next_job(self) -> Start | None:
        row = self.propose()
        return None if row is None else Start(row, 1)

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        own = self.reports.setdefault(trial.id, [])
        own.append((resource, value))
        if resource >= self.grace:
            others = [seen for seen in self.reports.values() if seen is not own and seen[-1][0] >= resource]
            within = [[v for r, v in seen if self.grace <= r <= resource] for seen in others]
            means = [sum(values) / len(values) for values in within if values]
            if len(means) >= self.least and min(v for _, v in own) > median(means):
                own.append((resource, value))  # told to on_trial_complete once more
                return STOP
        return Continue(resource + 1)

    def on_end(self, trial: Trial, resource: float, value: float, reason: Any) -> None:
        self.reports.setdefault(trial.id, []).append((resource, value))


def test_the_median_rule_is_what_its_docstring_here_says() -> None:
    stopped = 0
    for seed in range(8):
        table = random_table(seed, n=20, size=12, ragged=0.2)
        theirs = RayTune("MedianStoppingRule", grace_period=2, min_samples_required=2)
        plain = run(RaysMedianRule(2, 2), table, workers=20)
        assert endings(run(theirs, table, workers=20)) == endings(plain)
        stopped += sum(words[3] == "stop" for words in endings(plain))
    assert stopped > 20


def test_the_first_difference_to_our_median_rule_is_a_trial_stopped_before_any_other_has_completed() -> None:
    table = random_table(0, n=20, size=12, levels=None)
    ours = endings(run("median-stopping(min_trials=1)", table, workers=20))
    theirs = endings(run(RayTune("MedianStoppingRule", grace_period=1, min_samples_required=1), table, workers=20))
    first = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
    assert theirs[first][3] == "stop"
    assert not any(words[3] == "complete" for words in theirs[:first])


class Watched(RayTune):
    """Keeps what Ray wants each successor to begin with, and what the simulation is told."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.successors: list[tuple[Any, float, Start]] = []

    def _job(self, chosen: Any) -> Any:
        wanted = chosen.exploits
        job = super()._job(chosen)
        if wanted is not None:
            self.successors.append((wanted, chosen.config["x"], job))
        return job


def test_population_based_training_copies_and_perturbs_as_ray_does() -> None:
    """Each successor begins where Ray's checkpoint was saved, with 0.8 or 1.2 times the x of its trial."""
    table = random_table(4, n=1000, size=12, levels=None, times="equal")
    scheduler = Watched(
        "PopulationBasedTraining", perturbation_interval=3, resample_probability=0.0, quantile_fraction=0.3
    )
    trace = run(scheduler, table, workers=10)
    started = [dict(w.split("=") for w in words if "=" in w) for words in endings(trace) if words[3] == "start"]
    begun = [said for said in started if "checkpoint_of" in said]
    assert len(begun) == len(scheduler.successors) > 5
    originals, lent = 0, 0
    for said, (wanted, x, job) in zip(begun, scheduler.successors, strict=True):
        assert float(said["resource"]) == wanted.resource
        assert abs(table.params(int(said["config"]))["x"] - min(x, 249.75)) <= 0.125 + 1e-9  # rows are 0.25 apart
        lent += job.checkpoint_of != wanted.trial.id
        if wanted.trial.id < 10:  # of the first generation, whose rows are what Ray perturbs
            originals += 1
            ratio = x / table.params(wanted.trial.config)["x"]
            assert min(abs(ratio - 0.8), abs(ratio - 1.2)) < 1e-9
    assert originals > 3
    assert lent


def test_who_waits_for_a_worker_begins_where_the_other_one_stood() -> None:
    """With one worker the other has gone on meanwhile; successors still begin at perturbations, at multiples of 3."""
    table = random_table(4, n=400, size=12, levels=None)
    scheduler = RayTune("PopulationBasedTraining", perturbation_interval=3)
    text = run(scheduler, table, workers=1, budget=Budget(trials=60)).to_text()
    began = [line.split("  resource=")[1].split()[0] for line in text.splitlines() if "checkpoint_of" in line]
    assert len(began) > 5
    assert {int(resource) % 3 for resource in began} == {0}


def test_population_based_training_in_a_space_with_conditions() -> None:
    scheduler = RayTune("PopulationBasedTraining", perturbation_interval=1, perturbation_factors=[5.0, 0.1])
    trace = run(scheduler, whole_table(), workers=4, budget=Budget(trials=60))
    assert trace.to_text().count("checkpoint_of") > 10
    choices = RayTune(
        "PopulationBasedTraining",
        perturbation_interval=1,
        hyperparam_mutations={"units": [1, 8, 64], "momentum": [0.5]},
    )
    assert "checkpoint_of" in run(choices, whole_table(), workers=4, budget=Budget(trials=60)).to_text()


def test_bohb_decides_when_it_is_asked_again_and_again() -> None:
    """Its first bracket of 243 never fills with 40 rows, so that all pause; on this grid three calls unpause none."""
    trace = run(RayTune("HyperBandForBOHB"), random_table(2, n=40, grid="sqrt2"), workers=2)
    kinds = [words[3] for words in endings(trace)]
    assert kinds[80:].count("resume") >= 9
    assert "complete" in kinds


def test_few_workers_never_fill_the_bracket_of_bohb_that_begins_at_r_max() -> None:
    for workers, held in ((2, [9, 5, 16]), (16, [9, 5, 3])):
        scheduler = RayTune("HyperBandForBOHB")
        run(scheduler, workers=workers)
        first = scheduler._scheduler._hyperbands[0]
        assert [bracket._n0 for bracket in first] == [9, 5, 3]
        assert [len(bracket._all_trials) for bracket in first] == held


def test_a_synchronous_population_stands_still_where_the_last_one_waited_for_ends() -> None:
    """One curve ends at resource 1, before the perturbation at 2 that the other nine have been paused for."""
    curves = [[0.5 - k / 100] * 6 for k in range(9)] + [[0.1] + [np.nan] * 5]
    seconds = [[float(r) for r in range(1, 7)]] * 9 + [[10.0] + [np.nan] * 5]
    table = table_of(curves, seconds)
    kinds = [words[3] for words in endings(run(MORE[0], table, workers=10))]
    assert kinds.count("pause") == 9
    assert kinds[-1] == "curve-end"


def test_crashes() -> None:
    for scheduler in ALL:
        trace = run(scheduler, budget=Budget(trials=40), cluster=Cluster(crashes=1000.0, retries=0))
        assert "  failed" in trace.to_text(), scheduler


def test_wrong_arguments() -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("ASHASheduler", {}, "did you mean ASHAScheduler"),
        ("ASHAScheduler", {"grace_perod": 1}, "did you mean grace_period"),
        ("ASHAScheduler", {"reduction_factor": 1}, "Reduction Factor not valid"),
        ("ASHAScheduler", {"mode": "max"}, "mode comes from the simulation"),
        ("ASHAScheduler", {"time_attr": "epoch"}, "time_attr is 'training_iteration' or"),
        ("PopulationBasedTraining", {"log_config": True}, "writes files"),
        ("FIFOScheduler", {"num_samples": 0}, "num_samples"),
    ]
    for name, arguments, message in wrong:
        with pytest.raises(SimulationError, match=message):
            RayTune(name, **arguments)
    with pytest.raises(SimulationError, match="a subclass of one"):
        RayTune(Trace)
    with pytest.raises(SimulationError, match="grace_period must be <= max_t"):
        run(RayTune("ASHAScheduler", grace_period=10))
    with pytest.raises(SimulationError, match="trained from scratch"):
        run(MORE[0], random_table(0, resumable=False))
    with pytest.raises(SimulationError, match="no hyperparameter 'y'"):
        run(RayTune("PopulationBasedTraining", hyperparam_mutations={"y": [1, 2]}))


def test_from_text() -> None:
    scheduler, searcher = make("ray", ["ASHAScheduler(grace_period=2, reduction_factor=3)", "kde"])
    assert (str(scheduler), searcher) == ("ray:ASHAScheduler(grace_period=2, reduction_factor=3)", "kde")
    assert scheduler.library.startswith("ray 2.")
    with pytest.raises(SimulationError, match="one searcher at most"):
        make("ray", ["ASHAScheduler", "kde", "random"])


def fifo() -> RayTune:
    return RayTune("FIFOScheduler")


def asha() -> RayTune:
    return RayTune("ASHAScheduler", reduction_factor=3)


def hyperband() -> RayTune:
    return RayTune("HyperBandScheduler")


def bohb() -> RayTune:
    return RayTune("HyperBandForBOHB")


def median_rule() -> RayTune:
    return RayTune("MedianStoppingRule", grace_period=1)


@pytest.mark.slow
@pytest.mark.parametrize("maker", [fifo, asha, hyperband, bohb, median_rule])
def test_conformance_but_for_what_has_diverged(maker: Any) -> None:
    assert set(check(maker).failures) == {"diverged-ends"}

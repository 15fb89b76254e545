"""Properties that make a run the same wherever and whenever it is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simulator.conformance.properties import Failure, NotJudgedError, Property, first_difference
from simulator.conformance.scenarios import Scenario, quick_scenario
from simulator.conformance.subject import Subject
from simulator.conformance.surroundings import Surroundings
from simulator.conformance.watched import Run
from simulator.errors import SimulationError

OTHERS = (1, 2)  # states of the surroundings, beside the usual 0
SLOWEST = 600  # real seconds


def again(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    return first_difference(run, subject.run(scenario), "the same run again went otherwise")


def clock(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    return _under(subject, scenario, run, "clock", "with another reading of the real clock the run went otherwise")


def global_random(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    said = "with another state of `random` and `numpy.random` the run went otherwise"
    return _under(subject, scenario, run, "random", said)


def set_order(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    return _under(subject, scenario, run, "sets", "with sets in another order the run went otherwise")


def _under(subject: Subject, scenario: Scenario, run: Run, what: str, said: str) -> Failure | None:
    if again(subject, scenario, run) is not None:
        raise NotJudgedError("the same run again differs already")
    for state in OTHERS:
        failure = first_difference(run, subject.run(scenario, Surroundings(**{what: state})), said)
        if failure is not None:
            return failure
    return None


def reused(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    made = subject.make()
    for earlier in (_another(scenario), scenario):
        subject.run(earlier, made=made)
    said = "an object that was used before went otherwise: `setup` does not start it afresh"
    return first_difference(run, subject.run(scenario, made=made), said)


def all_hold(subject: Subject, scenario: Scenario, run: Run) -> bool:
    """Whether all of the above hold for sure: two runs in which everything differs at once are the same."""
    made = subject.make()
    subject.run(_another(scenario), made=made)
    return all(run.same_as(subject.run(scenario, Surroundings(state, state, state), made=made)) for state in OTHERS)


def _another(scenario: Scenario) -> Scenario:
    """A quick one with other resources."""
    return quick_scenario("one" if len(scenario.table.resources) == 9 else "nine")


def elsewhere(subject: Subject, runs: Sequence[Run]) -> list[Failure]:
    """The runs that went otherwise in one of two fresh processes, with different hash seeds.

    Raises:
        NotJudgedError: no other process could make the scheduler, or it ended with an error.
    """
    try:
        task = json.dumps(subject.elsewhere() | {"scenarios": [run.scenario.name for run in runs]})
    except SimulationError as error:
        raise NotJudgedError(str(error)) from None
    above = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [above, os.environ.get("PYTHONPATH")]))
    with ThreadPoolExecutor() as at_once:
        told = at_once.map(lambda seed: _digests(task, {"PYTHONHASHSEED": str(seed), "PYTHONPATH": path}), OTHERS)
    failed: dict[str, Failure] = {}
    for seed, digests in zip(OTHERS, told, strict=True):
        if "cannot" in digests:
            raise NotJudgedError(digests["cannot"])
        for run in runs:
            if digests[run.scenario.name] != run.digest():
                said = f"in a fresh process, with PYTHONHASHSEED={seed}, the run below went otherwise"
                failed.setdefault(run.scenario.name, Failure(said, run, len(run.questions) - 1))
    return list(failed.values())


def _digests(task: str, environment: dict[str, str]) -> dict[str, str]:
    """What another process tells: by scenario, or under ``cannot`` why it does not."""
    program = [sys.executable, "-m", "simulator.conformance.elsewhere"]
    try:
        done = subprocess.run(
            program, env=os.environ | environment, input=task, capture_output=True, text=True, timeout=SLOWEST
        )
    except subprocess.TimeoutExpired:
        return {"cannot": f"a fresh process has not ended within {SLOWEST} s"}
    try:
        told: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["none told"])[-1]
        return {"cannot": f"a fresh process ended with an error: {last}"}
    return told


def _by_itself(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    return next(iter(elsewhere(subject, [run])), None)


ELSEWHERE = Property(
    "deterministic-process", "a run is the same in a fresh process, whatever its hash seed", True, _by_itself
)
AGAIN = Property("deterministic-again", "the same run, once more, is the same", True, again)
PROPERTIES = (
    AGAIN,
    Property("deterministic-reused", "an object that was used before runs like a fresh one", True, reused),
    Property("deterministic-clock", "decisions do not depend on the real clock", True, clock),
    Property("deterministic-random", "decisions do not depend on global random state", True, global_random),
    Property("deterministic-set-order", "decisions do not depend on the order of a set", True, set_order),
)

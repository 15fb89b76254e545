"""Properties of how a run is conducted: they hold, or do not, in what was asked and answered."""

from __future__ import annotations

from math import inf

from simulator.conformance.properties import Failure, NotJudgedError, Property
from simulator.conformance.scenarios import Scenario
from simulator.conformance.standing import OVER, PAUSED, RUNS, in_the_end, moments, ran_out
from simulator.conformance.subject import Subject
from simulator.conformance.watched import Question, Run
from simulator.errors import SchedulerError


def protocol(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    if run.error is None:
        return None
    broken = str(run.error) if isinstance(run.error, SchedulerError) else f"{type(run.error).__name__}: {run.error}"
    return Failure(broken, run, len(run.questions) - 1)


def no_lost_worker(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    for at, asked, standing in moments(run):
        if asked.answer == "none" and asked.rows_left:
            # On any cluster one worker is idle, and no trial waits for one, when a scheduler is asked. How many are can
            # be told on an ideal one only: elsewhere some may be away, and trials that crashed wait without a worker.
            free = "a worker is free and gets"
            if scenario.cluster is None:
                free = f"{scenario.workers - len(standing.running)} of {scenario.workers} workers are free and get"
            return Failure(
                f"at {asked.time:g} s {free} nothing to do, though there are configurations left to start", run, at
            )
    return None


def no_stall(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    if not (ran_out(run) and run.questions[-1].rows_left):
        return None
    last = run.questions[-1]
    ended = sum(state.does == OVER for state in in_the_end(run).trials.values())
    return Failure(
        f"at {last.time:g} s nothing runs and no worker is given anything to do, so that the run is over: {ended} "
        "trials have ended, there are configurations left to start and the budget is not used up",
        run,
        len(run.questions) - 1,
    )


def promoted_once(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    for at, asked, standing in moments(run):
        if asked.answer != "resume" or asked.trial not in standing.trials:
            continue
        state = standing.trials[asked.trial]
        if state.does == RUNS and _at_most(asked.until, state.until):
            if state.resource:
                said = f"trial {asked.trial} was promoted from {state.resource:g} before, and still runs"
            else:
                said = f"trial {asked.trial} is on its way there since it was started"
        elif state.does != RUNS and _at_most(asked.until, state.resource):
            said = f"trial {asked.trial} has been at {state.resource:g} already, and {state.does}"
        else:
            continue
        return Failure(f"at {asked.time:g} s trial {asked.trial} is sent to {asked.until} once more: {said}", run, at)
    return None


def _at_most(until: object, limit: object) -> bool:
    return isinstance(until, (int, float)) and isinstance(limit, (int, float)) and until <= limit


def result_is_in(run: Run) -> Failure | None:
    """A trial is only resumed when it has reported what it was sent to report."""
    for at, asked, standing in moments(run):
        if asked.answer != "resume" or asked.trial not in standing.trials:
            continue
        state = standing.trials[asked.trial]
        if state.does == RUNS and not _at_most(asked.until, state.until):
            return Failure(
                f"at {asked.time:g} s trial {asked.trial} is promoted to {asked.until}, but its result at "
                f"{state.until} is not in yet: it still runs",
                run,
                at,
            )
    return None


def diverged_ends(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    if not any(asked.kind == "report" and asked.value == inf for asked in run.questions):
        raise NotJudgedError("nothing diverges")
    values: dict[object, Question] = {}
    for at, asked, _ in moments(run):
        if asked.kind == "report":
            values[asked.trial] = asked
        last = values.get(asked.trial)
        if asked.answer in ("continue", "resume") and last is not None and last.value == inf:
            return Failure(
                f"at {asked.time:g} s trial {asked.trial} goes on to {asked.until}, though it has diverged: NaN at "
                f"{last.resource:g}",
                run,
                at,
            )
    return None


def accounted_for(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    if run.error is not None:
        raise NotJudgedError("the run broke off")
    standing, last = in_the_end(run), len(run.questions) - 1
    cut_off = scenario.is_cut_off and not ran_out(run)
    for trial, state in standing.trials.items():
        if state.does not in (PAUSED, OVER) and not cut_off:
            return Failure(f"trial {trial} {state.does} when the run is over, and nothing has cut it off", run, last)
    return None


PROPERTIES = (
    Property(
        "protocol",
        "every answer is one that the protocol allows, on the grid of resources, and no error is raised",
        True,
        protocol,
    ),
    Property(
        "no-lost-worker",
        "no worker is idle while there are configurations left to start (not asked of synchronous schedulers)",
        True,
        no_lost_worker,
    ),
    Property(
        "no-stall",
        "a run does not end while there are configurations and budget left",
        True,
        no_stall,
    ),
    Property("promoted-once", "no trial is sent twice to the same resource", True, promoted_once),
    Property("diverged-ends", "a trial whose last value is NaN does not go on", True, diverged_ends),
    Property(
        "accounted-for",
        "in the end every trial is over or paused, or was cut off, by the budget or because no worker is left",
        True,
        accounted_for,
    ),
)

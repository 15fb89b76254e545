"""Properties of rung-based schedulers: who goes on, as the rungs stood at that moment."""

from __future__ import annotations

from fractions import Fraction
from math import inf

from simulator.conformance.properties import Failure, NotJudgedError, Property
from simulator.conformance.scenarios import Scenario
from simulator.conformance.standing import RUNS, Rung, Standing, in_the_end, moments, ran_out
from simulator.conformance.subject import Subject
from simulator.conformance.watched import Run


def top_share(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    eta, seen = _eta(run), False
    for at, asked, standing in moments(run):
        if asked.answer not in ("continue", "resume") or asked.trial not in standing.trials:
            continue
        rung = asked.bracket, standing.trials[asked.trial].resource
        entries = standing.entries(rung, run.synchronous)
        if asked.trial not in entries:
            continue  # it was not judged there
        seen = True
        n, value = len(entries), entries[asked.trial]
        k = _share(n, eta, run.synchronous)
        better = sum(other < value for other in entries.values())
        # Whether equal values rank by trial id, or by who went on first, is all the same.
        by_id = sum((other, trial) < (value, asked.trial) for trial, other in entries.items())
        by_turn = better + sum(entries.get(trial) == value for trial in standing.gone_on.get(rung, []))
        if min(by_id, by_turn) >= k:
            return Failure(
                f"at {asked.time:g} s trial {asked.trial} ({value:.6g}) goes on from {rung[1]:g}, where it is not "
                f"among the best {k} of {n} (eta = {float(eta):g}): {better} are better, "
                f"{sum(other == value for other in entries.values()) - 1} as good",
                run,
                at,
            )
    if not seen:
        raise NotJudgedError("nobody goes on from a rung")
    return None


def best_not_stopped(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    if not any(asked.answer == "stop" and asked.kind == "report" for asked in run.questions):
        raise NotJudgedError("nobody is stopped")
    for at, asked, standing in moments(run):
        if asked.answer != "stop" or asked.kind != "report" or asked.value == inf:
            continue
        others = [
            value for trial, value in standing.rungs[asked.bracket, asked.resource].items() if trial != asked.trial
        ]
        if all(asked.value < value for value in others):
            return Failure(
                f"at {asked.time:g} s trial {asked.trial} is stopped at {asked.resource:g} with {asked.value:.6g}, "
                + (
                    f"the best of all {len(others) + 1} that have reported there"
                    if others
                    else "the first to report there"
                ),
                run,
                at,
            )
    return None


def best_promoted(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    eta = _eta(run)
    _somebody_pauses(run)
    if not ran_out(run):
        raise NotJudgedError("the run did not end by itself")
    standing, last = in_the_end(run), run.questions[-1]
    for trial, rung, value in standing.waiting():
        entries = standing.entries(rung, run.synchronous)
        if _leads(value, entries, 1) and _share(len(entries), eta, run.synchronous) >= 1:
            return Failure(
                f"when the run is over, at {last.time:g} s, trial {trial} ({value:.6g}) still waits at {rung[1]:g}, "
                f"where it is the best of {len(entries)}",
                run,
                len(run.questions) - 1,
            )
    return None


def eager_promotion(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    eta = _eta(run)
    _somebody_pauses(run)
    for at, asked, standing in moments(run):
        if asked.answer not in ("start", "none"):
            continue
        for trial, rung, value in standing.waiting():
            entries = standing.entries(rung, False)
            k = _share(len(entries), eta, False)
            if _leads(value, entries, k):
                done = "a new trial is started" if asked.answer == "start" else "a worker is left idle"
                return Failure(
                    f"at {asked.time:g} s {done}, though trial {trial} ({value:.6g}) waits at {rung[1]:g} and is among "
                    f"the best {k} of {len(entries)} there (already gone on: {_listed(standing, rung)})",
                    run,
                    at,
                )
    return None


def brackets_finish(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    _somebody_pauses(run)
    if len({asked.bracket for asked in run.questions if asked.answer == "start"}) < 2:
        raise NotJudgedError("there is one bracket only (trials of different ones have different tags)")
    for at, asked, standing in moments(run):
        if asked.answer != "start":
            continue
        busy = {standing.bracket[trial] for trial, state in standing.trials.items() if state.does == RUNS}
        for trial, rung, value in standing.waiting():
            if rung[0] in busy or rung[0] == asked.bracket:
                continue
            entries = standing.entries(rung, True)
            if _leads(value, entries, 1) and trial not in standing.gone_on.get(rung, []):
                return Failure(
                    f"at {asked.time:g} s a trial is started in another bracket, though nothing of bracket {rung[0]} "
                    f"runs and trial {trial} ({value:.6g}), the best of {len(entries)} at {rung[1]:g}, waits there",
                    run,
                    at,
                )
    return None


def _somebody_pauses(run: Run) -> None:
    if not any(asked.answer == "pause" for asked in run.questions):
        raise NotJudgedError("nobody is paused")


def _eta(run: Run) -> Fraction:
    if run.eta is None:
        raise NotJudgedError("the scheduler has no attribute `eta`")
    return run.eta


def _share(n: int, eta: Fraction, at_least_one: bool) -> int:
    return max(int(n / eta), 1 if at_least_one else 0)


def _leads(value: float, entries: dict[object, float], k: int) -> bool:
    """Whether it is among the best k, however equal values rank."""
    return sum(other <= value for other in entries.values()) <= k


def _listed(standing: Standing, rung: Rung) -> str:
    return ", ".join(map(str, standing.gone_on.get(rung, []))) or "none"


PROPERTIES = (
    Property(
        "top-share",
        "who goes on from a rung of n is among its best floor(n / eta) at that moment (synchronous: at least 1)",
        False,
        top_share,
    ),
    Property(
        "best-not-stopped",
        "a trial that reports the best value of its rung so far is not stopped",
        False,
        best_not_stopped,
    ),
    Property(
        "best-promoted",
        "when a run has ended by itself, the best of each rung of at least eta (synchronous: 1) has gone on",
        False,
        best_promoted,
    ),
    Property(
        "eager-promotion",
        "nobody is started, and no worker idles, while one of the best floor(n / eta) of a rung waits",
        False,
        eager_promotion,
    ),
    Property(
        "brackets-finish",
        "no trial starts in another bracket while the best of a full rung waits to go on",
        False,
        brackets_finish,
    ),
)

"""Puts a scheduler through all scenarios, and looks for the shortest run that shows what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from blackboxes.errors import name_hint
from simulator.conformance import conduct, counterfactuals, determinism, rungs_kept
from simulator.conformance.properties import Failure, NotJudgedError, Property
from simulator.conformance.report import Finding, Report
from simulator.conformance.scenarios import Scenario, scenarios_named
from simulator.conformance.subject import Subject
from simulator.conformance.watched import EndlessError, Run
from simulator.errors import SimulationError
from simulator.protocol import Scheduler

Advance = Callable[[], None]
MOST_TRIES = 40  # smaller scenarios that are looked at for one failure
PROPERTIES = (
    *conduct.PROPERTIES,
    *determinism.PROPERTIES,
    determinism.ELSEWHERE,
    *counterfactuals.PROPERTIES,
    *rungs_kept.PROPERTIES,
)
REPEATING = (*determinism.PROPERTIES, *counterfactuals.COMPARING)  # what takes further runs


def check(
    scheduler: str | Callable[[], Scheduler],
    scenarios: Sequence[str] | None = None,
    advance: Advance | None = None,
) -> Report:
    """Run a scheduler through hard scenarios, and say which properties it has.

    Every scheduler must keep the protocol, be deterministic, keep workers busy (unless it is `synchronous`), and so on;
    what it claims beyond that it says in its attribute `promises`. Other properties are looked at, and told as ``not
    promised``. A scheduler may decline a scenario by raising `SimulationError` in `setup`.

    Args:
        scheduler: its name with arguments, also ``"my_file.py:MyScheduler"``; or its class, or a function, that makes
            one when called without arguments.
        scenarios: only those with these names, see `scenario_names`.
        advance: called when a scenario is done.

    Raises:
        SimulationError: no such scheduler or scenario, or it promises a property that there is none of.

    Example, as a test:
        >>> def test_my_scheduler():
        ...     check(MyScheduler).assert_passed()
    """
    subject, chosen = Subject(scheduler), scenarios_named(scenarios)
    known = [one.name for one in PROPERTIES]
    for promise in sorted(subject.promises):
        if promise not in known:
            raise SimulationError(
                f"{subject.name} promises {promise!r}, which is no property: {name_hint(promise, known)}"
            )
    findings = [Finding(one, _is_binding(one, subject)) for one in PROPERTIES]
    refused: dict[str, str] = {}
    runs = [_judge(subject, scenario, findings, refused, advance) for scenario in chosen]
    _leave_to_chance(findings)
    _judge_elsewhere(subject, [run for run in runs if run.refused is None], findings)
    for finding in findings:
        if finding.failure is not None and finding.binding:
            finding.failure = _shortest(subject, finding.about, finding.failure)
    return Report(subject.name, findings, refused, len(chosen) - len(refused))


def _is_binding(one: Property, subject: Subject) -> bool:
    if one.name == "no-lost-worker" and subject.synchronous:
        return one.name in subject.promises
    return one.universal or one.name in subject.promises


def _judge(
    subject: Subject, scenario: Scenario, findings: Sequence[Finding], refused: dict[str, str], advance: Advance | None
) -> Run:
    """Judge all properties in one scenario, unless it is refused; the run."""
    run = subject.run(scenario)
    if run.refused is not None:
        refused[scenario.name] = run.refused
    else:
        steady = run.error is None and determinism.all_hold(subject, scenario, run)
        for finding in findings:
            if finding.about in REPEATING and run.error is not None:
                finding.why_not.append("the run broke off")
            elif steady and finding.about in determinism.PROPERTIES:
                finding.held += 1
            elif finding.about is not determinism.ELSEWHERE and (finding.binding or not finding.failed):
                _note(finding, subject, run)  # of what nobody promised one counterexample is enough
    if advance is not None:
        advance()
    return run


def _leave_to_chance(findings: Sequence[Finding]) -> None:
    """Where a run cannot be repeated, a difference says nothing about what else was different."""
    again, *others = (finding for finding in findings if finding.about in determinism.PROPERTIES)
    for other in others if again.failed else ():
        other.held, other.failed, other.failure = 0, [], None
        other.why_not.append("the same run, once more, is not the same")


def _judge_elsewhere(subject: Subject, runs: Sequence[Run], findings: Sequence[Finding]) -> None:
    """Judge whether fresh processes do what this one does, where that is the same every time."""
    (finding,) = (finding for finding in findings if finding.about is determinism.ELSEWHERE)
    spoilt = {name for other in findings if other.about in determinism.PROPERTIES for name in other.failed}
    by_chance = any(other.failed for other in findings if other.about is determinism.AGAIN)
    steady = [run for run in runs if run.error is None and run.scenario.name not in spoilt and not by_chance]
    if not steady:
        finding.why_not.append("no run is even the same in one process")
        return
    try:
        failed = determinism.elsewhere(subject, steady)
    except NotJudgedError as why:
        finding.why_not.append(str(why))
        return
    finding.held = len(steady) - len(failed)
    finding.failed = [failure.run.scenario.name for failure in failed]
    finding.failure = min(failed, key=lambda failure: failure.at, default=None)


def _note(finding: Finding, subject: Subject, run: Run) -> None:
    try:
        failure = finding.about.judge(subject, run.scenario, run)
    except NotJudgedError as why:
        finding.why_not.append(str(why))
        return
    if failure is None:
        finding.held += 1
        return
    finding.failed.append(run.scenario.name)
    if finding.failure is None or failure.at < finding.failure.at:
        finding.failure = failure


def _shortest(subject: Subject, one: Property, failure: Failure) -> Failure:
    """A failure in a smaller scenario, as small as can be found by leaving out rows and workers."""
    if one is determinism.ELSEWHERE or isinstance(failure.run.error, EndlessError):
        return failure
    tries, smaller = 0, True
    scenario = failure.run.scenario
    while smaller:
        smaller = False
        for candidate in scenario.smaller():
            if (tries := tries + 1) > MOST_TRIES:
                return failure
            found = _fails(subject, one, candidate)
            if found is not None and found.at < failure.at:
                failure, scenario, smaller = found, candidate, True
                break
    return failure


def _fails(subject: Subject, one: Property, scenario: Scenario) -> Failure | None:
    run = subject.run(scenario)
    try:
        return None if run.refused is not None else one.judge(subject, scenario, run)
    except NotJudgedError:
        return None

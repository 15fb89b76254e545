"""What a property of schedulers is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.conformance.scenarios import Scenario
from simulator.conformance.subject import Subject
from simulator.conformance.watched import Run


class NotJudgedError(Exception):
    """A property cannot be judged here; says why."""


@dataclass(frozen=True)
class Failure:
    """A property does not hold.

    Attributes:
        said: what happened, one sentence.
        run: where.
        at: the number of the question that shows it.
    """

    said: str
    run: Run
    at: int

    def text(self) -> str:
        """What is hard about the scenario, the trace up to the question that shows it, and what happened."""
        scenario = self.run.scenario
        facts = (
            f"{scenario.name}: {_count(len(scenario.table), 'configuration')}, "
            f"{_count(len(scenario.table.resources), 'resource')}, {_count(scenario.workers, 'worker')}"
        )
        return f"{self.said}\n  scenario {facts} ({scenario.sentence})\n{self.run.text(self.at)}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


Judge = Callable[[Subject, Scenario, Run], Failure | None]


@dataclass(frozen=True)
class Property:
    """Something that holds of a scheduler in a scenario, or does not.

    Attributes:
        name: as in `Scheduler.promises`.
        sentence: what it says.
        universal: every scheduler must have it; the others only those that promise it.
        judge: gives the failure, None where the property holds; raises `NotJudgedError`. The run that it is given was
            made in the usual surroundings.
    """

    name: str
    sentence: str
    universal: bool
    judge: Judge


def first_difference(run: Run, other: Run, what: str) -> Failure | None:
    """The failure that two runs which should be alike are not; `what` made them differ."""
    if run.same_as(other):
        return None
    pairs = zip(run.questions, other.questions, strict=False)
    at = next((k for k, (one, two) in enumerate(pairs) if one != two), min(len(run.questions), len(other.questions)))
    then = other.questions[at] if at < len(other.questions) else None
    said = str(then).strip() if then else f"the run was over ({other.error or 'nothing to do'})"
    return Failure(f"{what}: instead of the last line below, {said}", run, min(at, len(run.questions) - 1))

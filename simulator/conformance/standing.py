"""Where trials and rungs stood at any moment of a run, derived from what was asked and answered."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any, NamedTuple

from simulator.conformance.watched import Question, Run

RUNS, PAUSED, OVER = "runs", "is paused", "is over"
Rung = tuple[int, float]  # bracket and resource


class State(NamedTuple):
    """Of a trial: what it does, the resource it has reached, and where it was sent."""

    does: str
    resource: float
    until: Any


class Standing:
    """All trials and rungs at one moment.

    A rung is what trials of one bracket (those with the same `tag`) have reported at one resource. Equal values rank
    by trial id.

    Attributes:
        trials: by id.
        rungs: for each the reported values, by trial.
        gone_on: for each, who was sent further, in order.
        ended: for each bracket the trials that are over by themselves: where, and with which value. Who failed is not
            among them: it has left its rung.
    """

    def __init__(self) -> None:
        self.trials: dict[Any, State] = {}
        self.rungs: dict[Rung, dict[Any, float]] = {}
        self.gone_on: dict[Rung, list[Any]] = {}
        self.ended: dict[int, dict[Any, tuple[float, float]]] = {}
        self.bracket: dict[Any, int] = {}

    def hear(self, asked: Question) -> None:
        """A trial has reported, or is over; one that crashed goes on as far as anybody knows."""
        if asked.kind in ("job", "failure"):
            return
        self.trials[asked.trial] = State(PAUSED if asked.kind == "report" else OVER, asked.resource, None)
        if asked.kind == "report":
            self.rungs.setdefault((asked.bracket, asked.resource), {})[asked.trial] = asked.value
        elif asked.kind != "failed":
            self.ended.setdefault(asked.bracket, {})[asked.trial] = asked.resource, asked.value

    def obey(self, asked: Question) -> None:
        """The answer takes effect."""
        if asked.answer in ("resume", "continue") and asked.trial in self.trials:
            reached = self.trials[asked.trial].resource
            self.gone_on.setdefault((asked.bracket, reached), []).append(asked.trial)
            self.trials[asked.trial] = State(RUNS, reached, asked.until)
        elif asked.answer == "start":
            self.trials[asked.trial] = State(RUNS, 0, asked.until)
            self.bracket[asked.trial] = asked.bracket
        elif asked.answer == "stop":
            self.trials[asked.trial] = State(OVER, asked.resource, None)
        for trial in asked.cancelled:
            if trial in self.trials:
                self.trials[trial] = State(OVER, self.trials[trial].resource, None)

    @property
    def running(self) -> list[Any]:
        """The trials that run, or that wait for a worker when they lost theirs."""
        return [trial for trial, state in self.trials.items() if state.does == RUNS]

    def entries(self, rung: Rung, with_ended: bool) -> dict[Any, float]:
        """The values in a rung; in a synchronous one also those of trials that ended before they got there."""
        bracket, resource = rung
        entries = dict(self.rungs.get(rung, {}))
        if with_ended:
            for trial, (where, value) in self.ended.get(bracket, {}).items():
                if where < resource:
                    entries[trial] = value
        return entries

    def waiting(self) -> Iterator[tuple[Any, Rung, float]]:
        """Trials that are paused in a rung, and could go on: id, rung, value."""
        for rung, entries in self.rungs.items():
            for trial, value in entries.items():
                state = self.trials[trial]
                if state.does == PAUSED and state.resource == rung[1] and value < inf:
                    yield trial, rung, value


def moments(run: Run) -> Iterator[tuple[int, Question, Standing]]:
    """Each question of a run in turn, and how all stood when it was answered: what it reports is told already."""
    standing = Standing()
    for number, asked in enumerate(run.questions):
        standing.hear(asked)
        yield number, asked, standing
        standing.obey(asked)


def in_the_end(run: Run) -> Standing:
    """How all stood after the last answer."""
    standing = Standing()
    for asked in run.questions:
        standing.hear(asked)
        standing.obey(asked)
    return standing


def ran_out(run: Run) -> bool:
    """Whether the run ended because nobody had anything more to do, and not by its budget or an error."""
    return (
        run.error is None and bool(run.questions) and not in_the_end(run).running and run.questions[-1].answer == "none"
    )

"""Properties that compare a run with what would have happened: other values, other names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf, isfinite

import numpy as np

from simulator.conformance.conduct import result_is_in
from simulator.conformance.properties import Failure, NotJudgedError, Property, first_difference
from simulator.conformance.scenarios import Scenario
from simulator.conformance.subject import Subject
from simulator.conformance.watched import Question, Run
from simulator.searcher import SearchContext
from simulator.searchers.random import RandomSearcher

MOST_DECISIONS = 8  # tried in one scenario
# Increasing functions of a value's rank among all different ones: even steps, ever larger ones, ever smaller ones.
INCREASING: tuple[Callable[[int], float], ...] = (lambda i: i - 500.0, lambda i: 1.03**i, lambda i: -1 / (1 + i))


def only_reported(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    early = result_is_in(run)
    if early is not None or scenario.exhausted == "cycle" or run.error is not None:
        return early
    n = len(run.questions)
    for last in sorted({n // 4, n // 2, 3 * n // 4}):
        hidden = _hidden(scenario, run, last)
        values = scenario.table.metrics["loss"][:, 0, :].copy()
        values[hidden] = (1.5 - values)[hidden][::-1]
        other = subject.run(scenario.with_values(values), last=last)
        cut = replace(run, questions=run.questions[: last + 1])
        other = replace(other, questions=other.questions[: last + 1], error=None)
        failure = first_difference(
            cut, other, "results that nobody had reported yet were changed, and a decision with them"
        )
        if failure is not None:
            return failure
    return None


def _hidden(scenario: Scenario, run: Run, last: int) -> np.ndarray:
    """(n, R) True where a result was measured, and not known to anybody after the question with this number."""
    hidden = np.isfinite(scenario.table.elapsed[:, 0, :])
    for asked in run.questions[: last + 1]:
        if asked.kind != "job" and asked.resource:  # who crashed has shown nothing beyond its last report
            reached = scenario.table.resource_list.index(asked.resource)
            hidden[asked.row, (0 if scenario.table.resumable else reached) : reached + 1] = False
    return hidden


def monotone(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    if scenario.exhausted == "cycle":
        raise NotJudgedError("a configuration that is started again reports the same values again")
    decisions = list(_onward(run))
    if not decisions:
        raise NotJudgedError("nobody goes on at a report")
    for at in decisions[:: -(-len(decisions) // MOST_DECISIONS) or 1]:
        asked = run.questions[at]
        for better in _better_values(scenario, run, asked):
            other = subject.run(_with_value(scenario, asked, better), last=at)
            if other.questions[:at] != run.questions[:at] or len(other.questions) <= at:
                raise NotJudgedError("the run went otherwise before the deciding value was reported")
            answer = other.questions[at].answer
            if answer == asked.answer == "continue" or (asked.answer == "pause" and _resumed_at_once(other, at)):
                continue
            done = "is continued" if asked.answer == "continue" else "is promoted at once"
            return Failure(
                f"at {asked.time:g} s trial {asked.trial} {done} from {asked.resource:g} with {asked.value:.6g}, but "
                f"with the better value {better:.6g} in its place, all before being the same, it "
                + ("is stopped" if answer == "stop" else "is not"),
                other,
                len(other.questions) - 1,
            )
    return None


def _onward(run: Run) -> Iterator[int]:
    """The reports after which a trial went on: at once, or before anybody else reported."""
    for at, asked in enumerate(run.questions):
        went = asked.answer == "continue" or (asked.answer == "pause" and _resumed_at_once(run, at))
        if asked.kind == "report" and went and asked.value < inf:
            yield at


def _resumed_at_once(run: Run, at: int) -> bool:
    for asked in run.questions[at + 1 :]:
        if asked.kind != "job":
            return False
        if asked.answer == "resume" and asked.trial == run.questions[at].trial:
            return True
    return False


def _better_values(scenario: Scenario, run: Run, asked: Question) -> list[float]:
    """A little better than the value that was reported, and better than everything."""
    there = {q.value for q in run.questions if q.kind == "report" and q.resource == asked.resource}
    next_better = max((value for value in there if value < asked.value), default=asked.value - 1)
    values = scenario.table.metrics["loss"]
    return [(next_better + asked.value) / 2, -float(np.nanmax(np.abs(values))) - 1]


def _with_value(scenario: Scenario, asked: Question, value: float) -> Scenario:
    table = scenario.table
    values = table.metrics["loss"][:, 0, :].copy()
    values[asked.row, table.resource_list.index(asked.resource)] = value * table.metric_info["loss"].sign
    return scenario.with_values(values)


def rank_based(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    sign = scenario.table.metric_info["loss"].sign
    values = sign * scenario.table.metrics["loss"][:, 0, :]
    different = sorted({value for value in values.flat if isfinite(value)})
    for increasing in INCREASING:
        other_value = {value: increasing(i) for i, value in enumerate(different)}
        other_values = [sign * other_value.get(value, np.nan) for value in values.flat]
        other = subject.run(scenario.with_values(np.array(other_values).reshape(values.shape)))
        said = "all values went through an increasing function, and a decision changed"
        failure = first_difference(run, other, said)
        if failure is not None:
            return failure
    return None


class InOrder(RandomSearcher):
    """Proposes given rows in order; goes for the random searcher."""

    def __init__(self, rows: np.ndarray) -> None:
        super().__init__()
        self._in_order: list[int] = rows.tolist()

    def setup(self, context: SearchContext) -> None:
        self.exhausted_at = None
        self._context, self._rows = context, iter(self._in_order)

    def propose(self) -> int | None:
        for row in self._rows:
            return row
        if self._context.cycle:
            self._rows = iter(self._in_order)
            return next(self._rows)
        if self.exhausted_at is None:
            self.exhausted_at = self._context.now
        return None


def renaming(subject: Subject, scenario: Scenario, run: Run) -> Failure | None:
    if scenario.has_ties:
        raise NotJudgedError("values tie")
    n = len(scenario.table)
    renamed = np.arange(n)[::-1].copy()  # row i is what was row renamed[i], and the other way round
    order = (np.arange(n) * 7 + 3) % n if n % 7 else np.arange(n)
    one = subject.run(scenario, searcher=InOrder(order))
    other = subject.run(scenario.renamed(renamed), searcher=InOrder(renamed[order]))
    if one.refused or other.refused:
        raise NotJudgedError(f"refused: {one.refused or other.refused}")
    asked = tuple(replace(q, row=renamed[q.row].item() if isinstance(q.row, int) else q.row) for q in other.questions)
    said = "rows of the table were renamed, and a decision changed"
    return first_difference(one, replace(other, questions=asked), said)


COMPARING = (
    Property(
        "monotone",
        "a better deciding value, with all before the same, never stops or holds back a trial that went on",
        False,
        monotone,
    ),
    Property("rank-based", "decisions stay the same under increasing transforms of the metric", False, rank_based),
    Property("renaming", "without ties, decisions do not depend on the numbers of the table's rows", False, renaming),
)
PROPERTIES = (
    Property(
        "only-reported",
        "decisions rest on what was reported, and nobody is promoted before its result is in",
        True,
        only_reported,
    ),
    *COMPARING,
)

"""A trial's story in words, from a trace alone.

A trace knows what was reported and decided, not by which rule: where a trial stood and who went on is told, and nobody
claims that one was the reason for the other. A rung is all reports at one resource (`simulator.standing`), so brackets
that the scheduler keeps apart share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from blackboxes import Blackbox, BlackboxError
from simulator import events
from simulator.clock import format_time
from simulator.decisions import number
from simulator.errors import TraceError
from simulator.standing import REPORTS, Rung, ranked, reports_at

if TYPE_CHECKING:
    from simulator.trace import Trace

MOST_RANGES = 5  # of ranks that are listed
ENDED = {
    "stop": "it was stopped",
    "complete": "it was complete",
    "curve-end": "its curve ended",
    "cancelled": "it was cancelled",
    "budget": "it was cut off when the run was over",
    "failed": "it failed",
    "pause": "it was paused, and was not resumed",
    "crash": "it waited for a worker after a crash",
    "preempted": "it waited for a worker after it had lost one",
}


def story(trace: Trace, trial: int) -> list[str]:
    """What happened to a trial, one line an event.

    Where the table can be loaded, its hyperparameters are told, and at each report where it stood in the rung at that
    moment; else its row alone.

    Raises:
        TraceError: there is no such trial.
    """
    trials = len(trace.columns.config)
    if not 0 <= trial < trials:
        have = f"trials 0 to {trials - 1}" if trials else "no trials"
        raise TraceError(f"there is no trial {trial} in the trace, it has {have}")
    return list(_Story(_Account(trace), trial).lines())


def stories(trace: Trace) -> list[list[str]]:
    """The `story` of every trial, by its id, much faster than one by one."""
    account = _Account(trace)
    return [list(_Story(account, trial).lines()) for trial in range(len(trace.columns.config))]


def params_in_words(table: Blackbox, row: int) -> str:
    """The hyperparameters of a configuration."""
    return ", ".join(f"{name} = {value}" for name, value in table.params(row).items())


def ends(trace: Trace) -> dict[str, int]:
    """How many trials there are by what became of them in the end: the names of their last events, but ``removed``."""
    c = trace.columns
    mine = np.flatnonzero((c.trial >= 0) & (c.event != events.CODES["removed"]))
    last = np.zeros(len(c.config), dtype=np.int64)
    last[c.trial[mine]] = c.event[mine]  # the last one wins
    return {events.NAMES[code]: int(n) for code, n in enumerate(np.bincount(last)) if n}


class _Reports(NamedTuple):
    """All that was ever reported at one resource, the best first; one entry a trial.

    Attributes:
        rung: as it stood when the run was over.
        at: the number of the event by which a trial reported.
        sent: the number of the event that first sent it further from there, or that of all events.
    """

    rung: Rung
    at: np.ndarray
    sent: np.ndarray

    def before(self, stop: int) -> Rung:
        """The rung of those who had reported before event `stop`."""
        there = self.at < stop
        return Rung(self.rung.resource, self.rung.trials[there], self.rung.values[there])


class _Account:
    """What the stories of a trace's trials share."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.table, self.why_not = table_of(trace)
        self.unit = "resource" if self.table is None else self.table.resource_unit
        c = trace.columns
        self._by_trial = order = np.argsort(c.trial, kind="stable")
        self._first = np.searchsorted(c.trial[order], np.arange(len(c.config) + 1))
        order = order[c.event[order] != events.CODES["removed"]]  # which happens to its checkpoint
        self.before = np.full(len(trace), -1)  # the code of the same trial's event before
        same = c.trial[order[1:]] == c.trial[order[:-1]]
        self.before[order[1:][same]] = c.event[order[:-1]][same]
        self._reports: dict[float, _Reports] = {}

    def events_of(self, trial: int) -> list[int]:
        """The numbers of a trial's events."""
        return self._by_trial[self._first[trial] : self._first[trial + 1]].tolist()

    def reports(self, resource: float) -> _Reports:
        """The reports at a resource; it asks for the table."""
        if resource not in self._reports:
            self._reports[resource] = self._find_reports(resource)
        return self._reports[resource]

    def _find_reports(self, resource: float) -> _Reports:
        trace, c, code = self.trace, self.trace.columns, events.CODES
        here = np.flatnonzero(c.resource == resource) if resource > 0 else np.empty(0, dtype=np.int64)
        at = reports_at(trace, resource) if resource > 0 else here
        trials = c.trial[at]
        sent = np.full(len(trials), len(trace))
        promoted = (c.event[here] == code["resume"]) & (self.before[here] == code["pause"])
        further = here[(c.event[here] == code["continue"]) | promoted]
        further = further[np.isin(c.trial[further], trials)]
        np.minimum.at(sent, np.searchsorted(trials, c.trial[further]), further)
        rung, order = ranked(trace, resource, at)
        return _Reports(rung, at[order], sent[order])


class _Story:
    def __init__(self, account: _Account, trial: int) -> None:
        self.account, self.trial = account, trial
        self.trace, self.table = account.trace, account.table

    def lines(self) -> Iterator[str]:
        c, trial = self.trace.columns, self.trial
        row = int(c.config[trial])
        params = ""
        if self.table is not None and row < len(self.table):
            params = f" ({params_in_words(self.table, row)})"
        yield f"Trial {trial}: configuration {row}{params}, replicate {c.replicate[trial]}."
        if self.table is None:
            yield f"Where it stood in its rungs cannot be told without the table: {self.account.why_not}"
        mine = self.account.events_of(trial)
        last: int | None = None
        for at in mine:
            yield f"{format_time(int(c.time[at]))} s: {self._sentence(at, last)}{self._leaving(at)}"
            if self.table is not None and self._has_standing(at, last):
                yield f"    {self._standing(at)}"
            if c.event[at] != events.CODES["removed"]:
                last = at
        yield self._end(mine)

    def _sentence(self, at: int, last: int | None) -> str:
        c, name = self.trace.columns, events.NAMES[self.trace.columns.event[at]]
        worker, until = int(c.worker[at]), self._amount(c.until[at])
        here = self._amount(c.resource[at])
        waited = "" if last is None else f"after {format_time(int(c.time[at] - c.time[last]))} s"
        if name == "start":
            donor = int(c.checkpoint_of[self.trial])
            begins = "" if donor < 0 else f" with the checkpoint of trial {donor}, at {here},"
            return f"started{begins} on worker {worker}, sent to {until}{self._job(at)}."
        if name == "resume":
            alone = last is not None and events.NAMES[c.event[last]] != "pause"
            begins = f", from {here} on" if alone and c.resource[at] else ""
            if c.jobs is not None and c.jobs.origin[at] < c.resource[at]:
                origin = float(c.jobs.origin[at])
                begins = f", to train again from {self._amount(origin) if origin else 'nothing'}"
            waited += " without one" if alone else " of waiting"
            return f"resumed on worker {worker}, {waited}{begins}, sent to {until}{self._job(at)}."
        if name == "curve-end" and last is not None and self._is_told_twice(last, at):
            return "its curve has ended there, so it was over."
        if name in REPORTS:
            report = f"reported {self.trace.info.metric} {number(c.value[at])} at {here}"
            decided = {
                "continue": f"told to continue until {until}",
                "pause": "paused",
                "stop": "stopped",
                "complete": "complete, this is the largest resource",
                "curve-end": "over, its curve ends here",
            }[name]
            return f"{report}: {decided}."
        return {
            "cancelled": f"cancelled by the scheduler, having reached {here}.",
            "budget": f"cut off by the end of the run on its way to {until}, having reached {here}.",
            "crash": f"crashed on worker {worker}, the {_ordinal(self._crashes(at))} time; it had reached {here}.",
            "preempted": f"lost worker {worker}, which was taken away; it had reached {here}.",
            "failed": f"failed, {self._why_failed(at)}.",
            "removed": "its checkpoint was removed, there was no room.",
        }.get(name, f"{name}.")

    def _job(self, at: int) -> str:
        """What is not as without a cluster in a job that begins."""
        jobs, told = self.trace.columns.jobs, []
        if jobs is None:
            return ""
        if jobs.overhead[at]:
            told.append(f"it trains after {format_time(int(jobs.overhead[at]))} s")
        if jobs.pace[at] != 1:
            told.append(f"a second of the table takes {jobs.pace[at]:.4g} s there")
        if jobs.save[at]:
            told.append(f"each checkpoint on the way takes {format_time(int(jobs.save[at]))} s")
        return "".join(f"; {one}" for one in told)

    def _leaving(self, at: int) -> str:
        """What a worker is busy with after a trial has left it."""
        c = self.trace.columns
        if c.jobs is None or not c.jobs.overhead[at] or events.NAMES[c.event[at]] in ("start", "resume"):
            return ""
        return f" The worker is free after another {format_time(int(c.jobs.overhead[at]))} s."

    def _crashes(self, at: int) -> int:
        """How often the trial has crashed by then."""
        event, crash = self.trace.columns.event, events.CODES["crash"]
        return sum(int(event[i]) == crash for i in self.account.events_of(self.trial) if i <= at)

    def _why_failed(self, at: int) -> str:
        retries, crashes = (self.trace.info.cluster or {}).get("retries", 3), self._crashes(at)
        if crashes <= retries:
            return "the scheduler gave it up"
        return f"after {retries} crash{'es' * (retries != 1)} no further one is forgiven"

    def _is_told_twice(self, last: int, at: int) -> bool:
        """Whether a curve that ends where its trial was told to continue is one report in two events."""
        c = self.trace.columns
        return bool(
            c.event[last] == events.CODES["continue"]
            and c.resource[last] == c.resource[at]
            and c.time[last] == c.time[at]
        )

    def _has_standing(self, at: int, last: int | None) -> bool:
        """Whether an event is a report, or follows from one."""
        name = events.NAMES[self.trace.columns.event[at]]
        if last is None or self._is_told_twice(last, at):
            return False
        if name == "resume" and at == last + 1:  # nothing has changed since it reported
            return False
        return name in REPORTS or (name == "resume" and bool(self.account.before[at] == events.CODES["pause"]))

    def _standing(self, at: int) -> str:
        """Where it stood among those who had reported there by then, and who of them had gone on."""
        reports = self.account.reports(float(self.trace.columns.resource[at]))
        rung = reports.before(at + 1)
        rank, resource = rung.rank(self.trial), self._amount(rung.resource)
        if rank is None:  # a trace made by hand
            return f"It has no report at {resource}."
        if len(rung) == 1:
            return f"It was the first to report at {resource}."
        best = "" if rank == 1 else f", the best is trial {rung[0].trial} with {number(rung[0].value)}"
        others = "" if self.table is None or rung.resource == self.table.r_max else self._others(at, reports, rung)
        return f"{_ordinal(rank)} of {len(rung)} at {resource} by then{best}.{others}"

    def _others(self, at: int, reports: _Reports, rung: Rung) -> str:
        """Who of the others in a rung had been sent further before event `at`."""
        gone = self._gone_on(at, reports, at + 1)
        if not len(gone):
            return " None of the others had gone on from there."
        said = (
            f" Of the others {_ranks(gone)} had gone on from there, the last with {number(rung.values[gone[-1] - 1])}"
        )
        left = rung.trials != self.trial
        left[gone - 1] = False
        if not left.any():
            return f"{said}, all of them."
        best = int(left.argmax())
        return f"{said}; the best that had not: {_ordinal(best + 1)} with {number(rung.values[best])}."

    def _gone_on(self, at: int, reports: _Reports, stop: int) -> np.ndarray:
        """The other trials that were sent further before event `at`: their ranks in the rung before event `stop`."""
        there = reports.at < stop
        gone = there & (reports.sent < at) & (reports.rung.trials != self.trial)
        return np.cumsum(there)[gone]

    def _end(self, mine: list[int]) -> str:
        c = self.trace.columns
        names = [events.NAMES[c.event[at]] for at in mine]
        at, name = mine[-1], names[-1]
        if name == "removed":  # a checkpoint; what happened to the trial was before
            name = next((other for other in reversed(names) if other != "removed"), name)
        worked = int((c.time[mine][1:] - c.time[mine][:-1])[np.array(events.BEGINS)[c.event[mine][:-1]]].sum())
        said = f"In the end {ENDED.get(name, 'it was still at work')}, at {self._amount(c.resource[at])}"
        said += f" and after {format_time(worked)} s on a worker"
        final = len(self.trace) - 1
        told = [i for i, event in zip(mine, names, strict=True) if event in REPORTS]
        if self.table is not None and told and name in ("pause", "stop") and final > at:
            reports = self.account.reports(float(c.resource[told[-1]]))
            rank = reports.rung.rank(self.trial)
            if rank is not None:
                gone = self._gone_on(len(self.trace), reports, len(self.trace))
                others = f"{_ranks(gone)} had gone on" if len(gone) else "nobody had gone on"
                said += f"; when the run was over it was {_ordinal(rank)} of {len(reports.rung)} there, and {others}"
        return said + "."

    def _amount(self, resource: float) -> str:
        if self.account.unit == "resource":
            return f"resource {number(resource)}"
        return f"{number(resource)} {self.account.unit}{'' if resource == 1 else 's'}"


def table_of(trace: Trace) -> tuple[Blackbox | None, str]:
    """The table of a trace, None with the reason where it cannot be loaded."""
    try:
        return trace.table, ""
    except BlackboxError as error:
        return None, str(error)


def _ordinal(rank: int) -> str:
    """In words.

    >>> _ordinal(1), _ordinal(12), _ordinal(23)
    ('1st', '12th', '23rd')
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{'th' if rank % 100 in (11, 12, 13) else ending}"


def _ranks(ranks: np.ndarray) -> str:
    """Increasing ranks in words, long lists cut short.

    >>> _ranks(np.array([1, 2, 3, 5]))
    '4 (ranks 1 to 3, 5)'
    """
    breaks = np.flatnonzero(np.diff(ranks) != 1)
    lows, highs = ranks[np.concatenate([[0], breaks + 1])], ranks[np.concatenate([breaks, [-1]])]
    runs = list(zip(lows[:MOST_RANGES].tolist(), highs[:MOST_RANGES].tolist(), strict=True))
    listed = ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in runs)
    more = f", and others down to {ranks[-1]}" if len(lows) > MOST_RANGES else ""
    return f"{len(ranks)} (rank{'s' * (len(ranks) > 1)} {listed}{more})"

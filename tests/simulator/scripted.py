"""A scheduler that answers from a script and writes down what it is asked, and the history of a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from simulator import STOP, Context, Scheduler, Trace, Trial
from simulator.events import NAMES

NOTHING_MORE = None


class Scripted(Scheduler):
    """Gives `jobs` one after the other, then None; answers reports with `answers`, then STOP.

    Each entry is the answer itself, or a function of the context (jobs) or of context and trial (answers) that gives
    it. Attributes: `log`, one tuple a question, with the simulated time first; `context`; `trials`, by id.
    """

    def __init__(self, jobs: Iterable[Any], answers: Iterable[Any] = ()) -> None:
        self.script = list(jobs), list(answers)

    def setup(self, context: Context) -> None:
        self.context = context
        self.log: list[tuple[Any, ...]] = []
        self.trials: dict[int, Trial] = {}
        self.jobs: Iterator[Any] = iter(self.script[0])
        self.answers: Iterator[Any] = iter(self.script[1])

    def next_job(self) -> Any:
        job = said(next(self.jobs, NOTHING_MORE), self.context)
        self.log.append((self.context.now, "job?", job))
        return job

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.trials[trial.id] = trial
        self.log.append((self.context.now, "report", trial.id, resource, value))
        return said(next(self.answers, STOP), self.context, trial)

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.trials[trial.id] = trial
        self.log.append((self.context.now, reason, trial.id, resource, value))


def said(entry: Any, *arguments: Any) -> Any:
    return entry(*arguments) if isinstance(entry, Callable) else entry


@dataclass
class Segment:
    """A stretch of work of one worker on one trial, as read from a trace one event after the other."""

    trial: int
    worker: int
    config: int
    replicate: int
    begin: int  # nanoseconds
    end: int
    start: float  # resource
    reached: float
    until: float
    ended_by: str


def events_of(trace: Trace) -> list[dict[str, Any]]:
    """The events of a trace's trials as dictionaries."""
    c = trace.columns
    return [
        {
            "time": int(c.time[i]),
            "trial": int(c.trial[i]),
            "worker": int(c.worker[i]),
            "event": NAMES[c.event[i]],
            "resource": float(c.resource[i]),
            "until": float(c.until[i]),
            "value": float(c.value[i]),
        }
        for i in range(len(trace))
        if c.trial[i] >= 0
    ]


def history(trace: Trace) -> list[Segment]:
    """All segments, checking on the way what must hold in any run:

    trials are numbered in order of starting; a worker runs one trial at a time and a trial is on one worker; time
    never goes back; the resource of a trial only grows; only a paused trial is resumed; nothing follows its end.
    """
    segments: list[Segment] = []
    at_work: dict[int, dict[str, Any]] = {}  # worker: the event that began its segment
    state: dict[int, str] = {}
    resource: dict[int, float] = {}
    now = 0
    for event in events_of(trace):
        trial, worker, name = event["trial"], event["worker"], event["event"]
        assert event["time"] >= now, "time goes back"
        now = event["time"]
        if name == "start":
            assert trial == len(state), "trials are numbered in order of starting"
            assert event["resource"] == 0 or trace.columns.checkpoint_of[trial] >= 0
            resource[trial] = event["resource"]
        elif name == "resume":
            assert state[trial] == "paused"
            assert event["resource"] == resource[trial]
        elif state[trial] == "paused":
            assert name == "cancelled", "only a stop ends a paused trial"
            state[trial] = "over"
            continue
        else:
            assert state[trial] == "runs"
            began = at_work.pop(worker)
            assert began["trial"] == trial, "the worker was at another trial"
            assert event["resource"] >= resource[trial], "the resource of a trial goes down"
            resource[trial] = event["resource"]
            segments.append(
                Segment(
                    trial,
                    worker,
                    int(trace.columns.config[trial]),
                    int(trace.columns.replicate[trial]),
                    began["time"],
                    event["time"],
                    began["resource"],
                    event["resource"],
                    began["until"],
                    name,
                )
            )
        if name in ("start", "resume", "continue"):
            assert worker not in at_work, "the worker is at a trial already"
            assert 0 <= worker < trace.info.workers
            assert event["until"] >= event["resource"]
            at_work[worker] = event
            state[trial] = "runs"
        else:
            state[trial] = "paused" if name == "pause" else "over"
    assert not at_work, "a segment has no end"
    assert now <= trace.info.end
    return segments

"""What a trace of a cluster tells, worked out event by event in plain Python, from what is documented of clusters.

It uses none of what the trace derives by itself but times, trials, workers, events, where trials were sent, and what
jobs were like (overhead, origin, pace, save).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any

from blackboxes import Blackbox
from simulator import Trace
from simulator.cluster import Cluster
from simulator.events import NAMES

SENT = ("start", "resume", "continue")
REPORTS = ("continue", "pause", "stop", "complete", "curve-end")
LEFT = ("pause", "stop", "complete", "curve-end", "cancelled")  # the worker may be busy with leaving after these


@dataclass
class Job:
    """What the walk knows of a trial's stay on a worker, and of its running segment."""

    worker: int
    overhead: int
    origin: int  # grid index, -1 for nothing
    pace: float
    save: int
    begun: int  # nanoseconds: when it got the worker, or when its segment began
    ready: int = 0  # when it trains
    later: bool = False  # the segment is not the job's first
    first: int = -1  # the grid index that the segment begins at
    goal: int = -1
    trains: bool = True
    units: list[tuple[int, int, int]] = field(default_factory=list)  # of the segment: from, to, grid index
    saves: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class Walked:
    """A trial as the walk has it."""

    config: int
    replicate: int
    stands: int  # the grid index that it has reported last
    seen: int  # the furthest that it ever got
    saved: int = -1  # the grid index of its checkpoint
    saved_at: int | None = 0  # None: that was drawn
    state: str = "new"
    failures: int = 0
    waits_since: int | None = None
    job: Job | None = None
    sent: int = -1  # where it was sent, beyond the end of its curve perhaps


class Walk:
    """Walks through a trace; each rule that it finds broken is an AssertionError.

    Attributes:
        account: nanoseconds by part, as in `Accounting`.
        results: (nanoseconds, trial, grid index) of all results, in the order of the walk.
        trials: by id.
        counts: how often trials crashed, were preempted, had their checkpoint removed.
    """

    def __init__(self, trace: Trace, cluster: Cluster) -> None:
        self.trace, self.cluster, self.table = trace, cluster, trace.table
        self.end = trace.info.end
        self.grid = [0.0, *map(float, self.table.resource_list)]
        self.keeps = self.table.resumable and cluster.checkpoints != "never"
        every = None if not self.keeps or isinstance(cluster.checkpoints, str) else Fraction(str(cluster.checkpoints))
        self.points = list(points_of(self.table, every))
        self.trials: dict[int, Walked] = {}
        self.results: list[tuple[int, int, int]] = []
        self.counts: Counter[str] = Counter()
        self.training: list[tuple[int, str, int]] = []  # trial, fresh or repeated, nanoseconds
        self.busy: dict[int, list[tuple[int, int]]] = {}  # by worker, spans on trials, leaving them, drained
        self.overhead = 0
        self.up: dict[int, list[list[int]]] = {w: [[0, self.end]] for w in range(trace.info.workers)}
        self.here: dict[int, bool] = dict.fromkeys(range(trace.info.workers), True)  # by worker: takes trials
        self.at: dict[int, int] = {}  # by worker: the trial on it
        self.leaving: dict[int, tuple[int, int]] = {}  # by worker: since when, until when, if nothing comes between
        self.drained: dict[int, int] = {}
        self.deciding: list[list[int]] = []
        c = trace.columns
        assert c.jobs is not None
        now = 0
        for i in range(len(trace)):
            event = {
                "time": int(c.time[i]),
                "trial": int(c.trial[i]),
                "worker": int(c.worker[i]),
                "name": NAMES[c.event[i]],
                "until": float(c.until[i]),
                "overhead": int(c.jobs.overhead[i]),
                "origin": float(c.jobs.origin[i]),
                "pace": float(c.jobs.pace[i]),
                "save": int(c.jobs.save[i]),
            }
            assert event["time"] >= now, "time goes back"
            now = event["time"]
            if event["trial"] < 0:
                self.of_worker(event)
            else:
                self.of_trial(event)
                trial = self.trials[event["trial"]]
                reached = 0.0 if trial.seen < 0 else self.grid[trial.seen + 1]
                assert float(c.resource[i]) == reached, "what it has reached"
        assert now <= self.end
        assert not self.at, "a segment has no end"
        self.finish()

    # Workers

    def of_worker(self, event: dict[str, Any]) -> None:
        worker, now, name = event["worker"], event["time"], event["name"]
        if name == "up":
            assert worker not in self.here, "it is here"
            self.here[worker] = True
            self.up.setdefault(worker, []).append([now, self.end])
        elif name == "drain":
            assert self.here[worker]
            assert worker not in self.at, "its trial is preempted first"
            self.here[worker] = False
            self.drained[worker] = now
            self.leaving_ends(worker, now)
        elif name == "down":
            assert worker not in self.at
            if self.here.pop(worker):
                self.leaving_ends(worker, now)
            else:
                self.spend(worker, self.drained.pop(worker), now)
            self.up[worker][-1][1] = now
        elif name == "decide":
            assert not self.deciding or self.deciding[-1][1] >= 0, "one decision at a time"
            self.deciding.append([now, -1])
        else:
            assert self.deciding[-1][1] < 0
            self.deciding[-1][1] = now

    def leaving_ends(self, worker: int, now: int) -> None:
        """A worker is done with leaving a trial, or goes away meanwhile."""
        if worker in self.leaving:
            begun, ended = self.leaving.pop(worker)
            self.spend(worker, begun, min(ended, now))

    def spend(self, worker: int, begun: int, ended: int) -> None:
        """All of a span is overhead."""
        self.busy.setdefault(worker, []).append((begun, ended))
        self.overhead += ended - begun

    # Trials

    def of_trial(self, event: dict[str, Any]) -> None:
        number, name, now = event["trial"], event["name"], event["time"]
        if name == "start":
            self.start(event)
            return
        trial = self.trials[number]
        assert trial.state not in ("over", "cut off"), "nothing follows its end"
        if name == "resume":
            self.resume(trial, event)
        elif name == "removed":
            assert trial.state == "paused"
            assert trial.saved >= 0
            trial.saved = -1
            self.counts[name] += 1
        elif name == "failed":
            assert trial.state == "waits"
            assert trial.failures >= 1
            trial.state, trial.waits_since = "over", None
        elif trial.state in ("paused", "waits"):
            assert name == "cancelled" or (name == "budget" and trial.state == "waits")
            trial.state, trial.waits_since = "over" if name == "cancelled" else "cut off", None
            assert event["overhead"] == 0
        else:
            self.segment_ends(trial, event)
            if name in SENT:
                self.segment(trial, now, trial.stands, event["until"])
                self.at[event["worker"]] = number
            elif name in ("crash", "preempted"):
                trial.state = "waits"
                self.counts[name] += 1
                if name == "crash":
                    trial.failures += 1
                    assert trial.failures <= self.cluster.retries + 1, "it crashes too often"
                    wait = self.constant("backoff")
                    trial.waits_since = None if wait is None else now + wait * 2 ** (trial.failures - 1)
                else:
                    trial.waits_since = now
            else:
                trial.state = {"pause": "paused", "budget": "cut off"}.get(name, "over")
            if name in LEFT:
                self.leaving[event["worker"]] = now, now + event["overhead"]
            else:
                assert event["overhead"] == 0

    def constant(self, name: str) -> int | None:
        """Nanoseconds of an argument that is not drawn."""
        duration = self.cluster.duration(name)
        if duration.distribution is not None:
            return None
        return floor(duration.numbers(self.table.full_training_time)[0] * 1e9 + 0.5)

    def start(self, event: dict[str, Any]) -> None:
        c, number = self.trace.columns, event["trial"]
        assert number == len(self.trials), "trials are numbered in order of starting"
        self.nobody_waits(event["time"])
        trial = Walked(int(c.config[number]), int(c.replicate[number]), -1, -1)
        self.trials[number] = trial
        if c.checkpoint_of[number] >= 0:
            donor = self.trials[int(c.checkpoint_of[number])]
            assert self.table.resumable
            trial.stands = trial.seen = min(donor.stands, self.length(trial) - 1)
            if self.keeps:
                trial.saved, trial.saved_at = donor.stands, 0
                if donor.state in ("paused", "waits"):
                    trial.saved, trial.saved_at = donor.saved, donor.saved_at
                trial.saved = min(trial.saved, trial.stands)
        self.begin(trial, event)

    def resume(self, trial: Walked, event: dict[str, Any]) -> None:
        now = event["time"]
        if trial.state == "waits":
            sent = self.grid.index(event["until"]) - 1
            assert sent in (trial.sent, self.length(trial) - 1), "it goes where it was sent before, or its curve ends"
            if trial.waits_since is not None:
                assert trial.waits_since <= now, "it is too early"
                trial.waits_since, since = None, trial.waits_since
                earlier = [t.waits_since for t in self.trials.values() if t.waits_since is not None]
                assert min(earlier, default=since) >= since, "somebody has waited longer"
            trial.waits_since = None
        else:
            assert trial.state == "paused", trial.state
            self.nobody_waits(now)
        self.begin(trial, event)

    def nobody_waits(self, now: int) -> None:
        waiting = [n for n, t in self.trials.items() if t.waits_since is not None and t.waits_since < now]
        assert not waiting, f"{waiting} wait for a worker, and new work begins"

    def begin(self, trial: Walked, event: dict[str, Any]) -> None:
        worker, now = event["worker"], event["time"]
        assert self.here.get(worker), "it is away, or will be"
        assert worker not in self.at, "it has a trial"
        assert self.leaving.get(worker, (0, 0))[1] <= now, "it is still leaving its last one"
        self.leaving_ends(worker, now)
        origin = -1 if not self.table.resumable else self.grid.index(event["origin"]) - 1
        assert origin == trial.saved, "it begins at its checkpoint"
        job = Job(worker, event["overhead"], origin, event["pace"], event["save"], now)
        start, load = self.constant("start"), self.constant("load")
        if start is not None and load is not None and trial.saved_at is not None:
            expected = start if origin < 0 else max(start, trial.saved_at - now) + load
            assert job.overhead == expected, "what comes before it trains"
        slow = self.cluster.slowdown
        if not isinstance(slow, str):
            assert job.pace == (1 + slow) / self.cluster.speeds[worker % len(self.cluster.speeds)]
        save = self.constant("save")
        if save is not None:
            assert job.save == (save if self.has_points else 0)
        trial.job = job
        self.at[worker] = event["trial"]
        self.segment(trial, now, origin, event["until"])

    @property
    def has_points(self) -> bool:
        return self.keeps and not isinstance(self.cluster.checkpoints, str)

    def elapsed(self, trial: Walked, index: int, pace: float) -> int:
        if index < 0:
            return 0
        return floor(float(self.table.elapsed[trial.config, trial.replicate, index]) * (pace * 1e9) + 0.5)

    def length(self, trial: Walked) -> int:
        return int(self.table.lengths[trial.config, trial.replicate])

    def segment(self, trial: Walked, now: int, first: int, until: float) -> None:
        """It trains from grid index `first` on."""
        job = trial.job
        assert job is not None
        trial.state, trial.sent = "runs", self.grid.index(until) - 1
        job.later = job.goal >= 0
        job.begun = now
        job.ready = now if job.later else now + job.overhead
        job.first, job.goal = first, min(trial.sent, self.length(trial) - 1)
        job.trains = job.goal > trial.stands
        job.units, job.saves = [], []
        if not job.trains:
            return
        time = job.ready
        if not self.table.resumable:
            job.units = [(time, time + self.elapsed(trial, job.goal, job.pace), job.goal)]
            return
        begun, stopped = time - self.elapsed(trial, first, job.pace), 0
        for index in range(first, job.goal + 1):
            if index > first:
                arrived = begun + stopped + self.elapsed(trial, index, job.pace)
                job.units.append((time, arrived, index))
                time = arrived
            if self.has_points and index > job.origin and self.points[index] and index < job.goal:
                job.saves.append((time, time + job.save, index))
                time += job.save
                stopped += job.save

    def segment_ends(self, trial: Walked, event: dict[str, Any]) -> None:
        job, now, name = trial.job, event["time"], event["name"]
        assert job is not None
        assert event["worker"] == job.worker
        assert self.at.pop(job.worker) == event["trial"]
        self.busy.setdefault(job.worker, []).append((job.begun, now))
        lost = name in ("crash", "preempted")
        spent, reached = 0, job.first
        for begun, ended, index in job.units:
            if begun > now or (begun == now and ended > now):
                break
            finished = ended <= now
            again = index <= trial.seen
            kind = "repeated" if again or (lost and not finished) else "fresh"
            self.training.append((event["trial"], kind, min(ended, now) - begun))
            spent += min(ended, now) - begun
            if not finished:
                break
            reached = index
            if not again:
                if self.table.resumable:
                    self.results += [(ended, event["trial"], index)]
                    assert index == trial.seen + 1, "a result between was not seen"
                else:
                    self.results += [(ended, event["trial"], index)]
                trial.seen = index
        self.overhead += now - job.begun - spent
        if name in REPORTS:
            lag = self.constant("report")
            arrival = job.units[-1][1] if job.units else job.ready
            assert reached == job.goal or not job.trains, "it has not got there"
            if not job.trains and job.later:
                assert now == job.begun, "where its curve has ended it is over at once"
            elif lag is not None:
                assert now == arrival + lag, "when it reports"
            trial.stands = max(job.goal, trial.stands)
            if name == "pause":
                trial.saved = job.goal if self.keeps else -1
                save = self.constant("save")
                if self.has_points:
                    save = job.save
                trial.saved_at = now + save if save is not None else None
        elif lost:
            saved = [index for _, done, index in job.saves if done <= now]
            before = trial.saved
            if saved:
                trial.saved, trial.saved_at = max(saved), now
            elif job.first > job.origin and self.last_before(job) is not None:
                trial.saved, trial.saved_at = self.last_before(job), now  # type: ignore[assignment]
            notice, save = self.constant("notice"), self.constant("save")
            if name == "preempted" and notice and save is not None and self.keeps and self.told(job.worker, now):
                if reached > trial.saved and save <= notice:
                    trial.saved, trial.saved_at = reached, now + save
            elif name == "preempted" and notice and save is None and self.keeps:
                trial.saved, trial.saved_at = self.as_resumed(event, (trial.saved, before, reached)), None
            assert trial.saved >= before

    def last_before(self, job: Job) -> int | None:
        """The last point of the job before its segment began, all of which were saved by then."""
        passed = [index for index in range(job.origin + 1, job.first) if self.has_points and self.points[index]]
        return max(passed, default=None)

    def told(self, worker: int, now: int) -> bool:
        """Whether the worker is being drained at this instant, and not taken away at once."""
        c = self.trace.columns
        return any(
            int(c.worker[i]) == worker and NAMES[c.event[i]] == "drain"
            for i in range(len(self.trace))
            if int(c.time[i]) == now and int(c.trial[i]) < 0
        )

    def as_resumed(self, event: dict[str, Any], allowed: tuple[int, ...]) -> int:
        """Where time to save is drawn: what the trace says, if it is one of those that may be."""
        c = self.trace.columns
        for i in range(len(self.trace)):
            later = int(c.time[i]) >= event["time"] and int(c.trial[i]) == event["trial"]
            if later and NAMES[c.event[i]] == "resume":
                assert c.jobs is not None
                found = self.grid.index(float(c.jobs.origin[i])) - 1
                assert found in allowed
                return found
        return allowed[0]

    # Sums

    def finish(self) -> None:
        for worker in list(self.leaving):
            self.leaving_ends(worker, self.end)
        for worker, since in self.drained.items():
            self.spend(worker, since, self.end)
        over = {number for number, trial in self.trials.items() if trial.state == "over"}
        c = self.trace.columns
        stopped = {
            int(c.trial[i]) for i in range(len(self.trace)) if NAMES[c.event[i]] in ("stop", "cancelled", "failed")
        }
        assert stopped <= over
        parts = dict.fromkeys(("useful", "repeated", "stopped"), 0)
        for number, kind, spent in self.training:
            assert spent >= 0
            parts[kind if kind == "repeated" else "stopped" if number in stopped else "useful"] += spent
        limits = [self.end]
        if self.trace.info.exhausted_at is not None:
            limits.append(floor(self.trace.info.exhausted_at * 1e9 + 0.5))
        if self.trace.info.closed_at is not None:
            limits.append(self.trace.info.closed_at)
        closing, waits = min(limits), 0
        decisions = [(begun, self.end if ended < 0 else ended) for begun, ended in self.deciding]
        barrier = no_work = 0
        for worker, stays in self.up.items():
            busy = sorted(self.busy.get(worker, []))
            for (_, ended), (begun, _) in pairwise(busy):
                assert ended <= begun, "it does two things at once"
            for begun, ended in gaps(stays, busy):
                for since, to in ((begun, min(ended, closing)), (max(begun, closing), ended)):
                    if to <= since:
                        continue
                    waiting = sum(max(0, min(to, b) - max(since, a)) for a, b in decisions)
                    waits += waiting
                    if to <= closing:
                        barrier += to - since - waiting
                    else:
                        no_work += to - since - waiting
        total = sum(to - since for stays in self.up.values() for since, to in stays)
        self.account = {
            **parts,
            "barrier": barrier,
            "no_work": no_work,
            "overhead": self.overhead + waits,
            "total": total,
        }


def points_of(table: Blackbox, every: Fraction | None) -> Iterator[bool]:
    """For each resource whether it is the first that reaches a multiple of `every`."""
    before = Fraction(0)
    for resource in table.resource_list:
        now = Fraction(str(resource))
        yield every is not None and now // every > before // every
        before = now


def gaps(stays: list[list[int]], busy: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """When a worker was up and did nothing."""
    for begun, ended in stays:
        since = begun
        for a, b in busy:
            if begun <= a and b <= ended:
                if a > since:
                    yield since, a
                since = max(since, b)
        if ended > since:
            yield since, ended

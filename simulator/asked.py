"""When a recorded run asked its scheduler for jobs: which workers were idle, and what the budget still allowed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blackboxes import Blackbox
from simulator import events
from simulator.budget import Budget, Meter
from simulator.clock import NEVER, Clock, nanoseconds
from simulator.events import MOST_TRIALS
from simulator.trace import Trace
from simulator.trial import Trial

JOBS = ("start", "resume")
ENDS = ("complete", "curve-end", "failed")
LOSES_ITS_WORKER = ("crash", "preempted")
FREE = ("pause", "stop", "cancelled", *ENDS, *LOSES_ITS_WORKER)  # the trial leaves its worker


class Idle:
    """Which workers are idle, from events alone, and which resumes nobody asked the scheduler for.

    A trial that crashed, or whose worker was taken away, is resumed without the scheduler. A worker may be busy with
    leaving a trial for a while; one that will leave takes no trial any more.

    Attributes:
        workers: the numbers of those that are idle.
    """

    def __init__(self, workers: int) -> None:
        self.workers = set(range(workers))
        self._at: dict[int, int] = {}  # by trial on a worker: its number
        self._free_at: dict[int, int] = {}  # by worker that leaves a trial: when it is done with that
        self._by_itself: set[int] = set()  # trials that will be resumed without the scheduler

    @property
    def next_free(self) -> int:
        """Nanoseconds when the next worker is done with leaving a trial, `NEVER` if none is."""
        return min(self._free_at.values(), default=NEVER)

    def wait(self, time: int) -> None:
        """It is so late now."""
        for worker in [worker for worker, at in self._free_at.items() if at <= time]:
            del self._free_at[worker]
            self.workers.add(worker)

    def is_decision(self, event: str, trial: int) -> bool:
        """Whether an event that gives a worker a trial was the scheduler's doing."""
        return event == "start" or (event == "resume" and trial not in self._by_itself)

    def obey(self, event: str, time: int, trial: int, worker: int, overhead: int = 0) -> None:
        """An event takes effect; after those in `FREE` the worker is free when `overhead` is over."""
        if event in JOBS:
            self._at[trial] = worker
            self._by_itself.discard(trial)
            self.workers.discard(worker)
        elif event in FREE:
            left = self._at.pop(trial, None)
            if left is not None and overhead:
                self._free_at[left] = time + overhead
            elif left is not None:
                self.workers.add(left)
            if event in LOSES_ITS_WORKER:
                self._by_itself.add(trial)
            else:
                self._by_itself.discard(trial)
        elif event == "up":
            self.workers.add(worker)
        elif event in ("drain", "down"):
            self._free_at.pop(worker, None)
            self.workers.discard(worker)


class Allowed:
    """What the budget of a recorded run allowed.

    Args:
        trace: of the run.
        table: that is replayed.
        clock: of the replay.
    """

    def __init__(self, trace: Trace, table: Blackbox, clock: Clock) -> None:
        budget, info = trace.info.budget, trace.info
        self._clock, self._end, self._most = clock, info.end, budget.trials or MOST_TRIALS
        self._deadline = nanoseconds(budget.seconds(table))
        self._reached_by = len(trace) if budget.target is None else _sent_to_the_target(trace, budget.target)
        limited = budget.resource is not None
        self._meter = Meter(Budget(resource=budget.resource), table, info.metric, clock) if limited else None

    def jobs(self, at: int) -> bool:
        """Whether workers that are idle just before event `at` ask for jobs."""
        deadline = self._end if at > self._reached_by else self._deadline
        return self._clock.now < deadline and (self._meter is None or self._meter.used_up_at is None)

    def another(self, trials: Sequence[Trial]) -> bool:
        """Whether one more trial may start."""
        return len(trials) < self._most

    def sent(self, trial: Trial) -> None:
        """The scheduler has sent a trial from its `_index` to its `_target`."""
        if self._meter is not None:
            self._meter.begin(trial)


def _sent_to_the_target(trace: Trace, target: float) -> int:
    """The event that sent the trial to the target value that was the first to get there; one too many for none."""
    c, seen, table = trace.columns, trace.observations, trace.table
    sign = table.metric_info[trace.info.metric].sign
    values = table.metrics[trace.info.metric][seen["config"], seen["replicate"], seen["index"]]
    hits = np.flatnonzero(values * sign <= target * sign)
    if not len(hits):
        return len(trace)
    first = hits[0]
    resource = float(table.resource_list[seen["index"][first]])
    ways = (c.trial == seen["trial"][first]) & np.array(events.BEGINS)[c.event] & (c.time <= seen["time"][first])
    sent = np.flatnonzero(ways & (c.resource < resource) & (c.until >= resource))
    return int(sent[-1]) if len(sent) else len(trace)

"""The event loop: moves workers through simulated time.

One instant goes: the reports that are due, by trial id; then idle workers, by number, ask for jobs, until one is
told that there is none. A job that costs nothing repeats this within the instant; a trial that continues at no cost
reports again at once, so that asking more often changes nothing. Time is an integer number of nanoseconds. Between two
points at which the scheduler asked to be asked there is no event. (`simulator.cluster.loop` is the same on clusters
as they are.)
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from heapq import heappop, heappush, heapreplace
from math import floor, inf

from simulator.events import (
    CANCELLED,
    COMPLETE,
    CONTINUED,
    CURVE_END,
    CUT_OFF,
    PAUSED_AT,
    RESUME,
    START,
    STOPPED,
    WORKER,
)
from simulator.protocol import PAUSE, STOP, Continue, Start
from simulator.replay import curve_clipper, index_when_cut
from simulator.searcher import End, Report, teaching
from simulator.stage import Record, Stage
from simulator.trial import ENDED, PAUSED, TRIAL_CANCELLED, Continuation, Trial

FLUSH = 1 << 12  # every so many trials the words, up to 40 bytes each in a list, move to an array, 8 bytes each
Event = tuple[int, int, Trial]  # time of a report in nanoseconds, trial id, trial


def run(stage: Stage) -> Record:
    """From time zero until the budget is used up or nothing is left to do."""
    scheduler, searcher, clock, context = stage.scheduler, stage.searcher, stage.clock, stage.context
    trials, find_row, draw_replicate, answers = stage.trials, stage.find_row, stage.draw_replicate, stage.answers
    next_job = scheduler.next_job
    on_report: Report = scheduler.on_report
    on_end: End = scheduler.on_end
    learner = searcher if searcher.learns else None
    if learner is not None:
        on_report, on_end = teaching(learner, on_report, on_end)
    table, curves, meter, deadline = stage.table, stage.curves, stage.meter, stage.deadline
    values, negate, elapsed = curves.values, curves.sign < 0, curves.elapsed
    clip, shortest = curve_clipper(curves), table.shortest
    resources, rows = context.resources, len(table)
    grid, end_of_grid = stage.grid, len(resources) - 1
    from_scratch = not table.resumable
    most_trials, closed_at = stage.most_trials, None
    flush_at = min(FLUSH, most_trials - 1)
    idle = list(range(stage.workers))  # a heap of worker numbers
    marks = [worker << WORKER for worker in idle]
    heap: list[Event] = []
    records: list[array[int] | list[int]] = []  # see events.py; filled from `words` now and then
    words: list[int] = []
    write, stops, now = words.extend, context._stops, 0

    while True:
        while idle and now < deadline and (meter is None or meter.used_up_at is None):  # idle workers ask for jobs
            job = next_job()
            if type(job) is Start:
                number = len(trials)
                if number >= flush_at:
                    if number >= most_trials:
                        break
                    if number + 1 == most_trials:
                        closed_at = now
                    else:
                        records.append(array("q", words))
                        words.clear()
                    flush_at = min(number + FLUSH, most_trials - 1)
                row = job.config
                try:
                    if type(row) is not int or not 0 <= row < rows:
                        row = find_row(row)
                    target = grid[job.until]
                except (LookupError, TypeError, ValueError) as error:
                    answers.illegal_start(job, error, now)
                if job.checkpoint_of is None:
                    trial = Trial(number, row, draw_replicate(row) if draw_replicate else 0, job.tag, curves, now)
                else:
                    donor, replicate = answers.donor(job, row, target, now)
                    trial = Continuation(number, row, donor, replicate, job.tag, curves, now)
                trials.append(trial)
                event = START
            elif job is None:
                break
            else:
                trial, target = answers.paused(job, now)
                trial._offset = now - trial._busy
                number, event = trial.id, RESUME
            worker = trial._worker = heappop(idle)
            write((now, number, event + marks[worker] + target))
            if target >= shortest:
                target = clip(trial, target)
            trial._target = target
            due = trial._offset + floor(elapsed[trial._base + target] * 1e9 + 0.5)
            heappush(heap, (due, number, trial))
            if learner is not None:
                learner.on_start(trial, job.until)
            if meter is not None:
                deadline = meter.begin(trial)
            if stops:
                deadline = _cancel(stage, idle, write, deadline)
        if stops:  # by a `next_job` that gave no job
            deadline = _cancel(stage, idle, write, deadline)

        latest = deadline
        while heap:  # the reports of the next instant, by trial id
            due, number, trial = heap[0]
            worker = trial._worker
            if worker < 0:  # cancelled while it ran
                heappop(heap)
                continue
            if due > latest:
                break
            latest = now = clock.now = due
            index = trial._target
            if from_scratch:
                trial._offset = now  # whatever comes next costs all of `elapsed`
                if index > trial._index:
                    trial._seen = (*trial._seen, index)
            trial._index = index
            resource = resources[index]
            value: float = values[trial._base + index]
            if negate:
                value = -value
            if value != value:
                value = inf
            if index == trial._end:
                state, event = ENDED, COMPLETE if index == end_of_grid else CURVE_END
                on_end(trial, resource, value, "complete" if index == end_of_grid else "curve-end")
            else:
                answer = on_report(trial, resource, value)
                if answer is STOP:
                    state, event = ENDED, STOPPED
                elif answer is PAUSE:
                    state, event = PAUSED, PAUSED_AT
                    trial._busy = now - trial._offset
                else:
                    try:
                        target = grid[answer.until] if type(answer) is Continue else -1
                    except (LookupError, TypeError):
                        target = -1
                    if target <= index:
                        answers.illegal_answer(answer, trial, now)
                    event = CONTINUED + target
                    if target >= shortest:
                        target = clip(trial, target)
                    trial._target = target
                    due = trial._offset + floor(elapsed[trial._base + target] * 1e9 + 0.5)
                    if target > index:
                        state = worker
                        heapreplace(heap, (due, number, trial))
                        if learner is not None:
                            learner.on_start(trial, answer.until)
                    else:  # the curve has ended here
                        write((now, number, event))
                        state, event = ENDED, CURVE_END
                        on_end(trial, resource, value, "curve-end")
                    if meter is not None:
                        deadline = meter.begin(trial)
            write((now, number, event))
            if state < 0:
                heappop(heap)
                heappush(idle, worker)
                trial._worker = state
            if stops:
                deadline = _cancel(stage, idle, write, deadline)

        if latest is deadline:  # nothing is left, or nothing before the end of the budget
            break

    if heap:  # the budget cuts off what still runs
        now = deadline
        for _, number, trial in sorted(heap, key=lambda event: event[1]):
            if trial._worker >= 0:
                write((now, number, CUT_OFF))
    records.append(words)
    if meter is not None and meter.used_up_at is not None:
        closed_at = meter.used_up_at
    return Record(records, now, closed_at)


def _cancel(stage: Stage, idle: list[int], write: Callable[[tuple[int, int, int]], None], deadline: int) -> int:
    """Carry out `Context.stop`; gives the deadline, which may have moved."""
    stops, now, table, meter = stage.context._stops, stage.clock.now, stage.table, stage.meter
    for number, started in stops:
        trial = stage.answers.to_stop(number, started, now)
        if trial._worker >= 0:
            heappush(idle, trial._worker)
            spent = now - trial._offset - (trial._time_to(trial._index) if table.resumable else 0)
            trial._busy = trial._finished + spent
            trial._index = index_when_cut(table, trial.config, trial.replicate, trial._index, trial._target, spent)
            if trial._index == trial._target and not table.resumable:
                trial._seen = (*trial._seen, trial._index)
        else:
            trial._busy = trial._finished
        trial._worker = TRIAL_CANCELLED
        if stage.searcher.learns:
            stage.searcher.on_end(trial, "cancelled")
        write((now, trial.id, CANCELLED))
        if meter is not None:
            meter.cancel(trial, now)
    stops.clear()
    return deadline if meter is None else meter.deadline

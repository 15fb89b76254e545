"""The event loop on a cluster as it is: the same as `simulator.loop`, and all that a `Cluster` adds.

One instant goes: what changes with workers, by number; the reports that are due and the trials that crash, by trial id;
then idle workers, by number, take trials that have lost their worker, the longest waiting first, and then ask for jobs,
until one is told that there is none. With a cluster that adds nothing the trace is that of the plain loop.

A job is one stay of a trial on one worker: `overhead` until it trains, then segments with a report at the end of each.
Where it saves checkpoints on its way it trains and saves in turns; what would be saved at a report is saved after it.
"""

from __future__ import annotations

from array import array
from heapq import heapify, heappop, heappush
from itertools import count
from math import floor, inf
from typing import Any

from simulator.clock import NEVER, nanoseconds
from simulator.cluster.checkpoints import Room, saved_by
from simulator.cluster.decision_time import serial_server
from simulator.cluster.durations import keyed, lifetimes
from simulator.cluster.model import Cluster
from simulator.cluster.trials import ClusterContinuation, ClusterTrial
from simulator.cluster.workers import Attendance, Stay
from simulator.events import (
    CANCELLED,
    COMPLETE,
    CONTINUED,
    CRASHED,
    CURVE_END,
    CUT_OFF,
    DECIDED,
    DECIDING,
    DOWN,
    DRAINED,
    FAILED,
    MOST_WORKERS,
    NOBODY,
    PAUSED_AT,
    PREEMPTED,
    REMOVED,
    RESUME,
    START,
    STOPPED,
    UP,
    WORKER,
)
from simulator.protocol import PAUSE, RETRY, STOP, Continue, Start
from simulator.replay import curve_clipper
from simulator.searcher import End, Report, teaching
from simulator.stage import Record, Stage
from simulator.trial import ENDED, PAUSED, TRIAL_CANCELLED, WAITING, Trial

FLUSH = 1 << 14  # every so many integers they move from a list, up to 40 bytes each, to an array, 8 bytes each
IDLE, LEAVING, GONE = "idle", "leaving a trial", "gone"  # what a worker does that is at no trial
MOST_DOUBLINGS = 6  # of the back-off
FREE = -1  # beside UP, DRAINED, DOWN and DECIDED: an event of the loop that no trace needs
Event = tuple[int, int, int, Any]  # nanoseconds; trial id, or below 0; a number; trial, or what happens to the worker


def run(stage: Stage, cluster: Cluster) -> Record:
    """From time zero until the budget is used up or nothing is left to do."""
    table, scheduler, searcher, clock, curves = stage.table, stage.scheduler, stage.searcher, stage.clock, stage.curves
    trials, find_row, draw_replicate, answers = stage.trials, stage.find_row, stage.draw_replicate, stage.answers
    next_job = scheduler.next_job
    on_report: Report = scheduler.on_report
    on_end: End = scheduler.on_end
    learner = searcher if searcher.learns else None
    if learner is not None:
        on_report, on_end = teaching(learner, on_report, on_end)
    meter, deadline, most_trials, closed_at = stage.meter, stage.deadline, stage.most_trials, None
    values, negate, elapsed = curves.values, curves.sign < 0, curves.elapsed
    clip, shortest = curve_clipper(curves), table.shortest
    resources, rows, grid = stage.context.resources, len(table), stage.grid
    end_of_grid = len(resources) - 1
    from_scratch = not table.resumable

    full_training = table.full_training_time

    def drawer(name: str) -> Any:
        return cluster.duration(name).times(full_training, stage.seed, "cluster", name).__next__

    start_time, stop_time, save_time, load_time, report_time, backoff = map(
        drawer, ("start", "stop", "save", "load", "report", "backoff")
    )
    slow = cluster.duration("slowdown").values(full_training, stage.seed, "cluster", "slowdown").__next__
    draw_life = keyed(lifetimes, cluster.rate("crashes").mean(full_training), stage.seed, "cluster", "crashes")
    keeps = table.resumable and cluster.checkpoints != "never"
    every = None if not keeps or isinstance(cluster.checkpoints, str) else cluster.checkpoints
    ways = [*saved_by(tuple(resources), every), 0]  # the last one is for -1: nothing
    saves_on_the_way = every is not None
    points = [-1]  # by grid index plus one: the last one, up to there, after which a checkpoint is saved
    for index in range(len(resources)):
        points.append(index if ways[index] > ways[index - 1] else points[-1])
    room = None if cluster.room is None or not keeps else Room(cluster.room, cluster.removal, len(resources))
    ranking = room if cluster.removal == "chance" else None
    notice = nanoseconds(cluster.duration("notice").numbers(full_training)[0])

    attendance = Attendance(cluster, stage.workers, stage.seed, full_training)
    stays = [attendance.of(worker) for worker in range(attendance.most)]
    speeds = [cluster.speeds[worker % len(cluster.speeds)] for worker in range(attendance.most)]
    marks = [worker << WORKER for worker in range(attendance.most)]
    doing: list[Any] = [GONE] * attendance.most  # by worker: a trial, IDLE, LEAVING or GONE
    freed_by = [0] * attendance.most  # the number of the event that frees it
    stay_of = [Stay(0, 0, 0)] * attendance.most
    idle: list[int] = []  # a heap of worker numbers
    here = 0  # how many workers there are that take trials
    queue: list[tuple[int, int, ClusterTrial]] = []  # who waits for a worker: since when, trial id
    later = 0  # how many will be in it after their back-off
    deciding = 0
    heap: list[Event] = []
    serial = count(1).__next__
    records: list[array[int] | list[int]] = []  # see events.py
    words: list[int] = []
    jobs: list[float] = []
    write, stops, now = words.extend, stage.context._stops, 0

    def happens(time: int, worker: int, what: Any) -> int:
        number = serial()
        heappush(heap, (time, worker - MOST_WORKERS, number, what))
        return number

    # Workers

    def comes(worker: int) -> None:
        nonlocal here
        here += 1
        doing[worker] = IDLE
        heappush(idle, worker)
        _, drain, down = stay_of[worker]
        what = DRAINED if drain < down else DOWN
        if drain <= now:
            change(worker, what)
        elif drain < NEVER:
            happens(drain, worker, what)

    def leaves(worker: int, notice: int) -> None:
        """A worker takes no trial any more; the one that it has is preempted."""
        nonlocal here, deadline
        here -= 1
        trial, doing[worker], freed_by[worker] = doing[worker], GONE, 0
        if trial is IDLE:
            idle.remove(worker)
            heapify(idle)
        elif trial is not LEAVING:
            saved, saved_at = last_checkpoint(trial), trial._saved_at
            if notice and keeps:
                takes, reached = save_time(), trial._reached(now)
                if reached > saved and takes <= notice:
                    saved, saved_at = reached, now + takes
            lose_worker(trial, PREEMPTED, saved, saved_at)
            trial._life = trial._dies - now
            heappush(queue, (now, trial.id, trial))
            if meter is not None:
                meter.cancel(trial, now)
                deadline = meter.deadline

    def next_stay(worker: int) -> None:
        stay = next(stays[worker], None)
        if stay is not None:
            stay_of[worker] = stay
            if stay.up > 0:
                happens(stay.up, worker, UP)
            else:
                comes(worker)

    def change(worker: int, what: int) -> None:
        """What happens to a worker at this instant."""
        if what == UP:
            write((now, NOBODY, UP + marks[worker], 0))
            comes(worker)
            return
        if doing[worker] is not GONE:
            leaves(worker, notice if what == DRAINED else 0)
        write((now, NOBODY, what + marks[worker], 0))
        if what == DOWN:
            next_stay(worker)
        else:
            happens(stay_of[worker].down, worker, DOWN)

    def free(worker: int, takes: int) -> None:
        """A worker is done with a trial, and idle after so many nanoseconds."""
        if takes:
            doing[worker] = LEAVING
            freed_by[worker] = happens(now + takes, worker, FREE)
        else:
            doing[worker] = IDLE
            heappush(idle, worker)

    # Trials

    def begin(trial: ClusterTrial, target: int, event: int) -> None:
        """An idle worker gets a trial."""
        worker = trial._worker = heappop(idle)
        doing[worker] = trial
        overhead, origin = start_time(), trial._saved
        if origin >= 0:
            wait = trial._saved_at - now
            overhead = (wait if wait > overhead else overhead) + load_time()
        pace = (1.0 + slow()) / speeds[worker]
        per = trial._per = pace * 1e9
        save = trial._save = save_time() if saves_on_the_way else 0
        anchor = ready = now + overhead
        if origin >= 0:
            anchor -= floor(elapsed[trial._base + origin] * per + 0.5)
        trial._anchor = anchor
        trial._origin = trial._from = origin
        trial._began = now
        number, index = trial.id, trial._index
        write((now, number, event + marks[worker] + target, overhead))
        jobs.extend(((index if from_scratch else origin) + 1, pace, save))
        if target >= shortest:
            target = clip(trial, target)
        trial._target = target
        if target > index and target > origin:
            due = anchor + floor(elapsed[trial._base + target] * per + 0.5)
            if save:
                due += save * (ways[target - 1] - ways[origin])
        else:  # its curve has ended where it stands, or only the report is missing
            due = ready
        trial._lag = lag = report_time()
        due += lag
        dies = trial._dies = now + trial._life
        if due > dies:
            due = dies
        heappush(heap, (due, number, trial._stamp, trial))

    def last_checkpoint(trial: ClusterTrial) -> int:
        """The grid index of the last checkpoint of a trial that runs."""
        if every is None or trial._target <= trial._from:
            return trial._saved
        point = points[min(trial._reached(now), trial._target - 1) + 1]
        if point > trial._origin and trial._arrives(point) + trial._save > now:
            point = points[point]  # it is being saved
        return point if point > trial._origin else trial._saved

    def lose_worker(trial: ClusterTrial, event: int, saved: int, saved_at: int) -> None:
        trial._saved, trial._saved_at = saved, saved_at
        trial._spent += now - trial._began
        trial._worker = WAITING
        trial._stamp += 1
        write((now, trial.id, event, 0))

    def crash(trial: ClusterTrial) -> None:
        nonlocal later, deadline
        worker, failures = trial._worker, trial._failures + 1
        trial._failures = failures
        lose_worker(trial, CRASHED, last_checkpoint(trial), trial._saved_at)
        free(worker, 0)
        trial._life = draw_life(trial.id, failures)
        if meter is not None:
            meter.cancel(trial, now)
            deadline = meter.deadline
        if failures <= cluster.retries:
            answer = scheduler.on_failure(trial, failures)
            if answer is RETRY:
                wait = backoff() << min(failures - 1, MOST_DOUBLINGS)
                if wait:
                    later += 1
                    heappush(heap, (now + wait, trial.id, trial._stamp, trial))
                else:
                    heappush(queue, (now, trial.id, trial))
                return
            if answer is not STOP:
                answers.illegal(f"on_failure must answer RETRY or STOP, not {answer!r}", now, trial)
            if learner is not None:
                learner.on_end(trial, "failed")
        else:
            on_end(trial, trial._reported, inf, "failed")
        trial._worker = ENDED
        write((now, trial.id, FAILED, 0))

    def cancel() -> None:
        """Carry out `Context.stop`."""
        nonlocal later, deadline
        for number, started in stops:
            trial: Any = answers.to_stop(number, started, now)
            takes = 0
            if trial._worker >= 0:
                takes = stop_time()
                free(trial._worker, takes)
                reached = trial._reached(now)
                if from_scratch and reached > trial._index:
                    trial._seen = (*trial._seen, reached)
                trial._index = max(trial._index, reached)
                trial._used = trial._spent + now - trial._began
            elif trial._worker == WAITING:
                trial._used = trial._spent
                waits = [entry for entry in queue if entry[2] is trial]
                if waits:
                    queue.remove(waits[0])
                    heapify(queue)
                else:
                    later -= 1
            if room is not None:
                room.free(trial)
            trial._stamp += 1
            trial._worker = TRIAL_CANCELLED
            if learner is not None:
                learner.on_end(trial, "cancelled")
            write((now, trial.id, CANCELLED, takes))
            if meter is not None:
                meter.cancel(trial, now)
                deadline = meter.deadline
        stops.clear()

    def heir(number: int, row: int, job: Start, target: int) -> ClusterTrial:
        """A trial that begins with the checkpoint of another one."""
        giver, replicate = answers.donor(job, row, target, now)
        donor: Any = giver
        trial: Any = ClusterContinuation(number, row, donor, replicate, job.tag, curves, now)
        trial._start_anew(ways, draw_life(number, 0))
        if keeps:
            lost = donor._worker in (PAUSED, WAITING)
            trial._saved = min(donor._saved if lost else donor._index, trial._index)
            trial._saved_at = donor._saved_at if lost else 0
        made: ClusterTrial = trial
        return made

    def decides(until: int) -> None:
        nonlocal deciding
        deciding += 1
        write((now, NOBODY, DECIDING + marks[idle[0]], 0))
        happens(until, MOST_WORKERS - 1, DECIDED)

    decision_cost = cluster.decision_cost(full_training, stage.seed)
    if decision_cost is not None:
        next_job = serial_server(next_job, decision_cost, scheduler, searcher, clock, decides, trials)
    for worker in range(attendance.most):
        next_stay(worker)

    while True:
        while idle and now < deadline:  # idle workers get trials
            if queue:
                trial = heappop(queue)[2]
                begin(trial, trial._target, RESUME)
                if meter is not None:
                    deadline = meter.begin_again(trial)
                continue
            if meter is not None and meter.used_up_at is not None:
                break
            job = next_job()
            if type(job) is Start:
                number = len(trials)
                if number >= most_trials:
                    break
                if number == most_trials - 1:
                    closed_at = now
                row = job.config
                try:
                    if type(row) is not int or not 0 <= row < rows:
                        row = find_row(row)
                    target = grid[job.until]
                except (LookupError, TypeError, ValueError) as error:
                    answers.illegal_start(job, error, now)
                if job.checkpoint_of is None:
                    replicate = draw_replicate(row) if draw_replicate else 0
                    trial = ClusterTrial(number, row, replicate, job.tag, curves, now)
                    trial._start_anew(ways, draw_life(number, 0))
                else:
                    trial = heir(number, row, job, target)
                trials.append(trial)
                begin(trial, target, START)
            elif job is None:
                break
            else:
                found: Any
                found, target = answers.paused(job, now)
                trial = found
                if room is not None:
                    room.free(trial)
                begin(trial, target, RESUME)
            if learner is not None:
                learner.on_start(trial, job.until)
            if meter is not None:
                deadline = meter.begin(trial)
            if stops:
                cancel()
        if stops:  # by a `next_job` that gave no job
            cancel()
        if idle and here == len(idle) and not later and not deciding:
            break  # whoever still comes finds nothing to do

        latest = deadline
        while heap and heap[0][0] <= latest:  # all that happens at the next instant
            due, number, stamp, trial = heappop(heap)
            if number < 0:
                worker = number + MOST_WORKERS
                if trial == FREE and freed_by[worker] != stamp:
                    continue  # it has left before
                latest = now = clock.now = due
                if trial == FREE:
                    doing[worker] = IDLE
                    heappush(idle, worker)
                elif trial == DECIDED:
                    deciding -= 1
                    write((now, NOBODY, DECIDED + (marks[idle[0]] if idle else 0), 0))
                else:
                    change(worker, trial)
                continue
            if trial._stamp != stamp:
                continue  # it has lost its worker
            latest = now = clock.now = due
            if trial._worker == WAITING:  # after its back-off
                later -= 1
                heappush(queue, (now, number, trial))
                continue
            if now == trial._dies:
                crash(trial)
                if stops:
                    cancel()
                continue
            index, worker, takes = trial._target, trial._worker, 0
            if from_scratch and index > trial._index:
                trial._seen = (*trial._seen, index)
            trial._index = index
            trial._used = trial._spent + now - trial._began
            resource = resources[index]
            value: float = values[trial._base + index]
            if negate:
                value = -value
            if value != value:
                value = inf
            if ranking is not None:
                ranking.report(index, value)
            removed: Any = None
            if index == trial._end:
                state, word = ENDED, COMPLETE if index == end_of_grid else CURVE_END
                on_end(trial, resource, value, "complete" if index == end_of_grid else "curve-end")
            else:
                answer = on_report(trial, resource, value)
                if answer is STOP:
                    state, word = ENDED, STOPPED
                elif answer is PAUSE:
                    state, word = PAUSED, PAUSED_AT
                    trial._life = trial._dies - now
                    trial._spent = trial._used
                    trial._saved = -1
                    if keeps:
                        takes = trial._save if saves_on_the_way else save_time()
                        trial._saved, trial._saved_at = index, now + takes
                        if room is not None:
                            removed = room.keep(trial, value)
                else:
                    try:
                        target = grid[answer.until] if type(answer) is Continue else -1
                    except (LookupError, TypeError):
                        target = -1
                    if target <= index:
                        answers.illegal_answer(answer, trial, now)
                    word = CONTINUED + target
                    if target >= shortest:
                        target = clip(trial, target)
                    if target > index:
                        state = worker
                        trial._target, trial._from = target, index
                        anchor = trial._anchor = now if from_scratch else trial._anchor + trial._lag
                        due = anchor + floor(elapsed[trial._base + target] * trial._per + 0.5)
                        if saves_on_the_way:
                            due += trial._save * (ways[target - 1] - ways[trial._origin])
                        trial._lag = lag = report_time()
                        due += lag
                        if due > trial._dies:
                            due = trial._dies
                        heappush(heap, (due, number, stamp, trial))
                        if learner is not None:
                            learner.on_start(trial, answer.until)
                        if meter is not None:
                            deadline = meter.begin(trial)
                    else:  # the curve has ended here
                        write((now, number, word, 0))
                        state, word = ENDED, CURVE_END
                        on_end(trial, resource, value, "curve-end")
            if state < 0:
                takes += stop_time()
                trial._worker = state
                free(worker, takes)
            write((now, number, word, takes))
            if removed is not None:
                removed._saved = -1
                write((now, removed.id, REMOVED, 0))
            if stops:
                cancel()
        if latest is deadline:  # nothing is left, or nothing before the end of the budget
            now = deadline if heap else now
            break
        if len(words) > FLUSH:
            records.append(array("q", words))
            words.clear()

    change = None  # type: ignore[assignment]  # else it and others, who refer to each other, would keep all this alive
    left = {trial.id for trial in doing if isinstance(trial, Trial)}
    left |= {event[1] for event in heap if event[1] >= 0 and event[3]._stamp == event[2]}
    left |= {number for _, number, _ in queue}
    for number in sorted(left):  # the budget cuts off what still runs or waits for a worker
        write((now, number, CUT_OFF, 0))
    records.append(words)
    if meter is not None and meter.used_up_at is not None:
        closed_at = meter.used_up_at
    return Record(records, now, closed_at, jobs)

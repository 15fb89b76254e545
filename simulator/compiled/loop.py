"""The event loop of `simulator.loop` in machine code, with the built-in rung schedulers inside.

It goes through the same steps in the same order and writes the same words, see there. What is a Python object there is
a record in an array here, and what an object decides, a function of this file does by the numbers of a `Plan`. The
searcher is asked beforehand: the trial with id i replays the i-th curve that is given. There are
arrays only: written with lists of tuples, `run` gave garbage under Numba 0.68 where it held a list comprehension, for a
reason that was not found.

All that is compiled stands in this one file, its types included. Numba keeps the machine code on disk and makes it anew
when the file of the function that is called from Python, `run`, has changed; it does not look at other files.
"""

from __future__ import annotations

from math import floor, inf
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from simulator.events import (
    COMPLETE,
    CONTINUED,
    CURVE_END,
    CUT_OFF,
    NOBODY,
    PAUSED_AT,
    RESUME,
    START,
    STOPPED,
    WORKER,
)

STOPPING, PROMOTION, SYNCHRONOUS = range(3)  # kinds of schedulers
UNKNOWN = -1  # a time that nobody knows (yet)
ROOM = 4  # words a trial that there is room for at first; with eta = 2 or more that is seldom too little
# Of what only machine code calls: leaves out the ways in from Python, which take time to compile. `within` may not make
# arrays either: then nothing counts who holds those that it is given, which took two thirds of a run's time.
PART: dict[str, Any] = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
making: Any = njit(**PART)
within: Any = njit(**(PART | {"_nrt": False}))


class Table(NamedTuple):
    """What the loop reads of a table for one metric, as `simulator.replay.Curves`; a curve is row * S + replicate.

    Attributes:
        single, double: values, flat over (curve, resource), as float32 or float64, whichever they are; the other one is
            empty, so that one machine code does for both.
        elapsed: likewise, seconds.
        lengths: by curve: how many resources are measured.
        censored: by curve: whether it was cut short; empty where none was.
        size: the number of resources, R.
        negate: larger values are better.
        resumable: as in `Blackbox`.
    """

    single: np.ndarray
    double: np.ndarray
    elapsed: np.ndarray
    lengths: np.ndarray
    censored: np.ndarray
    size: int
    negate: bool
    resumable: bool


class Plan(NamedTuple):
    """A scheduler and its arguments in numbers.

    Attributes:
        kind: one of the above.
        levels: (L,) grid indices of the rung levels, and of r_max.
        over, under: (L - 1,) the share of each rung that is good enough, q = over / under.
        begun: (L - 1,) how much of one more good enough value, over `under`, an empty rung has already.
        least: a rung with values has at least so many that are good enough.
        min_entries: a rung with fewer lets all go on, when they are stopped otherwise, or none, when promoted.
        ties: what is as good as the worst that is promoted is promoted, too.
        sizes: (B, L) planned rung sizes of the B brackets that follow each other, of which the b-th begins at level b.
        eta_over, eta_under: the reduction factor of brackets.
        overlap: the next bracket may start while others are open.
    """

    kind: int
    levels: np.ndarray
    over: np.ndarray
    under: np.ndarray
    begun: np.ndarray
    least: int
    min_entries: int
    ties: bool
    sizes: np.ndarray
    eta_over: int
    eta_under: int
    overlap: bool


# One entry a trial, as in `simulator.trial`; `level` is the rung level where it is sent.
TRIAL = np.dtype(
    [("curve", np.int64), ("offset", np.int64), ("busy", np.int64), ("worker", np.int32), ("level", np.int32)]
    + [("index", np.int32), ("target", np.int32), ("end", np.int32)],
    align=True,
)
# An entry of a heap of times, or of values: these rank by key, then by number.
TIMED = np.dtype([("key", np.int64), ("number", np.int64)])
VALUED = np.dtype([("key", np.float64), ("number", np.int64)])
# How many trials the searcher has proposed and can propose, and when it was first asked for more (or UNKNOWN).
SEARCHER = np.dtype([("proposed", np.int64), ("most", np.int64), ("exhausted_at", np.int64)])
# A rung: where its heaps start, and how many values each has; how many may be good enough, and how much of one more,
# over `Plan.under`.
RUNG = np.dtype([(name, np.int64) for name in ("first", "best", "rest", "waiting", "room", "grown")])
# A bracket, as in `simulator.brackets`: its first trial; how many have reached the rung or are over before it; where
# in its queue the next trial to resume stands, and where that ends; whether it is open, and in the heap of those that
# may have a job.
BRACKET = np.dtype(
    [(name, np.int64) for name in ("first", "rung", "to_start", "pending", "reached", "next", "end")]
    + [("open", np.bool_), ("ready", np.bool_)],
    align=True,
)
# A trial in a bracket: which one, and whether it is over.
MEMBER = np.dtype([("bracket", np.int64), ("over", np.bool_)], align=True)
# How many brackets were opened, how many still are, how many may have a job; whether no new one can be filled.
OPENED = np.dtype([("all", np.int64), ("open", np.int64), ("ready", np.int64), ("exhausted", np.bool_)], align=True)


class Rungs(NamedTuple):
    """The rungs below r_max.

    Attributes:
        each: RUNG.
        best: heaps in stretches: those that are good enough, value and trial negated: the worst on top.
        rest: heaps of all others, by value and trial.
        waiting: heaps of all that were not promoted.
    """

    each: np.ndarray
    best: np.ndarray
    rest: np.ndarray
    waiting: np.ndarray


class Brackets(NamedTuple):
    """The brackets that were opened.

    A bracket starts all of its trials before the next one does, so that their ids follow each other, and what there is
    one of for each trial has a stretch for each bracket, from its first trial's on.

    Attributes:
        each: BRACKET.
        all: (1,) OPENED.
        ready: a heap of the numbers of those that may have a job.
        members: MEMBER, by trial.
        reached: heaps in stretches: who has reached the rung, or is over before it.
        queue: trials to resume, in stretches.
        best: room for those of a rung that go on.
    """

    each: np.ndarray
    all: np.ndarray
    ready: np.ndarray
    members: np.ndarray
    reached: np.ndarray
    queue: np.ndarray
    best: np.ndarray


class State(NamedTuple):
    """Where a run stands.

    Attributes:
        trials: TRIAL, by id.
        rungs, brackets: of the scheduler.
        searcher: (1,) SEARCHER.
        idle: (W,) a heap of worker numbers.
        heap: (W,) reports: time, trial.
        words: (room, 3) int64, see `simulator.events`.
    """

    trials: np.ndarray
    rungs: Rungs
    brackets: Brackets
    searcher: np.ndarray
    idle: np.ndarray
    heap: np.ndarray
    words: np.ndarray


class End(NamedTuple):
    """What has become of a run.

    Attributes:
        n_words: how many words there are to write, whether there was room for them or not.
        trials, end, closed_at, legal: as in `Outcome`.
    """

    n_words: int
    trials: int
    end: int
    closed_at: int
    legal: bool


class Outcome(NamedTuple):
    """What the loop has written down.

    Attributes:
        words: (E, 3) int64, see `simulator.events`.
        trials: how many were started.
        end: nanoseconds when the run was over.
        closed_at, exhausted_at: nanoseconds when the last trial of the budget was started, and when there was nothing
            left to propose; or UNKNOWN.
        legal: False: the run has come to what was not measured, and is worth nothing.
    """

    words: np.ndarray
    trials: int
    end: int
    closed_at: int
    exhausted_at: int
    legal: bool


@njit(cache=True)
def run(table: Table, curves: np.ndarray, plan: Plan, workers: int, deadline: int, most_trials: int) -> Outcome:
    """From time zero until the budget is used up or nothing is left to do.

    Args:
        table: what trials replay.
        curves: (T,) the curves of trials, in order of starting; at most `most_trials`.
        plan: what decides.
        workers: how many trials run at once.
        deadline: nanoseconds when the budget of time ends.
        most_trials: how many may be started.
    """
    room = ROOM * len(curves)
    while True:
        state = beginning(curves, plan, workers, room)
        end = until_over(table, plan, state, deadline, most_trials)
        if end.n_words <= room:
            words, exhausted_at = state.words[: end.n_words], state.searcher[0].exhausted_at
            return Outcome(words, end.trials, end.end, end.closed_at, exhausted_at, end.legal)
        room = end.n_words  # all of it again, with room for all


@making
def beginning(curves: np.ndarray, plan: Plan, workers: int, room: int) -> State:
    """All workers are idle; there is room for so many words."""
    searcher, idle = np.zeros(1, SEARCHER), np.zeros(workers, TIMED)
    searcher[0].most, searcher[0].exhausted_at = len(curves), UNKNOWN
    for worker in range(workers):
        idle[worker].key = worker
    heap, words = np.empty(workers, TIMED), np.empty((room, 3), np.int64)
    rungs, brackets = no_rungs(plan, len(curves)), no_brackets(plan, len(curves))
    return State(no_trials(curves), rungs, brackets, searcher, idle, heap, words)


@within
def until_over(table: Table, plan: Plan, state: State, deadline: int, most_trials: int) -> End:
    """The event loop."""
    trials, rungs, brackets, searcher = state.trials, state.rungs, state.brackets, state.searcher
    idle, heap, words, end_of_grid = state.idle, state.heap, state.words, table.size - 1
    n_idle, running, n_words = len(idle), 0, 0
    closed_at, started, now = UNKNOWN, 0, 0

    while True:
        while n_idle > 0 and now < deadline:  # idle workers ask for jobs
            if plan.kind == SYNCHRONOUS:
                number, level = next_job_of_brackets(plan, brackets, searcher, now)
            else:
                number, level = next_job_of_rungs(plan, rungs, searcher, now)
            if number == NOBODY:
                break
            trial = trials[number]
            if number == started:
                started += 1
                if started == most_trials:
                    closed_at = now
                trial.index, trial.end, trial.offset = -1, end_of_grid, now
                event = START
            else:
                trial.offset = now - trial.busy
                event = RESUME
            worker, _ = pop(idle, 0, n_idle)
            n_idle -= 1
            trial.worker = worker
            write(words, n_words, now, number, event + (worker << WORKER) + plan.levels[level])
            n_words += 1
            due = send(table, trials, number, level, plan.levels[level])
            if due == UNKNOWN:
                return End(0, 0, 0, UNKNOWN, False)
            push(heap, 0, running, due, number)
            running += 1

        reported, latest = False, deadline
        while running > 0 and heap[0].key <= latest:  # the reports of the next instant, by trial
            now, number = pop(heap, 0, running)
            running -= 1
            reported, latest, trial = True, now, trials[number]
            index, level = trial.target, trial.level
            trial.index = index
            if not table.resumable:
                trial.offset = now  # whatever comes next costs all of `elapsed`
            value = loss(table, trial.curve, index)
            over = index == trial.end
            if over:
                event = COMPLETE if index == end_of_grid else CURVE_END
            elif plan.kind == STOPPING:
                event = CONTINUED if goes_on(plan, rungs, number, level, value) else STOPPED
            else:
                event = PAUSED_AT
                trial.busy = now - trial.offset
                if plan.kind == PROMOTION:
                    wait(plan, rungs, number, level, value)
            if plan.kind == SYNCHRONOUS:
                report(plan, brackets, number, value, over)
            if event == CONTINUED:
                write(words, n_words, now, number, CONTINUED + plan.levels[level + 1])
                n_words += 1
                due = send(table, trials, number, level + 1, plan.levels[level + 1])
                if due == UNKNOWN:
                    return End(0, 0, 0, UNKNOWN, False)
                if trial.target > index:
                    push(heap, 0, running, due, number)
                    running += 1
                    continue
                event = CURVE_END  # the curve has ended here
            write(words, n_words, now, number, event)
            n_words += 1
            push(idle, 0, n_idle, trial.worker, 0)
            n_idle += 1

        if not reported:  # nothing is left, or nothing before the end of the budget
            break

    if running > 0:  # the budget cuts off what still runs
        now = deadline
        by_trial = idle  # there is room: nobody asks any more which workers are idle
        for i in range(running):
            push(by_trial, 0, i, heap[i].number, 0)
        for i in range(running):
            number, _ = pop(by_trial, 0, running - i)
            write(words, n_words, now, number, CUT_OFF)
            n_words += 1
    return End(n_words, started, now, closed_at, True)


@within
def write(words: np.ndarray, n: int, now: int, number: int, word: int) -> None:
    """Write an event behind n others, if there is room for it."""
    if n < len(words):
        words[n, 0], words[n, 1], words[n, 2] = now, number, word


# What a trial replays.


@making
def no_trials(curves: np.ndarray) -> np.ndarray:
    """Room for all that may be started; of each one only its curve is known."""
    trials = np.empty(len(curves), TRIAL)
    for number in range(len(curves)):
        trials[number].curve = curves[number]
    return trials


@within
def send(table: Table, trials: np.ndarray, number: int, level: int, target: int) -> int:
    """Send a trial to a rung level, or to its curve's end: when it gets there, UNKNOWN where that was not measured."""
    trial = trials[number]
    base, last = trial.curve * table.size, table.lengths[trial.curve] - 1
    if target > last:
        if len(table.censored) > 0 and table.censored[trial.curve]:
            return UNKNOWN
        if trial.index == last and not table.resumable:  # nothing is trained again to find that out
            trial.offset -= nanoseconds(table.elapsed[base + last])
        target = last
        trial.end = last
    trial.target, trial.level = target, level
    return trial.offset + nanoseconds(table.elapsed[base + target])


@within
def nanoseconds(seconds: float) -> int:
    """Seconds as whole nanoseconds, halves up."""
    return floor(seconds * 1e9 + 0.5)


@within
def loss(table: Table, curve: int, index: int) -> float:
    """A value of a curve, smaller is better; diverged is inf."""
    i = curve * table.size + index
    value = np.float64(table.single[i]) if len(table.single) > 0 else table.double[i]
    if np.isnan(value):
        return inf
    return -value if table.negate else value


# Heaps, as `heapq`, in stretches of arrays; where one starts and how many entries it has is told apart.


@within
def push(heaps: np.ndarray, start: int, n: int, key: float, number: int) -> None:
    """Add an entry to n others. O(log n)."""
    i = n
    while i > 0:
        parent = (i - 1) >> 1
        above = heaps[start + parent]
        if above.key < key or (above.key == key and above.number <= number):
            break
        heaps[start + i].key, heaps[start + i].number = above.key, above.number
        i = parent
    heaps[start + i].key, heaps[start + i].number = key, number


@within
def pop(heaps: np.ndarray, start: int, n: int) -> tuple[float, int]:
    """Take the first of n entries. O(log n)."""
    key, number = heaps[start].key, heaps[start].number
    sink(heaps, start, n - 1, heaps[start + n - 1].key, heaps[start + n - 1].number)
    return key, number


@within
def swap(heaps: np.ndarray, start: int, n: int, key: float, number: int) -> tuple[float, int]:
    """Take the first of n entries and this one, which the n keep otherwise. O(log n)."""
    if n == 0 or key < heaps[start].key or (key == heaps[start].key and number <= heaps[start].number):
        return key, number
    first_key, first_number = heaps[start].key, heaps[start].number
    sink(heaps, start, n, key, number)
    return first_key, first_number


@within
def sink(heaps: np.ndarray, start: int, n: int, key: float, number: int) -> None:
    """Put an entry into the place of the first of n. O(log n)."""
    i, child = 0, 1
    while child < n:
        below = heaps[start + child]
        if child + 1 < n:
            other = heaps[start + child + 1]
            if other.key < below.key or (other.key == below.key and other.number < below.number):
                child, below = child + 1, other
        if key < below.key or (key == below.key and number <= below.number):
            break
        heaps[start + i].key, heaps[start + i].number = below.key, below.number
        i, child = child, 2 * child + 1
    heaps[start + i].key, heaps[start + i].number = key, number


@within
def propose(searcher: np.ndarray, now: int) -> int:
    """The next trial that the searcher proposes, or NOBODY."""
    number = searcher[0].proposed
    if number < searcher[0].most:
        searcher[0].proposed += 1
        return number
    if searcher[0].exhausted_at == UNKNOWN:
        searcher[0].exhausted_at = now
    return NOBODY


# Rungs, as in `simulator.rungs`, and what is asked of the schedulers that have them.


@making
def no_rungs(plan: Plan, most: int) -> Rungs:
    """Empty rungs, with room for so many trials."""
    n = len(plan.over)
    each = np.zeros(n, RUNG)
    for level in range(n):
        each[level].grown = plan.begun[level]
        each[level].first = level * most
    waiting = np.empty(n * most if plan.kind == PROMOTION else 0, VALUED)
    return Rungs(each, np.empty(n * most, VALUED), np.empty(n * most, VALUED), waiting)


@within
def next_job_of_rungs(plan: Plan, rungs: Rungs, searcher: np.ndarray, now: int) -> tuple[int, int]:
    """A worker is free: the trial that it takes and the rung level where this is sent, or NOBODY."""
    if plan.kind == PROMOTION:
        for level in range(len(plan.over) - 1, -1, -1):
            number = take(plan, rungs, level)
            if number != NOBODY:
                return number, level + 1
    return propose(searcher, now), 0


@within
def goes_on(plan: Plan, rungs: Rungs, number: int, level: int, value: float) -> bool:
    """A trial reports; whether its value is good enough to go on."""
    add(plan, rungs, number, level, value)
    rung = rungs.each[level]
    return value < inf and (value <= -rungs.best[rung.first].key or rung.best + rung.rest < plan.min_entries)


@within
def wait(plan: Plan, rungs: Rungs, number: int, level: int, value: float) -> None:
    """A trial reports, and pauses."""
    add(plan, rungs, number, level, value)
    if value < inf:
        rung = rungs.each[level]
        push(rungs.waiting, rung.first, rung.waiting, value, number)
        rung.waiting += 1


@within
def add(plan: Plan, rungs: Rungs, number: int, level: int, value: float) -> None:
    """A value joins its rung; the good enough and the rest are parted anew. O(log n)."""
    rung, best, rest = rungs.each[level], rungs.best, rungs.rest
    first = rung.first
    rung.grown += plan.over[level]
    if rung.grown >= plan.under[level]:
        rung.grown -= plan.under[level]
        rung.room += 1
    out, who = swap(best, first, rung.best, -value, -number)
    value, number = -out, -who  # the worst of the best and this one
    if rung.best < max(rung.room, plan.least):
        value, number = swap(rest, first, rung.rest, value, number)
        push(best, first, rung.best, -value, -number)
        rung.best += 1
    else:
        push(rest, first, rung.rest, value, number)
        rung.rest += 1


@within
def take(plan: Plan, rungs: Rungs, level: int) -> int:
    """Promote the best trial of a rung that may be promoted: its id, or NOBODY. O(log n)."""
    rung = rungs.each[level]
    if rung.waiting > 0 and rung.best > 0 and rung.best + rung.rest >= plan.min_entries:
        value, number = rungs.waiting[rung.first].key, rungs.waiting[rung.first].number
        worst, last = -rungs.best[rung.first].key, -rungs.best[rung.first].number
        if value < worst or (value == worst and (plan.ties or number <= last)):
            pop(rungs.waiting, rung.first, rung.waiting)
            rung.waiting -= 1
            return number
    return NOBODY


# Brackets, as in `simulator.brackets`, and what is asked of the schedulers that have them.


@making
def no_brackets(plan: Plan, most: int) -> Brackets:
    """None is open; room for those of so many trials."""
    n = most if plan.kind == SYNCHRONOUS else 0
    return Brackets(
        np.zeros(n + 1, BRACKET),
        np.zeros(1, OPENED),
        np.empty(n + 1, TIMED),
        np.empty(n, MEMBER),
        np.empty(n, VALUED),
        np.empty(n, np.int64),
        np.empty(n, VALUED),
    )


@within
def next_job_of_brackets(plan: Plan, brackets: Brackets, searcher: np.ndarray, now: int) -> tuple[int, int]:
    """A worker is free: a job of the oldest bracket that has one, or of a new one, or NOBODY."""
    opened = brackets.all[0]
    while opened.ready > 0:
        b = brackets.ready[0].key
        if brackets.each[b].open:
            number, level = next_job(b, plan, brackets, searcher, now)
            if number != NOBODY:
                return number, level
            close_if_done(brackets, b)
        pop(brackets.ready, 0, opened.ready)
        opened.ready -= 1
        brackets.each[b].ready = False
    if opened.exhausted or (opened.open > 0 and not plan.overlap):
        return NOBODY, 0
    b = opened.all
    brackets.each[b].first = searcher[0].proposed
    brackets.each[b].to_start = plan.sizes[b % len(plan.sizes), 0]
    number, level = next_job(b, plan, brackets, searcher, now)
    if number == NOBODY:
        opened.exhausted = True
        return NOBODY, 0
    brackets.each[b].open = True
    opened.all += 1
    opened.open += 1
    make_ready(brackets, b)
    return number, level


@within
def next_job(b: int, plan: Plan, brackets: Brackets, searcher: np.ndarray, now: int) -> tuple[int, int]:
    """A job of a bracket's present rung, or NOBODY where all of it is pending."""
    bracket, first_level = brackets.each[b], b % len(plan.sizes)
    while bracket.next == bracket.end:
        if bracket.to_start == 0:
            return NOBODY, 0
        number = propose(searcher, now)
        if number != NOBODY:
            bracket.to_start -= 1
            bracket.pending += 1
            brackets.members[number].bracket = b
            return number, first_level
        bracket.to_start = 0  # the rung cannot fill: it keeps what it has
        if bracket.pending == 0:
            promote(plan, brackets, b)
    number = brackets.queue[bracket.first + bracket.next]
    bracket.next += 1
    return number, first_level + bracket.rung


@within
def report(plan: Plan, brackets: Brackets, number: int, value: float, over: bool) -> None:
    """A trial has reached its bracket's rung, or is over before it."""
    member = brackets.members[number]
    member.over = over
    b = member.bracket
    bracket = brackets.each[b]
    push(brackets.reached, bracket.first, bracket.reached, value, number)
    bracket.reached += 1
    bracket.pending -= 1
    if bracket.pending == 0 and bracket.to_start == 0:
        promote(plan, brackets, b)
        if bracket.next < bracket.end:
            make_ready(brackets, b)
    close_if_done(brackets, b)


@within
def promote(plan: Plan, brackets: Brackets, b: int) -> None:
    """Open the next rung for the best of this one; a trial that is over holds its value there."""
    bracket, sizes, rungs = brackets.each[b], plan.sizes[b % len(plan.sizes)], len(plan.levels) - b % len(plan.sizes)
    while bracket.pending == 0 and bracket.reached > 0 and bracket.rung + 1 < rungs:
        n, keep = bracket.reached, min(bracket.reached, sizes[bracket.rung + 1])
        if n < sizes[bracket.rung]:
            keep = min(keep, max(1, n * plan.eta_under // plan.eta_over))
        best = brackets.best
        for i in range(keep):
            best[i].key, best[i].number = pop(brackets.reached, bracket.first, n - i)
        bracket.rung += 1
        bracket.reached = bracket.next = bracket.end = 0
        for i in range(keep):
            value, number = best[i].key, best[i].number
            if value < inf and brackets.members[number].over:
                push(brackets.reached, bracket.first, bracket.reached, value, number)
                bracket.reached += 1
            elif value < inf:
                brackets.queue[bracket.first + bracket.end] = number
                bracket.end += 1
        bracket.pending = bracket.end


@within
def make_ready(brackets: Brackets, b: int) -> None:
    """A bracket may have a job."""
    if not brackets.each[b].ready:
        push(brackets.ready, 0, brackets.all[0].ready, b, 0)
        brackets.all[0].ready += 1
        brackets.each[b].ready = True


@within
def close_if_done(brackets: Brackets, b: int) -> None:
    """Nothing of a bracket is pending, and nothing will be: it is not open any more."""
    bracket = brackets.each[b]
    if bracket.pending == 0 and bracket.to_start == 0 and bracket.open:
        bracket.open = False
        brackets.all[0].open -= 1

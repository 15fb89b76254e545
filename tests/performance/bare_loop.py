"""The yardstick: rung schedulers on a bare heapq loop, with no protocol, trace, budget, checks or errors.

It makes the same decisions as the simulator, in the same order within an instant (reports by trial, then idle
workers by number), from columns prepared beforehand: for each configuration, in the order of proposal, the value at
every rung level and the nanoseconds from nothing and from one level to the next. The benchmark checks that both agree
on how far every trial got and on which worker it was last.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush, heappushpop, heapreplace

import numpy as np

from blackboxes import Blackbox
from simulator.clock import nanosecond_array


@dataclass
class Prepared:
    """Of the i-th configuration at rung level k: values[k][i], and nanoseconds: times[k][i] from nothing, costs[k][i]
    from the level before. The last level is r_max.
    """

    values: list[list[float]]
    times: list[list[int]]
    costs: list[list[int]]


def prepare(table: Blackbox, order: list[int], levels: list[int]) -> Prepared:
    index = np.searchsorted(table.resources, levels)
    values = table.metrics[table.default_metric][order, 0][:, index].astype(np.float64)
    times = nanosecond_array(table.elapsed[order, 0][:, index])
    costs = np.diff(times, axis=1, prepend=0)
    return Prepared(values.T.tolist(), times.T.tolist(), costs.T.tolist())


def asha_stopping(columns: Prepared, workers: int, eta: int) -> list[tuple[int, int]]:
    """The level at which each trial ended, and its worker."""
    values, costs = columns.values, columns.costs
    last, n = len(values) - 1, len(values[0])
    ended = [(0, 0)] * n
    best: list[list[float]] = [[] for _ in range(last)]
    rest: list[list[float]] = [[] for _ in range(last)]
    sizes = [0] * last
    heap: list[tuple[int, int, int, int]] = []
    idle = list(range(workers))
    now = started = 0
    while True:
        while idle and started < n:
            heappush(heap, (now + costs[0][started], started, 0, heappop(idle)))
            started += 1
        if not heap:
            return ended
        now = heap[0][0]
        while heap and heap[0][0] == now:
            _, i, level, worker = heappop(heap)
            if level < last:
                value = values[level][i]
                top, size = best[level], sizes[level] // eta + 1
                sizes[level] += 1
                if len(top) < size:
                    heappush(top, -heappushpop(rest[level], value))
                elif value < -top[0]:
                    heappush(rest[level], -heapreplace(top, -value))
                else:
                    heappush(rest[level], value)
                if value <= -top[0]:
                    heappush(heap, (now + costs[level + 1][i], i, level + 1, worker))
                    continue
            ended[i] = (level, worker)
            heappush(idle, worker)


def asha_promotion(columns: Prepared, workers: int, eta: int) -> list[tuple[int, int]]:
    """The level at which each trial ended or was left paused, and its last worker."""
    values, costs = columns.values, columns.costs
    last, n = len(values) - 1, len(values[0])
    reached = [(0, 0)] * n
    best: list[list[tuple[float, int]]] = [[] for _ in range(last)]
    rest: list[list[tuple[float, int]]] = [[] for _ in range(last)]
    waiting: list[list[tuple[float, int]]] = [[] for _ in range(last)]
    sizes = [0] * last
    downwards = range(last - 1, -1, -1)
    heap: list[tuple[int, int, int, int]] = []
    idle = list(range(workers))
    now = started = 0
    while True:
        while idle:
            for level in downwards:
                if waiting[level] and best[level]:
                    v, i = waiting[level][0]
                    if (-v, -i) >= best[level][0]:
                        heappop(waiting[level])
                        heappush(heap, (now + costs[level + 1][i], i, level + 1, heappop(idle)))
                        break
            else:
                if started >= n:
                    break
                heappush(heap, (now + costs[0][started], started, 0, heappop(idle)))
                started += 1
        if not heap:
            return reached
        now = heap[0][0]
        while heap and heap[0][0] == now:
            _, i, level, worker = heappop(heap)
            reached[i] = (level, worker)
            heappush(idle, worker)
            if level == last:
                continue
            value = values[level][i]
            top, entry = best[level], (value, i)
            heappush(waiting[level], entry)
            sizes[level] += 1
            if sizes[level] // eta > len(top):
                v, t = heappushpop(rest[level], entry)
                heappush(top, (-v, -t))
            elif top and (-value, -i) > top[0]:
                v, t = heapreplace(top, (-value, -i))
                heappush(rest[level], (-v, -t))
            else:
                heappush(rest[level], entry)


def hyperband(columns: Prepared, workers: int, eta: int) -> list[tuple[int, int]]:
    """The level at which each trial ended or was left paused, and its last worker; rungs of n go on as ceil(n / eta).

    Brackets in turn, then again; a free worker serves the oldest that has a job, or opens the next one. When all
    trials have started, the rung of the last bracket keeps what it has.
    """
    values, times, costs = columns.values, columns.times, columns.costs
    last, n = len(values) - 1, len(values[0])
    reached = [(0, 0)] * n
    plans = []
    for b in range(last + 1):
        sizes = [-(-(last + 1) * eta ** (last - b) // (last + 1 - b))]
        while len(sizes) < last + 1 - b:
            sizes.append(-(-sizes[-1] // eta))
        plans.append([0] * b + sizes)
    bracket_of = [0] * n
    to_start: list[int] = []  # of each bracket
    pending: list[int] = []
    level_of: list[int] = []
    queues: list[deque[int]] = []
    entries: list[list[tuple[float, int]]] = []
    ready: list[int] = []  # a heap of brackets that may have a job
    heap: list[tuple[int, int, int, int]] = []
    idle = list(range(workers))
    now = started = 0

    def promote(bracket: int) -> None:
        """The bracket's rung is full, or as full as it will be."""
        level, rung, plan = level_of[bracket], entries[bracket], plans[bracket % (last + 1)]
        if level == last:
            return
        keep = plan[level + 1]
        if len(rung) < plan[level]:
            keep = min(keep, max(1, len(rung) // eta))
        level_of[bracket], entries[bracket] = level + 1, []
        queues[bracket].extend(i for _, i in sorted(rung)[:keep])
        pending[bracket] = len(queues[bracket])
        heappush(ready, bracket)

    while True:
        while idle:
            while ready:
                bracket = ready[0]
                if queues[bracket]:
                    i, level = queues[bracket].popleft(), level_of[bracket]
                    heappush(heap, (now + costs[level][i], i, level, heappop(idle)))
                    break
                if to_start[bracket] and started < n:
                    to_start[bracket] -= 1
                    pending[bracket] += 1
                    bracket_of[started] = bracket
                    level = level_of[bracket]
                    heappush(heap, (now + times[level][started], started, level, heappop(idle)))
                    started += 1
                    break
                heappop(ready)
                if to_start[bracket]:
                    to_start[bracket] = 0
                    if not pending[bracket]:
                        promote(bracket)
            else:
                if started >= n:
                    break
                bracket, b = len(to_start), len(to_start) % (last + 1)
                to_start.append(plans[b][b])
                pending.append(0)
                level_of.append(b)
                queues.append(deque())
                entries.append([])
                heappush(ready, bracket)
        if not heap:
            return reached
        now = heap[0][0]
        while heap and heap[0][0] == now:
            _, i, level, worker = heappop(heap)
            reached[i] = (level, worker)
            heappush(idle, worker)
            bracket = bracket_of[i]
            entries[bracket].append((values[level][i], i))
            pending[bracket] -= 1
            if not pending[bracket] and not to_start[bracket]:
                promote(bracket)

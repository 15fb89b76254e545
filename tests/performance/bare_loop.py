"""The yardstick: ASHA on a bare heapq loop, with no protocol, trace, budget, checks or errors.

It makes the same decisions as the simulator, in the same order within an instant (reports by trial, then idle
workers by number), from columns prepared beforehand: for each configuration, in the order of proposal, the value at
every rung level and the nanoseconds from one level to the next. The benchmark checks that both agree on how far every
trial got and on which worker it was last.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush, heappushpop, heapreplace

import numpy as np

from blackboxes import Blackbox
from simulator.clock import nanosecond_array


@dataclass
class Prepared:
    """values[k][i] and costs[k][i] of the i-th configuration at rung level k; the last level is r_max."""

    values: list[list[float]]
    costs: list[list[int]]


def prepare(table: Blackbox, order: list[int], levels: list[int]) -> Prepared:
    index = np.searchsorted(table.resources, levels)
    values = table.metrics[table.default_metric][order, 0][:, index].astype(np.float64)
    times = nanosecond_array(table.elapsed[order, 0][:, index])
    costs = np.diff(times, axis=1, prepend=0)
    return Prepared(values.T.tolist(), costs.T.tolist())


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

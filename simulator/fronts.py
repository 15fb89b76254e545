"""Points of two objectives in fronts: sorting by domination as points come in, and how a front is ordered.

Smaller is better. A point dominates another if it is nowhere worse and somewhere better. The first front is what
nobody dominates, the second what nobody outside the first dominates, and so on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf

import numpy as np

Point = tuple[float, float, int]  # both objectives, trial id
Order = Callable[[Sequence[Point], int], Iterable[int]]  # of a front, the first so many trials


class Fronts:
    """All points so far, front by front, and which of their trials were taken.

    Within a front points are sorted by the first objective, then by trial id; the second one falls where the first
    rises. A new point goes to the first front that does not dominate it, found by bisection; those of it that it
    dominates, an unbroken stretch, move to the next front, and so on (Yakupov & Buzdalov 2015, for two objectives).
    O(log^2 n + what moves).
    """

    __slots__ = ("_nothing", "_taken", "_waiting", "fronts")

    def __init__(self) -> None:
        self.fronts: list[list[Point]] = []
        self._waiting: list[int] = []  # of each front: how many were not taken
        self._taken: set[int] = set()
        self._nothing: tuple[list[Point], int] = [], 0  # a front whose first so many are taken

    def add(self, point: Point) -> None:
        """One more point, its objectives finite."""
        fronts, waiting = self.fronts, self._waiting
        at = bisect_left(fronts, True, key=lambda front: not _dominates(front, point))
        moving, moving_wait = [point], 1
        while moving and at < len(fronts):
            front = fronts[at]
            low = bisect_left(front, moving[0][:1])
            high = bisect_right(front, -moving[-1][1], key=lambda entry: -entry[1])
            if low < high and front[low][:2] == point[:2]:  # equal points dominate nothing here
                insort(front, point)
                waiting[at] += 1
                return
            moved = front[low:high]
            moved_wait = sum(entry[2] not in self._taken for entry in moved)
            front[low:high] = moving
            waiting[at] += moving_wait - moved_wait
            moving, moving_wait = moved, moved_wait
            at += 1
        if moving:
            fronts.append(moving)
            waiting.append(moving_wait)

    def take(self, count: int, order: Order) -> int | None:
        """Of the first `count` trials, front by front and each front in `order`, the first not taken yet, or None."""
        for at, front in enumerate(self.fronts):
            if count <= 0:
                break
            if self._waiting[at] and self._nothing != (front, count):
                for trial in order(front, count):
                    if trial not in self._taken:
                        self._taken.add(trial)
                        self._waiting[at] -= 1
                        return trial
                self._nothing = front.copy(), count
            count -= len(front)
        return None


def _dominates(front: Sequence[Point], point: Point) -> bool:
    """Whether some point of the front dominates this one: the last one that is not worse in the first objective."""
    x, y, _ = point
    before = bisect_right(front, (x, inf, 0)) - 1
    return before >= 0 and (front[before][1], front[before][0]) < (y, x)


def epsilon_net(front: Sequence[Point], count: int, scaled: bool = True) -> Iterator[int]:
    """The first `count` trials of a front, spread out: the best in the first objective, then always the one that is
    farthest from its nearest among those chosen before (Salinas et al., NAS workshop at ICLR 2021).

    Args:
        front: points of which none dominates another, sorted.
        scaled: distances count each objective as a share of its range on the front; otherwise as it is.

    Equal distances go by trial id. O(count * length).
    """
    chosen = front[0]
    places = np.array(sorted(front, key=lambda point: point[2]))  # so that the first of equals is the right one
    xs, ys = _scaled(places[:, 0], scaled), _scaled(places[:, 1], scaled)
    trials = places[:, 2].astype(np.int64)
    nearest = np.full(len(front), np.inf)  # squared distance to those chosen; -1 where it is one of them
    at = int(np.searchsorted(trials, chosen[2]))
    for _ in range(min(count, len(front))):
        yield int(trials[at])
        dx, dy = xs - xs[at], ys - ys[at]
        nearest = np.minimum(nearest, dx * dx + dy * dy)
        nearest[at] = -1.0
        at = int(nearest.argmax())


def crowding(front: Sequence[Point], count: int) -> list[int]:
    """The first `count` trials of a front by crowding distance, largest first, then by trial id (NSGA-II, Deb et al.,
    2002): the ends of the front, then those whose neighbours are far apart.

    Args:
        front: points of which none dominates another, sorted.

    O(length * log(length)).
    """
    wide, high = front[-1][0] - front[0][0] or 1.0, front[0][1] - front[-1][1] or 1.0
    distance = [inf] * len(front)
    for i, (before, after) in enumerate(zip(front, front[2:], strict=False), start=1):
        distance[i] = (after[0] - before[0]) / wide + (before[1] - after[1]) / high
    ranking = sorted(range(len(front)), key=lambda i: (-distance[i], front[i][2]))
    return [front[i][2] for i in ranking[:count]]


def _scaled(numbers: np.ndarray, scaled: bool) -> np.ndarray:
    low, high = numbers.min(), numbers.max()
    return (numbers - low) / (high - low) if scaled and high > low else numbers

"""The clairvoyant bound: what no scheduler can beat. It is no policy but an envelope over the table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from blackboxes import Blackbox
from simulator.accounting import PARTS, bill
from simulator.budget import Budget
from simulator.clock import NEVER, nanosecond_array, nanoseconds

if TYPE_CHECKING:
    from simulator.cluster import Cluster
    from simulator.cluster.workers import Attendance

NAME = "clairvoyant"  # stands among the schedulers of a comparison


@dataclass(frozen=True)
class Envelope:
    """When a better value of a table can first be known, and which.

    Attributes:
        time: (k,) int64 nanoseconds, increasing.
        values: (k,) float64, the best of the metric by then, in its own direction.
        test_values: (k,) float64, the best of the test metric by then, of results that did not diverge; NaN before
            there is one. (0,) where the table has no test metric.
    """

    time: np.ndarray
    values: np.ndarray
    test_values: np.ndarray


@lru_cache(maxsize=4)
def envelope(table: Blackbox, metric: str, replicate: int | None = None, speed: float = 1.0) -> Envelope:
    """The best f(x, s, r) with elapsed[x, s, r] <= speed * t, for every time t, over rows x, replicates s, resources r.

    A result at r takes at least `elapsed` at r of one worker's time from the start of its trial on, on tables of
    both kinds, so at no time can a run have seen a better one, however many workers it has. (Population based
    training can: a child inherits its donor's work, which may have taken less time than its own would.)

    Args:
        table: any.
        metric: what schedulers see.
        replicate: that all trials replay. None: they are drawn, and since a scheduler may start a row again until it
            has met all of its replicates, all count, in whichever order a seed draws them: the envelope is the same
            under every seed.
        speed: of the fastest worker. All else that a cluster adds takes time.

    The test metric of an incumbent is bounded likewise: by the best test metric of any result, whose own value need
    not be the best.
    """
    some = slice(None) if replicate is None else slice(replicate, replicate + 1)
    elapsed = table.elapsed[:, some]
    losses = _losses(table, metric, some)
    seen = ~np.isnan(elapsed) & (losses < inf)  # neither unmeasured nor diverged
    time = nanosecond_array(elapsed[seen], 1.0 / speed)
    order = np.argsort(time, kind="stable")
    time = time[order]
    instants = np.flatnonzero(np.diff(time, append=NEVER))  # the last result of each
    kept = np.zeros(len(instants), dtype=bool)
    best: dict[str, np.ndarray] = {}
    for name in (metric,) if table.test_metric is None else (metric, table.test_metric):
        best[name] = np.minimum.accumulate(_losses(table, name, some)[seen][order])[instants]
        kept |= best[name] < np.concatenate([[inf], best[name][:-1]])
    own = {name: table.metric_info[name].sign * losses[kept] for name, losses in best.items()}
    test = np.empty(0) if table.test_metric is None else own[table.test_metric]
    return Envelope(time[instants][kept], own[metric], np.where(np.isinf(test), np.nan, test))


def _losses(table: Blackbox, metric: str, some: slice) -> np.ndarray:
    """(n, S, R), smaller is better, inf where diverged or not measured."""
    losses = table.metric_info[metric].sign * table.metrics[metric][:, some].astype(np.float64)
    return np.where(np.isnan(losses), inf, losses)


def outcome(
    table: Blackbox, metric: str, budget: Budget, cluster: Cluster | None = None, workers: int = 1, seed: int = 0
) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """The envelope in the form of a run's row: what a trace's summary tells, and the improvements.

    It goes on to the end of the simulated time, since no other limit of the budget makes a result known sooner, and
    `end`s with its last improvement. There are no trials, and what would need some is NaN. When workers come and go is
    the same for every scheduler, and so is what they cost: where they have a price, the envelope is one in money too.
    """
    attendance: Attendance | None = None
    if cluster is not None:
        from simulator.cluster.workers import Attendance

        attendance = Attendance(cluster, workers, seed, table.full_training_time)
    speeds = (1.0,) if cluster is None or attendance is None else cluster.speeds[: attendance.most]
    whole = envelope(table, metric, speed=max(speeds))
    within = slice(np.searchsorted(whole.time, nanoseconds(budget.seconds(table)), side="right"))
    time = whole.time[within]
    times, values, test = (part[within].tolist() for part in (whole.time / 1e9, whole.values, whole.test_values))
    price = None if cluster is None else cluster.price
    costs = [] if price is None or attendance is None else bill(price, _stays(attendance, time), time).tolist()
    unknown, unpaid = float("nan"), float("nan") if price is None else 0.0
    nothing: Any = dict.fromkeys
    summary = {
        "best": values[-1] if values else unknown,
        "end": times[-1] if times else 0.0,
        **nothing(("trials", "completed", "stopped", "failed", "cut_off", "reports", "crashes", "preemptions"), 0),
        **nothing(("resource", "busy", "idle", "worker_time", *(f"time_{part}" for part in PARTS)), unknown),
        "cost": costs[-1] if costs else unpaid,
        "exhausted_at": None,
    }
    return summary, {"times": times, "costs": costs, "values": values, "test_values": test}


def _stays(attendance: Attendance, time: np.ndarray) -> list[tuple[int, int]]:
    """From when to when workers are up, as far as the last of some times needs it."""
    last = int(time.max(initial=0))
    workers = (takewhile(lambda stay: stay.up <= last, attendance.of(worker)) for worker in range(attendance.most))
    return [(stay.up, min(stay.down, last)) for stays in workers for stay in stays]

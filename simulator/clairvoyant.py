"""The clairvoyant bound: what no scheduler can beat. It is no policy but an envelope over the table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np

from blackboxes import Blackbox
from simulator.budget import Budget
from simulator.clock import NEVER, nanosecond_array, nanoseconds

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
def envelope(table: Blackbox, metric: str, replicate: int | None = None) -> Envelope:
    """The best f(x, s, r) with elapsed[x, s, r] <= t, for every time t, over rows x, replicates s and resources r.

    A result at r takes at least `elapsed` at r of one worker's time from the start of its trial on, on tables of
    both kinds, so at no time can a run have seen a better one, however many workers it has. (Population based
    training can: a child inherits its donor's work, which may have taken less time than its own would.)

    Args:
        table: any.
        metric: what schedulers see.
        replicate: that all trials replay. None: they are drawn, and since a scheduler may start a row again until it
            has met all of its replicates, all count, in whichever order a seed draws them: the envelope is the same
            under every seed.

    The test metric of an incumbent is bounded likewise: by the best test metric of any result, whose own value need
    not be the best.
    """
    some = slice(None) if replicate is None else slice(replicate, replicate + 1)
    elapsed = table.elapsed[:, some]
    losses = _losses(table, metric, some)
    seen = ~np.isnan(elapsed) & (losses < inf)  # neither unmeasured nor diverged
    time = nanosecond_array(elapsed[seen])
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


def outcome(table: Blackbox, metric: str, budget: Budget) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """The envelope in the form of a run's row: what a trace's summary tells, and the improvements.

    It goes on to the end of the simulated time, since no other limit of the budget makes a result known sooner, and
    `end`s with its last improvement. There are no trials, and what would need some is NaN.
    """
    whole = envelope(table, metric)
    within = slice(np.searchsorted(whole.time, nanoseconds(budget.seconds(table)), side="right"))
    times, values, test = (part[within].tolist() for part in (whole.time / 1e9, whole.values, whole.test_values))
    nothing: dict[str, Any] = dict.fromkeys(("trials", "completed", "stopped", "cut_off", "reports"), 0)
    nothing |= dict.fromkeys(("resource", "busy", "idle"), float("nan"))
    ends = {"best": values[-1] if values else float("nan"), "end": times[-1] if times else 0.0}
    return ends | nothing | {"exhausted_at": None}, {"times": times, "values": values, "test_values": test}

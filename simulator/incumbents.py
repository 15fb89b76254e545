"""Which configuration one would recommend at each moment of a run, by the rules that people use.

best: the best result known by then, at whichever resource. `Trace.incumbents` is this one.
highest: the best result at the highest resource at which any is known by then (Falkner et al., ICML 2018, and what most
    tuners return). It changes, maybe for the worse, whenever some trial gets further than all before.
charged: the recommendation of `best`, trained to the end on one worker after everything else has stopped, with the time
    that takes added: who stops at t knows its final value later. It goes on from its checkpoint where the table is
    resumable. Delays and speeds of a cluster do not touch it.

Results that diverged are never recommended, but a recommendation may diverge when it is trained to the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from blackboxes import Blackbox
from simulator.segments import LONGEST
from simulator.trace import Trace

RULES = ("best", "highest", "charged")


def recommended(trace: Trace, rule: str) -> dict[str, np.ndarray]:
    """The recommendations of one of `RULES`, each from its time on until the next.

    Returns:
        Arrays of one length, in the order in which they were recommended: `time` (int64 nanoseconds), `config`,
        `replicate`, `index` (the position in the table's `resources` at which it is scored), `resource` (what had been
        trained in all by then, repeats included) and `paid` (what the workers had cost by then, NaN where they have no
        price). Those of ``"charged"`` may be overtaken: a later one may have less left to train.
    """
    if rule == "charged":
        return _charged(trace)
    seen = trace.incumbents() if rule == "best" else _highest(trace)
    found = {name: seen[name] for name in ("time", "config", "replicate", "index")}
    return found | {"resource": trace.resource_by(seen["time"]), "paid": trace.paid(seen["time"])}


def charged_end(trace: Trace) -> float:
    """Simulated seconds until the last recommendation is trained to the end, if that begins when the run is over."""
    best, seen = trace.incumbents(), trace.observations
    if not len(best["time"]):
        return trace.info.end / 1e9
    reached = seen["index"][seen["trial"] == best["trial"][-1]].max(keepdims=True)
    _, seconds, _ = _left(trace.table, best["config"][-1:], best["replicate"][-1:], reached)
    return trace.info.end / 1e9 + float(seconds[0])


def scored(table: Blackbox, metric: str, seen: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """What recommendations are worth, one entry each: NaN where training diverged.

    Returns:
        `values`: the metric, as the scheduler saw it; `test_values`: the test metric of the same replicate at the same
        resource, empty where the table has none; `mean_values`: the metric's mean over all replicates that were
        measured at that resource, NaN if one of them diverged.
    """
    where = (seen["config"], seen["replicate"], seen["index"])
    values, known = table.metrics[metric], ~np.isnan(table.elapsed[seen["config"], :, seen["index"]])
    all_replicates = values[seen["config"], :, seen["index"]].astype(np.float64)
    counts = np.maximum(known.sum(axis=1), 1)
    test = [] if table.test_metric is None else table.metrics[table.test_metric][where].astype(np.float64).tolist()
    return {
        "values": values[where].astype(np.float64).tolist(),
        "test_values": test,
        "mean_values": (np.where(known, all_replicates, 0.0).sum(axis=1) / counts).tolist(),
    }


def _highest(trace: Trace) -> dict[str, np.ndarray]:
    seen, table = trace.observations, trace.table
    sign = table.metric_info[trace.info.metric].sign
    losses = sign * table.metrics[trace.info.metric][seen["config"], seen["replicate"], seen["index"]]
    finite = np.flatnonzero(~np.isnan(losses))
    index = seen["index"][finite]
    at_the_top = finite[index == np.maximum.accumulate(index)]
    level, losses = seen["index"][at_the_top], losses[at_the_top]
    rank = np.unique(losses, return_inverse=True)[1]
    rank -= level * len(losses)  # whatever is seen at a higher resource ranks before all that was seen at lower ones
    rank[np.isposinf(losses)] = len(losses)
    improved = rank < np.minimum.accumulate(np.concatenate([[len(losses)], rank[:-1]]))[: len(rank)]
    return {name: column[at_the_top[improved]] for name, column in seen.items()}


def _charged(trace: Trace) -> dict[str, np.ndarray]:
    best = trace.incumbents()
    config, replicate = best["config"], best["replicate"]
    last, left, amount = _left(trace.table, config, replicate, best["index"])
    price = (trace.info.cluster or {}).get("price")
    return {
        "time": best["time"] + np.floor(np.minimum(left * 1e9, LONGEST) + 0.5).astype(np.int64),
        "config": config,
        "replicate": replicate,
        "index": last,
        "resource": trace.resource_by(best["time"]) + amount,
        "paid": trace.paid(best["time"]) + left * (np.nan if price is None else price / 3600),
    }


def _left(
    table: Blackbox, config: np.ndarray, replicate: np.ndarray, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The end of each curve, and the seconds and the resource that training takes to get there from `index`; (n,)."""
    last = table.lengths[config, replicate].astype(np.int64) - 1
    grid = table.resources.astype(np.float64)
    seconds, amount = table.elapsed[config, replicate, last].astype(np.float64), grid[last]
    if table.resumable:
        seconds, amount = seconds - table.elapsed[config, replicate, index], amount - grid[index]
    return last, np.where(index < last, seconds, 0.0), np.where(index < last, amount, 0.0)


def landmarks(table: Blackbox, metric: str) -> dict[str, Any]:
    """What a table's best and its typical configuration reach, by each way of scoring: the ends of a scale for regret.

    Returns:
        `table_best` and `table_median` (of the metric: its best value at any resource, and the median of the
        configurations at r_max), `test_best` and `test_median` (of the test metric; None without one), `mean_best` and
        `mean_median` (of the mean over replicates), `full_training` (seconds). NaN where nothing is known.
    """
    values = table.metrics[metric]
    found: dict[str, Any] = {"table_best": table.best(metric), "table_median": _median(values[:, :, -1])}
    test = table.test_metric
    found["test_best"] = None if test is None else table.best(test)
    found["test_median"] = None if test is None else _median(table.metrics[test][:, :, -1])
    sign = table.metric_info[metric].sign
    best, last = np.inf, np.full(len(table), np.nan)
    for i in range(len(table.resources)):  # one resource at a time, so that no copy of the table is made
        known = ~np.isnan(table.elapsed[:, :, i])
        counts = known.sum(axis=1)
        sums = np.where(known, values[:, :, i], 0.0).astype(np.float64).sum(axis=1)
        last = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        best = min(best, float(np.min(sign * last, initial=np.inf, where=~np.isnan(last))))
    found["mean_best"], found["mean_median"] = sign * best if np.isfinite(best) else np.nan, _median(last)
    return found | {"full_training": table.full_training_time}


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")

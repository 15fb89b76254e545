"""What the page needs to replay a run: columns that follow from its trace, in lists that JSON can hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.jobs import COMPLETED, CUT_OFF, FAILED, FATES, PAUSED, STOPPED, fates, jobs
from simulator import Trace, events
from simulator.standing import REPORTS
from simulator.story import stories, table_of

MOST_JOBS = 20_000  # of all replays on a page
MOST_RESULTS = 200_000  # of one replay; of longer ones the learning curves keep every k-th resource
RUNNING = "running"  # or waiting for a worker after a crash: not decided yet
WENT_ON = "went on"
STATES = (RUNNING, *FATES)  # of a trial at a moment, by number
STANDINGS = (WENT_ON, PAUSED, STOPPED, COMPLETED)  # of a report at a moment, by number

Columns = dict[str, list[Any]]

_STATE_AFTER = dict.fromkeys(events.NAMES, RUNNING) | {
    "pause": PAUSED,
    "stop": STOPPED,
    "cancelled": STOPPED,
    "complete": COMPLETED,
    "curve-end": COMPLETED,
    "failed": FAILED,
    "budget": CUT_OFF,
}
_STANDING_AFTER = {"continue": WENT_ON, "pause": PAUSED, "stop": STOPPED, "complete": COMPLETED, "curve-end": COMPLETED}


def fitting(traces: Sequence[Trace]) -> tuple[list[Trace], list[str]]:
    """The traces that a page can replay, and for each of the others a sentence that says why it is left out.

    A page holds `MOST_JOBS` jobs; a trace is left out where its own no longer fit, or where its table cannot be loaded.
    """
    kept: list[Trace] = []
    why: list[str] = []
    room = MOST_JOBS
    for trace in traces:
        name = f"The run of {trace.info.scheduler} with seed {trace.info.seed} is left out"
        table, reason = table_of(trace)
        if table is None:
            why.append(f"{name}: its table cannot be loaded ({reason}).")
            continue
        found = len(jobs(trace))
        if found > room:
            why.append(f"{name}: it has {found:,} jobs, and a page replays {MOST_JOBS:,} in all.")
            continue
        room -= found
        kept.append(trace)
    return kept, why


def replay(trace: Trace) -> dict[str, Any]:
    """One run, for the page.

    Times are in simulated seconds. A level is a position in `resources`, -1 for none. NaN becomes None.

    Returns:
        Plain values: scheduler, table, seed, metric, unit, sign (1 where smaller is better, else -1), resource_unit,
        workers, end, full_training, value_domain (where values are drawn) and every (only results at every so many
        resources are kept). The grid `resources`. And columns: `jobs` (ordered by beginning), `states` (how trials
        change, in the order of the run), `reports` (what came in at rungs, in that order), `results` (by trial and
        time; `count` has one entry a trial), `incumbents`, `trials` (by id), `params` (hyperparameters of each
        configuration that was tried) and `stories`.
    """
    c, table, info = trace.columns, trace.table, trace.info
    metric = table.metric_info[info.metric]
    config = np.unique(c.config)
    return {
        "scheduler": info.scheduler,
        "table": info.table,
        "seed": info.seed,
        "metric": info.metric,
        "unit": metric.unit,
        "sign": metric.sign,
        "resource_unit": table.resource_unit,
        "workers": max(info.workers, int(c.worker.max(initial=0)) + 1),
        "end": info.end / 1e9,
        "full_training": _number(table.full_training_time),
        "resources": [float(r) for r in table.resource_list],
        "value_domain": _domain(_at_levels(trace)[1], metric.sign),
        "jobs": _jobs(trace),
        "states": _states(trace),
        "reports": _reports(trace),
        "every": _every(trace),
        "results": _results(trace),
        "incumbents": _incumbents(trace),
        "trials": {
            "config": c.config.tolist(),
            "replicate": c.replicate.tolist(),
            "params": np.searchsorted(config, c.config).tolist(),
        },
        "params": [[(str(name), str(value)) for name, value in table.params(row).items()] for row in config.tolist()],
        "stories": stories(trace),
    }


def _jobs(trace: Trace) -> Columns:
    found = jobs(trace)
    return {
        "trial": found.trial.tolist(),
        "worker": found.worker.tolist(),
        "begin": found.begin.tolist(),
        "end": found.end.tolist(),
        "start": found.start.tolist(),
        "reached": found.reached.tolist(),
    }


def _states(trace: Trace) -> Columns:
    """Each change of what is known about a trial; who still waits for a worker at the end is cut off by it."""
    c = trace.columns
    mine = (c.trial >= 0) & (c.event != events.CODES["removed"])
    number = np.array([STATES.index(_STATE_AFTER[name]) for name in events.NAMES])
    time, trial, state = c.time[mine], c.trial[mine], number[c.event[mine]]
    waits = np.full(len(c.config), -1)
    waits[trial] = state
    waits = np.flatnonzero((waits == STATES.index(RUNNING)) & (fates(trace) == CUT_OFF))
    return {
        "time": (np.concatenate([time, np.full(len(waits), trace.info.end)]) / 1e9).tolist(),
        "trial": np.concatenate([trial, waits]).tolist(),
        "state": np.concatenate([state, np.full(len(waits), STATES.index(CUT_OFF))]).tolist(),
    }


def _at_levels(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of all reports, one for each trial and resource, in the order of the run; and their values."""
    c = trace.columns
    reports = np.flatnonzero(np.isin(c.event, [events.CODES[name] for name in REPORTS]) & (c.resource > 0))
    # A curve that ends where its trial was told to continue is two events, but one report.
    _, first = np.unique(np.stack([c.trial[reports], c.resource[reports]]), axis=1, return_index=True)
    reports = reports[np.sort(first)]
    return reports, c.value[reports]


def _reports(trace: Trace) -> Columns:
    """What was reported and decided, and when a paused trial went on from there, or was given up (None: never)."""
    c, code = trace.columns, events.CODES
    at, value = _at_levels(trace)
    place = {int(event): i for i, event in enumerate(at)}
    onward: list[float | None] = [None] * len(at)
    given_up: list[float | None] = [None] * len(at)
    waiting: dict[int, int] = {}  # by trial, where it has paused
    for event in np.flatnonzero(np.isin(c.event, [code[name] for name in ("pause", "resume", "cancelled")])).tolist():
        trial, name = int(c.trial[event]), events.NAMES[c.event[event]]
        if name == "pause":
            waiting[trial] = place.get(event, -1)
        elif (i := waiting.pop(trial, -1)) >= 0:
            (onward if name == "resume" else given_up)[i] = c.time[event] / 1e9
    standing = {code[name]: STANDINGS.index(after) for name, after in _STANDING_AFTER.items()}
    return {
        "time": (c.time[at] / 1e9).tolist(),
        "trial": c.trial[at].tolist(),
        "level": np.searchsorted(trace.table.resources, c.resource[at]).tolist(),
        "value": _numbers(value, trace),
        "standing": [standing[event] for event in c.event[at].tolist()],
        "onward": onward,
        "given_up": given_up,
    }


def _every(trace: Trace) -> int:
    """k where only results at every k-th resource are kept."""
    return max(1, -(-len(trace.observations["time"]) // MOST_RESULTS))


def _results(trace: Trace) -> Columns:
    """Every result, trial by trial; of a very long run every k-th, and the last of each trial."""
    seen, every = trace.observations, _every(trace)
    order = np.argsort(seen["trial"], kind="stable")
    trial, index = seen["trial"][order], seen["index"][order]
    if every > 1:
        last = np.concatenate([trial[1:] != trial[:-1], [True]])
        kept = (index % every == 0) | last
        order, trial, index = order[kept], trial[kept], index[kept]
    values = trace.table.metrics[trace.info.metric][seen["config"][order], seen["replicate"][order], index]
    return {
        "count": np.bincount(trial, minlength=len(trace.columns.config)).tolist(),
        "time": (seen["time"][order] / 1e9).tolist(),
        "level": index.tolist(),
        "value": _numbers(values, trace),
    }


def _incumbents(trace: Trace) -> Columns:
    best = trace.incumbents()
    return {
        "time": (best["time"] / 1e9).tolist(),
        "trial": best["trial"].tolist(),
        "level": best["index"].tolist(),
        "value": _numbers(best["value"], trace),
    }


def _numbers(values: np.ndarray, trace: Trace) -> list[float | None]:
    """Values of the metric in the fewest digits that tell them apart; None where diverged."""
    if trace.table.metrics[trace.info.metric].dtype == np.float32:
        values = values.astype(np.float32).astype(str).astype(np.float64)
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _domain(values: np.ndarray, sign: float) -> list[float]:
    """Where values are drawn: from the best to the worst, which is left out where it would take most of the room.

    That is where it makes the range four times what it is up to three interquartile ranges beyond the quartile.
    """
    known = np.sort(sign * values[np.isfinite(values)])
    if not len(known):
        return [0.0, 1.0]
    low, high = np.quantile(known, [0.25, 0.75])
    best, worst, fence = float(known[0]), float(known[-1]), float(high + 3 * (high - low))
    if worst - best > 4 * (fence - best):
        worst = fence
    margin = 0.04 * (worst - best) or 0.5 * abs(best) or 0.5
    return sorted([sign * (best - margin), sign * (worst + margin)])

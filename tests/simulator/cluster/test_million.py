"""A million events with everything on: the conservation laws, in columns."""

from __future__ import annotations

import resource
import time

import numpy as np
import pytest
from tables import random_table

from simulator import Simulation, Trace
from simulator.cluster import Cluster
from simulator.events import CODES

EVERYTHING = Cluster(
    start="lognormal(median=0.1s, sigma=0.5)",
    stop="half-normal(sd=0.05s)",
    save="uniform(low=0.01s, high=0.1s)",
    load=0.05,
    report="exponential(mean=0.01s)",
    checkpoints=2,
    room=500,
    speeds=(1.0, 1.0, 0.5, 1.7),
    slowdown="half-normal(sd=0.5)",
    crashes="0.05/s",
    retries=3,
    backoff=0.5,
    preemptions="0.01/s",
    notice=0.06,
    away="exponential(mean=2s)",
    plan={"100s": 700, "200s": 300, "300s": 500},
    price=1.0,
)


def spans_are_apart(owner: np.ndarray, begin: np.ndarray, end: np.ndarray) -> bool:
    """Whether the spans of each owner follow one another."""
    order = np.lexsort((end, begin, owner))
    owner, begin, end = owner[order], begin[order], end[order]
    return bool((end >= begin).all() and ((begin[1:] >= end[:-1]) | (owner[1:] != owner[:-1])).all())


def stays(trace: Trace, begins: list[str], ends: list[str], whose: np.ndarray) -> tuple[np.ndarray, ...]:
    """(owner, begin, end, number of the event that began it) of what begins and ends with some events."""
    c = trace.columns
    begin = np.isin(c.event, [CODES[name] for name in begins])
    marks = np.flatnonzero(begin | np.isin(c.event, [CODES[name] for name in ends]))
    marks = marks[np.argsort(whose[marks], kind="stable")]
    first = begin[marks]
    following = np.flatnonzero(first)
    assert not first[following[following + 1 < len(marks)] + 1][
        whose[marks[following[following + 1 < len(marks)]]] == whose[marks[following[following + 1 < len(marks)] + 1]]
    ].any(), "one begins before the one before has ended"
    paired = following[following + 1 < len(marks)]
    paired = paired[whose[marks[paired]] == whose[marks[paired + 1]]]
    a, b = marks[paired], marks[paired + 1]
    return whose[a], c.time[a], c.time[b], a


@pytest.mark.slow
def test_a_million_events_with_everything_on() -> None:
    table = random_table(5, n=240_000, size=27, replicates=2, levels=None, times="fine", ragged=0.05, diverged=0.01)
    began = time.perf_counter()
    trace = Simulation(table, "asha-promotion", workers=500, seed=1, cluster=EVERYTHING).run()
    simulated = time.perf_counter()
    account, seen, c = trace.accounting(), trace.observations, trace.columns
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{len(trace):,} events in {simulated - began:.1f} s ({len(trace) / (simulated - began):,.0f} a second), "
        f"accounted for in another {done - simulated:.1f} s; peak memory {peak:,.0f} MB"
    )
    counts = {name: int((c.event == code).sum()) for name, code in CODES.items()}
    print(counts, account)
    assert len(trace) >= 1_000_000
    assert all(counts[n] for n in counts if n not in ("stop", "continue", "cancelled", "budget", "decide", "decided"))

    assert sum(account.parts.values()) == account.total
    assert min(account.parts.values()) >= 0
    assert (np.diff(c.time) >= 0).all()

    # No result is seen twice; those of a trial come in order, each after the one before.
    key = seen["trial"] * 64 + seen["index"]
    assert len(np.unique(key)) == len(key)
    order = np.argsort(key)
    same = np.diff(seen["trial"][order]) == 0
    assert (np.diff(seen["time"][order])[same] >= 0).all()
    assert (np.diff(seen["index"][order])[same] == 1).all(), "a result is missing"
    furthest = np.zeros(len(c.config), dtype=int)
    np.maximum.at(furthest, seen["trial"], seen["index"] + 1)
    last = np.zeros(len(c.config))
    of_trials = c.trial >= 0
    np.maximum.at(last, c.trial[of_trials], c.resource[of_trials])
    assert (last == furthest).all(), "finished work is lost"

    # A trial is on one worker at a time, a worker has one trial, and none while it is away or leaving.
    leaves = ["pause", "stop", "complete", "curve-end", "crash", "preempted"]
    trial, begin, end, at = stays(trace, ["start", "resume"], leaves, np.where(of_trials, c.trial, -1))
    assert len(trial) == counts["start"] + counts["resume"] == sum(counts[name] for name in leaves)
    assert spans_are_apart(trial, begin, end)
    assert spans_are_apart(c.worker[at], begin, end)
    of_workers = np.where(of_trials, -1, c.worker)
    marks = np.isin(c.event, [CODES["drain"], CODES["down"]])
    again = np.isin(c.event, [CODES["up"]])
    state = np.ones(700, dtype=bool)
    state[500:] = False
    for i in np.flatnonzero(marks | again | np.isin(c.event, [CODES["start"], CODES["resume"]])).tolist():
        if of_trials[i]:
            assert state[c.worker[i]]
        else:
            state[of_workers[i]] = again[i]

    # Who crashed or was preempted goes on or has failed; nobody crashes too often; all trials are over or pause.
    assert counts["crash"] + counts["preempted"] == counts["failed"] + counts["resume"] - (
        counts["pause"] - paused_at_the_end(trace)
    )
    crashes = np.bincount(c.trial[c.event == CODES["crash"]], minlength=len(c.config))
    assert crashes.max() == EVERYTHING.retries + 1
    assert (crashes == EVERYTHING.retries + 1).sum() == counts["failed"]
    assert trace.busy() == int((end - begin).sum())


def paused_at_the_end(trace: Trace) -> int:
    """How many trials pause in the end, their checkpoint removed or not."""
    c = trace.columns
    counted = c.event != CODES["removed"]
    of_trials = (c.trial >= 0) & counted
    lasts = np.zeros(len(c.config), dtype=int)
    lasts[c.trial[of_trials]] = c.event[of_trials]
    assert set(np.unique(lasts)) <= {CODES[name] for name in ("pause", "stop", "complete", "curve-end", "failed")}
    return int((lasts == CODES["pause"]).sum())

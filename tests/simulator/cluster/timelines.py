"""Runs on small clusters told in lines that can be written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import pytest

from blackboxes import Blackbox
from simulator import Simulation, Trace
from simulator.clock import NEVER
from simulator.cluster import Cluster, loop
from simulator.events import NAMES

SECOND = 10**9


class Timelines:
    """Simulates with crashes where a test wants them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def run(
        self,
        table: Blackbox,
        scheduler: Any,
        workers: int = 1,
        crashes: Mapping[tuple[int, int], float] | None = None,
        budget: Any = None,
        **arguments: Any,
    ) -> Trace:
        """A trial that has crashed k times lives for `crashes[trial, k]` seconds on workers, or for good."""
        lives = {key: round(seconds * SECOND) for key, seconds in (crashes or {}).items()}

        def lifetimes(mean: float, seed: int, *names: str) -> Iterator[int]:
            return (lives.get((number, int(names[-1])), NEVER) for number in count())

        self.monkeypatch.setattr(loop, "lifetimes", lifetimes)
        cluster = Cluster(**arguments)
        return Simulation(table, scheduler, workers=workers, budget=budget, cluster=cluster).run()


def told(trace: Trace) -> str:
    """One line an event: seconds, event, trial, worker, resource; where it begins if that is less; overhead."""
    c, lines = trace.columns, []
    assert c.jobs is not None
    for i in range(len(trace)):
        name = NAMES[c.event[i]]
        line = f"{c.time[i] / SECOND:g} {name}"
        if c.trial[i] >= 0:
            line += f" trial {c.trial[i]} on {c.worker[i]} at {c.resource[i]:g}"
            if name in ("start", "resume") and c.jobs.origin[i] != c.resource[i]:
                line += f" from {c.jobs.origin[i]:g}"
        else:
            line += f" {c.worker[i]}"
        if c.jobs.overhead[i]:
            line += f" +{c.jobs.overhead[i] / SECOND:g}"
        lines.append(line)
    return "\n".join([*lines, f"{trace.info.end / SECOND:g} end"])


def parts(trace: Trace) -> dict[str, float]:
    """The account in seconds, without what is zero."""
    account = trace.accounting()
    assert sum(account.parts.values()) == account.total
    return {name: spent / SECOND for name, spent in account.parts.items() if spent}


def results(trace: Trace) -> list[tuple[float, int, float]]:
    """When which trial was first seen to reach which resource."""
    frame = trace.results()
    return list(frame[["time", "trial", "resource"]].itertuples(index=False, name=None))

"""A trace as a readable log: one line an event, columns aligned, of all events or of some."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from simulator import events
from simulator.clock import format_time
from simulator.decisions import number
from simulator.errors import TraceError
from simulator.standing import REPORTS
from simulator.text import cluster_items
from simulator.trace import Trace

AT_ONCE = 1 << 14  # lines made at once
MOST_NAMED = 12  # rungs that a message lists


def heading(trace: Trace) -> list[str]:
    """Lines that say what was run."""
    info = trace.info
    cluster = () if info.cluster is None else [f"cluster: {json.dumps(info.cluster) if info.cluster else 'ideal'}"]
    return [
        f"{info.scheduler} on {info.table}, seed {info.seed}, {info.workers} worker{'s' * (info.workers != 1)}",
        *cluster,
        f"{len(trace.columns.config)} trials, {len(trace)} events, {format_time(info.end)} s; values are {info.metric}",
    ]


def chosen(
    trace: Trace, trials: Sequence[int] = (), rungs: Sequence[float] = (), workers: Sequence[int] = ()
) -> np.ndarray:
    """The positions of the events of these trials, at these resources and on these workers; empty means all.

    Raises:
        TraceError: there is no such trial, resource or worker; the message tells which there are.
    """
    c = trace.columns
    most_workers = max(trace.info.workers, int(c.worker.max(initial=0)) + 1)  # some may have joined
    for what, asked, there in (("trial", trials, len(c.config)), ("worker", workers, most_workers)):
        for one in asked:
            if not 0 <= one < there:
                have = f"{what}s 0 to {there - 1}" if there else f"no {what}s"
                raise TraceError(f"there is no {what} {one} in the trace, it has {have}")
    reached = np.unique(c.resource[np.isin(c.event, [events.CODES[name] for name in REPORTS])])
    for rung in rungs:
        if rung not in reached:
            some = ", ".join(number(r) for r in reached[:MOST_NAMED]) + ", ..." * (len(reached) > MOST_NAMED)
            raise TraceError(f"nobody reported at {number(rung)} in the trace, but at {some or 'no resource at all'}")
    keep = np.ones(len(trace), dtype=bool)
    for column, wanted in ((c.trial, list(trials)), (c.resource, list(rungs)), (c.worker, list(workers))):
        if wanted:
            keep &= np.isin(column, wanted)
    return np.flatnonzero(keep)


def log_lines(trace: Trace, which: np.ndarray) -> Iterator[str]:
    """A line of column names, then one for each event in `which`.

    Columns: time (seconds), worker, trial, event, resource, value, until (where it is sent), and of what; on clusters
    also, as in the text form, what is not as without one.
    """
    c = trace.columns
    single = bool((c.value.astype(np.float32) == c.value)[c.value == c.value].all()) if len(which) else True
    wide = max(8, *(len(_figure(r, False)) for r in np.unique(c.resource[which]).tolist()[-2:]), 0)
    worker, trial = (max(6, len(str(int(column.max(initial=0))))) for column in (c.worker, c.trial))
    form = f"{{:>20}}  {{:>{worker}}}  {{:>{trial}}}  {{:<9}}  {{:>{wide}}}  {{:>12}}  {{:>{wide}}}  {{}}"
    yield form.format("time (s)", "worker", "trial", "event", "resource", "value", "until", "").rstrip()
    silent = events.CODES["start"]
    for first in range(0, len(which), AT_ONCE):
        some = which[first : first + AT_ONCE]
        columns = (c.time, c.worker, c.trial, c.event, c.resource, c.value, c.until)
        told = zip(some.tolist(), *(x[some].tolist() for x in columns), strict=True)
        for at, time, where, who, event, resource, value, until in told:
            about = "" if c.jobs is None else "  ".join(cluster_items(c, c.jobs, at))
            if event == events.CODES["start"]:
                donor = f", checkpoint of trial {c.checkpoint_of[who]}" if c.checkpoint_of[who] >= 0 else ""
                what = f"configuration {c.config[who]}, replicate {c.replicate[who]}{donor}"
                about = f"{what}  {about}"
            untold = event == silent or who < 0 or not resource > 0
            yield form.format(
                format_time(time),
                where if where >= 0 else "",
                who if who >= 0 else "",
                events.NAMES[event],
                _figure(resource, False) if resource > 0 else "",
                "" if untold else "diverged" if value != value else _figure(value, single),
                "" if until != until else _figure(until, False),
                about,
            ).rstrip()


def _figure(value: float, single: bool) -> str:
    """The shortest text that tells a number from others of its precision."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(np.float32(value)) if single else repr(value)

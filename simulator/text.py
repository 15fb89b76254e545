"""The text form of a trace, one event a line, so that a change reads well in a review."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator import events
from simulator.budget import Budget
from simulator.clock import format_time, parse_time
from simulator.columns import Columns, TraceInfo
from simulator.errors import SimulationError, TraceError
from simulator.proposals import OFF_TABLE
from simulator.segments import JobColumns

if TYPE_CHECKING:
    from simulator.trace import Trace

TITLE = "# rungsim trace 1"
LARGEST = 2**63 - 1  # what a column can hold
# What the header leaves out:
UNTOLD: dict[str, Any] = {
    "budget": {},
    "off_table": "error",
    "exhausted": "stop",
    "closed_at": None,
    "predicted": (),
    "cluster": None,
}


def write_text(trace: Trace) -> str:
    """Header lines, then one line an event: time in seconds, worker, trial, event, and what it is about."""
    told = _told(trace.info) | {"values": "float32" if _single(trace.columns.value) else "float64"}
    header = [TITLE, *(f"# {name}: {json.dumps(value)}" for name, value in told.items())]  # one line, whatever it holds
    return "\n".join([*header, *event_lines(trace, range(len(trace)))]) + "\n"


def header_of(info: TraceInfo) -> str:
    """What was simulated, as JSON."""
    return json.dumps(_told(info))


def info_of(header: str, where: str) -> TraceInfo:
    """The inverse of `header_of`.

    Raises:
        TraceError: it cannot be read.
    """
    try:
        told = json.loads(header)
    except ValueError as error:
        raise TraceError(f"{where}: {error}") from None
    if not isinstance(told, dict):
        raise TraceError(f"{where}: a header cannot be {header!r:.100}")
    return _read_info(told, where)


def _told(info: TraceInfo) -> dict[str, Any]:
    """All of `TraceInfo` that is not as it usually is, as values that JSON can hold."""
    told = {field.name: getattr(info, field.name) for field in fields(TraceInfo)}
    told["budget"] = limits(info.budget)
    return {name: value for name, value in told.items() if name not in UNTOLD or value != UNTOLD[name]}


def limits(budget: Budget) -> dict[str, Any]:
    """The limits that a budget has, as values that JSON can hold."""
    given = {name: value for name, value in asdict(budget).items() if value is not None}
    return {
        name: value if isinstance(value, str) else int(value) if name == "trials" else float(value)
        for name, value in given.items()
    }


def event_lines(trace: Trace, which: range) -> list[str]:
    """The lines of some events, columns aligned."""
    c, single = trace.columns, _single(trace.columns.value)
    lines = []
    for i in which:
        trial, name = int(c.trial[i]), events.NAMES[c.event[i]]
        parts = [f"{format_time(int(c.time[i])):>20}", f"worker={c.worker[i]}"]
        if trial >= 0:
            parts.append(f"trial={trial}")
        parts.append(f"{name:<9}")
        if name == "start":
            parts.append(f"config={c.config[trial]} replicate={c.replicate[trial]}")
            if c.checkpoint_of[trial] >= 0:
                parts.append(f"checkpoint_of={c.checkpoint_of[trial]}")
        if trial >= 0:
            parts.append(f"resource={resource_text(c.resource[i])}")
        if c.value[i] == c.value[i]:
            parts.append(f"value={np.float32(c.value[i])!s}" if single else f"value={float(c.value[i])!r}")
        if c.until[i] == c.until[i]:
            parts.append(f"until={resource_text(c.until[i])}")
        if c.jobs is not None:
            parts.extend(cluster_items(c, c.jobs, i))
        lines.append("  ".join(parts).rstrip())
    return lines


def cluster_items(c: Columns, jobs: JobColumns, i: int) -> Iterator[str]:
    """What a cluster adds to an event, as far as it is not as without one."""
    if events.NAMES[c.event[i]] in ("start", "resume"):
        if jobs.origin[i] != c.resource[i]:
            yield f"origin={resource_text(jobs.origin[i])}"
        if jobs.pace[i] != 1:
            yield f"pace={float(jobs.pace[i])!r}"
        if jobs.save[i]:
            yield f"save={format_time(int(jobs.save[i]))}"
    if jobs.overhead[i]:
        yield f"overhead={format_time(int(jobs.overhead[i]))}"


def read_text(text: str, where: str) -> tuple[TraceInfo, Columns]:
    """The inverse of `write_text`.

    Raises:
        TraceError: not a trace, or a line that cannot be read, with its number.
    """
    lines = text.splitlines()
    if not lines or lines[0] != TITLE:
        raise TraceError(f"{where}: not a trace, its first line should be {TITLE!r}")
    header: dict[str, Any] = {}
    rows: list[tuple[Any, ...]] = []
    started: list[tuple[int, int, int]] = []
    jobs_so_far: dict[int, tuple[float, float, int]] = {}
    number = 1
    try:
        for line in lines[1:]:
            number += 1
            if line.startswith("# "):
                name, _, value = line[2:].partition(": ")
                header[name] = json.loads(value)
            else:
                rows.append(_read_event(line, started, jobs_so_far))
    except KeyError as error:
        raise TraceError(f"{where}, line {number}: {error} is missing or unknown") from None
    except ValueError as error:
        raise TraceError(f"{where}, line {number}: {error}") from None
    values = header.pop("values", "float64")
    if values not in ("float32", "float64"):
        raise TraceError(f"{where}: the header's values cannot be {values!r:.100}, but 'float32' or 'float64'")
    single = values == "float32"
    info = _read_info(header, where)
    workers = [row[2] for row in rows]
    most = info.workers if info.cluster is None else events.MOST_WORKERS  # some may join later
    if workers and not 0 <= min(workers) <= max(workers) < most:
        raise TraceError(f"{where}: worker {max(workers)} of {info.workers}, or a negative one")
    names = ("time", "trial", "worker", "event", "resource", "until", "value", "overhead", "origin", "pace", "save")
    kinds = (*(np.int64,) * 3, np.int8, *(np.float64,) * 3, np.int64, np.float64, np.float64, np.int64)
    by_name = zip(names, kinds, zip(*rows, strict=True) if rows else [()] * len(names), strict=True)
    columns: dict[str, np.ndarray] = {name: np.array(column, dtype=kind) for name, kind, column in by_name}
    if single:
        columns["value"] = columns["value"].astype(np.float32).astype(np.float64)
    starts = np.array(started, dtype=np.int64).reshape(-1, 3)
    jobs: JobColumns | None = JobColumns(**{name: columns.pop(name) for name in names[7:]})
    if info.cluster is None:
        jobs = None
    of_trials = {"config": starts[:, 0], "replicate": starts[:, 1], "checkpoint_of": starts[:, 2]}
    return info, Columns(**columns, **of_trials, jobs=jobs)


def _read_info(header: dict[str, Any], where: str) -> TraceInfo:
    kinds: dict[str, tuple[type, ...]] = {
        **dict.fromkeys(("table", "metric", "scheduler"), (str,)),
        **dict.fromkeys(("seed", "workers", "end"), (int,)),
        "exhausted_at": (int, float, type(None)),
        "closed_at": (int, type(None)),
    }
    for name, allowed in kinds.items():
        least, most = int(name == "workers"), {"seed": 2**64 - 1, "workers": events.MOST_WORKERS}.get(name, LARGEST)
        value = header.get(name, "missing" if type(None) not in allowed or name == "exhausted_at" else None)
        good = isinstance(value, allowed) and not isinstance(value, bool)
        if not good or (isinstance(value, (int, float)) and not least <= value <= most):
            raise TraceError(f"{where}: the header's {name} cannot be {value!r}")
    predicted = header.get("predicted", [])
    if not isinstance(predicted, list) or not all(isinstance(params, dict) for params in predicted):
        raise TraceError(f"{where}: the header's predicted cannot be {predicted!r:.100}")
    cluster = header.get("cluster")
    if not isinstance(cluster, dict | None):
        raise TraceError(f"{where}: the header's cluster cannot be {cluster!r:.100}")
    for name, choices in (("off_table", OFF_TABLE), ("exhausted", ("stop", "cycle"))):
        if header.get(name, UNTOLD[name]) not in choices:
            raise TraceError(f"{where}: the header's {name} cannot be {header[name]!r:.100}")
    try:
        budget = Budget(**header.get("budget", {}))
    except (TypeError, SimulationError, OverflowError) as error:
        raise TraceError(f"{where}: the header's budget cannot be {header['budget']!r:.100} ({error})") from None
    known: dict[str, Any] = {name: header.get(name) for name in kinds}
    known |= {name: header.get(name, UNTOLD[name]) for name in ("off_table", "exhausted")}
    return TraceInfo(**known, budget=budget, predicted=tuple(predicted), cluster=cluster)


def _read_event(
    line: str, started: list[tuple[int, int, int]], jobs: dict[int, tuple[float, float, int]]
) -> tuple[Any, ...]:
    """The fields of one line.

    Args:
        line: of one event.
        started: grows by configuration, replicate and donor of a trial that starts.
        jobs: by trial, what its last job was like: origin, pace, and time to save.
    """
    time, *items = line.split()
    event = next((item for item in items if "=" not in item), "event")
    named = dict(item.split("=", 1) for item in items if "=" in item)
    worker, code = _whole(named["worker"]), events.CODES[event]
    overhead = _time(named["overhead"]) if "overhead" in named else 0
    if events.OF_WORKERS[code]:
        nan = float("nan")
        return (_time(time), events.NOBODY, worker, code, 0.0, nan, nan, overhead, nan, 1.0, 0)
    trial = _whole(named["trial"])
    if event == "start":
        if trial != len(started):
            raise ValueError(f"trial {trial} starts, but {len(started)} is the next id")
        donor = _whole(named.get("checkpoint_of", "-1"))
        if donor >= trial or donor < -1:
            raise ValueError(f"trial {trial} starts with the checkpoint of trial {donor}, which has not started")
        started.append((_whole(named["config"]), _whole(named["replicate"]), donor))
    elif not 0 <= trial < len(started):
        raise ValueError(f"trial {trial} has not started")
    resource, until = _resource(named["resource"]), _resource(named["until"]) if "until" in named else float("nan")
    if event in ("start", "resume"):
        save = _time(named["save"]) if "save" in named else 0
        jobs[trial] = _resource(named.get("origin", named["resource"])), float(named.get("pace", 1.0)), save
    numbers = (resource, until, float(named.get("value", "nan")))
    return (_time(time), trial, worker, code, *numbers, overhead, *jobs[trial])


def _whole(text: str) -> int:
    """A whole number that fits a column."""
    return _fitting(int(text), text)


def _time(text: str) -> int:
    """A time in nanoseconds that fits a column."""
    return _fitting(parse_time(text), text)


def _fitting(value: int, text: str) -> int:
    if not -LARGEST <= value <= LARGEST:
        raise ValueError(f"{text:.40} is too large a number")
    return value


def _resource(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text:.40} is no resource")
    return value


def _single(values: np.ndarray) -> bool:
    """Whether all values are 32-bit floats, which print shorter."""
    measured = values[~np.isnan(values)]
    with np.errstate(over="ignore"):
        return bool((measured.astype(np.float32) == measured).all())


def resource_text(resource: float) -> str:
    """A resource as it is written: whole ones without a decimal point."""
    return str(int(resource)) if float(resource).is_integer() else repr(float(resource))

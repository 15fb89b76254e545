"""The trace: the complete, ordered record of one simulation.

The event loop packs two words an event; everything else (configuration, resource, value, decision and its `until`)
is derived here in columns, when first asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blackboxes import Blackbox, load
from blackboxes.aside import written_aside
from blackboxes.errors import no_file
from simulator import events
from simulator.accounting import Accounting, account, paid, total
from simulator.columns import Columns, TraceInfo
from simulator.difference import Difference, first_difference
from simulator.errors import TraceError
from simulator.segments import JobColumns, Segments, find_segments
from simulator.stage import Record, Started
from simulator.text import read_text, write_text

if TYPE_CHECKING:
    import pandas as pd

    from simulator.trial import Trial

CUT = np.isin(events.NAMES, ("cancelled", "budget", "crash", "preempted"))  # by code: on the way, maybe


class Trace:
    """The events of one run, and what follows from them. Made by `Simulation.run` or `Trace.load`."""

    def __init__(self, info: TraceInfo, table: Blackbox | None, columns: Columns | None = None) -> None:
        self.info = info
        self._table = table
        self._packed: tuple[Record, Sequence[Trial] | Started] | None = None
        if columns is not None:
            self.columns = columns

    @classmethod
    def packed(cls, info: TraceInfo, table: Blackbox, record: Record, trials: Sequence[Trial] | Started) -> Trace:
        """From an event loop: what it has written down, and its trials by id; unpacked when first asked for."""
        trace = cls(info, table)
        trace._packed = (record, trials)
        return trace

    def __getstate__(self) -> dict[str, Any]:
        """From process to process go the columns: not what they are made from, nor what follows from them."""
        return {"info": self.info, "_table": self._table, "_packed": None, "columns": self.columns}

    def __len__(self) -> int:
        """The number of events."""
        return len(self.columns.time)

    def __repr__(self) -> str:
        return f"<Trace of {self.info.scheduler} on {self.info.table}, seed {self.info.seed}: {len(self)} events>"

    @property
    def table(self) -> Blackbox:
        """The table that was replayed; loaded by its name for a trace that came from a file."""
        if self._table is None:
            self._table = load(self.info.table)
        if self.info.predicted and not hasattr(self._table, "predicted"):
            from blackboxes.surrogates import GrownTable

            self._table = grown = GrownTable(self._table)
            for params in self.info.predicted:
                grown.row_for(params)
        return self._table

    @cached_property
    def columns(self) -> Columns:
        """The events as columns."""
        packed = self._packed
        if packed is None:  # another thread has just unpacked it
            found: Columns = vars(self)["columns"]
            return found
        record, trials = packed
        del packed  # a million objects of trials take 200 MB: nothing is to hold them any longer
        if not isinstance(trials, Started):
            trials = Started.of(trials)
            self._packed = record, trials
        vars(self)["columns"] = columns = self._unpacked(record, trials)
        self._packed = None
        return columns

    def _unpacked(self, record: Record, started: Started) -> Columns:
        width = 3 if self.info.cluster is None else 4
        words = np.concatenate([np.asarray(piece, dtype=np.int64).reshape(-1) for piece in record.words]).reshape(
            -1, width
        )
        time, trial, word = (np.ascontiguousarray(column) for column in words.T[:3])
        event = (word >> 16 & events.EVENT).astype(np.int8)
        config, replicate = started.config, started.replicate
        begun = np.append(started.begun, 0)  # the last entry is for no trial

        last = _last_job(trial, event)
        jobs, origins = None, None
        if self.info.cluster is not None:
            ordinal = np.cumsum(_tells_worker(event)) - 1
            told = np.array([*record.jobs, 0, 1.0, 0], dtype=np.float64).reshape(-1, 3)[
                np.where(trial >= 0, ordinal[last], -1)
            ]
            origins = told[:, 0].astype(np.int64)
            origin = np.where(trial >= 0, self._grid[origins], np.nan)
            overhead = np.ascontiguousarray(words[:, 3])
            jobs = JobColumns(overhead, origin, told[:, 1], told[:, 2].astype(np.int64))
        sent = word & 0xFFFF
        parts, reached = find_segments(
            self.table, time, trial, event, sent, begun[trial], config, replicate, jobs, origins, self._saved
        )
        cut = CUT[event[parts.after]]
        sent[parts.after[cut]] = sent[parts.before[cut]]
        self._segments = parts

        grid = self._grid
        metric = self.table.metrics[self.info.metric]
        seen = (reached > 0) & (event != events.CODES["start"])
        value = np.full(len(time), np.nan)
        value[seen] = metric[config[trial[seen]], replicate[trial[seen]], reached[seen] - 1]
        return Columns(
            time=time,
            trial=trial,
            worker=np.where(trial >= 0, (word >> events.WORKER)[last], word >> events.WORKER),
            event=event,
            resource=grid[reached],
            until=np.where(sent > 0, grid[sent], np.nan),
            value=value,
            config=config,
            replicate=replicate,
            checkpoint_of=started.checkpoint_of,
            jobs=jobs,
        )

    @cached_property
    def _segments(self) -> Segments:
        """The stretches of work; those of a trace from the event loop come with its columns."""
        c, grid = self.columns, self._grid
        if "_segments" in vars(self):
            return self._segments
        sent = np.where(np.array(events.BEGINS)[c.event], np.searchsorted(grid, np.nan_to_num(c.until)), 0)
        begun = np.searchsorted(grid, c.resource)
        origins = None if c.jobs is None else np.searchsorted(grid, np.nan_to_num(c.jobs.origin))
        whose = (c.time, c.trial, c.event, sent, begun, c.config, c.replicate)
        return find_segments(self.table, *whose, c.jobs, origins, self._saved)[0]

    @cached_property
    def _saved(self) -> np.ndarray:
        """(R + 1,) how many checkpoints a trial saves on its way to each resource; the last entry is for none."""
        every = (self.info.cluster or {}).get("checkpoints")
        saved = np.zeros(len(self.table.resources) + 1, dtype=np.int64)
        if every is not None and not isinstance(every, str) and self.table.resumable:
            from simulator.cluster.checkpoints import saved_by

            saved[:-1] = saved_by(tuple(self.table.resource_list), every)
        return saved

    def digest(self) -> str:
        """SHA-256 of all events in a canonical form: equal digests mean equal runs, to the nanosecond."""
        c = self.columns
        digest = sha256(b"rungsim trace 1")
        for column in (c.time, c.trial, c.worker, c.event, c.config, c.replicate):
            digest.update(column.astype("<i8").tobytes())
        for column in (c.resource, c.until, c.value):
            digest.update((np.where(np.isnan(column), np.nan, column) + 0.0).astype("<f8").tobytes())  # no -0.0
        if (c.checkpoint_of >= 0).any():
            digest.update(c.checkpoint_of.astype("<i8").tobytes())
        if c.jobs is not None:
            begins = _tells_worker(c.event)
            origin, pace, save = c.jobs.origin[begins], c.jobs.pace[begins], c.jobs.save[begins]
            if c.jobs.overhead.any() or (origin != c.resource[begins]).any() or (pace != 1).any() or save.any():
                for column in (c.jobs.overhead, save):
                    digest.update(column.astype("<i8").tobytes())
                for column in (origin, pace):
                    digest.update(column.astype("<f8").tobytes())
        return digest.hexdigest()

    @property
    def _grid(self) -> np.ndarray:
        """The resources, with 0 for a trial that has not reached any."""
        return np.concatenate([[0.0], self.table.resources.astype(np.float64)])

    @cached_property
    def observations(self) -> dict[str, np.ndarray]:
        """Every result that became known, at every resource, ordered by time, trial and resource.

        Arrays of one length: `time` (int64 nanoseconds), `trial`, `worker`, `config`, `replicate`, and `index`, the
        position in the table's `resources`.
        """
        return self._results(slice(None))

    def _results(self, which: np.ndarray | slice) -> dict[str, np.ndarray]:
        """Some of the `observations`."""
        worker, parts = self.columns.worker, self._segments
        segment, index, time = (column[which] for column in self._known)
        return {
            "time": time,
            "trial": parts.trial[segment],
            "worker": worker[parts.after[segment]],
            "config": parts.config[segment],
            "replicate": parts.replicate[segment],
            "index": index,
        }

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each of the `observations` the number of the segment, the position of the resource, and the time."""
        parts = self._segments
        segment, index = parts.steps(np.maximum(parts.known + 1, 0 if self.table.resumable else parts.end))
        time = parts.arrivals(segment, index)
        order = np.argsort(time, kind="stable")  # those of one time stay by trial and resource, as segments are
        return segment[order], index[order], time[order]

    def results(self) -> pd.DataFrame:
        """Every result that became known, one row for each trial and resource, with all of the table's metrics.

        Columns: time (seconds), trial, worker, config, replicate, resource, and the metrics in their own direction.
        """
        import pandas as pd

        seen = self.observations
        where = (seen["config"], seen["replicate"], seen["index"])
        frame = {
            "time": seen["time"] / 1e9,
            **{name: seen[name] for name in ("trial", "worker", "config", "replicate")},
            "resource": np.asarray(self.table.resource_list)[seen["index"]],
            **{name: values[where] for name, values in self.table.metrics.items()},
        }
        return pd.DataFrame(frame)

    def incumbents(self) -> dict[str, np.ndarray]:
        """The results that were better than all before: the same columns as `observations`, and `value`."""
        return dict(self._incumbents)

    @cached_property
    def _incumbents(self) -> dict[str, np.ndarray]:
        parts, (segment, index, _) = self._segments, self._known
        sign = self.table.metric_info[self.info.metric].sign
        values = self.table.metrics[self.info.metric][parts.config[segment], parts.replicate[segment], index]
        losses = sign * values.astype(np.float64)
        losses[np.isnan(losses)] = np.inf
        best = np.minimum.accumulate(losses)
        improved = np.flatnonzero(losses < np.concatenate([[np.inf], best[:-1]]))
        return self._results(improved) | {"value": sign * losses[improved]}

    def summary(self) -> dict[str, Any]:
        """What the run did, in a few numbers.

        Times are in seconds; `time_...` are the parts of `worker_time`, see `Accounting`; `idle` is a share of it;
        `cost` is NaN where workers have no price.
        """
        c, counts = self.columns, np.bincount(self.columns.event, minlength=len(events.CODES))
        best, spent = self.incumbents()["value"], self.accounting()

        def count(*names: str) -> int:
            return int(sum(counts[events.CODES[name]] for name in names))

        return {
            "best": float(best[-1]) if len(best) else float("nan"),
            "end": self.info.end / 1e9,
            "trials": len(c.config),
            "completed": count("complete", "curve-end"),
            "stopped": count("stop", "cancelled"),
            "failed": count("failed"),
            "cut_off": count("budget"),
            "reports": count("continue", "pause", "stop"),
            "crashes": count("crash"),
            "preemptions": count("preempted"),
            "resource": self.resource_spent(),
            "busy": self.busy() / 1e9,
            "idle": spent.idle / spent.total if spent.total else 0.0,
            "worker_time": spent.total / 1e9,
            **{f"time_{name}": nanoseconds / 1e9 for name, nanoseconds in spent.parts.items()},
            "cost": float(self.paid(np.array([self.info.end]))[0]),
            "exhausted_at": self.info.exhausted_at,
        }

    def accounting(self) -> Accounting:
        """Where the time of the workers went, in nanoseconds that add up to the total."""
        return account(self)

    def paid(self, times: np.ndarray) -> np.ndarray:
        """What the workers have cost up to each of `times` (nanoseconds), as `accounting.paid` has it."""
        return paid(self, times)

    def diff(self, other: Trace) -> Difference | None:
        """The first event in which two traces differ, with what led up to it; None where they are equal."""
        return first_difference(self, other)

    def to_text(self) -> str:
        """The trace as text, one event a line; loses nothing that the digest covers."""
        return write_text(self)

    @classmethod
    def from_text(cls, text: str, table: Blackbox | None = None, where: str = "text") -> Trace:
        """The inverse of `to_text`; `table` is needed by `results` where it has no name that `load` knows.

        Raises:
            TraceError: the text is not a trace; the message names the line in `where`.
        """
        info, columns = read_text(text, where)
        return cls(info, table, columns)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the text form, aside first and then renamed."""
        with written_aside(Path(path)) as aside:
            aside.write_text(self.to_text(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str], table: Blackbox | None = None) -> Trace:
        """Read what `save` wrote; `table` as for `from_text`.

        Raises:
            TraceError: no such file, or not a trace.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = no_file(path) if isinstance(error, FileNotFoundError | IsADirectoryError) else error
            raise TraceError(f"{os.fspath(path)}: cannot be read as a trace: {why}") from error
        return cls.from_text(text, table, os.fspath(path))

    def busy(self) -> int:
        """Nanoseconds of worker time spent on trials, all workers together."""
        parts = self._segments
        return total(self.columns.time[parts.after] - self.columns.time[parts.before])

    def resource_spent(self) -> float:
        """Units of resource that were finished, repeats included."""
        parts, grid = self._segments, self._grid
        finished = grid[parts.end + 1] - grid[parts.begin + 1]
        return float(np.where(parts.trains, finished, 0).sum())

    def resource_by(self, times: np.ndarray) -> np.ndarray:
        """(T,) units of resource that were finished by each of `times` (nanoseconds), repeats included."""
        arrival, sums = self._finished
        return sums[np.searchsorted(arrival, times, side="right")]

    @cached_property
    def _finished(self) -> tuple[np.ndarray, np.ndarray]:
        """When units of resource were finished, in order, and how many had been before each of these times and all."""
        parts, grid = self._segments, self._grid
        first = parts.begin + 1 if self.table.resumable else np.maximum(parts.end, 0)
        segment, index = parts.steps(np.where(parts.trains, first, parts.end + 1))
        finished = grid[index + 1] - grid[index if self.table.resumable else np.zeros_like(index)]
        arrival = parts.arrivals(segment, index)
        order = np.argsort(arrival, kind="stable")
        return arrival[order], np.concatenate([[0.0], np.cumsum(finished[order])])


def _tells_worker(event: np.ndarray) -> np.ndarray:
    """Whether a job begins at an event, which tells its worker."""
    return (event == events.CODES["start"]) | (event == events.CODES["resume"])


def _last_job(trial: np.ndarray, event: np.ndarray) -> np.ndarray:
    """For each event of a trial the number of its last start or resume."""
    order = np.argsort(trial, kind="stable")
    told = _tells_worker(event[order])  # each trial's first event is one
    last = np.maximum.accumulate(np.where(told, np.arange(len(order)), 0))
    found = np.empty_like(order)
    found[order] = order[last]
    return found

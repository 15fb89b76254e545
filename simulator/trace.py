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
from simulator import events
from simulator.clock import nanosecond_array
from simulator.columns import Columns, TraceInfo
from simulator.difference import Difference, first_difference
from simulator.errors import TraceError
from simulator.replay import index_when_cut
from simulator.text import read_text, write_text

if TYPE_CHECKING:
    import pandas as pd

    from simulator.trial import Trial

CUT = (events.CODES["cancelled"], events.CODES["budget"])


class Trace:
    """The events of one run, and what follows from them. Made by `Simulation.run` or `Trace.load`."""

    def __init__(self, info: TraceInfo, table: Blackbox | None, columns: Columns | None = None) -> None:
        self.info = info
        self._table = table
        self._packed: tuple[Sequence[Sequence[int]], Sequence[Trial]] | None = None
        if columns is not None:
            self.columns = columns

    @classmethod
    def packed(
        cls, info: TraceInfo, table: Blackbox, records: Sequence[Sequence[int]], trials: Sequence[Trial]
    ) -> Trace:
        """From the event loop: pieces of packed words, unpacked when first asked for."""
        trace = cls(info, table)
        trace._packed = (records, trials)
        return trace

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
        assert self._packed is not None
        records, trials = self._packed
        words = np.concatenate([np.array(piece, dtype=np.int64) for piece in records]).reshape(-1, 3)
        time, trial, word = (np.ascontiguousarray(column) for column in words.T)
        event = (word >> 16 & 15).astype(np.int8)
        config = np.fromiter((t.config for t in trials), dtype=np.int64, count=len(trials))
        replicate = np.fromiter((t.replicate for t in trials), dtype=np.int64, count=len(trials))
        checkpoint_of = np.full(len(trials), -1)
        begun = np.zeros(len(trials), dtype=np.int64)  # how many resources lay behind it at its start
        for heir in (t for t in trials if t.checkpoint_of is not None):
            checkpoint_of[heir.id], begun[heir.id] = heir.checkpoint_of, heir._since

        sent = word & 0xFFFF  # and, below, where those who are cut off were sent
        started = event == events.CODES["start"]
        reached = np.where(started, begun[trial], 0)
        before, after = _segments(trial, event)
        lengths = self.table.lengths[config, replicate].astype(np.int64)
        reached[after] = np.minimum(sent[before], lengths[trial[after]])
        paused, next_event = _pauses(trial, event)
        reached[next_event] = reached[paused]
        cut = np.isin(event[after], CUT)
        for i, j in zip(before[cut].tolist(), after[cut].tolist(), strict=True):
            sent[j] = sent[i]
            row = int(config[trial[j]]), int(replicate[trial[j]])
            start, end, spent = int(reached[i]) - 1, int(reached[j]) - 1, int(time[j] - time[i])
            reached[j] = index_when_cut(self.table, *row, start, end, spent) + 1

        grid = self._grid
        metric = self.table.metrics[self.info.metric]
        value = metric[config[trial], replicate[trial], reached - 1].astype(np.float64)
        return Columns(
            time=time,
            trial=trial,
            worker=_told_before(word >> events.WORKER, trial, event),
            event=event,
            resource=grid[reached],
            until=np.where(sent > 0, grid[sent], np.nan),
            value=np.where((reached > 0) & ~started, value, np.nan),
            config=config,
            replicate=replicate,
            checkpoint_of=checkpoint_of,
        )

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
        return digest.hexdigest()

    @property
    def _grid(self) -> np.ndarray:
        """The resources, with 0 for a trial that has not reached any."""
        return np.concatenate([[0.0], self.table.resources.astype(np.float64)])

    @cached_property
    def _segments(self) -> tuple[np.ndarray, np.ndarray]:
        return _segments(self.columns.trial, self.columns.event)

    @cached_property
    def observations(self) -> dict[str, np.ndarray]:
        """Every result that became known, at every resource, ordered by time, trial and resource.

        Arrays of one length: `time` (int64 nanoseconds), `trial`, `worker`, `config`, `replicate`, and `index`, the
        position in the table's `resources`.
        """
        c, table = self.columns, self.table
        before, after = self._segments
        start, end = (np.searchsorted(self._grid, c.resource[ends]) for ends in (before, after))
        first = start if table.resumable else np.maximum(end - 1, start)
        counts = end - first
        segment = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts, counts)
        index = first[segment] + within
        trial = c.trial[after][segment]
        config, replicate = c.config[trial], c.replicate[trial]
        if table.resumable:
            spent = nanosecond_array(table.elapsed[config, replicate, index])
            begun = nanosecond_array(table.elapsed[config, replicate, start[segment] - 1])
            time = c.time[before][segment] + spent - np.where(start[segment] > 0, begun, 0)
        else:
            time = c.time[after][segment]
        found = {
            "time": time,
            "trial": trial,
            "worker": c.worker[after][segment],
            "config": config,
            "replicate": replicate,
            "index": index,
        }
        chronological = np.lexsort((index, trial, time))
        return {name: column[chronological] for name, column in found.items()}

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
        seen = self.observations
        sign = self.table.metric_info[self.info.metric].sign
        values = self.table.metrics[self.info.metric][seen["config"], seen["replicate"], seen["index"]]
        losses = sign * values.astype(np.float64)
        losses[np.isnan(losses)] = np.inf
        best = np.minimum.accumulate(losses)
        improved = losses < np.concatenate([[np.inf], best[:-1]])
        return {name: column[improved] for name, column in (seen | {"value": sign * losses}).items()}

    def summary(self) -> dict[str, Any]:
        """What the run did, in a few numbers (times in seconds, `idle` as a share of the workers' time)."""
        c, counts = self.columns, np.bincount(self.columns.event, minlength=len(events.CODES))
        best = self.incumbents()["value"]
        busy, available = self.busy(), self.info.end * self.info.workers
        return {
            "best": float(best[-1]) if len(best) else float("nan"),
            "end": self.info.end / 1e9,
            "trials": len(c.config),
            "completed": int(counts[events.CODES["complete"]] + counts[events.CODES["curve-end"]]),
            "stopped": int(counts[events.CODES["stop"]] + counts[events.CODES["cancelled"]]),
            "cut_off": int(counts[events.CODES["budget"]]),
            "reports": int(
                counts[events.CODES["continue"]] + counts[events.CODES["pause"]] + counts[events.CODES["stop"]]
            ),
            "resource": self.resource_spent(),
            "busy": busy / 1e9,
            "idle": (available - busy) / available if available else 0.0,
            "exhausted_at": self.info.exhausted_at,
        }

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
        path = Path(path)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            aside.write_text(self.to_text(), encoding="utf-8")
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str], table: Blackbox | None = None) -> Trace:
        """Read what `save` wrote; `table` as for `from_text`.

        Raises:
            TraceError: no such file, or not a trace.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TraceError(f"{os.fspath(path)}: cannot be read as a trace ({error})") from error
        return cls.from_text(text, table, os.fspath(path))

    def busy(self) -> int:
        """Nanoseconds of worker time spent on trials, all workers together."""
        before, after = self._segments
        return int((self.columns.time[after] - self.columns.time[before]).sum())

    def resource_spent(self) -> float:
        """Units of resource that were finished, repeats from scratch included."""
        before, after = self._segments
        reached, start = self.columns.resource[after], self.columns.resource[before]
        return float(np.where(reached > start, reached - (start if self.table.resumable else 0), 0).sum())


def _segments(trial: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of events between which a worker was at a trial: where the segment begins, and where it ends."""
    before, after = _successive(trial)
    worked = np.array(events.BEGINS)[event[before]]
    return before[worked], after[worked]


def _pauses(trial: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of events between which a trial was paused."""
    before, after = _successive(trial)
    paused = ~np.array(events.BEGINS)[event[before]]
    return before[paused], after[paused]


def _told_before(worker: np.ndarray, trial: np.ndarray, event: np.ndarray) -> np.ndarray:
    """For each event, what the trial's last start or resume told."""
    order = np.argsort(trial, kind="stable")
    told = np.isin(event[order], (events.CODES["start"], events.CODES["resume"]))  # each trial's first event is one
    last = np.maximum.accumulate(np.where(told, np.arange(len(order)), 0))
    found = np.empty_like(worker)
    found[order] = worker[order][last]
    return found


def _successive(trial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of events of the same trial, one after the other."""
    order = np.argsort(trial, kind="stable")
    same = trial[order[:-1]] == trial[order[1:]]
    return order[:-1][same], order[1:][same]

"""Long measurements in part files: run in parallel, interrupted at will, resumed by the same command."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

Measure = Callable[[str, list[int]], np.ndarray]  # a task and rows of it to an array (rows, ...)
Job = tuple[str, list[int]]


def run(
    measure: Measure, jobs: Sequence[Job], processes: int, environment: dict[str, str]
) -> Iterator[tuple[str, list[int], np.ndarray]]:
    """(task, rows, what `measure` says) of each job as it gets done, with a progress bar.

    The processes are fresh (spawned, not forked), since libraries read `environment` when they are imported.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    if not jobs:
        return
    os.environ.update(environment)
    bar = Progress("measuring", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with multiprocessing.get_context("spawn").Pool(processes, _start_worker) as pool, bar:
        results = pool.imap_unordered(_measure_one, [(measure, task, rows) for task, rows in jobs])
        yield from bar.track(results, total=len(jobs))


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    warnings.simplefilter("ignore")


def _measure_one(job: tuple[Measure, str, list[int]]) -> tuple[str, list[int], np.ndarray]:
    measure, task, rows = job
    return task, rows, measure(task, rows)


def write_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it: `path` is whole or absent."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        write(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


class Parts:
    """A folder of part files, one for each task and `chunk` of rows.

    Each holds the settings it was made with. A part of other settings is not mixed in: the program ends.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], chunk: int) -> None:
        self.folder, self.settings, self.chunk = folder, settings, chunk

    def complete(
        self, measure: Measure, tasks: list[str], count: int, processes: int, environment: dict[str, str]
    ) -> None:
        """Measure what is missing of the first `count` rows, all tasks in step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        jobs = [(t, rows) for rows in self._chunks(count) for t in tasks if self._read(t, rows) is None]
        made_with = json.dumps(self.settings, sort_keys=True)
        for task, rows, curves in run(measure, jobs, processes, environment):

            def write(aside: Path, curves: np.ndarray = curves) -> None:
                with aside.open("wb") as file:
                    np.savez_compressed(file, curves=curves, settings=made_with)

            write_aside(self._path(task, rows), write)

    def read_all(self, task: str, count: int) -> np.ndarray:
        """The measured array (count, ...) of a task."""
        found = [self._read(task, rows) for rows in self._chunks(count)]
        return np.concatenate([part for part in found if part is not None])

    def _chunks(self, count: int) -> list[list[int]]:
        return [list(range(start, min(start + self.chunk, count))) for start in range(0, count, self.chunk)]

    def _path(self, task: str, rows: list[int]) -> Path:
        return self.folder / f"{task}-{rows[0]:04d}.npz"

    def _read(self, task: str, rows: list[int]) -> np.ndarray | None:
        path = self._path(task, rows)
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                curves, old = file["curves"], json.loads(str(file["settings"]))
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            sys.exit(f"{path}: not a part file, or a damaged one ({error}). Remove it, and it is measured again.")
        now = json.loads(json.dumps(self.settings))
        if different := sorted(key for key in now.keys() | old.keys() if now.get(key) != old.get(key)):
            details = "; ".join(f"{key}: {old.get(key)} then, {now.get(key)} now" for key in different)
            sys.exit(f"{path}: measured with other settings ({details}). Move it away, or name another folder.")
        return curves[: len(rows)] if len(curves) >= len(rows) else None

"""A study on disk: what was asked, what has been found, and how it goes on after any end.

study.toml        what is asked; `add` appends to it
runs.parquet/     parts, a row a run (`simulator.study.parts`)
traces.parquet/   the same of traces, where they are kept
failures.parquet/ runs that raised an error, with its traceback; they are tried again
damaged/          parts that were not as they had been written; their runs are run again
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blackboxes.aside import written_aside
from simulator.errors import StudyError
from simulator.study.copies import COPIES, copied
from simulator.study.execution import Outcome, never, outcomes
from simulator.study.file import Study, read_study, study_of
from simulator.study.parts import join_parts, read_columns, read_parts, remove_unfinished, write_part
from simulator.study.run import Run
from simulator.study.traces import schema as trace_schema
from simulator.study.traces import trace_row

ROWS, TRACES, FAILURES, DAMAGED = "runs.parquet", "traces.parquet", "failures.parquet", "damaged"
MOST_PARTS = 200  # of a folder, before small ones are joined
WRITING = 0.05  # the share of the time that goes into writing parts, at most


@dataclass(frozen=True)
class Standing:
    """How far a study is.

    Attributes:
        study: what is asked.
        missing: the runs that have no row yet, those that failed among them.
        failures: of the runs that failed last time: key, error and traceback.
        damaged: parts that are not as they were written.
        others: how many rows are of runs that are not asked for.
    """

    study: Study
    missing: list[Run]
    failures: dict[str, tuple[str, str]]
    damaged: list[Path]
    others: int

    @property
    def done(self) -> int:
        """How many runs have a row."""
        return len(self.study.runs) - len(self.missing)


@dataclass
class Progress:
    """What has been done since a study was begun or resumed.

    Attributes:
        done: runs that have a row now.
        failed: runs that raised an error.
        rows, failures, traces: that are not written yet.
    """

    done: int = 0
    failed: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)


def begin(study: Study, folder: Path) -> None:
    """Make the folder of a study.

    Raises:
        StudyError: it holds runs already, or is no folder.
        OSError: it cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"{folder} is a file, a folder is needed")
    for name in ("study.toml", ROWS):
        if (folder / name).exists():
            raise StudyError(
                f"{folder} holds {name} already: `rungsim study resume {folder}` goes on with a study, "
                "`rungsim study add` asks for more; or name another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    _write_text(folder / "study.toml", study.text)


def standing(folder: Path) -> Standing:
    """How far the study in a folder is.

    Raises:
        StudyError: no study is there, its file has mistakes, or a table or a scheduler's file is another one than when
            its runs were done.
    """
    study = _study_in(folder)
    parts, damaged = read_parts(folder / ROWS)
    seen = read_columns(parts, ("run", "source", "table_digest", "scheduler", "cluster", "code"))
    found = set(seen["run"])
    asked = {run.key: run for run in study.runs}
    _check_unchanged(folder, seen, asked)
    missing = [run for key, run in asked.items() if key not in found]
    if study.traces:
        parts, lost = read_parts(folder / TRACES)
        damaged = [*damaged, *lost]
        traced = {*read_columns(parts, ("run",))["run"], *(run.key for run in study.runs if run.is_bound)}
        missing = [run for key, run in asked.items() if key not in found or key not in traced]
    failed = read_columns(read_parts(folder / FAILURES)[0], ("run", "error", "where"))
    failures = {run: (error, where) for run, error, where in zip(*failed.values(), strict=True) if run in asked}
    return Standing(study, missing, failures, damaged, len(found - asked.keys()))


def carry_out(
    folder: Path,
    jobs: int = -1,
    dask: str | None = None,
    stopping: Callable[[], bool] = never,
    begun: Callable[[Standing], None] = lambda standing: None,
    advanced: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Do the runs of a study that are missing; what has finished is on disk, however it ends.

    Args:
        folder: of a study.
        jobs, dask, stopping: as for `simulator.study.execution.outcomes`.
        begun: is told how far the study is, before anything runs.
        advanced: is told whenever runs have finished.

    Raises:
        StudyError: as for `standing`; or another process works on the study.
        OSError: the folder cannot be written to, or the disk is full.
    """
    with _locked(folder):
        now = standing(folder)
        begun(now)
        _clean(folder, now.damaged)
        progress, order = Progress(), [run.key for run in now.study.runs]
        options: dict[str, Any] = {"traces": now.study.traces, "compiled": now.study.compiled, "stopping": stopping}
        with (
            copied(now.missing, folder, needed=jobs != 1 or dask is not None) as copies,
            closing(outcomes(now.missing, jobs, dask=dask, copies=copies, **options)) as finished,
        ):
            _gather(finished, folder, progress, advanced, order)
        _join(folder, order)
        return progress


def add(folder: Path, **more: Sequence[str | int]) -> None:
    """Ask for more: each list of the study is joined with what is given, by the keys of the study file.

    Raises:
        StudyError: as for `standing`; what is given is wrong, or nothing new; or another process works on the study.
        OSError: the folder cannot be written to.
    """
    with _locked(folder):
        before = _study_in(folder)
        lines = [f"{key} = [{', '.join(map(_toml, values))}]" for key, values in more.items() if values]
        text = "\n".join([before.text.rstrip("\n"), "", "[[add]]", *lines, ""])
        after = study_of(text, str(folder / "study.toml"))
        if len(after.runs) == len(before.runs):
            raise StudyError(f"{folder}: there is nothing new in {'; '.join(lines)}")
        _write_text(folder / "study.toml", text)


def is_running(folder: Path) -> bool:
    """Whether a process works on a study; nobody does where nothing can be written."""
    try:
        with _locked(folder):
            return False
    except StudyError:
        return True
    except OSError:
        return False


def _gather(
    finished: Iterator[list[Outcome]],
    folder: Path,
    progress: Progress,
    advanced: Callable[[Progress], None],
    order: Sequence[str],
) -> None:
    """Write what runs give, as it comes; but spend little time on it."""
    next_writing, parts = 0.0, 0
    try:
        for done in finished:
            for told in done:
                _note(told, progress)
            advanced(progress)
            if time.monotonic() >= next_writing:
                began = time.monotonic()
                _write(folder, progress)
                parts += 1
                if parts >= MOST_PARTS:
                    _join(folder, order)
                    parts = 0
                next_writing = time.monotonic() + (time.monotonic() - began) / WRITING
    finally:
        _write(folder, progress)


def _note(told: Outcome, progress: Progress) -> None:
    run = told.run
    if told.row is not None:
        progress.done += 1
        progress.rows.append(told.row)
        if told.trace is not None:
            progress.traces.append(trace_row(run.key, told.trace))
        return
    progress.failed += 1
    progress.failures.append(
        {
            "run": run.key,
            **{"source": run.table, "scheduler": run.scheduler, "seed": run.seed, "workers": run.workers},
            "cluster": run.cluster or "",
            "error": f"{type(told.error).__name__}: {told.error}",
            "where": told.where,
        }
    )


def _write(folder: Path, progress: Progress) -> None:
    """Traces first: a run that has a row is not done again."""
    for name, rows, schema in (
        (TRACES, progress.traces, trace_schema),
        (ROWS, progress.rows, None),
        (FAILURES, progress.failures, None),
    ):
        if rows:
            write_part(rows, folder / name, schema() if schema else None)
            rows.clear()


def _join(folder: Path, order: Sequence[str]) -> None:
    for name in (ROWS, TRACES, FAILURES):
        join_parts(folder / name, order)


def _check_unchanged(folder: Path, seen: dict[str, list[Any]], asked: dict[str, Run]) -> None:
    """That what is to be run fits what has been."""
    digests: dict[str, str] = {}
    changed: dict[str, int] = {}
    for key, digest, code in zip(seen["run"], seen["table_digest"], seen["code"], strict=True):
        run = asked.get(key)
        if run is None:
            continue
        now = digests.setdefault(run.table, run.blackbox.digest)
        for what, before, after in ((run.table, digest, now), (_files(run), code, _code(run, digests))):
            if before != after:
                changed[what] = changed.get(what, 0) + 1
    if changed:
        raise StudyError(
            *(
                f"{folder}: {what} has changed since {number} of the study's runs were done: put it back as it was, or "
                "begin a study in another folder"
                for what, number in changed.items()
            )
        )


def _files(run: Run) -> str:
    return f"a file of {run.scheduler}" + (f" or {run.cluster}" if run.cluster else "")


def _code(run: Run, known: dict[str, str]) -> str:
    return known.setdefault(f"{run.scheduler}\0{run.cluster}", run.code)


def _study_in(folder: Path) -> Study:
    if not (folder / "study.toml").is_file():
        raise StudyError(f"{folder} holds no study: `rungsim study run` begins one")
    return read_study(folder / "study.toml", tried=True)


def _clean(folder: Path, damaged: list[Path]) -> None:
    """Put aside what is damaged, forget what failed, and remove what a killed process left half done."""
    for path in damaged:
        (folder / DAMAGED).mkdir(exist_ok=True)
        path.replace(folder / DAMAGED / path.name)
    for name in (ROWS, TRACES, FAILURES):
        remove_unfinished(folder / name)
    for left in folder.glob(f"{COPIES}*"):
        shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(folder / FAILURES, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else works on the study meanwhile; the system ends that with the process, however it dies."""
    from filelock import FileLock, Timeout

    if not folder.is_dir():
        raise StudyError(f"{folder}: there is no such folder")
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise StudyError(f"{folder}: another process works on this study; wait until it is done, or stop it") from None


def _toml(value: str | int) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write_text(path: Path, text: str) -> None:
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")

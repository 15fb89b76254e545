"""Many runs on all cores, or on a Dask cluster, through joblib.

Runs are handed out in chunks that are expected to take `CHUNK` seconds, from what runs of their kind took so far: large
enough that handing them out costs little, small enough that little is lost when all is killed.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from simulator.errors import SimulationError
from simulator.raised import text_of
from simulator.study.run import Row, Run, row_and_trace, use_copies
from simulator.trace import Trace

CHUNK = 0.25  # seconds of work


@dataclass(frozen=True)
class Outcome:
    """What became of a run: a row, or an error.

    Attributes:
        run: which one.
        seconds: it took, on the clock.
        row: of `run_row`, None where it failed.
        trace: where it was asked for.
        error: that it raised; one that cannot be sent from process to process comes as a `SimulationError`.
        where: the error's traceback as text (`simulator.raised`).
    """

    run: Run
    seconds: float
    row: Row | None = None
    trace: Trace | None = None
    error: Exception | None = None
    where: str = ""


class RaisedElsewhereError(Exception):
    """Tells where, in another process, an error was raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def never() -> bool:
    """Nobody asks to stop."""
    return False


def outcome(run: Run, traces: bool = False, compiled: bool = False) -> Outcome:
    """Simulate one run, whatever happens."""
    begun = time.perf_counter()
    try:
        row, trace = row_and_trace(run, compiled)
    except Exception as error:
        where = text_of(error)
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            notes = getattr(error, "__notes__", [])
            error = SimulationError(f"{type(error).__name__}: {error}")
            error.__notes__ = notes
        return Outcome(run, time.perf_counter() - begun, error=error.with_traceback(None), where=where)
    return Outcome(run, time.perf_counter() - begun, row, trace if traces else None)


def _chunk(runs: Sequence[Run], traces: bool, compiled: bool, copies: Mapping[str, tuple[str, str]]) -> list[Outcome]:
    """In another process: several runs, one after the other."""
    use_copies(copies)
    return [_light(outcome(run, traces, compiled)) for run in runs]


def _leave_with(parent: int) -> None:
    """End this process soon after its parent, which may be killed: it would wait for work for minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _light(told: Outcome) -> Outcome:
    """Without the table, which its trace refers to: it would be sent along."""
    if told.trace is None:
        return told
    return replace(told, trace=Trace(told.trace.info, None, told.trace.columns))


def outcomes(
    runs: Sequence[Run],
    jobs: int = -1,
    *,
    dask: str | None = None,
    traces: bool = False,
    compiled: bool = False,
    copies: Mapping[str, tuple[str, str]] | None = None,
    stopping: Callable[[], bool] = never,
) -> Generator[list[Outcome], None, None]:
    """What becomes of all runs, as they finish, a chunk at a time.

    Close the iterator (`contextlib.closing`), or use it up, and no process is left; on Ctrl-C none is either.

    Args:
        runs: what to run. All of a kind need about the same time; where kinds alternate, parts of a study are complete
            early on.
        jobs: processes; -1 for all cores, or all workers of the Dask cluster. What runs give does not depend on it,
            their order may.
        dask: the address of a Dask scheduler, such as ``"tcp://127.0.0.1:8786"``, whose workers do the work (extra
            ``dask``); None for processes of this machine.
        traces: also give the traces.
        compiled: go by machine code where runs can (`Simulation`).
        copies: of tables, as for `use_copies`.
        stopping: asked before runs are handed out; once it says yes, no more are.

    Raises:
        SimulationError: jobs is neither -1 nor at least 1; or there is no such Dask scheduler.
    """
    if jobs < 1 and jobs != -1:
        raise SimulationError(f"jobs = {jobs}: a number of processes from 1, or -1 for all cores, is needed")
    copies = copies or {}
    if dask is None and (jobs == 1 or len(runs) < 2):
        use_copies(copies)
        try:
            for run in runs:
                if stopping():
                    return
                yield [outcome(run, traces, compiled)]
        finally:
            use_copies({})
        return

    from joblib import Parallel, delayed

    seconds: dict[Any, float] = {}  # by kind of run
    chunks = _chunks(runs, seconds, stopping)
    finished: Generator[list[Outcome], None, None] | None = None
    with _processes() if dask is None else _dask(dask):
        parallel = Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
        try:
            with _interrupts_held():
                finished = parallel(delayed(_chunk)(chunk, traces, compiled, copies) for chunk in chunks)
            for done in finished:
                seconds.update((_kind(told.run), told.seconds) for told in done)
                yield done
        finally:
            with _interrupts_held(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # joblib's own, about work that is thrown away
                if finished is not None:
                    finished.close()


def run_all(runs: Sequence[Run], jobs: int = -1, stopping: Callable[[], bool] = never) -> Generator[Row, None, None]:
    """The rows of all runs, as they finish; see `outcomes`.

    Raises:
        SimulationError: jobs is neither -1 nor at least 1.
        Exception: whatever a run raised, after the rows of those that had finished.
    """
    finished = outcomes(runs, jobs, stopping=stopping)
    try:
        for done in finished:
            yield from (told.row for told in done if told.row is not None)
            for told in done:
                if told.error is not None:
                    raise told.error from RaisedElsewhereError(told.where)
    finally:
        finished.close()


def _kind(run: Run) -> tuple[Any, ...]:
    """Runs that differ in their seeds only take about as long."""
    return run.table, run.scheduler, run.workers, run.budget, run.cluster


def _chunks(runs: Iterable[Run], seconds: Mapping[Any, float], stopping: Callable[[], bool]) -> Iterator[list[Run]]:
    """Runs in their order, cut where they are expected to take `CHUNK` seconds; of a kind not seen yet, one alone."""
    chunk: list[Run] = []
    expected = 0.0
    for run in runs:
        chunk.append(run)
        expected += seconds.get(_kind(run), CHUNK)
        if expected >= CHUNK:
            if stopping():
                return
            yield chunk
            chunk, expected = [], 0.0
    if chunk and not stopping():
        yield chunk


@contextmanager
def _processes() -> Iterator[None]:
    """Processes of this machine; none is left after the block."""
    from joblib import parallel_config
    from joblib.externals.loky import get_reusable_executor

    try:
        with parallel_config("loky", initializer=_leave_with, initargs=(os.getpid(),)):
            yield
    finally:
        with _interrupts_held():
            # They remember tables and the working directory.
            get_reusable_executor(reuse=True).shutdown(kill_workers=True)


@contextmanager
def _dask(address: str) -> Iterator[None]:
    """The workers of a Dask cluster, which stays as it is."""
    try:
        from distributed import Client
    except ImportError as error:
        raise SimulationError(f"the engine dask needs distributed ({error}): pip install 'rungsim[dask]'") from error
    from joblib import parallel_config

    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise SimulationError(f"there is no Dask scheduler at {address!r}: {error}") from error
    with client, parallel_config("dask", client=client):
        yield


def _interrupts_held() -> AbstractContextManager[None]:
    """Ctrl-C has to wait until the end of the block; processes that start in it never see one, and end quietly."""
    return nullcontext() if sys.platform == "win32" else _signals_held()


@contextmanager
def _signals_held() -> Iterator[None]:
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as lokys

    resource_tracker.ensure_running()  # each lets interrupts through again once it has started
    lokys.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

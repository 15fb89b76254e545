"""A run by the compiled event loop: what it is given in arrays, and what it has written down."""

from __future__ import annotations

import numpy as np

from blackboxes.checks import frozen
from simulator.compiled.loop import UNKNOWN, Table
from simulator.compiled.loop import run as run_loop
from simulator.compiled.plan import plan_of
from simulator.errors import SimulationError
from simulator.events import MOST_TRIALS
from simulator.searchers.random import RandomSearcher
from simulator.stage import Record, Stage, Started

FIRST = 1 << 10  # so many rows are asked for at first where nobody knows how many trials there will be


def run(stage: Stage) -> tuple[Record, Started] | None:
    """From time zero until the budget is used up or nothing is left to do.

    The searcher is asked for rows, and rows are given replicates, before anything runs: what a random searcher answers
    depends on nothing that happens. Where that was not enough of them, all is run again with more.

    None where it cannot be done here after all: a trial is sent to what was not measured, or a number is beyond 64
    bits. `simulator.loop` raises the error, or can do it, on a stage made afresh.
    """
    searcher, draw_replicate, table = stage.searcher, stage.draw_replicate, compiled_table(stage)
    assert isinstance(searcher, RandomSearcher)
    rows = replicates = np.empty(0, dtype=np.int64)
    wanted = stage.most_trials if stage.most_trials < MOST_TRIALS else FIRST
    outcome = None
    try:
        plan = plan_of(stage)
        while outcome is None or (outcome.exhausted_at != UNKNOWN and len(rows) < stage.most_trials):
            more = searcher.propose_many(wanted - len(rows))
            if outcome is not None and not len(more):
                break  # it is the searcher that had nothing left
            drawn = np.zeros_like(more)
            if draw_replicate is not None:
                drawn[:] = [draw_replicate(row) for row in more.tolist()]
            rows, replicates = np.concatenate([rows, more]), np.concatenate([replicates, drawn])
            curves = rows * stage.curves.replicates + replicates
            outcome = run_loop(table, curves, plan, stage.workers, stage.deadline, stage.most_trials)
            if not outcome.legal:
                return None
            wanted *= 4
    except (OverflowError, SimulationError):  # the replicate that is wanted was not measured, of a row that may come
        return None
    asked_in_vain = searcher.exhausted_at is not None and outcome.exhausted_at != UNKNOWN
    searcher.exhausted_at = outcome.exhausted_at / 1e9 if asked_in_vain else None
    record = Record([outcome.words], outcome.end, None if outcome.closed_at == UNKNOWN else outcome.closed_at)
    return record, Started.anew(rows[: outcome.trials], replicates[: outcome.trials])


def compiled_table(stage: Stage) -> Table:
    """What the loop reads of the run's table; nothing is copied."""
    curves, table = stage.curves, stage.table
    values, elapsed, lengths = (np.asarray(buffer) for buffer in (curves.values, curves.elapsed, curves.lengths))
    single, double = (values if values.dtype == kind else np.empty(0, kind) for kind in (np.float32, np.float64))
    censored = np.empty(0, np.bool_) if table.censored is None else table.censored.reshape(-1)
    return Table(
        single=frozen(single),  # all of them, since Numba compiles anew for arrays that can be written to
        double=frozen(double),
        elapsed=frozen(elapsed),
        lengths=frozen(lengths),
        censored=frozen(censored),
        size=curves.size,
        negate=curves.sign < 0,
        resumable=table.resumable,
    )

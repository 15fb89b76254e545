"""Some runs of a study again: is what is on disk what they give?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from blackboxes.streams import Stream
from simulator.errors import StudyError
from simulator.study.copies import copied
from simulator.study.execution import outcomes
from simulator.study.folder import ROWS, standing
from simulator.study.parts import read_parts
from simulator.study.run import Row, Run

VERSIONS = ("rungsim", "python", "numpy")


def verified(folder: Path, sample: int, jobs: int = -1) -> Iterator[tuple[Run, list[str]]]:
    """Runs that were done again, each with the columns of its row that are different now.

    Args:
        folder: of a study.
        sample: how many runs, of those that are done; chosen at random, and always the same.
        jobs: as for `simulator.study.execution.outcomes`.

    Raises:
        StudyError: as for `simulator.study.folder.standing`; or no run is done, or none is to be done again.
        Exception: what a run raises.
    """
    if sample < 1:
        raise StudyError(f"a sample of {sample} runs: at least 1 is needed")
    now = standing(folder)
    missing = {run.key for run in now.missing}
    done = [run for run in now.study.runs if run.key not in missing]
    if not done:
        raise StudyError(f"{folder}: no run is done yet")
    chosen = [done[i] for i in Stream(0, "verify").permutation(len(done))[:sample]]
    rows = _rows(folder, {run.key for run in chosen})
    with (
        copied(chosen, folder, needed=jobs != 1) as copies,
        closing(outcomes(chosen, jobs, copies=copies)) as finished,
    ):
        for several in finished:
            for told in several:
                if told.row is None:
                    assert told.error is not None
                    raise told.error
                yield told.run, _differences(rows[told.run.key], told.row)


def _rows(folder: Path, keys: set[str]) -> dict[str, Row]:
    import pyarrow.parquet as pq

    found: dict[str, Row] = {}
    for part in read_parts(folder / ROWS)[0]:
        table = pq.read_table(part, filters=[("run", "in", keys)], partitioning=None)
        found |= {row["run"]: row for row in table.to_pylist()}
    return found


def _differences(before: Row, after: Row) -> list[str]:
    return [name for name, value in after.items() if name not in VERSIONS and not _same(before.get(name), value)]


def _same(before: Any, after: Any) -> bool:
    if isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return before == after or (before != before and after != after)

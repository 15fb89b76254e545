"""The Learning Curve Database, LCDB 1.0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blackboxes.errors import BlackboxError, damage
from blackboxes.formats.elapsed import non_decreasing, share
from blackboxes.formats.inferred_space import inferred_space
from blackboxes.formats.reading import existing
from blackboxes.formats.rows import MOST_CELLS
from blackboxes.importers import Progress
from blackboxes.table import Blackbox, Metric

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGED = "lcdb/database-accuracy.csv"
KEYS = ("openmlid", "size_train", "outer_seed", "inner_seed")
SCORES = ("score_valid", "score_test", "score_train")
MOST_BYTES = 1 << 32

EXAMPLES = ("--out lcdb.h5", "database-accuracy.csv")


def tables(source: Path | None, progress: Progress) -> Iterator[Blackbox]:
    """LCDB: accuracy of 20 learners over sizes of the training set, on data sets of OpenML; one task a data set.

    SOURCE is database-accuracy.csv (or -auc, -f1, -logloss); left out, it is that of the installed package lcdb
    (pip install --no-deps 'lcdb==0.1.0'), which is not imported. A configuration is a learner with its defaults, the
    replicates are pairs of outer and inner seed, and every size is trained from scratch.
    """
    path = _packaged() if source is None else source
    measure = path.stem.rpartition("-")[2]
    rows = _Rows(path)
    tasks = rows.tasks()
    for done, (task, members) in enumerate(tasks):
        progress(done, len(tasks))
        yield rows.table(task, members, measure)
    progress(len(tasks), len(tasks))


def _packaged() -> Path:
    """The file in the installed package, found without importing it (it imports openml)."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        path = Path(str(distribution("lcdb").locate_file(PACKAGED)))
    except PackageNotFoundError:
        raise BlackboxError(
            "name database-accuracy.csv, or install the package that has it: pip install 'rungsim[lcdb]'"
        ) from None
    return existing(path)


class _Rows:
    """The columns of the file, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        table = _read(path)
        columns = {name: table.column(name).to_numpy() for name in (*KEYS, "traintime", *SCORES)}
        learners = table.column("learner").combine_chunks()
        self.learners = np.array(learners.dictionary.to_pylist(), dtype=object)
        self.learner = learners.indices.to_numpy()
        self.task, self.size, self.outer, self.inner = (columns[name] for name in KEYS)
        self.seconds = columns["traintime"]
        self.scores = {name: columns[name] for name in SCORES}
        for name, good in (
            ("size_train", self.size > 0),
            ("traintime", np.isfinite(self.seconds) & (self.seconds >= 0)),
        ):
            if not good.all():
                row = int(np.argmin(good))
                raise BlackboxError(f"{path}: row {row + 1}, column {name!r}: {columns[name][row]} cannot be")

    def tasks(self) -> list[tuple[int, np.ndarray]]:
        """Each OpenML id with its rows."""
        order = np.argsort(self.task, kind="stable")
        ids, starts = np.unique(self.task[order], return_index=True)
        return list(zip(ids.tolist(), np.split(order, starts[1:]), strict=True))

    def table(self, task: int, rows: np.ndarray, measure: str) -> Blackbox:
        """One data set."""
        names = sorted(set(self.learners[np.unique(self.learner[rows])].tolist()))
        number = {name: i for i, name in enumerate(names)}
        config = np.array([number.get(name, 0) for name in self.learners.tolist()])[self.learner[rows]]
        _, outer = np.unique(self.outer[rows], return_inverse=True)
        _, inner = np.unique(self.inner[rows], return_inverse=True)
        _, replicate = np.unique(outer * (inner.max() + 1) + inner, return_inverse=True)
        sizes, position = np.unique(self.size[rows], return_inverse=True)
        shape = len(names), int(replicate.max()) + 1, len(sizes)
        if np.prod(shape, dtype=float) * (1 + len(SCORES)) > MOST_CELLS:
            raise BlackboxError(f"{self.path}: openmlid {task}: {shape} learners, seeds and sizes are too many")
        cell = (config * shape[1] + replicate) * shape[2] + position
        self._refuse_doubles(rows, cell)
        seconds = self._spread(self.seconds[rows], cell, shape)
        scores = {name: self._spread(values[rows], cell, shape) for name, values in self.scores.items()}
        elapsed, changed = non_decreasing(seconds)
        elapsed, failed = _with_failures(elapsed)
        return Blackbox(
            family="lcdb" if measure == "accuracy" else f"lcdb-{measure}",
            task=str(task),
            space=inferred_space({"learner": np.array(names, dtype=object)}),
            configs={"learner": names},
            resources=sizes,
            metrics=scores,
            metric_info=dict.fromkeys(
                scores, Metric("min", "nat") if measure == "logloss" else Metric("max", "fraction")
            ),
            elapsed=elapsed,
            default_metric="score_valid",
            test_metric="score_test",
            resumable=False,
            resource_unit="instance",
            licence="MIT",
            source="LCDB 1.0, Mohr et al. 2022, ECML PKDD; Python package lcdb 0.1.0",
            description=_described(task, measure, changed, failed),
        )

    def _refuse_doubles(self, rows: np.ndarray, cell: np.ndarray) -> None:
        order = np.argsort(cell, kind="stable")
        same = np.flatnonzero(cell[order][1:] == cell[order][:-1])
        if len(same):
            first, second = (int(row) + 1 for row in rows[order[same[0] : same[0] + 2]])
            raise BlackboxError(f"{self.path}: row {second}: the same learner, seeds and size as row {first}")

    def _spread(self, values: np.ndarray, cell: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        array = np.full(shape, np.nan)
        array.reshape(-1)[cell] = np.where(np.isinf(values), np.nan, values)
        return array


def _with_failures(elapsed: np.ndarray) -> tuple[np.ndarray, float]:
    """Times before the end of a curve where nothing is recorded, and the share of them among all up to the end."""
    missing = np.isnan(elapsed)
    inside = np.logical_or.accumulate(~missing[..., ::-1], axis=-1)[..., ::-1]
    known = np.maximum.accumulate(np.where(missing, 0.0, elapsed), axis=-1)
    return np.where(inside, known, np.nan), float((missing & inside).sum() / inside.sum())


def _described(task: int, measure: str, changed: float, failed: float) -> str:
    return (
        f"OpenML data set {task}; {measure} of learners with their defaults, trained from scratch on subsets. "
        "The largest size is as a rule all of the training data, off the grid of the others. "
        f"{share(changed)} of the measured times were less than at a smaller size and were raised to it. "
        f"{share(failed)} of the entries have no row at a size although a larger one has: training failed there, so "
        "the metrics are NaN (diverged), and the time is that of the size before (0 before the first). "
        "Other missing sizes end a curve."
    )


def _read(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    if existing(path).stat().st_size > MOST_BYTES:
        raise BlackboxError(f"{path}: more than {MOST_BYTES} bytes")
    types = dict.fromkeys(KEYS, pa.int64()) | dict.fromkeys(("traintime", *SCORES), pa.float64())
    types["learner"] = pa.dictionary(pa.int32(), pa.string())
    with damage(path):
        table = arrow_csv.read_csv(
            path,
            # One thread: then an error tells the row.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=1 << 22),
            convert_options=arrow_csv.ConvertOptions(include_columns=list(types), column_types=types),
        ).unify_dictionaries()
        for name in (*KEYS, "learner"):
            if table.column(name).null_count:
                raise BlackboxError(f"{path}: column {name!r} has gaps")
    if not table.num_rows:
        raise BlackboxError(f"{path}: it has no rows")
    return table

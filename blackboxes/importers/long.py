"""Long tables: anyone's own logs, with one row for each configuration, replicate and resource."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.formats.elapsed import non_decreasing, share
from blackboxes.formats.inferred_space import described, inferred_space
from blackboxes.formats.long_columns import LongColumns, long_columns
from blackboxes.formats.long_file import LongFile
from blackboxes.formats.reading import MOST_JSON, existing
from blackboxes.formats.rows import Curves, codes, curves
from blackboxes.importers import Progress
from blackboxes.table import Blackbox

COLUMN = "the column of"

EXAMPLES = (
    "logs.csv --columns columns.toml",
    "logs.csv --hyperparameters lr,units --resource epoch --elapsed seconds --metric val_error=min,acc=max",
)


def tables(
    source: Path,
    progress: Progress,
    *,
    hyperparameters: Annotated[str, "the columns of the hyperparameters: lr,units"] = "",
    resource: Annotated[str, f"{COLUMN} the resource: epoch"] = "",
    elapsed: Annotated[str, f"{COLUMN} the seconds since the start of training"] = "",
    step_time: Annotated[str, f"{COLUMN} the seconds since the row before, instead of --elapsed"] = "",
    metric: Annotated[str, "the columns of the metrics: val_error=min,acc=max; schedulers see the first"] = "",
    test_metric: Annotated[str, "the metric that scores incumbents: test_error=min"] = "",
    replicate: Annotated[str, f"{COLUMN} the seed or replicate"] = "",
    configuration: Annotated[str, f"{COLUMN} the configuration's id (default: equal hyperparameters)"] = "",
    task: Annotated[str, f"{COLUMN} the task (default: one task, the file's name)"] = "",
    censored: Annotated[str, f"{COLUMN} a flag: this curve was cut short by a scheduler"] = "",
    cut_short: Annotated[
        bool, "every curve that ends before the largest resource was cut short by a scheduler"
    ] = False,
    from_scratch: Annotated[bool, "every resource was trained from scratch (sizes of a training subset)"] = False,
    resources: Annotated[str, "keep the rows of these resources alone: 1,3,9,27"] = "",
    columns: Annotated[
        str, "a TOML file with the names above: hyperparameters = ['lr'], metric.val_error = 'min'"
    ] = "",
    space: Annotated[str, "a file with the space in ConfigSpace's JSON (default: inferred from the values)"] = "",
    family: Annotated[str, "the family's name (default: the file's name)"] = "",
    unit: Annotated[str, "the resource's unit, one word (default: the column's name)"] = "",
    licence: Annotated[str, "under which the logs may be used"] = "",
    origin: Annotated[str, "where the logs come from"] = "",
    description: Annotated[str, "what the logs are"] = "",
) -> Iterator[Blackbox]:
    """Anyone's CSV or Parquet: one row for each configuration, replicate and resource, in any order.

    SOURCE is the file. Columns are named by the options or in a TOML file with the options' names (--columns). Rows
    of one curve need the same hyperparameters; curves may end early. A metric that is missing or infinite has
    diverged. Other columns are ignored. The named columns are held in memory.
    """
    named = long_columns(
        {
            "hyperparameters": hyperparameters,
            "resource": resource,
            "elapsed": elapsed,
            "step_time": step_time,
            "metric": metric,
            "test_metric": test_metric,
            "replicate": replicate,
            "configuration": configuration,
            "task": task,
            "censored": censored,
        },
        Path(columns) if columns else None,
    )
    if from_scratch and named.step_time:
        raise BlackboxError(
            "from-scratch training has no steps: name the column of all seconds of a training (elapsed)"
        )
    stated = _space_text(Path(space)) if space else ""
    file = LongFile(source, named.wanted())
    table = _Rows(file, named, _wanted_resources(resources))
    name = source.name.partition(".")[0] or "table"
    for done, (label, rows) in enumerate(table.tasks.items()):
        progress(done, len(table.tasks))
        made, remarks = table.curves(rows, from_scratch)
        configs = table.configs(rows)
        inferred = None if stated else inferred_space(configs)
        if inferred is not None:
            remarks.append(f"The space was inferred from the values: {described(inferred)}.")
        cut = table.censored(made, cut_short)
        yield Blackbox(
            family=family or name,
            task=label or name,
            space=stated if inferred is None else inferred,
            configs=configs,
            resources=made.resources,
            metrics=made.metrics,
            metric_info=named.metric,
            elapsed=made.elapsed,
            default_metric=next(iter(named.metric)),
            test_metric=named.test_metric or None,
            resumable=not from_scratch,
            resource_unit=unit or named.resource,
            censored=cut,
            licence=licence,
            source=origin,
            description=" ".join(filter(None, [description, *remarks])),
        )
    progress(len(table.tasks), len(table.tasks))


class _Rows:
    """The rows of a long file that are kept, and which task, configuration and replicate each belongs to."""

    def __init__(self, file: LongFile, named: LongColumns, kept: np.ndarray | None) -> None:
        self.file, self.named = file, named
        self.resource = self._present(named.resource, positive=True)
        self.seconds = self._present(named.elapsed or named.step_time)
        self.hyperparameters = {name: file.values(name) for name in named.hyperparameters}
        ids = [file.values(named.configuration)] if named.configuration else self.hyperparameters.values()
        self.configuration = codes([*ids])[0]
        self.replicate = np.zeros(file.rows, dtype=np.int64)
        if named.replicate:
            seeds = file.values(named.replicate)
            self.replicate = np.unique(seeds.astype(str) if seeds.dtype.kind == "O" else seeds, return_inverse=True)[1]
        self.metrics = {name: file.numbers(name) for name in named.metric}
        self.flags = file.flags(named.censored) if named.censored else None
        rows = np.arange(file.rows) if kept is None else np.flatnonzero(np.isin(self.resource, kept))
        if not len(rows):
            raise BlackboxError(f"{file.path}: no row has one of the resources {kept}")
        self.tasks: dict[str, np.ndarray] = {"": rows}
        if named.task:
            labels = file.values(named.task)
            number, first = codes([labels[rows]])
            order = np.argsort(number, kind="stable")
            groups = np.split(rows[order], np.cumsum(np.bincount(number))[:-1])
            self.tasks = {self._label(labels, int(rows[f])): group for f, group in zip(first, groups, strict=True)}

    def configs(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The hyperparameters of each configuration of a task, in the order of `curves`."""
        first = rows[codes([self.configuration[rows]])[1]]
        return {name: values[first] for name, values in self.hyperparameters.items()}

    def curves(self, rows: np.ndarray, from_scratch: bool) -> tuple[Curves, list[str]]:
        """The arrays of one task, and what a reader of the table should know about them."""
        file, named = self.file, self.named
        configuration, first = codes([self.configuration[rows]])
        if named.configuration:
            self._refuse_changes(rows, rows[first][configuration])
        replicate = np.unique(self.replicate[rows], return_inverse=True)[1]
        made = curves(
            file.where,
            file.place,
            rows,
            configuration,
            replicate,
            self.resource[rows],
            self.seconds[rows],
            {name: values[rows] for name, values in self.metrics.items()},
            steps=bool(named.step_time),
            hint="" if named.replicate else ": is there a column of seeds (replicate) or of ids (configuration)?",
        )
        mended, changed = non_decreasing(made.elapsed)
        if changed and not from_scratch:
            i, s, r = (int(k[0]) for k in np.nonzero((mended != made.elapsed) & ~np.isnan(made.elapsed)))
            row = int(rows[(configuration == i) & (replicate == s) & (self.resource[rows] == made.resources[r])][0])
            raise BlackboxError(
                f"{file.where(row, named.elapsed)}: {made.elapsed[i, s, r]:g} seconds since the start are fewer than "
                f"at the resource before ({mended[i, s, r]:g}): if they are those of one step, name it as step-time"
            )
        noise = f"{share(changed)} of the times were less than at a smaller resource and were raised to it."
        return Curves(made.resources, mended, made.metrics, made.last), [noise] if changed else []

    def censored(self, made: Curves, cut_short: bool) -> np.ndarray | None:
        """(n, S) which curves were cut short by a scheduler; None if nothing is said about it."""
        if self.flags is None and not cut_short:
            return None
        measured = made.last >= 0
        ended_early = measured & np.isnan(made.elapsed[:, :, -1])
        if self.flags is None:
            return ended_early
        return measured & self.flags[made.last] | (ended_early & cut_short)

    def _refuse_changes(self, rows: np.ndarray, firsts: np.ndarray) -> None:
        """Each row has the hyperparameters of the first row of its configuration."""
        for name, values in self.hyperparameters.items():
            number = codes([values])[0]
            odd = number[rows] != number[firsts]
            if odd.any():
                row, first = (int(k[np.argmax(odd)]) for k in (rows, firsts))
                here, there = (values[k : k + 1].tolist()[0] for k in (row, first))
                raise BlackboxError(
                    f"{self.file.where(row, name)}: {here!r:.40}, but {self.file.place(first)} of the same "
                    f"configuration has {there!r:.40}"
                )

    def _label(self, labels: np.ndarray, row: int) -> str:
        label = labels[row]
        if label is None or label != label:
            raise BlackboxError(f"{self.file.where(row, self.named.task)}: there is no task")
        return str(label)

    def _present(self, name: str, *, positive: bool = False) -> np.ndarray:
        """A column of numbers without gaps: positive ones, or else not negative ones."""
        numbers = self.file.numbers(name)
        good = np.isfinite(numbers) & ((numbers > 0) if positive else (numbers >= 0))
        if not good.all():
            row = int(np.argmin(good))
            right = "a positive number" if positive else "a number of seconds, 0 or more,"
            raise BlackboxError(f"{self.file.where(row, name)}: {right} is needed, not {numbers[row]:g}")
        return numbers


def _wanted_resources(text: str) -> np.ndarray | None:
    try:
        return np.array([float(part) for part in text.split(",")]) if text else None
    except ValueError:
        raise BlackboxError(f"resources: numbers with commas between them are needed, not {text!r:.60}") from None


def _space_text(path: Path) -> str:
    if existing(path).stat().st_size > MOST_JSON:
        raise BlackboxError(f"{path}: a space of more than {MOST_JSON} bytes")
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BlackboxError(f"{path}: not a text: {error}") from None

"""The file format: one HDF5 file a family, many tasks.

    /                       attributes format="rungsim", version=1, family
    /tasks/TASK             attributes space (ConfigSpace JSON), resumable, resource_unit, default_metric, test_metric
                            (optional), licence, source, description
    /tasks/TASK/configs/H   (n,) one dataset for each hyperparameter: its values; or, with an attribute choices
                            (a JSON list), integers that are positions in that list
    /tasks/TASK/resources   (R,)
    /tasks/TASK/elapsed     (n, S, R) float64 seconds from nothing, NaN = not measured
    /tasks/TASK/metrics/M   (n, S, R) attributes direction ("min" or "max") and unit; NaN = diverged where elapsed
                            is finite
    /tasks/TASK/censored    (n, S) bool, optional

Texts are UTF-8 of fixed length, the metadata those of HDF5 1.10 with checksums: `untrusted` says why. Compressed
files (shuffle and gzip) are read into memory; uncompressed ones are memory-mapped, so that they open at once and
processes share them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from blackboxes.aside import written_aside
from blackboxes.errors import BlackboxError, damage, listed, name_hint
from blackboxes.table import Blackbox, Metric
from blackboxes.untrusted import MOST_TEXT, MOST_UNPACKED, UntrustedFile, check_name, check_text

if TYPE_CHECKING:
    from h5py import Dataset, Group

VERSION = 1


def save(path: str | os.PathLike[str], tables: Iterable[Blackbox], *, compress: bool = True) -> None:
    """Write the tables of one family, aside first and then renamed, so that `path` is never half written.

    Args:
        path: the file to make or replace.
        tables: one `Blackbox` for each task; same family, distinct tasks. Each is written before the next one is asked
            for, so that a generator needs memory for one at a time.
        compress: True for files that are shipped, False for large ones that are to be memory-mapped.

    Raises:
        BlackboxError: no table, two families, a task twice, or what a file cannot hold: a name with a slash, a text
            with control characters, a space that is not JSON, more than 8 GiB compressed.
        OSError: the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        why = "it is a folder" if path.is_dir() else "there is no such folder"
        raise BlackboxError(f"{path}: cannot be written, {why}")
    family, tasks = "", set[str]()
    with (
        written_aside(path) as aside,
        # Aligned, since arrays are used where they lie in the file.
        h5py.File(aside, "x", libver="v110", alignment_threshold=1, alignment_interval=8) as file,
    ):
        for table in tables:
            try:
                if not tasks:
                    family = table.family
                    _set_texts(file, format="rungsim", family=family)
                    file.attrs["version"] = VERSION
                if table.family != family or table.task in tasks:
                    raise BlackboxError(
                        f"one file holds one family and each task once: {table.name} after {family}:{max(tasks)}"
                    )
                name = check_name("task", table.task)
                tasks.add(name)
                _write_task(file.create_group(f"tasks/{name}", track_order=True), table, compress)
            except BlackboxError as error:
                raise BlackboxError(f"{path}: {error}") from error.__cause__
            del table  # before the next one is made: memory may hold one only
        if not tasks:
            raise BlackboxError(f"{path}: one file holds at least one table")


def _write_task(group: Group, table: Blackbox, compress: bool) -> None:
    try:
        space = json.dumps(table.space.to_serialized_dict())
    except TypeError as error:
        raise BlackboxError(f"{table.task}: the space cannot be written as JSON: {error}") from error
    _set_texts(group, space=space, resource_unit=table.resource_unit, default_metric=table.default_metric)
    _set_texts(group, licence=table.licence, source=table.source, description=table.description)
    if table.test_metric is not None:
        _set_texts(group, test_metric=table.test_metric)
    group.attrs["resumable"] = table.resumable
    if compress and sum(a.nbytes for a in (table.elapsed, *table.metrics.values())) > MOST_UNPACKED:
        raise BlackboxError(f"{table.task}: more than {MOST_UNPACKED >> 30} GiB: write it with compress=False")
    filters: dict[str, Any] = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if compress else {}
    configs = group.create_group("configs", track_order=True)
    for name, column in table.columns.items():
        values, choices = _coded(column)
        dataset = configs.create_dataset(check_name("configs", name), data=values, **filters)
        if choices is not None:
            _set_texts(dataset, choices=choices)
    group.create_dataset("resources", data=table.resources)
    _set_texts(group.create_dataset("elapsed", data=table.elapsed, **filters), unit="s")
    metrics = group.create_group("metrics", track_order=True)
    for name, values in table.metrics.items():
        info = table.metric_info[name]
        dataset = metrics.create_dataset(check_name("metrics", name), data=values, **filters)
        _set_texts(dataset, direction=info.direction, unit=info.unit)
    if table.censored is not None:
        group.create_dataset("censored", data=table.censored, **filters)


def _set_texts(owner: Group | Dataset, **texts: str) -> None:
    for name, text in texts.items():
        encoded = check_text(name, text).encode()
        if len(encoded) > MOST_TEXT:
            raise BlackboxError(f"{name}: {len(encoded)} bytes of text, the most is {MOST_TEXT}")
        owner.attrs.create(name, encoded, dtype=h5py.string_dtype("utf-8", max(1, len(encoded))))


def _coded(column: np.ndarray) -> tuple[np.ndarray, str | None]:
    """Numbers as they are; objects as positions in a list of choices, and that list as JSON."""
    if column.dtype.kind != "O":
        return column, None
    choices: dict[str, int] = {}
    codes = [choices.setdefault(json.dumps(value), len(choices)) for value in column]
    return np.array(codes, dtype=np.min_scalar_type(len(choices))), f"[{', '.join(choices)}]"


def tasks_of(path: str | os.PathLike[str]) -> list[str]:
    """The names of the tasks in a file, in alphabetical order, without reading any table.

    Raises:
        BlackboxError: no such file, or not a rungsim file.
    """
    with _opened(Path(path)) as file:
        return sorted(file.names(file.group(file.root, "tasks")))


def read(path: str | os.PathLike[str], task: str | None = None) -> Blackbox:
    """Read and check one task of a file.

    Args:
        path: a rungsim HDF5 file.
        task: which one; may be left out where the file holds only one.

    Raises:
        BlackboxError: no such file or task, not a rungsim file, truncated, or wrong inside; the message names
            the file, the dataset and the row.
    """
    path = Path(path)
    with _opened(path) as file:
        group = file.group(file.root, "tasks")
        tasks = sorted(file.names(group))
        if task is None and len(tasks) != 1:
            raise BlackboxError(f"it holds {len(tasks)} tasks, name one of: {listed(tasks)}")
        name = tasks[0] if task is None else task
        if name not in tasks:
            raise BlackboxError(f"it has no task {name!r}: {name_hint(str(name), tasks)}")
        try:
            with damage("the task"):
                return _read_task(file, file.group(group, name), name, path.stem)
        except BlackboxError as error:
            raise BlackboxError(f"tasks/{name}: {error}") from error.__cause__


@contextmanager
def _opened(path: Path) -> Iterator[UntrustedFile]:
    """A file of rungsim's, while it is open; errors get its path in front."""
    file = UntrustedFile(path)
    try:
        with damage("the file"):
            if "format" not in file.root.attrs or file.attribute(file.root, "format", str) != "rungsim":
                raise BlackboxError("an HDF5 file, but not one of rungsim's (no attribute format='rungsim')")
            version = file.attribute(file.root, "version", int)
            if version != VERSION:
                raise BlackboxError(f"written in version {version} of the format, this rungsim reads version {VERSION}")
            yield file
    except BlackboxError as error:
        raise BlackboxError(f"{path}: {error}") from error.__cause__
    finally:
        file.close()


def _read_task(file: UntrustedFile, group: Group, task: str, family: str) -> Blackbox:
    configs, metrics = file.group(group, "configs"), file.group(group, "metrics")
    measured = {name: file.array(metrics, name, "f") for name in file.names(metrics)}
    return Blackbox(
        family=file.attribute(file.root, "family", str, family),
        task=task,
        space=file.attribute(group, "space", str),
        configs={name: _column(file, configs, name) for name in file.names(configs)},
        resources=file.array(group, "resources", "iuf"),
        metrics=measured,
        metric_info={name: _metric(file, metrics, name) for name in measured},
        elapsed=file.array(group, "elapsed", "f"),
        default_metric=file.attribute(group, "default_metric", str),
        test_metric=file.attribute(group, "test_metric", str) if "test_metric" in group.attrs else None,
        resumable=file.attribute(group, "resumable", bool),
        resource_unit=file.attribute(group, "resource_unit", str),
        censored=file.array(group, "censored", "b") if "censored" in file.names(group) else None,
        licence=file.attribute(group, "licence", str, ""),
        source=file.attribute(group, "source", str, ""),
        description=file.attribute(group, "description", str, ""),
    )


def _metric(file: UntrustedFile, metrics: Group, name: str) -> Metric:
    direction, unit = (file.attribute(metrics[name], key, str) for key in ("direction", "unit"))
    try:
        return Metric(direction, unit)
    except BlackboxError as error:
        raise BlackboxError(f"metrics/{name}: {error}") from None


def _column(file: UntrustedFile, configs: Group, name: str) -> np.ndarray:
    """One hyperparameter's values, a copy in memory, so that looking up a row never waits for the disk."""
    values = np.array(file.array(configs, name, "biuf"))
    if "choices" not in configs[name].attrs:
        return values
    text = file.attribute(configs[name], "choices", str)
    try:
        choices = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BlackboxError(f"configs/{name}: the attribute 'choices' is not JSON: {error}") from None
    if not isinstance(choices, list) or any(isinstance(choice, (list, dict)) for choice in choices):
        raise BlackboxError(f"configs/{name}: the attribute 'choices' is not a JSON list of texts and numbers")
    wrong = (values < 0) | (values >= len(choices))
    if wrong.any() or values.dtype.kind not in "iu":
        row = int(np.argmax(wrong))
        raise BlackboxError(f"configs/{name}: row {row}: {values[row]} is no position in {len(choices)} choices")
    table = np.empty(len(choices), dtype=object)
    table[:] = choices
    return table[values]

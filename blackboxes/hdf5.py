"""The file format: one HDF5 file a family, many tasks.

    /                       attributes format="rungsim", version=1, family, licence, source, description
    /tasks/TASK             attributes space (ConfigSpace JSON), resumable, resource_unit, default_metric, test_metric
    /tasks/TASK/configs/H   (n,) one dataset for each hyperparameter
    /tasks/TASK/resources   (R,)
    /tasks/TASK/elapsed     (n, S, R) float64 seconds from nothing, NaN = not measured
    /tasks/TASK/metrics/M   (n, S, R) attributes direction ("min" or "max"), unit; NaN = diverged if elapsed is finite
    /tasks/TASK/censored    (n, S) bool, optional

Compressed files are read into memory; uncompressed ones are memory-mapped, so that they open at once and
processes share them.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import h5py
import numpy as np

from blackboxes.errors import BlackboxError, name_hint
from blackboxes.table import Blackbox, Metric

if TYPE_CHECKING:
    from h5py import Dataset, Group

T = TypeVar("T")
VERSION = 1
MOST_COMPRESSED = 1100  # deflate cannot shrink more than 1032 to 1: a larger claim is damage or an attack


def save(path: str | os.PathLike[str], tables: Sequence[Blackbox], *, compress: bool = True) -> None:
    """Write the tables of one family, aside first and then renamed, so that `path` is never half written.

    Args:
        path: the file to make or replace.
        tables: one `Blackbox` for each task; same family, distinct tasks.
        compress: True for files that are shipped, False for large ones that are to be memory-mapped.

    Raises:
        BlackboxError: no table, two families, or a task twice.
    """
    path = Path(path)
    families, tasks = {table.family for table in tables}, [table.task for table in tables]
    if len(families) != 1 or len(set(tasks)) != len(tasks):
        raise BlackboxError(f"{path}: one file holds one family and each task once, not {sorted(families)} {tasks}")
    for task in tasks:
        if not task or "/" in task or task in (".", ".."):
            raise BlackboxError(f"{path}: {task!r} cannot name a task, since it has a slash or is empty")
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        with h5py.File(aside, "w", libver="v110") as file:
            first = tables[0]
            file.attrs.update(
                format="rungsim",
                version=VERSION,
                family=first.family,
                licence=first.licence,
                source=first.source,
                description=first.description,
            )
            for table in tables:
                _write_task(file.create_group(f"tasks/{table.task}", track_order=True), table, compress)
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    finally:
        Path(aside).unlink(missing_ok=True)


def _write_task(group: Group, table: Blackbox, compress: bool) -> None:
    group.attrs.update(
        space=json.dumps(table.space.to_serialized_dict()),
        resumable=table.resumable,
        resource_unit=table.resource_unit,
        default_metric=table.default_metric,
    )
    if table.test_metric is not None:
        group.attrs["test_metric"] = table.test_metric
    filters: dict[str, Any] = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if compress else {}
    configs = group.create_group("configs", track_order=True)
    for name, column in table.columns.items():
        if column.dtype.kind in "OUS":
            configs.create_dataset(name, data=column.astype(object), dtype=h5py.string_dtype())
        else:
            configs.create_dataset(name, data=column, **filters)
    group.create_dataset("resources", data=table.resources)
    group.create_dataset("elapsed", data=table.elapsed, **filters).attrs["unit"] = "s"
    metrics = group.create_group("metrics", track_order=True)
    for name, values in table.metrics.items():
        dataset = metrics.create_dataset(name, data=values, **filters)
        dataset.attrs.update(direction=table.metric_info[name].direction, unit=table.metric_info[name].unit)
    if table.censored is not None:
        group.create_dataset("censored", data=table.censored, **filters)


def tasks_of(path: str | os.PathLike[str]) -> list[str]:
    """The names of the tasks in a file, in alphabetical order, without reading any table."""
    return _with_file(Path(path), lambda file: sorted(file["tasks"]))


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

    def read_task(file: h5py.File) -> Blackbox:
        tasks = sorted(file["tasks"])
        if task is None and len(tasks) != 1:
            raise BlackboxError(f"{path} holds {len(tasks)} tasks, name one of: {', '.join(tasks)}")
        name = tasks[0] if task is None else task
        if name not in tasks:
            raise BlackboxError(f"{path} has no task {name!r}: {name_hint(name, tasks)}")
        try:
            return _read_task(path, file, name)
        except BlackboxError as error:
            raise BlackboxError(f"{path}, tasks/{name}: {error}") from None

    return _with_file(path, read_task)


def _with_file(path: Path, use: Callable[[h5py.File], T]) -> T:
    if not path.is_file():
        raise BlackboxError(f"{path}: there is no such file")
    try:
        with h5py.File(path, "r") as file:
            if _text(file.attrs.get("format")) != "rungsim" or "tasks" not in file:
                raise BlackboxError(f"{path}: an HDF5 file, but not one of rungsim's (no attribute format='rungsim')")
            if int(file.attrs.get("version", 0)) != VERSION:
                raise BlackboxError(
                    f"{path}: written in version {file.attrs.get('version')} of the format, "
                    f"this rungsim reads version {VERSION}"
                )
            return use(file)
    except BlackboxError:
        raise
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError, ... for damaged files
        raise BlackboxError(f"{path}: not a readable HDF5 file, it may be truncated ({error})") from error


def _read_task(path: Path, file: h5py.File, task: str) -> Blackbox:
    group = file["tasks"][task]
    configs, metrics = _group(group, "configs"), _group(group, "metrics")
    attributes = {name: _text(value) for name, value in group.attrs.items()}
    for name in ("space", "default_metric", "resource_unit", "resumable"):
        if name not in attributes:
            raise BlackboxError(f"the attribute {name!r} is missing")
    info = {}
    for name, dataset in metrics.items():
        try:
            info[name] = Metric(_text(dataset.attrs.get("direction")), _text(dataset.attrs.get("unit", "1")))
        except BlackboxError as error:
            raise BlackboxError(f"metrics/{name}: {error}") from None
    return Blackbox(
        family=_text(file.attrs.get("family", path.stem)),
        task=task,
        space=attributes["space"],
        configs={name: _column(path, configs, name) for name in configs},
        resources=_array(path, group, "resources", "iuf"),
        metrics={name: _array(path, metrics, name, "f") for name in metrics},
        metric_info=info,
        elapsed=_array(path, group, "elapsed", "f"),
        default_metric=attributes["default_metric"],
        test_metric=attributes.get("test_metric"),
        resumable=bool(attributes["resumable"]),
        resource_unit=attributes["resource_unit"],
        censored=_array(path, group, "censored", "b") if "censored" in group else None,
        licence=_text(file.attrs.get("licence", "")),
        source=_text(file.attrs.get("source", "")),
        description=_text(file.attrs.get("description", "")),
    )


def _group(group: Group, name: str) -> Group:
    found = group.get(name)
    if not isinstance(found, h5py.Group):
        raise BlackboxError(f"the group {name!r} is missing")
    return found


def _dataset(group: Group, name: str) -> Dataset:
    """A dataset that lies in this very file and cannot unpack to more than it could hold."""
    link = group.get(name, getlink=True)
    found = group.get(name) if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise BlackboxError(f"the dataset {name!r} is missing or lies outside the file")
    if found.nbytes > MOST_COMPRESSED * max(found.id.get_storage_size(), 64):
        raise BlackboxError(
            f"{name} claims {found.nbytes} bytes {found.shape} but stores {found.id.get_storage_size()}: damaged"
        )
    return found


def _array(path: Path, group: Group, name: str, kinds: str) -> np.ndarray:
    dataset = _dataset(group, name)
    if dataset.dtype.kind not in kinds:
        raise BlackboxError(f"{name}: numbers of kind {'/'.join(kinds)!r} are needed, not {dataset.dtype}")
    offset = dataset.id.get_offset()
    native = dataset.dtype.newbyteorder("=")
    if offset is not None and dataset.size and dataset.dtype == native:
        return np.memmap(path, mode="r", dtype=native, shape=dataset.shape, offset=offset)
    return dataset[()].astype(native, copy=False)


def _column(path: Path, configs: Group, name: str) -> np.ndarray:
    dataset = _dataset(configs, name)
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return dataset.asstr()[()]
    return np.array(_array(path, configs, name, "biuf"))


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value

"""The folders of Syne Tune's blackbox repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from blackboxes.errors import BlackboxError, listed, printable
from blackboxes.formats.elapsed import non_decreasing, share
from blackboxes.formats.reading import column_values, existing, hint, read_json, read_npy, read_parquet
from blackboxes.formats.syne_tune_domains import domains_space
from blackboxes.importers import Progress
from blackboxes.table import Blackbox, Metric

# Larger is better where one of these is a word of the metric's name: folders do not record the direction.
LARGER = {"accuracy", "acc", "auc", "bac", "f1", "precision", "r2", "recall", "reward", "score"}
ELAPSED_KEYS = ("metric_elapsed_time", "elapsed_time_attr")
DEFAULT_KEYS = ("metric_default", "default_metric")
MOST_TASKS = 10_000

EXAMPLES = ("blackbox-repository/fcnet", "blackbox-repository/lcbench --maximise val_accuracy")


def tables(
    source: Path,
    progress: Progress,
    *,
    maximise: Annotated[str, "metrics where larger is better: acc,auc; all others are minimised"] = "",
    elapsed: Annotated[str, "the objective that holds the seconds so far (default: as metadata.json says)"] = "",
    unit_cost: Annotated[float, "seconds of one unit of the resource, for folders without recorded times"] = 0.0,
    from_scratch: Annotated[bool, "every resource was trained from scratch"] = False,
    family: Annotated[str, "the family's name (default: the folder's name)"] = "",
) -> Iterator[Blackbox]:
    """Syne Tune's blackbox repository: fcnet, lcbench, nasbench201, pd1, hpob, tabrepo, ... as it serialises them.

    SOURCE is the folder of one family, with metadata.json and configspace.json, and either one set of files for all
    tasks or three files a task. The folder does not record which way is better: a metric is maximised if a word of its
    name is accuracy, acc, auc, bac, f1, precision, r2, recall, reward or score, unless --maximise names those. Seeds
    become replicates. The surrogates of yahpo-* are the importer `yahpo`'s.
    """
    folder = _Folder(source)
    names, tasks = folder.objectives, folder.tasks
    time = elapsed or folder.metadata_text(ELAPSED_KEYS)
    if (not time or time not in names) and not unit_cost > 0:
        why = (
            f"the objective {time!r} is not among {printable(listed(names))}"
            if time
            else "no objective is said to be the time"
        )
        raise BlackboxError(f"{source}: {why}: name it with --elapsed, or state --unit-cost SECONDS for each unit")
    measured = [name for name in names if name != time]
    if not measured:
        raise BlackboxError(f"{source}: there is no objective beside the time")
    direction = _directions(measured, maximise)
    for done in range(len(tasks)):
        progress(done, len(tasks))
        yield folder.table(
            done,
            family=family or source.resolve().name,
            time=time if time in names else "",
            unit_cost=unit_cost,
            metrics=direction,
            said=bool(maximise),
            resumable=not from_scratch,
        )
    progress(len(tasks), len(tasks))


def _directions(names: list[str], maximise: str) -> dict[str, Metric]:
    named = [name.strip() for name in maximise.split(",") if name.strip()]
    for name in named:
        if name not in names:
            raise BlackboxError(f"--maximise: there is no metric {name!r}: {hint(name, names)}")
    words = {name: set(re.split(r"[^a-z0-9]+", name.lower())) for name in names}
    larger = named or [name for name in names if words[name] & LARGER]
    return {name: Metric("max" if name in larger else "min") for name in names}


@dataclass(frozen=True)
class _Task:
    """Columns (n,), `values` (n, S, R, objectives) and `fidelities` (R,) of one task."""

    columns: dict[str, np.ndarray]
    values: np.ndarray
    fidelities: np.ndarray
    resource: str
    where: Path


class _Folder:
    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BlackboxError(f"{folder}: there is no such folder: the folder of one family is needed")
        self.folder = folder
        if (folder / "model.onnx").exists():
            raise BlackboxError(f"{folder}: a surrogate of YAHPO Gym: import it with the format yahpo")
        self.metadata = read_json(folder / "metadata.json")
        self.domains = read_json(folder / "configspace.json")
        self.objectives = self._names("objectives_names")
        self.tasks = self._names("task_names")
        self.together = (folder / "hyperparameters.parquet").exists()
        first = f"{self.tasks[0]}-hyperparameters.parquet"
        if not self.together and not (folder / first).exists():
            raise BlackboxError(
                f"{folder}: there is neither hyperparameters.parquet nor {first}: a folder as Syne Tune's tables are "
                f"serialised is needed (data-TASK.parquet, as of icml-*, has no learning curves and is not read)"
            )

    def metadata_text(self, keys: tuple[str, ...]) -> str:
        """The first of the keys that metadata.json has; "" for none."""
        found = next((self.metadata[key] for key in keys if key in self.metadata), "")
        if not isinstance(found, str):
            raise BlackboxError(f"{self.folder / 'metadata.json'}: {keys[0]} should be a text, not {found!r:.40}")
        return found

    def _names(self, key: str) -> list[str]:
        found = self.metadata.get(key)
        # HPO-B's tasks are numbers in some versions.
        names = [str(name) for name in found] if isinstance(found, list) else []
        texts = all(isinstance(name, (str, int)) for name in found or ())
        if not 0 < len(names) <= MOST_TASKS or not texts or len(set(names)) < len(names):
            raise BlackboxError(f"{self.folder / 'metadata.json'}: {key} should be a list of names, not {found!r:.60}")
        for name in names:
            if "/" in name or "\\" in name or "\0" in name or name.startswith("."):
                raise BlackboxError(f"{self.folder / 'metadata.json'}: {key}: {name!r:.60} is no plain name")
        return names

    def table(
        self,
        number: int,
        *,
        family: str,
        time: str,
        unit_cost: float,
        metrics: Mapping[str, Metric],
        said: bool,
        resumable: bool,
    ) -> Blackbox:
        """One task as a table; `time` is the objective that holds the seconds, "" for `unit_cost` a unit."""
        task = self._together(number) if self.together else self._apart(self.tasks[number])
        values = {name: task.values[..., k] for k, name in enumerate(self.objectives)}
        if time:
            with np.errstate(invalid="ignore"):  # signalling NaN
                seconds = np.array(values[time], dtype=np.float64)
        else:
            measured = ~np.isnan(np.stack([values[name] for name in metrics])).all(axis=0)
            # What comes before a measured resource was trained too, and diverged.
            measured = np.logical_or.accumulate(measured[..., ::-1], axis=2)[..., ::-1]
            seconds = np.where(measured, task.fidelities * unit_cost, np.nan)
        kept = ~np.isnan(seconds).all(axis=(1, 2))
        remarks = [] if kept.all() else [f"{(~kept).sum()} configurations were not measured and are left out."]
        if not kept.any():
            raise BlackboxError(f"{task.where}: no time was measured")
        mended, changed = non_decreasing(seconds[kept])
        columns = {name: column[kept] for name, column in task.columns.items()}
        space, widened = domains_space(self.domains, columns)
        arrays = {name: np.array(values[name][kept]) for name in metrics}
        for array in arrays.values():
            array[np.isinf(array)] = np.nan
        if changed:
            remarks.append(f"{share(changed)} of the times were less than at a smaller resource and were raised to it.")
        if not time:
            remarks.append(f"Times were not recorded: {unit_cost:g} seconds are stated for each {task.resource}.")
        if not said:
            larger = [name for name, metric in metrics.items() if metric.direction == "max"]
            remarks.append(f"Directions were taken from the names: {listed(larger)} maximised, all others minimised.")
        default = self.metadata_text(DEFAULT_KEYS)
        return Blackbox(
            family=family,
            task=self.tasks[number],
            space=space,
            configs=columns,
            resources=task.fidelities,
            metrics=arrays,
            metric_info=metrics,
            elapsed=mended,
            default_metric=default if default in metrics else None,
            resumable=resumable,
            resource_unit=task.resource.removeprefix("hp_"),
            source=f"Syne Tune's blackbox repository, folder {self.folder.resolve().name}",
            description=" ".join([*remarks, *widened]),
        )

    def _together(self, number: int) -> _Task:
        path = self.folder / "objectives_evaluations.npy"
        values = read_npy(path, dimensions=5)
        if len(values) != len(self.tasks):
            raise BlackboxError(f"{path}: {len(values)} tasks, metadata.json names {len(self.tasks)}")
        resource = self._resource(self.folder / "fidelityspace.json")
        return self._checked(path, values[number], "hyperparameters.parquet", "fidelities_values.npy", resource)

    def _apart(self, task: str) -> _Task:
        path = self.folder / f"{task}-objectives_evaluations.npy"
        resource = self._resource(self.folder / f"{task}-fidelity_space.json")
        names = f"{task}-hyperparameters.parquet", f"{task}-fidelity_values.npy"
        return self._checked(path, read_npy(path, dimensions=4), *names, resource)

    def _checked(self, path: Path, values: np.ndarray, parquet: str, npy: str, resource: str) -> _Task:
        table = read_parquet(existing(self.folder / parquet))
        columns = {name: column_values(self.folder / parquet, name, table.column(name)) for name in table.column_names}
        fidelities = np.array(read_npy(self.folder / npy, dimensions=1, kinds="iuf"))
        due = (table.num_rows, values.shape[1], len(fidelities), len(self.objectives))
        if values.shape != due or 0 in due:
            raise BlackboxError(
                f"{path}: shape {values.shape}, should be {due}: (configurations, seeds, fidelities, objectives)"
            )
        if values.dtype.itemsize not in (4, 8):
            values = np.array(values, dtype=np.float64)
        return _Task(columns, values, fidelities, resource, path)

    def _resource(self, path: Path) -> str:
        """The name of the only fidelity."""
        found: dict[str, Any] = read_json(path)
        if len(found) != 1:
            raise BlackboxError(
                f"{path}: {len(found)} fidelities ({printable(listed(found))}), a table has one resource"
            )
        return next(iter(found))

"""FCNet, the tabular benchmarks of Klein & Hutter (2019): all 62,208 configurations of a small network on 4 data sets.

Facts from the benchmark's own reader (`tabular_benchmarks/fcnet_benchmark.py`), its space included: a group for each
configuration, named by it as JSON; the time of an epoch is a hundredth of the whole run's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from blackboxes.errors import BlackboxError, listed
from blackboxes.importers import Progress
from blackboxes.table import Blackbox, Metric

if TYPE_CHECKING:
    from blackboxes.formats.foreign_hdf5 import ForeignFile

REPLICATES, EPOCHS = 4, 100
UNITS = [16, 32, 64, 128, 256, 512]
ORDINALS: dict[str, list[Any]] = {
    "batch_size": [8, 16, 32, 64],
    "dropout_1": [0.0, 0.3, 0.6],
    "dropout_2": [0.0, 0.3, 0.6],
    "init_lr": [5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1],
    "n_units_1": UNITS,
    "n_units_2": UNITS,
}
CATEGORIES: dict[str, list[Any]] = {
    "activation_fn_1": ["relu", "tanh"],
    "activation_fn_2": ["relu", "tanh"],
    "lr_schedule": ["cosine", "const"],
}
CHOICES = ORDINALS | CATEGORIES
MOST_CONFIGS = int(np.prod([len(values) for values in CHOICES.values()]))  # 62,208
CURVES = ("valid_mse", "train_mse", "valid_loss", "train_loss")
DESCRIPTION = (
    "Elapsed time at epoch e is e/100 of the run's time, the only one measured. final_test_error and n_params are "
    "{constants}. What is infinite is stored as diverged."
)

EXAMPLES = ("fcnet_tabular_benchmarks", "fcnet_protein_structure_data.hdf5 --constants")


def tables(
    source: Path,
    progress: Progress,
    *,
    constants: Annotated[bool, "also final_test_error (as the test metric) and n_params, constant over epochs"] = False,
) -> Iterator[Blackbox]:
    """FCNet: 62,208 configurations of a fully connected network, 4 replicates, 100 epochs, 4 regression tasks.

    SOURCE is fcnet_TASK_data.hdf5, or a folder of such files: one task each. The default metric is valid_mse.

    The test error was measured after the last epoch only. With --constants it is given at every epoch, so the test
    score of an incumbent that was trained for less tells what it would have come to, and no scheduler may see it.
    """
    source = Path(source)
    paths = sorted(source.glob("fcnet_*_data.hdf5")) if source.is_dir() else [source]
    if not paths:
        raise BlackboxError(f"{source}: a folder without any fcnet_TASK_data.hdf5")
    for i, path in enumerate(paths):
        try:
            yield _table(path, lambda share, i=i: progress(i + share, len(paths)), constants)
        except BlackboxError as error:
            raise BlackboxError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None


def _table(path: Path, progress: Any, constants: bool) -> Blackbox:
    from ConfigSpace import Categorical, ConfigurationSpace, OrdinalHyperparameter

    from blackboxes.formats.foreign_hdf5 import ForeignFile

    with ForeignFile(path) as file:
        names = file.root_names(MOST_CONFIGS)
        if not names:
            raise BlackboxError("there is no group in it, one for each configuration is needed")
        configs = _configs(names)
        metrics, elapsed, fixed = _curves(file, names, progress, constants)
    if constants:
        metrics |= {name: np.broadcast_to(values[:, :, None], elapsed.shape) for name, values in fixed.items()}
    return Blackbox(
        family="fcnet",
        task=path.stem.removeprefix("fcnet_").removesuffix("_data"),
        space=ConfigurationSpace(
            name="fcnet",
            space=[
                *(OrdinalHyperparameter(name, values) for name, values in ORDINALS.items()),
                *(Categorical(name, values) for name, values in CATEGORIES.items()),
            ],
        ),
        configs=configs,
        resources=np.arange(1, EPOCHS + 1),
        metrics=metrics,
        metric_info={name: Metric("min") for name in metrics},
        elapsed=elapsed,
        test_metric="final_test_error" if constants else None,
        source="Klein & Hutter, Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization, 2019",
        description=DESCRIPTION.format(
            constants="known after the last epoch, and the same at all of them" if constants else "left out"
        ),
    )


def _configs(names: list[str]) -> dict[str, np.ndarray]:
    """The columns of configurations that are written as JSON; each is in the space, and none comes twice."""
    codes = np.empty((len(names), len(CHOICES)), dtype=np.int64)
    positions = [{choice: i for i, choice in enumerate(values)} for values in CHOICES.values()]
    for row, name in enumerate(names):
        try:
            config = json.loads(name)
            codes[row] = [known[config[key]] for key, known in zip(CHOICES, positions, strict=True)]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BlackboxError(f"group {name[:300]!r}: not a configuration of {listed(CHOICES)} as JSON") from None
        if len(config) != len(CHOICES):
            raise BlackboxError(f"group {name[:300]!r}: more than {listed(CHOICES)}")
    same = np.ravel_multi_index(tuple(codes.T), tuple(map(len, CHOICES.values())))
    if len(np.unique(same)) < len(names):
        raise BlackboxError("two groups have the same configuration")
    columns = {}
    for j, (name, values) in enumerate(CHOICES.items()):
        columns[name] = np.array(values, dtype=object if name in CATEGORIES else None)[codes[:, j]]
    return columns


def _curves(
    file: ForeignFile, names: list[str], progress: Any, constants: bool
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    """Metrics (n, 4, 100), elapsed seconds (n, 4, 100), and if wanted the constants (n, 4)."""
    n, curve = len(names), (REPLICATES, EPOCHS)
    first = file.root_group(names[0])
    metrics = {}
    for name in CURVES:  # as they are stored, where that is float32: half the size
        stored = file.read(first, name.encode(), curve).dtype
        metrics[name] = np.empty((n, *curve), dtype=np.float32 if stored == np.float32 else np.float64)
    runtime = np.empty((n, REPLICATES))
    fixed = {name: np.empty((n, REPLICATES)) for name in ("final_test_error", "n_params") if constants}
    arrays = metrics | fixed | {"runtime": runtime}
    targets = [(name.encode(), array, array.shape[1:]) for name, array in arrays.items()]
    for row, name in enumerate(names):
        try:
            group = file.root_group(name)
            for dataset, target, shape in targets:
                target[row] = file.read(group, dataset, shape)
        except BlackboxError as error:
            raise BlackboxError(f"group {name[:300]!r}: {error}") from None
        if row % 500 == 499 or row + 1 == len(names):
            progress((row + 1) / len(names))
    for array in metrics.values():
        array[np.isinf(array)] = np.nan
    return metrics, runtime[:, :, None] * (np.arange(1, EPOCHS + 1) / EPOCHS), fixed

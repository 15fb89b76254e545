"""LCBench (Zimmer, Lindauer & Hutter 2020): 2,000 configurations of funnel-shaped MLPs on 35 OpenML data sets.

Facts from the benchmark's own README and reader (`api.py`): data set -> configuration -> config, log, results; the
logs hold 52 entries, of which the first was written before training and the last after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.formats.bounds import spanned
from blackboxes.formats.json_stream import JsonStream
from blackboxes.formats.numbers import fields, number, numbers, whole
from blackboxes.formats.streams import opened
from blackboxes.importers import Progress
from blackboxes.table import Blackbox, Metric

EPOCHS = 50
ENTRIES = EPOCHS + 2
MOST_CONFIGS = 100_000  # in one data set; 2,000 were published
METRICS = {
    "val_accuracy": Metric("max", "percent"),
    "val_balanced_accuracy": Metric("max", "percent"),
    "val_cross_entropy": Metric("min", "nat"),
    "test_result": Metric("max", "percent"),
    "test_balanced_accuracy": Metric("max", "percent"),
    "test_cross_entropy": Metric("min", "nat"),
}
DESCRIPTION = (
    "Epoch e is entry e of the published logs, which count from 0, and elapsed time is counted from entry 0, written "
    "before training; entry 51, evaluated once more after it, is left out. test_result is the accuracy on the test "
    "set. Hyperparameters that never vary are left out."
)


class Range(NamedTuple):
    """The published range of a hyperparameter."""

    bounds: tuple[float, float]
    log: bool = False
    integer: bool = False


SPACE = {
    "batch_size": Range((16, 512), log=True, integer=True),
    "learning_rate": Range((1e-4, 1e-1), log=True),
    "momentum": Range((0.1, 0.99)),
    "weight_decay": Range((1e-5, 1e-1)),
    "num_layers": Range((1, 5), integer=True),
    "max_units": Range((64, 1024), log=True, integer=True),
    "max_dropout": Range((0.0, 1.0)),
}

EXAMPLES = ("data_2k_lw.json", "six_datasets_lw.json --out six.h5")


def tables(source: Path, progress: Progress) -> Iterator[Blackbox]:
    """LCBench: 2,000 configurations of MLPs on 35 data sets, 50 epochs, 1 replicate.

    SOURCE is the JSON file: data_2k.json, data_2k_lw.json or six_datasets_lw.json. It is read as a stream, so that
    memory holds the numbers of one data set. The default metric is val_accuracy, the test metric test_result.
    """
    source, seen = Path(source), set()
    with opened(source, progress) as stream:
        try:
            text = JsonStream(stream)
            for task in text.keys("data sets by name"):
                if task in seen:
                    raise BlackboxError(f"data set {task[:80]!r} comes twice")
                seen.add(task)
                try:
                    yield _table(task, text)
                except BlackboxError as error:
                    raise BlackboxError(f"{task[:80]!r}: {error}") from None
            text.end()
        except BlackboxError as error:
            raise BlackboxError(f"{source}: {error}") from None
    if not seen:
        raise BlackboxError(f"{source}: there is no data set in it")


def _table(task: str, text: JsonStream) -> Blackbox:
    from ConfigSpace import ConfigurationSpace, Float, Integer
    from ConfigSpace.hyperparameters import Hyperparameter

    columns: dict[str, list[float]] = {name: [] for name in SPACE}
    curves: dict[str, list[np.ndarray]] = {}
    for key in text.keys("configurations by number"):
        where = f"configuration {key[:20]!r}"
        config, log = fields(where, text.value(), "config", "log")
        if not curves:  # the smaller files lack some logs, then for all configurations
            found = [name for name in METRICS if type(log) is dict and f"Train/{name}" in log]
            curves = {name: [] for name in ["time", "val_accuracy", *found]}
        for name, value in zip(SPACE, fields(f"{where}: config", config, *SPACE), strict=True):
            if name == "num_layers" and value is True:  # as published: 1 had become true
                value = 1
            read = whole if SPACE[name].integer else number
            columns[name].append(read(f"{where}: {name}", value))
        logs = fields(f"{where}: log", log, *(name if name == "time" else f"Train/{name}" for name in curves))
        for name, entries in zip(curves, logs, strict=True):
            values = numbers(f"{where}: {name}", entries, ENTRIES)
            start = values[0] if name == "time" else 0.0
            curves[name].append(values[1 : EPOCHS + 1] - start)
        if len(columns["momentum"]) > MOST_CONFIGS:
            raise BlackboxError(f"more than {MOST_CONFIGS} configurations")
    if not curves:
        raise BlackboxError("there is no configuration in it")

    configs, space = {}, list[Hyperparameter]()
    for name, (stated, log_scale, integer) in SPACE.items():
        configs[name] = values = np.array(columns[name], dtype=np.int64 if integer else np.float64)
        lower, upper = spanned(name, stated, values, log_scale)
        if integer:
            space.append(Integer(name, (int(lower), int(upper)), log=log_scale))
        else:
            space.append(Float(name, (lower, upper), log=log_scale))
    stacked = {name: np.stack(values)[:, None] for name, values in curves.items()}
    elapsed = stacked.pop("time")
    return Blackbox(
        family="lcbench",
        task=task,
        space=ConfigurationSpace(name="lcbench", space=space),
        configs=configs,
        resources=np.arange(1, EPOCHS + 1),
        metrics=stacked,
        metric_info={name: METRICS[name] for name in stacked},
        elapsed=elapsed,
        test_metric="test_result" if "test_result" in stacked else None,
        source="Zimmer, Lindauer & Hutter, Auto-PyTorch Tabular, TPAMI 2021 (LCBench)",
        description=DESCRIPTION,
    )

"""NAS-Bench-201 as published in NATS-Bench (Dong & Yang 2020; Dong et al. 2021): one pickle of all runs.

Facts from the reader that comes with NATS-Bench (`nats_bench/api_utils.py`), the script that made its files
(`tss-collect.py` of AutoDL-Projects) and Syne Tune's conversion: an architecture's runs of 200 epochs lie under "200",
by data set and seed; the accuracy after each epoch was measured on "ori-test" only; an epoch's time is that of its
training and of its evaluation together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.formats.numbers import fields, number, numbers, whole
from blackboxes.formats.streams import opened
from blackboxes.importers import Progress
from blackboxes.table import Blackbox, Metric

ARCHITECTURES = 15_625
EPOCHS = 200
ROUNDING = 1e-3  # percent
SEEDS = (777, 888, 999)
TASKS = ("cifar10", "cifar100", "ImageNet16-120")
OPERATORS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
EDGES = ["edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3"]  # from node, to node; as in a cell
CELL = re.compile(r"\|{0}~0\|\+\|{0}~0\|{0}~1\|\+\|{0}~0\|{0}~1\|{0}~2\|".format(f"({'|'.join(OPERATORS)})"))
CURVES = ("train_acc1es", "eval_acc1es", "train_times", "eval_times")
CONSTANTS = {"latency": "s", "flop": "MFLOP", "params": "M"}
TRAINED, EVALUATED = range(EPOCHS), [f"ori-test@{epoch}" for epoch in range(EPOCHS)]  # keys of the curves
PACKED = "packed"  # the only key of a curve's dict once its numbers are in an array
DESCRIPTION = (
    "valid_accuracy is 'ori-test', as in Syne Tune, since nothing else was measured after each epoch: the test set of "
    "cifar10, and validation and test set together of the others. NATS-Bench's authors scaled the times of all epochs "
    "from one run of 12 epochs on cifar10. Replicates are the seeds 777, 888, 999; one that was not run is missing. "
    "edge_i_j is the operator on the way from node i to node j of the cell."
)

EXAMPLES = ("NATS-tss-v1_0-3ffb9.pickle.pbz2", "nb201.pickle --constants")


def tables(
    source: Path,
    progress: Progress,
    *,
    constants: Annotated[bool, "also latency, flop and params, as metrics constant over the epochs"] = False,
) -> Iterator[Blackbox]:
    """NAS-Bench-201: 15,625 architectures on three image data sets, 3 seeds, 200 epochs.

    SOURCE is the pickle of NATS-Bench's topology space, plain or compressed (nb201.pickle, .bz2, .pbz2). It is read
    without running anything in it. The file holds all data sets interleaved: the numbers that are needed of all three
    stay in memory, about 2 GB.
    """
    from blackboxes.formats.pickles import load

    source = Path(source)
    with opened(source, progress) as stream:
        try:
            data = load(stream.read, _shrink)
            total, archs = fields("the pickle", data, "total_archs", "arch2infos")
            count = whole("total_archs", total)
            if not 0 < count <= ARCHITECTURES or type(archs) is not dict or len(archs) != count:
                raise BlackboxError(f"total_archs: 1 to {ARCHITECTURES} are needed, and as many arch2infos")
            runs = [_runs(archs, i) for i in range(count)]
        except BlackboxError as error:
            raise BlackboxError(f"{source}: {error}") from None
    cells = np.array([cell for cell, _ in runs], dtype=object)
    for task in TASKS:
        try:
            yield _table(task, cells, [results for _, results in runs], constants)
        except BlackboxError as error:
            raise BlackboxError(f"{source}: {task}: {error}") from None


def _shrink(value: dict[Any, Any]) -> int:
    """Leaves of a run no more than the curves that are needed, as arrays; says how many items went.

    What is needed is replaced inside its own dict, since another run may mention the same dict.
    """
    if "eval_acc1es" not in value:
        return 0
    gone = 0
    for name in CURVES:
        curve = value.get(name)
        if type(curve) is dict and PACKED not in curve:
            packed = _packed(curve, EVALUATED if name.startswith("eval") else TRAINED)
            gone += len(curve) - 1
            curve.clear()
            curve[PACKED] = packed
    for name in [name for name in value if name not in CURVES and name not in CONSTANTS]:
        extra = value.pop(name)
        gone += 1
        if type(extra) in (dict, list) and not (type(extra) is dict and PACKED in extra):
            gone += len(extra)
            extra.clear()
    return gone


def _packed(curve: dict[Any, Any], keys: Sequence[Any]) -> np.ndarray | str:
    """A curve by epoch as an array, or what is wrong with it (which matters only if somebody asks for it)."""
    values = [*map(curve.get, keys)]
    if None in values:
        return f"epoch {values.index(None)} is missing"
    try:
        return numbers("the curve", values)
    except BlackboxError as error:
        return str(error)


def _runs(archs: dict[Any, Any], i: int) -> tuple[tuple[str, ...], dict[Any, Any]]:
    """The operators and the runs of one architecture."""
    where = f"arch2infos[{i}]"
    (full,) = fields(where, archs.get(i), "200")
    cell, results = fields(f"{where}['200']", full, "arch_str", "all_results")
    found = CELL.fullmatch(cell) if type(cell) is str else None
    if found is None:
        raise BlackboxError(f"{where}: arch_str is no cell of six operators out of {', '.join(OPERATORS)}")
    if type(results) is not dict:
        raise BlackboxError(f"{where}: all_results is not a dict")
    return found.groups(), results


def _table(task: str, cells: np.ndarray, runs: list[dict[Any, Any]], constants: bool) -> Blackbox:
    from ConfigSpace import Categorical, ConfigurationSpace

    shape = (len(runs), len(SEEDS), EPOCHS)
    valid, train, elapsed = (np.full(shape, np.nan, dtype) for dtype in ("f4", "f4", "f8"))
    fixed = {name: np.full(shape[:2], np.nan) for name in CONSTANTS} if constants else {}
    for i, results in enumerate(runs):
        for j, seed in enumerate(SEEDS):
            run = results.get((task, seed))
            if run is None:
                continue
            where = f"architecture {i}, seed {seed}"
            trained, evaluated, training, evaluation = (_curve(where, run, name) for name in CURVES)
            if (abs(np.append(trained, evaluated) - 50) > 50 + ROUNDING).any():
                raise BlackboxError(f"{where}: an accuracy in percent is not in 0 to 100")
            train[i, j], valid[i, j] = trained, evaluated
            elapsed[i, j] = np.cumsum(training + evaluation)
            for name, values in fixed.items():
                (value,) = fields(where, run, name)
                values[i, j] = number(f"{where}: {name}", value[0] if type(value) is list and value else value)
        if np.isnan(elapsed[i]).all():
            raise BlackboxError(f"architecture {i} has no run with seed {', '.join(map(str, SEEDS))}")
    metrics = {"valid_accuracy": valid, "train_accuracy": train}
    for name, values in fixed.items():
        metrics[name] = np.where(np.isnan(elapsed), np.nan, values[:, :, None])
    info = {name: Metric("max", "percent") for name in ("valid_accuracy", "train_accuracy")}
    return Blackbox(
        family="nasbench201",
        task=task,
        space=ConfigurationSpace(name="nasbench201", space=[Categorical(edge, OPERATORS) for edge in EDGES]),
        configs={edge: cells[:, k] for k, edge in enumerate(EDGES)},
        resources=np.arange(1, EPOCHS + 1),
        metrics=metrics,
        metric_info=info | {name: Metric("min", CONSTANTS[name]) for name in fixed},
        elapsed=elapsed,
        source="Dong & Yang, NAS-Bench-201, ICLR 2020; Dong et al., NATS-Bench, TPAMI 2021",
        description=DESCRIPTION,
    )


def _curve(where: str, run: Any, name: str) -> np.ndarray:
    (curve,) = fields(where, run, name)
    values = curve.get(PACKED) if type(curve) is dict else f"a dict by epoch is needed, not {type(curve).__name__}"
    if not isinstance(values, np.ndarray) or values.shape != (EPOCHS,):
        raise BlackboxError(f"{where}: {name}: {values if isinstance(values, str) else 'is not a curve'}")
    return values

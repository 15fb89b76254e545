"""PD1 (Wang et al. 2021): optimizer hyperparameters of large neural networks, tuned by random (Halton) search.

Facts from the README that is published with the data, and from the conversions of Syne Tune and mf-prior-bench. A row
is one run; its lists have one entry for each evaluation. "matched" files use the same points for all tasks,
"unmatched" ones new points for each; phase 0 was a trial of phase 1 with fewer points. The bounds of the space are
those that both conversions use.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.formats.bounds import spanned
from blackboxes.formats.numbers import fields, number, numbers, whole
from blackboxes.formats.streams import Stream, opened
from blackboxes.formats.tar_stream import files
from blackboxes.importers import Progress
from blackboxes.table import Blackbox, Metric

MEMBER = re.compile(r"pd1_(matched|unmatched)_phase([01])_results\.jsonl(\.gz)?")
MOST_LINE = 1 << 22  # bytes of one row
MOST_RUNS = 200_000  # of all tasks; about 23,000 were published, with 10 million values
MOST_VALUES = 1 << 27  # of all runs, and in one table: 1 GB
# Name here, where it is published, its bounds, logarithmic or not.
HYPERPARAMETERS = [
    ("lr_initial_value", "hps.lr_hparams.initial_value", (1e-5, 10.0), True),
    ("lr_power", "hps.lr_hparams.power", (0.1, 2.0), False),
    ("lr_decay_steps_factor", "hps.lr_hparams.decay_steps_factor", (0.01, 0.99), False),
    ("one_minus_momentum", "hps.opt_hparams.momentum", (1e-3, 1.0), True),
]
NOTHING = "no pd1_*_phase1_results.jsonl.gz in it (those of phase 0 are read only when asked for)"
CLOCK = ("global_step", "eval_time")
METRICS = {
    f"{part}_{name}": (f"{part}/{name}", Metric("min", unit))
    for part in ("valid", "test", "train")
    for name, unit in (("error_rate", "fraction"), ("ce_loss", "nat"))
}


@dataclass
class Run:
    """One row: a configuration, its evaluations' steps and seconds, and its metrics there."""

    config: tuple[float, ...]
    steps: np.ndarray
    seconds: np.ndarray
    values: dict[str, np.ndarray]
    diverged: bool
    estimated: bool = False

    @property
    def content(self) -> tuple[object, ...]:
        """Equal for two rows that tell the same."""
        values = ((name, array.tobytes()) for name, array in self.values.items())
        return (self.steps.tobytes(), self.seconds.tobytes(), *values)


EXAMPLES = ("pd1.tar.gz", "pd1.tar.gz --phase-0 --no-estimate")


def tables(
    source: Path,
    progress: Progress,
    *,
    phase_0: Annotated[bool, "also the runs of phase 0, the smaller trial of phase 1"] = False,
    estimate: Annotated[bool, "show where runs diverged between two evaluations, at an estimated time"] = True,
) -> Iterator[Blackbox]:
    """PD1: learning rate schedule and momentum of large neural networks on 9 data sets, a task for each batch size.

    SOURCE is pd1.tar.gz, a folder with its pd1_*_results.jsonl.gz, or one of these files (then whatever its phase).
    Rows of matched and unmatched points go in, of phase 1 unless told otherwise. Runs of the same configuration
    become replicates; rows that are equal throughout count once.

    The resource is the global step, if the runs of a task were evaluated at the same steps; else the number of the
    evaluation, as in Syne Tune. one_minus_momentum is stored as published.

    A run that diverged has NaN from there on. But of many that did, the lists just end, or have no entry at all. Unless
    --no-estimate is given, such a run is NaN at one more evaluation, which takes as long as its others did on average,
    or as the task's first evaluations did (their median). Runs of which nothing is known then are left out.
    """
    source = Path(source)
    tasks: dict[str, list[Run]] = {}
    count = size = 0
    for where, stream in _members(source, progress, phase_0):
        for i, row in enumerate(_rows(where, stream), 1):
            place = f"{where}: line {i}"
            run = _run(place, row)
            tasks.setdefault(_task(place, row), []).append(run)
            count, size = count + 1, size + len(run.steps) * (2 + len(run.values))
            if count > MOST_RUNS or size > MOST_VALUES:
                raise BlackboxError(f"{place}: more than {MOST_RUNS} runs or {MOST_VALUES} values")
    if not tasks:
        raise BlackboxError(f"{source}: there is no run in it")
    for task in sorted(tasks):
        try:
            table = _table(task, tasks.pop(task), estimate)
        except BlackboxError as error:
            raise BlackboxError(f"{source}: {task}: {error}") from None
        if table is not None:
            yield table


def _members(source: Path, progress: Progress, phase_0: bool) -> Iterator[tuple[str, Stream]]:
    """The wanted files, unpacked, each with where it lies."""
    if source.is_dir():
        found = [path for path in sorted(source.iterdir()) if MEMBER.fullmatch(path.name)]
        wanted = [path for path in found if phase_0 or "phase1" in path.name]
        if not wanted:
            raise BlackboxError(f"{source}: {NOTHING}")
        for i, path in enumerate(wanted):
            with opened(path, _part(progress, i, len(wanted))) as stream:
                yield str(path), stream
    elif MEMBER.fullmatch(source.name):
        with opened(source, progress) as stream:
            yield str(source), stream
    else:
        any_found = False
        with opened(source, progress) as stream:
            try:
                for name, content in files(stream):
                    member = MEMBER.fullmatch(name.rpartition("/")[2])
                    if member and (phase_0 or member[2] == "1"):
                        any_found = True
                        packed = io.BufferedReader(content)
                        unpacked = gzip.GzipFile(fileobj=packed) if member[3] else packed
                        yield f"{source}: {name}", Stream(cast(BinaryIO, unpacked))
            except BlackboxError as error:
                text = str(error)
                raise BlackboxError(text if text.startswith(str(source)) else f"{source}: {text}") from None
        if not any_found:
            raise BlackboxError(f"{source}: {NOTHING}")


def _part(progress: Progress, i: int, count: int) -> Callable[[float, float], object]:
    return lambda done, whole: progress(i + done / whole, count)


def _rows(where: str, stream: Stream) -> Iterator[dict[str, Any]]:
    lines = io.BufferedReader(stream, 1 << 20)
    i = 0
    while True:
        i += 1
        try:
            line = lines.readline(MOST_LINE)
            if not line:
                return
            row = json.loads(line)
        except BlackboxError as error:
            raise BlackboxError(f"{where}: line {i}: {error}") from None
        except (ValueError, RecursionError) as error:
            long = " (or longer than is read)" if len(line) == MOST_LINE else ""
            raise BlackboxError(f"{where}: line {i}: not JSON{long}: {str(error)[:80]}") from None
        if type(row) is not dict:
            raise BlackboxError(f"{where}: line {i}: an object is needed, not {type(row).__name__}")
        yield row


def _task(where: str, row: dict[str, Any]) -> str:
    """As Syne Tune names it: data set, model, activation where it is given, batch size."""
    dataset, model, batch_size = fields(where, row, "dataset", "model", "hps.batch_size")
    parts = [dataset, model, *([row["hps.activation_fn"]] if row.get("hps.activation_fn") is not None else [])]
    if any(type(part) is not str or not re.fullmatch(r"[\w.-]{1,60}", part) for part in parts):
        raise BlackboxError(f"{where}: dataset, model and hps.activation_fn are names, not {str(parts)[:80]}")
    return f"{'_'.join(parts)}_batch_size_{whole(f'{where}: hps.batch_size', batch_size)}"


def _run(where: str, row: dict[str, Any]) -> Run:
    names = [published for _, published, _, _ in HYPERPARAMETERS]
    given = zip(names, fields(where, row, *names), strict=True)
    config = tuple(number(f"{where}: {name}", value) for name, value in given)
    clock = zip(CLOCK, fields(where, row, *CLOCK), strict=True)
    steps, seconds = (numbers(f"{where}: {key}", [] if value is None else value) for key, value in clock)
    lists = {published: row[published] for published, _ in METRICS.values() if row.get(published) is not None}
    if len(steps) != len(seconds):
        raise BlackboxError(f"{where}: eval_time has {len(seconds)} entries, global_step has {len(steps)}")
    values = {key: numbers(f"{where}: {key}", value, len(steps)) for key, value in lists.items()}
    if np.isnan(steps).any():
        raise BlackboxError(f"{where}: global_step: every evaluation needs one")
    # Time that is not known ends the curve: what comes after it has no place on a clock.
    length = int(np.argmin(np.append(~np.isnan(seconds), False)))
    cut = {key: value[:length] for key, value in values.items()}
    return Run(config, steps[:length], seconds[:length], cut, row.get("status") == "diverged")


def _table(task: str, runs: list[Run], estimate: bool) -> Blackbox | None:
    from ConfigSpace import ConfigurationSpace, Float

    names = [name for name, (published, _) in METRICS.items() if any(published in run.values for run in runs)]
    evaluated = [run for run in runs if len(run.steps)]
    if not evaluated or not names:
        return None  # nobody knows anything about it
    grid = max((run.steps for run in evaluated), key=len)
    same_steps = all((run.steps == grid[: len(run.steps)]).all() for run in runs)
    by_step = same_steps and grid[0] > 0 and (np.diff(grid) > 0).all()
    resources = grid if by_step else np.arange(1.0, len(grid) + 1)
    first = float(np.median([run.seconds[0] for run in evaluated]))
    if estimate:
        runs = [_marked(run, len(grid), first) for run in runs]
    # By configuration, in order; equal rows count once.
    rows: dict[tuple[float, ...], dict[tuple[object, ...], Run]] = {}
    for run in runs:
        if len(run.seconds):
            rows.setdefault(run.config, {}).setdefault(run.content, run)
    elapsed, metrics = _arrays([[*replicates.values()] for replicates in rows.values()], names, len(grid))
    configs, space = {}, []
    for j, (name, _, stated, log) in enumerate(HYPERPARAMETERS):
        configs[name] = values = np.array([config[j] for config in rows])
        space.append(Float(name, spanned(name, stated, values, log), log=log))
    left_out = sum(not len(run.seconds) for run in runs)
    estimated = sum(run.estimated for run in runs)
    return Blackbox(
        family="pd1",
        task=task,
        space=ConfigurationSpace(name="pd1", space=space),
        configs=configs,
        resources=resources.astype(np.int64) if (resources % 1 == 0).all() and grid[-1] < 2**53 else resources,
        metrics=metrics,
        metric_info={name: METRICS[name][1] for name in names},
        elapsed=elapsed,
        test_metric="test_error_rate" if "test_error_rate" in names else None,
        resource_unit="step" if by_step else "evaluation",
        licence="CC-BY-4.0",
        source="Wang et al., Pre-trained Gaussian Processes for Bayesian Optimization, 2021 (PD1)",
        description=(
            f"{len(runs)} runs; {left_out} without any evaluation are left out; of {estimated} that diverged between "
            "two evaluations or before the first, the time of the next evaluation is an estimate."
        ),
    )


def _arrays(rows: list[list[Run]], names: list[str], length: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Elapsed seconds and metrics (n, S, R) of the runs of each configuration."""
    shape = (len(rows), max(map(len, rows)), length)
    if math.prod(shape) * (1 + len(names)) > MOST_VALUES:
        raise BlackboxError(f"{shape[0]} configurations x {shape[1]} runs of one x {length} evaluations are too many")
    elapsed = np.full(shape, np.nan)
    metrics = {name: np.full(shape, np.nan) for name in names}
    for i, replicates in enumerate(rows):
        for j, run in enumerate(replicates):
            elapsed[i, j, : len(run.seconds)] = np.cumsum(run.seconds)
            for name, array in metrics.items():
                values = run.values.get(METRICS[name][0], np.empty(0))
                array[i, j, : len(values)] = values
    return elapsed, metrics


def _marked(run: Run, most: int, first: float) -> Run:
    """A run that diverged and shows it nowhere, with one more evaluation, where it is NaN."""
    size = len(run.steps)
    if not run.diverged or size == most or any(np.isnan(values[-1:]).any() for values in run.values.values()):
        return run
    seconds = np.append(run.seconds, run.seconds.mean() if size else first)
    return Run(run.config, run.steps, seconds, run.values, True, estimated=True)

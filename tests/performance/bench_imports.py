"""Cost of importing FCNet at its full size, as a multiple of a plain read of the same datasets with h5py.

    python tests/performance/bench_imports.py [--groups 62208] [--tasks 1] [--folder FOLDER]

Writes files of the published layout (62,208 groups of 7 datasets, float64), which takes minutes, into a folder of its
own or into FOLDER, where they are found again. Then measures in fresh processes, each after the file was read once so
that the disk does not count: a loop over the groups that reads every dataset, the same for only the datasets that the
importer reads, the importer's tables, and their import into a file; and the memory at its most (RSS, in which the
mapped file counts).
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from blackboxes.importers import fcnet

CURVES = ("valid_mse", "train_mse", "valid_loss", "train_loss")


def write(path: Path, groups: int, seed: int) -> None:
    """Random curves for the first so many configurations of the whole grid."""
    import h5py

    draw = np.random.default_rng(seed)
    names = sorted(fcnet.CHOICES)
    aside = path.with_suffix(".part")
    with h5py.File(aside, "w") as file:
        for values in itertools.islice(itertools.product(*(fcnet.CHOICES[name] for name in names)), groups):
            group = file.create_group(json.dumps(dict(zip(names, values, strict=True)), sort_keys=True))
            for name, curve in zip(CURVES, draw.random((len(CURVES), 4, 100)), strict=True):
                group.create_dataset(name, data=curve)
            group.create_dataset("final_test_error", data=draw.random(4))
            group.create_dataset("n_params", data=draw.integers(100, 10_000, 4))
            group.create_dataset("runtime", data=draw.uniform(10, 1000, 4))
    aside.rename(path)


def plain_read(paths: list[Path], wanted: tuple[str, ...] | None = None) -> None:
    """A loop over the groups that reads all their datasets, or those that are wanted."""
    import h5py

    for path in paths:
        with h5py.File(path, "r") as file:
            for group in file.values():
                for name in wanted or group:
                    group[name][()]


def ignored(done: float, whole: float) -> None:
    """Progress."""


def build(paths: list[Path], **options: bool) -> None:
    """The importer's tables, one after another."""
    for path in paths:
        for _ in fcnet.tables(path, ignored, **options):
            pass


def whole_import(paths: list[Path]) -> None:
    """As `rungsim import fcnet` does it, uncompressed."""
    from blackboxes.importing import import_file

    with tempfile.TemporaryDirectory() as folder:
        import_file("fcnet", paths[0] if len(paths) == 1 else paths[0].parent, Path(folder) / "fcnet.h5")


WORK = {
    "plain read": plain_read,
    "plain read of 5 of 7": lambda paths: plain_read(paths, (*CURVES, "runtime")),
    "tables": build,
    "tables, --constants": lambda paths: build(paths, constants=True),
    "import into a file": whole_import,
}


def measure(what: str, paths: list[Path]) -> None:
    """In a process of its own: prints seconds, imports apart, and the most memory in MB."""
    import ConfigSpace  # noqa: F401
    import h5py  # noqa: F401

    for path in paths:
        with open(path, "rb") as file:
            while file.read(1 << 24):
                pass
    begun = time.perf_counter()
    WORK[what](paths)
    seconds = time.perf_counter() - begun
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(seconds, most // 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=fcnet.MOST_CONFIGS)
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        paths = [folder / f"fcnet_task{i}_data.hdf5" for i in range(arguments.tasks)]
        if arguments.measure:
            return measure(arguments.measure, paths)
        for seed, path in enumerate(paths):
            if not path.exists():
                write(path, arguments.groups, seed)
        print(f"{arguments.tasks} x {arguments.groups} groups, {sum(p.stat().st_size for p in paths) / 1e9:.2f} GB")
        base = 0.0
        for what in WORK:
            command = [sys.executable, __file__, "--folder", str(folder), "--tasks", str(arguments.tasks)]
            done = subprocess.run([*command, "--measure", what], capture_output=True, text=True, check=True)
            seconds, memory = map(float, done.stdout.split())
            base = base or seconds
            print(f"{what:25} {seconds:7.1f} s = {seconds / base:4.2f} x plain   {memory:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()

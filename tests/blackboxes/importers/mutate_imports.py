"""Reads mutants of a published file with its importer, in forked processes with limits; run by test_mutated_imports.py.

    python mutate_imports.py FORMAT FOLDER FIRST COUNT

`made_FORMAT.py` writes the file: `write(folder)` gives the path of a small valid file (or folder of files), in which
bytes are changed here. If there is also `changed(folder, draw, mutant)`, every second mutant is one of its: a file
whose structure has changed, or the bytes inside what is compressed (`mutant` changes bytes).

Each mutant is read, and its tables used, saved and loaded again. Prints, as JSON, how often each thing happened, and
what should not have. The last mutant stays in FOLDER, so that COUNT 1 shows what a seed is about.
"""

from __future__ import annotations

import collections
import importlib
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from mutate import mutant

from blackboxes import Blackbox, BlackboxError, load, save

BATCH = 50  # mutants that one process reads, unless it ends before
SECONDS = 10.0  # that a mutant may take
FAULT = 99  # exit status if the fault is here and not in what is tested
MEMORY = 1 << 30  # bytes of data that a process may have beyond those of its libraries
# Formats that a library reads which may crash or hang on a damaged file: then the import ends with an error, since
# `blackboxes.importing` reads in a process of its own; here such ends are counted. All others must not do that.
NATIVE = {"fcnet": "HDF5", "lcdb": "Arrow", "long": "Arrow", "syne_tune": "Arrow", "yahpo": "ONNX Runtime"}
OPTIONS: dict[str, Callable[[ModuleType], dict[str, Any]]] = {
    "long": lambda made: made.NAMES,
    "yahpo": lambda made: {"configs": 3, "scenario": "iaml_ranger"},
}


def main(name: str, folder: Path, first: int, count: int) -> None:
    made = importlib.import_module(f"made_{name}")
    tables = importlib.import_module(f"blackboxes.importers.{name}").tables
    options = OPTIONS.get(name, lambda _: {})(made)
    warnings.simplefilter("error")
    (folder / "whole").mkdir()
    whole = made.write(folder / "whole")
    use(list(tables(whole, lambda done, of: None, **options)), folder)  # and now all that it needs is imported
    happened: collections.Counter[str] = collections.Counter()
    wrong: list[list[Any]] = []

    def read(seed: int) -> tuple[str, str]:
        source = mutated(made, whole, folder, seed)
        return outcome(lambda: use(list(tables(source, ignored, **options)), folder))

    for seed, (what, detail) in outcomes(read, range(first, first + count)):
        happened[what] += 1
        if what == "wrong" or (what in ("crash", "hang") and name not in NATIVE):
            wrong.append([seed, f"{what} {detail}"])
    print(json.dumps({"happened": happened, "wrong": wrong, "native": NATIVE.get(name, "")}))


def ignored(done: float, of: float) -> None:
    """Progress, which must make sense."""
    assert 0 <= done <= of, (done, of)


def mutated(made: ModuleType, whole: Path, folder: Path, seed: int) -> Path:
    """The mutant of this seed, alone in its folder."""
    target = folder / "mutant"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    if seed % 2 and hasattr(made, "changed"):
        return made.changed(target, random.Random(seed), lambda data: mutant(data, seed))
    if whole.is_file():
        path = changed = target / whole.name
        changed.write_bytes(mutant(whole.read_bytes(), seed))
        return path
    path = target / whole.name
    shutil.copytree(whole, path)
    changed = random.Random(seed).choice(sorted(one for one in path.rglob("*") if one.is_file()))
    changed.write_bytes(mutant(changed.read_bytes(), seed))
    return path


def use(tables: list[Blackbox], folder: Path) -> None:
    """Everything that a user may do with the tables; what they hold comes back from a file."""
    for box in tables:
        assert box.vectors.shape == (len(box), len(box.columns))
        assert len(box.configs) == len(box)
        row = box.row_of(box.params(len(box) - 1))
        assert box.params(row) == box.params(len(box) - 1)
        assert box.full_training_time >= 0
        box.best()
        box.curve(0)
    path = folder / "saved.h5"
    save(path, tables, compress=False)
    for box in tables:
        again = load(path, box.task)
        for name, values in box.metrics.items():
            assert np.array_equal(again.metrics[name], values, equal_nan=True), name
        assert np.array_equal(again.elapsed, box.elapsed, equal_nan=True)


def outcome(work: Callable[[], None]) -> tuple[str, str]:
    """What became of one mutant, with bounded memory: read, refused, or wrong, and then why."""
    try:
        with bounded_memory():
            work()
        return "read", ""
    except BlackboxError as error:
        text = str(error)
        if not text.isprintable() or len(text) > 1500:
            return "wrong", f"an ugly message: {text!r}"
        return "refused", ""
    except BaseException:
        return "wrong", traceback.format_exc()


@contextmanager
def bounded_memory() -> Iterator[None]:
    """As Linux counts what a process has allocated, whether it touched it or not."""
    status = Path("/proc/self/status").read_text().splitlines()
    most = MEMORY + next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def outcomes(read: Callable[[int], tuple[str, str]], seeds: range) -> Iterator[tuple[int, tuple[str, str]]]:
    """What became of each, also where the process that read it ended or had to be ended."""
    while seeds:
        done = 0
        for what in forked(read, seeds[:BATCH]):
            yield seeds[done], what
            done += 1
        seeds = seeds[done:]


def forked(read: Callable[[int], tuple[str, str]], seeds: range) -> Iterator[tuple[str, str]]:
    """What became of the first few: up to one that ends the process, or all."""
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for seed in seeds:
                os.write(sink, json.dumps(read(seed)).encode() + b"\n")
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(FAULT)
    os.close(sink)
    lines, hangs, count = b"", False, 0
    begun = time.monotonic()
    while True:
        ready, _, _ = select.select([source], [], [], max(0.0, begun + SECONDS - time.monotonic()))
        part = os.read(source, 1 << 16) if ready else b""
        *complete, lines = (lines + part).split(b"\n")
        for line in complete:
            what, detail = json.loads(line)
            yield what, detail
            begun, count = time.monotonic(), count + 1
        if not part:
            hangs = not ready
            break
    os.close(source)
    if hangs:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == FAULT:
        raise RuntimeError("a mutant could not be made")
    if hangs:
        yield "hang", f"(more than {SECONDS:g} s)"
    elif count < len(seeds):
        yield "crash", f"(exit status {status})"


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

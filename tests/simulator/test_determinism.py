"""The same digest in any process, with any hash seed and any NumPy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tables import random_table

from simulator import Simulation, make_scheduler, scheduler_names

# A model is fitted before every choice, which takes the longer the more it knows: it is asked from the eighth row on.
ROWS = dict.fromkeys(("dyhpo", "mf-bo"), 11) | dict.fromkeys(("hyper-tune", "mobster"), 16)
TESTS = Path(__file__).resolve().parents[1]
PROGRAM = TESTS / "simulator" / "print_digests.py"


def digests_in_a_process(first_on_path: Path | None = None, **environment: str) -> dict[str, Any]:
    path = [TESTS.parent, TESTS] if first_on_path is None else [first_on_path, TESTS.parent, TESTS]
    done = subprocess.run(
        [sys.executable, PROGRAM],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@cache
def in_another_process() -> dict[str, Any]:
    return digests_in_a_process(PYTHONHASHSEED="0")


def test_digests_do_not_depend_on_the_process_or_its_hash_seed() -> None:
    one, other = in_another_process(), digests_in_a_process(PYTHONHASHSEED="1")
    assert len(set(one["digests"].values())) == len(one["digests"]) == 2 * len(scheduler_names())
    assert one == other


def test_digests_in_this_process_are_those_of_another() -> None:
    from print_digests import digests

    assert digests() == in_another_process()["digests"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(scheduler_names()))
def test_what_ran_before_changes_nothing(name: str) -> None:
    n = ROWS.get(name, 30)
    table = random_table(0, n=n, replicates=2)
    first = Simulation(table, name, seed=3).run().digest()
    Simulation(random_table(1), name, seed=4).run()
    Simulation(table, "random", seed=3).run()
    assert Simulation(table, name, seed=3).run().digest() == first
    assert Simulation(random_table(0, n=n, replicates=2), make_scheduler(name), seed=3).run().digest() == first


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(scheduler_names()))
def test_another_seed_is_another_run(name: str) -> None:
    table = random_table(0, n=ROWS.get(name, 30), replicates=2)
    assert len({Simulation(table, name, seed=seed).run().digest() for seed in (0, 1, 2**63, 2**64 - 1)}) == 4


def newest_minor_versions(count: int) -> list[str]:
    """Of NumPy, as pip offers them for this Python, newest first: 2.4.6, 2.3.5."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "index", "versions", "numpy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    listed = re.search(r"Available versions: (.*)", done.stdout)
    if done.returncode or listed is None:
        pytest.skip(f"pip cannot list NumPy's versions here: {done.stderr.strip()[-300:]}")
    newest: dict[tuple[int, int], str] = {}
    for version in listed[1].split(", "):
        major, minor = map(int, version.split(".")[:2])
        newest.setdefault((major, minor), version)
    return [newest[key] for key in sorted(newest, reverse=True)[:count]]


@pytest.mark.slow
def test_digests_do_not_depend_on_the_numpy_version(tmp_path: Path) -> None:
    versions = newest_minor_versions(2)
    assert len(versions) == 2
    found = {}
    for version in versions:
        target = tmp_path / version
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--no-input", "install"]
        # Constraints in the environment would pin the version that is installed already.
        environment = {k: v for k, v in os.environ.items() if k not in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")}
        options = ["--no-deps", "--only-binary", "numpy", "--target", str(target), f"numpy=={version}"]
        subprocess.run([*pip, *options], env=environment, check=True)
        found[version] = digests_in_a_process(target)
        assert found[version]["numpy"] == version
    one, other = (
        {key: digest for key, digest in result["digests"].items() if not key.startswith(("dyhpo", "mf-bo"))}
        for result in found.values()
    )  # what a model chooses is the same with the same packages only
    assert one == other

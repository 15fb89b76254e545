"""Part files: interrupted measurements go on where they stopped, and never mix settings."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "data" / "recipes"))
    module = importlib.import_module("parts")

    def run(measure, jobs, processes, environment) -> Iterator[tuple[str, list[int], np.ndarray]]:
        for task, rows in jobs:  # in this process
            yield task, rows, measure(task, rows)

    monkeypatch.setattr(module, "run", run)
    return module


class Measuring:
    """Stands in for a measurement; is interrupted after some calls."""

    def __init__(self, calls: int = 1000) -> None:
        self.calls, self.seen = calls, []

    def __call__(self, task: str, rows: list[int]) -> np.ndarray:
        if len(self.seen) == self.calls:
            raise KeyboardInterrupt
        self.seen.append((task, rows[0]))
        return np.array(rows, dtype=float)[:, None]


def test_goes_on_where_it_was_interrupted(parts: ModuleType, tmp_path: Path) -> None:
    folder = parts.Parts(tmp_path, {"recipe": 1}, chunk=4)
    first, second = Measuring(calls=3), Measuring()
    with pytest.raises(KeyboardInterrupt):
        folder.complete(first, ["a", "b"], 10, 1, {})
    folder.complete(second, ["a", "b"], 10, 1, {})
    assert first.seen == [("a", 0), ("b", 0), ("a", 4)]
    assert second.seen == [("b", 4), ("a", 8), ("b", 8)]
    assert folder.read_all("b", 10)[:, 0].tolist() == list(range(10))
    assert not list(tmp_path.glob("*.tmp"))


def test_a_longer_run_measures_a_short_last_part_again(parts: ModuleType, tmp_path: Path) -> None:
    folder, more = parts.Parts(tmp_path, {"recipe": 1}, chunk=4), Measuring()
    folder.complete(Measuring(), ["a"], 6, 1, {})
    folder.complete(more, ["a"], 9, 1, {})
    assert more.seen == [("a", 4), ("a", 8)]
    assert folder.read_all("a", 5)[:, 0].tolist() == list(range(5))


def test_refuses_parts_of_other_settings(parts: ModuleType, tmp_path: Path) -> None:
    parts.Parts(tmp_path, {"recipe": 1, "packages": {"numpy": "1"}}, chunk=4).complete(Measuring(), ["a"], 4, 1, {})
    other = parts.Parts(tmp_path, {"recipe": 1, "packages": {"numpy": "2"}}, chunk=4)
    with pytest.raises(SystemExit, match=r"a-0000\.npz: measured with other settings \(packages: .*'1'.*'2'"):
        other.complete(Measuring(), ["a"], 4, 1, {})


def test_refuses_a_damaged_part(parts: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a-0000.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(SystemExit, match=r"a-0000\.npz: not a part file, or a damaged one"):
        parts.Parts(tmp_path, {}, chunk=4).complete(Measuring(), ["a"], 4, 1, {})


def test_a_failed_write_leaves_the_old_file(parts: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text("old")

    def write(aside: Path) -> None:
        aside.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        parts.write_aside(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]

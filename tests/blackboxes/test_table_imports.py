"""What takes long to import is imported when first used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from made import plain

from blackboxes import save

HEAVY = {"h5py", "pandas", "ConfigSpace", "scipy", "matplotlib", "pyarrow", "rich", "typer", "joblib"}
READ = "import sys, blackboxes; box = blackboxes.load(sys.argv[1]); box.params(0); box.curve(0); box.best(); "


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import blackboxes", set()),
        ("import blackboxes; blackboxes.families(); blackboxes.Blackbox; blackboxes.Metric('min')", set()),
        ("import blackboxes; blackboxes.save", {"h5py"}),
        (READ + "box.row_of(box.params(0)); box.full_training_time", {"h5py"}),
        (READ + "box.configs", {"h5py", "pandas"}),
    ],
)
def test_imports(code: str, allowed: set[str], tmp_path: Path) -> None:
    save(tmp_path / "a.h5", [plain()])
    code += "; import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.h5"], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    # pandas brings what it finds, such as pyarrow and scipy: that is its own matter.
    assert not loaded & HEAVY - allowed - (HEAVY - {"ConfigSpace", "matplotlib"} if "pandas" in allowed else set())


def test_unknown_names() -> None:
    import blackboxes

    with pytest.raises(AttributeError, match="module 'blackboxes' has no attribute 'lod'"):
        _ = blackboxes.lod
    assert all(hasattr(blackboxes, name) for name in blackboxes.__all__)

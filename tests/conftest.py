"""Settings of all tests: examples that hypothesis draws are the same on every run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("repeatable")

# Tests start many processes. Where bytecode must not be written beside the sources, as in many containers, each of them
# would compile NumPy, pandas and SciPy anew, which takes longer than most tests do.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    cache = str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "bytecode")
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = cache
    sys.dont_write_bytecode = False


@pytest.fixture(autouse=True, scope="session")
def no_tables_of_the_users_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What whoever runs the tests has imported is none of the tests' business."""
    os.environ["RUNGSIM_DATA"] = str(tmp_path_factory.mktemp("data"))

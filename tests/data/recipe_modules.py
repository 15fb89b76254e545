"""The programs in data/recipes and data/studies, imported as they import each other."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def module(name: str, folder: str = "recipes") -> ModuleType:
    """A module of data/recipes, or of another folder in data."""
    folder = str(ROOT / "data" / folder)
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)

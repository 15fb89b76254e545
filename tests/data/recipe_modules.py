"""The recipes in data/recipes, imported as they import each other."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def module(name: str) -> ModuleType:
    """A module of data/recipes."""
    folder = str(ROOT / "data" / "recipes")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)

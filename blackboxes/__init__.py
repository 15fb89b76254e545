"""Tables of learning curves f(x, r) with the elapsed time of every unit of resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blackboxes.catalogue import families, load
from blackboxes.errors import BlackboxError
from blackboxes.table import Blackbox, Metric

if TYPE_CHECKING:
    from blackboxes.hdf5 import save, tasks_of

__all__ = ["Blackbox", "BlackboxError", "Metric", "families", "load", "save", "tasks_of"]


def __getattr__(name: str) -> Any:
    # h5py takes as long to import as NumPy: only those who touch a file wait for it.
    if name in ("save", "tasks_of"):
        from blackboxes import hdf5

        return getattr(hdf5, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

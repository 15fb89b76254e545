"""Linear algebra on one thread: matrices are small, and several threads would round differently on each machine."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Holds the BLAS libraries to one thread, if threadpoolctl is installed (scikit-learn brings it)."""
    controller = _controller()
    return nullcontext() if controller is None else controller.limit(limits=1, user_api="blas")


@cache  # finding the libraries takes as long as a decision
def _controller() -> Any:
    import scipy.linalg  # noqa: F401  (its library is to be found, too)

    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()

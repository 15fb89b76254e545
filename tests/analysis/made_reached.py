"""Times to a target for tests: by hand, at random, and with known truth."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy.stats import norm

from analysis.targets import Reached


def runs(*times: Any, ends: float = inf, **others: Any) -> Reached:
    """Of schedulers ``a``, ``b``, ...: each a list of times (of one task), or a list of those.

    A negative number is a run that ended without, then; so did all that take longer than `ends`.
    """
    array = np.array([one if np.ndim(one) == 2 else [one] for one in times], dtype=np.float64)
    reached = ((array > 0) | ~np.signbit(array)) & (array <= ends)
    names = {
        "schedulers": tuple("abcdefghijklmnopqrst"[: len(array)]),
        "tasks": tuple(f"task-{k}" for k in range(array.shape[1])),
        "seeds": tuple(range(array.shape[2])),
    }
    return Reached(np.minimum(np.abs(array), ends), reached, **(names | others))


@st.composite
def some_runs(draw: st.DrawFn, schedulers: int = 4, tasks: int = 3, seeds: int = 6) -> Reached:
    """With ties, runs that ended early, and times that others ended at; sizes up to those given."""
    shape = [draw(st.integers(2, schedulers)), draw(st.integers(1, tasks)), draw(st.integers(2, seeds))]
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    times = generator.exponential(4.0, shape)
    if draw(st.booleans()):
        times = np.ceil(times)
    signs = np.where(generator.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.8])), -1.0, 1.0)
    return runs(*(times * signs), ends=draw(st.sampled_from([inf, 5.0])))


def studies(shares: tuple[float, float], seeds: int, shared: float, count: int) -> Iterator[Reached]:
    """Independent studies of two schedulers, in place of tasks, a hundred at a time.

    Times are exponential, with such rates that these shares of runs get there within 1, where all end. `shared` is the
    correlation of two runs under one seed, before they are transformed.
    """
    generator = np.random.default_rng(count + seeds)
    rates = -np.log1p(-np.array(shares))[:, None, None]
    for start in range(0, count, 100):
        shape = (min(100, count - start), seeds)
        common, own = generator.standard_normal(shape), generator.standard_normal((2, *shape))
        uniform = norm.cdf(np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
        yield runs(*(-np.log1p(-uniform) / rates), ends=1.0)

"""The process that takes observations one at a time, against the one that is solved anew."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_gaussian_process import made

from blackboxes.streams import Stream
from simulator.models.gaussian_process import Kernel, Posterior
from simulator.models.growing import GrowingProcess
from simulator.models.threads import one_thread


@pytest.fixture(autouse=True)
def one_thread_as_in_the_schedulers() -> Iterator[None]:
    with one_thread():
        yield


def assert_same(grown: GrowingProcess, posterior: Posterior, queries: np.ndarray, pending: list[int]) -> None:
    mean, deviation = posterior.at(queries)
    assert grown.mean == pytest.approx(mean, rel=1e-6, abs=1e-7)
    assert grown.deviation([]) == pytest.approx(deviation, rel=1e-5, abs=1e-5)
    if pending:
        believed = posterior.fantasised(queries[pending], np.zeros((len(pending), 1)))
        mean, deviation = believed.at(queries)
        assert grown.mean == pytest.approx(mean[:, 0], rel=1e-6, abs=1e-6)
        assert grown.deviation(pending) == pytest.approx(deviation, rel=1e-5, abs=1e-5)


@given(
    seed=st.integers(0, 999),
    first=st.integers(1, 8),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=25),
    pending=st.lists(st.integers(0, 6), max_size=4, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_it_is_the_posterior_whatever_was_added_and_moved(
    seed: int, first: int, steps: list[tuple[bool, int]], pending: list[int]
) -> None:
    X, y, Q, kernel = made(seed, first)
    draw = Stream(seed, "more")
    grown = GrowingProcess(kernel, X, y, Q.copy(), room=40)
    for observe, j in steps:
        if observe:  # what was a query, as often as not the same twice
            X, y = np.vstack([X, Q[j]]), np.append(y, draw.uniform(1)[0] - 0.5)
            grown.observe(Q[j : j + 1], float(y[-1]))
        else:
            Q[j] = draw.uniform(Q.shape[1])
            grown.move(j, Q[j : j + 1])
    assert grown.n == len(X)
    assert_same(grown, Posterior(kernel, X, y), Q, pending)


def test_nearly_no_noise_and_equal_inputs_stay_finite() -> None:
    kernel = Kernel(np.array([5.0]), 100.0, 1e-6, np.array([0]))
    point = np.array([[0.5]])
    grown = GrowingProcess(kernel, point, np.array([1.0]), np.array([[0.5], [0.6]]), room=100)
    for _ in range(99):
        grown.observe(point, 1.0)
    assert grown.full
    assert grown.mean == pytest.approx([1.0, 1.0], abs=0.01)
    assert (grown.deviation([0, 1]) > 0).all()
    assert (grown.deviation([0]) < 0.5).all()

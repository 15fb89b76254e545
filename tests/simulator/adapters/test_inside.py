"""What code finds within a call into a library, and that everything is as before after it."""

from __future__ import annotations

import logging
import operator
import random
import time
import warnings
from multiprocessing import Pipe
from multiprocessing.connection import wait
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np
import pytest
from tables import random_table

from simulator import Simulation
from simulator.adapters.ask_and_tell import AskAndTell, Asked
from simulator.adapters.inside import Inside

GLOBAL: Any = np.random
normal: Any = GLOBAL.normal  # taken before, and caught as well


def draws() -> tuple[Any, ...]:
    return (
        random.random(),
        random.gauss(0, 1),
        random.sample(range(99), 3),
        GLOBAL.rand(),
        GLOBAL.permutation(9).tolist(),
    )


def outside() -> tuple[Any, ...]:
    state = GLOBAL.get_state(legacy=False)
    numbers = state["state"]["key"].tolist(), state["state"]["pos"], state["has_gauss"], state["gauss"]
    clocks = time.time, time.time_ns, time.monotonic, time.perf_counter
    return random.getstate(), numbers, clocks, warnings.filters, logging.getLogger("library").handlers


@pytest.mark.parametrize("halved", [False, True])
def test_nothing_outside_changes_and_draws_go_on_from_call_to_call(halved: bool) -> None:
    GLOBAL.seed(3)
    if halved:
        GLOBAL.standard_normal()  # the second one of the pair is kept for the next call
    before = outside()
    first, again = (Inside(17, lambda: 0.0, "library") for _ in range(2))
    told: list[list[Any]] = [[], []]
    for inside, found in zip((first, again), told, strict=True):
        for _ in range(3):
            with inside:
                found.append(draws())
            random.random()  # what happens outside in between makes no difference
        with pytest.raises(ZeroDivisionError), inside:
            operator.truediv(1.0, 0 * normal())
    random.setstate(before[0])
    assert outside() == before
    assert told[0] == told[1]
    assert len({repr(one) for one in told[0]}) == 3
    with Inside(18, lambda: 0.0):
        assert draws() not in told[0]


def test_clocks_are_simulated_and_nobody_who_kept_one_is_left_with_it(recwarn: pytest.WarningsRecorder) -> None:
    now = 12.25
    with Inside(0, lambda: now, "library"):
        from time import time as kept  # as a module does that a library imports in the middle

        assert (time.time(), time.monotonic(), time.perf_counter_ns()) == (12.25, 12.25, 12_250_000_000)
        warnings.warn("of the library", stacklevel=1)
        now = 13.0
        assert kept() == 13.0
    assert abs(kept() - time.time()) < 5
    assert not recwarn.list
    with Inside(0, lambda: now), pytest.warns(UserWarning, match="of the user"):
        warnings.warn("of the user", stacklevel=1)


def test_other_threads_have_the_real_clock() -> None:
    """They may wait for a moment to come, as those of a pool do, which the library in turn waits for."""
    receiver, sender = Pipe()
    with receiver, sender, Inside(0, lambda: 12.25), ThreadPool(2) as pool:
        assert time.monotonic() == 12.25
        assert pool.apply(time.monotonic) != 12.25
        assert pool.apply(wait, ([receiver], 0.01)) == []


def test_an_optimiser_with_global_random_state_and_a_clock_is_the_same_every_time() -> None:
    table = random_table(3, n=30, size=9, times="fine")

    class Careless:
        def __init__(self, context: Any) -> None:
            self.times: list[float] = []

        def ask(self) -> Asked | None:
            self.times.append(time.time())
            return Asked(random.randrange(30), 1 + GLOBAL.randint(9)) if len(self.times) < 40 else None

        def tell(self, asked: Asked, value: float, seconds: float) -> None:
            GLOBAL.rand()

    optimisers: list[Careless] = []

    def make(context: Any) -> Careless:
        optimisers.append(Careless(context))
        return optimisers[-1]

    digests = []
    for seed in (1, 1, 2):
        random.seed(len(digests))
        GLOBAL.seed(len(digests))
        digests.append(Simulation(table, AskAndTell(make), workers=3, seed=seed).run().digest())
    assert digests[0] == digests[1] != digests[2]
    assert optimisers[0].times == optimisers[1].times
    assert 0 < max(optimisers[0].times) < 1000

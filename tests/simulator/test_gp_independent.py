"""A Gaussian process at each rung, with shared length scales; that the choice is the best is shown in test_gp.py."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from spaces import with_space
from tables import random_table

from blackboxes.streams import Stream
from simulator import SearchContext, Simulation, make_searcher
from simulator.clock import Clock
from simulator.models.fidelities import Independent, Seen
from simulator.models.gaussian_process import (
    cost,
    cost_together,
    fit,
    fit_together,
    squared_distances,
    standard,
)
from simulator.models.threads import one_thread
from simulator.searchers.gp_independent import GpIndependent

OWNERS = np.arange(2)


@pytest.fixture(autouse=True)
def one_thread_as_in_the_searchers() -> Iterator[None]:
    with one_thread():
        yield


def group(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and values of a function of the first hyperparameter alone, with another noise for each seed."""
    draw = Stream(seed, "levels")
    inputs = draw.uniform(2 * n).reshape(n, 2)
    return inputs, standard(np.sin(6 * inputs[:, 0]) + 0.1 * seed * draw.uniform(n))


def test_the_cost_is_the_sum_of_the_costs_and_its_gradient_is_right() -> None:
    groups = [group(1, 9), group(2, 5), group(3, 1)]
    data = [(squared_distances(inputs, OWNERS), values) for inputs, values in groups]
    theta = np.log([0.5, 2.0, 1.0, 0.1, 0.7, 0.01, 2.0, 0.3])
    apart = [cost(np.append(theta[:2], theta[i : i + 2]), *data[k])[0] for k, i in enumerate((2, 4, 6))]
    value, gradient = cost_together(theta, data)
    assert value == pytest.approx(sum(apart))
    numeric = approx_fprime(theta, lambda t: cost_together(t, data)[0], 1e-6)
    assert gradient == pytest.approx(numeric, rel=1e-3, abs=1e-4)


def test_one_process_is_fitted_as_ever() -> None:
    inputs, values = group(1, 20)
    (kernel,) = fit_together([(inputs, values)], OWNERS)
    alone = fit(inputs, OWNERS, values)
    assert kernel.lengths.tolist() == alone.lengths.tolist()
    assert (kernel.signal, kernel.noise) == (alone.signal, alone.noise)


def test_few_observations_get_the_length_scales_of_the_many_below() -> None:
    """Of four observations nobody can tell that only the first hyperparameter matters; of forty below anybody can."""
    many, few = group(1, 40), group(3, 4)
    below, above = fit_together([many, few], OWNERS)
    assert below.lengths.tolist() == above.lengths.tolist()
    assert above.lengths[1] > 5 * above.lengths[0]
    alone = fit(few[0], OWNERS, few[1])
    assert above.lengths == pytest.approx(fit(many[0], OWNERS, many[1]).lengths, rel=0.5)
    assert alone.lengths != pytest.approx(above.lengths, rel=0.5)
    assert (below.signal, below.noise) != (above.signal, above.noise)


def test_levels_do_not_learn_from_one_another_but_for_the_kernel() -> None:
    (low, of_low), (high, of_high) = group(1, 30), group(2, 8)
    resources = np.repeat([1.0, 3.0], [30, 8])
    model = Independent(least=3)
    model.fit(Seen(np.vstack([low, high]), OWNERS, resources, np.append(of_low, of_high)))
    one, other = (
        model.posterior(Seen(np.vstack([low, high]), OWNERS, resources, np.append(values, of_high)), 3.0)
        for values in (of_low, -of_low)
    )
    assert one.mean(low).tolist() == other.mean(low).tolist()
    assert len(one.inputs) == 8


def test_a_resource_with_too_few_observations_takes_no_part() -> None:
    searcher = GpIndependent(min_at_largest=10)
    Simulation(with_space(random_table(1, n=60, levels=None)), "asha-promotion", searcher=searcher, workers=2).run()
    counts = {r: len(observed) for r, observed in searcher.at.items()}
    data = searcher.data()
    assert counts[9] < 10
    assert set(data.resources.tolist()) == {r for r, n in counts.items() if n >= 10} == set(searcher.fidelities.kernels)
    assert data.resource == max(data.resources)
    assert 0 < searcher.model_size <= len(data.rows)


@pytest.mark.parametrize("spec", ["gp-independent(min_at_largest=30, max_observations=8)", "gp-independent()"])
def test_more_observations_needed_than_may_be_used(spec: str) -> None:
    searcher = make_searcher(spec)
    trace = Simulation(
        with_space(random_table(2, n=50, ragged=0.5)), "asha-promotion", searcher=searcher, workers=3
    ).run()
    assert sorted(trace.columns.config.tolist()) == list(range(50))
    assert len(searcher.data().rows) <= searcher.max_observations


def test_a_pending_trial_keeps_others_away_wherever_it_reports() -> None:
    """Two workers ask at once: what the first got is imagined at the largest resource, though it reports below."""
    context = SearchContext(random_table(0, n=81), 0, Clock(), None, False)  # row x has the hyperparameter x / 4

    def second_proposal(told: bool) -> tuple[int, int]:
        searcher = GpIndependent()
        searcher.setup(context)
        for number, row in enumerate((0, 7, 13, 58, 66, 73, 80)):
            trial: Any = SimpleNamespace(id=number, config=row)
            searcher.on_start(trial, 3)
            searcher.observe(trial, 3, ((row - 40) / 80) ** 2)
        first = searcher.propose()
        assert first is not None
        running: Any = SimpleNamespace(id=7, config=first)
        if told:
            searcher.on_start(running, 1)
        second = searcher.propose()
        assert second is not None
        return first, second

    (first, told), (same, untold) = second_proposal(True), second_proposal(False)
    assert first == same
    assert abs(told - first) > abs(untold - first)

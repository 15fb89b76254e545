"""The Gaussian process: posterior, likelihood, fit, fantasies and improvement, against other formulas."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, inf, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackboxes.streams import Stream
from simulator.models import gaussian_process
from simulator.models.coding import indicated
from simulator.models.gaussian_process import (
    Kernel,
    Posterior,
    cost,
    expected_improvement,
    fit,
    squared_distances,
    standard,
)
from simulator.models.threads import one_thread


@pytest.fixture(autouse=True)
def one_thread_as_in_the_searchers() -> Iterator[None]:
    with one_thread():
        yield


def made(seed: int, n: int, d: int = 3, queries: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray, Kernel]:
    """Inputs, standardised values, queries, and a kernel."""
    draw = Stream(seed, "gp")
    X, Q = draw.uniform(n * d).reshape(n, d), draw.uniform(queries * d).reshape(queries, d)
    y = standard(np.sin(5 * X[:, 0]) + X[:, -1] ** 2 + 0.1 * draw.uniform(n))
    lengths = 0.2 + 2 * draw.uniform(d)
    return X, y, Q, Kernel(lengths, 0.5 + float(draw.uniform(1)[0]), 0.01, np.arange(d))


def plain_covariance(a: list[float], b: list[float], lengths: list[float], signal: float) -> float:
    r = sqrt(sum(((x - y) / length) ** 2 for x, y, length in zip(a, b, lengths, strict=True)))
    return signal * (1 + sqrt(5) * r + 5 * r * r / 3) * exp(-sqrt(5) * r)


def plain_posterior(
    X: np.ndarray, y: np.ndarray, Q: np.ndarray, lengths: Any, signal: float, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance by the textbook's formula, with a plain inverse."""

    def matrix(A: np.ndarray, B: np.ndarray) -> np.ndarray:
        return np.array([[plain_covariance(a, b, list(lengths), signal) for b in B.tolist()] for a in A.tolist()])

    inverse = np.linalg.inv(matrix(X, X) + noise * np.eye(len(X)))
    cross = matrix(Q, X)
    return cross @ inverse @ y, matrix(Q, Q) - cross @ inverse @ cross.T


@given(seed=st.integers(0, 999), n=st.integers(1, 25), d=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_the_posterior_is_the_textbooks(seed: int, n: int, d: int) -> None:
    X, y, Q, kernel = made(seed, n, d)
    mean, covariance = plain_posterior(X, y, Q, kernel.lengths, kernel.signal, kernel.noise)
    posterior = Posterior(kernel, X, y)
    found, deviation = posterior.at(Q)
    assert found == pytest.approx(mean, rel=1e-8, abs=1e-9)
    assert deviation**2 == pytest.approx(np.diag(covariance), rel=1e-7, abs=1e-9)
    assert posterior.mean(Q) == pytest.approx(mean, rel=1e-8, abs=1e-9)


def test_many_queries_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, Q, kernel = made(1, 10, queries=50)
    at_once = Posterior(kernel, X, y).at(Q)
    monkeypatch.setattr(gaussian_process, "MOST_PAIRS", 70)
    for whole, parts in zip(at_once, Posterior(kernel, X, y).at(Q), strict=True):
        assert parts == pytest.approx(whole, rel=1e-12)


@given(seed=st.integers(0, 99), n=st.integers(1, 20), d=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_posterior_likelihood_and_its_gradient_are_those_of_scikit_learn(seed: int, n: int, d: int) -> None:
    pytest.importorskip("sklearn")
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    X, y, Q, kernel = made(seed, n, d)
    theirs = ConstantKernel(kernel.signal) * Matern(kernel.lengths, nu=2.5) + WhiteKernel(kernel.noise)
    regressor = GaussianProcessRegressor(theirs, alpha=0, optimizer=None).fit(X, y)
    mean, deviation = regressor.predict(Q, return_std=True)
    found, ours = Posterior(kernel, X, y).at(Q)
    assert found == pytest.approx(mean, rel=1e-8, abs=1e-9)
    assert ours**2 + kernel.noise == pytest.approx(deviation**2, rel=1e-7)  # theirs is of an observation

    theta = np.log([*kernel.lengths, kernel.signal, kernel.noise])
    value, gradient = cost(theta, squared_distances(X, kernel.owners), y)
    in_their_order = np.array([theta[-2], *theta[:-2], theta[-1]])
    likelihood, slopes = regressor.log_marginal_likelihood(in_their_order, eval_gradient=True)
    assert -value == pytest.approx(likelihood, rel=1e-9)
    assert -gradient == pytest.approx(np.array([*slopes[1:-1], slopes[0], slopes[-1]]), rel=1e-6, abs=1e-7)


def test_the_gradient_by_differences_where_columns_share_a_length() -> None:
    X, y, _, _ = made(4, 12, 5)
    owners = np.array([0, 1, 1, 1, 2])
    theta, squares = np.log([0.5, 0.9, 2.0, 1.3, 0.05]), squared_distances(X, owners)
    _, gradient = cost(theta, squares, y)
    step = 1e-6 * np.eye(5)
    differences = [(cost(theta + s, squares, y)[0] - cost(theta - s, squares, y)[0]) / 2e-6 for s in step]
    assert gradient == pytest.approx(differences, rel=1e-5, abs=1e-6)
    kernel = Kernel(np.exp(theta[:3]), 1.3, 0.05, owners)
    assert kernel.covariance(X[:1], X[1:2])[0, 0] == pytest.approx(
        plain_covariance(list(X[0]), list(X[1]), [0.5, 0.9, 0.9, 0.9, 2.0], 1.3)
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_fit_is_a_maximum_of_the_likelihood(seed: int) -> None:
    X, y, _, kernel = made(seed, 30)
    found = fit(X, kernel.owners, y)
    squares = squared_distances(X, kernel.owners)
    low = np.log([gaussian_process.LENGTHS[0]] * 3 + [gaussian_process.SIGNAL[0], gaussian_process.NOISE[0]])
    high = np.log([gaussian_process.LENGTHS[1]] * 3 + [gaussian_process.SIGNAL[1], gaussian_process.NOISE[1]])
    theta = np.log([*found.lengths, found.signal, found.noise])
    best, gradient = cost(theta, squares, y)
    others = low + (high - low) * Stream(seed, "others").uniform(5 * 300).reshape(300, 5)
    assert best <= min(cost(other, squares, y)[0] for other in others)
    inside = (theta > low + 1e-6) & (theta < high - 1e-6)
    assert np.abs(gradient[inside]).max() < 0.02
    assert ((gradient >= -0.02) | (theta >= high - 1e-6)).all()  # at a bound it would go on beyond
    assert ((gradient <= 0.02) | (theta <= low + 1e-6)).all()


def test_the_fit_tells_what_matters() -> None:
    """Of three inputs the second has no say."""
    X, _, _, kernel = made(9, 60)
    lengths = fit(X, kernel.owners, standard(np.sin(6 * X[:, 0]) + np.cos(5 * X[:, 2]))).lengths
    assert lengths[1] > 5 * max(lengths[0], lengths[2])


def test_fantasies_are_draws_from_the_posterior_and_are_then_conditioned_on() -> None:
    X, y, Q, kernel = made(2, 10, queries=6)
    pending, rest = Q[:2], Q[2:]
    s = 200_000
    draws = np.random.default_rng(0).standard_normal((2, s))
    dreamt = Posterior(kernel, X, y).fantasised(pending, draws)
    outcomes = dreamt.values[len(y) :]
    mean, covariance = plain_posterior(X, y, pending, kernel.lengths, kernel.signal, kernel.noise)
    assert outcomes.mean(axis=1) == pytest.approx(mean, abs=0.01)
    assert np.cov(outcomes) == pytest.approx(covariance + kernel.noise * np.eye(2), abs=0.01)
    found, deviation = dreamt.at(rest)
    for world in (0, 1, 7):
        all_X, all_y = np.vstack([X, pending]), np.append(y, outcomes[:, world])
        mean, covariance = plain_posterior(all_X, all_y, rest, kernel.lengths, kernel.signal, kernel.noise)
        assert found[:, world] == pytest.approx(mean, abs=1e-8)
        assert deviation**2 == pytest.approx(np.diag(covariance), abs=1e-8)
    unconditioned = Posterior(kernel, X, y).at(rest)
    assert found.mean(axis=1) == pytest.approx(unconditioned[0], abs=0.01)  # the law of total expectation
    assert (deviation < unconditioned[1]).all()


def test_the_believer_leaves_the_mean_as_it_is() -> None:
    X, y, Q, kernel = made(2, 10)
    believer = Posterior(kernel, X, y).fantasised(Q[:3], np.zeros((3, 1)))
    assert believer.at(Q)[0][:, 0] == pytest.approx(Posterior(kernel, X, y).at(Q)[0], abs=1e-9)


@pytest.mark.parametrize(("mean", "deviation", "best"), [(0.0, 1.0, 0.0), (1.0, 0.5, 0.8), (-2.0, 1.5, 0.1)])
def test_expected_improvement_by_monte_carlo(mean: float, deviation: float, best: float) -> None:
    draws = mean + deviation * np.random.default_rng(1).standard_normal(2_000_000)
    gains = np.maximum(best - draws, 0)
    error = gains.std() / sqrt(len(gains))
    found = expected_improvement(np.array([mean]), np.array([deviation]), best)[0]
    assert abs(found - gains.mean()) < 4 * error


def test_values_become_standard() -> None:
    y = standard([3.0, 1.0, inf, 2.0, 4.0])
    assert y.mean() == pytest.approx(0)
    assert y.std() == pytest.approx(1)
    assert y[2] == y[4] == y.max()  # diverged: as the worst
    assert y[1] < y[3] < y[0] < y[4]
    blown_up = standard([1.0, 2.0, 3.0, 4.0, 1e30, inf])
    # Quartiles 2 and 4: nothing counts for more than 4 + 3 * (4 - 2) = 10.
    plain = np.array([1.0, 2, 3, 4, 10, 10])
    assert blown_up == pytest.approx((plain - plain.mean()) / plain.std())
    for alike in ([inf, inf], [5.0, 5.0, inf], [0.25], [1e308, -1e308, 1e308]):
        assert np.isfinite(standard(alike)).all()


def test_choices_are_equally_far_apart_and_inactive_ones_too() -> None:
    vectors = np.array([[0.2, 0.0, 0.0], [0.2, 1 / 3, 1.0], [0.2, 1.0, 0.5], [0.7, 0.5, 0.5]])
    columns, owners = indicated(vectors, [0, 4, 2])
    distances = [
        [sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in columns[:, 1:6]] for x in columns[:, 1:6]
    ]
    assert np.array(distances) == pytest.approx(1 - np.eye(4))
    assert owners.tolist() == [0, 1, 1, 1, 1, 1, 2, 2, 2]
    assert columns[:, 0].tolist() == [0.2, 0.2, 0.2, 0.7]
    assert ((columns[0, 6:] - columns[1, 6:]) ** 2).sum() == pytest.approx(1)
    assert (columns[2, 6:] == columns[3, 6:]).all()

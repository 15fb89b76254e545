"""Power laws and exponentials: their shape, and the rank correlation of a low fidelity with r_max."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from blackboxes.synthetic import make


def truth(name: str, parameters: str) -> np.ndarray:
    return make(name, parameters).metrics["true_loss"][:, 0].astype(np.float64)


@pytest.mark.parametrize("name", ["power-law", "exponential"])
@pytest.mark.parametrize("wanted", [-1, -0.6, 0, 0.3, 0.8, 0.97, 1])
@pytest.mark.parametrize("low", [1, 9])
def test_rank_correlation_is_the_one_set(name: str, wanted: float, low: int) -> None:
    for seed in range(3):
        curves = truth(name, f"rank_correlation={wanted},low_fidelity={low},seed={seed}")
        assert spearmanr(curves[:, low - 1], curves[:, -1]).statistic == pytest.approx(wanted, abs=2e-4)


@pytest.mark.parametrize("n", [10, 30, 100])
def test_rank_correlation_of_small_tables(n: int) -> None:
    curves = truth("power-law", f"n={n},rank_correlation=0.4")
    assert spearmanr(curves[:, 0], curves[:, -1]).statistic == pytest.approx(0.4, abs=max(2e-4, 12 / n**2))


def test_diverging_configurations_do_not_count() -> None:
    curves = truth("exponential", "rank_correlation=0.5,diverging=0.4")
    kept = ~np.isnan(curves[:, -1])
    assert kept.sum() == 600
    assert spearmanr(curves[kept, 0], curves[kept, -1]).statistic == pytest.approx(0.5, abs=2e-4)


@pytest.mark.parametrize("rho", [-0.7, 0.3, 0.9])
def test_dependence_is_a_gaussian_copula(rho: float) -> None:
    """For it, Kendall's tau is 2/pi asin(r) with r = 2 sin(pi rho / 6), and the corners are as full as with normals."""
    curves = truth("power-law", f"n=5000,rank_correlation={rho},r_max=2,replicates=1")
    r = 2 * np.sin(np.pi * rho / 6)
    assert kendalltau(curves[:, 0], curves[:, 1]).statistic == pytest.approx(2 / np.pi * np.arcsin(r), abs=0.02)
    low, final = (np.argsort(np.argsort(column)) < 500 for column in curves.T)
    normal = np.random.default_rng(0).multivariate_normal([0, 0], [[1, r], [r, 1]], 200_000)
    both = (normal < np.quantile(normal, 0.1, axis=0)).all(axis=1).mean()
    assert (low & final).mean() == pytest.approx(both, abs=4 * np.sqrt(both / 5000) + 1e-3)


@pytest.mark.parametrize("parameters", ["exponent_spread=0", "exponent_spread=0,low_fidelity=3,rank_correlation=-0.5"])
def test_rank_correlation_rises_with_r_when_all_curves_fall_alike(parameters: str) -> None:
    curves = truth("power-law", parameters)
    low = 3 if "low" in parameters else 1
    found = [spearmanr(curves[:, j], curves[:, -1]).statistic for j in [*range(low - 1, 80, 4), 80]]
    assert (np.diff(found) >= -1e-6).all()
    assert found[-1] == 1


def test_power_laws_are_power_laws() -> None:
    """a + b r^-c: differences of neighbours on a grid of doubling resources fall by the same factor 2^-c."""
    curves = truth("power-law", "n=50,r_max=64,exponent=0.5,exponent_spread=0.3,seed=3")
    steps = -np.diff(curves[:, np.array([1, 2, 4, 8, 16, 32, 64]) - 1], axis=1)
    factors = steps[:, 1:] / steps[:, :-1]
    assert np.allclose(factors, factors[:, :1], rtol=1e-3)
    c = -np.log2(factors[:, 0])
    assert np.median(c) == pytest.approx(0.5, abs=0.1)
    assert np.log(c).std() == pytest.approx(0.3, abs=0.1)


def test_exponentials_are_exponentials() -> None:
    """a + b 2^(-r/h): differences of neighbours fall by the same factor 2^(-1/h)."""
    curves = truth("exponential", "n=50,r_max=20,half_life=0.25,half_life_spread=0.2,seed=3")
    steps = -np.diff(curves, axis=1)
    factors = steps[:, 1:6] / steps[:, :5]
    assert np.allclose(factors, factors[:, :1], rtol=1e-3)
    h = -1 / np.log2(factors[:, 0])
    assert np.median(h) == pytest.approx(5, rel=0.1)
    assert np.log(h).std() == pytest.approx(0.2, abs=0.06)

"""The Hartmann functions against their published optima and a second way to write them down."""

from __future__ import annotations

from math import exp, log, pi, sqrt

import numpy as np
import pytest
from scipy.optimize import minimize

from blackboxes.synthetic import FAMILIES, make
from blackboxes.synthetic._hartmann import Hartmann

# Digits as printed in the literature: rows of A, rows of P in ten-thousandths.
A3 = "3 10 30/0.1 10 35/3 10 30/0.1 10 35"
P3 = "3689 1170 2673/4699 4387 7470/1091 8732 5547/381 5743 8828"
A6 = "10 3 17 3.5 1.7 8/0.05 10 17 0.1 8 14/3 3.5 1.7 10 17 8/17 8 0.05 10 0.1 14"
P6 = (
    "1312 1696 5569 124 8283 5886/2329 4135 8307 3736 1004 9991/"
    "2348 1451 3522 2883 3047 6650/4047 8828 8732 5743 1091 381"
)


def matrix(text: str) -> list[list[float]]:
    return [[float(number) for number in row.split()] for row in text.split("/")]


def hartmann(d: int, x: list[float], z: float = 1.0, bias: float = 0.0) -> float:
    """One value in plain Python; `z` in [0, 1] is the scaled fidelity."""
    total = 0.0
    rows = zip([1.0, 1.2, 3.0, 3.2], matrix(A3 if d == 3 else A6), matrix(P3 if d == 3 else P6), strict=True)
    for alpha, a, p in rows:
        inner = sum(aj * (xj - pj / 10_000) ** 2 for aj, xj, pj in zip(a, x, p, strict=True))
        total += (alpha - bias * (1 - z)) * exp(-inner)
    return -total


def hartmann_class(d: int) -> type[Hartmann]:
    cls = FAMILIES.find(f"hartmann{d}")
    assert issubclass(cls, Hartmann)
    return cls


@pytest.mark.parametrize("d", [3, 6])
def test_published_optimum(d: int) -> None:
    cls = hartmann_class(d)
    x, least = cls.OPTIMUM
    assert (d, least) in [(3, -3.86278), (6, -3.32237)]

    def f(point: np.ndarray) -> float:
        return float(cls.values(np.array([point]), np.zeros(1))[0, 0])

    assert f(np.array(x)) == pytest.approx(least, abs=5e-6)
    found = minimize(f, x, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    assert np.allclose(found.x, x, atol=5e-5)
    assert found.fun == pytest.approx(least, abs=5e-6)
    starts = np.random.default_rng(0).random((15, d))
    assert min(minimize(f, start, bounds=[(0, 1)] * d).fun for start in starts) == pytest.approx(least, abs=5e-6)


def test_a_value_by_hand() -> None:
    """At the third row of P of Hartmann 3 its own bump is exactly 1; the bump of the first is exp(-23.96...)."""
    x = np.array([[0.1091, 0.8732, 0.5547]])
    first = 3 * 0.2598**2 + 10 * 0.7562**2 + 30 * 0.2874**2
    second = 0.1 * 0.3608**2 + 10 * 0.4345**2 + 35 * 0.1923**2
    fourth = 0.1 * 0.0710**2 + 10 * 0.2989**2 + 35 * 0.3281**2
    by_hand = -(exp(-first) + 1.2 * exp(-second) + 3.0 + 3.2 * exp(-fourth))
    assert hartmann_class(3).values(x, np.zeros(1))[0, 0] == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("d", [3, 6])
@pytest.mark.parametrize("parameters", ["seed=2", "bias=4,noise=5,seed=1", "r_min=1,r_max=20,bias=2.5,noise=0"])
def test_true_values_are_those_of_the_formula(d: int, parameters: str) -> None:
    table = make(f"hartmann{d}", f"n=20,{parameters}")
    bias = next((float(part[5:]) for part in parameters.split(",") if part.startswith("bias")), 0.5)
    r_max = 20 if "r_max" in parameters else 100
    assert table.resource_list == list(range(1 if "r_min" in parameters else 3, r_max + 1))
    for row in range(20):
        x = list(table.params(row).values())
        for j in (0, 5, len(table.resources) - 1):
            z = log(table.resource_list[j]) / log(r_max)
            assert table.metrics["true_loss"][row, 0, j] == pytest.approx(hartmann(d, x, z, bias), rel=1e-6, abs=1e-9)


def test_noise_is_half_normal_and_fades() -> None:
    table = make("hartmann6", "n=400,replicates=10,noise=2,seed=3")
    excess = table.metrics["loss"].astype(np.float64) - table.metrics["true_loss"]
    assert (excess >= 0).all()
    assert (excess[:, :, -1] == 0).all()
    scale = 2 * (1 - np.log(table.resources[:-1]) / log(100))
    scaled = excess[:, :, :-1] / scale
    assert np.abs(scaled.mean(axis=(0, 1))[:-3] - sqrt(2 / pi)).max() < 4 / sqrt(4000)
    assert np.abs((scaled**2).mean(axis=(0, 1))[:-3] - 1).max() < 4 * sqrt(2 / 4000)


def test_more_bias_says_less_about_r_max() -> None:
    """Mf-prior-bench calls its presets good, moderate, bad, terrible: in that order they correlate less."""
    presets = [(2.5, 2), (3, 3), (3.5, 4), (4, 5)]
    found = []
    for bias, noise in presets:
        loss = make("hartmann3", f"bias={bias},noise={noise}").metrics["loss"][:, 0]
        ranks = loss.argsort(axis=0).argsort(axis=0)
        found.append(np.corrcoef(ranks[:, 0], ranks[:, -1])[0, 1])
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] + 0.1


def test_cost_of_an_evaluation() -> None:
    table = make("hartmann3", "n=2,seconds=2")
    assert not table.resumable
    assert table.elapsed[0, 0, -1] == 200
    assert table.elapsed[1, 1, 50 - 3] == pytest.approx(200 * (0.05 + 0.95 * 0.25))
    assert make("hartmann3", "n=2,resumable=True").resumable

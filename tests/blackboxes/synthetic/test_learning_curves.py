"""The curve families' common ingredients: marginals, noise, times, divergence, smoothness."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm, spearmanr

from blackboxes.synthetic import make

CURVES = ["power-law", "exponential", "crossing", "adversarial"]


@pytest.mark.parametrize("name", CURVES)
def test_final_losses_have_the_stated_distribution(name: str) -> None:
    table = make(name, "n=400,scarcity=3,seed=2")
    finals = np.sort(table.metrics["true_loss"][:, 0, -1].astype(np.float64))
    u = (np.arange(400) + 0.5) / 400
    assert np.allclose(finals, 0.05 + 0.25 * u ** (1 / 3), rtol=1e-6)
    within = (finals <= 0.05 + 0.2).mean()  # of 0.2 from the least possible
    assert within == pytest.approx((4 * 0.2) ** 3, abs=0.01)


SPECIAL = [("adversarial", "kind=late-bloomers"), ("power-law", "low_fidelity=9"), ("exponential", "half_life=1")]


@pytest.mark.parametrize(("name", "parameters"), [*((name, "r_max=7") for name in CURVES), *SPECIAL])
def test_truth_never_rises(name: str, parameters: str) -> None:
    truth = make(name, parameters).metrics["true_loss"][:, 0]
    assert (np.diff(truth, axis=1) <= 0).all()
    assert (truth.min(axis=1) == truth[:, -1]).all()


@pytest.mark.parametrize(("noise", "decay"), [(0.5, 0.5), (0.5, 0.0), (0.1, 2.0)])
def test_noise_has_the_stated_deviation_at_every_resource(noise: float, decay: float) -> None:
    table = make("power-law", f"n=20,replicates=500,r_max=9,noise={noise},noise_decay={decay}")
    deviates = table.metrics["loss"].astype(np.float64) - table.metrics["true_loss"]
    scaled = deviates / (noise * np.arange(1, 10) ** -decay)
    sd = scaled.std(axis=(0, 1))
    assert np.abs(sd - 1).max() < 4 / np.sqrt(2 * 10_000)  # 4 standard errors
    assert np.abs(scaled.mean(axis=(0, 1))).max() < 4 / np.sqrt(10_000)
    assert kstest(scaled[:, :, 0].ravel(), "norm").pvalue > 0.01
    neighbours = [np.corrcoef(scaled[:, :, j].ravel(), scaled[:, :, j + 1].ravel())[0, 1] for j in range(8)]
    assert np.abs(neighbours).max() < 4 / np.sqrt(10_000)
    assert abs(np.corrcoef(scaled[:, 0].ravel(), scaled[:, 1].ravel())[0, 1]) < 4 / np.sqrt(180)


def test_without_noise_loss_is_truth() -> None:
    table = make("crossing", "n=50,noise=0,diverging=0.1")
    assert np.array_equal(table.metrics["loss"], table.metrics["true_loss"], equal_nan=True)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("tail", [0.5, 1.5])
def test_runtimes_have_the_stated_quantiles(share: float, tail: float) -> None:
    n = 1000

    def unit_times(kind: str) -> np.ndarray:
        return make("power-law", f"n={n},seconds=8,runtime={kind},runtime_tail={tail},r_max=4").elapsed[:, 0, 0]

    row = round(share * n)
    u = (row + 0.5) / n
    lognormal, pareto = np.sort(unit_times("lognormal")), np.sort(unit_times("pareto"))
    assert lognormal[row] == pytest.approx(8 * np.exp(tail * norm.ppf(u)), rel=1e-6)
    # Pareto: P(T > t) = (t_min / t)^tail, with its median at 8 seconds.
    least = 8 / 2 ** (1 / tail)
    assert pareto[row] == pytest.approx(least * (1 - u) ** (-1 / tail), rel=1e-6)
    assert np.median(lognormal) == pytest.approx(8, rel=0.01)
    assert np.median(pareto) == pytest.approx(8, rel=0.01)


def test_constant_runtimes_and_their_exponent() -> None:
    elapsed = make("exponential", "n=5,runtime=constant,seconds=2.5,cost_exponent=2,r_max=6").elapsed
    assert np.array_equal(elapsed, np.broadcast_to(2.5 * np.arange(1, 7) ** 2, (5, 2, 6)))
    flat = make("exponential", "n=5,runtime=constant,cost_exponent=0,r_max=6,resumable=False")
    assert np.array_equal(flat.elapsed, np.full((5, 2, 6), 60.0))
    assert not flat.resumable


@pytest.mark.parametrize("wanted", [-1, -0.4, 0, 0.7, 1])
@pytest.mark.parametrize("diverging", [0, 0.3])
def test_runtimes_correlate_with_quality_as_told(wanted: float, diverging: float) -> None:
    table = make("power-law", f"runtime_correlation={wanted},diverging={diverging},runtime=pareto,seed=6")
    finals = table.metrics["true_loss"][:, 0, -1]
    kept = ~np.isnan(finals)
    assert spearmanr(table.elapsed[kept, 0, 0], -finals[kept]).statistic == pytest.approx(wanted, abs=2e-4)


def test_diverging_configurations() -> None:
    n, size = 400, 20
    table = make("power-law", f"n={n},r_max={size},replicates=3,diverging=0.25,seed=8")
    loss, truth = table.metrics["loss"], table.metrics["true_loss"]
    last = np.take_along_axis(loss, table.lengths[:, :, None] - 1, axis=2)[:, :, 0]
    assert (np.isnan(last).all(axis=1) == np.isnan(last).any(axis=1)).all()  # all replicates or none
    diverged = np.isnan(last[:, 0])
    assert diverged.sum() == 100
    assert (table.lengths[~diverged] == size).all()
    assert np.array_equal(np.isnan(loss), np.isnan(truth))
    for row in np.flatnonzero(diverged):
        for s in range(3):
            end = table.lengths[row, s]
            assert np.isfinite(loss[row, s, : end - 1]).all()
            assert np.isnan(loss[row, s, end - 1 :]).all()
            assert np.isfinite(table.elapsed[row, s, :end]).all()
            assert np.isnan(table.elapsed[row, s, end:]).all()
    ends = table.lengths[diverged].ravel()
    assert set(ends.tolist()) == set(range(1, size + 1))  # anywhere on the grid, the last resource included
    assert abs(ends.mean() - (size + 1) / 2) < 4 * size / np.sqrt(12 * 300)
    assert np.nanargmin(truth[:, 0, -1]) not in np.flatnonzero(diverged)


def test_one_configuration_never_diverges() -> None:
    assert (make("power-law", "n=3,diverging=0.99").lengths == 81).all(axis=1).sum() == 1


@pytest.mark.parametrize("name", CURVES)
def test_quality_and_time_are_smooth_in_the_hyperparameters(name: str) -> None:
    """What the nearest other configuration has is a good guess; a shuffled table's would have correlation 0."""
    table = make(name, "n=2000,d=3,noise=0,seed=1")
    x = table.vectors
    distances = ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    for column in (table.metrics["loss"][:, 0, -1], table.metrics["loss"][:, 0, 0], table.elapsed[:, 0, 0]):
        assert spearmanr(column, column[nearest]).statistic > 0.9

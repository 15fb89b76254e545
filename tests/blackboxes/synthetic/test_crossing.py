"""Crossings of curves, counted by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from blackboxes.synthetic import make


def sign_changes(curves: np.ndarray) -> np.ndarray:
    """(pairs, R - 1) booleans: where on the grid two curves change places."""
    i, j = np.triu_indices(len(curves), 1)
    signs = np.sign(curves[i] - curves[j])
    for k in range(signs.shape[1] - 2, -1, -1):  # where two curves meet on the grid, they change places there
        signs[:, k] = np.where(signs[:, k] == 0, signs[:, k + 1], signs[:, k])
    assert (signs != 0).all()
    return signs[:, 1:] != signs[:, :-1]


@pytest.mark.parametrize("share", [0, 0.1, 0.25, 0.5, 0.8, 1])
@pytest.mark.parametrize("after", [1, 10, 24])
def test_the_stated_share_of_pairs_crosses_once_and_after(share: float, after: int) -> None:
    n = 120
    table = make("crossing", f"n={n},r_max=30,crossing={share},after={after},seed=5")
    changes = sign_changes(table.metrics["true_loss"][:, 0].astype(np.float64))
    assert not changes[:, : after - 1].any()
    assert changes.sum(axis=1).max() <= 1
    assert changes.any(axis=1).mean() == pytest.approx(share, abs=max(1e-4, 4 / n**2))


def test_by_default_they_cross_in_the_last_two_thirds() -> None:
    changes = sign_changes(make("crossing", "n=100").metrics["true_loss"][:, 0])
    assert np.flatnonzero(changes.any(axis=0)).min() >= 27 - 1
    assert changes.any(axis=1).mean() == pytest.approx(0.25, abs=1e-3)


def test_diverging_configurations_do_not_count() -> None:
    table = make("crossing", "n=200,r_max=12,crossing=0.4,diverging=0.5,seed=2")
    curves = table.metrics["true_loss"][:, 0]
    changes = sign_changes(curves[~np.isnan(curves[:, -1])])
    assert changes.any(axis=1).mean() == pytest.approx(0.4, abs=5e-4)

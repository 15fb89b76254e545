"""Early stopping is fooled: successive halving by brute force, on the curves themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from blackboxes import Blackbox
from blackboxes.synthetic import make


def survivors(curves: np.ndarray, rows: np.ndarray, levels: list[int], eta: int = 3) -> np.ndarray:
    """The rows that synchronous successive halving brings through all rungs at `levels` (resources from 1 on)."""
    for level in levels:
        kept = max(1, len(rows) // eta)
        rows = rows[np.argsort(curves[rows, level - 1], kind="stable")[:kept]]
    return rows


def final(table: Blackbox) -> np.ndarray:
    return table.metrics["true_loss"][:, 0, -1]


@pytest.mark.parametrize("kind", ["reversed", "late-bloomers"])
@pytest.mark.parametrize("metric", ["true_loss", "loss"])
def test_successive_halving_over_the_whole_table_loses_the_best(kind: str, metric: str) -> None:
    for seed in range(5):
        table = make("adversarial", f"kind={kind},seed={seed}")
        for replicate in range(2):
            curves = table.metrics[metric][:, replicate]
            best = final(table).argmin()
            for level in (1, 3, 9, 27):
                assert best not in survivors(curves, np.arange(1000), [level])
            reached = survivors(curves, np.arange(1000), [1, 3, 9, 27])
            better = (final(table) < final(table)[reached].min()).sum()
            assert better >= (50 if kind == "late-bloomers" else 600)


def test_reversed_ranks() -> None:
    truth = make("adversarial", "n=200,until=20,r_max=30,seed=1").metrics["true_loss"][:, 0]
    at_end = truth[:, -1].argsort()
    for j in range(20):
        assert np.array_equal(truth[:, j].argsort(), at_end[::-1])
    assert not np.array_equal(truth[:, 28].argsort(), at_end[::-1])


def test_late_bloomers_are_last_by_a_gap_and_the_others_keep_their_order() -> None:
    table = make("adversarial", "kind=late-bloomers,n=200,bloomers=0.1")
    truth = table.metrics["true_loss"][:, 0].astype(np.float64)
    order = truth[:, -1].argsort()
    blooming, others = order[:20], order[20:]
    for j in range(54):  # up to two thirds of r_max
        assert np.array_equal(truth[:, j].argsort(), np.concatenate([others, blooming[::-1]]))
        assert truth[blooming, j].min() - truth[others, j].max() > 0.1


def test_chance_that_the_best_of_a_sample_is_lost() -> None:
    """Exactly as documented for every sample, and as often as the hypergeometric distribution says."""
    n, drawn, bloomers = 100, 10, 8
    table = make("adversarial", f"kind=late-bloomers,n={n},bloomers={bloomers / n},seed=4")
    truth = table.metrics["true_loss"][:, 0]
    blooming = set(final(table).argsort()[:bloomers].tolist())
    random, lost, samples = np.random.default_rng(1), 0, 2000
    for _ in range(samples):
        rows = random.permutation(n)[:drawn]
        best = rows[final(table)[rows].argmin()]
        stated = bool(blooming & set(rows.tolist()))
        assert (best not in survivors(truth, rows, [9])) == stated
        lost += stated
    chance = hypergeom(n, bloomers, drawn).sf(0)
    assert 0.1 < chance < 0.9
    assert lost / samples == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / samples))

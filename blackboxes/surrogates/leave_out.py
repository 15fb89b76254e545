"""How good a surrogate is on configurations that it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.streams import Stream
from blackboxes.surrogates.moments import curve_of, moments
from blackboxes.surrogates.surrogate import Kind, Surrogate
from blackboxes.table import Blackbox

MOST_TESTED = 1000  # configurations: enough for two digits of an error


@dataclass(frozen=True)
class LeaveOut:
    """Errors on configurations left out, against the mean over their replicates. NaN where nothing can be compared.

    Attributes:
        kind, folds: of the surrogate, and into how many parts the configurations were dealt.
        absolute: by metric, the mean absolute error at r_max, and over all resources (in the metric's unit).
        rank_correlation: by metric, Spearman's correlation of predicted and true values over the configurations: at
            r_max, and its mean over all resources.
        time: the median relative error of elapsed: at r_max, and over all resources.
        divergence: share of the configurations that diverge somewhere, in the default metric, just if predicted so.
    """

    kind: str
    folds: int
    absolute: dict[str, tuple[float, float]]
    rank_correlation: dict[str, tuple[float, float]]
    time: tuple[float, float]
    divergence: float


def leave_out_error(table: Blackbox, kind: Kind = "forest", folds: int = 5, seed: int = 0) -> LeaveOut:
    """Predict configurations by a surrogate that has not seen them (k-fold cross-validation by configuration).

    Of a table with more than 1,000 configurations, as many are predicted; the surrogate learns from all others.

    Args:
        table: at least two configurations.
        kind: as for `Surrogate`.
        folds: 2 or more; at most one for each configuration is used.
        seed: of the order in which configurations are dealt into folds.

    Raises:
        BlackboxError: fewer than two configurations or folds; as for `Surrogate`.
    """
    n, size = len(table), len(table.resources)
    if n < 2 or folds < 2:
        raise BlackboxError(f"{table.name}: to leave out some takes two configurations and two folds at least")
    folds = min(folds, n)
    order = Stream(seed, "surrogate", "folds").permutation(n)
    fold = np.empty(n, dtype=np.int64)
    fold[order] = np.arange(n) % folds
    tested = order[:MOST_TESTED]
    predicted = {name: np.full((len(tested), size), np.nan) for name in table.metrics}
    times = np.full((len(tested), size), np.nan)
    for k in range(folds):
        here = np.flatnonzero(fold[tested] == k)
        surrogate = Surrogate(table, kind, rows=np.flatnonzero(fold != k))
        metrics, times[here] = surrogate.predict(table.vectors[tested[here]])
        for name, values in metrics.items():
            predicted[name][here] = values
    truth = {name: np.empty_like(times) for name in table.metrics}
    true_times = np.empty_like(times)
    for i, row in enumerate(tested):  # not all at once: moments of a large table would fill the memory
        metrics, true_times[i] = curve_of(table, moments(table, np.array([row]))[0])
        for name, values in metrics.items():
            truth[name][i] = values
    errors = {name: np.abs(predicted[name] - truth[name]) for name in table.metrics}
    ranks = {name: _rank_correlations(predicted[name], truth[name]) for name in table.metrics}
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.abs(times / true_times - 1)
    relative[~np.isfinite(relative)] = np.nan
    diverges = [_diverges(values[table.default_metric], t) for values, t in ((predicted, times), (truth, true_times))]
    return LeaveOut(
        kind=kind,
        folds=folds,
        absolute={name: (_mean(error[:, -1]), _mean(error)) for name, error in errors.items()},
        rank_correlation={name: (float(found[-1]), _mean(found)) for name, found in ranks.items()},
        time=(_of_known(np.median, relative[:, -1]), _of_known(np.median, relative)),
        divergence=float((diverges[0] == diverges[1]).mean()),
    )


def _diverges(values: np.ndarray, elapsed: np.ndarray) -> np.ndarray:
    return (np.isnan(values) & ~np.isnan(elapsed)).any(axis=1)


def _of_known(summary: Callable[[np.ndarray], float], values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(summary(known)) if len(known) else float("nan")


def _mean(values: np.ndarray) -> float:
    return _of_known(np.mean, values)


def _rank_correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(R,) Spearman's correlation of each column, over the rows that both have; NaN where one is constant."""
    from scipy.stats import spearmanr

    found = np.full(a.shape[1], np.nan)
    for j, (x, y) in enumerate(zip(a.T, b.T, strict=True)):
        both = ~(np.isnan(x) | np.isnan(y))
        if both.sum() > 1 and np.ptp(x[both]) > 0 and np.ptp(y[both]) > 0:
            found[j] = spearmanr(x[both], y[both]).statistic
    return found

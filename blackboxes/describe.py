"""What a table holds, in figures."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from blackboxes.table import Blackbox
from blackboxes.units import describe_cost


def runtimes(table: Blackbox) -> dict[str, float]:
    """Quantiles of the seconds that a curve takes to its end, over all measured curves."""
    rows, replicates = np.nonzero(table.lengths)
    seconds = table.elapsed[rows, replicates, table.lengths[rows, replicates] - 1]
    quantiles = np.quantile(seconds, [0, 0.25, 0.5, 0.75, 1])
    return dict(zip(("min", "q1", "median", "q3", "max"), quantiles.tolist(), strict=True))


def rank_correlation(table: Blackbox, metric: str | None = None) -> list[tuple[float, float]]:
    """Spearman's correlation of low fidelities with r_max: pairs of (resource, correlation).

    Over all configurations whose curve was measured to r_max, at their mean over replicates; resources
    r_max / 3^k. Diverged values rank worst.
    NaN where all values are equal.
    """
    from scipy.stats import spearmanr

    means = mean_losses(table, metric)
    found: dict[float, float] = {}
    level = float(table.r_max) / 3
    while level >= table.resources[0] * (1 - 1e-9) and len(means) > 1:
        index = int(np.argmin(np.abs(np.log(table.resources / level))))
        flat = np.ptp(means[:, index]) == 0 or np.ptp(means[:, -1]) == 0
        correlation = np.nan if flat else spearmanr(means[:, index], means[:, -1]).statistic
        found[table.resource_list[index]] = float(correlation)
        level /= 3
    return sorted(found.items())


def mean_losses(table: Blackbox, metric: str | None = None) -> np.ndarray:
    """(n, R) the losses at each resource, mean over replicates, of configurations that were measured to r_max.

    Diverged values count as the worst loss there is.
    """
    name = table.metric_name(metric)
    complete = (table.lengths == len(table.resources)).any(axis=1)
    losses = table.metric_info[name].sign * table.metrics[name][complete].astype(np.float64)
    diverged = np.isnan(losses) & ~np.isnan(table.elapsed[complete])
    losses[diverged] = np.nanmax(losses) if np.isfinite(losses).any() else 0.0
    return np.asarray(np.nanmean(losses, axis=1))


def diverged_share(table: Blackbox, metric: str) -> float:
    """The share of the measured curves with a value that is NaN where the time is known, at any resource."""
    gone = np.isnan(table.metrics[metric]) & ~np.isnan(table.elapsed)
    return float(gone.any(axis=2).sum() / (table.lengths > 0).sum())


def overview(table: Blackbox, metric: str | None = None) -> list[tuple[str, Any]]:
    """Labelled facts about a table, in the order in which people ask."""
    name = table.metric_name(metric)
    n, replicates, size = table.elapsed.shape
    last = table.metrics[name][:, :, -1]
    finals = last[~np.isnan(last)]
    spread = np.quantile(finals, [0, 0.5, 1]).tolist() if len(finals) else [float("nan")] * 3
    best_first = spread if table.metric_info[name].direction == "min" else spread[::-1]
    times = runtimes(table)
    grid = table.resource_list
    return [
        ("configurations", f"{n:,}"),
        ("replicates", str(replicates)),
        ("resources", f"{size}: {grid[0]} to {grid[-1]} {table.resource_unit}s"),
        ("resumable", "yes" if table.resumable else "no, every resource is trained from scratch"),
        ("metrics", ", ".join(f"{m} ({i.direction}, {i.unit})" for m, i in table.metric_info.items())),
        ("scheduler sees", name),
        ("incumbent scored by", table.test_metric or "no test metric"),
        (f"{name} at r_max", "best {:.4g}, median {:.4g}, worst {:.4g}".format(*best_first)),
        ("curves cut short", f"{(table.lengths < size).mean():.1%}"),
        ("curves diverged", f"{diverged_share(table, name):.1%}"),
        *([] if table.censored is None else [("curves censored", f"{table.censored[table.lengths > 0].mean():.1%}")]),
        (
            "seconds a curve",
            f"mean full training {table.full_training_time:.4g}; "
            + ", ".join(f"{q} {seconds:.4g}" for q, seconds in times.items()),
        ),
        ("cost", describe_cost(table)),
        (
            "rank correlation",
            ", ".join(f"{r}: {c:.2f}" for r, c in rank_correlation(table, name))
            or "none, it needs two curves to r_max and a resource of r_max / 3 or less",
        ),
        ("licence", table.licence or "not stated"),
        ("source", table.source or "not stated"),
    ]


def surrogate_errors(table: Blackbox, kind: Literal["nearest", "forest"]) -> list[tuple[str, str]]:
    """Labelled leave-out errors of a surrogate; takes some seconds.

    Raises:
        BlackboxError: an unknown kind, or an extra that is not installed.
    """
    from blackboxes.surrogates import leave_out_error

    found = leave_out_error(table, kind)
    lines = [("surrogate", f"{kind}, on configurations left out of it ({found.folds} folds), at r_max (all resources)")]
    for name in table.metrics:
        (at_end, everywhere), (rank, ranks) = found.absolute[name], found.rank_correlation[name]
        error = f"mean absolute error {at_end:.4g} ({everywhere:.4g}), rank correlation {rank:.2f} ({ranks:.2f})"
        lines.append((name, error))
    lines.append(("elapsed", f"median relative error {found.time[0]:.1%} ({found.time[1]:.1%})"))
    lines.append(("divergence", f"{found.divergence:.1%} told rightly"))
    return lines

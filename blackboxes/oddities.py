"""What looks odd in a table that is valid: a reader may want to know before drawing conclusions."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np

from blackboxes.describe import diverged_share, rank_correlation
from blackboxes.errors import BlackboxError
from blackboxes.table import Blackbox
from blackboxes.units import cost_exponent, cost_scales, describe_cost

MUCH_DIVERGED = 0.2  # share of the curves
MUCH_MISSING = 0.5  # share of the values
MANY_TIES = 0.5  # share of the steps that take no time
WILD_STEP = 1000  # times the median step of its curve
MISLEADING = -2.0  # standard errors of a rank correlation of 0


def oddities(table: Blackbox) -> list[str]:
    """Sentences on what looks odd; none for most tables.

    What a table must not have (time that decreases, negative time, values without a time, infinite values) is refused
    when it is made or read; this is about what it may have and rarely should.
    """
    return [*_configurations(table), *_times(table), *_values(table), *_provenance(table)]


def _configurations(table: Blackbox) -> Iterator[str]:
    # NaN, which differs from itself, becomes None: inactive.
    columns = {name: [v if v == v else None for v in column.tolist()] for name, column in table.columns.items()}
    first: dict[tuple[object, ...], int] = {}
    doubles = []
    for row, values in enumerate(zip(*columns.values(), strict=True)):
        if first.setdefault(values, row) != row:
            doubles.append((first[values], row))
    if doubles:
        a, b = doubles[0]
        yield f"{len(doubles)} rows repeat the configuration of an earlier one, such as row {b} that of row {a}"
    try:
        table.vectors  # noqa: B018  (encodes all values)
    except BlackboxError as error:
        yield str(error).removeprefix(f"{table.name}: ")
    constant = [name for name, values in columns.items() if len(set(values)) == 1 and table.space[name].size > 1]
    if constant and len(table) > 1:
        yield f"hyperparameters that never vary, though the space lets them: {', '.join(constant)}"


def _times(table: Blackbox) -> Iterator[str]:
    if not np.isnan(cost_exponent(table)) and not cost_scales(table):
        yield describe_cost(table)
    missing = np.isnan(table.elapsed).mean()
    if missing > MUCH_MISSING:
        yield f"{missing:.1%} of the values are not measured"
    curves = np.argwhere(table.lengths)  # (row, replicate) of what was measured at all
    elapsed = table.elapsed[curves[:, 0], curves[:, 1]]
    steps = np.diff(elapsed, axis=1, prepend=0.0)
    measured = ~np.isnan(steps)
    free = steps == 0
    if free.sum() > MANY_TIES * measured.sum():
        yield f"{free.sum() / measured.sum():.1%} of the resources take no more time than the one before"
    elif free[:, 0].any():
        yield f"the first resource takes no time in {free[:, 0].mean():.1%} of the curves"
    if table.resumable:
        typical = np.nanmedian(steps, axis=1, keepdims=True)
        wild = (typical > 0) & (steps > WILD_STEP * typical)
        if wild.any():
            k, j = (int(i[0]) for i in np.nonzero(wild))
            row, replicate = curves[k]
            yield (
                f"{wild.sum()} steps take more than {WILD_STEP} times their curve's median, such as row {row}, "
                f"replicate {replicate}, resource {table.resource_list[j]}"
            )


def _values(table: Blackbox) -> Iterator[str]:
    measured = ~np.isnan(table.elapsed)
    for name, values in table.metrics.items():
        known = ~np.isnan(values)
        if not known.any():
            yield f"{name}: NaN throughout"
            continue
        least, most = np.nanmin(values), np.nanmax(values)
        if least == most and known.sum() > 1:
            yield f"{name}: constant, {least:g} throughout"
            continue
        gone = measured & ~known
        share = diverged_share(table, name)
        if share > MUCH_DIVERGED:
            yield f"{name}: {share:.1%} of the curves diverge (NaN where the time is known)"
        back = gone[:, :, :-1] & known[:, :, 1:]
        if table.resumable and back.any():  # from scratch, each resource is a training of its own
            row, replicate, j = (int(i[0]) for i in np.nonzero(back))
            yield (
                f"{name}: {back.any(axis=2).sum()} curves have values after a NaN, such as row {row}, replicate "
                f"{replicate}, after resource {table.resource_list[j]}"
            )
    yield from _direction(table)
    shown: list[str] = list(table.metrics)
    for i, a in enumerate(shown):
        for b in shown[i + 1 :]:
            if np.array_equal(table.metrics[a], table.metrics[b], equal_nan=True):
                yield f"{a} and {b} are the same"


def _direction(table: Blackbox) -> Iterator[str]:
    """A direction that is told wrongly shows in curves that get worse, and nothing else does."""
    name = table.default_metric
    whole = table.lengths == len(table.resources)
    first, last = table.metrics[name][:, :, 0][whole], table.metrics[name][:, :, -1][whole]
    both = ~(np.isnan(first) | np.isnan(last))
    if both.any():
        worse = table.metric_info[name].sign * (last[both] - first[both]) > 0
        if worse.mean() > 0.5:
            yield (
                f"{name}: {worse.mean():.1%} of the curves are worse at r_max than at the first resource: is it "
                f"{table.metric_info[name].direction!r}?"
            )
    error = 1 / sqrt(max(1, whole.any(axis=1).sum() - 1))
    for r, correlation in rank_correlation(table):
        if correlation < MISLEADING * error:
            yield f"{name}: low fidelities mislead, rank correlation with r_max is {correlation:.2f} at {r}"
            break


def _provenance(table: Blackbox) -> Iterator[str]:
    for what, said in (("licence", table.licence), ("source", table.source)):
        if not said:
            yield f"no {what} is stated"

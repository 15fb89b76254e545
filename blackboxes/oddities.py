"""What looks odd in a table that is valid: a reader may want to know before drawing conclusions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blackboxes.describe import rank_correlation
from blackboxes.errors import BlackboxError
from blackboxes.table import Blackbox
from blackboxes.units import cost_scales, describe_cost

MUCH_DIVERGED = 0.2  # share of the curves
MANY_TIES = 0.5  # share of the steps that take no time
WILD_STEP = 1000  # times the median step of its curve


def oddities(table: Blackbox) -> list[str]:
    """Sentences on what looks odd; none for most tables.

    What a table must not have (time that decreases, negative time, values without a time, infinite values) is refused
    when it is made or read; this is about what it may have and rarely should.
    """
    return [*_configurations(table), *_times(table), *_values(table), *_provenance(table)]


def _configurations(table: Blackbox) -> Iterator[str]:
    seen: dict[tuple[object, ...], int] = {}
    doubles = []
    for row, values in enumerate(zip(*(column.tolist() for column in table.columns.values()), strict=True)):
        key = tuple(None if v != v else v for v in values)  # NaN: inactive
        first = seen.setdefault(key, row)
        if first != row:
            doubles.append((first, row))
    if doubles:
        a, b = doubles[0]
        yield f"{len(doubles)} configurations stand in it twice, such as rows {a} and {b}"
    try:
        table.vectors  # noqa: B018  (encodes all values)
    except BlackboxError as error:
        yield str(error).removeprefix(f"{table.name}: ")
    constant = [name for name, column in table.columns.items() if len(set(column.tolist())) == 1]
    if constant and len(table) > 1:
        yield f"hyperparameters that never vary: {', '.join(constant)}"


def _times(table: Blackbox) -> Iterator[str]:
    if not cost_scales(table):
        yield describe_cost(table)
    steps = np.diff(table.elapsed, axis=2, prepend=0.0)
    measured = ~np.isnan(steps)
    free = (steps == 0) & measured
    if free.sum() > MANY_TIES * measured.sum():
        yield f"{free.sum() / measured.sum():.1%} of the steps from one resource to the next take no time"
    elif free[:, :, 0].any():
        yield f"the first resource takes no time in {free[:, :, 0].mean():.1%} of the curves"
    if table.resumable:
        with np.errstate(invalid="ignore"):
            typical = np.nanmedian(np.where(measured, steps, np.nan), axis=2, keepdims=True)
            wild = measured & (typical > 0) & (steps > WILD_STEP * typical)
        if wild.any():
            row, replicate, j = (int(i[0]) for i in np.nonzero(wild))
            yield (
                f"{wild.sum()} steps take more than {WILD_STEP} times their curve's median, such as row {row}, "
                f"replicate {replicate}, resource {table.resource_list[j]}"
            )


def _values(table: Blackbox) -> Iterator[str]:
    measured = ~np.isnan(table.elapsed)
    for name, values in table.metrics.items():
        finite = values[~np.isnan(values)]
        if not len(finite):
            yield f"{name}: NaN throughout"
            continue
        if finite.min() == finite.max():
            yield f"{name}: constant, {finite[0]:g} throughout"
            continue
        gone = np.isnan(values) & measured
        share = gone.any(axis=2).sum() / measured.any(axis=2).sum()
        if share > MUCH_DIVERGED:
            yield f"{name}: {share:.1%} of the curves diverge (NaN where the time is known)"
        back = gone[:, :, :-1] & ~np.isnan(values[:, :, 1:])
        if back.any():
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
    if len(table.resources) > 1 and both.any():
        worse = table.metric_info[name].sign * (last[both] - first[both]) > 0
        if worse.mean() > 0.5:
            yield (
                f"{name}: {worse.mean():.1%} of the curves are worse at r_max than at the first resource: is it "
                f"{table.metric_info[name].direction!r}?"
            )
    negative = [(r, c) for r, c in rank_correlation(table) if c < 0]
    if negative:
        yield f"{name}: low fidelities mislead, rank correlation with r_max is {negative[0][1]:.2f} at {negative[0][0]}"


def _provenance(table: Blackbox) -> Iterator[str]:
    for what, said in (("licence", table.licence), ("source", table.source)):
        if not said:
            yield f"no {what} is stated"

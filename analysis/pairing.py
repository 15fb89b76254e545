"""From runs to arrays over schedulers, tasks and seeds: what paired statistics are computed from.

A task is a table; on two clusters, or with two numbers of workers, it counts as two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.curves import Curves, curves, grid
from analysis.runs import RunsError, as_runs
from analysis.scores import Scores
from analysis.targets import Reached

POINTS = 100


def scores(runs: pd.DataFrame | Curves, at: np.ndarray | None = None, *, bound: bool = False) -> Scores:
    """The scores of paired runs, at some points of the axis.

    Args:
        runs: or their `analysis.curves`, of one table, or over an axis and with a score that several tables share. Runs
            of several tables are scored by normalised regret over mean full trainings. A table on two clusters, or with
            two numbers of workers, counts as two tasks.
        at: (T,) points of the axis; a grid in log time by default.
        bound: whether the bound that none can beat is one of the schedulers, the last.

    Raises:
        RunsError: runs that are not paired: see `complete`; or seconds of several tables, which are not comparable.
    """
    some = _comparable(runs, bound)
    at = grid(some, POINTS) if at is None else np.asarray(at, dtype=np.float64)
    place = _places(some)
    losses = np.full((*place.shape, len(at)), np.nan)
    losses[place.of] = some.signs[:, None] * some.at(at)
    sign = some.sign if len(set(some.signs.tolist())) == 1 else 1.0
    labels = (some.x_label, some.y_label)
    return Scores(losses, place.schedulers, place.tasks, place.seeds, at, *labels, sign=sign)


def averaged(runs: pd.DataFrame | Curves) -> Scores:
    """Normalised regret averaged over each run, from its beginning to the end of the longest run of its task.

    It tells schedulers apart that find the same configuration in the end, and early progress counts. Regret before the
    first result, of an incumbent that diverged, or worse than the table's median counts as 1, that of the median.

    Args:
        runs: or their `analysis.curves`, scored by normalised regret.

    Returns:
        Scores with one point, at the end.

    Raises:
        RunsError: as for `scores`, or curves of another score.
    """
    some = _comparable(curves(runs, scale="normalised", x="trainings"), bound=False)
    if some.scale != "normalised":
        raise RunsError(f"only normalised regret is averaged over a run, not {some.y_label}")
    place = _places(some)
    means, names = np.empty(len(some)), tasks(some.runs)
    for task in place.tasks:
        whose = np.flatnonzero(names == task)
        end = float(some.ends[whose].max())
        if not end > 0:
            raise RunsError(f"{task}: its runs take no time, over which regret could be averaged")
        for i in whose:
            at = np.minimum(np.concatenate([[0.0], some.steps[i], [end]]), end)
            values = np.concatenate([[1.0], np.nan_to_num(some.values[i], nan=1.0)])
            means[i] = np.minimum(values, 1.0) @ np.diff(at) / end
    losses = np.empty((*place.shape, 1))
    losses[place.of] = means[:, None]
    last = np.array([float(some.ends.max())])
    return Scores(
        losses, place.schedulers, place.tasks, place.seeds, last, some.x_label, f"{some.y_label}, averaged over the run"
    )


def reach(runs: pd.DataFrame | Curves, target: float) -> Reached:
    """When each of some paired runs first got to a target.

    A run that did not is censored at its end. One that used up its table would not get there however long it went on:
    it is censored at the end of the longest run of its task.

    Args:
        runs: as for `scores`; by default, of one table too, scored by normalised regret over mean full trainings.
        target: in the unit of the curves' values, such as 0.05 for normalised regret.

    Raises:
        RunsError: as for `scores`, or a target that is no number.
    """
    if not np.isfinite(target):
        raise RunsError(f"the target is a number, in the unit of the curves' values, not {target!r}")
    if isinstance(runs, pd.DataFrame):
        runs = curves(runs, scale="normalised", x="trainings")
    some = _comparable(runs, bound=False)
    place = _places(some)
    times, reached = np.full(place.shape, np.nan), np.zeros(place.shape, dtype=bool)
    ended = np.array([max([end, *steps[-1:]]) for end, steps in zip(some.ends, some.steps, strict=True)])
    names, is_over = tasks(some.runs), some.runs["exhausted_at"].notna().to_numpy()
    for task in place.tasks:
        of_task = names == task
        ended[of_task & is_over] = ended[of_task].max()
    first, did = ended.copy(), np.zeros(len(some), dtype=bool)
    for i, (steps, values) in enumerate(zip(some.steps, some.values, strict=True)):
        there = np.flatnonzero(some.signs[i] * values <= some.signs[i] * target)
        if len(there):
            first[i], did[i] = steps[there[0]], True
    times[place.of], reached[place.of] = first, did
    return Reached(
        times, reached, place.schedulers, place.tasks, place.seeds, some.x_label, f"{some.y_label}: {target:g}"
    )


def complete(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of those seeds under which every scheduler was run on every task, so that they are paired.

    Raises:
        RunsError: there is no such seed.
    """
    runs = as_runs(runs)
    seeds = runs["seed"].to_numpy()
    cells = pd.DataFrame({"scheduler": runs["scheduler"].to_numpy(), "task": tasks(runs), "seed": seeds})
    whole = cells[["scheduler", "task"]].drop_duplicates()
    all_of_them = cells["scheduler"].nunique() * cells["task"].nunique()
    counts = cells.drop_duplicates().groupby("seed").size() if len(whole) == all_of_them else pd.Series(dtype=int)
    kept = runs[np.isin(seeds, counts.index[counts == all_of_them])]
    if not len(kept):
        raise RunsError("there is no seed under which every scheduler was run on every task")
    return kept


def tasks(runs: pd.DataFrame) -> np.ndarray:
    """(n,) the task of each run: its table, with the cluster and the number of workers where these differ."""
    names = runs["table"].astype(str).to_numpy(dtype=object)
    if runs["cluster"].nunique() > 1:
        names = names + np.where(runs["cluster"] == "", "", ", cluster " + runs["cluster"].astype(str))
    if runs["workers"].nunique() > 1:
        names = names + [f", {n} worker{'s' * (n != 1)}" for n in runs["workers"]]
    return np.asarray(names, dtype=object)


@dataclass(frozen=True)
class _Places:
    """Where each of n runs stands among schedulers, tasks and seeds."""

    schedulers: tuple[str, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    of: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.schedulers), len(self.tasks), len(self.seeds)


def _places(some: Curves) -> _Places:
    """Every run's place; the bound is the last scheduler.

    Raises:
        RunsError: a run that is missing, or that came twice.
    """
    order = np.argsort(some.is_bound, kind="stable")
    columns = (some.runs["scheduler"].to_numpy(dtype=object), tasks(some.runs), some.runs["seed"].to_numpy())
    names, found = [], []
    for column in columns:
        known = {name: i for i, name in enumerate(dict.fromkeys(column[order].tolist()))}
        names.append(tuple(known))
        found.append(np.array([known[name] for name in column.tolist()]))
    schedulers, whole, seeds = names
    counts = np.zeros([len(known) for known in names], dtype=np.int64)
    np.add.at(counts, tuple(found), 1)
    if (counts != 1).any():
        where = np.argwhere(counts != 1)[0]
        scheduler, task, seed = (known[i] for known, i in zip(names, where, strict=True))
        what = "was run twice" if counts[tuple(where)] else "was not run"
        raise RunsError(
            f"runs are not paired: {scheduler!r} {what} on {task} under seed {seed}"
            " (analysis.complete keeps the seeds under which all were run)"
        )
    return _Places(schedulers, whole, seeds, tuple(found))


def _comparable(runs: pd.DataFrame | Curves, bound: bool) -> Curves:
    if isinstance(runs, pd.DataFrame) and runs["table"].nunique() > 1:
        runs = curves(runs, scale="normalised", x="trainings")
    some = curves(runs)
    if not bound:
        some = some.where(~some.is_bound)
    if not len(some):
        raise RunsError("there is no run of a scheduler")
    if some.x == "time" and some.runs["table"].nunique() > 1:
        raise RunsError("seconds of several tables are not comparable: choose another axis, such as x='trainings'")
    return some

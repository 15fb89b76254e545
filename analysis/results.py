"""Tables for a paper: regret by task, and how soon schedulers get to a target."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.aggregates import aggregate
from analysis.curves import Curves, curves
from analysis.pairing import reach, scores
from analysis.pairs import beaten
from analysis.ranks import average_ranks
from analysis.scores import Scores
from analysis.tables import Column, ResultTable
from analysis.targets import speed_up, time_to_target


def regret_table(runs: pd.DataFrame | Curves) -> ResultTable:
    """Mean normalised regret at the end, one row a scheduler and one column a task; over several tasks their mean, too.

    In bold: the best, and all whose difference to it has a simultaneous 95% interval that contains zero (see
    `analysis.compare_all`). The last column is the average rank.

    Args:
        runs: or their `analysis.curves`, for another score or incumbent.

    Raises:
        RunsError: runs that are not paired, or whose regret has no scale.
    """
    some = curves(runs, scale="normalised", x="trainings")
    end = scores(some, np.array([np.inf]))
    columns = [Column("scheduler", list(end.schedulers))]
    if len(end.tasks) == 1:
        columns.append(_regrets("regret", end))
    else:
        for k, task in enumerate(end.tasks):
            own = Scores(end.losses[:, k : k + 1], end.schedulers, (task,), end.seeds, end.x)
            columns.append(_regrets(task, own, with_interval=False))
        columns.append(_regrets("mean of tasks", end))
    ranks = average_ranks(end)
    columns.append(Column("rank", ranks.mean[:, 0], ranks.lower[:, 0], ranks.upper[:, 0], best="min"))
    return ResultTable(
        columns,
        caption=f"Mean normalised regret at the end, over {len(end.seeds)} seeds",
        note="In bold: the best, and what cannot be told apart from it (95%, all pairs at once). Intervals are of 95%.",
        label="tab:regret",
    )


def speed_table(runs: pd.DataFrame | Curves, target: float, baseline: str) -> ResultTable:
    """How many runs get to a target, after how long, and how many times sooner than those of a baseline.

    Args:
        runs: or their `analysis.curves`; by default the target is one of normalised regret, and time is in mean full
            trainings.
        target: see `analysis.reach`.
        baseline: a scheduler.

    Raises:
        RunsError: as for `analysis.reach`, or there is no such baseline.
    """
    reached = reach(runs, target)
    times = time_to_target(reached)
    if len(reached.tasks) > 1:
        times = times[times["task"].isna()]
    columns = [
        Column("scheduler", times["scheduler"].tolist()),
        Column("share that got there", times["share"], times["share_lower"], times["share_upper"], best="max"),
        Column("median time", times["median"], times["median_lower"], times["median_upper"], best="min"),
    ]
    if len(reached.schedulers) > 1:
        faster = speed_up(reached, baseline).set_index(["scheduler", "task"])
        rows = faster.reindex(list(zip(times["scheduler"], times["task"], strict=True)))
        own = (times["scheduler"] == baseline).to_numpy()
        relation = ["" if word == "=" or word != word else str(word) for word in rows["relation"]]
        if any(relation):
            columns.append(Column("bound", relation))
        ratio, low, high = (
            np.where(own, 1.0, rows[name].to_numpy()) for name in ("speed_up", "speed_up_lower", "speed_up_upper")
        )
        columns.append(Column(f"times sooner than {baseline}", ratio, low, high, best="max"))
    return ResultTable(
        columns,
        caption=f"Time to {reached.target}",
        note=f"{reached.x_label}; intervals are of 95%. Runs that did not get there are censored (Kaplan and Meier); "
        "where one of the two never did, how many times sooner is a bound.",
        label="tab:speed",
    )


def _regrets(name: str, end: Scores, *, with_interval: bool = True) -> Column:
    found = aggregate(end, "mean")
    values = found.middle[:, 0]
    bold = ~np.isnan(values)
    if bold.any():
        worse = beaten(end, end.schedulers[int(np.nanargmin(values))])
        bold &= [len(end.seeds) > 1 and scheduler not in worse for scheduler in end.schedulers]
    if not with_interval:
        return Column(name, values, best="min", bold=bold)
    return Column(name, values, found.lower[:, 0], found.upper[:, 0], best="min", bold=bold)

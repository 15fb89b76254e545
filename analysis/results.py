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
from analysis.tables import Best, Column, ResultTable
from analysis.targets import speed_up, time_to_target


def regret_table(runs: pd.DataFrame | Curves) -> ResultTable:
    """Mean normalised regret at the end, one row a scheduler and one column a task; over several tasks their mean, too.

    In bold: the best, and all whose difference to it has a simultaneous 95% interval that contains zero (see
    `analysis.compare_all`). The last column is the average rank, of which the best alone is in bold. One seed does not
    tell who is best: nothing is in bold then, and there are no intervals.

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
    ranks, tells = average_ranks(end), len(end.seeds) > 1
    columns.append(
        Column("rank", ranks.mean[:, 0], ranks.lower[:, 0], ranks.upper[:, 0], best="min" if tells else None)
    )
    note = (
        "In bold: the lowest regret, and what cannot be told apart from it (95%, all pairs at once), and the lowest "
        "rank. Intervals are of 95%."
    )
    return ResultTable(
        columns,
        caption=f"Mean normalised regret at the end, over {len(end.seeds)} seed{'s' * tells}",
        note=note
        if tells
        else "One seed does not tell which is better: there are no intervals, and nothing is in bold.",
        label="tab:regret",
    )


def speed_table(runs: pd.DataFrame | Curves, target: float, baseline: str) -> ResultTable:
    """How many runs get to a target, after how long, and how many times sooner than those of a baseline.

    In bold: the best value of each column, whatever its interval; none where it cannot be told which that is, as for a
    single seed, or where how many times sooner is unknown for one of them.

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
    tells = len(reached.seeds) > 1
    some = tells and bool(times["share"].max() > 0)  # none of them is no best
    columns = [
        Column("scheduler", times["scheduler"].tolist()),
        Column(
            "share that got there",
            times["share"],
            times["share_lower"],
            times["share_upper"],
            best="max" if some else None,
        ),
        Column(
            "median time",
            times["median"],
            times["median_lower"],
            times["median_upper"],
            best="min" if tells else None,
        ),
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
        is_known = tells and rows["tasks"][~own].nunique() == 1 and _has_largest(ratio, relation)
        columns.append(
            Column(f"times sooner than {baseline}", ratio, low, high, best="max" if is_known else None, is_ratio=True)
        )
    said = [
        f"{reached.x_label}; intervals are of 95%. Runs that did not get there are censored (Kaplan and Meier); where "
        "one of the two never did, how many times sooner is a bound."
    ]
    if not tells:
        said.append("One seed does not tell which is better: nothing is in bold.")
    elif any(cell.is_bold for column in columns for cell in column.cells()):
        said.append("In bold: the best value of each column, whether or not it can be told apart from the others.")
    return ResultTable(columns, caption=f"Time to {reached.target}", note=" ".join(said), label="tab:speed")


def _has_largest(ratio: np.ndarray, relation: list[str]) -> bool:
    """Whether the largest of the values is the largest of what they stand for, though some are only bounds."""
    if np.isnan(ratio).any():
        return False
    first = int(np.argmax(ratio))
    if relation[first] == "<=":
        return False
    # Ratios that are at least so large have the same stand-in for the baseline's time: they can be compared.
    return relation[first] == ">=" or ">=" not in relation


def _regrets(name: str, end: Scores, *, with_interval: bool = True) -> Column:
    found = aggregate(end, "mean")
    values = found.middle[:, 0]
    best: Best | None = "min" if len(end.seeds) > 1 else None
    bold = ~np.isnan(values) & (best is not None)
    if bold.any():
        worse = beaten(end, end.schedulers[int(np.nanargmin(values))])
        bold &= [scheduler not in worse for scheduler in end.schedulers]
    if not with_interval:
        return Column(name, values, best=best, bold=bold)
    return Column(name, values, found.lower[:, 0], found.upper[:, 0], best=best, bold=bold)

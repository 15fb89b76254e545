"""How good the incumbent of each run was, over time: which incumbent, scored how, over which axis.

Under the rules of `simulator.incumbents` a run recommends a configuration from some time on until it recommends
another, so a curve is a step function.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from analysis.runs import RunsError, as_runs
from simulator import clairvoyant
from simulator.study import PREFIXES

X = Literal["time", "trainings", "resource", "cost"]
Score = Literal["reported", "test", "mean"]
Scale = Literal["value", "regret", "normalised"]
Incumbent = Literal["best", "highest", "charged"]

_STEPS = {"time": "times", "trainings": "times", "resource": "resources", "cost": "costs"}
_ENDS = {"time": "end", "trainings": "end", "resource": "resource", "cost": "cost"}
_VALUES = {"reported": "values", "test": "test_values", "mean": "mean_values"}
_LANDMARKS = {"reported": "table", "test": "test", "mean": "mean"}
_OF = {"reported": "", "test": "", "mean": ", mean of replicates"}
_WHOSE = {
    "best": "the incumbent",
    "highest": "the best at the highest resource",
    "charged": "the incumbent, trained to the end",
}


@dataclass(frozen=True, eq=False)
class Curves:
    """Step functions, one a run. Made by `curves`.

    Attributes:
        runs: the runs, as they were given.
        x, score, scale, incumbent: as given to `curves`.
        steps: one array a run, where its value changes, not decreasing, in the unit of `x_label`.
        values: one array a run of the same length: from there on; NaN where the incumbent diverged.
        ends: (n,) where the runs ended, the last recommendation trained to the end if that is charged; a curve goes on
            with its last value.
        signs: (n,) 1 where smaller is better, else -1.
    """

    runs: pd.DataFrame
    x: X
    score: Score
    scale: Scale
    incumbent: Incumbent
    steps: list[np.ndarray]
    values: list[np.ndarray]
    ends: np.ndarray
    signs: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    def at(self, x: np.ndarray) -> np.ndarray:
        """(n, T) the values at (T,) points of the axis, in any order; NaN before a run's first result."""
        x = np.asarray(x, dtype=np.float64)
        found = np.full((len(self), len(x)), np.nan)
        for i, (steps, values) in enumerate(zip(self.steps, self.values, strict=True)):
            known = np.searchsorted(steps, x, side="right")
            some = known > 0
            found[i, some] = values[known[some] - 1]
        return found

    def where(self, mask: np.ndarray) -> Curves:
        """The curves of some runs."""
        some = np.flatnonzero(mask)
        return replace(
            self,
            runs=self.runs.iloc[some],
            steps=[self.steps[i] for i in some],
            values=[self.values[i] for i in some],
            ends=self.ends[some],
            signs=self.signs[some],
        )

    @property
    def is_bound(self) -> np.ndarray:
        """(n,) whether it is no run but the bound that none can beat."""
        return (self.runs["scheduler"] == clairvoyant.NAME).to_numpy()

    @property
    def schedulers(self) -> dict[str, Curves]:
        """The curves of each scheduler, in the order of their first runs; the bound is last."""
        names = self.runs["scheduler"].to_numpy()
        order = sorted(dict.fromkeys(names), key=lambda name: name == clairvoyant.NAME)
        return {str(name): self.where(names == name) for name in order}

    @property
    def sign(self) -> float:
        """1 where smaller is better, else -1.

        Raises:
            RunsError: it differs from table to table.
        """
        if len(set(self.signs.tolist())) > 1:
            raise RunsError("smaller is better on some tables and larger on others: look at their normalised regret")
        return float(self.signs[0])

    @property
    def x_label(self) -> str:
        """The axis, with its unit."""
        if self.x == "resource":
            units = set(self.runs["resource_unit"])
            return "trained in all" + (f" ({units.pop()}s)" if len(units) == 1 else " (each table's unit of resource)")
        return {
            "time": "simulated time (s)",
            "trainings": "simulated time (mean full trainings)",
            "cost": "cost of the workers (in the currency of their price)",
        }[self.x]

    @property
    def y_label(self) -> str:
        """What the values are, with their unit."""
        if self.scale == "normalised":
            scale = "normalised regret (0: the table's best, 1: its median)"
            of = {"reported": "", "test": " in the test metric", "mean": " in the mean of replicates"}[self.score]
            return scale + of + ("" if self.incumbent == "best" else f" of {_WHOSE[self.incumbent]}")
        prefix = "test_" if self.score == "test" else ""
        name, unit = (self.runs[f"{prefix}{column}"].unique() for column in ("metric", "unit"))
        metric = str(name[0]).replace("_", " ") if len(name) == 1 else "value"
        suffix = "" if len(unit) > 1 or unit[0] in ("1", "", None) else f" ({unit[0]})"
        if self.scale == "regret":
            metric = f"regret of {metric}"
        if (self.score, self.incumbent) == ("reported", "best"):
            return (metric if self.scale == "regret" else f"best {metric} so far") + suffix
        return f"{metric} of {_WHOSE[self.incumbent]}{_OF[self.score]}{suffix}"


def curves(
    runs: pd.DataFrame | Curves,
    score: Score = "reported",
    scale: Scale = "value",
    incumbent: Incumbent = "best",
    x: X = "time",
) -> Curves:
    """How good the incumbent of each run was, over time.

    Args:
        runs: rows of `simulator.study.run_row`; curves are given back as they are.
        score: by what the incumbent is scored: ``"reported"``, the metric that the scheduler saw; ``"test"``, the test
            metric of the same replicate; ``"mean"``, the metric's mean over all replicates, free of the luck of one.
        scale: ``"regret"``: the distance to the best value in the table by that score (zero where the score happens to
            be better than that); ``"normalised"``: in shares of the distance from there to the median configuration at
            r_max, so that tables can be taken together.
        incumbent: ``"best"``: the best reported at any resource; ``"highest"``: the best at the highest resource
            reached; ``"charged"``: the best, trained to the end, the time for that added. See `simulator.incumbents`.
        x: the axis: ``"time"`` (simulated seconds), ``"trainings"`` (the same in mean full trainings of the table),
            ``"resource"`` (units trained in all, such as epochs) or ``"cost"`` (of the workers).

    Raises:
        RunsError: another argument, or runs that do not tell what is asked for: no test metric, no price, or rows
            written before they told it.
    """
    if isinstance(runs, Curves):
        return runs
    check_asked(score, scale, incumbent, x)
    runs = as_runs(runs)
    if x == "cost":
        _check_priced(runs)
    is_bound = (runs["scheduler"] == clairvoyant.NAME).to_numpy()
    if is_bound.any() and not is_bound.all() and (incumbent != "best" or score == "mean" or x == "resource"):
        runs, is_bound = runs[~is_bound], np.zeros(len(runs) - is_bound.sum(), dtype=bool)  # it bounds nothing of that
    prefix = PREFIXES[incumbent]
    steps = _lists(runs, prefix + _STEPS[x])
    values = _lists(runs, prefix + _VALUES[score])
    lengths = [len(step) for step in steps]
    if score == "test" and runs["test_metric"].isna().any():
        table = runs["table"][runs["test_metric"].isna()].iloc[0]
        raise RunsError(f"{table} has no test metric to score the incumbent by")
    recorded = [bool(len(times)) for times in runs["times"]]
    if [len(value) for value in values] != lengths or any(
        had and not n and not bound for had, n, bound in zip(recorded, lengths, is_bound, strict=True)
    ):
        raise RunsError(
            f"these runs do not tell {score} values of the {incumbent} incumbent over {x}: run the comparison again"
        )
    if x == "trainings":
        units = runs["full_training"].to_numpy(dtype=np.float64)
        if not (units > 0).all():
            raise RunsError("a full training takes no time, so that time cannot be told in full trainings")
        steps = [step / unit for step, unit in zip(steps, units, strict=True)]
    direction = runs["test_direction" if score == "test" else "direction"]
    signs = np.where(direction == "max", -1.0, 1.0)
    if incumbent == "charged":
        awaited = [_awaited(step) for step in steps]
        steps, values = ([part[i] for part, i in zip(parts, awaited, strict=True)] for parts in (steps, values))
    if scale != "value":
        values = _regrets(runs, values, score, scale, signs)
        signs = np.ones(len(runs))
    is_timed = x in ("time", "trainings")
    ends = runs["charged_end" if incumbent == "charged" and is_timed else _ENDS[x]].to_numpy(dtype=np.float64)
    return Curves(runs, x, score, scale, incumbent, steps, values, ends / units if x == "trainings" else ends, signs)


def check_asked(score: str, scale: str, incumbent: str, x: str) -> None:
    """That arguments of `curves` are what they may be.

    Raises:
        RunsError: one is not.
    """
    asked = {"score": (score, Score), "scale": (scale, Scale), "incumbent": (incumbent, Incumbent), "x": (x, X)}
    for name, (value, known) in asked.items():
        if value not in get_args(known):
            raise RunsError(f"{name} is one of {', '.join(get_args(known))}, not {value!r}")


def grid(some: Curves, points: int = 400, span: float = 1e6) -> np.ndarray:
    """(T,) points of the axis, evenly spaced in its logarithm from the first result to the end of the longest run.

    The end is at most `span` times the beginning. The bound counts only where there is nothing else.
    """
    if not some.is_bound.all():
        some = some.where(~some.is_bound)
    first = min((steps[0] for steps in some.steps if len(steps)), default=0.0)
    end = max([float(np.nanmax(some.ends, initial=0.0)), *(step[-1] for step in some.steps if len(step))])
    return np.geomspace(max(first, end / span), end, points) if end > 0 else np.zeros(1)


def _awaited(steps: np.ndarray) -> np.ndarray:
    """Which recommendations, (n,) in their order, are known sooner than all later ones; for the others one can wait.

    What is left to train at a later one may be less, so that it is known sooner, or costs less.
    """
    later = np.minimum.accumulate(steps[::-1])[::-1]
    return steps < np.append(later[1:], np.inf)[: len(steps)]


def _regrets(
    runs: pd.DataFrame, values: list[np.ndarray], score: Score, scale: Scale, signs: np.ndarray
) -> list[np.ndarray]:
    ends = (f"{_LANDMARKS[score]}_best", f"{_LANDMARKS[score]}_median")
    best, median = (runs[name].to_numpy(dtype=np.float64) for name in ends)
    scales = np.abs(median - best) if scale == "normalised" else np.ones(len(runs))
    for i in np.flatnonzero([bool(np.isfinite(value).any()) for value in values]):  # else there is nothing to scale
        if np.isnan(best[i]):
            raise RunsError(f"these runs do not tell the table's best {score} value: run the comparison again")
        if not scales[i] > 0:
            raise RunsError(
                f"{runs['table'].iloc[i]}: regret has no scale, since the median configuration is as good as the best, "
                "or none is known at r_max"
            )
    pairs: Iterator[Any] = zip(values, signs, best, scales, strict=True)
    return [np.maximum(sign * (value - zero), 0.0) / unit for value, sign, zero, unit in pairs]


def _lists(runs: pd.DataFrame, column: str) -> list[np.ndarray]:
    return [np.asarray(entries, dtype=np.float64) for entries in runs[column]]


def _check_priced(runs: pd.DataFrame) -> None:
    unpaid = runs[runs["cost"].isna()]
    if len(unpaid):
        run = unpaid.iloc[0]
        where = f"the cluster {run['cluster']}" if run["cluster"] else "no cluster"
        raise RunsError(f"{run['table']}, {run['scheduler']}: it was run on {where}, so that workers have no price")

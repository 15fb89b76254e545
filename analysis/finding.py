"""The finding of a comparison: one sentence that the statistics support.

Which scheduler is called the best is chosen from the data, and it is compared with all others twice: by normalised
regret averaged over the run, and at its end. So that the sentence as a whole is wrong in at most 5% of such
comparisons, each difference is told only where its simultaneous interval over all pairs, at half of that error for
each of the two, leaves out zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.curves import curves
from analysis.paired import CONFIDENCE
from analysis.pairing import averaged, scores
from analysis.pairs import beaten
from analysis.runs import as_runs
from analysis.scores import Scores
from simulator import clairvoyant

LISTED = 6  # schedulers that are named; more are counted


@dataclass(frozen=True)
class Standing:
    """Who is best by one measure, and against whom that is supported.

    Attributes:
        best: the scheduler with the lowest mean loss; None where a run has no result, so that there is no mean.
        loss: that mean.
        beaten: those that are worse beyond doubt, in the order of the runs.
        tied: those that cannot be told apart from the best.
    """

    best: str | None
    loss: float
    beaten: tuple[str, ...]
    tied: tuple[str, ...]


def standing(some: Scores, confidence: float = CONFIDENCE) -> Standing:
    """Who is best at the last point of the axis, by the mean over seeds and tasks.

    Args:
        some: of at least one scheduler.
        confidence: that all that is said of `beaten` is true.
    """
    means = some.losses[..., -1].mean(axis=(1, 2))
    if np.isnan(means).any():
        return Standing(None, float("nan"), (), some.schedulers)
    best = some.schedulers[int(np.argmin(means))]
    others = [name for name in some.schedulers if name != best]
    worse = beaten(some, best, confidence)
    parts = (tuple(name for name in others if (name in worse) is is_worse) for is_worse in (True, False))
    return Standing(best, float(means.min()), *parts)


def finding(runs: pd.DataFrame) -> str:
    """What a comparison shows, in one sentence.

    Args:
        runs: paired, of one table or several; the bound is no scheduler.

    Raises:
        RunsError: runs that are not paired, or whose regret has no scale.
    """
    runs = as_runs(runs)
    runs = runs[runs["scheduler"] != clairvoyant.NAME]
    some = curves(runs, scale="normalised", x="trainings")
    at_the_end = scores(some, np.array([np.inf]))
    over_the_run = averaged(some)
    count, seeds = len(at_the_end.schedulers), len(at_the_end.seeds)
    where = _listed(at_the_end.tasks, "tasks")
    if count == 1:
        return f"Only {at_the_end.schedulers[0]} was run on {where}, so that there is nothing to compare."
    if seeds == 1:
        return f"One seed does not tell which of the {count} schedulers is better on {where}: run more, such as 20."
    each = 1 - (1 - CONFIDENCE) / 2
    run, end = standing(over_the_run, each), standing(at_the_end, each)
    over = f"{where}, over {seeds} seeds{' each' * (len(at_the_end.tasks) > 1)}"
    said = f"On {over}, {_said(run, 'had the lowest regret averaged over the run')}"
    if end.best is None:
        return f"{said}; at the end some runs had no result, so that their regret has no mean."
    if (end.best, end.beaten) == (run.best, run.beaten):
        return f"{said}, and the same holds for its regret at the end of the run."
    if end.best == run.best:
        return f"{said}; at the end of the run its regret was still the lowest, {_against(end)}."
    return f"{said}; at the end of the run {_said(end, 'had the lowest regret')}."


def _said(found: Standing, what: str) -> str:
    assert found.best is not None
    return f"{found.best} {what} ({found.loss:.2g} of the median's), {_against(found)}"


def _against(found: Standing) -> str:
    if not found.tied:
        return "lower than that of each other scheduler" if len(found.beaten) > 1 else f"lower than {found.beaten[0]}"
    if not found.beaten:
        return "but no scheduler can be told apart from it"
    return (
        f"lower than {_listed(found.beaten, 'others')}, but not to be told apart from {_listed(found.tied, 'others')}"
    )


def _listed(names: Sequence[str], what: str) -> str:
    """``a, b and c``, or how many there are if they are too many."""
    if len(names) > LISTED:
        return f"{len(names)} {what}"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

"""How many seeds are enough: how wide the interval of a difference would be with fewer, and with more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bootstrap import SEED
from analysis.intervals import check_point, pooled
from analysis.paired import CONFIDENCE
from analysis.runs import RunsError
from analysis.scores import Scores

SUBSETS = 200  # of the seeds that were run, for each number of seeds
REACH = 10_000  # seeds a task


@dataclass(frozen=True, eq=False)
class IntervalWidths:
    """How wide the interval of a paired difference is, by the number of seeds.

    Attributes:
        scheduler, other: which two.
        tasks, seeds: how many tasks there are, and how many seeds of each were run.
        difference: the mean difference that was observed, own loss minus the other's; NaN if a run has no result.
        numbers: (M,) numbers of seeds a task, increasing, 2 or more.
        half_widths: (M,) the half width of the 95% interval with so many seeds; NaN as the difference.
        extrapolated: (M,) whether that is more seeds than were run.
        needed: the least number of seeds a task whose half width is below the size of the difference, so that zero
            would be outside the interval; None if 10,000 are too few, or there is no difference.
        y_label: what the losses are, with their unit.
    """

    scheduler: str
    other: str
    tasks: int
    seeds: int
    difference: float
    numbers: np.ndarray
    half_widths: np.ndarray
    extrapolated: np.ndarray
    needed: int | None
    y_label: str


def interval_widths(
    scores: Scores, scheduler: str, other: str, numbers: Sequence[int] | None = None, at: int = -1
) -> IntervalWidths:
    """How wide the 95% interval of the difference between two schedulers is with so and so many seeds a task.

    The interval is that of `analysis.compare_all`, of one pair by itself. For no more seeds than were run, its width is
    the mean over subsets of these seeds, drawn for each task without replacement. For more seeds it is extrapolated:
    the variance stays what it is, so that the width falls with 1 / sqrt(n), and with Student's t.

    `needed` takes the observed difference for the true one. Another study with just as many seeds would then show it
    about every other time; one with twice as many would four times out of five.

    Args:
        scores: what was run; losses on one scale for all tasks.
        scheduler, other: as named in the scores.
        numbers: of seeds, 2 or more; by default from 2 to well beyond what was run, or is needed.
        at: which point of the axis, the last by default.

    Raises:
        RunsError: no such scheduler or point, numbers below 2, or scores of a single seed.
    """
    check_point(at, len(scores.x))
    losses = scores.losses[..., at]
    differences = losses[scores.index(scheduler)] - losses[scores.index(other)]  # (K, N)
    tasks, seeds = differences.shape
    if seeds < 2:
        raise RunsError("a single seed does not tell how much seeds differ: two or more are needed")
    if numbers is not None and (not len(numbers) or min(numbers) < 2 or any(n != int(n) for n in numbers)):
        raise RunsError(f"numbers of seeds are whole and 2 or more, not {list(numbers)!r}")
    difference = float(differences.mean())
    all_numbers = np.arange(2, max(seeds, REACH) + 1)
    half_widths = np.concatenate([_of_subsets(differences), _of_more(differences, all_numbers[seeds - 1 :])])
    too_wide = all_numbers[~(half_widths < abs(difference))]
    needed: int | None = int(too_wide[-1]) + 1 if len(too_wide) else 2
    if len(too_wide) and too_wide[-1] == all_numbers[-1]:
        needed = None
    if numbers is None:
        last = min(max(4 * seeds, 2 * (needed or 0)), all_numbers[-1])
        numbers = [seeds, *np.geomspace(2, last, 60).round().astype(int).tolist()]
    shown = np.unique(np.array(numbers, dtype=np.int64))
    run, more = shown[shown <= seeds], shown[shown > seeds]
    return IntervalWidths(
        scheduler=scheduler,
        other=other,
        tasks=tasks,
        seeds=seeds,
        difference=difference,
        numbers=shown,
        half_widths=np.concatenate([half_widths[run - 2], _of_more(differences, more)]),
        extrapolated=shown > seeds,
        needed=needed,
        y_label=scores.y_label,
    )


def _of_subsets(differences: np.ndarray) -> np.ndarray:
    """(N - 1,) the half widths with 2, ..., N of the seeds, from differences (K, N)."""
    from scipy.special import stdtrit

    tasks, seeds = differences.shape
    order = np.random.Generator(np.random.PCG64(SEED)).random((tasks, SUBSETS, seeds)).argsort(axis=-1)
    centred = differences - differences.mean(axis=1, keepdims=True)
    drawn = np.take_along_axis(centred[:, None], order, axis=-1)  # the first n are a subset of n seeds
    n = np.arange(2, seeds + 1)
    sums, squares = drawn.cumsum(axis=-1)[..., 1:], (drawn**2).cumsum(axis=-1)[..., 1:]
    variances = np.maximum(squares - sums**2 / n, 0.0) / (n - 1)
    error, freedom = pooled(variances, n)
    half_widths = (stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(error)).mean(axis=0)
    return np.append(half_widths[:-1], _of_more(differences, np.array([seeds])))


def _of_more(differences: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The half widths with n seeds, (...), if tasks vary as they do in differences (K, N)."""
    from scipy.special import stdtrit

    variances = differences.var(axis=1, ddof=1)
    error, freedom = pooled(variances[:, None], n)
    return stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(error)

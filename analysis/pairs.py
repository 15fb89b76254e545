"""All pairs of schedulers under the same seeds: differences, and what may be said of all of them at once."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from analysis.bootstrap import means, resample, studentised
from analysis.intervals import bounded_interval, check_confidence, check_point, variance, welch
from analysis.runs import RunsError
from analysis.scores import Scores

By = Literal["loss", "rank"]
RESAMPLES = 2000
NUMBERS = ["difference", "lower", "upper", "family_lower", "family_upper", "won", "lost", "tied"]


def compare_all(scores: Scores, at: int = -1, confidence: float = 0.95, by: By = "loss") -> pd.DataFrame:
    """Every ordered pair of schedulers, seed by seed: by how much the one is better than the other, and how surely.

    Two intervals go with each difference. ``lower`` to ``upper`` is for a pair that was chosen before looking. The
    wider one from ``family_lower`` to ``family_upper`` holds for all pairs at once: the probability that any of them
    misses its true difference is 1 - confidence. Whoever looks at all pairs, and says which schedulers are better than
    which, needs these: a pair differs if its family interval does not contain zero.

    Args:
        scores: what to compare. Losses of several tasks should be on one scale if they are compared by loss.
        at: which point of the axis, the last by default.
        confidence: of both intervals.
        by: what is compared under each seed.
            ``"loss"``: the losses. The difference is NaN, and so are its intervals, if a single run of either has no
            result. The interval is Student's with Welch's degrees of freedom over tasks, for one task that of
            `analysis.paired`. The family's comes from the largest of all pairs' bootstrapped |t| (Romano & Wolf,
            JASA 2005, in one step), so that it knows how pairs hang together, and is never the narrower one. Where two
            schedulers differ under a few seeds only, both are too short; ``"rank"`` is safer there.
            ``"rank"``: which of the two was better: -1 if the scheduler was, 0 for a tie, 1 if the other was. The
            difference is the share of seeds lost less that of seeds won, on a scale of -1 to 1, whatever the scale of
            the losses; a run without a result is worse than any, so that it always exists. Only the two count, so that
            no third scheduler has a say in it (Benavoli, Corani & Mangili, JMLR 2016, on why that matters). Intervals
            are those of `analysis.intervals.bounded_interval`, the family's with Bonferroni's correction.

    Returns:
        A row for each ordered pair: scheduler, other, difference (mean over tasks of the means over seeds, own minus
        the other's: negative is better), lower, upper, family_lower, family_upper, and the shares of all seeds that
        were won, lost and tied. Intervals are NaN if there is a single seed.

    Raises:
        RunsError: no such point, a confidence not between 0 and 1, or neither loss nor rank.
    """
    if by not in get_args(By):
        raise RunsError(f"by is one of {', '.join(get_args(By))}, not {by!r}")
    check_confidence(confidence)
    check_point(at, len(scores.x))
    losses, names = scores.losses[..., at], scores.schedulers
    pairs = list(combinations(range(len(names)), 2))
    if not pairs:
        return _frame([])
    first, second = (np.moveaxis(losses[[pair[i] for pair in pairs]], 0, -1) for i in (0, 1))  # (K, N, pairs)
    order = _order(first, second)
    ends = _by_loss(first - second, confidence) if by == "loss" else _by_rank(order, confidence)
    won, lost, tied = ((order == sign).mean(axis=(0, 1)) for sign in (-1, 1, 0))
    rows = {}
    for p, (i, j) in enumerate(pairs):
        difference, lower, upper, family_lower, family_upper = (end[p] for end in ends)
        rows[i, j] = (difference, lower, upper, family_lower, family_upper, won[p], lost[p], tied[p])
        mirrored = [0.0 - end for end in (difference, upper, lower, family_upper, family_lower)]  # no minus zero
        rows[j, i] = (*mirrored, lost[p], won[p], tied[p])
    return _frame([(names[i], names[j], *rows[i, j]) for i, j in sorted(rows)])


def beaten(scores: Scores, scheduler: str, confidence: float = 0.95) -> set[str]:
    """Who is worse than a scheduler at the last point of the axis, by the family's intervals of `compare_all`."""
    pairs = compare_all(scores, confidence=confidence)
    return set(pairs["other"][(pairs["scheduler"] == scheduler) & (pairs["family_upper"] < 0)])


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["scheduler", "other", *NUMBERS]).astype(dict.fromkeys(NUMBERS, np.float64))


def _order(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """-1 where the first is better, 1 where the second is, else 0; NaN is worse than any."""
    first, second = (np.where(np.isnan(losses), np.inf, losses) for losses in (first, second))
    return 1.0 * (first > second) - 1.0 * (first < second)


def _by_loss(differences: np.ndarray, confidence: float) -> tuple[np.ndarray, ...]:
    """Mean, ends, and ends for the family, each (pairs,), of differences (K, N, pairs)."""
    from scipy.special import stdtrit

    tasks, seeds, _ = differences.shape
    middle = differences.mean(axis=(0, 1))
    if seeds == 1:
        return middle, *np.full((4, len(middle)), np.nan)
    known = np.isfinite(middle)
    values = np.where(known, differences, 0.0)
    error, freedom = welch(values)
    critical = stdtrit(freedom, (1 + confidence) / 2)
    students = studentised(*means(values, resample(tasks, seeds, RESAMPLES)), error)
    largest = np.quantile(np.abs(students).max(axis=1), confidence, method="higher")
    halves = [np.where(known, c * np.sqrt(error), np.nan) for c in (critical, np.maximum(critical, largest))]
    return middle, *(middle + sign * half for half in halves for sign in (-1, 1))


def _by_rank(order: np.ndarray, confidence: float) -> tuple[np.ndarray, ...]:
    """The same, of which was better (K, N, pairs), -1, 0 or 1."""
    from scipy.special import stdtrit

    tasks, seeds, pairs = order.shape
    middle = order.mean(axis=(0, 1))
    if seeds == 1:
        return middle, *np.full((4, pairs), np.nan)
    error, freedom = variance(order)
    tail = (1 - confidence) / 2
    criticals = [-stdtrit(freedom, t) for t in (tail, tail / pairs)]
    return middle, *(end for c in criticals for end in bounded_interval(middle, error, c, (-1, 1), tasks * seeds))

"""Whether several schedulers differ, and which of them do: Friedman's test and those that follow it (Demšar 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import fsum

import numpy as np
import pandas as pd

from analysis.intervals import check_point
from analysis.runs import RunsError
from analysis.scores import Scores

SIGNIFICANT = 0.05
FEW = 20  # blocks, up to which p-values come from permutations
EXACT = 50  # blocks, up to which all signs of Wilcoxon's test are counted
PERMUTATIONS = 10_000
SEED = 0  # of the permutations


@dataclass(frozen=True, eq=False)
class Friedman:
    """Friedman's test of 1937 that all schedulers are equally good, from their ranks within blocks.

    Attributes:
        schedulers: of length S.
        blocks: what was ranked within, of length B: the tasks, or the seeds of a single task.
        losses: (S, B) see `block_losses`.
        mean_ranks: (S,) over blocks, 1 for a scheduler that is always best; equals share the mean of their ranks.
        chi2, p_chi2: Friedman's statistic, corrected for ties, and its p-value from S - 1 degrees of freedom.
        f, p_f: Iman and Davenport's of 1980, less conservative, from S - 1 and (S - 1)(B - 1) degrees of freedom; inf
            and 0 where all blocks agree.
        p: the p-value to go by. Up to 20 blocks it is that of 10,000 random permutations within the blocks, since the
            others are wrong there (that of F is below 0.05 for one in six true hypotheses with two blocks and three
            schedulers); with more blocks it is `p_f`.
        w: Kendall's coefficient of concordance, from 0 to 1: how far blocks agree.
        over: what the blocks are, in words.
        y_label: what was ranked.
        x_label: where on the axis.
    """

    schedulers: tuple[str, ...]
    blocks: tuple[str, ...]
    losses: np.ndarray
    mean_ranks: np.ndarray
    chi2: float
    p_chi2: float
    f: float
    p_f: float
    p: float
    w: float
    over: str
    y_label: str
    x_label: str

    @property
    def critical_difference(self) -> float:
        """By how much mean ranks have to differ at the level of 0.05, whichever two are looked at (Nemenyi 1963)."""
        from scipy.stats import studentized_range

        return float(studentized_range.ppf(1 - SIGNIFICANT, len(self.schedulers), np.inf)) / np.sqrt(2) * self._unit

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """The largest groups, of two or more, within which no two differ by the critical difference; best ranks first.

        It is one group of all where Friedman's test itself finds nothing at the level of 0.05.
        """
        order = np.argsort(self.mean_ranks, kind="stable")
        ranks, names = self.mean_ranks[order], [self.schedulers[i] for i in order]
        if self.p >= SIGNIFICANT:
            return [tuple(names)]
        found, last = [], 0
        for first in range(len(names)):
            end = int(np.searchsorted(ranks, ranks[first] + self.critical_difference))
            if end > max(last, first + 1):
                found.append(tuple(names[first:end]))
            last = max(last, end)
        return found

    def pairs(self) -> pd.DataFrame:
        """Every two schedulers, the one of the better mean rank first.

        Columns: scheduler, other, `difference` (of mean ranks, other minus own) and, that the two are equally good:

        - `p_nemenyi`: from their mean ranks, corrected for all pairs (Nemenyi 1963). Other schedulers have a say in it.
        - `p_wilcoxon`: Wilcoxon's signed-rank test of their losses in each block, in which they have none, as
          recommended by Benavoli, Corani & Mangili (JMLR 2016); a difference of zero counts half for each side. It
          compares sizes of differences, so that losses of several tasks should be on one scale. Up to 50 blocks it is
          exact, whatever the ties; with five blocks or fewer it cannot fall below 0.05.
        - `p_holm`: the same, corrected for all pairs (Holm 1979).
        """
        from scipy.stats import studentized_range

        order = np.argsort(self.mean_ranks, kind="stable")
        of_pairs = list(combinations(order.tolist(), 2))
        first, second = (np.array(side) for side in zip(*of_pairs, strict=True))
        differences = self.mean_ranks[second] - self.mean_ranks[first]
        quantiles = differences / self._unit * np.sqrt(2)
        own = np.array([_p_of_signed_ranks(self.losses[i] - self.losses[j]) for i, j in of_pairs])
        return pd.DataFrame(
            {
                "scheduler": [self.schedulers[i] for i in first],
                "other": [self.schedulers[j] for j in second],
                "difference": differences,
                "p_nemenyi": studentized_range.sf(quantiles, len(self.schedulers), np.inf),
                "p_wilcoxon": own,
                "p_holm": holm(own),
            }
        )

    @property
    def _unit(self) -> float:
        """The standard error of a mean rank's difference, but for a factor of the square root of 2."""
        k = len(self.schedulers)
        return float(np.sqrt(k * (k + 1) / (6 * len(self.blocks))))


def friedman(scores: Scores, at: int = -1) -> Friedman:
    """Friedman's test of the schedulers at one point of the axis, within tasks, or within seeds of a single task.

    It asks of several tasks whether schedulers differ on tasks like these; their seeds are averaged over before, and do
    not count as if they were more tasks. With one task it asks whether they differ on that one.

    Args:
        scores: of three schedulers or more, on two tasks or under two seeds at least.
        at: which point of the axis, the last by default.

    Raises:
        RunsError: fewer, no such point, or losses that are infinite.
    """
    from scipy.stats import f as f_distribution
    from scipy.stats import friedmanchisquare, rankdata

    k = len(scores.schedulers)
    if k < 3:
        raise RunsError(f"Friedman's test is for three schedulers or more, not {k}: compare two with analysis.paired")
    losses = block_losses(scores, at)
    n = losses.shape[1]
    ranks = rankdata(losses, axis=0)
    chi2, p_chi2, f, p_f, p = 0.0, 1.0, 0.0, 1.0, 1.0
    if np.ptp(losses, axis=0).any():
        chi2, p_chi2 = (float(found) for found in friedmanchisquare(*losses))
        left = n * (k - 1) - chi2
        agree = left < 1e-9 * chi2
        f = np.inf if agree else (n - 1) * chi2 / left
        p_f = 0.0 if agree else float(f_distribution.sf(f, k - 1, (k - 1) * (n - 1)))
        p = _p_of_permutations(ranks) if n <= FEW else p_f
    several = len(scores.tasks) > 1
    return Friedman(
        schedulers=scores.schedulers,
        blocks=scores.tasks if several else tuple(f"seed {seed}" for seed in scores.seeds),
        losses=losses,
        mean_ranks=ranks.mean(axis=1),
        chi2=chi2,
        p_chi2=p_chi2,
        f=float(f),
        p_f=p_f,
        p=p,
        w=min(1.0, chi2 / (n * (k - 1))),
        over=f"{n} tasks" if several else f"{n} seeds of {scores.tasks[0]}",
        y_label=scores.y_label,
        x_label=f"{scores.x_label}: {scores.x[at]:g}" if np.isfinite(scores.x[at]) else "the end",
    )


def block_losses(scores: Scores, at: int = -1, least: float = 0.0) -> np.ndarray:
    """(S, B) what is compared: means over seeds on each of several tasks, or losses under each seed of a single one.

    A run without a result has a loss so large that nothing makes up for one such run more: the worst of all losses plus
    five times N times their range, for N seeds. So NaN is never left.

    Args:
        scores: the losses.
        at: which point of the axis.
        least: a number which that range counts as at least.

    Raises:
        RunsError: no such point, losses that are infinite, or fewer than two tasks and seeds.
    """
    check_point(at, len(scores.x))
    losses = scores.losses[..., at]
    if np.isinf(losses).any():
        s, k, n = np.argwhere(np.isinf(losses))[0]
        raise RunsError(
            f"{scores.tasks[k]}, {scores.schedulers[s]}, seed {scores.seeds[n]}: the loss is {losses[s, k, n]}; "
            "losses are numbers, or NaN where there is no result"
        )
    if max(len(scores.tasks), len(scores.seeds)) < 2:
        raise RunsError("schedulers are compared on two tasks or more, or under two seeds or more of one task")
    known = losses[~np.isnan(losses)]
    if len(known):
        losses = np.where(
            np.isnan(losses), known.max() + 5 * len(scores.seeds) * (max(np.ptp(known), least) or 1.0), losses
        )
    else:
        losses = np.zeros_like(losses)
    if len(scores.tasks) == 1:
        return np.asarray(losses[:, 0])
    # Sums are rounded only once, so that equal losses in another order have equal means.
    return np.array([[fsum(seeds) / len(seeds) for seeds in tasks] for tasks in losses.tolist()])


def holm(p_values: np.ndarray) -> np.ndarray:
    """Several p-values, corrected so that one true hypothesis or more is rejected as often as the level says."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1)), 1.0)
    return corrected


def _p_of_permutations(ranks: np.ndarray) -> float:
    """How often ranks (S, B) that are shuffled within each block have sums as unequal as these."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    k, n = ranks.shape
    sums = np.zeros((PERMUTATIONS, k))
    for block in ranks.T:
        sums += block[generator.integers(0, 2**63, (PERMUTATIONS, k)).argsort(axis=1, kind="stable")]
    observed = ((ranks.sum(axis=1) - n * (k + 1) / 2) ** 2).sum()
    as_unequal = (((sums - n * (k + 1) / 2) ** 2).sum(axis=1) >= observed - 1e-9).sum()
    return float((1 + as_unequal) / (1 + PERMUTATIONS))


def _p_of_signed_ranks(differences: np.ndarray) -> float:
    """Wilcoxon's test (1945), two-sided, of differences (B,).

    SciPy counts all signs only where there are no ties, or few blocks, for which it takes a hundred times as long.
    """
    from scipy.stats import rankdata, wilcoxon

    if not differences.any():
        return 1.0
    if len(differences) > EXACT:
        return float(wilcoxon(differences, zero_method="zsplit", method="asymptotic").pvalue)
    signed = differences != 0
    twice = (2 * rankdata(np.abs(differences))).astype(np.int64)[signed]  # whole numbers, also where ranks are shared
    total = int(twice.sum())
    chances = np.zeros(total + 1)  # of each sum of the ranks with a plus
    chances[0] = 1.0
    for rank in twice:
        chances[rank:] += chances[:-rank].copy()
        chances /= 2
    observed = abs(2 * int(twice[differences[signed] > 0].sum()) - total)
    return float(chances[np.abs(2 * np.arange(total + 1) - total) >= observed].sum())

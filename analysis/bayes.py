"""How probable it is that one scheduler is better than another, or as good as equal to it (Benavoli et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.friedman import block_losses
from analysis.runs import RunsError
from analysis.scores import Scores

ROPE = 0.01
SAMPLES = 20_000
SEED = 0  # of the samples


@dataclass(frozen=True)
class Posterior:
    """What is to be believed of two schedulers; the three probabilities add up to 1.

    Attributes:
        better, equivalent, worse: how probable it is that the loss is smaller by more than `rope`, differs by no more,
            or is larger by more, of the scheduler against the other.
        rope: half the width of the region of practical equivalence, in the unit of the losses.
        blocks: from how many tasks, or seeds of a single task.
    """

    better: float
    equivalent: float
    worse: float
    rope: float
    blocks: int


def bayesian_signed_rank(scores: Scores, scheduler: str, other: str, rope: float = ROPE, at: int = -1) -> Posterior:
    """The Bayesian signed-rank test (Benavoli et al., ICML 2014; JMLR 2017, section 4.2), by the library baycomp.

    Unlike a p-value, it tells how probable the hypotheses are, and it can find that two schedulers are as good as
    equal. What is believed before is a Dirichlet process of strength 0.5 at a difference of zero, as in the papers.

    Of several tasks it takes the differences of mean losses over seeds, and tells about tasks like these: the losses
    should be on one scale. Of one task it takes the differences under each seed. (The papers' test for a single data
    set allows for the correlation of cross-validation's folds, which share training data. Runs under different seeds
    share nothing, so there is none to allow for.) A run without a result is worse than any, beyond the rope.

    Args:
        scores: losses of both.
        scheduler, other: as named in the scores.
        rope: differences up to this, in the unit of the losses, make no difference in practice. The default of 0.01 is
            the papers', for shares: one point of an error rate, or a hundredth of normalised regret, of which 1 is
            the median configuration's. Losses of another kind need their own.
        at: which point of the axis, the last by default.

    Returns:
        Probabilities from 20,000 samples, exact to about 0.01; the same scores give the same.

    Raises:
        RunsError: baycomp is not installed, no such scheduler or point, a rope below 0, losses that are infinite, or
            fewer than two tasks and seeds.
    """
    try:
        from baycomp import SignedRankTest
    except ImportError as error:
        raise RunsError("the Bayesian signed-rank test needs baycomp: pip install 'rungsim[bayes]'") from error
    if not (np.isfinite(rope) and rope >= 0):
        raise RunsError(f"rope is a number from 0 on, in the unit of the losses, not {rope!r}")
    losses = block_losses(scores, at, least=rope)
    own, others = losses[scores.index(scheduler)], losses[scores.index(other)]
    # Left is where the first has the larger numbers, which are losses here.
    worse, equivalent, better = SignedRankTest(own, others, rope, nsamples=SAMPLES, random_state=SEED).probs()
    return Posterior(float(better), float(equivalent), float(worse), float(rope), losses.shape[1])

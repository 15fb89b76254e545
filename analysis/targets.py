"""Time to a target, where runs that did not get there are right-censored: how many did, how soon, how much sooner."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.bootstrap import percentiles, resample, stretched
from analysis.intervals import bounded_interval, welch
from analysis.kaplan_meier import Survival, censored, kaplan_meier, known_until, medians_in, restricted_means_in
from analysis.paired import CONFIDENCE
from analysis.runs import RunsError, number_of


@dataclass(frozen=True, eq=False)
class Reached:
    """When each of some paired runs first got to its target, or where it ended without.

    A run that ended without is right-censored: all that is known is that it takes longer.

    Attributes:
        times: float64, (S, K, N) for S schedulers, K tasks and N seeds, in the unit of `x_label`: when a run got there;
            where it did not, when it ended.
        reached: bool, (S, K, N): whether it got there.
        schedulers, tasks, seeds: what the axes are, of lengths S, K, N. Under one seed of one task all schedulers met
            the same configurations.
        x_label: what the times are, with their unit.
        target: what had to be reached, in words; a target may well be another value on each task.
    """

    times: np.ndarray
    reached: np.ndarray
    schedulers: tuple[str, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    x_label: str = "simulated time (s)"
    target: str = "target"

    def __post_init__(self) -> None:
        shape = (len(self.schedulers), len(self.tasks), len(self.seeds))
        for name in ("times", "reached"):
            if getattr(self, name).shape != shape:
                raise RunsError(
                    f"{name} has the shape {getattr(self, name).shape}, and there are {shape[0]} schedulers, "
                    f"{shape[1]} tasks and {shape[2]} seeds"
                )
        if not self.times.size:
            raise RunsError(f"there is nothing to look at: times have the shape {shape}")
        if self.reached.dtype != np.bool_:
            raise RunsError(f"reached tells True or False of each run: an array of bool, not of {self.reached.dtype}")
        for name in ("schedulers", "tasks", "seeds"):
            values = getattr(self, name)
            twice = [value for i, value in enumerate(values) if value in values[:i]]
            if twice:
                raise RunsError(f"{twice[0]!r} is twice among the {name}")
        wrong = np.argwhere(~(np.isfinite(self.times) & (self.times >= 0)))
        if len(wrong):
            s, k, n = wrong[0]
            raise RunsError(
                f"{self.tasks[k]}, {self.schedulers[s]}, seed {self.seeds[n]}: the time is {self.times[s, k, n]:g}; "
                "it is a number from 0 on, also where a run did not get to its target: there it tells when it ended"
            )

    def index(self, scheduler: str) -> int:
        """Which of the schedulers.

        Raises:
            RunsError: there is none of that name.
        """
        return number_of(scheduler, self.schedulers)

    @property
    def rows(self) -> list[tuple[str | None, list[int]]]:
        """What tables tell about: all tasks together (None), where there are several, and each of them; by number."""
        each: list[tuple[str | None, list[int]]] = [(task, [k]) for k, task in enumerate(self.tasks)]
        return each if len(each) == 1 else [(None, list(range(len(each)))), *each]


def survival(reached: Reached, scheduler: str, task: str | None = None) -> Survival:
    """Kaplan and Meier's estimate of the share of runs that have not got to their target yet.

    Runs that ended without are taken to be like the others: those that go on tell about them. That holds where runs end
    by a budget, and not where they end since nothing is left to try. All tasks together are one sample that ends where
    the runs of the first task do, or the others would speak for that task from there on.

    Args:
        reached: the runs.
        scheduler, task: whose; of all tasks by default.

    Raises:
        RunsError: there is no such scheduler or task.
    """
    if task is not None and task not in reached.tasks:
        raise RunsError(f"there is no task {task!r}: known: {', '.join(sorted(reached.tasks))}")
    s = reached.index(scheduler)
    which = list(range(len(reached.tasks))) if task is None else [reached.tasks.index(task)]
    times, did = reached.times[s, which], reached.reached[s, which]
    if len(which) > 1:
        end = known_until(times, did).min()
        times, did = np.minimum(times, end), did & (times <= end)
    return kaplan_meier(times.ravel(), did.ravel())


def time_to_target(reached: Reached) -> pd.DataFrame:
    """How many runs got to their target, and how soon: one row a scheduler and task.

    Columns: scheduler, `task` (missing: all of them, where there are several), runs, `reached` (how many did), and

    - `share` (that did);
    - `median` (of `survival`; inf where it cannot be told);
    - `mean`: of the time until a run got there, or of the `horizon` if that comes first (the restricted mean, Royston &
      Parmar 2013), averaged over tasks. The horizon, in the last column, is the same for all schedulers: the first time
      from which on the estimate of one of them is unknown;

    each followed by the ends of its interval, such as `share_lower` and `share_upper`. Times are in the unit of
    ``reached.x_label``.

    All intervals are of 95%, and for other seeds of the same tasks. That of the share is told in `shares`. Of that of
    the mean each end is the farther one of a bootstrap's (`analysis.bootstrap.stretched`), too short for skewed times,
    and of Student's on the scale of `expected_time`: for exponential times, of which 30 to 99% are within the horizon,
    20 to 30 seeds cover 93 to 97%; where fewer are, they cover less. It is NaN for a single seed.
    """
    counts = _counts(reached)
    rows: list[dict[str, Any]] = []
    for task, which in reached.rows:
        known = known_until(reached.times[:, which], reached.reached[:, which]).min()
        horizon = float(known) if np.isfinite(known) else float(reached.times[:, which].max())
        for s, scheduler in enumerate(reached.schedulers):
            times, did = reached.times[s, which], reached.reached[s, which]
            rows.append(
                {
                    **{"scheduler": scheduler, "task": task, "runs": did.size, "reached": int(did.sum())},
                    **_named("share", *(float(part[0]) for part in shares(did[..., None]))),
                    **_named("median", *survival(reached, scheduler, task).median),
                    **_named("mean", *_restricted_mean(times, did, horizon, counts[:, which])),
                    "horizon": horizon,
                }
            )
    return pd.DataFrame(rows)


def expected_time(reached: Reached) -> pd.DataFrame:
    """The expected running time: all time spent by all runs, divided by how many of them got there.

    It is the time to the target of a scheduler that is started again, under another seed, whenever a run ends without
    (Auger & Hansen 2005; Hansen et al. 2021, COCO). It needs no assumption on those runs, but it depends on how long
    they were let go on. Over several tasks it is the geometric mean of theirs.

    Columns: scheduler, `task` (missing: all of them, where there are several), runs, `reached` (how many did),
    `expected_time` (inf where none got there), and `expected_time_lower` and `expected_time_upper`, the ends of its 95%
    confidence interval.

    The interval is Student's for the cube root of the rate, 1 / expected time, with the delta method's standard error
    (what that of a bootstrap tends to) and Welch's degrees of freedom over tasks. On that scale waiting times are close
    to normal (Wilson & Hilferty 1931). For exponential times, of which 30% to all are reached, it covers 94 to 97% with
    20 to 30 seeds, and percentiles of a bootstrap 91 to 94%. Its upper end is inf where the rate might be 0, such as
    for one run of five that got there. Where none did, the lower end goes by the largest share of runs that still
    leaves all n of them without one time in 40, 1 - 0.025^(1/n). NaN for a single seed.
    """
    rows: list[dict[str, Any]] = []
    for task, which in reached.rows:
        for s, scheduler in enumerate(reached.schedulers):
            times, did = reached.times[s, which], reached.reached[s, which]
            row = {"scheduler": scheduler, "task": task, "runs": did.size, "reached": int(did.sum())}
            rows.append(row | _named("expected_time", *_expected_time(times, did)))
    return pd.DataFrame(rows)


def speed_up(reached: Reached, baseline: str) -> pd.DataFrame:
    """How many times sooner than a baseline: one row for each other scheduler and task; above 1 is sooner.

    `speed_up` is the ratio of expected times (see `expected_time`), the baseline's above the scheduler's. Where the
    baseline never got there, the lower end of its expected time's interval stands for it: the ratio is at least that
    large (`relation` is ``">="``, not ``"="``, and its upper end is inf). Likewise it is ``"<="``, with a lower end of
    0, where the scheduler never did. Over several tasks it is the geometric mean; tasks on which neither got there tell
    nothing and are left out (`tasks` is how many are in it). It is NaN where no task is left, or where the baseline
    never got there on one task, and the scheduler on another.

    `median_speed_up` is the ratio of Kaplan-Meier medians (`survival`), or its geometric mean over tasks; NaN where one
    of them does not exist.

    Each is followed by the ends of its 95% confidence interval, such as `speed_up_lower` and `speed_up_upper`; NaN for
    a single seed. Both schedulers are taken under the same seeds, so that what seeds have in common cancels. The
    interval of `speed_up` is Student's for its logarithm, with the delta method's standard error of the seeds' paired
    influences and Welch's degrees of freedom over tasks. Where each scheduler got there in some six runs or more, it
    covers 93 to 98% with 20 to 30 seeds; in fewer runs, more. Percentiles of a bootstrap cover 91 to 96%. They are the
    interval of `median_speed_up`, which covers more than it says: mostly 97 to 99%.

    Raises:
        RunsError: there is no such baseline, or no other scheduler.
    """
    b = reached.index(baseline)
    if len(reached.schedulers) < 2:
        raise RunsError(f"there is no other scheduler than {baseline!r} to compare with it")
    counts = _counts(reached)
    medians = np.stack([medians_in(*cell, counts) for cell in zip(reached.times, reached.reached, strict=True)])
    rows: list[dict[str, Any]] = []
    for task, which in reached.rows:
        for s, scheduler in enumerate(reached.schedulers):
            if s != b:
                of_both = reached.times[[b, s]][:, which], reached.reached[[b, s]][:, which]
                of_medians = _ratio_of_medians(medians[b][:, which], medians[s][:, which], len(reached.seeds))
                row = {"scheduler": scheduler, "task": task} | _ratio_of_expected_times(*of_both)
                rows.append(row | _named("median_speed_up", *of_medians))
    return pd.DataFrame(rows)


def log_rank(reached: Reached) -> pd.DataFrame:
    """The log-rank test (Mantel 1966) that two schedulers get to the target equally soon: one row a task and pair.

    It looks at the whole curves of `survival`. It takes runs of two schedulers as independent: since runs under one
    seed are alike, p-values are rather too large. They are not corrected for the number of pairs.

    Columns: task, scheduler, other, statistic (asymptotically standard normal; positive where `scheduler` is sooner)
    and p (two-sided). Where nothing tells the two apart, such as no run that got there, they are 0 and 1.
    """
    from scipy.stats import logrank

    rows = []
    for k, task in enumerate(reached.tasks):
        samples = [censored(times[k], did[k]) for times, did in zip(reached.times, reached.reached, strict=True)]
        for one, other in combinations(range(len(samples)), 2):
            with np.errstate(invalid="ignore", divide="ignore"):
                found = logrank(samples[one], samples[other])
            tells = np.isfinite(found.statistic)
            rows.append(
                {
                    **{"task": task, "scheduler": reached.schedulers[one], "other": reached.schedulers[other]},
                    "statistic": float(found.statistic) if tells else 0.0,
                    "p": float(found.pvalue) if tells else 1.0,
                }
            )
    return pd.DataFrame(rows, columns=["task", "scheduler", "other", "statistic", "p"])


def shares(solved: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of runs, and the ends of their 95% confidence intervals for other seeds of the same tasks.

    For one task it is Wilson's score interval of 1927, for several that of `analysis.intervals.bounded_interval`. With
    20 seeds a task it covers 93 to 97%, with five of several tasks 84% and more.

    Args:
        solved: bool, (K, N, M) for K tasks, N seeds and M shares.

    Returns:
        Three arrays (M,).
    """
    from scipy.special import ndtri

    tasks, seeds, _ = solved.shape
    middle, of_tasks = solved.mean(axis=(0, 1)), solved.mean(axis=1)
    error = (of_tasks * (1 - of_tasks)).sum(axis=0) / (seeds * tasks**2)
    critical = np.full_like(middle, ndtri((1 + CONFIDENCE) / 2))
    return middle, *bounded_interval(middle, error, critical, (0, 1), tasks * seeds)


def _counts(reached: Reached) -> np.ndarray:
    """(1 + B, K, N) how often each run is in the sample itself, and in resamples of it."""
    _, tasks, seeds = reached.times.shape
    return np.concatenate([np.ones((1, tasks, seeds)), resample(tasks, seeds)])


def _named(name: str, middle: float, lower: float, upper: float) -> dict[str, float]:
    return {name: middle, f"{name}_lower": lower, f"{name}_upper": upper}


def _restricted_mean(
    times: np.ndarray, reached: np.ndarray, horizon: float, counts: np.ndarray
) -> tuple[float, float, float]:
    """The mean time up to a horizon and the ends of its interval; times, reached: (K, N), counts: (1 + B, K, N)."""
    from scipy.special import stdtrit

    found, seeds = restricted_means_in(times, reached, horizon, counts), times.shape[1]
    mean = float(found[0])
    if seeds == 1 or mean == 0:
        return mean, np.nan if seeds == 1 else 0.0, np.nan if seeds == 1 else 0.0
    _, freedom = welch(np.minimum(times, horizon)[..., None])
    ends = np.concatenate(stretched(found[1:, None], found[:1], freedom, seeds, CONFIDENCE))
    error = found[1:].std() * np.sqrt(seeds / (seeds - 1))
    others = _ends(mean, float(stdtrit(freedom[0], (1 + CONFIDENCE) / 2) * error / mean))
    return mean, max(0.0, min(ends[0], others[0])), min(horizon, max(ends[1], others[1]))


def _expected_time(times: np.ndarray, reached: np.ndarray) -> tuple[float, float, float]:
    """Its geometric mean over tasks and the ends of its interval; (K, N)."""
    value = _geometric_mean(_expected_times(times, reached))
    lower, upper = _ends(value, _margin(_influences(times, reached)))
    return (value, lower, upper) if reached.any(axis=1).all() else (np.inf, lower, np.inf)


def _ends(value: float, margin: float) -> tuple[float, float]:
    """The ends of an interval that is symmetrical for the cube root of 1 / value; margin: of the value's logarithm."""
    return value * (1 + margin / 3) ** -3, np.inf if margin >= 3 else value * (1 - margin / 3) ** -3


def _expected_times(times: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(...) of runs (..., N); if none got there, the least that is likely."""
    share = reached.mean(axis=-1)
    most = 1 - ((1 - CONFIDENCE) / 2) ** (1 / times.shape[-1])
    return np.asarray(times.mean(axis=-1) / np.where(share > 0, share, most))


def _ratio_of_expected_times(times: np.ndarray, reached: np.ndarray) -> dict[str, Any]:
    """Of the baseline's to the scheduler's; (2, K, N)."""
    tells = reached.any(axis=(0, 2))
    times, reached = times[:, tells], reached[:, tells]
    at_least, at_most = (reached.sum(axis=2) == 0).any(axis=1)
    value, lower, upper, relation = np.nan, 0.0, np.inf, ""
    if tells.any() and not (at_least and at_most):
        expected = _expected_times(times, reached)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = _geometric_mean(expected[0] / expected[1])
        margin = _margin(_influences(times[0], reached[0]) - _influences(times[1], reached[1]))
        lower, upper = (0.0 if at_most else value * np.exp(-margin)), (np.inf if at_least else value * np.exp(margin))
        relation = ">=" if at_least else "<=" if at_most else "="
    return _named("speed_up", value, float(lower), float(upper)) | {"relation": relation, "tasks": int(tells.sum())}


def _ratio_of_medians(baseline: np.ndarray, scheduler: np.ndarray, seeds: int) -> tuple[float, float, float]:
    """Its geometric mean over tasks and the ends of its interval; (1 + B, K), the sample before its resamples."""
    if not (np.isfinite(baseline[0]) & np.isfinite(scheduler[0])).all():
        return np.nan, np.nan, np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.exp(np.log(baseline / scheduler).mean(axis=1))
    if seeds == 1:
        return float(ratios[0]), np.nan, np.nan
    # Where neither median exists in a resample, the ratio may be anything.
    lower, _ = percentiles(np.where(np.isnan(ratios), 0.0, ratios)[1:, None], CONFIDENCE)
    _, upper = percentiles(np.where(np.isnan(ratios), np.inf, ratios)[1:, None], CONFIDENCE)
    return float(ratios[0]), float(lower[0]), float(upper[0])


def _influences(times: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(K, N) what each run adds to the logarithm of the expected time, or of the time spent where none got there."""
    parts = []
    for values in (times, reached.astype(np.float64)):
        mean = values.mean(axis=1, keepdims=True)
        parts.append(np.divide(values, mean, out=np.ones_like(values), where=mean > 0))
    return parts[0] - parts[1]


def _margin(influences: np.ndarray) -> float:
    """Half the width of Student's interval for a mean over tasks and seeds, (K, N); NaN for a single seed."""
    from scipy.special import stdtrit

    if influences.shape[1] < 2:
        return float("nan")
    error, freedom = welch(influences)
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(error))


def _geometric_mean(values: np.ndarray) -> float:
    if len(values) == 1:
        return float(values[0])
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(values).mean()))

"""Multi-fidelity Bayesian optimisation, a priori: which configuration, and how far, are decided together."""

from __future__ import annotations

from math import ceil, inf, log, sqrt
from typing import NamedTuple

import numpy as np

from simulator.checks import whole
from simulator.context import Context
from simulator.models.gaussian_process import Kernel, Posterior, fit, standard
from simulator.models.joint import JointInputs
from simulator.models.threads import one_thread
from simulator.protocol import STOP, EndReason, Scheduler, Start, Verdict
from simulator.remaining import Remaining
from simulator.searching import MOST_OBSERVATIONS
from simulator.trial import Trial

REFIT_AFTER = 1.1  # observations have grown by this factor since the kernel was fitted
MOST_PENDING = 100  # trials, the latest, that are accounted for


class Observation(NamedTuple):
    """What a trial ended with."""

    row: int
    resource: float
    value: float  # smaller is better, inf for diverged


class MfBo(Scheduler):
    """BOCA (Kandasamy, Dasarathy, Schneider & Poczos, ICML 2017): Bayesian optimisation with a continuous fidelity.

    Every trial runs from nothing to the resource that was fixed when it started, and stops. A row may be evaluated
    at several resources, each time higher, until it has been run to r_max, its curve has ended, it diverged, or a
    trial of it failed; all its values are observations of one Gaussian process over (x, log r) (Matérn 5/2; noise, on
    standardised values).

    The next row x has the lowest confidence bound mu - sqrt(beta_t) sigma at r_max (the paper maximises, and has the
    upper one), of all rows that are left. Its resource is the lowest r, above those it was started for, with

    - sigma(x, r) > gamma(r) = sqrt(kappa_0) xi(r) (lambda(r) / lambda(r_max))^q, q = 1 / (p + d + 2), and
    - xi(r) > max xi / sqrt(beta_t);

    r_max where there is none. Here sqrt(kappa_0) is the standard deviation of the process before any observation,
    xi(r) = sqrt(1 - phi(r, r_max)^2) the information gap for the correlation phi of f(x, r) and f(x, r_max), p = 1 the
    dimension of the fidelity and d that of x: hyperparameters that vary. beta_t = d log(2 l t + 1) / 2 for the t-th
    trial, where l is the sum over hyperparameters of range / length scale.

    The paper knows the cost lambda; a scheduler does not, so lambda(r) is the mean time of the trials that have run to
    r so far, interpolated linearly from (0, 0) on, and beyond the highest in proportion to r. That cost grows with
    r is taken for granted: the lowest resource is the cheapest. Trials that run are pending, each at its
    posterior mean.

    First, configurations come from the searcher, until `min_observations` have ended, and until all of `initial` are
    started; they run in turn to r_max, r_max / 3, r_max / 9, ... From then on the model alone chooses: a searcher
    behind ``+`` has no more say than that, and in when the table counts as used up.

    Cost: a decision takes O(N^3 + rows left x N^2) for N observations and pending trials; the kernel is fitted when
    observations have grown by a tenth.

    Args:
        min_observations: trials that have ended before the model is asked; the number of hyperparameters + 1 by
            default.
        max_observations: of more, those at the highest resources are taken, and of the first resource that has too
            many, the latest.

    Example:
        >>> Simulation(load("svm:magic"), MfBo(), workers=4, budget="10x").run()
    """

    def __init__(self, min_observations: int | None = None, max_observations: int = 500) -> None:
        if min_observations is not None:
            whole("min_observations", min_observations, 1, MOST_OBSERVATIONS)
        self.min_observations = min_observations
        self.max_observations = whole("max_observations", max_observations, 4, 10_000)

    def setup(self, context: Context) -> None:
        self._context, self._r_max, self._grid = context, context.r_max, np.array(context.resources, dtype=float)
        self._levels = [context.r_max, *reversed(context.rung_levels(eta=3, anchor="r_max"))]
        self._rows = Remaining(context)
        spans = np.ptp(context.vectors, axis=0)
        self._spans, self._dimension = spans, max(int(np.count_nonzero(spans)), 1)
        self._needed = self.min_observations or len(spans) + 1
        self._inputs = JointInputs(context)
        self._observed: list[Observation] = []
        self._running: dict[int, tuple[int, float]] = {}  # by trial: row and where it stops
        self._highest: dict[int, float] = {}  # by row: the resource that it was started for
        self._seconds: dict[float, list[float]] = {}  # by resource
        self._started = self._round = 0
        self._kernel: Kernel | None = None
        self._fitted = 0  # number of observations when it was
        self.model_size = 0

    def next_job(self) -> Start | None:
        self.model_size = 0
        if self._rows.given > 0 or len(self._observed) < self._needed:
            row = self._rows.propose()
            if row is not None:
                return self._start(row, self._levels[self._started % len(self._levels)])
        if not self._rows.left.any():
            if not self._rows.begin_again():
                return None
            self._round += 1
            self._highest.clear()
        if not self._observed:
            return None
        with one_thread():
            return self._start(*self._choose(np.flatnonzero(self._rows.left)))

    def _start(self, row: int, until: float) -> Start:
        if until == self._r_max:
            self._rows.take(row)
        self._highest[row] = max(until, self._highest.get(row, until))
        self._running[self._started] = row, until
        self._started += 1
        return Start(row, until, tag=self._round)

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        self._observe(trial, resource, value)
        if value == inf:
            self._row_is_over(trial)
        return STOP

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        if reason == "failed":
            self._running.pop(trial.id)
        else:
            self._observe(trial, resource, value)
        self._row_is_over(trial)

    def _row_is_over(self, trial: Trial) -> None:
        if trial.tag == self._round:  # else all rows have come round again since it was started
            self._rows.take(trial.config)

    def _observe(self, trial: Trial, resource: float, value: float) -> None:
        self._running.pop(trial.id)
        self._observed.append(Observation(trial.config, resource, value))
        self._seconds.setdefault(resource, []).append(trial.elapsed)

    def _choose(self, rows: np.ndarray) -> tuple[int, float]:
        """One of `rows`, and the resource to run it to."""
        posterior = self._posterior()
        kernel = posterior.kernel
        extent = float((self._spans / kernel.lengths[:-1]).sum())
        beta = 0.5 * self._dimension * log(2 * extent * (self._started + 1) + 1)
        mean, deviation = posterior.at(self._inputs(rows, self._r_max))
        row = int(rows[np.argmin(mean.reshape(len(rows)) - sqrt(beta) * deviation)])

        above = self._grid[self._grid > self._highest.get(row, 0)]
        lower = above[above < self._r_max]
        if len(lower) == 0:
            return row, self._r_max
        gaps = information_gap(kernel, self._at(row, self._grid))
        gap = gaps[-len(above) : -1]
        threshold = sqrt(kernel.signal) * gap * self._cost_ratio(lower) ** (1 / (1 + self._dimension + 2))
        _, unknown = posterior.at(self._at(row, lower))
        worth_it = (unknown > threshold) & (gap * sqrt(beta) > gaps.max())
        return row, float(lower[np.argmax(worth_it)]) if worth_it.any() else self._r_max

    def _at(self, row: int, resources: np.ndarray) -> np.ndarray:
        return self._inputs(np.full(len(resources), row), resources)

    def _cost_ratio(self, resources: np.ndarray) -> np.ndarray:
        """(m,) the time to (m,) resources as a share of that to r_max, by what has been seen."""
        seen = sorted(self._seconds)
        means = [sum(self._seconds[r]) / len(self._seconds[r]) for r in seen]
        full = means[-1] * (self._r_max / seen[-1])
        if full <= 0:
            return np.ones(len(resources))
        expected = np.interp(resources, [0, *seen, self._r_max], [0, *means, full])
        return np.minimum(expected / full, 1)

    def _posterior(self) -> Posterior:
        """The process after the observations, those that are pending included."""
        taken = self._observed
        if len(taken) > self.max_observations:
            latest_last = sorted(range(len(taken)), key=lambda i: (taken[i].resource, i))
            taken = [taken[i] for i in sorted(latest_last[-self.max_observations :])]
        self.model_size = len(taken)
        rows, resources, values = (np.array(column) for column in zip(*taken, strict=True))
        inputs, values = self._inputs(rows, resources), standard(values)
        if self._kernel is None or len(self._observed) >= ceil(self._fitted * REFIT_AFTER):
            self._kernel, self._fitted = fit(inputs, self._inputs.owners, values), len(self._observed)
        posterior = Posterior(self._kernel, inputs, values)
        pending = list(self._running.values())[-MOST_PENDING:]
        if not pending:
            return posterior
        rows, resources = (np.array(column) for column in zip(*pending, strict=True))
        return posterior.fantasised(self._inputs(rows, resources), np.zeros((len(pending), 1)))


def information_gap(kernel: Kernel, inputs: np.ndarray) -> np.ndarray:
    """(m,) sqrt(1 - phi^2), for the correlation phi of the process at each of (m, p) inputs with that at the last."""
    correlation = kernel.covariance(inputs, inputs[-1:])[:, 0] / kernel.signal
    return np.sqrt(np.maximum(1 - correlation**2, 0))

"""The ingredients that all families of learning curves share: quality, noise, times and divergence."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.synthetic._draws import normals, ranks, shares, stream, uniforms
from blackboxes.synthetic._family import Family, whole_nanoseconds
from blackboxes.synthetic._landscape import Landscape
from blackboxes.synthetic._parameters import Between
from blackboxes.table import Blackbox

BEST, WORST = 0.05, 0.3  # the final losses
LARGEST = 1e30  # what still has a float32 near it


@dataclass(frozen=True, kw_only=True)
class CurveFamily(Family):
    """A family of learning curves: without noise, each falls from an early loss to a final one at r_max.

    The final losses are 0.05 + 0.25 u^(1/scarcity), u = (rank + 1/2) / n: so the share of configurations that are
    within t of the least possible loss is (4 t)^scarcity. They, the early losses and the times are smooth functions
    of the d hyperparameters (see `Landscape`). No curve without noise is anywhere below its end.
    """

    d: Annotated[int, Between(3, 32), "hyperparameters"] = 4
    scarcity: Annotated[float, Between(0.5, 20), "how rare good configurations are"] = 2.0
    noise: Annotated[float, Between(0, 1e6), "standard deviation of the noise at resource 1"] = 0.02
    noise_decay: Annotated[float, Between(0, 10), "the noise at r is noise * r^-noise_decay"] = 0.5
    runtime: Annotated[
        Literal["constant", "lognormal", "pareto"], "how the time of a unit differs between configurations"
    ] = "lognormal"
    runtime_tail: Annotated[
        float, Between(0, 100, open="low"), "lognormal: sd of the log time; pareto: tail index, small is heavy"
    ] = 1.5
    runtime_correlation: Annotated[
        float, Between(-1, 1), "Spearman's correlation of time and quality: at 1 the better is always the slower"
    ] = 0.0
    cost_exponent: Annotated[float, Between(0, 5), "time from nothing to r is that of a unit * r^cost_exponent"] = 1.0
    resumable: Annotated[bool, "False: trained from scratch at every resource"] = True
    diverging: Annotated[float, Between(0, 1, open="high"), "share of configurations that diverge somewhere"] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.runtime == "constant":
            self._refuse_idle("runtime", "runtime_tail", "runtime_correlation")

    def table(self) -> Blackbox:
        landscape = Landscape(self.n, self.d, self.seed, self.diverging)
        resources = np.arange(1, self.r_max + 1)
        truth = self._curves(landscape, self._final_losses(landscape), resources.astype(np.float64))
        if not np.abs(truth).max() < LARGEST:
            raise BlackboxError(f"{self.family_name()}: losses beyond {LARGEST:g}: make the curves less steep")
        shape = (self.n, self.replicates, self.r_max)
        loss = np.empty(shape, dtype=np.float32)
        for s in range(self.replicates):  # each from its own stream: the first do not depend on how many there are
            deviates = normals(stream(self.seed, "noise", str(s)), self.n * self.r_max).reshape(self.n, self.r_max)
            loss[:, s] = truth + self.noise * resources**-self.noise_decay * deviates
        true_loss = np.broadcast_to(truth.astype(np.float32)[:, None], shape)
        elapsed = np.broadcast_to(self._elapsed(landscape, resources)[:, None], shape)
        if landscape.diverging.any():
            true_loss, elapsed = true_loss.copy(), elapsed.copy()
            ends = self._ends(landscape)
            beyond = np.arange(self.r_max) > ends[:, :, None]
            loss[np.arange(self.r_max) >= ends[:, :, None]] = np.nan
            true_loss[np.isnan(loss)] = np.nan
            elapsed[beyond] = np.nan
        return self._blackbox(landscape.vectors, loss, true_loss, elapsed, resumable=self.resumable)

    @abstractmethod
    def _curves(self, landscape: Landscape, final: np.ndarray, r: np.ndarray) -> np.ndarray:
        """(n, R) the curves without noise; `final` (n,) the losses at their end, `r` (R,) the resources."""

    def _final_losses(self, landscape: Landscape) -> np.ndarray:
        return BEST + (WORST - BEST) * shares(ranks(landscape.final)) ** (1 / self.scarcity)

    def _elapsed(self, landscape: Landscape, resources: np.ndarray) -> np.ndarray:
        """(n, R) seconds; the times of a unit have evenly spaced quantiles, whose median is `seconds`."""
        from scipy.special import ndtri

        unit = np.full(self.n, self.seconds)
        if self.runtime != "constant":
            u = shares(ranks(landscape.time(-self.runtime_correlation)))
            with np.errstate(over="ignore"):  # infinite: refused below
                if self.runtime == "lognormal":
                    unit *= np.exp(self.runtime_tail * ndtri(u))
                else:
                    unit *= (2 * (1 - u)) ** (-1 / self.runtime_tail)
        unit = whole_nanoseconds(self.family_name(), unit)
        return whole_nanoseconds(self.family_name(), unit[:, None] * resources**self.cost_exponent)

    def _ends(self, landscape: Landscape) -> np.ndarray:
        """(n, S) where on the grid each curve diverges: anywhere with equal chance; beyond it for those that do not."""
        u = uniforms(stream(self.seed, "divergence"), self.n * self.replicates).reshape(self.n, self.replicates)
        return np.where(landscape.diverging[:, None], (u * self.r_max).astype(np.int64), self.r_max)

    def _refuse_idle(self, chosen: str, *names: str) -> None:
        """Parameters that `chosen` makes meaningless keep their defaults, so that a table has one name only."""
        for parameter in self.parameters():
            value = getattr(self, parameter.name)
            if parameter.name in names and value != parameter.default:
                raise BlackboxError(
                    f"{self.family_name()}: {parameter.name}={value} does nothing with {chosen}={getattr(self, chosen)}"
                )

    def _resource(self, name: str, default: float) -> int:
        """Parameter `name`, a resource below r_max; where it is None, the resource at the share `default` of r_max."""
        given = getattr(self, name)
        resource = max(1, round(default * self.r_max)) if given is None else given
        if resource >= self.r_max:
            raise BlackboxError(
                f"{self.family_name()}: {name}={resource} is wrong, it should be below r_max={self.r_max}"
            )
        return resource


def spread(scores: np.ndarray, low: float, high: float) -> np.ndarray:
    """(n,) losses evenly spaced between `low` and `high`, in the order of `scores`."""
    return low + (high - low) * shares(ranks(scores))


def between(early: np.ndarray, final: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(n, R) curves from `early` (n,) where `weight` (R,) or (n, R) is 1 to `final` (n,) where it is 0."""
    return final[:, None] + (early - final)[:, None] * weight

"""What all synthetic families have in common."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from blackboxes.checks import LONGEST, MOST_RESOURCES
from blackboxes.errors import BlackboxError
from blackboxes.synthetic._parameters import Between, Parameter, parameters_of, written
from blackboxes.table import Blackbox, Metric

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

MOST_VALUES = 1 << 25  # of one metric: two gigabytes while a table is made


@dataclass(frozen=True, kw_only=True)
class Family(ABC):
    """A family of tables; an instance is one of them, given by its parameters.

    Raises:
        BlackboxError: a parameter of another kind, or out of range.
    """

    n: Annotated[int, Between(1, 1_000_000), "configurations"] = 1000
    replicates: Annotated[int, Between(1, 1000), "replicates, which differ in their noise"] = 2
    r_max: Annotated[int, Between(2, MOST_RESOURCES), "the largest resource"] = 81
    seconds: Annotated[float, Between(1e-6, 1e6), "seconds a unit of resource: median over the configurations"] = 60.0
    seed: Annotated[int, Between(0, 2**64 - 1), "of everything random"] = 0

    def __post_init__(self) -> None:
        for parameter in self.parameters():
            value = parameter.checked(self.family_name(), getattr(self, parameter.name))
            object.__setattr__(self, parameter.name, value)  # frozen: only here
        if self.n * self.replicates * self.r_max > MOST_VALUES:
            raise BlackboxError(
                f"{self.family_name()}: n={self.n} x replicates={self.replicates} x r_max={self.r_max} values are "
                f"too many, at most {MOST_VALUES:,}"
            )

    @classmethod
    @cache
    def parameters(cls) -> tuple[Parameter, ...]:
        """What may be set, in the order of a table's name: the family's own parameters first."""
        own = parameters_of(cls)
        return (*(p for p in own if p.name != "seed"), *(p for p in own if p.name == "seed"))

    @classmethod
    def family_name(cls) -> str:
        """As on the command line: of `power_law.py`, ``power-law``."""
        return cls.__module__.rpartition(".")[2].replace("_", "-")

    @classmethod
    def summary(cls) -> str:
        """One line that says what the family is."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]

    @property
    def task(self) -> str:
        """The parameters that differ from their defaults, and always the seed: the same table has one name."""
        return written(vars(self), self.parameters())

    @abstractmethod
    def table(self) -> Blackbox:
        """Make the table."""

    def _blackbox(
        self, vectors: np.ndarray, loss: np.ndarray, true_loss: np.ndarray, elapsed: np.ndarray, **more: Any
    ) -> Blackbox:
        """The table of (n, d) hyperparameters x0, x1, ... in [0, 1] and (n, S, R) curves; rounds to float32."""
        names = [f"x{j}" for j in range(vectors.shape[1])]
        truth = true_loss.astype(np.float32)
        finals = truth[:, 0, -1]
        best = int(np.nanargmin(finals)) if np.isfinite(finals).any() else None
        known = "" if best is None else f" Without noise the best at r_max is row {best}, with {finals[best]:.6g}."
        arguments: dict[str, Any] = {
            "family": self.family_name(),
            "task": self.task,
            "space": _Cube(names),
            "configs": dict(zip(names, vectors.T.copy(), strict=True)),
            "resources": np.arange(1, self.r_max + 1),
            "metrics": {"loss": loss.astype(np.float32), "true_loss": truth},
            "metric_info": {"loss": Metric("min"), "true_loss": Metric("min")},
            "test_metric": "true_loss",
            "elapsed": elapsed,
            "resource_unit": "unit",
            "licence": "Apache-2.0",
            "source": f"synthetic: rungsim's family {self.family_name()}",
            "description": self.summary() + known,
        }
        return Blackbox(**(arguments | more))


class _Cube:
    """Makes the space [0, 1]^d when it is asked for; can be pickled."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def __call__(self) -> ConfigurationSpace:
        from ConfigSpace import ConfigurationSpace

        return ConfigurationSpace(dict.fromkeys(self.names, (0.0, 1.0)))


def whole_nanoseconds(where: str, seconds: np.ndarray) -> np.ndarray:
    """Seconds rounded to whole nanoseconds, at least one.

    Raises:
        BlackboxError: a curve takes longer than a table may hold.
    """
    longest = float(seconds.max())
    if not longest < LONGEST:
        raise BlackboxError(
            f"{where}: the longest curve takes {longest:.3g} seconds, at most {LONGEST:g} are possible: "
            "take fewer seconds a unit, or a lighter tail"
        )
    return np.maximum(np.rint(seconds * 1e9), 1.0) / 1e9

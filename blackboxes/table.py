"""The blackbox: a table of learning curves f(x, r) with the elapsed time of every unit of resource."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from math import fsum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from blackboxes.checks import (
    as_column,
    as_numbers,
    check_configs,
    check_curves,
    check_flags,
    check_resources,
    frozen,
)
from blackboxes.encoding import encode, equals, is_active
from blackboxes.errors import BlackboxError, name_hint

if TYPE_CHECKING:
    import pandas as pd
    from ConfigSpace import ConfigurationSpace


@dataclass(frozen=True)
class Metric:
    """What a metric means: which way is better, and in which unit it is given."""

    direction: Literal["min", "max"]
    unit: str = "1"

    def __post_init__(self) -> None:
        if self.direction not in ("min", "max"):
            raise BlackboxError(f"a metric's direction is 'min' or 'max', not {self.direction!r}")

    @property
    def sign(self) -> float:
        """+1 or -1: multiplies a value so that smaller is better."""
        return 1.0 if self.direction == "min" else -1.0


def flat(values: np.ndarray) -> memoryview:
    """All values of an array in one row: reading a single one through it costs 20 ns and copies nothing."""
    return np.ascontiguousarray(values).reshape(-1).data


class Blackbox:
    """An immutable table of f(x, r) for one task: n configurations x S replicates x R resources.

    Configurations are row numbers everywhere. `elapsed` NaN means not measured, `elapsed` finite with a metric
    that is NaN means diverged; a curve ends at its last measured resource.

    Args:
        family, task: the table's name is ``family:task``.
        space: a ConfigSpace `ConfigurationSpace`, its serialised JSON text, or a function that gives either
            (parsed when first used, since importing ConfigSpace takes longer than a run).
        configs: one array of n values for each hyperparameter; NaN or None where a conditional one is inactive.
        resources: (R,) strictly increasing and positive; the last one is r_max.
        metrics: arrays (n, S, R), float32 or float64 (anything else becomes float64).
        metric_info: the `Metric` of each name in `metrics`.
        elapsed: (n, S, R) seconds from nothing to the end of each resource, non-decreasing along R.
        default_metric: what schedulers see unless told otherwise; the first of `metrics` by default.
        test_metric: scores the incumbent in an analysis, never shown to a scheduler; None where there is none.
        resumable: True if going from r0 to r1 costs the difference (epochs), False if every resource is
            trained from scratch (sizes of a training subset).
        resource_unit: one word, such as ``epoch``.
        censored: (n, S) True where a curve was cut short by somebody's scheduler rather than by its own end.
        licence, source, description: where the table comes from.

    Raises:
        BlackboxError: an argument is not what it should be; the message names the array and the row.
    """

    def __init__(
        self,
        *,
        space: ConfigurationSpace | str | Callable[[], ConfigurationSpace | str],
        configs: Mapping[str, Any],
        resources: Any,
        metrics: Mapping[str, Any],
        metric_info: Mapping[str, Metric],
        elapsed: Any,
        family: str = "table",
        task: str = "task",
        default_metric: str | None = None,
        test_metric: str | None = None,
        resumable: bool = True,
        resource_unit: str = "epoch",
        censored: Any = None,
        licence: str = "",
        source: str = "",
        description: str = "",
    ) -> None:
        self.family, self.task, self.name = family, task, f"{family}:{task}"
        self._space = space
        self.columns = {name: as_column(f"configs/{name}", column) for name, column in configs.items()}
        self.resources = check_resources(as_numbers("resources", resources, np.int64, np.float64))
        self.metrics = {
            name: as_numbers(f"metrics/{name}", values, np.float32, np.float64) for name, values in metrics.items()
        }
        self.metric_info = dict(metric_info)
        self.elapsed = as_numbers("elapsed", elapsed, np.float64)
        self.resumable, self.resource_unit = bool(resumable), resource_unit
        self.licence, self.source, self.description = licence, source, description

        if not self.metrics:
            raise BlackboxError("metrics: a table needs at least one metric")
        if set(self.metrics) != set(self.metric_info):
            raise BlackboxError(f"metric_info names {sorted(self.metric_info)}, but metrics are {sorted(self.metrics)}")
        self.default_metric = self.metric_name(next(iter(self.metrics)) if default_metric is None else default_metric)
        self.test_metric = None if test_metric is None else self.metric_name(test_metric)
        self.lengths = frozen(check_curves(self.elapsed, self.metrics, self.resources))
        check_configs(self.columns, len(self))
        self.censored = None if censored is None else check_flags(np.asarray(censored), self.lengths.shape)

    def __len__(self) -> int:
        """The number of configurations, n."""
        return int(self.elapsed.shape[0])

    def __repr__(self) -> str:
        n, replicates, resources = self.elapsed.shape
        return f"<Blackbox {self.name}: {n} configurations x {replicates} replicates x {resources} resources>"

    @property
    def replicates(self) -> int:
        """S, the number of replicates."""
        return int(self.elapsed.shape[1])

    @property
    def r_max(self) -> int | float:
        """The largest resource."""
        return self.resource_list[-1]

    @cached_property
    def resource_list(self) -> list[int | float]:
        """The resources as Python numbers, whole ones as ints."""
        values = self.resources.tolist()
        return [int(r) for r in values] if all(float(r).is_integer() for r in values) else values

    @cached_property
    def space(self) -> ConfigurationSpace:
        """The configuration space; imports ConfigSpace when first used."""
        from ConfigSpace import ConfigurationSpace

        space = self._space() if callable(self._space) else self._space
        if isinstance(space, str):
            try:
                space = ConfigurationSpace.from_serialized_dict(json.loads(space))
            except Exception as error:
                raise BlackboxError(f"{self.name}: the space is not ConfigSpace's JSON: {error!r:.200}") from error
        if not isinstance(space, ConfigurationSpace):
            raise BlackboxError(f"{self.name}: a ConfigurationSpace is needed, not {type(space).__name__}")
        if set(space) != set(self.columns):
            raise BlackboxError(f"{self.name}: the space has {sorted(space)}, configs have {sorted(self.columns)}")
        return space

    @cached_property
    def configs(self) -> pd.DataFrame:
        """The configurations as a DataFrame with n rows; imports pandas when first used."""
        import pandas as pd

        return pd.DataFrame(self.columns)

    @cached_property
    def vectors(self) -> np.ndarray:
        """(n, d) in [0, 1], float64, columns in the space's order.

        Numbers go by ConfigSpace's own scaling (logarithmic where the space says so), ordinals and categories by
        their position; what has one value only, or is inactive, lies at 0.5.

        Raises:
            BlackboxError: a value that the space does not have; the message names the row.
        """
        vectors = np.full((len(self), len(self.columns)), 0.5)
        for j, parameter in enumerate(self.space.values()):
            column = self.columns[parameter.name]
            active = np.flatnonzero(is_active(column))
            vectors[active, j] = encoded = encode(parameter, column[active])
            if np.isnan(encoded).any():
                row = active[int(np.argmax(np.isnan(encoded)))]
                raise BlackboxError(
                    f"{self.name}: configs/{parameter.name}: row {row}: {column[row]!r} is not in the space, "
                    f"which has {parameter}"
                )
        return frozen(vectors)

    def replaced(self, **changes: Any) -> Blackbox:
        """The same table with some arguments of `Blackbox` changed; arrays that stay are shared, not copied."""
        arguments: dict[str, Any] = {
            "space": self.__dict__.get("space", self._space),  # parsed, if it is already
            "configs": self.columns,
            "resources": self.resources,
            "metrics": self.metrics,
            "metric_info": self.metric_info,
            "elapsed": self.elapsed,
            "family": self.family,
            "task": self.task,
            "default_metric": self.default_metric,
            "test_metric": self.test_metric,
            "resumable": self.resumable,
            "resource_unit": self.resource_unit,
            "censored": self.censored,
            "licence": self.licence,
            "source": self.source,
            "description": self.description,
        }
        return Blackbox(**(arguments | changes))

    def params(self, row: int) -> dict[str, Any]:
        """Configuration `row` as a dict of Python values, inactive hyperparameters left out."""
        values = {name: column[row] for name, column in self.columns.items()}
        values = {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}
        return {k: v for k, v in values.items() if v is not None and v == v}  # NaN != NaN

    def row_of(self, params: Mapping[str, Any]) -> int:
        """The row that holds exactly `params` (the first, where a table has doubles).

        Raises:
            BlackboxError: no row does, or a hyperparameter is unknown or missing.
        """
        for name in params:
            if name not in self.columns:
                raise BlackboxError(f"{self.name} has no hyperparameter {name!r}: {name_hint(name, self.columns)}")
        rows = np.arange(len(self))
        # Numbers first: comparing objects takes fifty times as long, and then few rows are left.
        for name, column in sorted(self.columns.items(), key=lambda item: item[1].dtype.kind == "O"):
            rows = rows[equals(column[rows], params.get(name))]
        if not len(rows):
            raise BlackboxError(f"{self.name} has no configuration {dict(params)}")
        return int(rows[0])

    def metric_name(self, name: str | None = None) -> str:
        """`name` if the table has such a metric (the default metric for None).

        Raises:
            BlackboxError: an unknown metric, with the nearest names.
        """
        if name is None:
            return self.default_metric
        if name not in self.metrics:
            raise BlackboxError(f"{self.name} has no metric {name!r}: {name_hint(name, self.metrics)}")
        return name

    def curve(self, row: int, replicate: int = 0, metric: str | None = None) -> np.ndarray:
        """The measured part of one learning curve, in the metric's own direction; NaN where it diverged."""
        length = self.lengths[row, replicate]
        return self.metrics[self.metric_name(metric)][row, replicate, :length]

    def buffers(self, metric: str) -> tuple[memoryview, memoryview, memoryview]:
        """A metric and `elapsed`, flat over (configuration, replicate, resource), and `lengths`: to read one by one."""
        return flat(self.metrics[metric]), flat(self.elapsed), flat(self.lengths)

    @cached_property
    def shortest(self) -> int:
        """How many resources are measured of every curve, at the least."""
        return int(self.lengths.min())

    @cached_property
    def full_training_time(self) -> float:
        """Mean seconds of training to r_max, over all curves that get there (over all curves where none does)."""
        complete = self.lengths == len(self.resources)
        rows, replicates = np.nonzero(complete if complete.any() else self.lengths)
        seconds = self.elapsed[rows, replicates, self.lengths[rows, replicates] - 1]
        return fsum(seconds.tolist()) / len(seconds)  # NumPy does not promise in which order it adds

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all that the table holds but its licence, source and description."""
        space = self._space if isinstance(self._space, str) else json.dumps(self.space.to_serialized_dict())
        with suppress(ValueError):  # a text that is not JSON is told when the space is first used
            space = json.dumps(json.loads(space), sort_keys=True)
        told = {
            "name": [self.family, self.task],
            "space": space,
            "columns": {name: column.dtype.str for name, column in self.columns.items()},
            "metrics": {name: [info.direction, info.unit] for name, info in self.metric_info.items()},
            "default_metric": self.default_metric,
            "test_metric": self.test_metric,
            "resumable": self.resumable,
            "resource_unit": self.resource_unit,
            "shape": self.elapsed.shape,
        }
        digest = sha256(json.dumps(told, sort_keys=True).encode())
        for column in self.columns.values():
            digest.update(json.dumps(column.tolist()).encode() if column.dtype.kind == "O" else column.tobytes())
        for array in (self.resources, self.elapsed, *(self.metrics[name] for name in sorted(self.metrics))):
            digest.update(f"{array.dtype.str}\0".encode())
            digest.update(np.ascontiguousarray(array).data)
        if self.censored is not None:
            digest.update(np.ascontiguousarray(self.censored).data)
        return digest.hexdigest()

    def best(self, metric: str | None = None) -> float:
        """The best value in the table at any configuration, replicate and resource, in the metric's direction.

        NaN where everything diverged.
        """
        name = self.metric_name(metric)
        pick = np.fmin if self.metric_info[name].direction == "min" else np.fmax  # both pass over NaN
        return float(pick.reduce(self.metrics[name], axis=None))

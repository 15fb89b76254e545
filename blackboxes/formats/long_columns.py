"""What the columns of a long table mean, as named on the command line and in a small TOML file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from blackboxes.errors import BlackboxError, damage, name_hint
from blackboxes.formats.reading import existing
from blackboxes.table import Metric

MOST_TOML = 1 << 20  # bytes


@dataclass(frozen=True)
class LongColumns:
    """The columns of a table with one row for each configuration, replicate and resource; "" where there is none."""

    hyperparameters: tuple[str, ...]
    resource: str
    metric: Mapping[str, Metric]
    elapsed: str = ""
    step_time: str = ""
    test_metric: str = ""
    replicate: str = ""
    configuration: str = ""
    task: str = ""
    censored: str = ""

    def wanted(self) -> list[str]:
        """Every column that is read, each once."""
        single = (self.resource, self.elapsed, self.step_time, self.replicate, self.configuration, self.task)
        names = (*self.hyperparameters, *single, self.censored, *self.metric)
        return list(dict.fromkeys(name for name in names if name))


def long_columns(options: Mapping[str, str], toml: Path | None) -> LongColumns:
    """The columns from options (texts, "" where not given) and a TOML file; an option goes before the file.

    In TOML, `hyperparameters` may be a list, and `metric` a table of name = "min" or "max".

    Raises:
        BlackboxError: an unknown key, a value of the wrong kind, a column that is needed and not named.
    """
    known = {field.name for field in fields(LongColumns)}
    given: dict[str, Any] = {} if toml is None else _read_toml(toml)
    for key in given:
        if key not in known:
            raise BlackboxError(f"{toml}: unknown key {key!r}: {name_hint(key, known)}")
    given |= {key: value for key, value in options.items() if value}
    metrics = {name: _metric(name, how) for name, how in _pairs("metric", given.get("metric", "")).items()}
    test, _, direction = _text("test_metric", given.get("test_metric", "")).partition("=")
    if test and direction:
        metrics[test] = _metric(test, direction)
    hyperparameters = tuple(_names("hyperparameters", given.get("hyperparameters", "")))
    texts = {key: _text(key, given.get(key, "")) for key in known - {"metric", "hyperparameters", "test_metric"}}
    columns = LongColumns(hyperparameters=hyperparameters, metric=metrics, test_metric=test, **texts)
    for name, value in (("hyperparameters", hyperparameters), ("resource", columns.resource), ("metric", metrics)):
        if not value:
            raise BlackboxError(f"name the columns: {name} is not given")
    if bool(columns.elapsed) == bool(columns.step_time):
        raise BlackboxError("name one column of times: elapsed (seconds since the start) or step-time (of each row)")
    if test and test not in metrics:
        raise BlackboxError(f"the test metric {test!r} is not among the metrics: {name_hint(test, metrics)}")
    return columns


def _read_toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    if existing(path).stat().st_size > MOST_TOML:
        raise BlackboxError(f"{path}: a list of columns of more than {MOST_TOML} bytes")
    with damage(path):
        return tomllib.loads(path.read_text("utf-8"))


def _metric(name: str, how: str) -> Metric:
    direction, _, unit = how.partition(":")
    if direction not in ("min", "max"):
        raise BlackboxError(f"metric {name!r}: say which way is better, {name}=min or {name}=max (or {name}=min:UNIT)")
    return Metric(direction, unit or "1")  # type: ignore[arg-type]


def _pairs(key: str, value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        return {name: _text(f"{key}.{name}", how) for name, how in value.items()}
    parts = [part.rpartition("=") for part in _names(key, value)]
    return {name if sep else how: how if sep else "" for name, sep, how in parts}


def _names(key: str, value: Any) -> list[str]:
    if isinstance(value, list):
        return [_text(key, name) for name in value]
    return [name.strip() for name in _text(key, value).split(",") if name.strip()]


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BlackboxError(f"{key}: a text is needed, not {value!r:.60}")
    return value

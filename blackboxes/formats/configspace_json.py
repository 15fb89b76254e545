"""ConfigSpace's JSON as versions before 1.0 wrote it: parsed, sampled, and turned into a space of today.

The facts are those of `ConfigSpace.read_and_write.json` 0.4 to 0.6 (`json_format_version` 0.2 to 0.4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blackboxes.errors import BlackboxError
from blackboxes.formats.inferred_space import fitting
from blackboxes.formats.reading import hint, read_json
from blackboxes.streams import Stream

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

DIGITS = 6  # of drawn floats, so that the last bit of a machine's logarithm does not show
DEEPEST = 20  # levels of conditions in conditions
SINGLE = ("EQ", "NEQ", "IN", "LT", "GT")


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter; `choices` for categorical, ordinal and constant ones, bounds for the others."""

    name: str
    kind: str
    lower: float = 0.0
    upper: float = 0.0
    log: bool = False
    q: float | None = None
    choices: tuple[Any, ...] = ()

    @property
    def whole(self) -> bool:
        """True where values are integers."""
        return self.kind == "uniform_int"

    def draw(self, u: np.ndarray) -> np.ndarray:
        """Values from uniform draws in [0, 1): float64, int64, or objects for choices."""
        if self.choices:
            values = np.empty(len(u), dtype=object)
            values[:] = [self.choices[int(k)] for k in u * len(self.choices)]
            return values
        low, high = (self.lower - 0.5, self.upper + 0.5) if self.whole else (self.lower, self.upper)
        if self.log:
            drawn = np.exp(math.log(low) + u * (math.log(high) - math.log(low)))
        else:
            drawn = low + u * (high - low)
        if self.q:
            drawn = self.lower + np.rint((drawn - self.lower) / self.q) * self.q
        if self.whole:
            return np.clip(np.rint(drawn), self.lower, self.upper).astype(np.int64)
        rounded = np.array([float(f"{value:.{DIGITS}g}") for value in drawn.tolist()])
        return np.clip(rounded, self.lower, self.upper)


class OldSpace:
    """A space in the old JSON.

    Raises:
        BlackboxError: not such a file; the message names the hyperparameter or the condition.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        found = read_json(path)
        listed = found.get("hyperparameters")
        if not isinstance(listed, list) or not listed:
            raise BlackboxError(f"{path}: hyperparameters should be a list, as ConfigSpace before 1.0 writes it")
        self.parameters = {p.name: p for p in (self._parameter(entry) for entry in listed)}
        if len(self.parameters) < len(listed):
            raise BlackboxError(f"{path}: a hyperparameter comes twice")
        conditions = found.get("conditions", [])
        if not isinstance(conditions, list):
            raise BlackboxError(f"{path}: conditions should be a list")
        self.conditions: dict[str, dict[str, Any]] = {}
        for entry in conditions:
            self._check_condition(entry, DEEPEST)
            if entry["child"] in self.conditions:
                raise BlackboxError(f"{path}: {entry['child']!r:.60} has two conditions, one (AND, OR) is needed")
            self.conditions[entry["child"]] = entry
        self.order = self._parents_first()

    def draw(self, n: int, seed: int) -> dict[str, np.ndarray]:
        """n configurations, all hyperparameters; NaN (numbers) or None (choices) where inactive."""
        drawn: dict[str, np.ndarray] = {}
        for name in self.order:
            parameter = self.parameters[name]
            values = parameter.draw(Stream(seed, "configuration", name).uniform(n))
            if name in self.conditions:
                active = self._holds(self.conditions[name], drawn)
                nothing: Any = None if parameter.choices else np.nan
                values = np.where(active, values, nothing)
            drawn[name] = values
        return {name: drawn[name] for name in self.parameters}

    def conditions_on(self, name: str) -> set[str]:
        """The hyperparameters that decide whether `name` is active."""
        return _parents(self.conditions[name]) if name in self.conditions else set()

    def space(self, names: list[str]) -> ConfigurationSpace:
        """The hyperparameters of these names, with their conditions, as a space of today (without quantisation)."""
        import ConfigSpace as CS  # noqa: N817

        space = CS.ConfigurationSpace()
        for name in names:
            with fitting(name):
                space.add(_today(self.parameters[name]))
        for name in self.order:
            if name in self.conditions and name in space:
                space.add(self._condition(self.conditions[name], space))
        return space

    def _parameter(self, entry: Any) -> Parameter:
        name, kind = (entry.get(key) for key in ("name", "type")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(kind, str):
            raise BlackboxError(f"{self.path}: a hyperparameter should have a name and a type: {entry!r:.80}")
        where = f"{self.path}: {name!r:.60}"
        if kind in ("categorical", "ordinal", "constant"):
            key = {"categorical": "choices", "ordinal": "sequence", "constant": "value"}[kind]
            found = [entry.get(key)] if kind == "constant" else entry.get(key)
            plain = isinstance(found, list) and found and all(isinstance(v, (str, int, float)) for v in found)
            if not plain or len(set(found)) < len(found):
                raise BlackboxError(
                    f"{where}: {key} should hold different texts or numbers, not {entry.get(key)!r:.60}"
                )
            return Parameter(name, kind, choices=tuple(found))
        if kind not in ("uniform_float", "uniform_int"):
            raise BlackboxError(
                f"{where}: type {kind!r:.40} is not read (uniform_float, uniform_int, categorical, ...)"
            )
        lower, upper, q = (entry.get(key) for key in ("lower", "upper", "q"))
        numbers = [lower, upper, 1 if q is None else q]
        if not all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e300 for v in numbers):
            raise BlackboxError(f"{where}: lower, upper and q should be numbers, not {numbers!r:.60}")
        log = bool(entry.get("log"))
        if lower > upper or (log and lower <= 0) or (q is not None and q <= 0):
            raise BlackboxError(f"{where}: {lower} .. {upper}{' (log)' if log else ''} is no range")
        return Parameter(name, kind, lower, upper, log, q)

    def _check_condition(self, entry: Any, depth: int, child: str = "") -> None:
        kind = entry.get("type") if isinstance(entry, dict) else None
        if kind in ("AND", "OR") and depth and isinstance(entry.get("conditions"), list) and entry["conditions"]:
            for part in entry["conditions"]:
                self._check_condition(part, depth - 1, entry.get("child"))
        elif kind not in SINGLE or not isinstance(
            entry.get("values" if kind == "IN" else "value"), (list, str, int, float)
        ):
            raise BlackboxError(f"{self.path}: a condition that is not understood: {entry!r:.80}")
        if kind == "IN" and not isinstance(entry["values"], list):
            raise BlackboxError(f"{self.path}: the values of a condition should be a list: {entry!r:.80}")
        for key in ("child",) if kind in ("AND", "OR") else ("child", "parent"):
            if not isinstance(entry.get(key), str) or entry[key] not in self.parameters:
                raise BlackboxError(
                    f"{self.path}: a condition names {entry.get(key)!r:.60}: {hint('', self.parameters)}"
                )
        if child and entry["child"] != child:
            raise BlackboxError(f"{self.path}: a condition of {child!r:.60} has a part of {entry['child']!r:.60}")

    def _parents_first(self) -> list[str]:
        order: list[str] = []
        waiting = list(self.parameters)
        while waiting:
            ready = [n for n in waiting if n not in self.conditions or _parents(self.conditions[n]) <= {*order}]
            if not ready:
                raise BlackboxError(f"{self.path}: the conditions of {waiting[0]!r:.60} depend on itself")
            order += ready
            waiting = [name for name in waiting if name not in ready]
        return order

    def _holds(self, entry: Mapping[str, Any], drawn: Mapping[str, np.ndarray]) -> np.ndarray:
        """(n,) where a condition is met; never where its parent is inactive."""
        kind = entry["type"]
        if kind in ("AND", "OR"):
            parts = [self._holds(part, drawn) for part in entry["conditions"]]
            return (np.logical_and if kind == "AND" else np.logical_or).reduce(parts)
        values = drawn[entry["parent"]].tolist()
        met = {
            "EQ": lambda v: v == entry["value"],
            "NEQ": lambda v: v != entry["value"],
            "IN": lambda v: v in entry["values"],
            "LT": lambda v: v < entry["value"],
            "GT": lambda v: v > entry["value"],
        }[kind]
        try:
            return np.array([v is not None and v == v and bool(met(v)) for v in values])
        except TypeError:
            raise BlackboxError(f"{self.path}: a condition compares texts with numbers: {entry!r:.80}") from None

    def _condition(self, entry: Mapping[str, Any], space: ConfigurationSpace) -> Any:
        import ConfigSpace as CS  # noqa: N817

        kind = entry["type"]
        if kind in ("AND", "OR"):
            parts = [self._condition(part, space) for part in entry["conditions"]]
            joined = CS.AndConjunction if kind == "AND" else CS.OrConjunction
            return parts[0] if len(parts) == 1 else joined(*parts)
        made = {
            "EQ": CS.EqualsCondition,
            "NEQ": CS.NotEqualsCondition,
            "IN": CS.InCondition,
            "LT": CS.LessThanCondition,
            "GT": CS.GreaterThanCondition,
        }[kind]
        try:
            return made(space[entry["child"]], space[entry["parent"]], entry["values" if kind == "IN" else "value"])
        except (KeyError, ValueError, TypeError) as error:
            raise BlackboxError(f"{self.path}: the condition {entry!r:.80} does not fit: {error!s:.80}") from error


def _today(p: Parameter) -> Any:
    """A hyperparameter as ConfigSpace has it today."""
    import ConfigSpace as CS  # noqa: N817

    if len(p.choices) == 1 or (not p.choices and p.lower == p.upper):
        return CS.Constant(p.name, p.choices[0] if p.choices else p.lower)
    if p.choices:
        kind = CS.OrdinalHyperparameter if p.kind == "ordinal" else CS.Categorical
        return kind(p.name, list(p.choices))
    if p.whole:
        return CS.Integer(p.name, (int(p.lower), int(p.upper)), log=p.log)
    return CS.Float(p.name, (p.lower, p.upper), log=p.log)


def _parents(entry: Mapping[str, Any]) -> set[str]:
    if entry["type"] in ("AND", "OR"):
        return set().union(*(_parents(part) for part in entry["conditions"]))
    return {entry["parent"]}

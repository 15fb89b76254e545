"""A family's parameters: read from text, checked, and written as a task's name."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from inspect import get_annotations
from math import inf, isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from blackboxes.errors import BlackboxError, name_hint

LONGEST_TEXT = 2000  # characters of a parameter list
KINDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a word"}

Value = int | float | bool | str | None


@dataclass(frozen=True)
class Between:
    """The numbers that a parameter may have: from `low` to `high`, unless `open` excludes an end."""

    low: float = -inf
    high: float = inf
    open: Literal["", "low", "high", "both"] = ""

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open in ("low", "both") else value >= self.low
        below = value < self.high if self.open in ("high", "both") else value <= self.high
        return above and below

    def __str__(self) -> str:
        low = [f"{'above' if self.open in ('low', 'both') else 'from'} {_plain(self.low)}"] * (self.low > -inf)
        high = [f"{'below' if self.open in ('high', 'both') else 'to'} {_plain(self.high)}"] * (self.high < inf)
        return (" " if not self.open else ", ").join(low + high)


def _plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a family.

    Attributes:
        name, help: for a list of parameters.
        kind: int, float, bool or str.
        default: its value where none is given; None where that depends on others (and only then may it be None).
        choices: the words it may be; empty for all else.
        between: the range of a number.
    """

    name: str
    help: str
    kind: type
    default: Value
    choices: tuple[str, ...]
    between: Between

    @property
    def expected(self) -> str:
        """What the parameter may be, in words."""
        if self.choices:
            return " or ".join(self.choices)
        text = f"{KINDS[self.kind]} {self.between}".rstrip()
        return f"{text}, or None" if self.default is None else text

    def checked(self, where: str, value: Any) -> Value:
        """`value`, as this parameter's kind.

        Raises:
            BlackboxError: it is of another kind or out of range.
        """
        if value is None and self.default is None:
            return None
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if self.choices:
            good = value in self.choices
        elif self.kind is float:
            good = number and isfinite(value) and value in self.between
        elif self.kind is int:
            good = number and isinstance(value, int) and value in self.between
        else:
            good = isinstance(value, self.kind)
        if not good:
            shown = value if isinstance(value, str) else repr(value)
            raise BlackboxError(f"{where}: {self.name}={shown:.60} is wrong, it should be {self.expected}")
        return self.kind(value)


def parameters_of(cls: type) -> tuple[Parameter, ...]:
    """The fields of a dataclass as parameters: those of the class itself first, those that it inherits after them."""
    hints = get_type_hints(cls, include_extras=True)
    order = list(dict.fromkeys(name for base in cls.__mro__ for name in get_annotations(base)))
    return tuple(
        _parameter(field.name, hints[field.name], field.default)
        for field in sorted(fields(cls), key=lambda field: order.index(field.name))
    )


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    if get_origin(hint) is not Annotated or default is MISSING:
        raise TypeError(f"{name}: write Annotated[type, Between(...), help] and a default")
    kind, *notes = get_args(hint)
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    between = next((note for note in notes if isinstance(note, Between)), Between())
    text = next(note for note in notes if isinstance(note, str))
    return Parameter(name, text, str if choices else kind, default, choices, between)


def read(where: str, text: str, known: tuple[Parameter, ...]) -> dict[str, Any]:
    """The values in ``a=1,b=0.5,c=word``, by name; not yet checked against their ranges.

    Raises:
        BlackboxError: text of another form, a name that is not `known` (with the nearest ones) or comes twice.
    """
    if len(text) > LONGEST_TEXT:
        raise BlackboxError(f"{where}: parameters of {len(text)} characters, at most {LONGEST_TEXT} are read")
    names = [parameter.name for parameter in known]
    values: dict[str, Any] = {}
    for part in text.split(",") if text.strip() else []:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise BlackboxError(f"{where}: parameters are written name=value, such as seed=3, not {part.strip()!r:.60}")
        if name not in names:
            raise BlackboxError(f"{where} has no parameter {name!r:.60}: {name_hint(name[:60], names)}")
        if name in values:
            raise BlackboxError(f"{where}: {name} is given twice")
        values[name] = _value(value)
    return values


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text  # a bare word


def written(values: Mapping[str, Value], known: tuple[Parameter, ...]) -> str:
    """The one way to write `values`: what differs from its default, in the order of `known`, and always the seed.

    >>> written({"noise": 0.5, "seed": 0}, known)
    'noise=0.5,seed=0'
    """
    return ",".join(
        f"{parameter.name}={_text(values[parameter.name])}"
        for parameter in known
        if parameter.name == "seed" or values[parameter.name] != parameter.default
    )


def _text(value: Value) -> str:
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return repr(int(value)) if whole and value is not None else str(value)

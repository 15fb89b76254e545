"""How schedulers and searchers print: as they are written, name and arguments."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from simulator.errors import SimulationError

OURS = ("simulator.schedulers.", "simulator.searchers.")


class Spec:
    """Remembers the arguments that it is made with, whatever a subclass does with them.

    `str` gives what `make_scheduler` and `make_searcher` read: the text they made it from, or name and arguments,
    where these are literals. One that is in no registry prints as the name of its class.
    """

    written: str | None = None  # by whoever made it from text
    _made_with: tuple[tuple[Any, ...], dict[str, Any]] = (), {}

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        made = super().__new__(cls)
        made._made_with = arguments, named
        return made

    def __init__(self) -> None:
        """What takes no arguments."""

    def __str__(self) -> str:
        if self.written is not None:
            return self.written
        cls: Any = type(self)
        place, _, file = cls.__module__.rpartition(".")
        if f"{place}." not in OURS:
            return cls.__name__
        given, named = self._made_with
        arguments = dict(zip(arguments_of(cls), given, strict=False)) | named
        text = ",".join(f"{name}={_literal(value)}" for name, value in arguments.items())
        return file.replace("_", "-") + (f"({text})" if text else "")


@lru_cache(maxsize=256)  # studies make thousands of a class
def arguments_of(cls: type[Spec]) -> Mapping[str, bool]:
    """What a class is made with, by name; whether it can be left out."""
    parameters = [*inspect.signature(cls.__init__).parameters.values()][1:]
    optional = {p.name: p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters}
    return MappingProxyType(optional)


def read_spec(text: str, where: str, example: str) -> tuple[str, dict[str, Any]]:
    """Name and arguments of ``name(argument=value, ...)``, the values literals of Python.

    Args:
        text: a name, ``my_file.py:MyScheduler`` too, and arguments in parentheses, or none.
        where: of what, for messages.
        example: how it is written, for messages.

    Raises:
        SimulationError: text of another form, or an argument that is given twice.
    """
    match = re.fullmatch(r"\s*([^()\[\]]+?\.py(?::\w+)?|[\w.-]+)\s*(?:\((.*)\))?\s*", text, re.DOTALL)
    if match is None:
        raise SimulationError(f"{where}: write a name and arguments, such as {example}")
    return match[1], read_arguments(match[2] or "", where, example)


def read_arguments(text: str, where: str, example: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError("arguments without a name")
        found = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
        if len(found) < len(call.keywords):
            raise ValueError("an argument is given twice")
    except (SyntaxError, TypeError, ValueError):
        raise SimulationError(f"{where}: arguments are written name=value, such as {example}") from None
    return found


def _literal(value: Any) -> str:
    """As it is written in Python, or what kind of thing it is where it cannot be."""
    try:
        ast.literal_eval(repr(value))
    except (ValueError, SyntaxError):
        return f"<{type(value).__name__}>"
    return repr(value)

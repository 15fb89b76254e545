"""Schedulers by name: every module of `simulator.schedulers`, and those that other packages register.

A scheduler `my-name` is the one `Scheduler` subclass of a file `schedulers/my_name.py`, or an entry point of the
group `rungsim.schedulers`. Its arguments follow in parentheses: ``"asha-stopping(eta=4, r_min=3)"``.
"""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import simulator.schedulers
from blackboxes.errors import name_hint
from simulator.errors import SimulationError
from simulator.protocol import Scheduler

GROUP = "rungsim.schedulers"


@cache
def _shipped() -> dict[str, str]:
    return {
        module.name.replace("_", "-"): f"simulator.schedulers.{module.name}"
        for module in iter_modules(simulator.schedulers.__path__)
    }


@cache
def scheduler_names() -> dict[str, str]:
    """Where each scheduler is found, by name: ``module:Class`` or ``module``."""
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in entry_points(group=GROUP)} | _shipped()


def scheduler_class(name: str) -> type[Scheduler]:
    """The class of a scheduler.

    Raises:
        SimulationError: an unknown name, with the nearest ones.
    """
    where = _shipped().get(name) or scheduler_names().get(name)  # looking for entry points takes longer than a run
    if where is None:
        raise SimulationError(f"there is no scheduler {name!r}: {name_hint(name, scheduler_names())}")
    module_name, _, class_name = where.partition(":")
    module = import_module(module_name)
    if class_name:
        return getattr(module, class_name)
    (found,) = (
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Scheduler) and value.__module__ == module_name
    )
    return found


def make_scheduler(spec: str) -> Scheduler:
    """A scheduler from its name and, in parentheses, its arguments.

    Raises:
        SimulationError: an unknown name or argument, a value out of range, or text of another form.

    Example:
        >>> make_scheduler("asha-promotion(eta=4, r_min=3)")
    """
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", spec, re.DOTALL)
    if match is None:
        raise SimulationError(f"scheduler {spec!r}: write a name and arguments, such as asha-stopping(eta=4,r_min=3)")
    cls = scheduler_class(match[1])
    arguments = _arguments(spec, match[2] or "")
    known = inspect.signature(cls).parameters
    for name in arguments:
        if name not in known:
            raise SimulationError(f"{match[1]} has no argument {name!r}: {name_hint(name, known)}")
    return cls(**arguments)


def _arguments(spec: str, text: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("arguments without a name")
        names = [keyword.arg for keyword in call.keywords]
        if len(set(names)) < len(names):
            raise ValueError("an argument is given twice")
        return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError):
        raise SimulationError(
            f"scheduler {spec!r}: arguments are written name=value, such as asha-stopping(eta=4,r_min=3)"
        ) from None


def split_specs(text: str) -> list[str]:
    """Specs separated by commas outside parentheses and brackets.

    >>> split_specs("random, asha-stopping(eta=4,r_min=3)")
    ['random', 'asha-stopping(eta=4,r_min=3)']
    """
    specs, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            specs.append("")
        else:
            specs[-1] += character
    return [spec.strip() for spec in specs if spec.strip()]

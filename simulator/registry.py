"""Schedulers by name: every module of `simulator.schedulers`, and those that other packages register.

A scheduler `my-name` is the one `Scheduler` subclass of a file `schedulers/my_name.py`, or an entry point of the
group `rungsim.schedulers` that names such a class. Its arguments follow in parentheses:
``"asha-stopping(eta=4, r_min=3)"``.
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

from blackboxes.errors import name_hint
from blackboxes.registry import Registry, only_class
from simulator.errors import SimulationError
from simulator.protocol import Scheduler

SCHEDULERS = Registry("scheduler", "simulator.schedulers", only_class(Scheduler), "rungsim.schedulers", SimulationError)


def scheduler_names() -> list[str]:
    """The names of all schedulers, sorted."""
    return SCHEDULERS.names()


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
    cls = SCHEDULERS.find(match[1])
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

"""Schedulers and searchers by name: every module of `simulator.schedulers`, and those that other packages register.

A scheduler `my-name` is the one `Scheduler` subclass of a file `schedulers/my_name.py`, or an entry point of the
group `rungsim.schedulers` that names such a class; searchers likewise. Arguments follow in parentheses, a searcher
behind a ``+``: ``"asha-stopping(eta=4, r_min=3)+random"``. One's own stand in a file: ``"my_file.py:MyScheduler"``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from blackboxes.errors import name_hint
from blackboxes.registry import Registry, only_class
from simulator import adapters, clairvoyant
from simulator.adapters import library_of
from simulator.errors import SimulationError
from simulator.protocol import Scheduler
from simulator.raised import annotate
from simulator.searcher import Initial, Searcher
from simulator.spec import arguments_of, read_spec

SEARCHERS = Registry(
    "searcher", "simulator.searchers", only_class(Searcher), "rungsim.searchers", SimulationError, Searcher
)
SCHEDULERS = Registry(
    "scheduler", "simulator.schedulers", only_class(Scheduler), "rungsim.schedulers", SimulationError, Scheduler
)


def scheduler_names() -> list[str]:
    """The names of all schedulers, sorted."""
    return SCHEDULERS.names()


def searcher_names() -> list[str]:
    """The names of all searchers, sorted."""
    return SEARCHERS.names()


def make_scheduler(spec: str) -> Scheduler:
    """A scheduler from its name and, in parentheses, its arguments.

    Raises:
        SimulationError: an unknown name or argument, a value out of range, or text of another form.

    Example:
        >>> make_scheduler("asha-promotion(eta=4, r_min=3)")
    """
    return _made(SCHEDULERS, spec, *_read(SCHEDULERS, spec))


def make_searcher(spec: str) -> Searcher:
    """A searcher from its name and, in parentheses, its arguments, as `make_scheduler`."""
    return _made(SEARCHERS, spec, *_read(SEARCHERS, spec))


def make_both(spec: str) -> tuple[Scheduler, Searcher]:
    """A scheduler and the searcher behind a ``+``; where there is none, the one that the scheduler comes with.

    Schedulers of other libraries stand behind the library's name: ``"ray:ASHAScheduler"``, see `simulator.adapters`.
    Any other one may be given ``initial=[...]``: rows, or dicts of hyperparameters, that are proposed first.

    Raises:
        SimulationError: as for `make_scheduler`.

    Example:
        >>> make_both("asha-promotion(eta=4, initial=[17, 3])+random")
    """
    library = library_of(spec)
    if library is not None:
        scheduler, asked = adapters.make(library, _split(spec.partition(":")[2], "+"))
        scheduler.written = spec.strip()
        return scheduler, make_searcher(asked or scheduler.default_searcher())
    words, *more = _split(spec, "+")
    if len(more) > 1:
        raise SimulationError(f"{spec!r}: one searcher at most may follow a '+'")
    name, arguments = _read(SCHEDULERS, words)
    first = arguments.pop("initial", None)
    scheduler = _made(SCHEDULERS, words, name, arguments)
    searcher = make_searcher(more[0] if more else scheduler.default_searcher())
    return scheduler, searcher if first is None else started_with(first, searcher)


def started_with(first: Any, searcher: Searcher) -> Searcher:
    """`searcher`, after the configurations in `first`.

    Raises:
        SimulationError: not a list of rows and dicts.
    """
    if not isinstance(first, Sequence) or not all(type(c) is int or isinstance(c, Mapping) for c in first):
        raise SimulationError(f"initial: a list of rows, or of dicts of hyperparameters, is needed, not {first!r:.100}")
    return Initial(first, searcher)


def _read(known: Registry, spec: str) -> tuple[str, dict[str, Any]]:
    """Name and arguments."""
    name, arguments = read_spec(spec, f"{known.what} {spec!r}", "asha-stopping(eta=4,r_min=3)")
    if name == clairvoyant.NAME and known is SCHEDULERS:
        raise SimulationError(
            f"{spec!r}: {clairvoyant.NAME} is no scheduler but a bound for all of them; it stands among those of a "
            "comparison, without arguments or a searcher, and cannot be run"
        )
    return name, arguments


def _class(known: Registry, name: str) -> Any:
    cls, base = known.find(name), Scheduler if known is SCHEDULERS else Searcher
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        raise SimulationError(f"{known.what} {name}: a class of {known.what}s is needed, not {cls!r:.100}")
    if cls.__abstractmethods__:
        lacking = " and ".join(sorted(cls.__abstractmethods__))
        raise SimulationError(f"{known.what} {name}: the class has no {lacking}, which every {known.what} needs")
    return cls


def _made(known: Registry, spec: str, name: str, arguments: dict[str, Any]) -> Any:
    cls = _class(known, name)
    takes = arguments_of(cls)
    for argument in arguments:
        if argument not in takes:
            raise SimulationError(f"{name} has no argument {argument!r}: {name_hint(argument, takes)}")
    missing = [argument for argument, may_lack in takes.items() if not may_lack and argument not in arguments]
    if missing:
        raise SimulationError(f"{name} needs {', '.join(missing)}: write {name}({missing[0]}=...)")
    try:
        made = cls(**arguments)
    except SimulationError:
        raise
    except Exception as error:
        annotate(error, spec.strip())
        raise
    made.written = spec.strip()
    return made


def split_specs(text: str) -> list[str]:
    """Specs separated by commas outside parentheses and brackets.

    >>> split_specs("random, asha-stopping(eta=4,r_min=3)")
    ['random', 'asha-stopping(eta=4,r_min=3)']
    """
    return [spec for spec in _split(text, ",") if spec]


def _split(text: str, separator: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]

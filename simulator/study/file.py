"""The study file: which runs there are to be.

    tables = ["mlp:letter", "svm:magic"]   # names, or paths of files
    schedulers = [                         # with arguments; "clairvoyant" is the bound for all
      "random",
      "asha-promotion(eta=4)",
    ]
    seeds = 30                             # 0 to 29; or a list
    workers = [4, 16]                      # 4 if left out
    clusters = ["none", "spot(price=0.9)"] # presets with arguments, or paths of .toml files; none if left out
    budget = "10x"                         # simulated time of each run
    traces = true                          # keep them, too
    compiled = true                        # in machine code what can be (extra fast); the rows are the same

Every scheduler meets every table, seed, number of workers and so on. What is not to be crossed like this is listed:
each ``[[runs]]`` is a crossing of its own, and the keys above it hold where it does not say otherwise. ``[[add]]``,
which `rungsim study add` writes, adds to the lists of all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from blackboxes import BlackboxError
from blackboxes.errors import name_hint
from simulator import clairvoyant
from simulator.budget import Budget
from simulator.checks import whole
from simulator.cluster import Cluster
from simulator.compiled.coverage import check_installed
from simulator.errors import SimulationError, StudyError
from simulator.events import MOST_WORKERS
from simulator.places import Place, places
from simulator.proposals import OFF_TABLE
from simulator.registry import make_both
from simulator.study.crossing import try_out
from simulator.study.run import Run, forget_tables

NO_CLUSTER = "none"
LISTS = ("tables", "schedulers", "seeds", "workers", "clusters", "budget")  # these are crossed
SINGLE = ("max_trials", "max_resource", "target", "metric", "off_table")
FLAGS = ("traces", "compiled")
GROWING = ("tables", "schedulers", "seeds", "workers", "clusters")  # what may be added to
USUAL: dict[str, Any] = {"seeds": 20, "workers": 4, "clusters": NO_CLUSTER, "budget": "10x", "off_table": "error"}
WRONG = (SimulationError, BlackboxError, OSError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True)
class Study:
    """What a study file asks for.

    Attributes:
        text: of the file.
        runs: each once; seed by seed, so that comparisons are complete for some seeds early on.
        traces: whether traces are kept.
        compiled: whether runs go by machine code where they can.
    """

    text: str
    runs: list[Run]
    traces: bool
    compiled: bool


def read_study(path: Path, tried: bool = False) -> Study:
    """Read a study file, and check all of it before anything runs.

    Args:
        path: of the file.
        tried: whether it was checked before that arguments fit each other, which takes longest.

    Raises:
        StudyError: one line for each mistake, with the line of the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise StudyError(f"{path}: not UTF-8: {error}") from error
    return study_of(text, str(path), tried)


def study_of(text: str, where: str, tried: bool = False) -> Study:
    """As `read_study`, from the text of a file that is called `where`."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        told = tomllib.loads(text)
    except ValueError as error:
        raise StudyError(f"{where}: not TOML: {error}") from error
    forget_tables()
    mistakes = _Mistakes(where, places(text))
    runs: dict[Run, Place] = {}
    for crossing in _crossings(told, mistakes):
        good = _is_sound(crossing, mistakes), _is_whole(crossing, mistakes)  # both, to tell all
        if all(good) and _has_metric(crossing, mistakes):
            for run, at in _crossed(crossing):
                runs.setdefault(run, at)
    if not tried:
        _try_out(runs, mistakes)
    if mistakes.found:
        raise StudyError(*mistakes.lines())
    if not runs:
        raise StudyError(f"{where}: it asks for no run")
    flags = (told.get(name, False) for name in FLAGS)
    return Study(text, sorted(runs, key=lambda run: run.seed), *flags)


class _Mistakes:
    """What is wrong, and where."""

    def __init__(self, where: str, lines: dict[Place, int]) -> None:
        self._where, self._lines = where, lines
        self.found: dict[tuple[int, str], None] = {}

    def add(self, place: Place, what: object) -> None:
        """Something is wrong at a place, or in what it is part of."""
        while place and place not in self._lines:
            place = place[:-1]
        self.found[self._lines.get(place, 1), str(what)] = None

    def lines(self) -> list[str]:
        """One a mistake, from top to bottom."""
        return [f"{self._where}:{line}: {what}" for line, what in sorted(self.found, key=lambda pair: pair[0])]


@dataclass
class _Crossing:
    """The values of each key, and the place of each of them."""

    values: dict[str, list[tuple[Any, Place]]]
    place: Place


def _crossings(told: dict[str, Any], mistakes: _Mistakes) -> list[_Crossing]:
    """What is to be crossed, each key with its values; whether they are right is not looked at."""
    tables = {name: told.get(name, []) for name in ("runs", "add")}
    for name, found in tables.items():
        if not (isinstance(found, list) and all(isinstance(entry, dict) for entry in found)):
            mistakes.add((name,), f"{name}: write [[{name}]], and its keys below")
            tables[name] = []
    top = {key: value for key, value in told.items() if key not in tables}
    for name in FLAGS:
        if not isinstance(top.pop(name, False), bool):
            mistakes.add((name,), f"{name} = {told[name]!r}: true or false is needed")
    if told.get("compiled") is True:
        try:
            check_installed()
        except SimulationError as error:
            mistakes.add(("compiled",), error)
    usual = _Crossing({key: _listed(key, value, ()) for key, value in USUAL.items()}, ())
    common = _joined(usual, _known(top, (), (*LISTS, *SINGLE), mistakes), ())
    _is_sound(common, mistakes)  # even where all else overrides it
    listed = [
        _joined(common, _known(entry, ("runs", i), (*LISTS, *SINGLE), mistakes), ("runs", i))
        for i, entry in enumerate(tables["runs"])
    ]
    crossings = listed or [common]
    for i, entry in enumerate(tables["add"]):
        more = _known(entry, ("add", i), GROWING, mistakes)
        for crossing in crossings:
            for key, values in more.items():
                crossing.values[key] = [*crossing.values.get(key, []), *values]
    return crossings


def _known(
    told: dict[str, Any], place: Place, known: Sequence[str], mistakes: _Mistakes
) -> dict[str, list[tuple[Any, Place]]]:
    for key in told:
        if key not in known:
            also = [*FLAGS, "runs", "add"] if not place else []
            mistakes.add((*place, key), f"there is no key {key!r} here: {name_hint(key, [*known, *also])}")
    return {key: _listed(key, value, (*place, key)) for key, value in told.items() if key in known}


def _listed(key: str, value: Any, place: Place) -> list[tuple[Any, Place]]:
    if key == "seeds" and type(value) is int and value > 0:
        return [(seed, place) for seed in range(value)]
    if key in LISTS and isinstance(value, list):
        return [(entry, (*place, i)) for i, entry in enumerate(value)]
    return [(value, place)]


def _joined(first: _Crossing, then: dict[str, list[tuple[Any, Place]]], place: Place) -> _Crossing:
    return _Crossing({**first.values, **then}, place)


def _is_sound(crossing: _Crossing, mistakes: _Mistakes) -> bool:
    """Whether each value is right by itself; adds what is not to the mistakes."""
    sound = True
    for key, values in crossing.values.items():
        if not values:
            mistakes.add((*crossing.place, key), f"{key}: at least one is needed")
            sound = False
        for value, place in values:
            try:
                CHECKS[key](value)
            except WRONG as error:
                for said in getattr(error, "mistakes", (str(error),)):
                    mistakes.add(place, said if said.startswith(key) else f"{key}: {said}")
                sound = False
    return sound


def _is_whole(crossing: _Crossing, mistakes: _Mistakes) -> bool:
    """Whether no key is missing; adds those that are to the mistakes."""
    missing = [key for key in EXAMPLES if key not in crossing.values]
    for key in missing:
        mistakes.add(crossing.place, f"{key} are missing: write {EXAMPLES[key]}")
    return not missing


def _has_metric(crossing: _Crossing, mistakes: _Mistakes) -> bool:
    """Whether all tables have the metric; adds those that do not to the mistakes."""
    [(metric, place)] = crossing.values.get("metric", [(None, ())])
    known = len(mistakes.found)
    for table, _ in crossing.values["tables"]:
        try:
            Run(table, "random").blackbox.metric_name(metric)
        except BlackboxError as error:
            mistakes.add(place, error)
    return len(mistakes.found) == known


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise SimulationError(f"a text in quotes is needed, not {value!r}")
    return value


def _check_table(value: Any) -> None:
    _ = Run(_text(value), "random").blackbox


def _check_scheduler(value: Any) -> None:
    if _text(value) != clairvoyant.NAME:
        make_both(value)
        _ = Run("", value).code


def _check_cluster(value: Any) -> None:
    if _text(value) != NO_CLUSTER:
        Cluster.read(value, known=(NO_CLUSTER,))


def _check_seed(value: Any) -> None:
    if type(value) is not int or not 0 <= value < 2**64:
        raise SimulationError(f"seeds = {value!r}: how many, or a list of whole numbers from 0 on, is needed")


def _check_off_table(value: Any) -> None:
    if value not in OFF_TABLE:
        raise SimulationError(f"{value!r}: {name_hint(str(value), OFF_TABLE)}")


CHECKS: dict[str, Callable[[Any], object]] = {
    "tables": _check_table,
    "schedulers": _check_scheduler,
    "seeds": _check_seed,
    "workers": lambda value: whole("workers", value, 1, MOST_WORKERS),
    "clusters": _check_cluster,
    "budget": lambda value: Budget(time=value),
    "max_trials": lambda value: Budget(trials=value),
    "max_resource": lambda value: Budget(resource=value),
    "target": lambda value: Budget(target=value),
    "metric": _text,
    "off_table": _check_off_table,
}
EXAMPLES = {"tables": 'tables = ["mlp:letter"]', "schedulers": 'schedulers = ["random", "asha-stopping"]'}


def _crossed(crossing: _Crossing) -> Iterator[tuple[Run, Place]]:
    """All runs of a crossing, each with the place of its scheduler."""
    single = {key: crossing.values[key][0][0] for key in SINGLE if key in crossing.values}
    limits = [single.pop(key, None) for key in ("max_trials", "max_resource", "target")]
    lists = (crossing.values[key] for key in ("seeds", "tables", "workers", "clusters", "budget", "schedulers"))
    for (seed, _), (table, _), (workers, _), (cluster, _), (budget, _), (scheduler, place) in product(*lists):
        known = None if cluster == NO_CLUSTER else cluster
        yield Run(table, scheduler, seed, workers, Budget(budget, *limits), cluster=known, **single), place


def _try_out(runs: dict[Run, Place], mistakes: _Mistakes) -> None:
    """Whether arguments that are right by themselves fit each other; one seed of each kind of runs."""
    kinds: dict[Run, Place] = {}
    for run, place in runs.items():
        kinds.setdefault(replace(run, seed=0), place)
    for run, place in kinds.items():
        try:
            run.check()
            try_out(run)
        except Exception as error:
            said = str(error) if isinstance(error, WRONG) else f"{type(error).__name__}: {error}"
            mistakes.add(place, f"{run.scheduler} on {run.table}: {said}")

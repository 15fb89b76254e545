"""Optuna's samplers and pruners, unmodified, under the simulated clock (extra ``optuna``)."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module
from importlib.metadata import version
from itertools import pairwise
from math import inf, isnan, nan
from typing import Any, Literal

from blackboxes.errors import name_hint
from simulator.adapters.inside import Inside
from simulator.adapters.optuna_space import suggester
from simulator.adapters.steps import steps_of
from simulator.context import Context
from simulator.errors import SchedulerError, SimulationError
from simulator.protocol import STOP, Continue, EndReason, Scheduler, Start, Verdict
from simulator.spec import read_spec
from simulator.trial import Trial

Kind = Literal["Sampler", "Pruner"]
Arguments = Mapping[str, Any]
NESTED: dict[str, Kind] = {"wrapped_pruner": "Pruner", "base_sampler": "Sampler", "independent_sampler": "Sampler"}
MODELS = ("TPESampler", "GPSampler", "CmaEsSampler")  # samplers that learn a model from all trials
EPOCH = datetime(1970, 1, 1)


class OptunaStudy(Scheduler):
    """An Optuna study in memory that minimises, asked and told, several trials at once as in its parallel runs.

    A trial goes as in the example of `Study.tell`: at each resource, r_max included, `report` and `should_prune`;
    pruned is STOP and ``PRUNED``, also at r_max, where the trial has run to its end all the same; else the last value
    is told. Without a pruner nothing is reported, and trials go to r_max. A trial that crashed once too often, or that
    ends diverged without being pruned, is told as ``FAIL``.

    Args:
        sampler: the name of a class of `optuna.samplers`; without one, configurations come from the run's searcher.
        pruner: the name of a class of `optuna.pruners`. A sampler, a pruner or both are needed.
        sampler_arguments, pruner_arguments: for these classes. An argument that is a sampler or a pruner itself is
            given as text: ``{"wrapped_pruner": "MedianPruner(n_startup_trials=3)", "patience": 2}``. Samplers get a
            `seed` from the run's where none is given here.

    Attributes:
        study: the `optuna.Study` of the latest run.

    Raises:
        SimulationError: Optuna is not installed, has no such class, or does not make it with these arguments.
        SchedulerError: from a run: Optuna has raised an error, which is the cause.

    Values are smaller is better, whatever the metric's direction: `ThresholdPruner` has to be given its bounds so. A
    diverged one is reported as NaN, as a diverged loss is: the threshold prunes there, successive halving and Hyperband
    if it is at a rung; median and percentile if nothing else was reported before, and else go by the best value so far;
    patience skips it; Wilcoxon never prunes that trial. The step is the resource, or its number on the grid from 1 on
    where resources are fractions. So rungs are where they say; who counts epochs from 0 has them, and all warm-ups, an
    epoch later.

    Samplers see the table's space, in its order and with its conditions: floats, integers, categories; an ordinal as
    an integer, its position; constants, priors and forbidden combinations not at all. What they propose goes through
    the run's `off_table`: under ``"nearest"`` they are told the value of another configuration than they proposed.

    Deterministic: `HyperbandPruner` draws brackets from the CRC-32 of study name and trial number, so that the name is
    a function of the run's seed. Optuna 5.0 uses no global random state, and reads the clock to date trials only, which
    nothing decides by; they are dated in simulated time (and see `Inside`). What models compute holds for one machine.
    `GPSampler` needs torch, and was not tried; nor were functions and objects of one's own among the arguments, which
    are used as they are. A budget of trials leaves some in the study, as running, that were asked for and not started.

    `SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)` decides as ``asha-stopping(rule="top-k")`` where
    rungs are 1, 3, 9, ...; but NaN does not enter a rung, so that the rung's size, and top k, are smaller from there
    on. ``bootstrap_count=n`` prunes the first n at a rung, all of them; ``min_resource="auto"`` prunes nothing until a
    trial has completed. `MedianPruner` decides as ``median-stopping(own="best", others="value", min_trials=5)`` but for
    two things: who is pruned at r_max, or ends diverged, has not completed; and a NaN is left out of best values and
    of medians.
    """

    def __init__(
        self,
        sampler: str | None = None,
        pruner: str | None = None,
        sampler_arguments: Arguments | None = None,
        pruner_arguments: Arguments | None = None,
    ) -> None:
        if sampler is None and pruner is None:
            raise SimulationError("optuna: a sampler, a pruner or both are needed, such as optuna:TPESampler")
        self.sampler, self.sampler_arguments = sampler, dict(sampler_arguments or {})
        self.pruner, self.pruner_arguments = pruner, dict(pruner_arguments or {})
        parts = (sampler, self.sampler_arguments), (pruner, self.pruner_arguments)
        self._text = "optuna:" + "+".join(_written(name, arguments) for name, arguments in parts if name)
        try:
            import_module("optuna")
        except ImportError as error:
            raise SimulationError(f"{self._text}: Optuna is needed: pip install 'rungsim[optuna]'") from error
        self.library = f"optuna {version('optuna')}"
        with Inside(0, lambda: 0.0, "optuna"):
            self._make(lambda name: 0)

    def __str__(self) -> str:
        return self._text if self.written is None else self.written

    def _make(self, seed: Callable[[str], int]) -> tuple[Any, Any, int]:
        """Sampler, pruner, and from how many trials on the sampler has a model, 0 for never."""
        sampler = _made("Sampler", self.sampler or "RandomSampler", self.sampler_arguments, seed)
        pruner = _made("Pruner", self.pruner or "NopPruner", self.pruner_arguments, seed)
        if self.sampler not in MODELS:
            return sampler, pruner, 0
        least = inspect.signature(type(sampler).__init__).parameters["n_startup_trials"].default
        return sampler, pruner, max(1, self.sampler_arguments.get("n_startup_trials", least))

    def setup(self, context: Context) -> None:
        import optuna

        def seed(name: str) -> int:
            return int(context.stream(f"optuna {name}").raw(1)[0] >> 32)  # RandomState takes no more

        self._context, storage = context, vars(sys.modules["optuna.storages._in_memory"])
        also = ((storage, {"datetime": _clock(context)}),)  # which dates trials
        self._inside = Inside(seed("global"), lambda: context.now, "optuna", also)
        self._running: dict[int, Any] = {}  # Optuna's trials by number, which is ours
        self._started, self._learnt, self._exhausted, self.model_size = 0, 0, False, 0
        self._suggest = None if self.sampler is None else suggester(context.space)
        self._searcher = context.searcher()
        grid = context.resources
        self._steps = steps_of(grid)
        self._following = {low: Continue(high) for low, high in pairwise(grid)}
        self._first = context.r_max if self.pruner is None else grid[0]
        with self._calling("Study", "create_study()"):
            sampler, pruner, self._learns_from = self._make(seed)
            self.study: Any = optuna.create_study(
                storage=optuna.storages.InMemoryStorage(),
                study_name=f"rungsim {seed('study')}",
                sampler=sampler,
                pruner=pruner,
            )
            self._pruned, self._failed = optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.FAIL
        # A sampler that has tried everything calls it: then `optimize` starts no further trial. Asked and told, Optuna
        # raises an error there.
        self.study.stop = self._stop

    def _stop(self) -> None:
        self._exhausted = True

    def next_job(self) -> Start | None:
        if self._exhausted or (self._suggest is not None and self._context.used_up):
            return None
        config: Any = None
        if self._suggest is None:
            config = self._searcher.propose()
            if config is None:
                return None
        with self._calling(self.sampler or "Study", "ask()", self._started):
            asked = self.study.ask()
        if self._suggest is not None:
            with self._calling(self.sampler, "suggest_...()", self._started):
                config = self._suggest(asked)
        self._running[self._started] = asked
        self._started += 1
        self.model_size = self._learnt if 0 < self._learns_from <= self._learnt else 0
        return Start(config, self._first)

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        if not self._prunes(trial.id, resource, value):
            return self._following[resource]
        self._tell(trial.id, resource, state=self._pruned)
        return STOP

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        # A curve that ends before r_max has been reported where it ends.
        if reason == "complete" and self.pruner is not None and self._prunes(trial.id, resource, value):
            self._tell(trial.id, resource, state=self._pruned)
        elif reason == "failed" or value == inf:
            self._tell(trial.id, resource, state=self._failed)
        else:
            self._tell(trial.id, resource, values=value)

    def _prunes(self, number: int, resource: float, value: float) -> bool:
        running = self._running[number]
        with self._calling(self.pruner, "should_prune()", number, resource):
            running.report(nan if value == inf else value, self._steps[resource])
            return bool(running.should_prune())

    def _tell(self, number: int, resource: float, **result: Any) -> None:
        with self._calling(self.sampler or "Study", "tell()", number, resource):
            self.study.tell(self._running.pop(number), **result)
        self._learnt += result.get("state") is not self._failed

    @contextmanager
    def _calling(self, name: str | None, call: str, number: int = -1, resource: float = nan) -> Iterator[None]:
        """Around each call into Optuna."""
        try:
            with self._inside:
                yield
        except Exception as error:
            where = (f" of trial {number}" if number >= 0 else "") + ("" if isnan(resource) else f" at {resource}")
            raise SchedulerError(
                f"{self}: optuna's {name}: {call}{where}, at {self._context.now:g} s: {type(error).__name__}: {error}"
            ) from error


def _clock(context: Context) -> type[datetime]:
    class Simulated(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return EPOCH + timedelta(seconds=context.now)

    return Simulated


def _made(kind: Kind, name: str, arguments: Arguments, seed: Callable[[str], int]) -> Any:
    """A sampler or pruner of Optuna."""
    module = import_module(f"optuna.{kind.lower()}s")
    known = [one for one in module.__all__ if one.endswith(kind) and not one.startswith("Base")]
    if name not in known:
        raise SimulationError(f"Optuna has no {kind.lower()} {name!r}: {name_hint(name, known)}")
    cls = getattr(module, name)
    takes = [*inspect.signature(cls.__init__).parameters][1:]
    given = dict(arguments)
    for argument, value in given.items():
        if argument not in takes:
            raise SimulationError(f"Optuna's {name} has no argument {argument!r}: {name_hint(argument, takes)}")
        if argument in NESTED and isinstance(value, str):
            given[argument] = _made(NESTED[argument], *_read(value), seed)
    if "seed" in takes and given.get("seed") is None:
        given["seed"] = seed(name)
    try:
        return cls(**given)
    except Exception as error:  # of a value, of one that is missing, of a package that is
        raise SimulationError(f"Optuna's {_written(name, arguments)}: {error}") from error


def _read(text: str) -> tuple[str, dict[str, Any]]:
    return read_spec(text, f"optuna:{text}", "MedianPruner(n_startup_trials=3)")


def _written(name: str, arguments: Arguments) -> str:
    return name + (f"({', '.join(f'{one}={value!r}' for one, value in arguments.items())})" if arguments else "")


def make(parts: Sequence[str]) -> tuple[OptunaStudy, str | None]:
    """From text, such as ``["TPESampler(multivariate=True)", "HyperbandPruner"]``: a sampler, a pruner, or both.

    A searcher of rungsim's, whose name begins with a small letter, may stand in for the sampler.

    Raises:
        SimulationError: as `OptunaStudy`, or these are too many.
    """
    text = "optuna:" + "+".join(parts)
    found: dict[str, Any] = {}
    for part in parts:
        ours = ".py:" in part or part[:1].islower()
        kind = "searcher" if ours else "pruner" if part.partition("(")[0].rstrip().endswith("Pruner") else "sampler"
        if kind in found or {kind, *found} >= {"searcher", "sampler"}:
            raise SimulationError(f"{text}: one sampler of Optuna's, or one searcher of rungsim's, and one pruner")
        found[kind] = part if ours else _read(part)
    sampler, pruner = found.get("sampler", (None, None)), found.get("pruner", (None, None))
    return OptunaStudy(sampler[0], pruner[0], sampler[1], pruner[1]), found.get("searcher")

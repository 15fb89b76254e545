"""Syne Tune's schedulers, under the simulated clock."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout, suppress
from datetime import datetime, timezone
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from math import inf, isnan
from typing import Any

from blackboxes.errors import name_hint
from simulator.adapters.inside import Inside
from simulator.adapters.syne_tune_space import Domains
from simulator.checks import is_number
from simulator.context import Context
from simulator.errors import SchedulerError, SimulationError
from simulator.protocol import PAUSE, STOP, Continue, EndReason, Resume, Scheduler, Start, Verdict
from simulator.spec import read_spec
from simulator.trial import Trial

MODULES = (  # where schedulers are, those that users import from first
    *("baselines", "schedulers.median_stopping_rule", "schedulers.pbt", "schedulers.asha"),
    *("schedulers.multiobjective.moasha", "schedulers.single_objective_scheduler"),
    *("schedulers.single_fidelity_scheduler",),
    # Until 0.14; what the first of these has is written legacy_baselines.ASHA.
    *("legacy_baselines", "schedulers.legacy_fifo", "schedulers.legacy_hyperband", "schedulers.synchronous"),
    *("schedulers.legacy_median_stopping_rule", "schedulers.legacy_pbt"),
)
EXAMPLE = "syne-tune:ASHA(grace_period=3)"
METRIC, TIME = "value", "epoch"  # of results; "epoch" is what the older schedulers expect without being told
ALWAYS_OURS = ("config_space", "metric", "time_attr", "resource_attr", "do_minimize", "mode", "random_seed")


class SyneTune(Scheduler):
    """Runs a `TrialScheduler` of Syne Tune, called as Syne Tune's own `Tuner` calls it.

    The scheduler is asked at every resource of the table. What it is told at r_max, or where a curve ends, it is told
    as by the `Tuner`: the result, and then that the trial is removed (if the answer is to stop or to pause it) or
    complete. Unlike the `Tuner`, which asks no more, a scheduler that had nothing to suggest is asked again after the
    next report. A checkpoint of a trial that has got to r_max in the meantime cannot be trained further: such a
    suggestion is dropped, and the next one asked for.

    **Diverged** values are handed on as `inf`, as by a training function that reports inf or a very large loss. (The
    `Tuner` lets NaN through as well, but it breaks the sorting that ASHA's rungs and the median stopping rule rest on.)
    Nothing in ASHA or the median stopping rule stops a value for being inf: the first to report goes on with it, and so
    does one that ties with others, or comes before the rule has seen enough; random search and the trials that
    population based training has not judged yet always go on. rungsim's own stop what diverged. BORE, CQR and BoTorch
    cannot fit inf. In 0.14.2 an inf next to the quantile makes it NaN (0 * inf in `Rung.quantile`), by which
    `legacy_baselines.ASHA(type='stopping')` stops even the best, and PASHA raises "Epsilon became nan".

    **Randomness.** The `random_seed` comes from the run's seed. ASHA's brackets, MOASHA, random search and BORE's
    differential evolution draw from `numpy.random` itself, which has bits of the run's own during each call. Nothing
    reads `random`. Clocks (`time.time`, `monotonic`, `perf_counter`) show the simulated time. BORE and CQR fit trees in
    threads of scikit-learn or XGBoost, and BoTorch in PyTorch's; these are as repeatable as those libraries are. The
    older PASHA estimates epsilon from pairs in the order of a set of strings: repeatable under one PYTHONHASHSEED only.
    The older Hyper-Tune is not repeatable at all: its Gaussian process draws from a generator without a seed
    (`gpautograd.gp_model`).

    **Their rules** beside rungsim's, with the same configurations in the same order, on curves that do not diverge:

    - `ASHA` (0.15 and later, in 0.14 if PyTorch and XGBoost are installed) decides as `asha-stopping(rule='share')`.
      Where the grid has not its rung levels it differs: a trial that has joined the highest level at or below its
      resource joins the next lower one at its next report, with the later value, so that low rungs hold values of
      several resources (`Bracket.on_result`).
    - `MedianStoppingRule` decides as `median-stopping(own='average', others='average', among='all', min_trials=5)`. It
      tells the scheduler that it wraps neither of new trials nor of ended ones, so that it cannot wrap `ASHA` (KeyError
      at the first report that the rule lets through).

    The older ones, in 0.13.0 and 0.14.2, where no two values are equal (where some are, which of them comes first
    differs). They need their rung levels on the grid, or raise an error at a report:

    - `legacy_baselines.ASHA(type='stopping')` decides as `asha-stopping(quantiles='levels')`, also with equal values.
    - `type='promotion'` decides as `asha-promotion(rule='quantile', quantiles='levels')`. Of equal values in a rung
      the one reported first is first (`Rung.data`, a sorted list), in rungsim the one with the lower trial id.
    - `SyncHyperband` decides as `hyperband(rounding='ceil')`. Equal values rank by their slots (`get_top_list`), which
      in a rung above the lowest are in the order of the rung below, in rungsim by trial id. Where a curve ends below
      the rung's level, its slot stays open, and so does the bracket; in rungsim the trial is ranked by what it has.
    - `PASHA` differs from `pasha` from the second report on: it promotes by the quantile rule above, and so one of two,
      where rungsim's needs three for its best third, as the paper has it.

    Args:
        name: of the class; 0.16 has ``ASHA``, ``BOHB``, ``ASHABORE``, ``ASHACQR``, ``RandomSearch``, ``TPE``, ``BORE``,
            ``REA``, ``CQR``, ``BOTorch``, ``EHVI``, ``MedianStoppingRule``, ``PopulationBasedTraining``, ``MOASHA``.
            Promotion, PASHA, synchronous Hyperband and DEHB were removed after 0.14, which has them as
            ``legacy_baselines.PASHA`` and so on; in 0.13 they are ``ASHA``, ``PASHA``, ``SyncHyperband``, ``DEHB``.
        searcher: ``"ours"``: where it would ask its own searcher for a configuration, the run's searcher proposes, so
            that all schedulers meet the same. Anything else is Syne Tune's.
        arguments: the class's own. What describes the table and the run is filled in: `config_space`, `metric`,
            `time_attr`, `max_t` (r_max unless given), `random_seed`. A scheduler that wraps another one takes its name:
            ``scheduler="RandomSearch"``, which is the default. `metrics` are names of the table's metrics.

    Raises:
        SimulationError: Syne Tune is not installed, has no such class, or does not make it with these arguments.
        SchedulerError: from a run: Syne Tune has raised an error, which is the cause; it names class, trial and call.

    Example:
        >>> Simulation(load("mlp:digits"), SyneTune("ASHA", searcher="ours", max_t=81), workers=4, budget="10x").run()
    """

    def __init__(self, name: str, **arguments: Any) -> None:
        try:
            self.library = f"syne-tune {version('syne-tune')}"
        except PackageNotFoundError:
            raise SimulationError(
                f"syne-tune:{name}: Syne Tune is not installed: pip install 'rungsim[syne-tune]'"
            ) from None
        self.name, self._arguments = name, dict(arguments)
        self.written = f"syne-tune:{name}" + (
            f"({','.join(f'{argument}={value!r}' for argument, value in arguments.items())})" if arguments else ""
        )
        self._ours = self._arguments.get("searcher") == "ours"
        if self._ours:
            del self._arguments["searcher"]
        self._now = _midnight
        self._inside = Inside(0, self._now, "syne_tune")
        with redirect_stdout(None):  # up to 0.14 it says what else could be installed
            self._call("import", (), self._find)
        for argument in self._arguments:
            self._check(argument)
        if "points_to_evaluate" not in self._arguments:  # these only the table's own space can judge
            self._make(Domains.of_anything(), 10**6, 0)

    def _find(self) -> None:
        from syne_tune.backend.trial_status import Trial as TheirTrial

        self._trial_class = TheirTrial
        self._classes, self._why_not = _classes()
        self._class(self.name)

    def _class(self, name: str) -> type:
        if name not in self._classes:
            older = f"legacy_baselines.{name}"
            hint = f"it is {older} there" if older in self._classes else name_hint(name, self._classes)
            raise SimulationError(f"{self.library} has no scheduler {name!r}: {hint}{self._why_not}")
        return self._classes[name]

    def _check(self, argument: str) -> None:
        takes, open_ended = _parameters(self._classes[self.name])
        if argument in ALWAYS_OURS:
            raise SimulationError(f"syne-tune:{self.name}: {argument} is set by rungsim, leave it out")
        if argument not in takes and not open_ended:
            hint = name_hint(argument, set(takes) - set(ALWAYS_OURS))
            raise SimulationError(f"syne-tune:{self.name} has no argument {argument!r}: {hint}")

    def setup(self, context: Context) -> None:
        self._context, self._searcher, self._exhausted = context, context.searcher(), False
        for argument in ("max_t", "max_resource_level"):
            most: Any = self._arguments.get(argument)
            if is_number(most) and most > context.r_max:
                raise SimulationError(
                    f"syne-tune:{self.name}: {argument}={most} is beyond the table's r_max, {context.r_max}"
                )
        self._domains = Domains(context)
        self._metrics = {name: context.sign(name) for name in self._arguments.get("metrics", ())}
        self._next = dict(pairwise((0, *context.resources)))
        self._onward = {low: Continue(high) for low, high in self._next.items()}
        seed, bits = (int(raw) for raw in context.stream("syne-tune").raw(2))
        self._now = lambda: context.now
        self._inside = Inside(bits, self._now, "syne_tune")
        self._trials: list[Any] = []  # Syne Tune's, by id
        self._reached: list[float] = []  # resource that each has reported last
        self._scheduler = scheduler = self._make(self._domains, context.r_max, seed % (2**31 - 1))
        if hasattr(scheduler, "trial_decisions_stack") and not context.resumable:
            raise SimulationError(
                f"syne-tune:{self.name}: the table's trials are trained from scratch, so there is no checkpoint to copy"
            )
        self._wants_id = "trial_id" in inspect.signature(scheduler.suggest).parameters
        theirs = getattr(getattr(scheduler, "scheduler", scheduler), "searcher", None)
        if theirs is not None:
            method = "get_config" if hasattr(theirs, "get_config") else "suggest"
            self._suggest = getattr(theirs, method)
            setattr(theirs, method, self._propose)
        elif self._ours:
            raise SimulationError(f"syne-tune:{self.name} has no searcher, whose place searcher='ours' could take")

    def next_job(self) -> Start | Resume | None:
        while True:
            number = len(self._trials)
            self._proposed: int | Mapping[str, Any] | None = None
            try:
                suggestion = self._call("suggest", (), self._scheduler.suggest, *((number,) if self._wants_id else ()))
            except SchedulerError:
                if self._exhausted:  # population based training does not expect that its searcher has nothing left
                    return None
                raise
            if suggestion is None:
                return None
            donor = suggestion.checkpoint_trial_id
            if not suggestion.spawn_new_trial_id:
                return Resume(donor, self._next[self._reached[donor]])
            reached = 0 if donor is None else self._reached[donor]
            if reached in self._next:
                break
        if self._proposed is None and self._context.used_up:
            return None
        date = datetime.fromtimestamp(self._now(), tz=timezone.utc)
        trial = self._trial_class(number, dict(suggestion.config), date)
        self._trials.append(trial)
        self._reached.append(reached)
        self._call("on_trial_add", (number,), self._scheduler.on_trial_add, trial)
        config = self._domains.proposal(suggestion.config) if self._proposed is None else self._proposed
        return Start(config, self._next[reached], checkpoint_of=donor)

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        decision = self._told(trial, resource, value)
        return self._onward[resource] if decision == "CONTINUE" else PAUSE if decision == "PAUSE" else STOP

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        theirs = self._trials[trial.id]
        if reason == "failed":
            self._call("on_trial_error", (trial.id, resource), self._scheduler.on_trial_error, theirs)
        elif resource <= self._reached[trial.id] or self._told(trial, resource, value) == "CONTINUE":
            result = self._result(trial, resource, value)
            self._call("on_trial_complete", (trial.id, resource), self._scheduler.on_trial_complete, theirs, result)

    def _told(self, trial: Trial, resource: float, value: float) -> str:
        number, scheduler = trial.id, self._scheduler
        theirs, self._reached[number] = self._trials[number], resource
        result = self._result(trial, resource, value)
        decision: str = self._call("on_trial_result", (number, resource), scheduler.on_trial_result, theirs, result)
        if decision != "CONTINUE":
            self._call("on_trial_remove", (number, resource), scheduler.on_trial_remove, theirs)
        return decision

    def _result(self, trial: Trial, resource: float, value: float) -> dict[str, float]:
        if not self._metrics:
            return {METRIC: value, TIME: resource}
        reached = trial.metrics
        values = {name: sign * float(reached[name][-1]) for name, sign in self._metrics.items()}
        return {TIME: resource} | {name: inf if isnan(one) else one for name, one in values.items()}

    def _propose(self, *given: Any, **named: Any) -> dict[str, Any] | None:
        """In place of Syne Tune's searcher, or before it: who has nothing left must say so before a trial is noted."""
        if self._ours:
            self._proposed = self._searcher.propose()
            self._exhausted = self._proposed is None
            return None if self._proposed is None else self._domains.params(self._proposed)
        self._exhausted = self._context.used_up
        found: dict[str, Any] | None = None if self._exhausted else self._suggest(*given, **named)
        return found

    def _make(self, domains: Domains, r_max: float, seed: int) -> Any:
        cls = self._classes[self.name]
        arguments = dict(self._arguments)
        if "scheduler" in _parameters(cls)[0]:
            inner = self._class(arguments.get("scheduler", "RandomSearch"))
            arguments["scheduler"] = self._call("__init__", (), inner, **self._given(inner, domains, r_max, seed))
        return self._call("__init__", (), cls, **(self._given(cls, domains, r_max, seed) | arguments))

    def _given(self, cls: type, domains: Domains, r_max: float, seed: int) -> dict[str, Any]:
        """What describes the table and the run, as far as the class takes it."""
        takes, open_ended = _parameters(cls)
        given = {"config_space": domains.space(), "metric": METRIC, "metrics": [METRIC], "max_t": r_max}
        given |= {"time_attr": TIME, "resource_attr": TIME, "random_seed": seed}
        if open_ended:
            synchronous = any(base.__name__.startswith("Synchronous") for base in cls.__mro__)
            given["max_resource_level"] = r_max
            takes = {*takes, "metric", "random_seed", "max_resource_level" if synchronous else "max_t"}
            if any(base.__name__.endswith("PopulationBasedTraining") for base in cls.__mro__):
                takes.add("resource_attr")
        return {name: value for name, value in given.items() if name in takes}

    def _call(
        self, call: str, where: tuple[float, ...], function: Callable[..., Any], *given: Any, **named: Any
    ) -> Any:
        try:
            with self._inside:
                return function(*given, **named)
        except SimulationError:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            if call in ("import", "__init__"):
                raise SimulationError(f"syne-tune:{self.name}: {why}") from error
            place = "".join(f" {what} {n}" for what, n in zip(("of trial", "at resource"), where, strict=False))
            raise SchedulerError(f"syne-tune:{self.name}: {call}{place} at {self._now():g} s: {why}") from error


def make(parts: list[str]) -> tuple[SyneTune, str | None]:
    """A scheduler, as it is written on the command line, and the searcher of ours that proposes for it.

    Raises:
        SimulationError: as for `SyneTune`.
    """
    words, *more = parts
    text = "syne-tune:" + "+".join(parts)
    if len(more) > 1:
        raise SimulationError(f"{text}: one searcher at most may follow a '+', such as {EXAMPLE}+kde")
    name, arguments = read_spec(words, text, EXAMPLE)
    ours: dict[str, Any] = {"searcher": "ours"} if more else {}
    return SyneTune(name, **(arguments | ours)), more[0] if more else None


def _midnight() -> float:
    return 0.0


def _parameters(cls: type) -> tuple[set[str], bool]:
    """The names of what a class is made with, and whether it takes others as well."""
    parameters = [*inspect.signature(cls).parameters.values()]
    return {p.name for p in parameters}, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _classes() -> tuple[dict[str, type], str]:
    """All schedulers by name, also by ``module.name``; and why those in ``baselines`` are not among them, if so."""
    from syne_tune.optimizer import scheduler

    bases: tuple[type, ...] = (scheduler.TrialScheduler,)
    with suppress(ImportError):  # removed after 0.14
        bases += (import_module("syne_tune.optimizer.legacy_scheduler").LegacyTrialScheduler,)
    found: dict[str, type] = {}
    why_not = ""
    for module in MODULES:
        try:
            there = vars(import_module(f"syne_tune.optimizer.{module}"))
        except (ImportError, NameError) as error:  # of another release, or needs a package, as 0.14 does PyTorch
            if module == MODULES[0]:
                why_not = f"; those in its {module} are missing, since it cannot be imported: {error}"
            continue
        for name, cls in there.items():
            if inspect.isclass(cls) and issubclass(cls, bases) and cls not in bases:
                if module != "legacy_baselines":
                    found.setdefault(name, cls)
                found.setdefault(f"{module.rpartition('.')[2]}.{name}", cls)
    return found, why_not

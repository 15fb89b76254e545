"""Any optimiser that is asked for a configuration and a resource, and told what came out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from math import inf
from numbers import Integral
from typing import Any, NamedTuple, Protocol

from simulator.adapters.inside import Inside
from simulator.checks import is_number
from simulator.context import Context
from simulator.errors import SchedulerError
from simulator.protocol import PAUSE, STOP, EndReason, Resume, Scheduler, Start, Verdict
from simulator.trial import Trial


class Asked(NamedTuple):
    """What an optimiser wants to be evaluated.

    Attributes:
        config: hyperparameters, or a row of the table.
        resource: how far, counted from nothing; the nearest one of the table counts.
        note: the optimiser's own, which comes back with the result.
    """

    config: Mapping[str, Any] | int
    resource: float
    note: Any = None


class Optimiser(Protocol):
    """What is to be asked and told. It may be asked again before it is told: as often as there are workers."""

    def ask(self) -> Asked | None:
        """The next evaluation; None where there is none until it is told more."""

    def tell(self, asked: Asked, value: float, seconds: float) -> None:
        """What came out: smaller is better, inf where training diverged or failed; and the simulated time it took."""


class AskAndTell(Scheduler):
    """Runs an optimiser whose resources are fixed a priori.

    Each evaluation is a trial, or goes on with one: where the same configuration is asked for again and further than
    it has been trained, its trial is resumed, at the cost of the difference. What the optimiser reads of global random
    state and of the clock comes from the run, see `Inside`; what it has to be seeded with, it takes from the context.

    Args:
        make: makes the optimiser, afresh for each run. It may take its seed from ``context.stream("mine").raw(1)``, its
            space from ``context.space``, and configurations from ``context.searcher()``.
        resume: False: every evaluation trains from nothing.

    Raises:
        SchedulerError: from a run: the optimiser has raised an error, which is the cause, or has asked for what is no
            configuration or no resource; it names the call.

    Example: DEHB's own package, whose jobs are dicts:

        class Dehb:
            def __init__(self, context):
                self.dehb = DEHB(cs=context.space, min_fidelity=1, max_fidelity=context.r_max, eta=3, seed=0, ...)
            def ask(self):
                job = self.dehb.ask()
                return Asked(job["config"], job["fidelity"], job)
            def tell(self, asked, value, seconds):
                self.dehb.tell(asked.note, {"fitness": value, "cost": seconds})

        Simulation(table, AskAndTell(Dehb), off_table="nearest").run()

    NePS draws from PyTorch too; that generator is the run's own only if the optimiser sees to it, as the one in
    `tests/simulator/adapters/test_neps.py` does. SMAC's interface is in `test_ask_and_tell.py` beside it.
    Where NePS differs: its hyperband starts 27, 9, 6, 4 trials on 1 to 27 epochs, the paper's 27, 12, 6, 4; its asha
    takes the best of those that are not promoted yet, so that in time it promotes all but two, and what still runs.
    """

    synchronous = True  # it may ask for nothing until it has been told more

    def __init__(self, make: Callable[[Context], Optimiser], resume: bool = True) -> None:
        self.make, self.resume = make, resume

    def setup(self, context: Context) -> None:
        self._context = context
        self._asked: dict[int, tuple[Asked, Hashable]] = {}  # by trial that runs, with the key of its configuration
        self._trained: dict[Hashable, tuple[int, float, float]] = {}  # by that key: trial, resource, its seconds
        self._started = 0
        self._inside = Inside(int(context.stream("ask-and-tell").raw(1)[0]), lambda: context.now)
        self._optimiser: Optimiser = self._call("its making", self.make, context)

    def next_job(self) -> Start | Resume | None:
        asked = self._call("ask()", self._optimiser.ask)
        if asked is None:
            return None
        key, until = self._read(asked)
        trial, reached, _ = self._trained.get(key, (-1, inf, 0.0))
        if self.resume and reached < until and trial not in self._asked:
            self._asked[trial] = asked, key
            return Resume(trial, until)
        if type(key) is tuple and self._context.used_up:
            return None
        self._asked[self._started] = asked, key
        self._started += 1
        return Start(asked.config, until)

    def on_report(self, trial: Trial, resource: float, value: float) -> Verdict:
        self._tell(trial, value)
        return PAUSE if self.resume else STOP

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        del self._trained[self._tell(trial, value)]  # it is over

    def _read(self, asked: Any) -> tuple[Hashable, float]:
        """The key of the configuration, and the resource of the table."""
        if not isinstance(asked, Asked):
            wrong = "an Asked(config, resource) or None is needed"
        elif (key := _key(asked.config)) is None:
            wrong = "config is a row or a mapping of hyperparameters"
        elif not (is_number(asked.resource) and asked.resource > 0):
            wrong = "resource is a number above 0"
        else:
            return key, self._context.nearest(asked.resource)
        raise SchedulerError(f"{self._name}: ask() at {self._context.now:g} s: {wrong}, not {asked!r:.200}")

    @property
    def _name(self) -> str:
        return getattr(self.make, "__name__", str(self.make))

    def _tell(self, trial: Trial, value: float) -> Hashable:
        """Tell the optimiser; the key of the configuration, of whose trials this one is the last to be known."""
        (asked, key), elapsed = self._asked.pop(trial.id), trial.elapsed
        known, _, before = self._trained.get(key, (-1, 0.0, 0.0))
        self._trained[key] = trial.id, trial.resource, elapsed
        seconds = elapsed - before if known == trial.id else elapsed
        self._call("tell(...)", self._optimiser.tell, asked, value, seconds, about=trial)
        return key

    def _call(self, what: str, function: Callable[..., Any], *arguments: Any, about: Trial | None = None) -> Any:
        try:
            with self._inside:
                return function(*arguments)
        except Exception as error:
            trial = "" if about is None else f" of trial {about.id} at resource {about.resource}"
            where = f"{self._name}: {what}{trial} at {self._context.now:g} s"
            raise SchedulerError(f"{where}: {type(error).__name__}: {error}") from error


def _key(config: Any) -> Hashable:
    """The same for equal configurations: an int for a row, a tuple for hyperparameters; None for what is neither."""
    if type(config) is int:  # what an abstract class takes a microsecond to find out
        return config
    if isinstance(config, Mapping):
        values = tuple(sorted(config.items()))
        try:
            hash(values)
        except TypeError:  # no row has such a value, as will be told
            return (repr(values),)
        return values
    return None if type(config) is bool or not isinstance(config, Integral) else int(config)

"""The scheduler that is checked, made anew for each run."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any

from simulator.conformance.scenarios import Scenario, quick_scenario
from simulator.conformance.surroundings import Sight, Surroundings
from simulator.conformance.watched import Run, watch
from simulator.errors import SimulationError
from simulator.protocol import Scheduler
from simulator.registry import make_both, make_searcher
from simulator.searcher import Searcher

Made = tuple[Scheduler, Searcher]
# What a scheduler cannot promise for a searcher that it does not come with, when that learns from values and rows.
OF_THE_SEARCHER_TOO = frozenset({"rank-based", "renaming"})


class Subject:
    """Makes and runs the scheduler.

    Args:
        scheduler: a name with arguments, ``my_file.py:MyScheduler`` among them, or what makes a scheduler when called
            without arguments: its class, or a function.

    Attributes:
        name: what it is called.

    Raises:
        SimulationError: it is something else, or makes something else.
    """

    def __init__(self, scheduler: str | Callable[[], Scheduler]) -> None:
        self._maker = scheduler
        if isinstance(scheduler, str):
            self.name = scheduler
        elif isinstance(scheduler, Scheduler) or not callable(scheduler):
            raise SimulationError(
                f"scheduler: a name, a class, or a function that makes one is needed, such as "
                f"lambda: MyScheduler(eta=4), not {scheduler!r:.100}"
            )
        else:
            self.name = getattr(scheduler, "__qualname__", repr(scheduler)).rpartition(".<locals>.")[2]
            try:
                inspect.signature(scheduler).bind()
            except TypeError as error:
                raise SimulationError(f"{self.name} cannot be called without arguments: {error}") from None
            except ValueError:  # it has no signature
                pass
        made, searcher = self.make()
        self.promises: frozenset[str] = frozenset(made.promises)
        if searcher.learns and str(searcher) != made.default_searcher():
            self.promises -= OF_THE_SEARCHER_TOO
        self.synchronous: bool = made.synchronous
        self._class = type(made)

    def make(self) -> Made:
        """A fresh scheduler, and the searcher that goes with it."""
        if isinstance(self._maker, str):
            return make_both(self._maker)
        made = self._maker()
        if not isinstance(made, Scheduler):
            raise SimulationError(f"{self.name} makes {made!r:.100}, a Scheduler object is needed")
        return made, make_searcher(made.default_searcher())

    @cached_property
    def _sight(self) -> Sight:
        watch(*self.make(), quick_scenario("nine"), self.name)  # what it imports when it first runs is there afterwards
        return Sight.of(self._class)

    def run(
        self,
        scenario: Scenario,
        surroundings: Surroundings = Surroundings(),  # noqa: B008  (immutable)
        *,
        made: Made | None = None,
        searcher: Searcher | None = None,
        last: int | None = None,
    ) -> Run:
        """One run in given surroundings.

        Args:
            scenario: what to run.
            surroundings: clock, random state and order of sets.
            made: scheduler and searcher of an earlier run, to be used again.
            searcher: instead of its own.
            last: go no further than to the first report after this question.
        """
        with surroundings.around(self._sight):
            scheduler, own = self.make() if made is None else made
            return watch(scheduler, own if searcher is None else searcher, scenario, self.name, last)

    def run_as_it_is(self, scenario: Scenario) -> Run:
        """One run with the real clock and everything else as it is."""
        return watch(*self.make(), scenario, self.name)

    def elsewhere(self) -> dict[str, Any]:
        """What another process needs to make it.

        Raises:
            SimulationError: no other process could; the message says why.
        """
        if isinstance(self._maker, str):
            return {"spec": self._maker, "path": sys.path}
        module, name = getattr(self._maker, "__module__", None), getattr(self._maker, "__qualname__", "<locals>")
        if module in (None, "__main__") or "<" in name:
            raise SimulationError("another process can only import what stands at the top of a module")
        return {"module": module, "name": name, "path": sys.path}

"""What a searcher is: it proposes which configurations to try, and may learn from what trials report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from blackboxes import Blackbox
from blackboxes.streams import Stream
from simulator.clock import Clock
from simulator.protocol import STOP, EndReason
from simulator.spec import Spec

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from blackboxes.surrogates import Neighbours
    from simulator.trial import Trial

Over = Literal["complete", "curve-end", "failed", "stop", "cancelled"]


class SearchContext:
    """Given to `Searcher.setup`: the configurations that there are, and no result of any.

    Attributes:
        n: how many rows the table has.
        limit: at most so many proposals will be asked for; None if nobody knows.
        cycle: once all rows are used up, begin again.
        resources: the grid of resources, increasing.
    """

    __slots__ = ("_clock", "_seed", "_table", "cycle", "limit", "n", "resources")

    def __init__(self, table: Blackbox, seed: int, clock: Clock, limit: int | None, cycle: bool) -> None:
        self._table, self._seed, self._clock = table, seed, clock
        self.n, self.limit, self.cycle, self.resources = len(table), limit, cycle, table.resource_list

    @property
    def name(self) -> str:
        """``family:task``."""
        return self._table.name

    @property
    def space(self) -> ConfigurationSpace:
        """The table's configuration space."""
        return self._table.space

    @property
    def vectors(self) -> np.ndarray:
        """(n, d) in [0, 1]: the table's configurations, as `Blackbox.vectors`."""
        return self._table.vectors

    def vector(self, params: Mapping[str, Any]) -> np.ndarray:
        """(d,) in [0, 1]: hyperparameters that the table may not have, encoded as in `vectors`."""
        from blackboxes.surrogates import vector

        return vector(self._table, params)

    def neighbours(self) -> Neighbours:
        """Finds the rows of the table that are nearest to a vector."""
        from blackboxes.surrogates import Neighbours

        return Neighbours(self._table)

    @property
    def now(self) -> float:
        """The simulated time in seconds."""
        return self._clock.seconds

    def stream(self, name: str = "") -> Stream:
        """A random stream, a function of the run's seed, the table and `name`: the same under every scheduler."""
        return Stream(self._seed, "searcher", self._table.name, *([name] if name else []))


class Searcher(Spec, ABC):
    """Proposes configurations. One object serves one simulation at a time; `setup` starts it afresh.

    A searcher that learns overrides `observe`; others are not told anything, so that they cost nothing.

    Attributes:
        exhausted_at: simulated seconds when it first had nothing left to propose, None until then.
        every_resource: it wants to observe every resource, not only those where the scheduler decides.
        model_size: how many observations its model used for the last proposal, 0 where no model chose it: what
            `Cluster.decision` charges for.
    """

    exhausted_at: float | None = None
    model_size: int = 0
    every_resource = False

    def setup(self, context: SearchContext) -> None:
        """Called once before the simulated clock starts: all state is made here, none in `__init__`."""

    @abstractmethod
    def propose(self) -> int | Mapping[str, Any] | None:
        """A row to try next, or hyperparameters that no row may have; None when nothing is left."""

    def on_start(self, trial: Trial, until: float) -> None:
        """`trial` has begun to work and will report at `until`: it is pending there."""

    def observe(self, trial: Trial, resource: float, value: float) -> None:
        """`trial` has reported: smaller is better, `inf` for diverged. Just before the scheduler is asked."""

    def on_end(self, trial: Trial, reason: Over) -> None:
        """`trial` is over: nothing more will be reported of it."""

    def precisions(self) -> Mapping[float, float]:
        """By resource, how likely what is seen there ranks configurations best of all; empty where nobody knows.

        Hyper-Tune's theta (Li et al., VLDB 2022), which sum to 1.
        """
        return {}

    @property
    def learns(self) -> bool:
        """Whether it wants to be told what happens."""
        return type(self).observe is not Searcher.observe


Report = Callable[["Trial", float, float], Any]
End = Callable[["Trial", float, float, EndReason], None]


def teaching(searcher: Searcher, on_report: Report, on_end: End) -> tuple[Report, End]:
    """A scheduler's `on_report` and `on_end` that tell a learning searcher first."""
    told: dict[int, int] = {}  # by trial: how many resources the searcher has seen

    def tell(trial: Trial, resource: float, value: float) -> None:
        seen, reached = told.get(trial.id, 0), trial.curve
        if searcher.every_resource:
            for resource_before, value_before in zip(trial.resources[seen:-1], reached[seen:-1].tolist(), strict=True):
                searcher.observe(trial, resource_before, value_before)
        if len(reached) > seen:  # a curve that ends where it stands has nothing new
            searcher.observe(trial, resource, value)
        told[trial.id] = len(reached)

    def report(trial: Trial, resource: float, value: float) -> Any:
        tell(trial, resource, value)
        answer = on_report(trial, resource, value)
        if answer is STOP:
            searcher.on_end(trial, "stop")
        return answer

    def end(trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        if reason != "failed":  # else it has not got to where it would report
            tell(trial, resource, value)
        searcher.on_end(trial, reason)
        on_end(trial, resource, value, reason)

    return report, end


class Initial(Searcher):
    """Proposes some configurations first, then what another searcher proposes, without these once more.

    Args:
        first: rows, or dicts of hyperparameters.
        then: the searcher that follows.
    """

    def __init__(self, first: Sequence[int | Mapping[str, Any]], then: Searcher) -> None:
        self.first, self.then = list(first), then
        self.every_resource = then.every_resource

    def setup(self, context: SearchContext) -> None:
        self.then.setup(context)
        self._left = list(reversed(self.first))
        self._given = [row for row in self.first if isinstance(row, int)]

    def propose(self) -> int | Mapping[str, Any] | None:
        if self._left:
            return self._left.pop()
        proposed = self.then.propose()
        while isinstance(proposed, int) and proposed in self._given:
            self._given.remove(proposed)  # where rows come round again, so may this one
            proposed = self.then.propose()
        self.exhausted_at, self.model_size = self.then.exhausted_at, self.then.model_size
        return proposed

    def on_start(self, trial: Trial, until: float) -> None:
        self.then.on_start(trial, until)

    def observe(self, trial: Trial, resource: float, value: float) -> None:
        self.then.observe(trial, resource, value)

    def on_end(self, trial: Trial, reason: Over) -> None:
        self.then.on_end(trial, reason)

    def precisions(self) -> Mapping[float, float]:
        return self.then.precisions()

    @property
    def learns(self) -> bool:
        return self.then.learns

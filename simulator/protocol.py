"""What a scheduler is asked and what it may answer.

The questions: `next_job` when a worker is free, `on_report` when a trial reaches the resource it was sent to,
`on_end` when a trial is over. Between two such points there is no event, so a trial that nobody has to decide
about costs nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from simulator.spec import Spec

if TYPE_CHECKING:
    from simulator.context import Context
    from simulator.trial import Trial

EndReason = Literal["complete", "curve-end", "failed"]


class Start:
    """Start a new trial of configuration `config` (a row, or a dict found in the table) and ask at `until`.

    `tag` is the scheduler's own: it comes back as `trial.tag`. With `checkpoint_of`, the id of another trial that has
    reported and was not cancelled, the new one begins at the resource that the other last reported at, with its
    weights (population based training). A table knows nothing of inherited weights: from there on the trial replays
    the curve of its own configuration, in the replicate of the other, and takes the time that this curve takes from
    there on.
    """

    __slots__ = ("checkpoint_of", "config", "tag", "until")

    def __init__(
        self, config: int | Mapping[str, Any], until: float, tag: Any = None, checkpoint_of: int | None = None
    ) -> None:
        self.config = config
        self.until = until
        self.tag = tag
        self.checkpoint_of = checkpoint_of

    def __repr__(self) -> str:
        donor = "" if self.checkpoint_of is None else f", checkpoint_of={self.checkpoint_of!r}"
        return f"Start({self.config!r}, until={self.until!r}{donor})"


class Resume:
    """Resume the paused trial with id `trial` and ask at `until`."""

    __slots__ = ("trial", "until")

    def __init__(self, trial: int, until: float) -> None:
        self.trial = trial
        self.until = until

    def __repr__(self) -> str:
        return f"Resume({self.trial!r}, until={self.until!r})"


class Continue:
    """Go on without leaving the worker and ask again at `until`."""

    __slots__ = ("until",)

    def __init__(self, until: float) -> None:
        self.until = until

    def __repr__(self) -> str:
        return f"Continue(until={self.until!r})"


class Verdict:
    """`PAUSE` or `STOP`, the two answers to a report that free the worker; `RETRY` or `STOP`, those to a failure."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name  # stays the one object, also across processes


PAUSE: Final = Verdict("PAUSE")
STOP: Final = Verdict("STOP")
RETRY: Final = Verdict("RETRY")
Answer = Continue | Verdict


class Scheduler(Spec, ABC):
    """Decides how far trials run. One object serves one simulation at a time; `setup` starts it afresh.

    Every value is "smaller is better", whatever the metric's own direction, and `inf` for a diverged one.

    Attributes:
        model_size: how many observations a model of its own used for the job that it gave last, 0 for none: what
            `Cluster.decision` charges for.
        synchronous: decisions wait for whole rungs, so that workers may have to wait, too.
        promises: properties that it claims beyond those of every scheduler, by name, such as ``"top-share"``:
            `simulator.conformance` puts them to the test. What they say of rungs means the reports of trials with the
            same `tag` at the same resource, and the attribute `eta`.
        library: whose code decides, with its version, such as ``"ray 2.60.0"``; "" for rungsim's own.
    """

    model_size: int = 0
    synchronous: bool = False
    promises: frozenset[str] = frozenset()
    library: str = ""

    def default_searcher(self) -> str:
        """The searcher, with arguments, that it comes with where none is asked for."""
        return "random"

    def setup(self, context: Context) -> None:
        """Called once before the simulated clock starts: all state is made here, none in `__init__`."""

    @abstractmethod
    def next_job(self) -> Start | Resume | None:
        """A worker is free: a job for it, or None to leave it idle until the next report."""

    @abstractmethod
    def on_report(self, trial: Trial, resource: float, value: float) -> Answer:
        """`trial` has reached the `until` it was sent to: `Continue(until)`, `PAUSE` or `STOP`."""

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        """`trial` is over by itself, at r_max or where its curve ends, or it has failed; nothing to decide.

        With the reason ``"failed"`` it has crashed once too often: `resource` is the last that it has reported, 0 where
        it has reported none, and `value` is inf. That is no report: it has not reached where it was sent. What it
        reported before still holds.
        """

    def on_failure(self, trial: Trial, failures: int) -> Verdict:
        """`trial` has crashed, and may be tried again: `RETRY` or `STOP`.

        Args:
            trial: stands where it last reported, whatever it did since.
            failures: how often it has crashed, this time included.

        `RETRY`: it goes back to its last checkpoint and is the next to run; the scheduler sees no more of it than that
        its report comes later. `STOP`: it is over. As after a `STOP` in `on_report` there is no `on_end`; a searcher
        that learns is told that it has failed.
        """
        return RETRY

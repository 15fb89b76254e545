"""What a cluster does to a run: delays, checkpoints, speeds, crashes, preemption, workers that come and go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

from blackboxes.errors import name_hint, unreadable
from simulator.checks import check_choice, is_number, whole
from simulator.cluster.decision_time import DecisionTime
from simulator.cluster.durations import Duration, Rate
from simulator.errors import ClusterFileError, SimulationError
from simulator.events import MOST_WORKERS
from simulator.places import places
from simulator.spec import read_arguments

DRAWN = ("start", "stop", "save", "load", "report", "backoff", "notice", "away", "slowdown")
MOST_RETRIES = 10**6
SLOWEST = 1e-9  # speed of a worker


@dataclass(frozen=True)
class Cluster:
    """A cluster as it is. Everything is off by default, and each part can be turned on alone.

    Times are seconds, text such as ``"20s"``, ``"5m"`` or ``"0.1x"`` (mean full trainings of the table), or drawn from
    a distribution, each kind from a stream of its own that is a function of the run's seed:
    ``"exponential(mean=20s)"``, ``"uniform(low=5s, high=20s)"``, ``"lognormal(median=20s, sigma=0.5)"``,
    ``"half-normal(sd=5s)"``. Rates are numbers an hour, or text such as ``"0.1/x"``.

    Args:
        start: from the moment a worker is given a trial until the trial trains, or loads its checkpoint.
        stop: from a trial's last report there, or its cancellation, until the worker is free.
        save: what a checkpoint takes; the worker is busy meanwhile.
        load: what it takes to load one.
        report: from the end of a segment until the scheduler hears of it; the trial waits for the answer.
        decision: what a model takes to choose a job: a `DecisionTime`, or text such as ``"0.05 + 2e-9 n^3"``, seconds
            for n observations; seconds; or a distribution. One decision at a time; workers that ask meanwhile wait.
            Jobs that no model chose take none, nor do answers to reports.
        checkpoints: ``"pauses"``: when a trial pauses; k: then, and after each multiple of k units; ``"never"``:
            whoever pauses, crashes or is preempted begins again from nothing. What is saved at a pause is safe, even if
            the worker leaves meanwhile. Where another trial takes over a checkpoint (`Start.checkpoint_of`), one that
            runs or is over gives what it last reported, unless this is ``"never"``; one that is paused or waits for a
            worker gives what it has saved. On tables trained from scratch there are none, whatever stands here.
        room: how many paused trials keep their checkpoint; None: all.
        removal: whose is removed when there is no room: ``"worst"``: that of the paused trial with the worst last
            value. ``"chance"``: of the one least likely to be resumed, where a larger share of what was reported at
            its resource was better. A trial without checkpoint begins again from nothing.
        speeds: of the workers, by number and then again from the first on; 1 is the table's.
        slowdown: a job takes 1 + this times as long, drawn for each: a number, or a distribution such as
            ``"half-normal(sd=1)"`` (the stragglers of Li et al., MLSys 2020, appendix A.1).
        crashes: rate an hour that a worker is busy with a trial. The trial falls back to its last checkpoint and is the
            next to get a worker. When is a function of seed, trial and attempt.
        retries: after so many crashes a trial that crashes again has failed.
        backoff: after a trial's first crash it waits so long; after each further one twice as long, up to 64 times.
        preemptions: rate an hour that a worker is up: it is taken away.
        notice: how long before that, or before it leaves by the plan, a worker is told: it gives its trial back at
            once, with a checkpoint if saving one takes no longer than this, and gets no other.
        away: how long a worker that was taken away is gone.
        plan: from which time on there are how many workers, ``{"2h": 16, "5h": 4}``; before, as many as the run has.
            The last ones leave first.
        price: of a worker for an hour that it is up, in any currency.

    Raises:
        SimulationError: a value that is not what it should be; the message names it.
    """

    start: float | str = 0.0
    stop: float | str = 0.0
    save: float | str = 0.0
    load: float | str = 0.0
    report: float | str = 0.0
    decision: DecisionTime | float | str | None = None
    checkpoints: float | Literal["pauses", "never"] = "pauses"
    room: int | None = None
    removal: Literal["worst", "chance"] = "worst"
    speeds: tuple[float, ...] = (1.0,)
    slowdown: float | str = 0.0
    crashes: float | str = 0.0
    retries: int = 3
    backoff: float | str = 0.0
    preemptions: float | str = 0.0
    notice: float | str = 0.0
    away: float | str = 0.0
    plan: Mapping[float | str, int] | None = None
    price: float | None = None
    _read: dict[str, Duration] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for one in fields(self):  # NumPy's numbers as Python's, which JSON can hold
            value: Any = getattr(self, one.name) if one.init else None
            if is_number(value):
                object.__setattr__(self, one.name, int(value) if isinstance(value, Integral) else float(value))
        for name in DRAWN:
            self.duration(name)
        for name in ("crashes", "preemptions"):
            self.rate(name)
        if self.duration("notice").distribution is not None:
            raise SimulationError(f"cluster: notice = {self.notice!r}: one time is needed, not a distribution")
        object.__setattr__(self, "decision", self._decision(self.decision))
        every = self.checkpoints
        if not (every in ("pauses", "never") if isinstance(every, str) else is_number(every) and every > 0):
            raise SimulationError(
                f"cluster: checkpoints = {self.checkpoints!r}: after how many units, 'pauses' or 'never', is needed"
            )
        if self.room is not None:
            whole("cluster: room", self.room, 0, 1 << 40)
        check_choice("cluster: removal", self.removal, ("worst", "chance"))
        speeds = self.speeds if isinstance(self.speeds, list | tuple) else (self.speeds,)
        if not speeds or not all(is_number(speed) and speed >= SLOWEST for speed in speeds):
            raise SimulationError(
                f"cluster: speeds = {self.speeds!r}: numbers from {SLOWEST:g} are needed, 1 is the table's"
            )
        object.__setattr__(self, "speeds", tuple(map(float, speeds)))
        whole("cluster: retries", self.retries, 0, MOST_RETRIES)
        if not isinstance(self.plan, Mapping | None):
            raise SimulationError(
                f"cluster: plan = {self.plan!r}: numbers of workers by time, {{'2h': 16}}, are needed"
            )
        for time, workers in (self.plan or {}).items():
            when = Duration.read("cluster: plan", time)
            if when.distribution is not None or when.is_zero:
                raise SimulationError(f"cluster: plan: a time above 0 is needed, not {time!r}")
            whole(f"cluster: plan: workers from {time} on", workers, 0, MOST_WORKERS)
        if self.price is not None and not (is_number(self.price) and self.price >= 0):
            raise SimulationError(f"cluster: price = {self.price!r}: a number from 0, for a worker-hour, is needed")

    def duration(self, name: str) -> Duration:
        """The argument with this name, read."""
        if name not in self._read:
            self._read[name] = Duration.read(f"cluster: {name}", getattr(self, name), timed=name != "slowdown")
        return self._read[name]

    def _decision(self, given: Any) -> DecisionTime | str | None:
        """`decision`, as text where it is a duration."""
        if given is None or isinstance(given, DecisionTime):
            return given
        if is_number(given):
            return DecisionTime(float(given))
        if not isinstance(given, str):
            raise SimulationError(
                f"cluster: decision: a DecisionTime or text such as '0.05 + 2e-9 n^3' is needed, not {given!r}"
            )
        try:
            return DecisionTime.read(given)
        except SimulationError:
            if "(" not in given and given.strip()[-1:] not in tuple("smhdx"):
                raise
        self.duration("decision")
        return given

    def decision_cost(self, full_training: float, seed: int) -> Callable[[int], int] | None:
        """A function of the number of observations: nanoseconds that the next decision takes; None for no time."""
        if self.decision is None:
            return None
        if isinstance(self.decision, DecisionTime):
            return self.decision.nanoseconds
        draw = self.duration("decision").times(full_training, seed, "cluster", "decision").__next__
        return lambda n: draw() if n else 0

    def rate(self, name: str) -> Rate:
        """The argument with this name, read."""
        return Rate.read(f"cluster: {name}", getattr(self, name))

    def settings(self) -> dict[str, Any]:
        """What is not as by default, as plain values that JSON can hold."""
        given = ((one.name, getattr(self, one.name), one.default) for one in fields(self) if one.init)
        changed = {name: value for name, value, default in given if value != default}
        if self.decision is not None:
            changed["decision"] = str(self.decision)
        if self.plan:
            changed["plan"] = {str(time): int(workers) for time, workers in self.plan.items()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}

    @classmethod
    def read(cls, text: str, known: Sequence[str] = ()) -> Cluster:
        """From the name of a preset, with arguments that change it, or from the path of a TOML file.

        Args:
            text: such a name or path.
            known: what else may stand there, for messages.

        Raises:
            SimulationError: no such preset, file or argument, or a value that is not what it should be.
            ClusterFileError: the same of a file, with all its mistakes and their lines.

        >>> Cluster.read("spot(crashes='0.5/x', price=0.9)").price
        0.9
        """
        if text.endswith(".toml"):
            return cls._from_toml(Path(text))
        name, parenthesis, rest = text.strip().partition("(")
        if name not in PRESETS:
            hint = name_hint(name, [*known, *PRESETS])
            raise SimulationError(f"cluster {text!r}: there is no {name!r}: {hint}; or the path of a .toml file")
        where, given = f"cluster {text!r}", {}
        if parenthesis:
            inside = rest[:-1] if rest.endswith(")") else f"{rest}("  # which is not Python
            given = read_arguments(inside, where, "spot(crashes='0.5/x', retries=2)")
        try:
            return cls._with(PRESETS[name] | given)
        except SimulationError as error:
            raise SimulationError(f"{where}: {error}") from None

    @classmethod
    def _from_toml(cls, path: Path) -> Cluster:
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        where = f"cluster {os.fspath(path)}"
        try:
            text = path.read_text(encoding="utf-8")
            arguments = tomllib.loads(text)
        except OSError as error:
            raise SimulationError(f"{where}: {unreadable(path, error)}") from error
        except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are
            raise SimulationError(f"{where}: not TOML: {error}") from error
        mistakes: dict[str, SimulationError] = {}
        for name, value in arguments.items():  # each is right or wrong by itself
            try:
                cls._with({name: value})
            except SimulationError as error:
                mistakes[name] = error
        if mistakes:
            lines = places(text)  # of keys such as `plan.2h` none is known
            at = {name: f":{lines[name,]}" if (name,) in lines else "" for name in mistakes}
            raise ClusterFileError(*(f"{where}{at[name]}: {error}" for name, error in mistakes.items()))
        return cls(**arguments)

    @classmethod
    def _with(cls, arguments: Mapping[str, Any]) -> Cluster:
        known = [field.name for field in fields(cls) if field.init]
        for name in arguments:
            if name not in known:
                raise SimulationError(f"a cluster has no {name!r}: {name_hint(name, known)}")
        try:
            return cls(**arguments)
        except SimulationError as error:
            raise SimulationError(str(error).removeprefix("cluster: ")) from None


# Rates and times are told in mean full trainings, so that they mean the same for a table of any size.
PRESETS: dict[str, dict[str, Any]] = {
    "ideal": {},
    "stragglers": {"slowdown": "half-normal(sd=1)", "speeds": [1.0, 1.0, 1.0, 0.5]},
    "spot": {
        "start": "lognormal(median=0.01x, sigma=0.5)",
        "stop": "0.002x",
        "save": "0.001x",
        "load": "0.002x",
        "checkpoints": 1,
        "crashes": "0.05/x",
        "backoff": "0.01x",
        "preemptions": "0.2/x",
        "notice": "0.01x",
        "away": "exponential(mean=0.5x)",
    },
    "no-checkpoints": {"checkpoints": "never"},
}

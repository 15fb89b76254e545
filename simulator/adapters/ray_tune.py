"""Ray Tune's schedulers, unmodified, under the simulated clock (extra ``ray``)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from math import inf, nan
from typing import Any

from blackboxes.errors import name_hint
from simulator.adapters.inside import Inside
from simulator.adapters.ray_mutations import legal, mutations
from simulator.adapters.ray_trials import ERROR, PAUSED, PENDING, RUNNING, TERMINATED, Checkpoint, Controller, RayTrial
from simulator.adapters.steps import steps_of
from simulator.checks import whole
from simulator.context import Context
from simulator.errors import SchedulerError, SimulationError
from simulator.events import MOST_TRIALS
from simulator.protocol import PAUSE, STOP, Continue, EndReason, Resume, Scheduler, Start, Verdict
from simulator.spec import read_spec
from simulator.trial import Trial

KNOWN = (
    "ASHAScheduler",
    "AsyncHyperBandScheduler",
    "FIFOScheduler",
    "HyperBandForBOHB",
    "HyperBandScheduler",
    "MedianStoppingRule",
    "PopulationBasedTraining",
)
METRIC, TIME, SECONDS = "loss", "training_iteration", "time_total_s"  # the last two are Tune's names
MOST_PENDING = 200  # trials that Tune queues where no search algorithm is in use; else it queues one
MOST_ASKED = 100  # times in a row that a trial to run is asked for while all wait
USUAL_POPULATION = 10
EXAMPLE = "ray:ASHAScheduler(grace_period=1, reduction_factor=3)"


class RayTune(Scheduler):
    """One of Ray Tune's schedulers, called as Tune's controller calls it, without a Ray cluster.

    Asked at every resource: CONTINUE, PAUSE and STOP mean what they say, and when a worker is free,
    `choose_trial_to_run` names the trial that starts or resumes. At r_max a trial is over without being asked about, as
    under Tune's ``stop={"training_iteration": r_max}``: `on_trial_complete`. Where a curve ends, too. One that failed
    is an `on_trial_error`, as under Tune's ``max_failures=0``; a crash that the simulation repairs is not told.

    Args:
        name: of the class in `ray.tune.schedulers`, or a subclass of one of these.
        num_samples: how many trials there are, as in Tune's `TuneConfig`, all of them waiting from the start, 200 at
            most at a time. By default as many as the searcher proposes; for population based training 10, or as many
            as workers if these are more. Where it makes no difference to Ray's rule how many wait as long as one does,
            and with a searcher that learns, one waits at a time, as with Tune's search algorithms.
        arguments: those of the class. `max_t` is r_max where it is not given, and `time_attr` is
            ``"training_iteration"``; ``"time_total_s"``, seconds of worker time, is there as well. Ray's default of 60
            for `grace_period` and `perturbation_interval` means seconds, so give these. `metric` and `mode` are not to
            be given. `hyperparam_mutations` are the table's space where they are not given; `log_config` stays off.

    Raises:
        SimulationError: Ray is not installed, has no such class, or does not make it with these arguments; or there
            are no checkpoints to copy, for population based training on a table trained from scratch.
        SchedulerError: from a run: Ray's code has raised an error, which is the cause.

    `training_iteration` is the resource, or its number on the grid from 1 on where resources are fractions: Ray's
    HyperBand cuts them to whole numbers. Values are smaller is better, mode is ``"min"``.

    **Diverged** is reported as NaN, as a diverged loss is, and Ray lets most of it live: ASHA compares NaN with the
    cutoff, which is false, so the trial goes on to r_max (`nanpercentile` leaves it out of later cutoffs). HyperBand
    sorts by NaN, which puts it anywhere. The median rule leaves a trial with a NaN out of the others' medians; its own
    best value is `min` of a list with NaN, which depends on where NaN stands. PBT neither copies nor replaces it.

    **Deterministic**: ASHA draws brackets by `numpy.random` (also where there is one only), PBT and its search domains
    use `random` and `numpy.random`: these are seeded during calls, see `Inside`. No scheduler reads the clock,
    but for `ray.util.debug.log_once`, which decides nothing; `time` tells simulated time all the same. What draws
    from ``numpy.random.default_rng()`` or `os.urandom` in a function given by the user is not made deterministic.

    **Population based training.** A trial that exploits another one is stopped, and one that begins with the other's
    checkpoint starts when `choose_trial_to_run` gives it. Numbers that leave their range come to its end, and what is
    inactive is left out, before the run's `off_table` finds a row; Ray goes on perturbing what it proposed.
    The trial is asked about only where Ray does not say CONTINUE before anything else, that is when a perturbation
    interval has passed, so that trials stand where Ray has saved checkpoints. Where the other has gone on by the time
    that a worker is free (every third time or so), a trial that stands where it stood lends its checkpoint, of the same
    replicate if there is one: to a table it is the same, but `checkpoint_of` names the lender, not the one that Ray
    copies. If none stands there, the newer one is taken, or, if that is at r_max, the trial's own.
    Unlike `pbt`: only the population that is there, which ends at r_max; whoever is worst copies the best even if that
    has come less far, so that a run may have no end without a budget; numbers change by a factor, not by a part of
    their range. Synchronous: a run stands still where the last one to be waited for ends instead of reporting, or where
    resources are more than `perturbation_interval` apart.

    **HyperBand** takes as the size of a bracket those of its trials that are not over. So where one trial waits at a
    time and workers are few, the bracket that begins at r_max never fills, and takes all further trials: at once with
    `HyperBandScheduler` and a searcher that learns, in its turn with `HyperBandForBOHB`.
    `HyperBandForBOHB` decides when it is asked for a trial while none runs; it is asked on and on then, as by Tune.

    **Against rungsim's own.** FIFO is ``random``. ASHA with one bracket is ``asha-stopping(own="left-out")`` as long as
    nothing diverges and rungs are on the grid (Ray takes the first report at a rung or after it, ours the nearest
    resource), but for rounding: it computes the quantile at ``(1 - 1/eta) * 100`` percent, which for eta = 3 is a
    little off, so that a trial whose value ties with the cutoff may be stopped, ours goes on. `MedianStoppingRule`
    compares the best value with the median of running means as ``median-stopping``, but of all other trials that got
    as far, stopped ones too, not of completed ones only; means begin at `grace_period`; and the last value of one that
    was stopped counts twice, since it is told to `on_trial_complete` once more. Where fewer than `min_samples_required`
    got as far, it pauses the trial as long as others wait, at every resource unless `min_time_slice` forbids, and once
    at least: with trials in endless supply it goes breadth first.

    Importing Ray takes 3 s, starts neither thread nor process, and replaces `sys.excepthook`.
    """

    def __init__(self, name: str | type, num_samples: int | None = None, **arguments: Any) -> None:
        self.name = name if isinstance(name, str) else name.__name__
        self.arguments = arguments
        self.num_samples = None if num_samples is None else whole("num_samples", num_samples, 1, MOST_TRIALS)
        try:
            schedulers = import_module("ray.tune.schedulers")
        except ImportError as error:
            raise SimulationError(f"{self}: Ray Tune is needed: pip install 'rungsim[ray]'") from error
        self.library = f"ray {version('ray')}"
        if isinstance(name, str):
            if name not in KNOWN:
                raise SimulationError(f"Ray Tune has no scheduler {name!r} to run here: {name_hint(name, KNOWN)}")
            self._class = getattr(schedulers, name)
        else:
            if not issubclass(name, schedulers.TrialScheduler):
                raise SimulationError(f"{self}: a scheduler of Ray Tune's is needed, or a subclass of one")
            self._class = name
        self._copies = issubclass(self._class, schedulers.PopulationBasedTraining)
        # To all others it is the same how many trials wait, as long as one does; BOHB comes with a search algorithm.
        banded = issubclass(self._class, schedulers.HyperBandScheduler)
        self._looks_ahead = self._copies or (banded and not issubclass(self._class, schedulers.HyperBandForBOHB))
        self._skippable = self._copies and (
            self._class.on_trial_result is schedulers.PopulationBasedTraining.on_trial_result
        )
        self.synchronous = banded or bool(arguments.get("synch"))
        takes = _takes(self._class)
        for argument in arguments:
            if argument in ("metric", "mode"):
                raise SimulationError(f"{self}: {argument} comes from the simulation")
            if argument not in takes:
                raise SimulationError(
                    f"Ray Tune's {self.name} has no argument {argument!r}: {name_hint(argument, takes)}"
                )
        if arguments.get("time_attr", TIME) not in (TIME, SECONDS):
            raise SimulationError(f"{self}: time_attr is {TIME!r} or {SECONDS!r}, not {arguments['time_attr']!r}")
        if arguments.get("log_config"):
            raise SimulationError(f"{self}: log_config writes files, which a simulation does not")
        self._make({"max_t": 10**9, "hyperparam_mutations": {"x": [0]}})

    def __str__(self) -> str:
        given = ({} if self.num_samples is None else {"num_samples": self.num_samples}) | self.arguments
        text = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return self.written or f"ray:{self.name}" + (f"({text})" if text else "")

    def _make(self, usual: Mapping[str, Any]) -> Any:
        """Ray's scheduler, with what is usual here where an argument is not given."""
        takes = _takes(self._class)
        usual = {"time_attr": TIME, "log_config": False, **usual}
        try:
            return self._class(**{name: value for name, value in usual.items() if name in takes} | self.arguments)
        except Exception as error:  # assertions, mostly, and errors of Ray's own
            raise SimulationError(f"{self}: {error or type(error).__name__}") from error

    def setup(self, context: Context) -> None:
        if self._copies and not context.resumable:
            raise SimulationError(
                f"{self}: the table's trials are trained from scratch, there is no checkpoint to copy"
            )
        self._context, self._searcher = context, context.searcher()
        grid = context.resources
        self._times = steps_of(grid)
        self._next = dict(zip([0, *grid], grid, strict=False))  # by resource, 0 too, the one that follows
        self._onward = {low: Continue(high) for low, high in self._next.items()}
        self._left = self.num_samples or (max(USUAL_POPULATION, context.workers) if self._copies else inf)
        self._most_pending = MOST_PENDING if self._looks_ahead and not self._searcher.learns else 1
        self._controller = Controller(self._removed)
        self._pending = 0
        self._members: list[RayTrial] = []  # by trial of ours
        self._cancelled: set[int] = set()
        self._reported: list[Trial] = []  # under population based training
        self._inside = Inside(int(context.stream("ray").raw(1)[0]), lambda: context.now, "ray")
        usual: dict[str, Any] = {"max_t": self._times[context.r_max]}
        if self._copies and not self.arguments.get("custom_explore_fn"):
            usual["hyperparam_mutations"] = mutations(context.space)
        for name in self.arguments.get("hyperparam_mutations") or ():
            if name not in context.space:
                raise SimulationError(f"{self}: no hyperparameter {name!r}: {name_hint(name, context.space)}")
        with self._inside:
            self._scheduler = self._make(usual)
            self._scheduler.set_search_properties(METRIC, "min")
        self._by_seconds = getattr(self._scheduler, "_time_attr", TIME) == SECONDS
        self._skips = self._skippable and not self._by_seconds

    def next_job(self) -> Start | Resume | None:
        self._queue_up()
        chosen: RayTrial | None = self._call("choose_trial_to_run", None)
        for _ in range(MOST_ASKED if chosen is None and self._all_wait() else 0):
            chosen = chosen or self._call("choose_trial_to_run", None)
        if chosen is None or (chosen.exploits is not None and self._context.used_up):
            return None
        if chosen.status not in (PENDING, PAUSED):
            raise SchedulerError(f"{self}: choose_trial_to_run gives {chosen!r}, which is {chosen.status}")
        self._pending -= chosen.status == PENDING
        job = self._job(chosen)
        chosen.status = RUNNING
        self._queue_up()  # so that reports find as many waiting as in Tune
        return job

    def on_report(self, trial: Trial, resource: float, value: float) -> Continue | Verdict:
        member = self._members[trial.id]
        if self._copies and member.ours is not trial:
            self._reported.append(trial)
        member.ours = trial
        result = self._result(member, trial, resource, value)
        decision = self._call("on_trial_result", member, result)
        member.last_result = result
        if decision == "CONTINUE":
            return Continue(self._until(member, resource)) if self._skips else self._onward[resource]
        if decision == "STOP":
            self._call("on_trial_complete", member, result)
            self._controller.ended(member, TERMINATED)
            return STOP
        if decision == "PAUSE":
            member.status = PAUSED  # else NOOP: Ray has paused it in the middle of the call
        if member.status != PAUSED:
            raise SchedulerError(
                f"{self}: on_trial_result of {member!r} gives {decision!r} while it is {member.status}"
            )
        member.over = member.exploits is not None
        return STOP if member.over else PAUSE

    def on_end(self, trial: Trial, resource: float, value: float, reason: EndReason) -> None:
        member = self._members[trial.id]
        if reason == "failed":
            self._call("on_trial_error", member)
            self._controller.ended(member, ERROR)
            return
        if member.ours is not trial or self._times[resource] != member.last_result[TIME]:
            member.ours = trial
            member.last_result = self._result(member, trial, resource, value)
        self._call("on_trial_complete", member, member.last_result)
        self._controller.ended(member, TERMINATED)

    def _queue_up(self) -> None:
        """Adds trials, until as many wait as Tune lets wait."""
        while self._pending < self._most_pending and self._left > 0:
            proposed = self._searcher.propose()
            if proposed is None:
                return
            member = RayTrial(len(self._controller.trials), proposed, self._params)
            self._controller.trials.append(member)
            self._controller.live[member] = None
            self._pending += 1
            self._left -= 1
            self._call("on_trial_add", member)

    def _job(self, chosen: RayTrial) -> Start | Resume:
        """What starts or resumes a trial of Ray's."""
        before, exploits = chosen.ours, chosen.exploits
        if before is None:
            self._members.append(chosen)
            return Start(chosen.proposed, self._until(chosen, 0))
        if exploits is None:
            return Resume(before.id, self._until(chosen, before.resource))
        donor = self._standing_in(exploits, before)
        if not chosen.over and donor is not before:  # it has been waiting with others
            self._context.stop(before.id)
            self._cancelled.add(before.id)
        chosen.began(exploits.seconds)
        config = legal(self._context.space, chosen.config)
        self._members.append(chosen)
        return Start(config, self._until(chosen, donor.resource), checkpoint_of=donor.id)

    def _standing_in(self, wanted: Checkpoint, own: Trial) -> Trial:
        """A trial that stands where the wanted checkpoint was saved: the one it is of, if that has not gone on."""
        there = [t for t in (wanted.trial, own, *self._reported) if t.id not in self._cancelled]
        for trial in sorted(there, key=lambda t: t.replicate != wanted.trial.replicate):
            if trial.resource == wanted.resource:
                return trial
        return wanted.trial if wanted.trial.resource in self._next and wanted.trial in there else own

    def _all_wait(self) -> bool:
        """Whether trials are paused and none runs: then Tune asks on and on, and Ray's BOHB decides at every call."""
        statuses = {member.status for member in self._controller.live}
        return PAUSED in statuses and RUNNING not in statuses

    def _until(self, member: RayTrial, resource: float) -> float:
        """Where to ask next about a trial that stands at `resource`."""
        if not self._skips:
            return self._next[resource]
        ray, last = self._scheduler, self._scheduler._trial_state[member].last_perturbation_time
        for later, time in self._times.items():
            if later > resource and time >= ray._burn_in_period and time - last >= ray._perturbation_interval:
                return later
        return self._context.r_max

    def _result(self, member: RayTrial, trial: Trial, resource: float, value: float) -> dict[str, Any]:
        """What a trainable would report."""
        result: dict[str, Any] = {METRIC: nan if value == inf else value, TIME: self._times[resource]}
        if self._by_seconds:
            member.seconds = result[SECONDS] = member.seconds_before + trial.elapsed
        return result

    def _removed(self, member: RayTrial) -> None:
        """Ray, in the middle of a call, ends a trial that does not run."""
        self._scheduler.on_trial_remove(self._controller, member)
        self._pending -= member.status == PENDING
        if member.ours is not None and not member.over:
            self._context.stop(member.ours.id)
            self._cancelled.add(member.ours.id)

    def _params(self, proposed: Any) -> dict[str, Any]:
        return dict(proposed) if isinstance(proposed, Mapping) else self._context.params(proposed)

    def _call(self, method: str, member: RayTrial | None, *result: Mapping[str, Any]) -> Any:
        """Calls a method of Ray's scheduler."""
        try:
            with self._inside:
                if member is None:
                    return getattr(self._scheduler, method)(self._controller)
                return getattr(self._scheduler, method)(self._controller, member, *result)
        except Exception as error:
            where = "" if member is None else f" of {_named(member)}"
            raise SchedulerError(
                f"{self} at {self._context.now:g} s: Ray Tune's {self.name} has raised an error in {method}{where}: "
                f"{type(error).__name__}: {error}"
            ) from error


def _named(member: RayTrial) -> str:
    if member.ours is None:
        return f"{member!r}, which has reported nothing"
    return f"trial {member.ours.id} at resource {member.ours.resource}"


def _takes(cls: Any) -> list[str]:
    return [*inspect.signature(cls).parameters]


def make(parts: Sequence[str]) -> tuple[RayTune, str | None]:
    """From text, such as ``["ASHAScheduler(grace_period=1)", "kde"]``: a scheduler of Ray's, and a searcher of ours.

    Raises:
        SimulationError: as `RayTune`, or there is more than that.
    """
    text = "ray:" + "+".join(parts)
    if len(parts) > 2:
        raise SimulationError(f"{text}: one searcher at most may follow a '+', such as {EXAMPLE}+kde")
    name, arguments = read_spec(parts[0], text, EXAMPLE)
    return RayTune(name, **arguments), parts[1] if len(parts) == 2 else None

"""What Ray Tune's schedulers see instead of its trials and its controller: as little as their code needs."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from simulator.trial import Trial

PENDING, RUNNING, PAUSED, TERMINATED, ERROR = "PENDING", "RUNNING", "PAUSED", "TERMINATED", "ERROR"  # as in Ray's Trial


class Checkpoint(NamedTuple):
    """Of a trial of ours, at the resource where it had last reported, after so many seconds of training."""

    trial: Trial
    resource: float
    seconds: float


class RayTrial:
    """Stands in for `ray.tune.experiment.Trial`.

    Under population based training one of these is a member, and several trials of ours come after each other in it.

    Attributes:
        number: from 0, in order of adding.
        proposed: the configuration that the searcher proposed, None once another one was set.
        ours: the trial of ours that reported last, None before the first report.
        over: whether that one has been stopped, to go on as another one.
        seconds: of training up to the last report, those before a checkpoint that it began with included; kept where
            the scheduler goes by them.
        seconds_before: of these, those up to that checkpoint.
    """

    is_saving = False

    def __init__(self, number: int, proposed: Any, params: Callable[[Any], dict[str, Any]]) -> None:
        self.number, self.trial_id = number, f"{number:05d}"
        self.proposed, self._params = proposed, params
        self._config: dict[str, Any] | None = None
        self.status = PENDING
        self.ours: Trial | None = None
        self.over, self.seconds, self.seconds_before = False, 0.0, 0.0
        self.last_result: dict[str, Any] = {}
        self.evaluated_params: dict[str, Any] = {}
        self.experiment_tag = self.trial_id
        self.temporary_state = SimpleNamespace(saving_to=None)
        # Population based training puts here what the trial begins with next.
        self.run_metadata = SimpleNamespace(
            checkpoint_manager=SimpleNamespace(
                checkpoint_config=SimpleNamespace(num_to_keep=None), _latest_checkpoint_result=None
            )
        )

    def __repr__(self) -> str:
        return f"trial_{self.trial_id}"

    @property
    def config(self) -> dict[str, Any]:
        """Hyperparameters, found when they are first asked for: most schedulers never do."""
        if self._config is None:
            self._config = self._params(self.proposed)
        return self._config

    def set_config(self, config: dict[str, Any]) -> None:
        self._config, self.proposed = config, None

    def set_experiment_tag(self, tag: str) -> None:
        self.experiment_tag = tag

    def is_finished(self) -> bool:
        return self.status in (TERMINATED, ERROR)

    @property
    def exploits(self) -> Checkpoint | None:
        """The checkpoint of another trial that it begins with next."""
        result = self.run_metadata.checkpoint_manager._latest_checkpoint_result
        return None if result is None else result.checkpoint

    def began(self, seconds: float) -> None:
        """It begins with another checkpoint, which has taken so many seconds of training."""
        self.over, self.seconds_before = False, seconds
        self.run_metadata.checkpoint_manager._latest_checkpoint_result = None

    @property
    def checkpoint(self) -> Checkpoint | None:
        return self.exploits or self.own_checkpoint

    @property
    def own_checkpoint(self) -> Checkpoint | None:
        return None if self.ours is None else Checkpoint(self.ours, self.ours.resource, self.seconds)


class Controller:
    """Stands in for `ray.tune.execution.tune_controller.TuneController`.

    Args:
        removed: called with a paused trial that the scheduler ends, while it is still paused.
    """

    def __init__(self, removed: Callable[[RayTrial], None]) -> None:
        self.trials: list[RayTrial] = []
        self.live: dict[RayTrial, None] = {}  # a set there; of those that are over, none
        self._removed = removed
        quiet = SimpleNamespace(on_pause=lambda trial_id: None, on_unpause=lambda trial_id: None)
        self.search_alg = SimpleNamespace(searcher=quiet)  # what BOHB's own searcher is told

    def get_trials(self) -> list[RayTrial]:
        return self.trials

    def get_live_trials(self) -> dict[RayTrial, None]:
        return self.live

    def stop_trial(self, trial: RayTrial) -> None:
        if trial.status in (PENDING, PAUSED):
            self._removed(trial)
            self.ended(trial, TERMINATED)

    def pause_trial(self, trial: RayTrial, should_checkpoint: bool = True) -> None:
        trial.status = PAUSED

    def _schedule_trial_save(self, trial: RayTrial, result: dict[str, Any] | None = None) -> Checkpoint | None:
        return trial.own_checkpoint

    def ended(self, trial: RayTrial, status: str) -> None:
        trial.status = status
        self.live.pop(trial, None)

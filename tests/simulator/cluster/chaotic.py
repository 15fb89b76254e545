"""Schedulers and clusters drawn at random, in which everything that can happen does."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from simulator import PAUSE, STOP, Context, Continue, Resume, Scheduler, Start, Trial
from simulator.cluster import Cluster
from simulator.protocol import RETRY


class Chaotic(Scheduler):
    """Gives any legal answer, drawn from a stream of its own: also stops, heirs, idle workers and given-up failures.

    Args:
        draws: seed of its answers.
        most: how many trials it starts.
        models: its jobs are chosen by a model, as far as the cluster charges for that.
    """

    def __init__(self, draws: int, most: int = 25, models: bool = False) -> None:
        self.draws, self.most, self.models = draws, most, models

    def setup(self, context: Context) -> None:
        self.context, self.random = context, random.Random(self.draws)
        self.paused: dict[int, Trial] = {}
        self.alive: set[int] = set()  # started and not over
        self.donors: dict[int, Trial] = {}  # have reported, were not cancelled
        self.reported: dict[int, float] = {}
        self.started = 0

    def further(self, resource: float) -> float:
        return self.random.choice([r for r in self.context.resources if r > resource])

    def next_job(self) -> Start | Resume | None:
        chance = self.random.random
        if self.models:
            self.model_size = self.random.choice([0, 3, 5])
        elif chance() < 0.1:
            self.stop_somebody()
        if self.paused and (chance() < 0.5 or self.started == self.most):
            trial = self.paused.pop(self.random.choice(sorted(self.paused)))
            return Resume(trial.id, until=self.further(trial.resource))
        if self.started == self.most or chance() < 0.1:
            return None
        self.started += 1
        self.alive.add(self.started - 1)
        row = self.random.randrange(len(next(iter(self.context.columns.values()))))
        if self.donors and not self.models and chance() < 0.3:
            donor = self.donors[self.random.choice(sorted(self.donors))]
            if donor.resource < self.context.r_max:
                return Start(row, until=self.further(donor.resource), checkpoint_of=donor.id)
        return Start(row, until=self.further(0))

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        chance = self.random.random
        self.reported[trial.id] = resource
        if self.context.resumable:
            self.donors[trial.id] = trial
        answer = self.random.choice([PAUSE, PAUSE, STOP, None, None])
        if answer is PAUSE:
            self.paused[trial.id] = trial
        elif answer is STOP:
            self.alive.discard(trial.id)
        if chance() < 0.2:
            self.stop_somebody(trial.id)
        return Continue(self.further(resource)) if answer is None else answer

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.alive.discard(trial.id)
        if reason == "failed":
            assert value == float("inf")
            assert resource == self.reported.get(trial.id, 0)

    def on_failure(self, trial: Trial, failures: int) -> Any:
        if self.random.random() < 0.15:
            self.alive.discard(trial.id)
            return STOP
        return RETRY

    def stop_somebody(self, but: int = -1) -> None:
        begun = len(self.context._trials)  # it does not hear whether a budget or a model let its jobs begin
        others = sorted(number for number in self.alive if number != but and number < begun)
        if others and self.random.random() < 0.5:
            number = self.random.choice(others)
            self.alive.discard(number)
            self.paused.pop(number, None)
            self.donors.pop(number, None)
            self.context.stop(number)


TIMES = st.one_of(st.just(0.0), st.sampled_from([0.125, 0.3, 1.0, "0.1x"]))
RANDOM_TIMES = st.sampled_from(
    ["exponential(mean=0.2s)", "uniform(low=0.1s, high=0.5s)", "lognormal(median=0.1x, sigma=1)", "half-normal(sd=1s)"]
)


def clusters(**fixed: Any) -> st.SearchStrategy[Cluster]:
    """Small random clusters; `fixed` arguments are given, as values or as strategies."""
    time = st.one_of(TIMES, TIMES, RANDOM_TIMES)
    arguments: dict[str, Any] = {
        **dict.fromkeys(("start", "stop", "save", "load", "report", "backoff", "away"), time),
        "decision": st.sampled_from([None, "0.2 + 1e-3 n^3"]),
        "checkpoints": st.sampled_from(["pauses", "never", 1, 2, 2.5, 4]),
        "room": st.sampled_from([None, None, 0, 1, 3]),
        "removal": st.sampled_from(["worst", "chance"]),
        "speeds": st.sampled_from([(1.0,), (1.0, 0.5), (1.3, 0.7, 2.0)]),
        "slowdown": st.sampled_from([0.0, 0.0, 0.3, "half-normal(sd=1)"]),
        "crashes": st.sampled_from([0.0, "0.1/s", "0.5/s"]),
        "retries": st.integers(0, 4),
        "preemptions": st.sampled_from([0.0, "0.1/s", "0.3/s"]),
        "notice": TIMES,
        "plan": st.one_of(
            st.none(), st.dictionaries(st.sampled_from([0.5, 1.0, 3.0, 6.5, "10s"]), st.integers(0, 8), max_size=3)
        ),
        "price": st.sampled_from([None, 2.0]),
    }
    for name, value in fixed.items():
        arguments[name] = value if isinstance(value, st.SearchStrategy) else st.just(value)
    return st.builds(Cluster, **arguments)

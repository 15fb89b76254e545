"""Searchers that learn are told what happens, in order; those that do not are not; some configurations may go first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schedulers import ASKING, NAMES, SPECS, asked_for, fits
from scripted import events_of
from tables import random_table, tables

from blackboxes import Blackbox
from simulator import (
    Budget,
    SearchContext,
    Searcher,
    Simulation,
    SimulationError,
    make_searcher,
    searcher_names,
)
from simulator.searchers.random import RandomSearcher

RULES = [spec.partition("+")[0] for spec in SPECS]  # the searcher is given below


class Listening(RandomSearcher):
    """Random search that writes down what it is told."""

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self.context, self.log = context, []

    def on_start(self, trial: Any, until: float) -> None:
        self.log.append((self.context.now, "until", trial.id, until))

    def observe(self, trial: Any, resource: float, value: float) -> None:
        self.log.append((self.context.now, "saw", trial.id, resource, value))

    def on_end(self, trial: Any, reason: str) -> None:
        self.log.append((self.context.now, reason, trial.id))


class ListeningToAll(Listening):
    every_resource = True


def expected_log(table: Blackbox, trace: Any) -> list[tuple[Any, ...]]:
    """The same from the trace: what the searcher must have been told."""
    log: list[tuple[Any, ...]] = []
    until: dict[int, float] = {}
    before: dict[int, tuple[str, float]] = {}  # by trial: its event before, and the resource then
    sign = table.metric_info[trace.info.metric].sign
    for event in events_of(trace):
        time, trial, name = event["time"] / 1e9, event["trial"], event["event"]
        value = np.inf if np.isnan(event["value"]) else sign * event["value"]
        last, resource = before.get(trial, ("", 0.0))
        before[trial] = name, event["resource"]
        beyond = name == "curve-end" and event["resource"] == resource  # sent beyond its curve's end: it never began
        if name in ("continue", "pause", "stop", "complete", "curve-end") and not beyond:
            log.append((time, "saw", trial, event["resource"], value))
        if beyond and last == "continue":
            log.remove((time, "until", trial, until[trial]))
        if name in ("start", "resume", "continue"):
            until[trial] = event["until"]
            log.append((time, "until", trial, event["until"]))
        elif name in ("stop", "complete", "curve-end", "cancelled"):
            log.append((time, name, trial))
    return log


@given(table=tables(), name=st.sampled_from(RULES), workers=st.integers(1, 6), seed=st.integers(0, 9))
@settings(max_examples=60)
def test_it_is_told_what_the_trace_tells(table: Blackbox, name: str, workers: int, seed: int) -> None:
    assume(fits(name, table))
    searcher = Listening()
    trace = Simulation(table, name, searcher=searcher, workers=workers, seed=seed).run()
    assert searcher.log == expected_log(table, trace)
    untold = Simulation(table, name, searcher="random", workers=workers, seed=seed).run()
    assert trace.digest() == untold.digest()


@given(table=tables(), name=st.sampled_from(RULES), workers=st.integers(1, 6))
@settings(max_examples=50)
def test_every_resource_is_every_result(table: Blackbox, name: str, workers: int) -> None:
    assume(fits(name, table))
    searcher = ListeningToAll()
    trace = Simulation(table, name, searcher=searcher, workers=workers).run()
    seen = trace.observations
    metric, sign = table.metrics[trace.info.metric], table.metric_info[trace.info.metric].sign
    values = sign * metric[seen["config"], seen["replicate"], seen["index"]].astype(float)
    known = {
        (int(trial), table.resource_list[index], np.inf if np.isnan(value) else value)
        for trial, index, value in zip(seen["trial"], seen["index"], values, strict=True)
    }
    told = [entry[2:] for entry in searcher.log if entry[1] == "saw"]
    assert set(told) == known
    assert len(told) == len(known)


def test_a_cancelled_trial_is_over_for_the_searcher_too() -> None:
    from scripted import Scripted
    from test_stop import TABLE, stopping

    from simulator import PAUSE, Start

    searcher = Listening()
    jobs = [Start(0, until=3), Start(1, until=1)]
    Simulation(TABLE, Scripted(jobs, [stopping(0, answer=PAUSE)]), workers=2, searcher=searcher).run()
    assert (2.5, "cancelled", 0) in searcher.log


@pytest.mark.parametrize("name", NAMES)
def test_initial_configurations_come_first_and_only_once(name: str) -> None:
    n = 12 if name in ("dyhpo", "mf-bo") else 30  # their models are fitted before every choice
    table = random_table(7, n=n)
    plain = asked_for(Simulation(table, name, workers=3, seed=1).run())
    later = list(dict.fromkeys(plain))
    first = [later[-1], later[0], n - 1 if later[-1] != n - 1 else n - 2]
    for made in (
        Simulation(table, name, workers=3, seed=1, initial=first),
        Simulation(table, f"{name}(initial={first})+random", workers=3, seed=1),
    ):
        found = list(dict.fromkeys(asked_for(made.run())))
        assert found[:3] == first
        assert len(found) == len(set(found))
        if name not in ASKING and name != "grid":  # a model learns from them, and goes on otherwise
            continue
        # The same order as ever: that of random search, but for grid search.
        usual = Simulation(table, "grid" if name == "grid" else "random", seed=1).run().columns.config.tolist()
        rest = [row for row in usual if row not in first]
        assert found[3:] == rest[: len(found) - 3]


def test_initial_rows_may_come_again_when_rows_come_round_again() -> None:
    table = random_table(7, n=5)
    run = Simulation(table, "random", initial=[3], exhausted="cycle", budget=Budget(trials=15)).run()
    rows = run.columns.config.tolist()
    assert sorted(rows[:5]) == sorted(rows[5:10]) == sorted(rows[10:]) == list(range(5))


@pytest.mark.parametrize(
    ("scheduler", "options", "words"),
    [
        ("random+nothing", {}, "there is no searcher 'nothing': "),
        ("random+random+random", {}, "one searcher at most"),
        ("random+", {}, "searcher '': write a name"),
        ("random+random(eta=3)", {}, "random has no argument 'eta'"),
        ("random(initial=3)", {}, "initial: a list of rows"),
        ("random", {"initial": ["a"]}, "initial: a list of rows"),
        ("random", {"initial": "34"}, "initial: a list of rows"),
        ("random", {"searcher": 3}, "searcher: a Searcher object or a name is needed, not 3"),
        ("random", {"searcher": "nothing"}, "there is no searcher 'nothing'"),
    ],
)
def test_wrong_searchers(scheduler: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SimulationError) as caught:
        Simulation(random_table(1), scheduler, **options)
    assert words in str(caught.value)


def test_the_random_searcher_is_the_default() -> None:
    assert "random" in searcher_names()
    assert isinstance(make_searcher("random"), Searcher)
    digests = {
        Simulation(random_table(1), scheduler, **options).run().digest()
        for scheduler, options in (
            ("asha-stopping", {}),
            ("asha-stopping + random", {}),
            ("asha-stopping", {"searcher": "random"}),
            ("asha-stopping", {"searcher": RandomSearcher()}),
        )
    }
    assert len(digests) == 1

"""MOBSTER is the rule and the searcher that its arguments name, in all it does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of
from spaces import with_space
from tables import random_table, tables

from blackboxes import Blackbox
from simulator import Budget, Simulation, SimulationError, make_scheduler, make_searcher
from simulator.schedulers.mobster import Mobster
from simulator.searchers.gp_independent import GpIndependent
from simulator.searchers.gp_joint import GpJoint

RULES = {"promotion": "asha-promotion", "stopping": "asha-stopping", "synchronous": "hyperband"}
TABLE = with_space(random_table(3, n=40, levels=None, diverged=0.1, ragged=0.1))


@pytest.mark.parametrize("model", ["joint", "independent"])
@pytest.mark.parametrize("form", RULES)
@pytest.mark.parametrize(
    ("arguments", "trials"),
    [
        ("eta=2, r_min=2", 22),
        pytest.param("eta=2, r_min=2", None, marks=pytest.mark.slow),
        pytest.param("", None, marks=pytest.mark.slow),
    ],
)
def test_it_is_the_rule_with_the_searcher(form: str, model: str, arguments: str, trials: int | None) -> None:
    both = [
        Simulation(TABLE, spec, workers=3, seed=1, budget=Budget(trials=trials)).run()
        for spec in (
            f"mobster(form={form!r}, model={model!r}, {arguments})",
            f"{RULES[form]}({arguments})+gp-{model}",
        )
    ]
    assert both[0].digest() == both[1].digest(), both[0].diff(both[1])


@pytest.mark.parametrize("form", RULES)
def test_the_models_make_different_runs(form: str) -> None:
    digests = {
        Simulation(TABLE, f"mobster(form={form!r}){searcher}", workers=3, seed=1, budget=Budget(trials=25))
        .run()
        .digest()
        for searcher in ("", "+gp-independent", "+gp-joint(min_at_largest=8)", "+random")
    }
    assert len(digests) == 4


def test_by_default_it_is_asynchronous_promotion_with_the_joint_model() -> None:
    by_name, as_object = Simulation(TABLE, "mobster", workers=3), Simulation(TABLE, Mobster(), workers=3)
    assert isinstance(by_name.searcher, GpJoint)
    assert isinstance(as_object.searcher, GpJoint)
    expected = Simulation(TABLE, "asha-promotion+gp-joint", workers=3).run().digest()
    assert by_name.run().digest() == as_object.run().digest() == expected


@given(
    table=tables(),
    form=st.sampled_from(list(RULES)),
    eta=st.sampled_from([2, 3, 2.5]),
    workers=st.integers(1, 8),
    seed=st.integers(0, 3),
)
@settings(max_examples=60)
def test_with_random_search_it_is_the_rule_on_any_table(
    table: Blackbox, form: str, eta: float, workers: int, seed: int
) -> None:
    found = Simulation(table, f"mobster(form={form!r}, eta={eta})+random", workers=workers, seed=seed).run()
    rule = Simulation(table, f"{RULES[form]}(eta={eta})", workers=workers, seed=seed).run()
    assert found.digest() == rule.digest()


@pytest.mark.parametrize("form", RULES)
@pytest.mark.parametrize("model", ["joint", "independent"])
@given(
    table=tables(n=st.integers(1, 25), size=st.integers(1, 6)).map(with_space),
    workers=st.integers(1, 30),
    initial=st.sampled_from([[], [0]]),
)
@settings(max_examples=5, deadline=None)
def test_any_table_will_do(form: str, model: str, table: Blackbox, workers: int, initial: list[int]) -> None:
    spec = f"mobster(form={form!r}, model={model!r})"
    trace = Simulation(table, spec, workers=workers, initial=initial).run()
    assert sorted(trace.columns.config.tolist()) == list(range(len(table)))
    assert trace.columns.config.tolist()[: len(initial)] == initial


class Noting(GpJoint):
    """Writes down which trials are pending whenever its model is asked, and where."""

    def setup(self, context: Any) -> None:
        super().setup(context)
        self.context, self.noted = context, []

    def data(self) -> Any:
        self.noted.append((self.context.now, dict(self.running)))
        return super().data()


@pytest.mark.parametrize("form", RULES)
def test_what_runs_is_pending_where_it_will_report(form: str) -> None:
    """In the synchronous form too: all that has been started or resumed, by any bracket, and has not reported."""
    searcher = Noting()
    trace = Simulation(TABLE, f"mobster(form={form!r})", searcher=searcher, workers=5, seed=2).run()
    at_work: dict[int, tuple[int, float]] = {}
    expected: list[dict[int, tuple[int, float]]] = []
    for event in events_of(trace):
        if event["event"] == "start":
            expected.append(dict(at_work))
        if event["event"] in ("start", "resume", "continue"):
            at_work[event["trial"]] = int(trace.columns.config[event["trial"]]), event["until"]
        else:
            at_work.pop(event["trial"], None)
    asked = [pending for _, pending in searcher.noted]
    assert len(asked) > 20
    assert asked == expected[-len(asked) :]
    assert max(map(len, asked)) == 4  # those of the other workers


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("mobster(form='asynchronous')", "form is 'promotion' or 'stopping' or 'synchronous', not 'asynchronous'"),
        ("mobster(model='gp')", "model is 'joint' or 'independent', not 'gp'"),
        ("mobster(eta=1)", "eta = 1"),
        ("mobster(rounding='ceil')", "mobster has no argument 'rounding'"),
    ],
)
def test_wrong_arguments_are_named(spec: str, told: str) -> None:
    with pytest.raises(SimulationError) as caught:
        make_scheduler(spec)
    assert told in str(caught.value)


def test_its_searcher_takes_arguments_behind_a_plus() -> None:
    simulation = Simulation(TABLE, "mobster(form='stopping')+gp-independent(fantasies=0)", budget=Budget(trials=20))
    assert isinstance(simulation.searcher, GpIndependent)
    assert simulation.searcher.fantasies == 0
    assert len(simulation.run().columns.config) == 20
    assert isinstance(make_searcher(make_scheduler("mobster(model='independent')").default_searcher()), GpIndependent)

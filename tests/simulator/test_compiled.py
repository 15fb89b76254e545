"""The compiled event loop writes what the Python loop writes, word for word, or says that it cannot."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import random_table, tables

from blackboxes import Blackbox, load
from simulator import Budget, Cluster, Simulation, SimulationError, Trace
from simulator.compiled.coverage import NAMES, covered

pytest.importorskip("numba")

from simulator.compiled.loop import ROOM

SPECS = [
    *("random", "asha-stopping", "asha-stopping(eta=2)", "asha-stopping(eta=1.5, quantiles='levels')"),
    *("asha-stopping(rule='share')", "asha-stopping(rule='top-k')", "asha-stopping(eta=1e300)"),
    *("asha-stopping(min_entries=3)", "asha-promotion", "asha-promotion(eta=2.5)", "asha-promotion(eta=1e300)"),
    *("asha-promotion(rule='quantile')", "asha-promotion(eta=2, rule='quantile', quantiles='levels')"),
    *("successive-halving", "successive-halving(n=5, eta=2)", "successive-halving(n=7, overlap=False)"),
    *("hyperband", "hyperband(eta=2, rounding='ceil')", "hyperband(anchor='r_max', overlap=False)"),
]
BUDGETS = st.one_of(
    st.none(),
    st.builds(Budget, trials=st.integers(1, 60)),
    st.builds(Budget, time=st.sampled_from([0.5, 2.0, 7.125, 20.0])),
    st.builds(Budget, time=st.sampled_from([2.0, 7.125]), trials=st.integers(1, 60)),
)


def assert_same(table: Blackbox, spec: str, **options: Any) -> Trace:
    """Both loops on one run: equal words, and all that a trace tells beside them. Gives the compiled one."""
    expected = Simulation(table, spec, **options).run()
    found = Simulation(table, spec, compiled=True, **options).run()
    assert found.info == expected.info
    assert found.diff(expected) is None
    assert found.digest() == expected.digest()
    return found


def needs_end(options: dict[str, Any]) -> bool:
    """Whether a run would go on for ever: rows come round again, and nothing limits it."""
    return options["exhausted"] == "cycle" and options["budget"] is None


def runs(**fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Options of a run that ends."""
    options = {
        "workers": st.sampled_from([1, 2, 3, 8, 50]),
        "seed": st.integers(0, 3),
        "budget": BUDGETS,
        "exhausted": st.sampled_from(["stop", "cycle"]),
    }
    return st.fixed_dictionaries(options | fixed).filter(lambda options: not needs_end(options))


@given(table=tables(zero_times=st.sampled_from([0.0, 0.1])), spec=st.sampled_from(SPECS), run=runs())
@settings(max_examples=150)
def test_traces_are_equal_on_awkward_tables(table: Blackbox, spec: str, run: dict[str, Any]) -> None:
    # Time must pass where rows come round again, or a budget of time never ends.
    if run["exhausted"] == "cycle" and run["budget"].trials is None and not table.elapsed[:, :, 0].all():
        run = run | {"exhausted": "stop"}
    assert_same(table, spec, **run)


@pytest.mark.slow
@given(table=tables(), spec=st.sampled_from(SPECS), run=runs(exhausted=st.just("stop")))
@settings(max_examples=4000)
def test_traces_are_equal_on_many_awkward_tables(table: Blackbox, spec: str, run: dict[str, Any]) -> None:
    assert_same(table, spec, **run)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("table", ["mlp:digits", "svm:satimage", "gbm:magic"])
def test_traces_are_equal_on_shipped_tables(name: str, table: str) -> None:
    assert_same(load(table), name, workers=4, seed=1, budget=Budget(time="5x"))


def test_rows_that_come_round_again_are_asked_for_until_there_are_enough() -> None:
    table = random_table(3, n=7, replicates=3, size=9, times="fine", ragged=0.3)
    trace = assert_same(table, "asha-stopping", workers=5, budget=Budget(time=2500.0), exhausted="cycle")
    assert len(trace.columns.config) > 1 << 10  # more than once
    assert trace.info.exhausted_at is None


@pytest.mark.parametrize(("trials", "exhausted"), [(11, False), (12, False), (13, True), (None, True)])
def test_when_nothing_was_left_is_told_as_in_the_python_loop(trials: int | None, exhausted: bool) -> None:
    trace = assert_same(random_table(0, n=12), "asha-promotion", workers=2, budget=Budget(trials=trials))
    assert (trace.info.exhausted_at is not None) == exhausted
    assert (trace.info.closed_at is not None) == (trials in (11, 12))


def test_a_fixed_replicate_is_replayed_or_refused_as_in_the_python_loop() -> None:
    table = random_table(5, n=20, replicates=3, size=9, ragged=0.5)
    assert_same(random_table(5, n=20, replicates=3), "hyperband", replicate=2)
    messages = []
    for compiled in (False, True):
        with pytest.raises(SimulationError, match="was not measured") as caught:
            Simulation(table, "asha-stopping", replicate=2, compiled=compiled).run()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_censored_curve_ends_both_loops_with_the_same_error() -> None:
    table = random_table(1, n=20, size=9, ragged=0.5)
    table = table.replaced(censored=table.lengths < 9)
    messages = []
    for compiled in (False, True):
        with pytest.raises(SimulationError, match="end of a censored curve") as caught:
            Simulation(table, "random", seed=2, compiled=compiled).run()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_run_with_many_more_words_than_usual_is_written_whole() -> None:
    for spec in ("asha-stopping(eta=1.2)", "asha-promotion(eta=1.2)"):
        trace = assert_same(random_table(7, n=40, size=30, times="fine"), spec, workers=3)
        assert len(trace) > ROOM * 40


def test_it_does_many_runs_with_one_object() -> None:
    simulation = Simulation(random_table(2, n=30), "hyperband", compiled=True)
    assert simulation.run().digest() == simulation.run().digest()


@pytest.mark.parametrize(
    ("spec", "options", "what"),
    [
        ("median-stopping", {}, "scheduler is median-stopping"),
        ("asha-stopping(own='left-out')", {}, "own='left-out'"),
        ("asha-stopping+kde", {}, "searcher is kde"),
        ("asha-stopping", {"initial": [3]}, "without initial"),
        ("asha-stopping", {"budget": Budget(resource=50)}, "not of resource or target"),
        ("asha-stopping", {"budget": Budget(target=0.5)}, "not of resource or target"),
        ("asha-stopping", {"cluster": Cluster()}, "cluster"),
        ("asha-stopping", {"off_table": "surrogate"}, "surrogate"),
    ],
)
def test_what_is_not_covered_is_said(spec: str, options: dict[str, Any], what: str) -> None:
    table = random_table(0)
    assert what in (covered(Simulation(table, spec, **options)) or "")
    with pytest.raises(SimulationError, match=r"^compiled: .*leave out compiled=True$") as caught:
        Simulation(table, spec, compiled=True, **options)
    assert what in str(caught.value)


def test_a_subclass_may_decide_otherwise_and_is_not_covered() -> None:
    from simulator.schedulers.asha_stopping import AshaStopping

    class Mine(AshaStopping):
        pass

    assert covered(Simulation(random_table(0), AshaStopping())) is None
    assert "Mine" in (covered(Simulation(random_table(0), Mine())) or "")


def test_without_numba_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_numba(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "numba":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    for name in [name for name in sys.modules if name.startswith("simulator.compiled.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_numba)
    with pytest.raises(SimulationError, match=r"pip install 'rungsim\[fast\]'"):
        Simulation(random_table(0), "asha-stopping", compiled=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_traces_are_equal_at_a_size_where_arrays_grow(name: str) -> None:
    table = random_table(7, n=3000, size=27, levels=1000, times="fine", diverged=0.05, ragged=0.1, dtype="float32")
    trace = assert_same(table, name, workers=300, budget=Budget(trials=20_000), exhausted="cycle")
    assert np.bincount(trace.columns.config).max() > 5

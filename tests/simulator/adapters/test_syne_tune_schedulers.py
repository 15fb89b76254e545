"""Syne Tune's schedulers in a simulation: repeatable, awkward tables, errors, and their rules beside rungsim's own.

Syne Tune has had two families of schedulers: older ones (ASHA with promotion, synchronous Hyperband, PASHA, DEHB, ...),
which 0.13 calls by their names, 0.14 `legacy_baselines`, and 0.15 removed; and those that came with 0.14, which 0.14
imports only where PyTorch, XGBoost and others are. Tests of the one family are skipped where there is only the other.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tables import integer_table, random_table, table_of

from blackboxes import Blackbox
from simulator import Budget, SchedulerError, Simulation, SimulationError, Trace
from simulator.adapters.inside import CLOCK_OF
from simulator.adapters.syne_tune import SyneTune, make
from simulator.adapters.syne_tune_space import Domains
from simulator.conformance import check

syne_tune = pytest.importorskip("syne_tune")
spaces = pytest.importorskip("spaces")

RELEASE = tuple(map(int, syne_tune.__version__.split(".")[:2]))


def imports(module: str) -> bool:
    try:
        import_module(f"syne_tune.optimizer.{module}")
    except (ImportError, NameError):
        return False
    return True


HAS_NEWER = imports("schedulers.asha") and imports("baselines")
newer = pytest.mark.skipif(not HAS_NEWER, reason="schedulers that came with Syne Tune 0.14, where it imports them")
current = pytest.mark.skipif(RELEASE < (0, 16), reason="arguments of ASHA that Syne Tune 0.16 brought")
older = pytest.mark.skipif(RELEASE > (0, 14), reason="schedulers that Syne Tune 0.15 removed")
LEGACY = "legacy_baselines." if RELEASE == (0, 14) else ""

NEWER: dict[str, Callable[[], SyneTune]] = {
    "asha": lambda: SyneTune("ASHA", searcher="ours"),
    "random": lambda: SyneTune("RandomSearch"),
    "rea": lambda: SyneTune("REA", population_size=6, sample_size=3),
    "median": lambda: SyneTune("MedianStoppingRule", searcher="ours"),
    "pbt": lambda: SyneTune("PopulationBasedTraining", searcher="ours", perturbation_interval=2),
    "moasha": lambda: SyneTune("MOASHA", metrics=["error", "error"]),
}
if RELEASE >= (0, 16):  # before, its ASHA takes no brackets; in 0.14 its BOHB cannot be made (a TypeError)
    NEWER["asha-own"] = lambda: SyneTune("ASHA", brackets=2)
    NEWER["bohb"] = lambda: SyneTune("BOHB", num_min_data_points=7, random_fraction=0.0)
OLDER: dict[str, Callable[[], SyneTune]] = {
    "older-stopping": lambda: SyneTune(f"{LEGACY}ASHA", type="stopping", searcher="ours"),
    "older-promotion": lambda: SyneTune(f"{LEGACY}ASHA", type="promotion", searcher="ours"),
    "older-asha-own": lambda: SyneTune(f"{LEGACY}ASHA", type="promotion", brackets=2),
    "older-random": lambda: SyneTune(f"{LEGACY}RandomSearch"),
    "older-rea": lambda: SyneTune(f"{LEGACY}REA", population_size=6, sample_size=3),
    "older-median": lambda: older_median(f"{LEGACY}RandomSearch", searcher="ours"),
    "older-pasha": lambda: SyneTune(f"{LEGACY}PASHA", searcher="ours"),
    "older-pasha-own": lambda: SyneTune(f"{LEGACY}PASHA"),
    "older-hyperband": lambda: SyneTune(f"{LEGACY}SyncHyperband", searcher="ours"),
    "older-hyperband-own": lambda: SyneTune(f"{LEGACY}SyncHyperband"),
    "older-dehb": lambda: SyneTune(f"{LEGACY}DEHB"),
    "older-pbt": lambda: SyneTune("LegacyPopulationBasedTraining" if LEGACY else "PopulationBasedTraining"),
    "older-moasha": lambda: SyneTune(f"{LEGACY}LegacyMOASHA" if LEGACY else "MOASHA"),
}
MADE = (NEWER if HAS_NEWER else {}) | (OLDER if RELEASE <= (0, 14) else {})
NAMES = list(MADE)
every = pytest.mark.parametrize("name", NAMES)
GLOBAL: Any = np.random


def run(scheduler: SyneTune, table: Blackbox | None = None, **options: Any) -> Trace:
    given = {"workers": 4, "seed": 5, "off_table": "nearest", "budget": Budget(trials=30)} | options
    return Simulation(spaces.whole_table() if table is None else table, scheduler, **given).run()


def older_median(scheduler: str, **more: Any) -> SyneTune:
    return SyneTune("LegacyMedianStoppingRule" if LEGACY else "MedianStoppingRule", scheduler=scheduler, **more)


@every
def test_the_same_run_again_whatever_the_global_random_state(name: str) -> None:
    scheduler = MADE[name]()
    first = run(scheduler)
    GLOBAL.seed(8)
    GLOBAL.standard_normal()  # leaves the second of a pair
    random.seed(8)
    before, pythons = GLOBAL.get_state(legacy=False), random.getstate()
    assert run(scheduler).digest() == first.digest()
    after = GLOBAL.get_state(legacy=False)
    assert np.array_equal(before["state"].pop("key"), after["state"].pop("key"))
    assert before == after
    assert pythons == random.getstate()
    assert run(MADE[name](), seed=6).digest() != first.digest()


def test_the_same_run_in_another_process_with_another_hash_seed() -> None:
    expected = [run(MADE[name]()).digest() for name in NAMES]
    code = "import test_syne_tune_schedulers as t; print(*[t.run(t.MADE[name]()).digest() for name in t.NAMES])"
    here = Path(__file__).resolve().parent
    path = os.pathsep.join([*map(str, (here, here.parent, here.parents[1], here.parents[2])), *sys.path])
    out = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert out.stdout.splitlines()[-1].split() == expected  # 0.13 prints which packages it does without
    assert out.stderr == ""


@every
@pytest.mark.parametrize("workers", [2, 16])
def test_diverged_and_ragged_curves_and_a_run_that_is_cut_off(name: str, workers: int) -> None:
    table = spaces.with_space(random_table(4, n=40, size=9, diverged=0.1, ragged=0.3)).replaced(test_metric=None)
    scheduler = MADE[name]() if name != "moasha" else SyneTune("MOASHA", metrics=["loss", "other"])
    trace = run(scheduler, table, workers=workers, budget=Budget(time=10.0, trials=60))
    assert trace.columns.time[-1] <= 10e9
    assert len(set(trace.columns.config.tolist())) >= workers


def test_a_proposal_is_a_configuration_of_the_table_and_back() -> None:
    class Context:
        space, params = spaces.whole_table().space, spaces.whole_table().params

    table, domains = spaces.whole_table(), Domains(Context())  # type: ignore[arg-type]
    given = domains.space()
    assert repr(given["rate"]) == "loguniform(0.0001, 1.0)"
    assert repr(given["units"]) == "randint(1, 64)"
    assert given["version"] == 1
    for row in range(len(table)):
        params = domains.params(row)
        assert set(params) == set(given)
        assert table.row_of(domains.proposal(params)) == row


class Fails:
    """Replaces a call of a scheduler of Syne Tune: looks around, and raises at one trial and resource."""

    def __init__(self, trial: int, resource: float) -> None:
        self.at, self.times = (trial, resource), list[float]()

    def __call__(self, trial: Any, result: dict[str, Any]) -> str:
        self.times.append(time.time())
        logging.getLogger("syne_tune.somewhere").error("seen on a terminal")
        logging.warning("seen on a terminal")
        warnings.warn("seen on a terminal", stacklevel=1)
        GLOBAL.standard_normal()
        if (trial.trial_id, result["epoch"]) == self.at:
            raise KeyError("half way")
        return "CONTINUE"


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fails]:
    module = {
        (0, 13): "fifo.FIFOScheduler",
        (0, 14): "legacy_fifo.LegacyFIFOScheduler",
    }.get(RELEASE, "single_fidelity_scheduler.SingleFidelityScheduler")
    failing = Fails(3, 9)
    monkeypatch.setattr(f"syne_tune.optimizer.schedulers.{module}.on_trial_result", lambda _, *a, **k: failing(*a, **k))
    return failing


def test_an_error_of_syne_tunes_names_the_call_and_everything_is_put_back(
    fails: Fails, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    name = f"{LEGACY}RandomSearch"
    around = logging.root.handlers, warnings.filters, time.time, time.monotonic, time.perf_counter
    bits = GLOBAL.get_bit_generator()
    message = rf"syne-tune:{name}: on_trial_result of trial 3 at resource 9 at [\d.]+ s: KeyError: 'half way'"
    with pytest.raises(SchedulerError, match=message) as caught:
        run(SyneTune(name, searcher="ours"), integer_table(n=30, size=27))
    assert isinstance(caught.value.__cause__, KeyError)
    assert around == (logging.root.handlers, warnings.filters, time.time, time.monotonic, time.perf_counter)
    assert GLOBAL.get_bit_generator() is bits
    assert 0 < fails.times[0] < fails.times[-1] < 1000, "the clock is the simulated one"
    assert abs(CLOCK_OF["time"]() - time.time()) < 5, "nor does it stay with who took it in the meantime"
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


@current
def test_what_is_wrong_is_said_when_the_object_is_made() -> None:
    for wrong, message in [
        (lambda: SyneTune("ASHAA"), "no scheduler 'ASHAA': did you mean ASHA"),
        (lambda: SyneTune("ASHA", grace=3), "no argument 'grace': did you mean .*grace_period"),
        (lambda: SyneTune("ASHA", random_seed=3), "random_seed is set by rungsim"),
        (lambda: SyneTune("ASHA", grace_period=0), "AssertionError: grace_period must be positive"),
        (lambda: SyneTune("MedianStoppingRule", scheduler="ASA"), "no scheduler 'ASA'"),
        (lambda: make(["ASHA(3)"]), "name=value"),
        (lambda: run(SyneTune("MOASHA", metrics=["error"], searcher="ours")), "MOASHA has no searcher"),
        (lambda: run(SyneTune("PopulationBasedTraining"), random_table(1, resumable=False)), "no checkpoint to copy"),
    ]:
        with pytest.raises(SimulationError, match=message):
            wrong()


def test_without_syne_tune_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("simulator.adapters.syne_tune.version", missing)
    with pytest.raises(SimulationError, match=r"pip install 'rungsim\[syne-tune\]'"):
        SyneTune("ASHA")


@current
def test_as_it_is_written() -> None:
    scheduler, searcher = make(["ASHA(reduction_factor=4, max_t=9)", "random"])
    assert searcher == "random"
    assert str(scheduler) == "syne-tune:ASHA(reduction_factor=4,max_t=9,searcher='ours')"
    assert scheduler.library == f"syne-tune {syne_tune.__version__}"
    assert make(["RandomSearch"])[1] is None


@newer
@pytest.mark.parametrize("name", ["asha", "median", "pbt"])
def test_golden(name: str, golden_trace: Callable[[Simulation], Trace]) -> None:
    table, budget = integer_table(), Budget(time={"asha": 7.0, "median": 4.0, "pbt": 4.0}[name])
    golden_trace(Simulation(table, MADE[name](), workers=3, seed=3, budget=budget, off_table="nearest"))


def decisions(trace: Trace) -> list[str]:
    """Every event of a trace but that a trial went on, and without where it was to be asked next."""
    lines = [line.split() for line in trace.to_text().splitlines() if line[0] != "#"]
    return [" ".join(word for word in line if "until=" not in word) for line in lines if line[3] != "continue"]


def both(theirs: SyneTune, ours: str, levels: int | None, seeds: int = 4, **options: Any) -> list[tuple[Any, Any]]:
    """The first difference of each run in which there is one."""
    table: dict[str, Any] = {"n": 60, "size": 27} | options.pop("table", {})
    found = []
    for seed in range(seeds):
        for workers in (1, 4, 16):
            given = {"workers": workers, "seed": seed, **options}
            one, other = (
                decisions(Simulation(random_table(seed, levels=levels, **table), scheduler, **given).run())
                for scheduler in (theirs, ours)
            )
            assert len(one) > 60
            if one != other:
                found.append(next(pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]))
    return found


MEDIAN = "median-stopping(own='average',others='average',among='all',min_trials=5)"
SCENARIOS = ["plain", "diverged", "ragged", "many-workers", "one-row", "from-scratch", "crashes", "workers-leave"]
VALUES = "median-stopping(own='value',others='value',among='all',min_trials=5,r_min=3)"


@newer
@pytest.mark.parametrize("levels", [None, 8])
@pytest.mark.parametrize(
    ("name", "arguments", "ours"),
    [
        ("ASHA", {}, "asha-stopping(rule='share')"),
        pytest.param(
            *("ASHA", {"reduction_factor": 4, "grace_period": 2}, "asha-stopping(rule='share',eta=4,r_min=2)"),
            marks=current,
        ),
        ("MedianStoppingRule", {}, MEDIAN),
        ("MedianStoppingRule", {"running_average": False, "grace_time": 3}, VALUES),
        ("RandomSearch", {}, "random"),
    ],
)
def test_decides_as_ours(name: str, arguments: dict[str, Any], ours: str, levels: int | None) -> None:
    assert both(SyneTune(name, searcher="ours", **arguments), ours, levels) == []
    assert both(SyneTune(name, searcher="ours", **arguments), ours, levels, 2, table={"ragged": 0.3}) == []


@newer
def test_the_comparison_sees_another_rule() -> None:
    assert both(SyneTune("ASHA", searcher="ours"), "asha-stopping(rule='quantile')", None, 1)


@newer
def test_asha_differs_where_a_curve_diverges_ours_stops_it() -> None:
    (theirs, ours), *_ = both(
        SyneTune("ASHA", searcher="ours"), "asha-stopping(rule='share')", 8, table={"diverged": 0.1}
    )
    assert "stop" in ours.split()
    assert "stop" not in theirs.split()


@newer
def test_asha_puts_later_values_into_low_rungs_where_the_grid_has_not_their_levels() -> None:
    scheduler = SyneTune("ASHA", searcher="ours")
    table = random_table(3, n=20, size=9, grid="sqrt2", levels=None)  # 16, 23, 32, ...
    Simulation(table, scheduler, workers=1, budget=Budget(trials=1)).run()
    values = table.metrics["loss"][table.row_of(scheduler._trials[0].config), 0].tolist()
    rungs = {level: [*recorded.values()] for level, recorded in scheduler._scheduler.brackets[0].rungs}
    assert rungs[9] == [{"value": values[0]}]
    assert rungs[3] == [{"value": values[1]}], "that at 23, though 3 was passed long before"


@newer
def test_median_stopping_cannot_wrap_asha() -> None:
    with pytest.raises(SchedulerError, match=r"on_trial_result of trial (\d+) at resource 1 .*KeyError: \1"):
        run(SyneTune("MedianStoppingRule", scheduler="ASHA", searcher="ours"))


@older
@pytest.mark.parametrize("levels", [None, 8])
@pytest.mark.parametrize(
    ("make_theirs", "ours"),
    [
        (OLDER["older-stopping"], "asha-stopping(quantiles='levels')"),
        (OLDER["older-median"], MEDIAN),
        (lambda: older_median(f"{LEGACY}RandomSearch", searcher="ours", running_average=False, grace_time=3), VALUES),
    ],
    ids=["asha", "median", "median-of-values"],
)
def test_older_ones_that_stop_decide_as_ours(
    make_theirs: Callable[[], SyneTune], ours: str, levels: int | None
) -> None:
    assert both(make_theirs(), ours, levels) == []
    assert both(make_theirs(), ours, levels, 2, table={"ragged": 0.3}) == []


PAUSING = pytest.mark.parametrize(
    ("name", "ours", "options"),
    [
        ("older-promotion", "asha-promotion(rule='quantile',quantiles='levels')", {}),
        ("older-promotion", "asha-promotion(rule='quantile',quantiles='levels')", {"table": {"ragged": 0.3}}),
        ("older-hyperband", "hyperband(rounding='ceil')", {"budget": Budget(time=30.0), "table": {"n": 400}}),
    ],
)


@older
@PAUSING
def test_older_ones_that_pause_decide_as_ours_where_no_two_values_are_equal(
    name: str, ours: str, options: dict[str, Any]
) -> None:
    assert both(MADE[name](), ours, None, **options) == []


@older
@PAUSING
def test_older_ones_rank_equal_values_by_who_came_first_ours_by_trial(
    name: str, ours: str, options: dict[str, Any]
) -> None:
    differences = both(MADE[name](), ours, 8, **options)
    assert differences
    for one, other in differences:
        assert "resume" in one.split()
        assert one.split()[-1] == other.split()[-1], "both resume one with the same value"


@older
def test_older_hyperband_waits_for_who_ended_below_the_rungs_level_ours_ranks_it() -> None:
    options: dict[str, Any] = {"budget": Budget(time=30.0), "table": {"n": 400, "ragged": 0.3}}
    theirs, ours = both(MADE["older-hyperband"](), "hyperband(rounding='ceil')", None, **options)[0]
    assert "start" in theirs.split()
    assert "resume" in ours.split()


@older
def test_older_stopping_stops_the_best_where_the_quantile_has_inf_beside_it() -> None:
    table = table_of([[value] * 9 for value in (np.nan, 5.0, np.nan, 1.0)])
    trace = run(MADE["older-stopping"](), table, workers=4)
    first = next(line for line in trace.to_text().splitlines() if " stop " in line)
    assert "trial=3" in first.split()


@older
def test_older_pasha_promotes_by_the_quantile_ours_the_best_third() -> None:
    theirs, ours = both(MADE["older-pasha"](), "pasha", None)[0]
    assert "resume" in theirs.split()
    assert "start" in ours.split()


@older
def test_older_pasha_cannot_rank_what_diverged() -> None:
    table = random_table(1, n=40, size=27, diverged=0.1)
    with pytest.raises(SchedulerError, match=r"PASHA: on_trial_result of .*ValueError: Epsilon became nan"):
        run(MADE["older-pasha"](), table)


@older
def test_older_schedulers_judge_arguments_and_surroundings() -> None:
    for wrong, message in [
        (lambda: SyneTune(f"{LEGACY}ASHA", grace=3), "AssertionError: FIFOScheduler: Invalid argument 'grace'"),
        (lambda: SyneTune(f"{LEGACY}ASHA", max_t=9, type="halting"), "AssertionError: "),
        (lambda: run(older_median(f"{LEGACY}ASHA")), "suggest at 0 s: AssertionError: Call 'configure' first"),
        (lambda: run(SyneTune(f"{LEGACY}ASHA", max_t=10)), "max_t=10 is beyond the table's r_max, 9"),
    ]:
        with pytest.raises(SimulationError, match=message):
            wrong()
    if LEGACY:
        with pytest.raises(SimulationError, match=r"no scheduler 'PASHA': it is legacy_baselines\.PASHA there"):
            SyneTune("PASHA")


def test_nothing_is_printed_when_syne_tune_is_imported() -> None:
    script = "from simulator.adapters.syne_tune import SyneTune; SyneTune('MedianStoppingRule')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == ""
    assert "Error" not in done.stderr or LEGACY, done.stderr


@older
@pytest.mark.parametrize("name", ["older-promotion", "older-hyperband", "older-pasha"])
def test_golden_of_the_older(name: str, golden_trace: Callable[[Simulation], Trace]) -> None:
    table = integer_table(n=60, size=27)
    golden_trace(Simulation(table, MADE[name](), workers=3, seed=3, budget=Budget(time=12.0)))


@older
@pytest.mark.parametrize("name", ["older-stopping", "older-promotion", "older-hyperband", "older-median"])
def test_conformance_of_the_older(name: str) -> None:
    assert set(check(MADE[name], SCENARIOS).failures) == {"diverged-ends"}


@newer
@pytest.mark.parametrize(("name", "failing"), [("asha", {"diverged-ends"}), ("median", {"diverged-ends"})])
def test_conformance(name: str, failing: set[str]) -> None:
    assert set(check(MADE[name], SCENARIOS).failures) == failing


def by_model(name: str, **options: Any) -> Trace:
    scheduler = SyneTune(name)
    return Simulation(integer_table(n=40, size=9), scheduler, workers=2, seed=3, off_table="nearest", **options).run()


@pytest.mark.slow
@older
@pytest.mark.parametrize("name", ["MOBSTER", "BayesianOptimization", "DyHPO", "BOHB", "KDE", "DEHB"])
def test_the_older_by_models_run_and_do_so_again(name: str) -> None:
    pytest.importorskip("autograd")
    pytest.importorskip("statsmodels")
    first, again = (by_model(f"{LEGACY}{name}", budget=Budget(trials=9)) for _ in range(2))
    assert first.summary()["trials"] == 9
    assert first.digest() == again.digest()


@pytest.mark.slow
@newer
@pytest.mark.parametrize("name", ["TPE", "BORE", "BOHB", "ASHABORE"])
def test_those_by_models_run_and_do_so_again(name: str) -> None:
    first, again = (by_model(name, budget=Budget(trials=9)) for _ in range(2))
    assert first.summary()["trials"] == 9
    assert first.digest() == again.digest()

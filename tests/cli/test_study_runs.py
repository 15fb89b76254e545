"""Many runs: the same rows whoever computes them, checked before they run, and kept in a file."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from calling import small_table

from analysis import as_runs, load_runs
from blackboxes import BlackboxError, save
from simulator import Budget, Simulation, SimulationError
from simulator.study import Row, Run, crossed, run_all, run_row, write_rows

SIX = ["random", "successive-halving", "hyperband", "asha-stopping", "asha-promotion", "median-stopping"]


def in_order(rows: list[Row]) -> pd.DataFrame:
    return as_runs(rows).sort_values(["scheduler", "seed"], ignore_index=True)


def test_rows_do_not_depend_on_the_processes_nor_on_how_the_table_is_named(
    family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(family.parent)
    relative = crossed(f"{family.name}:first", SIX, range(3), workers=3, budget="5x")
    absolute = crossed(f"{family}:first", SIX, range(3), workers=3, budget="5x")
    alone = list(run_all(absolute, jobs=1))
    shared = list(run_all(relative, jobs=2))
    assert len(alone) == 18
    one, other = (in_order(rows).drop(columns="run") for rows in (alone, shared))
    assert (set(one.pop("source")), set(other.pop("source"))) == ({f"{family}:first"}, {f"{family.name}:first"})
    pd.testing.assert_frame_equal(one, other)


def test_a_row_tells_of_its_run(table: str) -> None:
    run = Run(table, "asha-stopping(eta=2)", seed=4, workers=3, budget=Budget("4x"))
    row = run_row(run)
    trace = Simulation(small_table(), run.scheduler, seed=4, workers=3, budget="4x").run()
    assert row["digest"] == trace.digest()
    assert {name: row[name] for name in ("scheduler", "seed", "workers", "budget", "metric", "direction", "unit")} == {
        **{"scheduler": "asha-stopping(eta=2)", "seed": 4, "workers": 3, "budget": "4x"},
        **{"metric": "error", "direction": "min", "unit": "fraction"},
    }
    assert (row["test_metric"], row["test_direction"], row["test_unit"]) == ("test", "min", "1")
    box, results = small_table(), trace.results()
    assert row["table_best"] == np.nanmin(box.metrics["error"])
    assert row["table_median"] == np.nanmedian(box.metrics["error"][:, :, -1])
    assert row["full_training"] == pytest.approx(box.elapsed[:, :, -1].mean())
    assert row["best"] == row["values"][-1] == results["error"].min()
    assert row["test_values"][-1] == results["test"][results["error"].idxmin()]
    assert len(row["times"]) == len(row["values"]) == len(row["test_values"])
    assert row["trials"] == results["trial"].nunique() + row["cut_off"] - _cut_off_with_results(trace)


def _cut_off_with_results(trace: Any) -> int:
    cut = trace.columns.trial[trace.columns.event == 8]
    return len(set(cut.tolist()) & set(trace.results()["trial"]))


def test_a_row_without_a_test_metric(family: Path) -> None:
    row = run_row(Run(f"{family}:second", "random", budget=Budget("2x")))
    assert (row["test_metric"], row["test_direction"], row["test_unit"], row["test_values"]) == (None, None, None, [])
    assert row["direction"] == "max"


def test_rows_survive_parquet(table: str, family: Path, tmp_path: Path) -> None:
    rows = list(run_all(crossed(table, ["random", "asha-promotion"], range(2), budget="3x"), jobs=1))
    rows += [run_row(Run(table, "clairvoyant", budget=Budget("3x")))]
    rows += [run_row(Run(table, "random", seed=9, budget=Budget("0.01x")))]  # over before anything was reported
    rows += [
        run_row(Run(table, name, 1, 2, Budget("3x"), cluster="spot(price=1)")) for name in ("random", "clairvoyant")
    ]
    write_rows(rows, tmp_path / "runs.parquet")
    found = load_runs(tmp_path)
    assert list(found) == list(rows[0])
    for row, (_, kept) in zip(rows, found.iterrows(), strict=True):
        for name, value in row.items():
            if isinstance(value, list):
                assert kept[name].tolist() == value
            else:
                assert kept[name] == value or (pd.isna(kept[name]) and pd.isna(value))
                assert isinstance(value, str | None) or np.asarray(kept[name]).dtype == np.asarray(value).dtype
    assert [path.name for path in tmp_path.iterdir()] == ["runs.parquet"]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"table": "nowhere.h5"}, BlackboxError, "there is no such file"),
        ({"schedulers": ["random", "zzz"]}, SimulationError, "there is no scheduler 'zzz'"),
        ({"schedulers": ["random", "asha-stopping(eta=1)"]}, SimulationError, "eta = 1"),
        ({"schedulers": ["random", "asha-stopping(levels=[1,20])"]}, SimulationError, "rung level 20"),
        ({"schedulers": ["random", "hyperband(r_min=10)"]}, SimulationError, "r_min = 10"),
        ({"seeds": [0, 1, -1]}, SimulationError, "seed = -1"),
        ({"seeds": [0, 1.5]}, SimulationError, "seed = 1.5"),
        ({"workers": 0}, SimulationError, "workers = 0"),
        ({"budget": "10"}, SimulationError, "budget '10'"),
        ({"budget": -1.0}, SimulationError, "budget"),
        ({"metric": "eror"}, BlackboxError, "did you mean error"),
    ],
)
def test_everything_is_checked_before_anything_runs(
    table: str, changes: dict[str, Any], error: type[Exception], said: str
) -> None:
    arguments: dict[str, Any] = {"table": table, "schedulers": ["random"], "seeds": range(2)}
    with pytest.raises(error, match=said.replace("(", r"\(")):
        crossed(**arguments | changes)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_table_that_was_replaced_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    digests = []
    for folder, seed in (("a", 0), ("a", 5), ("b", 6)):
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        save("mine.h5", [small_table(seed=seed)])
        digests += [row["digest"] for row in run_all(crossed("mine.h5", ["random"], range(2)), jobs)]
    assert len(set(digests)) == 6


@pytest.mark.parametrize("jobs", [0, -2])
def test_jobs_are_positive_or_minus_one(table: str, jobs: int) -> None:
    with pytest.raises(SimulationError, match=f"jobs = {jobs}"):
        list(run_all([Run(table, "random")] * 2, jobs))


def test_no_runs_no_rows() -> None:
    assert list(run_all([], jobs=2)) == []


@pytest.mark.filterwarnings("error")
def test_processes_end_when_nobody_wants_more(table: str) -> None:
    with closing(run_all(crossed(table, ["random"], range(100)), jobs=2)) as rows:
        assert next(rows)["scheduler"] == "random"
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


def test_decision_time_is_charged_in_run_and_compare(rungsim: Any, tmp_path: Path) -> None:
    """The commands give what the simulation gives, and `compare` says what `run` says."""
    from blackboxes import load
    from simulator import Budget, Simulation
    from simulator.study import crossed, run_row

    spec, cost, limits = "random+kde", "ideal(decision='0.5 + 1e-4 n^3')", Budget(trials=20)
    expected, free = (
        Simulation(load("svm:magic"), spec, budget=limits, cluster=charged).run().digest() for charged in (cost, None)
    )
    assert expected != free
    done = rungsim("run", "svm:magic", spec, "--max-trials", "20", "--budget", "1d", "--cluster", cost, "--quiet")
    assert (done.code, done.out.split()) == (0, [expected])
    (run,) = crossed("svm:magic", [spec], [0], budget=limits, cluster=cost)
    assert run_row(run)["digest"] == expected
    refused = rungsim("compare", "svm:magic", "--cluster", "ideal(decision='soon')", "--out", str(tmp_path / "out"))
    assert refused.code == 2
    assert "decision time 'soon': seconds, or seconds for n observations" in refused.err
    assert not (tmp_path / "out").exists()

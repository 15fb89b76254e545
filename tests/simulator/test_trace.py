"""The trace: its text and file, its digest, and where two of them part."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schedulers import SPECS, fits
from scripted import Scripted, events_of
from tables import integer_table, random_table, table_of, tables

from blackboxes import Blackbox, Metric
from simulator import (
    PAUSE,
    Budget,
    Continue,
    Resume,
    Simulation,
    Start,
    Trace,
    TraceError,
    make_scheduler,
)
from simulator.events import BEGINS, NAMES, OF_WORKERS

NAMES_OF_SCHEDULERS = st.sampled_from(SPECS)
COLUMNS = ["time", "trial", "worker", "event", "resource", "until", "value"]


def some_trace(name: str = "asha-promotion", **options: Any) -> Trace:
    return Simulation(integer_table(), name, workers=3, **({"budget": Budget(time=12.0)} | options)).run()


@pytest.mark.parametrize("options", [{}, {"cluster": "spot(crashes='0.1')"}, {"compiled": True}])
def test_a_trace_that_nobody_has_looked_at_goes_to_another_process(options: dict[str, Any]) -> None:
    if "compiled" in options:
        pytest.importorskip("numba")
    there = pickle.loads(pickle.dumps(some_trace(**options)))
    here = some_trace(**options)
    assert there.digest() == here.digest()
    assert there.summary() == pytest.approx(here.summary(), nan_ok=True)


def changed(trace: Trace, column: str, at: int, to: Any) -> Trace:
    """The trace with one entry of one column changed."""
    values = getattr(trace.columns, column).copy()
    values[at] = to
    return Trace(trace.info, trace.table, replace(trace.columns, **{column: values}))


# --- text ------------------------------------------------------------------------------------------------------


@given(
    table=tables(),
    name=NAMES_OF_SCHEDULERS,
    workers=st.integers(1, 8),
    seed=st.integers(0, 3),
    time=st.sampled_from([None, 0.3, 5.0, 30.0]),
)
@settings(max_examples=150)
def test_a_trace_read_from_its_text_is_the_same(
    table: Blackbox, name: str, workers: int, seed: int, time: float | None
) -> None:
    assume(fits(name, table))
    trace = Simulation(table, name, workers=workers, seed=seed, budget=time).run()
    read = Trace.from_text(trace.to_text(), table)
    assert read.digest() == trace.digest()
    assert trace.diff(read) is None
    assert read.info == trace.info
    assert read.to_text() == trace.to_text()
    assert len(read) == len(trace)
    pd.testing.assert_frame_equal(read.results(), trace.results(), check_exact=True)
    assert repr(read.summary()) == repr(trace.summary())


def test_one_event_a_line_after_the_header() -> None:
    table = table_of([[0.5, 0.25], [0.125, float("nan")]], [[1.5, 2.5], [2, 3]], resources=[0.5, 2])
    jobs = [Start(1, until=0.5), Start(0, until=0.5), Resume(0, until=2)]
    trace = Simulation(table, Scripted(jobs, [Continue(2), PAUSE]), workers=2, seed=7, budget=2.25).run()
    assert trace.to_text().splitlines() == [
        "# rungsim trace 1",
        '# table: "made:by-hand"',
        '# metric: "loss"',
        '# scheduler: "Scripted"',
        "# seed: 7",
        "# workers: 2",
        "# end: 2250000000",
        '# budget: {"time": 2.25}',
        "# exhausted_at: null",
        '# values: "float32"',
        "         0.000000000  worker=0  trial=0  start      config=1 replicate=0  resource=0  until=0.5",
        "         0.000000000  worker=1  trial=1  start      config=0 replicate=0  resource=0  until=0.5",
        "         1.500000000  worker=1  trial=1  continue   resource=0.5  value=0.5  until=2",
        "         2.000000000  worker=0  trial=0  pause      resource=0.5  value=0.125",
        "         2.000000000  worker=0  trial=0  resume     resource=0.5  value=0.125  until=2",
        "         2.250000000  worker=0  trial=0  budget     resource=0.5  value=0.125  until=2",
        "         2.250000000  worker=1  trial=1  budget     resource=0.5  value=0.5  until=2",
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_survive_the_text_to_the_last_bit(dtype: str) -> None:
    values = np.array([0.1, 1 / 3, -0.0, 1e-30, 12345678.9, -7.0], dtype=dtype)
    table = Blackbox(
        space="",
        configs={"x": np.arange(len(values))},
        resources=np.array([0.1]),
        metrics={"error": values[:, None, None]},
        metric_info={"error": Metric("min")},
        elapsed=np.full((len(values), 1, 1), 0.1),
    )
    trace = Simulation(table, "random").run()
    read = Trace.from_text(trace.to_text())
    np.testing.assert_array_equal(read.columns.value.view(np.int64), trace.columns.value.view(np.int64))
    assert read.digest() == trace.digest()


def test_a_scheduler_written_over_two_lines_survives_the_text() -> None:
    trace = some_trace("asha-promotion(eta=2,\n  r_min=3)")
    assert Trace.from_text(trace.to_text()).digest() == trace.digest()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda lines: [], "first line"),
        (lambda lines: ["hello", *lines[1:]], "first line"),
        (lambda lines: [line for line in lines if "# seed" not in line], "seed"),
        (lambda lines: [line.replace("# seed: 0", "# seed: zero") for line in lines], "line 5"),
        (lambda lines: [line.replace('s: "float', 's: "flot') for line in lines], "values cannot be 'flot"),
        (lambda lines: [*lines[:13], "    nonsense", *lines[13:]], "line 14"),
        (lambda lines: [*lines[:13], "", *lines[13:]], "line 14"),
        (lambda lines: [*lines[:12], lines[12].replace("trial=", "trail="), *lines[13:]], "line 13.*trial"),
        (lambda lines: [*lines[:12], lines[12].replace("start", "begin"), *lines[13:]], "line 13"),
        (lambda lines: [*lines[:12], lines[12].replace("trial=2", "trial=7"), *lines[13:]], "line 13.*7"),
        (lambda lines: [*lines[:12], lines[12].replace("0.000000000", "0.5"), *lines[13:]], "line 13.*0.5"),
        (lambda lines: [*lines[:-1], lines[-1][:30]], "line"),
        (lambda lines: [*lines[:10], *lines[12:]], "line 11"),
    ],
    ids=[
        "empty",
        "another file",
        "a header line missing",
        "a header line wrong",
        "values of another kind",
        "nonsense",
        "a blank line",
        "an unknown field",
        "an unknown event",
        "a trial out of turn",
        "a time without nanoseconds",
        "cut off",
        "a start missing",
    ],
)
def test_text_that_is_not_a_trace_is_an_error_that_names_file_and_line(spoil: Any, told: str, tmp_path: Path) -> None:
    lines = some_trace().to_text().splitlines()
    path = tmp_path / "spoiled.txt"
    path.write_text("\n".join(spoil(lines)))
    with pytest.raises(TraceError, match=rf"spoiled\.txt.*{told}"):
        Trace.load(path)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("# seed: 0", '# seed: "zero"'),
        ("# seed: 0", "# seed: -1"),
        ("# workers: 3", "# workers: 0"),
        ("# end: 8750000000", "# end: null"),
        ("# end: 8750000000", "# end: 12.5"),
        ('# metric: "error"', "# metric: 3"),
        ("worker=2", "worker=3"),
        ("worker=2", "worker=-1"),
        ('# budget: {"time": 12.0}', '# budget: {"time": -1}'),
        ('# budget: {"time": 12.0}', '# budget: {"epochs": 3}'),
        ('# budget: {"time": 12.0}', "# budget: 12"),
        ('# budget: {"time": 12.0}', '# budget: {"time": 1' + "0" * 400 + "}"),
        ("# exhausted_at", '# exhausted: "never"\n# exhausted_at'),
        ("# exhausted_at", "# off_table: [1]\n# exhausted_at"),
        # Numbers that no column can hold:
        ("# workers: 3", "# workers: 100000000000"),
        ("# end: 8750000000", "# end: 1" + "0" * 30),
        ("worker=2", "worker=1" + "0" * 30),
        ("config=", "config=1" + "0" * 30),
        ("replicate=", "replicate=9" + "0" * 30),
        ("  0.000000000", "  1" + "0" * 30 + ".000000000"),
        ("resource=0", "resource=1e999"),
        ("until=1", "until=nan"),
    ],
)
def test_a_number_that_cannot_be_is_an_error(good: str, bad: str) -> None:
    text = some_trace().to_text()
    assert good in text
    with pytest.raises(TraceError):
        Trace.from_text(text.replace(good, bad, 1))


@pytest.mark.parametrize("event", ["trial=0  start", "trial=-1", "overhead=1" + "0" * 30 + ".000000000  up"])
def test_a_large_number_is_told_with_its_line(event: str) -> None:
    text = some_trace(cluster="spot").to_text()
    number = text.splitlines().index(next(line for line in text.splitlines() if "trial=0" in line)) + 1
    spoiled = text.replace("worker=0  trial=0  start", f"worker=1{'0' * 30}  {event}", 1)
    with pytest.raises(TraceError, match=rf"line {number}: 1000000000\d* is too large a number"):
        Trace.from_text(spoiled)


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (None, None),
        (Budget(time="3x", trials=5), '# budget: {"time": "3x", "trials": 5}'),
        (Budget(resource=np.float64(60), target=1), '# budget: {"resource": 60.0, "target": 1.0}'),
        (Budget(trials=np.int64(7)), '# budget: {"trials": 7}'),  # type: ignore[arg-type]
    ],
)
def test_the_header_tells_the_limits_that_there_are(budget: Budget | None, told: str | None) -> None:
    trace = some_trace(budget=budget, exhausted="stop" if budget is None else "cycle", off_table="nearest")
    lines = trace.to_text().splitlines()
    assert [line for line in lines if "# budget" in line] == ([] if told is None else [told])
    assert '# off_table: "nearest"' in lines
    assert ('# exhausted: "cycle"' in lines) == (budget is not None)
    assert Trace.from_text(trace.to_text()).info == trace.info


# --- files -----------------------------------------------------------------------------------------------------


def test_save_and_load(tmp_path: Path) -> None:
    trace, path = some_trace(), tmp_path / "a.trace"
    path.write_text("of old")
    trace.save(path)
    assert path.read_text() == trace.to_text()
    read = Trace.load(path, trace.table)
    assert read.digest() == trace.digest()
    pd.testing.assert_frame_equal(read.results(), trace.results(), check_exact=True)
    assert [file.name for file in tmp_path.iterdir()] == ["a.trace"]


def test_saving_where_it_is_not_possible_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        some_trace().save(tmp_path / "missing" / "a.trace")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        some_trace().save(tmp_path / "folder")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_loading_what_is_not_there_or_not_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"nowhere\.txt"):
        Trace.load(tmp_path / "nowhere.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceError, match=r"bytes\.txt"):
        Trace.load(tmp_path / "bytes.txt")


def test_results_of_a_trace_whose_table_is_unknown_say_so() -> None:
    read = Trace.from_text(some_trace().to_text())
    with pytest.raises(ValueError, match="made"):
        read.results()


# --- digest and diff -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("position", [0.0, 0.5, 1.0])
def test_a_planted_difference_changes_the_digest_and_is_found_and_named(column: str, position: float) -> None:
    trace = some_trace()
    where = np.flatnonzero(~np.isnan(getattr(trace.columns, column).astype(float)))
    at = int(where[int(position * (len(where) - 1))])
    old = getattr(trace.columns, column)[at]
    other = changed(trace, column, at, (old + 1) % 9 if column == "event" else old + 1)
    assert other.digest() != trace.digest()
    difference = trace.diff(other)
    assert difference is not None
    assert difference.index == at
    assert difference.later == 0
    assert difference.left == lines(trace)[at]
    assert difference.right == lines(other)[at]
    assert list(difference.before) == lines(trace)[max(0, at - 5) : at]
    assert difference.left in str(difference)
    assert difference.right in str(difference)


def test_the_first_of_several_differences_is_named() -> None:
    trace = some_trace()
    other = changed(changed(changed(trace, "time", 20, 1), "worker", 10, 3), "value", 30, 9.0)
    difference = trace.diff(other)
    assert difference is not None
    assert (difference.index, difference.later) == (10, 2)


@pytest.mark.parametrize("column", ["config", "replicate"])
def test_another_configuration_or_replicate_is_a_difference_from_the_start_of_the_trial(column: str) -> None:
    trace = some_trace()
    other = changed(trace, column, 4, 1 + getattr(trace.columns, column)[4])
    assert other.digest() != trace.digest()
    difference = trace.diff(other)
    assert difference is not None
    first = next(i for i, event in enumerate(events_of(trace)) if event["trial"] == 4)
    assert difference.index == first
    assert difference.later == sum(event["trial"] == 4 for event in events_of(trace)) - 1


def test_a_value_that_is_measured_in_one_and_not_in_the_other_is_a_difference() -> None:
    trace = some_trace()
    at = int(np.flatnonzero(~np.isnan(trace.columns.value))[5])
    for left, right in ((trace, changed(trace, "value", at, np.nan)), (changed(trace, "value", at, np.nan), trace)):
        assert left.diff(right).index == at


def test_zero_is_zero_whatever_its_sign() -> None:
    """What has no difference has one digest."""
    plus, minus = (Simulation(table_of([[zero]]), "random").run() for zero in (0.0, -0.0))
    assert plus.diff(minus) is None
    assert plus.digest() == minus.digest()


def test_a_trace_that_ends_earlier_differs_where_it_ends() -> None:
    long, short = some_trace(), some_trace(budget=Budget(time=6.0))
    for left, right in ((long, short), (short, long)):
        difference = left.diff(right)
        assert difference is not None
        index = next((i for i, (a, b) in enumerate(zip(lines(long), lines(short), strict=False)) if a != b), len(short))
        assert difference.index == index
        assert difference.later == len(long) - index - 1
    prefix = Trace(long.info, long.table, replace(long.columns, **{c: getattr(long.columns, c)[:20] for c in COLUMNS}))
    difference = long.diff(prefix)
    assert (difference.index, difference.right) == (20, None)
    assert prefix.diff(long).left is None
    assert "the trace ends" in str(difference)


def lines(trace: Trace) -> list[str]:
    return [line for line in trace.to_text().splitlines() if line[0] != "#"]


def test_equal_traces_have_no_difference() -> None:
    assert some_trace().diff(some_trace()) is None
    empty = Simulation(integer_table(), Scripted([])).run()
    assert empty.diff(empty) is None
    assert empty.diff(some_trace()).index == 0


@given(table=tables(n=st.integers(1, 15)), names=st.tuples(NAMES_OF_SCHEDULERS, NAMES_OF_SCHEDULERS))
@settings(max_examples=80)
def test_digests_are_equal_where_there_is_no_difference_and_only_there(table: Blackbox, names: tuple[str, str]) -> None:
    assume(all(fits(name, table) for name in names))
    left, right = (Simulation(table, name, workers=2).run() for name in names)
    difference = left.diff(right)
    assert (left.digest() == right.digest()) == (difference is None)
    if difference is None:
        assert lines(left) == lines(right)
        return
    for i in range(difference.index):
        assert lines(left)[i] == lines(right)[i]
    assert [*lines(left), None][difference.index] == difference.left
    assert [*lines(right), None][difference.index] == difference.right


# --- what an event tells ---------------------------------------------------------------------------------------


@given(
    table=tables(n=st.integers(1, 15)),
    name=st.sampled_from([spec for spec in SPECS if "+" not in spec]),
    workers=st.integers(1, 4),
)
@settings(max_examples=60)
def test_until_is_what_the_scheduler_answered(table: Blackbox, name: str, workers: int) -> None:
    """Also where the curve ends before: DESIGN derives "decision (with its `until`)"."""
    assume(fits(name, table))
    scheduler = make_scheduler(name)
    answered: list[tuple[str, float]] = []
    next_job, on_report = scheduler.next_job, scheduler.on_report

    def record_job() -> Any:
        job = next_job()
        if job is not None:
            answered.append((type(job).__name__.lower(), job.until))
        return job

    def record_report(*arguments: Any) -> Any:
        answer = on_report(*arguments)
        if isinstance(answer, Continue):
            answered.append(("continue", answer.until))
        return answer

    scheduler.next_job, scheduler.on_report = record_job, record_report
    trace = Simulation(table, scheduler, workers=workers).run()
    told = [(e["event"], e["until"]) for e in events_of(trace) if e["event"] in ("start", "resume", "continue")]
    assert told == answered


def test_two_schedulers_that_send_a_trial_elsewhere_differ_though_its_curve_ends_before() -> None:
    nan = float("nan")
    table = table_of([[0.5, nan, nan]], [[1, nan, nan]])
    near, far = (Simulation(table, Scripted([Start(0, until=until)])).run() for until in (2, 3))
    assert near.digest() != far.digest()


def test_the_value_is_the_metric_at_the_resource_reached() -> None:
    trace = some_trace("hyperband", replicate=1)
    table = trace.table
    for event, config in zip(events_of(trace), trace.columns.config[trace.columns.trial], strict=True):
        if event["resource"] == 0:
            assert np.isnan(event["value"])
        else:
            at = table.resource_list.index(event["resource"])
            np.testing.assert_equal(event["value"], float(table.metrics["error"][config, 1, at]))


def test_what_was_simulated_is_told() -> None:
    table = random_table(3, n=4, replicates=2)
    info = Simulation(table, "asha-stopping(eta=4)", workers=2, seed=5, metric="other", budget=3.0).run().info
    assert (info.table, info.metric, info.scheduler) == ("random:3", "other", "asha-stopping(eta=4)")
    assert (info.seed, info.workers) == (5, 2)
    assert info.end <= 3_000_000_000


def test_every_event_has_a_name() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(BEGINS) == len(OF_WORKERS)

"""`rungsim trace show` and `replay`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calling import SCRIPT, Done, environment

from simulator import Trace

Call = Callable[..., Done]


@pytest.fixture
def trace(rungsim: Call, table: str, tmp_path: Path) -> Path:
    path = tmp_path / "a.trace"
    assert rungsim("run", table, "asha-promotion", "--max-trials", 12, "--trace", path, "-q").code == 0
    return path


def rows(done: Done) -> list[list[str]]:
    """The lines of a log, in words, without what is above and below."""
    assert done.code == 0
    head, _, log = done.out.partition("\n\n")
    assert head.startswith("asha-promotion on small:first, seed 0, 4 workers")
    lines = log.partition("\n\n")[0].splitlines()
    assert lines[0].split() == ["time", "(s)", "worker", "trial", "event", "resource", "value", "until"]
    return [line.split() for line in lines[1:]]


def test_a_log_has_a_line_for_each_event(rungsim: Call, trace: Path) -> None:
    run, done = Trace.load(trace), rungsim("trace", "show", trace)
    found = rows(done)
    assert f"12 trials, {len(run)} events" in done.out
    assert "left out" not in done.out
    assert [float(row[0]) for row in found] == (run.columns.time / 1e9).tolist()
    assert [int(row[1]) for row in found] == run.columns.worker.tolist()
    assert [int(row[2]) for row in found] == run.columns.trial.tolist()
    assert found[0][3:] == ["start", "1", "configuration", f"{run.columns.config[0]},", "replicate", found[0][-1]]
    reports = [row for row in found if row[3] == "pause"]
    assert [float(row[5]) for row in reports] == run.columns.value[run.columns.event == 3].tolist()


def test_filters_combine_and_what_is_left_out_is_told(rungsim: Call, trace: Path) -> None:
    c = Trace.load(trace).columns
    done = rungsim("trace", "show", trace, "--rung", 1, "--trial", 0, "--trial", 3, "--trial", 5, "--worker", 0)
    keep = (c.resource == 1) & ((c.trial == 0) | (c.trial == 3) | (c.trial == 5)) & (c.worker == 0)
    assert 0 < keep.sum() < (c.worker == 0).sum()
    assert [(int(row[2]), float(row[0])) for row in rows(done)] == list(
        zip(c.trial[keep].tolist(), (c.time[keep] / 1e9).tolist(), strict=True)
    )
    assert done.out.endswith(f"\n\n{keep.sum()} of {len(keep)} events; {(~keep).sum()} are left out\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "FILE", "--trial", 12], "there is no trial 12 in the trace, it has trials 0 to 11"),
        (["show", "FILE", "--worker", 4], "there is no worker 4 in the trace, it has workers 0 to 3"),
        (["show", "FILE", "--rung", 2], "nobody reported at 2 in the trace, but at 1, 3, 9"),
        (["show", "FILE", "--explain", -1], "there is no trial -1 in the trace, it has trials 0 to 11"),
        (["show", "FILE", "--explain", 1, "--rung", 1], "--explain tells of one trial"),
        (["show", "nowhere.trace"], "nowhere.trace: cannot be read as a trace"),
        (["replay", "FILE"], "small"),  # the table is in no folder that is searched
        (["replay", "FILE", "--table", "TABLE", "--scheduler", "asha"], "asha"),
        (["replay", "FILE", "--table", "OTHER"], "the trace is of small:first, and cannot be replayed on small:second"),
    ],
)
def test_wrong_use_is_one_clear_line(
    rungsim: Call, trace: Path, table: str, arguments: list[object], words: str
) -> None:
    names = {"FILE": trace, "TABLE": table, "OTHER": table.replace("first", "second")}
    done = rungsim("trace", *(names.get(str(word), word) for word in arguments))
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert done.out == ""


def test_a_story(rungsim: Call, trace: Path, table: str) -> None:
    done = rungsim("trace", "show", trace, "--explain", 0, "--table", table)
    assert done.code == 0
    config = Trace.load(trace).columns.config[0]
    assert f"Trial 0: configuration {config} (rate = 0." in done.out
    assert "started on worker 0, sent to 1 epoch." in done.out
    assert "In the end it " in done.out


def test_its_own_trace_gives_no_difference_and_another_scheduler_does(rungsim: Call, trace: Path, table: str) -> None:
    done = rungsim("trace", "replay", trace, "--table", table)
    assert (done.code, done.out.splitlines()[-1].split(maxsplit=1)[0]) == (0, "0")
    other = rungsim("trace", "replay", trace, "--table", table, "--scheduler", "asha-promotion(eta=2)")
    assert other.code == 1
    assert other.out.splitlines()[0].split() == ["time", "(s)", "trial", "resource", "error", "recorded", "now"]
    assert "until 2" in other.out
    assert "decisions differ" in other.out


def test_ones_own_scheduler_is_put_to_the_recorded_reports(
    rungsim: Call, trace: Path, table: str, tmp_path: Path
) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "from simulator import STOP\n"
        "from simulator.schedulers.asha_promotion import AshaPromotion\n"
        "class Hasty(AshaPromotion):\n"
        "    def on_report(self, trial, resource, value):\n"
        "        answer = super().on_report(trial, resource, value)\n"
        "        return STOP if trial.id == 3 else answer\n"
    )
    c = Trace.load(trace).columns
    reports = ((c.trial == 3) & (c.event == 3)).sum()
    done = rungsim("trace", "replay", trace, "--table", table, "--scheduler", f"{own}:Hasty")
    assert done.code == 1
    lines = [line.split() for line in done.out.splitlines()[1:] if "pause" in line]
    assert len(lines) == reports
    assert all(line[1] == "3" and line[4:] == ["pause", "stop"] for line in lines)


def test_who_reads_the_output_may_have_seen_enough(trace: Path) -> None:
    import subprocess

    many = trace.with_name("many.trace")
    lines = trace.read_text().splitlines()
    many.write_text("\n".join([*lines[:-1], *[lines[-1]] * 20_000]) + "\n")
    done = subprocess.run(
        f"'{SCRIPT}' trace show '{many}' | head -3", shell=True, capture_output=True, text=True, env=environment()
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3

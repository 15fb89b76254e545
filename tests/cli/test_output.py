"""What commands print and write when all goes well."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from calling import SCRIPT, Done, environment, on_terminal, process, small_table

from blackboxes import Blackbox, Metric, load, save
from simulator import Simulation, Trace, scheduler_names, searcher_names

Command = Callable[..., Done]
COMMANDS = [[], ["list"], ["show"], ["run"], ["compare"], ["trace"], ["trace", "diff"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words) or "rungsim")
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_ends_with_an_example_that_is_not_wrapped(rungsim: Command, command: list[str], option: str) -> None:
    done = rungsim(*command, option)
    assert (done.code, done.err) == (0, "")
    examples = re.split(r"Examples?:\n", done.out)[1].splitlines()
    assert examples
    for line in examples:
        assert line.strip().startswith(" ".join(["rungsim", *command]))


def test_alone_it_prints_its_help(rungsim: Command) -> None:
    done = rungsim()
    assert "Usage: rungsim" in done.out + done.err
    assert "compare" in done.out + done.err


@pytest.mark.usefixtures("shipped")
def test_list_names_tables_schedulers_and_formats(rungsim: Command) -> None:
    done = rungsim("list")
    assert (done.code, done.err) == (0, "")
    parts = re.split(r"^(?=\w)", done.out, flags=re.MULTILINE)[1:]
    names = ([line.split()[0] for line in part.splitlines()[1:]] for part in parts)
    tables, synthetic, schedulers, searchers, bound, clusters, studies, formats = names
    assert tables == ["small:first", "small:second"]
    assert {"power-law", "hartmann6"} <= set(synthetic)
    assert schedulers == scheduler_names()
    assert searchers == searcher_names()
    assert "  grid                Grid search" in done.out
    assert bound == ["clairvoyant"]
    assert clusters == ["ideal", "stragglers", "spot", "no-checkpoints"]
    assert studies == []  # the small family comes without any
    assert {"fcnet", "lcbench", "long"} <= set(formats)


def test_list_tells_what_the_studies_ask(rungsim: Command) -> None:
    lines = rungsim("list").out.partition("studies (")[2].partition("formats (")[0].splitlines()
    assert "  eta                 Which reduction factor?" in lines
    for path in Path(__file__).parents[2].joinpath("data", "studies").glob("*.toml"):
        [line] = [line for line in lines if line.split()[:1] == [path.stem]]
        assert line[-1] in ".?"


def test_version(rungsim: Command) -> None:
    assert rungsim("--version") == Done(0, f"rungsim {version('rungsim')}\n", "")


@pytest.mark.usefixtures("shipped")
def test_show_describes_a_scheduler_and_the_searcher_of_its_name(rungsim: Command) -> None:
    done = rungsim("show", "asha-promotion")
    first, second, *_ = done.out.splitlines()
    assert first == "scheduler asha-promotion(eta=3, r_min=None, levels=None, rule='top-k', quantiles='eta')"
    assert second.startswith("  Asynchronous successive halving, pause-resume")
    assert "      eta: the paper's reduction factor." in done.out
    assert re.findall(r"^\S.*", rungsim("show", "random").out, re.MULTILINE) == [
        "scheduler random()",
        "searcher random(prior=None)",
    ]


def test_the_summary_names_every_trial_and_the_best_one(rungsim: Command, table: str, tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    said = facts(rungsim("run", table, "asha-promotion", "--max-trials", 20, "--budget", "3x", "--trace", path).out)
    trace = Trace.load(path, load(table))
    counts = re.fullmatch(
        r"20 \((\d+) completed, 0 stopped, (\d+) paused, (\d+) cut off at the end of the run\)", said["trials"]
    )
    assert counts is not None
    assert sum(map(int, counts.groups())) == 20
    results = trace.results()
    best = results.loc[results["error"].idxmin()]  # the first of them
    assert said["best error"] == f"{best.error:.6g}"
    assert said["seen in"] == f"trial {best.trial:.0f}, at {best.resource:.0f} epochs"
    row = int(best.config)
    params = trace.table.params(row)
    assert said["its configuration"] == f"{row} (rate = {params['rate']}, width = {params['width']})"
    assert said["asked to decide"] == f"{trace.summary()['reports']} times"


def test_the_summary_of_a_run_that_its_workers_or_its_target_end(rungsim: Command, table: str, tmp_path: Path) -> None:
    (tmp_path / "leaving.toml").write_text('plan = { "0.5x" = 0 }')
    said = facts(rungsim("run", table, "random", "--cluster", tmp_path / "leaving.toml").out)
    assert said["simulated time"].endswith(" s, and no worker was left")
    said = facts(rungsim("run", table, "random", "--target", 0.5).out)
    assert said["simulated time"].endswith(" s")
    assert said["trials"].endswith(" cut off at the end of the run)")
    assert said["asked to decide"] == "never: no trial was to report on its way"


def facts(text: str) -> dict[str, str]:
    """What `show` says, by label."""
    pairs = re.findall(r"^  (\S.*?)\s{2,}(\S.*)$", text, re.MULTILINE)
    return dict(pairs)


def test_show_describes_a_table(rungsim: Command, table: str) -> None:
    done = rungsim("show", table)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("small:first: made for tests\n")
    said = facts(done.out)
    assert said["configurations"] == "40"
    assert said["replicates"] == "2"
    assert said["resources"] == "9: 1 to 9 epochs"
    assert said["resumable"] == "yes"
    assert said["metrics"] == "error (min, fraction), accuracy (max, 1), test (min, 1)"
    assert said["scheduler sees"] == "error"
    assert said["incumbent scored by"] == "test"
    assert said["curves diverged"] == "2.5%"
    assert said["curves cut short"] == "0.0%"
    assert "rate, Type: UniformFloat" in done.out
    assert "narrow" in done.out
    box = small_table()
    frame = pd.DataFrame({r: box.metrics["error"][:, :, r - 1].mean(axis=1) for r in (1, 3, 9)})
    ranks = frame.fillna(9.9).rank()  # diverged is worst
    expected = ", ".join(f"{r}: {ranks[r].corr(ranks[9]):.2f}" for r in (1, 3))
    assert said["rank correlation"] == expected
    finals = pd.Series(box.metrics["error"][:, :, -1].ravel()).dropna()
    values = (finals.min(), finals.median(), finals.max())
    assert said["error at r_max"] == "best {:.4g}, median {:.4g}, worst {:.4g}".format(*values)
    assert f"mean full training {box.elapsed[:, :, -1].mean():.4g};" in said["seconds a curve"]


def test_show_another_metric_tells_best_and_worst_its_own_way(rungsim: Command, table: str) -> None:
    said = facts(rungsim("show", table, "--metric", "accuracy").out)
    best, worst = (float(re.search(f"{w} ([0-9.]+)", said["accuracy at r_max"])[1]) for w in ("best", "worst"))  # type: ignore[index]
    assert best > worst


@pytest.mark.parametrize("odd", ["diverged", "one configuration", "one resource", "cut short", "from scratch", "free"])
def test_show_odd_tables(rungsim: Command, tmp_path: Path, odd: str) -> None:
    box = small_table()
    metrics, elapsed, n = dict(box.metrics), box.elapsed, len(box)
    options: dict[str, Any] = {}
    if odd == "diverged":
        metrics = {name: values * float("nan") for name, values in metrics.items()}
    elif odd == "one configuration":
        n = 1
    elif odd == "one resource":
        metrics, elapsed = {name: values[:, :, :1] for name, values in metrics.items()}, elapsed[:, :, :1]
        options["resources"] = [5]
    elif odd == "cut short":
        missing = elapsed * 0 + [0, 0, 0, 0, 0, 0, float("nan"), float("nan"), float("nan")]
        metrics, elapsed = {name: values + missing for name, values in metrics.items()}, elapsed + missing
    elif odd == "from scratch":
        options |= {"resumable": False, "resources": [16, 23, 32, 45, 64, 91, 128, 181, 256], "resource_unit": "row"}
    elif odd == "free":
        elapsed = elapsed * 0
    options |= {
        "metrics": {name: values[:n] for name, values in metrics.items()},
        "elapsed": elapsed[:n],
        "configs": {name: column[:n] for name, column in box.columns.items()},
    }
    save(tmp_path / "odd.h5", [small_table(**options)])
    done = rungsim("show", tmp_path / "odd.h5")
    assert (done.code, done.err) == (0, "")
    said = facts(done.out)
    assert said["configurations"] == str(n)
    if odd in ("one configuration", "one resource", "cut short"):
        assert said["rank correlation"].startswith("none")
    if odd == "cut short":
        assert said["curves cut short"] == "100.0%"


def test_texts_of_a_file_cannot_control_the_terminal(
    rungsim: Command, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    evil = Blackbox(
        family="small\x1b]0;owned\x07",
        task="first",
        space=small_table().space,
        configs=small_table().columns,
        resources=small_table().resources,
        metrics={"er\x1bror": small_table().metrics["error"]},
        metric_info={"er\x1bror": Metric("min", "\x9bm")},
        elapsed=small_table().elapsed,
        resource_unit="epo\rch",
        description="one\nline \x1b[31mred [bold]markup[/bold] \u202eright to left",
    )
    monkeypatch.setattr("blackboxes.load", lambda name: evil)
    monkeypatch.setattr("simulator.study.run.load", lambda name: evil)
    for arguments in (("show", table), ("run", "evil", "random")):
        done = rungsim(*arguments)
        assert done.code == 0
        assert done.err == ""
        assert all(c.isprintable() or c == "\n" for c in done.out)
    assert r"one\nline \x1b[31mred [bold]markup[/bold] \u202eright to left" in rungsim("show", table).out


@pytest.mark.parametrize("spec", ["random", "asha-promotion(eta=2)", "median-stopping"])
def test_run_prints_the_digest_and_a_summary(rungsim: Command, table: str, spec: str) -> None:
    done = rungsim("run", table, spec, "--seed", 3, "--workers", 2, "--budget", "20s")
    trace = Simulation(small_table(), spec, seed=3, workers=2, budget="20s").run()
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == trace.digest()
    summary, said = trace.summary(), facts(done.out)
    assert said["best error"] == f"{summary['best']:.6g}"
    assert said["simulated time"] == "20.000 s"
    assert said["trials"].startswith(f"{summary['trials']} ({summary['completed']} completed")
    assert said["epochs"] == f"{summary['resource']:g}"
    assert said["table used up"] == "no"


def test_run_without_any_result_says_so(rungsim: Command, table: str) -> None:
    done = rungsim("run", table, "random", "--budget", "0.001x")
    assert (done.code, done.err) == (0, "")
    assert facts(done.out)["best error"] == "none"


def test_quiet_run_prints_only_the_digest(rungsim: Command, table: str) -> None:
    done = rungsim("run", table, "random", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"[0-9a-f]{64}\n", done.out)


def test_digest_depends_on_nothing_but_what_was_asked(family: Path, table: str) -> None:
    same = [
        process("run", table, "asha-stopping", "-q", PYTHONHASHSEED="0"),
        process("run", table, "asha-stopping", "-q", PYTHONHASHSEED="1"),
        process("run", f"{family.name}:first", "asha-stopping", "-q", cwd=family.parent),
    ]
    assert [done.code for done in same] == [0, 0, 0]
    assert len({done.out for done in same}) == 1


def test_trace_and_difference(rungsim: Command, table: str, tmp_path: Path) -> None:
    first, again, other = tmp_path / "new" / "first.trace", tmp_path / "again.trace", tmp_path / "other.trace"
    for path, seed in ((first, 0), (again, 0), (other, 1)):
        done = rungsim("run", table, "asha-promotion", "--seed", seed, "--trace", path)
        assert done.out.splitlines()[0] == Trace.load(path).digest()
    assert rungsim("trace", "diff", first, again) == Done(0, "equal\n", "")
    done = rungsim("trace", "diff", first, other)
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert lines[:2] == [f"- {first}", f"+ {other}"]
    assert lines[2:5] == ["they were made with another seed:", "  - seed: 0", "  + seed: 1"]
    assert lines[5].startswith("the traces differ from event 0 on")
    assert re.match(r"  -\s+0\.000000000  worker=0  trial=0  start", lines[-2])
    assert re.match(r"  \+\s+0\.000000000  worker=0  trial=0  start", lines[-1])


def test_a_difference_tells_what_the_runs_were_made_with(rungsim: Command, table: str, tmp_path: Path) -> None:
    one, two, same = (tmp_path / f"{name}.trace" for name in ("one", "two", "same"))
    rungsim("run", table, "random", "--budget", "1x", "--trace", one)
    rungsim("run", table, "hyperband", "--budget", "2x", "--workers", 2, "--max-trials", 5, "--trace", two)
    lines = rungsim("trace", "diff", one, two).out.splitlines()
    assert lines[2] == "they were made with another scheduler and workers and budget:"
    assert lines[7:9] == ["  - budget: {'time': '1x'}", "  + budget: {'time': '2x', 'trials': 5}"]
    rungsim("run", table, "random()", "--budget", "1x", "--trace", same)
    done = rungsim("trace", "diff", one, same)
    assert (done.code, done.out.splitlines()[0]) == (0, "equal, event by event, though made with another scheduler")


@pytest.mark.parametrize(
    "broken", ["simulator.study.parts.write_rows", "pandas.DataFrame.to_csv", "matplotlib.figure.Figure.savefig"]
)
def test_when_writing_fails_nothing_is_half_written(
    rungsim: Command, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device", "x.png")

    (tmp_path / "summary.csv").write_text("of an earlier comparison")
    monkeypatch.setattr(broken, fail)
    done = rungsim("compare", table, "--schedulers", "random", "--seeds", 2, "--jobs", 1, "--out", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: x.png: No space left on device\n"
    assert [path.name for path in tmp_path.iterdir()] == ["summary.csv"]
    assert (tmp_path / "summary.csv").read_text() == "of an earlier comparison"


def test_when_a_trace_cannot_be_written_nothing_is_left_of_it(
    rungsim: Command, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(30, "Read-only file system", "a.trace")

    path = tmp_path / "a.trace"
    path.write_text("of an earlier run")
    monkeypatch.setattr(Path, "replace", fail)
    done = rungsim("run", table, "random", "--trace", path)
    assert done == Done(2, "", "error: a.trace: Read-only file system\n")
    assert [p.name for p in tmp_path.iterdir()] == ["a.trace"]
    assert path.read_text() == "of an earlier run"


@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [(["--help"], ""), (["list"], ""), (["show", "TABLE"], ""), (["run", "TABLE", "random"], "1")],
)
def test_a_reader_that_has_seen_enough_is_no_error(table: str, arguments: list[str], unbuffered: str) -> None:
    """As in `rungsim show TABLE | head -1`, where head is sometimes quicker."""
    words = [str(SCRIPT), *(table if word == "TABLE" else word for word in arguments)]
    variables = environment(PYTHONUNBUFFERED=unbuffered)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables) as running:
        assert running.stdout is not None
        running.stdout.close()
        assert running.stderr is not None
        assert running.stderr.read() == b""
        assert running.wait() in (0, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        words = [str(SCRIPT), "list"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, env=environment(), text=True)
    assert done.returncode == 2
    assert re.fullmatch(r"error: .*No space left on device.*\n", done.stderr)


def test_names_that_the_terminal_cannot_show_are_escaped(tmp_path: Path) -> None:
    save(tmp_path / "t.h5", [small_table(description="λ→∞")])
    done = process("show", tmp_path / "t.h5", PYTHONIOENCODING="ascii")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(r"small:first: \u03bb\u2192\u221e")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("quiet", "bar"), [([], True), (["--quiet"], False)])
def test_progress_bar_on_a_terminal_unless_quiet(table: str, tmp_path: Path, quiet: list[str], bar: bool) -> None:
    words = ["compare", table, "--schedulers", "random", "--seeds", "3", "--jobs", "1", "--out", tmp_path, *quiet]
    done, seen = on_terminal(*words)
    assert done.code == 0
    assert (b"1 schedulers x 3 seeds" in seen) is bar
    assert bar or seen == b""
    assert "schedulers x" not in done.out


def test_no_progress_bar_when_piped_even_if_colours_are_forced(table: str, tmp_path: Path) -> None:
    done = process(
        *("compare", table, "--schedulers", "random", "--seeds", 2, "--jobs", 1, "--out", tmp_path),
        FORCE_COLOR="1",
        TTY_COMPATIBLE="1",
    )
    assert (done.code, done.err) == (0, "")

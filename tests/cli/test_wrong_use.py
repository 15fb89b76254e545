"""Wrong use: exit code 2, one clear line on stderr, nothing on stdout, nothing written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from calling import Done, process, small_table

from blackboxes import save

Command = Callable[..., Done]


def assert_refused(done: Done, *said: str) -> None:
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert done.err.endswith("\n")
    for words in said:
        assert words in done.err


def assert_usage_error(done: Done, *said: str) -> None:
    assert done.code == 2
    assert done.out == ""
    assert "Traceback" not in done.err
    last = done.err.rstrip().splitlines()[-1]
    assert last.startswith("Error: ")
    for words in said:
        assert words in last


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smal:first", "there is no table 'smal': did you mean small? (known: adversarial, "),
        ("small:frist", "has no task 'frist': did you mean first? (known: first, second)"),
        ("small", "name one of: first, second"),
        ("small:", "has no task ''"),
        ("zzz", "there is no table 'zzz': known: adversarial, "),
        ("", "there is no table ''"),
        ("no/such/file.h5", "no/such/file.h5: there is no such file"),
        ("nothere.h5:first", "nothere.h5:first: there is no such file"),
        ("evil\x1b[31m\nname", "there is no table"),
    ],
)
def test_unknown_table(rungsim: Command, name: str, said: str) -> None:
    for arguments in (("show", name), ("run", name, "random"), ("compare", name, "--out", "never")):
        assert_refused(rungsim(*arguments), said)
    assert not Path("never").exists()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("asha-stoping", "there is no scheduler 'asha-stoping': did you mean asha-stopping"),
        ("zzz", "known: asha-cost, asha-promotion, asha-stopping"),
        ("asha-stopping(eat=4)", "asha-stopping has no argument 'eat': did you mean eta? (known: eta, "),
        ("random(eta=4)", "random has no argument 'eta'"),
        ("asha-stopping(eta=1)", "eta = 1: the reduction factor must be a number above 1"),
        ("asha-stopping(eta=0.5)", "eta = 0.5"),
        ("hyperband(eta=-3)", "eta = -3"),
        ("hyperband(eta='x')", "eta = 'x'"),
        ("successive-halving(eta=True)", "eta = True"),
        ("asha-promotion(levels=[1,2.5])", "rung level 2.5 is not a resource of small:first; nearest: 2, 3"),
        ("asha-promotion(levels=[3,1])", "rung levels must increase"),
        ("asha-promotion(levels=3)", "levels = 3"),
        ("asha-promotion(levels=['a'])", "levels = ['a']"),
        ("asha-stopping(r_min=10)", "r_min = 10 must be above 0 and at most r_max = 9"),
        ("asha-stopping(r_min=0)", "r_min = 0"),
        ("asha-stopping(r_min='x')", "r_min = 'x'"),
        ("median-stopping(r_min=10)", "r_min = 10"),
        ("median-stopping(min_trials=0)", "min_trials = 0"),
        ("median-stopping(own='mean')", "own is"),
        ("hyperband(rounding='up')", "rounding is 'floor' or 'ceil', not 'up'"),
        ("successive-halving(n=0)", "n = 0"),
        ("asha-stopping(4)", "arguments are written name=value"),
        ("asha-stopping(eta=4)(r_min=3)", "arguments are written name=value"),
        ("asha-stopping(eta=4,eta=3)", "arguments are written name=value"),
        ("asha-stopping(eta=4", "write a name and arguments"),
        ("asha-stopping(eta=__import__('os'))", "arguments are written name=value"),
        ("clairvoyant(eta=3)", "clairvoyant is no scheduler but a bound"),
        ("clairvoyant+random", "clairvoyant is no scheduler but a bound"),
        ("", "write a name and arguments"),
        ("evil\x1b[31m\nname", r"evil\x1b[31m\nname"),
    ],
)
def test_wrong_scheduler(rungsim: Command, table: str, tmp_path: Path, spec: str, said: str) -> None:
    assert_refused(rungsim("run", table, spec, "--trace", tmp_path / "a.trace"), said)
    if spec:
        assert_refused(rungsim("compare", table, "--schedulers", f"random,{spec}", "--out", tmp_path / "out"), said)
    assert list(tmp_path.iterdir()) == []


def test_the_bound_where_there_is_none(rungsim: Command, table: str, tmp_path: Path) -> None:
    said = "clairvoyant is no scheduler but a bound for all of them; it stands among those of a comparison"
    assert_refused(rungsim("run", table, "clairvoyant", "--trace", tmp_path / "a.trace"), said)
    options = ["--schedulers", "random,clairvoyant", "--off-table", "surrogate", "--out", tmp_path / "out"]
    assert_refused(rungsim("compare", table, *options), "no bound is known for curves that are predicted")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--metric", "eror"], "small:first has no metric 'eror': did you mean error? (known: accuracy, error, test)"),
        (["--workers", "0"], "workers = 0: a whole number from 1"),
        (["--workers", "-1"], "workers = -1"),
        (["--workers", "99999999999"], "workers = 99999999999"),
        (["--budget", "-3x"], "budget '-3x': a positive number and a unit are needed: 10x"),
        (["--budget", "10"], "budget '10'"),
        (["--budget", "nan"], "budget 'nan'"),
        (["--budget", "inf"], "budget 'inf'"),
        (["--budget", "0s"], "budget '0s'"),
        (["--budget", ""], "budget ''"),
        (["--budget", "3 parsecs"], "budget '3 parsecs'"),
        (["--max-trials", "0"], "trials"),
        (["--max-trials", "-5"], "trials"),
        (["--max-resource", "0"], "resource"),
        (["--max-resource", "nan"], "resource"),
        (["--target", "nan"], "target"),
    ],
)
def test_argument_out_of_range(rungsim: Command, table: str, tmp_path: Path, options: list[str], said: str) -> None:
    assert_refused(rungsim("run", table, "random", *options, "--trace", tmp_path / "a.trace"), said)
    assert_refused(rungsim("compare", table, *options, "--out", tmp_path / "out"), said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seeds", "0"], "--seeds 0: at least one seed is needed"),
        (["--seeds", "-1"], "--seeds -1"),
        (["--jobs", "0"], "--jobs 0: a number of processes from 1, or -1 for all cores, is needed"),
        (["--jobs", "-2"], "--jobs -2"),
        (["--schedulers", ""], "--schedulers '': at least one scheduler is needed"),
        (["--schedulers", " ,, "], "at least one scheduler is needed"),
        (["--score", "loss"], "score is one of reported, test, mean, not 'loss'"),
        (["--x", "money"], "x is one of time, trainings, resource, cost, not 'money'"),
        (["--x", "cost"], "--x cost: workers have no price; give them one: --cluster 'spot(price=0.9)', for an hour"),
        (["--x", "cost", "--cluster", "stragglers"], "--x cost: workers have no price"),
    ],
)
def test_comparison_of_nothing(rungsim: Command, table: str, tmp_path: Path, options: list[str], said: str) -> None:
    assert_refused(rungsim("compare", table, *options, "--out", tmp_path / "out"), said)
    assert list(tmp_path.iterdir()) == []


def test_score_by_a_test_metric_that_the_table_does_not_have(rungsim: Command, family: Path, tmp_path: Path) -> None:
    done = rungsim("compare", f"{family}:second", "--score", "test", "--out", tmp_path / "out")
    assert_refused(done, "small.h5:second has no test metric")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("seed", "said"), [("-1", "seed = -1"), (str(2**64), f"seed = {2**64}")])
def test_seed_out_of_range(rungsim: Command, table: str, seed: str, said: str) -> None:
    assert_refused(rungsim("run", table, "random", "--seed", seed), said)


def damaged(path: Path, how: str) -> None:
    """Something that is no table, under a table's name."""
    save(path, [small_table()])
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("not HDF5\n")
    elif how == "foreign":
        import h5py

        with h5py.File(path, "w") as file:
            file["weights"] = [1.0, 2.0]


@pytest.mark.parametrize("how", ["truncated", "empty", "text", "foreign"])
def test_damaged_or_foreign_file(rungsim: Command, tmp_path: Path, how: str) -> None:
    path = tmp_path / "mine.h5"
    damaged(path, how)
    for arguments in (("show", path), ("run", path, "random"), ("compare", path, "--out", tmp_path / "out")):
        assert_refused(rungsim(*arguments), "mine.h5")
    assert not (tmp_path / "out").exists()


def test_folder_instead_of_a_file(rungsim: Command, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("--hyperparameters", "a", "--resource", "r", "--elapsed", "e", "--metric", "m=min")
    for words in (("show", tmp_path), ("run", tmp_path, "random"), ("check", "."), ("import", "long", ".", *names)):
        assert_refused(rungsim(*words), "it is a folder, a file is needed")
    assert_refused(rungsim("trace", "show", "."), ".: cannot be read as a trace: it is a folder, a file is needed")


@pytest.mark.usefixtures("shipped")
def test_check_of_a_table_by_its_name(rungsim: Command) -> None:
    assert rungsim("check", "small:second").out.startswith("second: 40 configurations")
    assert [line[0] for line in rungsim("check", "small").out.splitlines() if line[0] != " "] == ["f", "s"]
    assert_refused(rungsim("check", "power-law"), "power-law: a synthetic table is in no file that could be checked")


def test_a_relative_path_tells_where_it_was_looked_up(
    rungsim: Command, table: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    where = f"there is no such file (looked up from {tmp_path}: start rungsim elsewhere, or give an absolute path)"
    assert_refused(rungsim("run", table, "mine.py:Mine"), f"scheduler mine.py:Mine: {where}")
    assert_refused(rungsim("run", table, "random", "--cluster", "mine.toml"), f"cluster mine.toml: {where}")
    assert_refused(rungsim("show", "logs.h5"), f"logs.h5: {where}")
    done = rungsim("show", tmp_path / "logs.h5")
    assert done.err == f"error: {tmp_path / 'logs.h5'}: there is no such file\n"


def test_every_mistake_of_a_clusters_file_is_a_line(rungsim: Command, table: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('start = "5 parsecs"\n\nretires = 3\nspeeds = [0]\nprice = 0.9\nplan."1h" = -1\n')
    done = rungsim("run", table, "random", "--cluster", path)
    assert (done.code, done.out) == (2, "")
    begins = [
        f"{path}:1: start",
        f"{path}:3: a cluster has no",
        f"{path}:4: speeds",
        f"{path}: plan: workers from 1h on",
    ]
    for line, begin in zip(done.err.splitlines(), begins, strict=True):
        assert line.startswith(f"error: cluster {begin}")


def test_what_cannot_be_written_is_called_as_the_user_did(
    rungsim: Command, table: str, tmp_path: Path, monkeypatch: Any
) -> None:
    logs = tmp_path / "logs.csv"
    logs.write_text("lr,e,s,m\n1,1,1,0.5\n")
    names = ("--hyperparameters", "lr", "--resource", "e", "--elapsed", "s", "--metric", "m=min")

    def refuse(path: str, *args: Any) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.mkdir", refuse)  # of a temporary folder
    done = rungsim("import", "long", logs, *names, "--out", tmp_path / "mine.h5")
    assert_refused(done, f"error: {tmp_path / 'mine.h5'}: Permission denied")
    monkeypatch.setattr("pathlib.Path.write_text", lambda path, *args, **options: refuse(str(path)))
    done = rungsim("run", table, "random", "--trace", tmp_path / "a.trace")
    assert_refused(done, f"error: {tmp_path / 'a.trace'}: Permission denied")


OWN = """
from simulator import STOP, Scheduler, Start

class Mine(Scheduler):
    def __init__(self, late=7):
        self.late = 1 // late * late
    def setup(self, context):
        self.searcher, self.asked = context.searcher(), 0
    def next_job(self):
        return Start(self.searcher.propose(), until=1)
    def on_report(self, trial, resource, value):
        self.asked += 1
        return self.broken() if self.asked == 7 else STOP
    def broken(self):
        return {}["oops"]
"""


def test_an_error_of_ones_own_scheduler_shows_its_own_code(rungsim: Command, table: str, tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(OWN.replace("1 // late * late", "late"))
    here = ("--jobs", 1, "--seeds", 1, "--out", tmp_path / "out")
    for words in (
        ("run", table, f"{path}:Mine", "--seed", 3),
        ("compare", table, "--schedulers", f"{path}:Mine", *here),
    ):
        done = rungsim(*words)
        lines = done.err[done.err.index("Traceback") :].splitlines()
        assert (done.code, done.out) == (1, "")
        assert [line.split(", ")[2] for line in lines if line.startswith("  File")] == ["in on_report", "in broken"]
        assert lines[-2] == "KeyError: 'oops'"
        seed = 3 if words[0] == "run" else 0
        note = rf"raised by {path}:Mine on small:first, seed {seed}: on_report at \d+\.\d{{9}} s, trial \d+ "
        assert re.fullmatch(note + r"\(configuration \d+\) at resource 1", lines[-1])
    path.write_text(OWN)
    done = rungsim("run", table, f"{path}:Mine(late=0)")
    assert (done.code, done.err.splitlines()[-1]) == (1, f"raised by {path}:Mine(late=0): __init__")


def test_output_in_a_place_that_cannot_be_one(rungsim: Command, table: str, tmp_path: Path, monkeypatch: Any) -> None:
    """It is refused before anything runs."""
    monkeypatch.setattr("simulator.study.execution.row_and_trace", lambda run: pytest.fail("it ran"))
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below"):
        assert_refused(rungsim("compare", table, "--jobs", "1", "--out", out), str(file))
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_output_folder_that_cannot_be_written_to(
    rungsim: Command, table: str, tmp_path: Path, monkeypatch: Any
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "tmpx"))

    monkeypatch.setattr("simulator.study.execution.row_and_trace", lambda run: pytest.fail("it ran"))
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    done = rungsim("compare", table, "--jobs", "1", "--out", tmp_path)
    assert_refused(done, f"error: {tmp_path}: Permission denied")


@pytest.mark.parametrize("trace", ["", ".", "folder"])
def test_trace_that_is_a_folder(rungsim: Command, table: str, tmp_path: Path, monkeypatch: Any, trace: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    assert_refused(rungsim("run", table, "random", "--trace", trace), "is a folder, the name of a file is needed")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_trace_below_a_file(rungsim: Command, table: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert_refused(rungsim("run", table, "random", "--trace", tmp_path / "file" / "a.trace"), str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


def test_difference_to_a_missing_or_damaged_trace(rungsim: Command, table: str, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.trace", tmp_path / "bad.trace"
    assert rungsim("run", table, "random", "--trace", good).code == 0
    assert_refused(rungsim("trace", "diff", good, bad), str(bad))
    for content in (b"", b"hello\n", b"\xff\xfe\x00", good.read_bytes()[:500], good.read_bytes() + b"nonsense\n"):
        bad.write_bytes(content)
        assert_refused(rungsim("trace", "diff", good, bad), str(bad))
        assert_refused(rungsim("trace", "diff", bad, good), str(bad))
    assert_refused(rungsim("trace", "diff", good, tmp_path), str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["comparee"], "comparee"),
        (["trace", "dif"], "dif"),
        (["run", "--sede", "1"], "--sede"),
        (["show"], "TABLE"),
        (["run", "small"], "SCHEDULER"),
        (["run", "small", "random", "too many"], "too many"),
        (["run", "small", "random", "--workers", "four"], "--workers"),
        (["compare", "small", "--seeds", "2.5"], "--seeds"),
        (["run", "small", "random", "--budget"], "--budget"),
        (["trace", "diff", "one"], "B"),
    ],
)
def test_unknown_or_missing_words(rungsim: Command, arguments: list[str], said: str) -> None:
    assert_usage_error(rungsim(*arguments), said)


def test_exit_codes_of_the_real_script(table: str) -> None:
    assert_refused(process("run", table, "zzz"), "there is no scheduler 'zzz'")
    assert_usage_error(process("run", table, "random", "--sede", "1"), "--sede")

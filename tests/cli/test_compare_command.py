"""What `rungsim compare` prints and writes when all goes well."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from calling import Done, small_table

from analysis import load_runs, summarise
from blackboxes import save
from simulator import Simulation
from simulator.cli.comparison import print_comparison

Command = Callable[..., Done]
SIX = ["random", "successive-halving", "hyperband", "asha-stopping", "asha-promotion", "median-stopping"]


def test_comparison_writes_its_three_files(rungsim: Command, table: str, tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    done = rungsim("compare", table, "--seeds", 3, "--budget", "5x", "--jobs", 1, "--out", out)
    assert (done.code, done.err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["anytime.png", "runs.parquet", "summary.csv"]
    assert (out / "anytime.png").read_bytes().startswith(b"\x89PNG\r\n")
    runs = load_runs(out)
    assert list(zip(runs["scheduler"], runs["seed"], strict=True)) == [(s, seed) for s in SIX for seed in range(3)]
    for row in runs.itertuples():
        trace = Simulation(small_table(), row.scheduler, seed=row.seed, budget="5x").run()
        assert row.digest == trace.digest()
    summary = summarise(runs)
    assert (out / "summary.csv").read_text() == summary.to_csv(index=False)
    assert done.out.splitlines()[-3:] == [str(out / n) for n in ("runs.parquet", "summary.csv", "anytime.png")]
    for line in summary.itertuples():
        assert re.search(rf"│ {line.scheduler} +│ +{line.final:.4g} \({line.final_q1:.4g} to ", done.out)
    assert max(map(len, done.out.splitlines()[:-3])) <= 110  # narrower than a page


def test_comparison_on_a_cluster_tells_where_the_time_of_the_workers_went_and_what_they_cost(
    rungsim: Command, table: str, tmp_path: Path
) -> None:
    cluster = "spot(price=2)"
    options = ("--seeds", 2, "--budget", "5x", "--jobs", 1, "--cluster", cluster, "--x", "cost", "--out", tmp_path)
    done = rungsim("compare", table, "--schedulers", "hyperband(overlap=False),asha-stopping,clairvoyant", *options)
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "anytime.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert "4 workers, cluster spot(price=2)" in done.out
    heads = re.findall(r"[a-z][a-z ]+[a-z]", next(line for line in done.out.splitlines() if "┃ scheduler" in line))
    assert heads[-7:] == ["useful", "repeated", "stopped", "barrier", "no work", "overhead", "cost"]
    assert "idle" not in heads
    for line in summarise(load_runs(tmp_path)).itertuples():
        assert line.cluster == cluster
        cells = re.findall(rf"│ {re.escape(line.scheduler)} .*", done.out)[0].split("│")[-8:-1]
        shares = (line.share_useful, line.share_repeated, line.share_stopped, line.share_barrier)
        shares += (line.share_no_work, line.share_overhead)
        known = ["-" if share != share else f"{share:.1%}" for share in shares]
        assert [cell.strip() for cell in cells] == [*known, f"{line.cost:.4g}"]
    assert "shares are of the workers' time" in " ".join(done.out.split())


THEIRS = """
from simulator.schedulers.random import RandomSearch

class Theirs(RandomSearch):
    library = "theirs 1.2"
"""


def test_comparison_with_a_scheduler_of_another_library_tells_whose_code_decided(
    rungsim: Command, table: str, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text(THEIRS)
    theirs = f"{tmp_path / 'a.py'}:Theirs"
    options = ("--seeds", 2, "--jobs", 1, "--out", tmp_path, "--schedulers")
    done = rungsim("compare", table, *options, f"random,{theirs},clairvoyant")
    assert (done.code, done.err) == (0, "")
    lines = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in done.out.splitlines()]
    assert next(cells[:2] for cells in lines if cells and cells[0] == "scheduler") == ["scheduler", "decided by"]
    told = {line.scheduler: line.decided_by for line in summarise(load_runs(tmp_path)).itertuples()}
    assert told == {"random": "rungsim", theirs: "theirs 1.2", "clairvoyant": "rungsim"}
    assert [cells[1] for cells in lines if len(cells) > 1 and cells[1]] == ["decided by", *told.values()]
    assert "decided by" not in rungsim("compare", table, *options, "random").out


def test_comparison_prints_long_names_in_full(rungsim: Command, table: str, tmp_path: Path) -> None:
    specs = [f"asha-stopping(eta=2.{'0' * 200}{digit})" for digit in "12"]
    options = ("--seeds", 1, "--jobs", 1, "--out", tmp_path, "--schedulers")
    done = rungsim("compare", table, *options, ",".join(specs))
    assert (done.code, done.err) == (0, "")
    first = [line.split("│")[1].strip() for line in done.out.splitlines() if line.startswith("│")]
    assert "".join(first) == "".join(specs)


def test_comparison_cuts_no_number_however_narrow_the_terminal_is(
    rungsim: Command, table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "random,hyperband(eta=4,rounding='ceil',anchor='r_max',overlap=False),asha-stopping(levels=[1,3,9],eta=2)"
    options = ("--seeds", 2, "--budget", "3x", "--jobs", 1, "--cluster", "spot(price=0.9)", "--out", tmp_path)
    every = columns_of(rungsim("compare", table, "--schedulers", names, *options).out)
    assert len(every) == 13
    runs = load_runs(tmp_path)
    for width in (40, 60, 80, 120, 200):
        print_comparison(summarise(runs), runs.to_dict("records")[0], width)
        said = capsys.readouterr().out
        assert max(map(len, said.splitlines())) <= max(width, 60)
        shown = columns_of(said)
        assert [column for column in every if column in shown] == shown  # each as it is, or left out
        assert (shown == every) == ("no room for" not in " ".join(said.split())) == (width == 200)
        assert width < 80 or any(column.startswith("to5%") for column in shown)


def columns_of(printed: str) -> list[str]:
    """What stands in each column of a table, without spaces."""
    lines = [re.split("[│┃]", line)[1:-1] for line in printed.splitlines() if line.startswith(("│", "┃"))]
    return ["".join("".join(column).split()) for column in zip(*lines, strict=True)]


@pytest.mark.parametrize("others", [True, False])
def test_comparison_tells_what_is_of_earlier_runs(rungsim: Command, table: str, tmp_path: Path, others: bool) -> None:
    def compared(seeds: int) -> Done:
        options = ("--schedulers", "random,hyperband", "--budget", "3x", "-q", "--jobs", 1, "--out", tmp_path)
        return rungsim("compare", table, "--seeds", seeds, *options)

    assert compared(2).err == ""
    (tmp_path / "report.html").write_text("of two seeds")
    (tmp_path / "tables").mkdir()
    said = f"note: not of these runs but of earlier ones: {tmp_path / 'report.html'}, {tmp_path / 'tables'}\n"
    assert compared(2 + others).err == said * others
    assert (tmp_path / "report.html").read_text() == "of two seeds"


def test_quiet_comparison_prints_only_the_paths(rungsim: Command, table: str, tmp_path: Path) -> None:
    done = rungsim("compare", table, "--schedulers", "random", "--seeds", 1, "-q", "--jobs", 1, "--out", tmp_path)
    assert done == Done(0, "".join(f"{tmp_path / n}\n" for n in ("runs.parquet", "summary.csv", "anytime.png")), "")


def test_comparison_of_hostile_names_shows_them_as_text(rungsim: Command, table: str, tmp_path: Path) -> None:
    specs = "random,asha-stopping( eta = 3 ),median-stopping(own='best'),hyperband(anchor=\"r_max\")"
    done = rungsim("compare", table, "--schedulers", specs, "--seeds", 1, "--jobs", 1, "--out", tmp_path)
    assert (done.code, done.err) == (0, "")
    for spec in ("asha-stopping( eta = 3 )", "median-stopping(own='best')", 'hyperband(anchor="r_max")'):
        assert spec in done.out
    assert load_runs(tmp_path)["scheduler"].tolist()[2] == "median-stopping(own='best')"


@pytest.mark.parametrize(
    ("names", "score"),
    [("clairvoyant,random", "reported"), ("clairvoyant", "regret"), ("clairvoyant,random", "test")],
)
def test_comparison_with_the_bound(rungsim: Command, table: str, tmp_path: Path, names: str, score: str) -> None:
    option = "--scale" if score == "regret" else "--score"
    options = ["--schedulers", names, "--seeds", 2, "--jobs", 1, option, score, "--out", tmp_path]
    done = rungsim("compare", table, *options)
    assert (done.code, done.err) == (0, "")
    best = small_table().best("error")
    [line] = [line for line in done.out.splitlines() if line.startswith("│ clairvoyant (bound) ")]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells[1] == f"{best:.4g} ({best:.4g} to {best:.4g})"
    assert cells[-2:] == ["-", "-"]  # nothing was run
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert summary["scheduler"].tolist() == names.split(",")
    runs = load_runs(tmp_path)
    assert runs["digest"].isna().tolist() == [name == "clairvoyant" for name in names.split(",") for _ in range(2)]
    assert (tmp_path / "anytime.png").stat().st_size > 10_000


@pytest.mark.parametrize("metric", ["error", "accuracy", "test"])
def test_comparison_of_runs_without_any_result(rungsim: Command, tmp_path: Path, metric: str) -> None:
    nothing = {name: values * float("nan") for name, values in small_table().metrics.items()}
    save(tmp_path / "nothing.h5", [small_table(metrics=nothing)])
    done = rungsim("compare", tmp_path / "nothing.h5", "--metric", metric, "--seeds", 2, "--jobs", 1, "--out", tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "none (none to none)" in done.out
    assert load_runs(tmp_path)["best"].isna().all()

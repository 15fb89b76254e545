"""`rungsim report` and `tables`, from the runs of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from calling import Done

Command = Callable[..., Done]


@pytest.fixture
def compared(rungsim: Command, table: str, tmp_path: Path) -> Path:
    """The folder of a small comparison."""
    options = ("--schedulers", "asha-stopping,random", "--seeds", 3, "--budget", "3x", "--jobs", 1, "-q")
    assert rungsim("compare", table, *options, "--out", tmp_path / "out").code == 0
    return tmp_path / "out"


@pytest.mark.parametrize("command", ["report", "tables"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_ends_with_examples(rungsim: Command, command: str, option: str) -> None:
    done = rungsim(command, option)
    assert (done.code, done.err) == (0, "")
    examples = done.out.split("Examples:\n")[1].splitlines()
    assert all(line.strip().startswith(f"rungsim {command} out/demo") for line in examples)


def test_report_is_written_into_the_folder_and_its_path_is_printed(rungsim: Command, compared: Path) -> None:
    done = rungsim("report", compared)
    assert done == Done(0, f"{compared / 'report.html'}\n", "")
    page = (compared / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "2 schedulers on small:first" in page
    assert len(page) < 5e6
    assert {path.name for path in compared.iterdir()} == {"anytime.png", "report.html", "runs.parquet", "summary.csv"}


def test_report_goes_where_it_is_asked_to_and_is_the_same_again(
    rungsim: Command, compared: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "new" / "a.html", tmp_path / "b.html"
    options = ("--replay", 1, "--baseline", "asha-stopping", "--out")
    assert rungsim("report", compared, *options, first).code == 0
    assert rungsim("report", compared / "runs.parquet", *options, second) == Done(0, f"{second}\n", "")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--replay", "9"], "there is no run with the seed 9: known: 0, 1, 2"),
        (["--baseline", "hyperband"], "there is no run of the baseline 'hyperband': known: asha-stopping, random"),
        (["--out", "."], "--out '.' is a folder, the name of a file is needed"),
    ],
)
def test_wrong_use_of_report(rungsim: Command, compared: Path, arguments: list[str], said: str) -> None:
    done = rungsim("report", compared, *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {said}\n"
    assert not (compared / "report.html").exists()


@pytest.mark.parametrize("command", ["report", "tables"])
def test_the_bound_alone_is_an_error(rungsim: Command, table: str, tmp_path: Path, command: str) -> None:
    options = ("--schedulers", "clairvoyant", "--seeds", 2, "--budget", "1x", "--jobs", 1, "-q", "--out", tmp_path)
    assert rungsim("compare", table, *options).code == 0
    done = rungsim(command, tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: there is no run of a scheduler")


@pytest.mark.parametrize("command", ["report", "tables"])
def test_a_folder_without_runs_is_an_error(rungsim: Command, tmp_path: Path, command: str) -> None:
    done = rungsim(command, tmp_path)
    assert (done.code, done.err) == (2, f"error: {tmp_path / 'runs.parquet'}: there is no such file\n")
    assert not list(tmp_path.iterdir())


def test_report_of_half_a_comparison_says_what_is_left_out(rungsim: Command, compared: Path) -> None:
    runs = pd.read_parquet(compared / "runs.parquet")
    runs.iloc[:-1].to_parquet(compared / "runs.parquet")
    assert rungsim("report", compared).code == 0
    page = (compared / "report.html").read_text(encoding="utf-8")
    assert "1 of 5 runs are left out: not every scheduler has their seed." in page


def test_tables_are_written_in_three_forms(rungsim: Command, compared: Path) -> None:
    done = rungsim("tables", compared)
    paths = [
        compared / "tables" / f"{name}.{ending}" for name in ("regret", "speed") for ending in ("csv", "md", "tex")
    ]
    assert done == Done(0, "".join(f"{path}\n" for path in paths), "")
    regret = pd.read_csv(paths[0])
    assert regret.columns.tolist() == [
        *("scheduler", "regret", "regret_lower", "regret_upper"),
        *("rank", "rank_lower", "rank_upper"),
    ]
    assert regret["scheduler"].tolist() == ["asha-stopping", "random"]
    assert (regret["regret"].between(regret["regret_lower"], regret["regret_upper"])).all()
    assert r"\toprule" in paths[2].read_text(encoding="utf-8")
    speed = pd.read_csv(paths[3])
    assert speed["times sooner than random"].tolist()[1] == 1.0


def test_tables_of_another_score_incumbent_and_target(rungsim: Command, compared: Path, tmp_path: Path) -> None:
    options = ("--score", "test", "--incumbent", "charged", "--target", 0.3, "--x", "resource", "--out", tmp_path / "t")
    assert rungsim("tables", compared, *options).code == 0
    caption = (tmp_path / "t" / "speed.md").read_text(encoding="utf-8")
    assert "in the test metric of the incumbent, trained to the end: 0.3" in caption
    assert "trained in all" in caption
    done = rungsim("tables", compared, "--score", "best")
    assert (done.code, done.err) == (2, "error: score is one of reported, test, mean, not 'best'\n")

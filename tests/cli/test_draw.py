"""`rungsim draw`: every picture, as files of each kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calling import Done

from simulator.cli.pictures import OF_RUNS, OF_TABLES, OF_TRACES

Command = Callable[..., Done]
BEGINS = {".png": b"\x89PNG\r\n", ".svg": b"<?xml", ".pdf": b"%PDF"}
SCHEDULERS = "asha-stopping,random,hyperband"


@pytest.fixture
def compared(rungsim: Command, table: str, tmp_path: Path) -> Path:
    """The folder of a small comparison."""
    options = ("--schedulers", SCHEDULERS, "--seeds", 3, "--budget", "3x", "--jobs", 1, "-q", "--out", tmp_path / "out")
    assert rungsim("compare", table, *options).code == 0
    return tmp_path / "out"


@pytest.fixture
def trace(rungsim: Command, table: str, tmp_path: Path) -> Path:
    assert rungsim("run", table, "asha-promotion", "--budget", "3x", "--trace", tmp_path / "a.trace").code == 0
    return tmp_path / "a.trace"


def test_pictures_of_a_comparison(rungsim: Command, compared: Path, tmp_path: Path) -> None:
    for picture, ending in zip(OF_RUNS, [".svg", ".png", ".pdf"] * 3, strict=False):
        path = tmp_path / "new" / f"{picture}{ending}"
        more = ("--of", "random", "--of", "hyperband") if picture == "seeds" else ()
        assert rungsim("draw", picture, compared, *more, "--out", path) == Done(0, f"{path}\n", "")
        assert path.read_bytes().startswith(BEGINS[ending])


@pytest.mark.parametrize("picture", OF_TRACES)
def test_pictures_of_a_trace(rungsim: Command, trace: Path, table: str, tmp_path: Path, picture: str) -> None:
    path = tmp_path / "p.svg"
    assert rungsim("draw", picture, trace, "--table", table, "--out", path) == Done(0, f"{path}\n", "")
    assert path.read_bytes().startswith(BEGINS[".svg"])


@pytest.mark.parametrize("picture", OF_TABLES)
def test_pictures_of_a_table(
    rungsim: Command, table: str, tmp_path: Path, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert rungsim("draw", picture, table) == Done(0, f"{picture}.png\n", "")
    first = Path(f"{picture}.png").read_bytes()
    assert first.startswith(BEGINS[".png"])
    assert rungsim("draw", picture, table, "--out", "again.png").code == 0
    assert Path("again.png").read_bytes() == first


def test_options_choose_what_is_drawn(rungsim: Command, compared: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    options = ("--score", "test", "--scale", "regret", "--incumbent", "charged", "--x", "trainings", "--out", path)
    assert rungsim("draw", "anytime", compared, *options).code == 0
    text = path.read_text(encoding="utf-8")
    assert "regret of test of the incumbent," in text
    assert "simulated time (mean full trainings)" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pie"], "there is no picture 'pie': known: anytime, ranks, critical-difference, "),
        (["ranks", "--out", "a.jpg"], "--out 'a.jpg': the name ends in .svg, .png or .pdf"),
        (["seeds"], "the picture of seeds compares two schedulers: --of A --of B"),
        (["seeds", "--of", "random", "--of", "none"], "there is no run of 'none': known: asha-stopping, "),
        (["anytime", "--x", "cost"], "it was run on no cluster, so that workers have no price"),
    ],
)
def test_wrong_use(rungsim: Command, compared: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = rungsim("draw", arguments[0], compared, *arguments[1:])
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert said in done.err


@pytest.mark.parametrize(
    ("picture", "said"), [("ranks", "there is no such file"), ("workers", "none.trace"), ("runtimes", "none.trace")]
)
def test_a_source_that_is_missing_is_an_error(rungsim: Command, tmp_path: Path, picture: str, said: str) -> None:
    done = rungsim("draw", picture, tmp_path / "none.trace")
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.usefixtures("shipped")
def test_a_folder_with_the_name_of_a_table_is_not_in_its_way(
    rungsim: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small:first").mkdir()
    assert rungsim("draw", "runtimes", "small:first", "--out", "a.svg").code == 0


@pytest.mark.parametrize(
    ("picture", "source", "said"),
    [
        ("anytime", "TRACE", "the picture 'anytime' needs runs (the folder of rungsim compare or study), and "),
        ("anytime", "TABLE", "is a table"),
        ("workers", "RUNS", "the picture 'workers' needs a trace (rungsim run --trace), and "),
        ("workers", "EMPTY", "is a folder without runs"),
        ("runtimes", "RUNS", "the picture 'runtimes' needs a table (family:task, or the path of a file), and "),
        ("runtimes", "TRACE", "is a trace"),
    ],
)
def test_a_source_of_another_kind_is_named(
    rungsim: Command, compared: Path, trace: Path, family: Path, tmp_path: Path, picture: str, source: str, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    sources = {"RUNS": compared, "TRACE": trace, "TABLE": family, "EMPTY": tmp_path / "empty"}
    done = rungsim("draw", picture, sources[source])
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert said in done.err

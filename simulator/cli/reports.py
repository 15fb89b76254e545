"""`rungsim report` and `tables`: what a comparison shows, from the runs that it kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.options import Incumbent, Quiet, RegretTarget, Score, X, examples
from simulator.cli.output import check_file, progress_bar
from simulator.cli.sources import RUNS, check_kind

app = typer.Typer()

Runs = Annotated[Path, typer.Argument(help="The folder of a comparison, or its runs.parquet.", metavar="DIR")]
Baseline = Annotated[
    str | None, typer.Option(help="The scheduler that speed-ups refer to; random, or else the first, if left out.")
]


@app.command(
    epilog=examples(
        "rungsim report out/demo",
        "rungsim report out/demo --replay 7 --baseline hyperband --out seven.html",
    )
)
def report(
    runs: Runs,
    out: Annotated[
        Path | None, typer.Option(help="The page to write; report.html in the folder of the runs if left out.")
    ] = None,
    baseline: Baseline = None,
    replay: Annotated[
        int | None, typer.Option(help="The seed whose runs can be replayed; the most typical one if left out.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make one self-contained page of a comparison: finding, curves, ranks, tables, and runs to replay."""
    from analysis import load_runs
    from analysis.report import contents, replays, write_report

    check_kind(runs, RUNS, "a report")
    found = load_runs(runs)
    path = out or _folder(runs) / "report.html"
    check_file("--out", path)
    with progress_bar("report", found["scheduler"].nunique() + 2, quiet) as advance:
        traces, left_off = replays(found, replay, advance)
        page = contents(found, baseline, traces, left_off)
        advance()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_report(page, path)
        advance()
    print(path)


@app.command(
    epilog=examples(
        "rungsim tables out/demo",
        "rungsim tables out/demo --score test --incumbent charged --target 0.01 --out paper",
    )
)
def tables(
    runs: Runs,
    score: Score = "reported",
    incumbent: Incumbent = "best",
    x: X = "trainings",
    target: RegretTarget = 0.05,
    baseline: Baseline = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for them; tables in the folder of the runs if left out.")
    ] = None,
) -> None:
    """Write tables for a paper, as CSV, Markdown and LaTeX: regret by task, and times to a target."""
    from analysis import complete, curves, load_runs, regret_table, speed_table
    from analysis.runs import usual_baseline
    from simulator.errors import SimulationError

    check_kind(runs, RUNS, "a table for a paper")
    some = curves(complete(load_runs(runs)), score, "normalised", incumbent, x)  # type: ignore[arg-type]
    made = {
        "regret": regret_table(some),
        "speed": speed_table(some, target, baseline or usual_baseline(list(some.schedulers))),
    }
    folder = out or _folder(runs) / "tables"
    if folder.exists() and not folder.is_dir():
        raise SimulationError(f"--out {str(folder)!r} is a file, a folder is needed")
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in made.items():
        for path in table.write(folder, name):
            print(path)


def _folder(runs: Path) -> Path:
    return runs if runs.is_dir() else runs.parent

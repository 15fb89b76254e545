"""`rungsim report` and `figures`: what a comparison shows, from the runs that it kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.options import Quiet, examples
from simulator.cli.output import progress_bar

app = typer.Typer()

Runs = Annotated[Path, typer.Argument(help="The folder of a comparison, or its runs.parquet.", metavar="DIR")]


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
    baseline: Annotated[
        str | None, typer.Option(help="The scheduler that speed-ups refer to; random, or else the first.")
    ] = None,
    replay: Annotated[
        int | None, typer.Option(help="The seed whose runs can be replayed; the most typical one if left out.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make one self-contained page of a comparison: finding, curves, ranks, tables, and runs to replay."""
    from analysis import load_runs
    from analysis.report import contents, replays, write_report
    from simulator.errors import SimulationError

    found = load_runs(runs)
    path = out or (runs if runs.is_dir() else runs.parent) / "report.html"
    if path.is_dir():
        raise SimulationError(f"--out {str(path)!r} is a folder, the name of a file is needed")
    with progress_bar("report", found["scheduler"].nunique() + 2, quiet) as advance:
        traces, left_off = replays(found, replay, advance)
        page = contents(found, baseline, traces, left_off)
        advance()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_report(page, path)
        advance()
    print(path)

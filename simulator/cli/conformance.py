"""`rungsim check-scheduler`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.options import Quiet, examples
from simulator.cli.output import plain, progress_bar

if TYPE_CHECKING:
    from simulator.conformance import Report

app = typer.Typer()


@app.command(
    "check-scheduler",
    epilog=examples(
        "rungsim check-scheduler my_file.py:MyScheduler",
        'rungsim check-scheduler "asha-stopping(eta=4)"',
        "rungsim check-scheduler my_file.py:MyScheduler --scenarios ties,one-worker",
    ),
)
def check_scheduler(
    scheduler: Annotated[
        str,
        typer.Argument(
            help="A scheduler, with arguments in parentheses; your own: my_file.py:MyScheduler.", metavar="SCHEDULER"
        ),
    ],
    scenarios: Annotated[
        str | None, typer.Option(help="Only these, separated by commas; all if left out.", metavar="NAMES")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Put a scheduler through hard scenarios: a table of the properties that hold, and the shortest trace that shows
    what does not.

    Exit code 1 if it lacks a property that every scheduler must have, or one of its own `promises`.
    """
    from simulator.conformance import check, scenario_names

    names = None if scenarios is None else [name.strip() for name in scenarios.split(",") if name.strip()]
    with progress_bar("scenarios", len(scenario_names() if names is None else names), quiet) as advance:
        report = check(scheduler, names, advance)
    if not quiet:
        _print_table(report)
    remarks = report.remarks()
    for line in remarks.splitlines():
        print(plain(line))
    if not report.passed:
        raise typer.Exit(1)


def _print_table(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    outcome = "passed" if report.passed else "FAILED"
    shown = Table(title=plain(f"{report.scheduler}: {outcome}, {report.runs} scenarios"), title_justify="left")
    for column in ("property", "what it says", "verdict"):
        shown.add_column(column)
    shown.add_column("held in", justify="right")
    shown.add_column("remark")
    for finding in report.findings:
        shown.add_row(
            finding.about.name,
            finding.about.sentence,
            finding.verdict,
            finding.share,
            plain(finding.remark),
        )
    Console(width=None if sys.stdout.isatty() else 200, emoji=False, markup=False).print(shown)

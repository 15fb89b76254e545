"""`rungsim trace`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.options import TableName, examples
from simulator.cli.output import plain

if TYPE_CHECKING:
    from simulator.recorded import Replayed
    from simulator.trace import Trace

app = typer.Typer(
    help="Look at traces, and find the decision with which a scheduler leaves a recorded run.",
    epilog=examples(
        "rungsim trace show before.trace --explain 7",
        "rungsim trace diff before.trace after.trace                # how two runs part ...",
        "rungsim trace replay before.trace                          # ... and all decisions that have changed since",
        "rungsim trace replay before.trace --scheduler my_file.py:MyScheduler",
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)
File = Annotated[Path, typer.Argument(help="A trace that rungsim run --trace wrote.", metavar="FILE")]


@app.command(
    epilog=examples(
        "rungsim trace show a.trace | head -50",
        "rungsim trace show a.trace --rung 9 --worker 0 --worker 1",
        "rungsim trace show a.trace --explain 7",
    )
)
def show(
    file: File,
    trial: Annotated[list[int] | None, typer.Option(help="Only this trial; more than once: these.")] = None,
    rung: Annotated[list[float] | None, typer.Option(help="Only what happened at this resource.")] = None,
    worker: Annotated[list[int] | None, typer.Option(help="Only what happened on this worker.")] = None,
    explain: Annotated[
        int | None, typer.Option(help="Tell the story of this trial instead: where it stood, and what followed.")
    ] = None,
    table: TableName = None,
) -> None:
    """A readable log of a run, one line an event; or, with --explain, the story of one trial in words."""
    from simulator.errors import SimulationError
    from simulator.log import chosen, heading, log_lines
    from simulator.story import story

    if explain is not None and (trial or rung or worker):
        raise SimulationError("--explain tells of one trial, and goes without --trial, --rung and --worker")
    trace = _load(file, table)
    lines = story(trace, explain) if explain is not None else None
    which = chosen(trace, trial or (), rung or (), worker or ())
    for line in [*heading(trace), ""]:
        print(plain(line))
    if lines is not None:
        for line in lines:
            print(plain(line))
        return
    for line in log_lines(trace, which):
        print(line)
    left_out = len(trace) - len(which)
    if left_out:
        print(f"\n{len(which)} of {len(trace)} events; {left_out} are left out")


@app.command(epilog=examples("rungsim trace diff before.trace after.trace"))
def diff(
    left: Annotated[Path, typer.Argument(help="A trace that rungsim run --trace wrote.", metavar="A")],
    right: Annotated[Path, typer.Argument(help="Another one.", metavar="B")],
) -> None:
    """Show the first event in which two traces differ, and what led up to it; exit code 1 if they do.

    Where they are of different runs (table, scheduler, seed, workers, budget, ...), that is said first.
    """
    from simulator.difference import header_lines, other_headers
    from simulator.trace import Trace

    one, two = Trace.load(left), Trace.load(right)
    difference, other = one.diff(two), other_headers(one, two)
    if difference is None:
        print("equal" + (", event by event, though made with another " + " and ".join(other) if other else ""))
    else:
        print(plain(f"- {left}"), plain(f"+ {right}"), sep="\n")
        if other:
            print(f"they were made with another {' and '.join(other)}:")
    for line in header_lines(one, two, other):
        print(plain(line))
    if difference is not None:
        print(difference)
        raise typer.Exit(1)


@app.command(
    epilog=examples(
        "rungsim trace replay before.trace",
        "rungsim trace replay before.trace --scheduler my_file.py:MyScheduler",
        "rungsim trace replay before.trace --scheduler 'asha-stopping(eta=4)' --table mine.h5",
    )
)
def replay(
    file: File,
    scheduler: Annotated[
        str | None, typer.Option(help="Another one than that of the trace, as for rungsim run.", metavar="SCHEDULER")
    ] = None,
    table: TableName = None,
) -> None:
    """Give a scheduler the recorded reports, and list each decision that differs from the recorded one.

    After a difference the recorded course goes on, so that what follows from it is not listed. Exit code 1 if there
    are differences, or if the scheduler could not follow the recorded course. A trial more than the budget has is no
    difference. A trace does not name a searcher object or the first configurations that a run was given beside the
    scheduler's text: such runs cannot be replayed.
    """
    from simulator.recorded import replay as follow

    trace = _load(file, table)
    found = follow(trace, scheduler)
    _print_differences(trace, found)
    if not found.agrees:
        raise typer.Exit(1)


def _print_differences(trace: Trace, found: Replayed) -> None:
    from simulator.clock import format_time
    from simulator.decisions import number

    rows = [("time (s)", "trial", "resource", trace.info.metric, "recorded", "now")]
    for one in found.differences:
        trial = "" if one.trial is None else str(one.trial)
        resource = "" if one.resource == 0 else number(one.resource)
        value = "" if one.value != one.value and one.resource == 0 else number(one.value)
        rows.append((format_time(one.time), trial, resource, value, one.recorded, one.own))
    if len(rows) > 1:
        rows = [tuple(plain(cell) for cell in row) for row in rows]  # type: ignore[misc]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for time, trial, resource, value, recorded, own in rows:
            figures = zip((time, trial, resource, value), widths, strict=False)
            print("  ".join([*(f"{cell:>{w}}" for cell, w in figures), f"{recorded:<{widths[4]}}", own]).rstrip())
    if found.lost is not None:
        print(plain(f"the scheduler cannot follow the recorded course any more: {found.lost}"))
    if found.asked_for_more is not None:
        print(plain(f"it asked for more trials than the budget has, first at {found.asked_for_more}"))
    print(f"{len(found.differences)} of {found.decisions} decisions differ")


def _load(file: Path, table: str | None) -> Trace:
    from blackboxes import load
    from simulator.trace import Trace

    return Trace.load(file, None if table is None else load(table))

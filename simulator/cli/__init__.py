"""The command line. The only part that may use all three packages, and only inside its commands."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from simulator.cli import conformance, importing, pictures, reports, runs, studies, tables, traces
from simulator.cli.options import examples
from simulator.cli.output import plain


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"rungsim {version('rungsim')}")
        raise typer.Exit


app = typer.Typer(
    name="rungsim",
    help="Replay multi-fidelity hyperparameter schedulers over tabulated learning curves, in simulated time.",
    epilog=examples("rungsim list", "rungsim compare mlp:digits --out out/digits"),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _rungsim(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


app.add_typer(tables.app)
app.add_typer(importing.app, name="import")
app.add_typer(runs.app)
app.add_typer(studies.app, name="study")
app.add_typer(reports.app)
app.add_typer(pictures.app)
app.add_typer(traces.app, name="trace")
app.add_typer(conformance.app)


def main() -> None:
    """The console script: runs a command; exit code 2 on wrong use, 1 where a scheduler fails, 130 after Ctrl-C."""
    from blackboxes import BlackboxError
    from simulator.errors import RunsError, SimulationError, StudyError, TraceError

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal can show what a table is called
    try:
        try:
            app(prog_name="rungsim")
        finally:
            _flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.exit(1)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"error: {plain(reason)}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        where = _raised_by_a_scheduler(error)
        if where is not None:
            print(where, end="", file=sys.stderr)
            sys.exit(1)
        if not isinstance(error, (BlackboxError, SimulationError, StudyError, TraceError, RunsError)):
            raise
        for mistake in getattr(error, "mistakes", (error,)):
            print(f"error: {plain(mistake)}", file=sys.stderr)
        sys.exit(2)


def _raised_by_a_scheduler(error: Exception) -> str | None:
    """The traceback of an error in somebody's own scheduler or searcher, without what lies above it."""
    from simulator.raised import note_of, text_of
    from simulator.study.execution import RaisedElsewhereError

    if note_of(error) is None:
        return None
    cause = error.__cause__
    return str(cause.args[0]) if isinstance(cause, RaisedElsewhereError) else text_of(error)


def _flush() -> None:
    """Write what is left of the output now: at the interpreter's end nobody could catch the error."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise

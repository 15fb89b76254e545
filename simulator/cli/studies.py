"""`rungsim study`: many runs by a file, kept in a folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.interrupts import first_interrupt_asks
from simulator.cli.options import Jobs, Quiet, examples
from simulator.cli.output import plain, progress_bar

if TYPE_CHECKING:
    from simulator.study.folder import Progress, Standing

SHOWN = 5  # errors
LAST = 8  # lines of a traceback

app = typer.Typer(
    help="Many runs by a file: on all cores or a Dask cluster, kept in a folder, and resumed after any end.",
    no_args_is_help=True,
    epilog=examples("rungsim study run tutorial", "rungsim study status out/tutorial"),
)

Folder = Annotated[Path, typer.Argument(help="The folder of a study.", metavar="DIR")]
Engine = Annotated[str, typer.Option(help="processes (of this machine), or dask (an existing cluster).")]
Address = Annotated[str | None, typer.Option(help="Of the Dask scheduler, such as tcp://127.0.0.1:8786.")]


@app.command(
    epilog=examples(
        "rungsim study run my_study.toml",
        "rungsim study run tutorial --out out/mine",
        "rungsim study run my_study.toml --engine dask --address tcp://10.0.0.5:8786",
    )
)
def run(
    file: Annotated[str, typer.Argument(help="A study file, or the name of one that comes with rungsim.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for what is found; out/ and the file's name if left out.")
    ] = None,
    jobs: Jobs = -1,
    engine: Engine = "processes",
    address: Address = None,
    quiet: Quiet = False,
) -> None:
    """Begin a study: check its file, then do all of its runs.

    Each run is on disk soon after it has finished. Whatever ends the study, `rungsim study resume` goes on with it.
    """
    from simulator.study.file import read_study
    from simulator.study.folder import begin

    dask = _dask(engine, address)
    path = _file(file)
    out = Path("out", path.stem) if out is None else out
    begin(read_study(path), out)
    _carry_out(out, jobs, dask, quiet)


@app.command(epilog=examples("rungsim study resume out/my_study"))
def resume(
    folder: Folder, jobs: Jobs = -1, engine: Engine = "processes", address: Address = None, quiet: Quiet = False
) -> None:
    """Do the runs of a study that are missing, have failed, or were in a part that is damaged."""
    _carry_out(folder, jobs, _dask(engine, address), quiet)


@app.command(
    epilog=examples(
        "rungsim study add out/my_study --seeds 50",
        "rungsim study add out/my_study --schedulers 'pasha,asha-stopping(eta=2)'",
    )
)
def add(
    folder: Folder,
    seeds: Annotated[int | None, typer.Option(help="As many seeds as this, 0, 1, 2, ..., in all.")] = None,
    schedulers: Annotated[str, typer.Option(help="More schedulers, separated by commas.")] = "",
    tables: Annotated[str, typer.Option(help="More tables, separated by commas.")] = "",
    jobs: Jobs = -1,
    engine: Engine = "processes",
    address: Address = None,
    quiet: Quiet = False,
) -> None:
    """Ask for more seeds, schedulers or tables, crossed with all that there is, and do what is missing.

    What is added is written to the end of the study's file.
    """
    from simulator.errors import StudyError
    from simulator.registry import split_specs
    from simulator.study.folder import add as add_to

    dask = _dask(engine, address)
    if seeds is not None and seeds < 1:
        raise StudyError(f"--seeds {seeds}: how many seeds there are to be in all, at least 1, is needed")
    more: dict[str, Sequence[str | int]] = {"seeds": range(seeds or 0)}
    more |= {"schedulers": split_specs(schedulers), "tables": split_specs(tables)}
    if not any(more.values()):
        raise StudyError("say what to add: --seeds, --schedulers or --tables")
    add_to(folder, **more)
    _carry_out(folder, jobs, dask, quiet)


@app.command(epilog=examples("rungsim study status out/my_study"))
def status(folder: Folder) -> None:
    """Tell what is done, what is missing, and what has failed; the exit code is 0 if all is done, or else 1."""
    from simulator.study.folder import is_running, standing

    now = standing(folder)
    _print_standing(folder, now, is_running(folder))
    if now.missing or now.damaged:
        raise typer.Exit(1)


@app.command(epilog=examples("rungsim study verify out/my_study --sample 100"))
def verify(
    folder: Folder,
    sample: Annotated[int, typer.Option(help="How many runs to do again.")] = 20,
    jobs: Jobs = -1,
    quiet: Quiet = False,
) -> None:
    """Do some runs again and compare them with what is on disk, digests and all; the exit code is 1 if any differs."""
    from simulator.study.verification import verified

    count, wrong = 0, []
    with progress_bar(f"{folder.name}: again", sample, quiet) as advance:
        for run, differences in verified(folder, sample, jobs):
            count += 1
            advance()
            if differences:
                wrong.append((run, differences))
    for run, differences in wrong:
        print(plain(f"{run.scheduler} on {run.table}, seed {run.seed}: {', '.join(differences)} differ"))
    print(f"{count - len(wrong)} of {count} runs are as they were")
    if wrong:
        raise typer.Exit(1)


def shipped_studies() -> dict[str, Path]:
    """The files of the studies that come with rungsim, by name."""
    from blackboxes.catalogue import shipped_folder

    return {path.stem: path for path in sorted((shipped_folder() / "studies").glob("*.toml"))}


def _file(name: str) -> Path:
    """The file of a study, which may be one that comes with rungsim."""
    from blackboxes.errors import name_hint
    from simulator.errors import StudyError

    path = Path(name)
    if path.exists() or path.suffix == ".toml":
        return path
    shipped = shipped_studies()
    if name not in shipped:
        raise StudyError(f"there is no file {name!r}, and no such study comes with rungsim: {name_hint(name, shipped)}")
    return shipped[name]


def _dask(engine: str, address: str | None) -> str | None:
    """The address of a Dask scheduler, None for processes of this machine."""
    from simulator.errors import StudyError

    if engine not in ("processes", "dask"):
        raise StudyError(f"--engine {engine}: processes or dask is needed")
    if (engine == "dask") != (address is not None):
        raise StudyError("--engine dask and --address tcp://HOST:PORT go together")
    return address


def _carry_out(folder: Path, jobs: int, dask: str | None, quiet: bool) -> None:
    """Do what is missing; exit code 1 if a run has failed, 130 after Ctrl-C."""
    from simulator.study.folder import carry_out, standing

    began = time.monotonic()
    total = 0
    with first_interrupt_asks() as stopping, progress_bar(folder.name, None, quiet) as advance:

        def begun(now: Standing) -> None:
            nonlocal total
            total = len(now.missing)
            for path in now.damaged:
                print(plain(f"{path} is damaged: its runs are run again"), file=sys.stderr)
            advance(0, total)

        def advanced(progress: Progress) -> None:
            done = progress.done + progress.failed
            rate = done / max(time.monotonic() - began, 1e-3)
            failed = f", {progress.failed} failed" if progress.failed else ""
            advance(done, total, f"{rate:.3g} runs/s{failed}")

        try:
            progress = carry_out(folder, jobs, dask, stopping, begun, advanced)
        except KeyboardInterrupt:
            progress = None
    seconds = time.monotonic() - began
    if progress is None or stopping():
        now = standing(folder)
        done = f"interrupted: {now.done} of {len(now.study.runs)} runs are done"
        print(plain(f"{done}; `rungsim study resume {folder}` goes on"), file=sys.stderr)
        raise typer.Exit(130)
    if not quiet:
        rate = f", {progress.done / seconds:.3g} a second" if progress.done else ""
        print(plain(f"{folder}: {progress.done} runs in {seconds:.1f} s{rate}"))
    if progress.failed:
        _print_failures(standing(folder))
        raise typer.Exit(1)
    print(plain(folder / "runs.parquet"))


def _print_standing(folder: Path, now: Standing, running: bool) -> None:
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    missing = Counter(run.scheduler for run in now.missing)
    failed = Counter(run.scheduler for run in now.missing if run.key in now.failures)
    runs = Counter(run.scheduler for run in now.study.runs)
    doing = ", a process works on it now" if running else ""
    print(plain(f"{folder}: {now.done} of {len(now.study.runs)} runs are done{doing}"))
    table = Table()
    table.add_column("scheduler", overflow="fold")
    for column in ("runs", "done", "failed", "to do"):
        table.add_column(column, justify="right")
    for scheduler, count in runs.items():
        left = missing[scheduler] - failed[scheduler]
        table.add_row(plain(scheduler), *map(str, (count, count - missing[scheduler], failed[scheduler], left)))
    Console(width=None if sys.stdout.isatty() else 200, emoji=False, markup=False).print(table)
    for path in now.damaged:
        print(plain(f"{path} is damaged: `rungsim study resume {folder}` does its runs again"))
    if now.others:
        print(f"{now.others} more runs are not asked for any more")
    _print_failures(now)


def _print_failures(now: Standing) -> None:
    """The different errors, each with how often it came, and the end of a traceback."""
    from collections import Counter

    errors, traces = Counter(error for error, _ in now.failures.values()), dict(now.failures.values())
    for error, count in errors.most_common(SHOWN):
        print(plain(f"{count} failed: {error}"), file=sys.stderr)
        lines = traces[error].rstrip().splitlines()
        for line in lines[-LAST:]:
            print(f"    {plain(line)}", file=sys.stderr)
    if len(errors) > SHOWN:
        print(f"and {len(errors) - SHOWN} more errors: see failures.parquet", file=sys.stderr)

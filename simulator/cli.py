"""The command line. The only module that may use all three packages, and only inside its commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from simulator.study import Row

DEFAULT_SCHEDULERS = "random,successive-halving,hyperband,asha-stopping,asha-promotion,median-stopping"
TABLE_HELP = "A table: family, family:task, or the path of a file."

app = typer.Typer(
    name="rungsim",
    help="Replay multi-fidelity hyperparameter schedulers over tabulated learning curves, in simulated time.",
    epilog="Start with: rungsim list, then rungsim compare mlp:digits",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
trace_app = typer.Typer(help="Look at traces.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(trace_app, name="trace")

Table = Annotated[str, typer.Argument(help=TABLE_HELP, metavar="TABLE")]
Workers = Annotated[int, typer.Option(help="Trials that run at once.")]
BudgetText = Annotated[
    str, typer.Option("--budget", help="Simulated time: 10x (mean full trainings), 3600s, 90m, 2h, 1d.")
]
MaxTrials = Annotated[int | None, typer.Option(help="Start at most this many trials.")]
MaxResource = Annotated[float | None, typer.Option(help="Hand out at most this much resource (epochs).")]
Target = Annotated[float | None, typer.Option(help="End a run when the metric first reaches this value.")]
Metric = Annotated[str | None, typer.Option(help="What schedulers see; the table's default metric if left out.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no table, only what was asked for.")]


def main() -> None:
    """The console script: runs a command; exit code 2 on wrong use, 130 after Ctrl-C."""
    from blackboxes import BlackboxError
    from simulator.errors import SimulationError, TraceError

    try:
        app()
    except (BlackboxError, SimulationError, TraceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


@app.command("list", epilog="Example: rungsim list")
def list_() -> None:
    """Name the tables and the schedulers there are."""
    from blackboxes import families, tasks_of
    from simulator.registry import scheduler_names

    print("tables")
    for family, path in families().items():
        for task in tasks_of(path):
            print(f"  {family}:{task}")
    print("schedulers (arguments in parentheses, such as asha-stopping(eta=4,r_min=3))")
    for name in sorted(scheduler_names()):
        print(f"  {name}")


@app.command(epilog="Example: rungsim show mlp:digits")
def show(table: Table, metric: Metric = None) -> None:
    """Describe a table: size, space, resources, metrics, runtimes, what low fidelities tell of r_max."""
    from blackboxes import load
    from blackboxes.describe import overview

    box = load(table)
    print(box.name + (f": {box.description}" if box.description else ""))
    for label, fact in overview(box, metric):
        print(f"  {label:<20} {fact}")
    print("  space")
    for parameter in box.space.values():
        print(f"    {parameter}")


@app.command(
    epilog='Example: rungsim run mlp:digits "asha-promotion(eta=4)" --seed 1 --trace promotion.trace',
)
def run(
    table: Table,
    scheduler: Annotated[str, typer.Argument(help="A scheduler, with arguments in parentheses.", metavar="SCHEDULER")],
    seed: Annotated[int, typer.Option(help="Names all random streams of the run.")] = 0,
    workers: Workers = 4,
    budget: BudgetText = "10x",
    max_trials: MaxTrials = None,
    max_resource: MaxResource = None,
    target: Target = None,
    metric: Metric = None,
    trace: Annotated[Path | None, typer.Option(help="Write the trace here, as text.")] = None,
    quiet: Quiet = False,
) -> None:
    """Run one scheduler once; print the trace's digest and a summary."""
    from simulator.budget import Budget
    from simulator.study import Run

    limits = Budget(budget, max_trials, max_resource, target)
    result = Run(table, scheduler, seed, workers, limits, metric).simulation().run()
    if trace is not None:
        trace.parent.mkdir(parents=True, exist_ok=True)
        result.save(trace)
    print(result.digest())
    if not quiet:
        _print_summary(result.summary(), result.info.metric, result.table.resource_unit)


def _print_summary(summary: dict[str, Any], metric: str, unit: str) -> None:
    exhausted = summary["exhausted_at"]
    facts = {
        f"best {metric}": f"{summary['best']:.6g}",
        "simulated time": f"{summary['end']:.3f} s",
        "trials": f"{summary['trials']} ({summary['completed']} completed, {summary['stopped']} stopped, "
        f"{summary['cut_off']} cut off by the budget)",
        "reports": summary["reports"],
        f"{unit}s": f"{summary['resource']:g}",
        "workers idle": f"{summary['idle']:.1%} of their time",
        "table used up": "no" if exhausted is None else f"after {exhausted:.3f} s",
    }
    for label, fact in facts.items():
        print(f"  {label:<24} {fact}")


@app.command(
    epilog="Example: rungsim compare mlp:digits --schedulers 'random,asha-stopping,asha-stopping(eta=4)' "
    "--seeds 50 --workers 8 --out out/eta",
)
def compare(
    table: Table,
    schedulers: Annotated[str, typer.Option(help="Separated by commas.")] = DEFAULT_SCHEDULERS,
    seeds: Annotated[int, typer.Option(help="How many runs of each, seeds 0, 1, 2, ...")] = 20,
    workers: Workers = 4,
    budget: BudgetText = "10x",
    max_trials: MaxTrials = None,
    max_resource: MaxResource = None,
    target: Target = None,
    metric: Metric = None,
    score: Annotated[str, typer.Option(help="What is drawn: reported, regret or test.")] = "reported",
    out: Annotated[Path, typer.Option(help="Folder for anytime.png, summary.csv and runs.parquet.")] = Path(
        "out/compare"
    ),
    jobs: Annotated[int, typer.Option(help="Processes; -1 for all cores. Results do not depend on it.")] = -1,
    quiet: Quiet = False,
) -> None:
    """Compare schedulers over many seeds: anytime curves, a summary table, and every run."""
    from simulator.budget import Budget
    from simulator.errors import SimulationError
    from simulator.registry import split_specs
    from simulator.study import crossed, run_all

    names = list(dict.fromkeys(split_specs(schedulers)))
    if not names or seeds < 1 or jobs == 0 or jobs < -1:
        raise SimulationError(
            f"at least one scheduler and one seed, and jobs of 1 or more or -1: not {schedulers!r}, {seeds}, {jobs}"
        )
    if score not in ("reported", "regret", "test"):
        raise SimulationError(f"score is reported, regret or test, not {score!r}")
    limits = Budget(budget, max_trials, max_resource, target)
    runs = crossed(table, names, range(seeds), workers, limits, metric)
    if score == "test" and runs[0].simulation().blackbox.test_metric is None:
        raise SimulationError(f"{table} has no test metric to score the incumbent by")
    out.mkdir(parents=True, exist_ok=True)

    rows: list[Row] = []
    interrupted = False
    try:
        with _progress(f"{len(names)} schedulers x {seeds} seeds", len(runs), quiet) as advance:
            for row in run_all(runs, jobs):
                rows.append(row)
                advance()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if rows:
            _write_comparison(rows, names, out, score, quiet)
    if interrupted:
        print(f"interrupted: {len(rows)} of {len(runs)} runs are kept in {out}", file=sys.stderr)
        raise typer.Exit(130)


def _write_comparison(rows: list[Row], names: list[str], out: Path, score: str, quiet: bool) -> None:
    from analysis import as_runs, plot_anytime, summarise
    from simulator.study import write_rows

    rows.sort(key=lambda row: (names.index(row["scheduler"]), row["seed"]))
    write_rows(rows, out / "runs.parquet")
    runs = as_runs(rows)
    summary = summarise(runs)
    summary.to_csv(out / "summary.csv", index=False)
    figure = plot_anytime(runs, score).figure  # type: ignore[arg-type]
    figure.savefig(out / "anytime.png")  # type: ignore[union-attr]
    if not quiet:
        _print_comparison(summary, rows[0])
    for name in ("runs.parquet", "summary.csv", "anytime.png"):
        print(out / name)


def _print_comparison(summary: Any, first: Row) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable

    shown = RichTable(title=f"{first['table']}: {first['metric']}, {first['workers']} workers", title_justify="left")
    for column in (
        "scheduler",
        "final (quartiles)",
        "test",
        "to 5% (s)",
        "to 1% (s)",
        f"{first['resource_unit']}s",
    ):
        shown.add_column(column, justify="left" if column == "scheduler" else "right")
    shown.add_column("idle", justify="right")
    for row in summary.itertuples():
        shown.add_row(
            row.scheduler,
            f"{row.final:.4f} ({row.final_q1:.4f} to {row.final_q3:.4f})",
            f"{row.test:.4f}" if row.test == row.test else "none",
            *(_reached(row.time_to_5pct, row.reached_5pct), _reached(row.time_to_1pct, row.reached_1pct)),
            f"{row.resource:,.0f}",
            f"{row.idle:.1%}",
        )
    shown.caption = "medians over seeds; to 5%: time until 5% of the way from the table's median to its best is left"
    shown.caption_justify = "left"
    Console(width=None if sys.stdout.isatty() else 110, emoji=False, markup=False).print(shown)


def _reached(seconds: float, share: float) -> str:
    return f"{seconds:.1f}" if seconds != float("inf") else f"by {share:.0%}"


@contextmanager
def _progress(what: str, total: int, quiet: bool) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@trace_app.command("diff", epilog="Example: rungsim trace diff before.trace after.trace (exit code 1 if they differ)")
def trace_diff(
    left: Annotated[Path, typer.Argument(help="A trace that rungsim run --trace wrote.")],
    right: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Show the first event in which two traces differ, and what led up to it."""
    from simulator.trace import Trace

    difference = Trace.load(left).diff(Trace.load(right))
    if difference is None:
        print("equal")
        return
    print(f"- {left}\n+ {right}\n{difference}")
    raise typer.Exit(1)


if __name__ == "__main__":
    main()

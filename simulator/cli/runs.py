"""`rungsim run` and `compare`."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.interrupts import first_interrupt_asks, interrupts_wait
from simulator.cli.options import (
    BudgetText,
    ClusterText,
    Incumbent,
    Jobs,
    MaxResource,
    MaxTrials,
    Metric,
    OffTableText,
    Quiet,
    Scale,
    Score,
    Table,
    Target,
    Workers,
    X,
    examples,
)
from simulator.cli.output import check_file, figure, plain, progress_bar

if TYPE_CHECKING:
    from simulator.study import Row
    from simulator.trace import Trace

DEFAULT_SCHEDULERS = "random,successive-halving,hyperband,asha-stopping,asha-promotion,median-stopping"
OUTPUTS = ("runs.parquet", "summary.csv", "anytime.png")
MADE_OF_RUNS = ("report.html", "tables")  # by other commands, in the same folder

app = typer.Typer()


@app.command(
    epilog=examples(
        "rungsim run mlp:digits hyperband --budget 2h --workers 16",
        'rungsim run mlp:digits "asha-promotion(eta=4)" --seed 1 --trace promotion.trace',
        "rungsim run mlp:digits asha-stopping --cluster \"spot(crashes='0.2/x', price=0.9)\"",
    )
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
    off_table: OffTableText = "error",
    cluster: ClusterText = None,
    trace: Annotated[Path | None, typer.Option(help="Write the trace here, as text.")] = None,
    quiet: Quiet = False,
) -> None:
    """Run one scheduler once; print the trace's digest and a summary."""
    from simulator.budget import Budget
    from simulator.study import Run

    limits = Budget(budget, max_trials, max_resource, target)
    if trace is not None:
        check_file("--trace", trace)
    asked = Run(table, scheduler, seed, workers, limits, metric, off_table, cluster)  # type: ignore[arg-type]
    result = asked.simulation().run()
    if trace is not None:
        trace.parent.mkdir(parents=True, exist_ok=True)
        result.save(trace)
    print(result.digest())
    if not quiet:
        _print_summary(result)


def _print_summary(trace: Trace) -> None:
    summary = trace.summary()
    exhausted, asked = summary["exhausted_at"], summary["reports"]
    facts = {
        f"best {trace.info.metric}": figure(summary["best"], 6),
        **_best(trace),
        "simulated time": f"{summary['end']:.3f} s" + ", and no worker was left" * _is_deserted(trace),
        "trials": f"{summary['trials']} ({_ends(trace)})",
        "asked to decide": f"{asked} times" if asked else "never: no trial was to report on its way",
        f"{trace.table.resource_unit}s": f"{summary['resource']:g}",
        "crashes": f"{summary['crashes']} ({summary['failed']} for good)",
        "preemptions": summary["preemptions"],
        "workers' time": f"{summary['worker_time']:.3f} s: {_shares(summary)}",
        "cost": f"{summary['cost']:.6g}",
        "table used up": "no" if exhausted is None else f"after {exhausted:.3f} s",
    }
    for label, fact in facts.items():
        if label in ("crashes", "preemptions", "cost") and not summary[label] > 0:
            continue  # only clusters have them
        print(plain(f"  {label:<24} {fact}"))


def _best(trace: Trace) -> dict[str, str]:
    """Of the trial that saw the best value: where that was, and its hyperparameters."""
    from simulator.decisions import number
    from simulator.story import params_in_words

    best, table = trace.incumbents(), trace.table
    if not len(best["trial"]):
        return {}
    trial, row, index = (int(best[name][-1]) for name in ("trial", "config", "index"))
    resource = table.resource_list[index]
    at = f"{number(resource)} {table.resource_unit}{'s' * (resource != 1)}"
    return {"seen in": f"trial {trial}, at {at}", "its configuration": f"{row} ({params_in_words(table, row)})"}


def _ends(trace: Trace) -> str:
    """What became of the trials; who waited for a worker was cut off as well."""
    from simulator.story import ends

    found = ends(trace)
    told = {
        "completed": ("complete", "curve-end"),
        "stopped": ("stop", "cancelled"),
        "paused": ("pause",),
        "failed": ("failed",),
        "cut off at the end of the run": ("budget", "crash", "preempted"),
    }
    counts = {words: sum(found.get(name, 0) for name in names) for words, names in told.items()}
    return ", ".join(f"{n} {words}" for words, n in counts.items() if n or words not in ("paused", "failed"))


def _is_deserted(trace: Trace) -> bool:
    """Whether all workers had gone when the run was over."""
    from simulator.events import CODES

    came, went = (int((trace.columns.event == CODES[name]).sum()) for name in ("up", "down"))
    return trace.info.workers + came == went


def _shares(summary: dict[str, Any]) -> str:
    """Where the time of the workers went, in percent."""
    said = {
        "useful": "useful",
        "repeated": "repeated",
        "stopped": "on trials later stopped",
        "barrier": "idle at a barrier",
        "no_work": "idle for want of work",
        "overhead": "overhead",
    }
    total = summary["worker_time"] or 1.0
    shares = {words: summary[f"time_{name}"] / total for name, words in said.items()}
    return ", ".join(f"{share:.1%} {words}" for words, share in shares.items() if share > 0) or "none"


@app.command(
    epilog=examples(
        "rungsim compare mlp:digits",
        "rungsim compare mlp:digits --schedulers 'random,asha-stopping(eta=4),clairvoyant' --seeds 50 --out out/eta",
        "rungsim compare mlp:letter --workers 16 --cluster 'spot(price=0.9)' --x cost",
    )
)
def compare(
    table: Table,
    schedulers: Annotated[
        str, typer.Option(help="Separated by commas; clairvoyant draws the bound that none can beat.")
    ] = DEFAULT_SCHEDULERS,
    seeds: Annotated[int, typer.Option(help="How many runs of each, seeds 0, 1, 2, ...")] = 20,
    workers: Workers = 4,
    budget: BudgetText = "10x",
    max_trials: MaxTrials = None,
    max_resource: MaxResource = None,
    target: Target = None,
    metric: Metric = None,
    off_table: OffTableText = "error",
    cluster: ClusterText = None,
    score: Score = "reported",
    scale: Scale = "value",
    incumbent: Incumbent = "best",
    x: X = "time",
    out: Annotated[Path, typer.Option(help="Folder for anytime.png, summary.csv and runs.parquet.")] = Path(
        "out/compare"
    ),
    jobs: Jobs = -1,
    quiet: Quiet = False,
) -> None:
    """Compare schedulers over many seeds on a table: anytime curves, a summary table, and every run.

    How the picture is drawn say --score, --scale, --incumbent and --x; other pictures and tables of the same runs are
    made by draw and tables. Several tables are compared by a study (study run).
    """
    from analysis.curves import check_asked
    from blackboxes.aside import told_of
    from simulator.budget import Budget
    from simulator.errors import SimulationError
    from simulator.registry import split_specs
    from simulator.study import crossed, run_all

    names = list(dict.fromkeys(split_specs(schedulers)))
    if not names:
        raise SimulationError(f"--schedulers {schedulers!r}: at least one scheduler is needed")
    if seeds < 1:
        raise SimulationError(f"--seeds {seeds}: at least one seed is needed")
    if jobs < 1 and jobs != -1:
        raise SimulationError(f"--jobs {jobs}: a number of processes from 1, or -1 for all cores, is needed")
    check_asked(score, scale, incumbent, x)
    if out.exists() and not out.is_dir():
        raise SimulationError(f"--out {str(out)!r} is a file, a folder is needed")
    limits = Budget(budget, max_trials, max_resource, target)
    runs = crossed(table, names, range(seeds), workers, limits, metric, off_table, cluster)  # type: ignore[arg-type]
    if score == "test" and runs[0].blackbox.test_metric is None:
        raise SimulationError(f"{table} has no test metric to score the incumbent by")
    if x == "cost" and not _has_price(cluster):
        raise SimulationError(
            "--x cost: workers have no price; give them one: --cluster 'spot(price=0.9)', for an hour"
        )
    out.mkdir(parents=True, exist_ok=True)
    with told_of(out):  # a folder that cannot be written to is an error now, not after the work
        tempfile.TemporaryFile(dir=out).close()

    rows: list[Row] = []
    interrupted = False
    try:
        with (
            first_interrupt_asks() as stopping,
            progress_bar(f"{len(names)} schedulers x {seeds} seeds", len(runs), quiet) as advance,
            closing(run_all(runs, jobs, stopping)) as finished,
        ):
            for row in finished:
                rows.append(row)
                advance()
            interrupted = stopping()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        with interrupts_wait():
            if rows:
                _write_comparison(rows, names, out, (score, scale, incumbent, x), quiet)
            if len(rows) < len(runs):
                why = "interrupted" if interrupted else "a run failed"
                kept = f"are kept in {out}" if rows else "had finished, nothing is written"
                print(plain(f"{why}: {len(rows)} of {len(runs)} runs {kept}"), file=sys.stderr)
    if interrupted:
        raise typer.Exit(130)


def _has_price(cluster: str | None) -> bool:
    from simulator.cluster import Cluster

    return cluster is not None and Cluster.read(cluster).price is not None


def _write_comparison(rows: list[Row], names: list[str], out: Path, asked: tuple[str, ...], quiet: bool) -> None:
    import warnings

    from analysis import as_runs, curves, plot_anytime, save_picture, summarise
    from simulator.cli.comparison import print_comparison
    from simulator.study.parts import write_rows

    rows.sort(key=lambda row: (names.index(row["scheduler"]), row["seed"]))
    runs = as_runs(rows)
    summary = summarise(runs)
    with tempfile.TemporaryDirectory(dir=out, prefix=".unfinished-") as aside:  # so that none is ever half written
        parquet, csv, png = (Path(aside, name) for name in OUTPUTS)
        write_rows(rows, parquet)
        summary.to_csv(csv, index=False)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # it is drawn as a box
            save_picture(plot_anytime(curves(runs, *asked)), png)  # type: ignore[arg-type]
        outdated = _outdated(out, parquet)
        for name in OUTPUTS:
            os.replace(Path(aside, name), out / name)
    if not quiet:
        print_comparison(summary, rows[0])
    for name in OUTPUTS:
        print(out / name)
    if outdated:
        print(plain(f"note: not of these runs but of earlier ones: {', '.join(map(str, outdated))}"), file=sys.stderr)


def _outdated(out: Path, runs: Path) -> list[Path]:
    """What other commands made of the runs in a folder, if these are about to be replaced by other ones."""
    made = [out / name for name in MADE_OF_RUNS if (out / name).exists()]
    before = out / OUTPUTS[0]
    is_same = bool(made) and before.is_file() and before.read_bytes() == runs.read_bytes()
    return [] if is_same else made

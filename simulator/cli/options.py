"""What the commands' options are called, and how their help ends."""

from __future__ import annotations

from typing import Annotated

import typer


def examples(*lines: str) -> str:
    """The end of a command's help; the first line keeps the help from wrapping the others."""
    return "\n  ".join(["\b\nExamples:" if len(lines) > 1 else "\b\nExample:", *lines])


TABLE_HELP = "A table: family, family:task, or the path of a file."
Table = Annotated[str, typer.Argument(help=TABLE_HELP, metavar="TABLE")]
Workers = Annotated[int, typer.Option(help="Trials that run at once.")]
BudgetText = Annotated[
    str, typer.Option("--budget", help="Simulated time: 10x (mean full trainings), 3600s, 90m, 2h, 1d.")
]
MaxTrials = Annotated[int | None, typer.Option(help="Start at most this many trials.")]
MaxResource = Annotated[
    float | None,
    typer.Option(
        help="Give no new job once so much resource (epochs) was handed out; what runs then goes on to its end, or as "
        "far as the scheduler lets it."
    ),
]
Target = Annotated[float | None, typer.Option(help="End a run when the metric first reaches this value.")]
Metric = Annotated[str | None, typer.Option(help="What schedulers see; the table's default metric if left out.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no table, only what was asked for.")]
Jobs = Annotated[int, typer.Option(help="Processes; -1 for all cores. Results do not depend on it.")]
ClusterText = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Delays, stragglers, crashes, ...: ideal, stragglers, spot, no-checkpoints, with arguments that change "
        "them, such as 'spot(retries=5)', or the path of a .toml file; without, nothing of the kind.",
    ),
]
OffTableText = Annotated[
    str,
    typer.Option(
        "--off-table",
        help="What a proposal off the table gets: error, nearest, nearest-unused, or surrogate (a predicted curve).",
    ),
]
Score = Annotated[
    str,
    typer.Option(help="By what incumbents are scored: reported, test, or mean (over replicates)."),
]
Scale = Annotated[
    str,
    typer.Option(help="value, regret, or normalised (regret; 0: the table's best, 1: its median)."),
]
Incumbent = Annotated[
    str,
    typer.Option(
        help="best (at any resource), highest (the best at the highest resource reached), or charged (the best, "
        "trained to the end, the time for that added)."
    ),
]
X = Annotated[
    str,
    typer.Option("--x", help="Over what: time, trainings (mean full ones), resource (epochs), or cost (of workers)."),
]
TableName = Annotated[
    str | None,
    typer.Option("--table", help="Where the trace's table is: a name, or the path of its file.", metavar="TABLE"),
]
RegretTarget = Annotated[float, typer.Option("--target", help="Normalised regret that is to be reached.")]

"""`rungsim draw`: every picture, from a comparison, a trace or a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.options import Incumbent, RegretTarget, Scale, Score, TableName, X, examples
from simulator.cli.output import check_file
from simulator.cli.sources import RUNS, TABLE, TRACE, check_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OF_RUNS = {
    "anytime": "the incumbent over time, one panel a task",
    "ranks": "average ranks over time",
    "critical-difference": "average ranks at the end, and who cannot be told apart",
    "performance-profile": "share of problems solved within a factor of the fastest scheduler",
    "data-profile": "share of problems solved within a time",
    "time-to-target": "share of runs that got to the target by a time",
    "seeds": "how many seeds are enough to tell two schedulers apart (--of A --of B)",
    "spent": "where the time of the workers went",
}
OF_TRACES = {
    "workers": "which worker was busy with which trial, and what became of it",
    "trials": "learning curves, with stops and promotions",
    "rungs": "how many trials had reported at each rung",
}
OF_TABLES = {
    "rank-correlation": "how well each resource tells the ranking at another",
    "runtimes": "how long configurations take",
}

app = typer.Typer()


def _kinds() -> str:
    """All pictures, for the help."""
    groups = {"of a comparison's folder": OF_RUNS, "of a trace": OF_TRACES, "of a table": OF_TABLES}
    lines = []
    for source, kinds in groups.items():
        lines += ["", "\b", f"{source}:", *(f"  {kind:<20} {what}" for kind, what in kinds.items())]
    return "\n".join(lines)


@app.command(
    help="Draw a picture as SVG, PNG or PDF.\n" + _kinds(),
    epilog=examples(
        "rungsim draw ranks out/demo",
        "rungsim draw anytime out/demo --score test --scale regret --out paper/anytime.svg",
        "rungsim draw seeds out/demo --of asha-promotion --of random",
        "rungsim draw workers a.trace --out workers.svg",
        "rungsim draw rank-correlation mlp:letter",
    ),
)
def draw(
    picture: Annotated[str, typer.Argument(help="One of those above.", metavar="PICTURE")],
    source: Annotated[str, typer.Argument(help="A comparison's folder, a trace, or a table.", metavar="SOURCE")],
    score: Score = "reported",
    scale: Scale = "value",
    incumbent: Incumbent = "best",
    x: X = "time",
    target: RegretTarget = 0.05,
    of: Annotated[list[str] | None, typer.Option(help="A scheduler; twice.")] = None,
    table: TableName = None,
    out: Annotated[
        Path | None, typer.Option(help="The file, .svg, .png or .pdf; PICTURE.png here if left out.")
    ] = None,
) -> None:
    from analysis import save_picture
    from simulator.errors import SimulationError

    path = out or Path(f"{picture}.png")
    if path.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise SimulationError(f"--out {str(path)!r}: the name ends in .svg, .png or .pdf")
    check_file("--out", path)
    for kinds, needed in ((OF_RUNS, RUNS), (OF_TRACES, TRACE), (OF_TABLES, TABLE)):
        if picture in kinds:
            check_kind(source, needed, f"the picture {picture!r}")
    if picture in OF_RUNS:
        axes = _of_runs(picture, source, (score, scale, incumbent, x), target, of or [])
    elif picture in OF_TRACES:
        axes = _of_trace(picture, source, table)
    elif picture in OF_TABLES:
        axes = _of_table(picture, source)
    else:
        known = ", ".join((*OF_RUNS, *OF_TRACES, *OF_TABLES))
        raise SimulationError(f"there is no picture {picture!r}: known: {known}")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_picture(axes, path)
    print(path)


def _of_runs(picture: str, source: str, asked: tuple[str, ...], target: float, of: list[str]) -> Axes:
    import numpy as np

    from analysis import complete, curves, friedman, interval_widths, load_runs, plots, reach, scores
    from simulator.errors import SimulationError

    runs = load_runs(source)
    score, scale, incumbent, x = asked
    if picture == "anytime":
        some = curves(runs, score, scale, incumbent, x)  # type: ignore[arg-type]
        return plots.plot_anytime(some) if runs["table"].nunique() == 1 else plots.plot_tasks(some)[0]
    if picture == "spent":
        return plots.plot_spent(runs)
    axis = "trainings" if x == "time" else x  # which tables share
    some = curves(complete(runs), score, "normalised", incumbent, axis)  # type: ignore[arg-type]
    drawn: dict[str, Callable[[], Axes]] = {
        "ranks": lambda: plots.plot_ranks(scores(some)),
        "critical-difference": lambda: plots.plot_critical_difference(friedman(scores(some, np.array([np.inf])))),
        "performance-profile": lambda: plots.plot_performance_profile(reach(some, target)),
        "data-profile": lambda: plots.plot_data_profile(reach(some, target), 1.0),
        "time-to-target": lambda: plots.plot_time_to_target(reach(some, target)),
    }
    if picture != "seeds":
        return drawn[picture]()
    if len(of) != 2:
        raise SimulationError("the picture of seeds compares two schedulers: --of A --of B")
    return plots.plot_seeds(interval_widths(scores(some, np.array([np.inf])), of[0], of[1]))


def _of_trace(picture: str, source: str, table: str | None) -> Axes:
    from analysis import plots
    from blackboxes import load
    from simulator import Trace

    drawn: dict[str, Any] = {"workers": plots.plot_workers, "trials": plots.plot_trials, "rungs": plots.plot_rungs}
    axes: Axes = drawn[picture](Trace.load(source, None if table is None else load(table)))
    return axes


def _of_table(picture: str, source: str) -> Axes:
    from analysis import plots
    from blackboxes import load

    drawn: dict[str, Any] = {"rank-correlation": plots.plot_rank_correlation, "runtimes": plots.plot_runtimes}
    axes: Axes = drawn[picture](load(source))
    return axes

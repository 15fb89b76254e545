"""Does what ought to be better come out better? Schedulers and searchers against random search, paired by seed.

Prints two Markdown tables and what they show, and draws `data/pictures/sanity.png`; takes about a minute on two cores:

    python data/studies/sanity.py

First part: all shipped tables, one that fools early stopping and a smooth one, at equal simulated time. Early stopping
should pay where low fidelities tell what comes of a configuration, and not where they mislead. Second part: on smooth
synthetic tables, after equally many full trainings, searchers that learn should find better configurations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import Paired, as_runs, curves, paired
from analysis.style import BOUND, COLOURS, label
from blackboxes import load
from blackboxes.describe import rank_correlation
from simulator import Budget
from simulator.clairvoyant import NAME as CLAIRVOYANT
from simulator.study import crossed, run_all

PICTURE = Path(__file__).parents[1] / "pictures" / "sanity.png"
BASELINE = "random"
TABLES = (
    *("mlp:digits", "mlp:letter", "mlp:marketing"),
    *("gbm:diamonds", "gbm:magic", "gbm:segment", "gbm:spambase", "svm:magic", "svm:satimage"),
    *("adversarial", "hartmann6"),
)
SCHEDULERS = ("asha-stopping", "asha-promotion", "hyperband", CLAIRVOYANT)
TIME = Budget(time="5x")
SMOOTH = ("hartmann6", "hartmann3")
SEARCHERS = ("random+kde", "random+gp", "random+evolution", "random+de")
TRAININGS = Budget(trials=100)
SEEDS, WORKERS = range(20), 4
HIGH = 0.7  # a mean rank correlation from which low fidelities are called telling
MARKERS = "osDv^PX"
TICKS = (-60, -30, -10, -5, 0, 5, 10, 30, 100)


@dataclass(frozen=True)
class Comparison:
    """One table: how each of some schedulers compares with random search at the end of the budget.

    Attributes:
        table: its name.
        correlation: pairs of (resource, rank correlation with r_max), as `rungsim show` tells.
        unit: regret of the table's median at r_max, the unit of what follows.
        random: mean regret of random search, in units.
        paired: the difference in regret to random search, of each scheduler by name, in the metric's unit.
        runs: how many there were.
        beyond: how many of them were at some time better than the clairvoyant bound; None without one.
    """

    table: str
    correlation: list[tuple[float, float]]
    unit: float
    random: float
    paired: dict[str, Paired]
    runs: int
    beyond: int | None

    @property
    def mean_correlation(self) -> float:
        """The mean over the low fidelities."""
        return float(np.mean([value for _, value in self.correlation]))

    def interval(self, name: str) -> tuple[float, float, float]:
        """Mean, low and high end of a scheduler's difference, in percent of the unit; negative is better."""
        found = self.paired[name]
        return 100 * found.mean / self.unit, 100 * found.low / self.unit, 100 * found.high / self.unit


def compare(
    table: str, names: Sequence[str], budget: Budget, seeds: Sequence[int] = SEEDS, jobs: int = -1
) -> Comparison:
    """Run `names` and random search on a table, and compare them with it."""
    with closing(run_all(crossed(table, [BASELINE, *names], seeds, WORKERS, budget), jobs)) as rows:
        runs = as_runs(list(rows))
    unit = float(abs(runs["table_median"] - runs["table_best"]).iloc[0])
    regret = abs(runs["best"] - runs["table_best"])[runs["scheduler"] == BASELINE]
    return Comparison(
        table=str(runs["table"].iloc[0]).partition(":seed=0")[0],
        correlation=rank_correlation(load(table)),
        unit=unit,
        random=float(regret.mean()) / unit,
        paired={name: paired(curves(runs, scale="regret"), name, BASELINE) for name in names},
        runs=int((runs["scheduler"] != CLAIRVOYANT).sum()),
        beyond=beyond_the_bound(runs) if CLAIRVOYANT in names else None,
    )


def beyond_the_bound(runs: pd.DataFrame) -> int:
    """How many runs were, at any of their improvements, better than the clairvoyant bound under their seed."""
    bounds = {
        bound["seed"]: curves(bound.to_frame().T) for _, bound in runs[runs["scheduler"] == CLAIRVOYANT].iterrows()
    }
    sign = 1 if runs["direction"].iloc[0] == "min" else -1
    return sum(
        bool((sign * np.asarray(run["values"]) < sign * bounds[run["seed"]].at(np.asarray(run["times"]))[0]).any())
        for _, run in runs[runs["scheduler"] != CLAIRVOYANT].iterrows()
    )


def by_correlation(found: Sequence[Comparison]) -> list[Comparison]:
    """The tables whose low fidelities tell most first."""
    return sorted(found, key=lambda comparison: -comparison.mean_correlation)


def markdown(found: Sequence[Comparison]) -> str:
    """A Markdown table, a row for each of the compared tables and a column for each scheduler."""
    names = list(found[0].paired)
    lines = [
        f"| table | rank correlation with r_max | random: regret | {' | '.join(map(label, names))} |",
        f"|---|---|---:|{'---:|' * len(names)}",
    ]
    for row in found:
        cells = []
        for name in names:
            mean, low, high = row.interval(name)
            score, n = row.paired[name], len(row.paired[name].differences)
            numbers = f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"
            cells.append(f"{numbers}, {score.won * n:.0f}:{score.lost * n:.0f}")
        told = ", ".join(f"{resource}: {value:.2f}" for resource, value in row.correlation)
        lines.append(f"| `{row.table}` | {told} | {100 * row.random:.1f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdicts(found: Sequence[Comparison]) -> Iterator[str]:
    """What the differences show, by how telling low fidelities are: how many intervals lie on which side of zero."""
    groups = {
        f"mean rank correlation of at least {HIGH}": [c for c in found if c.mean_correlation >= HIGH],
        f"mean rank correlation from 0 to {HIGH}": [c for c in found if 0 <= c.mean_correlation < HIGH],
        "negative mean rank correlation": [c for c in found if c.mean_correlation < 0],
    }
    for group, members in groups.items():
        intervals = [c.interval(name) for c in members for name in c.paired if name != CLAIRVOYANT]
        better, worse = sum(high < 0 for _, _, high in intervals), sum(low > 0 for _, low, _ in intervals)
        tables = ", ".join(c.table for c in members)
        if members:
            yield (
                f"{group} ({tables}): of {len(intervals)} intervals {better} better than random search, {worse} worse, "
                f"{len(intervals) - better - worse} neither"
            )
    bounded = [c for c in found if c.beyond is not None]
    if bounded:
        beyond, runs = sum(c.beyond or 0 for c in bounded), sum(c.runs for c in bounded)
        yield f"{beyond} of {runs} runs were at some time better than the clairvoyant bound"


def draw(schedulers: Sequence[Comparison], searchers: Sequence[Comparison]) -> Figure:
    """Mean differences to random search with their intervals: schedulers at the left, searchers at the right."""
    figure = Figure(figsize=(10.5, max(5.0, 1.4 + 0.42 * len(schedulers))), dpi=150, layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[1.6, 1], height_ratios=[1, 1.1])
    left, right, notes = (figure.add_subplot(cell) for cell in (grid[:, 0], grid[0, 1], grid[1, 1]))
    handles = [
        *_forest(left, schedulers, 0, f"Schedulers at equal time ({TIME.time}, {WORKERS} workers)"),
        *_forest(right, searchers, 3, f"Searchers after {TRAININGS.trials} full trainings"),
        Line2D([], [], color="black", marker="o", markerfacecolor="white", label="the interval holds zero"),
    ]
    notes.axis("off")
    notes.legend(
        handles=handles,
        loc="center left",
        fontsize=9,
        frameon=False,
        title="regret minus that of random search,\nin % of the regret of the table's median:\n"
        f"mean over {len(SEEDS)} seeds, 95% interval",
        title_fontsize=9,
        alignment="left",
    )
    return figure


def _forest(ax: Axes, found: Sequence[Comparison], first: int, title: str) -> list[Line2D]:
    """Draw a row for each table; gives what a legend needs.

    `first`: with which colour and marker to begin.
    """
    names = [name for name in found[0].paired if name != CLAIRVOYANT]
    handles = []
    for i, name in enumerate(names):
        colour, marker = COLOURS[(first + i + 1) % len(COLOURS)], MARKERS[(first + i) % len(MARKERS)]
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 5.5, "markeredgewidth": 1.4}
        offset = 0.7 * ((i + 0.5) / len(names) - 0.5)
        for row, comparison in enumerate(found):
            mean, low, high = comparison.interval(name)
            ax.plot([low, high], [row + offset] * 2, color=colour, linewidth=1.6, solid_capstyle="butt")
            ax.plot(mean, row + offset, markerfacecolor="white" if low <= 0 <= high else colour, **look)
        handles.append(Line2D([], [], linewidth=1.6, label=name, **look))
    if CLAIRVOYANT in found[0].paired:
        for row, comparison in enumerate(found):
            ax.vlines(comparison.interval(CLAIRVOYANT)[0], row - 0.4, row + 0.4, color=BOUND["color"], linewidth=1.8)
        look = {"color": BOUND["color"], "marker": "|", "markersize": 11, "markeredgewidth": 1.8, "linestyle": "none"}
        handles.append(Line2D([], [], label=f"{label(CLAIRVOYANT)}, mean", **look))
    for row in range(0, len(found), 2):
        ax.axhspan(row - 0.5, row + 0.5, color="0.96", linewidth=0, zorder=0)
    ax.axvline(0, color="black", linewidth=1.0, zorder=1)
    ends = [value for comparison in found for name in comparison.paired for value in comparison.interval(name)]
    least, most = min(*ends, -5), max(*ends, 5)
    ax.set_xscale("symlog", linthresh=10, linscale=0.8)
    ticks = [tick for tick in TICKS if 1.1 * least <= tick <= 1.1 * most]
    ax.set_xticks(ticks, [_signed(f"{tick:+d}") if tick else "0" for tick in ticks], fontsize=8)
    ax.set_xticks([], minor=True)
    ax.set_xlim(1.2 * least, 1.2 * most)
    ax.grid(True, axis="x", color="0.88", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.set_yticks(range(len(found)), [f"{c.table}   {_signed(f'{c.mean_correlation:.2f}')}" for c in found])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(found) - 0.5, -0.5)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.set_title(title, loc="left", fontsize=10, pad=18)
    above: dict[str, Any] = {"va": "bottom", "fontsize": 8, "transform": ax.get_xaxis_transform()}
    ax.text(0, 1.005, "better than random \N{LEFTWARDS ARROW}  ", ha="right", **above)
    ax.text(0, 1.005, "  \N{RIGHTWARDS ARROW} worse", ha="left", **above)
    above["transform"] = ax.transAxes
    ax.text(-0.015, 1.005, "mean rank\ncorrelation", ha="right", **above)
    return handles


def _signed(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


def main() -> None:
    """The whole study."""
    schedulers = by_correlation([compare(table, SCHEDULERS, TIME) for table in TABLES])
    searchers = [compare(table, SEARCHERS, TRAININGS) for table in SMOOTH]
    for found in (schedulers, searchers):
        print(markdown(found), "\n")
        for sentence in verdicts(found):
            print(f"- {sentence}")
        print()
    draw(schedulers, searchers).savefig(PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()

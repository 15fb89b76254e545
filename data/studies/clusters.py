"""How does the ranking of synchronous and asynchronous schedulers change on clusters as they are? Paired by seed.

Prints Markdown tables and what they show, and draws `data/pictures/clusters.png`; takes about a minute on two cores:

    python data/studies/clusters.py

All schedulers get the same simulated time on the same number of workers, on each of the preset clusters. What is
compared is the regret of the incumbent, averaged over the run: it tells good schedulers apart that find the same
configuration in the end, and early progress counts.
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
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter
from scipy.stats import rankdata

from analysis import as_runs, summarise
from analysis.paired import mean_interval
from analysis.plots.spent import SAID
from analysis.style import COLOURS, LINES
from simulator import Budget
from simulator.accounting import PARTS
from simulator.cluster import Cluster
from simulator.study import crossed, run_all

PICTURE = Path(__file__).parents[1] / "pictures" / "clusters.png"
TABLES = ("mlp:letter", "mlp:digits", "svm:satimage", "svm:magic")
# The presets, and as a control workers that are all alike and get as much done in an hour as those with stragglers.
_PACE = np.mean(Cluster.read("stragglers").speeds) / (1 + np.sqrt(2 / np.pi))  # whose jobs' mean slowdown is that
CLUSTERS = {
    "ideal": "ideal",
    "slow": f"ideal(speeds=[{_PACE:.4f}])",
    "stragglers": "stragglers",
    "spot": "spot",
    "no-checkpoints": "no-checkpoints",
}
BASELINE = "random"
ASYNCHRONOUS = ("asha-stopping", "asha-promotion")
SYNCHRONOUS = ("successive-halving", "hyperband", "hyperband(overlap=False)")
SCHEDULERS = (BASELINE, *SYNCHRONOUS, *ASYNCHRONOUS)
NAMES = {"random": "random search", "hyperband(overlap=False)": "hyperband, workers wait"}  # for readers
SEEDS, WORKERS, TIME = range(30), 16, 3  # mean full trainings
MARKERS = "osDv^P"
TICKS = {"stragglers": "strag-\nglers", "no-checkpoints": "no check-\npoints"}
TITLES = {"slow": "slow, all alike"}


@dataclass(frozen=True)
class Comparison:
    """Some schedulers on one table and one cluster.

    Attributes:
        table, cluster: their names, the latter one of `CLUSTERS`.
        regrets: of each scheduler by name, (n,) by seed: see `mean_regret`.
        shares: of each scheduler, how its workers' time was spent, by part.
    """

    table: str
    cluster: str
    regrets: dict[str, np.ndarray]
    shares: dict[str, dict[str, float]]

    def ranks(self) -> dict[str, np.ndarray]:
        """(n,) of each scheduler among all, by seed; 1 is the best, equal ones share their ranks."""
        ranks = rankdata(list(self.regrets.values()), axis=0)
        return dict(zip(self.regrets, ranks, strict=True))

    def difference(self, name: str, other: str = BASELINE) -> tuple[float, float, float]:
        """A scheduler's regret minus that of another, in % of the other's mean: mean, ends of the 95% interval."""
        differences = 100 * (self.regrets[name] - self.regrets[other]) / self.regrets[other].mean()
        return float(differences.mean()), *mean_interval(differences)


def mean_regret(run: pd.Series, end: float) -> float:
    """Regret of a run's incumbent, averaged over the time from zero to `end` seconds, in % of the median's regret.

    As long as there is no result, or one that is worse than the table's median, it counts as the median.
    """
    times = np.minimum(np.array([0.0, *run["times"], end]), end)
    unit = abs(run["table_median"] - run["table_best"])
    regrets = np.minimum(np.abs(np.array(run["values"]) - run["table_best"]) / unit, 1.0)
    return float(100 * np.diff(times) @ np.array([1.0, *regrets]) / end)


def compare(
    table: str, cluster: str, names: Sequence[str] = SCHEDULERS, seeds: Sequence[int] = SEEDS, jobs: int = -1
) -> Comparison:
    """Run all schedulers on a table and a cluster."""
    runs_asked = crossed(table, names, seeds, WORKERS, Budget(time=f"{TIME}x"), cluster=CLUSTERS[cluster])
    with closing(run_all(runs_asked, jobs)) as rows:
        runs = as_runs(list(rows)).sort_values("seed")
    end, lines = TIME * runs["full_training"].iloc[0], summarise(runs).set_index("scheduler")
    return Comparison(
        table=str(runs["table"].iloc[0]),
        cluster=cluster,
        regrets={
            name: np.array([mean_regret(run, end) for _, run in runs[runs["scheduler"] == name].iterrows()])
            for name in names
        },
        shares={name: {part: float(lines.loc[name, f"share_{part}"]) for part in PARTS} for name in names},
    )


def markdown(found: Sequence[Comparison]) -> str:
    """A Markdown table: mean regret and mean rank with its interval, a row for each table and cluster."""
    names = list(found[0].regrets)
    lines = [
        f"| table | cluster | {' | '.join(NAMES.get(name, name) for name in names)} |",
        f"|---|---|{'---:|' * len(names)}",
    ]
    for row in found:
        ranks = row.ranks()
        cells = []
        for name in names:
            low, high = mean_interval(ranks[name])
            cells.append(f"{row.regrets[name].mean():.1f}, rank {ranks[name].mean():.1f} ({low:.1f} to {high:.1f})")
        lines.append(f"| `{row.table}` | {row.cluster} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spent(found: Sequence[Comparison], cluster: str) -> dict[str, dict[str, float]]:
    """How the workers' time was spent on a cluster: of each scheduler, the mean share over tables, by part."""
    rows = [row for row in found if row.cluster == cluster]
    return {
        name: {part: float(np.mean([row.shares[name][part] for row in rows])) for part in SAID}
        for name in rows[0].regrets
    }


def accounting(found: Sequence[Comparison]) -> str:
    """A Markdown table of it, in percent."""
    lines = [
        f"| cluster | scheduler | {' | '.join(SAID[part][0] for part in SAID)} |",
        f"|---|---|{'---:|' * len(SAID)}",
    ]
    for cluster in dict.fromkeys(row.cluster for row in found):
        for name, shares in spent(found, cluster).items():
            cells = " | ".join(f"{100 * shares[part]:.1f}" for part in SAID)
            lines.append(f"| {cluster} | {NAMES.get(name, name)} | {cells} |")
    return "\n".join(lines)


def verdicts(found: Sequence[Comparison]) -> Iterator[str]:
    """What the differences show: on which side of zero their intervals lie, cluster by cluster."""
    for cluster in dict.fromkeys(row.cluster for row in found):
        rows = [row for row in found if row.cluster == cluster]
        for what, names, others in (
            ("asynchronous against synchronous", ASYNCHRONOUS, SYNCHRONOUS),
            ("asynchronous against random search", ASYNCHRONOUS, (BASELINE,)),
            ("synchronous against random search", SYNCHRONOUS, (BASELINE,)),
            ("asha-stopping against asha-promotion", ASYNCHRONOUS[:1], ASYNCHRONOUS[1:]),
        ):
            known = [(name, other) for name in names for other in others if {name, other} <= set(rows[0].regrets)]
            ends = [row.difference(name, other) for row in rows for name, other in known]
            better, worse = sum(high < 0 for *_, high in ends), sum(low > 0 for _, low, _ in ends)
            if ends:
                yield (
                    f"{cluster}, {what}: of {len(ends)} intervals {better} better, {worse} worse, "
                    f"{len(ends) - better - worse} neither"
                )
    by_place = {(row.table, row.cluster): row for row in found}
    tables = [table for table, cluster in by_place if cluster == "stragglers" and (table, "slow") in by_place]
    for name in found[0].regrets if tables else ():
        told = []
        for table in tables:
            slow, real = (by_place[table, cluster].regrets[name] for cluster in ("slow", "stragglers"))
            low, high = mean_interval(real - slow)
            told.append(f"{table} {np.mean(real - slow):+.1f} ({low:+.1f} to {high:+.1f})")
        yield f"{name}, regret with stragglers minus that on the slow cluster, paired by seed: {', '.join(told)}"


def draw(found: Sequence[Comparison]) -> Figure:
    """Above, by table, how regret compares with random search; below, by cluster, where the workers' time went."""
    tables, clusters = (list(dict.fromkeys(getattr(row, name) for row in found)) for name in ("table", "cluster"))
    figure = Figure(figsize=(12.6, 7.4), dpi=150, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.15, 1])
    for ax, table in zip(_row(above, len(tables)), tables, strict=True):
        handles = _slopes(ax, [row for row in found if row.table == table])
        ax.set_title(table, loc="left", fontsize=10)
    above.axes[0].set_ylabel("regret minus that of random search,\nin % of it; below 0 is better")
    seeds = len(found[0].regrets[BASELINE])
    above.suptitle(
        f"Regret of the incumbent, averaged over {TIME} mean full trainings on {WORKERS} workers: "
        f"mean of {seeds} seeds, 95% interval (paired)",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    above.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=9)
    for i, (ax, cluster) in enumerate(zip(_row(below, len(clusters)), clusters, strict=True)):
        _bars(ax, spent(found, cluster), names=i == 0)
        ax.set_title(TITLES.get(cluster, cluster), loc="left", fontsize=10)
    below.suptitle("Where the time of the workers went: mean over tables", x=0.01, ha="left", fontsize=11)
    below.supxlabel("% of the time of all workers", fontsize=9)
    parts = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=name) for name, colour, hatch in SAID.values()
    ]
    below.legend(handles=parts, loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _row(figure: Any, n: int) -> list[Axes]:
    return list(figure.subplots(1, n, sharey=True, squeeze=False)[0])


def _slopes(ax: Axes, rows: Sequence[Comparison]) -> list[Line2D]:
    """Differences to random search, a line for each scheduler from cluster to cluster; gives what a legend needs."""
    handles = []
    for i, name in enumerate(rows[0].regrets):
        look: dict[str, Any] = {"color": COLOURS[i], "linestyle": LINES[i], "linewidth": 1.5}
        if name == BASELINE:
            handles.append(ax.axhline(0, label=NAMES[name], **look))
            continue
        place = np.arange(len(rows)) + 0.1 * (i - len(rows[0].regrets) / 2)
        mean, low, high = np.array([row.difference(name) for row in rows]).T
        ax.vlines(place, low, high, color=COLOURS[i], linewidth=1.5)
        look |= {"marker": MARKERS[i], "markersize": 5.5, "label": NAMES.get(name, name)}
        handles += ax.plot(place, mean, **look)
    ax.set_xticks(range(len(rows)), [TICKS.get(row.cluster, row.cluster) for row in rows], fontsize=8)
    ax.set_xlim(-0.5, len(rows) - 0.5)
    ax.grid(True, axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:+.0f}".replace("-", "\N{MINUS SIGN}") if y else "0"))
    ax.spines[["top", "right"]].set_visible(False)
    return handles


def _bars(ax: Axes, shares: dict[str, dict[str, float]], names: bool) -> None:
    """One bar a scheduler, parted."""
    for row, parts in enumerate(shares.values()):
        ends = 100 * np.cumsum([0.0, *parts.values()])
        for part, left, right in zip(parts, ends[:-1], ends[1:], strict=True):
            _, colour, hatch = SAID[part]
            ax.barh(row, right - left, 0.75, left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
    ax.set_ylim(len(shares) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.set_xticks([0, 50, 100])
    ax.tick_params(axis="x", labelsize=8)
    ax.tick_params(axis="y", length=0)
    if names:
        ax.set_yticks(range(len(shares)), [NAMES.get(name, name) for name in shares], fontsize=9)
    ax.spines[["top", "right", "left"]].set_visible(False)


def main() -> None:
    """The whole study."""
    found = [compare(table, cluster) for table in TABLES for cluster in CLUSTERS]
    for text in (markdown(found), accounting(found)):
        print(text, "\n")
    for sentence in verdicts(found):
        print(f"- {sentence}")
    draw(found).savefig(PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()

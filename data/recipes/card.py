"""What the data card of any family says: its data, search space and figures, computed and not typed."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import realdata

if TYPE_CHECKING:
    from blackboxes import Blackbox


def processor() -> str:
    """The processor's model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), platform.processor())


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def space_table(box: Blackbox) -> str:
    """The search space, in Markdown; with the conditions, where it has some."""
    head = ["hyperparameter", "type", "values", "scale"]
    active = {c.child.name: str(c).partition(" | ")[2].replace("'", "") for c in box.space.conditions}
    rows = []
    for name, h in box.space.items():
        if hasattr(h, "choices"):
            cells = [f"`{name}`", "category", ", ".join(map(str, h.choices)), ""]
        else:
            kind = "integer" if isinstance(h.lower, int) else "real"
            scale = "logarithmic" if h.log else "linear"
            cells = [f"`{name}`", kind, f"{h.lower:g} to {h.upper:g}", scale]
        rows.append([*cells, active.get(name, "always")] if active else cells)
    return markdown_table([*head, "active if"] if active else head, rows)


def data_table(splits: Mapping[str, Sequence[int]]) -> str:
    """The data sets of tasks, with their numbers of training, validation and test rows, in Markdown."""
    head = ("task", "rows", "features", "classes", "training, validation, test", "what and whence")
    rows = []
    for task, sizes in splits.items():
        data = realdata.DATA[task]
        x, y = data.read()
        classes = f"a number, in {data.unit}" if data.unit else str(len(np.unique(y)))
        rows.append([f"`{task}`", *map(str, x.shape), classes, ", ".join(map(str, sizes)), data.origin])
    return markdown_table(head, rows)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's, where diverged values (NaN) tie for the worst rank; smaller is better."""
    from scipy.stats import spearmanr

    return float(spearmanr(np.where(np.isnan(a), np.inf, a), np.where(np.isnan(b), np.inf, b)).statistic)


def figures(boxes: Sequence[Blackbox], compared: Sequence[int]) -> str:
    """Figures of tables whose default metric is better if smaller, one column for each, in Markdown.

    Args:
        boxes: tables of one family. Those with the same default metric share one Markdown table.
        compared: resources whose ranking is compared to that at r_max.
    """
    groups: dict[str, dict[str, dict[str, str]]] = {}
    for box in boxes:
        groups.setdefault(box.default_metric, {})[box.task] = _figures(box, compared)
    tables = []
    for columns in groups.values():
        labels = next(iter(columns.values()))
        rows = [[label, *(column[label] for column in columns.values())] for label in labels]
        tables.append(markdown_table(["", *(f"`{task}`" for task in columns)], rows))
    return "\n\n".join(tables)


def _figures(box: Blackbox, compared: Sequence[int]) -> dict[str, str]:
    """The figures of one table, by what they are."""
    from blackboxes.units import cost_exponent, unit_cost_spread

    error, last = box.metrics[box.default_metric], box.metrics[box.default_metric][:, :, -1]
    end, unit = np.nanmax(box.elapsed, axis=2), box.resource_unit
    whole = box.lengths == len(box.resources)
    full, half = end[whole], len(box) // 2
    drift = end[half:][whole[half:]].mean() / end[:half][whole[:half]].mean()
    measured = box.metric_info[box.default_metric].unit

    def value(number: float) -> str:
        return f"{number:.4f}" if measured == "fraction" else f"{number:.5g} {measured}"

    def at(r: int) -> str:  # an epoch or a round is a moment of one training, rows are an amount
        return f"{unit} {r}" if box.resumable else f"{r} {unit}s"

    every = box.resource_list == list(range(1, len(box.resources) + 1))
    grid = f"{unit}s" if every else f"resources, {box.resource_list[0]} to {box.r_max} {unit}s"
    name = box.default_metric.replace("_", " ")
    found = {
        f"configurations x replicates x {grid}": " x ".join(map(str, error.shape)),
        "curves that diverged": f"{np.isnan(last).mean():.1%}",
        f"final {name}: best": value(np.nanmin(last)),
        "best tenth of the curves": value(np.nanquantile(last, 0.1)),
        "median": value(np.nanmedian(last)),
        "worst": value(np.nanmax(last)),
        f"lowest {name} at any {unit if box.resumable else 'resource'}": value(box.best()),
    }
    if box.test_metric is not None:
        test = box.metrics[box.test_metric][:, :, -1].ravel()[np.nanargmin(last)]
        found[f"final {box.test_metric.replace('_', ' ')} of the best by validation"] = value(test)
    spent = end if box.resumable else box.elapsed  # from scratch every resource was trained anew
    found |= {
        "mean time of a full training": f"{box.full_training_time:.3f} s",
        "fastest, slowest full training": f"{full.min():.3f} s, {full.max():.3f} s",
        "... mean of the rows' second half over the first": f"{drift:.2f}",
        "time of all curves together": f"{np.nansum(spent) / 3600:.2f} h",
    }
    if not box.resumable:
        found["time grows as r^b: fitted exponent b"] = f"{cost_exponent(box):.2f}"
        found[f"time for one {unit}: dearest over cheapest resource"] = f"{unit_cost_spread(box):.2f}"
    for r in compared:
        i = int(np.searchsorted(box.resources, r))
        each = [rank_correlation(error[:, s, i], last[:, s]) for s in range(box.replicates)]
        found[f"rank correlation: {at(r)} with {box.r_max}"] = f"{np.mean(each):.3f}"
    if box.replicates > 1:
        found["rank correlation: two replicates"] = f"{rank_correlation(last[:, 0], last[:, 1]):.3f}"
    return found

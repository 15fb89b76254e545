"""What the data card of any family says: its search space and its figures, computed from the tables."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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
    """The search space, in Markdown."""
    rows = []
    for name, h in box.space.items():
        if hasattr(h, "choices"):
            rows.append([f"`{name}`", "category", ", ".join(map(str, h.choices)), ""])
        else:
            kind = "integer" if isinstance(h.lower, int) else "real"
            scale = "logarithmic" if h.log else "linear"
            rows.append([f"`{name}`", kind, f"{h.lower:g} to {h.upper:g}", scale])
    return markdown_table(("hyperparameter", "type", "values", "scale"), rows)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's, where diverged values (NaN) tie for the worst rank; smaller is better."""
    from scipy.stats import spearmanr

    return float(spearmanr(np.where(np.isnan(a), np.inf, a), np.where(np.isnan(b), np.inf, b)).statistic)


def figures(boxes: Sequence[Blackbox], compared: Sequence[int]) -> str:
    """Figures of tables whose default metric is an error, one column for each, in Markdown.

    Args:
        boxes: tables of one family.
        compared: resources whose ranking is compared to that at r_max.
    """
    columns = []
    for box in boxes:
        error, last = box.metrics[box.default_metric], box.metrics[box.default_metric][:, :, -1]
        end, unit = np.nanmax(box.elapsed, axis=2), box.resource_unit
        whole = box.lengths == len(box.resources)
        full, half = end[whole], len(box) // 2
        drift = end[half:][whole[half:]].mean() / end[:half][whole[:half]].mean()
        column = {
            f"configurations x replicates x {unit}s": " x ".join(map(str, error.shape)),
            "curves that diverged": f"{np.isnan(last).mean():.1%}",
            "final validation error: best": f"{np.nanmin(last):.4f}",
            "best tenth of the curves": f"{np.nanquantile(last, 0.1):.4f}",
            "median": f"{np.nanmedian(last):.4f}",
            "worst": f"{np.nanmax(last):.4f}",
            f"lowest validation error at any {unit}": f"{box.best():.4f}",
        }
        if box.test_metric is not None:
            test = box.metrics[box.test_metric][:, :, -1].ravel()[np.nanargmin(last)]
            column["final test error of the best by validation"] = f"{test:.4f}"
        column |= {
            "mean time of a full training": f"{box.full_training_time:.3f} s",
            "fastest, slowest full training": f"{full.min():.3f} s, {full.max():.3f} s",
            "... mean of the rows' second half over the first": f"{drift:.2f}",
            "time of all curves together": f"{end.sum() / 3600:.2f} h",
        }
        for r in compared:
            at = int(np.searchsorted(box.resources, r))
            each = [rank_correlation(error[:, s, at], last[:, s]) for s in range(box.replicates)]
            column[f"rank correlation: {unit} {r} with {box.r_max}"] = f"{np.mean(each):.3f}"
        if box.replicates > 1:
            column["rank correlation: two replicates"] = f"{rank_correlation(last[:, 0], last[:, 1]):.3f}"
        columns.append(column)
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return markdown_table(["", *(f"`{box.task}`" for box in boxes)], rows)

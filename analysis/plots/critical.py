"""The critical-difference diagram."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.friedman import SIGNIFICANT, Friedman
from analysis.style import label, look, new_axes, tidy, wrapped

WIDTH = 5.6  # inches, of the ranks' axis; all below are inches too
ABOVE = 1.0
LEVEL = 0.16  # between bars
LINE = 0.17  # of a name
GAP = 0.1  # between names
NAME = 40  # characters on a line


def plot_critical_difference(friedman: Friedman, ax: Axes | None = None) -> Axes:
    """Mean ranks on an axis, the best on the left; a bar joins schedulers that cannot be told apart (Demšar 2006).

    Bars are the groups of Nemenyi's test at the level of 0.05; mean ranks have to differ by as much as the ruler above
    the axis is long. The title tells the p-value of Friedman's test. Where that finds no difference, one bar joins all,
    and the picture says so. Names are drawn as they are, without TeX.

    Args:
        friedman: from `analysis.friedman`.
        ax: where to draw, the names beside it; a figure of its own, large enough, by default.
    """
    is_own = ax is None
    ax = new_axes() if ax is None else ax
    ranks, count = friedman.mean_ranks, len(friedman.schedulers)
    rejects = friedman.p < SIGNIFICANT
    critical = friedman.critical_difference
    order = np.argsort(ranks, kind="stable").tolist()
    left, right = 1.0, max(float(count), 1.0 + critical)
    margin = 0.02 * (right - left)

    bars, levels = _bars(friedman, margin)
    for low, high, level in bars:
        ax.plot([low, high], [-LEVEL * (level + 1)] * 2, color="black", linewidth=4, solid_capstyle="butt")
    top = LEVEL * (levels + 1)
    names: list[Text] = []
    bottom = top
    half = (count + 1) // 2
    for side, x, align in ((order[:half], left - margin, "right"), (order[half:][::-1], right + margin, "left")):
        y = top
        for s in side:
            text = wrapped(label(friedman.schedulers[s]), NAME)
            height = LINE * (text.count("\n") + 1) + GAP
            y, centre = y + height, y + height / 2
            color = look(s)["color"]
            ax.plot([ranks[s], ranks[s], x], [0, -centre, -centre], color=color, linewidth=1.3, clip_on=False)
            ax.plot([ranks[s]], [0], "o", color=color, markersize=5, clip_on=False, zorder=3)
            inwards = 4 if align == "right" else -4
            ax.annotate(
                f"{ranks[s]:.2f}",
                (x, -centre),
                (inwards, 1),
                textcoords="offset points",
                ha="left" if align == "right" else "right",
                va="bottom",
                fontsize=7,
                color="0.35",
            )
            names.append(
                ax.annotate(
                    text,
                    (x, -centre),
                    (-inwards, 0),
                    textcoords="offset points",
                    ha=align,
                    va="center",
                    parse_math=False,
                    annotation_clip=False,
                )
            )
        bottom = max(bottom, y)
    if not rejects:  # below all lines
        bottom += 0.3
        ax.text(
            (left + right) / 2, -bottom, "Friedman's test does not tell any of them apart", ha="center", va="bottom"
        )

    ruler = ABOVE - 0.3
    ax.plot([left, left + critical], [ruler] * 2, color="black", linewidth=1.3, marker="|", markersize=8)
    ax.text(left, ruler + 0.07, f"critical difference {critical:.2f}", va="bottom")
    p = "p < 0.001" if friedman.p < 0.001 else f"p = {friedman.p:.2g}"
    title = f"Friedman's test over {friedman.over}: {p}. Ranked: {friedman.y_label}, at {friedman.x_label}"
    tidy(ax, title, "mean rank (1 is best)", "")
    ax.grid(False)
    ax.set_yticks([])
    ax.set_xlim(left - margin, right + margin)
    ax.set_ylim(-bottom, ABOVE)
    ax.set_xticks(range(1, count + 1))
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.spines["top"].set_visible(True)
    ax.spines["top"].set_position(("data", 0.0))
    ax.spines["top"].set_bounds(1, count)
    ax.xaxis.set_ticks_position("top")
    ax.xaxis.set_label_position("top")
    if is_own:
        figure = ax.figure
        assert isinstance(figure, Figure)
        lefts, rights = names[:half], names[half:]
        widths = [max((text.get_window_extent().width for text in side), default=0.0) for side in (lefts, rights)]
        figure.set_size_inches(WIDTH + sum(widths) / figure.dpi + 0.4, bottom + ABOVE + 0.7)
    return ax


def _bars(friedman: Friedman, margin: float) -> tuple[list[tuple[float, float, int]], int]:
    """From where to where each group's bar goes, and on which of so many levels, so that none touches another."""
    rank_of = dict(zip(friedman.schedulers, friedman.mean_ranks.tolist(), strict=True))
    bars: list[tuple[float, float, int]] = []
    ends: list[float] = []
    for group in friedman.groups:
        low, high = rank_of[group[0]] - margin, rank_of[group[-1]] + margin
        level = next((i for i, end in enumerate(ends) if end < low - margin), len(ends))
        ends[level : level + 1] = [high]
        bars.append((low, high, level))
    return bars, len(ends)

"""One style for all pictures: colours, lines, ticks that can be read, legends beside the axes.

Texts may come from files: they are drawn as they are, without TeX, on lines of bounded length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import Formatter, Locator, LogLocator, MaxNLocator, NullFormatter

from simulator import clairvoyant

# Okabe & Ito's colours, told apart by people with any common colour vision, and by line style in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (7, 2)))
BOUND: dict[str, Any] = {"color": "0.45", "linestyle": (0, (4, 2)), "linewidth": 1.0, "zorder": 1.5}  # below the curves
SIZE = (6.2, 4.6)  # inches, without the legend
DPI = 150
SECOND_AXIS = 38  # points below the first
MOST_TICK = 7  # characters of a tick's label


def new_axes(size: tuple[float, float] = SIZE) -> Axes:
    """An Axes in a figure of its own."""
    return Figure(figsize=size, dpi=DPI, layout="constrained").add_subplot()


def look(i: int) -> dict[str, Any]:
    """Colour and line of the i-th scheduler of a picture; the first 42 differ."""
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": LINES[i % len(LINES)], "linewidth": 1.9}


def label(scheduler: str) -> str:
    """What a scheduler is called for readers."""
    return f"{scheduler} (bound)" if scheduler == clairvoyant.NAME else scheduler


def tidy(ax: Axes, title: str, x: str, y: str) -> None:
    """The grid, the title and the labels of the axes, as they are in all pictures."""
    ax.set_xlabel(wrapped(x, 72), parse_math=False)
    ax.set_ylabel(wrapped(y, 44), parse_math=False)
    ax.set_title(wrapped(title, 72), loc="left", fontsize=10, parse_math=False)
    ax.grid(True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def add_trainings(ax: Axes, full_training: float) -> None:
    """A second axis of time below the first, in mean full trainings (of so many seconds)."""
    if full_training > 0:
        scale = (lambda seconds: seconds / full_training, lambda trainings: trainings * full_training)
        axis = ax.secondary_xaxis("bottom", functions=scale)
        axis.spines["bottom"].set_position(("outward", SECOND_AXIS))
        axis.set_xlabel("the same in mean full trainings")
        if ax.get_xscale() == "log":
            low, high = ax.get_xlim()
            plain_ticks(axis.xaxis, low, high)


def legend_beside(ax: Axes, handles: Sequence[Artist], names: Sequence[str], *, widen: bool = True) -> Legend:
    """A legend to the right of the axes.

    Args:
        ax: where.
        handles, names: what is what; names as they are, also those that begin with an underscore.
        widen: make the figure wider by the legend, so that the axes keep their size; for a figure of one's own.
    """
    legend = ax.legend(
        handles,
        [str(i) for i in range(len(names))],
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
        frameon=False,
        handlelength=3.2,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):  # set last: "_name" would be left out
        text.set_parse_math(False)
        text.set_text(wrapped(name, 40))
    if widen:
        figure = ax.figure
        assert isinstance(figure, Figure)
        box, (width, height) = legend.get_window_extent(), figure.get_size_inches()
        figure.set_size_inches(width + box.width / figure.dpi, max(height, box.height / figure.dpi + 0.6))
    return legend


def wrapped(text: str, width: int) -> str:
    """Lines of at most `width`, broken after spaces, commas and a + between names where there are any.

    Control characters are gone. A + before a digit is part of a number.
    """
    lines = [""]
    for part in re.findall(rf"(?:[^ ,+]|\+(?![^\W\d])){{1,{width}}}[ ,+]?|[ ,+]", " ".join(text.split())):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def plain_ticks(axis: Axis, low: float, high: float) -> None:
    """Plain numbers instead of powers of ten on a logarithmic axis; the more of them, the shorter the range."""
    ratio = high / low
    locator: Locator
    if ratio < 5:
        locator = MaxNLocator(6, steps=[1, 2, 5, 10])
    elif ratio < 50:
        locator = LogLocator(subs=(1.0, 2.0, 3.0, 5.0))
    else:
        locator = LogLocator(subs=(1.0, 2.0, 5.0) if ratio < 1e4 else (1.0,))
    axis.set_major_locator(locator)
    axis.set_major_formatter(_OneNotation())
    axis.set_minor_formatter(NullFormatter())


class _OneNotation(Formatter):
    """Plain numbers on all ticks, or, where one of those in view gets too long, powers of ten on all: ``5e-5``."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.format_ticks([x])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        assert isinstance(self.axis, Axis)
        low, high = sorted(self.axis.get_view_interval())
        slack = 1e-9 * (high - low)
        seen = [x for x in values if low - slack <= x <= high + slack]
        is_plain = all(len(_plain(x)) <= MOST_TICK for x in seen)
        return [_plain(x) if is_plain else _in_powers_of_ten(x) for x in values]


def _plain(x: float) -> str:
    """Six significant digits, never in powers of ten."""
    return f"{Decimal(f'{x:g}'):f}"


def _in_powers_of_ten(x: float) -> str:
    """The same number as ``5e-5``."""
    mantissa, _, exponent = f"{Decimal(f'{x:g}').normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent)}" if x else "0"


def is_wide(values: np.ndarray) -> bool:
    """Whether a logarithmic axis is possible for finite values, and helps."""
    return bool(len(values) and values.min() > 0 and values.max() > 4 * values.min())


def save_picture(ax: Axes, path: str | Path) -> None:
    """Write the figure of `ax` in the format of the path's ending; the same picture gives the same bytes.

    Texts of an SVG stay texts, which can be searched and edited.
    """
    path = Path(path)
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
    with rc_context({"svg.hashsalt": "rungsim", "svg.fonttype": "none"}):
        figure = ax.figure
        assert isinstance(figure, Figure)
        figure.savefig(path, metadata=metadata)

"""Whether a picture can be read, and what is written in it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from test_plots import box, drawn, labels

HOSTILE = [
    "$x$",
    "a$b^{2",
    "_hidden",
    "<b>bold</b> & co",
    r"\frac{1}{2} %s {0}",
    "two\nlines",
    "x" * 300,
    "a " * 40,
    "",
]


def assert_inside(figure: Figure) -> None:
    """Nothing of a figure that was drawn is cut off by its edge."""
    inside, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert inside.x0 >= -0.01
    assert inside.y0 >= -0.01
    assert inside.x1 <= width + 0.01
    assert inside.y1 <= height + 0.01


def titled(ax: Axes) -> str:
    return ax.get_title(loc="left").replace("\n", "")


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text().replace("\n", "") for text in legend.get_texts()]


def texts_of(ax: Axes) -> list[Text]:
    """All texts of a picture that was drawn, but for those of ticks out of view."""
    legend = ax.get_legend()
    texts: list[Text] = [*ax.texts, ax._left_title, *(legend.get_texts() if legend else ())]  # type: ignore[attr-defined]
    for axis in (ax.xaxis, ax.yaxis, *(child.xaxis for child in ax.child_axes)):
        texts += [axis.label, *labels(axis)]
    return [text for text in texts if text.get_text().strip() and text.get_visible()]


def assert_clean(ax: Axes, least_ticks: int = 0) -> None:
    """Nothing is cut off by the figure's edge, no text lies on another, and a legend is beside the axes.

    Args:
        ax: a picture.
        least_ticks: how many ticks an axis has at the least.
    """
    drawn(ax)
    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    assert_inside(figure)
    legend = ax.get_legend()
    if legend is not None:
        assert box(legend).x0 >= box(ax).x1
    for axis in (ax.xaxis, ax.yaxis, *(child.xaxis for child in ax.child_axes)):
        assert len(labels(axis)) >= least_ticks, f"{axis} has the ticks {labels(axis)}"
    shown = texts_of(ax)
    boxes = [box(text).padded(-1) for text in shown]
    for (i, one), (j, other) in itertools.combinations(enumerate(boxes), 2):
        if shown[i].get_rotation() % 90 == 0:
            assert not one.overlaps(other), f"{shown[i].get_text()!r} lies on {shown[j].get_text()!r}"
    for text in shown:
        assert not text.get_parse_math() or "$" not in text.get_text()


def pixels(figure: Any) -> np.ndarray:
    figure.set_dpi(40)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())

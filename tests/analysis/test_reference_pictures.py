"""Every kind of picture against a reference that somebody has looked at: `pictures/*.png`.

A change that is meant: `pytest tests/analysis/test_reference_pictures.py --regen-golden` writes all references anew;
look at each of them before you commit. A picture that is new: one line in `PICTURES`, and the same.

What is drawn comes from whole-number arithmetic, so that it is the same everywhere. Fonts and their sizes are not the
same with all versions of Matplotlib, so that for a reference axes have a fixed place; where there is text in either
picture nothing is compared, and what the texts say is written in the reference's file, and compared as text. What is
left may be shaded otherwise and move a little. The tests below prove that a curve, a colour or a word is still missed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from readable import texts_of
from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter
from tables import integer_table

from analysis import (
    Curves,
    Scores,
    as_runs,
    curves,
    friedman,
    interval_widths,
    plot_anytime,
    plot_critical_difference,
    plot_data_profile,
    plot_performance_profile,
    plot_ranks,
    plot_seeds,
    plot_time_to_target,
    reach,
    scores,
)
from analysis.plots import spent, trials, workers
from analysis.plots.rungs import plot_rungs
from analysis.plots.spent import plot_spent
from analysis.plots.tables import plot_rank_correlation, plot_runtimes
from analysis.plots.trials import plot_trials
from analysis.plots.workers import plot_workers
from simulator import Simulation, Trace
from simulator.study import crossed, run_row

FOLDER = Path(__file__).parent / "pictures"
SIZE, DPI = (9.6, 4.4), 60
PLACES = ([0.13, 0.28, 0.52, 0.62], [0.66, 0.28, 0.02, 0.62])  # of the axes, and of a colour bar
MARGIN = 2  # pixels around a text
REACH = 2  # pixels that anything may move
SHADE = 0.2  # of the range from black to white, that a colour may differ beyond what is within reach
WINDOW, MOST = 16, 3  # of a square of 16 x 16 pixels, how many may differ by more


@cache
def trace(scheduler: str, cluster: str | None = None) -> Trace:
    return Simulation(integer_table(), scheduler, workers=3, seed=1, budget="3x", cluster=cluster).run()


@cache
def runs() -> pd.DataFrame:
    """Three schedulers, four seeds, with a cluster and without."""
    schedulers, clusters = ["random", "hyperband", "asha-stopping"], [None, "spot"]
    table = mock.Mock(return_value=integer_table())
    with mock.patch("simulator.study.run._table", table):
        asked = [crossed("made", schedulers, range(4), 3, "3x", cluster=cluster) for cluster in clusters]
        return as_runs([run_row(run) for some in asked for run in some])


def without_cluster() -> pd.DataFrame:
    return runs()[runs()["cluster"] == ""]


def some_curves() -> Curves:
    return curves(without_cluster(), scale="normalised", x="trainings")


def end() -> Scores:
    return scores(some_curves(), np.array([np.inf]))


PICTURES: dict[str, Callable[[], Axes]] = {
    "anytime": lambda: plot_anytime(without_cluster()),
    "critical-difference": lambda: plot_critical_difference(friedman(end())),
    "data-profile": lambda: plot_data_profile(reach(without_cluster(), 0.3), 1.0),
    "performance-profile": lambda: plot_performance_profile(reach(without_cluster(), 0.3)),
    "ranks": lambda: plot_ranks(scores(some_curves())),
    "rank-correlation": lambda: plot_rank_correlation(integer_table()),
    "rungs": lambda: plot_rungs(trace("asha-promotion")),
    "runtimes": lambda: plot_runtimes(integer_table()),
    "seeds": lambda: plot_seeds(interval_widths(end(), "asha-stopping", "random")),
    "spent": lambda: plot_spent(runs()),
    "time-to-target": lambda: plot_time_to_target(reach(without_cluster(), 0.3)),
    "trials": lambda: plot_trials(trace("asha-stopping")),
    "workers": lambda: plot_workers(trace("asha-promotion")),
    "workers-cluster": lambda: plot_workers(trace("asha-stopping", "spot(crashes='2/x', preemptions='1/x')")),
}


@dataclass(frozen=True)
class Picture:
    """Pixels (height, width, 3) from 0 to 1; and the texts in it, each with its box (left, top, right, bottom)."""

    pixels: np.ndarray
    texts: list[tuple[str, list[int]]]

    @classmethod
    def of(cls, ax: Axes) -> Picture:
        figure = ax.get_figure()
        assert isinstance(figure, Figure)
        figure.set_layout_engine("none")
        figure.set_size_inches(SIZE)
        figure.set_dpi(DPI)
        for axes, place in zip(figure.axes, PLACES, strict=False):
            axes.set_position(place)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        height = figure.bbox.height
        boxes = [
            (text.get_text(), [round(v) for v in (at.x0, height - at.y1, at.x1, height - at.y0)])
            for text in (text for axes in figure.axes for text in texts_of(axes))
            for at in [text.get_window_extent()]
        ]
        return cls(np.asarray(canvas.buffer_rgba())[:, :, :3] / 255, sorted(boxes))

    @classmethod
    def read(cls, path: Path) -> Picture:
        with Image.open(path) as image:
            texts = [(said, box) for said, box in json.loads(image.text["Texts"])]  # type: ignore[attr-defined]
            return cls(np.asarray(image.convert("RGB")) / 255, texts)

    def write(self, path: Path) -> None:
        said = PngInfo()
        said.add_text("Texts", json.dumps(self.texts), zip=True)
        Image.fromarray((self.pixels * 255).round().astype(np.uint8)).save(path, pnginfo=said, optimize=True)

    @property
    def said(self) -> list[str]:
        return [text for text, _ in self.texts]


def apart(one: Picture, other: Picture) -> int:
    """How many pixels of the worst window of either picture are unlike anything within reach in the other one.

    A pixel is alike if each channel lies between the least and the greatest within `REACH` there, or beyond by at most
    `SHADE`. So edges may be shaded otherwise, but what is there must be there in both.
    """
    pair = [one.pixels.copy(), other.pixels.copy()]
    if pair[0].shape != pair[1].shape:
        return one.pixels.size
    for left, top, right, bottom in (box for picture in (one, other) for _, box in picture.texts):
        for pixels in pair:
            pixels[max(top - MARGIN, 0) : bottom + MARGIN, max(left - MARGIN, 0) : right + MARGIN] = 1
    differ = np.argwhere(pair[0] != pair[1])
    if not len(differ):
        return 0
    (top, left, _), (bottom, right, _) = differ.min(axis=0), differ.max(axis=0)  # all else is alike
    near = (slice(max(top - REACH, 0), bottom + REACH + 1), slice(max(left - REACH, 0), right + REACH + 1))
    worst, reach = 0, (2 * REACH + 1, 2 * REACH + 1, 1)
    for mine, theirs in ((pair[0][near], pair[1][near]), (pair[1][near], pair[0][near])):
        low, high = minimum_filter(theirs, reach) - SHADE, maximum_filter(theirs, reach) + SHADE
        unlike = ((mine < low) | (mine > high)).any(axis=2).astype(np.float64)
        worst = max(worst, round(uniform_filter(unlike, WINDOW, mode="constant").max() * WINDOW**2))
    return worst


@cache
def reference(name: str) -> Picture:
    return Picture.read(FOLDER / f"{name}.png")


@pytest.mark.parametrize("name", PICTURES)
def test_picture_is_like_its_reference(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    seen, path = Picture.of(PICTURES[name]()), FOLDER / f"{name}.png"
    if request.config.getoption("--regen-golden"):
        seen.write(path)
    assert path.is_file(), f"{path} is missing: --regen-golden writes it"
    worst = apart(seen, reference(name))
    if worst > MOST:
        seen.write(tmp_path / path.name)
    assert worst <= MOST, f"{worst} pixels of a window differ: compare {tmp_path / path.name} with {path}"
    assert seen.said == reference(name).said


def test_references_are_small_and_there_is_one_for_each_picture() -> None:
    assert {path.stem for path in FOLDER.glob("*.png")} == set(PICTURES)
    for path in FOLDER.glob("*.png"):
        assert path.stat().st_size < 40_000, f"{path.name} is too large"


def is_like(name: str, seen: Picture) -> bool:
    return apart(seen, reference(name)) <= MOST and seen.said == reference(name).said


@pytest.mark.parametrize(
    "other",
    [
        {"text.hinting": "force_autohint"},
        {"text.antialiased": False},
        {"font.family": "DejaVu Sans Mono"},
    ],
    ids=str,
)
def test_another_font_or_renderer_makes_no_difference(other: dict[str, Any]) -> None:
    name = "workers-cluster"
    with rc_context(other):
        seen = Picture.of(PICTURES[name]())
    assert np.abs(seen.pixels - reference(name).pixels).max() > 0.3  # pixel by pixel it is another picture
    assert is_like(name, seen)


def colours(**changed: str) -> AbstractContextManager[Any]:
    return mock.patch.dict(workers.FATE_COLOURS, {name.replace("_", " "): colour for name, colour in changed.items()})


def without(ax: Axes, which: Callable[[Any], bool]) -> Axes:
    """A picture without the first artist of a kind."""
    next(artist for artist in (*ax.get_lines(), *ax.collections, *ax.texts) if which(artist)).remove()
    return ax


def of_anytime(rows: Callable[[pd.DataFrame], Any]) -> Axes:
    runs = without_cluster()
    return plot_anytime(runs[rows(runs)])


def renamed(old: str, new: str) -> Axes:
    runs = without_cluster()
    return plot_anytime(runs.assign(scheduler=runs["scheduler"].replace(old, new)))


def marked(marker: str) -> Callable[[Any], bool]:
    return lambda artist: getattr(artist, "get_marker", lambda: None)() == marker


CHANGES: dict[str, tuple[str, AbstractContextManager[Any], Callable[[], Axes]]] = {
    "scheduler left out": ("anytime", nullcontext(), lambda: of_anytime(lambda runs: runs["scheduler"] != "random")),
    "colours swapped": (
        "anytime",
        mock.patch("analysis.style.COLOURS", ("#D55E00", "#0072B2", "#009E73")),
        PICTURES["anytime"],
    ),
    "letter of the legend": ("anytime", nullcontext(), lambda: renamed("asha-stopping", "asha-stoppinq")),
    "rung left out": ("rungs", nullcontext(), lambda: without(PICTURES["rungs"](), lambda _: True)),
    "mean of runtimes": ("runtimes", nullcontext(), lambda: without(PICTURES["runtimes"](), marked("D"))),
    "hatch of overhead": (
        "spent",
        mock.patch.dict(spent.SAID, {"overhead": ("overhead", "#E69F00", "")}),
        PICTURES["spent"],
    ),
    "scheduler of spent": ("spent", nullcontext(), lambda: plot_spent(runs()[runs()["scheduler"] != "hyperband"])),
    "marks of trials": ("trials", nullcontext(), lambda: without(PICTURES["trials"](), marked("o"))),
    "colour of trials": (
        "trials",
        mock.patch.dict(trials.LINE_COLOURS, {"stopped": "#009E73"}),
        PICTURES["trials"],
    ),
    "colour of a fate": ("workers", colours(completed="#D55E00"), PICTURES["workers"]),
    "hatch of a fate": ("workers", mock.patch.dict(workers.HATCHES, {"cut off": ""}), PICTURES["workers"]),
    "no underline": ("workers", mock.patch.object(workers, "UNDERLINED", 1e-3), PICTURES["workers"]),
    "no marks of crashes": (
        "workers-cluster",
        nullcontext(),
        lambda: without(PICTURES["workers-cluster"](), marked("x")),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found(change: str) -> None:
    name, context, draw = CHANGES[change]
    with context:
        assert not is_like(name, Picture.of(draw()))

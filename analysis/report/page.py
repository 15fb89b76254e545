"""The report page: one HTML file with all it needs inside, which makes no request.

Texts may come from files: they are escaped by Jinja where they are HTML, and set as text by the page's scripts where
they are data, which is unpacked from base64. What could still slip through would not run: the page's policy allows the
scripts and the style written here, by their hashes, and nothing else.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.report import charts
from analysis.report.replay import STANDINGS, STATES, fitting, replay
from analysis.report.tables import DIGITS, called, texts
from analysis.runs import RunsError
from analysis.style import is_wide
from blackboxes.aside import written_aside
from simulator import Trace

COLUMNS = ("scheduler", "x", "middle", "lower", "upper")
SCRIPTS = ("common.js", "tables.js", "panels.js", "moment.js", "trial.js", "replay.js", "main.js")
EMBED = "window.vegaEmbed = vegaEmbed;"  # all that the page needs of the libraries


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves of schedulers, as steps: a value holds from its x until the next.

    Attributes:
        title, x_label, y_label: with units.
        curves: columns scheduler, x (not decreasing for each scheduler), middle, lower, upper; NaN where unknown.
        log_x, log_y: logarithmic axes, where any value is positive.
        y_reversed: the smallest value on top, for ranks.
        bound: the scheduler that is only a reference, drawn thin and grey.
    """

    title: str
    x_label: str
    y_label: str
    curves: pd.DataFrame
    log_x: bool = True
    log_y: bool = False
    y_reversed: bool = False
    bound: str | None = None


@dataclass(frozen=True, eq=False)
class Sortable:
    """A table that readers can sort by each column.

    Attributes:
        title, note: above and below it.
        frame: strings and numbers; NaN shows as a dash. Schedulers in a column of that name have their colours.
        digits: significant ones, of numbers that are no integers.
    """

    title: str
    frame: pd.DataFrame
    note: str = ""
    digits: int = DIGITS


@dataclass(frozen=True, eq=False)
class Report:
    """What a page tells.

    Attributes:
        title: of the page.
        facts: what was compared and how, as pairs of a term and what it is.
        finding: what came out, in one sentence.
        notes: how to read it, and what to mind.
        panels: anytime curves, of one or several tasks.
        ranks: ranks over time.
        tables: to sort.
        libraries: whose code decided, with its version, by scheduler; those of rungsim's own are left out.
        replays: one run for each scheduler, at most `analysis.report.replay.MOST_JOBS` jobs in all; what does not fit
            is left out, and the page says so.
        left_off: why some schedulers have no replay.
    """

    title: str
    facts: Sequence[tuple[str, str]] = ()
    finding: str = ""
    notes: Sequence[str] = ()
    panels: Sequence[Panel] = ()
    ranks: Panel | None = None
    tables: Sequence[Sortable] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)
    replays: Sequence[Trace] = ()
    left_off: str = ""


def page(report: Report) -> str:
    """The page as HTML. The same report gives the same page.

    Raises:
        RunsError: a panel without its columns, or the extra ``report`` is not installed.
    """
    for library in ("altair", "jinja2", "vl_convert"):
        if find_spec(library) is None:
            raise RunsError(f"{library} is missing, which the report is made with: pip install 'rungsim[report]'")
    panels = [*report.panels, *([] if report.ranks is None else [report.ranks])]
    for panel in panels:
        _check(panel)
    _bundling()
    names, bound = _schedulers(panels)
    kept, why = fitting(report.replays)
    data = {
        "schedulers": [called(name) for name in names],
        "panels": [_curves(panel, names) | {"spec": charts.panel(panel, names, bound)} for panel in panels],
        "replay": {"runs": [_replay(trace) for trace in kept], "states": STATES, "standings": STANDINGS},
    }
    ours = "\n".join(_source(name) for name in SCRIPTS)
    scripts = {
        "theme": _script(_source("theme.js")),
        "library": _script(_library()),
        "ours": _script(f'"use strict";\n(() => {{\n{ours}}})();\n'),
    }
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style = "\n".join([_source("style.css"), *_colours(names)])
    allowed = " ".join(_hash(script) for script in scripts.values())
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string(_source("page.html")).render(
        report=report,
        policy=f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        style=Markup(style),
        scripts={name: Markup(script) for name, script in scripts.items()},
        data=Markup(_packed(data)),
        looks=[_look(i, name, i == bound, report.libraries.get(name, "")) for i, name in enumerate(names)],
        tables=[texts(table, names) for table in report.tables],
        replays=[called(trace.info.scheduler) for trace in kept],
        left_off=[*([report.left_off] if report.left_off else []), *why],
        states=STATES,
        standings=STANDINGS,
    )
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be written


def write_report(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the page, aside first and then renamed.

    Raises:
        RunsError: as `page` does.
    """
    with written_aside(Path(path)) as aside:
        aside.write_text(page(report), encoding="utf-8", newline="\n")


def _check(panel: Panel) -> None:
    missing = [name for name in COLUMNS if name not in panel.curves]
    if missing:
        raise RunsError(f"the panel {panel.title!r}: its curves have no {', '.join(missing)}, but {list(panel.curves)}")
    if not len(panel.curves):
        raise RunsError(f"the panel {panel.title!r}: there are no curves")


def _schedulers(panels: Sequence[Panel]) -> tuple[list[str], int | None]:
    """All that are drawn, in the order in which they come, and the number of the one that is only a reference."""
    names = dict.fromkeys(str(name) for panel in panels for name in panel.curves["scheduler"].unique())
    bounds = dict.fromkeys(panel.bound for panel in panels if panel.bound in names)
    if len(bounds) > 1:
        raise RunsError(f"panels have different bounds: {', '.join(map(str, bounds))}")
    bound = next(iter(bounds), None)
    ordered = [name for name in names if name != bound] + ([] if bound is None else [bound])
    return ordered, None if bound is None else len(ordered) - 1


def _curves(panel: Panel, names: Sequence[str]) -> dict[str, Any]:
    """A panel's columns, curve by curve, to seven digits."""
    curves = []
    for name, rows in panel.curves.groupby("scheduler", sort=False, observed=True):
        columns = {column: _rounded(rows[column].to_numpy(dtype=np.float64)) for column in COLUMNS[1:]}
        curves.append({"s": names.index(str(name)), **columns})
    return {"x_label": panel.x_label, "curves": curves}


def _rounded(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values.tolist()]


def _replay(trace: Trace) -> dict[str, Any]:
    """A run's data, with the charts that draw it and what these need to know of it."""
    data = replay(trace)
    grid = np.array(data["resources"])
    best = np.array([value for value in data["incumbents"]["value"] if value is not None])
    levels = [data["resources"][level] for level in sorted(set(data["reports"]["level"]))]
    low, high = data["value_domain"]
    most_reports = int(np.bincount(data["reports"]["trial"], minlength=1).max())
    marked = 110 if most_reports <= 20 else 36
    log = {
        "incumbent": is_wide(best),
        "curve": bool(grid[0] > 0 and grid[-1] > 20 * grid[0]),
    }
    least, most = charts.range_of(best, log["incumbent"], 0.08)
    first, last = charts.range_of(grid, log["curve"], 0.03)
    return data | {
        "specs": {
            "gantt": charts.gantt(),
            "incumbent": charts.incumbent(log["incumbent"]),
            "rungs": charts.rungs(),
            "curve": charts.learning_curve(log["curve"]),
        },
        "parameters": {
            "gantt": {
                "end": data["end"] or 1.0,
                "workers": data["workers"],
                "labelled": [row + 0.5 for row in _some(data["workers"], 9)],
            },
            "incumbent": {
                "end": data["end"] or 1.0,
                "low": least,
                "high": most,
                "ticks": _ticks(least, most, log["incumbent"], 4),
            },
            "rungs": {
                "levels": levels,
                "labelled": _some(len(levels), 12),
                "size": min(26.0, max(7.0, 16_000 / max(1, len(data["reports"]["time"])))),
                "ring": marked,
                "low": low,
                "high": high,
            },
            "curve": {
                "first": first,
                "last": last,
                "ticks": data["resources"] if len(grid) <= 10 else _ticks(first, last, log["curve"], 8),
                "low": low,
                "high": high,
                "size": marked,
            },
        },
    }


def _ticks(low: float, high: float, log: bool, most: int) -> list[float]:
    return charts.round_numbers(low, high) if log else charts.even_numbers(low, high, most)


def _some(count: int, most: int) -> list[int]:
    """Positions from 0 to `count`, evenly spread where there are more than `most`."""
    spread = np.linspace(0, count - 1, min(count, most)).round().astype(int)
    return [int(position) for position in np.unique(spread)]


def _look(i: int, name: str, is_bound: bool, library: str) -> dict[str, Any]:
    """What the legend shows of a scheduler."""
    dashes = charts.BOUND_DASH if is_bound else charts.dash(i)
    width = charts.BOUND_WIDTH if is_bound else charts.LINE_WIDTH
    return {
        "name": called(name),
        "library": library,
        "colour": charts.variable(i, is_bound),
        "dash": " ".join(map(str, dashes)),
        "width": width,
    }


def _colours(names: Sequence[str]) -> Iterator[str]:
    """The schedulers' colours as CSS variables."""
    light, dark = zip(*(charts.colour(i) for i in range(len(names))), strict=True) if names else ((), ())
    for selector, colours in ((":root", light), ("[data-theme=dark]", dark)):
        declared = " ".join(f"--s{i}: {colour};" for i, colour in enumerate(colours))
        yield f"@media {'screen' if colours is dark else 'all'} {{ {selector} {{ {declared} }} }}"


def _packed(data: Any) -> str:
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode("ascii")


@cache
def _source(name: str) -> str:
    return files("analysis.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _bundling() -> subprocess.Popen[str]:
    """Another process that puts Vega, Vega-Lite and Vega-Embed into one script: that takes as long as all the rest."""
    program = f"import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle({EMBED!r}).encode())"
    command = [sys.executable, "-I", "-c", program]  # -I: nothing from the folder it is run in
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8")


@cache
def _library() -> str:
    """The script of `_bundling`."""
    process = _bundling()
    script, _ = process.communicate()
    if process.returncode:
        from vl_convert import javascript_bundle

        return str(javascript_bundle(EMBED))
    return script


def _script(text: str) -> str:
    """A script as it may stand in HTML, where these would end it or hide its end; scripts have both within strings."""
    return text.replace("\r\n", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(text: str) -> str:
    """A script or a style in the words of a policy."""
    digest = sha256(text.encode("utf-8")).digest()
    return f"'sha256-{b64encode(digest).decode('ascii')}'"

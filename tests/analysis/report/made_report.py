"""Reports for tests: of a small run and drawn curves, in harmless or in hostile words; and what a page holds."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
from tables import random_table, space_of

from analysis.report import Panel, Report, Sortable
from blackboxes import Blackbox, Metric
from simulator import Simulation, Trace, events

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "a.b[0]",
    "_hidden",
    "<!--<script>alert(2)//",
    "$x$ \\frac{1}{2} & \"double\" 'single' `tick`",
    "two\nlines\tand a tab",
    "../../etc/passwd",
    "datum['s'] == 1 ? alert(3) : {{ 7 * 7 }} {% raw %} ${8 * 8}",
    "long " * 60,
    "WWWWWWWWWW" * 30,
    "</title></style></textarea><svg onload=alert(4)>",
    "__proto__",
    "\u202eright to left",
    "",
]
PLAIN = [f"text {i}" for i in range(len(HOSTILE))]


def curves(schedulers: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """A falling step curve with a band for each scheduler; those after the first know nothing at their beginning."""
    rng = np.random.default_rng(seed)
    parts = []
    for i, name in enumerate(schedulers):
        middle = np.minimum.accumulate(rng.uniform(0.05, 1.0, 40)) + 0.01 * i
        middle[: 3 * i] = np.nan
        x = np.geomspace(0.1, 100.0, 40)
        parts.append(
            pd.DataFrame({"scheduler": name, "x": x, "middle": middle, "lower": 0.8 * middle, "upper": 1.3 * middle})
        )
    return pd.concat(parts, ignore_index=True)


@cache
def asha(seed: int = 3) -> Trace:
    """A run with everything in it: trials that go on, wait, are complete, diverge and are cut off."""
    table = random_table(seed, n=60, size=27, levels=None, diverged=0.02, times="fine", resumable=True)
    return Simulation(table, "asha-promotion", workers=3, seed=seed, budget="12x").run()


def hostile_run(words: Sequence[str]) -> Trace:
    """A run where the table, its metric, units, hyperparameters and their values have these names."""
    shape = (6, 1, 9)
    values = np.random.default_rng(1).uniform(0.1, 1, shape)
    table = Blackbox(
        family=words[0],
        task=words[1],
        space=partial(space_of, 6),
        configs={
            f"{word}{i}": np.array([words[(i + k) % len(words)] for k in range(6)]) for i, word in enumerate(words)
        },
        resources=np.arange(1, 10),
        metrics={words[2]: values},
        metric_info={words[2]: Metric("min", unit=words[3])},
        elapsed=np.broadcast_to(np.arange(1.0, 10), shape).copy(),
        resource_unit=words[4],
    )
    trace = Simulation(table, "asha-stopping", workers=2).run()
    trace.info = replace(trace.info, scheduler=words[0])
    return trace


def report_in(words: Sequence[str]) -> Report:
    """A report where every text is one of these."""
    schedulers = list(dict.fromkeys(words))
    number = len(schedulers)
    frame = pd.DataFrame({"scheduler": schedulers, words[1]: schedulers[::-1], words[0]: np.arange(number) / 7})
    drawn = Panel(words[0], words[1], words[2], curves(schedulers), bound=schedulers[1])
    return Report(
        title=words[0],
        facts=list(zip(words, words[::-1], strict=True)),
        finding=words[0],
        notes=words,
        panels=[drawn, replace(drawn, title=words[3])],
        ranks=replace(drawn, title=words[5], y_reversed=True),
        tables=[Sortable(words[0], frame, note=words[4])],
        libraries=dict(zip(schedulers[2:], words, strict=False)),
        replays=[hostile_run(words)],
        left_off=words[0],
    )


def small_report() -> Report:
    """Two panels and ranks of three schedulers, a table, and a run."""
    schedulers = ["random", "asha-promotion", "hyperband"]
    frame = pd.DataFrame(
        {
            "scheduler": [*schedulers, "another"],
            "regret": [0.5, np.nan, 0.0625, 10.0],
            "trials": [7, 100, 20, 3],
            "note": ["b", "a", "a10", "a9"],
        }
    )
    return Report(
        title="Three schedulers",
        facts=[("Table", "made")],
        finding="The third is the best.",
        notes=["All of it is made up."],
        panels=[
            Panel("first", "simulated time (s)", "loss", curves(schedulers), log_x=True, log_y=True),
            Panel("second", "simulated time (s)", "loss", curves(schedulers[1:], seed=1), log_x=True),
        ],
        ranks=Panel("ranks", "simulated time (s)", "mean rank", curves(schedulers, seed=2), y_reversed=True),
        tables=[Sortable("the end", frame)],
        replays=[asha()],
    )


@dataclass
class Html(HTMLParser):
    """Tags in their order, all text outside of scripts and styles, and what scripts hold."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: str) -> Html:
        found = cls()
        HTMLParser.__init__(found, convert_charrefs=True)
        found.feed(page)
        found.close()
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        own = {"script": self.scripts, "style": self.styles}
        (own[self.lasttag] if self.cdata_elem else self.texts).append(data)


def unpacked(page: str) -> dict[str, Any]:
    """The data in a page."""
    html = Html.of(page)
    (packed,) = [s for s in html.scripts if s.startswith("H4sI")]
    found: dict[str, Any] = json.loads(gzip.decompress(b64decode(packed)))
    return found


STATE_AFTER = {
    "pause": "paused",
    "stop": "stopped",
    "cancelled": "stopped",
    "complete": "completed",
    "curve-end": "completed",
    "budget": "cut off",
    "failed": "failed",
}


def states_at(trace: Trace, seconds: float) -> dict[int, str]:
    """What is known at a time of each trial that has started, event by event."""
    c = trace.columns
    found: dict[int, str] = {}
    for time, trial, event in zip(c.time.tolist(), c.trial.tolist(), c.event.tolist(), strict=True):
        name = events.NAMES[event]
        if trial >= 0 and time / 1e9 <= seconds and name != "removed":
            found[trial] = STATE_AFTER.get(name, "running")
    if seconds >= trace.info.end / 1e9:
        found = {trial: "cut off" if state == "running" else state for trial, state in found.items()}
    return found


def jobs_at(trace: Trace, seconds: float) -> list[tuple[int, int, float, float, str]]:
    """The bars at a time: trial, worker, begin, end by then, and the state of the trial; event by event."""
    c, states = trace.columns, states_at(trace, seconds)
    bars = []
    open_since: dict[int, tuple[int, float]] = {}
    for time, trial, worker, event in zip(
        c.time.tolist(), c.trial.tolist(), c.worker.tolist(), c.event.tolist(), strict=True
    ):
        name = events.NAMES[event]
        if trial < 0 or name in ("continue", "removed"):
            continue
        if name in ("start", "resume"):
            open_since[trial] = (worker, time / 1e9)
        elif trial in open_since:
            on, begin = open_since.pop(trial)
            if begin <= seconds:
                bars.append((trial, on, begin, min(time / 1e9, seconds), states[trial]))
    return sorted(bars)


def standings_at(trace: Trace, seconds: float) -> list[tuple[int, float, float | None, str]]:
    """The reports by a time: trial, resource, value (None: diverged), and what came of it by then; event by event."""
    c = trace.columns
    found: dict[tuple[int, float], tuple[float | None, str]] = {}
    paused: dict[int, float] = {}
    for i in range(len(trace)):
        if c.time[i] / 1e9 > seconds:
            break
        trial, name, at = int(c.trial[i]), events.NAMES[c.event[i]], float(c.resource[i])
        value = None if np.isnan(c.value[i]) else float(c.value[i])
        if name in ("resume", "cancelled") and trial in paused:
            at = paused.pop(trial)
            found[trial, at] = (found[trial, at][0], "went on" if name == "resume" else "stopped")
        if name in ("continue", "pause", "stop", "complete", "curve-end") and (trial, at) not in found:
            came = {"continue": "went on", "pause": "paused", "stop": "stopped"}.get(name, "completed")
            found[trial, at] = (value, came)
            if name == "pause":
                paused[trial] = at
    return sorted((trial, at, value, came) for (trial, at), (value, came) in found.items())

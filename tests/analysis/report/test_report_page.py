"""The page without a browser: what is in it, that it asks for nothing, and that texts are texts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_report import HOSTILE, PLAIN, Html, asha, curves, report_in, small_report, unpacked

from analysis.report import Panel, Report, Sortable, charts, page, write_report
from analysis.report.page import SCRIPTS
from analysis.report.replay import replay
from analysis.report.tables import number_text
from analysis.runs import RunsError
from analysis.style import COLOURS, LINES
from simulator.study import crossed


@pytest.fixture(scope="module")
def small() -> str:
    return page(small_report())


@pytest.fixture(scope="module")
def hostile() -> str:
    return page(report_in(HOSTILE))


def test_all_that_the_report_tells_is_there(small: str) -> None:
    text = " ".join(" ".join(Html.of(small).texts).split())
    for told in ("Three schedulers", "Table made", "The third is the best.", "All of it is made up.", "the end"):
        assert told in text
    assert "asha-promotion – 100 a " in text


def test_a_scheduler_of_another_library_is_marked_in_the_legend_and_no_other_is(small: str) -> None:
    marked = page(replace(small_report(), libraries={"hyperband": "ray 2.60.0"}))
    text = " ".join(" ".join(Html.of(marked).texts).split())
    assert "random asha-promotion hyperband decided by ray 2.60.0 All None" in text
    classes = [attributes.get("class") for _, attributes in Html.of(marked).tags]
    assert classes.count("tag") == 1
    assert "tag" not in [attributes.get("class") for _, attributes in Html.of(small).tags]


def test_hostile_texts_leave_the_page_with_the_same_elements_as_harmless_ones(hostile: str) -> None:
    plain = Html.of(page(report_in(PLAIN)))
    found = Html.of(hostile)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert [set(attributes) for _, attributes in found.tags] == [set(attributes) for _, attributes in plain.tags]
    own = "\n".join(found.texts)
    for word in HOSTILE:
        assert word in own
    assert found.styles == plain.styles
    assert found.scripts[:1] + found.scripts[2:] == plain.scripts[:1] + plain.scripts[2:]  # all but the data


def test_hostile_texts_stand_in_the_data_as_they_are(hostile: str) -> None:
    data = unpacked(hostile)
    run = data["replay"]["runs"][0]
    assert data["schedulers"][:1] == [HOSTILE[0]]
    assert (run["metric"], run["unit"], run["resource_unit"]) == (HOSTILE[2], HOSTILE[3], HOSTILE[4])
    assert run["params"][0] == [[f"{word}{i}", HOSTILE[i % len(HOSTILE)]] for i, word in enumerate(HOSTILE)]
    specs = json.dumps([*(panel["spec"] for panel in data["panels"]), *run["specs"].values()])
    for word in filter(None, HOSTILE):
        assert json.dumps(word)[1:-1] not in specs


def test_a_character_that_is_none_is_replaced_and_can_be_written(tmp_path: Path) -> None:
    write_report(Report(title="lone \ud800 surrogate and a \x00"), tmp_path / "page.html")
    assert "lone ? surrogate" in (tmp_path / "page.html").read_text(encoding="utf-8")


def policy_of(html: Html) -> dict[str, list[str]]:
    (policy,) = [
        a["content"] for tag, a in html.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


def test_the_policy_allows_these_scripts_and_nothing_from_elsewhere(small: str) -> None:
    html = Html.of(small)
    policy = policy_of(html)
    hashes = {f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in html.scripts}
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert len(policy["script-src"]) == 3
    assert set(policy["script-src"]) < hashes  # the data is none that runs
    assert set(policy) == {"default-src", "base-uri", "form-action", "script-src", "style-src", "img-src"}
    (style,) = html.styles
    assert policy["style-src"] == [f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"]
    assert policy["img-src"] == ["data:"]
    tags = [tag for tag, _ in html.tags]
    assert tags.index("meta") < tags.index("script") < tags.index("style")
    assert [a for tag, a in html.tags if tag == "meta"][1]["http-equiv"] == "Content-Security-Policy"


def test_nothing_in_the_page_is_loaded_from_anywhere(small: str) -> None:
    html = Html.of(small)
    for _, attributes in html.tags:
        assert not {"src", "srcset", "data", "action", "formaction", "ping", "style", "background"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#") in ("#", "data:,") or str(attributes["href"]).startswith("#")
    (style,) = html.styles
    assert "url(" not in style
    assert "@import" not in style
    ours = [files("analysis.report").joinpath(name).read_text(encoding="utf-8") for name in (*SCRIPTS, "theme.js")]
    for text in [style, *html.texts, *ours, files("analysis.report").joinpath("page.html").read_text(encoding="utf-8")]:
        assert "http:" not in text
        assert "https:" not in text
    for text in ours:
        assert not re.search(
            r"fetch\(|XMLHttpRequest|importScripts|import\(|sendBeacon|WebSocket|innerHTML|outerHTML", text
        )
        assert not re.search(r"insertAdjacentHTML|document\.write|eval\(|Function\(", text)


def test_curves_on_the_page_are_those_of_the_report(small: str) -> None:
    report, data = small_report(), unpacked(small)
    assert report.ranks is not None
    assert data["schedulers"] == ["random", "asha-promotion", "hyperband"]
    for panel, shown in zip([*report.panels, report.ranks], data["panels"], strict=True):
        assert shown["x_label"] == panel.x_label
        assert len(shown["curves"]) == panel.curves["scheduler"].nunique()
        for curve in shown["curves"]:
            rows = panel.curves[panel.curves["scheduler"] == data["schedulers"][curve["s"]]]
            for column in ("x", "middle", "lower", "upper"):
                values = np.array([nan if value is None else value for value in curve[column]])
                np.testing.assert_allclose(values, rows[column], rtol=1e-6)


def test_runs_on_the_page_are_those_of_the_traces(small: str) -> None:
    (run,) = unpacked(small)["replay"]["runs"]
    expected = json.loads(json.dumps(replay(asha())))
    assert {name: run[name] for name in expected} == expected


def test_the_reference_comes_last_and_looks_like_one() -> None:
    drawn = curves(["best there is", "a", "b"])
    drawn.loc[drawn["scheduler"] == "best there is", ["lower", "middle", "upper"]] /= 100
    made = page(Report("t", panels=[Panel("with a bound", "x", "y", drawn, bound="best there is")]))
    html, data = Html.of(made), unpacked(made)
    assert data["schedulers"] == ["a", "b", "best there is"]
    strokes = [a["stroke"] for tag, a in html.tags if tag == "line"]
    assert strokes == ["var(--s0)", "var(--s1)", "var(--bound)"]
    values = drawn[drawn["scheduler"] != "best there is"]
    domain = data["panels"][0]["spec"]["layer"][1]["encoding"]["y"]["scale"]["domain"]
    assert domain[0] > drawn["middle"].min()
    np.testing.assert_allclose(sum(domain) / 2, (values["lower"].min() + values["upper"].max()) / 2)


def test_colours_and_dashes_are_those_of_the_pictures_but_black_is_light_in_the_dark() -> None:
    assert [charts.colour(i)[0] for i in range(9)] == [*COLOURS, *COLOURS[:2]]
    assert [charts.colour(i)[1] == charts.colour(i)[0] for i in range(7)] == [c != "#000000" for c in COLOURS]
    assert charts.dash(0) == []
    assert charts.dash(3) == [2.2, 2.2]
    assert len({(charts.colour(i), tuple(charts.dash(i))) for i in range(42)}) == 42
    assert all(len(charts.dash(i)) in (0, 2, 4, 6) for i in range(len(LINES)))


def test_specifications_are_valid_and_name_no_data_but_their_own(small: str) -> None:
    import altair as alt

    data = unpacked(small)
    (run,) = data["replay"]["runs"]
    for spec in [*(panel["spec"] for panel in data["panels"]), *run["specs"].values()]:
        alt.LayerChart.from_dict(spec, validate=True)
        assert "url" not in json.dumps(spec).replace("--", "")
    for name, spec in run["specs"].items():
        assert {param["name"] for param in spec["params"]} >= set(run["parameters"][name])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.08, 0.6, [0.08, 0.1, 0.2, 0.3, 0.5]),
        (0.9, 120.0, [1, 2, 5, 10, 20, 50, 100]),
        (1e-3, 1e4, [1e-3, 1e-2, 0.1, 1, 10, 100, 1000, 1e4]),
        (0.1, 0.14, [0.1, 0.11, 0.12, 0.13, 0.14]),
        (3.0, 4.0, [3, 3.2, 3.4, 3.6, 3.8, 4]),
    ],
)
def test_ticks_of_logarithmic_axes(low: float, high: float, ticks: list[float]) -> None:
    assert charts.round_numbers(low, high) == ticks


@pytest.mark.parametrize("width", [1e-9, 0.03, 1.0, 17.0, 4e8])
@pytest.mark.parametrize("low", [-3.3, 0.0, 7.0])
@pytest.mark.parametrize("most", [4, 8])
def test_ticks_of_linear_axes_are_round_and_few(low: float, width: float, most: int) -> None:
    ticks = charts.even_numbers(low, low + width, most)
    assert most / 2.6 - 1 <= len(ticks) <= most + 1
    assert all(low <= tick <= low + width for tick in ticks)
    assert all(len(f"{tick:.12g}".strip("-0.").replace(".", "").rstrip("0")) <= 12 for tick in ticks)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (0.0, "0"),
        (12.0, "12.00"),
        (-0.5, "−0.5000"),
        (1234.5678, "1,235"),
        (0.000123456, "0.0001235"),
        (0.0000123456, "1.235e−05"),
        (-12345678.9, "−1.235e+07"),
        (9.99996, "10.00"),
        (inf, "∞"),
        (-inf, "−∞"),
    ],
)
def test_numbers_for_readers(value: float, text: str) -> None:
    assert number_text(value) == text


def test_cells_of_a_table_carry_what_they_are_sorted_by() -> None:
    frame = pd.DataFrame(
        {
            "whole": [1, 20, 3],
            "x": [0.5, nan, -inf],
            "text": ["b", None, "<i>"],
            "flag": [True, False, True],
            "maybe": pd.array([1, None, 3], dtype="Int64"),
        }
    )
    frame.columns = ["same", "x", "text", "flag", "same"]
    html = Html.of(page(Report("t", tables=[Sortable("a table", frame, digits=2)])))
    cells = [a for tag, a in html.tags if tag == "td"]
    assert [a.get("data-value") for a in cells[0::5]] == ["1", "20", "3"]
    assert [a.get("data-value") for a in cells[1::5]] == ["0.5", "None", "-Infinity"]
    assert [a.get("data-value") for a in cells[2::5]] == [None, None, None]
    assert ["data-unknown" in a for a in cells] == [i in (6, 7, 9) for i in range(15)]
    assert " ".join(" ".join(html.texts).split()).count("0.50") == 1
    assert [a.get("class") for tag, a in html.tags if tag == "th"] == ["numeric", "numeric", None, None, "numeric"]


@pytest.mark.slow
def test_the_page_of_six_schedulers_with_their_runs_can_be_sent_by_mail() -> None:
    schedulers = ["random", "successive-halving", "hyperband", "asha-stopping", "asha-promotion", "median-stopping"]
    traces = [run.simulation().run() for run in crossed("mlp:letter", schedulers, seeds=[0])]
    panels = [Panel(f"task {i}", "x", "y", curves(schedulers, seed=i)) for i in range(10)]
    made = page(Report("six", panels=panels, replays=traces))
    assert len(unpacked(made)["replay"]["runs"]) == 6
    assert len(made.encode()) < 3e6


def test_the_same_report_gives_the_same_page(small: str) -> None:
    assert page(small_report()) == small


def test_sections_without_contents_are_left_out() -> None:
    html = Html.of(page(Report("only a title")))
    assert [a["id"] for tag, a in html.tags if tag == "section"] == []
    assert unpacked(page(Report("only a title")))["replay"]["runs"] == []
    told = Html.of(page(Report("t", left_off="No run was kept.")))
    assert [a["id"] for tag, a in told.tags if tag == "section"] == ["replay"]
    assert "No run was kept." in told.texts


def test_runs_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.report.replay.MOST_JOBS", 10)
    made = page(Report("t", replays=[asha()]))
    assert "The run of asha-promotion with seed 3 is left out: it has " in " ".join(Html.of(made).texts)
    assert unpacked(made)["replay"]["runs"] == []


def test_wrong_reports_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    good = curves(["a"])
    with pytest.raises(RunsError, match="the panel 'p': its curves have no middle, upper, but "):
        page(Report("t", panels=[Panel("p", "x", "y", good.drop(columns=["middle", "upper"]))]))
    with pytest.raises(RunsError, match="the panel 'p': there are no curves"):
        page(Report("t", panels=[Panel("p", "x", "y", good.iloc[:0])]))
    panels = [Panel("p", "x", "y", curves(["a", "b"]), bound=bound) for bound in "ab"]
    with pytest.raises(RunsError, match="panels have different bounds: a, b"):
        page(Report("t", panels=panels))
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(RunsError, match=r"altair is missing, .*: pip install 'rungsim\[report\]'"):
        page(Report("t"))


def test_a_page_that_cannot_be_made_leaves_the_one_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_report(Report("first"), path)
    first = path.read_bytes()
    assert b"<h1>first</h1>" in first
    with pytest.raises(RunsError):
        write_report(Report("second", panels=[Panel("p", "x", "y", pd.DataFrame())]), path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


def test_what_draws_is_imported_only_when_a_page_is_made() -> None:
    program = "import sys, analysis.report; print({'altair', 'vl_convert', 'jinja2', 'playwright'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_axes_without_anything_positive_or_known_can_be_drawn() -> None:
    rows: dict[str, Any] = {"scheduler": "a", "x": [0.0, 1.0], "middle": [nan, nan], "lower": nan, "upper": nan}
    nothing = Panel("nothing known", "x", "y", pd.DataFrame(rows), log_x=True, log_y=True)
    flat = replace(nothing, curves=pd.DataFrame(rows | {"middle": [0.0, 0.0], "lower": -1.0, "upper": 0.0}))
    for panel in (nothing, flat):
        scales = [
            unpacked(page(Report("t", panels=[panel])))["panels"][0]["spec"]["layer"][1]["encoding"][axis]["scale"]
            for axis in "xy"
        ]
        assert all(low < high for low, high in (scale["domain"] for scale in scales))
        assert scales[1]["type"] == "linear"

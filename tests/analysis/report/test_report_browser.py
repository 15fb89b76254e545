"""The page in a real browser. Whatever is done to it, it must stay clean: see `clean` in conftest.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isnan
from typing import Any

import numpy as np
import pytest
from made_report import HOSTILE, asha, hostile_run, jobs_at, report_in, small_report, standings_at, states_at
from tables import random_table
from watching import next_frame, until

from analysis.jobs import jobs
from analysis.report import page
from analysis.report.charts import colour
from simulator import Simulation
from simulator.story import story

Opener = Callable[..., Any]

BARS = "rungsim.views.gantt.data('jobs').map((bar) => [bar.trial, bar.worker, bar.begin, bar.end, bar.state])"
POINTS = "rungsim.views.rungs.data('reports').map((at) => [at.trial, at.level, at.reported, at.state])"
MARKS = "document.querySelectorAll('#gantt .mark-rect.layer_0_marks path').length"
LINES = """[...document.querySelectorAll('.panel')].map((panel) =>
  [...panel.querySelectorAll('.mark-line path')].map((path) => path.getAttribute('stroke')))"""
PLACE = """([chart, x, y]) => { const view = rungsim.views[chart]; const [left, top] = view.origin();
  return { x: left + view.scale('x')(x), y: top + view.scale('y')(y) }; }"""
BEYOND = """[...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroller, svg, .skip') &&
  e.getBoundingClientRect().right > innerWidth + 0.5).map((e) => e.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def shown(opened: Opener) -> Any:
    """The small report, for tests that do not mind what others did to it."""
    return opened(page(small_report()))


def to_four_digits(value: float) -> str:
    return f"{float(f'{value:.4g}'):,}".removesuffix(".0")


def move_to(shown: Any, position: int) -> float:
    """Moves the slider to so many thousandths and gives the simulated time there, in seconds."""
    shown.eval_on_selector(
        "#replay-time", "(e, to) => { e.value = to; e.dispatchEvent(new Event('input')); }", position
    )
    next_frame(shown)
    return position / 1000 * (asha().info.end / 1e9)


def bars_of(shown: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(bar) for bar in shown.evaluate(BARS))


@pytest.mark.slow
@pytest.mark.parametrize("position", [0, 137, 500, 499, 1000, 30, 999])
def test_the_slider_moves_workers_rungs_and_the_best_value(shown: Any, position: int) -> None:
    trace, seconds = asha(), move_to(shown, position)
    assert bars_of(shown) == jobs_at(trace, seconds)
    assert shown.evaluate(MARKS) == len(jobs_at(trace, seconds))
    levels = [float(resource) for resource in trace.table.resources]
    points = sorted((trial, levels[level], value, state) for trial, level, value, state in shown.evaluate(POINTS))
    assert points == standings_at(trace, seconds)

    states = list(states_at(trace, seconds).values())
    for i, state in enumerate(["running", "completed", "stopped", "paused", "cut off", "failed"]):
        assert int(shown.locator(f"#state-{i}").text_content()) == states.count(state)

    best = trace.incumbents()
    value = best["value"][best["time"] / 1e9 <= seconds]
    steps = shown.evaluate("rungsim.views.incumbent.data('incumbent').map(({time, value}) => [time, value])")
    assert [v for _, v in steps[:-1]] == value.tolist()
    if len(value):
        assert steps[-1] == [seconds, value[-1]]
        assert shown.locator("#incumbent-words").text_content().startswith(f"{to_four_digits(value[-1])}, by trial ")

    end, trainings = trace.info.end / 1e9, seconds / trace.table.full_training_time
    clock = shown.locator("#replay-clock").text_content()
    assert clock == f"{seconds:.2f} of {end:.2f} s, {trainings:.2f} mean full trainings"
    assert shown.locator("#replay-time").get_attribute("aria-valuetext") == clock


def test_the_slider_moves_by_keys(shown: Any) -> None:
    move_to(shown, 500)
    shown.locator("#replay-time").press("ArrowRight")
    next_frame(shown)
    assert bars_of(shown) == jobs_at(asha(), 501 / 1000 * (asha().info.end / 1e9))


def test_play_goes_on_to_the_end_and_stops(shown: Any) -> None:
    move_to(shown, 980)
    play = shown.locator("#replay-play")
    play.press("Enter")
    assert play.text_content() == "Pause"
    play.press("Enter")
    assert play.text_content() == "Play"
    assert 980 <= float(shown.input_value("#replay-time")) < 1000
    play.click()
    until(shown, "document.getElementById('replay-play').textContent === 'Play'")
    assert shown.input_value("#replay-time") == "1000"
    assert bars_of(shown) == jobs_at(asha(), asha().info.end / 1e9)


def check_trial(shown: Any, trial: int) -> None:
    trace = asha()
    assert shown.input_value("#trial-number") == str(trial)
    lines = [line.strip().replace(" s: ", " s ", 1).lower() for line in story(trace, trial)[1:]]
    assert [line.lower() for line in shown.locator("#trial-story li").all_text_contents()] == lines
    row, replicate = int(trace.columns.config[trial]), int(trace.columns.replicate[trial])
    assert shown.locator("#trial-row").text_content() == f"configuration {row}, replicate {replicate}"
    params = trace.table.params(row)
    assert shown.locator("#trial-params dt").all_text_contents() == list(params)
    assert shown.locator("#trial-params dd").all_text_contents() == [str(value) for value in params.values()]


@pytest.mark.parametrize("position", [1000, 420])
def test_a_click_on_a_bar_shows_its_trial(shown: Any, position: int) -> None:
    seconds = move_to(shown, position)
    bars = jobs_at(asha(), seconds)
    trial, worker, begin, end, state = max(bars, key=lambda bar: (bar[3] - bar[2], bar[0]))
    place = shown.evaluate(PLACE, ["gantt", (begin + end) / 2, worker + 0.8])
    shown.locator("#gantt svg").hover(position=place)
    next_frame(shown)
    assert shown.locator("#gantt-words").text_content().startswith(f"Trial {trial}, worker {worker}: {begin:.2f} to ")
    shown.locator("#gantt svg").click(position=place)
    check_trial(shown, trial)
    assert shown.locator("#trial-state").text_content() == state

    results = asha().results()
    mine = results[(results["trial"] == trial) & (results["time"] <= seconds)]
    curve = shown.evaluate("rungsim.views.curve.data('curve').map(({resource, value}) => [resource, value])")
    low, high = shown.evaluate("rungsim.views.curve.scale('y').domain()")
    assert [resource for resource, _ in curve] == mine["resource"].tolist()
    for (_, drawn), value in zip(curve, mine["loss"], strict=True):
        assert drawn is None if isnan(value) else drawn == min(max(value, low), high)
    decisions = shown.evaluate("rungsim.views.curve.data('decisions').map(({resource, state}) => [resource, state])")
    assert decisions == [[at, came] for who, at, _, came in standings_at(asha(), seconds) if who == trial]
    outlined = shown.evaluate("rungsim.views.gantt.data('chosen').map(({begin}) => begin)")
    assert sorted(outlined) == sorted(bar[2] for bar in bars if bar[0] == trial)
    times = [line.split(" s: ")[0] for line in story(asha(), trial)[1:] if " s: " in line]
    later = shown.locator("#trial-story .event.later .when").all_text_contents()
    assert later == [f"{time} s" for time in times if float(time) > seconds]


def test_a_click_on_a_report_shows_its_trial(shown: Any) -> None:
    move_to(shown, 1000)
    best = "rungsim.views.rungs.data('reports').reduce((a, b) => (a.value < b.value ? a : b))"
    trial, x, y = shown.evaluate(f"[{best}].flatMap(({{ trial, place, value }}) => [trial, place, value])")
    place = shown.evaluate(PLACE, ["rungs", x, y])
    shown.locator("#rungs svg").hover(position=place)
    next_frame(shown)
    assert shown.locator("#rungs-words").text_content().startswith(f"Trial {trial} at ")
    shown.locator("#rungs svg").click(position=place)
    check_trial(shown, trial)


def test_trials_are_chosen_by_keys(shown: Any) -> None:
    last = len(asha().columns.config) - 1
    number = shown.locator("#trial-number")
    number.fill("7")
    number.press("Enter")
    check_trial(shown, 7)
    shown.get_by_role("button", name="Next trial").press("Enter")
    check_trial(shown, 8)
    previous = shown.get_by_role("button", name="Previous trial")
    previous.press("Space")
    previous.press("Space")
    check_trial(shown, 6)
    for typed, found in (("99999", last), ("-3", 0), ("5", 5), ("", 0)):
        number.fill(typed)
        number.press("Enter")
        check_trial(shown, found)
    assert previous.is_disabled()
    assert shown.get_by_role("button", name="Next trial").is_enabled()


def test_toggles_hide_a_scheduler_in_all_panels(shown: Any) -> None:
    random, asha_promotion, hyperband = (f"var(--s{i})" for i in range(3))
    before = [[random, asha_promotion, hyperband], [asha_promotion, hyperband], [random, asha_promotion, hyperband]]
    assert shown.evaluate(LINES) == before
    box = shown.get_by_role("checkbox", name="asha-promotion")
    box.press("Space")
    assert not box.is_checked()
    assert shown.evaluate(LINES) == [[random, hyperband], [hyperband], [random, hyperband]]
    shown.get_by_role("button", name="None").click()
    assert shown.evaluate(LINES) == [[], [], []]
    shown.get_by_role("button", name="All").click()
    assert [sorted(lines) for lines in shown.evaluate(LINES)] == [sorted(lines) for lines in before]


def readout(shown: Any, panel: int) -> dict[str, list[str]]:
    """What the box at the pointer says of each scheduler, from top to bottom."""
    rows = shown.locator(f"#panel-{panel} .readout tr").all()
    return {row.locator("th").text_content(): row.locator("td").all_text_contents()[1:] for row in rows}


def test_the_pointer_reads_every_curve(shown: Any) -> None:
    curves = small_report().panels[0].curves
    plot = shown.locator("#panel-0 .plot")
    for share in (0.06, 0.4, 0.9):
        plot.hover(position={"x": share * plot.bounding_box()["width"], "y": 90})
        next_frame(shown)
        assert plot.locator(".readout").is_visible()
        x = shown.evaluate("rungsim.views.panels[0].data('pointer')[0].x")
        assert plot.locator("caption").text_content() == f"simulated time (s): {to_four_digits(x)}"
        values = readout(shown, 0)
        expected: dict[str, list[str]] = {}
        for name, rows in curves.groupby("scheduler"):
            at = rows[rows["x"] <= x * (1 + 1e-6)].iloc[-1]
            texts = [to_four_digits(at[column]) for column in ("middle", "lower", "upper")]
            expected[name] = ["no result yet", ""] if isnan(at["middle"]) else [texts[0], f"{texts[1]} to {texts[2]}"]
        assert values == expected
        known = [name for name in values if values[name][0] != "no result yet"]
        assert known == sorted(known, key=lambda name: -float(values[name][0]))
    shown.mouse.move(0, 0)
    next_frame(shown)
    assert plot.locator(".readout").is_hidden()


def test_arrow_keys_read_the_curves_too(shown: Any) -> None:
    plot = shown.locator("#panel-2 .plot")
    seen = []
    for _ in range(3):
        plot.press("ArrowLeft")
        next_frame(shown)
        seen.append(shown.evaluate("rungsim.views.panels[2].data('pointer')[0].x"))
    assert seen[0] > seen[1] > seen[2]
    ranks = [float(value) for value, _ in readout(shown, 2).values()]
    assert ranks == sorted(ranks)  # the best on top
    plot.press("Escape")
    next_frame(shown)
    assert plot.locator(".readout").is_hidden()


def column(shown: Any, number: int) -> list[str]:
    cells = shown.locator(f".sortable tbody td:nth-child({number + 1})")
    return [text.strip() for text in cells.all_text_contents()]


def test_tables_are_sorted_by_click_and_by_key(shown: Any) -> None:
    def sorts() -> list[str]:
        return [header.get_attribute("aria-sort") for header in shown.locator(".sortable th").all()]

    trials = shown.get_by_role("button", name="trials")
    trials.click()
    assert column(shown, 2) == ["3", "7", "20", "100"]
    assert sorts() == ["none", "none", "ascending", "none"]
    trials.click()
    assert column(shown, 2) == ["100", "20", "7", "3"]
    assert sorts() == ["none", "none", "descending", "none"]
    regret = shown.get_by_role("button", name="regret")
    regret.press("Enter")
    assert column(shown, 1) == ["0.06250", "0.5000", "10.00", "–"]
    assert column(shown, 0) == ["hyperband", "random", "another", "asha-promotion"]
    regret.press("Space")
    assert column(shown, 1) == ["10.00", "0.5000", "0.06250", "–"]
    assert sorts() == ["none", "descending", "none", "none"]
    shown.get_by_role("button", name="note").click()
    assert column(shown, 3) == ["a", "a9", "a10", "b"]


def luminance(text: str) -> float:
    """Of a computed colour, as WCAG defines it."""
    parts = [float(part) / 255 for part in text.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def check_colours(shown: Any, is_dark: bool) -> None:
    """That the page is light or dark, its texts can be read (WCAG AA), and its charts have the page's colours."""

    def style(selector: str, name: str) -> str:
        return str(shown.eval_on_selector(selector, f"(element) => getComputedStyle(element).{name}"))

    paper, raised = style("body", "backgroundColor"), style(".trial", "backgroundColor")
    assert (luminance(paper) < 0.05) == is_dark
    for selector in ("body", ".finding", ".axis-name", "dt", ".aside", ".later", "nav a", "footer", "th button"):
        assert min(contrast(style(selector, "color"), ground) for ground in (paper, raised)) >= 4.5, selector
    assert contrast(style("button.main", "color"), style("button.main", "backgroundColor")) >= 4.5
    assert contrast(style("#panel-0 .role-axis-label text", "fill"), paper) >= 4.5
    first = colour(0)[is_dark]
    expected = f"rgb({', '.join(str(int(first[i : i + 2], 16)) for i in (1, 3, 5))})"
    assert style("#panel-0 .mark-line path", "stroke") == style("#schedulers .swatch line", "stroke") == expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_system_and_the_button_and_paper_is_white(opened: Opener, scheme: str) -> None:
    shown = opened(page(small_report()), color_scheme=scheme)
    move_to(shown, 300)
    check_colours(shown, scheme == "dark")
    shown.locator("#theme").click()
    check_colours(shown, scheme == "light")
    shown.emulate_media(media="print")
    check_colours(shown, is_dark=False)


def test_the_mark_of_another_library_is_seen_and_read_aloud(opened: Opener) -> None:
    shown = opened(page(replace(small_report(), libraries={"hyperband": "ray 2.60.0"})))
    box = shown.get_by_role("checkbox", name="hyperband decided by ray 2.60.0", exact=True)
    assert box.is_checked()
    assert shown.get_by_role("checkbox", name="random", exact=True).count() == 1
    tag = shown.locator("#schedulers .tag")
    assert tag.inner_text().endswith("ray 2.60.0")
    assert tag.evaluate("(element) => getComputedStyle(element).borderTopStyle") == "solid"
    tag.click()  # a part of the label
    assert not box.is_checked()


@pytest.mark.slow
@pytest.mark.parametrize("report", [small_report, lambda: report_in(HOSTILE)], ids=["small", "hostile"])
def test_a_phone_scrolls_sideways_only_within_tables(opened: Opener, report: Callable[[], Any]) -> None:
    shown = opened(page(report()), width=390, has_touch=True)
    shown.locator("#panel-0 .plot").press("ArrowRight")
    next_frame(shown)
    assert shown.locator("#panel-0 .readout").is_visible()
    assert shown.evaluate(BEYOND) == []
    assert shown.evaluate("document.documentElement.scrollWidth") == 390
    assert shown.eval_on_selector(".scroller", "(element) => getComputedStyle(element).overflowX") == "auto"
    for chart in ("#panel-0 .chart svg", "#gantt svg", "#rungs svg", "#curve svg"):
        assert 250 < shown.locator(chart).bounding_box()["width"] <= 390


@pytest.mark.slow
def test_on_a_small_screen_the_tables_fit_and_their_heads_do_not_touch(opened: Opener) -> None:
    shown = opened(page(small_report()), width=1200)
    widths = "(all) => all.map((one) => one.scrollWidth - one.clientWidth)"
    assert max(shown.eval_on_selector_all(".scroller", widths)) <= 0
    assert max(shown.eval_on_selector_all(".sortable th button", widths)) <= 0
    assert shown.locator("#resource-unit").text_content() == "epochs"


def test_hostile_texts_are_texts(opened: Opener) -> None:
    shown = opened(page(report_in(HOSTILE)))
    assert shown.locator("img, [onload], [onerror]").count() == 0
    assert shown.locator("script").count() == 4
    flat = [" ".join(word.split()) for word in HOSTILE]

    def texts(selector: str) -> list[str]:
        return [" ".join(text.split()) for text in shown.locator(selector).all_text_contents()]

    names = [name or "(no name)" for name in [flat[0], *flat[2:], flat[1]]]  # the reference is last
    assert texts("#schedulers .name") == names
    assert texts("#schedulers .tag") == [f"decided by {word}" for word in flat[: len(HOSTILE) - 2]]
    assert texts("h1") == texts(".finding") == flat[:1]
    assert texts(".facts dt") == texts(".notes li") == flat
    assert shown.title() == flat[0]

    shown.locator("#panel-0 .plot").press("ArrowRight")
    next_frame(shown)
    assert sorted(texts("#panel-0 .readout th")) == sorted(names)
    assert texts("#panel-0 .readout caption")[0].startswith(f"{flat[1]}: ")

    trace = hostile_run(HOSTILE)
    shown.fill("#trial-number", "1")
    shown.locator("#trial-number").press("Enter")
    params = trace.table.params(int(trace.columns.config[1]))
    assert texts("#trial-params dt") == [" ".join(name.split()) for name in params]
    assert texts("#trial-params dd") == [" ".join(str(value).split()) for value in params.values()]
    lines = [" ".join(line.split()).replace(" s: ", " s ", 1).lower() for line in story(trace, 1)[1:]]
    assert [text.lower() for text in texts("#trial-story li")] == lines
    assert texts("[data-metric]")[0] == f"{flat[2].replace('_', ' ').strip()} ({flat[3]})"
    shown.locator("#gantt svg").hover()
    shown.locator("#rungs svg").hover()
    shown.get_by_role("button", name=flat[0]).click()
    assert texts(".sortable td:first-child")[0] == flat[0]


@pytest.mark.slow
def test_the_slider_is_smooth_with_thousands_of_jobs(opened: Opener) -> None:
    table = random_table(1, n=3500, size=27, levels=None, times="fine")
    trace = Simulation(table, "asha-promotion", workers=16, seed=1, budget="1400x").run()
    assert len(jobs(trace)) > 5000
    shown = opened(page(replace(small_report(), replays=[trace])))
    took = shown.evaluate("""async () => {
      const [slider, took] = [document.getElementById("replay-time"), []];
      for (let position = 700; position < 760; position += 2) {
        slider.value = position;
        const before = performance.now();
        slider.dispatchEvent(new Event("input"));
        await new Promise((done) => requestAnimationFrame(() => done()));
        took.push(performance.now() - before);
      }
      return took;
    }""")
    assert np.median(took) < 60  # milliseconds; 10 to 30 on a machine of 2025 with two cores


def test_another_run_can_be_chosen(opened: Opener) -> None:
    other = asha(seed=5)
    shown = opened(page(replace(small_report(), panels=[], ranks=None, replays=[asha(), other])))
    choose = "(e, which) => which.forEach((i) => { e.selectedIndex = i; e.dispatchEvent(new Event('change')); })"
    shown.eval_on_selector("#replay-run", choose, [1, 0, 1])  # as fast as arrow keys do
    until(shown, "document.getElementById('replay-name').textContent.includes('seed 5')")
    until(shown, f"rungsim.views.gantt.data('jobs').length === {len(jobs_at(other, other.info.end / 1e9))}")
    assert bars_of(shown) == jobs_at(other, other.info.end / 1e9)
    assert shown.locator("#gantt svg").count() == 1
    trial, worker, begin, end, _ = max(bars_of(shown), key=lambda bar: bar[3] - bar[2])
    place = shown.evaluate(PLACE, ["gantt", (begin + end) / 2, worker + 0.5])
    shown.locator("#gantt svg").click(position=place)
    assert shown.input_value("#trial-number") == str(trial)


def test_a_browser_that_cannot_unpack_says_so_and_still_sorts_tables(opened: Opener) -> None:
    shown = opened(page(small_report()), ready=False, init="delete window.DecompressionStream;")
    assert shown.get_by_text("cannot unpack the charts").is_visible()
    shown.get_by_role("button", name="trials").click()
    assert column(shown, 2) == ["3", "7", "20", "100"]


def test_without_scripts_the_tables_are_there_and_it_is_said(opened: Opener) -> None:
    shown = opened(page(small_report()), ready=False, java_script_enabled=False)
    assert column(shown, 0) == ["random", "asha-promotion", "hyperband", "another"]
    assert shown.locator("noscript .sorry").is_visible()

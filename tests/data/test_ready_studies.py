"""The studies that come with rungsim: their files, and the page on what the tutorial's runs show."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe_modules import ROOT, module

from analysis import Scores
from blackboxes import Blackbox, Metric, save
from simulator.study.file import Study, read_study, study_of
from simulator.study.folder import begin, carry_out

findings: Any = module("findings", "studies")
FOLDER = ROOT / "data" / "studies"
FILES = sorted(FOLDER.glob("*.toml"))
NAMES = [path.stem for path in FILES]
SMALL = ("eta", "r_min", "workers", "stopping")
TABLES = ("power-law:n=60,r_max=27", "crossing:n=60,r_max=27")
SCHEDULERS = ("random", "successive-halving", "hyperband", "asha-stopping", "asha-promotion")


def text_of(seeds: str, schedulers: tuple[str, ...] = SCHEDULERS) -> str:
    return f"seeds = {seeds}\nschedulers = {list(schedulers)}\n"


COMMON = f'tables = {list(TABLES)}\nbudget = "3x"\n'


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of five seeds, three are done, and of the fourth one scheduler."""
    folder = tmp_path_factory.mktemp("study")
    done = f"[[runs]]\n{text_of('3')}[[runs]]\n{text_of('[3]', SCHEDULERS[:1])}"
    begin(study_of(COMMON + done, "made"), folder)
    assert carry_out(folder, jobs=1).done == 3 * len(TABLES) * len(SCHEDULERS) + len(TABLES)
    (folder / "study.toml").write_text(COMMON + text_of("5"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def some(study: Path) -> Any:
    return findings.complete(study)


@pytest.fixture
def nasbench201(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of the name that the importer gives, of 40 configurations and 200 epochs."""
    from ConfigSpace import ConfigurationSpace

    monkeypatch.setenv("RUNGSIM_DATA", str(tmp_path))
    names, choices = [f"edge_{i}" for i in range(3)], np.array(["none", "skip_connect", "nor_conv_3x3", "avg_pool_3x3"])
    drawn = np.random.default_rng(0).permutation(len(choices) ** 3)[:40]
    epochs = np.arange(1, 201)
    final = 30 + drawn % 50
    table = Blackbox(
        family="nasbench201",
        task="cifar100",
        space=ConfigurationSpace({name: choices.tolist() for name in names}),
        configs={name: choices[drawn // 4**i % 4] for i, name in enumerate(names)},
        resources=epochs,
        metrics={"valid_accuracy": (final[:, None] * (1 - 0.9 / epochs))[:, None, :]},
        metric_info={"valid_accuracy": Metric("max", unit="percent")},
        elapsed=np.broadcast_to(25.0 * epochs, (40, 1, 200)),
    )
    save(tmp_path / "nasbench201.h5", [table])


def read(path: Path, tried: bool = True) -> Study:
    return read_study(path, tried=tried)


@pytest.mark.usefixtures("nasbench201")
@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_ready_study_is_read_and_says_how_to_run_it(path: Path) -> None:
    assert read(path).runs
    comment = path.read_text(encoding="utf-8").partition("\n\n")[0]
    assert all(line.startswith("#") for line in comment.splitlines())
    assert f"rungsim study run {path.stem}" in comment
    assert f"\n## {path.stem}\n" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("nasbench201")
@pytest.mark.parametrize("name", [*SMALL, "nasbench201"])
def test_arguments_of_a_ready_study_fit_its_tables(name: str) -> None:
    read(FOLDER / f"{name}.toml", tried=False)


@pytest.mark.usefixtures("nasbench201")
def test_the_tutorials_own_table_meets_the_schedulers_of_the_shipped_ones() -> None:
    ours, theirs = (read(FOLDER / f"{name}.toml").runs for name in ("tutorial", "nasbench201"))
    assert dict.fromkeys(run.scheduler for run in ours) == dict.fromkeys(run.scheduler for run in theirs)
    assert {(run.table, run.budget.time) for run in theirs} == {("nasbench201:cifar100", "6h")}


def test_workers_spend_equal_time_in_all() -> None:
    runs = read(FOLDER / "workers.toml").runs
    assert len({run.workers for run in runs}) == 4
    assert len({run.workers * float(str(run.budget.time).removesuffix("x")) for run in runs}) == 1


def test_the_wheel_carries_the_study_files() -> None:
    from hatchling.builders.wheel import WheelBuilder

    inside = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"blackboxes/_data/studies/{path.name}" for path in FILES} <= inside


def test_every_scheduler_of_a_finding_and_of_the_picture_is_in_the_study() -> None:
    """Or else nothing would be said of it."""
    known = {run.scheduler for run in read(FOLDER / "tutorial.toml").runs}
    assert {name for finding in findings.FINDINGS for pair in finding.pairs for name in pair} <= known
    assert {name for names in findings.PANELS.values() for name in names} <= known


@pytest.mark.parametrize(
    ("claim", "lower", "upper", "expected"),
    [
        ("better", -0.3, -0.1, "holds"),
        ("better", -0.3, 0.0, "cannot be told"),
        ("better", -0.3, 0.1, "cannot be told"),
        ("better", 0.001, 0.1, "does not hold"),
        ("equal", -0.019, 0.019, "holds"),
        ("equal", 0.001, 0.002, "holds"),  # that it is sure does not make it large
        ("equal", -0.03, 0.01, "cannot be told"),
        ("equal", 0.01, 0.03, "cannot be told"),
        ("equal", 0.03, 0.05, "does not hold"),
        ("equal", -0.05, -0.03, "does not hold"),
        ("no better", 0.3, 0.5, "holds"),
        ("no better", -0.019, 0.5, "holds"),
        ("no better", -0.03, 0.5, "cannot be told"),
        ("no better", -0.5, -0.03, "does not hold"),
        *((claim, np.nan, np.nan, "cannot be told") for claim in ("better", "equal", "no better")),
    ],
)
def test_verdicts_by_hand(claim: str, lower: float, upper: float, expected: str) -> None:
    assert findings.verdict(claim, lower, upper) == expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "cannot be told"], "cannot be told"),
        (["holds", "does not hold", "cannot be told"], "does not hold"),
    ],
)
def test_what_is_said_of_all_moments_holds_only_if_it_does_at_each(verdicts: list[str], expected: str) -> None:
    assert findings.at_all(verdicts) == expected


def test_only_seeds_count_of_which_all_runs_are_done(some: Any, study: Path, tmp_path: Path) -> None:
    assert (some.seeds, some.asked) == (3, 5)
    assert set(some.curves.runs["seed"]) == {0, 1, 2}
    assert list(dict.fromkeys(some.curves.runs["scheduler"])) == list(SCHEDULERS)
    begin(study_of(COMMON + text_of("5"), "made"), tmp_path / "begun")
    with pytest.raises(SystemExit, match="no seed yet for which all runs are done"):
        findings.main([str(tmp_path / "begun")])
    with pytest.raises(SystemExit, match=r"error: .*holds no study"):
        findings.main([str(tmp_path)])


def regret(run: Any, moment: float) -> float:
    """Straight from the row of a run, worse than the median or none yet counting as 1."""
    seen = [value for time, value in zip(run["times"], run["values"], strict=True) if time <= moment]
    if not seen:
        return 1.0
    return min(abs(seen[-1] - run["table_best"]) / abs(run["table_median"] - run["table_best"]), 1.0)


def test_differences_are_those_of_regret_under_the_same_seed(some: Any) -> None:
    finding = findings.Finding("said", "better", (("asha-promotion", "random"), ("hyperband", "asha-promotion")))
    found = findings.tested(finding, some.at(some.moments))
    np.testing.assert_allclose(some.moments, [3 / 8, 3 / 4, 3 / 2, 3])
    rows = {(run["scheduler"], run["table"], run["seed"]): run for _, run in some.curves.runs.iterrows()}
    tables = {table for _, table, _ in rows}
    for p, (first, second) in enumerate(finding.pairs):
        for i, moment in enumerate(some.moments):
            differences = []
            for place in [(table, seed) for table in tables for seed in range(3)]:
                pair = [rows[(name, *place)] for name in (first, second)]
                own, other = (regret(run, moment * run["full_training"]) for run in pair)
                differences.append(own - other)
            middle, lower, upper = found.differences[p, i]
            assert middle == pytest.approx(np.mean(differences))
            assert lower <= middle <= upper


def made(regrets: dict[str, np.ndarray]) -> Scores:
    """Scores at four moments, equal at all of them."""
    losses = np.repeat(np.array(list(regrets.values()))[:, None, :, None], len(findings.MOMENTS), axis=3)
    seeds = tuple(range(losses.shape[2]))
    return Scores(losses, tuple(regrets), ("made",), seeds, np.array(findings.MOMENTS, dtype=np.float64))


def test_a_sentence_counts_pairs_and_names_those_that_do_not_hold() -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, (4, 20))
    some = made(dict(zip("abcd", 0.3 + noise + np.array([[0.0], [0.2], [-0.2], [0.0]]), strict=True)))
    finding = findings.Finding("A is better", "better", (("a", "b"), ("a", "c"), ("a", "d"), ("a", "not run")))
    found = findings.tested(finding, some)
    assert found.verdicts == ("holds", "does not hold", "cannot be told")
    said = findings.sentence(found)
    assert said.startswith(
        "**A is better**: this holds for 1, does not hold for 1 and cannot be told for 1 of 3 pairs. Differences are "
    )
    assert said.endswith("It does not hold for `a` and `c`.")
    assert findings.tested(replace(finding, pairs=(("a", "not run"),)), some) is None
    for claim, expected in (("better", "holds for all 2 pairs"), ("equal", "does not hold for any of 2 pairs")):
        found = findings.tested(replace(finding, claim=claim, pairs=(("a", "b"), ("c", "a"))), some)
        assert f": this {expected}. Differences" in findings.sentence(found)


def test_a_finding_may_be_about_the_later_moments_only() -> None:
    noise = np.random.default_rng(2).normal(0, 0.01, (2, 20))
    some = made(dict(zip("ab", 0.3 + noise, strict=True)))
    shift = np.array([0.2, 0.0, -0.2, -0.2])  # worse at first, better at last
    some = replace(some, losses=some.losses + np.array([[[shift]], [[0 * shift]]]))
    finding = findings.Finding("A is better", "better", (("a", "b"),))
    always, late = (findings.tested(replace(finding, since=since), some) for since in (Fraction(1, 8), Fraction(1, 2)))
    assert (always.verdicts, late.verdicts) == (("does not hold",), ("holds",))
    assert ": this does not hold (holds at 1/2, the end; not at 1/8). The difference is" in findings.sentence(always)
    assert ": this holds. The difference is" in findings.sentence(late)


def test_intervals_of_a_finding_hold_for_all_its_pairs_and_moments_at_once() -> None:
    """Of 60 studies in which nobody differs, few may show that anybody does at any moment."""
    stream = np.random.default_rng(3)
    finding = findings.Finding("All differ", "better", tuple(combinations("abcd", 2)))
    wrong = 0
    for _ in range(60):
        losses = 0.5 + 0.1 * stream.standard_normal((4, 1, 15, len(findings.MOMENTS)))
        some = Scores(losses, tuple("abcd"), ("made",), tuple(range(15)), np.array(findings.MOMENTS, dtype=np.float64))
        _, lower, upper = np.moveaxis(findings.tested(finding, some).differences, -1, 0)
        wrong += bool(((lower > 0) | (upper < 0)).any())
    assert 0 < wrong <= 4  # 3 are expected; 14 if pairs were not taken together, 8 if moments were not


def test_the_script_prints_its_tables_updates_its_page_and_draws(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, picture = tmp_path / "page.md", tmp_path / "picture.png"
    page.write_text("above\n\n<!-- findings -->\nold\n<!-- /findings -->\n\nbelow\n", encoding="utf-8")
    findings.main([str(study), "--update", str(page), "--picture", str(picture)])
    printed = capsys.readouterr().out
    assert printed.startswith("From 3 of 5 seeds, ")
    assert page.read_text(encoding="utf-8") == (
        f"above\n\n<!-- findings -->\n\n{printed.rstrip()}\n\n<!-- /findings -->\n\nbelow\n"
    )
    tables = re.findall(r"(?:^\|.*\n?)+", printed, re.MULTILINE)
    known = [f for f in findings.FINDINGS if any(set(pair) <= set(SCHEDULERS) for pair in f.pairs)]
    assert len(known) == 2
    assert len(tables) == 2 + len(known)
    for table in (tables[0], tables[-1]):
        assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == list(SCHEDULERS)
    assert all(f"**{finding.name}**: this " in printed for finding in known)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_pages_without_their_markers_are_refused() -> None:
    begin, end = findings.BEGIN, findings.END
    for page in ("", begin, end, f"{end} {begin}", f"{begin} {begin} {end}", f"{begin} {end} {end}"):
        with pytest.raises(ValueError, match="each once"):
            findings.updated(page, "text")
    shipped = (FOLDER / "tutorial.md").read_text(encoding="utf-8")
    once = findings.updated(shipped, "text")
    assert findings.updated(once, "text") == once != shipped


def test_the_picture_shows_interquartile_means_and_its_legends_hide_nothing(some: Any) -> None:
    figure = findings.draw(some)
    figure.draw_without_rendering()
    [first, *_] = figure.axes
    assert first.get_legend_handles_labels()[1] == list(SCHEDULERS)
    for line in first.get_lines():
        own = some.curves.where((some.curves.runs["scheduler"] == line.get_label()).to_numpy())
        last = np.sort(np.minimum(own.at(np.array([np.inf]))[:, 0], 1.0))
        assert line.get_ydata()[-1] == pytest.approx(last[1:-1].mean())  # without the lowest and the highest of six
    for ax in figure.axes:
        assert ax.get_legend().get_window_extent().y1 < ax.get_window_extent().y0
        looks = {(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}
        assert len(looks) == len(ax.get_lines())
    box = figure.get_tightbbox()
    assert box.y0 >= -0.01
    assert box.x1 <= figure.get_size_inches()[0] + 0.01

"""Which of the findings of Syne Tune's tutorial on multi-fidelity tuning hold in a study's runs?

    python data/studies/findings.py out/tutorial
    python data/studies/findings.py out/tutorial --update data/studies/tutorial.md --picture data/pictures/tutorial.png

Prints Markdown: one table of all schedulers, one for each finding with a sentence that says what came out, and one by
table. A study that is still running may be looked at: only seeds count for which all of its runs are done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from pages import with_part

from analysis import (
    Column,
    Curves,
    ResultTable,
    Scores,
    aggregate,
    compare_all,
    curves,
    load_runs,
    save_picture,
    scores,
)
from analysis.curves import grid
from analysis.runs import RunsError
from analysis.style import look, plain_ticks, tidy
from blackboxes import BlackboxError
from blackboxes.aside import written_aside
from simulator.errors import SimulationError, StudyError
from simulator.study.folder import standing

BEGIN, END = "<!-- findings -->", "<!-- /findings -->"
MOMENTS = (Fraction(1, 8), Fraction(1, 4), Fraction(1, 2), Fraction(1))  # shares of the budget
CONFIDENCE = 0.95
MARGIN = 0.02  # of the median's regret: a difference that is smaller is none, for whoever has to choose
FEW = 10  # seeds below which `analysis` promises less than its intervals say
HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"

Claim = Literal["better", "equal", "no better"]


@dataclass(frozen=True)
class Finding:
    """Something that the tutorial says of pairs of schedulers.

    Attributes:
        name: what is said, as a sentence without its full stop.
        claim: what it means for the first of each pair: its regret is lower than that of the second (``"better"``);
            they differ by less than `MARGIN` (``"equal"``); or it is not lower, but for less than `MARGIN`
            (``"no better"``).
        pairs: schedulers as they stand in the study file; those that a study lacks are left out.
        since: from which share of the budget on it is said.
    """

    name: str
    claim: Claim
    pairs: tuple[tuple[str, str], ...]
    since: Fraction = MOMENTS[0]


RANDOM, HALVING, HYPERBAND = "random", "successive-halving", "hyperband"
BOHB, DEHB, SYNCHRONOUS_MOBSTER = "bohb", "dehb(asynchronous=False)", "mobster(form='synchronous')"
STOPPING, PROMOTION = "asha-stopping", "asha-promotion"
SIX = "async-hyperband(brackets=6,form='stopping')"
JOINT, INDEPENDENT = "mobster", "mobster(model='independent')"
TUNE, TUNE_FOUR = "hyper-tune(brackets=1)", "hyper-tune(brackets=4)"
TUNE_JOINT = "hyper-tune(brackets=4)+hyper-tune(model='joint')"

FINDINGS = (
    Finding(
        "Asynchronous schedulers are better than synchronous ones at any time",
        "better",
        (
            *((asynchronous, other) for asynchronous in (STOPPING, PROMOTION) for other in (HALVING, HYPERBAND)),
            (SIX, HYPERBAND),
            *((asynchronous, other) for asynchronous in (JOINT, TUNE) for other in (BOHB, DEHB)),
        ),
    ),
    Finding(
        "Synchronous MOBSTER is the exception, nearly equal to the best asynchronous schedulers",
        "equal",
        ((SYNCHRONOUS_MOBSTER, JOINT), (SYNCHRONOUS_MOBSTER, TUNE)),
    ),
    Finding(
        "Schedulers with a model are better than the same ones with random search",
        "better",
        (
            *((synchronous, HYPERBAND) for synchronous in (BOHB, DEHB, SYNCHRONOUS_MOBSTER)),
            *((asynchronous, PROMOTION) for asynchronous in (JOINT, INDEPENDENT, TUNE, TUNE_JOINT)),
            (TUNE_FOUR, SIX),
        ),
        since=Fraction(1, 2),
    ),
    Finding("Hyperband and successive halving are nearly equal", "equal", ((HYPERBAND, HALVING),)),
    Finding(
        "Several brackets do not pay off without learned weights",
        "no better",
        ((SIX, STOPPING),),
    ),
    Finding(
        "With learned weights several brackets are nearly equal to one",
        "equal",
        ((TUNE_FOUR, TUNE),),
    ),
    Finding(
        "For MOBSTER the joint model is the better one, for Hyper-Tune the independent one",
        "better",
        ((JOINT, INDEPENDENT), (TUNE_FOUR, TUNE_JOINT)),
        since=Fraction(1, 2),
    ),
    Finding(
        "Among synchronous schedulers MOBSTER is best, followed by BOHB",
        "better",
        (
            *((SYNCHRONOUS_MOBSTER, other) for other in (BOHB, DEHB, HYPERBAND, HALVING)),
            *((BOHB, other) for other in (DEHB, HYPERBAND, HALVING)),
        ),
        since=Fraction(1, 2),
    ),
)

# Each panel with its lines; the number gives a scheduler the same colour and line in all of them.
PANELS = {
    "By random search, and asynchronous or not": (RANDOM, HALVING, HYPERBAND, STOPPING, PROMOTION),
    "Synchronous, by a model or not; and ASHA": (HYPERBAND, BOHB, DEHB, SYNCHRONOUS_MOBSTER, PROMOTION),
    "Asynchronous, by a model or not": (PROMOTION, JOINT, INDEPENDENT, TUNE, TUNE_FOUR),
}
LOOKS = {RANDOM: 6, HALVING: 1, HYPERBAND: 2, STOPPING: 3, PROMOTION: 0}
LOOKS |= {BOHB: 15, DEHB: 19, SYNCHRONOUS_MOBSTER: 10, JOINT: 8, INDEPENDENT: 16, TUNE: 13, TUNE_FOUR: 17}
SPAN = 50  # times the first moment shown is the end of the run


@dataclass(frozen=True)
class Complete:
    """The runs of a study that can be compared.

    Attributes:
        curves: of normalised regret over mean full trainings.
        seeds: for how many seeds all runs are done.
        asked: how many the study asks for.
    """

    curves: Curves
    seeds: int
    asked: int

    def at(self, x: Sequence[float] | np.ndarray) -> Scores:
        """Scores at some points of the axis; no result yet, or one worse than the table's median, counts as 1."""
        found = scores(self.curves, np.asarray(x, dtype=np.float64))
        return replace(found, losses=np.fmin(found.losses, 1.0))

    @property
    def moments(self) -> np.ndarray:
        """`MOMENTS` of the longest run, in mean full trainings."""
        return float(np.max(self.curves.ends)) * np.array(MOMENTS, dtype=np.float64)


def complete(folder: Path) -> Complete:
    """The runs of those seeds for which all that a study asks for is done.

    Raises:
        StudyError: there is no study in the folder, or no such seed.
    """
    now = standing(folder)
    asked, missing = {run.seed for run in now.study.runs}, {run.seed for run in now.missing}
    seeds = asked - missing
    if not seeds:
        raise StudyError(f"{folder}: there is no seed yet for which all runs are done")
    places = {run.key: i for i, run in enumerate(now.study.runs) if run.seed in seeds}
    runs = load_runs(folder)
    runs = runs[runs["run"].isin(places.keys())].sort_values("run", key=lambda keys: keys.map(places))
    return Complete(curves(runs, scale="normalised", x="trainings"), len(seeds), len(asked))


def verdict(claim: Claim, lower: float, upper: float) -> str:
    """Whether a claim holds of a pair whose difference in regret, first minus second, lies in an interval.

    >>> verdict("better", -0.05, -0.01), verdict("better", -0.05, 0.01), verdict("better", 0.01, 0.05)
    ('holds', 'cannot be told', 'does not hold')
    """
    shown, refuted = {
        "better": (upper < 0, lower > 0),
        "equal": (lower > -MARGIN and upper < MARGIN, lower > MARGIN or upper < -MARGIN),
        "no better": (lower > -MARGIN, upper < -MARGIN),
    }[claim]
    return HOLDS if shown else FAILS if refuted else OPEN  # NaN: cannot be told


def at_all(verdicts: Sequence[str]) -> str:
    """Of a claim that is made of several moments: it holds at all of them, or it does not, or cannot be told."""
    return HOLDS if set(verdicts) == {HOLDS} else FAILS if FAILS in verdicts else OPEN


@dataclass(frozen=True)
class Tested:
    """What came out for a finding.

    Attributes:
        finding: what was said.
        pairs: those that were run.
        differences: (P, T, 3) of P pairs at T moments: the difference in regret, first minus second, and the ends of an
            interval that holds for all pairs and moments at once.
        verdicts: (P,) one a pair.
        by_moment: (P,) the same at each of the moments of which it is said.
    """

    finding: Finding
    pairs: tuple[tuple[str, str], ...]
    differences: np.ndarray
    verdicts: tuple[str, ...]
    by_moment: tuple[tuple[str, ...], ...]


def tested(finding: Finding, some: Scores) -> Tested | None:
    """Compare the pairs of a finding; None if a study has none of them.

    Args:
        finding: what is said.
        some: at `MOMENTS`, of all schedulers.
    """
    pairs = tuple(pair for pair in finding.pairs if set(pair) <= set(some.schedulers))
    if not pairs:
        return None
    names = tuple(name for name in some.schedulers if any(name in pair for pair in pairs))
    own = replace(some, losses=some.losses[[some.index(name) for name in names]], schedulers=names)
    # Bonferroni over moments; over pairs the family's interval knows how they hang together.
    each = 1 - (1 - CONFIDENCE) / len(MOMENTS)
    found = [compare_all(own, at=i, confidence=each).set_index(["scheduler", "other"]) for i in range(len(MOMENTS))]
    columns = ["difference", "family_lower", "family_upper"]
    differences = np.array([[frame.loc[pair, columns].tolist() for frame in found] for pair in pairs])
    counted = [i for i, moment in enumerate(MOMENTS) if moment >= finding.since]
    by_moment = tuple(
        tuple(verdict(finding.claim, *differences[p, i, 1:].tolist()) for i in counted) for p in range(len(pairs))
    )
    return Tested(finding, pairs, differences, tuple(at_all(some) for some in by_moment), by_moment)


def sentence(found: Tested) -> str:
    """How many pairs a finding holds for, for which it does not, and how large the differences are; in Markdown."""
    members = {word: [p for p, own in enumerate(found.verdicts) if own == word] for word in (HOLDS, FAILS, OPEN)}
    count = len(found.pairs)
    parts = [f"{word} for {len(own)}" for word, own in members.items() if own]
    if count == 1:
        said = f"{found.verdicts[0]}{where(found, 0)}"
    elif len(parts) == 1:
        said = f"{found.verdicts[0]} for {'all' if members[HOLDS] else 'any of'} {count} pairs"
    else:
        said = f"{', '.join(parts[:-1])} and {parts[-1]} of {count} pairs"
    numbers = " and ".join(f"{_range(found.differences[:, i, 0])} at {called(MOMENTS[i])}" for i in (0, -1))
    against = ", ".join(f"`{found.pairs[p][0]}` and `{found.pairs[p][1]}`{where(found, p)}" for p in members[FAILS])
    but = f" It does not hold for {against}." if against and count > 1 else ""
    differences = "The difference is" if count == 1 else "Differences are"
    return f"**{found.finding.name}**: this {said}. {differences} {numbers}.{but}"


def _range(numbers: np.ndarray) -> str:
    rounded = np.round([numbers.min(), numbers.max()], 3) + 0.0  # no minus zero
    low, high = (f"{end:+.3f}".replace("-", "\N{MINUS SIGN}") for end in rounded)
    return low if low == high else f"{low} to {high}"


def where(found: Tested, p: int) -> str:
    """`` (holds at 1/8; not at the end)``, where a pair's verdict is not the same at all moments; else nothing."""
    moments = MOMENTS[-len(found.by_moment[p]) :]
    if len(set(found.by_moment[p])) == 1:
        return ""
    told = []
    for word, said in ((HOLDS, "holds"), (FAILS, "not")):
        places = [called(moment) for moment, own in zip(moments, found.by_moment[p], strict=True) if own == word]
        told += [f"{said} at {', '.join(places)}"] if places else []
    return f" ({'; '.join(told)})"


def called(moment: Fraction) -> str:
    """What a share of the budget is called."""
    return "the end" if moment == 1 else str(moment)


def pair_table(found: Tested) -> ResultTable:
    """The differences of a finding's pairs, and a verdict on each."""
    firsts, seconds = ([pair[i] for pair in found.pairs] for i in (0, 1))
    columns = [Column("first", firsts), Column("second", seconds)]
    for i, moment in enumerate(MOMENTS):
        middle, lower, upper = found.differences[:, i].T
        columns.append(Column(f"at {called(moment)}", middle, lower, upper, bold=(lower > 0) | (upper < 0)))
    verdicts = [f"{word}{where(found, p)}" for p, word in enumerate(found.verdicts)]
    return ResultTable([*columns, Column("verdict", verdicts)])


def scheduler_table(some: Complete) -> ResultTable:
    """Every scheduler: the interquartile mean of its regret at `MOMENTS`, and how often it used up the table."""
    found = some.at(some.moments)
    middle = aggregate(found, "iqm", CONFIDENCE)
    runs = some.curves.runs
    used_up = runs["exhausted_at"].notna().groupby(runs["scheduler"]).mean()
    columns = [Column("scheduler", list(found.schedulers))]
    columns += [
        Column(f"at {called(moment)}", middle.middle[:, i], middle.lower[:, i], middle.upper[:, i], best="min")
        for i, moment in enumerate(MOMENTS)
    ]
    shares = np.array([round(100 * used_up[name]) for name in found.schedulers])
    return ResultTable([*columns, Column("runs that used up the table", shares, unit="%")])


def task_table(some: Complete) -> ResultTable:
    """Every scheduler on every table: mean regret at the end."""
    found = some.at(some.moments[-1:])
    means = found.losses[..., 0].mean(axis=2)
    columns = [Column(task, means[:, k], best="min", digits=2) for k, task in enumerate(found.tasks)]
    return ResultTable([Column("scheduler", list(found.schedulers)), *columns])


def report(some: Complete) -> Iterator[str]:
    """All that is to be told, as paragraphs of Markdown."""
    at_moments = some.at(some.moments)
    trainings = ", ".join(f"{x:g}" for x in some.moments)
    tasks = len(at_moments.tasks)
    yield (
        f"From {some.seeds} of {some.asked} seeds, those for which all runs are done, of {len(at_moments.schedulers)} "
        f"schedulers on {tasks} table{'s' * (tasks != 1)}."
        + (f" With fewer than {FEW} seeds intervals are shorter than they should be." if some.seeds < FEW else "")
    )
    yield "### All schedulers"
    yield (
        "Interquartile mean of normalised regret (0: the table's best, 1: its median) over tables and seeds, with 95% "
        f"intervals, each by itself, at {', '.join(map(called, MOMENTS))} of the budget ({trainings} mean full "
        "trainings). In bold: the lowest."
    )
    yield scheduler_table(some).to_markdown().rstrip()
    yield "### The findings"
    yield (
        "Differences in normalised regret, first minus second under the same seed: below zero the first is better. "
        "Mean over tables and seeds, with intervals that hold for all pairs and moments of a table at once (95%). In "
        "bold: those that leave out zero. A finding holds for a pair if it holds at each of these moments, or, if it "
        "is about models, at 1/2 and at the end: a model needs results before it knows more than random search. "
        f"*Nearly equal* holds if the interval lies within {MARGIN:g} of zero, *does not pay off* if it lies above "
        f"-{MARGIN:g}. A finding does not hold if an interval is all on the other side of these limits; else it cannot "
        "be told."
    )
    for finding in FINDINGS:
        found = tested(finding, at_moments)
        if found is not None:
            yield sentence(found)
            yield pair_table(found).to_markdown().rstrip()
    yield "### By table"
    yield "Mean normalised regret at the end. In bold: the lowest of each table."
    yield task_table(some).to_markdown().rstrip()


def updated(page: str, text: str) -> str:
    """A page whose part between the markers is another one.

    Raises:
        StudyError: the markers are not there, each once and in order.
    """
    return with_part(page, BEGIN, END, f"\n\n{text}\n\n")


def draw(some: Complete) -> Figure:
    """Anytime curves: the interquartile mean of regret with its 95% band, in panels that have few lines each."""
    at = grid(some.curves, points=120, span=SPAN)
    found = some.at(at)
    middle = aggregate(found, "iqm", CONFIDENCE)
    panels = {title: [name for name in names if name in found.schedulers] for title, names in PANELS.items()}
    panels = {title: names for title, names in panels.items() if len(names) > 1}
    if not panels:
        raise RunsError(f"there is nothing to draw: two of {', '.join(LOOKS)} are needed")
    figure = Figure(figsize=(4.3 * len(panels), 5.4), dpi=150, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0].tolist()
    for ax, (title, names) in zip(axes, panels.items(), strict=True):
        for name in names:
            i, style = found.index(name), look(LOOKS[name])
            ax.fill_between(
                at, middle.lower[i], middle.upper[i], step="post", color=style["color"], alpha=0.13, linewidth=0
            )
            ax.step(at, middle.middle[i], where="post", label=name, **style)
        tidy(ax, title, some.curves.x_label, "")
        ax.set_xscale("log")
        ax.set_xlim(at[0], at[-1] * 1.002)
        plain_ticks(ax.xaxis, at[0], at[-1])
        # Below the axes: in them it would hide lines.
        ax.legend(loc="upper left", bbox_to_anchor=(0, -0.17), frameon=False, fontsize=9, handlelength=3.4)
    shown = middle.middle[[found.index(name) for names in panels.values() for name in names]]
    if np.nanmin(shown) > 0:  # limits are the lines': bands of few seeds may reach zero
        axes[0].set_yscale("log")
        axes[0].set_ylim(np.nanmin(shown) / 2, 1.1)
        plain_ticks(axes[0].yaxis, np.nanmin(shown) / 2, 1.1)
    axes[0].set_ylabel("normalised regret\n(0: the table's best, 1: its median)")
    seeds, tables = (f"{n} {noun}{'s' * (n != 1)}" for n, noun in ((some.seeds, "seed"), (len(found.tasks), "table")))
    figure.suptitle(
        f"Regret over simulated time: interquartile mean over {tables} and {seeds}, with 95% intervals",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    return figure


def main(arguments: list[str] | None = None) -> None:
    """Print what a study's runs show; update a page, or draw."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0] if __doc__ else None, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="of the study, such as out/tutorial")
    parser.add_argument("--update", type=Path, metavar="FILE", help=f"a page with {BEGIN} and {END}; it goes between")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="where to draw the anytime curves")
    args = parser.parse_args(arguments)
    try:
        some = complete(args.folder)
        text = "\n\n".join(report(some))
        print(text)
        if args.update:
            page = updated(args.update.read_text(encoding="utf-8"), text)
            with written_aside(args.update) as aside:
                aside.write_text(page, encoding="utf-8")
        if args.picture:
            save_picture(draw(some).axes[0], args.picture)
    except (StudyError, RunsError, SimulationError, BlackboxError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

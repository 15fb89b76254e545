"""What the report of a comparison tells: from its runs to panels, tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np
import pandas as pd

from analysis.aggregates import aggregate
from analysis.anytime import anytime, quantile
from analysis.curves import Curves, Score, curves, grid
from analysis.finding import finding
from analysis.friedman import SIGNIFICANT, friedman
from analysis.improvement import probability_of_improvement
from analysis.pairing import complete, reach, scores, tasks
from analysis.pairs import compare_all
from analysis.plots.anytime import SPAN
from analysis.ranks import average_ranks
from analysis.report.page import Panel, Report, Sortable
from analysis.runs import OWN, RunsError, as_runs, usual_baseline, whose
from analysis.scores import Scores
from analysis.seeds import REACH, interval_widths
from analysis.style import is_wide
from analysis.summary import summarise
from analysis.targets import speed_up, time_to_target
from simulator import Trace, clairvoyant
from simulator.accounting import PARTS

WITHIN = 0.05  # normalised regret of the target
MOST_PANELS = 12  # tasks with an anytime panel of their own
POINTS = 120  # of the axis, in each panel
NOTES = (
    "Under one seed all schedulers met the same configurations in the same order, so comparisons are paired by seed.",
    "Normalised regret is 0 for the best value in the table and 1 for the value of its median configuration.",
    "Intervals are of 95%, and stand for other seeds of the same tasks, not for other tasks.",
    "A run without a result yet counts as worse than any other.",
)


def contents(
    runs: pd.DataFrame, baseline: str | None = None, replays: Sequence[Trace] = (), left_off: str = ""
) -> Report:
    """What a page tells of a comparison.

    Args:
        runs: of any number of tables. Where some runs are missing, as after an interrupted comparison, only the seeds
            under which all were run are used, and the page says so.
        baseline: what speed-ups refer to; ``random`` by default, or else the first scheduler.
        replays, left_off: as `analysis.report.replays` gives them.

    Raises:
        RunsError: there is no scheduler of the baseline's name, or no seed under which all were run.
    """
    runs = as_runs(runs)
    kept = complete(runs)
    whole = kept[kept["scheduler"] != clairvoyant.NAME]
    if not len(whole):
        raise RunsError("there is no run of a scheduler")
    names = list(dict.fromkeys(whole["scheduler"]))
    if baseline is not None and baseline not in names:
        raise RunsError(f"there is no run of the baseline {baseline!r}: known: {', '.join(names)}")
    baseline = baseline or usual_baseline(names)
    notes = list(NOTES)
    if len(kept) < len(runs):
        notes.insert(
            0, f"{len(runs) - len(kept)} of {len(runs)} runs are left out: not every scheduler has their seed."
        )
    libraries = {str(name): whose(own) for name, own in whole.groupby("scheduler", sort=False)}
    where, summary = list(dict.fromkeys(tasks(whole))), summarise(kept)
    panels = [_values(kept[tasks(kept) == task], task) for task in where[:MOST_PANELS]]
    try:
        regret = curves(kept, scale="normalised", x="trainings")
        end = scores(regret, np.array([np.inf]))
        found, measured = finding(whole), [*_measured(regret, end, baseline)]
        notes += _how_sure(end)
        paired = scores(regret, grid(regret, POINTS, SPAN))
        panels.insert(0, _regret(regret, paired))
        ranks = _ranks(regret, paired)
    except RunsError as error:  # no regret, or no scale for it
        found, measured, ranks = f"No finding: {error}.", [], None
    title = (
        f"{len(names)} scheduler{'s' * (len(names) > 1)} on {where[0] if len(where) == 1 else f'{len(where)} tasks'}"
    )
    return Report(
        title=title,
        facts=_facts(whole, where, names),
        finding=found,
        notes=notes,
        panels=panels,
        ranks=ranks,
        tables=[_summary(summary), *measured, _recommended(whole), _spent(summary)],
        libraries={name: library for name, library in libraries.items() if library != OWN},
        replays=replays,
        left_off=left_off,
    )


def _facts(runs: pd.DataFrame, where: list[str], names: list[str]) -> list[tuple[str, str]]:
    """What was compared, and how."""

    def each(column: str) -> str:
        return ", ".join(dict.fromkeys(str(value) for value in runs[column]))

    budget = each("budget") if "budget" in runs else ""
    digests = sha256("".join(str(digest) for digest in runs.get("digest", pd.Series(dtype=str))).encode())
    facts = {
        "Tasks": ", ".join(where),
        "Schedulers": ", ".join(names),
        "Decided by": whose(runs),
        "Seeds": f"{runs['seed'].nunique()} for each scheduler and task",
        "Workers": each("workers"),
        "Cluster": ", ".join(str(name) or "none: nothing but training takes time" for name in runs["cluster"].unique()),
        "Budget": ", ".join(_budget(part) for part in budget.split(", ")),
        "Seen by schedulers": each("metric"),
        "Test metric": ", ".join(dict.fromkeys(str(name) for name in runs["test_metric"] if name)) or "none",
        "Runs": f"{len(runs):,}, SHA-256 of their digests {digests.hexdigest()[:16]}",
    }
    return [fact for fact in facts.items() if fact != ("Decided by", OWN)]


def _budget(text: str) -> str:
    if not text:
        return "no limit of time"
    return f"{text[:-1]} mean full trainings" if text.endswith("x") else text


def _panel(some: Curves, title: str, band: str, found: pd.DataFrame) -> Panel:
    known = found[["lower", "middle", "upper"]].to_numpy()
    shown = known[np.isfinite(known)]
    bound = (
        clairvoyant.NAME if clairvoyant.NAME in set(found["scheduler"]) and len(set(found["scheduler"])) > 1 else None
    )
    return Panel(
        title=f"{title}: {band}",
        x_label=some.x_label,
        y_label=some.y_label,
        curves=found,
        log_y=is_wide(shown),
        bound=bound,
    )


def _values(runs: pd.DataFrame, task: str) -> Panel:
    """The values themselves, on one task."""
    some = curves(runs)
    return _panel(some, task, "median and quartiles", anytime(some, grid(some, POINTS, SPAN)))


def _regret(some: Curves, paired: Scores) -> Panel:
    """Normalised regret over all tasks."""
    found = aggregate(paired, "mean")
    title = "Regret" if len(paired.tasks) == 1 else f"Regret over {len(paired.tasks)} tasks"
    return _panel(some, title, "mean and 95% interval", _frame(paired, found.middle, found.lower, found.upper))


def _ranks(some: Curves, paired: Scores) -> Panel:
    found = average_ranks(paired)
    return Panel(
        title="Average rank, with 95% intervals",
        x_label=some.x_label,
        y_label="rank (1: the best under its seed)",
        curves=_frame(paired, found.mean, found.lower, found.upper),
        y_reversed=True,
    )


def _frame(paired: Scores, middle: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> pd.DataFrame:
    """Arrays (S, T) as the rows of a panel."""
    points = len(paired.x)
    return pd.DataFrame(
        {
            "scheduler": np.repeat(paired.schedulers, points),
            "x": np.tile(paired.x, len(paired.schedulers)),
            "middle": middle.ravel(),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
        }
    )


def _summary(found: pd.DataFrame) -> Sortable:
    """One line a scheduler and task."""
    columns = {"scheduler": "scheduler", "decided_by": "decided by", "table": "table", "cluster": "cluster"}
    columns |= {
        "runs": "runs",
        "final": "final",
        "final_q1": "quartile 1",
        "final_q3": "quartile 3",
        "regret": "regret",
        "test": "test",
    }
    columns |= {"time_to_5pct": "s to 5%", "reached_5pct": "reached 5%", "trials": "trials", "resource": "resource"}
    columns |= {"idle": "idle share", "cost": "cost"}
    shown = found[list(columns)].rename(columns=columns)
    dull = [name for name in ("table", "cluster") if shown[name].nunique() == 1]
    dull += [name for name in ("test", "cost") if shown[name].isna().all()]
    note = (
        "Medians over seeds; trials, resource, idle share and cost are means. Time to 5%: until regret is 5% of the "
        "way from the table's best to its median; infinite where half of the runs or more never got there."
    )
    if (shown["decided by"] == OWN).all():
        dull.append("decided by")
    else:
        note += " Decided by: whose code made the decisions, and in which version."
    return Sortable(
        "What came out",
        shown.drop(columns=dull),
        note,
        digits=3,
    )


def _measured(regret: Curves, end: Scores, baseline: str) -> Iterator[Sortable]:
    """What takes regret: differences, time to a target, probabilities, and the charged recommendation."""
    if len(end.schedulers) > 1:
        pairs = compare_all(end)
        told = {"scheduler": "scheduler", "other": "than", "difference": "difference", "lower": "from", "upper": "to"}
        told |= {
            "family_lower": "all pairs: from",
            "family_upper": "all pairs: to",
            "won": "won",
            "lost": "lost",
            "tied": "tied",
        }
        better = pairs[pairs["difference"] <= 0]  # each pair once
        yield Sortable(
            "Who is better at the end, and how surely",
            better[list(told)].rename(columns=told),
            "Differences in normalised regret, paired by seed: negative is better. The second interval holds for all "
            "pairs at once. Won, lost and tied are shares of seeds.",
            digits=3,
        )
    reached = reach(regret, WITHIN)
    times = time_to_target(reached)
    times = times[times["task"].isna()] if len(reached.tasks) > 1 else times
    table = times[["scheduler", "share", "median", "median_lower", "median_upper"]]
    told = {"share": "share that got there", "median": "median time", "median_lower": "from", "median_upper": "to"}
    if len(reached.schedulers) > 1:
        faster = speed_up(reached, baseline)
        faster = faster[faster["task"].isna()] if len(reached.tasks) > 1 else faster
        columns = ["scheduler", "relation", "speed_up", "speed_up_lower", "speed_up_upper"]
        table = table.merge(faster[columns], on="scheduler", how="left")
        table["relation"] = table["relation"].replace("=", "").fillna("")
        if (table["relation"] == "").all():
            table = table.drop(columns="relation")
        told |= {
            "relation": "bound",
            "speed_up": f"times sooner than {baseline}",
            "speed_up_lower": "from ",
            "speed_up_upper": "to ",
        }
    yield Sortable(
        f"Time to a normalised regret of {WITHIN:g}",
        table.rename(columns=told),
        "In mean full trainings; runs that did not get there count as censored (Kaplan and Meier). Times sooner: the "
        "ratio of expected times, all time spent by all runs over how many of them got there.",
    )
    if len(end.schedulers) > 1:
        chances = probability_of_improvement(end)
        wide = chances.pivot(index="scheduler", columns="other", values="probability").loc[list(end.schedulers)]
        yield Sortable(
            "Probability that one run ends better than one of another",
            wide[list(end.schedulers)].reset_index().rename_axis(columns=None),
            "Of the scheduler in the row against that in the column, each under a seed of its own; ties count half.",
        )


def _recommended(runs: pd.DataFrame) -> Sortable:
    """What one is left with: the recommendation trained to the end, the time for that added."""
    score: Score = "reported" if runs["test_metric"].isna().any() else "test"
    some = curves(runs, score, incumbent="charged")
    where, names = tasks(some.runs), some.runs["scheduler"].to_numpy()
    finals = some.at(np.array([np.inf]))[:, 0]
    rows = []
    for task, scheduler in dict.fromkeys(zip(where, names, strict=True)):
        own = (where == task) & (names == scheduler)
        middle, low, high = (float(quantile(finals[own], q, np.inf * some.signs[own][0])) for q in (0.5, 0.25, 0.75))
        row = {"scheduler": scheduler, "task": task, "value": middle, "quartile 1": low, "quartile 3": high}
        rows.append(row | {"known after (s)": float(np.median(some.ends[own]))})
    found = pd.DataFrame(rows)
    return Sortable(
        "What one is left with",
        found if found["task"].nunique() > 1 else found.drop(columns="task"),
        f"{some.y_label[:1].upper()}{some.y_label[1:]}: the best reported configuration is trained to the largest "
        "resource when the run is over, on one worker, and the time for that is added. Medians over seeds.",
    )


def _how_sure(end: Scores) -> Iterator[str]:
    """Whether ranks differ at all, and how many seeds it would take to tell the first two apart."""
    if len(end.schedulers) > 2 and len(end.tasks) * len(end.seeds) > 1:
        found = friedman(end)
        verdict = "differ" if found.p < SIGNIFICANT else "do not differ beyond chance"
        yield f"Friedman's test over {found.over}: ranks at the end {verdict} (p = {found.p:.2g})."
    means = end.losses[..., -1].mean(axis=(1, 2))
    if len(end.schedulers) < 2 or len(end.seeds) < 2 or np.isnan(means).any():
        return
    first, second = (end.schedulers[i] for i in np.argsort(means, kind="stable")[:2])
    widths = interval_widths(end, first, second)
    apart = f"To tell {first} and {second}, the best two at the end, apart"
    each = " of each task" if len(end.tasks) > 1 else ""
    if widths.needed is None:
        yield f"{apart}, {REACH:,} seeds{each} would not be enough."
    else:
        yield f"{apart}, {widths.needed:,} seeds{each} are enough, taking the difference seen for the true one."


def _spent(found: pd.DataFrame) -> Sortable:
    """Where the time of the workers went."""
    found = found[found["scheduler"] != clairvoyant.NAME]
    names = {f"share_{part}": part.replace("_", " ") for part in PARTS}
    by_scheduler = found.groupby("scheduler", sort=False)[list(names)].mean()
    return Sortable(
        "Where the time of the workers went",
        by_scheduler.rename(columns=names).reset_index(),
        "Mean shares. Stopped: training of trials that were stopped later. Barrier: idle though configurations were "
        "left.",
    )

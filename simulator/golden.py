"""Golden traces: a trace compared with the text file of an earlier one, and a difference told by the decision in it.

The plugin for pytest, `simulator.pytest_plugin`, is made of this; nothing here needs pytest.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent
from typing import TYPE_CHECKING

from simulator.clock import format_time
from simulator.decisions import ChangedDecision, first_changed_decision, in_words, number, question_in_words, rung_of
from simulator.difference import header_text, other_headers
from simulator.errors import TraceError
from simulator.trace import Trace

if TYPE_CHECKING:
    from simulator.difference import Difference
    from simulator.standing import Rung

AROUND = 2  # entries of a rung shown before and after a trial
SAME = ("table", "metric", "seed", "workers", "cluster")  # traces that differ in these cannot be compared
ADVICE = "If this is meant, run pytest with --regen-golden, and look at what changes in the file before you commit it."


def departure(golden: Trace, trace: Trace, name: str) -> str | None:
    """How a trace departs from a golden one; None where no event differs.

    Args:
        golden: the earlier trace.
        trace: of now.
        name: how messages call the golden one's file.

    Returns:
        A text of several lines, whose first says the most; also where they are traces of different tables, metrics,
        seeds, numbers of workers or clusters, which cannot be compared.
    """
    other = other_headers(golden, trace, SAME)
    if other:
        return "\n".join(
            [
                f"{name} was made with another {' and '.join(other)}: it cannot be compared",
                *(_header_line(field, golden, trace) for field in other),
                "Take what it was made with, or make it anew with --regen-golden.",
            ]
        )
    difference = golden.diff(trace)
    return None if difference is None else _told(golden, trace, difference, name)


def departure_from_file(path: Path, trace: Trace, name: str) -> str | None:
    """The same for a golden trace in a file; also where the file cannot be read."""
    try:
        golden = Trace.load(path, trace.table)
    except TraceError as error:
        said = str(error).replace(str(path), name)
        return f"{name} cannot be read as a trace: restore it, or make it anew with --regen-golden\n{said}"
    return departure(golden, trace, name)


def _told(golden: Trace, trace: Trace, difference: Difference, name: str) -> str:
    """The first decision that changed between a golden trace and that of now, with all that it takes to see why."""
    changed = first_changed_decision(golden, trace, difference)
    at_once = changed is not None and difference.index in (changed.left, changed.right)
    of_all = f"of {max(len(golden), len(trace))} events, {difference.later} later ones differ as well"
    lines: list[str] = []
    if not at_once:
        lines += [*_no_decision(golden, trace, difference), f"This is the first event that differs; {of_all}.", ""]
    if changed is not None:
        lines += _decision(golden, trace, changed, f"; {of_all}" if at_once else "")
    else:
        lines += ["Later decisions about the same trials are the same."]
    if difference.before:
        lines += [
            "",
            "the events just before the first difference:",
            indent(dedent("\n".join(difference.before)), "  "),
        ]
    lines += ["", f"The golden trace is in {name}."]
    if golden.info.scheduler != trace.info.scheduler:
        lines += [_header_line("scheduler", golden, trace)]
    return "\n".join([*lines, ADVICE])


def _decision(golden: Trace, trace: Trace, changed: ChangedDecision, later: str) -> list[str]:
    whose, index = (golden, changed.left) if changed.right is None else (trace, changed.right)
    assert index is not None
    old, new = changed.answers
    time = format_time(int(whose.columns.time[index]))
    lines = [
        f"{old!r} is now {new!r}: {changed.question}, at {time} s",
        f"This is the first decision that changed{later}.",
    ]
    # Both traces' trials, where one is resumed instead of the other; where they stand in one rung, once.
    shown: dict[float, tuple[Rung, set[int]]] = {}
    for side, at in ((golden, changed.left), (trace, changed.right)):
        rung = None if at is None else rung_of(side, at)
        if at is not None and rung is not None:
            shown.setdefault(rung.resource, (rung, set()))[1].add(int(side.columns.trial[at]))
    for rung, trials in shown.values():
        lines += ["", *_rung_lines(rung, trials)]
    return lines


def _no_decision(golden: Trace, trace: Trace, difference: Difference) -> list[str]:
    """What differs first, where it is none of the scheduler's decisions."""
    index = difference.index
    if difference.left is None or difference.right is None:
        ended, longer = ("golden trace", trace) if difference.left is None else ("trace", golden)
        end = format_time(int((golden if difference.left is None else trace).info.end))
        time = format_time(int(longer.columns.time[index]))
        what = (
            f"the {ended} ends after {index} events, at {end} s; the other goes on: {in_words(longer, index)}, {time} s"
        )
    else:
        fields = _fields(golden, trace, index)
        what = fields or "another event comes first"
    return [
        f"no decision, but {what}",
        f"  golden: {_stripped(difference.left)}",
        f"  now:    {_stripped(difference.right)}",
    ]


def _fields(golden: Trace, trace: Trace, index: int) -> str | None:
    """What differs in one event about the same trial, in words; None where it is another event."""
    old, new = golden.columns, trace.columns
    if old.trial[index] != new.trial[index] or old.event[index] != new.event[index]:
        return None
    told = []
    if old.time[index] != new.time[index]:
        told.append(
            f"the time, {format_time(int(old.time[index]))} s before and {format_time(int(new.time[index]))} s now"
        )
    for field in ("value", "resource"):
        before, now = number(getattr(old, field)[index]), number(getattr(new, field)[index])
        if before != now:
            told.append(f"the {field}, {before} before and {now} now")
    if old.worker[index] != new.worker[index]:
        told.append(f"the worker, {old.worker[index]} before and {new.worker[index]} now")
    trial = int(old.trial[index])
    if trial >= 0 and old.replicate[trial] != new.replicate[trial]:
        told.append(f"the replicate, {old.replicate[trial]} before and {new.replicate[trial]} now")
    return f"{' and '.join(told)}: {question_in_words(trace, index)}" if told else None


def _rung_lines(rung: Rung, trials: set[int]) -> list[str]:
    """The entries around some trials, marked, and how many there are."""
    ranks = sorted(found for trial in trials if (found := rung.rank(trial)) is not None)
    near = {at for rank in ranks for at in range(rank - 1 - AROUND, rank + AROUND) if 0 <= at < len(rung)}
    reports = "1 report" if len(rung) == 1 else f"{len(rung)} reports"
    rows = [(str(entry.rank), str(entry.trial), number(entry.value)) for entry in map(rung.__getitem__, sorted(near))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"the rung at resource {number(rung.resource)} as it stood, {reports}, best first:"]
    shown = -1
    for at, (rank, trial, value) in zip(sorted(near), rows, strict=True):
        if at > shown + 1:
            lines.append("      ...")
        mark, shown = ">" if int(trial) in trials else " ", at
        lines.append(f"  {mark} {rank:>{widths[0]}}.  trial {trial:<{widths[1]}}  {value}")
    if len(rung) > max(near) + 1:
        lines.append("      ...")
    return lines


def _header_line(field: str, golden: Trace, trace: Trace) -> str:
    return f"Its {field} is {header_text(golden, field)}; that of now is {header_text(trace, field)}."


def _stripped(line: str | None) -> str:
    return "(the trace ends)" if line is None else line.strip()

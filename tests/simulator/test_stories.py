"""The stories of all trials at once are those of each."""

from __future__ import annotations

import re

import pytest
from tables import random_table

from simulator import Simulation, Trace, events
from simulator.cluster import Cluster
from simulator.standing import REPORTS, rung_with
from simulator.story import stories, story

SCHEDULERS = ["random", "successive-halving", "hyperband", "asha-stopping(eta=2)", "asha-promotion", "median-stopping"]


def run(scheduler: str, cluster: Cluster | None) -> Trace:
    table = random_table(1, n=40, replicates=2, size=9, diverged=0.1, ragged=0.2, times="coarse")
    return Simulation(table, scheduler, workers=3, seed=2, cluster=cluster, budget=25).run()


@pytest.mark.parametrize("cluster", [None, Cluster(start=0.25, save=0.125, room=2, crashes="0.2/s", retries=1)])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_all_stories_at_once_are_the_story_of_each(scheduler: str, cluster: Cluster | None) -> None:
    trace = run(scheduler, cluster)
    assert stories(trace) == [story(trace, trial) for trial in range(len(trace.columns.config))]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_report_is_told_with_its_rank_and_the_best_of_its_rung(scheduler: str) -> None:
    trace = run(scheduler, None)
    c, told = trace.columns, stories(trace)
    reports: dict[tuple[int, float], int] = {}
    for i, code in enumerate(c.event.tolist()):
        if events.NAMES[code] in REPORTS:  # a curve that ends where its trial was to continue is told as one report
            reports.setdefault((int(c.trial[i]), float(c.resource[i])), i)
    for at in reports.values():
        rung, lines = rung_with(trace, at), told[int(c.trial[at])]
        rank = rung.rank(int(c.trial[at]))
        assert rank is not None
        amount = f"{c.resource[at]:g} epoch{'' if c.resource[at] == 1 else 's'}"
        report = next(i for i, line in enumerate(lines) if f" at {amount}: " in line and "reported" in line)
        if len(rung) == 1:
            assert lines[report + 1] == f"    It was the first to report at {amount}."
            continue
        words = lines[report + 1].split(". ")[0].split(", the best is ")
        assert re.fullmatch(rf"    {rank}\w\w of {len(rung)} at {amount} by then\.?", words[0])
        assert (rank == 1) == (len(words) == 1)
        if rank > 1:
            assert words[1].startswith(f"trial {rung[0].trial} with ")
    assert len(reports) > 12


def test_a_trace_without_trials_has_no_stories() -> None:
    empty = Trace.from_text(
        '# rungsim trace 1\n# table: "made:up"\n# metric: "loss"\n# scheduler: "none"\n# seed: 0\n# workers: 1\n'
        '# end: 0\n# exhausted_at: null\n# values: "float64"\n'
    )
    assert stories(empty) == []

"""How a rung stood before an event, by traces made by hand and by counting."""

from __future__ import annotations

from math import isnan, nan

import pytest
from tables import integer_table, random_table

from simulator import Budget, Simulation, Trace, TraceError
from simulator.events import NAMES
from simulator.standing import REPORTS, Entry, rank_at, rung_before, rung_with

HEADER = '# rungsim trace 1\n# table: "made:integers"\n# metric: "error"\n# scheduler: "by hand"\n# seed: 0\n'
EVENTS = """
0.000000000 worker=0 trial=0 start config=0 replicate=0 resource=0 until=1
0.000000000 worker=1 trial=1 start config=1 replicate=0 resource=0 until=1
0.000000000 worker=2 trial=2 start config=2 replicate=0 resource=0 until=1
0.000000000 worker=3 trial=3 start config=3 replicate=0 resource=0 until=1
1.000000000 worker=0 trial=0 stop resource=1
1.000000000 worker=1 trial=1 pause resource=1 value=0.5
1.000000000 worker=2 trial=2 continue resource=1 value=0.25 until=3
2.000000000 worker=3 trial=3 pause resource=1 value=0.5
2.000000000 worker=1 trial=3 resume resource=1 value=0.5 until=3
"""


def by_hand() -> Trace:
    text = HEADER + "# workers: 4\n# end: 2000000000\n# exhausted_at: null" + EVENTS
    return Trace.from_text(text, integer_table())


def test_best_first_diverged_last_and_ties_by_trial() -> None:
    trace = by_hand()
    assert len(rung_before(trace, 0)) == len(rung_before(trace, 4)) == 0
    before = rung_before(trace, 7)
    assert list(before)[:2] == [Entry(1, 2, 0.25), Entry(2, 1, 0.5)]
    assert (before[-1].trial, before[-1].rank, isnan(before[-1].value)) == (0, 3, True)
    assert [entry.trial for entry in rung_with(trace, 7)] == [2, 1, 3, 0]
    assert [rank_at(trace, at) for at in range(9)] == [None] * 4 + [1, 1, 1, 3, 3]
    with pytest.raises(TraceError, match="no event 9 in a trace of 9"):
        rung_before(trace, 9)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_every_event_of_a_run_by_counting(direction: str) -> None:
    table = random_table(seed=5, n=20, ragged=0.3, diverged=0.1, direction=direction)
    trace = Simulation(table, "asha-promotion(eta=2)", workers=3, budget=Budget(trials=20)).run()
    c, sign = trace.columns, 1 if direction == "min" else -1
    most = 0
    for index in range(len(trace)):
        entries = {
            int(c.trial[at]): sign * float(c.value[at])
            for at in range(index)
            if c.resource[at] == c.resource[index] and NAMES[c.event[at]] in REPORTS
        }
        expected = sorted(entries, key=lambda trial: (isnan(entries[trial]), entries[trial], trial))
        if any(map(isnan, entries.values())):
            expected = sorted((isnan(v), 0.0 if isnan(v) else v, trial) for trial, v in entries.items())
            expected = [trial for *_, trial in expected]
        assert [entry.trial for entry in rung_before(trace, index)] == expected
        most = max(most, len(expected))
    assert most > 5


def test_values_keep_their_direction() -> None:
    table = random_table(seed=5, direction="max")
    trace = Simulation(table, "asha-stopping", budget=Budget(trials=9)).run()
    last = max(range(len(trace)), key=lambda at: len(rung_before(trace, at)))
    values = [entry.value for entry in rung_before(trace, last)]
    assert len(values) > 3
    assert values == sorted(values, reverse=True)
    assert nan not in values

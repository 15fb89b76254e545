"""The first decision that differs between two traces, and what is told where it is no decision."""

from __future__ import annotations

import pytest
from tables import integer_table

from simulator import Budget, Simulation, Trace
from simulator.golden import departure

TRACE = Simulation(integer_table(), "asha-promotion", workers=3, seed=3, budget=Budget(trials=18)).run()
TEXT = TRACE.to_text()


def message(old: str, new: str, golden: str = TEXT) -> str:
    """What is told where a line of the golden trace was another; both may span lines."""
    assert golden.count(old) == 1, old
    told = departure(TRACE, Trace.from_text(golden.replace(old, new), TRACE.table), "golden.trace")
    assert told is not None
    return told


RESUMED = "         0.375000000  worker=0  trial=0  resume     resource=1  value=0.828125  until=3\n"
PAUSED = "         0.375000000  worker=0  trial=0  pause      resource=1  value=0.828125\n"


def test_equal_traces() -> None:
    assert departure(TRACE, Trace.from_text(TEXT, TRACE.table), "golden.trace") is None


def test_another_answer() -> None:
    told = message(PAUSED, PAUSED.replace("pause     ", "stop      "))
    first, second = told.splitlines()[:2]
    assert first == "'pause' is now 'stop': trial 0 reports 0.828125 at resource 1, at 0.375000000 s"
    assert second == f"This is the first decision that changed; of {len(TRACE)} events, 0 later ones differ as well."
    assert "the rung at resource 1 as it stood, 3 reports, best first:\n  > 1.  trial 0  0.828125\n" in told
    assert "    2.  trial 2  0.84375\n    3.  trial 1  0.875\n" in told
    assert "0.312500000  worker=2  trial=2  pause" in told


def test_another_job() -> None:
    told = message(RESUMED, RESUMED.replace("until=3", "until=9"))
    assert told.startswith(
        "'resume trial 0 until 3' is now 'resume trial 0 until 9': worker 0 is free, at 0.375000000 s\n"
    )
    assert "  > 1.  trial 0  0.828125\n" in told
    told = message(RESUMED, RESUMED.replace("trial=0", "trial=2").replace("0.828125", "0.84375"))
    assert told.startswith("'resume trial 0 until 3' is now 'resume trial 2 until 3': ")
    assert "  > 1.  trial 0  0.828125\n  > 2.  trial 2  0.84375\n    3.  trial 1" in told


def test_no_job_at_all() -> None:
    assert message(RESUMED, "").startswith(
        "'resume trial 0 until 3' is now 'no job': worker 0 is free, at 0.375000000 s"
    )


def test_a_time_is_no_decision() -> None:
    told = message(PAUSED, PAUSED.replace("0.375000000", "0.370000000"))
    assert told.startswith("no decision, but the time, 0.375000000 s before and 0.370000000 s now: trial 0 reports ")
    assert "Later decisions about the same trials are the same." in told


def test_a_decision_after_a_time() -> None:
    changed = TEXT.replace(RESUMED, RESUMED.replace("until=3", "until=9"))
    told = message(PAUSED, PAUSED.replace("0.375000000", "0.370000000"), changed)
    assert told.startswith("no decision, but the time")
    assert "\n'resume trial 0 until 3' is now 'resume trial 0 until 9': worker 0 is free, at 0.375000000 s\n" in told


def test_a_value_is_no_decision() -> None:
    told = message(PAUSED, PAUSED.replace("0.828125", "0.5"))
    assert told.startswith("no decision, but the value, 0.828125 before and 0.5 now: ")


def test_a_trace_that_ends() -> None:
    last = TEXT.splitlines(keepends=True)[-1]
    assert "complete" in last or "pause" in last or "stop" in last
    told = message(last, "")
    assert told.startswith(f"no decision, but the trace ends after {len(TRACE) - 1} events")
    assert "\n  now:    (the trace ends)\n" in told


@pytest.mark.parametrize("field", ["table", "metric", "seed", "workers"])
def test_what_cannot_be_compared(field: str) -> None:
    [line] = [line for line in TEXT.splitlines() if line.startswith(f"# {field}: ")]
    told = message(line + "\n", f"# {field}: " + ('"made:other"\n' if '"' in line else "7\n"))
    assert told.startswith(f"golden.trace was made with another {field}: it cannot be compared\n")


def test_another_scheduler_that_decides_the_same() -> None:
    other = TEXT.replace('"asha-promotion"', '"PlainAsha"')
    assert departure(TRACE, Trace.from_text(other, TRACE.table), "golden.trace") is None

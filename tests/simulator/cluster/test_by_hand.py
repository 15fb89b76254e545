"""Each part of a cluster alone, against timelines worked out by hand.

All tables take a second a unit. `timelines.told` explains the lines; the second thing given is the account in seconds,
the third when which trial was first seen at which resource.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any

import pytest
from scripted import Scripted
from tables import table_of
from timelines import Timelines, parts, results, told

from simulator import PAUSE, STOP, Budget, Continue, Resume, Start, Trial
from simulator.protocol import RETRY

TABLE = table_of([[0.9, 0.8, 0.7, 0.6], [0.5, 0.4, 0.3, 0.2], [0.7, 0.6, 0.5, 0.4], [0.3, 0.2, 0.1, 0.05]])
SCRATCH = table_of([[0.5, 0.4, 0.3]], resumable=False)


@pytest.fixture
def timelines(monkeypatch: pytest.MonkeyPatch) -> Timelines:
    return Timelines(monkeypatch)


def heir(donor: int, row: int, until: float) -> Start:
    return Start(row, until=until, checkpoint_of=donor)


def ends(number: int, answer: Any = STOP) -> Callable[..., Any]:
    """An answer that stops another trial, too."""

    def say(context: Any, *_: Any) -> Any:
        context.stop(number)
        return answer

    return say


def lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


# --- delays ----------------------------------------------------------------------------------------------------


def test_delays_of_start_report_save_and_stop(timelines: Timelines) -> None:
    """Trial 0 trains from 0.5 to 2.5 and hears at 2.5625; on to 3.5625, heard at 3.625; saved and off at 4."""
    jobs, answers = [Start(0, until=2), Start(1, until=1)], [Continue(3), PAUSE, STOP]
    trace = timelines.run(TABLE, Scripted(jobs, answers), start=0.5, stop=0.25, save=0.125, load=2, report=0.0625)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0 +0.5
        2.5625 continue trial 0 on 0 at 2
        3.625 pause trial 0 on 0 at 3 +0.375
        4 start trial 1 on 0 at 0 +0.5
        5.5625 stop trial 1 on 0 at 1 +0.25
        5.8125 end
    """)
    assert parts(trace) == {"useful": 3, "stopped": 1, "overhead": 1.8125}
    assert results(trace) == [(1.5, 0, 1), (2.5, 0, 2), (3.5625, 0, 3), (5.5, 1, 1)]


def test_a_resume_starts_and_loads(timelines: Timelines) -> None:
    jobs = [Start(0, until=2), Start(1, until=1), Resume(0, until=3)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE]), start=0.5, stop=0.25, save=0.125, load=2, report=0.0625)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0 +0.5
        2.5625 pause trial 0 on 0 at 2 +0.375
        2.9375 start trial 1 on 0 at 0 +0.5
        4.5 stop trial 1 on 0 at 1 +0.25
        4.75 resume trial 0 on 0 at 2 +2.5
        8.3125 stop trial 0 on 0 at 3 +0.25
        8.5625 end
    """)
    assert parts(trace) == {"stopped": 4, "overhead": 4.5625}
    assert results(trace)[-1] == (8.25, 0, 3)


def test_the_text_says_all_of_it(timelines: Timelines) -> None:
    trace = timelines.run(TABLE, Scripted([Start(0, until=3)]), start=0.5, save=0.125, checkpoints=2, speeds=(0.5,))
    assert [line for line in trace.to_text().splitlines() if line[0] != "#"] == [
        "         0.000000000  worker=0  trial=0  start      config=0 replicate=0  resource=0  until=3  pace=2.0  "
        "save=0.125000000  overhead=0.500000000",
        "         6.625000000  worker=0  trial=0  stop       resource=3  value=0.7",
    ]


def test_who_resumes_at_once_waits_until_the_checkpoint_is_saved(timelines: Timelines) -> None:
    """Worker 0 saves until 4 s; worker 1 has the trial from 2 s on, and still waits after a crash at 3 s."""
    jobs = [Start(0, until=1), Start(1, until=2), Resume(0, until=2)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE]), workers=2, save=3, load=0.5, crashes={(0, 0): 2})
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        0 start trial 1 on 1 at 0
        1 pause trial 0 on 0 at 1 +3
        2 stop trial 1 on 1 at 2
        2 resume trial 0 on 1 at 1 +2.5
        3 crash trial 0 on 1 at 1
        3 resume trial 0 on 1 at 1 +1.5
        5.5 stop trial 0 on 1 at 2
        5.5 end
    """)
    assert parts(trace) == {"stopped": 4, "barrier": 1.5, "overhead": 5.5}


def test_speeds_and_slowdown(timelines: Timelines) -> None:
    """A slowdown of 0.5 and speeds 1 and 0.5: 1.5 s and 3 s for a second of the table."""
    jobs = [Start(0, until=2), Start(1, until=2), Start(2, until=1)]
    trace = timelines.run(TABLE, Scripted(jobs), workers=2, speeds=(1, 0.5), slowdown=0.5)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        0 start trial 1 on 1 at 0
        3 stop trial 0 on 0 at 2
        3 start trial 2 on 0 at 0
        4.5 stop trial 2 on 0 at 1
        6 stop trial 1 on 1 at 2
        6 end
    """)
    assert results(trace) == [(1.5, 0, 1), (3, 0, 2), (3, 1, 1), (4.5, 2, 1), (6, 1, 2)]


def test_decisions_take_their_time_and_who_crashed_does_not_wait_for_them(timelines: Timelines) -> None:
    class Costly(Scripted):
        def next_job(self) -> Any:
            job = super().next_job()
            self.model_size = 0 if job is None else 3
            return job

    trace = timelines.run(
        TABLE, Costly([Start(0, until=2), Start(1, until=1)]), workers=2, decision="0.5", crashes={(0, 0): 0.25}
    )
    assert told(trace) == lines("""
        0 decide 0
        0.5 decided 0
        0.5 start trial 0 on 0 at 0
        0.5 decide 1
        0.75 crash trial 0 on 0 at 0
        0.75 resume trial 0 on 0 at 0
        1 decided 1
        1 start trial 1 on 1 at 0
        2 stop trial 1 on 1 at 1
        2.75 stop trial 0 on 0 at 2
        2.75 end
    """)
    assert parts(trace) == {"repeated": 0.25, "stopped": 3, "barrier": 0.75, "overhead": 1.5}


# --- checkpoints -----------------------------------------------------------------------------------------------


def test_a_checkpoint_every_two_units_and_a_crash_between(timelines: Timelines) -> None:
    trace = timelines.run(TABLE, Scripted([Start(0, until=4)]), crashes={(0, 0): 3.5}, checkpoints=2)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        3.5 crash trial 0 on 0 at 3
        3.5 resume trial 0 on 0 at 3 from 2
        5.5 complete trial 0 on 0 at 4
        5.5 end
    """)
    assert parts(trace) == {"useful": 4, "repeated": 1.5}
    assert results(trace) == [(1, 0, 1), (2, 0, 2), (3, 0, 3), (5.5, 0, 4)], "what was seen is not seen again"


def test_a_crash_while_a_checkpoint_is_saved(timelines: Timelines) -> None:
    """From 2 to 2.5 s it is saved; with a crash at 2.25 there is none, with one at 2.5 there is."""
    trace = timelines.run(TABLE, Scripted([Start(0, until=4)]), crashes={(0, 0): 2.25}, checkpoints=2, save=0.5)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        2.25 crash trial 0 on 0 at 2
        2.25 resume trial 0 on 0 at 2 from 0
        6.75 complete trial 0 on 0 at 4
        6.75 end
    """)
    assert parts(trace) == {"useful": 4, "repeated": 2, "overhead": 0.75}
    saved = timelines.run(TABLE, Scripted([Start(0, until=4)]), crashes={(0, 0): 2.5}, checkpoints=2, save=0.5)
    assert told(saved).splitlines()[2:] == [
        "2.5 resume trial 0 on 0 at 2",
        "4.5 complete trial 0 on 0 at 4",
        "4.5 end",
    ]


def test_a_crash_while_a_checkpoint_is_loaded(timelines: Timelines) -> None:
    jobs = [Start(0, until=2), Resume(0, until=4)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE]), crashes={(0, 0): 2.5}, load=1)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        2 pause trial 0 on 0 at 2
        2 resume trial 0 on 0 at 2 +1
        2.5 crash trial 0 on 0 at 2
        2.5 resume trial 0 on 0 at 2 +1
        5.5 complete trial 0 on 0 at 4
        5.5 end
    """)
    assert parts(trace) == {"useful": 4, "overhead": 1.5}


def test_checkpoints_at_pauses_only(timelines: Timelines) -> None:
    """To continue saves none: after a crash it goes back to its pause."""
    jobs = [Start(0, until=1), Resume(0, until=2)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE, Continue(3), Continue(4)]), crashes={(0, 0): 3.5})
    assert told(trace).splitlines()[-4:] == [
        "3.5 crash trial 0 on 0 at 3",
        "3.5 resume trial 0 on 0 at 3 from 1",
        "6.5 complete trial 0 on 0 at 4",
        "6.5 end",
    ]
    assert parts(trace) == {"useful": 4, "repeated": 2.5}


def test_no_checkpoints_at_all(timelines: Timelines) -> None:
    jobs = [Start(0, until=2), Resume(0, until=4)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE]), crashes={(0, 0): 5}, checkpoints="never", save=9)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        2 pause trial 0 on 0 at 2
        2 resume trial 0 on 0 at 2 from 0
        5 crash trial 0 on 0 at 3
        5 resume trial 0 on 0 at 3 from 0
        9 complete trial 0 on 0 at 4
        9 end
    """)
    assert parts(trace) == {"useful": 4, "repeated": 5}
    assert results(trace) == [(1, 0, 1), (2, 0, 2), (5, 0, 3), (9, 0, 4)]


@pytest.mark.parametrize(
    ("removal", "second"), [("worst", "5 removed trial 2 on 0 at 2"), ("chance", "5 removed trial 1 on 0 at 1")]
)
def test_room_for_two_checkpoints(timelines: Timelines, removal: Any, second: str) -> None:
    """Values are 0.9, 0.5 and 0.3 at 1 unit, 0.6 at 2 units.

    When trial 2 pauses, trial 0 is the worst by either rule. When trial 3 pauses, trial 2 has the worst value; but
    nobody did better at its resource, while half of the other two at 1 unit did better than trial 1.
    """
    jobs = [Start(0, until=1), Start(1, until=1), Start(2, until=2), Start(3, until=1), Resume(0, until=2)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE] * 4), room=2, removal=removal)
    assert [line for line in told(trace).splitlines() if "removed" in line or "resume" in line] == [
        "4 removed trial 0 on 0 at 1",
        second,
        "5 resume trial 0 on 0 at 1 from 0",
    ]
    assert parts(trace) == {"useful": 4, "repeated": 1, "stopped": 2}


def test_no_room_at_all(timelines: Timelines) -> None:
    jobs = [Start(0, until=1), Resume(0, until=2)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE]), room=0, save=0.5)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        1 pause trial 0 on 0 at 1 +0.5
        1 removed trial 0 on 0 at 1
        1.5 resume trial 0 on 0 at 1 from 0
        3.5 stop trial 0 on 0 at 2
        3.5 end
    """)


def test_a_trial_whose_curve_has_ended_does_not_train_again_to_find_that_out(timelines: Timelines) -> None:
    """Its checkpoint is gone and its curve ends at 2 units: there is nothing to train, nothing to save on the way."""
    table = table_of([[0.9, 0.8, nan], [0.5, 0.4, 0.3]], [[1, 2, nan], [1, 2, 3]])
    jobs = [Start(0, until=2), Start(1, until=1), Resume(0, until=3)]
    trace = timelines.run(table, Scripted(jobs, [PAUSE, PAUSE]), room=1, report=2, crashes={(0, 0): 5.5}, checkpoints=1)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        4 pause trial 0 on 0 at 2
        4 start trial 1 on 0 at 0
        7 pause trial 1 on 0 at 1
        7 removed trial 0 on 0 at 2
        7 resume trial 0 on 0 at 2 from 0
        8.5 crash trial 0 on 0 at 2
        8.5 resume trial 0 on 0 at 2 from 0
        10.5 curve-end trial 0 on 0 at 2
        10.5 end
    """)
    assert parts(trace) == {"useful": 3, "overhead": 7.5}


# --- crashes ---------------------------------------------------------------------------------------------------


def test_back_off_doubles(timelines: Timelines) -> None:
    """0.5 s after the first crash, then 1 s, then 2 s."""
    crashes = {(0, 0): 1, (0, 1): 1, (0, 2): 1.5}
    trace = timelines.run(TABLE, Scripted([Start(0, until=4)]), crashes=crashes, backoff=0.5, retries=3)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        1 crash trial 0 on 0 at 1
        1.5 resume trial 0 on 0 at 1 from 0
        2.5 crash trial 0 on 0 at 1
        3.5 resume trial 0 on 0 at 1 from 0
        5 crash trial 0 on 0 at 1
        7 resume trial 0 on 0 at 1 from 0
        11 complete trial 0 on 0 at 4
        11 end
    """)
    assert parts(trace) == {"useful": 4, "repeated": 3.5, "barrier": 3.5}


def test_who_crashes_too_often_has_failed(timelines: Timelines) -> None:
    scheduler = Scripted([Start(0, until=1), Resume(0, until=4), Start(1, until=1)], [PAUSE])
    trace = timelines.run(TABLE, scheduler, crashes={(0, 0): 2.5, (0, 1): 1.5}, retries=1)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        1 pause trial 0 on 0 at 1
        1 resume trial 0 on 0 at 1
        2.5 crash trial 0 on 0 at 2
        2.5 resume trial 0 on 0 at 2 from 1
        4 crash trial 0 on 0 at 2
        4 failed trial 0 on 0 at 2
        4 start trial 1 on 0 at 0
        5 stop trial 1 on 0 at 1
        5 end
    """)
    assert parts(trace) == {"repeated": 2, "stopped": 3}
    assert [entry for entry in scheduler.log if entry[1] == "failed"] == [(4.0, "failed", 0, 1, float("inf"))]


def test_the_scheduler_may_give_up(timelines: Timelines) -> None:
    class GivesUp(Scripted):
        def on_failure(self, trial: Trial, failures: int) -> Any:
            self.log.append((self.context.now, "failure", trial.id, trial.resource, failures))
            return STOP if failures == 2 else RETRY

    scheduler = GivesUp([Start(0, until=4), Start(1, until=1)])
    trace = timelines.run(TABLE, scheduler, crashes={(0, 0): 1, (0, 1): 1.5}, checkpoints=1)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        1 crash trial 0 on 0 at 1
        1 resume trial 0 on 0 at 1
        2.5 crash trial 0 on 0 at 2
        2.5 failed trial 0 on 0 at 2
        2.5 start trial 1 on 0 at 0
        3.5 stop trial 1 on 0 at 1
        3.5 end
    """)
    assert [entry for entry in scheduler.log if entry[1] not in ("job?", "report")] == [
        (1.0, "failure", 0, 0, 1),
        (2.5, "failure", 0, 0, 2),
    ], "no on_end after its own STOP; it has reported nothing yet"


def test_who_crashed_is_served_before_new_work(timelines: Timelines) -> None:
    jobs = [Start(0, until=2), Start(1, until=2), Start(2, until=1), Start(3, until=1)]
    trace = timelines.run(TABLE, Scripted(jobs), workers=2, crashes={(1, 0): 1.5}, backoff=0.25)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        0 start trial 1 on 1 at 0
        1.5 crash trial 1 on 1 at 1
        1.5 start trial 2 on 1 at 0
        2 stop trial 0 on 0 at 2
        2 resume trial 1 on 0 at 1 from 0
        2.5 stop trial 2 on 1 at 1
        2.5 start trial 3 on 1 at 0
        3.5 stop trial 3 on 1 at 1
        4 stop trial 1 on 0 at 2
        4 end
    """)


def test_time_without_a_worker_does_not_count_towards_a_crash(timelines: Timelines) -> None:
    """It lives for 3.5 s on workers: 1 s until its pause, 1 s until it is preempted, and 1.5 s then."""
    jobs = [Start(0, until=1), Start(1, until=1), Resume(0, until=4)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE]), plan={3: 0, 5: 1}, crashes={(0, 0): 3.5})
    assert told(trace).splitlines()[4:] == [
        "2 resume trial 0 on 0 at 1",
        "3 preempted trial 0 on 0 at 2",
        "3 down 0",
        "5 up 0",
        "5 resume trial 0 on 0 at 2 from 1",
        "6.5 crash trial 0 on 0 at 2",
        "6.5 resume trial 0 on 0 at 2 from 1",
        "9.5 complete trial 0 on 0 at 4",
        "9.5 end",
    ]


def test_a_crash_before_the_report_is_heard(timelines: Timelines) -> None:
    """The result was seen at 2 s; the checkpoint that is due there would be saved after the report."""
    trace = timelines.run(TABLE, Scripted([Start(0, until=2)]), crashes={(0, 0): 2.25}, report=0.5, checkpoints=2)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        2.25 crash trial 0 on 0 at 2
        2.25 resume trial 0 on 0 at 2 from 0
        4.75 stop trial 0 on 0 at 2
        4.75 end
    """)
    assert parts(trace) == {"repeated": 2, "stopped": 2, "overhead": 0.75}
    assert results(trace) == [(1, 0, 1), (2, 0, 2)]


def test_a_crash_before_the_report_is_heard_on_a_table_trained_from_scratch(timelines: Timelines) -> None:
    trace = timelines.run(SCRATCH, Scripted([Start(0, until=2)]), crashes={(0, 0): 2.25}, report=0.5)
    assert parts(trace) == {"repeated": 2, "stopped": 2, "overhead": 0.75}
    assert results(trace) == [(2, 0, 2)]


def test_the_target_is_reached_after_the_crash(timelines: Timelines) -> None:
    """At 2 s it would have been; it crashed at 1.5 s, and is there 2 s later."""
    trace = timelines.run(TABLE, Scripted([Start(1, until=4)]), crashes={(0, 0): 1.5}, budget=Budget(target=0.4))
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        1.5 crash trial 0 on 0 at 1
        1.5 resume trial 0 on 0 at 1 from 0
        3.5 budget trial 0 on 0 at 2
        3.5 end
    """)
    late = timelines.run(TABLE, Scripted([Start(1, until=4)]), crashes={(0, 0): 2.5}, budget=Budget(target=0.4))
    assert told(late).splitlines()[-2:] == ["2 budget trial 0 on 0 at 2", "2 end"], "it was there before"


def test_the_target_is_reached_after_the_crash_on_a_table_trained_from_scratch(timelines: Timelines) -> None:
    """And when the unit is done, not only when the scheduler hears of it."""
    trace = timelines.run(
        SCRATCH, Scripted([Start(0, until=2)]), crashes={(0, 0): 1.5}, report=0.25, budget=Budget(target=0.4)
    )
    assert told(trace).splitlines()[1:] == [
        "1.5 crash trial 0 on 0 at 0",
        "1.5 resume trial 0 on 0 at 0",
        "3.5 budget trial 0 on 0 at 2",
        "3.5 end",
    ]
    assert results(trace) == [(3.5, 0, 2)]


# --- workers that come and go ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notice", "save", "expected", "account"),
    [
        (1, 0.5, [1.5, "1", 8], {"useful": 4, "repeated": 0.5, "overhead": 1}),
        (1, 1.5, [1.5, "1 from 0", 9], {"useful": 4, "repeated": 1.5, "overhead": 1}),
        (0, 0.5, [2.5, "2 from 0", 9], {"useful": 4, "repeated": 2.5}),
    ],
    ids=["a checkpoint fits", "it does not", "no notice"],
)
def test_a_worker_leaves(
    timelines: Timelines, notice: float, save: float, expected: list[Any], account: dict[str, float]
) -> None:
    """At 2.5 s, and no other one comes until 5 s."""
    trace = timelines.run(TABLE, Scripted([Start(0, until=4)]), plan={2.5: 0, 5: 1}, notice=notice, save=save)
    leaves, where, finished = expected
    drained = ["1.5 drain 0"] if notice else []
    assert told(trace).splitlines() == [
        "0 start trial 0 on 0 at 0",
        f"{leaves} preempted trial 0 on 0 at {where[0]}",
        *drained,
        "2.5 down 0",
        "5 up 0",
        f"5 resume trial 0 on 0 at {where}",
        f"{finished} complete trial 0 on 0 at 4",
        f"{finished} end",
    ]
    assert parts(trace) == account


def test_workers_join_and_those_still_to_come_keep_no_run_alive(timelines: Timelines) -> None:
    jobs = [Start(0, until=2), Start(1, until=2), Start(2, until=2)]
    trace = timelines.run(TABLE, Scripted(jobs), plan={0.5: 2, "100s": 5}, price=3600)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        0.5 up 1
        0.5 start trial 1 on 1 at 0
        2 stop trial 0 on 0 at 2
        2 start trial 2 on 0 at 0
        2.5 stop trial 1 on 1 at 2
        4 stop trial 2 on 0 at 2
        4 end
    """)
    assert parts(trace) == {"stopped": 6, "barrier": 1.5}
    assert trace.summary()["cost"] == pytest.approx(7.5)


def test_the_last_workers_leave_first_and_the_budget_cuts_off_who_waits(timelines: Timelines) -> None:
    jobs = [Start(0, until=4), Start(1, until=1)]
    trace = timelines.run(TABLE, Scripted(jobs), workers=2, plan={0.5: 1}, budget=1.25, start=0.25)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0 +0.25
        0 start trial 1 on 1 at 0 +0.25
        0.5 preempted trial 1 on 1 at 0
        0.5 down 1
        1.25 budget trial 0 on 0 at 1
        1.25 budget trial 1 on 1 at 0
        1.25 end
    """)
    assert parts(trace) == {"useful": 1, "repeated": 0.25, "overhead": 0.5}


def test_no_worker_ever_again(timelines: Timelines) -> None:
    trace = timelines.run(TABLE, Scripted([Start(0, until=4)]), plan={2.5: 0})
    assert told(trace).splitlines()[1:] == [
        "2.5 preempted trial 0 on 0 at 2",
        "2.5 down 0",
        "2.5 budget trial 0 on 0 at 2",
        "2.5 end",
    ]


# --- Context.stop ----------------------------------------------------------------------------------------------


def test_a_running_trial_is_stopped_and_its_worker_busy_with_that(timelines: Timelines) -> None:
    jobs = [Start(0, until=4), Start(1, until=1), Start(2, until=1)]
    trace = timelines.run(TABLE, Scripted(jobs, [ends(0)]), workers=2, stop=0.5, start=0.25, checkpoints=1)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0 +0.25
        0 start trial 1 on 1 at 0 +0.25
        1.25 stop trial 1 on 1 at 1 +0.5
        1.25 cancelled trial 0 on 0 at 1 +0.5
        1.75 start trial 2 on 0 at 0 +0.25
        3 stop trial 2 on 0 at 1 +0.5
        3.5 end
    """)
    assert parts(trace) == {"stopped": 3, "barrier": 1.75, "overhead": 2.25}


def test_a_paused_trial_is_stopped_and_makes_room(timelines: Timelines) -> None:
    jobs = [Start(0, until=1), Start(1, until=1), Start(2, until=1)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE, ends(0), PAUSE]), room=1, stop=0.5)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        1 pause trial 0 on 0 at 1 +0.5
        1.5 start trial 1 on 0 at 0
        2.5 stop trial 1 on 0 at 1 +0.5
        2.5 cancelled trial 0 on 0 at 1
        3 start trial 2 on 0 at 0
        4 pause trial 2 on 0 at 1 +0.5
        4.5 end
    """)


def test_a_trial_is_stopped_while_it_backs_off(timelines: Timelines) -> None:
    jobs = [Start(0, until=4), Start(1, until=2)]
    trace = timelines.run(TABLE, Scripted(jobs, [ends(0)]), workers=2, crashes={(0, 0): 1}, backoff=5)
    assert told(trace).splitlines()[2:] == [
        "1 crash trial 0 on 0 at 1",
        "2 stop trial 1 on 1 at 2",
        "2 cancelled trial 0 on 0 at 1",
        "2 end",
    ]


def test_a_trial_is_stopped_while_it_waits_for_a_worker(timelines: Timelines) -> None:
    jobs = [Start(0, until=2), Start(1, until=2)]
    trace = timelines.run(TABLE, Scripted(jobs, [ends(1)]), workers=2, plan={0.5: 1})
    assert told(trace).splitlines()[2:] == [
        "0.5 preempted trial 1 on 1 at 0",
        "0.5 down 1",
        "2 stop trial 0 on 0 at 2",
        "2 cancelled trial 1 on 1 at 0",
        "2 end",
    ]


# --- checkpoint_of ---------------------------------------------------------------------------------------------


def test_the_checkpoint_of_a_running_trial_is_that_of_its_last_report(timelines: Timelines) -> None:
    jobs = [Start(0, until=1), Start(2, until=2), heir(0, 1, until=3)]
    trace = timelines.run(TABLE, Scripted(jobs, [Continue(4)]), workers=2, load=0.5, start=0.25)
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0 +0.25
        0 start trial 1 on 1 at 0 +0.25
        1.25 continue trial 0 on 0 at 1
        2.25 stop trial 1 on 1 at 2
        2.25 start trial 2 on 1 at 1 +0.75
        4.25 complete trial 0 on 0 at 4
        5 stop trial 2 on 1 at 3
        5 end
    """)
    assert parts(trace) == {"useful": 4, "stopped": 4, "barrier": 0.75, "overhead": 1.25}


def test_the_checkpoint_of_a_paused_trial_must_be_saved_first(timelines: Timelines) -> None:
    jobs = [Start(0, until=2), Start(2, until=2), heir(0, 1, until=3)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE]), workers=2, save=1, load=0.5)
    assert told(trace).splitlines()[2:] == [
        "2 pause trial 0 on 0 at 2 +1",
        "2 stop trial 1 on 1 at 2",
        "2 start trial 2 on 1 at 2 +1.5",
        "4.5 stop trial 2 on 1 at 3",
        "4.5 end",
    ]


@pytest.mark.parametrize("cluster", [{"room": 1}, {"checkpoints": "never"}], ids=["removed", "never"])
def test_without_a_checkpoint_the_heir_begins_from_nothing(timelines: Timelines, cluster: dict[str, Any]) -> None:
    """But what lies behind it is not seen again."""
    jobs = [Start(0, until=2), Start(1, until=1), heir(0, 2, until=3)]
    trace = timelines.run(TABLE, Scripted(jobs, [PAUSE, PAUSE]), load=0.5, **cluster)
    assert told(trace).splitlines()[-3:] == [
        "3 start trial 2 on 0 at 2 from 0",
        "6 stop trial 2 on 0 at 3",
        "6 end",
    ]
    assert parts(trace) == {"useful": 3, "repeated": 2, "stopped": 1}
    assert results(trace)[-1] == (6, 2, 3)


def test_the_checkpoint_of_a_crashed_trial(timelines: Timelines) -> None:
    """It stands at 1 unit, where it has reported, and has a checkpoint of 2 units: that of 1 unit is the heir's."""
    jobs = [Start(0, until=1), Start(2, until=3), heir(0, 1, until=4)]
    trace = timelines.run(
        TABLE, Scripted(jobs, [Continue(4)]), workers=2, crashes={(0, 0): 2.5}, backoff=9, budget=12, checkpoints=1
    )
    assert told(trace) == lines("""
        0 start trial 0 on 0 at 0
        0 start trial 1 on 1 at 0
        1 continue trial 0 on 0 at 1
        2.5 crash trial 0 on 0 at 2
        2.5 start trial 2 on 0 at 1
        3 stop trial 1 on 1 at 3
        5.5 complete trial 2 on 0 at 4
        11.5 resume trial 0 on 0 at 2
        12 budget trial 0 on 0 at 2
        12 end
    """)

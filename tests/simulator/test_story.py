"""A trial's story against a run worked by hand, and its ranks against a count."""

from __future__ import annotations

import re

import pytest
from scripted import Scripted
from tables import integer_table, table_of

from simulator import PAUSE, STOP, Context, Continue, Resume, Simulation, Start, Trace, TraceError, Trial
from simulator.cluster import Cluster
from simulator.log import chosen, heading, log_lines
from simulator.story import story

# One worker, 1 s a unit. At resource 1 report trials 0 (0.5), 1 (0.25), 2 (0.75) and 3 (0.25).
TABLE = table_of([[0.5, 0.4, 0.3], [0.25, 0.2, 0.1], [0.75, 0.7, 0.6], [0.25, 0.5, float("nan")]])
JOBS = [Start(0, until=1), Start(1, until=1), Start(2, until=1), Resume(1, until=2), Start(3, until=1)]
LATER = [Resume(1, until=3), Resume(0, until=3)]


def made() -> Trace:
    answers = [PAUSE, PAUSE, STOP, PAUSE, Continue(2), STOP]
    return Simulation(TABLE, Scripted([*JOBS, *LATER], answers), workers=1).run()


def test_a_trial_that_waits_and_is_promoted() -> None:
    assert story(made(), 1) == [
        "Trial 1: configuration 1 (x = 1, letter = b), replicate 0.",
        "1.000000000 s: started on worker 0, sent to 1 epoch.",
        "2.000000000 s: reported loss 0.25 at 1 epoch: paused.",
        "    1st of 2 at 1 epoch by then. None of the others had gone on from there.",
        "3.000000000 s: resumed on worker 0, after 1.000000000 s of waiting, sent to 2 epochs.",
        "    1st of 3 at 1 epoch by then. None of the others had gone on from there.",
        "4.000000000 s: reported loss 0.2 at 2 epochs: paused.",
        "    It was the first to report at 2 epochs.",
        "6.000000000 s: resumed on worker 0, after 2.000000000 s of waiting, sent to 3 epochs.",
        "    1st of 2 at 2 epochs by then. None of the others had gone on from there.",
        "7.000000000 s: reported loss 0.1 at 3 epochs: complete, this is the largest resource.",
        "    It was the first to report at 3 epochs.",
        "In the end it was complete, at 3 epochs and after 3.000000000 s on a worker.",
    ]


def test_trials_that_are_stopped_and_that_continue() -> None:
    assert story(made(), 2)[2:] == [
        "3.000000000 s: reported loss 0.75 at 1 epoch: stopped.",
        "    3rd of 3 at 1 epoch by then, the best is trial 1 with 0.25. None of the others had gone on from there.",
        # then trial 1 is resumed, trial 3 continues, trial 0 is resumed: the ranks 1, 2 and 3
        "In the end it was stopped, at 1 epoch and after 1.000000000 s on a worker; when the run was over it was "
        "4th of 4 there, and 3 (ranks 1 to 3) had gone on.",
    ]
    assert story(made(), 3)[2:] == [
        "5.000000000 s: reported loss 0.25 at 1 epoch: told to continue until 2 epochs.",
        "    2nd of 4 at 1 epoch by then, the best is trial 1 with 0.25. Of the others 1 (rank 1) had gone on from "
        "there, the last with 0.25; the best that had not: 3rd with 0.5.",
        "6.000000000 s: reported loss 0.5 at 2 epochs: stopped.",
        "    2nd of 2 at 2 epochs by then, the best is trial 1 with 0.2. None of the others had gone on from there.",
        "In the end it was stopped, at 2 epochs and after 2.000000000 s on a worker; when the run was over it was "
        "2nd of 2 there, and 1 (rank 1) had gone on.",
    ]


def test_trials_that_are_cut_off_cancelled_or_whose_curve_ends() -> None:
    def cancel(context: Context, trial: Trial) -> Continue:
        context.stop(0)
        return Continue(3)

    table = table_of([[5, 4, 3], [5, 4, float("nan")]], [[2, 4, 6], [1, 2, float("nan")]])
    trace = Simulation(table, Scripted([Start(0, until=3), Start(1, until=2)], [cancel]), workers=2, budget=2.5).run()
    assert story(trace, 0)[2:] == [
        "2.000000000 s: cancelled by the scheduler, having reached 1 epoch.",
        "In the end it was cancelled, at 1 epoch and after 2.000000000 s on a worker.",
    ]
    assert story(trace, 1)[2:] == [
        "2.000000000 s: reported loss 4 at 2 epochs: told to continue until 3 epochs.",
        "    It was the first to report at 2 epochs.",
        "2.000000000 s: its curve has ended there, so it was over.",
        "In the end its curve ended, at 2 epochs and after 2.000000000 s on a worker.",
    ]
    cut = Simulation(table, Scripted([Start(0, until=3)]), workers=1, budget=5).run()
    assert story(cut, 0)[2:] == [
        "5.000000000 s: cut off by the end of the run on its way to 3 epochs, having reached 2 epochs.",
        "In the end it was cut off when the run was over, at 2 epochs and after 5.000000000 s on a worker.",
    ]


def test_overheads_a_removed_checkpoint_and_what_is_trained_again() -> None:
    # One worker that takes 2 s a unit, 0.5 s before a trial trains, 1 s to load, 0.125 s to save and 0.25 s to leave;
    # room for one checkpoint. Trial 0: 0.5 + 2 * 2 = 4.5, and 0.375 until trial 1 begins, which pauses 0.5 + 2 later
    # and is better: 7.375. At 7.75 trial 0 begins from nothing: 0.5 + 4 * 2 = 8.5 until 16.25, on a worker for 13 s.
    table = table_of([[0.5, 0.4, 0.3, 0.2], [0.25, 0.2, 0.1, 0.05]])
    cluster = Cluster(start=0.5, stop=0.25, save=0.125, load=1.0, room=1, speeds=(0.5,))
    jobs = [Start(0, until=2), Start(1, until=1), Resume(0, until=4)]
    trace = Simulation(table, Scripted(jobs, [PAUSE, PAUSE]), workers=1, cluster=cluster).run()
    assert story(trace, 0) == [
        "Trial 0: configuration 0 (x = 0, letter = a), replicate 0.",
        "0.000000000 s: started on worker 0, sent to 2 epochs; it trains after 0.500000000 s; a second of the table "
        "takes 2 s there.",
        "4.500000000 s: reported loss 0.4 at 2 epochs: paused. The worker is free after another 0.375000000 s.",
        "    It was the first to report at 2 epochs.",
        "7.375000000 s: its checkpoint was removed, there was no room.",
        "7.750000000 s: resumed on worker 0, after 3.250000000 s of waiting, to train again from nothing, sent to "
        "4 epochs; it trains after 0.500000000 s; a second of the table takes 2 s there.",
        "    It was the first to report at 2 epochs.",
        "16.250000000 s: reported loss 0.2 at 4 epochs: complete, this is the largest resource. The worker is free "
        "after another 0.250000000 s.",
        "    It was the first to report at 4 epochs.",
        "In the end it was complete, at 4 epochs and after 13.000000000 s on a worker.",
    ]


# Written by hand: a checkpoint after every 2 units, each takes 0.5 s; trial 0 crashes, loses its worker and crashes
# again, which is once too often. At 3.75 s it has trained for 3.25 s and saved once for 0.5 s: 2 units, its checkpoint.
CRASHES = """\
# rungsim trace 1
# table: "made:by-hand"
# metric: "loss"
# scheduler: "Scripted"
# seed: 0
# workers: 1
# end: 12000000000
# exhausted_at: null
# cluster: {"checkpoints": 2, "save": 0.5, "crashes": "0.1/s", "retries": 1}
# values: "float64"
 0.000000000  worker=0  trial=0  start      config=0 replicate=0  resource=0  until=1  save=0.500000000
 1.000000000  worker=0  trial=0  continue   resource=1  value=0.5  until=4
 3.750000000  worker=0  trial=0  crash      resource=3  value=0.3  until=4
 4.000000000  worker=0  trial=0  resume resource=3  value=0.3  until=4  origin=2  save=0.500000000  overhead=0.250000000
 5.000000000  worker=0  trial=0  preempted  resource=3  value=0.3  until=4
 5.000000000  worker=0  drain
 6.000000000  worker=0  down
 9.000000000  worker=0  up
 9.000000000  worker=0  trial=0  resume     resource=3  value=0.3  until=4  origin=2  save=0.500000000
12.000000000  worker=0  trial=0  crash      resource=3  value=0.3  until=4
12.000000000  worker=0  trial=0  failed     resource=3  value=0.3
"""


def test_crashes_and_lost_workers() -> None:
    table = table_of([[0.5, 0.4, 0.3, 0.2]])
    lines = story(Trace.from_text(CRASHES, table), 0)
    saving = "; each checkpoint on the way takes 0.500000000 s."
    assert lines[1:] == [
        f"0.000000000 s: started on worker 0, sent to 1 epoch{saving}",
        "1.000000000 s: reported loss 0.5 at 1 epoch: told to continue until 4 epochs.",
        "    It was the first to report at 1 epoch.",
        "3.750000000 s: crashed on worker 0, the 1st time; it had reached 3 epochs.",
        "4.000000000 s: resumed on worker 0, after 0.250000000 s without one, to train again from 2 epochs, sent to "
        f"4 epochs; it trains after 0.250000000 s{saving}",
        "5.000000000 s: lost worker 0, which was taken away; it had reached 3 epochs.",
        "9.000000000 s: resumed on worker 0, after 4.000000000 s without one, to train again from 2 epochs, sent to "
        f"4 epochs{saving}",
        "12.000000000 s: crashed on worker 0, the 2nd time; it had reached 3 epochs.",
        "12.000000000 s: failed, after 1 crash no further one is forgiven.",
        "In the end it failed, at 3 epochs and after 7.750000000 s on a worker.",
    ]
    patient = story(Trace.from_text(CRASHES.replace('"retries": 1', '"retries": 2'), table), 0)
    assert patient[-2] == "12.000000000 s: failed, the scheduler gave it up."


def test_the_log_of_a_worker_has_its_comings_and_goings() -> None:
    trace = Trace.from_text(CRASHES, table_of([[0.5, 0.4, 0.3, 0.2]]))
    lines = list(log_lines(trace, chosen(trace, workers=[0])))
    assert [line.split()[:3] for line in lines[6:9]] == [
        ["5.000000000", "0", "drain"],
        ["6.000000000", "0", "down"],
        ["9.000000000", "0", "up"],
    ]
    assert lines[4].split()[2:] == [
        "0",
        "resume",
        "3",
        "0.3",
        "4",
        "origin=2",
        "save=0.500000000",
        "overhead=0.250000000",
    ]
    assert lines[1].endswith("configuration 0, replicate 0  save=0.500000000")
    assert 'cluster: {"checkpoints": 2, "save": 0.5, "crashes": "0.1/s", "retries": 1}' in heading(trace)


@pytest.mark.parametrize("scheduler", ["asha-stopping(eta=2)", "asha-promotion(eta=2)"])
def test_every_rank_is_that_of_a_count(scheduler: str) -> None:
    trace = Simulation(integer_table(), scheduler, workers=3, seed=2).run()
    c = trace.columns
    told = 0
    for trial in range(len(c.config)):
        found = iter(story(trace, trial))
        for line in found:
            if "reported" not in line:
                continue
            at = next(
                i for i in range(len(trace)) if c.trial[i] == trial and f" at {c.resource[i]:g} epoch" in line
                and c.event[i] not in (0, 1)
            )  # fmt: skip
            rivals = {
                int(c.trial[i]): float(c.value[i])
                for i in range(at + 1)
                if c.resource[i] == c.resource[at] and c.event[i] in (2, 3, 4, 5, 6)
            }
            key = {other: (value != value, value, other) for other, value in rivals.items()}
            rank = 1 + sum(key[other] < key[trial] for other in rivals)
            standing = next(found)
            if len(rivals) == 1:
                assert standing.startswith("    It was the first to report")
            else:
                numbers = re.match(r"    (\d+)\w\w of (\d+) at ", standing)
                assert numbers is not None
                assert (int(numbers[1]), int(numbers[2])) == (rank, len(rivals))
                told += 1
    assert told > 20


def test_without_its_table_the_row_is_told_and_no_rank() -> None:
    lines = story(Trace.from_text(made().to_text()), 3)
    assert lines[0] == "Trial 3: configuration 3, replicate 0."
    assert lines[1].startswith("Where it stood in its rungs cannot be told without the table: ")
    assert "5.000000000 s: reported loss 0.25 at resource 1: told to continue until resource 2." in lines
    assert not any("of 4" in line for line in lines)


def test_a_trial_that_is_not_there() -> None:
    with pytest.raises(TraceError, match="there is no trial 4 in the trace, it has trials 0 to 3"):
        story(made(), 4)

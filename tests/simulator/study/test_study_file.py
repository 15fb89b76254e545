"""The study file: what it asks for, and all that is wrong with it in one go, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import Budget
from simulator.errors import StudyError
from simulator.study import Run
from simulator.study.file import read_study, study_of

TABLE = "power-law:n=20,r_max=9"
OTHER = "power-law:n=20,r_max=9,seed=1"


def asked(text: str) -> list[Run]:
    return study_of(text, "a.toml").runs


def mistakes(text: str) -> list[str]:
    with pytest.raises(StudyError) as error:
        study_of(text, "a.toml")
    return list(error.value.mistakes)


def test_lists_are_crossed_seed_by_seed() -> None:
    runs = asked(
        f"""
        tables = ["{TABLE}", "{OTHER}"]
        schedulers = ["random", "clairvoyant"]
        seeds = 2
        workers = [1, 3]
        clusters = ["none", "stragglers"]
        budget = ["2x", 30]
        """
    )
    assert [run.seed for run in runs] == [0] * 32 + [1] * 32
    assert set(runs) == {
        Run(table, scheduler, seed, workers, Budget(budget), cluster=cluster)
        for table in (TABLE, OTHER)
        for scheduler in ("random", "clairvoyant")
        for seed in (0, 1)
        for workers in (1, 3)
        for cluster in (None, "stragglers")
        for budget in ("2x", 30)
    }
    assert len({run.key for run in runs}) == 64


def test_what_is_left_out_is_as_in_a_comparison() -> None:
    runs = asked(f'tables = "{TABLE}"\nschedulers = "random"')
    assert runs == [Run(TABLE, "random", seed, 4, Budget("10x")) for seed in range(20)]


def test_runs_are_crossings_of_their_own_and_what_is_asked_twice_is_done_once() -> None:
    runs = asked(
        f"""
        tables = ["{TABLE}"]
        schedulers = ["random", "one-epoch"]
        seeds = [7, 3]
        max_trials = 5
        [[runs]]
        [[runs]]
        schedulers = ["hyperband", "random"]
        seeds = 8
        [[runs]]
        tables = "{OTHER}"
        metric = "true_loss"
        off_table = "nearest"
        max_resource = 2.5
        target = 0
        """
    )
    limits, more = Budget("10x", 5), Budget("10x", 5, 2.5, 0)
    assert set(runs) == {
        *(Run(TABLE, name, seed, budget=limits) for name in ("random", "one-epoch") for seed in (7, 3)),
        *(Run(TABLE, name, seed, budget=limits) for name in ("hyperband", "random") for seed in range(8)),
        *(Run(OTHER, name, 7, 4, more, "true_loss", "nearest") for name in ("random", "one-epoch")),
        *(Run(OTHER, name, 3, 4, more, "true_loss", "nearest") for name in ("random", "one-epoch")),
    }
    assert len(runs) == 4 + 16 - 2 + 4


def test_what_is_added_is_crossed_with_all_there_is() -> None:
    text = f"""
        schedulers = ["random"]
        seeds = 2
        [[runs]]
        tables = ["{TABLE}"]
        [[runs]]
        tables = ["{OTHER}"]
        seeds = [9]
        """
    before = asked(text)
    after = asked(f'{text}\n[[add]]\nschedulers = ["one-epoch", "random"]\n[[add]]\nseeds = 3\n')
    assert set(before) < set(after)
    assert {(run.table, run.scheduler, run.seed) for run in after} == {
        *((TABLE, name, seed) for name in ("random", "one-epoch") for seed in range(3)),
        *((OTHER, name, seed) for name in ("random", "one-epoch") for seed in (9, 0, 1, 2)),
    }


def test_every_mistake_is_told_with_its_line() -> None:
    told = mistakes(
        f"""tables = ["{TABLE}", "powerlaw",
  7]
schedulers = [
  "random",
  "asha",  # "not this one"
  "asha-stopping(eta=1)", "hyperband(eta=2",
]
seeds = [-1, 2.5]
worker = 4
workers = 0
budget = "10y"
clusters = ["spot", "sput", "spot(retries=-1)"]
target = "low"
traces = "yes"
off_table = "neerest"

[[runs]]
schedulers = []
tables = '{TABLE}'
clusters = "none"
budget = "1x"
workers = 3
seeds = 1

[[add]]
budget = "2x"
"""
    )
    expected = [
        (1, "there is no table 'powerlaw': did you mean power-law?"),
        (2, "tables: a text in quotes is needed, not 7"),
        (5, "there is no scheduler 'asha'"),
        (6, "eta = 1"),
        (6, "'hyperband(eta=2'"),
        (8, "seeds = -1"),
        (8, "seeds = 2.5"),
        (9, "there is no key 'worker' here: did you mean workers?"),
        (10, "workers = 0"),
        (11, "budget '10y'"),
        (12, "there is no 'sput': did you mean spot?"),
        (12, "retries = -1"),
        (13, "budget: target must be a number, not 'low'"),
        (14, "traces = 'yes': true or false"),
        (15, "'neerest': did you mean nearest"),
        (18, "schedulers: at least one is needed"),
        (26, "there is no key 'budget' here"),
    ]
    assert len(told) == len(expected), "\n".join(told)
    for line, (number, said) in zip(told, expected, strict=True):
        assert line.startswith(f"a.toml:{number}: ")
        assert said in line


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('schedulers = ["random"]', 1, "tables are missing"),
        (f'[[runs]]\ntables = "{TABLE}"', 1, "schedulers are missing"),
        (f'tables = "{TABLE}"\nschedulers = [\n"asha-stopping(levels=[2, 40])"]', 3, "rung level 40"),
        (f'tables = "{TABLE}"\nschedulers = ["random"]\nmetric = "los"', 3, "has no metric 'los': did you mean loss"),
        (f'tables = "{TABLE}"\nschedulers = ["random"]\nruns = 3', 3, r"runs: write [[runs]]"),
        (f'tables = "{TABLE}"\noff_table = "surrogate"\nschedulers = ["clairvoyant"]', 3, "no bound is known"),
        ('tables = ["nowhere.h5"]\nschedulers = ["my.py:Mine"]', 1, "there is no such file"),
    ],
)
def test_mistakes(text: str, line: int, said: str) -> None:
    told = mistakes(text)
    assert told[0].startswith(f"a.toml:{line}: ")
    assert said in told[0]


def test_a_file_that_is_not_toml(tmp_path: Path) -> None:
    assert mistakes("tables = [")[0].startswith("a.toml: not TOML: ")
    assert "line 2" in mistakes("seeds = 1\ntables = nothing\n")[0]
    assert "did you mean none?" in mistakes('tables = ["mlp:digits"]\nschedulers = ["random"]\nclusters = ["nonee"]')[0]
    with pytest.raises(StudyError, match=r"none\.toml: No such file"):
        read_study(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match="not UTF-8"):
        read_study(tmp_path / "binary.toml")
    assert [line.split(":")[1] for line in mistakes('seeds = "x"')] == ["1", "1", "1"]  # two keys are missing as well
    assert mistakes("") == [
        'a.toml:1: tables are missing: write tables = ["mlp:letter"]',
        'a.toml:1: schedulers are missing: write schedulers = ["random", "asha-stopping"]',
    ]


def test_a_key_names_a_run() -> None:
    """Whatever changes a run changes its key; how a number is written does not."""
    run = Run(TABLE, "random", 1, 4, Budget(30))
    others = [
        Run(OTHER, "random", 1, 4, Budget(30)),
        Run(TABLE, "one-epoch", 1, 4, Budget(30)),
        Run(TABLE, "random", 2, 4, Budget(30)),
        Run(TABLE, "random", 1, 5, Budget(30)),
        Run(TABLE, "random", 1, 4, Budget("30s")),
        Run(TABLE, "random", 1, 4, Budget(30, 4)),
        Run(TABLE, "random", 1, 4, Budget(30, None, 4)),
        Run(TABLE, "random", 1, 4, Budget(30, None, None, 4)),
        Run(TABLE, "random", 1, 4, Budget(30), "error"),
        Run(TABLE, "random", 1, 4, Budget(30), off_table="nearest"),
        Run(TABLE, "random", 1, 4, Budget(30), cluster="spot"),
    ]
    assert len({run.key, *(other.key for other in others)}) == 12
    assert run.key == Run(TABLE, "random", 1, 4, Budget(30.0), cluster="").key


def test_the_code_of_a_run_is_that_of_its_files(tmp_path: Path) -> None:
    mine, other, cluster = tmp_path / "mine.py", tmp_path / "other.py", tmp_path / "c.toml"
    for path in (mine, other, cluster):
        path.write_text("x = 1")
    run = Run(TABLE, f"{mine}:Mine(eta=3)+{other}:Other", cluster=str(cluster))
    seen = [run.code]
    for path in (mine, other, cluster):
        path.write_text("x = 2")
        seen.append(run.code)
    assert len(set(seen)) == 4
    assert Run(TABLE, "asha-stopping(eta=3)+kde").code == ""

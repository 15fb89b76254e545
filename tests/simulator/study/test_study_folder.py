"""A study on disk: what it holds, and how it goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

import blackboxes
from analysis import curves, load_runs, scores
from blackboxes.streams import Stream
from simulator import Simulation
from simulator.errors import RunsError, StudyError
from simulator.study.copies import copied, is_mapped
from simulator.study.file import study_of
from simulator.study.folder import Progress, Standing, add, begin, carry_out, is_running, standing
from simulator.study.parts import write_part
from simulator.study.run import Run, forget_tables
from simulator.study.traces import load_trace
from simulator.study.verification import verified

TABLE = "power-law:n=30,r_max=9"
TEXT = f'tables = ["{TABLE}"]\nschedulers = ["random", "asha-promotion"]\nseeds = 4\nbudget = "3x"\n'
LUCK = """
from simulator.schedulers.random import RandomSearch

class Unlucky(RandomSearch):
    def setup(self, context):
        super().setup(context)
        self.unlucky, self.jobs = context.stream("luck").uniform(1)[0] < 0.5, 0

    def next_job(self):
        self.jobs += 1
        if self.unlucky and self.jobs == 6:
            raise RuntimeError("bad luck")
        return super().next_job()
"""


@pytest.fixture(autouse=True)
def no_table_is_remembered() -> None:
    forget_tables()


def made(folder: Path, text: str = TEXT) -> Path:
    begin(study_of(text, "a.toml"), folder)
    return folder


def done(folder: Path, text: str = TEXT, jobs: int = 1) -> Path:
    carry_out(made(folder, text), jobs)
    return folder


def runs_of(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "runs.parquet")


def test_one_line_of_pandas_reads_it_and_analysis_works_on_it(tmp_path: Path) -> None:
    done(tmp_path / "s")
    frame = pd.read_parquet(tmp_path / "s" / "runs.parquet")
    assert len(frame) == 8
    for row in frame.itertuples():
        trace = Simulation(blackboxes.load(TABLE), row.scheduler, seed=row.seed, budget="3x").run()
        assert row.digest == trace.digest()
    assert {*frame["table_digest"]} == {blackboxes.load(TABLE).digest}
    assert {*frame["numpy"]} == {np.__version__}
    assert scores(curves(load_runs(tmp_path / "s"))).losses.shape[:3] == (2, 1, 4)
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [".lock", "runs.parquet", "study.toml"]


def test_the_same_bytes_for_any_number_of_processes(tmp_path: Path) -> None:
    text = TEXT + "traces = true"
    folders = [done(tmp_path / str(jobs), text, jobs) for jobs in (1, 2, 3)]
    files = [{path.relative_to(one) for path in one.rglob("*.parquet/*")} for one in folders]
    assert files[0] == files[1] == files[2]  # named after what they hold
    assert len(files[0]) == 2


def test_machine_code_gives_the_same_bytes(tmp_path: Path) -> None:
    running = pytest.importorskip("simulator.compiled.running", reason="Numba is not installed")
    text = TEXT.replace('"random"', '"random", "clairvoyant", "median-stopping"') + "traces = true\n"
    plain = done(tmp_path / "plain", text)
    with mock.patch("simulator.compiled.running.run", wraps=running.run) as ran:
        compiled = done(tmp_path / "compiled", text + "compiled = true\n")
    assert ran.call_count == 8  # random and asha-promotion
    files = [{path.relative_to(one) for path in one.rglob("*.parquet/*")} for one in (plain, compiled)]
    assert files[0] == files[1]


def test_only_what_is_missing_is_run(tmp_path: Path) -> None:
    folder = made(tmp_path / "s")
    asked: list[Any] = []
    carry_out(folder, 1, stopping=lambda: len(asked) >= 3, advanced=lambda progress: asked.append(progress.done))
    assert standing(folder).done == 3
    seen: list[Standing] = []
    progress = carry_out(folder, 1, begun=seen.append)
    assert (seen[0].done, progress.done) == (3, 5)
    assert carry_out(folder, 1).done == 0
    assert [*runs_of(folder)["run"]] == [run.key for run in study_of(TEXT, "").runs]


def test_more_is_added_at_the_end_of_the_file_and_only_that_is_run(tmp_path: Path) -> None:
    folder = done(tmp_path / "s", "# my study\n" + TEXT)
    before = runs_of(folder).set_index("run")
    add(folder, schedulers=["asha-stopping(eta=2)"], seeds=range(5), tables=())
    assert carry_out(folder, 1).done == 15 - 8
    text = (folder / "study.toml").read_text()
    assert text == "# my study\n" + TEXT + (
        '\n[[add]]\nschedulers = ["asha-stopping(eta=2)"]\nseeds = [0, 1, 2, 3, 4]\n'
    )
    after = runs_of(folder).set_index("run")
    assert len(after) == 15
    assert after.loc[before.index, "digest"].equals(before["digest"])
    with pytest.raises(StudyError, match=r"there is nothing new in seeds = \[0, 1\]"):
        add(folder, seeds=range(2))
    with pytest.raises(StudyError, match="there is no scheduler 'zzz'"):
        add(folder, schedulers=["zzz"])
    assert (folder / "study.toml").read_text() == text


def test_a_damaged_part_is_named_and_only_its_runs_are_run_again(tmp_path: Path) -> None:
    folder = made(tmp_path / "s")
    asked: list[int] = []
    carry_out(folder, 1, stopping=lambda: len(asked) >= 3, advanced=lambda progress: asked.append(0))
    [kept] = (folder / "runs.parquet").iterdir()
    others = {"0" * 32 + ".parquet": kept.read_bytes()[:-20], "1" * 32 + ".parquet": b""}
    for name, content in others.items():
        (folder / "runs.parquet" / name).write_bytes(content)
    now = standing(folder)
    assert [path.name for path in now.damaged] == sorted(others)
    assert now.done == 3
    kept.write_bytes(kept.read_bytes()[:-1])
    assert standing(folder).done == 0
    assert carry_out(folder, 1).done == 8
    assert {path.name for path in (folder / "damaged").iterdir()} == {kept.name, *others}
    assert len(runs_of(folder)) == 8
    assert standing(folder).damaged == []


def test_a_run_that_fails_is_recorded_and_the_rest_go_on(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(LUCK)
    text = TEXT.replace('"random"', f'"random", "{mine}:Unlucky"')
    failing = {seed for seed in range(12) if Stream(seed, "scheduler", "luck").uniform(1)[0] < 0.5}
    assert 2 < len(failing) < 10
    for jobs in (1, 2):
        folder = made(tmp_path / str(jobs), text.replace("seeds = 4", "seeds = 12"))
        progress = carry_out(folder, jobs)
        assert (progress.done, progress.failed) == (36 - len(failing), len(failing))
        now = standing(folder)
        assert {run.seed for run in now.missing} == failing
        assert {run.scheduler for run in now.missing} == {f"{mine}:Unlucky"}
        assert now.failures.keys() == {run.key for run in now.missing}
        for error, where in now.failures.values():
            assert error == "RuntimeError: bad luck"
            assert f'File "{mine}", line 12, in next_job' in where
        frame = pd.read_parquet(folder / "failures.parquet")
        assert {*frame["seed"]} == failing
        assert carry_out(folder, jobs).failed == len(failing)  # they are tried again
        assert len(standing(folder).failures) == len(failing)


def test_what_has_changed_since_is_refused(tmp_path: Path) -> None:
    mine, table = tmp_path / "mine.py", tmp_path / "table.h5"
    mine.write_text(LUCK)
    blackboxes.save(table, [blackboxes.load(TABLE)])
    text = f'tables = ["{table}"]\nschedulers = ["random", "{mine}:Unlucky"]\nseeds = 3\nbudget = "1x"\n'
    folder = done(tmp_path / "s", text)
    assert standing(folder).done
    mine.write_text(LUCK + "\n")
    with pytest.raises(StudyError, match=r"a file of .*mine.py:Unlucky has changed since \d of the study's runs"):
        carry_out(folder, 1)
    mine.write_text(LUCK)
    blackboxes.save(table, [blackboxes.load(TABLE.replace("30", "31")).replaced(task="other")])
    before = [*(folder / "runs.parquet").iterdir()]
    with pytest.raises(StudyError, match=r"table.h5 has changed since \d of the study's runs were done"):
        carry_out(folder, 1)
    assert [*(folder / "runs.parquet").iterdir()] == before


def test_who_comes_second_is_told(tmp_path: Path) -> None:
    """In another process, as in this one."""
    folder = made(tmp_path / "s")
    assert not is_running(folder)
    said = "another process works on this study"
    with FileLock(folder / ".lock"):
        assert is_running(folder)
        for attempt in (lambda: carry_out(folder, 1), lambda: add(folder, seeds=range(9))):
            with pytest.raises(StudyError, match=said):
                attempt()
        program = "import sys; from pathlib import Path; from simulator.study.folder import carry_out; "
        program += "carry_out(Path(sys.argv[1]), 1)"
        other = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True)
        assert said in other.stderr
        assert not (folder / "runs.parquet").exists()
    assert carry_out(folder, 1).done == 8


def test_a_folder_that_holds_runs_is_not_begun_anew(tmp_path: Path) -> None:
    folder = done(tmp_path / "s")
    with pytest.raises(StudyError, match=r"holds study.toml already: `rungsim study resume"):
        made(folder)
    (tmp_path / "compared").mkdir()
    (tmp_path / "compared" / "runs.parquet").touch()
    with pytest.raises(StudyError, match=r"holds runs.parquet already"):
        made(tmp_path / "compared")
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="is a file"):
        made(tmp_path / "file")
    for nothing in (tmp_path / "none", tmp_path):
        with pytest.raises(StudyError, match="there is no such folder" if nothing.name == "none" else "holds no study"):
            carry_out(nothing, 1)


def test_traces_are_kept_and_come_back_as_they_were(tmp_path: Path) -> None:
    text = TEXT.replace('"random"', '"random", "pbt", "clairvoyant"') + "traces = true\n"
    text += '[[runs]]\n[[runs]]\nclusters = "spot(price=1)"\nschedulers = ["asha-promotion", "hyperband"]\n'
    folder = done(tmp_path / "s", text)
    frame = runs_of(folder)
    for row in frame[frame["scheduler"] != "clairvoyant"].itertuples():
        trace = load_trace(folder, row.run)
        assert trace.digest() == row.digest
        again = Run.of(row._asdict()).simulation().run()
        assert trace.diff(again) is None
        assert trace.info == again.info
        pd.testing.assert_frame_equal(trace.results(), again.results())
        assert trace.summary() == pytest.approx(again.summary(), nan_ok=True)
    with pytest.raises(RunsError, match="there is no trace of a run 'x'"):
        load_trace(folder, "x")
    [part] = (folder / "traces.parquet").iterdir()
    part.write_bytes(part.read_bytes()[1:])
    bound = sum(frame["scheduler"] == "clairvoyant")
    assert carry_out(folder, 1).done == len(frame) - bound  # their rows are there, their traces are not
    assert len(runs_of(folder)) == len(frame)


def test_all_processes_map_the_same_tables(tmp_path: Path) -> None:
    save_as = tmp_path / "flat.h5"
    blackboxes.save(save_as, [blackboxes.load(TABLE)], compress=False)
    runs = [Run(TABLE, "random"), Run("mlp:digits", "random"), Run(str(save_as), "random")]
    with copied(runs, tmp_path) as copies:
        assert {name: path == name for name, (path, _) in copies.items()} == {
            **{TABLE: False, "mlp:digits": False},
            str(save_as): True,
        }
        for name, (path, digest) in copies.items():
            table = blackboxes.load(path)
            assert is_mapped(table)
            assert table.digest == digest == blackboxes.load(name).digest
        assert not is_mapped(blackboxes.load("mlp:digits"))
    assert [*tmp_path.iterdir()] == [save_as]


def test_runs_done_again_are_as_they_were(tmp_path: Path) -> None:
    text = TEXT.replace('"random"', '"random", "clairvoyant"')
    folder = done(tmp_path / "s", text)
    for jobs in (1, 2):
        again = [*verified(folder, 7, jobs)]
        assert len({run.key for run, _ in again}) == 7
        assert all(not differences for _, differences in again)
    assert {run.key for run, _ in verified(folder, 7, 1)} == {run.key for run, _ in again}  # the same sample
    assert len([*verified(folder, 100, 1)]) == 12
    [part] = (folder / "runs.parquet").iterdir()
    rows = pq.read_table(part).to_pylist()
    for row in rows:
        row |= {1: {"digest": "0" * 64}, 2: {"best": row["best"] + 1e-9}}.get(row["seed"], {})
    part.unlink()
    write_part(rows, folder / "runs.parquet")
    wrong = {(run.scheduler, run.seed): differences for run, differences in verified(folder, 100, 1) if differences}
    assert wrong == {
        **{(name, 1): ["digest"] for name in ("random", "clairvoyant", "asha-promotion")},
        **{(name, 2): ["best"] for name in ("random", "clairvoyant", "asha-promotion")},
    }
    with pytest.raises(StudyError, match="at least 1"):
        next(verified(folder, 0))
    with pytest.raises(StudyError, match="no run is done"):
        next(verified(made(tmp_path / "new"), 1))


def test_what_a_killed_process_has_left_is_removed(tmp_path: Path) -> None:
    folder = done(tmp_path / "s")
    (folder / ".tables-left").mkdir()
    (folder / ".tables-left" / "0.h5").touch()
    (folder / "runs.parquet" / ".0123.unfinished").touch()
    carry_out(folder, 1)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "runs.parquet", "study.toml"]
    assert len([*(folder / "runs.parquet").iterdir()]) == 1


def test_progress_is_told_as_runs_finish(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def note(progress: Progress) -> None:
        told.append((progress.done, progress.failed))

    carry_out(made(tmp_path / "s"), 1, advanced=note)
    assert told == [(number, 0) for number in range(1, 9)]

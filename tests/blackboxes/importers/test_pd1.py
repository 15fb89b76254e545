"""PD1: every number arrives where it should, and hostile archives are refused."""

from __future__ import annotations

import gzip
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pd1 import PARTS, archive, cut, lines, member, never, row, standard, write
from refusal import assert_refused

from blackboxes import Blackbox
from blackboxes.importers.pd1 import tables

TASK = "cifar10_wide_resnet_batch_size_256"


def read(source: Path, **options: Any) -> dict[str, Blackbox]:
    return {box.task: box for box in tables(source, lambda done, whole: None, **options)}


def of(folder: Path, *rows: dict[str, Any], **options: Any) -> Blackbox:
    (box,) = read(write(folder, {"matched_phase1": list(rows)}), **options).values()
    return box


refused = partial(assert_refused, read)


def by_rate(box: Blackbox) -> dict[float, int]:
    return {rate: i for i, rate in enumerate(box.columns["lr_initial_value"].tolist())}


def test_every_number_arrives(tmp_path: Path) -> None:
    boxes = read(write(tmp_path))
    assert sorted(boxes) == [TASK, "mnist_max_pooling_cnn_relu_batch_size_2048"]
    box = boxes[TASK]
    assert (box.name, box.resource_unit, box.resumable) == (f"pd1:{TASK}", "step", True)
    assert box.resource_list == [100, 200, 300, 400]
    assert list(box.metrics) == ["valid_error_rate", "valid_ce_loss", "test_error_rate"]
    assert (box.default_metric, box.test_metric) == ("valid_error_rate", "test_error_rate")
    assert {info.direction for info in box.metric_info.values()} == {"min"}
    row = by_rate(box)
    assert list(row) == [0.125, 0.25, 0.5, 0.75, 1.0, 2.0]
    assert box.params(0) == {
        "lr_initial_value": 0.125,
        "lr_power": 1.5,
        "lr_decay_steps_factor": 0.5,
        "one_minus_momentum": 0.0625,
    }
    assert box.metrics["valid_error_rate"][0, 0].tolist() == [0.75, 0.5, 0.25, 0.125]
    assert box.metrics["valid_ce_loss"][0, 0].tolist() == [2.0, 1.5, 1.25, 1.0]
    assert box.metrics["test_error_rate"][row[2.0], 0, 3] == 0.2
    # eval_time is per evaluation: 1, 2, 3, 4 seconds.
    assert box.elapsed[row[2.0], 0].tolist() == [1.0, 3.0, 6.0, 10.0]
    assert box.vectors.shape == (6, 4)
    assert "test_error_rate" not in boxes["mnist_max_pooling_cnn_relu_batch_size_2048"].metrics
    assert box.licence == "CC-BY-4.0"


def test_missing_is_not_diverged(tmp_path: Path) -> None:
    box = read(write(tmp_path))[TASK]
    row, error = by_rate(box), box.metrics["valid_error_rate"]
    # null: diverged, at a known time.
    assert box.curve(row[0.25]).tolist()[:2] == [0.9, 0.8]
    assert np.isnan(box.curve(row[0.25])).tolist() == [False, False, True, True]
    assert box.elapsed[row[0.25], 0].tolist() == [10.0, 20.0, 30.0, 40.0]
    # A list that ends: not measured.
    assert box.lengths[row[0.75], 0] == 3
    assert error[row[0.75], 0, :3].tolist() == [0.75, 0.5, 0.25]
    assert np.isnan(box.elapsed[row[0.75], 0, 3])
    # It ends, and the run diverged: two evaluations of 4 + 8 seconds, so the third is put 6 seconds later.
    assert np.isnan(box.curve(row[0.5])).tolist() == [False, False, True]
    assert box.elapsed[row[0.5], 0, :3].tolist() == [4.0, 12.0, 18.0]
    # No list at all: diverged by the first evaluation, which took 10 seconds in most runs.
    assert np.isnan(box.curve(row[1.0])).tolist() == [True]
    assert box.elapsed[row[1.0], 0, 0] == 10.0
    assert "of 2 that diverged" in box.description


def test_without_estimates_curves_just_end(tmp_path: Path) -> None:
    box = read(write(tmp_path), estimate=False)[TASK]
    row = by_rate(box)
    assert box.lengths[row[0.5], 0] == 2
    assert 1.0 not in row
    assert "1 without any evaluation are left out" in box.description


def test_runs_of_one_configuration_are_replicates(tmp_path: Path) -> None:
    box = read(write(tmp_path))[TASK]
    # Twice the same row in two files, and one of the same configuration with other results.
    assert box.replicates == 2
    assert box.metrics["valid_error_rate"][0].tolist() == [[0.75, 0.5, 0.25, 0.125], [0.5, 0.5, 0.5, 0.5]]
    assert box.lengths[1:, 1].tolist() == [0] * 5


def test_phase_0_only_when_asked_for(tmp_path: Path) -> None:
    plain, both = read(write(tmp_path)), read(tmp_path / "pd1.tar.gz", phase_0=True)
    assert set(both) - set(plain) == {"cifar10_wide_resnet_batch_size_1024"}
    assert set(by_rate(both[TASK])) - set(by_rate(plain[TASK])) == {9.0}


def test_a_folder_and_a_single_file(tmp_path: Path) -> None:
    for part, rows in PARTS.items():
        (tmp_path / f"pd1_{part}_results.jsonl.gz").write_bytes(gzip.compress(lines(rows)))
    (tmp_path / "README.txt").write_text("PD1")
    assert set(by_rate(read(tmp_path)[TASK])) == {0.125, 0.25, 0.5, 0.75, 1.0, 2.0}
    single = read(tmp_path / "pd1_matched_phase0_results.jsonl.gz")
    assert list(by_rate(single[TASK])) == [9.0]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_dialects_of_tar(form: int, tmp_path: Path) -> None:
    deep = "a long folder name/" * 12
    members = [member(f"{deep}{info.name}", data) for info, data in standard(PARTS)[2:]]
    path = tmp_path / "pd1.tar.gz"
    if form == tarfile.USTAR_FORMAT:  # it has no room for such a name
        members = standard(PARTS)
    path.write_bytes(gzip.compress(archive(members, form)))
    assert len(read(path)[TASK]) == 6


def test_steps_that_differ_are_counted(tmp_path: Path) -> None:
    box = of(tmp_path, row(), row(lr=0.5, global_step=[50, 100, 150, 200]))
    assert (box.resource_unit, box.resource_list) == ("evaluation", [1, 2, 3, 4])
    again = of(tmp_path, row(global_step=[100, 100, 200, 300]))
    assert (again.resource_unit, again.resource_list) == ("evaluation", [1, 2, 3, 4])


def test_time_that_is_not_known_ends_a_curve(tmp_path: Path) -> None:
    box = of(tmp_path, row(), row(lr=0.5, eval_time=[1.0, 2.0, None, 4.0]))
    assert box.lengths.tolist() == [[4], [2]]
    assert box.elapsed[1, 0, :2].tolist() == [1.0, 3.0]


def test_a_task_of_which_nothing_is_known_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"matched_phase1": [row(), never(dataset="lm1b", status="diverged")]})
    assert list(read(tmp_path / "pd1.tar.gz")) == [TASK]


def test_values_beyond_the_stated_bounds_are_in_the_space(tmp_path: Path) -> None:
    box = of(tmp_path, row(lr=20.0), row(lr=1e-7))
    assert box.vectors[:, list(box.space).index("lr_initial_value")].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (row(dataset=None), ["line 2", "names"]),
        (row(dataset="../etc/passwd"), ["line 2", "names"]),
        (row(dataset="\x1b[31m"), ["line 2", "names"]),
        (row(batch_size="256"), ["line 2", "hps.batch_size", "str"]),
        (row(batch_size=1.5), ["line 2", "hps.batch_size", "a whole number"]),
        (row(lr=None), ["line 2", "initial_value", "a number is needed"]),
        (row(lr="0.1"), ["line 2", "initial_value", "str"]),
        (row(lr=float("inf")), ["line 2", "initial_value", "a number is needed"]),
        (row(lr=-1.0), ["lr_initial_value: row 1: -1 is far"]),
        (row(lr=1e-300), ["lr_initial_value: row 1: 1e-300 is far"]),
        (row(error="good"), ["line 2", "valid/error_rate", "a list"]),
        (row(error=[1, 2, 3]), ["line 2", "valid/error_rate", "a list of 4 numbers", "not 3"]),
        (row(error=[1, 2, 3, {}]), ["line 2", "valid/error_rate", "entry 3 is dict"]),
        (row(eval_time=[1.0] * 3), ["line 2", "eval_time has 3", "global_step has 4"]),
        (row(eval_time=7), ["line 2", "eval_time", "a list"]),
        (row(eval_time=[1.0, -2.0, 1.0, 1.0]), [TASK, "row 1", "resource 200:", "negative"]),
        (row(global_step=[1, 2, None, 4]), ["line 2", "global_step"]),
        ({"dataset": "cifar10"}, ["line 2", "is missing"]),
        ([1, 2], ["line 2", "an object is needed, not list"]),
        ("text", ["line 2", "an object is needed, not str"]),
    ],
)
def test_wrong_rows(wrong: Any, words: list[str], tmp_path: Path) -> None:
    refused(write(tmp_path, {"matched_phase1": [row(lr=0.5), wrong]}), *words)


def typed(kind: bytes, name: str = "pd1/pd1_matched_phase1_results.jsonl.gz", link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("info", "word"),
    [
        (typed(tarfile.SYMTYPE, link="/etc/passwd"), "is a link"),
        (typed(tarfile.LNKTYPE, link="pd1/other"), "is a link"),
        (typed(tarfile.CHRTYPE), "a device"),
        (typed(tarfile.FIFOTYPE), "a device"),
        (typed(tarfile.REGTYPE, name="../../pd1_matched_phase1_results.jsonl.gz"), "outside the archive's folder"),
        (typed(tarfile.REGTYPE, name="/tmp/pd1_matched_phase1_results.jsonl.gz"), "outside the archive's folder"),
        (typed(tarfile.DIRTYPE, name="pd1/../.."), "outside the archive's folder"),
        (typed(tarfile.GNUTYPE_SPARSE), "a device or the like"),
    ],
)
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_hostile_members(info: tarfile.TarInfo, word: str, form: int, tmp_path: Path) -> None:
    before = set(tmp_path.parent.iterdir())
    path = tmp_path / "pd1.tar.gz"
    path.write_bytes(gzip.compress(archive([*standard(PARTS), (info, b"")], form)))
    refused(path, info.name[:30], word)
    assert set(tmp_path.parent.iterdir()) == before
    assert list(tmp_path.iterdir()) == [path]


def test_archives_that_claim_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pd1.tar.gz"
    huge = typed(tarfile.XHDTYPE)
    huge.size = 1 << 33
    path.write_bytes(gzip.compress(huge.tobuf(tarfile.GNU_FORMAT)))
    refused(path, "extended header of 8589934592 bytes")
    huge = typed(tarfile.REGTYPE)
    huge.size = 1 << 40
    path.write_bytes(gzip.compress(huge.tobuf(tarfile.GNU_FORMAT) + bytes(512)))
    refused(path, "line 1")
    monkeypatch.setattr("blackboxes.formats.streams.MOST_UNPACKED", 1 << 20)
    bomb = gzip.compress(b" " * (1 << 22) + lines([row()]))
    path.write_bytes(gzip.compress(archive([member("pd1/pd1_matched_phase1_results.jsonl.gz", bomb)])))
    refused(path, "unpacks to more than")


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackboxes.importers.pd1.MOST_LINE", 1 << 16)
    path = tmp_path / "pd1_matched_phase1_results.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": "' + b"x" * (1 << 20) + b'"}'))
    refused(path, "line 1", "longer than is read")


def test_the_number_of_values_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackboxes.importers.pd1.MOST_VALUES", 100)
    refused(write(tmp_path), "more than 200000 runs or 100 values")


def test_wrong_files(tmp_path: Path) -> None:
    path = tmp_path / "pd1.tar.gz"
    refused(path, "no such file")
    refused(tmp_path, "no pd1_*_phase1_results.jsonl.gz")
    path.write_bytes(b"")
    refused(path, "empty")
    path.write_text('{"a": 1}')
    refused(path, "not a tar archive")
    path.write_bytes(gzip.compress(b"x" * 5000))
    refused(path, "not a tar archive")
    whole = write(tmp_path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "truncated or damaged")
    raw = archive(standard(PARTS))
    path.write_bytes(gzip.compress(raw[:2048]))
    refused(path, "truncated")
    path.write_bytes(gzip.compress(archive([member("pd1/README.txt", b"nothing else")])))
    refused(path, "no pd1_*_phase1_results.jsonl.gz")
    refused(write(tmp_path, {"matched_phase1": []}), "no run in it")
    refused(write(tmp_path, {"matched_phase0": [row()]}), "no pd1_*_phase1_results.jsonl.gz")
    lone = tmp_path / "pd1_matched_phase1_results.jsonl.gz"
    lone.write_bytes(gzip.compress(lines([cut(1)]))[:-4])
    refused(lone, "truncated or damaged")
    lone.write_bytes(b"[]\n")
    refused(lone, "line 1", "an object is needed")

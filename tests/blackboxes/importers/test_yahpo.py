"""YAHPO Gym's surrogates: inputs as its own objective function makes them, and files that are wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import made_yahpo as made
import numpy as np
import pytest
from ConfigSpace import Configuration
from peer import ROOT, run_peer

from blackboxes import Blackbox, BlackboxError
from blackboxes.formats.configspace_json import OldSpace
from blackboxes.formats.yahpo_scenarios import scenario, scenarios
from blackboxes.importers.yahpo import Surrogate, tables

needs_onnxruntime = pytest.mark.skipif(
    find_spec("onnxruntime") is None, reason="onnxruntime is not installed: pip install 'rungsim[yahpo]'"
)
LCBENCH = ROOT.parent / "shared" / "data" / "yahpo" / "lcbench"


def read(folder: Path, **options: Any) -> dict[str, Blackbox]:
    return {table.task: table for table in tables(folder, lambda done, total: None, **options)}


@needs_onnxruntime
def test_every_number_where_it_belongs(tmp_path: Path) -> None:
    """The made surrogate is linear: what each target is can be said by hand."""
    found = read(made.write(tmp_path), configs=200, seed=3)
    assert list(found) == ["40981", "1489"]
    a, b = found.values()
    assert a.name == "yahpo-iaml_ranger:40981"
    assert a.elapsed.shape == (200, 1, 9)
    # From 1 down by the square root of two, not below 0.05.
    assert a.resources.tolist() == [0.0625, 0.0883883, 0.125, 0.176777, 0.25, 0.353553, 0.5, 0.707107, 1.0]
    assert (a.resumable, a.resource_unit, a.default_metric) == (False, "trainsize", "mmce")
    assert "timetrain" not in a.metrics
    assert len(a.metrics) == 11
    assert (a.metric_info["f1"].direction, a.metric_info["mmce"].direction) == ("max", "min")

    splits = np.array(a.columns["num.random.splits"], dtype=float)
    rule = np.array(a.columns["splitrule"].tolist())
    assert (np.isnan(splits) == (rule == "gini")).all()
    assert 50 < np.isnan(splits).sum() < 150
    np.testing.assert_array_equal(a.metrics["mmce"][:, 0, 4], np.nan_to_num(splits))  # an inactive number is 0
    assert set(np.unique(a.metrics["f1"])) == {2.0}  # the codes are in alphabetical order, after "#na#"
    assert set(np.unique(b.metrics["f1"])) == {1.0}
    np.testing.assert_array_equal(a.metrics["auc"][:, 0, 0], np.where(rule == "gini", 2, 1))
    np.testing.assert_allclose(a.metrics["logloss"][:, 0, :], np.tile(a.resources, (200, 1)), rtol=1e-6)
    time = 16 * a.resources.astype(np.float32) - np.nan_to_num(splits)[:, None] / 4
    np.testing.assert_allclose(a.elapsed[:, 0], np.maximum(time, 0), atol=1e-5)
    assert (time < 0).any()
    assert f"{(time < 0).mean():.1%} of the predicted times were negative" in a.description

    assert set(a.columns) == {*made.CONTINUOUS, *made.CATEGORIES} - {"task_id", "trainsize"}
    for name in a.columns:
        assert a.columns[name].tolist() == b.columns[name].tolist() or name == "num.random.splits"
    assert a.vectors.shape == (200, 8)

    for row in range(0, 200, 10):  # active and inactive as the space has it
        Configuration(a.space, values=a.params(row)).check_valid_configuration()


@needs_onnxruntime
def test_options(tmp_path: Path) -> None:
    folder = made.write(tmp_path)
    found = read(folder, configs=5, instances="1489", resources="0.1,0.3,1")
    assert list(found) == ["1489"]
    assert found["1489"].resources.tolist() == [0.1, 0.3, 1.0]
    other = read(folder, configs=5, seed=1, instances="1489")["1489"]
    assert other.params(0) != found["1489"].params(0)
    again = read(folder, configs=5, instances="1489,40981")["40981"]
    assert again.params(4) == found["1489"].params(4)
    for options, message in (
        ({"instances": "31"}, "no instance '31'"),
        ({"resources": "0.01,1"}, "trainsize lies in 0.05 .. 1"),
        ({"resources": "a"}, "numbers with commas"),
        ({"configs": 0}, "a number from 1"),
        ({"scenario": "rbv2_svn"}, "did you mean rbv2_svm"),
        ({"scenario": "fcnet"}, "format fcnet"),
        ({"scenario": "taskset"}, "it has no times"),
        ({"configs": 1_500_000}, "too many"),
    ):
        with pytest.raises(BlackboxError, match=message):
            read(folder, **options)


@needs_onnxruntime
def test_a_prediction_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    """Nor on where batches begin: 3,000 configurations take more than one."""
    surrogate = Surrogate(made.write(tmp_path), "iaml_ranger")
    grid = surrogate.grid("")
    drawn = surrogate.draw(3000, 0)
    done: list[float] = []
    whole = surrogate.predict(drawn, "1489", grid, done.append)
    assert len(done) > 1
    assert done[-1] == 1.0
    assert done == sorted(done)
    for row in (0, 1, 1820, 1821, 2999):
        alone = surrogate.predict({name: column[row : row + 1] for name, column in drawn.items()}, "1489", grid[3:5])
        np.testing.assert_array_equal(alone[0], whole[row, 3:5])


def test_draws_are_what_the_space_says(tmp_path: Path) -> None:
    path = tmp_path / "config_space.json"
    one = {"name": "a", "type": "uniform_float", "lower": 1e-4, "upper": 1.0, "log": True}
    two = {"name": "b", "type": "uniform_int", "lower": 1, "upper": 1024, "log": True}
    three = {"name": "c", "type": "uniform_float", "lower": 0.0, "upper": 1.0, "log": False, "q": 0.25}
    four = {"name": "d", "type": "constant", "value": "v"}
    five = {"name": "e", "type": "ordinal", "sequence": [1, 2, 4]}
    inner = [
        {"child": "c", "parent": "e", "type": "IN", "values": [1, 2]},
        {"child": "c", "parent": "b", "type": "GT", "value": 30},
    ]
    conditions = [
        {"child": "c", "type": "AND", "conditions": inner},
        {"child": "a", "parent": "c", "type": "LT", "value": 0.6},
    ]
    path.write_text(json.dumps({"hyperparameters": [one, two, three, four, five], "conditions": conditions}))
    old = OldSpace(path)
    drawn = old.draw(4000, 7)
    assert list(drawn) == list("abcde")
    a, b, c = (drawn[name].astype(float) for name in "abc")
    e = np.array(drawn["e"].tolist())
    np.testing.assert_array_equal(~np.isnan(c), (e <= 2) & (b > 30))
    np.testing.assert_array_equal(~np.isnan(a), c < 0.6)  # never where its parent is inactive
    assert set(c[~np.isnan(c)]) == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert set(drawn["d"]) == {"v"}
    assert set(e) == {1, 2, 4}
    assert (b.min(), b.max()) == (1, 1024)
    assert abs(np.median(np.log2(b)) - 4.5) < 0.3  # the middle between 0.5 and 1024.5 on the logarithmic scale
    assert abs(np.nanmedian(np.log10(a)) + 2) < 0.3
    kept = [float(f"{value:.6g}") for value in a[~np.isnan(a)]]
    assert kept == a[~np.isnan(a)].tolist()  # six digits
    # A hyperparameter's draws do not depend on which others there are.
    path.write_text(json.dumps({"hyperparameters": [two], "conditions": []}))
    np.testing.assert_array_equal(OldSpace(path).draw(4000, 7)["b"], drawn["b"])


def test_facts_of_the_scenarios() -> None:
    """Counts from the paper's table of scenarios: hyperparameters without instance and fidelity, and targets."""
    known = scenarios()
    assert len(known) == 19
    sizes = {"lcbench": (7, 6), "nb301": (34, 2), "rbv2_svm": (6, 9), "rbv2_super": (38, 9), "rbv2_xgboost": (14, 9)}
    sizes |= {"rbv2_rpart": (5, 9), "rbv2_glmnet": (3, 9), "rbv2_ranger": (8, 9), "rbv2_aknn": (6, 9)}
    sizes |= {"iaml_rpart": (4, 12), "iaml_glmnet": (2, 12), "iaml_ranger": (8, 12), "iaml_xgboost": (13, 12)}
    sizes |= {"iaml_super": (28, 12)}
    for name, (hyperparameters, targets) in sizes.items():
        given = known[name]
        outside = {given.fidelity, given.instance, *(given.fixed or ())}
        assert len({*given.continuous, *given.categories} - outside) == hyperparameters, name
        assert len(given.targets) == targets, name
        assert sum(metric is None for metric in given.targets.values()) == 1
        assert given.targets[given.default] is not None
    assert known["rbv2_svm"].continuous == ("cost", "gamma", "tolerance", "degree", "trainsize", "repl")
    assert known["rbv2_svm"].fixed == {"repl": 10.0}
    assert scenario("lcbench").test == "test_balanced_accuracy"


def rewritten(name: str, key: str | None, content: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        if key is None:
            (folder / name).write_text(content)
            return
        whole = json.loads((folder / name).read_text())
        whole[key] = content(whole[key]) if callable(content) else content
        (folder / name).write_text(json.dumps(whole))

    return change


def model(content: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / "model.onnx").write_bytes(content)


SPACE, CODES = "config_space.json", "encoding.json"
CONDITION = {"child": "num.random.splits", "parent": "splitrule", "type": "EQ", "value": "extratrees"}
W, V, B = made.weights()
NOT_FINITE = B.copy()
NOT_FINITE[made.TIME] = np.inf
WRONG: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: (folder / "model.onnx").unlink(), "model.onnx: there is no such file"),
    (lambda folder: (folder / SPACE).unlink(), "there is no such file"),
    (model(b""), "model.onnx: truncated or damaged"),
    (model(made.linear(W, V, B)[:-300]), "model.onnx: truncated or damaged"),
    (model(made.linear(W[:5], V, B)), "'x_cont': ('tensor(float)', 5)"),
    (model(made.linear(W[:, :3], V[:, :3], B[:3])), "gives [3]"),
    (model(made.linear(W[:, :3], V[:, :3], B[:3], targets=12)), "model.onnx"),
    (model(made.linear(W, V, NOT_FINITE)), "a predicted time is not finite"),
    (rewritten(SPACE, None, "[]"), "a JSON dict is needed"),
    (rewritten(SPACE, "hyperparameters", {}), "hyperparameters should be a list"),
    (rewritten(SPACE, "hyperparameters", lambda found: found[:-1]), "needs a hyperparameter 'trainsize'"),
    (rewritten(SPACE, "hyperparameters", lambda found: [*found, found[0]]), "comes twice"),
    (rewritten(SPACE, "hyperparameters", lambda found: [*found, 3]), "should have a name and a type"),
    (rewritten(SPACE, "hyperparameters", lambda found: [*found, {"name": "x", "type": "normal"}]), "is not read"),
    (
        rewritten(
            SPACE, "hyperparameters", lambda f: [*f, {"name": "x", "type": "uniform_int", "lower": 5, "upper": 1}]
        ),
        "is no range",
    ),
    (rewritten(SPACE, "conditions", [CONDITION | {"parent": "nothing"}]), "a condition names 'nothing'"),
    (rewritten(SPACE, "conditions", [CONDITION | {"type": "XOR"}]), "a condition that is not understood"),
    (rewritten(SPACE, "conditions", [CONDITION | {"parent": "num.random.splits"}]), "depend on itself"),
    (rewritten(SPACE, "conditions", [CONDITION | {"parent": "trainsize", "value": 1.0}]), "which is no hyperparameter"),
    (rewritten(SPACE, "conditions", [CONDITION | {"type": "GT", "value": 3}]), "compares texts with numbers"),
    (rewritten(CODES, "splitrule", {"gini": 1}), "has no code for 'extratrees'"),
    (rewritten(CODES, "splitrule", {"gini": "1", "extratrees": 2}), "should map categories to integers"),
    (rewritten(CODES, "task_id", []), "should map categories to integers"),
]


@needs_onnxruntime
@pytest.mark.parametrize(("change", "message"), WRONG)
def test_refused(change: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    folder = made.write(tmp_path)
    change(folder)
    with pytest.raises(BlackboxError) as caught:
        read(folder, configs=20)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_without_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BlackboxError, match=r"needs onnxruntime: pip install 'rungsim\[yahpo\]'"):
        read(made.write(tmp_path))
    with pytest.raises(BlackboxError, match="there is no such folder"):
        read(tmp_path / "none")


def peers_answers(folder: Path, points: list[dict[str, Any]]) -> list[dict[str, float]]:
    out = run_peer("yahpo", "yahpo_objective.py", folder.parent, folder.name, stdin=json.dumps(points))
    return json.loads(out)


def difference(surrogate: Surrogate, points: int) -> float:
    """The largest difference to the peer's objective function at random configurations, instances and fidelities."""
    known, drawn, grid = surrogate.scenario, surrogate.draw(points, 11), surrogate.grid("")
    instances = surrogate.instances("")
    pick = np.random.default_rng(0)
    asked, ours = [], []
    for row in range(points):
        config = {name: column[row : row + 1] for name, column in drawn.items()}
        instance, fidelity = instances[pick.integers(len(instances))], pick.choice(grid)
        values = {
            name: column[0].item() if hasattr(column[0], "item") else column[0] for name, column in config.items()
        }
        active = {name: value for name, value in values.items() if value is not None and value == value}
        whole = {k: int(v) if surrogate.old.parameters[k].whole else v for k, v in active.items()}
        asked.append(whole | {known.instance: instance, known.fidelity: fidelity.item()})
        ours.append(surrogate.predict(config, instance, np.array([fidelity]))[0, 0])
    theirs = [[answer[name] for name in known.targets] for answer in peers_answers(surrogate.folder, asked)]
    assert np.std(theirs, axis=0)[0] > 0
    return float(np.abs(np.array(theirs) - np.array(ours, dtype=np.float64)).max())


@needs_onnxruntime
@pytest.mark.parametrize("absolute", [False, True])
def test_a_model_cannot_read_other_files(absolute: bool, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(W.tobytes())
    folder = made.write(tmp_path, made.linear(W, V, B, outside=str(secret) if absolute else "../secret"))
    with pytest.raises(BlackboxError, match=r"model\.onnx: keeps weights in other files"):
        read(folder, configs=20)


@needs_onnxruntime
@pytest.mark.slow
def test_equals_the_peers_objective_function_on_lcbench() -> None:
    if not LCBENCH.is_dir():
        pytest.skip(f"{LCBENCH} is missing: the published surrogate of LCBench, which is not shipped")
    assert difference(Surrogate(LCBENCH, "lcbench"), 200) <= 1e-6


@needs_onnxruntime
@pytest.mark.slow
def test_equals_the_peers_objective_function_with_inactive_hyperparameters(tmp_path: Path) -> None:
    assert difference(Surrogate(made.write(tmp_path), "iaml_ranger"), 60) <= 1e-6


@needs_onnxruntime
@pytest.mark.slow
def test_the_published_lcbench_surrogate() -> None:
    if not LCBENCH.is_dir():
        pytest.skip(f"{LCBENCH} is missing: the published surrogate of LCBench, which is not shipped")
    table = read(LCBENCH, configs=300, instances="3945")["3945"]
    assert table.resources.tolist() == list(range(1, 53))
    assert table.resumable
    assert len(table.space) == 7
    assert table.space["learning_rate"].log
    assert 90 < table.best() <= 100  # percent
    assert table.elapsed[:, 0, -1].min() > 1
    assert (np.diff(table.elapsed, axis=2) >= 0).all()

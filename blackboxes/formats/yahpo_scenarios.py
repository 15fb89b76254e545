"""YAHPO Gym's scenarios: the order of a surrogate's inputs and targets, its instance and its fidelity.

The facts are those of the package `yahpo-gym` 1.0.2 (`yahpo_gym/benchmarks/*.py`), and for `fair_*` of the same folder
in its repository. One differs: there, `f1` of `rbv2_*` is marked as minimised, an error, since larger is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from blackboxes.errors import BlackboxError, name_hint
from blackboxes.table import Metric


@dataclass(frozen=True)
class Scenario:
    """What a surrogate's arrays mean.

    `continuous` and `categories` are its inputs `x_cont` and `x_cat`, in order; `targets` its outputs, None for the one
    that is the time; `fixed` inputs are the same for all configurations.
    """

    name: str
    targets: Mapping[str, Metric | None]
    default: str
    continuous: tuple[str, ...]
    categories: tuple[str, ...]
    fidelity: str
    resumable: bool
    instance: str | None
    test: str | None = None
    fixed: Mapping[str, float] | None = None
    source: str = ""


ZIMMER = "Zimmer et al. 2021, Auto-PyTorch; "
SIEMS = "Siems et al. 2020, NAS-Bench-301; "
BINDER = "Binder et al. 2020, Collecting Empirical Data About Hyperparameters for Data Driven AutoML; "
YAHPO = "surrogate of YAHPO Gym, Pfisterer et al. 2022"

LESS, MORE = Metric("min"), Metric("max")
SHARE, PERCENT = Metric("max", "fraction"), Metric("max", "percent")
SECONDS = Metric("min", "s")

_RBV2 = {
    "acc": SHARE,
    "bac": SHARE,
    "auc": SHARE,
    "brier": LESS,
    "f1": SHARE,
    "logloss": LESS,
    "timetrain": None,
    "timepredict": SECONDS,
    "memory": LESS,
}
_IAML = {
    "mmce": Metric("min", "fraction"),
    "f1": SHARE,
    "auc": SHARE,
    "logloss": LESS,
    "ramtrain": LESS,
    "rammodel": LESS,
    "rampredict": LESS,
    "timetrain": None,
    "timepredict": SECONDS,
    "mec": LESS,
    "ias": LESS,
    "nf": LESS,
}
_FAIR = {"mmce": Metric("min", "fraction"), "f1": SHARE}
_FAIR |= dict.fromkeys(("feo", "fpredp", "facc", "ftpr", "ffomr", "ffnr"), LESS)
_LCBENCH = {
    "time": None,
    "val_accuracy": PERCENT,
    "val_cross_entropy": LESS,
    "val_balanced_accuracy": SHARE,
    "test_cross_entropy": LESS,
    "test_balanced_accuracy": SHARE,
}
_TREES = "num.random.splits"
_BOOST = "subsample max_depth min_child_weight colsample_bytree colsample_bylevel"
_XGBOOST = f"nrounds eta gamma lambda alpha {_BOOST}"
_DROP = "rate_drop skip_drop"
_RPART = "cp maxdepth minbucket minsplit"
_IAML_RANGER = f"num.trees sample.fraction mtry.ratio min.node.size {_TREES}"
_RBV2_RANGER = f"num.trees sample.fraction mtry.power min.node.size {_TREES}"
_FAIR_RANGER = f"min.node.size mtry.ratio {_TREES} num.trees sample.fraction"
_SVM, _GLMNET, _AKNN = "cost gamma tolerance degree", "alpha s", "k M ef ef_construction"
_BIAS = "reweighing_os_alpha EoD_alpha"
_FACTORS = "respect.unordered.factors splitrule"


def _of(prefix: str, names: str) -> str:
    return " ".join(f"{prefix}.{name}" for name in names.split())


# Continuous and categorical inputs of the scenarios that are trained from scratch, without what all of a suite share.
_SUITES: dict[str, dict[str, tuple[str, str]]] = {
    "iaml": {
        "ranger": (_IAML_RANGER, f"task_id replace {_FACTORS}"),
        "rpart": (_RPART, "task_id"),
        "glmnet": (_GLMNET, "task_id"),
        "xgboost": (f"{_XGBOOST} {_DROP}", "task_id booster"),
        "super": (
            f"{_of('ranger', _IAML_RANGER)} {_of('rpart', _RPART)} {_of('glmnet', _GLMNET)} "
            f"{_of('xgboost', f'{_XGBOOST} {_DROP}')}",
            f"task_id learner {_of('ranger', f'replace {_FACTORS}')} xgboost.booster",
        ),
    },
    "rbv2": {
        "svm": (_SVM, "task_id kernel"),
        "ranger": (_RBV2_RANGER, f"task_id {_FACTORS}"),
        "rpart": (_RPART, "task_id"),
        "glmnet": (_GLMNET, "task_id"),
        "xgboost": (f"{_XGBOOST} {_DROP}", "task_id booster"),
        "aknn": (_AKNN, "task_id distance"),
        "super": (
            f"{_of('svm', _SVM)} {_of('glmnet', _GLMNET)} {_of('rpart', _RPART)} {_of('ranger', _RBV2_RANGER)} "
            f"{_of('aknn', _AKNN)} {_of('xgboost', f'{_XGBOOST} {_DROP}')}",
            f"task_id learner_id svm.kernel {_of('ranger', _FACTORS)} aknn.distance xgboost.booster",
        ),
    },
    "fair": {
        "fgrrm": ("lambda unfairness", "task_id definition"),
        "rpart": (f"{_RPART} {_BIAS}", "task_id pre_post"),
        "ranger": (f"{_FAIR_RANGER} {_BIAS}", f"replace {_FACTORS} task_id pre_post"),
        "xgboost": (f"{_XGBOOST} {_BIAS}", "booster task_id pre_post"),
        "super": (
            f"fgrrm.lambda fgrrm.unfairness {_of('rpart', _RPART)} {_of('ranger', _FAIR_RANGER)} "
            f"{_of('xgboost', _XGBOOST)} {_BIAS}",
            f"fgrrm.definition {_of('ranger', f'replace {_FACTORS}')} xgboost.booster learner task_id pre_post",
        ),
    },
}
_DARTS = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"
_CELLS = [f"{_DARTS}edge_{cell}_{i}" for cell in ("normal", "reduce") for i in range(14)]
_NODES = [f"{_DARTS}inputs_node_{cell}_{i}" for cell in ("normal", "reduce") for i in (3, 4, 5)]
_LCBENCH_INPUTS = "epoch batch_size learning_rate momentum weight_decay num_layers max_units max_dropout"


def scenarios() -> dict[str, Scenario]:
    """All scenarios that can be tabulated, by name."""
    found = {
        "lcbench": Scenario(
            "lcbench",
            _LCBENCH,
            "val_accuracy",
            tuple(_LCBENCH_INPUTS.split()),
            ("OpenML_task_id",),
            "epoch",
            True,
            "OpenML_task_id",
            test="test_balanced_accuracy",
            source=ZIMMER + YAHPO,
        ),
        "nb301": Scenario(
            "nb301",
            {"val_accuracy": PERCENT, "runtime": None},
            "val_accuracy",
            ("epoch",),
            (*_CELLS, *_NODES),
            "epoch",
            True,
            None,
            source=SIEMS + YAHPO,
        ),
    }
    for suite, members in _SUITES.items():
        rbv2 = suite == "rbv2"
        targets: dict[str, Metric | None] = {"iaml": _IAML, "rbv2": _RBV2, "fair": {**_FAIR, "timetrain": None}}[suite]
        for member, (continuous, categories) in members.items():
            name = f"{suite}_{member}"
            found[name] = Scenario(
                name,
                targets,
                "acc" if rbv2 else "mmce",
                (*continuous.split(), "trainsize", *(["repl"] if rbv2 else [])),
                (*categories.split(), *(["num.impute.selected.cpo"] if rbv2 else [])),
                "trainsize",
                False,
                "task_id",
                # A second fidelity there: how many cross-validations are averaged, ten at most.
                fixed={"repl": 10.0} if rbv2 else None,
                source=(BINDER if rbv2 else "") + YAHPO,
            )
    return found


def scenario(name: str) -> Scenario:
    """The scenario of this name.

    Raises:
        BlackboxError: none of that name, or one without times.
    """
    known = scenarios()
    if name in ("fcnet", "task_set", "taskset"):
        why = "import the original tables, format fcnet" if name == "fcnet" else "it has no times"
        raise BlackboxError(f"YAHPO Gym's scenario {name} is not tabulated: {why}")
    if name not in known:
        raise BlackboxError(f"there is no scenario {name!r} in YAHPO Gym: {name_hint(name, known)}")
    return known[name]

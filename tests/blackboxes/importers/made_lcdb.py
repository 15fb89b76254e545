"""Writes a small file as LCDB publishes it, for tests."""

from __future__ import annotations

from pathlib import Path

HEADER = "openmlid,learner,size_train,size_test,outer_seed,inner_seed,traintime,score_train,score_valid,score_test"
ROWS = [
    # Data set 44: two learners, two inner seeds, sizes 16, 23, 32 and, off the grid, 40; rows in no order.
    "44,SVC_linear,32,461,0,0,0.0017,0.9375,0.7295,0.718",
    "44,SVC_linear,16,461,0,0,0.0024,0.875,0.7440000000000001,0.7072",
    "44,SVC_linear,23,461,0,0,0.0014,0.9565,0.7222,0.6876",
    "44,SVC_linear,40,461,0,0,0.0100,1.0,0.8237,0.8048",
    "44,SVC_linear,16,461,0,1,0.0013,0.9375,0.7343,0.757",
    "44,SVC_linear,23,461,0,1,0.0014,0.7826,0.715,0.7354",
    # sklearn's learner failed on 16 and 32 with seed 0, and was not run on 40 with seed 1
    "44,sklearn.tree.DecisionTreeClassifier,23,461,0,0,0.002,1.0,0.6,0.5",
    "44,sklearn.tree.DecisionTreeClassifier,40,461,0,0,0.004,1.0,0.8,0.7",
    "44,sklearn.tree.DecisionTreeClassifier,16,461,0,1,0.001,1.0,0.61,0.51",
    "44,sklearn.tree.DecisionTreeClassifier,23,461,0,1,0.003,1.0,0.62,0.52",
    "44,sklearn.tree.DecisionTreeClassifier,32,461,0,1,0.003,1.0,0.63,0.53",
    # Data set 3: one learner only
    "3,SVC_linear,16,50,4,2,1.5,0.5,0.25,0.125",
    "3,SVC_linear,23,50,4,2,2.5,0.5,0.5,0.25",
]


def write(folder: Path, rows: list[str] | None = None, name: str = "database-accuracy.csv") -> Path:
    """The file in `folder`."""
    path = folder / name
    path.write_text("\n".join([HEADER, *(ROWS if rows is None else rows)]) + "\n")
    return path

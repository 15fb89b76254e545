"""Cost of large tables: opening one that is not compressed, and encoding its configurations.

    python tests/performance/bench_tables.py

Writes a table of 62,208 x 4 x 100 (one metric, float32) into a temporary folder, uncompressed, then measures in fresh
processes: the time to open it, how much the peak memory (RSS) grows by that, as a multiple of the table's raw bytes
(elapsed and metric), and the time that `vectors` takes for its 9 hyperparameters, imports apart.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import peak_memory

from blackboxes import Blackbox, Metric, load, save

HYPERPARAMETERS = 9


def made_table(n: int, replicates: int, size: int) -> Blackbox:
    """Random curves, and nine hyperparameters of all kinds with a third of one inactive."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer, OrdinalHyperparameter

    draw = np.random.default_rng(0)
    space = ConfigurationSpace(
        space=[
            Float("learning_rate", (1e-4, 1.0), log=True),
            Float("dropout_1", (0.0, 0.9)),
            Float("dropout_2", (0.0, 0.9)),
            Integer("units_1", (16, 512), log=True),
            Integer("units_2", (16, 512)),
            Categorical("activation_1", ["relu", "tanh"]),
            Categorical("activation_2", ["relu", "tanh"]),
            Categorical("schedule", ["cosine", "constant"]),
            OrdinalHyperparameter("batch_size", [8, 16, 32, 64]),
        ]
    )
    units = draw.integers(16, 513, n).astype(float)
    units[draw.random(n) < 1 / 3] = np.nan
    shape = (n, replicates, size)
    return Blackbox(
        family="bench",
        task="large",
        space=space,
        configs={
            "learning_rate": 10 ** draw.uniform(-4, 0, n),
            "dropout_1": draw.uniform(0, 0.9, n),
            "dropout_2": draw.uniform(0, 0.9, n),
            "units_1": draw.integers(16, 513, n),
            "units_2": units,
            "activation_1": draw.choice(["relu", "tanh"], n),
            "activation_2": draw.choice(["relu", "tanh"], n),
            "schedule": draw.choice(["cosine", "constant"], n),
            "batch_size": draw.choice([8, 16, 32, 64], n),
        },
        resources=np.arange(1, size + 1),
        metrics={"error": draw.random(shape, dtype=np.float32)},
        metric_info={"error": Metric("min")},
        elapsed=np.cumsum(draw.random(shape), axis=2),
    )


def measure(path: str) -> None:
    """In a process of its own: open, then encode; prints the figures."""
    import ConfigSpace  # noqa: F401
    import h5py  # noqa: F401

    before, begun = peak_memory(), time.perf_counter()
    table = load(path)
    opened, grown = time.perf_counter() - begun, peak_memory() - before
    raw = table.elapsed.nbytes + sum(values.nbytes for values in table.metrics.values())
    _ = table.space  # parsing the space takes as long for one row
    begun = time.perf_counter()
    _ = table.vectors
    encoded = time.perf_counter() - begun
    print(f"{opened:9.3f}{grown / 1e6:14.1f}{grown / raw:13.3f}{encoded:12.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=62_208, help="rows of the table (62,208)")
    parser.add_argument("--replicates", type=int, default=4, help="of each row (4)")
    parser.add_argument("--resources", type=int, default=100, help="of each curve (100)")
    parser.add_argument("--repeats", type=int, default=5, help="processes that open it (5)")
    parser.add_argument("--measure", metavar="PATH", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure)
    shape = (options.configurations, options.replicates, options.resources)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.h5"
        table = made_table(*shape)
        save(path, [table], compress=False)
        raw = table.elapsed.nbytes + table.metrics["error"].nbytes
        print(f"{' x '.join(f'{n:,}' for n in shape)}: {raw / 1e6:.0f} MB raw, {path.stat().st_size / 1e6:.0f} MB file")
        print(f"{'open s':>9}{'peak grows MB':>14}{'x raw bytes':>13}{'vectors s':>12}", flush=True)
        for _ in range(options.repeats):
            subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)
    print(f"vectors: {options.configurations:,} x {HYPERPARAMETERS}; wanted: both below 1 s, at most 1.2 x raw bytes")


if __name__ == "__main__":
    main()

"""Run as a program: prints NumPy's version and the digest of every scheduler on two tables, as JSON.

Needs NumPy, and SciPy for `curve-extrapolation`, so that it runs in an environment that has nothing else.
"""

from __future__ import annotations

import json

import numpy as np
from tables import integer_table, random_table

from simulator import Budget, Simulation, scheduler_names

TABLES = {
    "integers": integer_table(n=60, size=27),
    "streams": random_table(3, n=60, replicates=3, size=27, diverged=0.05, ragged=0.2, times="fine", dtype="float32"),
}

SPECS = {
    "rush": "rush(initial=[3, 7])",  # without given configurations it is asha-stopping
    # What a model proposes is the same with the same packages only.
    "bohb": "bohb(eta=4)+random",
    "mobster": "mobster(form='synchronous', eta=2)+random",
    "hyper-tune": "hyper-tune+random",
    "dyhpo": "dyhpo(min_observations=1000, step=9)",
    "mf-bo": "mf-bo(min_observations=1000)",
}


def digests() -> dict[str, str]:
    specs = {name: SPECS.get(name, name) for name in sorted(scheduler_names())}
    return {
        f"{name} on {kind}": Simulation(table, spec, workers=5, seed=2, budget=Budget(time="12x")).run().digest()
        for name, spec in specs.items()
        for kind, table in TABLES.items()
    }


if __name__ == "__main__":
    print(json.dumps({"numpy": np.__version__, "digests": digests()}))

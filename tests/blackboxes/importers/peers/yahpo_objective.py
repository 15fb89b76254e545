"""Runs in the interpreter that has yahpo-gym: what its objective function says.

    python yahpo_objective.py DATA SCENARIO < configurations.json > targets.json

DATA is the folder that holds the folder SCENARIO. Reads a list of configurations, each with its instance and fidelity,
inactive hyperparameters left out; prints a list of {target: value}.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path


def main(data: Path, scenario: str) -> None:
    configurations = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        settings = Path(folder, "yahpo")
        settings.write_text(json.dumps({"data_path": str(data)}))  # JSON is YAML
        os.environ["YAHPO_LOCAL_CONFIG"] = str(settings)
        from yahpo_gym import benchmark_set

        gym = benchmark_set.BenchmarkSet(scenario, multithread=False)  # it checks that configurations are legal
        found = gym.objective_function(configurations, multithread=False)
    json.dump([{name: float(value) for name, value in targets.items()} for targets in found], sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

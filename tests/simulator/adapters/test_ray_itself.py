"""The same schedulers under Ray Tune itself, on a real cluster of one processor, whose trials replay the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tables import random_table

from blackboxes import Blackbox
from simulator import Simulation
from simulator.adapters.ray_tune import RayTune
from simulator.conformance.counterfactuals import InOrder

pytest.importorskip("ray")
pytestmark = pytest.mark.slow
ROWS = list(range(18))


def under_ray(table: Blackbox, name: str, arguments: dict[str, Any], folder: Path) -> dict[int, int]:
    """How far each row was trained, with one trial at a time, since there is one processor."""
    import ray
    from ray import tune

    curves = table.metrics["loss"][:, 0, :].tolist()
    r_max = len(table.resources)

    class Curve(tune.Trainable):  # type: ignore[misc, name-defined, unused-ignore]
        def setup(self, config: dict[str, Any]) -> None:
            self.row, self.at = config["row"], 0

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.setup(new_config)
            return True

        def step(self) -> dict[str, float]:
            self.at += 1
            return {"loss": curves[self.row][self.at - 1]}

        def save_checkpoint(self, checkpoint_dir: str) -> dict[str, int]:
            return {"at": self.at}

        def load_checkpoint(self, checkpoint: dict[str, int]) -> None:
            self.at = checkpoint["at"]

    ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR", configure_logging=False)
    try:
        scheduler = getattr(tune.schedulers, name)(**arguments)
        found = tune.Tuner(
            Curve,
            param_space={"row": tune.grid_search(ROWS)},
            tune_config=tune.TuneConfig(metric="loss", mode="min", scheduler=scheduler, reuse_actors=True),
            run_config=tune.RunConfig(stop={"training_iteration": r_max}, storage_path=str(folder), verbose=0),
        ).fit()
        return {result.config["row"]: result.metrics["training_iteration"] for result in found}
    finally:
        ray.shutdown()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ASHAScheduler", {"max_t": 9, "grace_period": 1, "reduction_factor": 2}),
        ("HyperBandScheduler", {"max_t": 9, "reduction_factor": 3}),
        ("MedianStoppingRule", {"time_attr": "training_iteration", "grace_period": 1, "min_samples_required": 2}),
    ],
)
def test_each_configuration_gets_as_far_as_under_ray_itself(
    name: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    table = random_table(5, n=len(ROWS), size=9, times="fine")
    theirs = under_ray(table, name, arguments, tmp_path)
    scheduler = RayTune(name, num_samples=len(ROWS), **arguments)
    trace = Simulation(table, scheduler, workers=1, searcher=InOrder(np.array(ROWS))).run()
    results = trace.results()
    ours = results.groupby("config")["resource"].max().astype(int).to_dict()
    assert ours == theirs
    assert len(set(ours.values())) > 1

"""The older schedulers under Syne Tune's own `Tuner` and simulator, on one worker, whose order no delay can change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tables import random_table

from simulator import Budget, Simulation
from simulator.adapters.syne_tune import SyneTune
from simulator.conformance.counterfactuals import InOrder

pytest.importorskip("syne_tune.blackbox_repository.simulated_tabular_backend")
pytest.importorskip("syne_tune.optimizer.legacy_scheduler")
pytestmark = pytest.mark.slow
ROWS = list(range(50))


@pytest.mark.parametrize("rule", ["stopping", "promotion", "hyperband"])
def test_each_trial_gets_as_far_as_under_syne_tune_itself(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "performance"))
    import peer_syne_tune

    table = random_table(5, n=len(ROWS), size=9, levels=None, times="fine")
    np.savez(tmp_path / "table.npz", error=table.metrics["loss"][:, 0, :], elapsed=table.elapsed[:, 0, :])
    monkeypatch.setenv("SYNETUNE_FOLDER", str(tmp_path))
    trials = 40
    with peer_syne_tune.silence():
        their_table = peer_syne_tune.Table(tmp_path / "table.npz")
        theirs = peer_syne_tune.run(their_table, rule, trials, 1, ROWS, eta=3, step=0.01)["last"]

    name = "SynchronousGeometricHyperbandScheduler" if rule == "hyperband" else "LegacyHyperbandScheduler"
    arguments = {"grace_period": 1, "reduction_factor": 3, "searcher": "ours"}
    arguments |= {} if rule == "hyperband" else {"type": rule}
    trace = Simulation(
        table, SyneTune(name, **arguments), workers=1, searcher=InOrder(np.array(ROWS)), budget=Budget(trials=trials)
    ).run()
    # Once its last trial has started Syne Tune's `Tuner` resumes nobody.
    seen, last = trace.observations, trials - 1
    ends = seen["time"][seen["trial"] == last]
    over = ends[0] if rule != "stopping" else ends[-1]
    ours = [
        int(table.resources[seen["index"][(seen["trial"] == trial) & (seen["time"] <= over)].max()])
        for trial in range(trials)
    ]
    assert ours == theirs
    assert len(set(ours)) > 2

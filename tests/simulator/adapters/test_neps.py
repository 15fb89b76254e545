"""NePS' optimisers, asked and told: repeatable, on the space and at their rungs, and their rules beside rungsim's."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Configuration
from tables import random_table

from blackboxes import Blackbox, load
from simulator import Budget, Context, Simulation, Trace
from simulator.adapters.ask_and_tell import AskAndTell, Asked

neps = pytest.importorskip("neps")
torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow  # its import alone takes seconds


class Neps:
    """One of `neps.algorithms`, by name. It draws from PyTorch as well, whose random state it gets from the run."""

    def __init__(self, context: Context, algorithm: str, r_min: int, **arguments: Any) -> None:
        self.space = context.space
        space = {name: _parameter(p) for name, p in dict(context.space).items()}
        space["fidelity"] = neps.HPOInteger(r_min, int(context.r_max), is_fidelity=True)
        self.neps = neps.AskAndTell(getattr(neps.algorithms, algorithm)(neps.SearchSpace(space), **arguments))
        self.state = torch.Generator().manual_seed(int(context.stream("neps").raw(1)[0] >> 1)).get_state()

    def ask(self) -> Asked | None:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.state)
            trial = self.neps.ask()
            self.state = torch.get_rng_state()
        config = dict(trial.config)
        return Asked(config, config.pop("fidelity"), trial)

    def tell(self, asked: Asked, value: float, seconds: float) -> None:
        self.neps.tell(asked.note, {"objective_to_minimize": value, "cost": seconds})


def _parameter(p: Any) -> Any:
    if hasattr(p, "choices"):
        return neps.HPOCategorical(list(p.choices), prior=p.default_value)
    kind = neps.HPOInteger if isinstance(p.lower, int) else neps.HPOFloat
    return kind(p.lower, p.upper, log=p.log, prior=p.default_value)


class OnRows(Neps):
    """The decisions are NePS', the configurations rungsim's: so that both schedulers meet the same."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.propose, self.rows = given[0].searcher().propose, dict[str, int]()

    def ask(self) -> Asked | None:
        asked = super().ask()
        assert asked is not None
        number = asked.note.id.partition("_rung_")[0]  # an id is 7_rung_1
        if number not in self.rows:
            row = self.propose()
            if row is None:
                return None
            self.rows[number] = row
        return asked._replace(config=self.rows[number])


def run(cls: type[Neps], algorithm: str, table: Blackbox, r_min: int, **options: Any) -> tuple[Neps, Trace]:
    """The optimiser after a run, and the run's trace."""
    made: list[Neps] = []

    def make(context: Context) -> Neps:
        made.append(cls(context, algorithm, r_min))
        return made[-1]

    trace = Simulation(table, AskAndTell(make), seed=1, off_table="nearest", **options).run()
    return made[0], trace


@pytest.mark.parametrize("workers", [2, 16])
@pytest.mark.parametrize("algorithm", ["hyperband", "asha", "async_hb", "priorband"])
def test_the_same_run_again_on_the_space_at_the_rungs_with_the_tables_values(algorithm: str, workers: int) -> None:
    table, options = load("mlp:digits"), {"workers": workers, "budget": Budget(trials=40)}
    torch.manual_seed(3)
    outside = torch.get_rng_state()
    optimiser, trace = run(Neps, algorithm, table, 3, **options)
    assert torch.equal(torch.get_rng_state(), outside)
    torch.manual_seed(4)
    assert run(Neps, algorithm, table, 3, **options)[1].digest() == trace.digest()

    known = optimiser.neps.trials
    for trial in known.values():
        config = dict(trial.config)
        assert config.pop("fidelity") in (3, 9, 27, 81)
        Configuration(optimiser.space, values=config)  # raises, where it is not of the space
    seen = trace.observations
    resources, values = table.resources[seen["index"]], table.metrics[trace.info.metric]
    observed = zip(resources.tolist(), values[seen["config"], seen["replicate"], seen["index"]].tolist(), strict=True)
    told = [(one.config["fidelity"], one.report.objective_to_minimize) for one in known.values() if one.report]
    assert Counter(pair for pair in told if pair[1] < np.inf) <= Counter(observed)
    ends = Counter(line.split()[3] for line in decisions(trace))
    assert len(told) == ends["pause"] + ends["complete"] + ends["curve-end"] > 40


def decisions(trace: Trace) -> list[str]:
    return [line for line in trace.to_text().splitlines() if line[0] != "#"]


@pytest.mark.parametrize("levels", [None, 8])
@pytest.mark.parametrize(("workers", "time"), [(1, 90.0), (4, 36.0), (16, 8.0)])
def test_successive_halving_decides_as_ours(workers: int, time: float, levels: int | None) -> None:
    table, options = random_table(3, n=400, size=27, levels=levels), {"workers": workers, "budget": Budget(time=time)}
    theirs = decisions(run(OnRows, "successive_halving", table, 1, **options)[1])
    assert sum("resume" in line for line in theirs) > 20
    assert theirs == decisions(Simulation(table, "successive-halving(n=27)", seed=1, **options).run())


def test_hyperband_has_the_papers_brackets_but_rounds_their_sizes_earlier() -> None:
    table, options = random_table(3, n=400, size=27), {"workers": 1, "budget": Budget(time=200.0)}
    theirs, ours = (
        [line.split()[-1] for line in decisions(trace) if " start " in line]
        for trace in (
            run(OnRows, "hyperband", table, 1, **options)[1],
            Simulation(table, "hyperband", seed=1, **options).run(),
        )
    )
    for starts, sizes in (theirs, (27, 9, 6, 4)), (ours, (27, 12, 6, 4)):
        expected = [f"until={level}" for n, level in zip(sizes, (1, 3, 9, 27), strict=True) for _ in range(n)]
        assert starts[: len(expected)] == expected


def test_asha_promotes_what_still_runs_and_in_time_all_but_two() -> None:
    table = random_table(3, n=400, size=27)
    first = decisions(run(OnRows, "asha", table, 1, workers=4, budget=Budget(trials=10))[1])[:4]
    assert [line.split()[-1] for line in first] == ["until=1", "until=1", "until=1", "until=3"]
    _, trace = run(OnRows, "asha", table, 1, workers=1, budget=Budget(trials=40))
    rungs = Counter(line.split()[-1] for line in decisions(trace) if " start " in line or " resume " in line)
    assert rungs["until=1"] == 40
    assert rungs["until=3"] >= 38

"""The Gaussian process searchers: what they learn from, and the choice, by brute force over all rows."""

from __future__ import annotations

from itertools import pairwise
from math import erf, exp, log, pi, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spaces import with_space
from tables import random_table, table_of, tables
from test_gaussian_process import plain_posterior

from blackboxes import Blackbox
from simulator import Budget, SearchContext, Simulation, SimulationError, make_searcher
from simulator.models.coding import choices_of, indicated
from simulator.models.gaussian_process import (
    Kernel,
    fit,
    standard,
)
from simulator.searchers.gp import Gp
from simulator.searchers.gp_independent import GpIndependent
from simulator.searchers.gp_joint import GpJoint


def plain_improvement(mean: float, deviation: float, best: float) -> float:
    u = (best - mean) / deviation
    return deviation * (u * 0.5 * (1 + erf(u / sqrt(2))) + exp(-u * u / 2) / sqrt(2 * pi))


def plain_inputs(searcher: Gp, rows: Any, resources: Any, context: SearchContext) -> np.ndarray:
    columns, _ = indicated(context.vectors, choices_of(context.space))
    found = columns[np.asarray(rows)]
    if isinstance(searcher, GpJoint):
        low, high = context.resources[0], context.resources[-1]
        span = log(high / low) if high > low else 1
        resources = np.broadcast_to(resources, len(found)).tolist()
        found = np.column_stack([found, [log(r / low) / span for r in resources]])
    return found


def watched(cls: type[Gp]) -> type[Gp]:
    """A searcher that checks each of its choices by brute force, from what it was told and its fitted kernel."""

    class Watched(cls):  # type: ignore[misc,valid-type]
        def setup(self, context: SearchContext) -> None:
            super().setup(context)
            self.context, self.mine = context, context.stream("fantasies")
            self.reports: list[tuple[int, int, float, float]] = []  # trial, row, resource, value
            self.at_work: dict[int, tuple[int, float]] = {}
            self.checked = 0

        def on_start(self, trial: Any, until: float) -> None:
            super().on_start(trial, until)
            self.at_work[trial.id] = trial.config, until

        def observe(self, trial: Any, resource: float, value: float) -> None:
            super().observe(trial, resource, value)
            self.reports.append((trial.id, trial.config, resource, value))
            self.at_work.pop(trial.id)

        def on_end(self, trial: Any, reason: Any) -> None:
            super().on_end(trial, reason)
            self.at_work.pop(trial.id, None)

        def learnt(self) -> tuple[list[tuple[int, int, float, float]], float]:
            """Reports to learn from, and the resource where improvement is looked for."""
            if isinstance(self, GpJoint):
                by_level = sorted(self.reports, key=lambda report: -report[2])
                enough = [r for r in {x[2] for x in self.reports} if sum(x[2] == r for x in self.reports) >= 3]
                return by_level, max(enough)
            if isinstance(self, GpIndependent):
                target = max(r for r in {x[2] for x in self.reports} if sum(x[2] == r for x in self.reports) >= 3)
                return [x for x in self.reports if x[2] == target], target
            if self.resource == "reached":
                last = {report[0]: report for report in self.reports}
                order = list(dict.fromkeys(report[0] for report in self.reports))
                return [last[trial] for trial in order], max(r for _, _, r, _ in last.values())
            levels = {x[2] for x in self.reports}
            enough = [r for r in levels if sum(x[2] == r for x in self.reports) >= len(self.choices) + 1]
            return [x for x in self.reports if x[2] == max(enough)], max(enough)

        def choose(self, rows: np.ndarray) -> int:
            row = super().choose(rows)
            reports, target = self.learnt()
            context, kernel = self.context, self._kernel
            if isinstance(self, GpJoint):
                kernel = self.fidelities.kernel
            elif isinstance(self, GpIndependent):
                kernel = self.fidelities.kernels[target]
            lengths = kernel.lengths[kernel.owners]
            learnt_at = [target] * len(reports) if self.resource == "reached" else [r for _, _, r, _ in reports]
            X = plain_inputs(self, [r for _, r, _, _ in reports], learnt_at, context)
            y = standard([value for *_, value in reports])
            if isinstance(self, GpJoint):
                pending = list(self.at_work.values())
            else:
                seen = {report[0] for report in reports}
                pending = [(r, target) for trial, (r, _) in self.at_work.items() if trial not in seen]
            Q = plain_inputs(self, rows, target, context)
            known = {r for _, r, _, _ in reports} | {r for r, _ in pending}
            if isinstance(self, GpIndependent):  # what was seen at any of the resources that take part
                levels = [x[2] for x in self.reports]
                known |= {x[1] for x in self.reports if levels.count(x[2]) >= 3}
            known = sorted(known)
            K = plain_inputs(self, known, target, context)
            worlds = [(X, y)]
            if pending:
                from scipy.special import ndtri

                P = plain_inputs(self, [r for r, _ in pending], [r for _, r in pending], context)
                mean, covariance = plain_posterior(X, y, P, lengths, kernel.signal, kernel.noise)
                root = np.linalg.cholesky(covariance + kernel.noise * np.eye(len(P)))
                s = self.fantasies
                z = ndtri(self.mine.uniform(len(P) * s)).reshape(len(P), s) if s else np.zeros((len(P), 1))
                worlds = [(np.vstack([X, P]), np.append(y, mean + root @ z[:, k])) for k in range(z.shape[1])]
            totals = np.zeros(len(rows))
            for inputs, values in worlds:
                mean, covariance = plain_posterior(
                    inputs, values, np.vstack([Q, K]), lengths, kernel.signal, kernel.noise
                )
                best = mean[len(rows) :].min()
                for i in range(len(rows)):
                    totals[i] += plain_improvement(mean[i], sqrt(max(covariance[i, i], 0)), best)
            chosen = totals[rows.tolist().index(row)]
            assert chosen >= totals.max() * (1 - 1e-5) - 1e-9
            self.checked += 1
            return row

    return Watched


@pytest.mark.parametrize("name", ["random", "asha-promotion", "hyperband"])
@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (Gp, {"fantasies": 3}),
        (Gp, {"fantasies": 0}),
        (Gp, {"fantasies": 2, "resource": "largest"}),
        (GpJoint, {"fantasies": 2}),
        (GpIndependent, {"fantasies": 2}),
        (GpIndependent, {"fantasies": 0}),
    ],
)
def test_the_choice_is_the_best_of_all_rows(name: str, cls: type[Gp], arguments: dict[str, Any]) -> None:
    searcher = watched(cls)(**arguments)
    table = with_space(random_table(3, n=24, levels=None, diverged=0.05, ragged=0.1))
    Simulation(table, name, searcher=searcher, workers=3, budget=Budget(trials=18)).run()
    assert searcher.checked > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gp", "gp-joint", "gp-independent", "gp(resource='largest')"])
@given(
    table=tables(n=st.integers(1, 30), size=st.integers(1, 9)).map(with_space),
    scheduler=st.sampled_from(["random", "asha-promotion", "asha-stopping", "hyperband"]),
    workers=st.integers(1, 6),
)
@settings(max_examples=10, deadline=None)
def test_any_table_will_do(name: str, table: Blackbox, scheduler: str, workers: int) -> None:
    """Ties, divergence, one row, equal times, ragged curves, equal values: it runs, and every row comes once."""
    trace = Simulation(table, f"{scheduler}+{name}", workers=workers).run()
    assert sorted(trace.columns.config.tolist()) == list(range(len(table)))


@pytest.mark.parametrize("name", ["gp", "gp-joint", "gp-independent"])
@pytest.mark.parametrize("value", [float("nan"), 0.25, 1e300])
def test_values_that_do_not_differ(name: str, value: float) -> None:
    table = with_space(table_of([[value] * 3] * 20))
    assert len(Simulation(table, f"asha-promotion+{name}", workers=3).run().columns.config) == 20


def test_the_kernel_is_fitted_when_observations_have_grown_by_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    from simulator.searchers import gp

    at: list[int] = []

    def counting(inputs: np.ndarray, owners: np.ndarray, values: np.ndarray) -> Kernel:
        at.append(len(values))
        return fit(inputs, owners, values)

    monkeypatch.setattr(gp, "fit", counting)
    Simulation(with_space(random_table(1, n=60)), "random+gp", workers=1).run()
    assert at == [7, 8, 9, 10, 11, 13, 15, 17, 19, 21, 24, 27, 30, 33, 37, 41, 46, 51, 57]


def test_the_subsample_is_the_best_and_some_of_the_others() -> None:
    searcher = Gp(max_observations=40)
    values = [float(i * 37 % 101) for i in range(101)]
    picked = searcher.subsample(values)
    assert len(picked) == len(set(picked)) == 40
    assert picked == sorted(picked)
    ranked = sorted(range(101), key=values.__getitem__)
    assert set(ranked[:10]) <= set(picked)
    others = [i for i in picked if i not in ranked[:10]]
    assert max(b - a for a, b in pairwise(others)) <= 5  # evenly: three on average
    assert searcher.subsample(values[:40]) == list(range(40))


@pytest.mark.parametrize("spec", ["gp(max_observations=12)", "gp-joint(max_observations=12)"])
def test_no_more_than_so_many_observations(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    cls = GpJoint if "joint" in spec else Gp
    original = cls.data

    def counting(self: Any) -> Any:
        data = original(self)
        sizes.append(len(data.rows))
        assert len(data.rows) == len(data.resources) == len(data.values) == min(12, data.total)
        return data

    monkeypatch.setattr(cls, "data", counting)
    Simulation(with_space(random_table(1, n=60)), "asha-promotion", searcher=make_searcher(spec), workers=2).run()
    assert max(sizes) == 12
    assert len(sizes) > 40


def test_the_joint_model_keeps_what_was_seen_at_the_largest_resources() -> None:
    searcher = GpJoint(max_observations=20)
    table = with_space(random_table(1, n=60, levels=None))
    Simulation(table, "asha-promotion", searcher=searcher, workers=2).run()
    counts = {r: len(observed) for r, observed in searcher.at.items()}
    data = searcher.data()
    kept = {r: int((data.resources == r).sum()) for r in counts}
    room = 20
    for r in sorted(counts, reverse=True):
        assert kept[r] == min(counts[r], room)
        room -= kept[r]
    assert data.resource == max(r for r, n in counts.items() if n >= 3)


def test_a_resource_of_ones_own_choice() -> None:
    table = with_space(random_table(1, n=60, levels=None))
    searcher = Gp(resource=3)
    Simulation(table, "asha-promotion", searcher=searcher, workers=2).run()
    data = searcher.data()
    assert data.resource == 3
    assert sorted(data.values) == sorted(searcher.at[3].values)
    with pytest.raises(SimulationError, match=r"resource = 2\.5 is not one of the table's"):
        Simulation(table, "asha-promotion", searcher=Gp(resource=2.5)).run()

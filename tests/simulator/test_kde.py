"""The KDE searcher: its densities, what counts as good, and the choice, against plain loops."""

from __future__ import annotations

from math import exp, inf, isfinite, log, pi, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spaces import with_space
from tables import random_table, tables

from blackboxes import Blackbox
from blackboxes.streams import Stream
from simulator import SearchContext, Searcher, Simulation
from simulator.models.coding import choices_of
from simulator.models.density import KernelDensity
from simulator.searchers.kde import Kde
from simulator.searchers.random import RandomSearcher


def plain_bandwidths(data: list[list[float]], choices: list[int], least: float) -> list[float]:
    n, d = len(data), len(choices)
    found = []
    for j, c in enumerate(choices):
        column = [point[j] * (c - 1 if c else 1) for point in data]
        mean = sum(column) / n
        spread = sqrt(sum((x - mean) ** 2 for x in column) / n)
        h = max(1.06 * spread * n ** (-1 / (4 + d)), least)
        found.append(min(h, 1 - 1 / c) if c else h)
    return found


def plain_density(point: list[float], data: list[list[float]], choices: list[int], h: list[float]) -> float:
    total = 0.0
    for datum in data:
        kernel = 1.0
        for j, c in enumerate(choices):
            if c == 0:
                kernel *= exp(-0.5 * ((point[j] - datum[j]) / h[j]) ** 2) / (h[j] * sqrt(2 * pi))
            elif c > 1:
                kernel *= 1 - h[j] if point[j] == datum[j] else h[j] / (c - 1)
        total += kernel
    return total / len(data)


def made(seed: int, n: int, choices: list[int]) -> np.ndarray:
    u = Stream(seed, "kde").uniform(n * len(choices)).reshape(n, len(choices))
    for j, c in enumerate(choices):
        if c:
            u[:, j] = np.floor(c * u[:, j]) / max(c - 1, 1)
    return u


@given(
    seed=st.integers(0, 999), n=st.integers(1, 20), choices=st.lists(st.sampled_from([0, 0, 1, 2, 3, 5]), min_size=1)
)
@settings(max_examples=60)
def test_densities_are_what_the_formula_says(seed: int, n: int, choices: list[int]) -> None:
    data, points = made(seed, n, choices), made(seed + 1000, 5, choices)
    h = plain_bandwidths(data.tolist(), choices, 0.05)
    found = KernelDensity(data, choices, min_bandwidth=0.05).log(points)
    expected = [plain_density(point, data.tolist(), choices, h) for point in points.tolist()]
    assert np.exp(found) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_a_density_adds_up_to_one() -> None:
    density = KernelDensity(made(3, 9, [0, 3]), [0, 3], 0.01)
    xs = np.linspace(-4, 5, 20_001)
    total = sum(
        np.trapezoid(np.exp(density.log(np.column_stack([xs, np.full(len(xs), code)]))), xs) for code in (0, 0.5, 1)
    )
    assert total == pytest.approx(1, abs=1e-6)


def test_densities_are_those_of_statsmodels() -> None:
    kernels = pytest.importorskip("statsmodels.nonparametric.api")
    choices = [0, 0, 3, 4]
    data, points = made(5, 40, choices), made(6, 30, choices)
    ours = KernelDensity(data, choices)
    scale = np.array([1, 1, 2, 3])  # statsmodels wants whole numbers for choices
    theirs = kernels.KDEMultivariate(data * scale, "ccuu", bw="normal_reference")
    numbers = slice(0, 2)
    assert ours.bandwidths[numbers] == pytest.approx(theirs.bw[numbers], rel=1e-12)
    # Of categories the rule's bandwidths may exceed (c - 1) / c, which statsmodels takes as they are.
    assert ours.bandwidths[2:] == pytest.approx(np.minimum(theirs.bw[2:], [2 / 3, 3 / 4]), rel=1e-12)
    theirs = kernels.KDEMultivariate(data * scale, "ccuu", bw=ours.bandwidths)
    assert np.exp(ours.log(points)) == pytest.approx(theirs.pdf(points * scale), rel=1e-9)


def test_many_points_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    density, points = KernelDensity(made(1, 10, [0, 2]), [0, 2]), made(2, 100, [0, 2])
    at_once = density.log(points)
    monkeypatch.setattr("simulator.models.density.MOST_PAIRS", 70)
    assert density.log(points).tolist() == at_once.tolist()


@pytest.mark.parametrize(
    ("n", "n_good", "n_bad"),
    # N_min = 3: max(3, 15 %) good ones; as many bad as are left, at least 3, so that few points are in both.
    [(5, 3, 3), (6, 3, 3), (10, 3, 7), (20, 3, 17), (40, 6, 34), (100, 15, 85)],
)
def test_how_many_are_good_and_bad(n: int, n_good: int, n_bad: int) -> None:
    searcher = Kde()
    searcher.needed = 3
    values = [float(i * 7 % n) for i in range(n)] if n % 7 else [float(i) for i in reversed(range(n))]
    good, bad = searcher._good_and_bad(list(range(100, 100 + n)), values) or ([], [])
    assert sorted(values[row - 100] for row in good) == list(range(n_good))
    assert sorted(values[row - 100] for row in bad) == list(range(n - n_bad, n))


def test_what_diverged_is_never_good() -> None:
    searcher = Kde()
    searcher.needed = 3
    assert searcher._good_and_bad([5, 6, 7, 8, 9], [inf, 1.0, inf, 0.5, inf]) == ([8, 6], [5, 7, 9])
    assert searcher._good_and_bad([5, 6, 7, 8, 9], [inf] * 5) is None


class PlainKde(Searcher):
    """Straight from the paper, with lists: looks at everything each time."""

    def __init__(self, rho: float = 1 / 3, q: float = 0.15, least: float = 1e-3) -> None:
        self.rho, self.q, self.least = rho, q, least

    def setup(self, context: SearchContext) -> None:
        self.order, self.draws = RandomSearcher(), context.stream("random fraction")
        self.order.setup(context)
        self.vectors, self.choices = context.vectors.tolist(), choices_of(context.space)
        self.rows, self.proposed, self.started = list(range(context.n)), [], []
        self.reports: list[tuple[float, int, float]] = []

    def propose(self) -> int | None:
        row = self.by_model() if len(self.proposed) < len(self.rows) else None
        while row is None or row in self.proposed:
            row = self.order.propose()
            if row is None:
                self.exhausted_at = self.order.exhausted_at
                return None
        self.proposed.append(row)
        return row

    def by_model(self) -> int | None:
        n_min = len(self.choices) + 1
        counts = {r: sum(report[0] == r for report in self.reports) for r, _, _ in self.reports}
        enough = [r for r, count in counts.items() if count >= n_min + 2]
        if not enough or self.draws.uniform(1)[0] < self.rho:
            return None
        ranked = sorted(((v, row) for r, row, v in self.reports if r == max(enough)), key=lambda entry: entry[0])
        n_good = max(n_min, int(self.q * len(ranked)))
        good = [self.vectors[row] for v, row in ranked[:n_good] if isfinite(v)]
        bad = [self.vectors[row] for _, row in ranked[-max(n_min, len(ranked) - n_good) :]]
        left = [row for row in self.rows if row not in self.proposed and row not in self.started]
        if not good or not left:
            return None
        l, g = ([data, plain_bandwidths(data, self.choices, self.least)] for data in (good, bad))

        def ratio(row: int) -> float:
            x = self.vectors[row]
            return plain_log_density(x, l[0], self.choices, l[1]) - plain_log_density(x, g[0], self.choices, g[1])

        ratios = {row: ratio(row) for row in left}
        best = max(ratios.values())
        return min(row for row, value in ratios.items() if value >= best - 1e-9)

    def on_start(self, trial: Any, until: float) -> None:
        self.started.append(trial.config)

    def observe(self, trial: Any, resource: float, value: float) -> None:
        self.reports.append((resource, trial.config, value))


def plain_log_density(point: list[float], data: list[list[float]], choices: list[int], h: list[float]) -> float:
    logs = []
    for datum in data:
        total = 0.0
        for j, c in enumerate(choices):
            if c == 0:
                total -= 0.5 * ((point[j] - datum[j]) / h[j]) ** 2 + log(h[j] * sqrt(2 * pi))
            elif c > 1:
                total += log(1 - h[j]) if point[j] == datum[j] else log(h[j] / (c - 1))
        logs.append(total)
    top = max(logs)
    return top + log(sum(exp(entry - top) for entry in logs) / len(logs))


@given(
    table=tables(n=st.integers(1, 40), size=st.integers(1, 9)).map(with_space),
    name=st.sampled_from(["random", "asha-promotion", "asha-stopping", "hyperband"]),
    workers=st.integers(1, 6),
    seed=st.integers(0, 9),
    rho=st.sampled_from([0.0, 1 / 3]),
)
@settings(max_examples=40, deadline=None)
def test_it_does_what_the_paper_says(table: Blackbox, name: str, workers: int, seed: int, rho: float) -> None:
    options: dict[str, Any] = {"workers": workers, "seed": seed}
    ours = Simulation(table, name, searcher=Kde(random_fraction=rho), **options).run()
    plain = Simulation(table, name, searcher=PlainKde(rho), **options).run()
    assert ours.digest() == plain.digest(), ours.diff(plain)
    assert ours.info.exhausted_at == plain.info.exhausted_at


@pytest.mark.parametrize("name", ["random", "hyperband"])
def test_a_random_fraction_of_one_is_random_search(name: str) -> None:
    table = with_space(random_table(1, n=50))
    plain = Simulation(table, name, workers=3).run()
    assert Simulation(table, f"{name}+kde(random_fraction=1)", workers=3).run().digest() == plain.digest()
    assert Simulation(table, f"{name}+kde(random_fraction=0)", workers=3).run().digest() != plain.digest()


def test_the_model_is_of_the_largest_resource_with_enough_data() -> None:
    table = with_space(random_table(1, n=60, levels=None))
    used: list[tuple[float | None, dict[float, int]]] = []

    class Watched(Kde):
        def choose(self, rows: np.ndarray) -> int | None:
            used.append((self.largest(self.needed + 2), {r: len(o) for r, o in self.at.items()}))
            return super().choose(rows)

    searcher = Watched(random_fraction=0.0)
    Simulation(table, "asha-promotion", searcher=searcher, workers=3).run()
    assert searcher.needed == 7  # six hyperparameters
    assert {resource for resource, _ in used} == {1, 3}
    for resource, counts in used:
        assert resource == max(r for r, count in counts.items() if count >= 9)

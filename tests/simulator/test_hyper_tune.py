"""Hyper-Tune: delayed promotion and the distribution of brackets by hand, precisions and ensemble by brute force."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import permutations
from math import ceil, inf, sqrt
from typing import Any

import numpy as np
import pytest
from brute_force import assert_same, exactly
from ConfigSpace import ConfigurationSpace
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of
from spaces import with_space
from tables import random_table, table_of, tables
from test_brute_force import ETAS, r_min_of, runs
from test_gaussian_process import plain_posterior
from test_gp import plain_improvement

from blackboxes import Blackbox, load
from blackboxes.streams import Stream
from simulator import (
    PAUSE,
    Budget,
    Context,
    Resume,
    Scheduler,
    SearchContext,
    Simulation,
    SimulationError,
    Start,
    Trial,
    make_scheduler,
    make_searcher,
)
from simulator.models.gaussian_process import Kernel, standard
from simulator.models.precision import precisions, ranking_loss
from simulator.models.threads import one_thread
from simulator.schedulers.async_hyperband import AsyncHyperband
from simulator.schedulers.hyper_tune import HyperTune, bracket_weights
from simulator.searchers.gp import normal
from simulator.searchers.hyper_tune import HyperTuneSearcher
from simulator.searchers.random import RandomSearcher

TABLE = with_space(random_table(3, n=60, size=9, levels=None, diverged=0.1, ragged=0.1))


# --- the scheduler ---------------------------------------------------------------------------------------------


class Knowing(RandomSearcher):
    """Random search that claims precisions which change as it goes on."""

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self.resources, self.asked = context.resources, 0

    def propose(self) -> int | None:
        self.asked += 1
        return super().propose()

    def precisions(self) -> dict[float, float]:
        known = self.resources[: self.asked // 4]
        raw = [(7 * k + self.asked // 8) % 5 for k in range(len(known))]
        return {r: x / sum(raw) for r, x in zip(known, raw, strict=True)} if sum(raw) else {}


class PlainHyperTune(Scheduler):
    """The paper's D-ASHA and its brackets, scanning all that was reported."""

    def __init__(self, eta: float, r_min: float | None, brackets: int | None, delay: bool) -> None:
        self.eta, self.r_min, self.brackets, self.delay = exactly(eta), r_min, brackets, delay

    def setup(self, context: Context) -> None:
        self.searcher, self.stream = context.searcher(), context.stream("brackets")
        self.levels = [*context.rung_levels(self.r_min, float(self.eta)), context.r_max]
        self.D: dict[float, list[tuple[float, int]]] = {level: [] for level in self.levels}
        self.promoted: list[tuple[float, int]] = []

    def next_job(self) -> Start | Resume | None:
        for k in range(len(self.levels) - 2, -1, -1):
            level = self.levels[k]
            so_far = [trial for at, trial in self.promoted if at == level]
            candidates = [
                trial
                for value, trial in sorted(self.D[level])[: int(len(self.D[level]) / self.eta)]
                if value < inf and trial not in so_far
            ]
            held_back = self.delay and Fraction(len(self.D[level]), len(so_far) + 1) < self.eta
            if candidates and not held_back:
                self.promoted.append((level, candidates[0]))
                return Resume(candidates[0], until=self.levels[k + 1])
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[self.draw()])

    def draw(self) -> int:
        K = len(self.levels)
        p = [Fraction(ceil(Fraction(K, K - b) * self.eta ** (K - 1 - b))) for b in range(K)][: self.brackets]
        theta = self.searcher.precisions()
        head = [b for b in range(len(p)) if self.levels[b] in theta]
        w = {b: Fraction(theta[self.levels[b]]) / exactly(self.levels[b]) for b in head}
        mass = sum(p[b] for b in head)
        if sum(w.values()):
            p = [mass * w[b] / sum(w.values()) if b in head else p[b] for b in range(len(p))]
        share, b = Fraction(int(self.stream.raw(1)[0]), 2**64) * sum(p), 0
        while share >= sum(p[: b + 1]):
            b += 1
        return b

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.D[resource].append((value, trial.id))
        return PAUSE


@given(
    table=tables(),
    eta=ETAS,
    position=st.sampled_from([0.0, 0.0, 0.3]),
    brackets=st.sampled_from([None, 1, 2, 4]),
    delay=st.booleans(),
    knowing=st.booleans(),
    run=runs(),
)
@settings(max_examples=250)
def test_it_decides_as_the_paper_says(
    table: Blackbox,
    eta: float,
    position: float,
    brackets: int | None,
    delay: bool,
    knowing: bool,
    run: dict[str, Any],
) -> None:
    r_min = r_min_of(table, position)
    built_in = HyperTune(eta, r_min, brackets=brackets, delay=delay)
    searcher = Knowing() if knowing else RandomSearcher()
    assert_same(table, built_in, PlainHyperTune(eta, r_min, brackets, delay), searcher=searcher, **run)


@given(table=tables(), eta=ETAS, brackets=st.sampled_from([None, 1, 3]), run=runs())
@settings(max_examples=60)
def test_without_delay_and_precisions_it_is_asynchronous_hyperband(
    table: Blackbox, eta: float, brackets: int | None, run: dict[str, Any]
) -> None:
    assert_same(
        table,
        HyperTune(eta, brackets=brackets, delay=False),
        AsyncHyperband(eta, brackets=brackets),
        searcher="random",
        **run,
    )


def test_brackets_by_hand() -> None:
    """w_i = theta_i / r_i over their sum, when all levels have enough observations."""
    theta = {1: 0.1, 3: 0.3, 9: 0.6}
    weights = bracket_weights([9, 5, 3], [1, 3, 9], theta)
    # c = (1, 1/3, 1/9): c * theta = (0.1, 0.1, 0.0666...), of which the sum is 0.2666...
    assert [float(w / sum(weights)) for w in weights] == pytest.approx([0.375, 0.375, 0.25])
    # Only the two lowest have enough: they share what they have of 9 + 5 of 17 as 0.5 / 1 to 0.5 / 3, 3 to 1.
    weights = bracket_weights([9, 5, 3], [1, 3, 9], {1: 0.5, 3: 0.5})
    assert weights == [Fraction(21, 2), Fraction(7, 2), 3]


@pytest.mark.parametrize(
    ("sizes", "levels", "theta", "expected"),
    [
        ([81, 34, 15, 8, 5], [1, 3, 9, 27, 81], {}, [81, 34, 15, 8, 5]),
        ([81, 34, 15, 8, 5], [1, 3, 9, 27, 81], {1: 1.0}, [81, 34, 15, 8, 5]),  # a single level has enough
        ([9, 5], [1, 3, 9], {1: 0.0, 3: 0.0, 9: 1.0}, [9, 5]),  # what is most precise is no bracket's level
        ([9, 5], [1, 3, 9], {1: 0.0, 3: 0.5, 9: 0.5}, [0, 14]),
        ([9, 5, 3], [1, 3, 9], {1: 0.25, 4: 0.5, 9: 0.25}, [Fraction(54, 5), 5, Fraction(6, 5)]),  # curves end at 4
        ([3, 2], [0.1, 0.3], {0.1: 0.25, 0.3: 0.75}, [Fraction(5, 2), Fraction(5, 2)]),
        ([1], [7], {7: 1.0}, [1]),
    ],
)
def test_other_distributions_of_brackets(
    sizes: list[int], levels: list[float], theta: dict[float, float], expected: list[Fraction]
) -> None:
    assert bracket_weights(sizes, levels, theta) == expected


def test_brackets_are_drawn_as_often_as_their_weights_say() -> None:
    class Constant(RandomSearcher):
        def precisions(self) -> dict[float, float]:
            return {1: 0.1, 3: 0.3, 9: 0.6}

    table = random_table(0, n=4000, size=9)
    trace = Simulation(table, HyperTune(), searcher=Constant(), workers=1).run()
    started = Counter(event["until"] for event in events_of(trace) if event["event"] == "start")
    shares = [started[level] / 4000 for level in (1, 3, 9)]
    assert shares == pytest.approx([0.375, 0.375, 0.25], abs=4 * sqrt(0.375 * 0.625 / 4000))


def test_delayed_promotion_waits_where_asha_would_promote_once_more() -> None:
    """Six trials, each better than the one before: the second of three makes ASHA promote again, D-ASHA not."""
    table = table_of([[1 - k / 10] * 3 for k in range(6)], resources=[1, 3, 9])

    def promotions(delay: bool) -> list[int]:
        counts, seen = [0], 0
        spec = f"hyper-tune(brackets=1, delay={delay})+random"
        for event in events_of(Simulation(table, spec, workers=1, initial=[0, 1, 2, 3, 4, 5]).run()):
            if event["event"] == "start":
                counts.append(seen)
            seen += event["event"] == "resume" and event["resource"] == 1
        return counts[1:]

    # At the time of the k-th start. The third trial to report is the best: it goes on. So would be the fourth.
    assert promotions(delay=True) == [0, 0, 0, 1, 1, 1]
    assert promotions(delay=False) == [0, 0, 0, 1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3, 70])
@pytest.mark.parametrize("searcher", ["", "+hyper-tune(model='joint')", "+random", "+kde", "+gp-joint"])
def test_it_goes_with_any_searcher(searcher: str, workers: int) -> None:
    simulation = Simulation(TABLE, f"hyper-tune{searcher}", workers=workers, initial=[7])
    trace = simulation.run()
    rows = trace.columns.config.tolist()
    assert rows[0] == 7
    assert sorted(rows) == list(range(60))
    knows = simulation.searcher.precisions()
    all_at_once = workers == 70  # nothing was known when they asked
    assert bool(knows) == (searcher in ("", "+hyper-tune(model='joint')") and not all_at_once)


def test_its_own_precisions_decide_on_brackets() -> None:
    """The same searcher, asked or not."""

    class Silent(HyperTuneSearcher):
        def precisions(self) -> dict[float, float]:
            return {}

    one, other = (
        Simulation(TABLE, HyperTune(), searcher=searcher, workers=2, budget=Budget(trials=30)).run()
        for searcher in (HyperTuneSearcher(min_at_level=4), Silent(min_at_level=4))
    )
    assert one.digest() != other.digest()


@pytest.mark.parametrize("delay", [0, "yes", None])
def test_delay_is_true_or_false(delay: Any) -> None:
    with pytest.raises(SimulationError, match="delay is True or False"):
        HyperTune(delay=delay)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("hyper-tune(model='both')", "model is 'independent' or 'joint', not 'both'"),
        ("hyper-tune(samples=0)", "samples = 0: a whole number from 1"),
        ("hyper-tune(min_at_level=1)", "min_at_level = 1: a whole number from 2"),
    ],
)
def test_wrong_arguments_of_the_searcher_are_named(spec: str, told: str) -> None:
    with pytest.raises(SimulationError) as caught:
        make_searcher(spec)
    assert told in str(caught.value)


def test_brackets_are_a_whole_number() -> None:
    with pytest.raises(SimulationError, match="brackets = 0: a whole number from 1"):
        make_scheduler("hyper-tune(brackets=0)")


# --- precisions ------------------------------------------------------------------------------------------------


def plain_loss(drawn: list[float], values: list[float]) -> int:
    """L(D; f) of the paper: the sum over all j and k of 1((f(x_j) < f(x_k)) xor (y_j < y_k))."""
    pairs = permutations(range(len(values)), 2)
    return sum((drawn[j] < drawn[k]) != (values[j] < values[k]) for j, k in pairs)


@given(data=st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0, 2.5, inf])), max_size=12))
def test_the_ranking_loss_is_that_of_all_pairs(data: list[tuple[int, float]]) -> None:
    drawn, values = [float(f) for f, _ in data], [y for _, y in data]
    worlds = np.array([drawn, drawn[::-1]]).T.reshape(-1, 2)
    expected = [plain_loss(drawn, values), plain_loss(drawn[::-1], values)]
    assert ranking_loss(worlds, np.array(values)).tolist() == expected


def level(seed: int, n: int, sign: float) -> tuple[Kernel, np.ndarray, np.ndarray]:
    draw = Stream(seed, "precision")
    inputs = draw.uniform(2 * n).reshape(n, 2)
    values = standard(sign * np.cos(4 * inputs[:, 0]) + 0.05 * draw.uniform(n))
    return Kernel(np.array([0.4, 3.0]), 1.0, 0.01, np.arange(2)), inputs, values


def test_precisions_by_brute_force() -> None:
    levels = [level(1, 30, 1.0), level(2, 15, 1.0), level(3, 8, 1.0)]
    kernel, top, y = levels[-1]
    samples = 40
    with one_thread():
        stream = Stream(5, "draws")
        found = precisions(levels, y, lambda shape: normal(stream, shape), samples)
    stream = Stream(5, "draws")
    jitter = 1e-6 * np.eye(8)
    losses = []
    for _, inputs, values in levels[:-1]:
        mean, covariance = plain_posterior(inputs, values, top, kernel.lengths, 1.0, 0.01)
        worlds = mean[:, None] + np.linalg.cholesky(covariance + jitter) @ normal(stream, (8, samples))
        losses.append([plain_loss(world.tolist(), y.tolist()) for world in worlds.T])
    worlds = np.empty((8, samples))
    for fold in range(5):
        own, others = [i for i in range(8) if i % 5 == fold], [i for i in range(8) if i % 5 != fold]
        mean, covariance = plain_posterior(top[others], y[others], top[own], kernel.lengths, 1.0, 0.01)
        root = np.linalg.cholesky(covariance + jitter[: len(own), : len(own)])
        worlds[own] = mean[:, None] + root @ normal(stream, (len(own), samples))
    losses.append([plain_loss(world.tolist(), y.tolist()) for world in worlds.T])
    shares = [Fraction(0)] * 3
    for in_a_world in zip(*losses, strict=True):
        best = [k for k in range(3) if in_a_world[k] == min(in_a_world)]
        for k in best:
            shares[k] += Fraction(1, len(best) * samples)
    assert found.tolist() == pytest.approx([float(share) for share in shares])
    assert sum(shares) == 1
    assert min(shares) > 0


def test_a_level_that_ranks_the_wrong_way_round_is_never_the_best() -> None:
    stream = Stream(1, "draws")
    theta = precisions(
        [level(1, 30, -1.0), level(2, 30, 1.0), level(3, 8, 1.0)], level(3, 8, 1.0)[2], lambda s: normal(stream, s), 100
    )
    assert theta[0] == 0
    assert theta[1] > theta[2] > 0


def test_one_level_has_it_all() -> None:
    only = level(1, 2, 1.0)
    stream = Stream(1, "draws")
    assert precisions([only], only[2], lambda shape: normal(stream, shape), 10).tolist() == [1.0]


# --- the searcher ----------------------------------------------------------------------------------------------


class Watched(HyperTuneSearcher):
    """Checks each of its choices by brute force, from its precisions and kernels and what it was told."""

    def setup(self, context: SearchContext) -> None:
        super().setup(context)
        self.context, self.mine = context, context.stream("fantasies")
        self.reports: list[tuple[int, int, float, float]] = []  # trial, row, resource, value
        self.at_work: dict[int, tuple[int, float]] = {}
        self.checked: Counter[int] = Counter()  # by number of levels with a share

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

    def choose(self, rows: np.ndarray) -> int:
        row = super().choose(rows)
        at: dict[float, list[tuple[int, int, float, float]]] = {}
        for report in self.reports:
            at.setdefault(report[2], []).append(report)
        enough = sorted(r for r, reports in at.items() if len(reports) >= self.min_at_largest)
        theta = self.precisions()
        assert list(theta) == enough
        assert sum(theta.values()) == pytest.approx(1)
        top = at[enough[-1]]
        away = [r for trial, (r, _) in self.at_work.items() if trial not in {x[0] for x in top}]
        known = sorted({x[1] for r in enough for x in at[r]} | set(away))
        asked = [*rows.tolist(), *known]
        columns = self._columns
        mean, variance, worlds = np.zeros((len(asked), 1)), np.zeros(len(asked)), 1
        for r in enough:
            if theta[r] == 0:
                continue
            kernel = self.fidelities.kernels[r]
            lengths = kernel.lengths[kernel.owners]
            X, y = columns[[x[1] for x in at[r]]], standard([x[3] for x in at[r]])
            pending = [w for trial, (w, _) in self.at_work.items() if trial not in {x[0] for x in at[r]}]
            levels = [(X, y)]
            if pending:
                P, s = columns[pending], self.fantasies
                m, covariance = plain_posterior(X, y, P, lengths, kernel.signal, kernel.noise)
                root = np.linalg.cholesky(covariance + kernel.noise * np.eye(len(P)))
                dreamt = m[:, None] + root @ normal(self.mine, (len(P), s))
                levels = [(np.vstack([X, P]), np.append(y, dreamt[:, k])) for k in range(s)]
            found = [plain_posterior(*data, columns[asked], lengths, kernel.signal, kernel.noise) for data in levels]
            mean = mean + theta[r] * np.array([m for m, _ in found]).T
            variance += theta[r] ** 2 * np.maximum(np.diag(found[0][1]), 0)
            worlds = max(worlds, len(found))
        best = mean[len(rows) :].min(axis=0)
        totals = [
            sum(plain_improvement(mean[i, k], sqrt(variance[i]), best[k]) for k in range(mean.shape[1]))
            for i in range(len(rows))
        ]
        chosen = totals[rows.tolist().index(row)]
        assert chosen >= max(totals) * (1 - 1e-5) - 1e-9
        self.checked[sum(share > 0 for share in theta.values())] += 1
        return row


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["hyper-tune", "asha-promotion"])
def test_the_choice_is_the_best_of_all_rows_by_the_ensemble(scheduler: str) -> None:
    searcher = Watched(fantasies=2, min_at_level=4)
    table = with_space(random_table(3, n=40, levels=None, diverged=0.05, ragged=0.1))
    Simulation(table, scheduler, searcher=searcher, workers=3, budget=Budget(trials=34)).run()
    assert sum(searcher.checked.values()) > 20
    assert searcher.checked[3] > 3
    assert searcher.checked[1] > 1


@pytest.mark.parametrize("model", ["independent", "joint"])
def test_where_there_is_one_level_it_is_the_model_alone(model: str) -> None:
    table = with_space(random_table(3, n=40, size=1, levels=None, diverged=0.1))
    one = Simulation(table, f"random+hyper-tune(model={model!r}, min_observations=7)", workers=3).run()
    other = Simulation(table, f"random+gp-{model}(min_observations=7)", workers=3).run()
    assert one.digest() == other.digest()


def test_precisions_are_learnt_when_the_top_has_more_or_another_level_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[tuple[int, ...]] = []
    original = HyperTuneSearcher._learn_precisions

    def counting(self: HyperTuneSearcher, data: Any, levels: list[float]) -> None:
        learnt.append((len(levels), len(self.at[levels[-1]])))
        original(self, data, levels)

    monkeypatch.setattr(HyperTuneSearcher, "_learn_precisions", counting)
    Simulation(TABLE, "hyper-tune(brackets=1)", workers=1).run()
    assert len(learnt) == len(set(learnt)) > 10
    assert learnt == sorted(learnt)


def test_where_low_fidelities_mislead_they_count_for_nothing() -> None:
    """Below r_max good and bad change places: only what is seen at r_max itself ranks rightly."""
    x = np.arange(60)
    final = ((x - 20) / 60) ** 2
    table = with_values(np.column_stack([1 - final, 1 - final, final]))
    simulation = Simulation(table, "hyper-tune", workers=1, seed=1)
    simulation.run()
    theta = simulation.searcher.precisions()
    assert list(theta) == [1, 3, 9]
    assert theta[9] > 0.95
    same = Simulation(with_values(np.column_stack([final, final, final])), "hyper-tune", workers=1, seed=1)
    same.run()
    assert same.searcher.precisions()[9] < 0.5


def with_values(values: np.ndarray) -> Blackbox:
    """Three resources, and a single hyperparameter, the number of the row."""
    table = table_of(values.tolist(), resources=[1, 3, 9])
    return table.replaced(space=ConfigurationSpace({"x": (0, len(values) - 1)}), configs={"x": np.arange(len(values))})


@pytest.mark.parametrize("model", ["independent", "joint"])
@pytest.mark.parametrize("scheduler", ["hyper-tune", "asha-stopping", "hyperband"])
@given(
    table=tables(n=st.integers(1, 30), size=st.integers(1, 9)).map(with_space),
    workers=st.integers(1, 30),
    smallest=st.booleans(),
)
@settings(max_examples=6, deadline=None)
def test_any_table_will_do(scheduler: str, model: str, table: Blackbox, workers: int, smallest: bool) -> None:
    """Ties, divergence, one row, one resource, ragged curves, more workers than rows; few observations, too."""
    arguments = ", min_at_level=2, min_observations=2, max_observations=4" if smallest else ""
    trace = Simulation(table, f"{scheduler}+hyper-tune(model={model!r}{arguments})", workers=workers).run()
    assert sorted(trace.columns.config.tolist()) == list(range(len(table)))


def test_a_shipped_table_in_a_few_trials() -> None:
    table = load("mlp:digits")
    simulation = Simulation(table, "hyper-tune", workers=4, budget=Budget(trials=60))
    assert len(simulation.run().columns.config) == 60
    assert sum(simulation.searcher.precisions().values()) == pytest.approx(1)
    assert 1 < len(simulation.searcher.precisions()) <= len(table.resource_list)

"""DEHB against a twin written from the paper, the paper's brackets, and what becomes of its trials."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import ceil, inf, sqrt
from typing import Any

import brute_force
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import events_of, history
from spaces import with_space
from tables import random_table, table_of, tables

from blackboxes import Blackbox, load
from simulator import PAUSE, STOP, Budget, Context, Resume, Simulation, SimulationError, Start, Trial, make_scheduler
from simulator.schedulers.dehb import Dehb
from simulator.schedulers.hyperband import bracket_sizes
from simulator.subpopulations import subpopulation_sizes

# --- a twin ----------------------------------------------------------------------------------------------------


class Evolved:
    """A bracket of the second kind: slots of its rungs are handed out one after the other."""

    def __init__(self, levels: list[float], planned: list[int]) -> None:
        self.levels, self.planned, self.k = levels, planned, 0
        self.open = planned[0]
        self.running: set[int] = set()  # numbers of slots
        self.handed_out = 0
        self.children: list[tuple[int, tuple[float, int, int]]] = []  # place, and value, trial and row

    def finished(self) -> bool:
        return not self.open and not self.running and self.k == len(self.levels) - 1


class PlainDehb(brute_force.Hyperband):
    """Straight from section 4 of the paper: looks at all brackets and all members each time."""

    def __init__(self, eta: float = 3, F: float = 0.5, p: float = 0.5, asynchronous: bool = True) -> None:
        super().__init__(eta=eta, overlap=asynchronous)
        self.F, self.p, self.asynchronous = F, p, asynchronous

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.context, self.neighbours, self.draws = context, context.neighbours(), context.stream("dehb")
        self.vectors = context.vectors.tolist()
        sizes: Counter[float] = Counter()
        for number in range(len(self.levels)):
            a_round = self.new_round(number)
            for level, n in zip(a_round.levels, a_round.planned, strict=True):
                sizes[level] = max(sizes[level], n)
        self.members: dict[float, list[Any]] = {level: [None] * sizes[level] for level in self.levels}
        self.turn = dict.fromkeys(self.levels, 0)
        self.known: set[tuple[int, float]] = set()
        self.proposed: list[int | None] = []

    def new_round(self, number: int) -> Any:
        first = super().new_round(number)
        return first if number == 0 else Evolved(first.levels, first.planned)

    def next_job(self) -> Start | Resume | None:
        for a_round in self.rounds:
            job = self.job_of(a_round)
            if job is not None:
                return job
        if not self.asynchronous and not all(r.finished() for r in self.rounds):
            return None
        another = self.new_round(len(self.rounds))
        job = self.job_of(another)
        if job is not None:
            self.rounds.append(another)
        return job

    def job_of(self, a_round: Any) -> Start | Resume | None:
        if isinstance(a_round, brute_force.Round):
            return super().job_of(a_round)
        while not a_round.finished():
            if a_round.open:
                below = a_round.levels[a_round.k - 1] if a_round.k else None
                row = self.configuration(a_round.levels[a_round.k], below, a_round.planned[a_round.k])
                if row is not None:
                    return self.handed_out(a_round, row)
                a_round.open = 0
            elif a_round.running:
                return None
            else:
                self.climb(a_round)
        return None

    def handed_out(self, a_round: Evolved, row: int) -> Start:
        level = a_round.levels[a_round.k]
        self.known.add((row, level))
        place = self.next_place(level)
        a_round.open -= 1
        a_round.running.add(a_round.handed_out)
        a_round.handed_out += 1
        return Start(row, until=level, tag=(a_round, a_round.handed_out - 1, level, place))

    def next_place(self, level: float) -> int:
        place = self.turn[level]
        self.turn[level] = (place + 1) % len(self.members[level])
        return place

    def configuration(self, level: float, below: float | None, size: int) -> int | None:
        target = self.members[level][self.turn[level]]
        pool, everybody = self.parents(level if below is None else below, size, target)
        row = None
        if len(everybody) < 3 or (target is None and below is None):
            row = self.searcher.propose()
            self.proposed.append(row)
        if row is not None or len(everybody) < 3:
            return row
        free = [row for row in range(len(self.vectors)) if (row, level) not in self.known]
        while not free:
            row = self.searcher.propose()
            if row is None or row in self.proposed:  # there is nothing left, or the table comes round again
                return row
            self.proposed.append(row)
        if len(pool) < 3:
            order = [row for row in everybody if row not in pool]
            pool = pool + [order[i] for i in self.draws.permutation(len(order))][: 3 - len(pool)]
        a, b, c = (self.vectors[pool[i]] for i in self.draws.permutation(len(pool))[:3])
        v = [x + self.F * (y - z) for x, y, z in zip(a, b, c, strict=True)]
        anew = self.draws.uniform(len(v)).tolist()
        v = [x if 0 <= x <= 1 else u for x, u in zip(v, anew, strict=True)]
        if target is not None:
            own = self.draws.uniform(len(v) + 1).tolist()
            one = int(own[-1] * len(v))
            old = self.vectors[target[2]]
            v = [v[j] if own[j] < self.p or j == one else old[j] for j in range(len(v))]
        distances = self.neighbours.distances(np.array(v)).tolist()
        return min(free, key=lambda row: (distances[row], row))

    def parents(self, level: float, size: int, target: Any) -> tuple[list[int], list[int]]:
        """The parent pool, and it with everybody else, without the target; different rows."""

        def rows(members: list[Any]) -> list[int]:
            found: list[int] = []
            for member in members:
                if member is not None and member[0] < inf and member[2] not in found:
                    found.append(member[2])
            return [row for row in found if target is None or row != target[2]]

        there = [member for member in self.members[level] if member is not None and member[0] < inf]
        pool = rows(sorted(there)[:size])
        everybody = rows([member for r in self.levels for member in self.members[r]])
        return pool, pool + [row for row in everybody if row not in pool]

    def climb(self, a_round: Evolved) -> None:
        for place, child in a_round.children:
            self.selection(a_round.levels[a_round.k], place, child)
        a_round.children = []
        a_round.k += 1
        a_round.open = a_round.planned[a_round.k]

    def selection(self, level: float, place: int, child: tuple[float, int, int]) -> None:
        old = self.members[level][place]
        if old is None or child[0] <= old[0]:
            self.members[level][place] = child
        self.known.add((child[2], level))

    def takes_value(self, trial: Trial, value: float, over: bool) -> None:
        child = value, trial.id, trial.config
        if not isinstance(trial.tag[0], Evolved):
            level = trial.tag[0].levels[trial.tag[0].k]
            self.proposed.append(trial.config)
            self.selection(level, self.next_place(level), child)
            super().takes_value(trial, value, over)
            return
        a_round, slot, level, place = trial.tag
        a_round.running.remove(slot)
        if self.asynchronous:
            self.selection(level, place, child)
        else:
            a_round.children.append((place, child))
            if not a_round.running and not a_round.open and a_round.k == len(a_round.levels) - 1:
                for where, one in a_round.children:
                    self.selection(level, where, one)
                a_round.children = []

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        self.takes_value(trial, value, over=False)
        return STOP if isinstance(trial.tag[0], Evolved) else PAUSE


ANY_TABLE = st.one_of(
    tables(n=st.integers(1, 40), size=st.integers(1, 9)), tables(n=st.integers(1, 25)).map(with_space)
)


@given(
    table=ANY_TABLE,
    workers=st.integers(1, 8),
    seed=st.integers(0, 3),
    eta=st.sampled_from([2, 2.5, 3, 4]),
    F=st.sampled_from([0.5, 0.8, 1.5]),
    p=st.sampled_from([0.0, 0.5, 1.0]),
    asynchronous=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_it_does_what_the_paper_says(
    table: Blackbox, workers: int, seed: int, eta: float, F: float, p: float, asynchronous: bool
) -> None:
    options: dict[str, Any] = {"workers": workers, "seed": seed}
    scheduler = Dehb(eta, mutation_factor=F, crossover_probability=p, asynchronous=asynchronous)
    ours = Simulation(table, scheduler, **options).run()
    plain = Simulation(table, PlainDehb(eta, F, p, asynchronous), **options).run()
    assert ours.digest() == plain.digest(), ours.diff(plain)
    assert ours.info.exhausted_at == plain.info.exhausted_at


@given(
    table=tables(n=st.integers(1, 12), size=st.integers(1, 5)),
    workers=st.integers(1, 20),
    asynchronous=st.booleans(),
    initial=st.lists(st.integers(0, 0), max_size=1),
)
@settings(max_examples=60, deadline=None)
def test_it_does_so_when_rows_come_round_again(
    table: Blackbox, workers: int, asynchronous: bool, initial: list[int]
) -> None:
    options: dict[str, Any] = {"workers": workers, "exhausted": "cycle", "budget": 40.0, "initial": initial}
    ours = Simulation(table, Dehb(asynchronous=asynchronous), **options).run()
    plain = Simulation(table, PlainDehb(asynchronous=asynchronous), **options).run()
    assert ours.digest() == plain.digest(), ours.diff(plain)


# --- brackets and subpopulations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("r_max", "eta", "places"),
    [
        (27, 3, {1: 27, 3: 12, 9: 6, 27: 4}),
        (81, 3, {1: 81, 3: 34, 9: 15, 27: 8, 81: 5}),
        (16, 4, {1: 16, 4: 6, 16: 3}),
        (1, 3, {1: 1}),
    ],
)
def test_a_subpopulation_is_as_large_as_the_largest_rung_of_its_level(
    r_max: int, eta: int, places: dict[int, int]
) -> None:
    """By the paper's formula: bracket s starts ceil((s_max + 1) / (s + 1) * eta^s) trials at r_max * eta^-s."""
    s_max = len(places) - 1
    most = Counter()
    for s in range(s_max + 1):
        n = ceil(Fraction(s_max + 1, s + 1) * eta**s)
        for i in range(s + 1):
            level = r_max // eta ** (s - i)
            most[level] = max(most[level], n // eta**i)
    assert most == places
    assert subpopulation_sizes(bracket_sizes(len(places), Fraction(eta))) == list(places.values())


def starts_and_resumes(trace: Any) -> list[tuple[str, float]]:
    return [(event["event"], event["until"]) for event in events_of(trace) if event["event"] in ("start", "resume")]


@pytest.mark.parametrize("asynchronous", [True, False])
def test_the_brackets_of_an_iteration(asynchronous: bool) -> None:
    """eta = 3, 1 to 27: 27, 9, 3, 1 of which only the lowest rung starts trials, then 12, 4, 1; 6, 2; 4; and again."""
    table = random_table(2, n=400, size=27, levels=None)
    trace = Simulation(table, Dehb(asynchronous=asynchronous), workers=1, budget=Budget(trials=56 + 40)).run()
    bracket = [("start", 1.0)] * 27 + [("resume", 3.0)] * 9 + [("resume", 9.0)] * 3 + [("resume", 27.0)]
    bracket += [("start", 3.0)] * 12 + [("start", 9.0)] * 4 + [("start", 27.0)]
    bracket += [("start", 9.0)] * 6 + [("start", 27.0)] * 2 + [("start", 27.0)] * 4
    second = [("start", 1.0)] * 27 + [("start", 3.0)] * 9 + [("start", 9.0)] * 3 + [("start", 27.0)]
    assert starts_and_resumes(trace) == [*bracket, *second]


def test_the_first_bracket_is_that_of_hyperband() -> None:
    table = with_space(random_table(4, n=200, size=27, levels=None))
    ours = starts_and_resumes(Simulation(table, "dehb", workers=1, budget=Budget(trials=28)).run())
    theirs = starts_and_resumes(Simulation(table, "hyperband", workers=1, budget=Budget(trials=28)).run())
    assert ours[:41] == theirs[:41]
    random = Simulation(table, "random", workers=1).run().columns.config[:30].tolist()
    found = Simulation(table, "dehb", workers=1, budget=Budget(trials=40)).run().columns.config.tolist()
    # 9 of the 12 places of the second level are taken, so the second bracket begins with three more random ones.
    assert found[:30] == random
    assert found[30:] != Simulation(table, "random", workers=1).run().columns.config[30:40].tolist()


def watched(table: Blackbox, **options: Any) -> tuple[Dehb, Any]:
    scheduler = Dehb(**options)
    return scheduler, Simulation(table, scheduler, workers=3, budget=Budget(trials=300)).run()


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_member_is_the_best_of_those_that_contended_for_its_place_at_its_level(asynchronous: bool) -> None:
    table = with_space(random_table(5, n=300, size=27, levels=None))
    scheduler, trace = watched(table, asynchronous=asynchronous)
    contenders: dict[tuple[float, int], list[float]] = {}
    by_trial = {event["trial"]: (event["until"]) for event in events_of(trace) if event["event"] == "start"}
    for event in events_of(trace):
        if event["event"] in ("stop", "complete", "pause"):
            value = event["value"] * table.metric_info["loss"].sign
            contenders.setdefault((event["resource"], event["trial"]), []).append(value)
            assert event["event"] == "pause" or event["resource"] == by_trial[event["trial"]] or event["trial"] < 27
    for level, population in scheduler._populations.at.items():
        for member in population.alive:
            assert contenders[level, member.trial] == [member.value], "its value is that of its own level"
    least = [min(m.value for m in population.alive) for population in scheduler._populations.at.values()]
    best = [min(v for (level, _), (v,) in contenders.items() if level == r) for r in scheduler._populations.at]
    assert least == best, "the best of a level is never lost"


def test_only_trials_of_the_first_bracket_pause_and_the_others_start_from_nothing() -> None:
    table = with_space(random_table(6, n=300, size=27, levels=None))
    _, trace = watched(table)
    paused = {event["trial"] for event in events_of(trace) if event["event"] == "pause"}
    stopped = {event["trial"] for event in events_of(trace) if event["event"] == "stop"}
    resumed = {event["trial"] for event in events_of(trace) if event["event"] == "resume"}
    assert len(paused) == 27
    assert resumed < paused
    assert not paused & stopped
    assert all(segment.start == 0 for segment in history(trace) if segment.trial not in paused)


def test_no_row_is_started_twice_for_a_level_while_others_are_left() -> None:
    table = with_space(random_table(7, n=60, size=9, levels=None))
    trace = Simulation(table, "dehb", workers=4).run()
    config = trace.columns.config
    runs = Counter((int(config[e["trial"]]), e["until"]) for e in events_of(trace) if e["event"] == "start")
    assert max(runs.values()) == 1
    to_the_end = {int(config[s.trial]) for s in history(trace) if s.reached == 9}
    assert to_the_end == set(range(60)), "the run is over when every row was run to r_max"
    assert trace.info.exhausted_at is not None


def test_workers_do_not_wait_for_a_rung_when_asynchronous() -> None:
    table = random_table(8, n=300, size=27, levels=None, times="fine")
    idle = {
        asynchronous: Simulation(table, Dehb(asynchronous=asynchronous), workers=10, budget=200.0)
        .run()
        .summary()["idle"]
        for asynchronous in (True, False)
    }
    assert idle[True] < 0.001 < 0.2 < idle[False]


def test_where_nobody_diverges_alone_a_run_goes_on_with_random_configurations() -> None:
    """A parent is somebody that did not diverge; of two there is no mutant."""
    nan = float("nan")
    table = table_of([[nan, nan, nan]] * 40 + [[0.5, 0.4, 0.3]] * 2)
    rows = Simulation(table, "dehb", workers=2, budget=Budget(trials=30)).run().columns.config.tolist()
    assert rows == Simulation(table, "random", budget=Budget(trials=30)).run().columns.config.tolist()


def test_a_job_says_from_how_many_members_it_was_bred() -> None:
    sizes: list[tuple[str, float, int]] = []

    class Watched(Dehb):
        def next_job(self) -> Start | Resume | None:
            job = super().next_job()
            if job is not None:
                sizes.append((type(job).__name__, job.until, self.model_size))
            return job

    Simulation(random_table(2, n=400, size=27, levels=None), Watched(), workers=1, budget=Budget(trials=56)).run()
    assert {n for _, _, n in sizes[:43]} == {0}, "the first bracket, and three random ones"
    first_rung, above = sizes[43:52], sizes[52:56]
    assert [until for _, until, _ in first_rung + above] == [3.0] * 9 + [9.0] * 4
    # Twelve places: eleven parents besides the target, or fewer where several members are the same row.
    assert {n for _, _, n in first_rung} <= set(range(8, 12))
    assert {n for _, _, n in above} <= {3, 4}, "the best four of the level below, the target left out"


def test_off_the_table_a_predicted_configuration_may_be_a_parent() -> None:
    pytest.importorskip("sklearn")
    table = load("power-law:n=60,d=3,r_max=9,seed=5")
    first = [{"x0": 0.01 * k, "x1": 0.5, "x2": 0.25} for k in range(9)]
    trace = Simulation(table, "dehb", initial=first, off_table="surrogate", workers=2, budget=Budget(trials=40)).run()
    rows = trace.columns.config.tolist()
    assert rows[:9] == list(range(60, 69))
    assert all(row < 60 for row in rows[9:])


def differences(table: Blackbox, scheduler: Any, other: str, seeds: range, budget: str) -> np.ndarray:
    """By how much the best of those run to r_max is better than with `other`, for each seed."""
    finals = table.metrics["true_loss"][:, 0, -1].astype(float)

    def best(what: Any, seed: int) -> float:
        columns = Simulation(table, what, seed=seed, budget=budget).run().columns
        return float(finals[columns.config[columns.trial[columns.resource == table.r_max]]].min())

    return np.array([best(other, seed) - best(scheduler, seed) for seed in seeds])


@pytest.mark.slow
@pytest.mark.parametrize("asynchronous", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_it_beats_random_search_on_a_smooth_table(asynchronous: bool) -> None:
    """At equal time; of 20,000 rows, since on a small table Hyperband and DEHB alike soon have seen all of them."""
    table = load("hartmann3:n=20000,seed=0")
    found = differences(table, Dehb(asynchronous=asynchronous), "random", range(8), "100x")
    print(found)
    assert found.mean() - 2.365 * found.std(ddof=1) / sqrt(8) > 0  # the 95 % interval; 7 degrees of freedom


@pytest.mark.slow
@pytest.mark.parametrize("other", ["random", "hyperband"])
def test_it_beats_hyperband_when_it_has_time(other: str) -> None:
    table = load("hartmann6:n=20000,seed=0")
    found = differences(table, "dehb", other, range(20), "200x")
    half = 2.093 * found.std(ddof=1) / sqrt(20)
    print(f"{found.mean():.4f} +- {half:.4f}")
    assert found.mean() - half > 0


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("dehb(mutation_factor=0)", "mutation_factor = 0: a number above 0 and at most 2"),
        ("dehb(mutation_factor='a')", "mutation_factor = 'a': a number above 0"),
        ("dehb(crossover_probability=1.5)", "crossover_probability = 1.5: a share from 0 to 1"),
        ("dehb(asynchronous=1)", "asynchronous is True or False, not 1"),
    ],
)
def test_wrong_arguments_are_named(spec: str, words: str) -> None:
    with pytest.raises(SimulationError) as caught:
        make_scheduler(spec)
    assert words in str(caught.value)
